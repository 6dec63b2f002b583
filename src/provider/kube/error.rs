//! What went wrong, in words: what was called, where, why it failed and what mends it. All of the adapter's errors
//! are put into words here, and none of the words come from credentials: plugin output and the text of a
//! kubeconfig are never repeated.

use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::time::Duration;

use kube::client::AuthError;
use kube::config::{KubeconfigError, LoadDataError};
use smol_str::{SmolStr, format_smolstr};

use super::context::KubeContext;
use super::decode::{Cause, Refusal};
use crate::fleet::FaultKind;
use crate::provider::ProviderError;

/// More of a server's own words than this help nobody.
const LONGEST: usize = 300;

/// A call as a permission names it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Call {
    verb: &'static str,
    group: &'static str,
    resource: &'static str,
    /// The namespace in which it is enough to be allowed it.
    namespace: Option<&'static str>,
}

impl Call {
    /// A verb on a resource of an API group, or on a path.
    pub(super) const fn new(verb: &'static str, group: &'static str, resource: &'static str) -> Self {
        Self {
            verb,
            group,
            resource,
            namespace: None,
        }
    }

    /// The same within one namespace.
    pub(super) const fn within(mut self, namespace: &'static str) -> Self {
        self.namespace = Some(namespace);
        self
    }

    /// The rule of a role that grants it.
    fn rule(self) -> String {
        let Self {
            verb, group, resource, ..
        } = self;
        if resource.starts_with('/') {
            format!("- {{nonResourceURLs: [\"{resource}\"], verbs: [{verb}]}}")
        } else {
            format!("- {{apiGroups: [\"{group}\"], resources: [{resource}], verbs: [{verb}]}}")
        }
    }
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.verb, self.resource)?;
        if self.group.is_empty() {
            Ok(())
        } else {
            write!(f, ".{}", self.group)
        }
    }
}

/// Why a call failed, before it is put into words.
#[derive(Debug)]
pub(super) enum Trouble {
    /// The server says no.
    Refused(Refusal),
    /// The client could not be made, or could not call.
    Client {
        error: kube::Error,
        /// The credential plugin that the context names.
        plugin: Option<String>,
    },
    /// Nothing came in time.
    Silence { what: String, limit: Duration },
    /// The connection ended in the middle of an answer.
    Cut(io::Error),
    /// The answer is not what was asked for.
    Malformed(serde_json::Error),
    /// The kubeconfig no longer holds the context.
    NoContext,
    /// Nothing proves that the server is the one that is meant: it was not asked.
    Unverified,
    /// Reading the credentials crashed.
    Crashed,
    /// What is asked for has a name that nothing in Kubernetes has: nothing was called.
    Misnamed { what: &'static str, name: String },
    /// Already in words.
    Told(ProviderError),
}

impl Trouble {
    /// The status with which the server refused.
    pub(super) fn code(&self) -> Option<u16> {
        match self {
            Self::Refused(refusal) => Some(refusal.code),
            _ => None,
        }
    }

    /// Whether reading the credentials anew may help.
    pub(super) fn is_about_credentials(&self) -> bool {
        match self {
            Self::Client { error, .. } => causes(error).any(|e| e.is::<AuthError>() || rejects_certificate(e)),
            _ => self.code() == Some(401),
        }
    }
}

impl From<kube::Error> for Trouble {
    fn from(error: kube::Error) -> Self {
        match error {
            kube::Error::Api(status) => {
                let causes = status.details.into_iter().flat_map(|details| details.causes);
                Self::Refused(Refusal {
                    code: status.code,
                    reason: status.reason.into(),
                    message: status.message.into(),
                    causes: causes
                        .map(|cause| Cause {
                            reason: cause.reason.into(),
                            message: cause.message.into(),
                        })
                        .collect(),
                })
            }
            error => Self::Client { error, plugin: None },
        }
    }
}

impl From<serde_json::Error> for Trouble {
    fn from(error: serde_json::Error) -> Self {
        Self::Malformed(error)
    }
}

impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Self {
        Self::Cut(error)
    }
}

/// Puts a failed call into words.
pub(super) fn explain(trouble: Trouble, call: Call, context: &KubeContext) -> ProviderError {
    let (kind, message, mend) = match trouble {
        Trouble::Told(error) => return error,
        Trouble::Refused(refusal) => refused(&refusal, call, context),
        Trouble::Client { error, plugin } => client(&error, plugin.as_deref(), context),
        Trouble::Silence { what, limit } => (
            FaultKind::Unreachable,
            format!("no answer to `{what}` within {} s", limit.as_secs_f32()),
            "check the way there: route, VPN, firewall or security group".to_owned(),
        ),
        Trouble::Cut(error) => (
            FaultKind::Unreachable,
            format!(
                "the connection ended in the middle of the answer: {}",
                innermost(&error)
            ),
            String::new(),
        ),
        Trouble::Malformed(error) => (
            FaultKind::Malformed,
            format!("the answer is not understood: {error}"),
            "check that the context's server is a Kubernetes API server".to_owned(),
        ),
        Trouble::Misnamed { what, name } => (FaultKind::Other, format!("{name:?} is no {what}"), String::new()),
        Trouble::NoContext => (
            FaultKind::Credentials,
            format!("context `{}` is no longer in {}", context.id, files(context)),
            "choose another context".to_owned(),
        ),
        Trouble::Unverified => (
            FaultKind::Credentials,
            format!("context `{}` does not verify the server's certificate", context.id),
            format!(
                "name its certificate-authority, and no insecure-skip-tls-verify, in {}",
                files(context)
            ),
        ),
        Trouble::Crashed => (
            FaultKind::Other,
            "reading the credentials crashed".to_owned(),
            "check the context's user in the kubeconfig".to_owned(),
        ),
    };
    ProviderError {
        kind,
        call: format_smolstr!("{call}"),
        target: format_smolstr!("{} ({})", context.id, context.endpoint),
        message: shortened(&message),
        mend: mend.into(),
    }
}

fn refused(refusal: &Refusal, call: Call, context: &KubeContext) -> (FaultKind, String, String) {
    let (kind, mend) = match refusal.code {
        401 => (
            FaultKind::Credentials,
            format!(
                "renew the credentials of context `{}` in {}",
                context.id,
                files(context)
            ),
        ),
        403 => (
            FaultKind::Denied,
            match call.namespace {
                None => format!(
                    "a ClusterRole bound to this user grants it with the rule {}",
                    call.rule()
                ),
                Some(namespace) => {
                    let rule = call.rule();
                    format!("a Role in {namespace} bound to this user grants it with the rule {rule}")
                }
            },
        ),
        404 => (
            FaultKind::Unsupported,
            "check that the context's server is a Kubernetes API server that serves this".to_owned(),
        ),
        // Somebody else changed it at the same time: the call is to be made again.
        409 | 429 => (FaultKind::Throttled, String::new()),
        500 if is_about_datastore(&refusal.message) => (
            FaultKind::Unreachable,
            "the API server's datastore is not ready".to_owned(),
        ),
        502..=504 => (
            FaultKind::Unreachable,
            "the API server, or what stands before it, is not ready".to_owned(),
        ),
        _ => (FaultKind::Other, String::new()),
    };
    let words = if refusal.message.is_empty() {
        "no reason given"
    } else {
        refusal.message.as_str()
    };
    (kind, format!("{} {words}", refusal.code), mend)
}

/// Whether an internal error says that etcd is busy with itself, as when a server leaves: it passes.
fn is_about_datastore(words: &str) -> bool {
    ["etcdserver: ", "code = Unavailable", "database is locked"]
        .iter()
        .any(|sign| words.contains(sign))
}

fn client(error: &kube::Error, plugin: Option<&str>, context: &KubeContext) -> (FaultKind, String, String) {
    match error {
        kube::Error::InferKubeconfig(error) => return kubeconfig(error, context),
        kube::Error::ProxyProtocolDisabled { .. } | kube::Error::ProxyProtocolUnsupported { .. } => {
            return (
                FaultKind::Unsupported,
                "API servers behind a proxy cannot be reached".to_owned(),
                "name the server in NO_PROXY if it can be reached directly".to_owned(),
            );
        }
        kube::Error::RustlsTls(error) => {
            return (
                FaultKind::Credentials,
                format!("the certificates of context `{}` cannot be used: {error}", context.id),
                format!("fetch the kubeconfig again ({})", files(context)),
            );
        }
        _ => {}
    }
    if let Some(auth) = causes(error).find_map(|e| e.downcast_ref::<AuthError>()) {
        return credentials(auth, plugin, context);
    }
    let words = innermost(error);
    if causes(error).any(rejects_certificate) {
        let mend = format!(
            "renew the client certificate of context `{}` in {}",
            context.id,
            files(context)
        );
        return (FaultKind::Credentials, words, mend);
    }
    let mend = transport_mend(error, &words);
    (FaultKind::Unreachable, words, mend.to_owned())
}

fn transport_mend(error: &kube::Error, words: &str) -> &'static str {
    let kind = causes(error)
        .filter_map(|e| e.downcast_ref::<io::Error>())
        .last()
        .map(io::Error::kind);
    let said = |part: &str| causes(error).any(|e| e.to_string().contains(part));
    if said("invalid peer certificate") {
        "the server's certificate does not fit the context's certificate authority or server name: fetch the \
         kubeconfig again"
    } else if said("dns error") || said("lookup address") {
        "check the server's name in the kubeconfig, and DNS or VPN"
    } else if words.contains("InvalidContentType") || words.contains("handshake eof") {
        "the server does not speak TLS on this port: check the context's server"
    } else if kind == Some(io::ErrorKind::ConnectionRefused) {
        "check that the API server runs, and its address and port in the kubeconfig"
    } else {
        "check the way there: route, VPN, firewall or security group"
    }
}

fn credentials(error: &AuthError, plugin: Option<&str>, context: &KubeContext) -> (FaultKind, String, String) {
    let name = plugin.unwrap_or("credential plugin");
    let by_hand = format!("run `{name}` by hand as the kubeconfig names it ({})", files(context));
    let (message, mend) = match error {
        AuthError::AuthExecStart(error) => (
            format!("the credential plugin `{name}` cannot be started: {error}"),
            format!("install `{name}`, or take another context"),
        ),
        AuthError::AuthExecRun { cmd, out } => {
            // `cmd` holds the arguments, and these may be secret.
            let program = plugin
                .unwrap_or_else(|| cmd.split_whitespace().next().unwrap_or(name))
                .trim_matches('"');
            let mend = format!(
                "run `{program}` by hand as the kubeconfig names it ({})",
                files(context)
            );
            (
                format!("the credential plugin `{program}` failed: {}", out.status),
                mend,
            )
        }
        AuthError::AuthExecParse(_) | AuthError::ParseTokenKey(_) | AuthError::ExecPluginFailed => (
            format!("the credential plugin `{name}` gave no credentials that are understood"),
            by_hand,
        ),
        AuthError::ReadTokenFile(error, path) => (
            format!("the token file {} cannot be read: {error}", path.display()),
            format!("check the user of context `{}`", context.id),
        ),
        AuthError::InvalidBasicAuth(_) | AuthError::InvalidBearerToken(_) => (
            "the credentials hold characters that no header may hold".to_owned(),
            format!("check the user of context `{}` in {}", context.id, files(context)),
        ),
        _ => (
            "the credentials of the context cannot be used".to_owned(),
            format!("check the user of context `{}` in {}", context.id, files(context)),
        ),
    };
    (FaultKind::Credentials, message, mend)
}

fn kubeconfig(error: &KubeconfigError, context: &KubeContext) -> (FaultKind, String, String) {
    let loading = |what: &str, error: &LoadDataError| match error {
        LoadDataError::DecodeBase64(_) => format!("{what} is not base64"),
        LoadDataError::ReadFile(error, path) => format!("{what} {} cannot be read: {error}", path.display()),
        LoadDataError::NoBase64DataOrFile => format!("{what} is missing"),
    };
    let message = match error {
        KubeconfigError::LoadCertificateAuthority(error) => loading("the certificate authority", error),
        KubeconfigError::LoadClientCertificate(error) => loading("the client certificate", error),
        KubeconfigError::LoadClientKey(error) => loading("the client key", error),
        KubeconfigError::ParseCertificates(_) => "the certificate authority is not in PEM form".to_owned(),
        KubeconfigError::LoadClusterOfContext(name) => format!("the context's cluster `{name}` is not there"),
        KubeconfigError::MissingClusterUrl => "the context's cluster names no server".to_owned(),
        KubeconfigError::ParseClusterUrl(error) => format!("the cluster's server is no URL: {error}"),
        KubeconfigError::ParseProxyUrl(error) => format!("the proxy is no URL: {error}"),
        _ => "the kubeconfig cannot be used".to_owned(),
    };
    let mend = format!("mend context `{}` in {}", context.id, files(context));
    (FaultKind::Credentials, message, mend)
}

/// Whether the server's end of the TLS handshake rejects ours.
fn rejects_certificate(error: &(dyn StdError + 'static)) -> bool {
    let words = error.to_string();
    words.contains("fatal alert") && words.to_ascii_lowercase().contains("certificate")
}

/// An error and what caused it, the innermost last.
fn causes<'a>(error: &'a (dyn StdError + 'static)) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    std::iter::successors(Some(error), |&e| e.source())
}

fn innermost(error: &(dyn StdError + 'static)) -> String {
    causes(error).last().map_or_else(String::new, ToString::to_string)
}

fn files(context: &KubeContext) -> String {
    let names: Vec<_> = context.files.iter().map(|path| path.display().to_string()).collect();
    names.join(", ")
}

/// One line, and not too long.
fn shortened(message: &str) -> SmolStr {
    let words: Vec<&str> = message.split_whitespace().collect();
    let line = words.join(" ");
    match line.char_indices().nth(LONGEST) {
        Some((end, _)) => format_smolstr!("{}…", line.get(..end).unwrap_or_default()),
        None => line.into(),
    }
}

#[cfg(test)]
mod tests;

//! Which contexts of the kubeconfig are used.
//!
//! The files are those of `KUBECONFIG`, else `~/.kube/config`, merged as kubectl does: the first to name something
//! wins. One that is broken hides neither the others nor the fleet: it is a fault beside what was found.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use kube::config::{Cluster, Kubeconfig, KubeconfigError};
use smol_str::SmolStr;

use crate::fleet::{ContextId, FaultKind};
use crate::provider::ProviderError;

/// The contexts that the operator wants.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Choice {
    /// The current one.
    #[default]
    Current,
    /// These, in this order (`--context`, repeated).
    Named(Vec<String>),
    /// All of them, the current one first (`--all-contexts`).
    All,
}

/// A context that can be connected to. It holds no credentials: these are read from the files when needed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KubeContext {
    /// Its name.
    pub id: ContextId,
    /// Its name in the files, where that is another one.
    pub entry: Option<SmolStr>,
    /// The server's URL as the kubeconfig writes it.
    pub endpoint: SmolStr,
    /// The kubeconfig files it is merged from.
    pub files: Arc<[PathBuf]>,
}

impl KubeContext {
    /// Its name in the files.
    pub(super) fn entry(&self) -> &str {
        self.entry.as_deref().unwrap_or(self.id.as_str())
    }

    /// The same under another name.
    pub fn known_as(self, id: ContextId) -> Self {
        let entry = Some(self.entry.unwrap_or_else(|| SmolStr::new(self.id.as_str())));
        Self { id, entry, ..self }
    }
}

/// What the kubeconfig offers.
#[derive(Clone, Debug, Default)]
pub struct Contexts {
    /// The contexts, no two for the same server.
    pub found: Vec<KubeContext>,
    /// What is wrong: a broken file, a context that is not there or names no server.
    pub faults: Vec<ProviderError>,
    /// What an operator may want to know, though nothing is wrong.
    pub notes: Vec<String>,
}

/// Chooses contexts from the kubeconfig: these files (separated as in `KUBECONFIG`), else those that the environment
/// names. No kubeconfig at all is no fault, but noted.
pub fn contexts(kubeconfig: Option<&OsStr>, choice: &Choice) -> Contexts {
    choose(files(kubeconfig).into(), choice)
}

/// The operator's kubeconfig files: these, else those that the environment names, else `~/.kube/config`.
pub fn files(kubeconfig: Option<&OsStr>) -> Vec<PathBuf> {
    let environment = std::env::var_os("KUBECONFIG").filter(|value| !value.is_empty());
    match kubeconfig.map(OsStr::to_owned).or(environment) {
        Some(list) => std::env::split_paths(&list)
            .filter(|path| !path.as_os_str().is_empty())
            .collect(),
        None => std::env::home_dir()
            .map(|home| home.join(".kube").join("config"))
            .into_iter()
            .collect(),
    }
}

/// Reads and merges what can be read. Files that are not there are passed over, as kubectl does.
pub(super) fn load(files: &[PathBuf]) -> (Kubeconfig, Vec<ProviderError>) {
    let (mut merged, mut faults) = (Kubeconfig::default(), Vec::new());
    for path in files {
        let read = match Kubeconfig::read_from(path) {
            Err(KubeconfigError::ReadConfig(error, _)) if error.kind() == std::io::ErrorKind::NotFound => continue,
            read => read,
        };
        match read.and_then(|next| merged.clone().merge(next)) {
            Ok(with) => merged = with,
            Err(error) => faults.push(fault(
                "read the kubeconfig",
                &path.display().to_string(),
                &unreadable(&error),
            )),
        }
    }
    (merged, faults)
}

/// The cluster of a context.
pub(super) fn cluster<'a>(kubeconfig: &'a Kubeconfig, context: &str) -> Option<&'a Cluster> {
    let named = kubeconfig.contexts.iter().find(|c| c.name == context)?;
    let name = &named.context.as_ref()?.cluster;
    kubeconfig.clusters.iter().find(|c| c.name == *name)?.cluster.as_ref()
}

/// One context of one file.
pub(super) fn only(file: &Path, name: &str) -> Result<KubeContext, ProviderError> {
    let files: Arc<[PathBuf]> = [file.to_owned()].into();
    let Contexts { found, faults, .. } = choose(files, &Choice::Named(vec![name.to_owned()]));
    let place = file.display().to_string();
    // What is wrong with the file comes before what is therefore not in it.
    let lost = || fault(&format!("use context {name}"), &place, "there is no such context");
    found
        .into_iter()
        .next()
        .ok_or_else(|| faults.into_iter().next().unwrap_or_else(lost))
}

fn choose(files: Arc<[PathBuf]>, choice: &Choice) -> Contexts {
    let (kubeconfig, faults) = load(&files);
    let mut contexts = Contexts {
        faults,
        ..Contexts::default()
    };
    let places = files
        .iter()
        .map(|p| p.display().to_string())
        .collect::<Vec<_>>()
        .join(", ");
    let current = kubeconfig.current_context.as_deref().filter(|name| !name.is_empty());
    let names: Vec<&str> = match choice {
        Choice::Named(names) => names.iter().map(String::as_str).collect(),
        _ if kubeconfig.contexts.is_empty() => {
            contexts.notes.push(if places.is_empty() {
                "no kubeconfig: neither KUBECONFIG nor a home directory is set".to_owned()
            } else {
                format!("no kube contexts in {places}")
            });
            return contexts;
        }
        Choice::Current => match current {
            Some(name) => vec![name],
            None => {
                contexts.notes.push(format!(
                    "no current context in {places}: name one with --context, or take --all-contexts"
                ));
                return contexts;
            }
        },
        Choice::All => {
            let others = kubeconfig
                .contexts
                .iter()
                .map(|c| c.name.as_str())
                .filter(|name| Some(*name) != current);
            current.into_iter().chain(others).collect()
        }
    };

    let mut seen: HashMap<String, &str> = HashMap::new();
    for name in names {
        let endpoint = match endpoint(&kubeconfig, name) {
            Ok(endpoint) => endpoint,
            Err(why) => {
                contexts
                    .faults
                    .push(fault(&format!("use context {name}"), &places, &why));
                continue;
            }
        };
        match seen.get(&same_server(&endpoint)) {
            Some(first) if *first == name => {}
            Some(first) => contexts
                .notes
                .push(format!("context {name} is left out: {first} already shows {endpoint}")),
            None => {
                seen.insert(same_server(&endpoint), name);
                contexts.found.push(KubeContext {
                    id: ContextId::new(name),
                    entry: None,
                    endpoint,
                    files: Arc::clone(&files),
                });
            }
        }
    }
    contexts
}

fn endpoint(kubeconfig: &Kubeconfig, name: &str) -> Result<SmolStr, String> {
    let Some(named) = kubeconfig.contexts.iter().find(|c| c.name == name) else {
        let there: Vec<&str> = kubeconfig.contexts.iter().map(|c| c.name.as_str()).collect();
        let there = if there.is_empty() {
            "none".to_owned()
        } else {
            there.join(", ")
        };
        return Err(format!("there is no such context; there are: {there}"));
    };
    let cluster_name = named.context.as_ref().map_or("", |c| c.cluster.as_str());
    let server = cluster(kubeconfig, name)
        .and_then(|c| c.server.as_deref())
        .unwrap_or("")
        .trim();
    if server.is_empty() {
        return Err(format!("its cluster `{cluster_name}` names no server"));
    }
    let uri: http::Uri = server
        .parse()
        .map_err(|e| format!("its server `{server}` is no URL: {e}"))?;
    match uri.scheme_str() {
        Some("http" | "https") => Ok(SmolStr::new(server)),
        _ => Err(format!("its server `{server}` is no http or https URL")),
    }
}

/// A form in which two URLs of one server are equal.
pub fn same_server(endpoint: &str) -> String {
    let Ok(uri) = endpoint.parse::<http::Uri>() else {
        return endpoint.to_owned();
    };
    let scheme = uri.scheme_str().unwrap_or("https").to_ascii_lowercase();
    let port = uri.port_u16().unwrap_or(if scheme == "http" { 80 } else { 443 });
    let host = uri.host().unwrap_or("").to_ascii_lowercase();
    format!("{scheme}://{host}:{port}{}", uri.path().trim_end_matches('/'))
}

/// The place, never the words: a parser's words may quote a token.
pub(super) fn unreadable(error: &KubeconfigError) -> String {
    match error {
        KubeconfigError::Parse(error) => place_of(error),
        KubeconfigError::ReadConfig(error, _) => error.to_string(),
        KubeconfigError::KindMismatch | KubeconfigError::ApiVersionMismatch => {
            "kind or apiVersion differ from those of the files before it".to_owned()
        }
        _ => "it cannot be used".to_owned(),
    }
}

/// Where a text is not as a kubeconfig is written.
pub(super) fn place_of(error: &serde_saphyr::Error) -> String {
    match error.location() {
        Some(at) => format!(
            "line {}, column {}: not as a kubeconfig is written",
            at.line(),
            at.column()
        ),
        None => "not as a kubeconfig is written".to_owned(),
    }
}

fn fault(call: &str, target: &str, message: &str) -> ProviderError {
    ProviderError {
        kind: FaultKind::Credentials,
        call: call.into(),
        target: target.into(),
        message: message.into(),
        mend: SmolStr::new_static("correct it, or set KUBECONFIG to other files"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kubeconfig(contexts: &[(&str, &str)], current: &str) -> String {
        let each =
            |line: &dyn Fn(&str, &str) -> String| -> String { contexts.iter().map(|(n, s)| line(n, s)).collect() };
        let clusters = each(&|name, server| format!("- name: c-{name}\n  cluster: {{server: \"{server}\"}}\n"));
        let users = each(&|name, _| format!("- name: {name}\n  context: {{cluster: c-{name}, user: u}}\n"));
        format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: {current}\nclusters:\n{clusters}contexts:\n{users}\
             users:\n- name: u\n  user: {{token: s3cr3t}}\n"
        )
    }

    struct Files {
        directory: tempfile::TempDir,
        paths: Vec<PathBuf>,
    }

    impl Files {
        fn new(texts: &[&str]) -> Self {
            let directory = tempfile::tempdir().unwrap();
            let paths = (0..texts.len())
                .map(|n| directory.path().join(format!("{n}.yaml")))
                .collect();
            let this = Self { directory, paths };
            for (path, text) in this.paths.iter().zip(texts) {
                std::fs::write(path, text).unwrap();
            }
            this
        }

        fn choose(&self, choice: &Choice) -> Contexts {
            let list = std::env::join_paths(&self.paths).unwrap();
            contexts(Some(&list), choice)
        }
    }

    fn named(names: &[&str]) -> Choice {
        Choice::Named(names.iter().map(|n| (*n).to_owned()).collect())
    }

    fn ids(contexts: &Contexts) -> Vec<&str> {
        contexts.found.iter().map(|c| c.id.as_str()).collect()
    }

    const THREE: [(&str, &str); 3] = [
        ("one", "https://10.0.0.1:6443"),
        ("two", "https://10.0.0.2:6443"),
        ("again", "https://10.0.0.1:6443/"),
    ];

    #[test]
    fn the_current_one_is_the_default() {
        let files = Files::new(&[&kubeconfig(&THREE, "two")]);
        let chosen = files.choose(&Choice::default());
        assert_eq!(ids(&chosen), ["two"]);
        assert_eq!(chosen.found[0].endpoint, "https://10.0.0.2:6443");
        assert!(chosen.faults.is_empty() && chosen.notes.is_empty());
    }

    #[test]
    fn two_contexts_of_one_server_are_one_and_the_current_one_wins() {
        let files = Files::new(&[&kubeconfig(&THREE, "again")]);
        let chosen = files.choose(&Choice::All);
        assert_eq!(ids(&chosen), ["again", "two"]);
        assert_eq!(
            chosen.notes,
            ["context one is left out: again already shows https://10.0.0.1:6443"]
        );
        let chosen = files.choose(&named(&["one", "again", "one"]));
        assert_eq!(ids(&chosen), ["one"]);
        assert_eq!(chosen.notes.len(), 1);
    }

    #[test]
    fn one_server_may_be_written_in_several_ways() {
        assert_eq!(same_server("https://API.lab:443/"), same_server("HTTPS://api.lab"));
        assert_ne!(same_server("https://api.lab"), same_server("https://api.lab:6443"));
        assert_ne!(
            same_server("https://rancher/k8s/a"),
            same_server("https://rancher/k8s/b")
        );
    }

    #[test]
    fn a_context_that_is_not_there_is_a_fault_that_names_those_that_are() {
        let files = Files::new(&[&kubeconfig(&THREE, "two")]);
        let chosen = files.choose(&named(&["two", "nope"]));
        assert_eq!(ids(&chosen), ["two"]);
        let words = chosen.faults[0].to_string();
        assert!(
            words.contains("use context nope") && words.contains("0.yaml"),
            "{words}"
        );
        assert!(words.contains("there are: one, two, again"), "{words}");
    }

    #[test]
    fn files_are_merged_and_the_first_wins() {
        let first = kubeconfig(&[("a", "https://a:6443")], "a");
        let second = kubeconfig(&[("a", "https://other:6443"), ("b", "https://b:6443")], "b");
        let chosen = Files::new(&[&first, &second]).choose(&Choice::All);
        assert_eq!(ids(&chosen), ["a", "b"]);
        assert_eq!(chosen.found[0].endpoint, "https://a:6443");
    }

    #[test]
    fn a_broken_file_is_named_with_its_place_and_hides_nothing() {
        let broken = "apiVersion: v1\nusers:\n- name: u\n  user: [s3cr3t\n";
        let wrong = "users: s3cr3t\n";
        let files = Files::new(&[broken, wrong, &kubeconfig(&THREE, "two")]);
        let chosen = files.choose(&Choice::Current);
        assert_eq!(ids(&chosen), ["two"]);
        assert_eq!(chosen.faults.len(), 2);
        for (fault, name) in chosen.faults.iter().zip(["0.yaml", "1.yaml"]) {
            let words = format!("{fault} {fault:?}");
            assert!(words.contains(name) && words.contains("line "), "{words}");
            assert!(!words.contains("s3cr3t"), "{words}");
        }
    }

    #[test]
    fn no_kubeconfig_is_noted_but_no_fault() {
        let files = Files::new(&[]);
        let missing = files.directory.path().join("none");
        let chosen = contexts(Some(missing.as_os_str()), &Choice::Current);
        assert!(chosen.found.is_empty() && chosen.faults.is_empty());
        assert!(chosen.notes[0].contains("none"), "{:?}", chosen.notes);
        let chosen = contexts(Some(missing.as_os_str()), &named(&["lab"]));
        assert!(
            chosen.faults[0].to_string().contains("there are: none"),
            "{:?}",
            chosen.faults
        );
    }

    #[test]
    fn no_current_context_says_how_to_name_one() {
        let chosen = Files::new(&[&kubeconfig(&THREE, "\"\"")]).choose(&Choice::Current);
        assert!(chosen.found.is_empty());
        assert!(chosen.notes[0].contains("--context"), "{:?}", chosen.notes);
    }

    #[test]
    fn a_context_without_a_usable_server_is_a_fault_of_its_own() {
        let text = kubeconfig(
            &[
                ("good", "https://g:6443"),
                ("none", ""),
                ("odd", "ht tp://"),
                ("ftp", "ftp://x"),
            ],
            "good",
        );
        let chosen = Files::new(&[&text]).choose(&Choice::All);
        assert_eq!(ids(&chosen), ["good"]);
        assert_eq!(chosen.faults.len(), 3);
    }
}

//! The way to one API server: its client, made when first needed, and calls with deadlines.

use std::fmt::Display;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use futures::{AsyncBufRead, AsyncBufReadExt};
use http::header::{ACCEPT, HeaderValue, USER_AGENT};
use kube::config::{ExecInteractiveMode, KubeconfigError};
use kube::{Client, Config};
use tokio::runtime::Handle;
use tokio::sync::{Mutex, oneshot};
use tokio::time::timeout;

use super::context::{self, KubeContext};
use super::error::{Call, Trouble};
use super::pace::Pace;
use super::proxy;

/// For the TCP and TLS handshakes.
const CONNECT: Duration = Duration::from_secs(10);

/// One API server.
pub(super) struct Link {
    context: KubeContext,
    pace: Pace,
    client: Mutex<Option<Made>>,
}

/// A client, and whether it makes sure that the server is the one that the kubeconfig means.
#[derive(Clone)]
struct Made {
    client: Client,
    verified: bool,
}

/// A body that comes in.
pub(super) struct Body {
    reader: Pin<Box<dyn AsyncBufRead + Send>>,
}

/// How reading a line went.
pub(super) enum Line {
    /// A whole line is in the buffer.
    Whole,
    /// The body ended, in good order or in the middle of a line, which is lost.
    End,
    /// Nothing came for too long.
    Silence,
}

impl Link {
    pub(super) fn new(context: KubeContext, pace: Pace) -> Self {
        Self {
            context,
            pace,
            client: Mutex::new(None),
        }
    }

    pub(super) fn context(&self) -> &KubeContext {
        &self.context
    }

    pub(super) fn pace(&self) -> &Pace {
        &self.pace
    }

    /// Makes a call, up to the first byte of its body.
    pub(super) async fn open(&self, call: Call, mut request: http::Request<Vec<u8>>) -> Result<Body, Trouble> {
        let headers = request.headers_mut();
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        headers.insert(
            USER_AGENT,
            HeaderValue::from_static(concat!("k3fleet/", env!("CARGO_PKG_VERSION"))),
        );
        let Made { client, .. } = self.made().await?;
        let opened = within(self.pace.answer, call, client.request_stream(request)).await?;
        match opened.map_err(Trouble::from) {
            Ok(reader) => Ok(Body {
                reader: Box::pin(reader),
            }),
            Err(trouble) => {
                if trouble.is_about_credentials() {
                    // They are read, and a plugin is run, anew at the next call.
                    *self.client.lock().await = None;
                }
                Err(trouble)
            }
        }
    }

    /// Makes a call and appends its whole body.
    pub(super) async fn read(
        &self,
        call: Call,
        request: http::Request<Vec<u8>>,
        buffer: &mut Vec<u8>,
    ) -> Result<(), Trouble> {
        let mut body = self.open(call, request).await?;
        loop {
            let bytes = within(self.pace.stall, call, body.reader.fill_buf()).await??;
            if bytes.is_empty() {
                return Ok(());
            }
            buffer.extend_from_slice(bytes);
            let taken = bytes.len();
            body.reader.as_mut().consume(taken);
        }
    }

    /// Whether the server's certificate is verified. Of one that is reached without TLS nothing is known, unless it is
    /// on this machine: a proxy of the operator's.
    pub(super) async fn is_verified(&self) -> Result<bool, Trouble> {
        Ok(self.made().await?.verified)
    }

    /// The client. While one caller makes it the others wait, so that a plugin is never run twice at once.
    async fn made(&self) -> Result<Made, Trouble> {
        let mut slot = self.client.lock().await;
        if let Some(made) = &*slot {
            return Ok(made.clone());
        }
        let made = within(
            self.pace.credentials,
            "read the credentials",
            make_aside(self.context.clone()),
        )
        .await?;
        let made = made.unwrap_or(Err(Trouble::Crashed))?;
        *slot = Some(made.clone());
        Ok(made)
    }
}

impl Body {
    /// Reads the next line into `line`, without its end.
    pub(super) async fn line(&mut self, line: &mut Vec<u8>, silence: Duration) -> Line {
        line.clear();
        match timeout(silence, self.reader.read_until(b'\n', line)).await {
            Err(_elapsed) => Line::Silence,
            Ok(Ok(_)) if line.pop() == Some(b'\n') => Line::Whole,
            Ok(_) => Line::End,
        }
    }
}

async fn within<T>(limit: Duration, what: impl Display, work: impl Future<Output = T>) -> Result<T, Trouble> {
    let result = timeout(limit, work).await;
    result.map_err(|_elapsed| Trouble::Silence {
        what: what.to_string(),
        limit,
    })
}

/// Makes a client on a thread of its own, which a plugin that hangs may hold for ever: unlike the runtime's own
/// threads it is not waited for when the program ends. `None` when it crashed.
async fn make_aside(context: KubeContext) -> Option<Result<Made, Trouble>> {
    let (done, made) = oneshot::channel();
    let runtime = Handle::current();
    let make = move || {
        let _entered = runtime.enter();
        // The caller may have given up meanwhile.
        drop(done.send(make_client(&context)));
    };
    std::thread::Builder::new()
        .name("kube credentials".to_owned())
        .spawn(make)
        .ok()?;
    made.await.ok()
}

/// Reads the kubeconfig and makes a client of one context. Blocks: it reads files and may run a plugin.
fn make_client(context: &KubeContext) -> Result<Made, Trouble> {
    let (mut kubeconfig, faults) = context::load(&context.files);
    kubeconfig.current_context = Some(context.entry().to_owned());
    let own_proxy = context::cluster(&kubeconfig, context.entry()).is_some_and(|c| c.proxy_url.is_some());
    let mut config = match Config::try_from(kubeconfig) {
        Ok(config) => config,
        Err(KubeconfigError::LoadContext(_)) => {
            return Err(faults.into_iter().next().map_or(Trouble::NoContext, Trouble::Told));
        }
        Err(error) => return Err(kube::Error::InferKubeconfig(error).into()),
    };
    config.default_retry = false;
    config.connect_timeout = Some(CONNECT);
    if !own_proxy && proxy::is_direct(&config.cluster_url) {
        config.proxy_url = None;
    }
    let mut plugin = None;
    if let Some(exec) = &mut config.auth_info.exec {
        // It must neither write on the screen nor read its keys.
        exec.interactive_mode = Some(ExecInteractiveMode::Never);
        plugin = exec.command.clone();
    }
    let verified = match config.cluster_url.scheme_str() {
        Some("https") => !config.accept_invalid_certs,
        _ => proxy::is_here(&config.cluster_url),
    };
    match Client::try_from(config) {
        Ok(client) => Ok(Made { client, verified }),
        Err(error) => Err(Trouble::Client { error, plugin }),
    }
}

//! Keeping a tunnel open: one gate after the other is opened, watched, and left when the API no longer answers through it.

use std::ffi::OsString;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use async_trait::async_trait;
use smol_str::SmolStr;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout};

use super::child::Child;
use super::gate::Gate;

/// How long what.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// For a gate to open.
    pub open: Duration,
    /// Between two looks whether it has.
    pub look: Duration,
    /// Between two questions to the API through an open gate.
    pub beat: Duration,
    /// For one answer.
    pub answer: Duration,
    /// After a first round in which no gate opened; each further one doubles it.
    pub retry_first: Duration,
    /// The longest of these pauses.
    pub retry_most: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            open: Duration::from_secs(30),
            look: Duration::from_millis(200),
            beat: Duration::from_secs(5),
            answer: Duration::from_secs(5),
            retry_first: Duration::from_secs(1),
            retry_most: Duration::from_secs(30),
        }
    }
}

/// What a tunnel asks of whoever keeps it.
#[async_trait]
pub trait Guide: Send + Sync {
    /// The servers that there are now, the best first.
    async fn gates(&mut self) -> Result<Vec<Gate>, String>;
    /// Whether the API answers on the tunnel's port of this machine.
    async fn answers(&self) -> Result<(), String>;
    /// The program that stands for the one of a login.
    fn program(&self, name: &'static str) -> OsString {
        name.into()
    }
    /// Hears how it goes, line by line.
    fn say(&self, line: String);
}

/// Keeps a tunnel until it is dropped; the program that forwards the port ends with it.
pub async fn keep(guide: &mut dyn Guide, pace: &Pace) -> std::convert::Infallible {
    let mut pause = pace.retry_first;
    // What was left last is tried last.
    let mut left: Option<SmolStr> = None;
    loop {
        let mut gates = match guide.gates().await {
            Ok(gates) => gates,
            Err(why) => {
                guide.say(why);
                vec![]
            }
        };
        gates.sort_by_key(|gate| left.as_ref() == Some(&gate.name));
        let mut opened = false;
        for gate in &gates {
            guide.say(format!("opening the tunnel to {}", gate.name));
            let why = match open(guide, pace, gate).await {
                Ok(mut child) => {
                    opened = true;
                    guide.say(format!("the tunnel is open, to {}", gate.name));
                    let why = watch(guide, pace, &mut child).await;
                    drop(child);
                    why
                }
                Err(why) => why,
            };
            guide.say(format!("no tunnel to {}: {why}", gate.name));
            left = Some(gate.name.clone());
            if opened {
                // Which servers there are may have changed since.
                break;
            }
        }
        if opened {
            pause = pace.retry_first;
            continue;
        }
        guide.say(format!("no server is reached; again in {} s", pause.as_secs().max(1)));
        sleep(pause).await;
        pause = (pause * 2).min(pace.retry_most);
    }
}

/// Starts the program of a gate, and waits until the API answers through it.
async fn open(guide: &dyn Guide, pace: &Pace, gate: &Gate) -> Result<Child, String> {
    let program = guide.program(gate.login.program);
    let mut child = Child::start(&program, &gate.login)
        .map_err(|error| format!("{} cannot be run: {error}", gate.login.program))?;
    let until = Instant::now() + pace.open;
    loop {
        tokio::select! {
            status = child.ended() => return Err(end(&mut child, gate, status).await),
            () = sleep(pace.look) => {}
        }
        match asked(guide, pace).await {
            Ok(()) => return Ok(child),
            Err(why) if Instant::now() >= until => {
                let secs = pace.open.as_secs();
                return Err(format!("its API does not answer through it after {secs} s: {why}"));
            }
            Err(_not_yet) => {}
        }
    }
}

/// Gives why an open gate is to be left, once it is.
async fn watch(guide: &dyn Guide, pace: &Pace, child: &mut Child) -> String {
    let mut missed = false;
    loop {
        tokio::select! {
            status = child.ended() => {
                return match status {
                    Ok(status) => format!("the program that holds it ended with {status}: {}", child.said().await),
                    Err(error) => error.to_string(),
                };
            }
            () = sleep(pace.beat) => {}
        }
        match asked(guide, pace).await {
            Ok(()) => missed = false,
            // One answer may be late.
            Err(_) if !missed => missed = true,
            Err(why) => return format!("its API no longer answers: {why}"),
        }
    }
}

async fn asked(guide: &dyn Guide, pace: &Pace) -> Result<(), String> {
    match timeout(pace.answer, guide.answers()).await {
        Ok(answer) => answer,
        Err(_elapsed) => Err(format!("no answer within {} s", pace.answer.as_secs())),
    }
}

async fn end(child: &mut Child, gate: &Gate, status: std::io::Result<std::process::ExitStatus>) -> String {
    match status {
        Ok(status) => format!("{} ended with {status}: {}", gate.login.program, child.said().await),
        Err(error) => error.to_string(),
    }
}

/// Whether something that waits to be spoken to answers on a port of this machine, where no kubeconfig allows to ask the API
/// itself: what forwards to a closed port takes a connection and ends it at once.
pub async fn answers(port: u16) -> Result<(), String> {
    const STAYS: Duration = Duration::from_millis(500);
    let at = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let mut stream = TcpStream::connect(at).await.map_err(|error| error.to_string())?;
    match timeout(STAYS, stream.read_u8()).await {
        // A TLS server lets its caller speak first.
        Err(_elapsed) => Ok(()),
        Ok(Ok(_)) => Err("it is no TLS server".to_owned()),
        Ok(Err(_)) => Err("the connection ends at once: nothing listens there".to_owned()),
    }
}

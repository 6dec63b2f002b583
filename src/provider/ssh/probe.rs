//! What is only read of an edge host, as the user who logs in: its state, again and again, with one command; and what has
//! to be known of it before it joins a cluster.

use std::time::Duration;

use smol_str::{SmolStr, format_smolstr};

use super::OpenSsh;
use super::call::{Answer, Call, Input, over_ssh, script};
use super::links::Login;
use super::reading::{self, Between};
use super::said::last;
use crate::blueprint::machine::Facts;
use crate::fleet::{EdgeHealth, EdgeHost, FaultKind};
use crate::provider::{ProviderError, Result};

/// What each probe runs.
pub(super) const SCRIPT: &str = include_str!("../../../assets/probe.sh");
/// For a probe as a whole: less than the feed waits for one host.
const PROBE: Duration = Duration::from_secs(9);
/// For the facts: addresses that do not answer are waited for.
const FACTS: Duration = Duration::from_secs(45);

impl OpenSsh {
    /// As the port says.
    pub(super) async fn health(&self, host: &EdgeHost) -> Result<EdgeHealth> {
        let call = Call {
            patient: false,
            ..Call::new(over_ssh("probe"), host, script(SCRIPT), PROBE)
        };
        let (answer, between) = self.timed(&call).await?;
        let latency = u32::try_from(answer.took.as_millis()).unwrap_or(u32::MAX);
        reading::read(&answer.text(), latency, between).ok_or_else(|| odd(&call))
    }

    /// As the port says.
    pub(super) async fn found(&self, host: &EdgeHost, addresses: &[SmolStr]) -> Result<Facts> {
        let call = Call::new(
            over_ssh("read what it is"),
            host,
            script(&Facts::script(addresses)),
            FACTS,
        );
        let (answer, between) = self.timed(&call).await?;
        let (sent, received) = (between.sent.as_second(), between.received.as_second());
        let facts = Facts::read(&answer.text(), sent, received).ok_or_else(|| odd(&call))?;
        self.rooting.learn(Login::of(host), facts.sudo);
        Ok(facts)
    }

    /// Runs a script that reads, and tells between which times it did.
    async fn timed(&self, call: &Call<'_>) -> Result<(Answer, Between)> {
        let sent = (self.now)();
        let answer = self.ask(call, Input::Nothing).await?;
        let received = (self.now)();
        if answer.code != Some(0) {
            let login = Login::of(call.host).words();
            let mend = format_smolstr!("see that ssh {login} gives a shell there");
            let why = format!("our script does not run there: {}", last(&answer.stderr));
            return Err(call.failed(FaultKind::Other, why, mend));
        }
        Ok((answer, Between { sent, received }))
    }
}

fn odd(call: &Call<'_>) -> ProviderError {
    let login = Login::of(call.host).words();
    let mend = format_smolstr!("see that ssh {login} gives a shell there, and no menu or forced command");
    call.failed(FaultKind::Malformed, "its answer is not that of our script", mend)
}

//! AWS: the live adapter of the ports [`Cloud`] and [`CloudControl`](super::CloudControl).
//!
//! ```text
//!  Profile ── credentials, once ──┬─ AwsCloud (a region) ── ec2, autoscaling, pricing ─▶ SDK clients ─▶ AWS
//!                                 └─ AwsCloud …               one file per service:          │
//!                                                             pages in, fleet types out   meter ─▶ budget
//! ```
//! A [`Profile`] reads the ordinary configuration (environment, profile, SSO, process, IMDS; `AWS_ENDPOINT_URL`) and
//! shares its credentials among the regions. An [`AwsCloud`] makes the calls: each page waits for the [`budget`], is
//! counted by the `meter`, freed by the `sieve` of what nobody reads, and mapped at once, so that no SDK type leaves
//! this folder and no more than one page of them is held. What AWS says no with is put into words by `error`. What
//! changes something stands apart, in `control`: `make` and `launch` carry out orders, `delete` and `tag` act on what
//! `resources` has found by its tags, `run_command` works on machines themselves, and `tokens` and `template` hold what
//! new ones go by.

/// All items of a listing in pages: `$ask` is asked anew for each page, whose `$items` are collected.
macro_rules! pages {
    ($cloud:expr, $call:expr, $ask:expr, $items:ident) => {{
        let mut found = Vec::new();
        let mut token = None;
        loop {
            let page = $cloud.call($call, $ask.set_next_token(token.clone()).send()).await?;
            found.extend(page.$items.unwrap_or_default());
            token = $cloud.next_page($call, token, page.next_token)?;
            if token.is_none() {
                break found;
            }
        }
    }};
}

mod actions;
mod autoscaling;
mod bucket;
pub mod budget;
mod check;
mod control;
mod delete;
mod drift;
mod ec2;
mod error;
mod function;
mod ground;
mod intern;
mod launch;
mod make;
mod mend;
mod meter;
mod oldest;
mod part_pricing;
mod policy;
mod price_cache;
mod pricing;
mod profile;
mod queue;
mod resources;
mod run_command;
mod sieve;
mod signed;
mod stack;
mod tag;
mod template;
mod tokens;

use std::error::Error;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use async_trait::async_trait;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::DateTime;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use jiff::Timestamp;
use smol_str::SmolStr;

pub use self::actions::{CHANGE_ACTIONS, VIEW_ACTIONS};
use self::budget::ApiUsage;
use self::meter::Meter;
pub use self::policy::{adopted_policy, ci_statements, operator_policy, view_policy};
use self::price_cache::PriceCache;
pub use self::profile::{Keys, Options, Profile, connect, default_region};
use super::{
    Check, Cloud, CloudEvent, InstanceType, ParameterVersion, PartPrice, PricedPart, Queue, Resource, ResourceDrift,
    Result, Stack, StackEvent, Vpc,
};
use crate::fleet::{Activity, Asg, Instance, Notice, OnDemandPrice, Scope, SpotFleet, SpotPrice};

/// AWS as one profile sees it in one region.
#[derive(Debug)]
pub struct AwsCloud {
    scope: Scope,
    ec2: aws_sdk_ec2::Client,
    autoscaling: aws_sdk_autoscaling::Client,
    cloudformation: aws_sdk_cloudformation::Client,
    iam: aws_sdk_iam::Client,
    secrets: aws_sdk_secretsmanager::Client,
    tagging: aws_sdk_resourcegroupstagging::Client,
    sqs: aws_sdk_sqs::Client,
    ssm: aws_sdk_ssm::Client,
    sts: aws_sdk_sts::Client,
    /// `None` where AWS has no price list.
    pricing: Option<aws_sdk_pricing::Client>,
    price_cache: Option<PriceCache>,
    clock: fn() -> Timestamp,
    page: u16,
    command_pace: Duration,
    /// Whether the calls go to an endpoint of the user's choice.
    may_be_emulator: bool,
    /// Learnt from an emulator's answer, see [`ec2::notices`].
    lacks_status_filter: AtomicBool,
    fresh: launch::Fresh,
    oldest: oldest::Told,
    signer: signed::Signer,
    meter: Meter,
}

impl AwsCloud {
    /// What each API was asked for so far: every page and every retry counts.
    pub fn usage(&self) -> Vec<ApiUsage> {
        self.meter.budget.usage()
    }

    /// Makes one call once the budget allows it.
    async fn call<O, E>(
        &self,
        call: &str,
        send: impl Future<Output = std::result::Result<O, SdkError<E, HttpResponse>>>,
    ) -> Result<O>
    where
        E: Error + ProvideErrorMetadata + Send + Sync + 'static,
    {
        self.meter.budget.acquire(call).await;
        send.await
            .map_err(|refused| error::translate(call, &self.scope, &refused))
    }

    /// Makes one call; `None` when AWS refuses it with a code and a message that are as good as an answer.
    async fn call_unless<O, E>(
        &self,
        call: &str,
        send: impl Future<Output = std::result::Result<O, SdkError<E, HttpResponse>>>,
        is_answer: impl Fn(&str, &str) -> bool,
    ) -> Result<Option<O>>
    where
        E: Error + ProvideErrorMetadata + Send + Sync + 'static,
    {
        self.meter.budget.acquire(call).await;
        match send.await {
            Ok(done) => Ok(Some(done)),
            Err(refused)
                if is_answer(
                    refused.code().unwrap_or_default(),
                    refused.message().unwrap_or_default(),
                ) =>
            {
                Ok(None)
            }
            Err(refused) => Err(error::translate(call, &self.scope, &refused)),
        }
    }

    /// The size of a page of an API with this limit.
    fn page(&self, limit: u16) -> i32 {
        self.page.clamp(1, limit).into()
    }

    /// The token of the next page: none after the last one, whose token may also be empty. The same token twice would
    /// never end.
    fn next_page(&self, call: &str, asked: Option<String>, next: Option<String>) -> Result<Option<String>> {
        let next = optional(next).map(String::from);
        if next.is_some() && next == asked {
            let message = "the next page is the same page again";
            return Err(error::malformed(call, &self.scope, message));
        }
        Ok(next)
    }
}

#[async_trait]
impl Cloud for AwsCloud {
    fn scope(&self) -> &Scope {
        &self.scope
    }

    async fn account(&self) -> Result<SmolStr> {
        check::account(self).await
    }

    async fn instances(&self) -> Result<Vec<Instance>> {
        ec2::instances(self).await
    }

    async fn asgs(&self) -> Result<Vec<Asg>> {
        autoscaling::asgs(self).await
    }

    async fn spot_fleets(&self) -> Result<Vec<SpotFleet>> {
        ec2::spot_fleets(self).await
    }

    async fn activities(&self, asg: &str) -> Result<Vec<Activity>> {
        autoscaling::activities(self, asg).await
    }

    async fn notices(&self) -> Result<Vec<Notice>> {
        ec2::notices(self).await
    }

    async fn spot_prices(&self, types: &[SmolStr], since: Timestamp) -> Result<Vec<SpotPrice>> {
        ec2::spot_prices(self, types, since).await
    }

    async fn on_demand_prices(&self, types: &[SmolStr]) -> Result<Vec<OnDemandPrice>> {
        pricing::on_demand_prices(self, types).await
    }

    async fn part_prices(&self, parts: &[PricedPart]) -> Result<Vec<PartPrice>> {
        part_pricing::part_prices(self, parts).await
    }

    async fn instance_types(&self) -> Result<Vec<InstanceType>> {
        ground::instance_types(self).await
    }

    async fn vpcs(&self) -> Result<Vec<Vpc>> {
        ground::vpcs(self).await
    }

    async fn image(&self, parameter: &str) -> Result<SmolStr> {
        ground::image(self, parameter).await
    }

    async fn resources(&self, cluster: Option<&str>) -> Result<Vec<Resource>> {
        resources::resources(self, cluster).await
    }

    async fn check(&self) -> Vec<Check> {
        check::check(self).await
    }

    async fn parameter_versions(&self, name: &str) -> Result<Vec<ParameterVersion>> {
        tokens::versions(self, name).await
    }

    async fn stack(&self, name: &str) -> Result<Option<Stack>> {
        stack::stack(self, name).await
    }

    async fn stack_events(&self, name: &str, after: Option<&str>) -> Result<Vec<StackEvent>> {
        stack::events(self, name, after).await
    }

    async fn drifts(&self, stack: &str) -> Result<Vec<ResourceDrift>> {
        drift::drifts(self, stack).await
    }

    async fn endpoints(&self, vpc: &str) -> Result<Vec<SmolStr>> {
        ground::endpoints(self, vpc).await
    }

    async fn cloud_events(&self, queue: &str) -> Result<Vec<CloudEvent>> {
        queue::events(self, queue).await
    }

    async fn queue(&self, url: &str) -> Result<Queue> {
        queue::queue(self, url).await
    }

    async fn oldest_message(&self, url: &str) -> Result<Option<Timestamp>> {
        oldest::oldest(self, url).await
    }
}

/// The SDK's time as ours; `None` beyond the years that ours covers.
fn timestamp(from: &DateTime) -> Option<Timestamp> {
    Timestamp::new(from.secs(), i32::try_from(from.subsec_nanos()).ok()?).ok()
}

/// A text that AWS leaves empty where it has nothing to say.
fn optional(text: Option<String>) -> Option<SmolStr> {
    text.filter(|text| !text.is_empty()).map(SmolStr::from)
}

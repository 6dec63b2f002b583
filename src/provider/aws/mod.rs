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
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use async_trait::async_trait;
use aws_config::default_provider::region::DefaultRegionChain;
use aws_config::identity::IdentityCache;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{AppName, BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::DateTime;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use jiff::Timestamp;
use smol_str::{SmolStr, format_smolstr};

pub use self::actions::{CHANGE_ACTIONS, VIEW_ACTIONS};
use self::budget::ApiUsage;
use self::meter::Meter;
pub use self::policy::{adopted_policy, ci_statements, operator_policy, view_policy};
use self::price_cache::PriceCache;
use self::sieve::Sifting;
use super::{
    Check, Cloud, CloudEvent, InstanceType, ParameterVersion, PartPrice, PricedPart, ProviderError, Queue, Resource,
    ResourceDrift, Result, Stack, StackEvent, Vpc,
};
use crate::fleet::{Activity, Asg, FaultKind, Instance, Notice, OnDemandPrice, Scope, SpotFleet, SpotPrice};

/// How long the credential chain may take: a helper program may have to ask its own server first.
const LOGIN_TIMEOUT: Duration = Duration::from_secs(12);

/// How AWS is called.
#[derive(Clone, Debug)]
pub struct Options {
    /// Tells the time; only the age of cached prices depends on it.
    pub clock: fn() -> Timestamp,
    /// The directory of the price cache; `None` keeps no prices on disk.
    pub price_cache: Option<PathBuf>,
    /// The longest page to ask for; each API has its own limit as well.
    pub page: u16,
    /// How often a call is tried at most when AWS throttles or does not answer.
    pub attempts: u32,
    /// How long one try may take.
    pub attempt_timeout: Duration,
    /// How long a call may take, with all its tries.
    pub timeout: Duration,
    /// How long to wait between two looks at a command that runs on an instance.
    pub command_pace: Duration,
}

impl Options {
    /// The ordinary ones: full pages, no price cache, three tries within half a minute.
    pub fn new(clock: fn() -> Timestamp) -> Self {
        Self {
            clock,
            price_cache: None,
            page: 1000,
            attempts: 3,
            attempt_timeout: Duration::from_secs(15),
            timeout: Duration::from_secs(30),
            command_pace: Duration::from_secs(2),
        }
    }

    /// Few tries with short waits: throttling shall show as such within seconds, and the feed has its own pace.
    fn retries(&self) -> RetryConfig {
        RetryConfig::standard()
            .with_max_attempts(self.attempts.max(1))
            .with_initial_backoff(Duration::from_millis(300))
            .with_max_backoff(Duration::from_secs(2))
    }

    fn timeouts(&self) -> TimeoutConfig {
        TimeoutConfig::builder()
            .operation_attempt_timeout(self.attempt_timeout)
            .operation_timeout(self.timeout)
            .build()
    }
}

/// The region that the environment, the profile or the machine names; `None` when none does.
pub async fn default_region(profile: Option<&str>) -> Option<SmolStr> {
    let chain = DefaultRegionChain::builder();
    let chain = match profile {
        Some(profile) => chain.profile_name(profile),
        None => chain,
    };
    chain.build().region().await.map(|region| SmolStr::new(region.as_ref()))
}

/// One profile in one region; for several regions of a profile, see [`Profile`].
pub async fn connect(profile: Option<&str>, region: &str, options: Options) -> Result<AwsCloud> {
    Profile::load(profile, region, options).await?.region(region)
}

/// Keys given outright instead of found by the credential chain.
#[derive(Clone)]
pub struct Keys {
    /// `AWS_ACCESS_KEY_ID`.
    pub id: String,
    /// `AWS_SECRET_ACCESS_KEY`.
    pub secret: String,
    /// `AWS_SESSION_TOKEN`, of temporary keys.
    pub session: Option<String>,
}

/// The credentials and settings of one profile. Credentials are fetched when the first call needs them, renewed
/// before they expire, and shared by the profile's regions, so that a login helper runs once.
#[derive(Clone, Debug)]
pub struct Profile {
    name: SmolStr,
    sdk: SdkConfig,
    options: Options,
}

impl Profile {
    /// Reads the configuration of a profile (`None`: the default chain); `home` is the region whose STS endpoint
    /// assumes roles. Nothing is sent to AWS yet.
    pub async fn load(name: Option<&str>, home: &str, options: Options) -> Result<Self> {
        let scope = Scope::new(name.unwrap_or_default(), home);
        let mut loader = aws_config::defaults(BehaviorVersion::latest()).region(valid_region(&scope)?);
        if let Some(name) = name {
            loader = loader.profile_name(name);
        }
        if let Ok(app) = AppName::new("k3fleet") {
            loader = loader.app_name(app);
        }
        let loader = loader
            .identity_cache(IdentityCache::lazy().load_timeout(LOGIN_TIMEOUT).build())
            .retry_config(options.retries())
            .timeout_config(options.timeouts());
        Ok(Self {
            name: scope.profile,
            sdk: loader.load().await,
            options,
        })
    }

    /// A profile with its own keys at an endpoint that speaks for all services, such as an emulator of AWS. The
    /// environment and the machine's configuration are not read.
    pub fn at_endpoint(name: &str, endpoint: &str, keys: Keys, options: Options) -> Self {
        let credentials = Credentials::new(keys.id, keys.secret, keys.session, None, "given");
        let sdk = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .endpoint_url(endpoint)
            .retry_config(options.retries())
            .timeout_config(options.timeouts())
            .build();
        Self {
            name: SmolStr::new(name),
            sdk,
            options,
        }
    }

    /// This profile in one region.
    pub fn region(&self, region: &str) -> Result<AwsCloud> {
        let scope = Scope::new(&self.name, region);
        let sdk = self.sdk.to_builder().region(valid_region(&scope)?).build();
        let meter = Meter::new();
        let pricing = pricing::endpoint_region(region).map(|region| {
            let settings = aws_sdk_pricing::config::Builder::from(&sdk)
                .region(Region::new(region))
                .interceptor(meter.clone());
            aws_sdk_pricing::Client::from_conf(settings.build())
        });
        let ec2 = aws_sdk_ec2::config::Builder::from(&sdk)
            .interceptor(meter.clone())
            .interceptor(Sifting);
        let autoscaling = aws_sdk_autoscaling::config::Builder::from(&sdk)
            .interceptor(meter.clone())
            .interceptor(Sifting);
        let cloudformation = aws_sdk_cloudformation::config::Builder::from(&sdk).interceptor(meter.clone());
        let iam = aws_sdk_iam::config::Builder::from(&sdk).interceptor(meter.clone());
        let secrets = aws_sdk_secretsmanager::config::Builder::from(&sdk).interceptor(meter.clone());
        let tagging = aws_sdk_resourcegroupstagging::config::Builder::from(&sdk).interceptor(meter.clone());
        let sqs = aws_sdk_sqs::config::Builder::from(&sdk).interceptor(meter.clone());
        let ssm = aws_sdk_ssm::config::Builder::from(&sdk).interceptor(meter.clone());
        let sts = aws_sdk_sts::config::Builder::from(&sdk).interceptor(meter.clone());
        let directory = self.options.price_cache.as_deref();
        Ok(AwsCloud {
            ec2: aws_sdk_ec2::Client::from_conf(ec2.build()),
            autoscaling: aws_sdk_autoscaling::Client::from_conf(autoscaling.build()),
            cloudformation: aws_sdk_cloudformation::Client::from_conf(cloudformation.build()),
            iam: aws_sdk_iam::Client::from_conf(iam.build()),
            secrets: aws_sdk_secretsmanager::Client::from_conf(secrets.build()),
            tagging: aws_sdk_resourcegroupstagging::Client::from_conf(tagging.build()),
            sqs: aws_sdk_sqs::Client::from_conf(sqs.build()),
            ssm: aws_sdk_ssm::Client::from_conf(ssm.build()),
            sts: aws_sdk_sts::Client::from_conf(sts.build()),
            pricing,
            price_cache: directory.map(|directory| PriceCache::new(directory, region)),
            clock: self.options.clock,
            page: self.options.page,
            command_pace: self.options.command_pace,
            may_be_emulator: sdk.endpoint_url().is_some(),
            lacks_status_filter: AtomicBool::new(false),
            fresh: launch::Fresh::default(),
            oldest: oldest::Told::default(),
            signer: signed::Signer {
                credentials: sdk.credentials_provider(),
                endpoint: sdk.endpoint_url().map(str::to_owned),
            },
            meter,
            scope,
        })
    }
}

/// The region, if it can be one: a region becomes part of a host name.
fn valid_region(scope: &Scope) -> Result<Region> {
    let region = scope.region.as_str();
    let is_word = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if !region.is_empty() && region.bytes().all(is_word) {
        return Ok(Region::new(region.to_owned()));
    }
    Err(ProviderError {
        kind: FaultKind::Other,
        call: SmolStr::new_static("choose a region"),
        target: format_smolstr!("{scope}"),
        message: format_smolstr!("{region:?} is not the name of a region"),
        mend: SmolStr::new_static("name one like eu-west-1 with --region, AWS_REGION or in the profile"),
    })
}

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

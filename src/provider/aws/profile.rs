//! A profile: how AWS is called, and with whose credentials, in each of its regions.

use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use aws_config::default_provider::region::DefaultRegionChain;
use aws_config::identity::IdentityCache;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{AppName, BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use jiff::Timestamp;
use smol_str::{SmolStr, format_smolstr};

use super::meter::Meter;
use super::price_cache::PriceCache;
use super::sieve::Sifting;
use super::{AwsCloud, launch, oldest, pricing, signed};
use crate::fleet::{FaultKind, Scope};
use crate::provider::{ProviderError, Result};

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

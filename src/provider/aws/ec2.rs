//! EC2: instances, Spot Fleet requests, interruption notices and spot prices.

use std::collections::HashSet;
use std::sync::atomic::Ordering;

use aws_sdk_ec2::types as sdk;
use aws_smithy_types::DateTime;
use jiff::Timestamp;
use smol_str::SmolStr;

use super::intern::Interner;
use super::{AwsCloud, error, optional, timestamp};
use crate::fleet::{
    Arch, Instance, InstanceId, InstanceState, Notice, NoticeKind, Purchase, Scope, SpotFleet, SpotPrice, Tags,
};
use crate::provider::Result;

/// Instance types in one question for spot prices: so many that a fleet seldom needs a second one, so few that an
/// answer's pages stay countable.
const TYPES_AT_ONCE: usize = 50;

/// All states but `terminated`.
const LIVING: [sdk::InstanceStateName; 5] = [
    sdk::InstanceStateName::Pending,
    sdk::InstanceStateName::Running,
    sdk::InstanceStateName::ShuttingDown,
    sdk::InstanceStateName::Stopping,
    sdk::InstanceStateName::Stopped,
];

/// The codes of spot requests whose instance will be taken back.
const MARKED: [&str; 2] = ["marked-for-termination", "marked-for-stop"];

/// The product descriptions under which Linux spot prices are listed.
const LINUX: [&str; 2] = ["Linux/UNIX", "Linux/UNIX (Amazon VPC)"];

pub(super) fn filter<S: Into<String>>(name: &str, values: impl IntoIterator<Item = S>) -> sdk::Filter {
    let values = values.into_iter().map(Into::into).collect();
    sdk::Filter::builder().name(name).set_values(Some(values)).build()
}

pub(super) async fn instances(cloud: &AwsCloud) -> Result<Vec<Instance>> {
    living(cloud, None).await
}

/// All instances that are not terminated, or those of them that pass a filter.
pub(super) async fn living(cloud: &AwsCloud, which: Option<sdk::Filter>) -> Result<Vec<Instance>> {
    const CALL: &str = "ec2:DescribeInstances";
    let mut strings = Interner::default();
    let mut found = Vec::new();
    let mut token = None;
    loop {
        let states = filter("instance-state-name", LIVING.map(|state| state.as_str().to_owned()));
        let page = cloud
            .ec2
            .describe_instances()
            .set_filters(Some(which.iter().cloned().chain([states]).collect()))
            .max_results(cloud.page(1000))
            .set_next_token(token.clone());
        let page = cloud.call(CALL, page.send()).await?;
        let listed = page.reservations.unwrap_or_default().into_iter();
        let listed = listed.flat_map(|reservation| reservation.instances.unwrap_or_default());
        found.extend(listed.filter_map(|one| instance(one, &cloud.scope, &mut strings)));
        token = cloud.next_page(CALL, token, page.next_token)?;
        if token.is_none() {
            return Ok(found);
        }
    }
}

/// `None` for an instance that is terminated, or in a state that EC2 did not have when this was written.
pub(super) fn instance(from: sdk::Instance, scope: &Scope, strings: &mut Interner) -> Option<Instance> {
    let state = match from.state?.name? {
        sdk::InstanceStateName::Pending => InstanceState::Pending,
        sdk::InstanceStateName::Running => InstanceState::Running,
        sdk::InstanceStateName::ShuttingDown => InstanceState::ShuttingDown,
        sdk::InstanceStateName::Stopping => InstanceState::Stopping,
        sdk::InstanceStateName::Stopped => InstanceState::Stopped,
        _ => return None,
    };
    let reason = optional(from.state_reason.and_then(|reason| reason.message));
    let zone = from.placement.and_then(|placement| placement.availability_zone);
    Some(Instance {
        id: InstanceId::new(from.instance_id?),
        scope: scope.clone(),
        state,
        instance_type: strings.get(from.instance_type?.as_str()),
        arch: from.architecture.and_then(|arch| Arch::parse(arch.as_str())),
        zone: strings.get(&zone.unwrap_or_default()),
        purchase: match from.instance_lifecycle {
            Some(sdk::InstanceLifecycleType::Spot) => Purchase::Spot,
            _ => Purchase::OnDemand,
        },
        launched_at: from.launch_time.as_ref().and_then(timestamp),
        public_ip: from.public_ip_address.and_then(|ip| ip.parse().ok()),
        private_ip: from.private_ip_address.and_then(|ip| ip.parse().ok()),
        private_dns: optional(from.private_dns_name),
        image: optional(from.image_id).map(|image| strings.get(&image)),
        vpc: optional(from.vpc_id).map(|vpc| strings.get(&vpc)),
        reason: optional(from.state_transition_reason).or(reason),
        tags: tags(from.tags, strings),
    })
}

pub(super) fn tags(from: Option<Vec<sdk::Tag>>, strings: &mut Interner) -> Tags {
    let pairs = from
        .into_iter()
        .flatten()
        .filter_map(|tag| Some((tag.key?, tag.value?)));
    pairs
        .map(|(key, value)| (strings.get(&key), strings.get(&value)))
        .collect()
}

pub(super) async fn spot_fleets(cloud: &AwsCloud) -> Result<Vec<SpotFleet>> {
    const CALL: &str = "ec2:DescribeSpotFleetRequests";
    let mut strings = Interner::default();
    let mut found = Vec::new();
    let mut token = None;
    loop {
        let page = cloud
            .ec2
            .describe_spot_fleet_requests()
            .max_results(cloud.page(1000))
            .set_next_token(token.clone());
        let page = cloud.call(CALL, page.send()).await?;
        let listed = page.spot_fleet_request_configs.unwrap_or_default().into_iter();
        found.extend(listed.filter_map(|one| spot_fleet(one, &cloud.scope, &mut strings)));
        token = cloud.next_page(CALL, token, page.next_token)?;
        if token.is_none() {
            return Ok(found);
        }
    }
}

/// `None` for a request that is cancelled and over.
fn spot_fleet(from: sdk::SpotFleetRequestConfig, scope: &Scope, strings: &mut Interner) -> Option<SpotFleet> {
    let state = from
        .spot_fleet_request_state
        .filter(|state| *state != sdk::BatchState::Cancelled)?;
    let config = from.spot_fleet_request_config?;
    let launched = config.launch_specifications.into_iter().flatten();
    let launched = launched.filter_map(|specification| specification.instance_type);
    let overrides = config.launch_template_configs.into_iter().flatten();
    let overrides = overrides.flat_map(|template| template.overrides.unwrap_or_default());
    let overrides = overrides.filter_map(|one| one.instance_type);
    let mut types: Vec<SmolStr> = Vec::new();
    for listed in launched.chain(overrides) {
        let listed = strings.get(listed.as_str());
        if !types.contains(&listed) {
            types.push(listed);
        }
    }
    Some(SpotFleet {
        scope: scope.clone(),
        id: SmolStr::new(from.spot_fleet_request_id?),
        state: strings.get(state.as_str()),
        target: u32::try_from(config.target_capacity?).ok()?,
        // A float-to-integer cast rounds towards zero and keeps to the range.
        fulfilled: config.fulfilled_capacity.unwrap_or_default() as u32,
        types: types.into(),
        tags: tags(from.tags, strings),
    })
}

pub(super) async fn notices(cloud: &AwsCloud) -> Result<Vec<Notice>> {
    const CALL: &str = "ec2:DescribeSpotInstanceRequests";
    let mut found = Vec::new();
    let mut token: Option<String> = None;
    loop {
        // Emulators of EC2 do not know the filter by status; there the active requests are sifted here.
        let is_plain = cloud.lacks_status_filter.load(Ordering::Relaxed);
        let marked = if is_plain {
            filter("state", ["active"])
        } else {
            filter("status-code", MARKED)
        };
        let page = cloud
            .ec2
            .describe_spot_instance_requests()
            .filters(marked)
            .max_results(cloud.page(1000))
            .set_next_token(token.clone());
        cloud.meter.budget.acquire(CALL).await;
        let page = match page.send().await {
            Err(refused) if cloud.may_be_emulator && !is_plain && error::is_bare_server_error(&refused) => {
                cloud.lacks_status_filter.store(true, Ordering::Relaxed);
                token = None;
                continue;
            }
            answer => answer.map_err(|refused| error::translate(CALL, &cloud.scope, &refused))?,
        };
        found.extend(
            page.spot_instance_requests
                .unwrap_or_default()
                .into_iter()
                .filter_map(notice),
        );
        token = cloud.next_page(CALL, token, page.next_token)?;
        if token.is_none() {
            return Ok(found);
        }
    }
}

/// `None` for a request that is not marked.
fn notice(from: sdk::SpotInstanceRequest) -> Option<Notice> {
    let status = from.status?;
    status.code.filter(|code| MARKED.contains(&code.as_str()))?;
    Some(Notice {
        instance: InstanceId::new(from.instance_id?),
        kind: NoticeKind::Interruption,
        at: status.update_time.as_ref().and_then(timestamp)?,
    })
}

pub(super) async fn spot_prices(cloud: &AwsCloud, types: &[SmolStr], since: Timestamp) -> Result<Vec<SpotPrice>> {
    const CALL: &str = "ec2:DescribeSpotPriceHistory";
    let since = DateTime::from_secs_and_nanos(since.as_second(), 0);
    let mut strings = Interner::default();
    let mut seen = HashSet::new();
    let mut found = Vec::new();
    for types in types.chunks(TYPES_AT_ONCE) {
        let mut token = None;
        loop {
            let asked = types.iter().map(|one| sdk::InstanceType::from(one.as_str())).collect();
            let page = cloud
                .ec2
                .describe_spot_price_history()
                .set_instance_types(Some(asked))
                .set_product_descriptions(Some(LINUX.map(str::to_owned).to_vec()))
                .start_time(since)
                .max_results(cloud.page(1000))
                .set_next_token(token.clone());
            let page = cloud.call(CALL, page.send()).await?;
            let listed = page.spot_price_history.unwrap_or_default().into_iter();
            let listed = listed.filter_map(|one| spot_price(one, &cloud.scope.region, &mut strings));
            // The same price is listed under both product descriptions where both exist.
            found.extend(listed.filter(|price| {
                types.contains(&price.instance_type)
                    && seen.insert((price.instance_type.clone(), price.zone.clone(), price.at))
            }));
            token = cloud.next_page(CALL, token, page.next_token)?;
            if token.is_none() {
                break;
            }
        }
    }
    Ok(found)
}

/// `None` for a price that cannot be told: unknown is not 0.
fn spot_price(from: sdk::SpotPrice, region: &SmolStr, strings: &mut Interner) -> Option<SpotPrice> {
    let usd: f64 = from.spot_price?.parse().ok()?;
    (usd.is_finite() && usd > 0.0).then_some(())?;
    Some(SpotPrice {
        region: region.clone(),
        instance_type: strings.get(from.instance_type?.as_str()),
        zone: strings.get(&from.availability_zone?),
        at: from.timestamp.as_ref().and_then(timestamp)?,
        usd,
    })
}

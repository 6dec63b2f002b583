//! The machines: what all of them are launched with, the servers, and how the stack learns that they are ready.

use serde_json::{Value, json};

use super::super::boot::{self, Made};
use super::super::{SERVERS, Store};
use super::network::Place;
use super::scripts::{self, Settings};
use super::{CREATED_BY, Draft, FIRST_SERVERS, attribute, pools, refer};
use crate::blueprint::SshKey;
use crate::blueprint::tags::TAG_CREATED_BY;
use crate::fleet::{Arch, Purchase, Role, TAG_CLUSTER, TAG_POOL, TAG_ROLE, TAG_SHAPE};

const READY_SECONDS: u32 = 1800;

/// What a pool is launched with.
pub(super) struct Launch<'a> {
    pub(super) resource: String,
    pub(super) pool: &'a str,
    pub(super) role: Role,
    pub(super) arch: Arch,
    pub(super) types: &'a [smol_str::SmolStr],
    pub(super) volume_gib: u32,
    pub(super) settings: Settings,
    /// Whether machines get their tags from here: a group gives them its own.
    pub(super) tags_machines: bool,
}

/// Adds the machines.
pub(super) fn add(draft: &mut Draft<'_>, place: &Place) {
    let about = "Who made the cluster, for the tags of volumes";
    draft.parameter(CREATED_BY, "String", Some("k3fleet".into()), about);
    let about = "How many servers the stack waits for when it is made; leave it at its previous value in updates";
    draft.parameter(FIRST_SERVERS, "Number", Some(draft.ha.servers.into()), about);
    let made = made(draft);
    let server = boot::server_settings(draft.spec, draft.ha, &made);
    scripts::add(draft, &server);
    launch_template(
        draft,
        Launch {
            resource: "ServerTemplate".to_owned(),
            pool: SERVERS,
            role: Role::Server,
            arch: draft.spec.arch,
            types: &draft.spec.types,
            volume_gib: draft.spec.volume_gib,
            settings: server,
            tags_machines: false,
        },
    );
    servers(draft, place);
    draft.add("ServersSignal", "CloudFormation::WaitConditionHandle", json!({}));
    let ready = json!({
        "Handle": refer("ServersSignal"),
        "Count": refer(FIRST_SERVERS),
        "Timeout": READY_SECONDS.to_string(),
    });
    draft.add("ServersReady", "CloudFormation::WaitCondition", ready);
    draft.after("ServersReady", &["Servers".to_owned()]);
    pools::add(draft, place, &made);
}

fn made(draft: &Draft<'_>) -> Made {
    let nothing = || boot::Value::Text(String::new());
    let when = |yes: bool, value: Value| if yes { boot::Value::Made(value) } else { nothing() };
    let aurora = matches!(draft.ha.store, Store::Aurora { .. });
    Made {
        api: boot::Value::Made(attribute("DNSName", "ApiBalancer")),
        sans: when(draft.ha.public_api, attribute("DNSName", "PublicBalancer")),
        signal: boot::Value::Made(refer("ServersSignal")),
        bucket: when(draft.ha.store.is_etcd(), refer("Snapshots")),
        db_host: when(aurora, attribute("Endpoint.Address", "Database")),
        db_secret: when(aurora, refer("DatabaseLogin")),
        efs: when(draft.ha.shared_storage, refer("FileSystem")),
    }
}

/// The tags of a pool's machines and of what belongs to them.
pub(super) fn tags(draft: &Draft<'_>, pool: &str, role: Role) -> Vec<Value> {
    let name = format!("{}-{pool}", draft.spec.name);
    let own = [
        (TAG_SHAPE, draft.spec.shape.as_str().into()),
        (TAG_CREATED_BY, refer(CREATED_BY)),
        (TAG_POOL, pool.into()),
        (TAG_ROLE, role.as_str().into()),
        ("Name", Value::from(name)),
    ];
    let own = own.map(|(key, value)| json!({"Key": key, "Value": value}));
    std::iter::once(cluster(draft)).chain(own).collect()
}

/// The tag that says whose something is.
fn cluster(draft: &Draft<'_>) -> Value {
    json!({"Key": TAG_CLUSTER, "Value": draft.spec.name})
}

/// Adds a launch template, and the parameter with its image.
pub(super) fn launch_template(draft: &mut Draft<'_>, launch: Launch<'_>) {
    let (image, about) = match launch.arch {
        Arch::Amd64 => ("ImageAmd64", "The image of amd64 machines"),
        _ => ("ImageArm64", "The image of arm64 machines"),
    };
    let default = draft.site.images.get(&launch.arch).map(|image| image.as_str().into());
    draft.parameter(image, "AWS::EC2::Image::Id", default, about);
    let (profile, group) = match launch.role {
        Role::Server => ("ServerProfile", "ServerSecurity"),
        Role::Agent => ("WorkerProfile", "WorkerSecurity"),
    };
    let tags = tags(draft, launch.pool, launch.role);
    let mut tagged = vec![json!({"ResourceType": "volume", "Tags": tags})];
    if launch.tags_machines {
        tagged.push(json!({"ResourceType": "instance", "Tags": tags}));
    }
    let mut data = json!({
        "ImageId": refer(image),
        "InstanceType": launch.types.first(),
        "IamInstanceProfile": {"Name": refer(profile)},
        "SecurityGroupIds": [refer("NodeSecurity"), refer(group)],
        "MetadataOptions": {"HttpTokens": "required", "HttpPutResponseHopLimit": 1},
        // The node is named after its instance, and so is the host.
        "PrivateDnsNameOptions": {"HostnameType": "resource-name"},
        "BlockDeviceMappings": [{
            "DeviceName": draft.spec.image.root_device(),
            "Ebs": {
                "VolumeSize": launch.volume_gib,
                "VolumeType": "gp3",
                "Encrypted": true,
                "DeleteOnTermination": true,
            },
        }],
        "TagSpecifications": tagged,
        "UserData": scripts::user_data(launch.role, &launch.settings),
    });
    if let Some(SshKey::Pair(name)) = &draft.spec.ssh {
        data["KeyName"] = name.as_str().into();
    }
    let template = json!({
        "LaunchTemplateName": draft.names.group(launch.pool),
        "LaunchTemplateData": data,
        "TagSpecifications": [{"ResourceType": "launch-template", "Tags": [cluster(draft)]}],
    });
    draft.add(launch.resource, "EC2::LaunchTemplate", template);
}

/// Which launch template, in its newest version.
pub(super) fn newest(template: &str) -> Value {
    json!({"LaunchTemplateId": refer(template), "Version": attribute("LatestVersionNumber", template)})
}

/// What all groups of machines have: the reaper is asked before a machine goes, and capacity that somebody else has set
/// since is left alone.
pub(super) fn group(draft: &mut Draft<'_>, name: &str, pool: &str, role: Role, mut properties: Value) {
    // Who made the cluster is a tag of the stack, which groups hand on as well.
    let tags: Vec<Value> = tags(draft, pool, role)
        .into_iter()
        .filter(|tag| tag["Key"] != TAG_CREATED_BY)
        .map(|mut tag| {
            tag["PropagateAtLaunch"] = true.into();
            tag
        })
        .collect();
    properties["AutoScalingGroupName"] = draft.names.group(pool).into();
    properties["Tags"] = tags.into();
    properties["LifecycleHookSpecificationList"] = json!([{
        "LifecycleHookName": "k3fleet-drain",
        "LifecycleTransition": "autoscaling:EC2_INSTANCE_TERMINATING",
        "HeartbeatTimeout": 300,
        "DefaultResult": "CONTINUE",
    }]);
    draft.add(name, "AutoScaling::AutoScalingGroup", properties);
    if let Some(group) = draft.resources.get_mut(name) {
        group["UpdatePolicy"] = json!({"AutoScalingScheduledAction": {"IgnoreUnmodifiedGroupSizeProperties": true}});
    }
}

/// The servers. The group may have one more than it needs while one takes another's place; CloudFormation itself replaces
/// none of them, since only k3fleet looks at etcd's quorum.
fn servers(draft: &mut Draft<'_>, place: &Place) {
    let mut targets = vec![refer("ApiTargets")];
    let mut before = place.way.clone();
    before.push("ApiListener".to_owned());
    if draft.ha.public_api {
        targets.push(refer("PublicApiTargets"));
        before.push("PublicApiListener".to_owned());
    }
    if draft.ha.ingress && draft.ha.pools.is_empty() {
        targets.extend(["HttpTargets", "HttpsTargets"].map(refer));
        before.extend(["HttpListener", "HttpsListener"].map(String::from));
    }
    if matches!(draft.ha.store, Store::Aurora { .. }) {
        before.push("DatabaseWriter".to_owned());
    }
    let on_demand = if draft.spec.purchase == Purchase::Spot { 0 } else { 100 };
    let overrides: Vec<Value> = draft
        .spec
        .types
        .iter()
        .map(|kind| json!({"InstanceType": kind}))
        .collect();
    let servers = draft.ha.servers;
    let properties = json!({
        "MinSize": servers.to_string(),
        "DesiredCapacity": servers.to_string(),
        "MaxSize": (servers + 1).to_string(),
        "VPCZoneIdentifier": place.subnets,
        "HealthCheckType": "ELB",
        "HealthCheckGracePeriod": 900,
        "TargetGroupARNs": targets,
        "MixedInstancesPolicy": {
            "InstancesDistribution": {
                "OnDemandPercentageAboveBaseCapacity": on_demand,
                "SpotAllocationStrategy": "price-capacity-optimized",
            },
            "LaunchTemplate": {"LaunchTemplateSpecification": newest("ServerTemplate"), "Overrides": overrides},
        },
    });
    group(draft, "Servers", SERVERS, Role::Server, properties);
    draft.after("Servers", &before);
}

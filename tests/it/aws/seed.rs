//! Fills an account on the moto server, through the SDK itself.

use aws_sdk_autoscaling::types as asg;
use aws_sdk_ec2::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_ec2::types as ec2;

use crate::support::moto::Account;

/// The SDK's own clients, to seed an account with.
pub(crate) struct Seed {
    pub(crate) ec2: aws_sdk_ec2::Client,
    pub(crate) autoscaling: aws_sdk_autoscaling::Client,
}

impl Seed {
    pub(crate) fn new(account: &Account, region: &str) -> Self {
        let keys = account.keys.clone();
        let credentials = Credentials::new(keys.id, keys.secret, keys.session, None, "test");
        let ec2 = aws_sdk_ec2::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .credentials_provider(credentials.clone())
            .region(Region::new(region.to_owned()))
            .endpoint_url(&account.url);
        let autoscaling = aws_sdk_autoscaling::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .credentials_provider(credentials)
            .region(Region::new(region.to_owned()))
            .endpoint_url(&account.url);
        Self {
            ec2: aws_sdk_ec2::Client::from_conf(ec2.build()),
            autoscaling: aws_sdk_autoscaling::Client::from_conf(autoscaling.build()),
        }
    }

    /// An Amazon Linux image, which moto knows without being told.
    pub(crate) async fn image(&self) -> String {
        let name = ec2::Filter::builder()
            .name("name")
            .values("al2023-ami-*-x86_64")
            .build();
        let images = self.ec2.describe_images().filters(name).send().await.expect("images");
        let image = images.images().first().and_then(|image| image.image_id());
        image.expect("moto has Amazon Linux").to_owned()
    }

    /// The default subnet of each zone.
    pub(crate) async fn subnets(&self) -> Vec<String> {
        let subnets = self.ec2.describe_subnets().send().await.expect("subnets");
        subnets
            .subnets()
            .iter()
            .filter_map(|one| one.subnet_id().map(str::to_owned))
            .collect()
    }

    pub(crate) async fn template(&self, image: &str) -> String {
        let data = ec2::RequestLaunchTemplateData::builder()
            .image_id(image)
            .instance_type(ec2::InstanceType::T3Small)
            .build();
        let made = self
            .ec2
            .create_launch_template()
            .launch_template_name("k3s")
            .launch_template_data(data)
            .send()
            .await;
        let template = made.expect("a launch template").launch_template.expect("the template");
        template.launch_template_id.expect("its id")
    }

    /// `count` lone instances, each in a reservation of its own.
    pub(crate) async fn lone(&self, count: usize, image: &str, spot: bool, tags: &[(&str, &str)]) -> Vec<String> {
        let tags = tags
            .iter()
            .map(|(key, value)| ec2::Tag::builder().key(*key).value(*value).build());
        let tags = ec2::TagSpecification::builder()
            .resource_type(ec2::ResourceType::Instance)
            .set_tags(Some(tags.collect()))
            .build();
        let market = spot.then(|| {
            ec2::InstanceMarketOptionsRequest::builder()
                .market_type(ec2::MarketType::Spot)
                .build()
        });
        let mut ids = Vec::new();
        for _ in 0..count {
            let run = self
                .ec2
                .run_instances()
                .image_id(image)
                .instance_type(ec2::InstanceType::T3Micro)
                .min_count(1)
                .max_count(1)
                .tag_specifications(tags.clone())
                .set_instance_market_options(market.clone());
            let run = run.send().await.expect("an instance");
            ids.extend(
                run.instances()
                    .iter()
                    .filter_map(|one| one.instance_id().map(str::to_owned)),
            );
        }
        ids
    }

    pub(crate) async fn group(&self, name: &str, size: i32, template: &str, subnets: &[String]) {
        let template = asg::LaunchTemplateSpecification::builder()
            .launch_template_id(template)
            .version("$Latest");
        self.autoscaling
            .create_auto_scaling_group()
            .auto_scaling_group_name(name)
            .launch_template(template.build())
            .min_size(0)
            .max_size(9)
            .desired_capacity(size)
            .vpc_zone_identifier(subnets.join(","))
            .tags(tag(name, "k3fleet:cluster", "prod"))
            .send()
            .await
            .expect("a group");
    }

    /// A Spot Fleet that keeps its target, of the pool `burst`; its id.
    pub(crate) async fn spot_fleet(
        &self,
        target: i32,
        types: &[ec2::InstanceType],
        image: &str,
        subnet: &str,
    ) -> String {
        let specifications = types.iter().map(|one| {
            ec2::SpotFleetLaunchSpecification::builder()
                .image_id(image)
                .instance_type(one.clone())
                .subnet_id(subnet)
                .weighted_capacity(1.0)
                .spot_price("0.05")
                .build()
        });
        let tags = ec2::TagSpecification::builder()
            .resource_type(ec2::ResourceType::SpotFleetRequest)
            .tags(ec2::Tag::builder().key("k3fleet:pool").value("burst").build());
        let config = ec2::SpotFleetRequestConfigData::builder()
            .iam_fleet_role("arn:aws:iam::100000000003:role/fleet")
            .target_capacity(target)
            .spot_price("0.05")
            .allocation_strategy(ec2::AllocationStrategy::LowestPrice)
            .set_launch_specifications(Some(specifications.collect()))
            .tag_specifications(tags.build())
            .build();
        let request = self.ec2.request_spot_fleet().spot_fleet_request_config(config);
        let request = request.send().await.expect("a fleet");
        request.spot_fleet_request_id().expect("its id").to_owned()
    }

    pub(crate) async fn mixed_group(&self, name: &str, size: i32, template: &str, subnets: &[String]) {
        let template = asg::LaunchTemplateSpecification::builder()
            .launch_template_id(template)
            .version("$Latest");
        let overrides = ["t3.medium", "t3a.medium", "m6i.large"];
        let overrides = overrides.map(|one| asg::LaunchTemplateOverrides::builder().instance_type(one).build());
        let policy = asg::MixedInstancesPolicy::builder()
            .launch_template(
                asg::LaunchTemplate::builder()
                    .launch_template_specification(template.build())
                    .set_overrides(Some(overrides.to_vec()))
                    .build(),
            )
            .instances_distribution(
                asg::InstancesDistribution::builder()
                    .on_demand_base_capacity(2)
                    .on_demand_percentage_above_base_capacity(25)
                    .build(),
            );
        self.autoscaling
            .create_auto_scaling_group()
            .auto_scaling_group_name(name)
            .mixed_instances_policy(policy.build())
            .min_size(3)
            .max_size(40)
            .desired_capacity(size)
            .vpc_zone_identifier(subnets.join(","))
            .tags(tag(name, "k3fleet:role", "agent"))
            .send()
            .await
            .expect("a mixed group");
    }
}

fn tag(group: &str, key: &str, value: &str) -> asg::Tag {
    asg::Tag::builder()
        .resource_type("auto-scaling-group")
        .resource_id(group)
        .key(key)
        .value(value)
        .propagate_at_launch(true)
        .build()
}

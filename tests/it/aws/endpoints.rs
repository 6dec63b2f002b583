//! The endpoints of a VPC, which clusters share: against moto.

use aws_sdk_ec2::types as ec2;
use k3fleet::provider::Cloud;

use super::moto::seen_through;
use super::options;
use super::seed::Seed;
use crate::support::moto;

async fn endpoint(seed: &Seed, vpc: &str, service: &str, kind: ec2::VpcEndpointType, named: bool) {
    let made = seed.ec2.create_vpc_endpoint().vpc_id(vpc);
    let made = made.service_name(format!("com.amazonaws.eu-west-1.{service}"));
    let made = made.vpc_endpoint_type(kind).private_dns_enabled(named);
    made.send().await.expect("an endpoint");
}

#[tokio::test]
async fn the_services_that_a_vpc_reaches_by_their_own_names_are_told_once() {
    let Some(account) = moto::account("700000000035").await else {
        return;
    };
    let seed = Seed::new(&account, "eu-west-1");
    let cloud = seen_through(&account, "eu-west-1", options());
    let vpcs = seed.ec2.describe_vpcs().send().await.expect("VPCs");
    let vpc = vpcs.vpcs()[0].vpc_id().expect("its id").to_owned();
    assert_eq!(cloud.endpoints(&vpc).await.expect("none yet"), Vec::<&str>::new());

    endpoint(&seed, &vpc, "secretsmanager", ec2::VpcEndpointType::Interface, true).await;
    endpoint(&seed, &vpc, "autoscaling", ec2::VpcEndpointType::Interface, true).await;
    // Of two clusters, one of which came before the other was seen.
    endpoint(&seed, &vpc, "autoscaling", ec2::VpcEndpointType::Interface, true).await;
    // Nobody finds this one by the service's own name, and this is no interface.
    endpoint(&seed, &vpc, "sqs", ec2::VpcEndpointType::Interface, false).await;
    endpoint(&seed, &vpc, "s3", ec2::VpcEndpointType::Gateway, false).await;
    let other = seed.ec2.create_vpc().cidr_block("10.9.0.0/16").send().await;
    let other = other.expect("a VPC").vpc.expect("told").vpc_id.expect("its id");
    endpoint(&seed, &other, "ssm", ec2::VpcEndpointType::Interface, true).await;

    assert_eq!(
        cloud.endpoints(&vpc).await.expect("endpoints"),
        ["autoscaling", "secretsmanager"]
    );
    assert_eq!(cloud.endpoints(&other).await.expect("endpoints"), ["ssm"]);
}

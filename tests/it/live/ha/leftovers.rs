//! What Kubernetes and etcd leave at AWS beside a cluster's stack.

use aws_sdk_ec2::types as ec2;

use super::super::REGION;
use super::Stand;
use crate::aws::seed::Seed;

/// What begins the key of the tag by which Kubernetes marks its own.
const OWNED: (&str, &str) = ("kubernetes.io/cluster/shop", "owned");

/// Kubernetes has made a load balancer for a Service, and a volume for a claim.
pub(super) async fn of_kubernetes(stand: &Stand) {
    let seed = Seed::new(&stand.account, REGION);
    let subnets = seed.subnets().await;
    let form = format!(
        "Action=CreateLoadBalancer&Version=2015-12-01&Name=a1b2c3&Type=network&Subnets.member.1={}\
         &Tags.member.1.Key={}&Tags.member.1.Value={}",
        subnets[0], OWNED.0, OWNED.1
    );
    let told = stand
        .account
        .ask(REGION, "elasticloadbalancing", "POST", "/", &form)
        .await;
    let (_, arn) = told.split_once("<LoadBalancerArn>").expect("its ARN");
    stand.serve("demo", "web", arn.split('<').next().expect("its ARN"));
    let tags = ec2::TagSpecification::builder()
        .resource_type(ec2::ResourceType::Volume)
        .tags(ec2::Tag::builder().key(OWNED.0).value(OWNED.1).build());
    let volume = seed.ec2.create_volume().availability_zone(format!("{REGION}a")).size(8);
    let made = volume.tag_specifications(tags.build()).send().await;
    made.expect("a volume");
}

/// Two snapshots of etcd lie in a bucket, one of them in two versions, the other deleted since.
pub(super) async fn snapshots(stand: &Stand, bucket: &str) {
    let of_s3 = async |method, path: &str, body| {
        let path = format!("/{bucket}{path}");
        stand.account.ask(REGION, "s3", method, &path, body).await
    };
    let (one, other) = ("/etcd/ip-10-0-1-4%201", "/etcd/on-demand=2");
    of_s3("PUT", one, "the first").await;
    of_s3("PUT", one, "another").await;
    of_s3("PUT", other, "the second").await;
    of_s3("DELETE", other, "").await;
    let told = of_s3("GET", "/?versions&max-keys=9", "").await;
    let count = |what: &str| told.matches(what).count();
    assert_eq!((count("<Version>"), count("<DeleteMarker>")), (3, 1), "{told}");
}

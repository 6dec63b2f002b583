//! The stack of a highly available cluster as Terraform's AWS provider reads it back: somebody who knows nothing of k3fleet
//! sees in AWS what k3fleet says it has made.

use std::collections::BTreeSet;
use std::fs;

use k3fleet::blueprint::ha::template::template;
use k3fleet::provider::{Cloud, CloudControl, StackOrder};
use serde_json::Value;

use super::cluster_stack::site;
use super::moto::seen_through;
use super::options;
use super::seed::Seed;
use super::stack_rig::behave;
use crate::support::moto;
use crate::support::terraform::Terraform;
use crate::template::spec;

/// What is looked for, by the names that the cluster has in AWS.
const LOOKS: &str = r#"
data "aws_cloudformation_stack" "cluster" {
  name = "k3fleet-shop"
}

data "aws_autoscaling_group" "each" {
  for_each = toset(["k3s_servers", "k3s_workers"])
  name     = "k3fleet-shop-${each.key}"
}

data "aws_launch_template" "each" {
  for_each = toset(["k3s_servers", "k3s_workers"])
  name     = "k3fleet-shop-${each.key}"
}

data "aws_instances" "machines" {
  instance_tags = { "k3fleet:cluster" = "shop", "k3fleet:shape" = "ha" }
}

data "aws_lb" "api" {
  tags = { "k3fleet:cluster" = "shop" }
}

data "aws_lb_listener" "api" {
  load_balancer_arn = data.aws_lb.api.arn
  port              = 6443
}

data "aws_secretsmanager_secret" "kubeconfig" {
  name = "k3fleet/shop/kubeconfig"
}

output "seen" {
  value = {
    outputs   = data.aws_cloudformation_stack.cluster.outputs
    tags      = data.aws_cloudformation_stack.cluster.tags
    sizes     = { for name, group in data.aws_autoscaling_group.each : name => [group.min_size, group.desired_capacity, group.max_size] }
    health    = { for name, group in data.aws_autoscaling_group.each : name => group.health_check_type }
    images    = { for name, template in data.aws_launch_template.each : name => template.image_id }
    imds      = { for name, template in data.aws_launch_template.each : name => template.metadata_options[0].http_tokens }
    machines  = data.aws_instances.machines.ids
    balancer  = { kind = data.aws_lb.api.load_balancer_type, internal = data.aws_lb.api.internal, dns = data.aws_lb.api.dns_name }
    listener  = data.aws_lb_listener.api.protocol
    secret    = data.aws_secretsmanager_secret.kubeconfig.name
  }
}
"#;

fn provider(url: &str) -> String {
    let services = ["autoscaling", "cloudformation", "ec2", "elbv2", "secretsmanager"];
    let endpoints: String = services.map(|service| format!("    {service} = \"{url}\"\n")).concat();
    format!(
        r#"provider "aws" {{
  region                      = "eu-west-1"
  skip_credentials_validation = true
  skip_metadata_api_check     = true
  skip_region_validation      = true
  skip_requesting_account_id  = true

  endpoints {{
{endpoints}  }}
}}
"#
    )
}

#[tokio::test]
async fn what_is_made_is_what_terraform_sees() {
    let Some(account) = moto::account("700000000091").await else {
        return;
    };
    let home = tempfile::tempdir().expect("a directory");
    fs::write(home.path().join("main.tf"), provider(&account.url) + LOOKS).expect("written");
    let Some(terraform) = Terraform::ready(home.path()) else {
        return;
    };
    let terraform = terraform
        .with("AWS_ACCESS_KEY_ID", &account.keys.id)
        .with("AWS_SECRET_ACCESS_KEY", &account.keys.secret)
        .with("AWS_SESSION_TOKEN", account.keys.session.clone().unwrap_or_default());

    behave(&account, serde_json::json!({"signal": true})).await;
    let cloud = seen_through(&account, "eu-west-1", options());
    let spec = spec();
    let seed = Seed::new(&account, "eu-west-1");
    let site = site(&cloud, &seed).await;
    let order = StackOrder {
        name: "k3fleet-shop".into(),
        template: template(&spec, &site).to_string(),
        parameters: vec![],
        kept: vec![],
        tags: vec![("k3fleet:cluster".into(), "shop".into()), ("team".into(), "web".into())],
        token: "launch-1".into(),
    };
    let set = cloud.propose_stack(&order).await.expect("a change set");
    cloud
        .execute_change_set(&set, "launch-1", true)
        .await
        .expect("executed");
    let stack = cloud.stack_now("k3fleet-shop").await.expect("told").expect("a stack");
    assert!(stack.status.is_good(), "{:?}", stack.status);

    let seen: Value = tokio::task::spawn_blocking(move || {
        terraform.run(&["apply", "-auto-approve"]);
        serde_json::from_str(&terraform.run(&["output", "-json", "seen"])).expect("JSON")
    })
    .await
    .expect("it ran");

    let ours: Value = stack
        .outputs
        .iter()
        .map(|(k, v)| (k.to_string(), Value::from(v.as_str())))
        .collect();
    assert_eq!(seen["outputs"], ours);
    assert_eq!(
        (&seen["tags"]["k3fleet:cluster"], &seen["tags"]["team"]),
        (&"shop".into(), &"web".into())
    );
    for group in cloud.asgs().await.expect("groups") {
        let pool = group.name.trim_start_matches("k3fleet-shop-");
        let sizes = serde_json::json!([group.min, group.desired, group.max]);
        assert_eq!(seen["sizes"][pool], sizes, "{pool}");
        assert_eq!(seen["imds"][pool], "required");
        assert_eq!(seen["images"][pool], site.images[&k3fleet::fleet::Arch::Arm64].as_str());
    }
    assert_eq!(
        (&seen["health"]["k3s_servers"], &seen["health"]["k3s_workers"]),
        (&"ELB".into(), &"EC2".into())
    );
    let theirs: BTreeSet<_> = seen["machines"]
        .as_array()
        .expect("machines")
        .iter()
        .filter_map(Value::as_str)
        .collect();
    let machines = cloud.instances().await.expect("instances");
    let ours: BTreeSet<_> = machines.iter().map(|machine| machine.id.as_str()).collect();
    assert_eq!(theirs, ours);
    let balancer = &seen["balancer"];
    assert_eq!(
        (&balancer["kind"], &balancer["internal"]),
        (&"network".into(), &true.into())
    );
    let endpoint = stack.output("ApiEndpoint").expect("the API");
    assert_eq!(
        format!("https://{}:6443", balancer["dns"].as_str().expect("a name")),
        endpoint.as_str()
    );
    assert_eq!(
        (&seen["listener"], &seen["secret"]),
        (&"TCP".into(), &"k3fleet/shop/kubeconfig".into())
    );
}

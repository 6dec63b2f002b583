//! Faults told in a scenario, and what is wrong with a scenario.

use std::time::Duration;

use futures::StreamExt;

use super::*;
use crate::provider::{Change, ProviderError};

fn fault(target: &str, kind: &str, more: &str) -> String {
    format!("[[faults]]\nat = \"10s\"\nfor = \"20s\"\ntarget.{target}\nkind = \"{kind}\"\n{more}\n")
}

fn in_full(error: &ProviderError) -> bool {
    !error.call.is_empty()
        && !error.target.is_empty()
        && !error.message.is_empty()
        && error.to_string().contains(&*error.call)
}

#[tokio::test(start_paused = true)]
async fn each_kind_of_fault_hits_its_target_and_passes() {
    for (word, kind) in [
        ("throttled", FaultKind::Throttled),
        ("denied", FaultKind::Denied),
        ("dead", FaultKind::Unreachable),
        ("expired-credentials", FaultKind::Credentials),
        ("malformed", FaultKind::Malformed),
    ] {
        let all = ["scope = \"eu-west-1\"", "context = \"prod\""]
            .map(|t| fault(t, word, ""))
            .concat();
        let (_world, p) = told(&all);
        let (eu, us) = (cloud(&p, "eu-west-1"), cloud(&p, "us-east-1"));
        assert!(eu.instances().await.is_ok());
        secs(10).await;
        let error = eu.instances().await.unwrap_err();
        assert_eq!(
            (error.kind, error.call.as_str(), error.target.as_str()),
            (kind, "ec2:DescribeInstances", "eu-west-1")
        );
        assert!(in_full(&error));
        assert!(us.instances().await.is_ok());
        assert!(
            eu.check()
                .await
                .iter()
                .all(|c| c.outcome.as_ref().is_err_and(|e| e.kind == kind))
        );
        let error = kube(&p, "prod").list_pods().await.unwrap_err();
        assert_eq!((error.kind, error.call.as_str()), (kind, "list pods"));
        assert!(in_full(&error));
        assert!(kube(&p, "ci").list_pods().await.is_ok());
        secs(20).await;
        assert!(eu.instances().await.is_ok());
        assert!(kube(&p, "prod").usage().await.is_ok_and(|u| u.len() == 9));
    }
}

#[tokio::test(start_paused = true)]
async fn a_fault_may_hit_one_call_one_host_or_only_delay() {
    let all = fault(
        "scope = \"eu-west-1\"",
        "denied",
        "call = \"ec2:DescribeSpotPriceHistory\"",
    ) + &fault("host = \"pi-kiosk-01\"", "denied", "")
        + &fault("context = \"ci\"", "slow", "");
    let (world, p) = told(&all);
    secs(12).await;
    let eu = cloud(&p, "eu-west-1");
    let error = eu.spot_prices(&["t3.medium".into()], base()).await.unwrap_err();
    assert!(error.mend.contains("ec2:DescribeSpotPriceHistory"));
    assert!(eu.instances().await.is_ok());
    let denied = eu
        .check()
        .await
        .into_iter()
        .filter(|c| c.outcome.is_err())
        .map(|c| c.permission);
    assert_eq!(denied.collect::<Vec<_>>(), ["ec2:DescribeSpotPriceHistory"]);
    for host in world.edge_hosts() {
        let probe = p.shell.as_ref().unwrap().probe(&host).await;
        // The key of the other one is not known.
        let failing = ["pi-kiosk-01", "harbour-pi-03"];
        assert_eq!(probe.is_err(), failing.contains(&host.name.as_str()));
    }
    let asked = world.now();
    assert!(kube(&p, "ci").server().await.is_ok());
    assert_eq!(world.now().duration_since(asked).as_secs(), 8);
}

#[tokio::test(start_paused = true)]
async fn a_watch_tells_its_failure_paced_and_lists_anew() {
    let (_world, p) = told(&fault("context = \"prod\"", "dead", ""));
    let mut stream = kube(&p, "prod").nodes();
    let end = tokio::time::Instant::now() + Duration::from_secs(40);
    let mut told = Vec::new();
    while let Ok(change) = tokio::time::timeout_at(end, stream.next()).await {
        told.push(match change.unwrap() {
            Ok(Change::Is(_)) => continue,
            Ok(Change::Listing) => "listing",
            Ok(Change::Listed) => "listed",
            Ok(_) => "other",
            Err(error) => {
                assert_eq!(
                    (error.kind, error.call.as_str()),
                    (FaultKind::Unreachable, "watch nodes")
                );
                "error"
            }
        });
    }
    assert_eq!(told, ["listing", "listed", "error", "error", "listing", "listed"]);
}

#[test]
fn a_wrong_scenario_names_its_line() {
    let good = include_str!("../../../../assets/scenarios/demo.toml");
    let line = |text: &str, part: &str| text.lines().position(|l| l.contains(part)).unwrap() + 1;
    for (from, to, says) in [
        ("shape = \"quick\"", "shape = \"qick\"", "qick"),
        ("pods_per_node = 3", "pods_per_knot = 3", "pods_per_knot"),
        ("zone = \"us-east-1a\"", "zone = \"us-east-1x\"", "no zone `us-east-1x`"),
        (
            "types = [\"t4g.medium\"]",
            "types = [\"t9.medium\"]",
            "no type `t9.medium`",
        ),
        (
            "host = \"pi-kiosk-04\"",
            "host = \"pi-kiosk-99\"",
            "no host `pi-kiosk-99`",
        ),
        ("desired = 7", "desired = 70", "not within 6 to 8"),
        (
            "event.unhealthy = { pool = \"prod/k3s_workers\"",
            "event.unhealthy = { pool = \"prod/workers\"",
            "no pool `prod/workers`",
        ),
        (
            "event.unhealthy = { pool = \"prod/k3s_workers\" }",
            "event.never-joins = { pool = \"prod/k3s_walkers\" }",
            "no pool `prod/k3s_walkers`",
        ),
        (
            "event.unhealthy = { pool = \"prod/k3s_workers\" }",
            "event.no-capacity = { pool = \"prod/k3s_workers\" }",
            "missing field `for`",
        ),
        (
            "event.unhealthy = { pool = \"prod/k3s_workers\" }",
            "event.budget = { cluster = \"prod\", workload = \"shop/cellar\", max_unavailable = 0 }",
            "no workload `shop/cellar`",
        ),
        ("kind = \"throttled\"", "kind = \"asleep\"", "asleep"),
        ("live_step = \"20s\"", "live_step = \"20 parsecs\"", "unit designator"),
    ] {
        let text = good.replacen(from, to, 1);
        let error = Scenario::parse(&text).unwrap_err();
        let expected = line(&text, to);
        assert!(
            error.line.abs_diff(expected) <= 3 && error.line > 0,
            "{error}, expected near line {expected}"
        );
        assert!(error.to_string().contains(says), "{error}");
    }
    assert_eq!(Scenario::parse("").unwrap_err().line, 1);
}

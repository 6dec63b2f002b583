//! That a template is whole: what it names is in it, it fits, its names do, and it tells no secret.

use super::*;

/// Every name that the template uses, with the kind of its use.
fn uses(value: &Value, found: &mut Vec<(&'static str, String)>) {
    match value {
        Value::Array(all) => all.iter().for_each(|value| uses(value, found)),
        Value::Object(fields) => {
            for (key, value) in fields {
                let first = || value[0].as_str().unwrap().to_owned();
                match key.as_str() {
                    "Ref" => found.push(("Ref", value.as_str().unwrap().to_owned())),
                    "Fn::GetAtt" => found.push(("GetAtt", first())),
                    "Fn::FindInMap" => {
                        let path: Vec<_> = value
                            .as_array()
                            .unwrap()
                            .iter()
                            .map(|part| part.as_str().unwrap())
                            .collect();
                        found.push(("FindInMap", format!("/{}", path.join("/"))));
                    }
                    "DependsOn" => {
                        let names = value.as_array().unwrap().iter();
                        found.extend(names.map(|name| ("DependsOn", name.as_str().unwrap().to_owned())));
                    }
                    "Fn::Sub" => {
                        let text = value.as_str().unwrap();
                        let names = text.split("${").skip(1).map(|rest| rest.split_once('}').unwrap().0);
                        found.extend(names.map(|name| match name.split_once('.') {
                            Some((resource, _)) => ("GetAtt", resource.to_owned()),
                            None => ("Ref", name.to_owned()),
                        }));
                    }
                    _ => {}
                }
                uses(value, found);
            }
        }
        _ => {}
    }
}

const PSEUDO: [&str; 4] = ["AWS::AccountId", "AWS::Partition", "AWS::Region", "AWS::URLSuffix"];

/// What the template uses and has not, and the parameters that it has and uses not.
fn amiss(template: &Value) -> Vec<String> {
    let mut used = vec![];
    uses(template, &mut used);
    let parameter = |name: &str| template["Parameters"].get(name).is_some();
    let resource = |name: &str| resources(template).contains_key(name);
    let missing = used.iter().filter(|(kind, name)| match *kind {
        "Ref" => !parameter(name) && !resource(name) && !PSEUDO.contains(&name.as_str()),
        "FindInMap" => template["Mappings"].pointer(name).is_none(),
        _ => !resource(name),
    });
    let mut amiss: Vec<_> = missing.map(|(kind, name)| format!("{kind} {name}")).collect();
    let parameters = template["Parameters"].as_object().unwrap().keys();
    let unused = parameters.filter(|name| !used.iter().any(|(_, other)| other == *name));
    amiss.extend(unused.map(|name| format!("unused {name}")));
    amiss
}

fn assert_sound(spec: &Spec) {
    let template = template(spec, &site());
    assert_eq!(amiss(&template), Vec::<String>::new(), "{spec:?}");
    let text = template.to_string();
    assert!(text.len() < LIMIT, "{} bytes: {spec:?}", text.len());
    for (name, resource) in resources(&template) {
        assert!(
            name.len() <= 255 && name.bytes().all(|b| b.is_ascii_alphanumeric()),
            "{name}"
        );
        let properties = &resource["Properties"];
        for (field, most) in [
            ("AutoScalingGroupName", 255),
            ("LaunchTemplateName", 128),
            ("Name", 512),
        ] {
            let named = properties[field].as_str().unwrap_or_default();
            assert!(named.len() <= most, "{named}");
        }
        let role = name.trim_start_matches("Server").len() < name.len();
        assert!(
            role || !properties.to_string().contains("server-token"),
            "{name} knows the server's token"
        );
    }
}

#[test]
fn every_combination_of_options_gives_a_sound_template() {
    let all = combinations();
    assert_eq!(all.len(), 288);
    all.iter().for_each(assert_sound);
}

/// What every option adds, and all names as long as they may be.
fn largest(pools: usize) -> Spec {
    changed_unchecked(|spec, ha| {
        spec.name = "n".repeat(40).into();
        spec.from = (1..=3).map(|i| format!("203.0.113.{i}/32").into()).collect();
        ha.store = AURORA;
        ha.shared_storage = true;
        (ha.ingress, ha.public_api) = (true, true);
        ha.made_vpc = made(WayOut::Nat);
        ha.mirror = Some("https://files.example/k3s".into());
        let kinds = [PoolKind::SpotFleet, PoolKind::Asg].into_iter().cycle();
        let pools = (0..pools)
            .zip(kinds)
            .map(|(i, kind)| pool(&format!("{}{i}", "p".repeat(23)), kind));
        ha.pools = pools.collect();
    })
}

#[test]
fn as_many_pools_fit_as_the_check_lets_pass() {
    use super::super::super::check::{FITTING_POOLS, MOST_POOLS};
    let sizes: Vec<usize> = (0..=MOST_POOLS).map(|pools| size(&largest(pools))).collect();
    assert!(
        sizes[FITTING_POOLS] < LIMIT - 1000 && sizes[MOST_POOLS] > LIMIT,
        "{sizes:?}"
    );
    for (pools, size) in sizes.iter().enumerate().skip(FITTING_POOLS + 1) {
        let faults = largest(pools).check();
        assert_eq!(
            faults.iter().any(|fault| fault.field == "ha.pools"),
            *size >= LIMIT,
            "{pools}: {faults:?}"
        );
    }
    assert_sound(&largest(FITTING_POOLS));
    let plain = changed(|_, ha| {
        let names = (0..6).map(|i| format!("pool{i}"));
        ha.pools = names.map(|name| pool(&name, PoolKind::Asg)).collect();
    });
    assert_sound(&plain);
}

#[test]
fn a_function_without_room_unpacks_itself() {
    let template = template(&largest(2), &site());
    let code = resources(&template)["Reaper"]["Properties"]["Code"]["ZipFile"]
        .as_str()
        .unwrap();
    let packed = code
        .strip_prefix("import base64, gzip\nexec(gzip.decompress(base64.b64decode(\"")
        .unwrap();
    let packed = packed.strip_suffix("\")))\n").unwrap();
    let bytes = base64::Engine::decode(&base64::prelude::BASE64_STANDARD, packed).unwrap();
    let mut unpacked = String::new();
    std::io::Read::read_to_string(&mut flate2::read::GzDecoder::new(bytes.as_slice()), &mut unpacked).unwrap();
    let plain = rendered(|_, _| ());
    assert_eq!(resources(&plain)["Reaper"]["Properties"]["Code"]["ZipFile"], unpacked);
}

#[test]
fn the_same_spec_gives_the_same_template() {
    assert_eq!(rendered(|_, _| ()), rendered(|_, _| ()));
    let mut quick = crate::blueprint::example();
    quick.ha = None;
    assert_eq!(template(&quick, &site()), Value::Null);
}

#[test]
fn a_site_that_is_not_known_leaves_parameters_open() {
    let nowhere = Site {
        images: BTreeMap::new(),
        vpc: None,
        cidrs: vec![],
        subnets: vec![],
        public: true,
        endpoints: vec![],
        zones: vec![],
    };
    let spec = changed(|_, ha| ha.shared_storage = true);
    let template = template(&spec, &nowhere);
    assert_eq!(amiss(&template), Vec::<String>::new());
    for name in ["ImageArm64", "Vpc", "Subnets", "VpcCidrs"] {
        assert_eq!(template["Parameters"][name].get("Default"), None, "{name}");
    }
    assert_eq!(of_type(&template, "EFS::MountTarget").len(), 1);
}

#[test]
fn pools_have_names_of_their_own_in_the_template() {
    assert_eq!(resource_of_pool("k3s_workers"), "PoolK3sUworkers");
    let names = ["a-b", "a_b", "ab", "a--b", "adb", "aub"].map(resource_of_pool);
    assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len());
}

/// The text of a launch template's user data: functions that only AWS can answer become `@`.
fn user_data(template: &Value, resource: &str) -> String {
    let data = &resources(template)[resource]["Properties"]["LaunchTemplateData"]["UserData"];
    let parts = data["Fn::Base64"]["Fn::Join"][1].as_array().unwrap();
    let text = |part: &Value| match (part.as_str(), part.get("Fn::FindInMap")) {
        (Some(text), _) => text.to_owned(),
        (None, Some(path)) => {
            let [map, whose, what] = [0, 1, 2].map(|i| path[i].as_str().unwrap());
            template["Mappings"][map][whose][what].as_str().unwrap().to_owned()
        }
        (None, None) => "@".to_owned(),
    };
    parts.iter().map(text).collect()
}

#[test]
fn a_machine_unpacks_the_scripts_that_it_is_to_run() {
    let spec = changed(|_, ha| ha.shared_storage = true);
    let parts = super::super::super::boot::parts(&spec, spec.ha.as_ref().unwrap());
    let template = template(&spec, &site());
    for (resource, own) in [
        ("ServerTemplate", parts.server),
        ("PoolK3sUworkersTemplate", parts.agent),
    ] {
        let text = user_data(&template, resource);
        assert!(
            text.starts_with("#!/bin/sh\nregion='eu-west-1'\nversion='v1.36.4+k3s1'\n"),
            "{text}"
        );
        assert!(crate::blueprint::user_data::with_version(&text, "v1.37.1+k3s1").is_some());
        assert!(text.contains("\npool='k3s_") && text.contains("\napi='@'\n"), "{text}");
        assert_eq!(text.matches("#!").count(), 1, "{text}");
        let shown = text.replace("eval \"$script\"", "printf %s \"$script\"");
        let ran = std::process::Command::new("sh").arg("-c").arg(shown).output().unwrap();
        assert!(ran.status.success());
        let script = [parts.common.as_str(), own.trim_end()].concat();
        assert_eq!(String::from_utf8(ran.stdout).unwrap(), script);
        assert!(text.len() < 12_000, "{} bytes", text.len());
    }
}

#[test]
fn the_function_is_its_source_without_what_does_not_run() {
    let template = rendered(|_, _| ());
    let reaper = &resources(&template)["Reaper"]["Properties"];
    let code = reaper["Code"]["ZipFile"].as_str().unwrap();
    assert!(code.starts_with("import hashlib") && code.contains("\ndef handler(batch, context):\n end = clock()"));
    assert!(!code.contains("\n#") && !code.contains("\n\n"), "{code}");
    let variables = &reaper["Environment"]["Variables"];
    assert_eq!(variables["GROUPS"], "k3fleet-shop-k3s_servers,k3fleet-shop-k3s_workers");
    let timeout = reaper["Timeout"].as_u64().unwrap();
    let hidden = resources(&template)["ReaperQueue"]["Properties"]["VisibilityTimeout"]
        .as_u64()
        .unwrap();
    assert!(hidden >= timeout, "{hidden} {timeout}");
}

#[test]
fn each_queue_has_a_policy_that_names_it_alone() {
    let template = rendered(|_, _| ());
    for queue in ["DeadLetterQueue", "FeedQueue", "ReaperQueue"] {
        let policy = &resources(&template)[&format!("{queue}Policy")]["Properties"];
        assert_eq!(policy["Queues"], json!([{"Ref": queue}]));
        for statement in policy["PolicyDocument"]["Statement"].as_array().unwrap() {
            assert_eq!(statement["Resource"], json!({"Fn::GetAtt": [queue, "Arn"]}), "{queue}");
        }
    }
}

#[test]
fn a_fleet_buys_on_demand_as_a_group_would() {
    let share = |desired, base, percent| {
        let template = rendered(|_, ha| {
            let mut fleet = pool("fleet", PoolKind::SpotFleet);
            (fleet.desired, fleet.max) = (desired, 9);
            (fleet.min, fleet.on_demand_base, fleet.on_demand_percent) = (0, base, percent);
            ha.pools = vec![fleet];
        });
        let request = &resources(&template)["PoolFleet"]["Properties"]["SpotFleetRequestConfigData"];
        request["OnDemandTargetCapacity"].as_u64().unwrap()
    };
    assert_eq!(
        [share(6, 1, 0), share(6, 2, 50), share(6, 0, 1), share(2, 5, 100)],
        [1, 4, 1, 2]
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever passes the check of a spec: names, networks, keys, labels, taints.
    #[test]
    fn what_passes_the_check_gives_a_sound_template(
        name in "[a-z][a-z0-9-]{0,38}[a-z0-9]",
        names in proptest::collection::btree_set("[a-z][a-z0-9_-]{0,23}", 1..4),
        label in "[a-z]{1,10}(/[a-zA-Z]{1,10})?",
        from in proptest::collection::vec((0_u32..1 << 24, 8_u8..=32), 0..4),
        servers in 3_u32..8,
    ) {
        let mut spec = example();
        spec.name = name.into();
        spec.from = from
            .into_iter()
            .map(|(bits, length)| {
                let address = (bits << 8) & u32::MAX.checked_shl(32 - u32::from(length)).unwrap_or(0);
                format!("{}/{length}", std::net::Ipv4Addr::from(address)).into()
            })
            .collect();
        let mut ha = spec.ha.take().unwrap();
        ha.servers = servers | 1;
        ha.pools = names.iter().map(|name| pool(name, PoolKind::Asg)).collect();
        ha.pools[0].labels = vec![(label.as_str().into(), "a.b_C".into())];
        ha.pools[0].taints = vec![format!("{label}=x:NoExecute").into()];
        spec.ha = Some(ha);
        if spec.check().is_empty() {
            assert_sound(&spec);
        }
    }
}

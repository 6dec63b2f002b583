//! Each check of a preflight: what passes it, what is worth a word, what fails, and what is said to mend it.

use std::path::PathBuf;

use super::super::files::Source;
use super::super::joining::{Facts, Firewall, Join, Reached, Sudo};
use super::super::preflight::{Check, Verdict, judge};
use super::joins::{SERVER, candidate, join};
use super::*;
use crate::fleet::testing::{context, host};
use crate::fleet::{Arch, NodeKey};
use Verdict::{Fail, Ok as Good, Warn};

/// The check of a name, of a board that is changed a little.
fn check_in(world: &World, name: &str, change: impl FnOnce(&mut Join)) -> Check {
    let mut join = join(vec![candidate("pi-1")]);
    change(&mut join);
    let checks = judge(&world.0, &join, &join.hosts[0]);
    let mut found = checks.into_iter().filter(|c| c.name == name);
    let check = found.next().unwrap_or_else(|| panic!("there is no check {name}"));
    assert!(found.next().is_none(), "{name} is told once");
    assert!(!check.line.is_empty(), "{name}");
    let wants_mend = check.verdict == Fail;
    assert!(
        !wants_mend || !check.mend.is_empty(),
        "what fails says what mends it: {check:?}"
    );
    check
}

fn of(name: &str, change: impl FnOnce(&mut Facts)) -> Verdict {
    check(name, change).verdict
}

fn check(name: &str, change: impl FnOnce(&mut Facts)) -> Check {
    check_in(&prod(1), name, |join| change(join.hosts[0].facts.as_mut().unwrap()))
}

#[test]
fn a_good_board_passes_all() {
    let join = join(vec![candidate("pi-1")]);
    let checks = judge(&prod(1).0, &join, &join.hosts[0]);
    let bad: Vec<_> = checks.iter().filter(|c| c.verdict != Good).collect();
    assert!(bad.is_empty(), "{bad:?}");
    let names: Vec<_> = checks.iter().map(|c| c.name).collect();
    assert_eq!(
        names,
        [
            "ssh",
            "sudo",
            "arch",
            "userland",
            "memory-cgroup",
            "vxlan",
            "memory",
            "disk",
            "clock",
            "swap",
            "firewall",
            "iptables",
            "downloader",
            "init",
            "selinux",
            "hostname",
            "k3s",
            "server",
            "advertised",
            "node-password"
        ]
    );
}

#[test]
fn a_host_that_is_not_reached_has_one_check() {
    let mut join = join(vec![candidate("pi-1")]);
    join.hosts[0].facts = Err("the host key has changed".into());
    let checks = judge(&prod(1).0, &join, &join.hosts[0]);
    assert_eq!(checks.len(), 1);
    assert_eq!((checks[0].name, checks[0].verdict), ("ssh", Fail));
    assert!(checks[0].line.contains("has changed"));
}

#[test]
fn a_host_that_tells_nothing_is_warned_of_and_not_praised() {
    let silent = |facts: &mut Facts| {
        *facts = Facts {
            hostname: "pi-1".into(),
            ..Facts::default()
        };
    };
    for name in [
        "userland",
        "memory-cgroup",
        "vxlan",
        "memory",
        "disk",
        "clock",
        "swap",
        "server",
        "node-password",
    ] {
        assert_eq!(of(name, silent), Warn, "{name}");
    }
    for name in ["sudo", "arch", "downloader", "init"] {
        assert_eq!(of(name, silent), Fail, "{name}");
    }
}

#[test]
fn who_becomes_root() {
    assert_eq!(of("sudo", |f| f.sudo = Sudo::Root), Good);
    assert_eq!(of("sudo", |f| f.sudo = Sudo::Password), Fail);
    assert_eq!(of("sudo", |f| f.sudo = Sudo::No), Fail);
    let given = check_in(&prod(1), "sudo", |join| {
        join.sudo_password = true;
        join.hosts[0].facts.as_mut().unwrap().sudo = Sudo::Password;
    });
    assert_eq!(given.verdict, Good);
}

#[test]
fn which_processors() {
    let arch = |machine: &str| of("arch", |f| (f.machine, f.arch) = (machine.into(), Arch::parse(machine)));
    for good in ["aarch64", "armv7l", "x86_64"] {
        assert_eq!(arch(good), Good, "{good}");
    }
    for bad in ["armv6l", "riscv64", "mips", ""] {
        assert_eq!(arch(bad), Fail, "{bad}");
    }
    assert_eq!(
        of("arch", |f| f.machine = "armv6l".into()),
        Fail,
        "even where it counts as ARM"
    );
    assert_eq!(of("userland", |f| f.userland_bits = Some(32)), Warn);
    let armhf = |f: &mut Facts| (f.machine, f.userland_bits) = ("armv7l".into(), Some(32));
    assert_eq!(of("userland", armhf), Good);
}

#[test]
fn the_memory_cgroup_can_be_mended_on_a_pi_alone() {
    let off = |f: &mut Facts| f.memory_cgroup = Some(false);
    let elsewhere = check("memory-cgroup", off);
    assert!(elsewhere.verdict == Fail && !elsewhere.mendable);
    let on_a_pi = |f: &mut Facts| {
        f.memory_cgroup = Some(false);
        f.cmdline = Some("/boot/cmdline.txt".into());
    };
    let pi = check("memory-cgroup", on_a_pi);
    assert!(
        pi.verdict == Fail && pi.mendable && pi.mend.contains("--mend"),
        "{pi:?}"
    );
    let told = check_in(&prod(1), "memory-cgroup", |join| {
        join.mend = true;
        on_a_pi(join.hosts[0].facts.as_mut().unwrap());
    });
    assert!(told.verdict == Warn && told.mendable, "{told:?}");
}

#[test]
fn what_it_is_made_of() {
    let memory = |mib| of("memory", |f| f.memory_mib = Some(mib));
    assert_eq!((memory(256), memory(426), memory(512)), (Fail, Warn, Good));
    let disk = |mib| of("disk", |f| f.disk_free_mib = Some(mib));
    assert_eq!((disk(500), disk(2000), disk(8000)), (Fail, Warn, Good));
    assert_eq!(of("vxlan", |f| f.vxlan = Some(false)), Fail);
    let with_wireguard = check_in(&prod(1), "vxlan", |join| {
        join.wireguard = true;
        join.hosts[0].facts.as_mut().unwrap().vxlan = Some(false);
    });
    assert_eq!(with_wireguard.verdict, Good);
    assert_eq!(of("swap", |f| f.swap_mib = Some(100)), Warn);
    assert_eq!(of("init", |f| f.init = Some("openrc".into())), Good);
    assert_eq!(of("selinux", |f| f.selinux = Some(true)), Warn);
    for firewall in [Firewall::Ufw, Firewall::Firewalld] {
        assert_eq!(of("firewall", |f| f.firewall = Some(firewall)), Warn);
    }
    let vpn = check_in(&prod(1), "vxlan", |join| {
        join.vpn_auth_file = Some(PathBuf::from("/keys/vpn"));
        join.hosts[0].facts.as_mut().unwrap().vxlan = Some(false);
    });
    assert_eq!(vpn.verdict, Good);
}

#[test]
fn what_the_clock_shows() {
    let clock = |skew, synced| of("clock", |f| (f.clock_skew, f.clock_synced) = (Some(skew), Some(synced)));
    assert_eq!(clock(3, true), Good);
    assert_eq!(clock(0, false), Warn);
    assert_eq!(clock(-60, true), Warn);
    assert_eq!((clock(-86_400, true), clock(i64::MIN, false)), (Fail, Fail));
}

#[test]
fn which_iptables() {
    let iptables = |version: &str| of("iptables", |f| f.iptables = Some(version.into()));
    for bad in ["1.8.0", "1.8.4"] {
        assert_eq!(iptables(bad), Warn, "{bad}");
    }
    for good in ["1.6.1", "1.8.5", "1.8.10", "1.8.", ""] {
        assert_eq!(iptables(good), Good, "{good}");
    }
}

#[test]
fn a_downloader_is_needed_unless_files_are_brought() {
    assert_eq!(of("downloader", |f| f.downloader = None), Fail);
    let brought = check_in(&prod(1), "downloader", |join| {
        join.files = Some(Source::Directory("/srv/k3s".into()));
        join.hosts[0].facts.as_mut().unwrap().downloader = None;
    });
    assert_eq!(brought.verdict, Good);
}

#[test]
fn a_mirror_has_to_be_reached() {
    let of = |answers: Option<bool>| {
        check_in(&prod(1), "mirror", |join| {
            join.files = Some(Source::Mirror("https://mirror.example/k3s".into()));
            let address = join.files.as_ref().and_then(Source::address).unwrap();
            let facts = join.hosts[0].facts.as_mut().unwrap();
            facts
                .reached
                .extend(answers.map(|answers| Reached { address, answers }));
        })
    };
    assert_eq!(of(Some(true)).verdict, Good);
    assert_eq!(of(None).verdict, Warn);
    let silent = of(Some(false));
    assert_eq!(silent.verdict, Fail);
    assert!(silent.line.contains("mirror.example:443") && silent.mend.contains("--files"));
    let fetched = check_in(&prod(1), "downloader", |join| {
        join.files = Some(Source::Mirror("https://mirror.example/k3s".into()));
        join.hosts[0].facts.as_mut().unwrap().downloader = None;
    });
    assert_eq!(fetched.verdict, Fail);
}

#[test]
fn names_are_unique_and_names() {
    let named = |name: &str| of("hostname", |f| f.hostname = name.into());
    for bad in [
        "",
        "localhost",
        "localhost.localdomain",
        "Pi-1",
        "pi_1",
        "-pi",
        "pi-",
        "a..b",
        "pi 1",
    ] {
        assert_eq!(named(bad), Fail, "{bad:?}");
    }
    for good in ["pi-1", "pi-1.shop.example", "4711"] {
        assert_eq!(named(good), Good, "{good}");
    }
    assert_eq!(named("node-1"), Fail, "the cluster has such a node");
    let twins = check_in(&prod(1), "hostname", |join| {
        let mut twin = candidate("pi-2");
        twin.facts.as_mut().unwrap().hostname = "pi-1".into();
        join.hosts.push(twin);
    });
    assert!(twins.verdict == Fail && twins.line.contains("pi-2"), "{twins:?}");
}

/// The board `pi-1`, which is a node of the cluster.
fn joined() -> World {
    let mut world = prod(1);
    world.see(Observation::EdgeHost(Box::new(host("pi-1"))));
    world.node(Node {
        key: NodeKey::new(&context(), "pi-1"),
        provider_id: None,
        ..node(60)
    });
    world
}

#[test]
fn a_k3s_that_is_there_already() {
    let runs = |unit: &str, server: Option<&str>| {
        let (unit, server) = (unit.to_owned(), server.map(str::to_owned));
        move |join: &mut Join| {
            let facts = join.hosts[0].facts.as_mut().unwrap();
            facts.k3s = Some(unit.into());
            facts.k3s_server = server.map(Into::into);
        }
    };
    let ours = format!("https://{SERVER}");
    let again = check_in(&prod(1), "k3s", runs("k3s-agent", Some(&ours)));
    assert_eq!(again.verdict, Warn, "a join that was cut off goes on");
    let member = check_in(&joined(), "k3s", runs("k3s-agent", Some(&ours)));
    assert!(member.verdict == Fail && member.line.contains("already"), "{member:?}");
    let other = check_in(&prod(1), "k3s", runs("k3s-agent", Some("https://198.51.100.1:6443")));
    assert!(
        other.verdict == Fail && other.line.contains("198.51.100.1"),
        "{other:?}"
    );
    let server = check_in(&prod(1), "k3s", runs("k3s", None));
    assert!(
        server.verdict == Fail && server.mend.contains("k3s-uninstall.sh"),
        "{server:?}"
    );
    let anew = check_in(&joined(), "k3s", |_| {});
    assert!(anew.verdict == Fail && anew.mend.contains("--forget"), "{anew:?}");
}

#[test]
fn whom_it_reaches() {
    let reached = |answers: &[(&str, bool)], advertised: &[&str], vpn: bool| {
        let change = |join: &mut Join| {
            join.advertised = advertised.iter().map(|a| (*a).into()).collect();
            join.vpn_auth_file = vpn.then(|| PathBuf::from("/keys/vpn"));
            let reached = answers.iter().map(|(address, answers)| Reached {
                address: (*address).into(),
                answers: *answers,
            });
            join.hosts[0].facts.as_mut().unwrap().reached = reached.collect();
        };
        (
            check_in(&prod(1), "server", change).verdict,
            check_in(&prod(1), "advertised", change).verdict,
        )
    };
    assert_eq!(reached(&[(SERVER, true)], &[SERVER], false), (Good, Good));
    assert_eq!(reached(&[(SERVER, false)], &[SERVER], false), (Fail, Fail));
    assert_eq!(reached(&[(SERVER, false)], &[SERVER], true), (Warn, Warn));
    assert_eq!(
        reached(&[], &[SERVER], false),
        (Warn, Warn),
        "what was not tried is not known"
    );
    assert_eq!(reached(&[(SERVER, true)], &[], false), (Good, Warn));
    let two = ["10.0.0.1:6443", "10.0.0.2:6443"];
    let first = [(SERVER, true), (two[0], true), (two[1], false)];
    assert_eq!(reached(&first, &two, false), (Good, Warn), "one of two servers is down");
    let none = [(SERVER, true), (two[0], false), (two[1], false)];
    assert_eq!(reached(&none, &two, false), (Good, Fail));
}

#[test]
fn a_password_of_before_is_told() {
    assert_eq!(of("node-password", |f| f.node_password = Some(true)), Warn);
}

proptest! {
    #[test]
    fn any_words_of_a_host_are_judged_without_a_panic(
        words in prop::collection::vec(".{0,12}", 5), numbers in prop::collection::vec(any::<u64>(), 3), skew in any::<i64>(),
        url in ".{0,20}|https://[a-z0-9.:\\[\\]/]{0,16}",
    ) {
        let mut join = join(vec![candidate("pi-1")]);
        join.server = url.as_str().into();
        if let Ok(facts) = &mut join.hosts[0].facts {
            facts.machine = words[0].as_str().into();
            facts.hostname = words[1].as_str().into();
            facts.iptables = Some(words[2].as_str().into());
            facts.k3s = Some(words[3].as_str().into());
            facts.k3s_server = Some(words[4].as_str().into());
            facts.memory_mib = Some(numbers[0]);
            facts.disk_free_mib = Some(numbers[1]);
            facts.swap_mib = Some(numbers[2]);
            facts.clock_skew = Some(skew);
        }
        let checks = judge(&prod(1).0, &join, &join.hosts[0]);
        prop_assert_eq!(checks.len(), 20);
        for check in checks.iter().filter(|c| c.verdict == Fail) {
            prop_assert!(!check.mend.is_empty(), "{:?}", check);
        }
    }
}

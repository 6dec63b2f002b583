//! Join: edge hosts become nodes of a cluster, each by itself, so that one that fails stops no other. Hosts that cannot join
//! are left out before anything is touched.

use std::collections::BTreeMap;

use jiff::SignedDuration;
use smol_str::{SmolStr, format_smolstr};

use super::super::cost;
use super::super::files::Source;
use super::super::joining::{Candidate, Install, Join, Joining, host_and_port};
use super::super::plan::{Plan, Refusal, Stage};
use super::super::preflight::{Preflight, Verdict, WAYS};
use super::super::release::{BEHIND, Release};
use super::super::request::Request;
use super::super::step::{BootstrapStep, Step};
use crate::blueprint::machine::{Facts, release_files};
use crate::fleet::{Arch, EdgeHost, Fleet, Role, Way};

/// How long the operation's bootstrap token is good for, should nobody delete it: as long as hundreds of hosts may take.
const TOKEN: SignedDuration = SignedDuration::from_mins(60);
/// How many hosts are named in one line.
const NAMED: usize = 5;

pub(in crate::ops) fn plan(fleet: &Fleet, request: &Request, join: &Join) -> Result<Plan, Refusal> {
    let mut candidates: Vec<&Candidate> = vec![];
    for candidate in &join.hosts {
        if candidates.iter().all(|c| c.host.name != candidate.host.name) {
            candidates.push(candidate);
        }
    }
    if candidates.is_empty() {
        return Err(Refusal::new("no-host", "no host is named", "name or mark at least one"));
    }
    let mut warnings = release(fleet, join)?;
    reaches(join, &candidates)?;
    let mut joining = vec![];
    let mut left_out = vec![];
    let mut remarks: BTreeMap<(&'static str, String), Vec<&str>> = BTreeMap::new();
    for candidate in candidates {
        let preflight = Preflight::of(fleet, join, candidate);
        let host = candidate.host.name.as_str();
        match (&candidate.facts, preflight.failures().next()) {
            (Ok(facts), None) => match facts.arch {
                Some(arch) => joining.push(way(join, &candidate.host, facts, arch)),
                None => continue,
            },
            (_, Some(check)) => {
                left_out.push(format!("{host}: {}: {}; {}", check.name, check.line, check.mend));
                continue;
            }
            (Err(why), None) => {
                left_out.push(format!("{host}: ssh: {why}"));
                continue;
            }
        }
        for check in preflight.checks.into_iter().filter(|c| c.verdict == Verdict::Warn) {
            remarks.entry((check.name, check.line)).or_default().push(host);
        }
    }
    if joining.is_empty() {
        let more = left_out.len().saturating_sub(NAMED);
        left_out.truncate(NAMED);
        if more > 0 {
            left_out.push(format!("and {more} more"));
        }
        let why = format!("no host can join: {}", left_out.join(" · "));
        return Err(Refusal::new("preflight", why, "mend what is found, and check again"));
    }
    warnings.extend(left_out.into_iter().map(|why| format!("left out: {why}")));
    warnings.extend(remarks.iter().map(|((name, line), hosts)| match hosts.as_slice() {
        [one] => format!("{one}: {name}: {line}"),
        many => format!("{name}: {line}: {}", list(many)),
    }));
    warnings.extend(files(join, &joining));
    if let Some(file) = &join.vpn_auth_file {
        warnings.push(format!(
            "each host joins its VPN with the key in {}: the VPN's own program, such as tailscale, has to be there",
            file.display()
        ));
    }
    if join.wireguard {
        let way = Way {
            wireguard: true,
            ..Way::default()
        };
        warnings.extend(way.needs().into_iter().map(|need| format!("WireGuard: {need}")));
    }
    let title = match joining.as_slice() {
        [one] => format!("join {} to {}", one.host.name, join.cluster),
        many => format!("join {} hosts to {}", many.len(), join.cluster),
    };
    let token = |step| [Step::Bootstrap(join.context.clone(), step)];
    let mut stages = vec![];
    Stage::push(&mut stages, "make a token", token(BootstrapStep::Make { ttl: TOKEN }));
    let joins = joining.into_iter().map(|way| Step::Join(Box::new(way)));
    Stage::push(&mut stages, "join", joins);
    stages.push(Stage {
        title: "delete the token".to_owned(),
        steps: token(BootstrapStep::Delete).into(),
        whatever: true,
        passing: vec![],
    });
    Ok(Plan {
        request: request.clone(),
        title,
        stages,
        cost: cost::same(fleet, &join.cluster),
        bill: None,
        warnings,
        cluster: join.cluster.clone(),
        confirm: None,
    })
}

/// One host's way into its cluster.
fn way(join: &Join, host: &EdgeHost, facts: &Facts, arch: Arch) -> Joining {
    let (own, given): (Vec<_>, Vec<_>) = host.labels.iter().cloned().partition(|(key, _)| may_set(key));
    Joining {
        host: host.clone(),
        context: join.context.clone(),
        install: Install {
            version: join.version.clone(),
            server: join.server.clone(),
            node: facts.hostname.clone(),
            labels: own.iter().map(|(k, v)| format_smolstr!("{k}={v}")).collect(),
            taints: host.taints.to_vec(),
            vpn: join.vpn_auth_file.is_some(),
            files: None,
        },
        arch,
        files: join.files.clone(),
        vpn_auth_file: join.vpn_auth_file.clone(),
        mend_cgroups: join.mend && facts.memory_cgroup == Some(false) && facts.cmdline.is_some(),
        labels: given,
    }
}

/// Whether a kubelet may set a label of its own node: of those in Kubernetes' name only a few, and it does not start with
/// any other (Kubernetes documentation, admission plugin NodeRestriction).
fn may_set(key: &str) -> bool {
    const ALLOWED: [&str; 11] = [
        "kubernetes.io/hostname",
        "kubernetes.io/arch",
        "kubernetes.io/os",
        "beta.kubernetes.io/instance-type",
        "beta.kubernetes.io/arch",
        "beta.kubernetes.io/os",
        "failure-domain.beta.kubernetes.io/zone",
        "failure-domain.beta.kubernetes.io/region",
        "topology.kubernetes.io/zone",
        "topology.kubernetes.io/region",
        "node.kubernetes.io/instance-type",
    ];
    let Some((namespace, _)) = key.split_once('/') else {
        return true;
    };
    let under = |domain: &str| namespace == domain || namespace.strip_suffix(domain).is_some_and(|n| n.ends_with('.'));
    let theirs = under("kubernetes.io") || under("k8s.io");
    !theirs || ALLOWED.contains(&key) || under("kubelet.kubernetes.io") || under("node.kubernetes.io")
}

/// The release that the hosts get: never newer than the servers', never further behind than a kubelet may be.
fn release(fleet: &Fleet, join: &Join) -> Result<Vec<String>, Refusal> {
    let Some(wanted) = Release::parse(&join.version) else {
        return Err(Refusal::new(
            "release",
            format!("{:?} is no release of K3s", join.version),
            "name one such as v1.36.4+k3s1",
        ));
    };
    let servers = fleet.machines();
    let servers = servers.filter(|m| m.role() == Some(Role::Server) && m.belongs_to(&join.cluster));
    let versions = servers.filter_map(|m| m.node()).map(|n| n.version.as_str());
    let told = fleet.servers().filter(|s| s.context == join.context);
    let versions = versions.chain(told.map(|s| s.version.as_str()));
    let known = versions.filter_map(|text| Some((Release::parse(text)?, text)));
    let known: Vec<_> = known.collect();
    let (Some((oldest, text)), Some((newest, _))) = (known.iter().min(), known.iter().max()) else {
        let warning = "the release of the servers is not known: hosts newer than they are would not work";
        return Ok(vec![warning.to_owned()]);
    };
    if wanted > *oldest {
        let why = format!(
            "{} is newer than {text}, which a server of {} runs",
            join.version, join.cluster
        );
        let lift = format!("join with {text}, or upgrade the servers first");
        return Err(Refusal::new("version-skew", why, lift));
    }
    if newest.minors_after(&wanted).is_none_or(|behind| behind > BEHIND) {
        let why = format!("{} is more than {BEHIND} minors behind the servers", join.version);
        return Err(Refusal::new("version-skew", why, format!("join with {text}")));
    }
    Ok(vec![])
}

/// Refuses where none of the hosts that answer reaches the cluster's API: nothing is touched then.
fn reaches(join: &Join, candidates: &[&Candidate]) -> Result<(), Refusal> {
    if join.vpn_auth_file.is_some() {
        return Ok(());
    }
    let facts: Vec<_> = candidates.iter().filter_map(|c| c.facts.as_ref().ok()).collect();
    let server = host_and_port(&join.server);
    let silent = |address: &SmolStr| {
        let tried = facts.iter().flat_map(|f| &f.reached).filter(|r| r.address == *address);
        let mut answers = tried.map(|r| r.answers).peekable();
        answers.peek().is_some() && !answers.any(|answers| answers)
    };
    let all_silent = !join.advertised.is_empty() && join.advertised.iter().all(silent);
    let address = match (silent(&server), all_silent) {
        (true, _) => server.to_string(),
        (false, true) => join.advertised.join(", "),
        (false, false) => return Ok(()),
    };
    let why = format!("no host reaches the API of {} at {address}", join.cluster);
    Err(Refusal::new("api-unreached", why, WAYS))
}

/// The files that an air-gapped installation wants, for the architectures of these hosts.
fn files(join: &Join, joining: &[Joining]) -> Option<String> {
    let source = join.files.as_ref()?;
    let mut archs: Vec<_> = joining.iter().map(|way| way.arch).collect();
    archs.sort_unstable();
    archs.dedup();
    let mut names = vec!["install.sh".to_owned()];
    for arch in archs {
        names.extend(release_files(arch).map(str::to_owned));
        names.push(format!(
            "k3s-airgap-images-{}.tar (or .tar.gz, .tar.zst)",
            arch.as_str()
        ));
    }
    let (names, version) = (names.join(", "), &join.version);
    Some(match source {
        Source::Directory(path) => format!(
            "nothing is downloaded: {names} of K3s {version} have to be in {}",
            path.display()
        ),
        Source::Mirror(url) => format!(
            "each host fetches the files of K3s {version} from {url}: {names}, of which it need not have the images"
        ),
    })
}

fn list(hosts: &[&str]) -> String {
    let named: Vec<_> = hosts.iter().take(NAMED).copied().collect();
    match hosts.len().saturating_sub(NAMED) {
        0 => named.join(", "),
        more => format!("{} and {more} more", named.join(", ")),
    }
}

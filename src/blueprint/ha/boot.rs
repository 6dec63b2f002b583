//! What the machines of a highly available cluster run at their first boot: fixed scripts (`assets/user-data/ha`), which
//! stand once in the template, below the settings of each launch template.
//!
//! Nobody helps these machines. The servers elect the one that makes the cluster by writing an SSM parameter that nobody
//! has written; `initialised` says for good that this was done, so that no later server ever makes an empty cluster in
//! place of a lost one; the others join under a lock, one at a time; and all tell the stack when they are ready, or why
//! they are not. Some settings are known only to the stack, such as the name of the load balancer: they are functions of
//! CloudFormation between single quotes, since none of their values ever holds one.

use serde_json::{Value as Json, json};

use super::super::quote::quote;
use super::super::user_data::{AWS, BEGIN, COMMON, SERVING, SSH};
use super::super::{Spec, SshKey};
use super::{Ha, Pool, SERVERS, Store};

const SHEBANG: &str = "#!/bin/sh\n";

const HA: &str = include_str!("../../../assets/user-data/ha/common.sh");
const MIRROR: &str = include_str!("../../../assets/user-data/ha/mirror.sh");
const ELECTION: &str = include_str!("../../../assets/user-data/ha/election.sh");
const LOCK: &str = include_str!("../../../assets/user-data/ha/lock.sh");
const DSN: &str = include_str!("../../../assets/user-data/ha/dsn.sh");
const AURORA: &str = include_str!("../../../assets/user-data/ha/aurora.sh");
const EFS: &str = include_str!("../../../assets/user-data/ha/efs.sh");
const SERVER: &str = include_str!("../../../assets/user-data/ha/server.sh");
const AGENT: &str = include_str!("../../../assets/user-data/ha/agent.sh");

/// What the reaper may do, and its token: a manifest that servers put before K3s.
const RBAC: &str = include_str!("../../../assets/reaper/rbac.yaml");

/// The scripts of one cluster, without comments and indentation. A machine's user data is its settings
/// ([`assignments`]), `common` and the part of its role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parts {
    /// What servers and agents begin with.
    pub common: String,
    /// The servers' own.
    pub server: String,
    /// The agents' own.
    pub agent: String,
}

/// The value of a setting.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Text, whatever it holds.
    Text(String),
    /// A function of CloudFormation, such as `{"Ref": "Queue"}`, whose value holds no single quote.
    Made(Json),
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

/// What the template knows and the spec does not. What a cluster has none of is empty text.
#[derive(Clone, Debug, PartialEq)]
pub struct Made {
    /// The DNS name of the internal load balancer, by which all reach the API.
    pub api: Value,
    /// Further names and addresses that the API's certificate shall answer to, told apart by spaces.
    pub sans: Value,
    /// The address to which servers tell that they are ready: the handle of a wait condition.
    pub signal: Value,
    /// The bucket for snapshots of etcd.
    pub bucket: Value,
    /// The host of the stack's own database.
    pub db_host: Value,
    /// The ARN of the secret with that database's `username` and `password`.
    pub db_secret: Value,
    /// The id of the shared file system.
    pub efs: Value,
}

/// The scripts of a cluster: only what this one needs, for EC2 takes no more than [`LIMIT`](super::super::user_data::LIMIT)
/// bytes of user data.
pub fn parts(spec: &Spec, ha: &Ha) -> Parts {
    let when = |yes: bool, text: &'static str| if yes { text } else { "" };
    let ssh = when(key(spec).is_some(), SSH);
    let server = SERVER.replace("@reaper@", &manifest(RBAC));
    let store = match ha.store {
        Store::Etcd { .. } => LOCK,
        Store::External => DSN,
        Store::Aurora { .. } => AURORA,
    };
    Parts {
        common: stripped(&[AWS, COMMON, HA, when(ha.mirror.is_some(), MIRROR), ssh, BEGIN].concat()),
        server: stripped(&[SERVING, ELECTION, store, when(ha.shared_storage, EFS), &server].concat()),
        agent: stripped(AGENT),
    }
}

/// What the servers are told.
pub fn server_settings(spec: &Spec, ha: &Ha, made: &Made) -> Vec<(&'static str, Value)> {
    let names = spec.names();
    let mut settings = shared(spec, ha, SERVERS);
    settings.extend([
        ("server_token", Value::Text(names.server_token())),
        ("agent_token", Value::Text(names.agent_token())),
        ("secret", Value::Text(names.kubeconfig())),
        ("reaper_secret", Value::Text(names.reaper())),
        ("first", Value::Text(names.first_server())),
        ("initialised", Value::Text(names.initialised())),
        ("api", made.api.clone()),
        ("sans", made.sans.clone()),
        ("disable", Value::from("")),
        ("efs", made.efs.clone()),
        ("signal", made.signal.clone()),
    ]);
    let (store, bucket, snapshots, keep) = match &ha.store {
        Store::Etcd { snapshots, keep } => ("etcd", made.bucket.clone(), snapshots.as_str(), *keep),
        Store::External => ("dsn", Value::from(""), "", 0),
        Store::Aurora { .. } => ("aurora", Value::from(""), "", 0),
    };
    settings.extend([
        ("store", Value::from(store)),
        ("bucket", bucket),
        ("snapshot_cron", Value::from(snapshots)),
        ("keep", Value::Text(keep.to_string())),
        // In S3 K3s counts those of all servers together.
        ("keep_all", Value::Text((keep * ha.servers).to_string())),
    ]);
    match ha.store {
        Store::Etcd { .. } => settings.push(("join_lock", Value::Text(names.join_lock()))),
        Store::External => settings.push(("dsn", Value::Text(names.dsn()))),
        Store::Aurora { .. } => {
            settings.extend([("db_host", made.db_host.clone()), ("db_secret", made.db_secret.clone())])
        }
    }
    settings
}

/// What the machines of a pool of workers are told.
pub fn agent_settings(spec: &Spec, ha: &Ha, pool: &Pool, made: &Made) -> Vec<(&'static str, Value)> {
    let labels: Vec<String> = pool
        .labels
        .iter()
        .map(|(key, value)| format!("{key}={value}"))
        .collect();
    let mut settings = shared(spec, ha, &pool.name);
    settings.extend([
        ("agent_token", Value::Text(spec.names().agent_token())),
        ("api", made.api.clone()),
        ("labels", Value::Text(labels.join(" "))),
        ("taints", Value::Text(pool.taints.join(" "))),
    ]);
    settings
}

/// The key that machines let in by themselves. One of a key pair that EC2 knows is let in by EC2, and needs no room here.
fn key(spec: &Spec) -> Option<&str> {
    match &spec.ssh {
        Some(SshKey::Public(key)) => Some(key),
        Some(SshKey::Pair(_)) | None => None,
    }
}

/// What every machine is told. The release stands second, where `user_data::with_version` looks for it.
fn shared(spec: &Spec, ha: &Ha, pool: &str) -> Vec<(&'static str, Value)> {
    let mut settings = vec![
        ("region", Value::from(spec.region.as_str())),
        ("version", Value::from(spec.version.as_str())),
        ("image", Value::from(spec.image.as_str())),
        ("cluster", Value::from(spec.name.as_str())),
        ("pool", Value::from(pool)),
    ];
    if let Some(key) = key(spec) {
        settings.push(("ssh_user", Value::from(spec.image.user())));
        settings.push(("ssh_key", Value::from(key)));
    }
    if let Some(mirror) = &ha.mirror {
        settings.push(("mirror", Value::from(mirror.trim_end_matches('/'))));
    }
    settings
}

/// The settings as lines of the shell, the first line of the script above them: what `Fn::Join` joins with nothing between.
pub fn assignments(settings: &[(&'static str, Value)]) -> Vec<Json> {
    let mut joined = vec![];
    let mut text = SHEBANG.to_owned();
    for (name, value) in settings {
        match value {
            Value::Text(value) => text.extend([*name, "=", &quote(value), "\n"]),
            Value::Made(value) => {
                text.extend([*name, "='"]);
                joined.push(Json::String(std::mem::take(&mut text)));
                joined.push(value.clone());
                text += "'\n";
            }
        }
    }
    joined.push(Json::String(text));
    joined
}

/// A launch template's user data: the settings, then the parts, each text or a function that finds it in the template.
pub fn user_data(settings: &[(&'static str, Value)], parts: impl IntoIterator<Item = Json>) -> Json {
    let mut joined = assignments(settings);
    joined.extend(parts);
    json!({"Fn::Base64": {"Fn::Join": ["", joined]}})
}

/// A script without its comments, empty lines and indentation, a command on one line, but for what stands there as a file
/// to be written.
fn stripped(script: &str) -> String {
    let mut kept = String::with_capacity(script.len());
    let mut end: Option<&str> = None;
    for line in script.lines() {
        let bare = line.trim_start();
        if let Some(word) = end {
            kept += line;
            end = (line != word).then_some(word);
        } else if bare.is_empty() || bare.starts_with('#') {
            continue;
        } else if let Some(begun) = bare.strip_suffix('\\') {
            kept += begun;
            continue;
        } else {
            kept += bare;
            end = bare.rsplit_once("<<").map(|(_, word)| word.trim_matches('\''));
        }
        kept.push('\n');
    }
    kept
}

/// A manifest without its comments; its end of line is that of where it is put.
fn manifest(yaml: &str) -> String {
    let lines = yaml.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::example;
    use super::*;

    fn made() -> Made {
        let function = |name: &str| Value::Made(json!({"Ref": name}));
        Made {
            api: Value::Made(json!({"Fn::GetAtt": ["ApiBalancer", "DNSName"]})),
            sans: "".into(),
            signal: function("ServersReady"),
            bucket: function("Snapshots"),
            db_host: "".into(),
            db_secret: "".into(),
            efs: "".into(),
        }
    }

    #[test]
    fn comments_and_indentation_go_and_files_stay_as_they_are() {
        let script =
            "# a\nif x; then\n    # b\n    cat >y <<'EOF'\nz:\n  # c\n\n  - 1\nEOF\n    w \\\n        d\n\nfi\n";
        assert_eq!(
            stripped(script),
            "if x; then\ncat >y <<'EOF'\nz:\n  # c\n\n  - 1\nEOF\nw d\nfi\n"
        );
    }

    #[test]
    fn a_cluster_gets_only_the_scripts_that_it_needs() {
        let spec = example();
        let mut ha = spec.ha.clone().unwrap();
        let lean = parts(&spec, &ha);
        assert!(lean.server.contains("write_lock()") && !lean.server.contains("use_database()"));
        assert!(!lean.server.contains("efs.csi") && !lean.common.contains("from_mirror()"));
        assert!(lean.server.contains("\nkind: ClusterRole\n") && !lean.server.contains("@reaper@"));
        ha.store = Store::External;
        ha.shared_storage = true;
        ha.mirror = Some("https://files.example/k3s".into());
        let other = parts(&spec, &ha);
        assert!(!other.server.contains("write_lock()") && other.server.contains("use_database()"));
        assert!(other.server.contains("\n  chart: aws-efs-csi-driver\n") && other.common.contains("from_mirror()"));
        assert_eq!(lean.agent, other.agent);
    }

    #[test]
    fn what_only_the_stack_knows_stands_between_quotes() {
        let spec = example();
        let ha = spec.ha.clone().unwrap();
        let joined = assignments(&server_settings(&spec, &ha, &made()));
        let texts: Vec<&str> = joined.iter().filter_map(Json::as_str).collect();
        assert!(texts[0].starts_with("#!/bin/sh\nregion='eu-west-1'\nversion='v1.36.4+k3s1'\n"));
        assert!(texts[0].ends_with("\napi='"), "{}", texts[0]);
        assert!(texts[1].starts_with("'\nsans=''\n"), "{}", texts[1]);
        assert_eq!(joined[1], json!({"Fn::GetAtt": ["ApiBalancer", "DNSName"]}));
        assert_eq!(joined.len(), 7);
        let whole = user_data(&[("pool", "a".into())], [json!({"Ref": "Common"})]);
        let expected = json!({"Fn::Base64": {"Fn::Join": ["", ["#!/bin/sh\npool='a'\n", {"Ref": "Common"}]]}});
        assert_eq!(whole, expected);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        /// Whatever a spec holds, checked or not, the shell reads every setting back as it was.
        #[test]
        fn no_value_becomes_program(text in "([^\0]|['\"$`\\\\;&|\n]){0,40}") {
            let mut spec = example();
            spec.name = text.as_str().into();
            spec.ssh = Some(SshKey::Public(text.as_str().into()));
            let mut ha = spec.ha.clone().unwrap();
            ha.pools[0].labels = vec![(text.as_str().into(), "1".into())];
            ha.store = Store::Etcd { snapshots: text.as_str().into(), keep: 1 };
            let known = Made { api: "a".into(), signal: "".into(), bucket: "b".into(), ..made() };
            let settings = |all: &[(&'static str, Value)]| assignments(all)[0].as_str().unwrap().to_owned();
            let server = settings(&server_settings(&spec, &ha, &known));
            let agent = settings(&agent_settings(&spec, &ha, &ha.pools[0], &known));
            let shown = format!("{server}{agent}printf '%s.' \"$first\" \"$ssh_key\" \"$snapshot_cron\" \"$labels\"");
            let ran = std::process::Command::new("sh").arg("-c").arg(shown).output().unwrap();
            prop_assert!(ran.status.success());
            let expected = format!("/k3fleet/{text}/first-server.{text}.{text}.{text}=1.");
            prop_assert_eq!(String::from_utf8(ran.stdout).unwrap(), expected);
        }
    }
}

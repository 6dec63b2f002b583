//! The CloudFormation template of a highly available cluster: a pure function of the [`Spec`] and the [`Site`].
//!
//! Each part of the stack adds its parameters, resources and outputs to one draft; what a part needs of another it names
//! as CloudFormation does (`Ref`, `Fn::GetAtt`). What machines run stands once, in `Mappings`, and each launch template
//! joins it to settings of its own. Only what must be told apart by name has one: the groups and launch templates, by
//! which IAM policies and events know them, and the secrets. CloudFormation names the rest.
//!
//! A stack hands the tags that it is made with to its resources. Only those that machines and volumes need besides, which
//! it does not reach or which differ between pools, stand in the template.
//!
//! CloudFormation takes no more than [`LIMIT`] bytes of text, of which the reaper and the scripts of machines would be more
//! than half: the scripts stand there compressed, the reaper does where the rest leaves it no room, and what many resources have in common is said as shortly as it can be.

mod balancer;
mod events;
mod groups;
mod machines;
mod network;
mod pools;
mod reaper;
mod roles;
mod scripts;
mod storage;
#[cfg(test)]
mod tests;

use serde_json::{Map, Value, json};
use smol_str::SmolStr;

use super::super::cloudformation::{attribute, bucket, bucket_policy, refer, substitute};
use super::super::{Names, Spec};
use super::{Ha, Site};
use crate::fleet::Arch;

/// What CloudFormation takes as a template's text, in bytes.
pub const LIMIT: usize = 51_200;

/// The parameter that says how many servers the stack waited for when it was made. CloudFormation cannot change a wait, so
/// that an update must leave it at its previous value, whatever number of servers the spec has by then.
pub const FIRST_SERVERS: &str = "FirstServers";

/// The output with the name by which the internet reaches the API, where it does.
pub const PUBLIC_API: &str = "PublicApi";

/// The parameter with the tag `k3fleet:created-by` of volumes, which tags of a stack do not reach.
pub const CREATED_BY: &str = "CreatedBy";

/// The template, with values of the site as defaults of its parameters. `Null` for a spec that is not of this shape.
pub fn template(spec: &Spec, site: &Site) -> Value {
    let Some(ha) = &spec.ha else { return Value::Null };
    let mut draft = Draft {
        spec,
        ha,
        site,
        names: spec.names(),
        parameters: Map::new(),
        mappings: Map::new(),
        resources: Map::new(),
        outputs: Map::new(),
    };
    let mut place = network::add(&mut draft);
    groups::add(&mut draft, &place);
    let urls = network::endpoints(&mut draft, &mut place);
    roles::add(&mut draft);
    balancer::add(&mut draft, &place);
    storage::add(&mut draft, &place);
    machines::add(&mut draft, &place);
    events::add(&mut draft);
    reaper::add(&mut draft, &place, urls);
    let mut whole = draft.whole();
    // The function can be read where there is room for that.
    if whole.to_string().len() >= LIMIT {
        reaper::pack(&mut whole);
    }
    whole
}

/// How many bytes the template has, on a site as large as sites are.
pub(super) fn size(spec: &Spec) -> usize {
    let id = |kind: &str| SmolStr::from(format!("{kind}-0123456789abcdef0"));
    let site = Site {
        images: [Arch::Amd64, Arch::Arm64].map(|arch| (arch, id("ami"))).into(),
        vpc: Some(id("vpc")),
        cidrs: vec!["255.255.255.255/32".into(); 5],
        subnets: vec![id("subnet"); 6],
        public: true,
        endpoints: vec![],
        zones: vec!["ap-southeast-1a".into(); 6],
    };
    template(spec, &site).to_string().len()
}

/// The name in the template of the group, or Spot Fleet, that keeps a pool of workers. Different names of pools give
/// different names here: those hold lower-case letters, digits, `-` and `_` only.
pub fn resource_of_pool(pool: &str) -> String {
    let mut name = "Pool".to_owned();
    for (i, c) in pool.chars().enumerate() {
        match c {
            '-' => name.push('D'),
            '_' => name.push('U'),
            c if i == 0 => name.push(c.to_ascii_uppercase()),
            c => name.push(c),
        }
    }
    name
}

/// A template while its parts are added.
struct Draft<'a> {
    spec: &'a Spec,
    ha: &'a Ha,
    site: &'a Site,
    names: Names<'a>,
    parameters: Map<String, Value>,
    mappings: Map<String, Value>,
    resources: Map<String, Value>,
    outputs: Map<String, Value>,
}

impl Draft<'_> {
    fn parameter(&mut self, name: &str, kind: &str, default: Option<Value>, about: &str) {
        let mut parameter = json!({"Type": kind, "Description": about});
        if let Some(default) = default {
            parameter["Default"] = default;
        }
        self.parameters.insert(name.to_owned(), parameter);
    }

    fn add(&mut self, name: impl Into<String>, kind: &str, properties: Value) {
        let resource = json!({"Type": format!("AWS::{kind}"), "Properties": properties});
        self.resources.insert(name.into(), resource);
    }

    /// Makes a resource wait for others.
    fn after(&mut self, name: &str, others: &[String]) {
        if let (Some(resource), false) = (self.resources.get_mut(name), others.is_empty()) {
            resource["DependsOn"] = json!(others);
        }
    }

    /// What becomes of a resource that holds data, when it goes and when another takes its place.
    fn keep(&mut self, name: &str, deletion: &str, replacement: &str) {
        if let Some(resource) = self.resources.get_mut(name) {
            resource["DeletionPolicy"] = deletion.into();
            resource["UpdateReplacePolicy"] = replacement.into();
        }
    }

    fn output(&mut self, name: &str, value: Value) {
        self.outputs.insert(name.to_owned(), json!({"Value": value}));
    }

    fn whole(self) -> Value {
        json!({
            "AWSTemplateFormatVersion": "2010-09-09",
            "Description": format!("k3fleet: the highly available K3s cluster {}", self.spec.name),
            "Parameters": self.parameters,
            "Mappings": self.mappings,
            "Resources": self.resources,
            "Outputs": self.outputs,
        })
    }
}

/// An ARN in the stack's account and region.
fn arn(draft: &Draft<'_>, service: &str, rest: &str) -> Value {
    let region = &draft.spec.region;
    substitute(format!(
        "arn:${{AWS::Partition}}:{service}:{region}:${{AWS::AccountId}}:{rest}"
    ))
}

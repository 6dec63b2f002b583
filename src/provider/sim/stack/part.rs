//! What a resource of a stack is in the world: made, changed and dropped with what stands for it there.

use std::collections::BTreeMap;

use serde_json::Value;
use smol_str::{SmolStr, format_smolstr};

use super::super::first_boot::settings;
use super::super::launch::Snag;
use super::super::made::{Tagged, Template as LaunchTemplate, Thing, What};
use super::super::state::State;
use super::sort::call;
use super::template::Template;
use super::value::{Known, Place, text};
use super::{Part, SimStack, StackNo};
use crate::provider::ResourceKind;

const ASG: &str = "AWS::AutoScaling::AutoScalingGroup";
const FLEET: &str = "AWS::EC2::SpotFleet";
const LAUNCH: &str = "AWS::EC2::LaunchTemplate";
const WAIT: &str = "AWS::CloudFormation::WaitCondition";

/// What a resource is to be, with all that it names.
pub(super) struct Wanted {
    pub(super) properties: Value,
    pub(super) tags: Tagged,
    pub(super) place: Place,
}

impl State {
    /// Where a stack stands.
    pub(super) fn place_of(&self, stack: &SimStack) -> Place {
        let (account, region, _) = self.parameter_key(&stack.scope, "");
        let zones = self
            .regions
            .iter()
            .filter(|r| super::super::build::scope(r) == stack.scope);
        Place {
            account,
            region,
            zones: zones.flat_map(|r| &r.zones).map(|z| z.name.clone()).collect(),
            stack: stack.name.clone(),
            id: stack.id.clone(),
        }
    }

    /// What a resource's properties come to now.
    pub(super) fn wanted(&self, no: StackNo, name: &str) -> Result<Wanted, SmolStr> {
        let lost = || SmolStr::new_static("Internal failure: the template is gone");
        let stack = self.stacks.get(no).ok_or_else(lost)?;
        let held = stack.held.as_ref().ok_or_else(lost)?;
        let template = Template::again(&held.template);
        let place = self.place_of(stack);
        let lists = template.lists();
        let known = Known {
            parameters: &held.parameters,
            lists: &lists,
            mappings: template.mappings(),
            parts: &stack.parts,
            place: &place,
        };
        let properties = known.resolve(template.properties(name))?;
        Ok(Wanted {
            properties,
            tags: held.tags.clone(),
            place,
        })
    }

    /// The faults that a scenario has in store for a resource with a name.
    pub(super) fn part_snag(&mut self, region: &str, name: &str, dropped: bool) -> Option<SmolStr> {
        self.snag(region, |snag| match snag {
            Snag::PartFails {
                resource,
                reason,
                deleting,
            } => (resource == name && *deleting == dropped).then(|| reason.clone()),
            _ => None,
        })
    }

    /// Makes a resource; the error is why CloudFormation cannot.
    pub(super) fn make_part(
        &mut self,
        no: StackNo,
        name: &SmolStr,
        kind: &SmolStr,
        instead: bool,
    ) -> Result<(), SmolStr> {
        let wanted = self.wanted(no, name)?;
        let number = self.names.number(&mut self.rng);
        let called = call(kind, name, &wanted.properties, &wanted.place, number);
        let Some(stack) = self.stacks.get(no) else {
            return Ok(());
        };
        let (scope, cluster_tags) = (stack.scope.clone(), wanted.tags.clone());
        let template = stack.held.as_ref().map(|held| Template::again(&held.template));
        let mut part = Part {
            kind: kind.clone(),
            physical: called.physical,
            thing: called.thing,
            tells: called.tells,
            size: None,
            retained: template.as_ref().and_then(|t| t.retained(name)),
            needs: template.map(|t| t.needs(name)).unwrap_or_default(),
        };
        if let Some((kind, id)) = &part.thing
            && self.thing(&scope, *kind, id).is_some()
        {
            return Err(format_smolstr!(
                "{} already exists (Service: CloudFormation, Status Code: 400, Request ID: {:016x})",
                id,
                number
            ));
        }
        match kind.as_str() {
            ASG => {
                if self.group_in(&scope, &part.physical).is_ok() {
                    return Err(format_smolstr!(
                        "AutoScalingGroup by this name already exists - A group with the name {} already exists",
                        part.physical
                    ));
                }
                part.size = Some(self.make_stack_group(no, &part.physical, &wanted)?);
            }
            FLEET => part.size = Some(self.make_fleet(no, &part.physical, &wanted)?),
            _ => {}
        }
        if let Some((kind, id)) = &part.thing {
            let what = match *kind {
                ResourceKind::LaunchTemplate => What::Template(Box::new(launch_template(&wanted))),
                ResourceKind::SecurityGroup => {
                    What::Group(wanted.properties.get("VpcId").map(text).unwrap_or_default().into())
                }
                // What CloudFormation writes into one itself.
                ResourceKind::Secret => What::Secret(wanted.properties.get("GenerateSecretString").is_some()),
                _ => What::Plain,
            };
            // An instance profile has no tags of the stack's.
            let tags = match kind {
                ResourceKind::InstanceProfile => Tagged::new(),
                _ => with_own(cluster_tags, &wanted.properties),
            };
            let thing = Thing {
                name: match kind {
                    ResourceKind::LoadBalancer => part.physical.rsplit('/').nth(1).map(Into::into),
                    _ => None,
                },
                tags,
                what,
                by_hand: true,
            };
            self.make(&scope, *kind, id, thing);
        }
        if kind == "AWS::SQS::Queue" {
            self.make_queue(no, &part, &wanted.properties);
        }
        let Some(stack) = self.stacks.get_mut(no) else {
            return Ok(());
        };
        if let Some(old) = stack.parts.insert(name.clone(), part).filter(|_| instead) {
            stack.replaced.push((name.clone(), old));
        }
        Ok(())
    }

    /// Changes a resource where it is.
    pub(super) fn change_part(&mut self, no: StackNo, name: &SmolStr, kind: &SmolStr) -> Result<(), SmolStr> {
        if kind == WAIT {
            return Err("Update to resource type AWS::CloudFormation::WaitCondition is not supported.".into());
        }
        let wanted = self.wanted(no, name)?;
        let Some(stack) = self.stacks.get(no) else {
            return Ok(());
        };
        let scope = stack.scope.clone();
        let Some(mut part) = stack.parts.get(name).cloned() else {
            return Ok(());
        };
        let template = stack.held.as_ref().map(|held| Template::again(&held.template));
        part.needs = template.as_ref().map(|t| t.needs(name)).unwrap_or_default();
        part.retained = template.and_then(|t| t.retained(name));
        match kind.as_str() {
            ASG => part.size = Some(self.change_stack_group(no, &part, &wanted)?),
            FLEET => part.size = Some(self.change_fleet(no, &part, &wanted)?),
            LAUNCH => {
                let version = part
                    .tells
                    .get("LatestVersionNumber")
                    .map(text)
                    .and_then(|v| v.parse::<u64>().ok());
                let next = version.unwrap_or(0).saturating_add(1);
                part.tells.insert("LatestVersionNumber".into(), next.to_string().into());
            }
            _ => {}
        }
        if let Some((kind, id)) = &part.thing
            && let Some(thing) = self.thing_mut(&scope, *kind, id)
        {
            if *kind != ResourceKind::InstanceProfile {
                thing.tags = with_own(wanted.tags.clone(), &wanted.properties);
            }
            if *kind == ResourceKind::LaunchTemplate {
                thing.what = What::Template(Box::new(launch_template(&wanted)));
            }
        }
        if let Some(stack) = self.stacks.get_mut(no) {
            stack.parts.insert(name.clone(), part);
        }
        Ok(())
    }

    fn part_of(&self, no: StackNo, name: &str, old: bool) -> Option<&Part> {
        let stack = self.stacks.get(no)?;
        match old {
            true => stack.replaced.iter().find(|(n, _)| n == name).map(|(_, part)| part),
            false => stack.parts.get(name),
        }
    }

    /// Begins to delete a resource.
    pub(super) fn drop_part(&mut self, no: StackNo, name: &SmolStr, old: bool) -> Result<(), SmolStr> {
        let Some(part) = self.part_of(no, name, old).cloned() else {
            return Ok(());
        };
        let Some(scope) = self.stacks.get(no).map(|s| s.scope.clone()) else {
            return Ok(());
        };
        if matches!(part.kind.as_str(), ASG | FLEET) {
            self.drop_stack_group(&scope, &part.physical);
        }
        Ok(())
    }

    /// Whether something of a resource that is being deleted is there still.
    pub(super) fn still_there(&self, no: StackNo, name: &str, old: bool) -> bool {
        let Some((stack, part)) = self.stacks.get(no).zip(self.part_of(no, name, old)) else {
            return false;
        };
        let own = |g: &&super::super::state::Group| g.scope == stack.scope && g.name == part.physical;
        matches!(part.kind.as_str(), ASG | FLEET) && self.groups.iter().filter(own).any(|g| !g.members.is_empty())
    }

    /// A resource is gone.
    pub(super) fn forget_part(&mut self, no: StackNo, name: &str) {
        let part = self.stacks.get_mut(no).and_then(|s| s.parts.remove(name));
        if let Some(part) = part {
            self.forget_thing(no, &part);
        }
    }

    pub(super) fn forget_old(&mut self, no: StackNo, name: &str) {
        let Some(stack) = self.stacks.get_mut(no) else { return };
        let place = stack.replaced.iter().position(|(n, _)| n == name);
        if let Some((_, part)) = place.map(|place| stack.replaced.remove(place)) {
            self.forget_thing(no, &part);
        }
    }

    fn forget_thing(&mut self, no: StackNo, part: &Part) {
        let Some(stack) = self.stacks.get_mut(no) else { return };
        stack.queues.remove(&part.physical);
        let scope = stack.scope.clone();
        if let Some((kind, id)) = &part.thing {
            self.things.remove(&super::super::made::ThingKey {
                scope,
                kind: *kind,
                id: id.clone(),
            });
        }
    }

    /// Nothing of a stack is left; nor is its cluster.
    pub(super) fn stack_is_empty(&mut self, no: StackNo) {
        let Some(stack) = self.stacks.get_mut(no) else { return };
        stack.parts.clear();
        stack.outputs.clear();
        stack.queues.clear();
        stack.sets.clear();
        stack.signals.clear();
        // Its tags are told still.
        if let Some(held) = &mut stack.held {
            held.template.clear();
        }
        stack.before = None;
        self.end_cluster_of(no);
    }

    /// For how long a wait condition waits.
    pub(super) fn wait_seconds(&self, no: StackNo, name: &str) -> f64 {
        let timeout = self
            .wanted(no, name)
            .ok()
            .and_then(|w| text(w.properties.get("Timeout")?).parse().ok());
        timeout.unwrap_or(300.0)
    }

    /// How many machines have told a wait condition that they are ready, and how many it waits for.
    pub(super) fn told_of(&self, no: StackNo, name: &str) -> (usize, usize) {
        let Some((stack, wanted)) = self.stacks.get(no).zip(self.wanted(no, name).ok()) else {
            return (0, 0);
        };
        let property = |key: &str| wanted.properties.get(key).map(text).unwrap_or_default();
        let handle = property("Handle");
        let own = stack
            .signals
            .iter()
            .filter(|s| s.handle == handle && s.failed.is_none());
        (own.count(), property("Count").parse().unwrap_or(1))
    }

    /// Whether a wait condition was told enough; or why it waits in vain.
    pub(super) fn told_enough(&self, no: StackNo, name: &str) -> Option<Result<(), SmolStr>> {
        let stack = self.stacks.get(no)?;
        let handle = text(self.wanted(no, name).ok()?.properties.get("Handle")?);
        let bad = stack
            .signals
            .iter()
            .filter(|s| s.handle == handle)
            .find_map(|s| Some((s, s.failed.as_ref()?)));
        if let Some((signal, why)) = bad {
            return Some(Err(format_smolstr!(
                "WaitCondition received failed message: '{why}' for uniqueId: {}",
                signal.from
            )));
        }
        let (told, wanted) = self.told_of(no, name);
        (told >= wanted).then_some(Ok(()))
    }
}

/// The tags of a stack with those that its template gives a resource.
fn with_own(mut tags: Tagged, properties: &Value) -> Tagged {
    let own = match properties.get("TagSpecifications").and_then(|all| all.get(0)) {
        Some(first) => first.get("Tags"),
        None => properties.get("Tags"),
    };
    tags.extend(listed(own));
    tags
}

/// Tags as templates list them.
pub(super) fn listed(tags: Option<&Value>) -> BTreeMap<SmolStr, SmolStr> {
    let all = tags.and_then(Value::as_array).into_iter().flatten();
    all.filter_map(|tag| Some((text(tag.get("Key")?).into(), text(tag.get("Value")?).into())))
        .collect()
}

fn launch_template(wanted: &Wanted) -> LaunchTemplate {
    let data = wanted.properties.get("LaunchTemplateData").unwrap_or(&Value::Null);
    let said = |value: Option<&Value>| value.map(text).unwrap_or_default();
    let user_data = said(data.get("UserData"));
    let of_instances = data
        .get("TagSpecifications")
        .and_then(Value::as_array)
        .into_iter()
        .flatten();
    let of_instances = of_instances.filter(|spec| said(spec.get("ResourceType")) == "instance");
    LaunchTemplate {
        image: said(data.get("ImageId")).into(),
        group: said(data.pointer("/SecurityGroupIds/0")).into(),
        profile: data.pointer("/IamInstanceProfile/Name").map(|name| text(name).into()),
        key_pair: data.get("KeyName").map(|name| text(name).into()),
        tags: of_instances.flat_map(|spec| listed(spec.get("Tags"))).collect(),
        settings: settings(&user_data),
        user_data,
    }
}

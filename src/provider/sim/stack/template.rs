//! A template as CloudFormation reads it: what it holds, what of it needs what else, and what is wrong with it.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};
use smol_str::{SmolStr, format_smolstr};

use super::super::scaling::Refused;
use super::value::{function, names};
use crate::blueprint::ha::template::LIMIT;

/// A template that was read.
pub(super) struct Template {
    whole: Value,
}

fn wrong(why: impl std::fmt::Display) -> Refused {
    Refused::new(
        format_smolstr!("ValidationError: {why}"),
        "this is a fault of the template: correct it, and try again",
    )
}

impl Template {
    /// Reads a template, and refuses what CloudFormation would refuse.
    pub(super) fn read(text: &str) -> Result<Self, Refused> {
        if text.len() > LIMIT {
            let why = "1 validation error detected: Value at 'templateBody' failed to satisfy constraint: Member must \
                       have length less than or equal to 51200";
            return Err(wrong(why));
        }
        let whole: Value = serde_json::from_str(text).map_err(|error| {
            wrong(format_smolstr!(
                "Template format error: JSON not well-formed. ({error})"
            ))
        })?;
        let read = Self { whole };
        if read.map("Resources").is_empty() {
            return Err(wrong(
                "Template format error: At least one Resources member must be defined.",
            ));
        }
        read.check()?;
        Ok(read)
    }

    /// One that was read before.
    pub(super) fn again(text: &str) -> Self {
        Self {
            whole: serde_json::from_str(text).unwrap_or_default(),
        }
    }

    fn check(&self) -> Result<(), Refused> {
        let known = |name: &SmolStr| {
            name.starts_with("AWS::") || self.has(name) || self.map("Parameters").contains_key(name.as_str())
        };
        let lost = |value: &Value, block: &str| {
            let mut named = BTreeSet::new();
            names(value, &mut named);
            match named.into_iter().find(|name| !known(name)) {
                None => Ok(()),
                Some(name) => Err(wrong(format_smolstr!(
                    "Template format error: Unresolved resource dependencies [{name}] in the {block} block of the template"
                ))),
            }
        };
        for (name, resource) in self.map("Resources") {
            if self.kind(name).is_none_or(str::is_empty) {
                return Err(wrong(format_smolstr!(
                    "Template format error: [/Resources/{name}] Every Resources object must contain a Type member."
                )));
            }
            lost(resource, "Resources")?;
            if let Some(name) = depends_on(resource).into_iter().find(|other| !self.has(other)) {
                return Err(wrong(format_smolstr!(
                    "Template format error: Unresolved resource dependencies [{name}] in the Resources block of the template"
                )));
            }
        }
        for output in self.map("Outputs").values() {
            lost(output, "Outputs")?;
        }
        let mut left: BTreeMap<SmolStr, BTreeSet<SmolStr>> =
            self.resources().map(|name| (name.clone(), self.needs(&name))).collect();
        while !left.is_empty() {
            let free = left.iter().filter(|(_, n)| n.iter().all(|o| !left.contains_key(o)));
            let free: Vec<SmolStr> = free.map(|(name, _)| name.clone()).collect();
            if free.is_empty() {
                let all: Vec<_> = left.into_keys().collect();
                return Err(wrong(format_smolstr!(
                    "Circular dependency between resources: [{}]",
                    all.join(", ")
                )));
            }
            left.retain(|name, _| !free.contains(name));
        }
        Ok(())
    }

    fn map(&self, part: &str) -> &Map<String, Value> {
        static NOTHING: std::sync::LazyLock<Map<String, Value>> = std::sync::LazyLock::new(Map::new);
        self.whole.get(part).and_then(Value::as_object).unwrap_or(&NOTHING)
    }

    fn resource(&self, name: &str) -> Option<&Value> {
        self.map("Resources").get(name)
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.resource(name).is_some()
    }

    /// The names of its resources.
    pub(super) fn resources(&self) -> impl Iterator<Item = SmolStr> {
        self.map("Resources").keys().map(SmolStr::new)
    }

    pub(super) fn kind(&self, name: &str) -> Option<&str> {
        self.resource(name)?.get("Type")?.as_str()
    }

    pub(super) fn properties(&self, name: &str) -> &Value {
        self.resource(name)
            .and_then(|r| r.get("Properties"))
            .unwrap_or(&Value::Null)
    }

    /// What becomes of a resource that goes, where that is not deletion.
    pub(super) fn retained(&self, name: &str) -> Option<SmolStr> {
        let policy = self.resource(name)?.get("DeletionPolicy")?.as_str()?;
        policy.starts_with("Retain").then(|| policy.into())
    }

    /// The resources that must be there before one.
    pub(super) fn needs(&self, name: &str) -> BTreeSet<SmolStr> {
        let Some(resource) = self.resource(name) else {
            return BTreeSet::new();
        };
        let mut needs = depends_on(resource);
        names(self.properties(name), &mut needs);
        needs.retain(|other| self.has(other));
        needs
    }

    pub(super) fn outputs(&self) -> impl Iterator<Item = (&String, &Value)> {
        self.map("Outputs")
            .iter()
            .filter_map(|(name, output)| Some((name, output.get("Value")?)))
    }

    pub(super) fn mappings(&self) -> Option<&Value> {
        self.whole.get("Mappings")
    }

    /// The parameters that are lists.
    pub(super) fn lists(&self) -> BTreeSet<SmolStr> {
        let is_list = |(_, p): &(&String, &Value)| {
            let kind = p.get("Type").and_then(Value::as_str).unwrap_or_default();
            kind.starts_with("List<") || kind == "CommaDelimitedList"
        };
        self.map("Parameters")
            .iter()
            .filter(is_list)
            .map(|(name, _)| SmolStr::new(name))
            .collect()
    }

    /// The values of its parameters: those that are given, else their defaults.
    pub(super) fn parameters(&self, given: &[(String, String)]) -> Result<BTreeMap<SmolStr, SmolStr>, Refused> {
        let unknown: Vec<_> = given
            .iter()
            .filter(|(name, _)| !self.map("Parameters").contains_key(name))
            .collect();
        if let [(name, _), ..] = unknown.as_slice() {
            return Err(wrong(format_smolstr!(
                "Parameters: [{name}] do not exist in the template"
            )));
        }
        let mut values = BTreeMap::new();
        for (name, parameter) in self.map("Parameters") {
            let own = given
                .iter()
                .find(|(key, _)| key == name)
                .map(|(_, value)| SmolStr::new(value));
            let usual = || Some(SmolStr::from(super::value::text(parameter.get("Default")?)));
            let value = own.or_else(usual);
            let value = value.ok_or_else(|| wrong(format_smolstr!("Parameters: [{name}] must have values")))?;
            values.insert(SmolStr::new(name), value);
        }
        Ok(values)
    }

    /// A value with what is known before anything is made: its parameters and what it finds in mappings.
    pub(super) fn flat(&self, value: &Value, parameters: &BTreeMap<SmolStr, SmolStr>) -> Value {
        match (function(value), value) {
            (Some(("Ref", given)), _) => match given.as_str().and_then(|name| parameters.get(name)) {
                Some(known) => known.as_str().into(),
                None => value.clone(),
            },
            (Some(("Fn::FindInMap", given)), _) => {
                let at = |n: usize| given.get(n).and_then(Value::as_str);
                let found = || self.mappings()?.get(at(0)?)?.get(at(1)?)?.get(at(2)?);
                found().cloned().unwrap_or_else(|| value.clone())
            }
            (_, Value::Array(all)) => all.iter().map(|v| self.flat(v, parameters)).collect(),
            (_, Value::Object(all)) => {
                let one = |(key, v): (&String, &Value)| (key.clone(), self.flat(v, parameters));
                Value::Object(all.iter().map(one).collect())
            }
            _ => value.clone(),
        }
    }
}

fn depends_on(resource: &Value) -> BTreeSet<SmolStr> {
    match resource.get("DependsOn") {
        Some(Value::String(one)) => [SmolStr::new(one)].into(),
        Some(Value::Array(all)) => all.iter().filter_map(Value::as_str).map(SmolStr::new).collect(),
        _ => BTreeSet::new(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn refused(template: &Value) -> String {
        Template::read(&template.to_string()).err().unwrap().message.to_string()
    }

    #[test]
    fn what_is_wrong_with_a_template_is_said() {
        let text = Template::read("{").err().unwrap().message;
        assert!(text.contains("JSON not well-formed"), "{text}");
        assert!(refused(&json!({})).contains("At least one Resources member"));
        assert!(refused(&json!({"Resources": {"A": {}}})).contains("must contain a Type"));
        let lost = json!({"Resources": {"A": {"Type": "T", "Properties": {"x": {"Ref": "B"}}}}});
        assert!(refused(&lost).contains("Unresolved resource dependencies [B]"));
        let round = json!({"Resources": {
            "A": {"Type": "T", "DependsOn": "B"},
            "B": {"Type": "T", "Properties": {"x": {"Fn::GetAtt": ["A", "Arn"]}}},
        }});
        assert!(refused(&round).contains("Circular dependency between resources: [A, B]"));
    }

    #[test]
    fn parameters_have_values_or_are_named() {
        let template = json!({
            "Parameters": {"A": {"Type": "Number", "Default": 3}, "B": {"Type": "List<String>"}},
            "Resources": {"R": {"Type": "T"}},
        });
        let read = Template::read(&template.to_string()).unwrap();
        let given = |key: &str| vec![(key.to_owned(), "x,y".to_owned())];
        let values = read.parameters(&given("B")).unwrap();
        assert_eq!((values["A"].as_str(), values["B"].as_str()), ("3", "x,y"));
        assert_eq!(read.lists().into_iter().collect::<Vec<_>>(), ["B"]);
        assert!(
            read.parameters(&[])
                .unwrap_err()
                .message
                .contains("[B] must have values")
        );
        assert!(
            read.parameters(&given("C"))
                .unwrap_err()
                .message
                .contains("[C] do not exist")
        );
    }
}

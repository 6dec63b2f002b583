//! The functions of CloudFormation that stand in a template's values: `Ref`, `Fn::GetAtt`, `Fn::Sub` and the others, and
//! what they come to once that which they name is there.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

use serde_json::{Map, Value};
use smol_str::{SmolStr, format_smolstr};

use super::Part;

/// What functions name.
pub(super) struct Known<'a> {
    /// The template's parameters; those of lists with commas between.
    pub(super) parameters: &'a BTreeMap<SmolStr, SmolStr>,
    /// The parameters that are lists.
    pub(super) lists: &'a BTreeSet<SmolStr>,
    pub(super) mappings: Option<&'a Value>,
    pub(super) parts: &'a BTreeMap<SmolStr, Part>,
    pub(super) place: &'a Place,
}

/// Where a stack stands, and which it is.
#[derive(Clone, Debug)]
pub(super) struct Place {
    pub(super) account: SmolStr,
    pub(super) region: SmolStr,
    pub(super) zones: Vec<SmolStr>,
    pub(super) stack: SmolStr,
    pub(super) id: SmolStr,
}

/// The function that a value is, with what is given to it.
pub(super) fn function(value: &Value) -> Option<(&str, &Value)> {
    let object = value.as_object().filter(|o| o.len() == 1)?;
    let (name, given) = object.iter().next()?;
    (name == "Ref" || name.starts_with("Fn::")).then_some((name.as_str(), given))
}

/// What a value names, parameters and pseudo parameters too.
pub(super) fn names(value: &Value, found: &mut BTreeSet<SmolStr>) {
    match (function(value), value) {
        (Some(("Ref", given)), _) => found.extend(given.as_str().map(SmolStr::new)),
        (Some(("Fn::GetAtt", given)), _) => found.extend(got(given).map(|(name, _)| name)),
        (Some(("Fn::Sub", given)), _) => {
            let (text, own) = substituted(given);
            let named = holes(text).into_iter().filter_map(|hole| match hole {
                Hole::Of(name) if own.is_none_or(|own| !own.contains_key(name)) => name.split('.').next(),
                Hole::Of(_) | Hole::Text(_) => None,
            });
            found.extend(named.map(SmolStr::new));
            own.into_iter()
                .flat_map(Map::values)
                .for_each(|value| names(value, found));
        }
        (Some((_, given)), _) => names(given, found),
        (None, Value::Array(all)) => all.iter().for_each(|value| names(value, found)),
        (None, Value::Object(all)) => all.values().for_each(|value| names(value, found)),
        (None, _) => {}
    }
}

/// The resource and attribute of `Fn::GetAtt`, which takes a list or both with a dot between.
pub(super) fn got(given: &Value) -> Option<(SmolStr, SmolStr)> {
    let pair = match given {
        Value::String(text) => text.split_once('.'),
        Value::Array(all) => Some((all.first()?.as_str()?, all.get(1)?.as_str()?)),
        _ => None,
    };
    pair.map(|(name, attribute)| (name.into(), attribute.into()))
}

fn substituted(given: &Value) -> (&str, Option<&Map<String, Value>>) {
    match given {
        Value::Array(all) => (
            all.first().and_then(Value::as_str).unwrap_or_default(),
            all.get(1).and_then(Value::as_object),
        ),
        other => (other.as_str().unwrap_or_default(), None),
    }
}

enum Hole<'a> {
    Text(&'a str),
    Of(&'a str),
}

/// A text in pieces: what stands between `${` and `}`, and the rest.
fn holes(text: &str) -> Vec<Hole<'_>> {
    let mut found = vec![];
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        found.push(Hole::Text(before));
        let Some((name, next)) = after.split_once('}') else {
            rest = after;
            continue;
        };
        match name.strip_prefix('!') {
            Some(_literal) => found.extend([
                Hole::Text("${"),
                Hole::Text(name.trim_start_matches('!')),
                Hole::Text("}"),
            ]),
            None => found.push(Hole::Of(name)),
        }
        rest = next;
    }
    found.push(Hole::Text(rest));
    found
}

/// A value as text.
pub(super) fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

impl Known<'_> {
    /// What a value comes to; the error is for people.
    pub(super) fn resolve(&self, value: &Value) -> Result<Value, SmolStr> {
        if let Some((name, given)) = function(value) {
            return self.call(name, given);
        }
        Ok(match value {
            Value::Array(all) => Value::Array(all.iter().map(|v| self.resolve(v)).collect::<Result<_, _>>()?),
            Value::Object(all) => {
                let one = |(key, v): (&String, &Value)| Ok((key.clone(), self.resolve(v)?));
                Value::Object(all.iter().map(one).collect::<Result<_, SmolStr>>()?)
            }
            other => other.clone(),
        })
    }

    /// What a name stands for.
    fn refer(&self, name: &str) -> Option<Value> {
        let place = self.place;
        let pseudo = match name {
            "AWS::Region" => Some(&*place.region),
            "AWS::AccountId" => Some(&*place.account),
            "AWS::Partition" => Some("aws"),
            "AWS::URLSuffix" => Some("amazonaws.com"),
            "AWS::StackName" => Some(&*place.stack),
            "AWS::StackId" => Some(&*place.id),
            _ => None,
        };
        if let Some(text) = pseudo {
            return Some(text.into());
        }
        match self.parameters.get(name) {
            Some(value) if self.lists.contains(name) => Some(value.split(',').map(Value::from).collect()),
            Some(value) => Some(value.as_str().into()),
            None => self.parts.get(name).map(|part| part.physical.as_str().into()),
        }
    }

    fn attribute(&self, name: &str, attribute: &str) -> Result<Value, SmolStr> {
        let part = self.parts.get(name);
        let part = part.ok_or_else(|| {
            format_smolstr!("Template error: instance of Fn::GetAtt references undefined resource {name}")
        })?;
        part.tells.get(attribute).cloned().ok_or_else(|| {
            format_smolstr!("Template error: resource {name} does not support attribute type {attribute} in Fn::GetAtt")
        })
    }

    fn call(&self, function: &str, given: &Value) -> Result<Value, SmolStr> {
        let wrong = || format_smolstr!("Template error: {function} is not given what it takes");
        let list = || -> Result<Vec<Value>, SmolStr> {
            match self.resolve(given)? {
                Value::Array(all) => Ok(all),
                _ => Err(wrong()),
            }
        };
        match function {
            "Ref" => {
                let name = given.as_str().ok_or_else(wrong)?;
                self.refer(name)
                    .ok_or_else(|| format_smolstr!("Template format error: Unresolved resource dependencies [{name}]"))
            }
            "Fn::GetAtt" => {
                let (name, attribute) = got(given).ok_or_else(wrong)?;
                self.attribute(&name, &attribute)
            }
            "Fn::Sub" => self.substitute(given),
            "Fn::Base64" => self.resolve(given),
            "Fn::GetAZs" => Ok(self.place.zones.iter().map(|zone| Value::from(zone.as_str())).collect()),
            "Fn::Join" => match list()?.as_slice() {
                [Value::String(between), Value::Array(all)] => {
                    let all: Vec<_> = all.iter().map(text).collect();
                    Ok(all.join(between).into())
                }
                _ => Err(wrong()),
            },
            "Fn::Select" => match list()?.as_slice() {
                [n, Value::Array(all)] => {
                    let n: usize = text(n).parse().map_err(|_not_a_number| wrong())?;
                    all.get(n).cloned().ok_or_else(|| {
                        format_smolstr!("Template error: Fn::Select cannot select nonexistent value at index {n}")
                    })
                }
                _ => Err(wrong()),
            },
            "Fn::Split" => match list()?.as_slice() {
                [Value::String(at), Value::String(whole)] => Ok(whole.split(at.as_str()).map(Value::from).collect()),
                _ => Err(wrong()),
            },
            "Fn::FindInMap" => match list()?.as_slice() {
                [Value::String(map), Value::String(one), Value::String(other)] => {
                    let found = self.mappings.and_then(|all| all.get(map)?.get(one)?.get(other));
                    found.cloned().ok_or_else(|| {
                        format_smolstr!("Template error: Unable to get mapping for {map}::{one}::{other}")
                    })
                }
                _ => Err(wrong()),
            },
            "Fn::Cidr" => match list()?.as_slice() {
                [Value::String(whole), count, bits] => {
                    let number = |value: &Value| text(value).parse::<u32>().ok();
                    let cut = number(count)
                        .zip(number(bits))
                        .and_then(|(count, bits)| cut(whole, count, bits));
                    cut.ok_or_else(wrong)
                }
                _ => Err(wrong()),
            },
            _ => Err(format_smolstr!("Template error: {function} is unknown")),
        }
    }

    fn substitute(&self, given: &Value) -> Result<Value, SmolStr> {
        let (whole, own) = substituted(given);
        let mut said = String::new();
        for hole in holes(whole) {
            match hole {
                Hole::Text(piece) => said += piece,
                Hole::Of(name) => {
                    let value = match (own.and_then(|own| own.get(name)), name.split_once('.')) {
                        (Some(value), _) => self.resolve(value)?,
                        (None, Some((of, attribute))) => self.attribute(of, attribute)?,
                        (None, None) => self.call("Ref", &name.into())?,
                    };
                    said += &text(&value);
                }
            }
        }
        Ok(said.into())
    }
}

/// So many networks of a network, each with that many bits for hosts.
fn cut(whole: &str, count: u32, bits: u32) -> Option<Value> {
    let (first, _length) = whole.split_once('/')?;
    let first = u32::from(first.parse::<Ipv4Addr>().ok()?);
    let length = 32_u32.checked_sub(bits)?;
    let step = 1_u32.checked_shl(bits)?;
    let network = |n: u32| {
        Some(Value::from(format!(
            "{}/{length}",
            Ipv4Addr::from(first.checked_add(n.checked_mul(step)?)?)
        )))
    };
    (0..count.min(256)).map(network).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn resolve(value: &Value) -> Result<Value, SmolStr> {
        let part = Part {
            kind: "AWS::EC2::VPC".into(),
            physical: "vpc-1".into(),
            thing: None,
            tells: [("CidrBlock".into(), json!("10.0.0.0/20"))].into(),
            size: None,
            retained: None,
            needs: BTreeSet::new(),
        };
        let known = Known {
            parameters: &[("Subnets".into(), "a,b".into()), ("One".into(), "1".into())].into(),
            lists: &["Subnets".into()].into(),
            mappings: Some(&json!({"M": {"A": {"B": "found"}}})),
            parts: &[("Vpc".into(), part)].into(),
            place: &Place {
                account: "1".into(),
                region: "eu-west-1".into(),
                zones: vec!["eu-west-1a".into()],
                stack: "s".into(),
                id: "arn:s".into(),
            },
        };
        known.resolve(value)
    }

    #[test]
    fn functions_come_to_what_they_name() {
        let cases = [
            (json!({"Ref": "Vpc"}), json!("vpc-1")),
            (json!({"Fn::Select": [1, {"Ref": "Subnets"}]}), json!("b")),
            (
                json!({"Fn::Sub": "${AWS::Region}/${Vpc.CidrBlock}/${!x}/${One}"}),
                json!("eu-west-1/10.0.0.0/20/${x}/1"),
            ),
            (json!({"Fn::Sub": ["${a}", {"a": {"Ref": "One"}}]}), json!("1")),
            (json!({"Fn::FindInMap": ["M", "A", "B"]}), json!("found")),
            (
                json!({"Fn::Select": ["3", {"Fn::Cidr": [{"Fn::GetAtt": ["Vpc", "CidrBlock"]}, 8, 9]}]}),
                json!("10.0.6.0/23"),
            ),
            (json!([{"Fn::Base64": {"Fn::Join": ["-", ["a", 1]]}}]), json!(["a-1"])),
            (json!({"Fn::Select": [1, {"Fn::Split": [":", "a:b"]}]}), json!("b")),
        ];
        for (value, expected) in cases {
            assert_eq!(resolve(&value), Ok(expected), "{value}");
        }
        for wrong in [
            json!({"Ref": "No"}),
            json!({"Fn::GetAtt": "Vpc.No"}),
            json!({"Fn::Select": [9, []]}),
            json!({"Fn::Odd": 1}),
        ] {
            assert!(resolve(&wrong).unwrap_err().starts_with("Template"), "{wrong}");
        }
    }

    #[test]
    fn what_a_value_names_is_found() {
        let mut found = BTreeSet::new();
        let value = json!({"a": [{"Ref": "A"}, {"Fn::Sub": ["${B.Arn}${c}", {"c": {"Fn::GetAtt": "D.E"}}]}]});
        names(&value, &mut found);
        assert_eq!(found.into_iter().collect::<Vec<_>>(), ["A", "B", "D"]);
    }
}

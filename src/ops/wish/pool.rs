//! A pool of workers as it is typed: `name=gpu,types=g5g.xlarge+g5g.2xlarge,max=4,label=a=b,taint=c=d:NoSchedule`.
//!
//! Entries are told apart by commas, types by plus signs; `label` and `taint` may be said again. What is not said is as
//! usual. Whether the values make a pool is for [`Spec::check`](crate::blueprint::Spec::check) to say.

use std::str::FromStr;

use smol_str::SmolStr;

use crate::blueprint::ha::PoolKind;
use crate::fleet::Arch;

/// What an entry may say.
const KEYS: [&str; 12] = [
    "name",
    "kind",
    "arch",
    "types",
    "min",
    "desired",
    "max",
    "base",
    "on-demand",
    "volume",
    "label",
    "taint",
];
/// What may be said again.
const REPEATED: [&str; 2] = ["label", "taint"];

/// The pool that is wished for; `None`, and no types at all: as usual.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PoolWish {
    /// Its name.
    pub name: SmolStr,
    /// What keeps its machines.
    pub kind: PoolKind,
    /// Their architecture; else that of the types, else that of the servers.
    pub arch: Option<Arch>,
    /// The instance types, the preferred one first; none: chosen by price.
    pub types: Vec<SmolStr>,
    /// The fewest machines.
    pub min: Option<u32>,
    /// How many it begins with.
    pub desired: Option<u32>,
    /// The most machines.
    pub max: Option<u32>,
    /// How many are bought on-demand before any is bought on the spot market.
    pub base: Option<u32>,
    /// Of those above that, how many per cent are bought on-demand.
    pub on_demand: Option<u32>,
    /// The size of each machine's volume, in GiB.
    pub volume_gib: Option<u32>,
    /// Labels of its nodes, each as key and value.
    pub labels: Vec<(SmolStr, SmolStr)>,
    /// Taints of its nodes, each as `key=value:effect`.
    pub taints: Vec<SmolStr>,
}

impl PoolWish {
    /// Reads a pool as it is typed. The error says at which character what is wrong.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut pool = Self::default();
        let mut said = vec![];
        let mut at = 1;
        for entry in text.split(',') {
            pool.take(entry, &mut said)
                .map_err(|why| format!("at character {at}, {entry:?}: {why}"))?;
            at += entry.chars().count() + 1;
        }
        match pool.name.is_empty() {
            true => Err("the pool has no name: begin with one, such as name=gpu".to_owned()),
            false => Ok(pool),
        }
    }

    fn take<'a>(&mut self, entry: &'a str, said: &mut Vec<&'a str>) -> Result<(), String> {
        let Some((key, value)) = entry.split_once('=') else {
            return Err(format!("expected KEY=VALUE with one of: {}", KEYS.join(", ")));
        };
        if !KEYS.contains(&key) {
            return Err(format!("there is no {key:?}; there are: {}", KEYS.join(", ")));
        }
        if said.contains(&key) && !REPEATED.contains(&key) {
            return Err(format!("{key} is said twice"));
        }
        said.push(key);
        if value.is_empty() {
            return Err(format!("{key} has no value"));
        }
        match key {
            "name" => self.name = value.into(),
            "kind" => {
                self.kind = match value {
                    "asg" => PoolKind::Asg,
                    "spot-fleet" => PoolKind::SpotFleet,
                    _ => return Err("expected asg or spot-fleet".to_owned()),
                }
            }
            "arch" => {
                self.arch = match Arch::parse(value) {
                    Some(arch @ (Arch::Amd64 | Arch::Arm64)) => Some(arch),
                    _ => return Err("expected arm64 or amd64".to_owned()),
                }
            }
            "types" => self.types = types(value)?,
            "min" => self.min = Some(number(value)?),
            "desired" => self.desired = Some(number(value)?),
            "max" => self.max = Some(number(value)?),
            "base" => self.base = Some(number(value)?),
            "on-demand" => self.on_demand = Some(percent(value)?),
            "volume" => self.volume_gib = Some(number(value)?),
            "label" => {
                let (key, value) = value
                    .split_once('=')
                    .ok_or("expected label=KEY=VALUE, and again for another label")?;
                self.labels.push((key.into(), value.into()));
            }
            _ => self.taints.push(value.into()),
        }
        Ok(())
    }
}

impl FromStr for PoolWish {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::parse(text)
    }
}

fn types(value: &str) -> Result<Vec<SmolStr>, String> {
    let types: Vec<SmolStr> = value.split('+').map(SmolStr::new).collect();
    match types.iter().any(|name| name.is_empty()) {
        true => Err("expected instance types with + between them, such as types=t4g.medium+t4g.large".to_owned()),
        false => Ok(types),
    }
}

fn number(value: &str) -> Result<u32, String> {
    let found = value.parse().ok();
    found.ok_or_else(|| "expected a whole number".to_owned())
}

fn percent(value: &str) -> Result<u32, String> {
    let found = value.parse().ok().filter(|percent| *percent <= 100);
    found.ok_or_else(|| "expected per cent, 0 to 100".to_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A pool as it is typed.
    fn typed(pool: &PoolWish) -> String {
        let mut entries = vec![format!("name={}", pool.name)];
        if pool.kind == PoolKind::SpotFleet {
            entries.push("kind=spot-fleet".to_owned());
        }
        entries.extend(pool.arch.map(|arch| format!("arch={}", arch.as_str())));
        if !pool.types.is_empty() {
            entries.push(format!("types={}", pool.types.join("+")));
        }
        let numbers = [
            ("min", pool.min),
            ("desired", pool.desired),
            ("max", pool.max),
            ("base", pool.base),
            ("on-demand", pool.on_demand),
            ("volume", pool.volume_gib),
        ];
        entries.extend(numbers.iter().filter_map(|(key, n)| n.map(|n| format!("{key}={n}"))));
        entries.extend(pool.labels.iter().map(|(key, value)| format!("label={key}={value}")));
        entries.extend(pool.taints.iter().map(|taint| format!("taint={taint}")));
        entries.join(",")
    }

    #[test]
    fn a_pool_is_read_as_it_is_typed() {
        let text = "name=gpu,types=g5g.xlarge+g5g.2xlarge,min=0,desired=1,max=4,base=0,on-demand=0,arch=arm64,label=a=b,\
                    label=k8s.io/c=,taint=c=d:NoSchedule,kind=spot-fleet,volume=40";
        let pool = PoolWish::parse(text).unwrap();
        let expected = PoolWish {
            name: "gpu".into(),
            kind: PoolKind::SpotFleet,
            arch: Some(Arch::Arm64),
            types: vec!["g5g.xlarge".into(), "g5g.2xlarge".into()],
            min: Some(0),
            desired: Some(1),
            max: Some(4),
            base: Some(0),
            on_demand: Some(0),
            volume_gib: Some(40),
            labels: vec![("a".into(), "b".into()), ("k8s.io/c".into(), "".into())],
            taints: vec!["c=d:NoSchedule".into()],
        };
        assert_eq!(pool, expected);
    }

    #[test]
    fn what_is_wrong_is_told_with_its_place() {
        for (text, said) in [
            ("", "at character 1, \"\": expected KEY=VALUE"),
            ("name=gpu,mni=1", "at character 10, \"mni=1\": there is no \"mni\""),
            (
                "name=gpu,min=one",
                "at character 10, \"min=one\": expected a whole number",
            ),
            ("name=gpu,min=1,min=2", "at character 16, \"min=2\": min is said twice"),
            (
                "name=é,on-demand=101",
                "at character 8, \"on-demand=101\": expected per cent",
            ),
            ("name=gpu,,", "at character 10, \"\""),
            ("name=gpu,arch=arm", "expected arm64 or amd64"),
            ("name=gpu,kind=fleet", "expected asg or spot-fleet"),
            ("name=gpu,types=t4g.small+", "with + between them"),
            ("name=gpu,label=a", "expected label=KEY=VALUE"),
            ("name=", "name has no value"),
            ("min=1", "no name"),
        ] {
            let why = PoolWish::parse(text).unwrap_err();
            assert!(why.contains(said), "{text}: {why}");
        }
    }

    prop_compose! {
        fn any_pool()(
            name in "[a-z][a-z0-9_-]{0,23}",
            spot_fleet in any::<bool>(),
            arch in prop::option::of(prop::sample::select(vec![Arch::Amd64, Arch::Arm64])),
            types in prop::collection::vec("[a-z][a-z0-9-]{1,6}\\.[a-z0-9]{2,9}", 0..5),
            numbers in prop::array::uniform5(prop::option::of(0_u32..1_000)),
            on_demand in prop::option::of(0_u32..=100),
            labels in prop::collection::vec(("[a-z./]{1,12}", "[A-Za-z0-9._-]{0,12}"), 0..3),
            taints in prop::collection::vec("[a-z./]{1,9}=[a-z]{0,9}:(NoSchedule|NoExecute)", 0..3),
        ) -> PoolWish {
            let [min, desired, max, base, volume_gib] = numbers;
            PoolWish {
                name: name.into(),
                kind: if spot_fleet { PoolKind::SpotFleet } else { PoolKind::Asg },
                arch,
                types: types.into_iter().map(SmolStr::from).collect(),
                min, desired, max, base, on_demand, volume_gib,
                labels: labels.into_iter().map(|(key, value)| (key.into(), value.into())).collect(),
                taints: taints.into_iter().map(SmolStr::from).collect(),
            }
        }
    }

    proptest! {
        #[test]
        fn every_pool_comes_back_as_it_was_typed(pool in any_pool()) {
            prop_assert_eq!(PoolWish::parse(&typed(&pool)), Ok(pool));
        }

        #[test]
        fn a_wrong_entry_is_found_wherever_it_stands(pool in any_pool(), wrong in "[a-z]{0,4}\\?{1,3}") {
            let text = typed(&pool);
            let at = text.chars().count() + 2;
            let why = PoolWish::parse(&format!("{text},{wrong}")).unwrap_err();
            prop_assert!(why.starts_with(&format!("at character {at}, {wrong:?}: ")), "{}", why);
        }

        #[test]
        fn any_text_is_a_pool_or_an_error(text in ".{0,120}") {
            if let Ok(pool) = PoolWish::parse(&text) {
                prop_assert!(!pool.name.is_empty());
            }
        }
    }
}

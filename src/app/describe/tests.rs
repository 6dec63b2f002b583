use super::*;
use crate::fleet::table::Ask;
use crate::fleet::{Summary, TableKind, example};

fn value_of<'a>(all: &'a Description, section: &str, label: &str) -> Option<&'a Line> {
    let section = all.sections.iter().find(|s| s.title == section)?;
    section.lines.iter().find(|l| l.label == label)
}

#[test]
fn every_row_of_every_table_can_be_described_and_no_line_is_blank() {
    let fleet = example::fleet(4);
    let summary = Summary::of(&fleet, example::now());
    let view = View {
        fleet: &fleet,
        summary: &summary,
        now: example::now(),
    };
    let mut described = 0;
    for kind in TableKind::ALL {
        for id in kind.project(&view, &Ask::default()).rows.iter() {
            let all = describe(&view, id).unwrap();
            assert!(!all.title.is_empty() && !all.sections.is_empty(), "{id:?}");
            for line in all.sections.iter().flat_map(|s| &s.lines) {
                assert!(!line.label.is_empty() && !line.value.is_empty(), "{id:?}: {line:?}");
            }
            described += 1;
        }
    }
    for feed in fleet.feeds().keys() {
        assert!(describe(&view, &RowId::Feed(feed.clone())).is_some());
    }
    assert!(described > 12);
}

#[test]
fn a_machine_tells_its_price_or_why_it_has_none() {
    let fleet = example::fleet(3);
    let summary = Summary::of(&fleet, example::now());
    let view = View {
        fleet: &fleet,
        summary: &summary,
        now: example::now(),
    };
    let of = |n: u32| {
        let id = crate::fleet::InstanceId::new(format!("i-{n:017x}"));
        describe(&view, &RowId::Machine(MachineId::Instance(id))).unwrap()
    };
    let agent = of(11);
    assert_eq!(
        value_of(&agent, "Price", "price").unwrap().value,
        "$0.0350 per hour, spot"
    );
    assert_eq!(
        value_of(&agent, "Price", "cheaper").unwrap().value,
        "in eu-west-1b, by $0.0080 per hour"
    );
    let server = value_of(&of(1), "Price", "price").cloned().unwrap();
    assert_eq!(server.value, "none: no source of on-demand prices in eu-west-1");
    assert_eq!(server.severity, Severity::Warning);
    let nodeless = of(12);
    let node = value_of(&nodeless, "Kubernetes node", "node").unwrap();
    assert!(node.value.starts_with("none has joined, for 1h00m"), "{}", node.value);
}

//! What CloudFormation needs for the template is in the policies of who launches.

use super::*;
use crate::blueprint::ha::rights::{Part, Rights};

#[test]
fn every_type_in_any_template_has_its_rights_and_no_other_type_has() {
    let mut kinds = BTreeSet::new();
    for spec in combinations() {
        let template = template(&spec, &site());
        kinds.extend(
            resources(&template)
                .values()
                .map(|one| one["Type"].as_str().unwrap().to_owned()),
        );
    }
    let all: Vec<_> = Part::ALL.iter().flat_map(|part| part.kinds()).collect();
    let known: BTreeSet<_> = all.iter().map(|rights| rights.kind.to_owned()).collect();
    assert_eq!(known, kinds);
    assert_eq!(all.len(), known.len(), "each has its rights once");
    for Rights {
        kind,
        create,
        read,
        delete,
        ..
    } in all
    {
        // Waiting is CloudFormation's own.
        let called = !kind.starts_with("AWS::CloudFormation::");
        assert!(
            [create, read, delete].iter().all(|part| part.is_empty() != called),
            "{kind}"
        );
    }
}

//! The fleet at 10,000 machines.

fn main() {
    let fleet = k3fleet::fleet::Fleet::new(vec![]);
    assert_eq!(fleet.all_machines().count(), 0);
}

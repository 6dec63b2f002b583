//! Price caps: what the operator is willing to pay for an instance type.

use super::Glob;

/// The highest acceptable price per instance type, in USD per hour.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PriceCaps {
    caps: Vec<(Glob, f64)>,
}

impl PriceCaps {
    /// From patterns of instance types and their caps in USD per hour.
    pub fn new(mut caps: Vec<(Glob, f64)>) -> Self {
        let rank = |glob: &Glob| (glob.as_str().contains('*'), std::cmp::Reverse(glob.as_str().len()));
        caps.sort_by_key(|(glob, _)| rank(glob));
        Self { caps }
    }

    /// The cap of an instance type: its own, else that of the longest pattern that fits.
    pub fn of(&self, instance_type: &str) -> Option<f64> {
        self.caps
            .iter()
            .find(|(glob, _)| glob.matches(instance_type))
            .map(|(_, cap)| *cap)
    }

    /// Whether there is no cap at all.
    pub fn is_empty(&self) -> bool {
        self.caps.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_pattern_counts() {
        let caps = PriceCaps::new(vec![
            (Glob::new("*"), 1.0),
            (Glob::new("t3.*"), 0.1),
            (Glob::new("t3.*e*"), 0.2),
            (Glob::new("t3.nano"), 0.01),
        ]);
        assert_eq!(caps.of("t3.nano"), Some(0.01));
        assert_eq!(caps.of("t3.medium"), Some(0.2));
        assert_eq!(caps.of("t3.small"), Some(0.1));
        assert_eq!(caps.of("m7g.large"), Some(1.0));
        assert_eq!(PriceCaps::default().of("m7g.large"), None);
    }
}

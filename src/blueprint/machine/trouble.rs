//! The known ways in which K3s fails, found in its journal and put into plain words.

use smol_str::SmolStr;

/// Why K3s does not come up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// What is wrong.
    pub what: &'static str,
    /// What to do.
    pub mend: &'static str,
    /// Whether waiting does not help.
    pub lasting: bool,
}

/// The trouble that the last lines of a journal tell of, the newest first.
pub fn trouble(_journal: &[SmolStr]) -> Option<Trouble> {
    None
}

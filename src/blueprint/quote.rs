//! Text as a word of the shell.

/// The text in single quotes: the shell takes none of it for anything but itself. A NUL, which no shell can hold, is
/// left out.
pub(super) fn quote(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('\'');
    for c in text.chars().filter(|c| *c != '\0') {
        match c {
            '\'' => quoted.push_str(r"'\''"),
            c => quoted.push(c),
        }
    }
    quoted.push('\'');
    quoted
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use proptest::prelude::*;

    use super::*;

    /// What a shell makes of a script.
    fn shell(script: &str) -> String {
        let ran = Command::new("sh").args(["-c", script]).output().unwrap();
        assert!(ran.status.success() && ran.stderr.is_empty(), "{script}");
        String::from_utf8(ran.stdout).unwrap()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn the_shell_reads_back_what_was_quoted(text in "([^\0]|['\"$`\\\\;&|\n]){0,60}") {
            let script = format!("x={}\nprintf '%s.' \"$x\"", quote(&text));
            prop_assert_eq!(shell(&script), format!("{text}."));
        }
    }

    #[test]
    fn a_nul_is_left_out() {
        assert_eq!(quote("a\0'b"), r"'a'\''b'");
    }
}

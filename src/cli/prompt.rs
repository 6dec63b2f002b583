//! Asking for a password: typed without being shown, kept as a [`Secret`], never in an argument or a variable.

use std::io::{self, BufRead, IsTerminal, Read, Write};

use crossterm::terminal::{disable_raw_mode, enable_raw_mode};

use crate::provider::Secret;

/// The longest password that is taken, in bytes.
const LONGEST: usize = 1_024;

/// Asks for a password: on the terminal, else standard input holds it in its first line. `None`: none was given.
pub(super) fn password(question: &str) -> io::Result<Option<Secret>> {
    if !io::stdin().is_terminal() {
        let mut line = Typed::default();
        let mut input = io::stdin().lock().take(LONGEST as u64);
        input.read_until(b'\n', &mut line.0)?;
        while line.0.last().is_some_and(|byte| matches!(byte, b'\n' | b'\r')) {
            line.0.pop();
        }
        return Ok(line.secret());
    }
    let mut out = io::stderr().lock();
    let typed = {
        // Before the question, so that an answer that comes at once is not shown either.
        let _raw = Raw::begin()?;
        write!(out, "{question}: ")?;
        out.flush()?;
        typed()
    };
    writeln!(out)?;
    typed
}

fn typed() -> io::Result<Option<Secret>> {
    let mut line = Typed::default();
    for byte in io::stdin().lock().bytes() {
        match line.take(byte?) {
            Step::More => {}
            Step::Done => return Ok(line.secret()),
            Step::Left => return Ok(None),
        }
    }
    Ok(None)
}

/// The terminal shows nothing of what is typed as long as this lives.
struct Raw;

impl Raw {
    fn begin() -> io::Result<Self> {
        enable_raw_mode()?;
        Ok(Self)
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        // Nothing else can be done about it.
        let _kept = disable_raw_mode();
    }
}

/// What is typed so far.
#[derive(Default)]
struct Typed(Vec<u8>);

/// What comes of a byte.
#[derive(Debug, PartialEq, Eq)]
enum Step {
    More,
    Done,
    /// The operator wants out.
    Left,
}

impl Typed {
    fn take(&mut self, byte: u8) -> Step {
        const CTRL_C: u8 = 0x03;
        const CTRL_D: u8 = 0x04;
        const CTRL_U: u8 = 0x15;
        match byte {
            b'\r' | b'\n' => return Step::Done,
            CTRL_C => return Step::Left,
            CTRL_D if self.0.is_empty() => return Step::Left,
            CTRL_D => return Step::Done,
            CTRL_U => self.wipe(),
            0x08 | 0x7f => {
                // A character of several bytes goes as a whole.
                while self.0.pop().is_some_and(|byte| byte & 0xc0 == 0x80) {}
            }
            byte if byte < 0x20 => {}
            byte if self.0.len() < LONGEST => self.0.push(byte),
            _ => {}
        }
        Step::More
    }

    fn secret(&self) -> Option<Secret> {
        let text = std::str::from_utf8(&self.0).ok().filter(|text| !text.is_empty());
        text.map(Secret::new)
    }

    fn wipe(&mut self) {
        self.0.fill(0);
        self.0.clear();
    }
}

impl Drop for Typed {
    fn drop(&mut self) {
        self.wipe();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn type_in(bytes: &[u8]) -> (Option<String>, Step) {
        let mut line = Typed::default();
        for byte in bytes {
            match line.take(*byte) {
                Step::More => {}
                end => return (line.secret().map(|secret| secret.expose().to_owned()), end),
            }
        }
        (line.secret().map(|secret| secret.expose().to_owned()), Step::More)
    }

    #[test]
    fn a_line_can_be_mended_and_left() {
        let said = |text: &str| Some(text.to_owned());
        assert_eq!(type_in(b"geheim\r"), (said("geheim"), Step::Done));
        assert_eq!(type_in("ab\u{e9}\x7fc\n".as_bytes()), (said("abc"), Step::Done));
        assert_eq!(type_in(b"wrong\x15right\n"), (said("right"), Step::Done));
        assert_eq!(type_in(b"\r"), (None, Step::Done));
        assert_eq!(type_in(b"\x7f\x7fa\x04"), (said("a"), Step::Done));
        assert_eq!(type_in(b"abc\x03").1, Step::Left);
        assert_eq!(type_in(b"\x04").1, Step::Left);
        assert_eq!(type_in(&[b'x'; 2_000]).0.map(|text| text.len()), Some(LONGEST));
    }
}

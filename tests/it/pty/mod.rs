//! The real program in a real (pseudo-)terminal: it starts, listens, and gives the terminal back, whatever ends it.

use crate::support::terminal::Terminal;

fn demo(columns: u16, rows: u16) -> Terminal {
    let mut terminal = Terminal::start(&["--demo"], columns, rows, &[]);
    terminal.wait_for("prod");
    terminal
}

fn assert_given_back(terminal: &Terminal) {
    assert!(!terminal.on_alternate_screen(), "the alternate screen is still up");
    assert!(terminal.is_cooked(), "the terminal is still raw");
    let raw = String::from_utf8_lossy(terminal.raw());
    for (name, on, off) in [
        ("mouse", "\u{1b}[?1000h", "\u{1b}[?1000l"),
        ("paste", "\u{1b}[?2004h", "\u{1b}[?2004l"),
        ("focus", "\u{1b}[?1004h", "\u{1b}[?1004l"),
    ] {
        assert!(raw.contains(on), "{name} reports were never on");
        assert!(raw.rfind(off) > raw.rfind(on), "{name} reports are still on");
    }
    assert!(
        raw.rfind("\u{1b}[?25h") > raw.rfind("\u{1b}[?25l"),
        "the cursor is still hidden"
    );
}

#[test]
fn it_starts_moves_filters_resizes_and_quits() {
    let mut terminal = demo(120, 40);
    terminal.send("2");
    terminal.wait_for("k3s_workers");
    terminal.send("/state:ready");
    terminal.wait_for("state:ready");
    terminal.send("\r");
    terminal.resize(80, 24);
    terminal.wait_until("the smaller screen", |screen| {
        screen.size().0.get() == 24 && screen.contents().contains("ready")
    });
    terminal.resize(60, 10);
    terminal.wait_for("80x24");
    terminal.resize(120, 40);
    terminal.wait_for("k3s_workers");
    terminal.send("\u{3}");
    assert!(terminal.wait_for_end().success());
    assert_given_back(&terminal);
}

#[test]
fn escape_never_quits() {
    let mut terminal = demo(120, 40);
    // One at a time, each with an answer to wait for: an escape that meets another key in the pipe is that key with alt.
    for _ in 0..3 {
        terminal.send("?");
        terminal.wait_for("Help");
        terminal.send("\u{1b}");
        terminal.wait_until("the help to close", |screen| !screen.contents().contains("Help"));
    }
    terminal.send("\u{1b}");
    terminal.resize(100, 30);
    // The last line of the smaller screen was in the middle of the larger one.
    terminal.wait_until("the footer of the smaller screen", |screen| {
        screen.rows(0, 100).last().is_some_and(|line| line.contains("? help"))
    });
    terminal.send("\u{3}");
    assert!(terminal.wait_for_end().success());
}

#[test]
fn signals_give_the_terminal_back() {
    for name in ["TERM", "HUP"] {
        let mut terminal = demo(100, 30);
        terminal.signal(name);
        terminal.wait_for_end();
        assert_given_back(&terminal);
    }
}

#[test]
fn a_panic_gives_the_terminal_back_and_is_told() {
    let mut terminal = Terminal::start(&["--demo"], 100, 30, &[("K3FLEET_PANIC_KEY", "f12")]);
    terminal.wait_for("prod");
    terminal.send("\u{1b}[24~");
    assert!(!terminal.wait_for_end().success());
    assert_given_back(&terminal);
    assert!(terminal.text().contains("panicked"), "{}", terminal.text());
}

#[test]
fn ctrl_z_suspends_and_comes_back() {
    let mut terminal = demo(100, 30);
    terminal.send("\u{1a}");
    terminal.wait_until("the shell's screen", |screen| !screen.alternate_screen());
    terminal.signal("CONT");
    terminal.wait_until("the screen again", |screen| {
        screen.alternate_screen() && screen.contents().contains("prod")
    });
    terminal.send("\u{3}");
    assert!(terminal.wait_for_end().success());
    assert_given_back(&terminal);
}

#[test]
fn errors_before_the_screen_leave_the_terminal_alone() {
    let mut terminal = Terminal::start(&["--demo", "--demo-scenario", "missing.toml"], 100, 30, &[]);
    assert!(!terminal.wait_for_end().success());
    assert!(terminal.text().contains("missing.toml"), "{}", terminal.text());
    assert!(!String::from_utf8_lossy(terminal.raw()).contains("\u{1b}[?1049h"));
}

#[test]
fn changed_files_are_read_while_it_runs_and_faults_are_told_with_their_line() {
    let directory = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(directory.path().join(name), text).unwrap();
    std::fs::create_dir(directory.path().join("themes")).unwrap();
    write("config.toml", "theme = \"mine\"\n");
    write("themes/mine.toml", "inherits = \"dark\"\n");
    let vars = [("K3FLEET_CONFIG_DIR", directory.path().to_str().unwrap())];
    let mut terminal = Terminal::start(&["--demo"], 160, 30, &vars);
    terminal.wait_for("prod");
    write("themes/mine.toml", "inherits = \"light\"\nnonsense = 3\n");
    terminal.wait_for("mine.toml:2:1: nonsense");
    write("themes/mine.toml", "inherits = \"light\"\n");
    terminal.wait_for("read the changed files anew");
    terminal.send("\u{3}");
    assert!(terminal.wait_for_end().success());
}

#[test]
fn a_shell_takes_the_terminal_and_gives_it_back() {
    let home = tempfile::tempdir().unwrap();
    let path = |name: &str| home.path().join(name);
    std::fs::write(
        path("hosts.toml"),
        "[groups.lab]\nhosts = [{ name = \"kiosk\", address = \"203.0.113.7\", user = \"pi\", port = 2222 }]\n",
    )
    .unwrap();
    let stub = "printf '%s\\n' '#!/bin/sh' 'echo \"in with $*\"' 'read line' 'exit 255' > \"$1\" && chmod 755 \"$1\"";
    let made = std::process::Command::new("/bin/sh")
        .args(["-c", stub, "sh"])
        .arg(path("ssh"))
        .status();
    assert!(made.unwrap().success());
    let search = format!("{}:/usr/bin:/bin", home.path().display());
    let vars = [
        ("K3FLEET_CONFIG_DIR", home.path().to_str().unwrap()),
        ("KUBECONFIG", "/nowhere"),
        ("PATH", search.as_str()),
    ];
    let mut terminal = Terminal::start(&[], 120, 40, &vars);
    terminal.send("5");
    terminal.wait_for("kiosk");
    terminal.send("s");
    terminal.wait_until("the login", |screen| {
        !screen.alternate_screen() && screen.contents().contains("in with -p 2222 -- pi@203.0.113.7")
    });
    assert!(terminal.is_cooked(), "a login needs the terminal as the shell had it");
    terminal.send("out\r");
    terminal.wait_for("Enter goes back");
    terminal.send("\r");
    terminal.wait_until("the screen again", |screen| {
        screen.alternate_screen() && screen.contents().contains("kiosk")
    });
    terminal.send("\u{3}");
    assert!(terminal.wait_for_end().success());
    assert_given_back(&terminal);
}

#[test]
fn new_keys_are_asked_about_and_a_password_is_typed_unseen() {
    let args = ["--demo", "join", "edge-lab", "harbour-pi-03", "harbour-pi-04"];
    let mut terminal = Terminal::start(&args, 200, 60, &[]);
    terminal.wait_for("shall it be taken in?");
    assert!(terminal.text().contains("SHA256:"), "{}", terminal.text());
    terminal.send("y\r");
    terminal.wait_for("password for sudo on harbour-pi-04:");
    terminal.send("seen-by-nobody\r");
    terminal.wait_for("go on? [y/N]");
    assert!(terminal.is_cooked(), "the terminal is given back after the password");
    terminal.send("y\r");
    assert!(terminal.wait_for_end().success(), "{}", terminal.text());
    assert!(
        terminal.text().contains("joined: harbour-pi-03, harbour-pi-04"),
        "{}",
        terminal.text()
    );
    assert!(!String::from_utf8_lossy(terminal.raw()).contains("seen-by-nobody"));
}

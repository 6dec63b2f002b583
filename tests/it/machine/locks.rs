//! Of two tasks on a machine the second waits.

use std::fs;
use std::process::{Child, Command};

use k3fleet::blueprint::machine::{Inside, Task};

use super::{Machine, STUB};

const SHELLS: [&str; 3] = ["sh", "bash", "busybox sh"];

/// A machine with an agent, and with `flock`.
fn machine(shell: &'static str) -> Machine {
    let mut machine = Machine::agent();
    machine.shell = shell;
    machine.program("stubs/flock", "#!/bin/sh\nPATH=/usr/bin:/bin exec flock \"$@\"\n");
    fs::create_dir_all(machine.path("run")).unwrap();
    machine
}

/// Another task, at work until the file `over` is there.
fn other(machine: &Machine) -> Child {
    let script = "exec 9>>run/k3fleet.lock; flock 9; : >held; while [ ! -e over ]; do sleep 0.02; done";
    let child = Command::new("sh")
        .args(["-c", script])
        .current_dir(machine.path(""))
        .spawn()
        .unwrap();
    while !machine.has("held") {
        std::thread::yield_now();
    }
    child
}

#[test]
fn a_second_task_waits_for_the_first() {
    for shell in SHELLS {
        let machine = machine(shell);
        let mut first = other(&machine);
        // It waits once, and finds the first one over.
        let over = "#!/bin/sh\n: >\"$K3FLEET_ROOT/over\"\nexec /bin/sleep 0.2\n";
        machine.program("stubs/sleep", over);
        let ran = machine.task(&Task::Restart, &[]);
        first.wait().unwrap();
        assert!(ran.good && machine.has("over"), "{shell}: {:?}", ran.lines);
        assert_eq!(ran.lines[0], "waiting for another task of k3fleet on this machine");
        assert_eq!(ran.last(), "k3s-agent is told to restart");
    }
}

#[test]
fn it_does_not_wait_for_ever_and_what_reads_does_not_wait() {
    for shell in SHELLS {
        let machine = machine(shell);
        let mut first = other(&machine);
        assert_eq!(
            machine.fails(&Task::Restart, &[]),
            "another task of k3fleet has been at work on this machine for 10 min: try again later"
        );
        assert_eq!(machine.calls("systemctl"), [""; 0], "{shell}");
        let waited = machine.calls("sleep").len();
        for script in [Inside::script(), Inside::glance()] {
            assert!(machine.run(&script, "").good, "{shell}");
        }
        assert_eq!((waited, machine.calls("sleep").len()), (120, 120), "{shell}");
        machine.write("over", "");
        first.wait().unwrap();
    }
}

#[test]
fn a_service_that_is_started_does_not_keep_the_lock() {
    for shell in SHELLS {
        let machine = machine(shell);
        machine.program("real/systemctl", STUB);
        let held = "[ ! -e /proc/$$/fd/9 ] || printf '%s ' \"$1\" >>\"$K3FLEET_ROOT/kept\"\n";
        let text = format!("#!/bin/sh\n{held}exec \"$K3FLEET_ROOT/real/systemctl\" \"$@\"\n");
        machine.program("stubs/systemctl", &text);
        machine.done(&Task::Restart, &[]);
        let kept = machine.file("kept");
        assert!(kept.contains("show") && !kept.contains("restart"), "{shell}: {kept}");
        assert_eq!(machine.mode("run/k3fleet.lock"), 0o600);
    }
}

#[test]
fn where_there_is_no_flock_it_goes_on_without() {
    let machine = Machine::agent();
    machine.done(&Task::Restart, &[]);
    assert!(!machine.has("run/k3fleet.lock"));
    machine.program("stubs/flock", "#!/bin/sh\nexit 65\n");
    machine.done(&Task::Restart, &[]);
    assert_eq!(machine.calls("sleep"), [""; 0]);
}

//! How the program ends: exit codes, and what a user interrupts.

#![allow(clippy::unwrap_used)]

mod common;

use std::process::Stdio;

use common::{Bench, Server, rows, stderr, stdout};
use tokio_tungstenite::tungstenite::Message;

#[test]
fn failed_messages_are_exit_3_and_wrong_echoes_alone_exit_5() {
    let dropping = Server::start(|n, message| (n != 2).then_some(message));
    let bench = Bench::new();
    let line = format!(
        "{} -c 2 -m 5 --warmup 0s --timeout 100ms --no-output",
        dropping.url
    );
    let output = bench.run(&line);
    assert_eq!(output.status.code(), Some(3), "{}", stderr(&output));
    assert!(
        stdout(&output).contains("10 sent · 8 echoed · 2 lost"),
        "{}",
        stdout(&output)
    );

    let babbling = Server::start(|_, _| Some(Message::text("nonsense")));
    let line = format!(
        "{} -c 2 -m 5 --warmup 0s --timeout 300ms --no-output",
        babbling.url
    );
    let output = bench.run(&line);
    assert_eq!(output.status.code(), Some(5));
    let out = stdout(&output);
    assert!(
        out.contains("invalid") && out.contains("but with nothing that was sent"),
        "{out}"
    );
    // The run ended at the first timeout.
    assert!(
        out.contains(" corrupted · ") && out.contains(" never sent"),
        "{out}"
    );
    assert!(out.contains("begins “nonsense”"), "{out}");
    // What is worst is told: an invalid run before failed messages, these before a condition.
    let gate = "--fail-if received>0 --fail-if lost>=0";
    assert_eq!(bench.run(&format!("{line} {gate}")).status.code(), Some(5));
    let dropped = format!(
        "{} -c 2 -m 5 --warmup 0s --timeout 100ms --no-output {gate}",
        dropping.url
    );
    let output = bench.run(&dropped);
    assert_eq!(output.status.code(), Some(3));
    assert!(stdout(&output).contains("\nheld: received>0"));
    // Unverified, the same answers are echoes like any other.
    let output = bench.run(&format!("{line} --verify off"));
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let bench = Bench::new();
    let mut child = bench
        .command("-c 1 -m 1 --warmup 0s --no-output -q")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[cfg(unix)]
mod interrupts {
    use std::process::Command;
    use std::sync::atomic::Ordering;

    use super::*;

    fn send(child: &std::process::Child, signal: &str) {
        let pid = child.id().to_string();
        let sent = Command::new("kill").args([signal, &pid]).status().unwrap();
        assert!(sent.success());
    }

    fn interrupt(child: &std::process::Child) {
        send(child, "-INT");
    }

    /// Waits until the server has seen this many messages of a run that is not to end before.
    fn wait_for(child: &mut std::process::Child, server: &Server, messages: usize) {
        while server.seen.load(Ordering::Relaxed) < messages {
            assert_eq!(child.try_wait().unwrap(), None, "it has ended");
            std::thread::yield_now();
        }
    }

    /// Starts an endless run and waits until the server has seen this many messages.
    fn endless(bench: &Bench, server: &Server, messages: usize) -> std::process::Child {
        let line = format!("{} -c 2 -d 10m --warmup 0s -q --fail-if sent>0", server.url);
        let mut child = bench.command(&line).stdout(Stdio::piped()).spawn().unwrap();
        wait_for(&mut child, server, messages);
        child
    }

    #[test]
    fn ctrl_c_ends_the_run_and_saves_the_files() {
        let server = Server::start(|_, message| Some(message));
        let bench = Bench::new();
        let child = endless(&bench, &server, 100);
        interrupt(&child);
        let output = child.wait_with_output().unwrap();
        assert_eq!(
            output.status.code(),
            Some(130),
            "also where a condition held"
        );
        let out = stdout(&output);
        assert!(out.contains("\nheld: sent>0"), "{out}");
        assert!(
            out.contains("ended early by the user") && out.contains(" 0 lost"),
            "{out}"
        );
        assert_eq!(bench.files(), ["latencies.xlsx"]);
        assert!(rows(&bench.path("latencies.xlsx"), "latencies") >= 90);
    }

    /// The same program, which hears of SIGHUP also when these tests were started under `nohup`.
    #[cfg(target_os = "linux")]
    fn hearing_hangups(program: &Command) -> Command {
        let mut command = Command::new("env");
        command.arg("--default-signal=HUP");
        command.arg(program.get_program()).args(program.get_args());
        command
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_closed_terminal_and_sigterm_end_the_run_as_ctrl_c_does() {
        for signal in ["-HUP", "-TERM"] {
            let server = Server::start(|_, message| Some(message));
            let bench = Bench::new();
            let program = bench.command(&format!("{} -c 2 -d 10m --warmup 0s -q", server.url));
            let mut child = hearing_hangups(&program)
                .current_dir(bench.folder.path())
                .stdout(Stdio::piped())
                .spawn()
                .unwrap();
            wait_for(&mut child, &server, 100);
            send(&child, signal);
            let output = child.wait_with_output().unwrap();
            assert_eq!(output.status.code(), Some(130), "{signal}");
            let out = stdout(&output);
            assert!(out.contains("ended early by the user"), "{signal}: {out}");
            assert_eq!(bench.files(), ["latencies.xlsx"], "{signal}");
            assert!(rows(&bench.path("latencies.xlsx"), "latencies") >= 90);
        }
    }

    /// A terminal of its own, which is closed: the system sends SIGHUP, and no line can be written any more.
    #[cfg(target_os = "linux")]
    #[test]
    fn a_terminal_that_is_gone_costs_no_file() {
        use std::os::unix::fs::OpenOptionsExt;

        use nix::fcntl::OFlag;
        use nix::pty::{grantpt, posix_openpt, ptsname_r, unlockpt};

        let server = Server::start(|_, message| Some(message));
        let bench = Bench::new();
        // No child may inherit the end that is closed.
        let flags = OFlag::O_RDWR | OFlag::O_NOCTTY | OFlag::O_CLOEXEC;
        let terminal = posix_openpt(flags).unwrap();
        grantpt(&terminal).unwrap();
        unlockpt(&terminal).unwrap();
        let side = || {
            let mut options = std::fs::OpenOptions::new();
            options.read(true).write(true);
            options.custom_flags(OFlag::O_NOCTTY.bits());
            options.open(ptsname_r(&terminal).unwrap()).unwrap()
        };
        let program = bench.command(&format!("{} -c 2 -d 10m --warmup 0s", server.url));
        let mut in_session = Command::new("setsid");
        in_session
            .arg("--ctty")
            .arg(program.get_program())
            .args(program.get_args());
        let mut child = hearing_hangups(&in_session)
            .current_dir(bench.folder.path())
            .stdin(side())
            .stdout(side())
            .stderr(side())
            .spawn()
            .unwrap();
        wait_for(&mut child, &server, 100);
        drop(terminal);
        assert_eq!(child.wait().unwrap().code(), Some(130));
        assert_eq!(bench.files(), ["latencies.xlsx"]);
        assert!(rows(&bench.path("latencies.xlsx"), "latencies") >= 90);
    }

    /// Somebody wants it to go on without a terminal.
    #[cfg(target_os = "linux")]
    #[test]
    fn under_nohup_a_closed_terminal_ends_nothing() {
        let server = Server::start(|_, message| Some(message));
        let bench = Bench::new();
        let program = bench.command(&format!("{} -c 2 -d 10m --warmup 0s", server.url));
        let mut child = Command::new("nohup")
            .arg(program.get_program())
            .args(program.get_args())
            .current_dir(bench.folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        wait_for(&mut child, &server, 100);
        send(&child, "-HUP");
        let seen = server.seen.load(Ordering::Relaxed);
        wait_for(&mut child, &server, seen + 2_000);
        interrupt(&child);
        assert_eq!(child.wait().unwrap().code(), Some(130));
        assert_eq!(bench.files(), ["latencies.xlsx"]);
    }

    #[test]
    fn a_second_ctrl_c_ends_the_program_and_leaves_nothing_unfinished() {
        let server = Server::start(|_, _| None);
        let bench = Bench::new();
        let mut child = endless(&bench, &server, 2);
        interrupt(&child);
        interrupt(&child);
        assert_eq!(child.wait().unwrap().code(), Some(130));
        assert!(
            !bench.files().iter().any(|name| name.starts_with('.')),
            "{:?}",
            bench.files()
        );
    }
}

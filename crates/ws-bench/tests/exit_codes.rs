//! The end of the program: exit codes and interrupts.

#![allow(clippy::unwrap_used)]

mod common;

use std::process::Stdio;

use common::{Bench, Server, UnclosingServer, rows, stderr, stdout};
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
        out.contains("invalid") && out.contains("the server sends messages, but none contained"),
        "{out}"
    );
    // The run ended at the first timeout.
    assert!(
        out.contains(" corrupted · ") && out.contains(" never sent"),
        "{out}"
    );
    assert!(out.contains("begins “nonsense”"), "{out}");
    // The worst outcome determines the exit code: an invalid run before failed messages, these before a condition.
    let gate = "--fail-if received>0 --fail-if lost>=0";
    assert_eq!(bench.run(&format!("{line} {gate}")).status.code(), Some(5));
    let dropped = format!(
        "{} -c 2 -m 5 --warmup 0s --timeout 100ms --no-output {gate}",
        dropping.url
    );
    let output = bench.run(&dropped);
    assert_eq!(output.status.code(), Some(3));
    assert!(stdout(&output).contains("\nFAILED --fail-if, held: received>0"));
    // Without verification, the same answers count as echoes.
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
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    fn send(child: &std::process::Child, signal: &str) {
        let pid = child.id().to_string();
        let sent = Command::new("kill").args([signal, &pid]).status().unwrap();
        assert!(sent.success());
    }

    fn interrupt(child: &std::process::Child) {
        send(child, "-INT");
    }

    /// Waits until the server has received this many messages of a run that must not end before.
    fn wait_for(child: &mut std::process::Child, server: &Server, messages: usize) {
        wait_for_count(child, &server.seen, messages);
    }

    /// Starts a run without end and waits until the server has received this many messages.
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
        assert!(out.contains("\nFAILED --fail-if, held: sent>0"), "{out}");
        assert!(
            out.contains("ended early by the user") && out.contains(" 0 lost"),
            "{out}"
        );
        assert_eq!(bench.files(), ["latencies.xlsx"]);
        assert!(rows(&bench.path("latencies.xlsx"), "latencies") >= 90);
    }

    /// The same program with the default handling of SIGHUP, even if the tests run under `nohup`.
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

    /// Shell and system both send SIGHUP when the terminal is closed.
    #[cfg(target_os = "linux")]
    #[test]
    fn a_terminal_that_is_closed_is_no_second_ctrl_c() {
        let server = Server::start(|_, _| None);
        let bench = Bench::new();
        let program = bench.command(&format!("{} -c 2 -d 10m --warmup 0s -q", server.url));
        let mut child = hearing_hangups(&program)
            .current_dir(bench.folder.path())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        wait_for(&mut child, &server, 2);
        interrupt(&child);
        send(&child, "-HUP");
        send(&child, "-HUP");
        assert_eq!(child.wait().unwrap().code(), Some(130));
        assert_eq!(bench.files(), ["latencies.xlsx"]);
    }

    /// With `nohup`, the user wants the run to continue without a terminal.
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

    /// Waits until this counter of a server has reached `at_least`.
    fn wait_for_count(child: &mut std::process::Child, count: &AtomicUsize, at_least: usize) {
        while count.load(Ordering::Relaxed) < at_least {
            assert_eq!(child.try_wait().unwrap(), None, "it has ended");
            std::thread::yield_now();
        }
    }

    #[test]
    fn a_run_that_is_over_is_neither_lost_nor_called_unfinished() {
        let server = UnclosingServer::start();
        let bench = Bench::new();
        let line = format!("{} -c 2 -m 50 --warmup 0s -q -o run.json", server.url);
        let mut child = bench.command(&line).stdout(Stdio::piped()).spawn().unwrap();
        wait_for_count(&mut child, &server.closes, 2);
        (0..3).for_each(|_| interrupt(&child));
        let output = child.wait_with_output().unwrap();
        assert_ne!(output.status.code(), Some(130));
        let out = stdout(&output);
        assert!(out.contains("100 sent · 100 echoed · 0 lost"), "{out}");
        assert!(!out.contains("ended early"), "{out}");
        assert_eq!(bench.files(), ["run.json"]);
    }

    #[test]
    fn a_run_that_was_interrupted_is_saved_also_when_its_close_is() {
        let server = UnclosingServer::start();
        let bench = Bench::new();
        let line = format!("{} -c 2 -d 10m --warmup 0s -q -o run.json", server.url);
        let mut child = bench.command(&line).stdout(Stdio::piped()).spawn().unwrap();
        wait_for_count(&mut child, &server.messages, 100);
        interrupt(&child);
        wait_for_count(&mut child, &server.closes, 2);
        (0..2).for_each(|_| interrupt(&child));
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(130));
        assert!(stdout(&output).contains("ended early by the user"));
        assert_eq!(bench.files(), ["run.json"]);
    }
}

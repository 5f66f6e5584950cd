//! No server is left running, however the program ends.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used)]

mod common;

use std::process::{Child, Command, Stdio};

use common::{Compare, SHORT, server, started_by, wait_for_line, wait_until};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use test_support::terminal::{Hangup, Program, Terminal, full_pipe, has_thread};

/// Starts many rounds of these servers and waits until the first is over.
fn in_the_second_round(compare: &Compare, servers: &[String; 2], flags: &[&str]) -> Child {
    let talking: Vec<&str> = SHORT.into_iter().filter(|flag| *flag != "-q").collect();
    let [a, b] = servers;
    let more = [
        "--rounds", "1000", "--server", a, "--server", b, "-o", "c.json",
    ];
    let mut child = compare
        .command(&[&talking[..], &more, flags].concat())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    wait_for_line(&mut child, "round 1:");
    child
}

fn send(child: &Child, signal: Signal) {
    kill(Pid::from_raw(i32::try_from(child.id()).unwrap()), signal).unwrap();
}

fn nothing_is_left_of(program: u32) {
    wait_until("every server is gone", || started_by(program).is_empty());
}

#[test]
fn the_first_signal_keeps_what_was_measured() {
    for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP] {
        let compare = Compare::new();
        let servers = [server("a", "axum"), server("t", "tungstenite")];
        let mut child = in_the_second_round(&compare, &servers, &[]);
        send(&child, signal);
        assert_eq!(child.wait().unwrap().code(), Some(130));
        nothing_is_left_of(child.id());
        let c = compare.json("c.json");
        assert_eq!(c["interrupted"], true);
        assert!(c["rounds"].as_array().unwrap().len() >= 2);
        assert!(!compare.files().iter().any(|f| f.contains("unfinished")));
    }
}

#[test]
fn the_second_signal_ends_it_at_once() {
    let compare = Compare::new();
    // Neither the server nor its child ends on SIGTERM.
    let servers = [server("a", "forks"), server("b", "forks")];
    let mut child = in_the_second_round(&compare, &servers, &[]);
    wait_until("a server runs", || !started_by(child.id()).is_empty());
    send(&child, Signal::SIGINT);
    send(&child, Signal::SIGTERM);
    assert_eq!(child.wait().unwrap().code(), Some(130));
    nothing_is_left_of(child.id());
    assert!(!compare.files().iter().any(|f| f.contains("unfinished")));
}

/// Starts many rounds on a terminal and waits until the second has begun.
fn on_a_terminal(compare: &Compare, terminal: &mut Terminal, hangup: Hangup) -> Program {
    let mut program = Command::new(env!("CARGO_BIN_EXE_ws-compare"));
    let servers = [server("a", "axum"), server("t", "forks")];
    let talking = SHORT.into_iter().filter(|flag| *flag != "-q");
    program.args(talking).current_dir(compare.folder.path());
    program.args(["--rounds", "1000", "-o", "c.json"]);
    program.args(["--server", &servers[0], "--server", &servers[1]]);
    let child = Program::spawn(&mut terminal.command(&program, hangup));
    wait_until("round 2", || terminal.shown().contains("round 2 of"));
    child
}

#[test]
fn a_terminal_that_is_closed_ends_the_rounds_and_leaves_no_server() {
    let (compare, mut terminal) = (Compare::new(), Terminal::open());
    let mut child = on_a_terminal(&compare, &mut terminal, Hangup::Default);
    drop(terminal);
    assert_eq!(child.wait().unwrap().code(), Some(130));
    nothing_is_left_of(child.id());
    assert_eq!(compare.json("c.json")["interrupted"], true);
}

#[test]
fn under_nohup_a_closed_terminal_ends_the_progress_bar_alone() {
    let (compare, mut terminal) = (Compare::new(), Terminal::open());
    let mut child = on_a_terminal(&compare, &mut terminal, Hangup::Ignored);
    drop(terminal);
    wait_until("the end of the bar", || !has_thread(&child, "display"));
    assert_eq!(child.try_wait().unwrap(), None);
    send(&child, Signal::SIGINT);
    assert_eq!(child.wait().unwrap().code(), Some(130));
    nothing_is_left_of(child.id());
    assert_eq!(compare.json("c.json")["interrupted"], true);
}

#[test]
fn a_terminal_that_takes_nothing_holds_up_neither_the_rounds_nor_the_end() {
    let (compare, mut terminal) = (Compare::new(), Terminal::open());
    let mut child = on_a_terminal(&compare, &mut terminal, Hangup::Default);
    terminal.fill();
    // The server of a later turn is another process than the current one.
    let first = started_by(child.id());
    wait_until("a further turn", || {
        let now = started_by(child.id());
        !now.is_empty() && now.iter().all(|pid| !first.contains(pid))
    });
    send(&child, Signal::SIGINT);
    wait_until("the file", || compare.path("c.json").exists());
    // All files are saved, and nothing reads the text.
    wait_until("the end", || {
        send(&child, Signal::SIGINT);
        child.try_wait().unwrap().is_some()
    });
    assert_eq!(child.wait().unwrap().code(), Some(130));
    nothing_is_left_of(child.id());
}

#[test]
fn signals_after_the_last_round_lose_nothing() {
    let (compare, (_reader, full)) = (Compare::new(), full_pipe());
    let servers = [server("a", "axum"), server("t", "tungstenite")];
    let [a, b] = &servers;
    let more = [
        "--rounds", "1", "--server", a, "--server", b, "-o", "c.json",
    ];
    let mut command = compare.command(&[&SHORT[..], &more].concat());
    let mut child = Program::spawn(command.stdout(full));
    wait_until("the file", || compare.path("c.json").exists());
    // The program is printing, and need not wait for a reader.
    assert_eq!(child.try_wait().unwrap(), None);
    wait_until("the end", || {
        send(&child, Signal::SIGINT);
        child.try_wait().unwrap().is_some()
    });
    let code = child.wait().unwrap().code();
    assert!(code == Some(0) || code == Some(5), "{code:?}");
    let c = compare.json("c.json");
    assert_eq!(c["interrupted"], false);
    assert_eq!(c["rounds"].as_array().unwrap().len(), 2);
}

#[test]
fn a_server_that_will_not_end_is_killed_with_its_children() {
    let compare = Compare::new();
    let (a, b) = (server("a", "forks"), server("b", "right"));
    let mut child = compare
        .command(
            &[
                &SHORT[..],
                &["--rounds", "1", "--server", &a, "--server", &b],
            ]
            .concat(),
        )
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let code = child.wait().unwrap().code();
    assert!(code == Some(0) || code == Some(5), "{code:?}");
    // Checked immediately, because all started processes must be gone before the program ends.
    assert_eq!(started_by(child.id()), Vec::<u32>::new());
}

#[test]
fn pinned_servers_stay_on_their_cores() {
    let allowed = host::cores::allowed_cores();
    let compare = Compare::new();
    let servers = [server("a", "axum"), server("t", "tungstenite")];
    if allowed.len() < 2 {
        let output = compare.short(&["--pin", "--server", &servers[0], "--server", &servers[1]]);
        assert_eq!(output.status.code(), Some(2));
        assert!(common::stderr(&output).contains("only one"));
        return;
    }
    let mut child = in_the_second_round(&compare, &servers, &["--pin"]);
    let mut seen = None;
    wait_until("a server is seen", || {
        // The process may end between the two reads.
        seen = started_by(child.id()).first().and_then(|pid| {
            let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
            let line = status
                .lines()
                .find_map(|l| l.strip_prefix("Cpus_allowed_list:"))?;
            Some(line.trim().to_owned())
        });
        seen.is_some()
    });
    send(&child, Signal::SIGINT);
    child.wait().unwrap();
    let plan = &compare.json("c.json")["plan"];
    let cores = |name: &str| -> Vec<usize> { serde_json::from_value(plan[name].clone()).unwrap() };
    let (servers, generator) = (cores("server_cores"), cores("generator_cores"));
    let mut all = [servers.clone(), generator].concat();
    all.sort_unstable();
    assert_eq!(all, allowed);
    if let [only] = servers[..] {
        assert_eq!(seen, Some(only.to_string()));
    } else {
        assert!(seen.unwrap().len() < 2 * allowed.len());
    }
}

#[test]
fn nobody_reading_costs_no_files() {
    let compare = Compare::new();
    let servers = [server("a", "axum"), server("t", "tungstenite")];
    let talking: Vec<&str> = SHORT.into_iter().filter(|flag| *flag != "-q").collect();
    let [a, b] = &servers;
    let more = [
        "--rounds", "2", "--server", a, "--server", b, "-o", "c.json",
    ];
    let mut child = compare
        .command(&[&talking[..], &more].concat())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // Both pipes are closed before anything is written, as when a terminal is closed.
    drop((child.stdout.take(), child.stderr.take()));
    let code = child.wait().unwrap().code();
    assert!(code == Some(0) || code == Some(5), "{code:?}");
    assert_eq!(
        compare.json("c.json")["rounds"].as_array().unwrap().len(),
        4
    );
}

#[test]
fn a_signal_before_the_first_round_is_told_as_such_though_there_is_no_picture() {
    let compare = Compare::new();
    // The server never echoes, so the program is waiting for it when the signal arrives.
    let (a, b) = (server("a", "mute"), server("b", "right"));
    let files = ["-o", "c.png", "-o", "c.json", "--ready-timeout", "1h"];
    let servers = ["--server", &a, "--server", &b];
    let mut child = compare
        .command(&[&SHORT[..], &files, &servers].concat())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    wait_until("a server runs", || !started_by(child.id()).is_empty());
    send(&child, Signal::SIGINT);
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert_eq!(compare.json("c.json")["interrupted"], true);
    assert!(!compare.files().iter().any(|f| f.contains("png")));
    nothing_is_left_of(child.id());
}

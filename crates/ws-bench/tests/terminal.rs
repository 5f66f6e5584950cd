//! A terminal that is closed, or accepts no output, while it shows a run.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Stdio;
use std::sync::atomic::Ordering;

use common::{Bench, Server, UnclosingServer};
use nix::sys::signal::Signal;
use serde_json::Value;
use test_support::terminal::{Hangup, Program, Terminal, full_pipe, has_thread, send, wait_until};

/// All phases, with flags that keep a run in the phase until it is interrupted. In `close`, the run waits three seconds
/// for close frames.
const PHASES: [(&str, &str); 5] = [
    ("connect", "--connect-timeout 10m"),
    ("warm-up", "--warmup 10m"),
    ("measure", "--warmup 0s -d 10m"),
    ("drain", "--warmup 0s -d 100ms --timeout 10m"),
    ("close", "--warmup 0s -m 20"),
];

/// A server that keeps a run in this phase as long as it exists.
enum Holding {
    /// Accepts connections, but does not answer handshakes.
    Silent(TcpListener),
    Server(Server),
    Unclosing(UnclosingServer),
}

impl Holding {
    fn start(phase: &str) -> Self {
        match phase {
            "connect" => Self::Silent(TcpListener::bind("127.0.0.1:0").unwrap()),
            "drain" => Self::Server(Server::start(|_, _| None)),
            "close" => Self::Unclosing(UnclosingServer::start()),
            _ => Self::Server(Server::start(|_, message| Some(message))),
        }
    }

    fn url(&self) -> String {
        match self {
            Self::Silent(listener) => format!("ws://{}/", listener.local_addr().unwrap()),
            Self::Server(server) => server.url.clone(),
            Self::Unclosing(server) => server.url.clone(),
        }
    }
}

/// A run on a terminal that stays in its phase until it is interrupted.
struct Run {
    bench: Bench,
    child: Program,
    _server: Holding,
}

impl Run {
    /// Starts the run and waits for its phase.
    fn in_phase(
        (phase, flags): (&str, &str),
        display: &str,
        hangup: Hangup,
        terminal: &mut Terminal,
    ) -> Self {
        let (bench, server) = (Bench::new(), Holding::start(phase));
        let url = server.url();
        let line = format!(
            "{url} -c 2 {flags} {display} --no-calibrate -o run.json --metrics-bind 127.0.0.1:0"
        );
        let mut command = terminal.command(&bench.command(&line), hangup);
        let child = Program::spawn(&mut command);
        let sample = format!("ws_bench_phase{{phase=\"{phase}\"}} 1\n");
        wait_until(phase, || {
            let shown = terminal.shown();
            let address = shown.split_once("metrics at http://");
            let address = address.and_then(|(_, rest)| Some(rest.split_once("/metrics")?.0));
            address
                .and_then(scrape)
                .is_some_and(|page| page.contains(&sample))
        });
        wait_until("the display", || has_thread(&child, "display"));
        Self {
            bench,
            child,
            _server: server,
        }
    }

    /// Waits for the end. Returns exit code and saved summary.
    fn end(mut self) -> (Option<i32>, Value) {
        let code = self.child.wait().unwrap().code();
        assert_eq!(self.bench.files(), ["run.json"]);
        let text = std::fs::read_to_string(self.bench.path("run.json")).unwrap();
        (code, serde_json::from_str(&text).unwrap())
    }
}

/// The metrics; `None` when the program has ended.
fn scrape(address: &str) -> Option<String> {
    let mut stream = TcpStream::connect(address).ok()?;
    let request = "GET /metrics HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n";
    stream.write_all(request.as_bytes()).ok()?;
    let mut page = String::new();
    stream.read_to_string(&mut page).ok()?;
    Some(page)
}

/// Checks the end of a run that was interrupted in this phase.
fn assert_interrupted(phase: &str, (code, summary): &(Option<i32>, Value)) {
    let reasons = summary["validity"]["reasons"].to_string();
    let is_early = reasons.contains("ended early by the user");
    if phase == "close" {
        // Like an undisturbed run, although nobody could read the summary.
        assert!(*code == Some(0) || *code == Some(5), "{code:?}: {reasons}");
        assert!(!is_early, "{reasons}");
        assert_eq!(summary["messages"]["received"], 40);
    } else {
        assert_eq!(*code, Some(130), "{phase}");
        assert!(is_early, "{phase}: {reasons}");
    }
}

/// The system sends SIGHUP, which ends the run like Ctrl-C.
fn closing_ends_the_run(display: &str) {
    for phase in PHASES {
        let mut terminal = Terminal::open();
        let run = Run::in_phase(phase, display, Hangup::Default, &mut terminal);
        drop(terminal);
        assert_interrupted(phase.0, &run.end());
    }
}

/// With `nohup`, the user wants the run to continue without a terminal.
fn closing_ends_the_display(display: &str) {
    for phase in PHASES {
        let mut terminal = Terminal::open();
        let mut run = Run::in_phase(phase, display, Hangup::Ignored, &mut terminal);
        drop(terminal);
        if phase.0 != "close" {
            wait_until("the end of the display", || {
                !has_thread(&run.child, "display")
            });
            assert_eq!(run.child.try_wait().unwrap(), None, "{}", phase.0);
            send(&run.child, Signal::SIGINT);
        }
        assert_interrupted(phase.0, &run.end());
    }
}

#[test]
fn a_live_screen_whose_terminal_is_closed_ends_the_run() {
    closing_ends_the_run("--tui");
}

#[test]
fn a_live_screen_whose_terminal_is_closed_under_nohup_ends_alone() {
    closing_ends_the_display("--tui");
}

#[test]
fn a_progress_bar_whose_terminal_is_closed_ends_the_run() {
    closing_ends_the_run("");
}

#[test]
fn a_progress_bar_whose_terminal_is_closed_under_nohup_ends_alone() {
    closing_ends_the_display("");
}

#[test]
fn a_display_that_is_stuck_does_not_hold_up_the_end() {
    for display in ["--tui", ""] {
        let (bench, server) = (Bench::new(), Server::start(|_, message| Some(message)));
        let mut terminal = Terminal::open();
        let line = format!(
            "{} -c 2 -d 10m --warmup 0s --no-calibrate -o run.json {display}",
            server.url
        );
        let mut command = terminal.command(&bench.command(&line), Hangup::Default);
        let mut child = Program::spawn(command.stdout(Stdio::null()));
        wait_until("the display", || {
            terminal.shown().contains("msg/s") && server.seen.load(Ordering::Relaxed) > 0
        });
        // From here on, nothing reads the terminal.
        terminal.fill();
        send(&child, Signal::SIGINT);
        assert_eq!(child.wait().unwrap().code(), Some(130), "{display}");
        assert_eq!(bench.files(), ["run.json"]);
    }
}

#[test]
fn files_are_saved_though_nobody_reads_the_summary() {
    let (bench, server) = (Bench::new(), Server::start(|_, message| Some(message)));
    let (_reader, full) = full_pipe();
    let line = format!("{} -c 2 -m 20 --warmup 0s -q -o run.json", server.url);
    let mut child = Program::spawn(bench.command(&line).stdout(full));
    wait_until("the file", || bench.files() == ["run.json"]);
    assert_eq!(child.try_wait().unwrap(), None, "it prints");
    // All files are saved, so the program does not wait for a reader.
    let mut ended = None;
    wait_until("the end", || {
        send(&child, Signal::SIGINT);
        ended = child.try_wait().unwrap();
        ended.is_some()
    });
    let code = ended.unwrap().code();
    assert!(code == Some(0) || code == Some(5), "{code:?}");
}

#[test]
fn q_ends_the_run_and_gives_the_terminal_back() {
    let (bench, server) = (Bench::new(), Server::start(|_, message| Some(message)));
    let mut terminal = Terminal::open();
    let line = format!(
        "{} -c 2 -d 10m --warmup 0s --no-calibrate -o run.json --tui",
        server.url
    );
    let mut command = terminal.command(&bench.command(&line), Hangup::Default);
    let mut child = Program::spawn(&mut command);
    wait_until("the screen", || terminal.shown().contains("measure"));
    // Keys without effect come first: an arrow, Alt+q and x.
    terminal.type_keys("\x1b[A\x1bqx");
    terminal.type_keys("q");
    let mut ended = None;
    wait_until("the end", || {
        terminal.shown();
        ended = child.try_wait().unwrap();
        ended.is_some()
    });
    assert_eq!(ended.unwrap().code(), Some(130));
    let shown = terminal.shown();
    let (_, after) = shown
        .split_once("\x1b[?1049l")
        .expect("the shell's own screen");
    assert!(after.contains("ended early by the user"), "{after}");
    assert_eq!(bench.files(), ["run.json"]);
}

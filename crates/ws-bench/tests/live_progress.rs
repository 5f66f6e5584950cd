//! `--tui` and `--metrics-bind` from outside. `.ci/tui` tests the live screen in a terminal, and `.ci/prometheus` the
//! metrics with Prometheus.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Stdio};
use std::sync::atomic::Ordering;

use common::{Bench, Server, UnclosingServer, stderr, stdout};
use serde_json::Value;

/// A run that serves metrics.
struct Running {
    child: Child,
    address: String,
}

impl Running {
    /// Starts the run on a free port and waits for the notice with its address.
    fn start(bench: &Bench, line: &str) -> Self {
        let mut command = bench.command(&format!("{line} --metrics-bind 127.0.0.1:0"));
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut notices = BufReader::new(child.stderr.take().unwrap()).lines();
        let address = loop {
            let line = notices.next().expect("a notice with the address").unwrap();
            if let Some(url) = line.strip_prefix("metrics at http://") {
                break url.strip_suffix("/metrics").unwrap().to_owned();
            }
        };
        // Discards all other notices, so that the pipe does not fill up.
        std::thread::spawn(move || notices.for_each(drop));
        Self { child, address }
    }

    /// The answer to a request, head and body; `None` when the program has ended.
    fn ask(&self, method: &str, path: &str) -> Option<String> {
        let mut stream = TcpStream::connect(&self.address).ok()?;
        // A request without an answer fails instead of waiting forever.
        let wait = std::time::Duration::from_secs(30);
        stream.set_read_timeout(Some(wait)).ok()?;
        let request =
            format!("{method} {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        (!answer.is_empty()).then_some(answer)
    }

    /// The samples of a scrape.
    fn scrape(&self) -> Option<BTreeMap<String, f64>> {
        let answer = self.ask("GET", "/metrics")?;
        let (head, body) = answer.split_once("\r\n\r\n")?;
        assert!(head.starts_with("HTTP/1.1 200 OK"), "{head}");
        let head = head.to_lowercase();
        assert!(
            head.contains("content-type: text/plain; version=0.0.4"),
            "{head}"
        );
        let samples = body.lines().filter(|line| !line.starts_with('#'));
        let samples = samples.map(|line| {
            let (name, value) = line.rsplit_once(' ').unwrap();
            (name.to_owned(), value.parse().unwrap())
        });
        Some(samples.collect())
    }

    /// The summary after the end of the run.
    fn summary(mut self) -> Value {
        let mut text = String::new();
        let mut out = self.child.stdout.take().unwrap();
        out.read_to_string(&mut text).unwrap();
        self.child.wait().unwrap();
        serde_json::from_str(&text).unwrap()
    }
}

fn echo() -> Server {
    Server::start(|_, message| Some(message))
}

#[test]
fn the_live_screen_wants_a_terminal() {
    let (bench, server) = (Bench::new(), echo());
    let output = bench.run(&format!("{} --tui -o run.json", server.url));
    assert_eq!(output.status.code(), Some(2));
    let said = stderr(&output);
    assert!(
        said.starts_with("error: --tui needs a terminal on standard error"),
        "{said}"
    );
    assert_eq!(stdout(&output), "");
    assert!(bench.files().is_empty());
    assert_eq!(server.seen.load(Ordering::Relaxed), 0);
    let output = bench.run("--tui --quiet");
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn an_address_in_use_is_refused_before_the_load() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let (bench, server) = (Bench::new(), echo());
    let output = bench.run(&format!(
        "{} -o run.json --metrics-bind {address}",
        server.url
    ));
    assert_eq!(output.status.code(), Some(1));
    let said = stderr(&output);
    let wanted = format!("error: cannot serve metrics on {address}: ");
    assert!(said.starts_with(&wanted), "{said}");
    assert!(bench.files().is_empty());
    assert_eq!(server.seen.load(Ordering::Relaxed), 0);
    let output = bench.run("--metrics-bind nowhere");
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn counters_never_go_back_and_end_where_the_summary_does() {
    let server = UnclosingServer::start();
    let url = &server.url;
    let bench = Bench::new();
    // Two stages, of which the second sends almost nothing, so that the end of the first can be observed.
    let line = format!(
        "{url} -c 4 --stages 600ms:1000,600ms:1 --warmup 0s --no-output --no-calibrate --json"
    );
    let running = Running::start(&bench, &line);
    let mut last = running.scrape().expect("the first scrape");
    let mut phases = Vec::new();
    while let Some(now) = running.scrape() {
        for (name, value) in &now {
            let before = last.get(name);
            assert!(before.is_some(), "{name} is there from the start");
            let rises = ["_total", "_count", "_sum"]
                .iter()
                .any(|end| name.ends_with(end))
                || name.contains("_bucket{");
            assert!(
                !rises || before <= Some(value),
                "{name}: {before:?} then {value}"
            );
        }
        let mut phase = now
            .iter()
            .filter(|(name, value)| name.starts_with("ws_bench_phase{") && **value == 1.0);
        let name = phase.next().expect("a phase").0.clone();
        assert_eq!(phase.next(), None);
        if phases.last() != Some(&name) {
            phases.push(name);
        }
        last = now;
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    let wanted = ["measure", "close"].map(|name| format!("ws_bench_phase{{phase=\"{name}\"}}"));
    assert!(
        wanted.iter().all(|phase| phases.contains(phase)),
        "{phases:?}"
    );
    let summary = running.summary();
    let figure = |pointer: &str| summary.pointer(pointer).unwrap().as_f64().unwrap();
    for (name, pointer) in [
        ("messages_sent_total", "/messages/sent"),
        ("messages_received_total", "/messages/received"),
        ("messages_lost_total", "/messages/lost"),
        ("connections_opened_total", "/connections/opened"),
        ("service_time_seconds_count", "/service_time_ns/count"),
        ("response_time_seconds_count", "/response_time_ns/count"),
        (
            "response_time_seconds_bucket{le=\"+Inf\"}",
            "/response_time_ns/count",
        ),
        ("measured_seconds", "/elapsed_s"),
        (
            "achieved_rate_messages_per_second",
            "/throughput/messages_per_s",
        ),
    ] {
        assert_eq!(last[&format!("ws_bench_{name}")], figure(pointer), "{name}");
    }
    assert!(figure("/messages/sent") >= 600.0);
    assert_eq!(
        last["ws_bench_echoed_payload_bytes_total"],
        125.0 * figure("/messages/received")
    );
}

#[test]
fn a_scrape_while_connections_open_tells_of_them() {
    let (bench, server) = (Bench::new(), echo());
    // The first client opens immediately, the second after a thousand seconds.
    let line = format!("{} -c 2 -m 1 --connect-rate 0.001 --no-output", server.url);
    let mut running = Running::start(&bench, &line);
    let opened = loop {
        let found = running.scrape().expect("it goes on");
        if found["ws_bench_connections_opened_total"] > 0.0 {
            break found;
        }
        std::thread::sleep(std::time::Duration::from_millis(5));
    };
    assert_eq!(opened["ws_bench_phase{phase=\"connect\"}"], 1.0);
    assert_eq!(opened["ws_bench_connections_opened_total"], 1.0);
    assert_eq!(opened["ws_bench_messages_sent_total"], 0.0);
    assert_eq!(opened["ws_bench_service_time_seconds_count"], 0.0);
    for (method, path, status) in [
        ("GET", "/", "404"),
        ("POST", "/metrics", "405"),
        ("HEAD", "/metrics", "200"),
    ] {
        let answer = running.ask(method, path).unwrap();
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status}")),
            "{answer}"
        );
    }
    running.child.kill().unwrap();
    running.child.wait().unwrap();
}

#[test]
fn scrapers_that_do_not_read_keep_no_other_out() {
    let (bench, server) = (Bench::new(), echo());
    let line = format!("{} -c 2 -m 1 --connect-rate 0.001 --no-output", server.url);
    let mut running = Running::start(&bench, &line);
    // More requests than the buffers can hold answers for, on more connections than are served concurrently.
    let ask = "GET /metrics HTTP/1.1\r\nHost: test\r\n\r\n".repeat(2_000);
    let idle: Vec<_> = (0..20)
        .map(|_| {
            let mut stream = TcpStream::connect(&running.address).unwrap();
            // Requests that are not accepted do not matter here.
            let wait = std::time::Duration::from_millis(200);
            stream.set_write_timeout(Some(wait)).unwrap();
            let _ = stream.write_all(ask.as_bytes());
            stream
        })
        .collect();
    assert!(running.scrape().is_some());
    drop(idle);
    running.child.kill().unwrap();
    running.child.wait().unwrap();
}

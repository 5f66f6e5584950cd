//! Several URLs and source addresses: shares of the clients, texts, errors and exit codes.

#![allow(clippy::unwrap_used)]

mod common;

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, TcpListener};
use std::sync::atomic::Ordering;

use common::{Bench, Server, stderr, stdout};
use results::read::{RunPart, read_run};

fn echo() -> Server {
    Server::start(|_, message| Some(message))
}

fn address(server: &Server) -> &str {
    server.url.trim_start_matches("ws://").trim_end_matches('/')
}

#[test]
fn several_urls_share_the_clients_evenly_and_are_all_named() {
    let (one, two) = (echo(), echo());
    let bench = Bench::new();
    let report = bench.report(&format!("{} {} -c 5 -m 4", one.url, two.url));
    assert_eq!(report.code, Some(0), "{}", report.text);
    let seen = [&one, &two].map(|server| server.seen.load(Ordering::Relaxed));
    assert_eq!(seen, [12, 8]);
    assert_eq!(report.value("/plan/url"), &one.url);
    assert_eq!(report.value("/plan/urls/1"), &two.url);
    let addresses = report.value("/connections/addresses");
    assert_eq!(addresses[address(&one)], 3);
    assert_eq!(addresses[address(&two)], 2);
    let heading = format!("{}, {}", one.url, two.url);
    assert!(report.text.contains(&heading), "{}", report.text);
}

#[test]
fn every_file_with_a_summary_holds_all_urls() {
    let (one, two) = (echo(), echo());
    let bench = Bench::new();
    let line = "-c 2 -m 2 --warmup 0s -q -o run.xlsx -o run.json";
    let output = bench.run(&format!("{} {} {line}", one.url, two.url));
    assert!(output.status.success(), "{}", stderr(&output));
    for file in ["run.xlsx", "run.json"] {
        let run = read_run(&bench.path(file), &[RunPart::Summary]).unwrap();
        let plan = run.summary.unwrap().plan;
        assert_eq!(plan.urls, [one.url.as_str(), &two.url], "{file}");
    }
}

#[test]
fn one_url_has_no_list() {
    let server = echo();
    let report = Bench::new().report(&format!("{} -c 1 -m 1", server.url));
    assert!(report.json.pointer("/plan/urls").is_none());
}

/// Source addresses other than 127.0.0.1 exist on Linux without configuration.
#[cfg(target_os = "linux")]
#[test]
fn every_server_sees_every_source_address_equally_often() {
    let (one, two) = (echo(), echo());
    let bench = Bench::new();
    let line = "-c 12 -m 2 --source-address 127.0.0.2-127.0.0.3 --source-address 127.0.0.9";
    let report = bench.report(&format!("{} {} {line}", one.url, two.url));
    assert_eq!(report.code, Some(0), "{}", report.text);
    let expected: BTreeMap<_, _> = [2, 3, 9]
        .map(|n| (IpAddr::from(Ipv4Addr::new(127, 0, 0, n)), 2))
        .into();
    for server in [one, two] {
        assert_eq!(*server.peers.lock().unwrap(), expected);
    }
}

#[test]
fn the_embedded_server_is_reached_from_a_source_address() {
    let report = Bench::new().report("-c 2 -m 2 --source-address 127.0.0.1");
    assert_eq!(report.code, Some(0), "{}", report.text);
}

/// A loopback port without a listener.
fn refusing() -> String {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    format!("ws://{}/", listener.local_addr().unwrap())
}

#[test]
fn failures_are_named_with_their_urls_when_nothing_connects() {
    let (one, two) = (refusing(), refusing());
    let bench = Bench::new();
    let output = bench.run(&format!("{one} {two} -c 3 -m 1 -q --no-output"));
    assert_eq!(output.status.code(), Some(1));
    let text = stderr(&output);
    assert!(
        text.contains("0 of 3 connections to 2 URLs opened"),
        "{text}"
    );
    assert!(
        text.contains(&format!("{one}: 2 × Connection refused")),
        "{text}"
    );
    assert!(
        text.contains(&format!("{two}: 1 × Connection refused")),
        "{text}"
    );
    let output = bench.run(&format!("{one} -c 3 -m 1 -q --no-output"));
    let text = stderr(&output);
    assert!(
        text.contains(&format!(
            "0 of 3 connections to {one} opened: Connection refused"
        )),
        "{text}"
    );
}

#[test]
fn one_server_that_refuses_fails_its_share() {
    let (server, refusing) = (echo(), refusing());
    let report = Bench::new().report(&format!("{} {refusing} -c 4 -m 2", server.url));
    // Half of the load is missing, so the run is invalid.
    assert_eq!(report.code, Some(5), "{}", report.text);
    assert_eq!(report.value("/connections/opened"), 2);
    assert_eq!(report.value("/connections/failed"), 2);
    let expected = serde_json::json!({address(&server): 2});
    assert_eq!(report.value("/connections/addresses"), &expected);
}

#[test]
fn wrong_source_addresses_and_urls_are_refused_before_any_work() {
    let server = echo();
    let url = &server.url;
    let bench = Bench::new();
    for (line, code, expected) in [
        (
            format!("{url} --source-address 192.0.2.1"),
            1,
            "cannot connect from the source address 192.0.2.1",
        ),
        (
            format!("{url} --source-address eth0"),
            2,
            "`eth0`: not an IP address",
        ),
        (
            format!("{url} --source-address ::1"),
            2,
            "the source address ::1 cannot reach `ws://127.0.0.1",
        ),
        (
            format!("{url} --source-address 127.0.0.1,::1"),
            2,
            "127.0.0.1 and ::1 are of different families",
        ),
        (
            "ws+unix:a.sock --source-address 127.0.0.1".to_owned(),
            2,
            "`ws+unix:a.sock` names a Unix socket, which has no source address",
        ),
        (format!("{url} {url} --insecure"), 2, "has no TLS"),
        (
            format!("{url} --server-pid 12 34"),
            2,
            "quote the list of process IDs: --server-pid \"12 34\"",
        ),
        (format!("{url} nonsense"), 2, "`nonsense` is not a URL"),
    ] {
        let output = bench.run(&format!("{line} -c 2 -m 1 -q"));
        let text = stderr(&output);
        assert_eq!(output.status.code(), Some(code), "{line}: {text}");
        assert!(text.contains(expected), "{line}: {text}");
    }
    assert_eq!(server.seen.load(Ordering::Relaxed), 0);
    assert_eq!(bench.files(), Vec::<String>::new());
}

#[test]
fn a_trial_uses_the_first_url() {
    let (one, two) = (echo(), echo());
    let bench = Bench::new();
    let line = format!("{} {} --protocol echo --try", one.url, two.url);
    let output = bench.run(&line);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(stdout(&output).contains(&one.url));
    assert!(two.peers.lock().unwrap().is_empty());
}

//! Rooms, feeds and slow readers in several processes. A room lives on one shard, so all counts add up exactly.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used)]

mod common;

use std::fs;
use std::time::Duration;

use common::broadcast_server::BroadcastServer;
use common::room_server::RoomServer;
use common::shard_runs::{ahead, assert_code, merge, merged, spawn, wait_for_seconds};
use common::{Bench, rows, stderr, stdout};
use results::read::{RunPart, read_run};
use serde_json::Value;

/// Forty clients in four rooms.
const ROOMS: &str = "--protocol room --rooms 4 -c 40";

/// The summary of a run and its exit code.
fn summary(bench: &Bench, line: &str) -> (Value, Option<i32>) {
    let output = bench.run(&format!("{line} --warmup 0s -q --json --no-output"));
    let summary = serde_json::from_slice(&output.stdout);
    let summary = summary.unwrap_or_else(|e| panic!("{line}: {e}: {}", stderr(&output)));
    (summary, output.status.code())
}

/// The counts of deliveries: published, expected, delivered, complete, and all faults together.
fn counts(json: &Value) -> [u64; 5] {
    let of = |key: &str| json["fan_out"][key].as_u64().unwrap();
    let faults = [
        "missing",
        "late",
        "duplicated",
        "corrupted",
        "unexpected",
        "reordered",
        "incomplete",
        "unreached",
    ];
    [
        of("published"),
        of("expected"),
        of("delivered"),
        of("complete"),
        faults.map(of).iter().sum(),
    ]
}

/// Asserts that every message of the run has reached all ten members of its room.
fn assert_all_delivered(json: &Value, published: u64) {
    let all = published * 10;
    assert_eq!(
        counts(json),
        [published, all, all, published, 0],
        "{}",
        json["fan_out"]
    );
    let fan_out = &json["fan_out"];
    assert_eq!(fan_out["reach"], 1.0);
    assert_eq!(fan_out["delivery_time_ns"]["count"], all);
    for key in ["first_ns", "median_ns", "last_ns", "spread_ns"] {
        assert_eq!(fan_out[key]["count"], published, "{key}");
    }
    assert_eq!(json["messages"]["sent"], published);
    assert_eq!(json["messages"]["received"], published);
}

#[test]
fn rooms_of_two_shards_are_swept_like_those_of_one_process() {
    let bench = Bench::new();
    let server = BroadcastServer::axum();
    let sweep = "--sweep 40..80:2 -d 1s --shards 2 --no-calibrate";
    let (json, _) = summary(&bench, &format!("{} {ROOMS} {sweep}", server.url));
    let reported = json["offered_rate_per_s"].as_f64().unwrap();
    let messages = json["messages"]["sent"].as_u64().unwrap();
    assert_eq!(messages as f64, reported, "{json}");
    assert_all_delivered(&json, messages);
    assert_eq!(json["shards"]["complete"], 2);
    assert_eq!(json["setup"]["ready"], 40);
    assert_eq!(json["ready_ns"]["count"], 40);
}

#[test]
fn rooms_of_two_shards_add_up_like_those_of_one_process() {
    let bench = Bench::new();
    for server in [BroadcastServer::axum(), BroadcastServer::tungstenite()] {
        let line = format!("{} {ROOMS} -m 20", server.url);
        let (one, _) = summary(&bench, &line);
        assert_all_delivered(&one, 800);
        let (two, code) = summary(&bench, &format!("{line} --shards 2"));
        assert_all_delivered(&two, 800);
        assert_eq!(two["shards"]["complete"], 2);
        assert_code(code, &two, 0);
        let seconds = two["fan_out"]["timeline"].as_array().unwrap();
        let published = seconds.iter().map(|row| row["published"].as_u64().unwrap());
        assert_eq!(published.sum::<u64>(), 800);
    }
}

#[test]
fn an_open_loop_in_rooms_is_shared_by_the_shards() {
    let bench = Bench::new();
    let server = BroadcastServer::axum();
    let line = format!("{} {ROOMS} -m 10 -r 800 --no-calibrate", server.url);
    for shards in ["", "--shards 2", "--shards 4"] {
        let (json, _) = summary(&bench, &format!("{line} {shards}"));
        assert_all_delivered(&json, 400);
        let response = &json["fan_out"]["last_response_ns"];
        assert_eq!(response["count"], 400);
    }
}

#[test]
fn rooms_of_shards_in_a_folder_are_merged_by_ws_merge() {
    let server = BroadcastServer::tungstenite();
    let bench = Bench::new();
    let start = ahead(Duration::from_secs(5));
    let line = |i| {
        let flags = format!("-m 20 --warmup 100ms --start-at {start} --shard-dir res");
        format!("{} {ROOMS} {flags} --shard {i}/2", server.url)
    };
    for mut shard in spawn(&bench, (0..2).map(line)) {
        assert_eq!(shard.wait().unwrap().code(), Some(0));
    }
    let (json, code) = merged(&bench);
    assert_code(code, &json, 0);
    assert_all_delivered(&json, 800);
    merge(&bench, "res -q -o run.xlsx");
    let book = bench.path("run.xlsx");
    assert_eq!(rows(&book, "latencies"), 800);
    assert_eq!(rows(&book, "deliveries"), 8_000);
    let clients = read_run(&book, &[RunPart::Clients])
        .unwrap()
        .clients
        .unwrap();
    assert_eq!(clients.len(), 40);
    assert!(
        clients.iter().all(|row| row.room == Some(row.client % 4)),
        "{clients:?}"
    );
}

#[test]
fn the_reach_of_a_run_with_a_killed_shard_is_not_100_percent() {
    let server = BroadcastServer::axum();
    let bench = Bench::new();
    let start = ahead(Duration::from_secs(4));
    let line = |i: u32| {
        let flags = format!("-d 4s -r 200 --warmup 0s --start-at {start} --shard-dir res");
        format!(
            "{} {ROOMS} {flags} --no-calibrate --shard {i}/2",
            server.url
        )
    };
    let mut shards = spawn(&bench, (0..2).map(line));
    wait_for_seconds(&mut shards[1], &bench.path("res/shard-001.hlog.partial"), 1);
    shards[1].kill().unwrap();
    for mut shard in shards {
        shard.wait().unwrap();
    }
    let (json, code) = merged(&bench);
    assert_eq!(code, Some(3), "{json}");
    let through_s = json["shards"]["died"][0]["through_s"].as_u64().unwrap();
    // The deliveries of shard 0 are complete. Those of shard 1 are in no log.
    assert_eq!(counts(&json), [400, 4_000, 4_000, 400, 0]);
    assert!(json["fan_out"]["reach"].is_null(), "{}", json["fan_out"]);
    assert_eq!(json["messages"]["sent"], 400 + 100 * through_s);
    assert_eq!(json["messages"]["unsent"], 400 - 100 * through_s);
    let output = merge(&bench, "res --fail-if reach<100%");
    assert_eq!(output.status.code(), Some(3));
    let words: Vec<_> = stdout(&output)
        .split_whitespace()
        .map(str::to_owned)
        .collect();
    let text = words.join(" ");
    assert!(
        text.contains(
            "deliveries are counted for the shards with a result only, and the reach of the whole run is unknown"
        ),
        "{text}"
    );
    assert!(text.contains("FAILED --fail-if"), "{text}");
    assert!(!text.contains("reach 100"), "{text}");
}

#[test]
fn a_feed_is_received_by_the_clients_of_all_shards() {
    let server = BroadcastServer::feed();
    let bench = Bench::new();
    fs::write(
        bench.path("feed.toml"),
        "[push]\nmatch = '${seq}'\ninterval = \"10ms\"\n",
    )
    .unwrap();
    let line = format!("{} --scenario feed.toml -c 6 -d 2s --shards 2", server.url);
    let output = bench.run(&format!("{line} --warmup 0s -q --no-output --json"));
    let json: Value = serde_json::from_slice(&output.stdout).unwrap();
    let push = &json["push"];
    let of = |key: &str| push[key].as_u64().unwrap();
    assert_eq!(of("clients"), 6, "{push}");
    assert_eq!((of("duplicated"), of("reordered")), (0, 0));
    assert!(of("received") > 0);
    // Of ten numbers in turn one is missing. The ends of a client's sequence may lack a part of ten.
    let (received, missing) = (of("received"), of("missing"));
    assert!(
        missing * 9 <= received + 6 * 9 && missing * 9 + 6 * 9 >= received,
        "{missing} of {received}"
    );
    assert_eq!(push["gap_ns"]["count"], received - 6);
    assert_eq!(push["late_ns"]["count"], received);
    assert!(push["skew_ns"]["count"].as_u64().unwrap() > 0);
    assert_eq!(json["messages"]["sent"], 0);
    assert_eq!(json["shards"]["complete"], 2);
    // Missing numbers are failures.
    let code = output.status.code();
    assert_eq!(code, Some(3), "{json}");
}

#[test]
fn slow_readers_of_all_shards_add_up() {
    let server = BroadcastServer::axum();
    let bench = Bench::new();
    let slow = "--slow 10% --slow-read 0 --slow-after 1s";
    let line = format!(
        "{} {ROOMS} -r 40 -d 2s {slow} --seed 7 --no-calibrate",
        server.url
    );
    let one = summary(&bench, &line).0;
    let two = summary(&bench, &format!("{line} --shards 2")).0;
    for json in [&one, &two] {
        assert_eq!(json["slow"]["clients"], 4, "{}", json["slow"]);
        // A tenth of the 80 messages is that of slow readers. Nine or ten of a room's members are measured.
        assert_eq!(json["fan_out"]["published"], 72, "{}", json["fan_out"]);
        let [_, expected, delivered, _, faults] = counts(json);
        assert_eq!((delivered, faults), (expected, 0), "{}", json["fan_out"]);
        let of = |phase: &str| json["slow"][phase]["expected"].as_u64().unwrap();
        assert_eq!(of("before") + of("after"), expected);
    }
    assert_eq!(counts(&one), counts(&two));
}

#[test]
fn fewer_rooms_than_shards_are_refused_with_both_flags() {
    let bench = Bench::new();
    let rooms = "--protocol room --rooms 2 -c 40";
    for shards in [
        "--shards 3",
        "--shard 0/3 --shard-dir res --start-at 2100-01-01T00:00:00Z",
    ] {
        let output = bench.run(&format!("ws://127.0.0.1:9 {rooms} {shards}"));
        assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
        let text = stderr(&output);
        assert!(
            text.contains("3 shards (--shards) need at least 3 rooms, and --rooms is 2"),
            "{text}"
        );
    }
    assert_eq!(bench.files(), [""; 0]);
}

/// A server that delivers a message to its sender alone.
fn to_senders() -> RoomServer {
    RoomServer::start(|is_sender, text| match is_sender {
        true => vec![text.to_owned()],
        false => Vec::new(),
    })
}

/// Two senders, four listeners.
const LISTENERS: &str = "url = '/r${room}'\n[[message]]\nsend = '${uid}'\ndeliver = '${uid}'\n\
                         [roles.publisher]\ncount = 2\n[roles.subscriber]\nsends = false\n";

#[test]
fn receivers_without_a_delivery_in_the_warm_up_are_named_once_for_all_shards() {
    let server = to_senders();
    let bench = Bench::new();
    fs::write(bench.path("room.toml"), LISTENERS).unwrap();
    let load = "--rooms 2 -c 6 -r 100 -d 200ms --warmup 2s --timeout 200ms --no-calibrate";
    let line = format!("{} --scenario room.toml {load} --no-output", server.url);
    let notice = "4 receivers got no delivery in the warm-up: clients 2, 3, 4, 5";
    let output = bench.run(&format!("{line} --shards 2"));
    assert_eq!(
        stderr(&output).matches(notice).count(),
        1,
        "{}",
        stderr(&output)
    );
    let start = ahead(Duration::from_secs(5));
    let alone = format!("{} --scenario room.toml {load}", server.url);
    let output = bench.run(&format!(
        "{alone} --shard 1/2 --shard-dir res --start-at {start}"
    ));
    let text = stderr(&output);
    let notice = "shard 1 of 2: 2 receivers got no delivery in the warm-up: clients 3, 5";
    assert_eq!(text.matches(notice).count(), 1, "{text}");
}

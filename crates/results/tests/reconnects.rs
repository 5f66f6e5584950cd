//! Lost connections, idle connections and openings in files: what is written is what is read.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::path::Path;

use calamine::{Reader, Xlsx, open_workbook};
use measurement::record::RowSeconds;
use measurement::run::{
    ConnectRow, ConnectionMemory, IdleSummary, ReconnectRow, ReconnectSummary, Run, Summary,
};
use measurement::verdict::{Latency, SendLag};
use proptest::option::of;
use proptest::prelude::*;
use results::read::{RunPart, read_reconnects, read_run};
use results::write::{Output, RUN_SCHEMA};
use test_support::fixtures::{closed_loop_run, storm_run};

/// Longest time, in nanoseconds.
const LONGEST_NS: u64 = 3_600_000_000_000;

fn count() -> impl Strategy<Value = u64> {
    0..1_u64 << 53
}

prop_compose! {
    fn latency()(count in count(), times in prop::array::uniform4(of(count())), mean in of(0.0..1e12_f64)) -> Latency {
        let [min, p50, p99, max] = times;
        Latency { count, min, mean, p50, p99, max, ..Latency::default() }
    }
}

prop_compose! {
    fn row()(from_s in 0.0..1e6_f64, counts in prop::array::uniform9(count())) -> ReconnectRow {
        let [lost, attempts, refused, timed_out, handshake_failed, setup_failed, own_failed, back, away] = counts;
        ReconnectRow {
            from_s, to_s: from_s + 0.01, lost, attempts, refused, timed_out, handshake_failed, setup_failed,
            own_failed, back, away,
        }
    }
}

fn counts(keys: &'static [&'static str]) -> impl Strategy<Value = BTreeMap<String, u64>> {
    let key = prop::sample::select(keys).prop_map(str::to_owned);
    prop::collection::btree_map(key, count(), 0..3)
}

prop_compose! {
    fn reconnect()(
        law in of(prop::sample::select(vec!["now", "spread:5s", "backoff:100ms..30s"])),
        drop_at_s in of(0.0..1e4_f64),
        numbers in prop::array::uniform9(count()),
        handshake_failed in counts(&["503", "429", "other"]),
        failures in counts(&["Connection refused (os error 111)", "no answer. At all"]),
        back in prop::array::uniform4(of(count())),
        missed in count(),
        away_client_s in 0.0..1e9_f64,
        times in prop::array::uniform2(latency()),
        lag in prop::array::uniform3(of(count())),
        listen_overflows in of(count()),
        timeline in prop::collection::vec(row(), 0..4),
    ) -> ReconnectSummary {
        let [dropped, by_server, in_flight, attempts, refused, timed_out, setup_failed, own_failed, is_back] = numbers;
        let [back_50_ns, back_90_ns, back_99_ns, back_100_ns] = back;
        let [connect_ns, connect_response_ns] = times;
        ReconnectSummary {
            law: law.map(str::to_owned), drop_at_s, dropped, by_server, not_replaced: setup_failed, in_flight, attempts,
            open_at_end: attempts / 2, refused, timed_out,
            handshake_failed, setup_failed, own_failed, failures, back: is_back, back_50_ns, back_90_ns, back_99_ns,
            back_100_ns, away_client_s, missed, connect_ns, connect_response_ns,
            attempt_lag_ns: SendLag { p50: lag[0], p99: lag[1], max: lag[2] },
            listen_overflows, timeline,
        }
    }
}

prop_compose! {
    fn idle()(
        counts in prop::array::uniform5(count()),
        floats in prop::array::uniform2(-1e9..1e9_f64),
        ends in of((0.0..1e3_f64, 1e3..1e9_f64)),
        is_watched: bool,
    ) -> IdleSummary {
        let [connections, opened, closed_early, received, readings] = counts;
        let memory = ConnectionMemory {
            bytes_per_connection: floats[0],
            low: ends.map(|ends| ends.0),
            high: ends.map(|ends| ends.1),
            difference_per_connection: floats[1],
            readings,
        };
        IdleSummary { connections, opened, closed_early, received, memory: is_watched.then_some(memory) }
    }
}

prop_compose! {
    fn opening()(
        counts in prop::array::uniform3(count()),
        percentiles in prop::array::uniform4(of(0..LONGEST_NS)),
        longest in prop::array::uniform2(0..LONGEST_NS),
    ) -> ConnectRow {
        let [attempts, opened, failed] = counts;
        let [connect_p50_ns, connect_p99_ns, connect_response_p50_ns, connect_response_p99_ns] = percentiles;
        let [connect_max_ns, connect_response_max_ns] = longest;
        ConnectRow {
            second: 0, attempts, opened, failed, connect_p50_ns, connect_p99_ns, connect_max_ns,
            connect_response_p50_ns, connect_response_p99_ns, connect_response_max_ns,
            seconds: RowSeconds::try_from(20).unwrap(),
        }
    }
}

fn save(run: &Run, path: &Path) {
    Output::create(path).unwrap().write(run).unwrap();
}

fn sheets(path: &Path) -> Vec<String> {
    open_workbook::<Xlsx<_>, _>(path).unwrap().sheet_names()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn reconnects_idle_connections_and_openings_come_back_whole(
        reconnect in of(reconnect().boxed()),
        idle in of(idle().boxed()),
        connect_timeline in prop::collection::vec(opening(), 0..4),
        response in latency(),
        listen_overflows in of(count()),
        replaced in count(),
    ) {
        let run = storm_run(100, |s| {
            (s.reconnect, s.idle, s.connect_timeline) = (reconnect, idle, connect_timeline);
            s.connect_response_ns = response;
            (s.connections.listen_overflows, s.connections.replaced) = (listen_overflows, replaced);
        });
        let folder = tempfile::tempdir().unwrap();
        for ending in ["xlsx", "json"] {
            let path = folder.path().join(format!("a.{ending}"));
            save(&run, &path);
            let read = read_run(&path, &[RunPart::Summary]).unwrap();
            prop_assert_eq!(&read.summary, &run.summary);
        }
        let document = std::fs::read_to_string(folder.path().join("a.json")).unwrap();
        test_support::assert_valid_json(RUN_SCHEMA, &document);
    }
}

#[test]
fn the_new_sheets_stand_behind_the_others() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.xlsx");
    save(&storm_run(100, |_| {}), &path);
    let own = sheets(&path);
    assert_eq!(own[5..], ["moving_average", "reconnects", "connects"]);
    let mut book: Xlsx<_> = open_workbook(&path).unwrap();
    let mut titles = |sheet: &str| -> Vec<String> {
        let range = book.worksheet_range(sheet).unwrap();
        range
            .rows()
            .next()
            .unwrap()
            .iter()
            .map(ToString::to_string)
            .collect()
    };
    assert_eq!(
        titles("reconnects"),
        [
            "from_s",
            "to_s",
            "lost",
            "attempts",
            "refused",
            "timed_out",
            "handshake_failed",
            "setup_failed",
            "own_failed",
            "back",
            "away"
        ]
    );
    assert_eq!(
        titles("connects")[..4],
        ["second", "attempts", "opened", "failed"]
    );
    assert_eq!(titles("connections").last().unwrap(), "reconnects");

    save(&closed_loop_run(|_| {}), &path);
    assert_eq!(sheets(&path).last().unwrap(), "moving_average");
}

#[test]
fn the_reconnects_of_each_client_come_back() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.xlsx");
    let run = storm_run(100, |_| {});
    save(&run, &path);
    let read = read_run(&path, &[RunPart::Clients]).unwrap();
    assert_eq!(read.clients, run.clients);
    // A run without a storm has no such column.
    let run = storm_run(100, |s| s.reconnect = None);
    save(&run, &path);
    let clients = read_run(&path, &[RunPart::Clients])
        .unwrap()
        .clients
        .unwrap();
    assert!(clients.iter().all(|client| client.reconnects == 0));
}

#[test]
fn a_file_without_the_new_keys_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.json");
    save(&storm_run(100, |_| {}), &path);
    let mut document: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
    let new = [
        "reconnect",
        "idle",
        "connect_timeline",
        "connect_response_ns",
        "connect_lateness_ns",
    ];
    for key in new {
        assert!(
            document.as_object_mut().unwrap().remove(key).is_some(),
            "{key}"
        );
    }
    document["connections"]
        .as_object_mut()
        .unwrap()
        .remove("listen_overflows")
        .unwrap();
    document["plan"]
        .as_object_mut()
        .unwrap()
        .remove("connections")
        .unwrap();
    std::fs::write(&path, document.to_string()).unwrap();
    let summary: Summary = read_run(&path, &[RunPart::Summary])
        .unwrap()
        .summary
        .unwrap();
    assert_eq!((summary.reconnect, summary.idle), (None, None));
    assert_eq!(summary.connect_response_ns.count, 0);
}

#[test]
fn only_a_run_with_lost_connections_is_a_storm() {
    let folder = tempfile::tempdir().unwrap();
    for ending in ["xlsx", "json"] {
        let path = folder.path().join(format!("a.{ending}"));
        save(&storm_run(100, |_| {}), &path);
        assert_eq!(
            read_reconnects(&path).unwrap().reconnect.unwrap().dropped,
            120
        );
    }
    for ending in ["xlsx", "json", "csv", "hlog"] {
        let path = folder.path().join(format!("echo.{ending}"));
        save(&closed_loop_run(|_| {}), &path);
        let error = read_reconnects(&path).unwrap_err().to_string();
        assert!(error.contains("no lost connections"), "{error}");
        assert!(
            error.contains("a run with `--drop` or `--reconnect`"),
            "{error}"
        );
    }
}

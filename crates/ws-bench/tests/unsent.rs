//! Reports of messages that were due and never sent, because connections were refused or ended.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use calamine::{DataType, Reader, Xlsx, open_workbook};
use common::{Bench, ReportedRun};
use serde_json::{Value, json};
use test_support::stub_server::{StubBehaviour, StubServer};

/// A server that accepts two connections and refuses all others.
fn admit_two() -> StubBehaviour {
    StubBehaviour {
        admit: Some(2),
        ..StubBehaviour::default()
    }
}

fn start(behaviour: StubBehaviour) -> (StubServer, Bench) {
    (StubServer::start(behaviour), Bench::new())
}

/// Asserts that text, JSON and the condition `unsent>0` agree on the numbers of sent and unsent messages.
fn assert_unsent(run: &ReportedRun, sent: u64, unsent: u64) {
    assert_eq!(
        run.counts(["sent", "unsent"]),
        [Some(sent), Some(unsent)],
        "{}",
        run.text
    );
    let words = format!("{unsent} never sent");
    assert_eq!(run.text.contains(&words), unsent > 0, "{}", run.text);
    let condition = run.value("/conditions/0");
    assert_eq!(condition["value"].as_f64(), Some(unsent as f64));
    assert_eq!(condition["held"], unsent > 0);
    assert_eq!(run.value("/validity/verdict"), "invalid");
    assert_eq!(run.code, Some(5), "{}", run.text);
}

#[test]
fn refused_clients_owe_their_share_of_a_rate() {
    let (server, bench) = start(admit_two());
    let line = format!("{} -c 10 -r 200 -d 1s --fail-if unsent>0", server.url());
    let run = bench.report(&line);
    assert_eq!((server.counts().refused, server.counts().messages), (8, 40));
    assert_unsent(&run, 40, 160);
    assert!(run.value("/sent_in_time_share").as_f64() <= Some(0.2));
    assert!(run.value("/achieved_rate_per_s").as_f64() <= Some(40.0));
    let reason = "8 of 10 connections failed or ended early, 160 of 200 messages that were due \
                  were never sent";
    assert!(run.text.contains(reason), "{}", run.text);
}

#[test]
fn refused_clients_owe_all_messages_of_a_number() {
    for load in ["", "-r 1000"] {
        let (server, bench) = start(admit_two());
        let line = format!(
            "{} -c 10 -m 20 {load} --fail-if unsent>0 --fail-if error_rate>0 -o run.xlsx",
            server.url()
        );
        let run = bench.report(&line);
        assert_unsent(&run, 40, 160);
        assert_eq!(run.value("/messages/planned"), 200);
        assert_eq!(run.value("/conditions/1/value").as_f64(), Some(0.8));
        assert_eq!(run.value("/conditions/1/held"), true);
        let mut book: Xlsx<_> = open_workbook(bench.path("run.xlsx")).unwrap();
        let summary = book.worksheet_range("summary").unwrap();
        let row = summary
            .rows()
            .find(|row| row[0].as_string().as_deref() == Some("messages.unsent"));
        assert_eq!(row.unwrap()[1].as_f64(), Some(160.0));
    }
}

#[test]
fn refused_clients_make_a_closed_loop_for_a_time_invalid() {
    let (server, bench) = start(admit_two());
    let line = format!("{} -c 10 -d 300ms --fail-if unsent>0", server.url());
    let run = bench.report(&line);
    let [sent] = run.counts(["sent"]);
    assert_unsent(&run, sent.unwrap(), 0);
    assert_eq!(run.value("/connections/failed"), 8);
    assert!(
        run.text
            .contains("8 of 10 connections failed or ended early"),
        "{}",
        run.text
    );
}

#[test]
fn clients_closed_while_others_connect_owe_their_share() {
    for (load, planned) in [("-r 200 -d 1s", Value::Null), ("-m 20", json!(200))] {
        let (server, bench) = start(StubBehaviour {
            close_first: Some((8, Some((1001, "idle for 0.1 s")))),
            ..StubBehaviour::default()
        });
        let line = format!(
            "{} -c 10 {load} --connect-rate 50 --fail-if unsent>0",
            server.url()
        );
        let run = bench.report(&line);
        assert_unsent(&run, 40, 160);
        assert_eq!(run.value("/messages/planned"), &planned);
        assert_eq!(run.value("/connections/closed_early"), 8);
        assert!(
            run.text
                .contains("8 × the server closed with 1001: idle for 0.1 s"),
            "{}",
            run.text
        );
    }
}

#[test]
fn clients_closed_early_owe_the_rest_and_the_reason_is_kept() {
    let (server, bench) = start(StubBehaviour {
        close_at: Some((
            5,
            Some((1012, "restart,\u{1b}[31m come back\u{202e} in 5 s")),
        )),
        ..StubBehaviour::default()
    });
    let run = bench.report(&format!("{} -c 10 -m 20 --fail-if unsent>0", server.url()));
    assert_eq!((server.counts().messages, server.counts().closed), (60, 10));
    assert_unsent(&run, 60, 140);
    let reason = "restart,\\u{1b}[31m come back\\u{202e} in 5 s";
    assert_eq!(
        run.value("/connections/close_reasons"),
        &json!([{"code": 1012, "reason": reason, "count": 10}])
    );
    let line = format!("10 × the server closed with 1012: {reason}");
    assert!(run.text.contains(&line), "{}", run.text);
    assert!(!run.text.contains('\u{1b}') && !run.text.contains('\u{202e}'));
}

#[test]
fn the_end_of_all_connections_is_dated_and_the_rate_is_over_the_planned_time() {
    let (server, bench) = start(StubBehaviour {
        close_at: Some((1, Some((1012, "restart")))),
        ..StubBehaviour::default()
    });
    // A client sends one message per half second, so none is sent after the close.
    let line = format!("{} -c 10 -r 20 -d 3s --fail-if unsent>0", server.url());
    let run = bench.report(&line);
    assert_unsent(&run, 20, 40);
    assert!(
        run.text
            .contains(" of 3.00 s, when all connections had ended"),
        "{}",
        run.text
    );
    // Rates averaged over different times are labelled with them.
    assert!(
        run.text.contains(" of payload · over the measured "),
        "{}",
        run.text
    );
    assert!(
        run.text.contains(" achieved over the planned 3.00 s ("),
        "{}",
        run.text
    );
    assert_eq!(run.value("/achieved_over_s").as_f64(), Some(3.0));
    let cause = "connections failed or ended early, and their messages could not be sent";
    assert!(run.text.contains(cause), "{}", run.text);
    assert!(
        !run.text.contains("more than it can handle"),
        "{}",
        run.text
    );
    assert!(run.value("/elapsed_s").as_f64() < Some(3.0));
    assert!(run.value("/achieved_rate_per_s").as_f64() < Some(7.0));
    assert!(run.value("/sent_in_time_share").as_f64() < Some(0.34));
}

#[test]
fn a_close_frame_without_a_code_is_given_none() {
    let (server, bench) = start(StubBehaviour {
        close_at: Some((5, None)),
        ..StubBehaviour::default()
    });
    let run = bench.report(&format!("{} -c 2 -m 20 --fail-if unsent>0", server.url()));
    assert_unsent(&run, 12, 28);
    assert!(
        run.text.contains("2 × the server closed without a code"),
        "{}",
        run.text
    );
    assert!(!run.text.contains("1005"), "{}", run.text);
    assert_eq!(
        run.value("/connections/close_reasons"),
        &json!([{"code": null, "reason": "", "count": 2}])
    );
}

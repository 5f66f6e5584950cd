//! Pages of runs with deliveries.
#![allow(clippy::unwrap_used)]

mod pages;

use measurement::run::Run;
use pages::{save, titles};
use test_support::fixtures::{closed_loop_run, feed, room_run};
use ws_report::{html, markdown, report};

#[test]
fn a_room_has_its_picture_in_its_section() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["room.xlsx", "room.json"] {
        let path = save(&folder, name, &room_run(100_000, false, |_| {}));
        let page = report(&[path], true).unwrap();
        assert!(titles(&page).contains(&"Deliveries"), "{name}");
        let html = html(&page).unwrap();
        assert!(html.contains("First, median and last receiver"), "{name}");
        assert!(html.contains("99.50 % reached"), "{name}");
    }
}

#[test]
fn rooms_beside_an_echo_share_a_picture_and_have_columns_of_figures() {
    let folder = tempfile::tempdir().unwrap();
    let files = [
        save(&folder, "a.json", &room_run(100_000, false, |_| {})),
        save(
            &folder,
            "b.json",
            &room_run(200_000, true, |s| s.plan.seed = 6),
        ),
        save(&folder, "echo.json", &closed_loop_run(|_| {})),
    ];
    let page = report(&files, true).unwrap();
    assert!(titles(&page).contains(&"Deliveries"));
    let text = markdown(&page);
    assert!(text.contains("| reach | 99.50 % | 100 % | – |"), "{text}");
    // Nothing is said to be missing from the picture of an echo.
    assert!(!text.contains("No picture of the deliveries") && !text.contains("Not in the picture"));
}

#[test]
fn an_echo_has_no_section_of_deliveries() {
    let folder = tempfile::tempdir().unwrap();
    let path = save(&folder, "echo.json", &closed_loop_run(|_| {}));
    let page = report(&[path], true).unwrap();
    assert!(!titles(&page).contains(&"Deliveries"));
    assert!(!html(&page).unwrap().contains("deliver"));
}

/// A run that only receives, with 40 of its messages missing.
fn feed_run() -> Run {
    let mut run = room_run(100_000, true, |s| {
        s.fan_out = None;
        s.roles.clear();
        s.messages = Default::default();
        (s.messages.sent, s.throughput.messages_per_s) = (0, 0.0);
        (s.service_time_ns, s.response_time_ns) = Default::default();
        s.coordinated_omission_p99_ns = None;
        s.plan.senders = Some(0);
        s.push = Some(feed());
    });
    run.samples = None;
    run
}

#[test]
fn the_report_of_a_feed_with_missing_messages_said_that_none_failed() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["feed.json", "feed.xlsx"] {
        let path = save(&folder, name, &feed_run());
        let page = report(&[path], true).unwrap();
        let text = markdown(&page);
        assert!(
            text.contains("| pushes | missing | duplicated | gap p50 |"),
            "{text}"
        );
        assert!(
            text.contains("**180 msg/s**<br>to 2 clients | **40**"),
            "{text}"
        );
        for senseless in [
            "| throughput |",
            "in flight per client",
            "decided by the scenario",
            "messages per CPU-second",
            "0 B/s",
            "No picture",
        ] {
            assert!(!text.contains(senseless), "{senseless} in {text}");
        }
        let html = html(&page).unwrap();
        assert!(html.contains("40 pushes missing"), "{name}");
        assert!(
            !html.contains("echo") && !html.contains("service time"),
            "{name}"
        );
    }
}

#[test]
fn a_feed_beside_an_echo_is_only_in_the_picture_of_the_seconds() {
    let folder = tempfile::tempdir().unwrap();
    let files = [
        save(&folder, "feed.json", &feed_run()),
        save(&folder, "echo.json", &closed_loop_run(|_| {})),
    ];
    let text = markdown(&report(&files, true).unwrap());
    assert!(!text.contains("No picture of the seconds") && !text.contains("Not in the picture"));
}

#[test]
fn the_pictures_of_a_room_called_its_messages_echoes() {
    let folder = tempfile::tempdir().unwrap();
    let path = save(
        &folder,
        "room.json",
        &room_run(100_000, true, |s| {
            s.scenario.get_or_insert_default().ends_with_deliveries = true;
        }),
    );
    let page = report(&[path], true).unwrap();
    let html = html(&page).unwrap();
    assert!(html.contains("600 messages delivered to all"));
    assert!(html.contains("times to the last receiver of each second"));
    assert!(html.contains("Largest time: ") && !html.contains("Highest largest"));
    assert!(!html.contains("echo"));
    assert!(!markdown(&page).contains("answered"));
}

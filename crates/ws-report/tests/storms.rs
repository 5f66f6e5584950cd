//! Pages of runs with lost connections.
#![allow(clippy::unwrap_used)]

mod pages;

use pages::{save, titles};
use test_support::fixtures::{closed_loop_run, storm_run};
use ws_report::{html, markdown, report};

#[test]
fn a_storm_has_its_picture_in_its_section() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["storm.xlsx", "storm.json"] {
        let path = save(&folder, name, &storm_run(50, |_| {}));
        let page = report(&[path], true).unwrap();
        for title in [
            "Opening of connections",
            "Lost connections",
            "Idle connections",
        ] {
            assert!(titles(&page).contains(&title), "{title} in {name}");
        }
        let html = html(&page).unwrap();
        assert!(html.contains("Connections that are up"), "{name}");
        assert!(html.contains("99 % after 4.44 s"), "{name}");
    }
}

#[test]
fn storms_beside_an_echo_share_a_picture_and_have_columns_of_figures() {
    let folder = tempfile::tempdir().unwrap();
    let files = [
        save(&folder, "a.json", &storm_run(50, |_| {})),
        save(&folder, "b.xlsx", &storm_run(200, |s| s.plan.seed = 6)),
        save(&folder, "echo.json", &closed_loop_run(|_| {})),
    ];
    let page = report(&files, true).unwrap();
    assert!(titles(&page).contains(&"Lost connections"));
    let text = markdown(&page);
    assert!(
        text.contains("| 99 % back after | 4.44 s | 1.85 s | – |"),
        "{text}"
    );
    // No echo is said to be missing from the picture.
    assert!(!text.contains("picture of the lost connections"), "{text}");
}

#[test]
fn a_run_that_lost_nothing_has_no_picture_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let calm = storm_run(50, |s| {
        s.reconnect = Some(measurement::run::ReconnectSummary {
            law: Some("now".to_owned()),
            ..Default::default()
        });
    });
    let path = save(&folder, "calm.json", &calm);
    let page = report(&[path], true).unwrap();
    let text = markdown(&page);
    assert!(text.contains("no connection was lost"), "{text}");
    assert!(
        !text.contains("No picture of the lost connections"),
        "{text}"
    );
    let echo = save(&folder, "echo.json", &closed_loop_run(|_| {}));
    let page = report(&[echo], true).unwrap();
    assert!(!titles(&page).contains(&"Lost connections"));
}

//! Pages of capacity searches and sweeps.
#![allow(clippy::unwrap_used)]

mod pages;

use pages::{save, titles};
use test_support::fixtures::{closed_loop_run, search_run, sweep_run};
use ws_report::{html, markdown, report};

#[test]
fn a_search_and_a_sweep_have_their_picture_in_their_section() {
    let folder = tempfile::tempdir().unwrap();
    let search = search_run(50_000.0, |_| {});
    let sweep = sweep_run(50_000.0, &[1_000.0, 8_000.0, 64_000.0], |_| {});
    for (name, run, title, text) in [
        (
            "a.xlsx",
            &search,
            "Capacity",
            "recovered only up to 42,170 msg/s",
        ),
        ("b.json", &search, "Capacity", "capacity 49,040 msg/s"),
        ("c.xlsx", &sweep, "Load curve", "kept up with 8,000 msg/s"),
        ("d.json", &sweep, "Load curve", "kept up with 8,000 msg/s"),
    ] {
        let path = save(&folder, name, run);
        let page = report(&[path], true).unwrap();
        assert_eq!(titles(&page)[..3], ["Verdict", title, "Figures"], "{name}");
        let html = html(&page).unwrap();
        assert!(html.contains("Response time over offered rate"), "{name}");
        assert!(html.contains(text), "{name}");
    }
}

#[test]
fn searches_beside_an_echo_share_a_picture_and_a_table() {
    let folder = tempfile::tempdir().unwrap();
    let files = [
        save(&folder, "a.json", &search_run(50_000.0, |_| {})),
        save(
            &folder,
            "b.xlsx",
            &search_run(20_000.0, |s| s.plan.seed = 6),
        ),
        save(&folder, "echo.json", &closed_loop_run(|_| {})),
    ];
    let page = report(&files, true).unwrap();
    assert_eq!(titles(&page)[..2], ["Verdicts", "Capacity"]);
    let text = markdown(&page);
    assert!(
        text.contains("| b.xlsx | 19,040 msg/s (18,800–19,300, 95 %) at p99 &lt; 5 ms |"),
        "{text}"
    );
    assert!(
        text.contains("| capacity | 49,040 msg/s | 19,040 msg/s | – |"),
        "{text}"
    );
    // No echo is said to be missing from the picture.
    assert!(!text.contains("picture of the offered rates"), "{text}");
    let html = html(&page).unwrap();
    assert!(html.contains("b.xlsx · capacity 19,040 msg/s"));
}

#[test]
fn a_search_without_an_answer_has_no_picture() {
    let folder = tempfile::tempdir().unwrap();
    let dead = search_run(50_000.0, |s| {
        let own = s.capacity.as_mut().unwrap();
        (own.rate_per_s, own.low_per_s, own.high_per_s) = (Some(0.0), 0.0, 0.0);
        for step in &mut own.steps {
            step.held = Some(false);
            (step.response_p50_ns, step.response_p99_ns) = (None, None);
            step.response_p99_9_ns = None;
        }
    });
    let path = save(&folder, "dead.json", &dead);
    let page = report(&[path], true).unwrap();
    let text = markdown(&page);
    assert!(
        text.contains("0 msg/s at p99 &lt; 5 ms: the conditions held at no rate"),
        "{text}"
    );
    assert!(!text.contains("No picture of the offered rates"), "{text}");
}

/// An overloaded rate showed a small p99, because messages without an answer were left out of it.
#[test]
fn a_percentile_that_was_not_answered_is_infinite() {
    let folder = tempfile::tempdir().unwrap();
    let run = sweep_run(50_000.0, &[8_000.0, 64_000.0], |s| {
        let overloaded = &s.load_curve.as_ref().unwrap()[1];
        assert_eq!(overloaded.response_p99_ns, None);
    });
    for name in ["a.json", "a.xlsx"] {
        let page = report(&[save(&folder, name, &run)], true).unwrap();
        let (text, html) = (markdown(&page), html(&page).unwrap());
        assert!(
            text.contains("| 64,000 msg/s | 50,000 | 1.40 s | ∞ | ∞ |"),
            "{text}"
        );
        for page in [&text, &html] {
            assert!(
                page.contains("∞: more messages failed or were not sent"),
                "{name}"
            );
        }
        assert!(
            html.contains("not answered"),
            "the legend of the picture of {name}"
        );
    }
}

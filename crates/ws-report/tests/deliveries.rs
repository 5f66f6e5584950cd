//! Pages of runs with deliveries.
#![allow(clippy::unwrap_used)]

use std::path::PathBuf;

use measurement::run::Run;
use results::write::Output;
use tempfile::TempDir;
use test_support::fixtures::{closed_loop_run, room_run};
use ws_report::{Page, html, markdown, report};

fn save(folder: &TempDir, name: &str, run: &Run) -> PathBuf {
    let path = folder.path().join(name);
    Output::create(&path).unwrap().write(run).unwrap();
    path
}

fn titles(page: &Page) -> Vec<&str> {
    page.sections.iter().map(|one| one.title.as_str()).collect()
}

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

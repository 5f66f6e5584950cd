//! Reports of runs of several shards.
#![allow(clippy::unwrap_used)]

#[allow(dead_code)]
mod pages;

use std::path::PathBuf;

use measurement::run::{ShardsSummary, Summary};
use tempfile::TempDir;
use test_support::fixtures::{complete_shards, degraded_shards, open_loop_run};
use ws_report::{html, markdown, report};

/// Saves an open loop in a file of this name.
fn save_open(folder: &TempDir, name: &str, change: impl FnOnce(&mut Summary)) -> PathBuf {
    pages::save(folder, name, &open_loop_run(change))
}

/// The page about a run with these shards, as Markdown and as HTML.
fn pages(name: &str, shards: Option<ShardsSummary>) -> [String; 2] {
    let folder = tempfile::tempdir().unwrap();
    let path = save_open(&folder, name, |s| s.shards = shards);
    let page = report(&[path], false).unwrap();
    [markdown(&page), html(&page).unwrap()]
}

fn section<'t>(page: &'t str, title: &str) -> &'t str {
    let start = page.find(&format!("\n## {title}\n")).unwrap();
    let rest = &page[start + 1..];
    rest.find("\n## ").map_or(rest, |end| &rest[..end])
}

#[test]
fn a_degraded_run_names_its_shards_in_every_kind_of_file() {
    for name in ["a.json", "a.xlsx"] {
        let [text, html] = pages(name, Some(degraded_shards()));
        let verdict = section(&text, "Verdict");
        let banner =
            "❌ **degraded**: 2 of 6 shards complete · 2 machines · started within 1.70 s of T0";
        assert!(verdict.contains(banner), "{verdict}");
        assert!(
            verdict.contains("- shard 1 (node-1): no result, data through second 2. It died"),
            "{verdict}"
        );
        assert!(
            verdict.contains("- shards 4 and 5 are missing"),
            "{verdict}"
        );
        let rows = section(&text, "Each shard");
        assert!(
            rows.contains(
                "| shard 1 | died | node-1 | 50 | 1,500 | 1,490 | 10 | 90.0 µs | second 2 |"
            ),
            "{rows}"
        );
        assert!(
            rows.contains("| shard 5 | missing | – | – | – | – | – | – | – |"),
            "{rows}"
        );
        assert!(
            section(&text, "Figures").contains("| state | degraded |"),
            "{text}"
        );
        assert!(
            section(&text, "Plan and host").contains("| shards | 6 on 2 machines |"),
            "{text}"
        );
        for part in ["<strong>degraded</strong>", "Each shard", "node-1", "1,490"] {
            assert!(html.contains(part), "{part}");
        }
    }
}

#[test]
fn a_complete_run_says_so() {
    for name in ["a.json", "a.xlsx"] {
        let [text, _] = pages(name, Some(complete_shards()));
        let banner = "ℹ️ **complete**: 2 of 2 shards complete · started within 1.20 ms of T0\n";
        assert!(section(&text, "Verdict").contains(banner), "{text}");
        let figures = section(&text, "Figures");
        assert!(figures.contains("### Shards"), "{figures}");
        assert!(
            figures.contains("| start skew max | 1.20 ms |"),
            "{figures}"
        );
        let rows = section(&text, "Each shard");
        assert!(
            rows.contains("| shard 1 | complete | node-1 | 50 | 1,500 | 1,490 | 10 | 1.20 ms |"),
            "{rows}"
        );
    }
}

#[test]
fn a_run_of_one_process_has_no_shards_anywhere() {
    for name in ["a.json", "a.xlsx"] {
        for page in pages(name, None) {
            assert!(!page.to_lowercase().contains("shard"), "{page}");
        }
    }
}

#[test]
fn shards_beside_one_process_are_compared_with_care() {
    let folder = tempfile::tempdir().unwrap();
    let one = save_open(&folder, "one.json", |_| {});
    let two = save_open(&folder, "two.xlsx", |s| {
        s.started_at = "2026-01-31T13:00:00.123Z".to_owned();
        s.shards = Some(complete_shards());
    });
    let page = report(&[one, two], false).unwrap();
    let text = markdown(&page);
    let verdicts = section(&text, "Verdicts");
    assert!(verdicts.contains("**compare with care**"), "{verdicts}");
    assert!(verdicts.contains("- shards: none / 2\n"), "{verdicts}");
    assert!(
        verdicts.contains("**complete** two.xlsx: 2 of 2 shards complete"),
        "{verdicts}"
    );
    let figures = section(&text, "Figures");
    assert!(
        figures.contains("| **Shards** |  |  |\n| state | – | complete |"),
        "{figures}"
    );
    assert!(
        section(&text, "What differs").contains("| shards | none | 2 |"),
        "{text}"
    );
}

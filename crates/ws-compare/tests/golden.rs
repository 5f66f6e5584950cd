//! Comparisons of saved runs and of servers, compared with golden files, see `test_support::golden`.
#![cfg(target_os = "linux")]
#![allow(
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss
)]

mod common;

use std::path::Path;
use std::process::{Command, Output};

use common::server;
use serde_json::{Value, json};
use tempfile::TempDir;
use test_support::golden::{self, Mask, masked_markdown, masked_workbook};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden");

/// The values that vary between comparisons.
fn mask() -> Mask {
    Mask::new(&[
        ("host.cores", "integer"),
        ("host.allowed_cores", "integer…"),
        ("host.open_file_limit", "integer"),
        ("host.*", "text"),
        ("started_at", "text"),
        ("elapsed_s", "decimal"),
        ("validity.reasons", "text…"),
    ])
}

fn compare(folder: &Path, arguments: &[&str]) -> Output {
    const FILES: [&str; 6] = ["-o", "c.json", "-o", "c.xlsx", "-o", "c.md"];
    Command::new(golden::program(env!("CARGO_BIN_EXE_ws-compare")))
        .args(arguments)
        .args(FILES)
        .current_dir(folder)
        .output()
        .unwrap()
}

/// Saves eight runs of each of three servers. The second is a third faster than the first.
fn save_runs(folder: &Path) -> [String; 3] {
    [("a", 1.0, 0), ("b", 1.32, 5), ("c", 1.0, 8)].map(|(name, times, shift)| {
        let files = (0..8_u64).map(|n| {
            // A spread of about 1 %, different for each server.
            let factor = times * (1.0 + ((n + shift) * 7919 % 13) as f64 / 1000.0);
            let mut run: Value = serde_json::from_str(include_str!("data/run.json")).unwrap();
            run["throughput"]["messages_per_s"] = json!(10_000.0 * factor);
            let ns = (1e6 / factor).round() as u64;
            for time in ["service_time_ns", "response_time_ns"] {
                run[time]["p50"] = json!(ns);
                run[time]["p99"] = json!(3 * ns);
            }
            let file = format!("{name}{n}.json");
            std::fs::write(folder.join(&file), run.to_string()).unwrap();
            file
        });
        format!("{name}={}", files.collect::<Vec<_>>().join(","))
    })
}

#[test]
fn saved_runs() {
    let folder = tempfile::tempdir().unwrap();
    let [a, b, c] = save_runs(folder.path());
    let conditions = [
        "--fail-if",
        "b.throughput > 1.1 * a.throughput",
        "--fail-if",
        "c.p99 > 1.1 * a.p99",
    ];
    let output = compare(folder.path(), &[&[&*a, &*b, &*c], &conditions[..]].concat());
    assert_eq!(output.status.code(), Some(4), "{output:?}");
    let mask = mask().with(&[
        ("rounds.*.*.reasons", "text…"),
        ("figures.*.against.*.text", "text"),
        ("conditions.*.text", "text"),
        ("sheets.figures.in_words", "text"),
    ]);
    let [json, xlsx] = outputs(&folder, &mask);
    let page = std::fs::read_to_string(folder.path().join("c.md")).unwrap();
    golden::check(
        FOLDER,
        &[
            ("saved.json", json),
            ("saved.xlsx.txt", xlsx),
            ("saved.md", without_reasons(&masked_markdown(&page))),
        ],
    );
}

/// Saves three runs of each of two servers, which searched for a capacity. That of the second is a third higher. One of its
/// searches found a lower bound only.
fn save_searches(folder: &Path) -> [String; 2] {
    [("a", 30_000.0), ("b", 40_000.0)].map(|(name, rate)| {
        let files = (0..3_u64).map(|n| {
            let rate = rate * (1.0 + (n * 7919 % 13) as f64 / 500.0);
            let mut run: Value = serde_json::from_str(include_str!("data/run.json")).unwrap();
            let conditions = json!(["p99<10ms"]);
            run["plan"]["find_capacity"] =
                json!({"conditions": conditions, "precision": 0.03, "budget_s": 60.0});
            run["offered_rate_per_s"] = json!(rate);
            run["capacity"] = json!({
                "conditions": conditions,
                "rate_per_s": rate,
                "low_per_s": (0.98 * rate).round(),
                "high_per_s": (1.02 * rate).round(),
                "confidence": 0.95,
                "at_least": name == "b" && n == 1,
                "generator_limit": name == "b" && n == 1,
                "from_above_per_s": (0.9 * rate).round(),
                "hysteresis": name == "a" && n == 0,
                "ended_by": if n == 2 { "budget" } else { "precision" },
                "steps": [],
                "precision": 0.03,
                "budget_s": 60.0,
                "took_s": 42.0,
            });
            let file = format!("{name}{n}.json");
            std::fs::write(folder.join(&file), run.to_string()).unwrap();
            file
        });
        format!("{name}={}", files.collect::<Vec<_>>().join(","))
    })
}

#[test]
fn saved_searches() {
    let folder = tempfile::tempdir().unwrap();
    let [a, b] = save_searches(folder.path());
    let condition = "b.capacity_under_slo < 1.1 * a.capacity_under_slo";
    let output = compare(folder.path(), &[&a, &b, "--fail-if", condition]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let [json, xlsx] = outputs(&folder, &mask());
    let page = std::fs::read_to_string(folder.path().join("c.md")).unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("b at least 1.3"), "{text}");
    golden::check(
        FOLDER,
        &[
            ("searches.json", json),
            ("searches.xlsx.txt", xlsx),
            ("searches.md", masked_markdown(&page)),
        ],
    );
}

/// The saved files of a comparison, masked.
fn outputs(folder: &TempDir, mask: &Mask) -> [String; 2] {
    let json = std::fs::read_to_string(folder.path().join("c.json")).unwrap();
    test_support::assert_valid_json(results::write::COMPARISON_SCHEMA, &json);
    let xlsx = masked_workbook(&folder.path().join("c.xlsx"), mask);
    [mask.json(&json), xlsx]
}

/// A page without the text after `inconclusive` in its cells.
fn without_reasons(page: &str) -> String {
    let cell = |cell: &str| match cell.starts_with(" inconclusive") {
        true => " inconclusive <text> ".to_owned(),
        false => cell.to_owned(),
    };
    let line = |line: &str| line.split('|').map(cell).collect::<Vec<_>>().join("|");
    page.lines().map(line).collect::<Vec<_>>().join("\n")
}

/// The available figures and charts depend on the generator's lateness. The golden files contain the figures once, and
/// no charts.
#[test]
fn two_servers() {
    const SHORT: &str = "-c 4 -d 200ms --warmup 50ms --rate 500 --rounds 2 --seed 3 --slice 0 -q \
        --ready-timeout 60s --gate-timeout 60s";
    const FIGURES: &str = "throughput|service_p50|service_p99|service_p99_9|response_p50|\
        response_p99|response_p99_9|messages_per_cpu_s|memory_per_connection";
    const VERDICTS: &str = "valid|suspect|invalid";
    let mask = mask().with(&[
        ("servers.*.command", "text"),
        ("rounds.*.ready_s", "decimal"),
        ("rounds.*.memory_per_connection_bytes", "decimal?"),
        ("rounds.*.*.verdict", VERDICTS),
        ("rounds.*.*.reasons", "text…"),
        ("rounds.*.*.timed_messages", "integer"),
        ("rounds.*.*.steadiness", "steady|drifting|never|unknown"),
        ("rounds.*.*.cut_s", "decimal?"),
        ("rounds.*.*.failed_messages", "exact"),
        ("rounds.*.*.elapsed_s", "exact"),
        ("rounds.*.*.messages_per_cpu_s", "decimal?"),
        ("rounds.*.*.*", "decimal"),
        ("figures", "rows"),
        ("figures.*.figure", FIGURES),
        ("figures.*.unit", "msg/s|ns|msg/CPU-s|bytes"),
        ("figures.*.servers.*.median", "decimal?"),
        ("figures.*.servers.*.rounds", "integer"),
        ("figures.*.against.*.verdict", "better|worse|cannot_tell"),
        ("figures.*.against.*.text", "text"),
        ("figures.*.against.*.rounds", "integer"),
        ("figures.*.against.*.more_rounds", "integer?"),
        ("figures.*.against.*.server", "exact"),
        ("figures.*.against.*.reference", "exact"),
        ("figures.*.against.*.*", "decimal?"),
        ("validity.verdict", VERDICTS),
        ("sheets.figures", "rows"),
        ("sheets.figures.figure", FIGURES),
        ("sheets.figures.unit", "msg/s|ms|msg/CPU-s|bytes"),
        ("sheets.figures.server", "exact"),
        ("sheets.figures.reference", "exact"),
        ("sheets.figures.verdict", "better|worse|inconclusive?"),
        ("sheets.figures.in_words", "text?"),
        ("sheets.figures.*", "number?"),
        ("sheets.rounds.round", "exact"),
        ("sheets.rounds.turn", "exact"),
        ("sheets.rounds.server", "exact"),
        ("sheets.rounds.failure", "exact"),
        ("sheets.rounds.capacity_verdict", VERDICTS),
        ("sheets.rounds.latency_verdict", VERDICTS),
        ("sheets.rounds.*", "number?"),
        ("sheets.throughput.round", "exact"),
        ("sheets.throughput.*", "number"),
        ("sheets.*.round", "exact"),
        ("sheets.*.a", "number?"),
        ("sheets.*.t", "number?"),
    ]);
    let folder = tempfile::tempdir().unwrap();
    let servers = [server("a", "axum"), server("t", "tungstenite")];
    let mut arguments: Vec<_> = SHORT.split_whitespace().collect();
    for server in &servers {
        arguments.extend(["--server", server]);
    }
    let output = compare(folder.path(), &arguments);
    assert!(matches!(output.status.code(), Some(0 | 5)), "{output:?}");
    let [json, xlsx] = outputs(&folder, &mask);
    let (sheets, _) = xlsx.split_once("[chart 1]").unwrap();
    golden::check(
        FOLDER,
        &[
            ("servers.json", json),
            ("servers.xlsx.txt", sheets.to_owned()),
        ],
    );
}

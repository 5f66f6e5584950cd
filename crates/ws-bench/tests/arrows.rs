//! The arrows of the design: which crate of ours may use which.

#![allow(clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet};

use cargo_metadata::{DependencyKind, MetadataCommand};

/// Every crate and what it may use of ours.
const ARROWS: &[(&str, &[&str])] = &[
    // Dev-dependency only: nothing may use it.
    ("test-support", &["echo-server"]),
    ("cli", &["host", "measurement", "units"]),
    ("host", &[]),
    ("units", &[]),
    ("statistics", &[]),
    ("measurement", &["statistics", "units"]),
    ("swarm", &["host", "measurement", "units", "websocket-wire"]),
    ("websocket-wire", &[]),
    // Front ends only.
    ("wording", &["measurement", "units"]),
    ("results", &["measurement", "units"]),
    ("echo-server", &["host", "units"]),
    ("axum-ws", &["cli", "echo-server"]),
    ("tungstenite-ws", &["cli", "echo-server"]),
    ("draw-plot", &["cli", "measurement", "results", "units"]),
    (
        "ws-report",
        &[
            "cli",
            "draw-plot",
            "measurement",
            "results",
            "units",
            "wording",
        ],
    ),
    (
        "ws-compare",
        &[
            "cli",
            "draw-plot",
            "host",
            "measurement",
            "results",
            "statistics",
            "swarm",
            "units",
            "wording",
            "ws-report",
        ],
    ),
    // For tests only: nothing may use it.
    (
        "ws-truth",
        &["cli", "host", "measurement", "swarm", "units"],
    ),
    // For tests only: nothing may use it.
    (
        "ws-soak",
        &[
            "cli",
            "host",
            "measurement",
            "swarm",
            "units",
            "websocket-wire",
        ],
    ),
    (
        "ws-bench",
        &[
            "cli",
            "host",
            "measurement",
            "results",
            "swarm",
            "units",
            "wording",
            "axum-ws",
            "tungstenite-ws",
            "draw-plot",
        ],
    ),
];

/// The libraries that a crate of pure arithmetic must not know.
const NOT_IN_MEASUREMENT: [&str; 4] = ["tokio", "clap", "calamine", "rust_xlsxwriter"];

#[test]
fn crates_use_each_other_only_along_the_arrows() {
    let metadata = MetadataCommand::new().no_deps().exec().unwrap();
    let allowed: BTreeMap<&str, BTreeSet<&str>> = ARROWS
        .iter()
        .map(|(name, uses)| (*name, uses.iter().copied().collect()))
        .collect();
    let names: BTreeSet<&str> = metadata.packages.iter().map(|p| p.name.as_str()).collect();
    assert_eq!(
        names,
        allowed.keys().copied().collect(),
        "the crates of the design"
    );
    for package in &metadata.packages {
        let normal = package
            .dependencies
            .iter()
            .filter(|d| d.kind != DependencyKind::Development)
            .map(|d| d.name.as_str());
        let used: BTreeSet<&str> = normal.clone().filter(|name| names.contains(name)).collect();
        let allowed = &allowed[package.name.as_str()];
        let forbidden: Vec<_> = used.difference(allowed).collect();
        assert!(
            forbidden.is_empty(),
            "{} may not use {forbidden:?}",
            package.name
        );
        if package.name.as_str() == "measurement" {
            let impure: Vec<_> = normal.filter(|d| NOT_IN_MEASUREMENT.contains(d)).collect();
            assert!(
                impure.is_empty(),
                "measurement is arithmetic, but uses {impure:?}"
            );
        }
    }
}

//! The cases that only count, and the program's table.

#![allow(clippy::unwrap_used)]

use std::process::Command;

use ws_truth::cases;
use ws_truth::finding::CaseVerdict;

#[test]
fn every_count_is_judged_and_true() {
    for case in cases::counting() {
        let findings = case.run().unwrap();
        let table: Vec<_> = findings.all.iter().map(ToString::to_string).collect();
        assert_eq!(
            findings.verdict(),
            CaseVerdict::True,
            "{}: {:?}\n{}",
            case.name,
            findings.noise,
            table.join("\n")
        );
    }
}

#[test]
fn the_program_prints_a_table_and_refuses_unknown_cases() {
    let run = |case: &str| {
        let output = Command::new(env!("CARGO_BIN_EXE_ws-truth"))
            .arg(case)
            .output()
            .unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (
            output.status.code(),
            text(&output.stdout),
            text(&output.stderr),
        )
    };
    let (code, out, _) = run("close-code");
    assert_eq!(code, Some(0), "{out}");
    assert!(out.contains("| | lost | 10 | 10 | exact | ok |"), "{out}");
    assert!(out.ends_with("\n\n1 of 1 case was true\n"), "{out}");
    let (code, _, err) = run("no-such-case");
    assert_eq!(code, Some(2));
    assert!(err.contains("[possible values: stall-open, "), "{err}");
}

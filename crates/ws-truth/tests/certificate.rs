//! Every case of the certificate, one after the other: they are about time, and share the machine.

#![allow(clippy::unwrap_used)]

use std::process::Command;

use ws_truth::cases;
use ws_truth::check::{Check, Verdict};

#[test]
fn every_report_is_true() {
    let mut wrong = Vec::new();
    for case in cases::all() {
        let mut findings = case.run().unwrap();
        if findings.verdict() == Verdict::Failed {
            // What is not true is not true the next time either; a neighbour is gone by then.
            findings = case.run().unwrap();
        }
        let is_wrong = |check: &Check| check.verdict() == Verdict::Failed;
        let miscounted = |check: &Check| is_wrong(check) && !check.unit.is_of_the_clock();
        if let Some(noise) = findings
            .noise
            .as_ref()
            .filter(|_| !findings.checks.iter().any(miscounted))
        {
            // On a machine that others use nothing can be said of times, of whosever making: neither right nor wrong.
            eprintln!("{} could not be judged: {noise}", case.name);
        } else if findings.verdict() != Verdict::True {
            let checks = findings.checks.iter().map(ToString::to_string);
            let checks: Vec<_> = checks.collect();
            wrong.push(format!("{}\n{}", case.name, checks.join("\n")));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
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

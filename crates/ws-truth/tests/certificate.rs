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
fn the_readme_knows_the_number_of_cases() {
    let readme = include_str!("../README.md").replace('\n', " ");
    let n = cases::all().len();
    assert!(readme.contains(&format!("For each of {n} cases")), "{n}");
}

/// Exit code, standard output and standard error of the program with this case.
fn run(case: &str) -> (Option<i32>, String, String) {
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
}

#[test]
fn the_program_prints_a_table_and_refuses_unknown_cases() {
    let (code, out, _) = run("close-code");
    assert_eq!(code, Some(0), "{out}");
    assert!(out.contains("| | lost | 10 | 10 | exact | ok |"), "{out}");
    assert!(out.ends_with("\n\n1 of 1 case was true\n"), "{out}");
    let (code, _, err) = run("no-such-case");
    assert_eq!(code, Some(2));
    assert!(err.contains("[possible values: stall-open, "), "{err}");
}

/// The times in these cases need a quiet machine; the counts do not.
#[cfg(target_os = "linux")]
#[test]
fn a_generator_that_is_stopped_or_throttled_is_never_valid() {
    for (case, named) in [
        ("generator-stopped", "runs in which a stop is named"),
        ("generator-throttled", "runs that name the quota"),
    ] {
        let (_, out, err) = run(case);
        if out.contains("| | skipped: ") {
            assert!(out.ends_with("1 of 1 case was skipped\n"), "{out}");
            continue;
        }
        for row in [format!("{named} | 1 | 1"), "valid runs | 0 | 0".to_owned()] {
            let row = format!("| | {row} | exact | ok |");
            assert!(out.contains(&row), "{case}: {out}{err}");
        }
    }
}

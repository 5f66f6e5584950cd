//! Cases about the attribution of answers: servers that send messages of their own, or answers that are not echoes.

use std::time::Duration;

use measurement::record::{Difference, DifferenceKind};
use swarm::Recording;

use super::{Case, closed, measure, messages};
use crate::fault_log::FaultLog;
use crate::faults::{ACKNOWLEDGEMENT, Fate, Faults, PREFIX, Selection};
use crate::finding::Findings;

pub(super) const CASES: &[Case] = &[
    Case {
        name: "greeting",
        truth: "the server sends a text before the load, which is not counted, and one before each first echo: 100 echoes, 10 unexpected",
        examine: greeting,
    },
    Case {
        name: "pushes",
        truth: "the server sends a text before every 3rd of 10,000 echoes: 3,333 unexpected messages, no error",
        examine: |f| pushes(f, |faults| faults.push_text = Some(Selection::Every(3))),
    },
    Case {
        name: "pushes-and-losses",
        truth: "the server sends binary messages of its own and leaves 1 in 1,000 texts unanswered: 10 lost",
        examine: |f| {
            pushes(f, |faults| {
                faults.push_binary = Some(Selection::Every(7));
                faults.drop = Some(Selection::Every(1_000));
            })
        },
    },
    Case {
        name: "differences",
        truth: "echoes of another type, a byte shorter, with a byte changed, with a prefix, or replaced: each kind is counted",
        examine: differences,
    },
    Case {
        name: "no-echo",
        truth: "every message is acknowledged, none echoed: the run ends at the first timeout and reports no times",
        examine: no_echo,
    },
];

/// Payload bytes of a message.
const SIZE: u64 = 125;

fn greeting(findings: &mut Findings) -> anyhow::Result<()> {
    let spoil = |faults: &mut Faults| {
        faults.greeting = Some("welcome");
        faults.late_greeting = Some("you are online");
    };
    let (recording, log) = measure(spoil, |_| ())?;
    findings.count("texts before the first echo", 10, log.pushed);
    right_echoes(findings, &recording, 100);
    // What comes before T0 is not counted.
    findings.count("unexpected", 10, recording.record.counts.unexpected);
    Ok(())
}

/// Ten thousand texts, four of each client in flight.
fn ten_thousand(spoil: impl FnOnce(&mut Faults)) -> anyhow::Result<(Recording, FaultLog)> {
    measure(spoil, |plan| {
        plan.load = closed(4);
        plan.length = messages(1_000);
        plan.timeout = Duration::from_millis(400);
    })
}

fn pushes(findings: &mut Findings, spoil: impl FnOnce(&mut Faults)) -> anyhow::Result<()> {
    let (recording, log) = ten_thousand(spoil)?;
    let lost = log.count(Fate::Dropped);
    right_echoes(findings, &recording, 10_000 - lost);
    let counts = &recording.record.counts;
    findings.count("lost", lost, counts.lost);
    findings.count("unexpected", log.pushed, counts.unexpected);
    note_late_echoes(findings, &recording);
    Ok(())
}

fn differences(findings: &mut Findings) -> anyhow::Result<()> {
    let (recording, log) = ten_thousand(|faults| {
        faults.retype = Some(Selection::Every(101));
        faults.truncate = Some(Selection::Every(103));
        faults.corrupt = Some(Selection::Every(107));
        faults.prefix = Some(Selection::Every(109));
        faults.replace = Some(Selection::Every(1_009));
    })?;
    let counts = &recording.record.counts;
    let came = |length: u64| DifferenceKind::Length {
        sent: SIZE,
        came: length,
    };
    let is_type = |d: &Difference| matches!(d.kind, DifferenceKind::Type { .. });
    let is_bytes = |d: &Difference| matches!(d.kind, DifferenceKind::Bytes { .. });
    let has_length = |length: u64| move |d: &Difference| d.kind == came(length);
    let found = |is_it: &dyn Fn(&Difference) -> bool| {
        let those = counts.differences.iter().filter(|d| is_it(d));
        those.map(|d| d.count).sum()
    };
    let (prefixed, replaced) = (SIZE + PREFIX.len() as u64, ACKNOWLEDGEMENT.len() as u64);
    for (figure, fate, reported) in [
        ("came as binary", Fate::Retyped, found(&is_type)),
        (
            "came a byte short",
            Fate::Truncated,
            found(&has_length(SIZE - 1)),
        ),
        (
            "came with a byte changed",
            Fate::Corrupted,
            found(&is_bytes),
        ),
        (
            "came with a prefix",
            Fate::Prefixed,
            found(&has_length(prefixed)),
        ),
        (
            "came as another text",
            Fate::Replaced,
            found(&has_length(replaced)),
        ),
    ] {
        findings.count(figure, log.count(fate), reported);
    }
    let wrong = 10_000 - log.count(Fate::Echoed);
    findings.count("corrupted", wrong, counts.corrupted.unwrap_or(0));
    findings.count("received", 10_000, counts.received);
    findings.count("timed", 10_000 - wrong, recording.record.service.count());
    note_late_echoes(findings, &recording);
    Ok(())
}

fn no_echo(findings: &mut Findings) -> anyhow::Result<()> {
    let (recording, log) = measure(
        |faults| faults.replace = Some(Selection::Every(1)),
        |plan| plan.timeout = Duration::from_millis(400),
    )?;
    let counts = &recording.record.counts;
    let ended = recording.context.recognized_nothing;
    findings.count("runs that end early", 1, u64::from(ended));
    let in_log = log.entries.len() as u64;
    findings.count("in the server's log", in_log, counts.sent);
    findings.count("timed", 0, recording.record.service.count());
    findings.count("lost", 0, counts.lost);
    findings.count("corrupted", counts.received, counts.corrupted.unwrap_or(0));
    Ok(())
}

/// Adds figures of a run with `n` right echoes, each of which came once.
fn right_echoes(findings: &mut Findings, recording: &Recording, n: u64) {
    let counts = &recording.record.counts;
    findings.count("received", n, counts.received);
    findings.count("timed", n, recording.record.service.count());
    findings.count("corrupted", 0, counts.corrupted.unwrap_or(0));
    findings.count("duplicated", 0, counts.duplicated);
    findings.count("reordered", 0, counts.reordered);
}

/// Notes late echoes, because a timeout decides the outcome of a message without an identity.
fn note_late_echoes(findings: &mut Findings, recording: &Recording) {
    let late = recording.record.counts.timed_out;
    if late > 0 {
        findings.noise = Some(format!("{late} echoes were late"));
    }
}

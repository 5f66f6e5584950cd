//! Verdicts and warnings as banners.

use std::cmp::Reverse;

use measurement::run::{ConditionResult, Connections, Summary};
use measurement::verdict::Verdict;
use units::grouped;
use wording::run_differences::{Impact, RunDifference};

use crate::inputs::{MessageSample, ReportedRun};
use crate::page::{Banner, Tone};

fn banner(tone: Tone, word: &str, text: &str, points: Vec<String>) -> Banner {
    Banner {
        tone,
        word: word.to_owned(),
        about: None,
        text: text.to_owned(),
        points,
    }
}

pub(crate) fn verdict(run: &ReportedRun) -> Banner {
    let Some(s) = run.summary() else {
        let text = "The file does not say how it was measured, so nothing speaks for these figures. Give the \
                    .json or .xlsx that ws-bench wrote of the same run.";
        let points = run.sample.map(MessageSample::sentence);
        return banner(
            Tone::Neutral,
            "no verdict",
            text,
            points.into_iter().collect(),
        );
    };
    let verdict = s.validity.verdict;
    let text = match verdict {
        Verdict::Valid => "Nothing speaks against these figures.",
        Verdict::Suspect => "Something may have bent these figures:",
        Verdict::Invalid => "These figures say nothing about the server:",
    };
    let mut points = s.validity.reasons.clone();
    points.extend(wording::messages::notes(s));
    points.extend(broken_connections(&s.connections));
    banner(verdict.into(), verdict.name(), text, points)
}

/// Reasons of connections that failed or ended early, the most frequent first: `3 × connection refused`.
fn broken_connections(c: &Connections) -> impl Iterator<Item = String> {
    let mut reasons: Vec<_> = c.failures.iter().chain(&c.early_ends).collect();
    reasons.sort_by_key(|(_, n)| Reverse(**n));
    let reasons = reasons.into_iter();
    reasons.map(|(reason, n)| format!("{} × {reason}", grouped(*n)))
}

/// The results of a run's conditions, those that held first; `None` where there were none.
pub(crate) fn conditions(s: &Summary) -> Option<Banner> {
    let mut conditions: Vec<&ConditionResult> = s.conditions.iter().collect();
    conditions.sort_by_key(|c| Reverse(c.held));
    let (tone, word, text) = if conditions.first()?.held {
        let text = "A condition held that the run was to fail on:";
        (Tone::Bad, "failed", text)
    } else {
        let text = "No condition held that the run was to fail on.";
        (Tone::Good, "passed", text)
    };
    let point = |c: &ConditionResult| {
        let held = if c.held { "held" } else { "did not hold" };
        format!("{held}: `{}`, it is {}", c.expression, c.value_text)
    };
    let points = conditions.into_iter().map(point);
    Some(banner(tone, word, text, points.collect()))
}

/// The banner on runs that differ in more than their subject; `None` where nothing stands against it.
pub(crate) fn comparable(differences: &[RunDifference]) -> Option<Banner> {
    // The differences of the gravest impact come first.
    let (tone, word, text) = match differences.first()?.impact {
        Impact::Load => (
            Tone::Bad,
            "not comparable",
            "The runs had different loads: their figures answer different questions. Measure again with \
             the same one:",
        ),
        Impact::Instrument => (
            Tone::Warning,
            "compare with care",
            "The load was the same, but it was not measured by the same means, which may be what the \
             figures differ by:",
        ),
        Impact::Subject => return None,
    };
    let points = differences.iter().filter(|d| d.impact != Impact::Subject);
    let points = points.map(|d| format!("{}: {}", d.what, d.values.join(" / ")));
    Some(banner(tone, word, text, points.collect()))
}

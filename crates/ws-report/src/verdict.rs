//! Verdicts and warnings as banners.

use std::cmp::Reverse;

use measurement::run::{ConditionResult, Connections, Summary};
use measurement::verdict::Verdict;
use units::grouped;
use wording::run_differences::{Impact, RunDifference};
use wording::shards_view;

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
        let text = "This file does not store how the run was measured, so its figures have no verdict. Add the \
                    .json or .xlsx of the same run.";
        if let Some(sentence) = run.incomplete() {
            let text = "The figures of an incomplete log have no verdict.";
            return banner(Tone::Neutral, "no verdict", text, vec![sentence]);
        }
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
        Verdict::Valid => "No warnings.",
        Verdict::Suspect => "Something may have disturbed these figures.",
        Verdict::Invalid => "These figures do not describe the server under the planned load.",
    };
    let mut points = s.validity.reasons.clone();
    points.extend(wording::messages::notes(s));
    points.extend(broken_connections(&s.connections));
    banner(verdict.into(), verdict.name(), text, points)
}

/// The state of the shards of a run; `None` for a single process.
pub(crate) fn shards(s: &Summary) -> Option<Banner> {
    let shards = s.shards.as_ref()?;
    Some(banner(
        shards_view::tone(shards),
        shards_view::state(shards),
        &shards_view::text(shards),
        shards_view::points(s),
    ))
}

/// Reasons of connections that failed or ended early, the most frequent first: `3 × connection refused`.
fn broken_connections(c: &Connections) -> impl Iterator<Item = String> {
    let mut reasons: Vec<_> = c.failures.iter().chain(&c.early_ends).collect();
    reasons.sort_by_key(|(_, n)| Reverse(**n));
    let reasons = reasons.into_iter();
    reasons.map(|(reason, n)| format!("{} × {reason}", grouped(*n)))
}

/// The results of a run's conditions, those that hold first; `None` without conditions.
pub(crate) fn conditions(s: &Summary) -> Option<Banner> {
    let mut conditions: Vec<&ConditionResult> = s.conditions.iter().collect();
    conditions.sort_by_key(|c| Reverse(c.held));
    let (tone, word, text) = if conditions.first()?.held {
        let text = "A condition of --fail-if holds.";
        (Tone::Bad, "failed", text)
    } else {
        let text = "No condition of --fail-if holds.";
        (Tone::Good, "passed", text)
    };
    let points = conditions.into_iter().map(wording::condition);
    Some(banner(tone, word, text, points.collect()))
}

/// Returns true when runs of several rates each offered the same load at different rates.
fn differ_in_rates_alone(differences: &[RunDifference]) -> bool {
    let mut load = differences.iter().filter(|d| d.impact == Impact::Load);
    let is_of_rates = |difference: &RunDifference| {
        let is_sweep = |value: &String| value.starts_with("sweep of ");
        match difference.what {
            "load" => difference.values.iter().any(is_sweep),
            "length" => true,
            _ => false,
        }
    };
    let others = differences.iter().any(|d| d.impact == Impact::Instrument);
    !others && differences.iter().any(|d| d.what == "load") && load.all(is_of_rates)
}

/// The banner on runs that differ in load, generator or host; `None` for runs that can be compared.
pub(crate) fn comparable(differences: &[RunDifference], runs: &[&Summary]) -> Option<Banner> {
    if runs.iter().all(|s| s.load_steps().is_some()) && differ_in_rates_alone(differences) {
        let text = "The runs offered different rates, as a search and a sweep do. Their load curves can be compared. \
                    Their other figures belong to different rates.";
        return Some(banner(Tone::Warning, "compare with care", text, Vec::new()));
    }
    // The differences of the gravest impact come first.
    let (tone, word, text) = match differences.first()?.impact {
        Impact::Load => (
            Tone::Bad,
            "not comparable",
            "The runs had different loads, so their figures cannot be compared. Repeat them with the same load. \
             Differences:",
        ),
        Impact::Instrument => (
            Tone::Warning,
            "compare with care",
            "The load was the same, but the generator or the host was not. This can explain differences between the \
             figures:",
        ),
        Impact::Subject => return None,
    };
    let points = differences.iter().filter(|d| d.impact != Impact::Subject);
    let points = points.map(|d| format!("{}: {}", d.what, d.values.join(" / ")));
    Some(banner(tone, word, text, points.collect()))
}

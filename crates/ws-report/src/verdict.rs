//! Verdicts and warnings as banners.

use measurement::run::Summary;
use measurement::verdict::Verdict;
use wording::run_differences::{Difference, Impact};

use crate::figures::{broken_connections, conditions};
use crate::inputs::{MessageSample, ReportedRun};
use crate::page::{Banner, Tone};

/// The verdict on a run, with its reasons; `about` names the run where there are several.
pub(crate) fn verdict(run: &ReportedRun, about: Option<String>) -> Banner {
    let Some(s) = run.summary() else {
        return Banner {
            tone: Tone::Neutral,
            word: "no verdict".to_owned(),
            about,
            text: "The file does not say how it was measured, so nothing speaks for these figures. Give the \
                   .json or .xlsx that ws-bench wrote of the same run."
                .to_owned(),
            points: run.sample.map(MessageSample::sentence).into_iter().collect(),
        };
    };
    let verdict = s.validity.verdict;
    let text = match verdict {
        Verdict::Valid => "Nothing speaks against these figures.",
        Verdict::Suspect => "Something may have bent these figures:",
        Verdict::Invalid => "These figures say nothing about the server:",
    };
    let mut points = s.validity.reasons.clone();
    points.extend(broken_connections(&s.connections));
    Banner {
        tone: verdict.into(),
        word: verdict.name().to_owned(),
        about,
        text: text.to_owned(),
        points,
    }
}

/// What became of the conditions of a run; `None` where there were none.
pub(crate) fn with_conditions(s: &Summary, about: Option<String>) -> Option<Banner> {
    let (held, passed) = conditions(s);
    let (tone, word, text) = match (held.is_empty(), passed.is_empty()) {
        (true, true) => return None,
        (true, false) => (
            Tone::Good,
            "passed",
            "No condition held that the run was to fail on.",
        ),
        (false, _) => (
            Tone::Bad,
            "failed",
            "A condition held that the run was to fail on:",
        ),
    };
    Some(Banner {
        tone,
        word: word.to_owned(),
        about,
        text: text.to_owned(),
        points: held.into_iter().chain(passed).collect(),
    })
}

/// Whether runs that differ so may be compared; `None` where nothing stands against it.
pub(crate) fn comparable(differences: &[Difference]) -> Option<Banner> {
    let of = |bearing| -> Vec<&Difference> {
        let all = differences.iter();
        all.filter(|d| d.impact == bearing).collect()
    };
    let point = |d: &&Difference| format!("{}: {}", d.what, d.values.join(" / "));
    let (load, instrument) = (of(Impact::Load), of(Impact::Instrument));
    let points = load.iter().chain(&instrument).map(point).collect();
    let (tone, word, text) = match (load.is_empty(), instrument.is_empty()) {
        (true, true) => return None,
        (false, _) => (
            Tone::Bad,
            "not comparable",
            "The runs had different loads: their figures answer different questions. Measure again with \
             the same one:",
        ),
        (true, false) => (
            Tone::Warning,
            "compare with care",
            "The load was the same, but it was not measured by the same means, which may be what the \
             figures differ by:",
        ),
    };
    Some(Banner {
        tone,
        word: word.to_owned(),
        about: None,
        text: text.to_owned(),
        points,
    })
}

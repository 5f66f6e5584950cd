//! Logs that grow during a run: writing them, and reading what a killed program left.

#![allow(clippy::unwrap_used)]

use std::path::{Path, PathBuf};

use measurement::record::{LoggedSecond, Outcome, Record, Sample, TimelineRow};
use measurement::run::{Run, Tool};
use proptest::prelude::*;
use results::ResultsError;
use results::read::{
    ColumnRequest, PartialLog, Remark, RunPart, read_distribution, read_logged_seconds,
    read_partial_log, read_run, read_timed_latencies, read_timeline, read_times,
};
use results::write::{Output, RunFormat};
use tempfile::TempDir;
use test_support::fixtures::{logged_seconds, recorded_in, summary_of};

/// A run with echoes in these seconds, and one lost message in each. It sends two messages a second.
fn run_of(seconds: &[u64], is_open_loop: bool) -> Run {
    let samples: Vec<_> = seconds
        .iter()
        .flat_map(|second| {
            let (sent, message) = (second * 1_000_000_000, 2 * second);
            let due = if is_open_loop {
                sent.saturating_sub(7_000)
            } else {
                sent
            };
            let received = sent + 5_000 + second;
            [
                Sample::echoed(0, message, due, sent, received, Outcome::Ok),
                Sample::lost(0, message + 1, due, sent),
            ]
        })
        .collect();
    let record: Record = recorded_in(is_open_loop, &samples);
    Run::with_summary(summary_of(&record), record, Vec::new())
}

fn rows(run: &Run) -> &[TimelineRow] {
    &run.timeline.as_ref().unwrap().rows
}

/// An output with these seconds, in a folder.
fn grown(seconds: &[LoggedSecond]) -> (TempDir, PathBuf, Output) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.hlog");
    let mut output = Output::create(&path)
        .unwrap()
        .growing(&Tool::default())
        .unwrap();
    seconds.iter().for_each(|second| output.append(second));
    let partial = output.growing_path().unwrap().to_owned();
    (folder, partial, output)
}

fn names(folder: &TempDir) -> Vec<String> {
    let entries = std::fs::read_dir(folder.path()).unwrap();
    entries
        .map(|e| e.unwrap().file_name().into_string().unwrap())
        .collect()
}

fn all_parts(path: &Path) -> results_of::Parts {
    results_of::Parts::read(path)
}

/// What readers find in a log.
mod results_of {
    use super::*;

    #[derive(Debug, PartialEq)]
    pub(super) struct Parts {
        pub(super) counts: Vec<u64>,
        pub(super) values: Vec<f64>,
        pub(super) moments: Vec<f64>,
        pub(super) seconds: Vec<(u64, Option<u64>)>,
    }

    impl Parts {
        pub(super) fn read(path: &Path) -> Self {
            let request = ColumnRequest::default();
            let distribution = read_distribution(path, &request, true).unwrap();
            let run = read_timeline(path, &request).unwrap();
            Self {
                counts: distribution.iter().map(|one| one.times.count()).collect(),
                values: distribution[0].times.values_ms.clone(),
                moments: read_timed_latencies(path, &request).unwrap().at_s,
                seconds: rows(&run)
                    .iter()
                    .map(|row| (row.second, row.max_ns))
                    .collect(),
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn appended_seconds_come_back(present in prop::collection::vec(any::<bool>(), 1..8), is_open_loop: bool) {
        let present: Vec<_> = (0..).zip(present).filter(|(_, is)| *is).map(|(n, _)| n).collect();
        let run = run_of(&present, is_open_loop);
        let seconds = logged_seconds(&run);
        let (_folder, partial, output) = grown(&seconds);
        if seconds.is_empty() {
            prop_assert!(!partial.exists());
            return Ok(());
        }
        let (found, state) = read_logged_seconds(&partial).unwrap();
        prop_assert_eq!(&found, &seconds);
        let through_s = seconds.len() as u64;
        let counts = seconds.last().map(|second| second.counts);
        prop_assert_eq!(state, PartialLog { through_s, is_torn: false, counts });
        drop(output);
        prop_assert!(partial.exists());
    }

    #[test]
    fn a_log_cut_anywhere_has_the_whole_seconds_before_the_cut(cut in 0.0..1.0_f64) {
        let run = run_of(&[0, 1, 2], true);
        let seconds = logged_seconds(&run);
        let (_first, first, _output) = grown(&seconds[..1]);
        let (_all, partial, _output) = grown(&seconds);
        let (from, bytes) = (std::fs::read(&first).unwrap().len(), std::fs::read(&partial).unwrap());
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let cut = from + ((bytes.len() - from) as f64 * cut) as usize;
        std::fs::write(&partial, &bytes[..cut]).unwrap();
        let (found, state) = read_logged_seconds(&partial).unwrap();
        prop_assert_eq!(&found[..], &seconds[..found.len()]);
        prop_assert_eq!(state.through_s, found.len() as u64);
        prop_assert_eq!(state.counts, found.last().map(|second| second.counts));
        // Between two lines, only the comment of a second may be there.
        let is_line_end = bytes[cut - 1] == b'\n';
        prop_assert!(state.is_torn || is_line_end);
        prop_assert_eq!(read_partial_log(&partial).unwrap(), Some(state));
        // All readers agree with a log that holds these seconds alone.
        let (_whole, whole, _output) = grown(&found);
        prop_assert_eq!(all_parts(&partial), all_parts(&whole));
    }
}

#[test]
fn a_whole_log_takes_the_place_of_the_one_that_grew_and_is_the_same_as_without_it() {
    let run = run_of(&[0, 2, 3], true);
    let (folder, partial, output) = grown(&logged_seconds(&run));
    let grew = all_parts(&partial);
    output.write(&run).unwrap();
    assert_eq!(names(&folder), ["x.hlog"]);
    let plain = tempfile::tempdir().unwrap();
    let path = plain.path().join("x.hlog");
    Output::create(&path).unwrap().write(&run).unwrap();
    let read = |path: &Path| std::fs::read_to_string(path).unwrap();
    let whole = folder.path().join("x.hlog");
    assert_eq!(read(&whole), read(&path));
    assert_eq!(grew, all_parts(&whole));
}

#[test]
fn the_counts_of_a_log_that_grows_are_those_of_its_seconds() {
    let run = run_of(&[0, 1], false);
    let (_folder, partial, _output) = grown(&logged_seconds(&run));
    let text = std::fs::read_to_string(&partial).unwrap();
    let line = "\n#[Counts: sent 4, received 2, failed 2, unsent 0, opened 3]\n";
    assert!(text.contains(line), "{text}");
    let read = read_run(&partial, &[RunPart::Timeline, RunPart::Histograms]).unwrap();
    assert!(read.timeline.as_ref().unwrap().knows_sent);
    let counts: Vec<_> = rows(&read)
        .iter()
        .map(|r| (r.sent, r.received, r.failed))
        .collect();
    assert_eq!(counts, [(2, 1, 1), (2, 1, 1)]);
    assert_eq!(read.histograms.unwrap().service.len(), 2);
}

#[test]
fn only_a_log_that_grows_may_be_torn_and_only_at_its_end() {
    let run = run_of(&[0, 1, 2], true);
    let (folder, partial, _output) = grown(&logged_seconds(&run));
    let text = std::fs::read_to_string(&partial).unwrap();
    let whole = folder.path().join("y.hlog");
    std::fs::write(&whole, &text[..text.len() - 20]).unwrap();
    let error = read_distribution(&whole, &ColumnRequest::default(), false).unwrap_err();
    assert!(matches!(error, ResultsError::DamagedRow(..)), "{error}");
    assert_eq!(read_partial_log(&whole).unwrap(), None);

    let column = read_distribution(&partial, &ColumnRequest::default(), false).unwrap();
    assert!(matches!(&column[0].remarks[..], [Remark::Partial(state)] if !state.is_torn));
    let damaged = text.replacen("Tag=response,1", "Tag=response,?", 1);
    assert_ne!(damaged, text);
    std::fs::write(&partial, damaged).unwrap();
    let error = read_distribution(&partial, &ColumnRequest::default(), false).unwrap_err();
    assert!(
        error.to_string().contains("line 11 is not an interval"),
        "{error}"
    );
    // A line with its end, but without its content, as a crash of the system can leave it.
    let last = text.trim_end().rfind(',').unwrap();
    std::fs::write(&partial, format!("{}HISTFAAAAAAA\n", &text[..=last])).unwrap();
    let state = read_partial_log(&partial).unwrap().unwrap();
    assert_eq!((state.through_s, state.is_torn), (2, true));
}

#[test]
fn the_name_of_a_log_that_grows_is_for_reading_only() {
    let path = Path::new("x.hlog.partial");
    for error in [
        RunFormat::of(path).unwrap_err(),
        Output::create(path).unwrap_err(),
    ] {
        assert_eq!(
            error.to_string(),
            "x.hlog.partial is the name of an unfinished log: use x.hlog"
        );
    }
}

#[test]
fn single_messages_of_a_killed_run_are_nowhere_so_other_kinds_are_named() {
    let (_folder, partial, _output) = grown(&logged_seconds(&run_of(&[0], false)));
    let error = read_times(&partial, &ColumnRequest::default()).unwrap_err();
    let text = error.to_string();
    assert!(
        text.contains("use the kind timeline, heatmap, percentiles, cdf or histogram"),
        "{text}"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_damage_to_a_log_that_grows_is_more_than_an_error(
        at in any::<prop::sample::Index>(),
        damage in prop::collection::vec(any::<u8>(), 0..4),
        length in 0..20_usize,
    ) {
        let (_folder, partial, _output) = grown(&logged_seconds(&run_of(&[0, 1], true)));
        let mut bytes = std::fs::read(&partial).unwrap();
        let at = at.index(bytes.len());
        let end = (at + length).min(bytes.len());
        bytes.splice(at..end, damage);
        std::fs::write(&partial, bytes).unwrap();
        let _ = read_logged_seconds(&partial);
        let _ = read_partial_log(&partial);
        let _ = read_run(&partial, &[RunPart::Timeline, RunPart::Histograms]);
        let _ = read_timed_latencies(&partial, &ColumnRequest::default());
    }
}

#[test]
fn times_beyond_any_clock_do_not_overflow() {
    let (_folder, partial, _output) = grown(&logged_seconds(&run_of(&[0], true)));
    let text = std::fs::read_to_string(&partial).unwrap();
    let most = u64::MAX;
    let text = text
        .replace("Tag=service,0.000", &format!("Tag=service,{most}.000"))
        .replace(
            "Tag=response,0.000,1.000",
            &format!("Tag=response,{most}.000,{most}.000"),
        )
        .replace("[StartTime: 1795435200", &format!("[StartTime: {most}"));
    assert_eq!(text.matches(&most.to_string()).count(), 4);
    std::fs::write(&partial, text).unwrap();
    let (seconds, state) = read_logged_seconds(&partial).unwrap();
    assert_eq!((seconds[0].span.second, state.through_s), (most, most));
    let _ = read_timeline(&partial, &ColumnRequest::default());
}

#[test]
fn a_log_without_a_whole_second_is_said_to_have_none() {
    let (_folder, partial, _output) = grown(&logged_seconds(&run_of(&[0], true)));
    let text = std::fs::read_to_string(&partial).unwrap();
    std::fs::write(&partial, &text[..text.len() - 5]).unwrap();
    let (seconds, state) = read_logged_seconds(&partial).unwrap();
    assert_eq!(
        (seconds.len(), state.through_s, state.is_torn),
        (0, 0, true)
    );
    let error = read_run(&partial, &[RunPart::Timeline]).unwrap_err();
    assert!(
        error.to_string().contains("holds no whole second"),
        "{error}"
    );
}

#[test]
fn a_log_that_grew_stays_when_the_whole_one_cannot_be_written() {
    let run = run_of(&[0], true);
    let (folder, _, output) = grown(&logged_seconds(&run));
    std::fs::create_dir(folder.path().join("x.hlog")).unwrap();
    output.write(&run).unwrap_err();
    let mut names = names(&folder);
    names.sort();
    assert_eq!(names, ["x.hlog", "x.hlog.partial"]);
}

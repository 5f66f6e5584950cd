//! The end of a run: its text is printed and its files are saved.

use anyhow::Context;
use cli::interrupt::Interrupts;
use cli::{ExitStatus, print_error, print_notice, print_text, print_text_while};
use measurement::run::thresholds::Condition;
use measurement::run::{Run, SearchEnd, Summary};
use measurement::verdict::Verdict;

use crate::outputs::RunOutputs;
use crate::report;

const NOT_PRINTED: &str = "cannot print the summary";

/// The report that the user asked for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ReportFlags<'a> {
    pub(crate) conditions: &'a [Condition],
    pub(crate) json: bool,
    pub(crate) verbose: bool,
    pub(crate) quiet: bool,
}

/// The outcome of a run, besides its figures.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PublishedOutcome<'a> {
    /// Exit status that comes before that of the figures.
    pub(crate) status: Option<ExitStatus>,
    pub(crate) report: ReportFlags<'a>,
}

/// Prints the summary of a run and saves its files. Returns the exit status.
pub(crate) fn publish(
    mut run: Run,
    outputs: RunOutputs,
    outcome: &PublishedOutcome<'_>,
    interrupts: &Interrupts,
) -> anyhow::Result<ExitStatus> {
    let flags = outcome.report;
    let summary = run.summary.context("the generator gave no summary")?;
    let mut summary = summary.with_conditions(flags.conditions);
    wording::explain(&mut summary);
    let status = outcome.status.unwrap_or_else(|| status(&summary));
    let text = report::text(&summary, flags.verbose);
    run.summary = Some(summary);
    let text = if flags.json {
        results::write::to_json(&run).context(NOT_PRINTED)?
    } else {
        text
    };
    // Every file that can be saved is saved, even if the text cannot be printed, before the first error is reported.
    let (printed, saved) = print_text_while(&text, || {
        let saved = outputs.save(&run);
        let all_saved = saved.iter().all(Result::is_ok);
        interrupts.end_at_once_with(if all_saved {
            status
        } else {
            ExitStatus::Failed
        });
        saved
    });
    let printed = printed.context(NOT_PRINTED);
    let lines: Vec<_> = saved.iter().flatten().cloned().collect();
    if flags.json {
        let shown = lines.iter().filter(|_| !flags.quiet);
        shown.for_each(|line| print_notice(line));
    } else if printed.is_ok() && !lines.is_empty() {
        print_text(&format!("\n{}\n", lines.join("\n"))).context(NOT_PRINTED)?;
    }
    cli::print_all_but_last(saved.into_iter().filter_map(Result::err))?;
    match printed {
        Err(error) if status == ExitStatus::Interrupted => print_error(&error),
        printed => printed?,
    }
    Ok(status)
}

/// The exit status of a run that was not interrupted and whose files were all written. A degraded run comes first.
fn status(summary: &Summary) -> ExitStatus {
    let some_failed = has_lost_connections(summary) || summary.any_failed();
    let is_degraded = summary
        .shards
        .as_ref()
        .is_some_and(|shards| shards.degraded);
    if is_degraded {
        ExitStatus::SomeFailed
    } else if summary.validity.verdict == Verdict::Invalid {
        ExitStatus::Invalid
    } else if some_failed {
        ExitStatus::SomeFailed
    } else if summary.conditions.iter().any(|c| c.held) {
        ExitStatus::ConditionHeld
    } else {
        ExitStatus::Success
    }
}

/// Returns true when connections failed or ended early in the part whose figures are reported, or so many that no step
/// followed. Servers end connections beyond their capacity, and these are opened again.
fn has_lost_connections(summary: &Summary) -> bool {
    let connections = &summary.connections;
    let searched = summary.capacity.as_ref().map(|own| Some(own.ended_by));
    let swept = summary.load_curve.as_ref();
    let swept = swept.map(|_| summary.load_curve_ended_by);
    match searched.or(swept) {
        Some(end) => {
            connections.failed > 0
                || end == Some(SearchEnd::ConnectionsLost)
                || summary.validity.names_broken_connections()
        }
        None => connections.failed > 0 || connections.closed_early > 0,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use test_support::fixtures::{search_run, sweep_run};

    use super::*;

    /// A server that sheds connections beyond its capacity made the exit code 3, though the reported step had all of them.
    #[test]
    fn connections_closed_beyond_the_capacity_did_not_leave_the_exit_code() {
        let search = search_run(50_000.0, |_| {}).summary.unwrap();
        let sweep = sweep_run(50_000.0, &[1_000.0, 60_000.0], |_| {})
            .summary
            .unwrap();
        for mut summary in [search, sweep] {
            summary.connections.closed_early = 14;
            assert!(!has_lost_connections(&summary));
            summary.connections.failed = 1;
            assert!(has_lost_connections(&summary));
            summary.connections.failed = 0;
            match &mut summary.capacity {
                Some(own) => own.ended_by = SearchEnd::ConnectionsLost,
                None => summary.load_curve_ended_by = Some(SearchEnd::ConnectionsLost),
            }
            assert!(has_lost_connections(&summary));
            (summary.capacity, summary.load_curve) = (None, None);
            assert!(has_lost_connections(&summary), "a single load");
        }
    }
}

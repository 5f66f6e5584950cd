//! Figures of a server's processes, which are unknown of a server that was already running.

use measurement::run::comparison::ComparedFigure;

use crate::fail_if::Conditions;
use crate::server::candidate::Candidate;

/// Checks before anything is measured that some figure of `chosen` will be known, unless it is empty, and every figure of
/// the conditions. The error is a sentence.
pub(crate) fn check(
    chosen: &[ComparedFigure],
    conditions: &Conditions,
    candidates: &[Candidate],
) -> Result<(), String> {
    let started = candidates.iter().filter(|c| c.command.is_some()).count();
    let is_unknown = |figure: &ComparedFigure| started < 2 && figure.is_of_processes();
    if let Some(figure) = chosen.first().filter(|_| chosen.iter().all(is_unknown)) {
        let why = "CPU and memory of a server given by --url are unknown";
        return Err(format!(
            "servers cannot be compared by {}: {why}; start both with --server, or add another figure to --figures",
            figure.key()
        ));
    }
    let running = candidates.iter().filter(|c| c.command.is_none());
    for Candidate { name, .. } in running {
        let mut figures = conditions.figures_of(name);
        if let Some(figure) = figures.find(|figure| figure.is_of_processes()) {
            return Err(format!(
                "--fail-if: {} of {name} is unknown, because {name} is given by --url; start it with --server",
                figure.key()
            ));
        }
    }
    Ok(())
}

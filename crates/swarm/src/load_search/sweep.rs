//! Given rates in random order, for a load curve.

use std::time::Duration;

use measurement::load_search::SweepRules;
use measurement::plan::Plan;
use measurement::record::{CellRules, message_hash};
use measurement::run::{LoadStep, Run, SearchEnd, SweepPlanSummary};
use units::Rate;

use super::runner::{LocalRunner, OrderRunner};
use super::step_log::StepLog;
use crate::SwarmError;
use crate::clock::nanoseconds;
use crate::handle::RunHandle;
use crate::load_order::{DrainLimits, LoadOrder, OrderLoad};
use crate::run::RunSetup;
use crate::search_progress::{OrderPurpose, SearchProgress};

/// Longest time without an echo in a drain, and longest time for which delayed messages are sent after a point.
const QUIET: Duration = Duration::from_secs(1);

/// Measures a server at several rates, in random order. Each point begins with a drained server. The load of the plan gives
/// arrivals and window. Blocks until all connections are closed. The figures of the run are those of the highest rate that
/// the server kept up with, or else of the lowest rate.
///
/// # Errors
/// Those of [`run`](crate::run).
pub fn sweep(
    plan: &Plan,
    rules: &SweepRules,
    handle: &RunHandle,
    mut setup: RunSetup<'_>,
) -> Result<Run, SwarmError> {
    let runner = LocalRunner::open(plan, handle, &mut setup)?;
    sweep_with(Box::new(runner), plan, rules, handle, setup)
}

/// Does the same with a runner whose connections are open.
///
/// # Errors
/// Those of the runner.
pub fn sweep_with<'a>(
    runner: Box<dyn OrderRunner + 'a>,
    plan: &'a Plan,
    rules: &SweepRules,
    handle: &'a RunHandle,
    setup: RunSetup<'_>,
) -> Result<Run, SwarmError> {
    let settle = plan.warmup.min(rules.point / 4);
    let progress = SearchProgress {
        planned_steps: u32::try_from(rules.rates.len()).ok(),
        budget_s: (settle + rules.point).as_secs_f64() * rules.rates.len() as f64,
        ..SearchProgress::default()
    };
    let mut log = StepLog::new(runner, plan, handle, 0.0, progress);
    let mut best: Option<LoadStep> = None;
    for rate in in_random_order(&rules.rates, plan.seed) {
        let order = point(plan, rate, settle, rules.point);
        let Some(taken) = log.take(OrderPurpose::Point, order)? else {
            break;
        };
        let row = taken.row(plan);
        log.add(row.clone(), None);
        if best.as_ref().is_none_or(|best| is_better(&row, best)) {
            best = Some(row);
            log.report(taken);
        }
        if log.end().is_some() {
            break;
        }
    }
    let ended_by = log.end().map(SearchEnd::from);
    log.finish(setup, |summary, mut rows| {
        rows.sort_by(|one, other| one.offered_per_s.total_cmp(&other.offered_per_s));
        summary.load_curve = Some(rows);
        summary.plan.sweep = Some(SweepPlanSummary::from(rules));
        summary.load_curve_ended_by = ended_by.filter(|_| summary.rates_not_measured() > 0);
    })
}

/// Returns true when the figures of the run are those of this point rather than of the other.
fn is_better(row: &LoadStep, other: &LoadStep) -> bool {
    match (row.keeps_up(), other.keeps_up()) {
        (true, true) => row.offered_per_s > other.offered_per_s,
        (false, false) => row.offered_per_s < other.offered_per_s,
        (one, _) => one,
    }
}

fn in_random_order(rates: &[Rate], seed: u64) -> Vec<Rate> {
    let mut numbered: Vec<(u64, Rate)> = (0..)
        .zip(rates)
        .map(|(number, rate)| (message_hash(seed, 0, number), *rate))
        .collect();
    numbered.sort_by_key(|(hash, _)| *hash);
    numbered.into_iter().map(|(_, rate)| rate).collect()
}

fn point(plan: &Plan, rate: Rate, settle: Duration, judged: Duration) -> LoadOrder {
    LoadOrder {
        lead: None,
        load: OrderLoad::Open {
            rate_per_s: rate.per_second(),
        },
        settle,
        judged,
        cells: CellRules::new(nanoseconds(judged), Vec::new(), Vec::new()),
        keeps_samples: true,
        seed: 0,
        drain: DrainLimits::until_quiet(QUIET, QUIET, plan.timeout),
        start: None,
    }
}

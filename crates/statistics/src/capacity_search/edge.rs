//! The capacity under each condition, and its interval.

use super::blocks::{Dependence, StepCells, dependence};
use super::confidence_sequence::squared_limit;
use super::edge_model::{EdgeFit, EdgeModel, RateCount};
use super::taken_step::{TakenStep, rates_from_below};
use super::{CapacityEstimate, SearchCondition, SearchRules};

/// Probability that an interval does not cover the capacity at some time.
const ERROR: f64 = 0.05;

/// The same for the claim that the capacity from above is lower.
pub(super) const ERROR_OF_CLAIM: f64 = 0.001;

/// Rates near the edge, as a share of the capacity.
const NEAR: f64 = 0.8;

/// Share of the budget for judged parts near the edge, which give nearly all information.
const JUDGED_PART: f64 = 0.7;

/// Fits of the model, each with the dispersion that follows from the one before.
const FITS: usize = 3;

/// The capacity under one condition, as logarithms of rates.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct ConditionEdge {
    /// Index of the condition.
    pub(super) condition: usize,
    pub(super) log_capacity: f64,
    pub(super) low: f64,
    pub(super) high: f64,
    /// Lower limit at the level of a claim; not computed before the first step from above.
    pub(super) sure_low: f64,
    /// Change of the log odds with the logarithm of the rate.
    pub(super) slope: f64,
    pub(super) dependence: Dependence,
}

/// The capacity under all conditions.
#[derive(Debug, Clone, Default)]
pub(super) struct Edge {
    conditions: Vec<ConditionEdge>,
    /// Length of a cell in seconds.
    cell_s: f64,
    /// Rates at which all conditions held, or one did not, without steps from above.
    highest_held_per_s: Option<f64>,
    lowest_failed_per_s: Option<f64>,
    highest_failed_per_s: Option<f64>,
}

/// Counts of one condition over the steps.
pub(super) fn rate_counts(
    steps: &[&TakenStep],
    condition: usize,
    rule: SearchCondition,
    dispersion: f64,
) -> Vec<RateCount> {
    let count = |taken: &&TakenStep| {
        let found = taken.conditions.get(condition)?;
        let (units, share) = match rule {
            SearchCondition::WholeStep => (1.0, found.share),
            SearchCondition::Share(_) if found.is_overloaded => (1.0, 1.0),
            SearchCondition::Share(_) => (found.due / dispersion, found.share),
        };
        Some(RateCount {
            log_rate: taken.step.rate_per_s.ln(),
            units,
            share,
        })
    };
    steps.iter().filter_map(count).collect()
}

/// Expected number of independent messages beyond the limit at the edge, by the steps near it.
fn events(counts: &[RateCount], allowed: f64, log_capacity: f64) -> f64 {
    // Without a rate that fails, the capacity lies anywhere above the highest one.
    let highest = counts.iter().map(|count| count.log_rate).reduce(f64::max);
    let edge = highest.map_or(log_capacity, |highest| highest.min(log_capacity));
    let near = counts
        .iter()
        .filter(|count| count.log_rate >= edge + NEAR.ln());
    near.map(|count| count.units).sum::<f64>() * allowed * (1.0 - allowed)
}

/// Part of the information of a whole search, from 0 to 1, that the steps near the edge give.
fn progress(steps: &[&TakenStep], log_capacity: f64, budget_s: f64) -> f64 {
    let near = steps
        .iter()
        .filter(|taken| taken.step.rate_per_s.ln() >= log_capacity + NEAR.ln());
    let judged_s: f64 = near.map(|taken| taken.step.judged_s).sum();
    (judged_s / (JUDGED_PART * budget_s)).min(1.0)
}

impl ConditionEdge {
    fn find(
        steps: &[&TakenStep],
        condition: usize,
        search: &SearchRules,
        claims: bool,
    ) -> Option<Self> {
        let rule = *search.conditions.get(condition)?;
        let conditions = search.conditions.len() as f64;
        let allowed = rule.allowed();
        let mut found = Dependence {
            block_cells: 1,
            dispersion: 1.0,
        };
        let mut fit: Option<EdgeFit> = None;
        let mut counts = Vec::new();
        for _ in 0..FITS {
            if let Some(fit) = &fit {
                let model = EdgeModel::new(&counts, allowed);
                found = dependence(&steady_cells(steps, condition, &model, fit));
            }
            counts = rate_counts(steps, condition, rule, found.dispersion);
            fit = EdgeModel::new(&counts, allowed).fit();
        }
        let (model, fit) = (EdgeModel::new(&counts, allowed), fit?);
        let events = events(&counts, allowed, fit.log_capacity);
        let progress = progress(steps, fit.log_capacity, search.budget_s);
        let interval = |error| model.interval(&fit, squared_limit(events, progress, error));
        let (low, high) = interval(ERROR / conditions);
        // A claim has two tests for each condition.
        let sure_low = || interval(ERROR_OF_CLAIM / 2.0 / conditions).0;
        Some(Self {
            condition,
            log_capacity: fit.log_capacity,
            low,
            high,
            sure_low: if claims {
                sure_low()
            } else {
                f64::NEG_INFINITY
            },
            slope: fit.slope,
            dependence: found,
        })
    }
}

/// Cells of the steps that were not overloaded, with the share of the model.
fn steady_cells<'a>(
    steps: &[&'a TakenStep],
    condition: usize,
    model: &EdgeModel,
    fit: &EdgeFit,
) -> Vec<StepCells<'a>> {
    let of = |taken: &&'a TakenStep| {
        let is_steady = !taken.conditions.get(condition)?.is_overloaded;
        let cells = taken.cells(condition)?;
        is_steady.then(|| StepCells {
            cells,
            expected: model.share(fit, taken.step.rate_per_s.ln()),
            tail: taken.tail(),
        })
    };
    steps.iter().filter_map(of).collect()
}

impl Edge {
    /// The edge by all steps from below in which the generator was not the limit.
    pub(super) fn find(steps: &[TakenStep], search: &SearchRules) -> Self {
        let below: Vec<_> = steps
            .iter()
            .filter(|taken| !taken.is_from_above() && taken.held().is_some())
            .collect();
        let claims = steps.iter().any(TakenStep::is_from_above);
        let find = |condition| ConditionEdge::find(&below, condition, search, claims);
        Self {
            conditions: (0..search.conditions.len()).filter_map(find).collect(),
            cell_s: below.iter().map(|t| t.result.cell_s).fold(0.0, f64::max),
            highest_held_per_s: rates_from_below(steps, true).reduce(f64::max),
            lowest_failed_per_s: rates_from_below(steps, false).reduce(f64::min),
            highest_failed_per_s: rates_from_below(steps, false).reduce(f64::max),
        }
    }

    /// The highest rate at which all conditions held.
    pub(super) fn highest_held_per_s(&self) -> Option<f64> {
        self.highest_held_per_s
    }

    /// The edge of a condition by its index.
    pub(super) fn of(&self, condition: usize) -> Option<&ConditionEdge> {
        let mut edges = self.conditions.iter();
        edges.find(|edge| edge.condition == condition)
    }

    /// The condition with the lowest capacity.
    pub(super) fn binding(&self) -> Option<&ConditionEdge> {
        let capacity = |edge: &&ConditionEdge| edge.log_capacity;
        self.conditions
            .iter()
            .min_by(|a, b| capacity(a).total_cmp(&capacity(b)))
    }

    /// Lower limit at the level of a claim, as a logarithm.
    pub(super) fn sure_low(&self) -> f64 {
        let lows = self.conditions.iter().map(|edge| edge.sure_low);
        lows.fold(f64::INFINITY, f64::min)
    }

    /// Length of a block of the binding condition in seconds.
    pub(super) fn block_s(&self) -> Option<f64> {
        Some(self.binding()?.dependence.block_cells as f64 * self.cell_s)
    }

    /// The capacity from below. `reported`: the rate of the last final step.
    pub(super) fn estimate(&self, reported: Option<f64>) -> CapacityEstimate {
        let limits = |of: fn(&ConditionEdge) -> f64| {
            let all = self.conditions.iter().map(of);
            all.fold(f64::INFINITY, f64::min).exp()
        };
        let mut found = CapacityEstimate {
            rate_per_s: None,
            low_per_s: 0.0,
            high_per_s: f64::INFINITY,
            at_least: false,
            from_above_per_s: None,
            hysteresis: false,
            is_precise: false,
            has_generator_limit: false,
            deciding: None,
            block_s: self.block_s(),
            unsteady_share: 0.0,
        };
        match (self.highest_held_per_s, self.lowest_failed_per_s) {
            (None, None) => {}
            (None, Some(failed)) => {
                found.rate_per_s = Some(0.0);
                found.high_per_s = failed.min(limits(|edge| edge.high));
            }
            // A lower bound; see below.
            (Some(_), None) => found.low_per_s = limits(|edge| edge.low),
            (Some(held), Some(_)) => {
                // At a sharp edge the lower limit lies just above the highest rate that held.
                found.low_per_s = limits(|edge| edge.low).min(held);
                found.high_per_s = limits(|edge| edge.high);
                let capacity = limits(|edge| edge.log_capacity);
                let is_inside = |rate: &f64| (found.low_per_s..=found.high_per_s).contains(rate);
                found.rate_per_s = Some(reported.filter(is_inside).unwrap_or(capacity));
            }
        }
        if let Some(held) = self.highest_held_per_s
            && !found.high_per_s.is_finite()
        {
            let failed = self.highest_failed_per_s.filter(|failed| *failed > held);
            found.at_least = failed.is_none();
            found.low_per_s = found.low_per_s.min(held);
            // Too few steps failed for a limit, but none held above the highest of them.
            found.high_per_s = failed.unwrap_or(held);
            if found.at_least {
                found.rate_per_s = Some(held);
            }
            found.rate_per_s = found.rate_per_s.map(|rate| rate.min(found.high_per_s));
        }
        found
    }
}

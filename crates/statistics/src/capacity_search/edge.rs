//! The capacity under each condition, and its interval.

use super::blocks::{Dependence, StepCells, dependence};
use super::confidence_sequence::{EVENTS_OF_NORMAL, squared_limit};
use super::edge_model::{EdgeFit, EdgeModel, RateCount};
use super::taken_step::{TakenStep, mean_and_error, rates_from_below};
use super::{CapacityEstimate, SearchCondition, SearchRules};

/// Probability that an interval does not cover the capacity at some time.
const ERROR: f64 = 0.05;

/// The same for the claim that the capacity from above is lower.
pub(super) const ERROR_OF_CLAIM: f64 = 0.001;

/// Number of tests of a claim for each condition, which share the probability of a wrong one: two of whole steps, and the ends
/// of two intervals.
pub(super) const TESTS_OF_CLAIM: f64 = 4.0;

/// Number of the longest blocks in a step that has room for longer ones.
const BLOCKS_OF_LONGER_STEP: f64 = 20.0;

/// Rates near the edge, as a share of the capacity.
const NEAR: f64 = 0.8;

/// Share of the budget for judged parts near the edge, which give nearly all information.
const JUDGED_PART: f64 = 0.7;

/// Rates whose steps show an excess, as a share of the capacity, and the least number of these steps.
const CLOSE: f64 = 0.9;
const LEAST_GROWTHS: usize = 3;

/// Standard errors of the mean growth that are added to it.
const ERRORS_OF_GROWTH: f64 = 2.0;

/// Largest excess that is considered.
const MOST_HIDDEN: f64 = 0.5;

/// Least number of overloaded steps below the capacity that say that the server differs from step to step.
const LEAST_CONTRADICTING: usize = 2;

/// Highest rate of such a step as a share of the capacity.
const CLEARLY_BELOW: f64 = 0.98;

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
    /// Expected number of independent messages beyond the limit at the edge.
    pub(super) events: f64,
    pub(super) dependence: Dependence,
}

/// The capacity under all conditions.
#[derive(Debug, Clone, Default)]
pub(super) struct Edge {
    conditions: Vec<ConditionEdge>,
    /// Length of a cell in seconds.
    cell_s: f64,
    /// Lowest rate, and rates at which all conditions held, or one did not, without steps from above.
    lowest_per_s: f64,
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
            SearchCondition::Share(_) if found.is_overloaded => (1.0, found.overload),
            SearchCondition::Share(_) => (found.due / dispersion, found.share),
        };
        Some(RateCount {
            log_rate: taken.step.rate_per_s.ln(),
            units,
            share,
            is_cluster: found.is_overloaded,
        })
    };
    steps.iter().filter_map(count).collect()
}

/// The logarithm of the capacity. Without a rate that fails, it lies anywhere above the highest one, which is taken instead.
fn edge_of(steps: &[&TakenStep], log_capacity: f64) -> f64 {
    let rates = steps.iter().map(|taken| taken.step.rate_per_s.ln());
    rates
        .reduce(f64::max)
        .map_or(log_capacity, |highest| highest.min(log_capacity))
}

/// Number of independent events at the edge: the expected messages beyond the limit in the steps near it, and the overloaded
/// steps near it, if all of them lie above all that held. Such an edge is sharp, however few messages are independent.
fn events(counts: &[RateCount], allowed: f64, edge: f64) -> f64 {
    let near = || {
        counts
            .iter()
            .filter(|count| (count.log_rate - edge).abs() <= -NEAR.ln())
    };
    let rates = |is_cluster| {
        let chosen = counts
            .iter()
            .filter(move |count| count.is_cluster == is_cluster);
        chosen.map(|count| count.log_rate)
    };
    let lowest_overloaded = rates(true).fold(f64::INFINITY, f64::min);
    let is_sharp = rates(false).all(|rate| rate < lowest_overloaded);
    let overloaded = near().filter(|count| count.is_cluster && is_sharp).count();
    let above = counts
        .iter()
        .filter(|count| count.log_rate >= edge + NEAR.ln());
    above.map(|count| count.units).sum::<f64>() * allowed * (1.0 - allowed) + overloaded as f64
}

/// Part of the information of a whole search, from 0 to 1, that the steps near the edge give.
fn progress(steps: &[&TakenStep], log_capacity: f64, budget_s: f64) -> f64 {
    let near = steps
        .iter()
        .filter(|taken| taken.step.rate_per_s.ln() >= log_capacity + NEAR.ln());
    let judged_s: f64 = near.map(|taken| taken.step.judged_s).sum();
    (judged_s / (JUDGED_PART * budget_s)).min(1.0)
}

/// The largest share by which the steps near the edge in which the conditions held may have exceeded the server's capacity
/// without a sign of it. In a short step the response time of an overloaded server does not reach the limit: it grows by the
/// excess in each second, so the mean growth and its error bound the excess.
fn hidden_excess(steps: &[&TakenStep], edge: f64, limit_s: f64) -> f64 {
    let near = steps.iter().filter(|taken| {
        taken.held() == Some(true) && taken.step.rate_per_s.ln() >= edge + CLOSE.ln()
    });
    let lengths = near.clone().map(|t| t.step.settle_s + t.step.judged_s);
    let to_limit = limit_s / lengths.fold(0.0, f64::max);
    let growths: Vec<f64> = near.map(|t| t.growth()).filter(|g| g.is_finite()).collect();
    let by_growth = match growths.len() {
        0..LEAST_GROWTHS => f64::INFINITY,
        _ => {
            let (mean, error) = mean_and_error(&growths);
            mean + ERRORS_OF_GROWTH * error
        }
    };
    to_limit.min(by_growth).clamp(0.0, MOST_HIDDEN)
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
        let mut found = Dependence::NONE;
        let mut fit: Option<EdgeFit> = None;
        let mut counts = Vec::new();
        for _ in 0..FITS {
            // Cells of a whole step share its result and say nothing about dependence.
            let fit_before = fit.as_ref().filter(|_| rule != SearchCondition::WholeStep);
            if let Some(fit) = fit_before {
                let model = EdgeModel::new(&counts, allowed);
                let cells = |overloaded| cells_of(steps, condition, overloaded, &model, fit);
                let mut contradicting = cells(true);
                // A single one may be chance.
                if contradicting.len() < LEAST_CONTRADICTING {
                    contradicting.clear();
                }
                found = dependence(&cells(false), &contradicting);
            }
            counts = rate_counts(steps, condition, rule, found.dispersion);
            fit = EdgeModel::new(&counts, allowed).fit();
        }
        let (model, fit) = (EdgeModel::new(&counts, allowed), fit?);
        let edge = edge_of(steps, fit.log_capacity);
        let events = events(&counts, allowed, edge);
        let progress = progress(steps, fit.log_capacity, search.budget_s);
        let hidden = (-hidden_excess(steps, edge, search.limit_s)).ln_1p();
        let interval = |error| {
            let (low, high) = model.interval(&fit, squared_limit(events, progress, error));
            (low + hidden, high)
        };
        let (low, high) = interval(ERROR / conditions);
        let sure_low = || interval(ERROR_OF_CLAIM / TESTS_OF_CLAIM / conditions).0;
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
            events,
            dependence: found,
        })
    }
}

/// Cells of the steps that were not overloaded, or of those that were although their rate is below the capacity, with the
/// share of the model.
fn cells_of<'a>(
    steps: &[&'a TakenStep],
    condition: usize,
    overloaded: bool,
    model: &EdgeModel,
    fit: &EdgeFit,
) -> Vec<StepCells<'a>> {
    let of = |taken: &&'a TakenStep| {
        let log_rate = taken.step.rate_per_s.ln();
        let is_below = log_rate < fit.log_capacity + CLEARLY_BELOW.ln();
        let is_chosen = match taken.conditions.get(condition)?.is_overloaded {
            true => overloaded && is_below,
            false => !overloaded,
        };
        let cells = taken.cells(condition)?;
        is_chosen.then(|| StepCells {
            cells,
            expected: model.share(fit, log_rate),
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
            lowest_per_s: below
                .iter()
                .map(|t| t.step.rate_per_s)
                .fold(f64::INFINITY, f64::min),
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

    /// True when enough independent messages are known for a narrow interval to be more than luck.
    pub(super) fn has_events(&self) -> bool {
        let enough = |edge: &ConditionEdge| {
            edge.events >= EVENTS_OF_NORMAL && !edge.dependence.needs_longer_steps
        };
        self.binding().is_some_and(enough)
    }

    /// Length that steps should have for enough blocks, in seconds; 0 where they have.
    pub(super) fn wanted_step_s(&self) -> f64 {
        let dependence = self.binding().map(|edge| edge.dependence);
        let wanted = dependence.filter(|found| found.needs_longer_steps);
        wanted.map_or(0.0, |found| {
            BLOCKS_OF_LONGER_STEP * found.block_cells as f64 * self.cell_s
        })
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
            block_s: self.block_s(),
            ..CapacityEstimate::UNKNOWN
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
                // Nothing is known of rates that were not offered.
                let is_offered = capacity >= self.lowest_per_s;
                let capacity = if is_offered { capacity } else { 0.0 };
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

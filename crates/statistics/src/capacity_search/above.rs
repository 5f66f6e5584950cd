//! The capacity after an overload.

use statrs::function::factorial::ln_binomial;

use super::SearchCondition;
use super::confidence_sequence::squared_limit;
use super::edge::{ERROR_OF_CLAIM, Edge, rate_counts};
use super::edge_model::EdgeModel;
use super::taken_step::TakenStep;

/// Number of tests of each condition, which share the probability of a wrong claim.
const TESTS: f64 = 2.0;

/// Results of the steps from above.
#[derive(Debug, Clone, Default)]
pub(super) struct FromAbove {
    /// The highest rate at which the server recovered.
    pub(super) recovered_per_s: Option<f64>,
    /// True when the capacity from above is lower than that from below.
    pub(super) is_lower: bool,
    /// True when whole steps alone show it, which hardly changes with the estimate of the capacity.
    pub(super) is_lower_by_steps: bool,
}

impl FromAbove {
    pub(super) fn find(steps: &[TakenStep], rules: &[SearchCondition], edge: &Edge) -> Self {
        let above: Vec<_> = steps
            .iter()
            .filter(|taken| taken.is_from_above() && taken.has_recovered().is_some())
            .collect();
        let recovered = above.iter().filter(|t| t.has_recovered() == Some(true));
        let recovered_per_s = recovered.map(|t| t.step.rate_per_s).reduce(f64::max);
        let below: Vec<_> = steps
            .iter()
            .filter(|taken| !taken.is_from_above() && taken.held().is_some())
            .collect();
        // A recovery at a higher rate excuses a failure at a lower one.
        let highest = recovered_per_s.unwrap_or(0.0);
        let failed = above.iter().filter(|t| t.step.rate_per_s > highest);
        let failed: Vec<_> = failed.copied().collect();
        let error = ERROR_OF_CLAIM / TESTS / rules.len().max(1) as f64;
        let any = |is_lower: &dyn Fn(usize, SearchCondition) -> bool| {
            let mut conditions = rules.iter().enumerate();
            conditions.any(|(n, rule)| is_lower(n, *rule))
        };
        let is_lower_by_steps = any(&|n, _| is_lower_by_steps(&failed, &below, n, edge, error));
        let by_model = |n, rule| is_lower_by_model(&above, n, rule, edge, error);
        Self {
            recovered_per_s,
            is_lower: is_lower_by_steps || any(&by_model),
            is_lower_by_steps,
        }
    }
}

/// Returns true when the whole interval from above lies below the one from below.
fn is_lower_by_model(
    above: &[&TakenStep],
    condition: usize,
    rule: SearchCondition,
    edge: &Edge,
    error: f64,
) -> bool {
    let Some(of_condition) = edge.of(condition) else {
        return false;
    };
    let counts = rate_counts(above, condition, rule, of_condition.dependence.dispersion);
    let model = EdgeModel::new(&counts, rule.allowed());
    let overloaded = overloaded(above, condition) as f64;
    model.fit().is_some_and(|fit| {
        let (_, high) = model.interval(&fit, squared_limit(overloaded, 0.0, error));
        high < edge.sure_low()
    })
}

fn overloaded(steps: &[&TakenStep], condition: usize) -> usize {
    let is_overloaded = |taken: &&&TakenStep| {
        let found = taken.conditions.get(condition);
        found.is_some_and(|found| found.is_overloaded)
    };
    steps.iter().filter(is_overloaded).count()
}

/// Returns true when steps from above are overloaded more often than steps from below at rates that are as high or higher,
/// up to the upper limit of the capacity (Fisher's exact test, with whole steps as independent results). A higher rate
/// overloads a server more often, so without memory the steps from below would be overloaded more often.
fn is_lower_by_steps(
    failed: &[&TakenStep],
    below: &[&TakenStep],
    condition: usize,
    edge: &Edge,
    error: f64,
) -> bool {
    let Some(high) = edge.of(condition).map(|e| e.high.exp()) else {
        return false;
    };
    let mut cuts: Vec<_> = failed.iter().map(|t| t.step.rate_per_s).collect();
    cuts.sort_by(f64::total_cmp);
    cuts.dedup();
    let count = |steps: &[&TakenStep], from: f64, to: f64| {
        let chosen = steps
            .iter()
            .filter(|taken| (from..=to).contains(&taken.step.rate_per_s));
        let chosen: Vec<_> = chosen.copied().collect();
        (overloaded(&chosen, condition) as u64, chosen.len() as u64)
    };
    // Each cut is one more chance for a wrong claim.
    let error = error / cuts.len().max(1) as f64;
    cuts.iter()
        .any(|cut| fisher(count(failed, 0.0, *cut), count(below, *cut, high)) <= error)
}

/// Probability that the first of two groups has its number of events or more by chance alone, given the events of both.
/// Each group is a number of events and its size.
fn fisher(first: (u64, u64), second: (u64, u64)) -> f64 {
    let (events, size) = (first.0 + second.0, first.1 + second.1);
    let of = |k: u64| {
        let ways = ln_binomial(first.1, k) + ln_binomial(second.1, events - k);
        (ways - ln_binomial(size, events)).exp()
    };
    let most = events.min(first.1);
    (first.0..=most)
        .filter(|k| events - k <= second.1)
        .map(of)
        .sum()
}

#[cfg(test)]
mod tests {
    use super::fisher;

    /// Values of SciPy's `fisher_exact(..., alternative="greater")`.
    #[test]
    fn exact_probabilities_of_two_groups() {
        for (first, second, wanted) in [
            ((3, 3), (0, 18), 1.0 / 1_330.0),
            ((4, 4), (1, 18), 5.0 / 7_315.0),
            ((0, 3), (2, 10), 1.0),
            ((8, 10), (1, 6), 0.024_475_524_475_524_476),
        ] {
            let found = fisher(first, second);
            assert!((found / wanted - 1.0).abs() < 1e-9, "{first:?} {found}");
        }
    }
}

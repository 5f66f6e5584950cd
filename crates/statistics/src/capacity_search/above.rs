//! The capacity after an overload.

use statrs::function::factorial::ln_binomial;

use super::SearchCondition;
use super::confidence_sequence::squared_limit;
use super::edge::{ERROR_OF_CLAIM, Edge, TESTS_OF_CLAIM, rate_counts};
use super::edge_model::EdgeModel;
use super::recovery_rates::RateResults;
use super::taken_step::{ConditionShare, TakenStep};

/// Part of the error of a claim with which whole steps decide that no more are needed.
const SETTLED: f64 = 4.0;

/// Least number of steps from below at the repeated rate, behind the first step from above, for a claim. A server that has
/// become slower since would fail in them too.
pub(super) const LEAST_CONTROLS: usize = 4;

/// Results of the steps from above.
#[derive(Debug, Clone, Default)]
pub(super) struct FromAbove {
    /// The highest rate at which the server recovered.
    pub(super) recovered_per_s: Option<f64>,
    /// True when the capacity from above is lower than that from below.
    pub(super) is_lower: bool,
    /// True when whole steps alone show it so clearly that one more step rarely changes that.
    pub(super) is_settled: bool,
}

impl FromAbove {
    pub(super) fn find(steps: &[TakenStep], rules: &[SearchCondition], edge: &Edge) -> Self {
        let above: Vec<_> = steps
            .iter()
            .filter(|taken| taken.is_from_above() && taken.has_recovered().is_some())
            .collect();
        let recovered_per_s = RateResults::highest_recovered(&RateResults::all(steps));
        let below: Vec<_> = steps
            .iter()
            .filter(|taken| !taken.is_from_above() && taken.held().is_some())
            .collect();
        // A recovery at a higher rate excuses a failure at a lower one.
        let highest = recovered_per_s.unwrap_or(0.0);
        let higher = above.iter().filter(|t| t.step.rate_per_s > highest);
        let higher: Vec<_> = higher.copied().collect();
        let cut = repeated_rate(&higher);
        let Some(cut) = cut.filter(|cut| has_controls(steps, *cut)) else {
            return Self {
                recovered_per_s,
                ..Self::default()
            };
        };
        let error = ERROR_OF_CLAIM / TESTS_OF_CLAIM / rules.len().max(1) as f64;
        let all = || rules.iter().enumerate();
        let chances = all().map(|(n, _)| chance_by_steps(&higher, &below, cut, n, edge));
        let chance = chances.fold(1.0, f64::min);
        let by_model =
            |(n, rule): (usize, &SearchCondition)| is_lower_by_model(&above, n, *rule, edge, error);
        Self {
            recovered_per_s,
            is_lower: chance <= error || all().any(by_model),
            is_settled: chance <= error / SETTLED,
        }
    }
}

/// The rate of most of these steps, the lowest of several. It is that of repeated failures, whatever the steps from below were
/// like: several rates would be several chances.
fn repeated_rate(higher: &[&TakenStep]) -> Option<f64> {
    let mut rates: Vec<_> = higher.iter().map(|t| t.step.rate_per_s).collect();
    rates.sort_by(f64::total_cmp);
    let same = rates.chunk_by(|a, b| a == b).rev();
    same.max_by_key(|same| same.len())?.first().copied()
}

/// Returns true when there are enough steps from below at this rate behind the first step from above.
fn has_controls(steps: &[TakenStep], rate: f64) -> bool {
    let behind = steps.iter().skip_while(|taken| !taken.is_from_above());
    let controls = behind.filter(|taken| {
        !taken.is_from_above() && taken.held().is_some() && taken.step.rate_per_s == rate
    });
    controls.count() >= LEAST_CONTROLS
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
    // A slow beginning from above does not matter.
    let is_overloaded = |taken: &&&TakenStep| {
        let found = taken.conditions.get(condition);
        let has_recovered = taken.is_from_above() && taken.has_recovered() == Some(true);
        !has_recovered && found.is_some_and(ConditionShare::is_failure)
    };
    steps.iter().filter(is_overloaded).count()
}

/// The p-value of Fisher's exact test, with whole steps as independent results, that steps from above at rates up to `cut` fail
/// no more often than steps from below at rates that are as high or higher, up to a limit of the capacity. A higher rate
/// overloads a server more often, so without memory the steps from below would fail more often.
fn chance_by_steps(
    higher: &[&TakenStep],
    below: &[&TakenStep],
    cut: f64,
    condition: usize,
    edge: &Edge,
) -> f64 {
    let Some((low, high)) = edge.of(condition).map(|e| (e.low.exp(), e.high.exp())) else {
        return 1.0;
    };
    let count = |steps: &[&TakenStep], from: f64, to: f64| {
        let chosen = steps
            .iter()
            .filter(|taken| (from..=to).contains(&taken.step.rate_per_s));
        let chosen: Vec<_> = chosen.copied().collect();
        (overloaded(&chosen, condition) as u64, chosen.len() as u64)
    };
    // Up to the upper limit there are more steps from below, up to the lower one hardly any is overloaded.
    let chance = |to: f64| fisher(count(higher, 0.0, cut), count(below, cut, to));
    chance(low.max(cut)).min(chance(high))
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

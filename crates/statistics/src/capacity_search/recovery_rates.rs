//! The next rate behind an overload.

use super::taken_step::TakenStep;

/// The second rate as a share of the first. Failures far above the capacity of a slow server are quick and clear.
const SECOND_RATE: f64 = 0.8;

/// A lower rate as a share of the lowest before it, and the least one as a share of the first.
const LOWER_RATE: f64 = 0.55;
const LOWEST_RATE: f64 = 0.1;

/// Ratio of a rate at which the server did not recover to one at which it did, up to which hysteresis is shown before a rate
/// between both is tried, and up to which no rate between them is.
const NEAR: f64 = 2.0;
const CLOSE: f64 = 1.4;

/// Most steps behind an overload.
const MOST_STEPS: usize = 12;

/// The rate of the last step from above and the time that it needs before its judged part, in seconds, if it is the first step
/// at this rate and did not show whether the server recovers.
pub(super) fn last_undecided(steps: &[TakenStep]) -> Option<(f64, f64)> {
    let above = || steps.iter().filter(|taken| taken.is_from_above());
    let last = above().next_back()?;
    let rate = last.step.rate_per_s;
    let same = above().filter(|taken| taken.step.rate_per_s == rate);
    let is_first = last.has_recovered().is_none() && same.count() == 1;
    is_first.then(|| (rate, last.time_to_drain_s()))
}

/// The next rate, beginning with `first`: lower ones until the server recovers, then one at which it clearly did not, again and
/// again until hysteresis `is_shown`, then one between both. `None` when enough is known.
pub(super) fn next_rate(steps: &[TakenStep], first: f64, is_shown: bool) -> Option<f64> {
    let above = steps.iter().filter(|taken| taken.is_from_above());
    let results: Vec<_> = above
        .map(|taken| (taken.step.rate_per_s, taken.has_recovered()))
        .collect();
    let Some((first, _)) = results.first().copied() else {
        return Some(first);
    };
    if results.len() >= MOST_STEPS {
        return None;
    }
    let recoveries = results.iter().filter(|(_, found)| *found == Some(true));
    let recovered = recoveries.map(|(rate, _)| *rate).reduce(f64::max);
    // A recovery at a higher rate excuses a failure at a lower one.
    let higher = || {
        let rates = results.iter().map(|(rate, _)| *rate);
        rates.filter(|rate| recovered.is_none_or(|recovered| *rate > recovered))
    };
    let not_recovered = higher().reduce(f64::min);
    let count = |rate, found| results.iter().filter(|r| **r == (rate, found)).count();
    // Steps at a rate at which most decide nothing are no evidence.
    let is_clear = |rate: &f64| *rate < first && count(*rate, Some(false)) > count(*rate, None);
    let evidence = higher().filter(|rate| !is_shown && is_clear(rate));
    let evidence = evidence.reduce(f64::min);
    match (recovered, not_recovered) {
        (Some(recovered), not_recovered) => {
            let ratio = not_recovered? / recovered;
            let between = (ratio > CLOSE).then(|| recovered * ratio.sqrt());
            evidence.filter(|_| ratio <= NEAR).or(between)
        }
        (None, lowest) => {
            let lowest = lowest.unwrap_or(first);
            let share = if lowest < first {
                LOWER_RATE
            } else {
                SECOND_RATE
            };
            let lower = share * lowest;
            (lower >= LOWEST_RATE * first).then_some(lower).or(evidence)
        }
    }
}

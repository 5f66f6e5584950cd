//! Rates from above: their results, and the next one.

use super::taken_step::TakenStep;

/// The second rate as a share of the first. Failures far above the capacity of a slow server are quick and clear.
pub(super) const SECOND_RATE: f64 = 0.8;

/// A lower rate as a share of the lowest before it, and the least one as a share of the first.
const LOWER_RATE: f64 = 0.55;
const LOWEST_RATE: f64 = 0.1;

/// Ratio of a rate at which the server did not recover to one at which it did, up to which no rate between them is tried.
const CLOSE_RATES: f64 = 1.4;

/// Most steps from above, and most of them one after the other in which the generator was late.
const MOST_STEPS: usize = 13;
const MOST_LATE: usize = 2;

/// Results of the steps from above at one rate.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct RateResults {
    pub(super) rate_per_s: f64,
    recovered: usize,
    failed: usize,
    /// Steps whose queue was still getting shorter.
    undecided: usize,
}

impl RateResults {
    /// The rates in the order in which they were tried, without steps in which the generator was late.
    pub(super) fn all(steps: &[TakenStep]) -> Vec<Self> {
        let mut all: Vec<Self> = Vec::new();
        for taken in of_server(steps) {
            let rate_per_s = taken.step.rate_per_s;
            let known = all.iter().position(|other| other.rate_per_s == rate_per_s);
            let place = known.unwrap_or(all.len());
            if known.is_none() {
                all.push(Self {
                    rate_per_s,
                    recovered: 0,
                    failed: 0,
                    undecided: 0,
                });
            }
            let results = &mut all[place];
            match taken.has_recovered() {
                Some(true) => results.recovered += 1,
                Some(false) => results.failed += 1,
                None => results.undecided += 1,
            }
        }
        all
    }

    /// The highest rate at which the server recovers: more often than not.
    pub(super) fn highest_recovered(all: &[Self]) -> Option<f64> {
        let recovers = all.iter().filter(|at| at.recovered > at.failed);
        recovers.map(|at| at.rate_per_s).reduce(f64::max)
    }

    /// True when most steps show that the server does not recover.
    fn is_clear_failure(&self) -> bool {
        self.failed > self.recovered + self.undecided
    }
}

/// The steps from above in which the generator was not late.
fn of_server(steps: &[TakenStep]) -> impl DoubleEndedIterator<Item = &TakenStep> {
    let above = steps.iter().filter(|taken| taken.is_from_above());
    above.filter(|taken| !taken.result.generator_limited)
}

/// Returns true when a step from above says something about the server.
pub(super) fn has_results(steps: &[TakenStep]) -> bool {
    of_server(steps).next().is_some()
}

/// Returns true when no further step from above is worth its time.
pub(super) fn is_exhausted(steps: &[TakenStep]) -> bool {
    let above = || steps.iter().filter(|taken| taken.is_from_above());
    let late = above()
        .rev()
        .take_while(|taken| taken.result.generator_limited);
    above().count() >= MOST_STEPS || late.count() >= MOST_LATE
}

/// The rate of the last step and the time that it needs before its judged part, in seconds, if it is the first step at this
/// rate and did not show whether the server recovers.
pub(super) fn last_undecided(steps: &[TakenStep]) -> Option<(f64, f64)> {
    let last = of_server(steps).next_back()?;
    let rate = last.step.rate_per_s;
    let same = of_server(steps).filter(|taken| taken.step.rate_per_s == rate);
    let is_first = last.has_recovered().is_none() && same.count() == 1;
    is_first.then(|| (rate, last.time_to_drain_s()))
}

/// The next rate from above. Rates that failed as often as not come again. Then it gets lower until the server recovers, repeats
/// a clear failure until hysteresis `is_settled`, and at last lies between both. `None` when enough is known, or nothing was
/// tried.
pub(super) fn next_rate(steps: &[TakenStep], is_settled: bool) -> Option<f64> {
    let all = RateResults::all(steps);
    let first = all.first()?.rate_per_s;
    let tie = all
        .iter()
        .find(|at| at.recovered > 0 && at.recovered == at.failed);
    if let Some(tie) = tie {
        return Some(tie.rate_per_s);
    }
    let recovered = RateResults::highest_recovered(&all);
    // A recovery at a higher rate excuses a failure at a lower one.
    let higher = || {
        let is_higher = |at: &&RateResults| recovered.is_none_or(|rate| at.rate_per_s > rate);
        all.iter().filter(is_higher)
    };
    let lowest = higher().map(|at| at.rate_per_s).reduce(f64::min);
    // Steps at the first rate, the highest one, take longest.
    let clear = higher().filter(|at| at.is_clear_failure());
    let clear = clear.map(|at| at.rate_per_s).reduce(f64::min);
    let evidence = clear.filter(|_| !is_settled);
    match recovered {
        Some(recovered) => evidence.or_else(|| {
            let lowest = lowest.filter(|lowest| *lowest > recovered * CLOSE_RATES)?;
            Some((lowest * recovered).sqrt())
        }),
        None => {
            let lowest = lowest.unwrap_or(first);
            let share = if lowest < first {
                LOWER_RATE
            } else {
                SECOND_RATE
            };
            let lower = Some(share * lowest).filter(|lower| *lower >= LOWEST_RATE * first);
            lower.or(evidence)
        }
    }
}

//! The share of messages beyond a limit as a function of the offered rate, and the rate at which it is the allowed one.
//!
//! Near the capacity of a queue the logarithm of the share is a straight line over the logarithm of the rate, so the model
//! is a logistic regression with two parameters: the rate `c` at which the share is the allowed one, and the slope. The
//! counts are those of dependent messages, so a number of messages counts as as many independent ones as its dispersion
//! says (McCullagh and Nelder, "Generalized Linear Models", 1989, chapter 9). The interval has all rates `c` whose
//! likelihood, at its best slope, is not too far below the highest one. It needs no slope, and so it also holds where all
//! rates below the edge keep the limit and all rates above do not.

/// Counts at one rate, in independent messages.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct RateCount {
    /// Natural logarithm of the rate.
    pub(super) log_rate: f64,
    /// Independent messages: messages divided by their dispersion.
    pub(super) units: f64,
    /// Share of them beyond the limit, from 0 to 1.
    pub(super) share: f64,
    /// True for a whole step whose messages depend on each other. By the inequality of Markov, this share or a larger one
    /// occurs in at most as many steps as the expected share divided by it.
    pub(super) is_cluster: bool,
}

/// The steepest slope of the model: the share rises from a tenth to ten times the allowed one within 0.1 % of the rate.
const MAX_SLOPE: f64 = 4_000.0;

/// Rates considered beyond the offered ones, as a factor.
const REACH: f64 = 4.0;

/// Points of the grid on which the highest likelihood is searched, and number of grids, each finer than the one before.
const GRID: u32 = 16;
const PASSES: usize = 6;

/// Differences of the log likelihood that are rounding errors.
const FLAT: f64 = 1e-6;

/// The fitted model.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct EdgeFit {
    /// Logarithm of the rate at which the share is the allowed one; the middle of all rates that fit equally well.
    pub(super) log_capacity: f64,
    /// Change of the log odds with the logarithm of the rate.
    pub(super) slope: f64,
    max: f64,
}

/// The model for one condition.
#[derive(Debug, Clone)]
pub(super) struct EdgeModel<'a> {
    counts: &'a [RateCount],
    log_odds: f64,
}

impl<'a> EdgeModel<'a> {
    /// The model for these counts and this allowed share, between 0 and 1.
    pub(super) fn new(counts: &'a [RateCount], allowed: f64) -> Self {
        Self {
            counts,
            log_odds: (allowed / (1.0 - allowed)).ln(),
        }
    }

    fn log_odds_at(&self, count: &RateCount, log_capacity: f64, slope: f64) -> f64 {
        self.log_odds + slope * (count.log_rate - log_capacity)
    }

    fn log_likelihood(&self, log_capacity: f64, slope: f64) -> f64 {
        let of = |count: &RateCount| {
            let z = self.log_odds_at(count, log_capacity, slope);
            if count.is_cluster {
                return count.units * (-softplus(-z) - count.share.ln()).min(0.0);
            }
            // ln p = −ln(1 + e^−z), ln(1 − p) = −ln(1 + e^z)
            -count.units * (count.share * softplus(-z) + (1.0 - count.share) * softplus(z))
        };
        self.counts.iter().map(of).sum()
    }

    /// The best slope for this capacity, and its log likelihood, which is concave in the slope.
    fn profile(&self, log_capacity: f64) -> (f64, f64) {
        // The derivative of the log likelihood, and that of the derivative.
        let rise = |slope: f64| {
            let mut found = (0.0, 0.0);
            for count in self.counts {
                let share = logistic(self.log_odds_at(count, log_capacity, slope));
                let distance = count.log_rate - log_capacity;
                let observed = match count.is_cluster {
                    // Certain at any higher expected share.
                    true if share >= count.share => continue,
                    true => 1.0,
                    false => count.share,
                };
                found.0 += count.units * (observed - share) * distance;
                found.1 -= count.units * share * (1.0 - share) * distance * distance;
            }
            found
        };
        let (mut low, mut high) = (0.0, MAX_SLOPE);
        if rise(low).0 <= 0.0 {
            return (low, self.log_likelihood(log_capacity, low));
        }
        if rise(high).0 >= 0.0 {
            return (high, self.log_likelihood(log_capacity, high));
        }
        let mut slope = 30.0;
        while high - low > 1e-3 * high {
            let (first, second) = rise(slope);
            if first > 0.0 {
                low = slope;
            } else {
                high = slope;
            }
            // Newton's step where it stays inside, half of the range where it does not.
            let next = slope - first / second;
            let is_inside = next > low && next < high;
            if is_inside && (next - slope).abs() < 1e-4 * slope {
                slope = next;
                break;
            }
            slope = if is_inside {
                next
            } else {
                f64::midpoint(low, high)
            };
        }
        (slope, self.log_likelihood(log_capacity, slope))
    }

    /// The lowest and the highest logarithm of a capacity that are considered; `None` without counts.
    fn range(&self) -> Option<(f64, f64)> {
        let rates = || self.counts.iter().map(|count| count.log_rate);
        let (low, high) = (rates().reduce(f64::min)?, rates().reduce(f64::max)?);
        Some((low - REACH.ln(), high + REACH.ln()))
    }

    /// Fits the model; `None` without counts.
    pub(super) fn fit(&self) -> Option<EdgeFit> {
        let (mut low, mut high) = self.range()?;
        let mut best = (f64::NEG_INFINITY, low, high);
        // Each pass looks at the surroundings of the best points of the one before.
        for _ in 0..PASSES {
            let step = (high - low) / f64::from(GRID);
            let points = (0..=GRID).map(|n| low + f64::from(n) * step);
            let points: Vec<_> = points.map(|at| (self.profile(at).1, at)).collect();
            let values = points.iter().map(|p| p.0);
            let max = values.fold(f64::NEG_INFINITY, f64::max);
            let flat = || points.iter().filter(|p| p.0 >= max - FLAT).map(|p| p.1);
            let first = flat().fold(f64::INFINITY, f64::min);
            let last = flat().fold(f64::NEG_INFINITY, f64::max);
            best = (max, first, last);
            (low, high) = (first - step, last + step);
        }
        let log_capacity = f64::midpoint(best.1, best.2);
        let (slope, at_middle) = self.profile(log_capacity);
        Some(EdgeFit {
            log_capacity,
            slope,
            max: best.0.max(at_middle),
        })
    }

    /// The logarithms of the lowest and the highest capacity whose deviance is at most `limit`. Infinite where every rate
    /// on that side is.
    pub(super) fn interval(&self, fit: &EdgeFit, limit: f64) -> (f64, f64) {
        let Some((lowest, highest)) = self.range() else {
            return (f64::NEG_INFINITY, f64::INFINITY);
        };
        let is_inside = |at: f64| 2.0 * (fit.max - self.profile(at).1) <= limit;
        let side = |outermost: f64, infinite: f64| {
            if is_inside(outermost) {
                return infinite;
            }
            let (mut inside, mut outside) = (fit.log_capacity, outermost);
            while (inside - outside).abs() > 1e-5 {
                let middle = f64::midpoint(inside, outside);
                if is_inside(middle) {
                    inside = middle;
                } else {
                    outside = middle;
                }
            }
            // Rounded outwards.
            outside
        };
        (
            side(lowest, f64::NEG_INFINITY),
            side(highest, f64::INFINITY),
        )
    }

    /// The share of the model at a rate.
    pub(super) fn share(&self, fit: &EdgeFit, log_rate: f64) -> f64 {
        logistic(self.log_odds + fit.slope * (log_rate - fit.log_capacity))
    }
}

fn logistic(z: f64) -> f64 {
    1.0 / (1.0 + (-z).exp())
}

/// ln(1 + e^z) without overflow.
fn softplus(z: f64) -> f64 {
    if z > 30.0 { z } else { z.exp().ln_1p() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(rate: f64, units: f64, share: f64) -> RateCount {
        RateCount {
            log_rate: f64::ln(rate),
            units,
            share,
            is_cluster: false,
        }
    }

    #[test]
    fn counts_of_the_model_give_its_parameters_back() {
        let (capacity, slope) = (1_770_f64, 37.0);
        let odds = (0.01_f64 / 0.99).ln();
        let exact =
            |factor: f64| count(capacity * factor, 1e4, logistic(odds + slope * factor.ln()));
        let counts: Vec<_> = [0.95, 0.98, 1.01, 1.03].map(exact).to_vec();
        let model = EdgeModel::new(&counts, 0.01);
        let fit = model.fit().unwrap();
        assert!(
            (fit.log_capacity.exp() / capacity - 1.0).abs() < 1e-3,
            "{fit:?}"
        );
        assert!((fit.slope / slope - 1.0).abs() < 0.01, "{fit:?}");
        assert!((model.share(&fit, capacity.ln()) - 0.01).abs() < 1e-3);
        let (low, high) = model.interval(&fit, 9.0);
        assert!(low < fit.log_capacity && fit.log_capacity < high);
        // Four times as many messages halve the interval.
        let more: Vec<_> = counts
            .iter()
            .map(|c| RateCount { units: 4e4, ..*c })
            .collect();
        let model = EdgeModel::new(&more, 0.01);
        let (close, far) = model.interval(&model.fit().unwrap(), 9.0);
        let ratio = (high - low) / (far - close);
        assert!((ratio - 2.0).abs() < 0.1, "{ratio}");
    }

    #[test]
    fn an_edge_without_slope_lies_between_its_rates() {
        let counts = [
            count(900.0, 2_000.0, 0.0),
            count(980.0, 2_000.0, 0.0),
            count(1_000.0, 1.0, 1.0),
            count(1_000.0, 1.0, 1.0),
        ];
        let model = EdgeModel::new(&counts, 0.01);
        let fit = model.fit().unwrap();
        let capacity = fit.log_capacity.exp();
        assert!((980.0..=1_000.0).contains(&capacity), "{capacity}");
        let (low, high) = model.interval(&fit, 9.2);
        assert!((low.exp() - 980.0).abs() < 2.0, "{}", low.exp());
        assert!((high.exp() - 1_000.0).abs() < 2.0, "{}", high.exp());
    }

    #[test]
    fn one_side_alone_bounds_one_side() {
        let held = [count(500.0, 2_000.0, 0.0)];
        let model = EdgeModel::new(&held, 0.01);
        let (low, high) = model.interval(&model.fit().unwrap(), 9.2);
        assert!(low.exp() > 490.0 && high == f64::INFINITY);
        let failed = [count(500.0, 3.0, 1.0)];
        let model = EdgeModel::new(&failed, 0.01);
        let (low, high) = model.interval(&model.fit().unwrap(), 9.2);
        assert!(
            low == f64::NEG_INFINITY && high.exp() < 520.0,
            "{}",
            high.exp()
        );
        assert_eq!(EdgeModel::new(&[], 0.01).fit(), None);
    }
}

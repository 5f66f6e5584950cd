//! The rates of a sweep.

use std::str::FromStr;
use std::time::Duration;

use units::{Rate, parse_count, three_digits};

use super::LoadSearchError;
use crate::run::SweepPlanSummary;

/// The rates of a sweep, and the time at each.
#[derive(Debug, Clone, PartialEq)]
pub struct SweepRules {
    /// Rates over all clients, ascending, at equal ratios. Those between the first and the last have three digits.
    pub rates: Vec<Rate>,
    /// Measured time at each rate.
    pub point: Duration,
}

impl SweepRules {
    /// The number of rates when none is given.
    pub const DEFAULT_POINTS: usize = 8;
    /// The largest number of rates.
    pub const MAX_POINTS: usize = 200;
    /// The time at each rate when none is given.
    pub const DEFAULT_POINT: Duration = Duration::from_secs(10);
}

impl From<&SweepRules> for SweepPlanSummary {
    fn from(rules: &SweepRules) -> Self {
        Self {
            rates: rules.rates.iter().map(|rate| rate.per_second()).collect(),
            point_s: rules.point.as_secs_f64(),
        }
    }
}

/// Parses `LOWEST..HIGHEST[:POINTS]`, with the default time at each rate.
impl FromStr for SweepRules {
    type Err = LoadSearchError;

    fn from_str(text: &str) -> Result<Self, LoadSearchError> {
        let wrong = || LoadSearchError::Sweep(text.to_owned());
        let (lowest, rest) = text.split_once("..").ok_or_else(wrong)?;
        let (highest, points) = match rest.split_once(':') {
            Some((highest, points)) => (highest, Some(points)),
            None => (rest, None),
        };
        let [from, to] = [lowest, highest].map(|rate| rate.trim().parse::<Rate>());
        let no_rate = |rate: &str| match rate.trim().parse::<f64>() {
            Ok(number) if number <= 0.0 => LoadSearchError::NotAboveZero {
                rate: rate.trim().to_owned(),
                typed: text.to_owned(),
            },
            _ => wrong(),
        };
        let from = from.map_err(|_| no_rate(lowest))?;
        let to = to.map_err(|_| no_rate(highest))?;
        if from >= to {
            return Err(LoadSearchError::NotRising(text.to_owned()));
        }
        let points = points.map_or(Ok(Self::DEFAULT_POINTS), |points| {
            number_of_points(points.trim()).ok_or_else(|| LoadSearchError::Points {
                points: points.to_owned(),
                example: format!("{lowest}..{highest}:12"),
            })
        })?;
        let rates = geometric(from, to, points);
        if rates.len() < points {
            return Err(LoadSearchError::TooClose {
                typed: text.to_owned(),
                points,
                distinct: rates.len(),
            });
        }
        Ok(Self {
            rates,
            point: Self::DEFAULT_POINT,
        })
    }
}

fn number_of_points(text: &str) -> Option<usize> {
    let points = usize::try_from(parse_count(text).ok()?).ok()?;
    (2..=SweepRules::MAX_POINTS)
        .contains(&points)
        .then_some(points)
}

/// At most this number of rates at equal ratios, both ends included. Rounded rates that are not between their neighbours
/// are left out.
fn geometric(from: Rate, to: Rate, points: usize) -> Vec<Rate> {
    let (from, to) = (from.per_second(), to.per_second());
    let last = points - 1;
    let rate = |n: usize| match n {
        0 => from,
        n if n == last => to,
        n => three_digits(from * (to / from).powf(n as f64 / last as f64)),
    };
    let mut rates: Vec<f64> = vec![from];
    for rate in (1..last).map(rate) {
        let is_above = rates.last().is_some_and(|before| *before < rate);
        rates.extend((is_above && rate < to).then_some(rate));
    }
    rates.push(to);
    rates.into_iter().filter_map(Rate::new).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rates(text: &str) -> Vec<f64> {
        let rules: SweepRules = text.parse().unwrap();
        rules.rates.iter().map(|rate| rate.per_second()).collect()
    }

    #[test]
    fn rates_rise_at_equal_ratios() {
        assert_eq!(rates("1000..100_000:3"), [1e3, 1e4, 1e5]);
        let eight = [1e3, 1930.0, 3730.0, 7200.0, 13900.0, 26800.0, 51800.0, 1e5];
        assert_eq!(rates("1000..100_000"), eight);
        // The ends are kept as typed.
        assert_eq!(rates("1_234 .. 5_678 : 2"), [1234.0, 5678.0]);
        assert_eq!(rates("0.5..2:3"), [0.5, 1.0, 2.0]);
    }

    #[test]
    fn wrong_ranges_say_what_to_write() {
        for (wrong, expected) in [
            ("1000", "is not a range of rates"),
            ("1000-2000", "is not a range of rates"),
            ("..2000", "is not a range of rates"),
            (
                "0..2000",
                "`0` in `0..2000` is not a rate: it must be above 0",
            ),
            ("1k..2k", "is not a range of rates"),
            ("1000..x:3", "is not a range of rates"),
            ("2000..1000", "do not rise: write the lower rate first"),
            ("1000..1000", "use --rate"),
            ("1000..2000:1", "from 2 to 200 (example: 1000..2000:12)"),
            ("1000..2000:201", "from 2 to 200"),
            ("1000..2000:", "from 2 to 200"),
            ("1000..2000:x", "from 2 to 200"),
            ("1000..1010:9", "has 9 points, but only 2 rates"),
        ] {
            let error = wrong.parse::<SweepRules>().unwrap_err().to_string();
            assert!(error.contains(expected), "{wrong}: {error}");
        }
    }

    proptest! {
        #[test]
        fn the_rates_of_a_sweep_are_between_its_ends(
            from in 1.0..1e6_f64, factor in 1.5..1e4_f64, points in 2..=40_usize,
        ) {
            let to = from * factor;
            match format!("{from}..{to}:{points}").parse::<SweepRules>() {
                Ok(rules) => {
                    prop_assert_eq!(rules.rates.len(), points);
                    prop_assert_eq!(rules.rates.first().unwrap().per_second(), from);
                    prop_assert_eq!(rules.rates.last().unwrap().per_second(), to);
                    prop_assert!(rules.rates.windows(2).all(|pair| pair[0] < pair[1]));
                    let ratio = (to / from).powf(1.0 / (points - 1) as f64);
                    for pair in rules.rates.windows(2) {
                        // Each of the two is rounded by at most half a percent.
                        let found = pair[1].per_second() / pair[0].per_second();
                        prop_assert!((found / ratio - 1.0).abs() < 0.0102, "{}", found / ratio);
                    }
                }
                Err(error) => prop_assert!(matches!(error, LoadSearchError::TooClose { .. }), "{}", error),
            }
        }

        #[test]
        fn no_text_is_a_sweep_by_accident(text in "\\PC{0,20}") {
            if let Ok(rules) = text.parse::<SweepRules>() {
                prop_assert!(rules.rates.len() >= 2);
            }
        }
    }
}

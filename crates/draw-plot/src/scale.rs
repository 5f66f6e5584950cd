//! An axis: where a value lies on it, where its ticks are and how numbers are written.

use units::grouped;

/// The numbers from one end of an axis to the other, before it has its place in the picture.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct AxisScale {
    pub(crate) low: f64,
    pub(crate) high: f64,
    shape: Spacing,
}

/// How values are spread over an axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Spacing {
    /// Equal steps of value are equal steps of pixels.
    Linear,
    /// Equal factors of value are equal steps of pixels.
    Log,
    /// As before, of 1/(1 − q); the quantile q is written.
    Spectrum,
}

impl AxisScale {
    #[must_use]
    pub(crate) fn linear(low: f64, high: f64) -> Self {
        Self {
            low,
            high,
            shape: Spacing::Linear,
        }
    }

    /// From `low`, which is above zero, to `high` without air.
    #[must_use]
    pub(crate) fn log_between(low: f64, high: f64) -> Self {
        Self {
            low,
            high,
            shape: Spacing::Log,
        }
    }

    /// All quantiles up to that whose 1/(1 − q) is `high`.
    #[must_use]
    pub(crate) fn spectrum(high: f64) -> Self {
        Self {
            low: 1.0,
            high,
            shape: Spacing::Spectrum,
        }
    }

    /// All from `low`, which is above zero, and a little air at both ends.
    #[must_use]
    pub(crate) fn log(low: f64, high: f64) -> Self {
        let air = (high / low).powf(0.03).max(1.05);
        Self::log_between(low / air, high * air)
    }

    /// From the pixel of `low` to the pixel of `high`.
    #[must_use]
    pub(crate) fn over(self, pixels: (f64, f64)) -> PixelAxis {
        let Self { low, high, shape } = self;
        // A picture of a single value still needs a length to divide by.
        let high = match shape {
            _ if high > low => high,
            Spacing::Linear => low + 1.0,
            Spacing::Log | Spacing::Spectrum => low * 10.0,
        };
        PixelAxis {
            low,
            high,
            pixels,
            shape,
        }
    }
}

/// Maps values to pixels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct PixelAxis {
    low: f64,
    high: f64,
    /// Pixel of `low`, pixel of `high`.
    pixels: (f64, f64),
    shape: Spacing,
}

impl PixelAxis {
    /// Whether the value lies on it.
    #[must_use]
    pub(crate) fn reaches(&self, value: f64) -> bool {
        (self.low..=self.high).contains(&value)
    }

    /// The pixel of a value; a value off the axis lies on its nearer end.
    #[must_use]
    pub(crate) fn pixel(&self, value: f64) -> f64 {
        let value = value.clamp(self.low, self.high);
        let share = match self.shape {
            Spacing::Linear => (value - self.low) / (self.high - self.low),
            Spacing::Log | Spacing::Spectrum => {
                (value / self.low).ln() / (self.high / self.low).ln()
            }
        };
        self.pixels.0 + share * (self.pixels.1 - self.pixels.0)
    }

    /// Whether values between its numbers cannot be told by the eye, so that the grid must lead to the
    /// numbers.
    #[must_use]
    pub(crate) fn is_spectrum(&self) -> bool {
        self.shape == Spacing::Spectrum
    }

    /// About `wanted` round values and how each is written.
    #[must_use]
    pub(crate) fn ticks(&self, wanted: usize) -> Vec<(f64, String)> {
        if self.shape == Spacing::Spectrum {
            return self.spectrum_ticks(wanted);
        }
        // Within one power of ten, round numbers are evenly spaced numbers.
        if self.shape == Spacing::Log && self.high / self.low >= 10.0 {
            let ticks = self.log_ticks(wanted.max(3));
            return ticks.into_iter().map(|tick| (tick, plain(tick))).collect();
        }
        let (ticks, decimals) = self.linear_ticks(wanted);
        ticks
            .into_iter()
            .map(|tick| (tick, fixed(tick, decimals)))
            .collect()
    }

    /// 90 %, 99 %, 99.9 % and so on; others where there is room.
    fn spectrum_ticks(&self, wanted: usize) -> Vec<(f64, String)> {
        let room = (self.pixels.1 - self.pixels.0).abs() / wanted.max(3) as f64;
        // Short ones fit more closely.
        let nines = (1..=18).map(|power| (10_f64.powi(power), percent_of_nines(power), 0.7));
        let others = [(1.0, "0 %"), (2.0, "50 %"), (4.0, "75 %"), (20.0, "95 %")];
        let others = others.map(|(x, label)| (x, label.to_owned(), 0.4));
        let mut ticks: Vec<(f64, String)> = Vec::new();
        for (x, label, share) in nines.chain(others).filter(|(x, ..)| *x <= self.high) {
            let is_free = ticks
                .iter()
                .all(|(other, _)| (self.pixel(*other) - self.pixel(x)).abs() >= share * room);
            if is_free {
                ticks.push((x, label));
            }
        }
        ticks.sort_by(|a, b| a.0.total_cmp(&b.0));
        ticks
    }

    /// Multiples of 1, 2 or 5 times a power of ten.
    fn linear_ticks(&self, wanted: usize) -> (Vec<f64>, usize) {
        let rough = (self.high - self.low) / wanted.max(3) as f64;
        let power = rough.log10().floor();
        let base = 10_f64.powf(power);
        let factor = [1.0, 2.0, 5.0, 10.0]
            .into_iter()
            .find(|factor| factor * base >= rough * (1.0 - 1e-9))
            .unwrap_or(10.0);
        let step = factor * base;
        let power = if factor >= 10.0 { power + 1.0 } else { power };
        // Below 20 for every step that a time can have.
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let decimals = (-power).clamp(0.0, 20.0) as usize;
        let first = (self.low / step - 1e-9).ceil();
        let ticks = (0..=2 * wanted.max(3) + 1)
            .map(|i| (first + i as f64) * step)
            .take_while(|tick| *tick <= self.high + step * 1e-9)
            .collect();
        (ticks, decimals)
    }

    /// Powers of ten, with their double and fivefold while there is room; else each n-th power.
    fn log_ticks(&self, wanted: usize) -> Vec<f64> {
        #[allow(clippy::cast_possible_truncation)]
        let (from, to) = (
            self.low.log10().floor() as i32,
            self.high.log10().ceil() as i32,
        );
        let within =
            |tick: &f64| (self.low * (1.0 - 1e-9)..=self.high * (1.0 + 1e-9)).contains(tick);
        let all = |factors: &'static [f64], each: usize| -> Vec<f64> {
            (from..=to)
                .step_by(each)
                .flat_map(|power| {
                    factors
                        .iter()
                        .map(move |factor| factor * 10_f64.powi(power))
                })
                .filter(within)
                .collect()
        };
        for factors in [&[1.0, 2.0, 5.0][..], &[1.0, 3.0]] {
            let ticks = all(factors, 1);
            if ticks.len() <= wanted {
                return ticks;
            }
        }
        (1..)
            .map(|each| all(&[1.0], each))
            .find(|ticks| ticks.len() <= wanted)
            .unwrap_or_default()
    }
}

/// The quantile whose 1/(1 − q) is so many times tenfold: `99.9 %`.
fn percent_of_nines(count: i32) -> String {
    match count {
        ..=1 => "90 %".to_owned(),
        2 => "99 %".to_owned(),
        more => format!(
            "99.{} %",
            "9".repeat(usize::try_from(more - 2).unwrap_or(0))
        ),
    }
}

/// A number with commas between thousands and so many decimals: `1,234.50`.
#[must_use]
pub(crate) fn fixed(value: f64, decimals: usize) -> String {
    let text = format!("{value:.decimals$}");
    let (sign, size) = text
        .strip_prefix('-')
        .map_or(("", text.as_str()), |size| ("-", size));
    let (whole, part) = size.split_once('.').unwrap_or((size, ""));
    match whole.parse() {
        Ok(whole) if part.is_empty() => format!("{sign}{}", grouped(whole)),
        Ok(whole) => format!("{sign}{}.{part}", grouped(whole)),
        // OffScale 64 bits: as it is.
        Err(_) => text,
    }
}

/// A round number with as many decimals as it needs.
fn plain(value: f64) -> String {
    // Below 20 for every number that a time can have.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let decimals = (-(value.log10() + 1e-9).floor()).clamp(0.0, 20.0) as usize;
    fixed(value, decimals)
}

/// A time with three significant digits: `0.0612 ms`, `1.22 ms`, `1,234 ms`.
#[must_use]
pub(crate) fn milliseconds(ms: f64) -> String {
    if ms <= 0.0 {
        return "0 ms".to_owned();
    }
    // Half of the third digit may carry into a fourth: 9.996 is written 10.0.
    let digits_before_point = (ms * (1.0 + 5e-4)).log10().floor();
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let decimals = (2.0 - digits_before_point).clamp(0.0, 12.0) as usize;
    format!("{} ms", fixed(ms, decimals))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn labels(axis: PixelAxis, wanted: usize) -> Vec<String> {
        axis.ticks(wanted)
            .into_iter()
            .map(|(_, label)| label)
            .collect()
    }

    #[test]
    fn ticks_are_round_numbers() {
        let axis = |high| AxisScale::linear(0.0, high).over((0.0, 100.0));
        assert_eq!(
            labels(axis(2.6), 6),
            ["0.0", "0.5", "1.0", "1.5", "2.0", "2.5"]
        );
        assert_eq!(
            labels(axis(0.05), 5),
            ["0.00", "0.01", "0.02", "0.03", "0.04", "0.05"]
        );
        let messages = AxisScale::linear(1.0, 1_000_000.0).over((0.0, 100.0));
        assert_eq!(
            labels(messages, 5),
            ["200,000", "400,000", "600,000", "800,000", "1,000,000"]
        );
        assert_eq!(
            labels(AxisScale::linear(1.0, 3.0).over((0.0, 1.0)), 2),
            ["1", "2", "3"]
        );
    }

    #[test]
    fn log_ticks_thin_out_with_the_range() {
        let axis = |low, high| AxisScale::log_between(low, high).over((0.0, 100.0));
        assert_eq!(
            labels(axis(0.5, 60.0), 8),
            ["0.5", "1", "2", "5", "10", "20", "50"]
        );
        assert_eq!(
            labels(axis(0.001, 2_000.0), 8),
            ["0.001", "0.01", "0.1", "1", "10", "100", "1,000"]
        );
        assert_eq!(labels(axis(1.1, 1.9), 4), ["1.2", "1.4", "1.6", "1.8"]);
    }

    #[test]
    fn a_spectrum_is_written_in_nines() {
        let axis = |high| AxisScale::spectrum(high).over((0.0, 100.0));
        assert_eq!(
            labels(axis(150_000.0), 6),
            [
                "0 %", "75 %", "90 %", "99 %", "99.9 %", "99.99 %", "99.999 %"
            ]
        );
        assert_eq!(
            labels(axis(120.0), 4),
            ["0 %", "50 %", "75 %", "90 %", "95 %", "99 %"]
        );
        assert_eq!(labels(axis(1.25), 8), ["0 %"]);
        assert!((axis(10_000.0).pixel(100.0) - 50.0).abs() < 1e-9);
    }

    #[test]
    fn numbers_are_written_for_people() {
        assert_eq!(milliseconds(0.061_23), "0.0612 ms");
        assert_eq!(milliseconds(1.224), "1.22 ms");
        assert_eq!(milliseconds(9.996), "10.0 ms");
        assert_eq!(milliseconds(412.5), "412 ms");
        assert_eq!(milliseconds(12_345.0), "12,345 ms");
        assert_eq!(milliseconds(0.0), "0 ms");
        assert_eq!(fixed(-12_345.25, 1), "-12,345.2");
        assert_eq!(fixed(-2_000.0, 0), "-2,000");
    }

    #[test]
    fn a_logarithmic_scale_has_air_at_both_ends() {
        let scale = AxisScale::log(1.0, 1_000.0);
        assert!(scale.low < 1.0 && scale.high > 1_000.0);
        assert_eq!(
            labels(scale.over((0.0, 100.0)), 4),
            ["1", "10", "100", "1,000"]
        );
        assert!(labels(AxisScale::linear(0.0, 3.0).over((0.0, 1.0)), 3).contains(&"2".to_owned()));
    }

    #[test]
    fn values_lie_where_they_should() {
        let linear = AxisScale::linear(0.0, 4.0).over((100.0, 0.0));
        assert_eq!(
            (linear.pixel(0.0), linear.pixel(1.0), linear.pixel(9.0)),
            (100.0, 75.0, 0.0)
        );
        let log = AxisScale::log_between(0.1, 1_000.0).over((0.0, 400.0));
        assert!((log.pixel(10.0) - 200.0).abs() < 1e-9);
        assert_eq!(log.pixel(0.0), 0.0);
    }

    proptest! {
        #[test]
        fn ticks_stay_on_the_axis_and_are_few(high in 1e-6..1e9_f64, wanted in 2..12_usize, is_log: bool) {
            let scale = if is_log { AxisScale::log_between(high / 3e4, high) } else { AxisScale::linear(0.0, high) };
            let axis = scale.over((0.0, 1.0));
            let ticks = axis.ticks(wanted);
            prop_assert!(ticks.len() <= 2 * wanted.max(3) + 2 && ticks.len() >= 2);
            prop_assert!(ticks.windows(2).all(|pair| pair[0].0 < pair[1].0 && pair[0].1 != pair[1].1));
            prop_assert!(ticks.iter().all(|(tick, _)| *tick <= high * (1.0 + 1e-6)));
        }
    }
}

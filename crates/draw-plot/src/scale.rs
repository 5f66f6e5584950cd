//! The scale of an axis: the pixel of each value, and the ticks.

use crate::number_format::{fixed_decimals, round_number};
use crate::series::{round_step, whole};

/// The numbers from one end of an axis to the other, before it has its place in the picture.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct AxisScale {
    pub(crate) low: f64,
    pub(crate) high: f64,
    spacing: Spacing,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Spacing {
    Linear,
    Log,
    /// Logarithmic scale of 1/(1 − q), whose ticks are labelled with the quantile q.
    Spectrum,
}

impl AxisScale {
    pub(crate) fn linear(low: f64, high: f64) -> Self {
        let spacing = Spacing::Linear;
        Self { low, high, spacing }
    }

    /// A logarithmic scale from exactly `low`, which is above zero, to exactly `high`.
    pub(crate) fn log_between(low: f64, high: f64) -> Self {
        let spacing = Spacing::Log;
        Self { low, high, spacing }
    }

    /// A linear scale from `low` to `high`, or to the next tick above it of about `ticks`.
    pub(crate) fn linear_to_tick(low: f64, high: f64, ticks: f64) -> Self {
        let (factor, power) = round_step((high - low) / ticks);
        let step = factor * 10_f64.powf(power);
        match step.is_normal() {
            true => Self::linear(low, (high / step - 1e-9).ceil() * step),
            false => Self::linear(low, high),
        }
    }

    /// A scale of quantiles up to the one whose 1/(1 − q) is `high`.
    pub(crate) fn spectrum(high: f64) -> Self {
        let (low, spacing) = (1.0, Spacing::Spectrum);
        Self { low, high, spacing }
    }

    /// A logarithmic scale from `low`, which is above zero, to `high` with a margin at both ends.
    pub(crate) fn log(low: f64, high: f64) -> Self {
        let air = (high / low).powf(0.03).max(1.05);
        Self::log_between(low / air, high * air)
    }

    /// The axis between the pixel of `low` and the pixel of `high`.
    pub(crate) fn over(self, pixels: (f64, f64)) -> PixelAxis {
        // A picture of a single value still needs a length to divide by.
        let high = match self.spacing {
            _ if self.high > self.low => self.high,
            Spacing::Linear => self.low + 1.0,
            Spacing::Log | Spacing::Spectrum => self.low * 10.0,
        };
        let scale = Self { high, ..self };
        PixelAxis { scale, pixels }
    }
}

/// A value of an axis, and its printed form.
pub(crate) type Tick = (f64, String);

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct PixelAxis {
    scale: AxisScale,
    /// Pixel of `low`, pixel of `high`.
    pixels: (f64, f64),
}

impl PixelAxis {
    pub(crate) fn reaches(&self, value: f64) -> bool {
        (self.scale.low..=self.scale.high).contains(&value)
    }

    /// The pixel of a value. A value off the axis lies on its nearer end.
    pub(crate) fn pixel(&self, value: f64) -> f64 {
        let value = value.clamp(self.scale.low, self.scale.high);
        let share = match self.scale.spacing {
            Spacing::Linear => (value - self.scale.low) / (self.scale.high - self.scale.low),
            Spacing::Log | Spacing::Spectrum => {
                (value / self.scale.low).ln() / (self.scale.high / self.scale.low).ln()
            }
        };
        self.pixels.0 + share * (self.pixels.1 - self.pixels.0)
    }

    /// True for a scale of quantiles, whose labels need grid lines because a reader cannot interpolate between them.
    pub(crate) fn is_spectrum(&self) -> bool {
        self.scale.spacing == Spacing::Spectrum
    }

    /// About `wanted` round values, each with its printed form.
    pub(crate) fn ticks(&self, wanted: usize) -> Vec<Tick> {
        if self.scale.spacing == Spacing::Spectrum {
            return self.spectrum_ticks(wanted);
        }
        // Within one power of ten, round numbers are evenly spaced numbers.
        if self.scale.spacing == Spacing::Log && self.scale.high / self.scale.low >= 10.0 {
            let mut ticks = self.log_ticks(wanted.max(3));
            self.add_end_ticks(&mut ticks, wanted);
            return ticks
                .into_iter()
                .map(|tick| (tick, round_number(tick)))
                .collect();
        }
        self.linear_ticks(wanted)
    }

    /// Ticks at 90 %, 99 %, 99.9 % and so on, and at others if they have room.
    fn spectrum_ticks(&self, wanted: usize) -> Vec<Tick> {
        let room = (self.pixels.1 - self.pixels.0).abs() / wanted.max(3) as f64;
        // Short ones fit more closely.
        let nines = (1..=18).map(|power| (10_f64.powi(power), percent_of_nines(power), 0.7));
        let others = [(1.0, "0 %"), (2.0, "50 %"), (4.0, "75 %"), (20.0, "95 %")];
        let others = others.map(|(x, label)| (x, label.to_owned(), 0.4));
        let mut ticks: Vec<Tick> = Vec::new();
        for (x, label, share) in nines.chain(others).filter(|(x, ..)| *x <= self.scale.high) {
            let pixels = |other: &Tick| (self.pixel(other.0) - self.pixel(x)).abs();
            if ticks.iter().all(|other| pixels(other) >= share * room) {
                ticks.push((x, label));
            }
        }
        ticks.sort_by(|a, b| a.0.total_cmp(&b.0));
        ticks
    }

    /// Ticks at multiples of 1, 2 or 5 times a power of ten.
    fn linear_ticks(&self, wanted: usize) -> Vec<Tick> {
        let rough = (self.scale.high - self.scale.low) / wanted.max(3) as f64;
        let (factor, power) = round_step(rough);
        let step = factor * 10_f64.powf(power);
        let power = if factor >= 10.0 { power + 1.0 } else { power };
        let decimals = whole((-power).min(20.0));
        let first = (self.scale.low / step - 1e-9).ceil();
        (0..=2 * wanted.max(3) + 1)
            .map(|i| (first + i as f64) * step)
            .take_while(|tick| *tick <= self.scale.high + step * 1e-9)
            .map(|tick| (tick, fixed_decimals(tick, decimals)))
            .collect()
    }

    /// Ticks at powers of ten, with their double and fivefold if they have room; else at each n-th power.
    fn log_ticks(&self, wanted: usize) -> Vec<f64> {
        let AxisScale { low, high, .. } = self.scale;
        #[allow(clippy::cast_possible_truncation)]
        let (from, to) = (low.log10().floor() as i32, high.log10().ceil() as i32);
        let within = low * (1.0 - 1e-9)..=high * (1.0 + 1e-9);
        let all = |factors: &'static [f64], each: usize| -> Vec<f64> {
            let powers = (from..=to).step_by(each).map(|power| 10_f64.powi(power));
            let ticks = powers.flat_map(|base| factors.iter().map(move |factor| factor * base));
            ticks.filter(|tick| within.contains(tick)).collect()
        };
        for factors in [&[1.0, 2.0, 5.0][..], &[1.0, 3.0]] {
            let ticks = all(factors, 1);
            if ticks.len() <= wanted {
                return ticks;
            }
        }
        let mut fewer = (1..).map(|each| all(&[1.0], each));
        fewer
            .find(|ticks| ticks.len() <= wanted)
            .unwrap_or_default()
    }

    /// Adds round numbers near the ends of a logarithmic axis, where they have room, so that the ends can be read.
    fn add_end_ticks(&self, ticks: &mut Vec<f64>, wanted: usize) {
        let room = 0.75 * (self.pixels.1 - self.pixels.0).abs() / wanted.max(3) as f64;
        let AxisScale { low, high, .. } = self.scale;
        let has_room = |end: f64, tick: Option<&f64>| {
            let pixels = |tick: &f64| (self.pixel(end) - self.pixel(*tick)).abs();
            (low..=high).contains(&end) && tick.is_none_or(|tick| pixels(tick) >= room)
        };
        let round = |end: f64| [1.0, 2.0, 5.0, 10.0].map(|k| k * 10_f64.powf(end.log10().floor()));
        let first = round(low).into_iter().find(|tick| *tick >= low);
        if let Some(first) = first.filter(|first| has_room(*first, ticks.first())) {
            ticks.insert(0, first);
        }
        let last = round(high).into_iter().rev().find(|tick| *tick <= high);
        if let Some(last) = last.filter(|last| has_room(*last, ticks.last())) {
            ticks.push(last);
        }
    }
}

/// The quantile whose 1/(1 − q) is 10 to the power of `count`: `99.9 %`.
fn percent_of_nines(count: i32) -> String {
    match usize::try_from(count - 2) {
        Err(_) => "90 %".to_owned(),
        Ok(0) => "99 %".to_owned(),
        Ok(more) => format!("99.{} %", "9".repeat(more)),
    }
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

    /// With ticks at powers of ten alone, the ends of the axis had no number.
    #[test]
    fn the_ends_of_a_log_axis_have_numbers_if_there_is_room() {
        let axis = AxisScale::log_between(0.17, 5_400.0).over((0.0, 100.0));
        assert_eq!(labels(axis, 6), ["0.2", "1", "10", "100", "1,000", "5,000"]);
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

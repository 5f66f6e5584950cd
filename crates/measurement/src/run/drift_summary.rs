//! Drift of a long run: whether times, throughput, memory and open files of the server change while the load stays the same.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use statistics::trend::{Trend, find_trend};

use super::plan_summary::PlanSummary;
use crate::record::{BucketCounts, SecondHistograms, TimelineRow};
use crate::verdict::{DRIFT_LIMIT, FigureChange};

/// Minimum length of a measured phase whose drift is computed, in seconds.
pub const MIN_DRIFT_S: f64 = 300.0;

/// Probability by chance below which all figures together report a drift.
const DRIFT_P: f64 = 0.01;

/// Level of the confidence intervals.
const LEVEL: f64 = 0.95;

/// Number of figures that can drift.
const FIGURES: f64 = 5.0;

/// Drift of the figures of a run with constant load. Times are response times.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct DriftSummary {
    /// Length of the time that was examined, in seconds.
    pub over_s: f64,
    /// Level of the intervals, such as 0.95.
    pub confidence: f64,
    /// The figures that are known often enough.
    pub figures: Vec<FigureDrift>,
}

/// Drift of one figure.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct FigureDrift {
    /// The figure.
    pub figure: DriftingFigure,
    /// Unit of the figure: `ns`, `msg/s`, `bytes`, `files`.
    pub unit: String,
    /// Median of the figure over the run.
    pub median: f64,
    /// Change per hour (Theil–Sen slope), in the unit of the figure.
    pub per_hour: f64,
    /// Lower bound of its interval.
    pub low_per_hour: f64,
    /// Upper bound of its interval.
    pub high_per_hour: f64,
    /// The same as shares of the median; `None` when that is 0.
    pub relative_per_hour: Option<f64>,
    /// Lower bound of this share.
    pub relative_low_per_hour: Option<f64>,
    /// Upper bound of this share.
    pub relative_high_per_hour: Option<f64>,
    /// Probability of such a consistent rise or fall by chance (Mann–Kendall).
    pub p_value: f64,
    /// Number of blocks that the figure was averaged over.
    pub blocks: u64,
    /// Length of a block in seconds.
    pub block_s: f64,
    /// Rise or fall, if chance alone is unlikely: p below 0.01 for all five figures together.
    pub direction: DriftDirection,
}

/// A figure that can drift.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum DriftingFigure {
    /// Median of the response times.
    P50,
    /// 99th percentile of the response times.
    P99,
    /// Messages received per second.
    Throughput,
    /// Resident memory of the server's processes.
    Memory,
    /// Open files of the server's processes.
    Files,
}

impl DriftingFigure {
    /// The word used in every report: `p50`, `p99`, `throughput`, `memory`, `files`.
    pub fn name(self) -> &'static str {
        match self {
            Self::P50 => "p50",
            Self::P99 => "p99",
            Self::Throughput => "throughput",
            Self::Memory => "memory",
            Self::Files => "files",
        }
    }

    /// Returns true for a figure of the load, and false for one of the server's resources.
    pub fn is_of_load(self) -> bool {
        matches!(self, Self::P50 | Self::P99 | Self::Throughput)
    }

    fn unit(self) -> &'static str {
        match self {
            Self::P50 | Self::P99 => "ns",
            Self::Throughput => "msg/s",
            Self::Memory => "bytes",
            Self::Files => "files",
        }
    }
}

/// Direction of a drift.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum DriftDirection {
    /// The figure grows.
    Rises,
    /// The figure shrinks.
    Falls,
    /// No drift was found.
    Steady,
}

/// Values of a figure with their times after T0 in hours.
type Points = Vec<(f64, f64)>;

impl DriftSummary {
    /// The drift of a run; `None` when it is shorter than [`MIN_DRIFT_S`], or its load changes by plan. `rows` have
    /// histograms.
    pub fn new(
        plan: &PlanSummary,
        rows: &[TimelineRow],
        readings: &[ServerReading],
        elapsed_s: f64,
    ) -> Option<Self> {
        if elapsed_s < MIN_DRIFT_S || changes_by_plan(plan) {
            return None;
        }
        let whole = || {
            rows.iter()
                .filter(|row| row.span().end() as f64 <= elapsed_s)
        };
        let of_rows = |value: &dyn Fn(&TimelineRow) -> Option<f64>| -> Points {
            let points = whole().filter_map(|row| {
                let middle_s = row.second as f64 + row.seconds.get() as f64 / 2.0;
                Some((middle_s / 3600.0, value(row)?))
            });
            points.collect()
        };
        let of_readings = |value: fn(&ServerReading) -> Option<u64>| -> Points {
            let points = readings
                .iter()
                .filter_map(|reading| Some((reading.at_s / 3600.0, value(reading)? as f64)));
            points.collect()
        };
        let figures = [
            (
                DriftingFigure::P50,
                of_rows(&|row| response_quantile(row, 0.5)),
            ),
            (
                DriftingFigure::P99,
                of_rows(&|row| response_quantile(row, 0.99)),
            ),
            (
                DriftingFigure::Throughput,
                of_rows(&|row| Some(row.received as f64 / row.seconds.get() as f64)),
            ),
            (
                DriftingFigure::Memory,
                of_readings(|reading| Some(reading.rss_bytes)),
            ),
            (
                DriftingFigure::Files,
                of_readings(|reading| reading.open_files),
            ),
        ];
        let figures = figures
            .iter()
            .filter_map(|(figure, points)| FigureDrift::new(*figure, points));
        let figures: Vec<_> = figures.collect();
        (!figures.is_empty()).then_some(Self {
            over_s: elapsed_s,
            confidence: LEVEL,
            figures,
        })
    }

    /// The drifts of the load that are larger than [`DRIFT_LIMIT`] over the run.
    pub(super) fn changes(&self) -> Vec<FigureChange> {
        let of_load = self.figures.iter().filter(|own| own.figure.is_of_load());
        let changes = of_load.filter(|own| own.direction != DriftDirection::Steady);
        let changes = changes.filter_map(|own| {
            let per_hour = own.relative_per_hour?;
            Some(FigureChange {
                figure: own.figure.name(),
                per_hour,
                low_per_hour: own.relative_low_per_hour?,
                high_per_hour: own.relative_high_per_hour?,
                over_run: per_hour * self.over_s / 3600.0,
            })
        });
        changes
            .filter(|change| change.over_run.abs() > DRIFT_LIMIT)
            .collect()
    }
}

impl FigureDrift {
    fn new(figure: DriftingFigure, points: &[(f64, f64)]) -> Option<Self> {
        let trend = find_trend(points, LEVEL)?;
        let Trend {
            slope,
            low,
            high,
            middle,
            ..
        } = trend;
        let share = |value: f64| (middle != 0.0).then(|| value / middle.abs());
        let hours = points.last()?.0 - points.first()?.0;
        let spacing_s = 3600.0 * hours / (points.len() as f64 - 1.0);
        let is_found = trend.p_value < DRIFT_P / FIGURES;
        Some(Self {
            figure,
            unit: figure.unit().to_owned(),
            median: middle,
            per_hour: slope,
            low_per_hour: low,
            high_per_hour: high,
            relative_per_hour: share(slope),
            relative_low_per_hour: share(low),
            relative_high_per_hour: share(high),
            p_value: trend.p_value,
            blocks: trend.blocks as u64,
            block_s: spacing_s * trend.values_per_block as f64,
            direction: match is_found {
                true if low > 0.0 => DriftDirection::Rises,
                true if high < 0.0 => DriftDirection::Falls,
                _ => DriftDirection::Steady,
            },
        })
    }
}

/// Returns true when the load is not the same all the time.
fn changes_by_plan(plan: &PlanSummary) -> bool {
    let connections = plan.connections.as_ref();
    plan.ramp_s.is_some()
        || plan.stages.len() > 1
        || plan.slow.is_some_and(|slow| slow.after_s > 0.0)
        || connections.is_some_and(|rules| rules.drop.is_some())
}

/// The quantile of the response times of a row, in nanoseconds; `None` without any.
fn response_quantile(row: &TimelineRow, q: f64) -> Option<f64> {
    let SecondHistograms { service, response } = row.histograms.as_ref()?;
    let times = BucketCounts::decode(response.as_ref().unwrap_or(service)).ok()?;
    times.quantile(q).map(|ns| ns as f64)
}

/// Resources of the server's processes at one time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct ServerReading {
    /// Time after T0 in seconds.
    pub at_s: f64,
    /// Resident memory in bytes.
    pub rss_bytes: u64,
    /// Number of open files; `None` where the system does not report it.
    pub open_files: Option<u64>,
}

/// Maximum number of readings that are kept.
const MAX_READINGS: usize = 720;

/// Time between two readings at first.
const FIRST_INTERVAL: Duration = Duration::from_secs(5);

/// Readings of a server over a run of any length. When there are too many, every other one is dropped, and the time between
/// two is doubled.
#[derive(Debug, Clone)]
pub struct ServerReadings {
    interval: Duration,
    next: Duration,
    readings: Vec<ServerReading>,
}

impl Default for ServerReadings {
    fn default() -> Self {
        Self {
            interval: FIRST_INTERVAL,
            next: Duration::ZERO,
            readings: Vec::new(),
        }
    }
}

impl ServerReadings {
    /// Takes a reading of resident memory and open files at this time after T0, if it is time for one.
    pub fn take(&mut self, at: Duration, read: impl FnOnce() -> Option<(u64, Option<u64>)>) {
        if at < self.next {
            return;
        }
        let passed = at.as_nanos() / self.interval.as_nanos();
        let next = u32::try_from(passed + 1).unwrap_or(u32::MAX);
        self.next = self.interval.saturating_mul(next);
        let Some((rss_bytes, open_files)) = read() else {
            return;
        };
        self.readings.push(ServerReading {
            at_s: at.as_secs_f64(),
            rss_bytes,
            open_files,
        });
        if self.readings.len() >= MAX_READINGS {
            let mut index = 0;
            self.readings.retain(|_| {
                index += 1;
                index % 2 == 1
            });
            self.interval *= 2;
        }
    }

    /// The readings in order of time.
    pub fn readings(&self) -> &[ServerReading] {
        &self.readings
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{LatencyHistogram, RowSeconds};
    use crate::run::tests::plan;

    /// Rows of twenty seconds, whose response time changes by this share per hour, and half of its p99.
    fn rows(hours: u64, per_hour: f64) -> Vec<TimelineRow> {
        let row = |number: u64| {
            let mut times = LatencyHistogram::new();
            for message in 0..100_u64 {
                let noise = 1.0 + 0.02 * ((number * 7 + message * 13) % 29) as f64 / 29.0;
                let level = 1e6 * (1.0 + per_hour * number as f64 / 180.0) * noise;
                #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
                times.record(level as u64 * if message >= 95 { 5 } else { 1 });
            }
            TimelineRow {
                second: number * 20,
                seconds: RowSeconds::try_from(20).unwrap(),
                sent: 100,
                received: 100,
                histograms: Some(SecondHistograms {
                    service: times.encode(),
                    response: None,
                }),
                ..TimelineRow::default()
            }
        };
        (0..hours * 180).map(row).collect()
    }

    fn figure(drift: &DriftSummary, figure: DriftingFigure) -> &FigureDrift {
        drift
            .figures
            .iter()
            .find(|own| own.figure == figure)
            .unwrap()
    }

    #[test]
    fn a_run_that_slows_down_has_a_drift() {
        let plan = PlanSummary::from(&plan(|_| ()));
        let drift = DriftSummary::new(&plan, &rows(2, 0.1), &[], 7_200.0).unwrap();
        let p50 = figure(&drift, DriftingFigure::P50);
        assert_eq!(p50.direction, DriftDirection::Rises);
        // The median is that of the middle, 10 % above the first.
        assert!(
            (p50.relative_per_hour.unwrap() - 0.1 / 1.1).abs() < 0.003,
            "{p50:?}"
        );
        assert!((p50.per_hour / 1.01e5 - 1.0).abs() < 0.01, "{p50:?}");
        assert!(p50.blocks >= 20 && p50.block_s >= 60.0, "{p50:?}");
        let throughput = figure(&drift, DriftingFigure::Throughput);
        assert_eq!((throughput.per_hour, throughput.median), (0.0, 5.0));
        assert_eq!(throughput.direction, DriftDirection::Steady);
        let changes = drift.changes();
        let names: Vec<_> = changes.iter().map(|change| change.figure).collect();
        assert_eq!(names, ["p50", "p99"]);
        assert!((changes[0].over_run - 0.18).abs() < 0.01, "{changes:?}");
        assert_eq!(drift.figures.len(), 3, "the server was not watched");
    }

    #[test]
    fn a_steady_run_has_none_and_a_short_one_is_not_examined() {
        let of = |length_s| {
            DriftSummary::new(
                &PlanSummary::from(&plan(|_| ())),
                &rows(1, 0.0),
                &[],
                length_s,
            )
        };
        let drift = of(3_600.0).unwrap();
        assert!(
            drift
                .figures
                .iter()
                .all(|own| own.direction == DriftDirection::Steady)
        );
        assert_eq!(drift.changes(), []);
        assert_eq!(of(299.0), None);
    }

    #[test]
    fn a_load_that_changes_by_plan_is_not_examined() {
        let mut of_plan = PlanSummary::from(&plan(|_| ()));
        of_plan.ramp_s = Some(60.0);
        assert_eq!(
            DriftSummary::new(&of_plan, &rows(1, 0.5), &[], 3_600.0),
            None
        );
    }

    #[test]
    fn a_day_of_readings_is_thinned_out_and_finds_the_leak() {
        let mut readings = ServerReadings::default();
        // 100 messages per second leak 16 B each.
        for second in 0..86_400_u32 {
            let at = Duration::from_secs(second.into());
            let bytes = 80_000_000 + u64::from(second) * 1_600;
            readings.take(at, || Some((bytes.next_multiple_of(4_096), Some(30))));
            assert!(readings.readings().len() < MAX_READINGS);
        }
        let kept = readings.readings();
        assert!(kept.len() >= MAX_READINGS / 2, "{}", kept.len());
        let spacings: Vec<_> = kept
            .windows(2)
            .map(|two| two[1].at_s - two[0].at_s)
            .collect();
        assert!(
            spacings.iter().all(|spacing| *spacing == spacings[0]),
            "{spacings:?}"
        );
        let plan = PlanSummary::from(&plan(|_| ()));
        let drift = DriftSummary::new(&plan, &[], kept, 86_400.0).unwrap();
        let memory = figure(&drift, DriftingFigure::Memory);
        assert!(
            memory.low_per_hour <= 5.76e6 && memory.high_per_hour >= 5.76e6,
            "{memory:?}"
        );
        assert_eq!(memory.direction, DriftDirection::Rises);
        assert_eq!(
            figure(&drift, DriftingFigure::Files).direction,
            DriftDirection::Steady
        );
        assert_eq!(
            drift.changes(),
            [],
            "a leak does not distort the figures of the load"
        );
    }
}

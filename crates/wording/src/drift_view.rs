//! Change of the figures over a long run, as text.

use measurement::run::{DriftDirection, DriftSummary, DriftingFigure, FigureDrift};
use measurement::verdict::{DRIFT_LIMIT, FigureChange};
use units::{human_bytes_beside, human_percent};

use crate::percent_beside::percent_beside;
use crate::summary_figure::{LabelledRow, SummaryFigure, in_table, joined};

/// Figures of the drift, for a table and for the line of the text summary: `p99 rises 3.1 % per hour (2.4–3.9)`.
pub fn drift_figures(drift: &DriftSummary) -> Vec<SummaryFigure> {
    let figure = |own: &FigureDrift| {
        let said = sentence(own);
        let value = said.clone().map_or_else(
            || steady(own),
            |text| {
                let name = subject(own.figure);
                text.strip_prefix(name).unwrap_or(&text).trim().to_owned()
            },
        );
        in_table(subject(own.figure), Some(value)).said(said)
    };
    let mut figures: Vec<_> = drift.figures.iter().map(figure).collect();
    let is_steady = |own: &&FigureDrift| own.direction == DriftDirection::Steady;
    let names = drift.figures.iter().filter(is_steady);
    let names: Vec<_> = names.map(|own| subject(own.figure)).collect();
    let none = (!names.is_empty()).then(|| format!("none found in {}", names.join(", ")));
    figures.push(in_table("", None).said(none));
    figures
}

/// The line of the text summary.
pub(crate) fn row(drift: &DriftSummary) -> LabelledRow {
    LabelledRow {
        label: "drift",
        text: joined(&drift_figures(drift)),
        ..LabelledRow::default()
    }
}

/// The reason against a run whose figures changed.
pub(crate) fn reason(change: &FigureChange) -> String {
    let verb = if change.over_run > 0.0 {
        "rises"
    } else {
        "falls"
    };
    let bounds = [change.low_per_hour, change.high_per_hour];
    format!(
        "{} {verb} {} per hour {}, {} over the run (limit {}), so the figures depend on the length of the run; look for what grows in the server, or use a longer `--warmup` if it only warms up",
        change.figure,
        percent(change.per_hour.abs()),
        percent_range(bounds),
        percent_beside(change.over_run.abs(), DRIFT_LIMIT),
        human_percent(DRIFT_LIMIT)
    )
}

/// Name of a figure in a sentence.
fn subject(figure: DriftingFigure) -> &'static str {
    match figure {
        DriftingFigure::Memory => "server memory",
        DriftingFigure::Files => "open files",
        of_load => of_load.name(),
    }
}

/// The drift in a sentence: `p99 rises 3.1 % per hour (2.4–3.9)`; `None` without one.
pub fn sentence(own: &FigureDrift) -> Option<String> {
    let is_plural = own.figure == DriftingFigure::Files;
    let verb = match own.direction {
        DriftDirection::Steady => return None,
        DriftDirection::Rises if is_plural => "rise",
        DriftDirection::Rises => "rises",
        DriftDirection::Falls if is_plural => "fall",
        DriftDirection::Falls => "falls",
    };
    let bounds = [own.low_per_hour, own.high_per_hour];
    let relative = own.relative_low_per_hour.zip(own.relative_high_per_hour);
    let (change, range) = match (own.figure, own.relative_per_hour, relative) {
        (DriftingFigure::Memory, ..) => {
            let change = own.per_hour.abs();
            (
                human_bytes_beside(change, change),
                range(bounds, |bytes| bytes_beside(bytes, change)),
            )
        }
        (DriftingFigure::Files, ..) => (number(own.per_hour.abs()), range(bounds, number)),
        (_, Some(share), Some((low, high))) => (percent(share.abs()), percent_range([low, high])),
        // A figure whose median is 0 has no share.
        _ => (
            format!("{} {}", number(own.per_hour.abs()), own.unit),
            range(bounds, number),
        ),
    };
    Some(format!(
        "{} {verb} {change} per hour {range}",
        subject(own.figure)
    ))
}

/// The interval of a figure without drift.
fn steady(own: &FigureDrift) -> String {
    match own.relative_low_per_hour.zip(own.relative_high_per_hour) {
        Some((low, high)) => format!(
            "steady, {} % to {} % per hour",
            signed(100.0 * low),
            signed(100.0 * high)
        ),
        None => "steady".to_owned(),
    }
}

fn signed(value: f64) -> String {
    match number(value.abs()) {
        zero if zero == "0" => zero,
        text if value < 0.0 => format!("−{text}"),
        text => text,
    }
}

/// The number of a size in the unit of another one, and the unit if that differs.
fn bytes_beside(bytes: f64, other: f64) -> String {
    let unit = |text: &str| text.rsplit_once(' ').map(|(_, unit)| unit.to_owned());
    let text = human_bytes_beside(bytes, other);
    match text.rsplit_once(' ') {
        Some((number, _)) if unit(&text) == unit(&human_bytes_beside(other, other)) => {
            number.to_owned()
        }
        _ => text,
    }
}

/// `(2.4–3.9)`: the bounds without sign, the smaller one first.
fn range(bounds: [f64; 2], text: impl Fn(f64) -> String) -> String {
    let [one, other] = bounds.map(f64::abs);
    format!("({}–{})", text(one.min(other)), text(one.max(other)))
}

fn percent_range(shares: [f64; 2]) -> String {
    range(shares.map(|share| 100.0 * share), number)
}

fn percent(share: f64) -> String {
    format!("{} %", number(100.0 * share))
}

/// Two significant digits, or all before the point.
fn number(value: f64) -> String {
    match value {
        10.0.. => format!("{value:.0}"),
        1.0.. => format!("{value:.1}"),
        0.005.. => format!("{value:.2}"),
        _ => "0".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drift(figure: DriftingFigure, median: f64, per_hour: [f64; 3]) -> FigureDrift {
        let [low, slope, high] = per_hour;
        FigureDrift {
            figure,
            unit: "ns".to_owned(),
            median,
            per_hour: slope,
            low_per_hour: low,
            high_per_hour: high,
            relative_per_hour: Some(slope / median),
            relative_low_per_hour: Some(low / median),
            relative_high_per_hour: Some(high / median),
            p_value: 1e-5,
            blocks: 60,
            block_s: 60.0,
            direction: match slope {
                0.0.. if low > 0.0 => DriftDirection::Rises,
                _ if high < 0.0 => DriftDirection::Falls,
                _ => DriftDirection::Steady,
            },
        }
    }

    #[test]
    fn a_drift_is_a_sentence_and_a_steady_figure_is_not() {
        const MIB: f64 = 1_048_576.0;
        let summary = DriftSummary {
            over_s: 7_200.0,
            confidence: 0.95,
            figures: vec![
                drift(DriftingFigure::P50, 1e6, [-3e3, 1e3, 2e3]),
                drift(DriftingFigure::P99, 2e6, [0.048e6, 0.062e6, 0.078e6]),
                drift(DriftingFigure::Throughput, 1e4, [-560.0, -530.0, -500.0]),
                drift(
                    DriftingFigure::Memory,
                    80.0 * MIB,
                    [35.2 * MIB, 36.0 * MIB, 36.8 * MIB],
                ),
                drift(DriftingFigure::Files, 200.0, [110.0, 120.0, 130.0]),
            ],
        };
        let row = row(&summary);
        assert_eq!(
            row.text,
            "p99 rises 3.1 % per hour (2.4–3.9) · throughput falls 5.3 % per hour (5.0–5.6) · server memory rises 36.0 MiB per hour (35.2–36.8) · open files rise 120 per hour (110–130) · none found in p50"
        );
        let figures = drift_figures(&summary);
        let values: Vec<_> = figures.iter().filter_map(|own| own.value.clone()).collect();
        assert_eq!(values[0], "steady, −0.30 % to 0.20 % per hour");
        assert_eq!(values[1], "rises 3.1 % per hour (2.4–3.9)");
    }

    #[test]
    fn a_reason_names_the_limit_and_the_consequence() {
        let text = reason(&FigureChange {
            figure: "p99",
            per_hour: 0.031,
            low_per_hour: 0.024,
            high_per_hour: 0.039,
            over_run: 0.062,
        });
        assert!(
            text.starts_with(
                "p99 rises 3.1 % per hour (2.4–3.9), 6 % over the run (limit 5 %), so "
            ),
            "{text}"
        );
    }
}

//! Prints the series that the pictures of a file draw, as one JSON document of plain numbers:
//! `cargo run -p draw-plot --example series -- run.csv 1200 50`, where 1200 is the width of the picture's
//! field in pixels and 50 the window of the moving average. `tests/numpy_check.py` compares it with
//! what NumPy and pandas make of the same file.

#![allow(clippy::print_stdout)]

use std::num::NonZeroUsize;

use anyhow::Context;
use draw_plot::series::{
    Cells, Positions, SortedTimes, bins_for, column_ranges, even_places, histogram, log_places,
    moment, outline, quantile_at, rates, rows_for, shares, slice_for, spectrum, spectrum_end,
};
use draw_plot::{Data, PictureKind, load};
use measurement::moving_average;
use results::read::ColumnRequest;
use serde_json::json;

fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let mut next = |what: &str| arguments.next().context(format!("{what} is missing"));
    let files = [next("the file")?.into()];
    let columns: NonZeroUsize = next("the number of columns")?.parse()?;
    let window: NonZeroUsize = next("the window")?.parse()?;
    let request = ColumnRequest::default();
    let mut all = serde_json::Map::new();

    if let Data::Latency(series) = &load(PictureKind::Latency, &files, &request)?.data {
        let values = &series[0].values_ms;
        let averages = moving_average::averages(values, window);
        let first = window.get() - 1;
        // Each average stands at the last message of its window, whose number counts lost messages too.
        let positions = match series[0].rows.get(first..) {
            Some(rows) if !rows.is_empty() => Positions::Each(rows),
            _ => Positions::From(first),
        };
        let span = values.len() + usize::try_from(series[0].skipped)?;
        let drawn = outline(&averages, positions, span, columns);
        let reaches = column_ranges(&averages, positions, span, columns);
        let reaches = reaches.iter();
        let reaches = reaches.map(|reach| (reach.column, reach.low, reach.mean, reach.high));
        all.insert("reaches".into(), json!(reaches.collect::<Vec<_>>()));
        all.insert("averages".into(), json!(averages));
        all.insert("outline".into(), json!(drawn));
    }
    if let Data::Distributions(files) = &load(PictureKind::Percentiles, &files, &request)?.data {
        for times in files[0].iter() {
            let sorted = SortedTimes::of(times).context("no times")?;
            all.insert(times.label.clone(), describe(&sorted, columns.get())?);
        }
    }
    if let Data::Timeline { runs, .. } = &load(PictureKind::Timeline, &files, &request)?.data {
        let run = &runs[0];
        let rows = &run.timeline.as_ref().context("no seconds")?.rows;
        let per_second = |count: &dyn Fn(usize) -> u64| {
            let counts = rows.iter().enumerate();
            let counts = counts.map(|(at, row)| (row.span(), count(at)));
            let steps = rates(counts, run.elapsed_s());
            steps.iter().map(|step| step.value).collect::<Vec<_>>()
        };
        let seconds = json!({
            "second": rows.iter().map(|row| row.second).collect::<Vec<_>>(),
            "sent": per_second(&|at| rows[at].sent),
            "received": per_second(&|at| rows[at].received),
            "failed": rows.iter().map(|row| row.failed).collect::<Vec<_>>(),
            "service_p50_ns": rows.iter().map(|row| row.service_p50_ns).collect::<Vec<_>>(),
            "service_p99_ns": rows.iter().map(|row| row.service_p99_ns).collect::<Vec<_>>(),
            "response_p99_ns": rows.iter().map(|row| row.response_p99_ns).collect::<Vec<_>>(),
            "max_ns": rows.iter().map(|row| row.max_ns).collect::<Vec<_>>(),
        });
        all.insert("seconds".into(), seconds);
    }
    if let Data::Heatmap(files) = &load(PictureKind::Heatmap, &files, &request)?.data {
        let (moments, times) = (&files[0], &files[0].column.times);
        let largest = |values: &[f64]| values.iter().copied().fold(0.0, f64::max);
        let positive = times.values_ms.iter().copied().filter(|ms| *ms > 0.0);
        let low = positive
            .min_by(f64::total_cmp)
            .context("nothing above zero")?;
        let edges = rows_for(low, largest(&times.values_ms)).edges();
        let slice_s = slice_for(largest(&moments.at_s), 0.0);
        let cells = Cells::of(
            &moments.at_s,
            &times.values_ms,
            &times.counts,
            slice_s,
            &edges,
        );
        let counts: Vec<_> = cells.columns().collect();
        let edges_s: Vec<_> = (0..=counts.len()).map(|at| moment(at, slice_s)).collect();
        let cells = json!({"edges_s": edges_s, "edges_ms": edges, "counts": counts});
        all.insert("cells".into(), cells);
    }
    println!("{}", serde_json::Value::Object(all));
    Ok(())
}

/// As the pictures draw them.
fn describe(sorted: &SortedTimes<'_>, columns: usize) -> anyhow::Result<serde_json::Value> {
    let places = log_places(1.0, spectrum_end(sorted.count()), columns);
    let quantiles: Vec<f64> = places.iter().map(|place| quantile_at(*place)).collect();
    let linear = even_places(0.0, sorted.max(), columns);
    let edges = bins_for(&[sorted]).context("nothing above zero")?.edges();
    let positive = log_places(edges[0], sorted.max(), columns);
    Ok(json!({
        "quantiles": quantiles,
        "spectrum": spectrum(sorted, &places),
        "linear_places": linear,
        "linear_shares": shares(sorted, &linear),
        "log_places": positive,
        "log_shares": shares(sorted, &positive),
        "edges": edges,
        "counts": histogram(sorted, &edges),
    }))
}

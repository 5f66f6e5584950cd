//! One row per slice, with its ratios to the reference's slice of the same cycle.

use measurement::run::comparison::{Comparison, RoundRow, RunRow, SliceRow};
use rust_xlsxwriter::Workbook;

use super::super::XlsxResult;
use super::super::style::{CellContent, write_table};
use super::fit_names;
use crate::schema::{ROWS_PER_SHEET, SLICES_SHEET, SliceColumn as Column};

/// A slice, its round and run.
struct PlacedSlice<'c> {
    round: &'c RoundRow,
    run: &'static str,
    slice: &'c SliceRow,
}

/// Adds the sheet, and further ones when it is full; none without slices.
pub(super) fn write(workbook: &mut Workbook, c: &Comparison) -> XlsxResult {
    let slices: Vec<_> = c.rounds.iter().flat_map(of_round).collect();
    for (index, slices) in slices.chunks(ROWS_PER_SHEET).enumerate() {
        let name = match index {
            0 => SLICES_SHEET.to_owned(),
            n => format!("{SLICES_SHEET}_{}", n + 1),
        };
        let sheet = workbook.add_worksheet();
        write_table(sheet, &name, slices, content)?;
        fit_names(sheet, Column::Server, c)?;
    }
    Ok(())
}

fn of_round<'c>(round: &'c RoundRow) -> Vec<PlacedSlice<'c>> {
    // The name of files for runs in closed loop, since their first version.
    let kinds = [("capacity", &round.throughput), ("latency", &round.latency)];
    let of_run = |(run, row): (&'static str, &'c Option<RunRow>)| {
        let slices = row.as_ref().and_then(|row| row.slices.as_ref());
        let kept = slices.map_or(&[][..], |slices| &slices.kept).iter();
        kept.map(move |slice| PlacedSlice { round, run, slice })
    };
    kinds.into_iter().flat_map(of_run).collect()
}

fn content<'c>(placed: &'c PlacedSlice<'c>, column: Column) -> CellContent<'c> {
    let PlacedSlice { round, run, slice } = placed;
    match column {
        Column::Round => f64::from(round.round).into(),
        Column::Run => (*run).into(),
        Column::Cycle => f64::from(slice.cycle).into(),
        Column::Server => round.server.as_str().into(),
        Column::Rate => Some(slice.messages_per_s).into(),
        Column::P50 => slice.p50_ns.map(|ns| ns / 1e6).into(),
        Column::RateRatio => slice.messages_per_s_ratio.into(),
        Column::P50Ratio => slice.p50_ratio.into(),
    }
}

//! One row per slice, with its ratios to the reference's slice of the same cycle.

use measurement::run::comparison::{Comparison, RoundRow, RunRow, SliceRow};
use rust_xlsxwriter::Workbook;

use super::super::XlsxResult;
use super::super::style::{CellContent, write_table};
use super::fit_names;
use crate::schema::{ROWS_PER_SHEET, SLICES_SHEET, SliceColumn as Column};

/// A slice, its round and run, and the reference's slice of the same cycle.
struct PlacedSlice<'c> {
    round: &'c RoundRow,
    run: &'static str,
    slice: &'c SliceRow,
    reference: Option<&'c SliceRow>,
}

/// Adds the sheet, and further ones when it is full; none without slices.
pub(super) fn write(workbook: &mut Workbook, c: &Comparison) -> XlsxResult {
    let slices: Vec<_> = c.rounds.iter().flat_map(|row| of_round(c, row)).collect();
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

fn of_round<'c>(c: &'c Comparison, row: &'c RoundRow) -> Vec<PlacedSlice<'c>> {
    type RunOf = fn(&RoundRow) -> Option<&RunRow>;
    let kinds: [(&str, RunOf); 2] = [
        ("capacity", |row| row.capacity.as_ref()),
        ("latency", |row| row.latency.as_ref()),
    ];
    let is_reference = |other: &&RoundRow| {
        other.round == row.round && other.server == c.plan.reference && other.server != row.server
    };
    let reference = c.rounds.iter().find(is_reference);
    let kept = |run: Option<&'c RunRow>| run.and_then(|run| run.slices.as_ref());
    let mut placed = Vec::new();
    for (run, run_of) in kinds {
        let others = kept(reference.and_then(run_of)).map_or(&[][..], |s| &s.kept);
        for slice in kept(run_of(row)).map_or(&[][..], |s| &s.kept) {
            placed.push(PlacedSlice {
                round: row,
                run,
                slice,
                // Kept slices are in the order of their cycles.
                reference: others
                    .binary_search_by_key(&slice.cycle, |other| other.cycle)
                    .ok()
                    .map(|place| &others[place]),
            });
        }
    }
    placed
}

fn content<'c>(placed: &'c PlacedSlice<'c>, column: Column) -> CellContent<'c> {
    let PlacedSlice {
        round,
        run,
        slice,
        reference,
    } = placed;
    match column {
        Column::Round => f64::from(round.round).into(),
        Column::Run => (*run).into(),
        Column::Cycle => f64::from(slice.cycle).into(),
        Column::Server => round.server.as_str().into(),
        Column::Rate => Some(slice.messages_per_s).into(),
        Column::P50 => slice.p50_ns.map(|ns| ns / 1e6).into(),
        Column::RateRatio => reference
            .filter(|other| other.messages_per_s > 0.0)
            .map(|other| slice.messages_per_s / other.messages_per_s)
            .into(),
        Column::P50Ratio => reference
            .and_then(|other| Some(slice.p50_ns? / other.p50_ns?))
            .filter(|ratio| ratio.is_finite())
            .into(),
    }
}

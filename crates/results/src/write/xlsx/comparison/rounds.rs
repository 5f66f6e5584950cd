//! One row a round and server, as they were measured.

use measurement::run::comparison::{Comparison, RunRow};
use measurement::verdict::Verdict;
use rust_xlsxwriter::{Worksheet, XlsxError};

use super::super::style::{Fine, Head, Styles, mark_unless};
use super::super::{column, count, row};
use super::fit_names;
use crate::schema::{ROUNDS_COLUMNS, ROUNDS_SHEET};

/// First columns of the run in closed loop and of the one in open loop.
const CAPACITY: u16 = 4;
const LATENCY: u16 = 11;

/// Where a run's failed messages are, behind its first column.
const FAILED: u16 = 6;

pub(super) fn write(
    sheet: &mut Worksheet,
    c: &Comparison,
    styles: &Styles,
) -> Result<(), XlsxError> {
    let rows = &c.rounds;
    let Styles {
        id,
        text,
        lasting,
        count: counted,
        ms,
        ..
    } = styles;
    Head {
        name: ROUNDS_SHEET,
        columns: ROUNDS_COLUMNS,
        formats: [
            id, id, text, lasting, // of the round
            text, lasting, counted, ms, ms, ms, counted, // closed loop
            text, lasting, counted, ms, ms, ms, counted, // open loop
            counted, counted, text, // what it cost, and why it is not counted
        ],
    }
    .write(sheet, rows.len(), styles)?;
    fit_names(sheet, 2, c)?;
    for first in [CAPACITY, LATENCY] {
        let fine = Fine::Text(Verdict::Valid.name());
        mark_unless(sheet, first, rows.len(), fine, styles)?;
        mark_unless(sheet, first + FAILED, rows.len(), Fine::Zero, styles)?;
    }
    for (index, r) in rows.iter().enumerate() {
        let row = row(index + 1);
        sheet.write_number(row, 0, r.round)?;
        sheet.write_number(row, 1, r.turn)?;
        sheet.write_string(row, 2, &r.server)?;
        if let Some(ready_s) = r.ready_s {
            sheet.write_number(row, 3, ready_s)?;
        }
        for (first, run) in [(CAPACITY, &r.capacity), (LATENCY, &r.latency)] {
            if let Some(run) = run {
                write_run(sheet, row, first, run)?;
            }
        }
        if let Some(value) = r.capacity.as_ref().and_then(|run| run.messages_per_cpu_s) {
            sheet.write_number(row, 18, value)?;
        }
        if let Some(value) = r.memory_per_connection_bytes {
            sheet.write_number(row, 19, value)?;
        }
        if let Some(failure) = &r.failure {
            sheet.write_string(row, 20, failure)?;
        }
    }
    Ok(())
}

/// Seven columns of a run.
fn write_run(sheet: &mut Worksheet, row: u32, first: u16, run: &RunRow) -> Result<(), XlsxError> {
    sheet.write_string(row, first, run.verdict.name())?;
    if let Some(cut_s) = run.cut_s {
        sheet.write_number(row, first + 1, cut_s)?;
    }
    sheet.write_number(row, first + 2, run.messages_per_s)?;
    let times = [run.p50_ns, run.p99_ns, run.p99_9_ns];
    for (index, ns) in times.into_iter().enumerate() {
        if let Some(ns) = ns {
            sheet.write_number(row, first + 3 + column(index), ns / 1e6)?;
        }
    }
    sheet.write_number(row, first + FAILED, count(run.failed_messages))?;
    Ok(())
}

//! One row a round and server, as they were measured.

use measurement::run::comparison::{Comparison, RunRow};
use measurement::verdict::Verdict;
use rust_xlsxwriter::{Worksheet, XlsxError};

use super::super::style::{Styles, begin_sheet, mark_unless};
use super::super::{count, row};
use super::fit_names;
use crate::schema::{ROUNDS_SHEET, RoundColumn as Column, SheetColumn};

/// The columns of one of a round's two runs.
struct RunColumns {
    verdict: Column,
    cut: Column,
    rate: Column,
    times: [Column; 3],
    failed: Column,
}

const CAPACITY: RunColumns = RunColumns {
    verdict: Column::CapacityVerdict,
    cut: Column::CapacityCut,
    rate: Column::CapacityRate,
    times: [Column::ServiceP50, Column::ServiceP99, Column::ServiceP999],
    failed: Column::CapacityFailed,
};

const LATENCY: RunColumns = RunColumns {
    verdict: Column::LatencyVerdict,
    cut: Column::LatencyCut,
    rate: Column::LatencyRate,
    times: [
        Column::ResponseP50,
        Column::ResponseP99,
        Column::ResponseP999,
    ],
    failed: Column::LatencyFailed,
};

pub(super) fn write(
    sheet: &mut Worksheet,
    c: &Comparison,
    styles: &Styles,
) -> Result<(), XlsxError> {
    let rows = &c.rounds;
    begin_sheet(
        sheet,
        ROUNDS_SHEET,
        rows.len(),
        styles,
        |column| match column {
            Column::Round | Column::Turn => &styles.id,
            Column::Ready | Column::CapacityCut | Column::LatencyCut => &styles.lasting,
            Column::CapacityRate
            | Column::CapacityFailed
            | Column::LatencyRate
            | Column::LatencyFailed
            | Column::MessagesPerCpu
            | Column::MemoryPerConnection => &styles.count,
            Column::ServiceP50
            | Column::ServiceP99
            | Column::ServiceP999
            | Column::ResponseP50
            | Column::ResponseP99
            | Column::ResponseP999 => &styles.ms,
            Column::Server | Column::CapacityVerdict | Column::LatencyVerdict | Column::Failure => {
                &styles.text
            }
        },
    )?;
    fit_names(sheet, Column::Server, c)?;
    for columns in [CAPACITY, LATENCY] {
        let valid = Verdict::Valid.name();
        mark_unless(sheet, columns.verdict, rows.len(), valid, styles)?;
        mark_unless(sheet, columns.failed, rows.len(), 0, styles)?;
    }
    for (index, r) in rows.iter().enumerate() {
        let row = row(index + 1);
        sheet.write_number(row, Column::Round.at(), r.round)?;
        sheet.write_number(row, Column::Turn.at(), r.turn)?;
        sheet.write_string(row, Column::Server.at(), &r.server)?;
        for (columns, run) in [(CAPACITY, &r.capacity), (LATENCY, &r.latency)] {
            if let Some(run) = run {
                write_run(sheet, row, &columns, run)?;
            }
        }
        let per_cpu_s = r.capacity.as_ref().and_then(|run| run.messages_per_cpu_s);
        for (column, value) in [
            (Column::Ready, r.ready_s),
            (Column::MessagesPerCpu, per_cpu_s),
            (Column::MemoryPerConnection, r.memory_per_connection_bytes),
        ] {
            if let Some(value) = value {
                sheet.write_number(row, column.at(), value)?;
            }
        }
        if let Some(failure) = &r.failure {
            sheet.write_string(row, Column::Failure.at(), failure)?;
        }
    }
    Ok(())
}

fn write_run(
    sheet: &mut Worksheet,
    row: u32,
    columns: &RunColumns,
    run: &RunRow,
) -> Result<(), XlsxError> {
    sheet.write_string(row, columns.verdict.at(), run.verdict.name())?;
    if let Some(cut_s) = run.cut_s {
        sheet.write_number(row, columns.cut.at(), cut_s)?;
    }
    sheet.write_number(row, columns.rate.at(), run.messages_per_s)?;
    let times = [run.p50_ns, run.p99_ns, run.p99_9_ns];
    for (column, ns) in columns.times.into_iter().zip(times) {
        if let Some(ns) = ns {
            sheet.write_number(row, column.at(), ns / 1e6)?;
        }
    }
    sheet.write_number(row, columns.failed.at(), count(run.failed_messages))?;
    Ok(())
}

//! The samples as comma-separated values, with the columns of the `latencies` sheet.

use std::io::{self, BufWriter, Write};

use super::{RunView, ms, seconds};
use crate::schema::{LATENCIES_COLUMNS, SCENARIO_LATENCY_COLUMNS};

pub(super) fn write(run: &RunView<'_>, file: impl Write) -> io::Result<()> {
    let mut writer = csv::WriterBuilder::new()
        .has_headers(false)
        .from_writer(BufWriter::new(file));
    let kinds = run.kinds();
    let has_kinds = !kinds.is_empty();
    let further = has_kinds.then_some(SCENARIO_LATENCY_COLUMNS);
    let further = further.into_iter().flatten();
    writer.write_record(LATENCIES_COLUMNS.into_iter().chain(further))?;
    for s in run.samples {
        let row = (
            s.client,
            s.message,
            seconds(s.intended_ns),
            seconds(s.sent_ns),
            s.service_time_ns().map(ms),
            s.response_time_ns().map(ms),
            s.outcome.name(),
            u8::from(s.over_stop),
        );
        if has_kinds {
            let first_part_ms = s.first_part_ns.map(|ns| ms(ns.get()));
            writer.serialize((row, kinds.get(usize::from(s.kind)), first_part_ms))?;
        } else {
            writer.serialize(row)?;
        }
    }
    writer.flush()
}

//! The samples as comma-separated values, with the columns of the `latencies` sheet.

use std::io::{self, BufWriter, Write};

use super::{RunView, ms, seconds};
use crate::schema::{KIND_COLUMN, LATENCIES_COLUMNS};

pub(super) fn write(run: &RunView<'_>, file: impl Write) -> io::Result<()> {
    let mut writer = csv::WriterBuilder::new()
        .has_headers(false)
        .from_writer(BufWriter::new(file));
    let kinds = run.kinds();
    let further = (!kinds.is_empty()).then_some(KIND_COLUMN);
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
        match further {
            None => writer.serialize(row)?,
            Some(_) => writer.serialize((row, kinds.get(usize::from(s.kind))))?,
        }
    }
    writer.flush()
}

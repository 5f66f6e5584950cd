//! The samples as comma-separated values, with the columns of the `latencies` sheet.

use std::io::{self, BufWriter, Write};

use super::{RunView, ms, seconds};
use crate::schema::LATENCIES_COLUMNS;

pub(super) fn write(run: &RunView<'_>, file: impl Write) -> io::Result<()> {
    let mut writer = csv::WriterBuilder::new()
        .has_headers(false)
        .from_writer(BufWriter::new(file));
    writer.write_record(LATENCIES_COLUMNS)?;
    for s in run.samples {
        writer.serialize((
            s.client,
            s.message,
            seconds(s.intended_ns),
            seconds(s.sent_ns),
            s.service_time_ns().map(ms),
            s.response_time_ns().map(ms),
            s.outcome.name(),
            u8::from(s.over_stop),
        ))?;
    }
    writer.flush()
}

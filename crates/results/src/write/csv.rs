//! The samples as comma-separated values, with the columns of the `latencies` sheet.

use std::io::{self, BufWriter, Write};

use super::{RunView, ms, outcome_name, seconds};
use crate::schema::{FAN_OUT_LATENCY_COLUMNS, LATENCIES_COLUMNS, SCENARIO_LATENCY_COLUMNS};

pub(super) fn write(run: &RunView<'_>, file: impl Write) -> io::Result<()> {
    let mut writer = csv::WriterBuilder::new()
        .has_headers(false)
        .from_writer(BufWriter::new(file));
    let kinds = run.kinds();
    let publications = run.publications();
    let has_kinds = !kinds.is_empty() || publications.is_some();
    let further = has_kinds.then_some(SCENARIO_LATENCY_COLUMNS);
    let further = further.into_iter().flatten();
    let of_deliveries = publications.as_ref().map(|_| FAN_OUT_LATENCY_COLUMNS);
    let further = further.chain(of_deliveries.into_iter().flatten());
    writer.write_record(LATENCIES_COLUMNS.into_iter().chain(further))?;
    for s in run.samples {
        let publication = publications
            .as_ref()
            .and_then(|all| all.get(&(s.client, s.message)).copied());
        let row = (
            s.client,
            s.message,
            seconds(s.intended_ns),
            seconds(s.sent_ns),
            s.service_time_ns().map(ms),
            s.response_time_ns().map(ms),
            outcome_name(s, publication),
            u8::from(s.over_stop),
        );
        if has_kinds {
            let first_part_ms = s.first_part_ns.map(|ns| ms(ns.get()));
            let row = (row, kinds.get(usize::from(s.kind)), first_part_ms);
            if publications.is_some() {
                let deliveries = (
                    publication.map(|one| one.expected),
                    publication.map(|one| one.delivered),
                    publication.and_then(|one| one.first_ns).map(ms),
                    publication.and_then(|one| one.median_ns).map(ms),
                    publication.and_then(|one| one.last_ns).map(ms),
                );
                writer.serialize((row, deliveries))?;
            } else {
                writer.serialize(row)?;
            }
        } else {
            writer.serialize(row)?;
        }
    }
    writer.flush()
}

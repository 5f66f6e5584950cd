//! One row per shard.

use std::collections::BTreeMap;

use measurement::run::{ShardRow, ShardState, ShardsSummary};
use rust_xlsxwriter::Worksheet;

use super::style::{mark_unless, write_table};
use super::{XlsxResult, count, ms};
use crate::schema::{ROWS_PER_SHEET, SHARDS_SHEET, ShardColumn as Column};

pub(super) fn write(sheet: &mut Worksheet, shards: &ShardsSummary) -> XlsxResult {
    // Shards beyond the last row of a sheet are left out.
    let rows = &shards.rows[..shards.rows.len().min(ROWS_PER_SHEET)];
    let died = shards.died.iter();
    let died: BTreeMap<u32, u64> = died.map(|died| (died.shard, died.through_s)).collect();
    write_table(
        sheet,
        SHARDS_SHEET,
        rows,
        |row: &ShardRow, column| match column {
            Column::Shard => f64::from(row.shard).into(),
            Column::State => row.state.name().into(),
            Column::Host => row.host.as_deref().into(),
            Column::Opened => row.opened.map(count).into(),
            Column::Sent => row.sent.map(count).into(),
            Column::Received => row.received.map(count).into(),
            Column::Failed => row.failed.map(count).into(),
            Column::StartSkew => row.start_skew_ns.map(ms).into(),
            Column::Through => died.get(&row.shard).copied().map(count).into(),
        },
    )?;
    mark_unless(
        sheet,
        Column::State,
        rows.len(),
        ShardState::Complete.name(),
    )
}

//! One row per shard.

use std::collections::BTreeMap;

use measurement::run::{ShardRow, ShardState, ShardsSummary};
use rust_xlsxwriter::Worksheet;

use super::style::{MOST_CHARACTERS, mark_unless, write_table};
use super::{XlsxResult, count, ms};
use crate::schema::{ROWS_PER_SHEET, SHARDS_SHEET, ShardColumn as Column};

/// A shard, and the texts and counts that its row lacks.
struct SheetRow<'s> {
    of: &'s ShardRow,
    through_s: Option<u64>,
    differences: String,
}

pub(super) fn write(sheet: &mut Worksheet, shards: &ShardsSummary) -> XlsxResult {
    let died = shards.died.iter();
    let died: BTreeMap<u32, u64> = died.map(|died| (died.shard, died.through_s)).collect();
    // Shards beyond the last row of a sheet are left out.
    let rows = shards.rows.iter().take(ROWS_PER_SHEET);
    let rows: Vec<_> = rows
        .map(|row| SheetRow {
            of: row,
            through_s: died.get(&row.shard).copied(),
            differences: lines(&row.differences),
        })
        .collect();
    write_table(sheet, SHARDS_SHEET, &rows, |row: &SheetRow<'_>, column| {
        let SheetRow { of, through_s, .. } = row;
        match column {
            Column::Shard => f64::from(of.shard).into(),
            Column::State => of.state.name().into(),
            Column::Host => of.host.as_deref().into(),
            Column::Opened => of.opened.map(count).into(),
            Column::Sent => of.sent.map(count).into(),
            Column::Received => of.received.map(count).into(),
            Column::Failed => of.failed.map(count).into(),
            Column::StartSkew => of.start_skew_ns.map(ms).into(),
            Column::Through => through_s.map(count).into(),
            Column::LongestStop => of.longest_stop_ns.map(ms).into(),
            Column::Differences => Some(row.differences.as_str())
                .filter(|text| !text.is_empty())
                .into(),
        }
    })?;
    mark_unless(
        sheet,
        Column::State,
        rows.len(),
        ShardState::Complete.name(),
    )
}

/// The differences, one a line. What does not fit into a cell is cut.
fn lines(differences: &[String]) -> String {
    let text = differences.join("\n");
    match text.char_indices().nth(MOST_CHARACTERS) {
        Some(_) => text
            .chars()
            .take(MOST_CHARACTERS - 1)
            .chain(['…'])
            .collect(),
        None => text,
    }
}

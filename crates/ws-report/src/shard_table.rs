//! The table of the shards of a run.

use measurement::run::{LATE_START_NS, ShardRow, ShardState, ShardsSummary, Summary};
use units::{counted, grouped, human_time};
use wording::summary_view::UNKNOWN;

use crate::page::{Table, TableRow};

/// Largest number of rows. Faulty shards are shown first if there are more.
const MOST_ROWS: usize = 100;

/// One row per shard; `None` for a single process.
pub(crate) fn shard_table(s: &Summary) -> Option<Table> {
    let shards = s.shards.as_ref()?;
    let mut rows: Vec<&ShardRow> = shards.rows.iter().collect();
    let further = rows.len().saturating_sub(MOST_ROWS);
    if further > 0 {
        // Stable: all else stays in the order of the numbers.
        rows.sort_by_key(|row| !is_faulty(row));
        rows.truncate(MOST_ROWS);
    }
    let columns = [
        "state",
        "host",
        "opened",
        "sent",
        "received",
        "failed",
        "start skew",
        "data until",
    ];
    // Only shards that died have an end of their own.
    let shown = columns.len() - usize::from(shards.died.is_empty());
    Some(Table {
        columns: columns[..shown]
            .iter()
            .copied()
            .map(str::to_owned)
            .collect(),
        rows: rows
            .into_iter()
            .map(|row| TableRow::new(format!("shard {}", row.shard), cells(shards, row, shown)))
            .collect(),
        note: match further {
            0 => String::new(),
            further => format!(
                "Not shown: {}. The sheet `shards` of the .xlsx has all of them.",
                counted(further as u64, "further shard")
            ),
        },
        figures: true,
        ..Table::default()
    })
}

fn is_faulty(row: &ShardRow) -> bool {
    row.state != ShardState::Complete || row.start_skew_ns.is_some_and(|ns| ns > LATE_START_NS)
}

fn cells(shards: &ShardsSummary, row: &ShardRow, shown: usize) -> Vec<String> {
    let count = |n: Option<u64>| n.map(grouped);
    let died = shards.died.iter().find(|died| died.shard == row.shard);
    let cells = [
        Some(row.state.name().to_owned()),
        row.host.clone(),
        count(row.opened),
        count(row.sent),
        count(row.received),
        count(row.failed),
        row.start_skew_ns.map(|ns| human_time(ns as f64)),
        died.map(|died| format!("second {}", grouped(died.through_s))),
    ];
    let cells = cells.into_iter().take(shown);
    cells
        .map(|cell| cell.unwrap_or_else(|| UNKNOWN.to_owned()))
        .collect()
}

#[cfg(test)]
mod tests {
    use test_support::fixtures::{closed_loop_summary, complete_shards, degraded_shards};

    use super::*;

    fn table(shards: ShardsSummary) -> Table {
        let mut summary = closed_loop_summary(100);
        summary.shards = Some(shards);
        shard_table(&summary).unwrap()
    }

    #[test]
    fn a_single_process_has_no_table_of_shards() {
        assert_eq!(shard_table(&closed_loop_summary(100)).map(|_| ()), None);
    }

    #[test]
    fn every_shard_has_a_row_with_its_state() {
        let complete = table(complete_shards());
        assert_eq!(complete.columns.last().unwrap(), "start skew");
        let first = [
            "complete", "node-0", "50", "1,500", "1,490", "10", "40.0 µs",
        ];
        assert_eq!(complete.rows[0].cells, first);
        assert!(complete.note.is_empty());

        let degraded = table(degraded_shards());
        let names: Vec<_> = degraded.rows.iter().map(|row| row.name.as_str()).collect();
        let expected = [
            "shard 0", "shard 1", "shard 2", "shard 3", "shard 4", "shard 5",
        ];
        assert_eq!(names, expected);
        let ends: Vec<_> = degraded
            .rows
            .iter()
            .map(|row| row.cells.last().unwrap())
            .collect();
        assert_eq!(ends, ["–", "second 2", "–", "–", "–", "–"]);
        assert_eq!(degraded.rows[5].cells[..3], ["missing", "–", "–"]);
        let width = degraded.columns.len();
        assert!(degraded.rows.iter().all(|row| row.cells.len() == width));
    }

    #[test]
    fn faulty_shards_of_a_large_run_come_first() {
        let mut shards = complete_shards();
        let row = shards.rows[0].clone();
        shards.rows = (0..1_000)
            .map(|shard| ShardRow {
                shard,
                ..row.clone()
            })
            .collect();
        shards.rows[800].state = ShardState::Missing;
        shards.rows[900].start_skew_ns = Some(LATE_START_NS + 1);
        let table = table(shards);
        let names: Vec<_> = table.rows.iter().map(|row| row.name.as_str()).collect();
        assert_eq!(names[..4], ["shard 800", "shard 900", "shard 0", "shard 1"]);
        assert_eq!(names.len(), MOST_ROWS);
        assert!(table.note.contains("900 further shards"), "{}", table.note);
    }
}

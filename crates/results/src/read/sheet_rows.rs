//! Rows of a sheet of ws-bench, read by the titles of its columns.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use super::cells::{Cell, CellSource, CellValue, for_each_row};
use crate::error::{Place, Result};
use crate::schema::SheetColumn;

/// Reads the rows below the header of a sheet. `take` adds a cell to the row's item; cells of unknown columns are left
/// out. Without such a sheet nothing is read.
pub(super) fn visit<C: SheetColumn, T: Default>(
    source: &mut dyn CellSource,
    sheet: &str,
    take: impl Fn(&mut T, C, Cell<'_>, &Place) -> Result<()>,
    mut finish: impl FnMut(T),
) -> Result<()> {
    if !source.sheets().iter().any(|name| name == sheet) {
        return Ok(());
    }
    let columns = columns::<C>(source, sheet)?;
    let place = &source.place(sheet);
    let take = |row: &mut T, cell: Cell<'_>| match columns.get(&cell.column) {
        Some(column) => take(row, *column, cell, place),
        None => Ok(()),
    };
    for_each_row(source, sheet, 1, take, |_, row| {
        finish(row);
        Ok(())
    })
}

/// The columns of the sheet by their number.
fn columns<C: SheetColumn>(source: &mut dyn CellSource, sheet: &str) -> Result<BTreeMap<u32, C>> {
    let mut columns = BTreeMap::new();
    source.visit(sheet, &mut |cell| {
        if cell.row > 0 {
            return Ok(ControlFlow::Break(()));
        }
        if let CellValue::Text(title) = cell.value {
            let mut all = C::ALL.iter();
            let column = all.find(|column| column.title() == title);
            columns.extend(column.map(|column| (cell.column, *column)));
        }
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(columns)
}

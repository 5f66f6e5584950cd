//! Formats of cells, colours, and the frame of every sheet.

use rust_xlsxwriter::{
    ConditionalFormatCell, ConditionalFormatCellRule, Format, FormatAlign, FormatBorder,
    IntoConditionalFormatValue, Worksheet,
};

use super::{XlsxResult, column, row};
use crate::schema::{CellFormat, SheetColumn};

/// The palette of Okabe and Ito (2008), as in the pictures of `draw-plot`.
pub(super) const BLUE: u32 = 0x0072B2;
pub(super) const VERMILION: u32 = 0xD55E00;
pub(super) const GREEN: u32 = 0x009E73;
pub(super) const PURPLE: u32 = 0xCC79A7;
pub(super) const ORANGE: u32 = 0xE69F00;
pub(super) const SKY: u32 = 0x56B4E9;
/// The colours of series of the same kind in their order, as in `draw-plot`.
pub(super) const SERIES: [u32; 7] = [BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY, 0x000000];
/// Colours of text, secondary text, rules and gridlines, and the ground of headers.
pub(super) const INK: u32 = 0x1F242B;
pub(super) const FAINT: u32 = 0x5B6470;
pub(super) const RULE: u32 = 0xC9CFD6;
pub(super) const GRID: u32 = 0xE6E9ED;
const GROUND: u32 = 0xEEF2F6;

/// Largest number of characters of a cell; the rest is cut.
pub(super) const MOST_CHARACTERS: usize = 32_767;

/// Number of the paper size A4.
const A4: u8 = 9;

impl From<CellFormat> for Format {
    fn from(format: CellFormat) -> Self {
        let number = match format {
            CellFormat::Id => "0",
            CellFormat::Count => "#,##0",
            CellFormat::Micros => "#,##0.000000",
            CellFormat::Thousandths => "#,##0.000",
            CellFormat::Ratio => "0.000",
            CellFormat::General => "General",
            CellFormat::UpToTwoDecimals => "[>=100]#,##0;0.00",
            CellFormat::Text | CellFormat::Truth => {
                return Self::new().set_align(FormatAlign::Left);
            }
            CellFormat::Plain => return Self::new(),
        };
        // Under its header, whose filter button takes the right edge.
        let right = Self::new().set_align(FormatAlign::Right).set_indent(2);
        right.set_num_format(number)
    }
}

#[derive(Clone, Copy)]
pub(super) enum CellContent<'a> {
    Number(f64),
    Text(&'a str),
    Truth(bool),
    Nothing,
}

impl From<f64> for CellContent<'_> {
    fn from(number: f64) -> Self {
        Self::Number(number)
    }
}

impl<'a> From<&'a str> for CellContent<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(text)
    }
}

impl From<bool> for CellContent<'_> {
    fn from(truth: bool) -> Self {
        Self::Truth(truth)
    }
}

impl<'a, T: Into<CellContent<'a>>> From<Option<T>> for CellContent<'a> {
    fn from(content: Option<T>) -> Self {
        content.map_or(Self::Nothing, Into::into)
    }
}

/// Fills a sheet with its header and one row per item. `content` returns the content of the item's cell in a column.
pub(super) fn write_table<'r, C: SheetColumn, R>(
    sheet: &mut Worksheet,
    name: &str,
    items: &'r [R],
    content: impl Fn(&'r R, C) -> CellContent<'r>,
) -> XlsxResult {
    write_wide_table(sheet, name, items, content, &[])
}

/// A column behind those of a sheet that only some runs have.
pub(super) struct FurtherColumn<'t, 'r, R> {
    pub(super) title: &'t str,
    pub(super) format: CellFormat,
    pub(super) content: &'t dyn Fn(&'r R) -> CellContent<'r>,
}

/// Fills a sheet as [`write_table`] does, with these columns behind its own.
pub(super) fn write_wide_table<'r, C: SheetColumn, R>(
    sheet: &mut Worksheet,
    name: &str,
    items: &'r [R],
    content: impl Fn(&'r R, C) -> CellContent<'r>,
    further: &[FurtherColumn<'_, 'r, R>],
) -> XlsxResult {
    let own = C::ALL
        .iter()
        .map(|column| (column.title(), column.format()));
    let titles: Vec<_> = own
        .chain(further.iter().map(|column| (column.title, column.format)))
        .collect();
    write_header(sheet, name, titles.into_iter(), items.len())?;
    for (index, item) in items.iter().enumerate() {
        let row = row(index + 1);
        for column in C::ALL {
            write_cell(sheet, row, column.at(), content(item, *column))?;
        }
        for (at, further) in (C::ALL.len()..).zip(further) {
            write_cell(sheet, row, column(at), (further.content)(item))?;
        }
    }
    Ok(())
}

fn write_cell(
    sheet: &mut Worksheet,
    row: u32,
    column: u16,
    content: CellContent<'_>,
) -> XlsxResult {
    match content {
        CellContent::Number(number) => sheet.write_number(row, column, number)?,
        CellContent::Text(text) => sheet.write_string(row, column, text)?,
        CellContent::Truth(truth) => sheet.write_boolean(row, column, truth)?,
        CellContent::Nothing => return Ok(()),
    };
    Ok(())
}

/// Starts a sheet with its name and its columns, as [`write_header`] does.
pub(super) fn begin_sheet<C: SheetColumn>(
    sheet: &mut Worksheet,
    name: &str,
    rows: usize,
) -> XlsxResult {
    let columns = C::ALL
        .iter()
        .map(|column| (column.title(), column.format()));
    write_header(sheet, name, columns, rows)
}

/// Gives a sheet of N rows its name and its header: a title for each column, and the format of the cells below it. The
/// header stays visible, has filters, and is repeated on every printed page.
pub(super) fn write_header<'t>(
    sheet: &mut Worksheet,
    name: &str,
    columns: impl ExactSizeIterator<Item = (&'t str, CellFormat)>,
    rows: usize,
) -> XlsxResult {
    sheet.set_name(name)?;
    sheet.set_freeze_panes(1, 0)?;
    sheet.set_row_height(0, 21)?;
    sheet.set_repeat_rows(0, 0)?;
    // On paper, all columns and charts side by side on a page.
    sheet
        .set_landscape()
        .set_paper_size(A4)
        .set_print_fit_to_pages(1, 0)
        .set_footer("&L&8&F&C&8&A&R&8&P / &N");
    let last_column = column(columns.len().saturating_sub(1));
    sheet.autofilter(0, 0, row(rows), last_column)?;
    let header = Format::new()
        .set_bold()
        .set_font_color(INK)
        .set_background_color(GROUND)
        .set_border_bottom(FormatBorder::Thin)
        .set_border_bottom_color(FAINT)
        .set_align(FormatAlign::VerticalCenter);
    for (index, (title, format)) in columns.enumerate() {
        // Room for the title and the filter's button.
        let width = title.chars().count().max(8) + 6;
        sheet.set_column_width(column(index), row(width))?;
        // A format of the column costs nothing when a cell is written; one of the cell does.
        let format = format.into();
        sheet.set_column_format(column(index), &format)?;
        // On the side of the cells below it.
        sheet.write_with_format(0, column(index), title, &header.merge(&format))?;
    }
    Ok(())
}

/// Marks the cells of a column that do not hold this text as failures.
pub(super) fn mark_unless(
    sheet: &mut Worksheet,
    column: impl SheetColumn,
    rows: usize,
    expected: impl IntoConditionalFormatValue,
) -> XlsxResult {
    if rows == 0 {
        return Ok(());
    }
    let failure = Format::new().set_bold().set_font_color(VERMILION);
    let mark = ConditionalFormatCell::new()
        .set_format(failure)
        .set_rule(ConditionalFormatCellRule::NotEqualTo(expected));
    let at = column.at();
    sheet.add_conditional_format(1, at, row(rows), at, &mark)?;
    Ok(())
}

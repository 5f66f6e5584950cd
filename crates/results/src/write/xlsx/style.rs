//! Formats of cells, colours, and the header of every sheet.

use rust_xlsxwriter::{
    ConditionalFormatCell, ConditionalFormatCellRule, Format, FormatAlign, FormatBorder,
    IntoConditionalFormatValue, Worksheet, XlsxError,
};

use super::{column, row};
use crate::schema::SheetColumn;

/// The palette of Okabe and Ito (2008), as in the pictures of `draw-plot`.
pub(super) const BLUE: u32 = 0x0072B2;
pub(super) const VERMILION: u32 = 0xD55E00;
pub(super) const GREEN: u32 = 0x009E73;
pub(super) const PURPLE: u32 = 0xCC79A7;
pub(super) const ORANGE: u32 = 0xE69F00;
pub(super) const SKY: u32 = 0x56B4E9;
/// The colours of series that are alike, in the order in which they are given, as in `draw-plot`.
pub(super) const SERIES: [u32; 7] = [BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY, 0x000000];
/// Text, text of second rank, rules and gridlines, the ground of headers.
pub(super) const INK: u32 = 0x1F242B;
pub(super) const FAINT: u32 = 0x5B6470;
pub(super) const RULE: u32 = 0xC9CFD6;
pub(super) const GRID: u32 = 0xE6E9ED;
const GROUND: u32 = 0xEEF2F6;

/// Formats of cells, by their content.
pub(super) struct Styles {
    pub(super) header: Format,
    /// A number that names something: no separators.
    pub(super) id: Format,
    pub(super) count: Format,
    /// Times since T0, to the microsecond.
    pub(super) seconds: Format,
    /// Times that people compare, to the microsecond.
    pub(super) ms: Format,
    /// Lengths of time in seconds, to the millisecond.
    pub(super) lasting: Format,
    /// The ratio of two values.
    pub(super) ratio: Format,
    /// All digits that there are: 99.9, 99.9999.
    pub(super) general: Format,
    /// Two digits, or none of a hundred and more.
    pub(super) one_in: Format,
    pub(super) text: Format,
    /// No format, on a sheet of millions of rows: naming the format of a cell is a tenth of its bytes, to be
    /// written, packed and read again.
    pub(super) plain: Format,
    failure: Format,
}

impl Styles {
    pub(super) fn new() -> Self {
        // Under its header, whose filter button takes the right edge.
        let number = |format: &str| {
            let right = Format::new().set_align(FormatAlign::Right);
            right.set_indent(2).set_num_format(format)
        };
        Self {
            header: Format::new()
                .set_bold()
                .set_font_color(INK)
                .set_background_color(GROUND)
                .set_border_bottom(FormatBorder::Thin)
                .set_border_bottom_color(FAINT)
                .set_align(FormatAlign::VerticalCenter),
            id: number("0"),
            count: number("#,##0"),
            seconds: number("#,##0.000000"),
            ms: number("#,##0.000"),
            lasting: number("#,##0.000"),
            ratio: number("0.000"),
            general: number("General"),
            one_in: number("[>=100]#,##0;0.00"),
            text: Format::new().set_align(FormatAlign::Left),
            plain: Format::new(),
            failure: Format::new().set_bold().set_font_color(VERMILION),
        }
    }
}

/// Begins a sheet with its name and its columns, as [`write_header`] does; `format` gives that of each column.
pub(super) fn begin_sheet<'s, C: SheetColumn>(
    sheet: &mut Worksheet,
    name: &str,
    rows: usize,
    styles: &'s Styles,
    format: impl Fn(C) -> &'s Format,
) -> Result<(), XlsxError> {
    let columns = C::ALL
        .iter()
        .map(|column| (column.title(), format(*column)));
    write_header(sheet, name, &columns.collect::<Vec<_>>(), rows, styles)
}

/// Gives a sheet of N rows its name and its header, which stays in sight, can be filtered by, and is repeated on
/// every page: a title for each column, and the format of the cells below it.
pub(super) fn write_header(
    sheet: &mut Worksheet,
    name: &str,
    columns: &[(&str, &Format)],
    rows: usize,
    styles: &Styles,
) -> Result<(), XlsxError> {
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
    for (index, (title, format)) in columns.iter().enumerate() {
        // Room for the title and the filter's button.
        let width = title.chars().count().max(8) + 6;
        sheet.set_column_width(column(index), row(width))?;
        // A format of the column costs nothing when a cell is written; one of the cell does.
        sheet.set_column_format(column(index), format)?;
        // On the side of the cells below it.
        let header = styles.header.merge(format);
        sheet.write_with_format(0, column(index), *title, &header)?;
    }
    Ok(())
}

/// Paper of 210 mm by 297 mm, by its number.
const A4: u8 = 9;

/// Marks as failures the cells of a column that do not hold this.
pub(super) fn mark_unless(
    sheet: &mut Worksheet,
    column: impl SheetColumn,
    rows: usize,
    expected: impl IntoConditionalFormatValue,
    styles: &Styles,
) -> Result<(), XlsxError> {
    if rows == 0 {
        return Ok(());
    }
    let rule = ConditionalFormatCellRule::NotEqualTo(expected);
    let mark = ConditionalFormatCell::new()
        .set_format(&styles.failure)
        .set_rule(rule);
    let at = column.at();
    sheet.add_conditional_format(1, at, row(rows), at, &mark)?;
    Ok(())
}

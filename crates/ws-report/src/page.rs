//! A page as plain data: its contents in order, without their looks. [`html`](crate::html) and
//! [`markdown`](crate::markdown) turn it into files.
//!
//! Text can hold code between backticks, as the reasons of a verdict do. No other characters have a meaning, so texts
//! from files and servers need no escaping when a page is built.

pub use draw_plot::{Hover, Svg};
pub use wording::Tone;

/// A page with a heading and sections.
#[derive(Debug, Clone, Default)]
pub struct Page {
    /// The heading, and the title of the window.
    pub title: String,
    /// A line above the heading: program and start of the measurement.
    pub above: String,
    /// Short parts of the line below the heading.
    pub below: Vec<String>,
    /// Sections in their order.
    pub sections: Vec<PageSection>,
    /// The last line: the program that wrote the page.
    pub footer: String,
}

impl Page {
    /// A page without sections yet.
    pub fn new(title: impl Into<String>) -> Self {
        Self {
            title: title.into(),
            footer: format!("written by ws-report {}", env!("CARGO_PKG_VERSION")),
            ..Self::default()
        }
    }

    /// Adds a section without its empty lists and pictures. A section of nothing else is left out.
    pub fn add(&mut self, title: impl Into<String>, mut blocks: Vec<Block>) {
        blocks.retain(|block| match block {
            Block::Pictures(pictures) => !pictures.is_empty(),
            Block::List(points) => !points.is_empty(),
            _ => true,
        });
        if !blocks.is_empty() {
            let title = title.into();
            self.sections.push(PageSection { title, blocks });
        }
    }
}

/// A part of a page under a heading of its own.
#[derive(Debug, Clone)]
pub struct PageSection {
    /// The heading.
    pub title: String,
    /// Contents in their order.
    pub blocks: Vec<Block>,
}

/// A part of a section.
#[derive(Debug, Clone)]
pub enum Block {
    /// A verdict or a warning.
    Banner(Banner),
    /// Figures in large type, side by side.
    Tiles(Vec<Tile>),
    /// Tables side by side where there is room.
    Tables(Vec<Table>),
    /// Pictures side by side where there is room.
    Pictures(Vec<PagePicture>),
    /// A paragraph.
    Text(String),
    /// Points of a list.
    List(Vec<String>),
    /// A command for a shell.
    Command(String),
}

/// A verdict, or a warning.
#[derive(Debug, Clone, Default)]
pub struct Banner {
    /// Tone of its colour.
    pub tone: Tone,
    /// The verdict as a word: `valid`.
    pub word: String,
    /// Subject, where a page has several banners.
    pub about: Option<String>,
    /// Sentence on the meaning of the word.
    pub text: String,
    /// Reasons, and advice.
    pub points: Vec<String>,
}

/// One figure in large type.
#[derive(Debug, Clone, Default)]
pub struct Tile {
    /// Name of the figure.
    pub label: String,
    /// Value with its unit.
    pub value: String,
    /// A remark on the value; may be empty.
    pub note: String,
    /// Tone of its colour.
    pub tone: Tone,
}

/// A table whose first column names its rows.
#[derive(Debug, Clone, Default)]
pub struct Table {
    /// Heading.
    pub title: String,
    /// Headings of the columns after the first; empty for a list of names and values.
    pub columns: Vec<String>,
    /// The rows, each with as many values as there are columns; one value without columns.
    pub rows: Vec<TableRow>,
    /// Remark on the table; may be empty.
    pub note: String,
    /// True for figures with units, which are aligned; false for words.
    pub figures: bool,
}

impl Table {
    /// Number of columns, including the one that names the rows.
    pub(crate) fn width(&self) -> usize {
        1 + self.columns.len().max(1)
    }

    /// Returns `true` when a table has too many columns to stand beside another one.
    pub(crate) fn any_is_wide(tables: &[Self]) -> bool {
        const MOST_BESIDE: usize = 3;
        let mut tables = tables.iter();
        tables.any(|table| table.columns.len() > MOST_BESIDE)
    }

    /// Letters of the longest unit; 0 without units.
    pub(crate) fn unit_letters(&self) -> usize {
        let cells = self.rows.iter().flat_map(|row| &row.cells);
        let letters = cells.map(|cell| number_and_unit(cell).1.chars().count());
        letters.max().unwrap_or_default()
    }
}

/// A row of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableRow {
    /// Name.
    pub name: String,
    /// Values.
    pub cells: Vec<String>,
    /// Name of the group of rows that begins with this row.
    pub group: Option<String>,
}

impl TableRow {
    /// A row in the group of the row before.
    pub fn new(name: impl Into<String>, cells: Vec<String>) -> Self {
        Self {
            name: name.into(),
            cells,
            group: None,
        }
    }
}

/// A picture with its values.
#[derive(Debug, Clone)]
pub struct PagePicture {
    /// Heading for screen readers; the picture shows it too.
    pub title: String,
    /// A sentence that explains the picture; may be empty.
    pub caption: String,
    /// The picture. Its markup goes into the page unchanged, so the code that makes it must escape its texts.
    pub svg: Svg,
    /// The picture for a narrow screen.
    pub narrow: Option<Svg>,
}

impl PagePicture {
    /// Largest number of rows of the table of key values.
    const KEY_VALUES: usize = 12;

    /// The picture's key values: an even choice of those that it shows under the pointer.
    pub(crate) fn table(&self) -> Table {
        let hovers = &self.svg.hovers;
        let last = hovers.len().saturating_sub(1);
        let count = hovers.len().min(Self::KEY_VALUES);
        let chosen = (0..count).map(|i| &hovers[i * last / count.saturating_sub(1).max(1)]);
        let row = |text: &[String]| {
            let (name, values) = text.split_first()?;
            Some(TableRow::new(name, vec![values.join(" · ")]))
        };
        Table {
            rows: chosen.filter_map(|hover| row(&hover.text)).collect(),
            ..Table::default()
        }
    }
}

/// The text with a capital at its beginning.
pub(crate) fn capital(text: &str) -> String {
    let mut letters = text.chars();
    let first: String = letters
        .next()
        .into_iter()
        .flat_map(char::to_uppercase)
        .collect();
    first + letters.as_str()
}

/// A part of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span<'t> {
    pub(crate) text: &'t str,
    pub(crate) is_code: bool,
}

/// The parts of a text, with code between backticks. A backtick without a second one is a letter.
pub(crate) fn spans(text: &str) -> Vec<Span<'_>> {
    let mut spans = Vec::new();
    let mut rest = text;
    while let Some((before, opened)) = rest.split_once('`') {
        let Some((code, after)) = opened.split_once('`') else {
            break;
        };
        spans.extend([(before, false), (code, true)]);
        rest = after;
    }
    spans.push((rest, false));
    spans.retain(|(text, _)| !text.is_empty());
    let spans = spans.into_iter();
    spans
        .map(|(text, is_code)| Span { text, is_code })
        .collect()
}

/// Number and unit of a value, so that the numbers of a column can be aligned. Any other text is returned as the number.
pub(crate) fn number_and_unit(value: &str) -> (&str, &str) {
    match value.split_once(' ') {
        Some((number, unit))
            if number.starts_with(|c: char| c.is_ascii_digit())
                && !unit.contains(' ')
                && unit.chars().count() <= LONGEST_UNIT =>
        {
            (number, unit)
        }
        _ => (value, ""),
    }
}

/// Letters of the longest unit, `KiB/s`. The style sheet has a width for each number up to it.
const LONGEST_UNIT: usize = 5;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_stands_between_backticks() {
        let parts = |text| -> Vec<_> {
            spans(text)
                .into_iter()
                .map(|s| (s.text, s.is_code))
                .collect()
        };
        assert_eq!(
            parts("use `-c 1` or `-m`; done"),
            [
                ("use ", false),
                ("-c 1", true),
                (" or ", false),
                ("-m", true),
                ("; done", false)
            ]
        );
        assert_eq!(parts("a`b"), [("a`b", false)]);
        assert_eq!(parts("`a`"), [("a", true)]);
        assert_eq!(parts(""), []);
    }

    #[test]
    fn a_value_is_a_number_and_its_unit() {
        assert_eq!(number_and_unit("1.30 ms"), ("1.30", "ms"));
        assert_eq!(number_and_unit("76,336 msg/s"), ("76,336", "msg/s"));
        assert_eq!(number_and_unit("12"), ("12", ""));
        assert_eq!(number_and_unit("20 of 20"), ("20 of 20", ""));
        assert_eq!(number_and_unit("not measured"), ("not measured", ""));
    }
}

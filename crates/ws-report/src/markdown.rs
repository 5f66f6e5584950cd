//! The page as GitHub's Markdown, small enough for a job summary, whose limit is 1 MiB.

use std::fmt::Write;

use crate::page::{Banner, Block, Page, PageSection, Span, Table, TableRow, Tile, Tone, spans};

/// Largest number of points of a list; further ones are only counted, because a server can give any number of reasons.
const MOST_POINTS: usize = 50;
/// Largest number of letters of a text; the rest is cut off, for the same reason.
const MOST_LETTERS: usize = 1_000;

/// The page as Markdown, without pictures.
pub fn markdown(page: &Page) -> String {
    let mut text = format!("# {}\n", rich(&page.title));
    let below: Vec<_> = page.below.iter().map(|part| rich(part)).collect();
    let mut lines = vec![rich(&page.above), below.join(" · ")];
    lines.retain(|line| !line.is_empty());
    if !lines.is_empty() {
        text += &format!("\n{}\n", lines.join("  \n"));
    }
    for section in &page.sections {
        text += &section_text(section);
    }
    text += &format!("\n<sub>{}</sub>\n", rich(&page.footer));
    text
}

fn section_text(section: &PageSection) -> String {
    let blocks: String = section.blocks.iter().map(block).collect();
    if blocks.is_empty() {
        return String::new();
    }
    format!("\n## {}\n{blocks}", rich(&section.title))
}

fn block(block: &Block) -> String {
    match block {
        Block::Banner(it) => banner(it),
        Block::Tiles(it) => tiles(it),
        Block::Tables(it) => it.iter().map(table).collect(),
        Block::Pictures(_) => String::new(),
        Block::Text(it) => format!("\n{}\n", rich(it)),
        Block::List(it) => format!("\n{}", list(it)),
        Block::Command(it) => command(it),
    }
}

fn banner(banner: &Banner) -> String {
    let about = banner
        .about
        .as_deref()
        .map_or_else(String::new, |about| format!(" {}", rich(about)));
    let head = format!(
        "\n{} **{}**{about}: {}\n",
        sign(banner.tone),
        rich(&banner.word),
        rich(&banner.text)
    );
    if banner.points.is_empty() {
        head
    } else {
        format!("{head}\n{}", list(&banner.points))
    }
}

/// The icon of a tone as a character.
fn sign(tone: Tone) -> &'static str {
    match tone {
        Tone::Good => "✅",
        Tone::Warning => "⚠️",
        Tone::Bad => "❌",
        Tone::Neutral => "ℹ️",
    }
}

fn list(points: &[String]) -> String {
    let mut text = String::new();
    for point in points.iter().take(MOST_POINTS) {
        text += &format!("- {}\n", rich(point));
    }
    if points.len() > MOST_POINTS {
        text += &format!("- and {} more\n", points.len() - MOST_POINTS);
    }
    text
}

/// A table of one row with a column for each tile. The tile's note stands below its value.
fn tiles(tiles: &[Tile]) -> String {
    let value = |tile: &Tile| {
        let note = match tile.note.as_str() {
            "" => String::new(),
            note => format!("<br>{}", rich(note)),
        };
        format!("**{}**{note}", rich(&tile.value))
    };
    format!(
        "\n{}{}{}",
        line(tiles.iter().map(|tile| rich(&tile.label))),
        line(tiles.iter().map(|_| "---:".to_owned())),
        line(tiles.iter().map(value))
    )
}

fn table(table: &Table) -> String {
    let mut text = String::new();
    if !table.title.is_empty() {
        text += &format!("\n### {}\n", rich(&table.title));
    }
    let columns = table.width() - 1;
    let heads = (0..columns).map(|i| table.columns.get(i).map_or_else(String::new, |c| rich(c)));
    let rule = if table.figures { "---:" } else { "---" };
    text += "\n";
    text += &line(std::iter::once(String::new()).chain(heads));
    text += &line(std::iter::once("---".to_owned()).chain((0..columns).map(|_| rule.to_owned())));
    for row in table.rows.iter().take(MOST_POINTS * 4) {
        text += &row_text(row, columns);
    }
    if !table.note.is_empty() {
        text += &format!("\n{}\n", rich(&table.note));
    }
    text
}

fn row_text(row: &TableRow, columns: usize) -> String {
    let group = row.group.as_ref().map_or_else(String::new, |group| {
        let empty = (0..columns).map(|_| String::new());
        line(std::iter::once(format!("**{}**", rich(group))).chain(empty))
    });
    let cells = row.cells.iter().map(|cell| rich(cell));
    group + &line(std::iter::once(rich(&row.name)).chain(cells))
}

fn line(cells: impl Iterator<Item = String>) -> String {
    let cells: Vec<_> = cells.collect();
    format!("| {} |\n", cells.join(" | "))
}

/// A command as a code block, whose fence has more backticks than the command.
fn command(command: &str) -> String {
    let runs = command.split(|c| c != '`').map(str::len);
    let fence = "`".repeat(runs.max().unwrap_or_default().max(2) + 1);
    format!("\n{fence}sh\n{command}\n{fence}\n")
}

/// A text in one line, with its code. Everything else is escaped for Markdown.
fn rich(text: &str) -> String {
    let cut: String;
    let text = match text.char_indices().nth(MOST_LETTERS) {
        Some((end, _)) => {
            cut = format!("{}…", &text[..end]);
            &cut
        }
        None => text,
    };
    let mut escaped = String::new();
    for Span { text, is_code } in spans(text) {
        let text = text.replace(['\n', '\r'], " ");
        // Within code nothing can be escaped: what would need it stands outside.
        if is_code && !text.contains(['|', '\\', '<']) {
            _ = write!(escaped, "`{text}`");
        } else {
            plain(&text, &mut escaped);
        }
    }
    escaped
}

/// A text with each special letter escaped, by a character reference if a backslash is not enough: GitHub turns
/// addresses into links and names into mentions.
fn plain(text: &str, escaped: &mut String) {
    for c in text.chars() {
        match c {
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '&' => escaped.push_str("&amp;"),
            '@' => escaped.push_str("&#64;"),
            '\\' | '`' | '*' | '_' | '{' | '}' | '[' | ']' | '#' | '|' | '!' | '~' | '$' => {
                escaped.push('\\');
                escaped.push(c);
            }
            c if c.is_control() => escaped.push(' '),
            c => escaped.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_has_a_meaning_is_escaped() {
        assert_eq!(rich("a|b"), "a\\|b");
        assert_eq!(rich("<script>&"), "&lt;script&gt;&amp;");
        assert_eq!(rich("**x** [a](b)"), "\\*\\*x\\*\\* \\[a\\](b)");
        assert_eq!(rich("use `a b` @me\n# no"), "use `a b` &#64;me \\# no");
        assert_eq!(rich("use `a|b` `<`"), "use a\\|b &lt;");
        assert_eq!(rich("one ` tick"), "one \\` tick");
    }

    #[test]
    fn a_command_cannot_end_its_fence() {
        assert_eq!(command("ls"), "\n```sh\nls\n```\n");
        assert!(command("a ``` b").starts_with("\n````sh\n"));
    }

    #[test]
    fn a_table_has_its_columns() {
        let table = Table {
            title: "Times".into(),
            columns: vec!["a|b.json".into(), "two".into()],
            rows: vec![TableRow {
                name: "p50".into(),
                cells: vec!["1.00 ms".into(), "–".into()],
                group: Some("service time".into()),
            }],
            note: String::new(),
            figures: true,
        };
        assert_eq!(
            super::table(&table),
            "\n### Times\n\n|  | a\\|b.json | two |\n| --- | ---: | ---: |\n\
             | **service time** |  |  |\n| p50 | 1.00 ms | – |\n"
        );
    }

    #[test]
    fn it_stays_below_what_a_job_summary_takes() {
        let long = "`x|<".repeat(2_000);
        let points = vec![long.clone(); 1_000];
        let mut page = Page::new(long.clone());
        page.add("a", vec![Block::List(points)]);
        page.add(
            long,
            vec![Block::Tables(vec![Table {
                rows: vec![TableRow::new("x".repeat(5_000), vec!["|".repeat(5_000)]); 1_000],
                ..Table::default()
            }])],
        );
        let size = markdown(&page).len();
        assert!(size < 1 << 20, "{size}");
    }

    proptest! {
        #[test]
        fn no_text_breaks_out_of_a_cell(text in any::<String>()) {
            let row = row_text(&TableRow::new(text, vec!["v".into()]), 1);
            prop_assert_eq!(row.matches('\n').count(), 1);
            let bars = row.replace("\\\\", "").replace("\\|", "").matches('|').count();
            prop_assert_eq!(bars, 3, "{}", row);
            prop_assert!(!row.contains('<'));
        }
    }
}

//! The page as one HTML file that needs no other file.
//!
//! The template escapes every text. As a second defence, the page's content security policy allows only the script and
//! the style sheet of this crate, by their hashes, and forbids the browser to load anything.

use askama::Template;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::ReportError;
use crate::page::{Block, Page, Svg, Tone};

const SCRIPT: &str = include_str!("../assets/page.js");
const STYLE: &str = include_str!("../assets/page.css");

#[derive(Template)]
#[template(path = "page.html")]
struct Html<'p> {
    page: &'p Page,
    policy: String,
    style: String,
    script: &'static str,
}

/// The page as HTML.
///
/// # Errors
/// [`ReportError::Page`] when it cannot be put together.
pub fn html(page: &Page) -> Result<String, ReportError> {
    let style = format!("{}{STYLE}", draw_plot::page_style());
    let html = Html {
        page,
        policy: format!(
            "default-src 'none'; style-src '{}'; script-src '{}'; base-uri 'none'; form-action 'none'",
            hash(&style),
            hash(SCRIPT)
        ),
        style,
        script: SCRIPT,
    };
    Ok(html.render()?)
}

/// The name of a script or style sheet in a content security policy: the hash of its text.
fn hash(text: &str) -> String {
    format!("sha256-{}", BASE64_STANDARD.encode(Sha256::digest(text)))
}

/// Data of a picture for the script.
#[derive(Serialize)]
pub(crate) struct Hovers<'p> {
    title: &'p str,
    /// Place across, place down or nothing, lines.
    at: Vec<(f64, Option<f64>, &'p [String])>,
}

pub(crate) fn hovers<'p>(title: &'p str, svg: &'p Svg) -> Hovers<'p> {
    let hovers = svg.hovers.iter();
    // Finer than anybody points.
    let short = |place: f64| (place * 10.0).round() / 10.0;
    Hovers {
        title,
        at: hovers
            .map(|hover| (short(hover.x), hover.y.map(short), hover.text.as_slice()))
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::page::{Banner, Hover, Table, TableRow, Tile};

    /// Text that would run as a script if it were not escaped.
    const HOSTILE: &str = "</script><script>alert(1)</script>\"'><img src=x onerror=y>";

    /// A page with that text in every field.
    fn hostile() -> Page {
        let text = || HOSTILE.to_owned();
        let svg = |markup: &str| Svg {
            markup: markup.to_owned(),
            alt: text(),
            hovers: vec![Hover {
                x: 1.0,
                y: None,
                text: vec![text(), text()],
            }],
        };
        let mut page = Page::new(text());
        page.above = text();
        page.below = vec![text()];
        page.footer = text();
        page.add(
            text(),
            vec![
                Block::Banner(Banner {
                    tone: Tone::Bad,
                    word: text(),
                    about: Some(text()),
                    text: text(),
                    points: vec![text(), format!("`{HOSTILE}`")],
                }),
                Block::Tiles(vec![Tile {
                    label: text(),
                    value: text(),
                    note: text(),
                    tone: Tone::Neutral,
                }]),
                Block::Tables(vec![Table {
                    title: text(),
                    columns: vec![text()],
                    rows: vec![TableRow {
                        name: text(),
                        cells: vec![text()],
                        group: Some(text()),
                    }],
                    note: text(),
                    figures: false,
                }]),
                Block::Pictures(vec![crate::page::PagePicture {
                    title: text(),
                    caption: text(),
                    svg: svg("<svg></svg>"),
                    narrow: Some(svg("<svg></svg>")),
                }]),
                Block::Text(text()),
                Block::List(vec![text()]),
                Block::Command(text()),
            ],
        );
        page
    }

    #[test]
    fn nothing_that_a_page_says_becomes_markup() {
        let html = html(&hostile()).unwrap();
        assert!(!html.contains("<script>alert"));
        assert!(!html.contains("<img"));
        // Two with values, and ours.
        assert_eq!(html.matches("<script").count(), 3);
        assert_eq!(html.matches("</script>").count(), 3);
        assert!(
            html.contains("&#60;script&#62;alert(1)") || html.contains("&lt;script&gt;alert(1)")
        );
    }

    #[test]
    fn the_policy_knows_just_our_script_and_style() {
        let html = html(&Page::new("a")).unwrap();
        let between = |start: &str, end: &str| {
            let (_, rest) = html.split_once(start).unwrap();
            rest.split_once(end).unwrap().0
        };
        let policy = between("Content-Security-Policy\" content=\"", "\">");
        let policy = policy.replace("&#39;", "'");
        assert!(policy.starts_with("default-src 'none'; "), "{policy}");
        for text in [
            between("<style>", "</style>"),
            between("<script>", "</script>"),
        ] {
            assert!(policy.contains(&hash(text)));
        }
        assert!(!policy.contains("unsafe"), "{policy}");
    }

    #[test]
    fn tables_of_many_columns_overlapped_on_paper() {
        let html_of = |columns: usize| {
            let table = Table {
                columns: vec!["p99".to_owned(); columns],
                rows: vec![TableRow::new("1", vec!["1.30 ms".to_owned(); columns])],
                figures: true,
                ..Table::default()
            };
            let mut page = Page::new("a");
            page.add(
                "Every round",
                vec![Block::Tables(vec![table.clone(), table])],
            );
            html(&page).unwrap()
        };
        assert!(html_of(3).contains("<div class=\"tables two\">"));
        assert!(html_of(4).contains("<div class=\"tables alone wide\">"));
    }

    /// The declarations of the rule with this selector in the style sheet.
    fn rule<'s>(style: &'s str, selector: &str) -> &'s str {
        let start = format!("\n{selector} {{");
        let (_, rest) = style.split_once(&start).unwrap();
        rest.split_once('}').unwrap().0
    }

    #[test]
    fn the_card_of_messages_touched_the_one_below() {
        // The bottom margin of a block at the end of a column is dropped, that of an inline block is not.
        let card = rule(STYLE, ".tables > .card");
        assert!(card.contains("display: inline-block;"), "{card}");
        assert!(card.contains("margin-bottom: 1rem;"), "{card}");
    }

    #[test]
    fn the_seventh_tile_stood_alone_in_a_row() {
        let across = |selector: &str| {
            let (_, rest) = rule(STYLE, selector).split_once("--across: ").unwrap();
            rest.split_once(';').unwrap().0.parse::<usize>().unwrap()
        };
        let most = [
            (1, across(".tiles")),
            (7, across(".tiles:has(> :nth-child(7))")),
            (9, across(".tiles:has(> :nth-child(9))")),
        ];
        for tiles in 2..=10 {
            let at = most.iter().rev().find(|(from, _)| *from <= tiles);
            let across = at.unwrap().1;
            assert_ne!(tiles % across, 1, "{tiles} tiles, {across} in a row");
        }
    }

    #[test]
    fn nothing_is_loaded() {
        let html = html(&hostile()).unwrap().to_lowercase();
        let markup = html.replace("http://www.w3.org/2000/svg", "");
        for sign in [" src=\"", " href=\"", "url(", "@import", "http:", "https:"] {
            assert!(!markup.contains(sign), "{sign}");
        }
    }

    #[test]
    fn a_page_has_a_language_a_heading_and_headings_in_order() {
        let html = html(&hostile()).unwrap();
        assert!(html.starts_with("<!DOCTYPE html>\n<html lang=\"en\">"));
        let mut before = 0;
        for (at, _) in html.match_indices("<h") {
            let Some(level) = html[at + 2..].chars().next().and_then(|c| c.to_digit(10)) else {
                continue;
            };
            assert!(level <= before + 1, "h{level} below h{before}");
            before = level;
        }
        assert_eq!(html.matches("<h1>").count(), 1);
    }
}

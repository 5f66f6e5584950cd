//! The text behind the flags: the same in `--help` and in the manual page.

use clap::builder::Styles;
use clap_mangen::roff::{Roff, roman};

/// A paragraph of the text.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Section<'a> {
    /// A heading, without its colon, and lines that stand as they are.
    Titled(&'a str, Vec<&'a str>),
    /// Lines that may be filled anew.
    Prose(Vec<&'a str>),
}

/// The paragraphs of `text`, between which lines are empty.
pub(crate) fn sections(text: &str) -> Vec<Section<'_>> {
    let paragraphs = text.split("\n\n").filter(|text| !text.trim().is_empty());
    paragraphs
        .map(|paragraph| {
            let mut lines = paragraph.trim_matches('\n').lines();
            let first = lines.next().unwrap_or_default();
            match first.strip_suffix(':') {
                Some(heading) => Section::Titled(heading, lines.collect()),
                None => Section::Prose(std::iter::once(first).chain(lines).collect()),
            }
        })
        .collect()
}

/// `text` with its headings as clap shows its own.
pub(crate) fn styled(text: &str, styles: &Styles) -> String {
    let header = styles.get_header();
    let paragraphs = sections(text).into_iter().map(|section| match section {
        Section::Titled(heading, lines) => {
            format!("{header}{heading}:{header:#}\n{}", lines.join("\n"))
        }
        // As wide as the terminal.
        Section::Prose(lines) => lines.join(" "),
    });
    paragraphs.collect::<Vec<_>>().join("\n\n")
}

/// The sections of a manual page, and the prose, which belongs to its description.
pub(crate) fn roff(text: &str) -> (Roff, Roff) {
    let (mut titled, mut prose) = (Roff::new(), Roff::new());
    for section in sections(text) {
        match section {
            Section::Titled(heading, lines) => {
                titled.control("SH", [heading.to_uppercase().as_str()]);
                titled.control("EX", []);
                for line in lines {
                    titled.text([roman(line.strip_prefix("  ").unwrap_or(line))]);
                }
                titled.control("EE", []);
            }
            Section::Prose(lines) => {
                prose.control("PP", []);
                prose.text([roman(lines.join("\n"))]);
            }
        }
    }
    (titled, prose)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
Examples:
  a -b   does it
  a -c

Prose in
two lines.

Exit codes:
  0 fine";

    #[test]
    fn a_paragraph_is_a_section_or_prose() {
        assert_eq!(
            sections(TEXT),
            [
                Section::Titled("Examples", vec!["  a -b   does it", "  a -c"]),
                Section::Prose(vec!["Prose in", "two lines."]),
                Section::Titled("Exit codes", vec!["  0 fine"]),
            ]
        );
        assert_eq!(sections(""), []);
    }

    #[test]
    fn only_headings_are_styled_and_prose_is_left_to_the_terminal() {
        let one_line = TEXT.replace("Prose in\ntwo", "Prose in two");
        assert_eq!(styled(TEXT, &Styles::plain()), one_line);
        let styled = styled(TEXT, &Styles::styled());
        assert!(styled.contains("Exit codes:\u{1b}"), "{styled:?}");
        assert!(styled.contains("\n\nProse in two"), "{styled:?}");
    }

    #[test]
    fn the_manual_page_keeps_lines_as_they_stand() {
        let (titled, prose) = roff(TEXT);
        assert_eq!(
            titled.to_roff(),
            ".SH EXAMPLES\n.EX\na \\-b   does it\na \\-c\n.EE\n.SH \"EXIT CODES\"\n.EX\n0 fine\n.EE\n"
        );
        assert_eq!(prose.to_roff(), ".PP\nProse in\ntwo lines.\n");
    }
}

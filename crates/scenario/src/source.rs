//! Texts with their places: a file, a string literal of it, a character within the literal.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

/// Line and column of a character in a file, both from 1. Columns count characters, not bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourcePlace {
    /// Name of the file, as it was given.
    pub file: String,
    /// Line from 1.
    pub line: usize,
    /// Column from 1, in characters.
    pub column: usize,
}

impl fmt::Display for SourcePlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file, self.line, self.column)
    }
}

/// Name and content of a scenario file, or of a text that was given in another way.
#[derive(Debug)]
pub(crate) struct SourceText {
    pub(crate) name: String,
    pub(crate) text: String,
}

impl SourceText {
    pub(crate) fn place(&self, offset: usize) -> SourcePlace {
        let mut end = offset.min(self.text.len());
        while !self.text.is_char_boundary(end) {
            end -= 1;
        }
        let before = &self.text[..end];
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        SourcePlace {
            file: self.name.clone(),
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
        }
    }
}

/// A range of bytes in a source.
#[derive(Debug, Clone)]
pub(crate) struct Spot {
    pub(crate) source: Arc<SourceText>,
    pub(crate) range: Range<usize>,
}

impl Spot {
    pub(crate) fn place(&self) -> SourcePlace {
        self.source.place(self.range.start)
    }
}

/// A string of a scenario file and its literal.
#[derive(Debug, Clone)]
pub(crate) struct SpottedText {
    pub(crate) value: String,
    pub(crate) spot: Spot,
    /// True for a TOML literal with its quotes, false for a text that stands in the source as it is.
    quoted: bool,
}

impl SpottedText {
    pub(crate) fn quoted(value: String, spot: Spot) -> Self {
        Self {
            value,
            spot,
            quoted: true,
        }
    }

    /// The whole text of a source.
    pub(crate) fn whole(name: &str, text: &str) -> Self {
        let source = Arc::new(SourceText {
            name: name.to_owned(),
            text: text.to_owned(),
        });
        Self {
            value: text.to_owned(),
            spot: Spot {
                source,
                range: 0..text.len(),
            },
            quoted: false,
        }
    }

    /// A range of a text that stands in its source as it is.
    pub(crate) fn part(&self, range: Range<usize>) -> Self {
        let start = self.spot.range.start;
        Self {
            value: self.value[range.clone()].to_owned(),
            spot: Spot {
                source: Arc::clone(&self.spot.source),
                range: start + range.start..start + range.end,
            },
            quoted: false,
        }
    }

    pub(crate) fn place(&self) -> SourcePlace {
        self.spot.place()
    }

    /// Place of the character at this byte of the value.
    pub(crate) fn place_within(&self, offset: usize) -> SourcePlace {
        let literal = self.spot.source.text.get(self.spot.range.clone());
        let inner = match (self.quoted, literal) {
            (true, Some(literal)) => offset_in_literal(literal, offset),
            _ => offset,
        };
        self.spot.source.place(self.spot.range.start + inner)
    }
}

/// Byte of a TOML string literal where the byte `wanted` of its value is written.
fn offset_in_literal(literal: &str, wanted: usize) -> usize {
    let quote = if literal.starts_with('\'') { '\'' } else { '"' };
    let is_long = literal.len() >= 6 && literal.chars().take(3).all(|c| c == quote);
    let mut at = if is_long { 3 } else { 1 };
    if is_long {
        // The line break behind the opening quotes does not belong to the value.
        let rest = &literal[at..];
        at += match () {
            () if rest.starts_with("\r\n") => 2,
            () if rest.starts_with('\n') => 1,
            () => 0,
        };
    }
    let mut decoded = 0;
    while decoded < wanted && at < literal.len() {
        let rest = &literal[at..];
        let (written, value) = match rest.strip_prefix('\\') {
            Some(escape) if quote == '"' => escape_lengths(escape),
            _ => rest
                .chars()
                .next()
                .map_or((1, 1), |c| (c.len_utf8(), c.len_utf8())),
        };
        at += written;
        decoded += value;
    }
    at
}

/// Bytes of an escape with its backslash, and bytes of the character that it stands for.
fn escape_lengths(escape: &str) -> (usize, usize) {
    let hexadecimal = |digits: usize| {
        let code = escape.get(1..=digits).unwrap_or_default();
        let code = u32::from_str_radix(code, 16).unwrap_or(0);
        (digits + 2, char::from_u32(code).map_or(1, char::len_utf8))
    };
    match escape.chars().next() {
        Some('x') => hexadecimal(2),
        Some('u') => hexadecimal(4),
        Some('U') => hexadecimal(8),
        // A backslash at the end of a line swallows all blanks up to the next text.
        Some(c) if c.is_whitespace() => {
            let blanks = escape.len() - escape.trim_start().len();
            (blanks + 1, 0)
        }
        Some(c) => (c.len_utf8() + 1, 1),
        None => (1, 0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(literal: &str, value: &str, wanted: &str) -> usize {
        let source = Arc::new(SourceText {
            name: "f".to_owned(),
            text: literal.to_owned(),
        });
        let range = 0..literal.len();
        let text = SpottedText::quoted(value.to_owned(), Spot { source, range });
        text.place_within(value.find(wanted).unwrap()).column
    }

    #[test]
    fn a_column_counts_the_escapes_before_it() {
        assert_eq!(column("'abc'", "abc", "c"), 4);
        assert_eq!(column(r#""\u001e\"ä${x}""#, "\u{1e}\"ä${x}", "x"), 13);
        assert_eq!(column(r#""\n\tx""#, "\n\tx", "x"), 6);
        assert_eq!(column(r#""\U0001F600x""#, "\u{1F600}x", "x"), 12);
    }

    #[test]
    fn a_long_literal_begins_behind_its_line_break() {
        let source = Arc::new(SourceText {
            name: "f".to_owned(),
            text: "\"\"\"\nab\\\n   cd\"\"\"".to_owned(),
        });
        let range = 0..source.text.len();
        let text = SpottedText::quoted("abcd".to_owned(), Spot { source, range });
        let place = text.place_within(2);
        assert_eq!((place.line, place.column), (2, 3));
        let place = text.place_within(3);
        assert_eq!((place.line, place.column), (3, 5));
    }
}

//! The separation of fields in a text, by a character or by blanks.

use super::time_unit::TimeUnit;

/// Number of lines that decide.
const SNIFFED_LINES: usize = 50;

/// The separator of a file's fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TextLayout {
    /// This character.
    Separated(u8),
    /// Blanks and tabs, with this number of fields in a row.
    Blanks(usize),
}

impl TextLayout {
    pub(super) fn of(head: &str) -> Self {
        let is_row = |line: &&str| !line.trim().is_empty() && !is_rule(line.as_bytes());
        let lines: Vec<&str> = head.lines().filter(is_row).collect();
        let lines = &lines[..lines.len().min(SNIFFED_LINES)];
        let separator = separator_of(lines);
        let is_in_all = lines
            .iter()
            .all(|line| line.as_bytes().contains(&separator));
        if separator == b'\t' || is_in_all && !lines.is_empty() {
            return Self::Separated(separator);
        }
        blank_fields(lines).map_or(Self::Separated(separator), Self::Blanks)
    }
}

/// The number of fields of nearly all lines, if blanks separate them: two or more, with a number in most lines.
fn blank_fields(lines: &[&str]) -> Option<usize> {
    let is_comment = |line: &&&str| line.trim_start().starts_with('#');
    let rows: Vec<&str> = lines
        .iter()
        .filter(|line| !is_comment(line))
        .copied()
        .collect();
    let counts: Vec<usize> = rows.iter().map(|line| blanks(line).count()).collect();
    let count_of = |wanted: usize| counts.iter().filter(|count| **count == wanted).count();
    let fields = counts
        .iter()
        .copied()
        .max_by_key(|count| (count_of(*count), *count))?;
    let whole = || rows.iter().filter(|line| blanks(line).count() == fields);
    let is_number = |field: &str| field.replace(',', ".").parse::<f64>().is_ok();
    let with_number = whole().filter(|line| blanks(line).any(is_number)).count();
    // A number and its unit are one field.
    let ends_with_unit = |line: &&&str| {
        let last = blanks(line).last().map(str::to_lowercase);
        last.is_some_and(|last| TimeUnit::of_word(&last).is_some())
    };
    let is_table = fields >= 2
        && counts.first() == Some(&fields)
        && count_of(fields) * 5 >= rows.len() * 4
        && with_number * 2 >= count_of(fields)
        && whole().skip(1).filter(ends_with_unit).count() * 2 < count_of(fields);
    is_table.then_some(fields)
}

fn blanks(line: &str) -> impl Iterator<Item = &str> {
    let fields = line.split([' ', '\t', '\r', '\n']);
    fields.filter(|field| !field.is_empty())
}

/// A line without its comment sign, behind which plotting programs write their header.
fn uncommented(line: &str) -> &str {
    let line = line.trim_start();
    line.strip_prefix('#').unwrap_or(line)
}

/// The fields of a line between blanks; `None` for a comment that is not a header, and for an empty line.
pub(super) fn fields_of(line: &str, wanted: usize) -> Option<impl Iterator<Item = &str>> {
    let is_comment = line.trim_start().starts_with('#');
    let line = uncommented(line);
    let count = blanks(line).count();
    let is_row = count > 0 && (!is_comment || count == wanted) && !is_rule(line.as_bytes());
    is_row.then(|| blanks(line))
}

/// Returns `true` for the line between header and rows of a text table: `|--:|---|`.
pub(super) fn is_rule(row: &[u8]) -> bool {
    let has = |sign: &[u8]| row.windows(sign.len()).any(|window| window == sign);
    let is_drawn = |byte: &u8| b"-=+:| \t\r\n".contains(byte);
    (has(b"---") || has(b"===") || has(b"--:") || has(b":--")) && row.iter().all(is_drawn)
}

/// Detects the character that separates fields: the one that occurs in most lines outside quotes.
fn separator_of(lines: &[&str]) -> u8 {
    let unquoted = |line: &&str| -> String { line.split('"').step_by(2).collect() };
    let lines: Vec<String> = lines.iter().map(unquoted).collect();
    // A name without a comma above numbers with one: a single column with decimal commas.
    let is_decimal = |line: &String| {
        let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        let parts = line.split_once(',');
        parts.is_some_and(|(whole, part)| is_digits(whole) && is_digits(part)) || is_digits(line)
    };
    if let [name, values @ ..] = lines.as_slice()
        && values.iter().any(|value| value.contains(','))
        && !name.contains(',')
        && values.iter().all(is_decimal)
    {
        return b';';
    }
    let lines_with = |separator: &u8| {
        let holds = |line: &&String| line.as_bytes().contains(separator);
        lines.iter().filter(holds).count()
    };
    // Of equals the last, which is not the comma: that may be a decimal one.
    let best = *b",|\t;"
        .iter()
        .max_by_key(|separator| lines_with(separator))
        .unwrap_or(&b',');
    if lines_with(&best) > 0 { best } else { b',' }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout(text: &str) -> TextLayout {
        TextLayout::of(text)
    }

    #[test]
    fn the_separator_is_what_most_lines_hold() {
        for (text, separator) in [
            ("a,b\n1,2\n", b','),
            ("a;b\n1,5;2,5\n", b';'),
            ("a\tb\n1\t2\n", b'\t'),
            ("\"a;b\",c\n1,2\n", b','),
            ("latency\n1,5\n12,25\n", b';'),
            ("latency\n950\n1,049\n", b';'),
            ("latency\n1.5\n", b','),
            ("| n | ms |\n|--:|--:|\n| 1 | 2 |\n", b'|'),
        ] {
            assert_eq!(layout(text), TextLayout::Separated(separator), "{text}");
        }
    }

    #[test]
    fn blanks_separate_where_nothing_else_does() {
        for text in [
            "n latency_ms\n1 2.5\n2 3.5\n",
            "   n  latency_ms\n   1        2.50\n",
            "# n latency_ms\n1 2.5\n2 3.5\n",
            "1 2.5\n2 3.5\n",
            "n latency\n1 2,5\n2 3,5\n",
        ] {
            assert_eq!(layout(text), TextLayout::Blanks(2), "{text}");
        }
        for text in [
            "some words\nand more\n",
            "latency\n1.25 ms\n1.26 ms\n",
            "1.25 s\n1.26 s\n",
            "latency_ms\n1 049\n1 050\n",
            "n,latency (ms)\n1,2\n",
        ] {
            assert!(matches!(layout(text), TextLayout::Separated(_)), "{text}");
        }
    }

    #[test]
    fn rules_and_comments_are_no_rows() {
        assert!(is_rule(b"--::--") && is_rule(b"----+-----") && is_rule(b"|--:|--:|"));
        assert!(!is_rule(b"-") && !is_rule(b"1--2") && !is_rule(b"--"));
        let fields = |line| fields_of(line, 2).map(|fields| fields.collect::<Vec<_>>());
        assert_eq!(fields("# n ms\n"), Some(vec!["n", "ms"]));
        assert_eq!(fields("# a longer comment\n"), None);
        assert_eq!(fields("1 2\r\n"), Some(vec!["1", "2"]));
        assert_eq!(fields(" \n"), None);
    }
}

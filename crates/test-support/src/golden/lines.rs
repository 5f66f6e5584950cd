//! CSV, interval logs, Markdown and plain text, line by line.

use super::Mask;

/// Returns a CSV table with its varying cells masked by the rules of `sheets.NAME.COLUMN`: the header, then the rows.
#[must_use]
pub fn masked_csv(text: &str, sheet: &str, mask: &Mask) -> String {
    let mut lines = text.lines().map(|line| line.split(',').map(cell));
    let header: Vec<_> = lines.next().unwrap().collect();
    masked_rows(sheet, &header, lines.map(Iterator::collect), mask, ",")
}

/// A cell as JSON; a number if it can be parsed as one.
fn cell(text: &str) -> serde_json::Value {
    let number = serde_json::from_str(text)
        .ok()
        .filter(serde_json::Value::is_number);
    number.unwrap_or_else(|| match text {
        "" => serde_json::Value::Null,
        text => text.into(),
    })
}

/// A header and its rows with varying cells masked. Consecutive rows that are equal after masking are combined into one
/// with their number. The kind of the sheet itself may be `sorted`, when the order of rows varies between runs, or
/// `rows`, when their number varies.
pub(super) fn masked_rows(
    sheet: &str,
    header: &[serde_json::Value],
    rows: impl Iterator<Item = Vec<serde_json::Value>>,
    mask: &Mask,
    separator: &str,
) -> String {
    let text = |value: &serde_json::Value| match value {
        serde_json::Value::String(text) => text.clone(),
        serde_json::Value::Null if separator == "," => String::new(),
        other => other.to_string(),
    };
    let columns: Vec<String> = header.iter().map(text).collect();
    let kinds: Vec<_> = columns
        .iter()
        .map(|column| mask.kind(&["sheets", sheet, column]))
        .collect();
    let masked = |row: Vec<serde_json::Value>| -> Vec<String> {
        let cells = row.iter().enumerate().map(|(n, value)| {
            let kind = kinds.get(n).copied().flatten();
            kind.and_then(|kind| super::mask::placeholder(value, kind))
                .unwrap_or_else(|| text(value))
        });
        cells.collect()
    };
    let mut rows: Vec<Vec<String>> = rows.map(masked).collect();
    let order = mask.kind(&["sheets", sheet]);
    if order.is_some() {
        rows.sort_by_cached_key(|row| row.iter().map(|cell| sort_key(cell)).collect::<Vec<_>>());
    }
    let mut text = columns.join(separator) + "\n";
    for same in rows.chunk_by(|a, b| a == b) {
        let row = same[0].join(separator);
        text += &match (order, same.len()) {
            (Some("rows"), _) => format!("n × {row}\n"),
            (_, 1) => format!("{row}\n"),
            (_, count) => format!("{count} × {row}\n"),
        };
    }
    text
}

/// Sort key: numbers by value, then all other cells.
fn sort_key(cell: &str) -> String {
    match cell.parse::<f64>() {
        Ok(number) => format!("{number:030.9}"),
        Err(_) => format!("~{cell}"),
    }
}

/// Returns an interval log with times, largest values and histograms masked. Consecutive equal intervals are combined.
#[must_use]
pub fn masked_hlog(text: &str) -> String {
    let mut lines: Vec<String> = text.lines().map(masked_interval).collect();
    lines.dedup();
    while let [.., a, b, c, d] = &lines[..]
        && (a, b) == (c, d)
    {
        lines.truncate(lines.len() - 2);
    }
    lines.join("\n")
}

fn masked_interval(line: &str) -> String {
    let fields: Vec<&str> = line.split(',').collect();
    let [tag, start, length, max, histogram] = fields[..] else {
        return masked_time(line);
    };
    let decimals = [start, length, max].map(|field| {
        let places = field.split_once('.').map_or(0, |(_, places)| places.len());
        format!("<{places} decimals>")
    });
    let histogram = match histogram.get(..4) {
        Some("HIST") => "<histogram>",
        _ => histogram,
    };
    format!("{tag},{},{histogram}", decimals.join(","))
}

/// A header line with its time masked.
fn masked_time(line: &str) -> String {
    match (line.find("Time: "), line.find(" (seconds")) {
        (Some(from), Some(to)) => format!("{}<decimal>{}", &line[..from + 6], &line[to..]),
        _ => line.to_owned(),
    }
}

/// Returns the structure of a Markdown page: headings, paragraphs and lists without their texts except for bold words,
/// commands without arguments, and complete tables.
#[must_use]
pub fn masked_markdown(text: &str) -> String {
    let mut is_code = false;
    let mut lines: Vec<String> = Vec::new();
    for line in text.lines() {
        let was_code = is_code;
        is_code ^= line.starts_with("```");
        lines.push(match line.split_once(' ') {
            _ if is_code != was_code || line.starts_with('|') || line.is_empty() => line.to_owned(),
            Some((program, _)) if is_code => format!("{program} <arguments>"),
            Some((mark, _)) if mark.starts_with('#') || mark == "-" => format!("{mark} <text>"),
            _ => bold_words(line) + "<text>",
        });
    }
    lines.join("\n")
}

/// The bold words of a line, each followed by a space.
fn bold_words(line: &str) -> String {
    let words = line.split("**").skip(1).step_by(2);
    words.map(|word| format!("**{word}** ")).collect()
}

/// Returns a text in which `<port>` replaces every loopback port.
#[must_use]
pub fn masked_ports(text: &str) -> String {
    const HOST: &str = "127.0.0.1:";
    let mut parts = text.split(HOST);
    let mut masked = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let rest = part.trim_start_matches(|c: char| c.is_ascii_digit());
        masked += HOST;
        masked += if rest.len() < part.len() {
            "<port>"
        } else {
            ""
        };
        masked += rest;
    }
    masked
}

/// Units that vary with the number before them, and their common placeholder.
const UNITS: [(&str, &str); 9] = [
    ("ns", "<time>"),
    ("µs", "<time>"),
    ("ms", "<time>"),
    ("min", "<time>"),
    ("s", "<time>"),
    ("KiB", "<bytes>"),
    ("MiB", "<bytes>"),
    ("GiB", "<bytes>"),
    ("B", "<bytes>"),
];

/// Returns a line with every number masked, including its unit of time or size. Several spaces become two, because the
/// width of columns depends on their numbers. Digits inside a word, as in `p99`, stay.
#[must_use]
pub fn masked_numbers(line: &str) -> String {
    let mut masked = String::new();
    let mut rest = line;
    while let Some(c) = rest.chars().next() {
        let is_in_word = masked.ends_with(|c: char| c.is_alphanumeric() || c == '.');
        if c.is_ascii_digit() && !is_in_word {
            let (placeholder, after) = masked_number(rest);
            masked += placeholder;
            rest = after;
        } else {
            if c != ' ' || !masked.ends_with("  ") {
                masked.push(c);
            }
            rest = &rest[c.len_utf8()..];
        }
    }
    masked
}

/// The placeholder of the number at the start of a text, and the text after the number and its unit.
fn masked_number(text: &str) -> (&'static str, &str) {
    let is_of_number = |(at, c): (usize, char)| {
        let is_followed = text[at + 1..].starts_with(|c: char| c.is_ascii_digit());
        c.is_ascii_digit() || ((c == ',' || c == '.') && is_followed)
    };
    let end = text.char_indices().find(|at| !is_of_number(*at));
    let rest = &text[end.map_or(text.len(), |(at, _)| at)..];
    for (unit, placeholder) in UNITS {
        let after = rest
            .strip_prefix(' ')
            .and_then(|rest| rest.strip_prefix(unit));
        if let Some(after) = after.filter(|after| !after.starts_with(char::is_alphanumeric)) {
            return (placeholder, after);
        }
    }
    ("<n>", rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_masked_with_their_units() {
        assert_eq!(
            masked_numbers("p99 12.5 µs · 1,234 msg/s ·    9.1 MiB/s at 127.0.0.1:80, 2 of 3"),
            "p99 <time> · <n> msg/s ·  <bytes>/s at <n>:<n>, <n> of <n>"
        );
    }

    #[test]
    fn equal_rows_are_counted() {
        let mask = Mask::new(&[("sheets.times", "sorted"), ("sheets.times.ms", "number")]);
        assert_eq!(
            masked_csv(
                "n,ms,outcome\n2,0.5,ok\n1,0.25,ok\n1,3,ok\n10,,lost\n",
                "times",
                &mask
            ),
            "n,ms,outcome\n2 × 1,<number>,ok\n2,<number>,ok\n10,,lost\n"
        );
    }

    #[test]
    fn a_page_keeps_its_tables_and_verdicts() {
        assert_eq!(
            masked_markdown(
                "# A title\n\nIt is **valid**: good\n\n- one\n\n| a |\n| - |\n\n```sh\nws-bench -c 4\n```"
            ),
            "# <text>\n\n**valid** <text>\n\n- <text>\n\n| a |\n| - |\n\n```sh\nws-bench <arguments>\n```"
        );
    }

    #[test]
    fn intervals_of_the_same_tags_are_there_once() {
        let log = "#[StartTime: 12.5 (seconds since epoch)]\nTag=a,0.000,1.000,2.1,HISTxx\nTag=b,0.000,1.000,2.1,HISTyy\nTag=a,1.000,1.000,2.1,HISTxx\nTag=b,1.000,1.000,2.1,HISTyy";
        assert_eq!(
            masked_hlog(log),
            "#[StartTime: <decimal> (seconds since epoch)]\nTag=a,<3 decimals>,<3 decimals>,<1 decimals>,<histogram>\nTag=b,<3 decimals>,<3 decimals>,<1 decimals>,<histogram>"
        );
    }
}

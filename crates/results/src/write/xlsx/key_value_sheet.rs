//! A JSON document with one row per key, the verdict first.

use measurement::verdict::Verdict;
use rust_xlsxwriter::{Format, FormatAlign, FormatBorder, Worksheet};
use serde_json::Value;

use super::style::{FAINT, GREEN, INK, MOST_CHARACTERS, ORANGE, RULE, VERMILION, begin_sheet};
use super::{XlsxResult, row};
use crate::schema::{KeyValueColumn as Column, SheetColumn};

/// Key of the first section, which holds the verdict.
const VERDICT: &str = "validity";

/// Largest width of the column of keys, in characters: some keys are sentences.
const WIDEST_KEY: usize = 100;

/// Width of the column of values, in characters.
const VALUE_WIDTH: usize = 72;

/// Largest height of a row, in points.
const HIGHEST_ROW: u32 = 409;

/// Height of a line of text, in points.
const LINE_HEIGHT: u32 = 16;

/// Fills a sheet of this name with a document whose `validity` has this verdict.
pub(super) fn write(
    sheet: &mut Worksheet,
    name: &str,
    document: &Value,
    verdict: Verdict,
) -> XlsxResult {
    let mut rows = Vec::new();
    flatten("", document, &mut rows);
    // A stable sort: all else stays in the order of the document.
    rows.sort_by_key(|(key, _)| section(key) != VERDICT);
    begin_sheet::<Column>(sheet, name, rows.len())?;
    sheet.set_landscape().set_portrait();
    let longest = rows.iter().map(|(key, _)| key.len()).max().unwrap_or(0);
    sheet.set_column_width(Column::Key.at(), row(longest.min(WIDEST_KEY) + 4))?;
    sheet.set_column_width(Column::Value.at(), row(VALUE_WIDTH + 8))?;
    let verdict = colour(verdict);
    sheet.set_tab_color(verdict);

    let mut above = VERDICT;
    for (index, (key, value)) in rows.iter().enumerate() {
        let row = row(index + 1);
        let mut cell = Format::new()
            .set_align(FormatAlign::Left)
            .set_align(FormatAlign::Top);
        if section(key) != above {
            cell = cell
                .set_border_top(FormatBorder::Thin)
                .set_border_top_color(RULE);
        }
        above = section(key);
        write_key(sheet, row, key, &cell)?;
        if index == 0 {
            let on_it = if verdict == ORANGE { INK } else { 0xFFFFFF };
            cell = cell
                .set_bold()
                .set_font_color(on_it)
                .set_background_color(verdict);
        }
        write_value(sheet, row, (key, value), cell)?;
    }
    Ok(())
}

/// Writes a dotted key with its last part emphasized, because all keys of a section begin alike.
fn write_key(sheet: &mut Worksheet, row: u32, key: &str, cell: &Format) -> XlsxResult {
    let [faint, ink] = [FAINT, INK].map(|colour| Format::new().set_font_color(colour));
    // A system's own words, which are keys of `connections.failures`, may end in a dot.
    match key.rsplit_once('.').filter(|(_, name)| !name.is_empty()) {
        Some((section, name)) => {
            let section = format!("{section}.");
            let parts: [(&Format, &str); 2] = [(&faint, &section), (&ink, name)];
            sheet.write_rich_string_with_format(row, Column::Key.at(), &parts, cell)?;
        }
        None => {
            sheet.write_with_format(row, Column::Key.at(), key, cell)?;
        }
    }
    Ok(())
}

fn write_value(
    sheet: &mut Worksheet,
    row: u32,
    (key, value): (&str, &Value),
    cell: Format,
) -> XlsxResult {
    let at = Column::Value.at();
    match value {
        Value::Bool(value) => sheet.write_with_format(row, at, *value, &cell)?,
        // A spreadsheet's numbers are floats.
        Value::Number(number) => {
            let number = number.as_f64().unwrap_or_default();
            let cell = cell.set_num_format(number_format(key, number));
            sheet.write_with_format(row, at, number, &cell)?
        }
        Value::String(text) => {
            // Not every program makes room by itself.
            let characters = text.chars().count();
            let lines = characters.div_ceil(VALUE_WIDTH);
            if lines > 1 {
                let height = LINE_HEIGHT * super::row(lines);
                sheet.set_row_height(row, height.min(HIGHEST_ROW))?;
            }
            let cell = cell.set_text_wrap();
            if characters > MOST_CHARACTERS {
                let kept: String = text.chars().take(MOST_CHARACTERS - 1).collect();
                sheet.write_with_format(row, at, kept + "…", &cell)?
            } else {
                sheet.write_with_format(row, at, text, &cell)?
            }
        }
        // Flattening leaves only empty ones.
        Value::Null | Value::Array(_) | Value::Object(_) => sheet.write_blank(row, at, &cell)?,
    };
    Ok(())
}

fn colour(verdict: Verdict) -> u32 {
    match verdict {
        Verdict::Valid => GREEN,
        Verdict::Suspect => ORANGE,
        Verdict::Invalid => VERMILION,
    }
}

/// The first part of a dotted path; empty for a key without dots.
fn section(key: &str) -> &str {
    key.split_once('.').map_or("", |(section, _)| section)
}

/// The number format with the unit that the key names.
fn number_format(key: &str, number: f64) -> &'static str {
    let name = key.rsplit_once('.').map_or(key, |(_, name)| name);
    // `service_time_ns.p99` has its unit in the part, `coordinated_omission_p99_ns` in the name.
    let is_ns = name != "count" && key.split('.').any(|part| part.ends_with("_ns"));
    let is_bytes = name.ends_with("_bytes")
        || name == "server_bytes_per_client"
        || (key.starts_with("idle.memory.") && name != "readings")
        || key.contains("payload_bytes.");
    let is_length_s = name.ends_with("_s") && !name.ends_with("_per_cpu_s");
    let is_share = name.ends_with("_share") || matches!(name, "share" | "cpu_per_core");
    let formats = [
        (
            matches!(name, "schema" | "seed" | "pid") || key.contains("unreached_clients."),
            "0",
        ),
        (is_ns, "#,##0 \"ns\""),
        (is_bytes, "#,##0 \"B\""),
        (name.ends_with("_bytes_per_s"), "#,##0 \"B/s\""),
        (name == "reach", "0.00%"),
        (name.ends_with("_per_s"), "#,##0.0 \"/s\""),
        (is_share, "0.0%"),
        (is_length_s, "#,##0.000 \"s\""),
        (number.fract() == 0.0, "#,##0"),
    ];
    let first = formats.into_iter().find(|(is_it, _)| *is_it);
    first.map_or("#,##0.0##", |(_, format)| format)
}

/// The leaves of a JSON value with their dotted paths, in the order of the document.
fn flatten<'v>(path: &str, value: &'v Value, rows: &mut Vec<(String, &'v Value)>) {
    let join = |key: &str| match path {
        "" => key.to_owned(),
        path => format!("{path}.{key}"),
    };
    match value {
        Value::Object(fields) if !fields.is_empty() => {
            for (key, value) in fields {
                flatten(&join(key), value, rows);
            }
        }
        Value::Array(items) if !items.is_empty() => {
            for (index, value) in items.iter().enumerate() {
                flatten(&join(&index.to_string()), value, rows);
            }
        }
        leaf => rows.push((path.to_owned(), leaf)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_shows_the_unit_that_its_key_names() {
        for (key, shown) in [
            ("service_time_ns.p99", "#,##0 \"ns\""),
            ("service_time_ns.count", "#,##0"),
            ("connect_ns.tcp.max", "#,##0 \"ns\""),
            ("coordinated_omission_p99_ns", "#,##0 \"ns\""),
            ("plan.payload_bytes", "#,##0 \"B\""),
            ("plan.payload_bytes.max", "#,##0 \"B\""),
            ("client.max_rss_bytes", "#,##0 \"B\""),
            ("throughput.payload_bytes_per_s", "#,##0 \"B/s\""),
            ("offered_rate_per_s", "#,##0.0 \"/s\""),
            ("server.messages_per_cpu_s", "#,##0"),
            ("elapsed_s", "#,##0.000 \"s\""),
            ("fan_out.reach", "0.00%"),
            ("fan_out.unreached_clients.0", "0"),
            ("slow.planned_read_bytes_per_s", "#,##0 \"B/s\""),
            ("slow.server_bytes_per_client", "#,##0 \"B\""),
            ("client.run_queue_wait_share", "0.0%"),
            ("plan.connections.drop.share", "0.0%"),
            ("reconnect.back_99_ns", "#,##0 \"ns\""),
            ("idle.memory.bytes_per_connection", "#,##0 \"B\""),
            ("idle.memory.readings", "#,##0"),
            ("plan.seed", "0"),
            ("messages.sent", "#,##0"),
        ] {
            assert_eq!(number_format(key, 2.0), shown, "{key}");
        }
        assert_eq!(number_format("anything", 2.5), "#,##0.0##");
    }
}

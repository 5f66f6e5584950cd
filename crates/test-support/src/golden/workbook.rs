//! Sheets and charts of a workbook.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use calamine::{Data, Reader, Xlsx, open_workbook};
use serde_json::{Number, Value};
use zip::ZipArchive;

use super::Mask;
use super::lines::masked_rows;
use super::mask::{TEXT, placeholder, rounded};

/// Returns all sheets of a workbook in order, with their varying cells masked, and its charts.
///
/// A sheet of keys and values is masked by the rules for its keys, any other sheet by those for `sheets.SHEET.COLUMN`.
#[must_use]
pub fn masked_workbook(path: &Path, mask: &Mask) -> String {
    let mut book: Xlsx<_> = open_workbook(path).unwrap();
    let mut text = String::new();
    for name in book.sheet_names() {
        let range = book.worksheet_range(&name).unwrap();
        let mut rows = range
            .rows()
            .map(|row| row.iter().map(cell).collect::<Vec<_>>());
        let header = rows.next().unwrap_or_default();
        text += &format!("[{name}]\n");
        text += &if header == ["key", "value"] {
            format!("key | value\n{}", masked_pairs(rows, mask))
        } else {
            masked_rows(&name, &header, rows, mask, " | ")
        };
        text += "\n";
    }
    text + &charts(path)
}

/// A cell as JSON. Whole numbers have no decimals, as in the workbook.
fn cell(data: &Data) -> Value {
    match data {
        Data::Int(number) => (*number).into(),
        Data::Float(number) => whole(&Number::from_f64(*number).map_or(Value::Null, rounded)),
        Data::String(text) => text.as_str().into(),
        Data::Bool(is_true) => (*is_true).into(),
        Data::Empty => Value::Null,
        other => format!("{other:?}").into(),
    }
}

/// A whole number without its decimals.
fn whole(number: &Value) -> Value {
    let text = number.to_string();
    let digits = text.strip_suffix(".0").unwrap_or(&text);
    serde_json::from_str(digits).unwrap()
}

/// Rows of keys and values. Consecutive elements of an array of any length are combined into one row.
fn masked_pairs(rows: impl Iterator<Item = Vec<Value>>, mask: &Mask) -> String {
    let mut lines: Vec<String> = rows.map(|row| masked_pair(&row, mask)).collect();
    lines.dedup();
    lines.concat()
}

fn masked_pair(row: &[Value], mask: &Mask) -> String {
    let [Value::String(key), value] = row else {
        return format!("{row:?}\n");
    };
    let path: Vec<&str> = key.split('.').collect();
    for (at, _) in path.iter().enumerate() {
        if mask.kind(&path[..at]) == Some("texts") {
            return format!("{}.{TEXT} | {value}\n", path[..at].join("."));
        }
    }
    let parent = &path[..path.len() - 1];
    let array = |path: &[&str]| mask.kind(path)?.strip_suffix('…');
    if let Some(kind) = array(parent)
        && placeholder(value, kind).is_some()
    {
        return format!("{}.… | <{kind}>\n", parent.join("."));
    }
    if let Some(kind) = array(&path)
        && value.is_null()
    {
        return format!("{key}.… | <{kind}>\n");
    }
    // A whole number may be of any number type.
    let kind = mask
        .kind(&path)
        .map(|kind| kind.replace("decimal", "number"));
    let value = kind
        .and_then(|kind| placeholder(value, &kind))
        .unwrap_or_else(|| value.to_string());
    format!("{key} | {value}\n")
}

/// The charts of a workbook: the kind of each, and the columns of its series.
fn charts(path: &Path) -> String {
    let mut archive = ZipArchive::new(File::open(path).unwrap()).unwrap();
    let mut text = String::new();
    for number in 1.. {
        let Ok(mut file) = archive.by_name(&format!("xl/charts/chart{number}.xml")) else {
            break;
        };
        let mut xml = String::new();
        file.read_to_string(&mut xml).unwrap();
        text += &format!("[chart {number}]\n");
        for element in xml.split('<').skip(1) {
            if let Some(reference) = element.strip_prefix("c:f>") {
                text += &format!("{}\n", column(reference));
            } else if let Some(name) = element.strip_prefix("c:")
                && let Some((kind, _)) = name.split_once("Chart>")
            {
                text += &format!("{kind}\n");
            }
        }
    }
    text
}

/// The column of a reference such as `timeline!$A$2:$A$9`.
fn column(reference: &str) -> &str {
    let first = reference.split(':').next().unwrap_or_default();
    first.trim_end_matches(|c: char| c == '$' || c.is_ascii_digit())
}

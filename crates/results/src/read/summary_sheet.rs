//! Reading of the `summary` sheet as JSON.

use std::ops::ControlFlow;

use serde_json::{Map, Number, Value as Json};

use super::cells::{CellSource, CellValue};
use crate::error::Result;
use crate::schema;

/// Objects whose keys are data, in which dots and digits do not separate keys.
const MAPS: [&str; 7] = [
    "connections.close_codes.",
    "connections.failures.",
    "connections.early_ends.",
    "connections.addresses.",
    "slow.close_codes.",
    "reconnect.handshake_failed.",
    "reconnect.failures.",
];

/// Keys of the arguments of a command line.
const WORDS: &str = "command_line.";

/// Ends of the keys of other texts that may be empty.
const TEXTS: [&str; 5] = [".os", ".kernel", ".cpu", ".reason", ".begins"];

/// Largest depth of keys, above that of any run.
const DEEPEST: usize = 8;

/// The JSON that the sheet was flattened from; `None` without such a sheet. An empty cell is an empty text where the key
/// is that of a text. Any other key with an empty cell is missing, because the cell can stand for `null` or an empty list.
pub(super) fn read(source: &mut dyn CellSource) -> Result<Option<Json>> {
    if !source.sheets().iter().any(|s| s == schema::SUMMARY_SHEET) {
        return Ok(None);
    }
    let mut root = Json::Object(Map::new());
    let mut key = String::new();
    let mut is_empty_text = false;
    source.visit(schema::SUMMARY_SHEET, &mut |cell| {
        if is_empty_text && cell.column == 0 {
            insert(&mut root, &key, Some("".into()));
        }
        match (cell.column, cell.value) {
            (0, CellValue::Text(text)) => {
                text.clone_into(&mut key);
                insert(&mut root, &key, None);
                is_empty_text = is_text(&key);
            }
            (0, _) => {
                key.clear();
                is_empty_text = false;
            }
            (1, CellValue::Text(text)) => {
                is_empty_text = false;
                insert(&mut root, &key, Some(text.into()));
            }
            (1, CellValue::Bool(truth)) => insert(&mut root, &key, Some(truth.into())),
            (1, CellValue::Number(number)) => insert(&mut root, &key, Some(json_number(number))),
            _ => {}
        }
        Ok(ControlFlow::Continue(()))
    })?;
    if is_empty_text {
        insert(&mut root, &key, Some("".into()));
    }
    Ok(Some(root))
}

/// Returns true for the key of a text that is never `null`.
fn is_text(key: &str) -> bool {
    key.starts_with(WORDS) || TEXTS.iter().any(|end| key.ends_with(end))
}

/// A cell's number in the form of JSON: counts without a point.
pub(super) fn json_number(number: f64) -> Json {
    const U64_END: f64 = 18_446_744_073_709_551_616.0;
    const I64_START: f64 = -9_223_372_036_854_775_808.0;
    let is_whole = number.fract() == 0.0 && (I64_START..=U64_END).contains(&number);
    // Whole and in range; at the very end it saturates.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    match number {
        n if is_whole && n >= 0.0 => Json::from(n as u64),
        n if is_whole => Json::from(n as i64),
        n => Number::from_f64(n).map_or(Json::Null, Json::Number),
    }
}

/// Inserts a value at its dotted key unless there is one; without a value, creates only the object or list around it.
fn insert(root: &mut Json, key: &str, mut leaf: Option<Json>) {
    let map = MAPS.iter().find(|map| key.starts_with(**map));
    let (path, last) = match map {
        Some(map) => (map.trim_end_matches('.'), &key[map.len()..]),
        None => key.rsplit_once('.').unwrap_or(("", key)),
    };
    let mut steps: Vec<&str> = path.split('.').filter(|step| !step.is_empty()).collect();
    if steps.len() > DEEPEST {
        return;
    }
    steps.push(last);
    let is_index = |step: &str| step.bytes().all(|byte| byte.is_ascii_digit());
    let mut at = root;
    for (nth, step) in steps.iter().enumerate() {
        let new = match steps.get(nth + 1) {
            Some(next) if is_index(next) && (map.is_none() || nth + 2 < steps.len()) => {
                Some(Json::Array(Vec::new()))
            }
            Some(_) => Some(Json::Object(Map::new())),
            None => leaf.take(),
        };
        let Some(new) = new else { return };
        let next = match at {
            Json::Object(fields) => Some(fields.entry(*step).or_insert(new)),
            Json::Array(items) => step.parse().ok().and_then(|index: usize| {
                // Indexes come in order.
                if index == items.len() {
                    items.push(new);
                }
                items.get_mut(index)
            }),
            _ => None,
        };
        let Some(next) = next else { return };
        at = next;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(rows: &[(&str, Option<Json>)]) -> Json {
        let mut root = Json::Object(Map::new());
        for (key, value) in rows {
            insert(&mut root, key, value.clone());
        }
        root
    }

    #[test]
    fn dotted_keys_become_objects_and_lists() {
        let found = of(&[
            ("schema", Some(1.into())),
            ("plan.stages.0.duration_s", Some(2.into())),
            ("plan.stages.0.rate_per_s", None),
            ("plan.stages.1.duration_s", Some(3.into())),
            ("plan.pinned_to.0", Some(7.into())),
            ("plan.pinned_to.2", Some(9.into())),
            ("send_lag_ns.p50", None),
            ("server", None),
        ]);
        let expected = serde_json::json!({
            "schema": 1,
            "plan": {"stages": [{"duration_s": 2}, {"duration_s": 3}], "pinned_to": [7]},
            "send_lag_ns": {},
        });
        assert_eq!(found, expected);
    }

    #[test]
    fn keys_that_are_data_stay_whole() {
        let found = of(&[
            ("connections.close_codes.1000", Some(2.into())),
            (
                "connections.failures.no a.b.c. (os error 5)",
                Some(1.into()),
            ),
            ("connections.early_ends", None),
            ("connections.addresses.127.0.0.1:8000", Some(3.into())),
        ]);
        let expected = serde_json::json!({"connections": {
            "close_codes": {"1000": 2},
            "failures": {"no a.b.c. (os error 5)": 1},
            "addresses": {"127.0.0.1:8000": 3},
        }});
        assert_eq!(found, expected);
    }

    #[test]
    fn a_bottomless_key_is_passed_over() {
        let key = "a.".repeat(20_000);
        assert_eq!(of(&[(key.as_str(), Some(1.into()))]), serde_json::json!({}));
    }

    #[test]
    fn counts_are_whole() {
        assert_eq!(json_number(125.0), serde_json::json!(125));
        assert_eq!(json_number(-2.0), serde_json::json!(-2));
        assert_eq!(json_number(0.5), serde_json::json!(0.5));
        assert_eq!(json_number(u64::MAX as f64), serde_json::json!(u64::MAX));
        assert_eq!(json_number(1e300), serde_json::json!(1e300));
    }

    #[test]
    fn a_large_negative_number_was_cut_to_that_of_64_bits() {
        assert_eq!(json_number(-1.6e19), serde_json::json!(-1.6e19));
        assert_eq!(json_number(i64::MIN as f64), serde_json::json!(i64::MIN));
    }
}

//! Placeholders for values that vary between runs.

use serde_json::{Map, Number, Value};

/// Placeholder of free text.
pub(super) const TEXT: &str = "<text>";

/// Rules for the values of an output that vary between runs.
///
/// A rule is a path and a kind. A path consists of the keys of a JSON document or of the sheet `summary`, joined by
/// dots, or is `sheets.SHEET.COLUMN`. `*` matches any single key. The first rule with a matching path applies. The
/// kinds are:
///
/// | kind | matching values |
/// |---|---|
/// | `integer`, `decimal`, `number`, `text` | values of this type |
/// | `a\|b\|c` | one of these words |
/// | any of these followed by `?` | also null |
/// | any of these followed by `…` | an array of any length |
/// | `rows` | an array of any length, with masked elements; each distinct one is kept once |
/// | `texts` | an object with free texts as keys; only the keys are replaced |
/// | `exact` | any value, which stays unchanged |
///
/// A matching value is replaced by its kind. Any other value, or one without a rule, stays unchanged, decimals with
/// nine significant digits.
pub struct Mask(Vec<(Vec<&'static str>, &'static str)>);

impl Mask {
    /// Creates a mask from paths and kinds.
    #[must_use]
    pub fn new(rules: &[(&'static str, &'static str)]) -> Self {
        let split =
            |(path, kind): &(&'static str, &'static str)| (path.split('.').collect(), *kind);
        Self(rules.iter().map(split).collect())
    }

    /// Adds rules that precede the existing ones.
    #[must_use]
    pub fn with(mut self, rules: &[(&'static str, &'static str)]) -> Self {
        self.0.splice(0..0, Self::new(rules).0);
        self
    }

    /// The kind of the values at this path; `None` without a rule.
    pub(super) fn kind(&self, path: &[&str]) -> Option<&'static str> {
        let fits = |pattern: &[&str]| {
            pattern.len() == path.len()
                && std::iter::zip(pattern, path).all(|(p, key)| *p == "*" || p == key)
        };
        let mut rules = self.0.iter();
        rules.find(|(path, _)| fits(path)).map(|(_, kind)| *kind)
    }

    /// Returns a JSON document with its varying values masked.
    ///
    /// # Panics
    /// When the text is not JSON.
    #[must_use]
    pub fn json(&self, document: &str) -> String {
        let value = serde_json::from_str(document).unwrap();
        serde_json::to_string_pretty(&self.value(&mut Vec::new(), value)).unwrap()
    }

    fn value(&self, path: &mut Vec<String>, value: Value) -> Value {
        let keys: Vec<&str> = path.iter().map(String::as_str).collect();
        match self.kind(&keys) {
            Some("rows") => {
                let Value::Array(rows) = value else {
                    return value;
                };
                let rows = rows.into_iter().map(|row| self.inner(path, "0", row));
                distinct_rows(rows.collect())
            }
            Some("texts") => match value {
                Value::Object(map) => map.into_iter().map(|(_, value)| (TEXT, value)).collect(),
                other => other,
            },
            kind => match kind.and_then(|kind| placeholder(&value, kind)) {
                Some(placeholder) => placeholder.into(),
                None => self.elements(path, value),
            },
        }
    }

    /// Masks the elements of a value.
    fn elements(&self, path: &mut Vec<String>, value: Value) -> Value {
        match value {
            Value::Object(map) => {
                let masked = map.into_iter().map(|(key, value)| {
                    let value = self.inner(path, &key, value);
                    (key, value)
                });
                Value::Object(masked.collect::<Map<_, _>>())
            }
            Value::Array(rows) => {
                let rows = rows.into_iter().enumerate();
                let masked = rows.map(|(n, row)| self.inner(path, &n.to_string(), row));
                Value::Array(masked.collect())
            }
            Value::Number(number) => rounded(number),
            other => other,
        }
    }

    fn inner(&self, path: &mut Vec<String>, key: &str, value: Value) -> Value {
        path.push(key.to_owned());
        let value = self.value(path, value);
        path.pop();
        value
    }
}

/// A decimal with nine significant digits, because the last digits depend on the order of summation. Other numbers are
/// unchanged.
pub(super) fn rounded(number: Number) -> Value {
    match number.as_f64().filter(|_| number.is_f64()) {
        Some(decimal) => format!("{decimal:.8e}").parse::<f64>().unwrap().into(),
        None => number.into(),
    }
}

/// Each distinct row once, sorted.
fn distinct_rows(mut rows: Vec<Value>) -> Value {
    rows.sort_by_cached_key(Value::to_string);
    rows.dedup();
    rows.insert(0, "<rows>".into());
    Value::Array(rows)
}

/// The placeholder of a value of this kind; `None` for a value of another kind.
pub(super) fn placeholder(value: &Value, kind: &str) -> Option<String> {
    let fits = if let Some(kind) = kind.strip_suffix('…') {
        let elements = value.as_array()?;
        elements.iter().all(|e| is_of_kind(e, kind))
    } else {
        is_of_kind(value, kind)
    };
    fits.then(|| format!("<{kind}>"))
}

fn is_of_kind(value: &Value, kind: &str) -> bool {
    if let Some(kind) = kind.strip_suffix('?') {
        return value.is_null() || is_of_kind(value, kind);
    }
    match kind {
        "integer" => value.is_i64() || value.is_u64(),
        "decimal" => value.is_f64(),
        "number" => value.is_number(),
        "text" => value.is_string(),
        "exact" | "rows" | "sorted" | "texts" => false,
        words => value
            .as_str()
            .is_some_and(|v| words.split('|').any(|word| word == v)),
    }
}

#[cfg(test)]
mod tests {
    use super::Mask;

    #[test]
    fn what_varies_becomes_its_kind() {
        let mask = Mask::new(&[
            ("took_s", "decimal"),
            ("verdict", "valid|suspect"),
            ("pid", "integer?"),
            ("reasons", "text…"),
            ("causes", "texts"),
            ("seconds", "rows"),
            ("seconds.*.sent", "integer"),
        ]);
        let masked = mask.json(
            r#"{"seed": 7, "took_s": 1.5, "verdict": "suspect", "pid": null, "reasons": ["a", "b"],
                "causes": {"refused": 2}, "seconds": [{"sent": 1}, {"sent": 2}]}"#,
        );
        let shape: serde_json::Value = serde_json::from_str(&masked).unwrap();
        assert_eq!(
            shape,
            serde_json::json!({"seed": 7, "took_s": "<decimal>", "verdict": "<valid|suspect>",
                "pid": "<integer?>", "reasons": "<text…>", "causes": {"<text>": 2},
                "seconds": ["<rows>", {"sent": "<integer>"}]})
        );
    }

    #[test]
    fn a_value_of_another_kind_stays() {
        let mask = Mask::new(&[("a", "integer"), ("b", "decimal"), ("c", "valid|suspect")]);
        let document = "{\n  \"a\": 1.0,\n  \"b\": null,\n  \"c\": \"fine\"\n}";
        assert_eq!(mask.json(document), document);
    }
}

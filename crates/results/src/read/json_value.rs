//! JSON of other programs, which can have words in place of numbers, and repeated keys.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value as Json};

/// Bare words that Python, Go and C print for numbers that JSON does not have, with longer words first.
const WORDS: [&[u8]; 8] = [
    b"NaN",
    b"-NaN",
    b"nan",
    b"-nan",
    b"Infinity",
    b"-Infinity",
    b"inf",
    b"-inf",
];

/// A document with its bare words quoted.
pub(super) fn with_words_quoted(text: &[u8]) -> Cow<'_, [u8]> {
    let is_start = |three: &[u8]| matches!(three, b"NaN" | b"nan" | b"Inf" | b"inf");
    if !text.windows(3).any(is_start) {
        return Cow::Borrowed(text);
    }
    let mut quoted = Vec::with_capacity(text.len() + text.len() / 8);
    let (mut at, mut is_string) = (0, false);
    while let Some(byte) = text.get(at) {
        let word = WORDS.iter().find(|word| text[at..].starts_with(word));
        let taken = match word {
            Some(word) if !is_string => {
                quoted.push(b'"');
                quoted.extend_from_slice(word);
                quoted.push(b'"');
                word.len()
            }
            _ => {
                // A quote behind a backslash ends no string.
                let taken = if is_string && *byte == b'\\' { 2 } else { 1 };
                is_string ^= *byte == b'"';
                quoted.extend_from_slice(&text[at..text.len().min(at + taken)]);
                taken
            }
        };
        at += taken;
    }
    Cow::Owned(quoted)
}

/// Returns `true` for one complete document.
pub(super) fn is_whole(text: &str) -> bool {
    serde_json::from_slice::<IgnoredAny>(&with_words_quoted(text.as_bytes())).is_ok()
}

/// A document, and the first key that one of its objects has twice.
pub(super) fn parse(text: &[u8]) -> serde_json::Result<(Json, Option<String>)> {
    let text = with_words_quoted(text);
    let mut repeated = None;
    let mut reader = serde_json::Deserializer::from_slice(&text);
    let document = Document(&mut repeated).deserialize(&mut reader)?;
    reader.end()?;
    Ok((document, repeated))
}

/// A value that is being read, and the first key that occurred twice.
struct Document<'r>(&'r mut Option<String>);

impl<'de> DeserializeSeed<'de> for Document<'_> {
    type Value = Json;

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<Json, D::Error> {
        reader.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Document<'_> {
    type Value = Json;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Json, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Json, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Json, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Json, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Json, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Json, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(Document(self.0))? {
            list.push(item);
        }
        Ok(list.into())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Json, A::Error> {
        let mut fields = Map::new();
        while let Some(key) = entries.next_key::<String>()? {
            let value = entries.next_value_seed(Document(self.0))?;
            if fields.insert(key.clone(), value).is_some() {
                self.0.get_or_insert(key);
            }
        }
        Ok(fields.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bare_words_are_strings_and_strings_stay_as_they_are() {
        for (text, wanted) in [
            (
                "[1, NaN,-Infinity, Infinity]",
                r#"[1,"NaN","-Infinity","Infinity"]"#,
            ),
            ("{\"a\": nan, \"b\":-inf}", r#"{"a":"nan","b":"-inf"}"#),
            (r#"["NaN", "a\"NaN\\", NaN]"#, r#"["NaN","a\"NaN\\","NaN"]"#),
            (r#"{"info": "inf"}"#, r#"{"info":"inf"}"#),
            ("[1.5e3, -2, true, null]", "[1500.0,-2,true,null]"),
        ] {
            let (document, repeated) = parse(text.as_bytes()).unwrap();
            assert_eq!((document.to_string(), repeated), (wanted.to_owned(), None));
        }
        for text in ["[NaNs]", "[1 NaN]", "\"\\", "NaN NaN", "[Inf"] {
            assert!(parse(text.as_bytes()).is_err(), "{text}");
        }
    }

    #[test]
    fn the_first_key_that_occurs_twice_is_told() {
        let repeated = |text: &str| parse(text.as_bytes()).unwrap().1;
        assert_eq!(
            repeated(r#"{"a":1,"b":2,"b":3,"a":4}"#).as_deref(),
            Some("b")
        );
        assert_eq!(repeated(r#"[{"x":{"c":1,"c":1}}]"#).as_deref(), Some("c"));
        assert_eq!(repeated(r#"[{"a":1},{"a":1}]"#), None);
    }
}

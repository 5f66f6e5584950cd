//! Differences between echoes and the messages that they answer, by kind.

use serde::{Deserialize, Serialize};

/// Maximum number of distinct lengths that are kept apart; further ones count with the last.
const MAX_LENGTHS: usize = 6;

/// Kind of a difference; the first that applies: type, length, bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
#[serde(tag = "what", rename_all = "snake_case")]
pub enum DifferenceKind {
    /// Another type of message: `text` or `binary`.
    Type {
        /// Type sent.
        sent: String,
        /// Type that came back.
        came: String,
    },
    /// Another length, in payload bytes.
    Length {
        /// Length sent.
        sent: u64,
        /// Length that came back.
        came: u64,
    },
    /// Other bytes, of the same type and length.
    Bytes {
        /// Byte sent at the first difference, as `0x61`; `None` when it is not known.
        sent: Option<String>,
        /// Byte that came back there.
        came: Option<String>,
    },
}

/// Echoes that differ in the same way, and how the first of them does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct Difference {
    /// What differs.
    #[serde(flatten)]
    pub kind: DifferenceKind,
    /// Number of such echoes.
    pub count: u64,
    /// Number of the first byte that differs, from 1; `None` when none does as far as was compared.
    pub first_difference: Option<u64>,
    /// Beginning of the first such echo, escaped.
    pub begins: String,
}

impl Difference {
    /// One echo that begins with these bytes, and whose first differing byte has this number, from 1.
    #[must_use]
    pub fn new(kind: DifferenceKind, first_difference: Option<u64>, beginning: &[u8]) -> Self {
        Self {
            kind,
            count: 1,
            first_difference,
            begins: escape(beginning),
        }
    }

    /// Returns true when both are counted together. The bytes of two echoes rarely differ alike.
    fn is_like(&self, other: &Self) -> bool {
        match (&self.kind, &other.kind) {
            (DifferenceKind::Bytes { .. }, DifferenceKind::Bytes { .. }) => true,
            (a, b) => a == b,
        }
    }
}

/// Adds differences to a list, at most eight entries long. The first of a kind stays as the example.
pub(super) fn add_difference(list: &mut Vec<Difference>, new: Difference) {
    if let Some(known) = list.iter_mut().find(|known| known.is_like(&new)) {
        known.count += new.count;
        return;
    }
    let is_length = |d: &Difference| matches!(d.kind, DifferenceKind::Length { .. });
    if is_length(&new) && list.iter().filter(|d| is_length(d)).count() == MAX_LENGTHS {
        if let Some(last) = list.iter_mut().rfind(|d| is_length(d)) {
            last.count += new.count;
        }
        return;
    }
    list.push(new);
}

/// Bytes as text on one line: printable characters as they are, all else escaped.
#[must_use]
pub fn escape(bytes: &[u8]) -> String {
    let mut text = String::new();
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            // `escape_debug` leaves quotes and printable characters of other scripts readable only in part.
            if c.is_control()
                || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
            {
                text.extend(c.escape_default());
            } else {
                text.push(c);
            }
        }
        for byte in chunk.invalid() {
            text.push_str(&format!("\\x{byte:02x}"));
        }
    }
    text
}

/// The first bytes as text on one line, at most `most` of them; `…` stands for the rest.
#[must_use]
pub fn escape_beginning(bytes: &[u8], most: usize) -> String {
    if bytes.len() <= most {
        return escape(bytes);
    }
    // No character is cut in two.
    let is_inside = |at: usize| at > 0 && bytes[at] & 0xC0 == 0x80;
    let end = (most.saturating_sub(3)..=most)
        .rev()
        .find(|at| !is_inside(*at));
    escape(&bytes[..end.unwrap_or(most)]) + "…"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn length(came: u64) -> Difference {
        Difference::new(
            DifferenceKind::Length { sent: 125, came },
            Some(1),
            b"you said",
        )
    }

    #[test]
    fn differences_are_counted_by_kind_and_their_list_ends() {
        let mut list = Vec::new();
        for came in 0..20 {
            add_difference(&mut list, length(came));
            add_difference(&mut list, length(0));
        }
        for place in [17, 18] {
            let kind = DifferenceKind::Bytes {
                sent: None,
                came: None,
            };
            add_difference(&mut list, Difference::new(kind, Some(place), b"x"));
        }
        assert_eq!(list.len(), MAX_LENGTHS + 1);
        assert_eq!((list[0].count, list[5].count), (21, 15));
        let bytes = &list[6];
        assert_eq!((bytes.count, bytes.first_difference), (2, Some(17)));
    }

    #[test]
    fn a_beginning_is_one_harmless_line() {
        assert_eq!(
            escape("a “b”\n\u{1b}[31m\u{202e}".as_bytes()),
            "a “b”\\n\\u{1b}[31m\\u{202e}"
        );
        assert_eq!(escape(b"\xff\x00ok"), "\\xff\\u{0}ok");
    }

    #[test]
    fn the_json_has_the_keys_of_the_contract() {
        let kind = DifferenceKind::Type {
            sent: "text".to_owned(),
            came: "binary".to_owned(),
        };
        let json = serde_json::to_value(Difference::new(kind, None, b"00")).unwrap();
        assert_eq!(
            json,
            serde_json::json!({"what": "type", "sent": "text", "came": "binary", "count": 1, "first_difference": null, "begins": "00"})
        );
    }
}

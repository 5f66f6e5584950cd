//! Differences between echoes and the messages that they answer, by kind.

use serde::{Deserialize, Serialize};

/// Maximum number of distinct lengths listed separately. Further lengths are counted with the last one.
const MAX_LENGTHS: usize = 6;

/// Kind of a difference: the first of type, length and bytes that applies.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
#[serde(tag = "what", rename_all = "snake_case")]
pub enum DifferenceKind {
    /// Another message type: `text` or `binary`.
    Type {
        /// Type sent.
        sent: String,
        /// Type received.
        came: String,
    },
    /// Another payload length.
    Length {
        /// Length sent, in bytes.
        sent: u64,
        /// Length received, in bytes.
        came: u64,
    },
    /// Other bytes, with the same type and length.
    Bytes {
        /// Byte sent at the position of the first difference, as `0x61`; `None` when unknown.
        sent: Option<String>,
        /// Byte received at that position.
        came: Option<String>,
    },
}

/// Echoes that differ from their messages in the same way, with the first of them as example.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct Difference {
    /// Kind of the difference.
    #[serde(flatten)]
    pub kind: DifferenceKind,
    /// Number of such echoes.
    pub count: u64,
    /// Position of the first byte that differs, from 1; `None` when all compared bytes are equal.
    pub first_difference: Option<u64>,
    /// Beginning of the first such echo, escaped.
    pub begins: String,
}

impl Difference {
    /// One echo with this beginning. `first_difference` is the position of its first differing byte, from 1.
    #[must_use]
    pub fn new(kind: DifferenceKind, first_difference: Option<u64>, beginning: &[u8]) -> Self {
        Self {
            kind,
            count: 1,
            first_difference,
            begins: escape(beginning),
        }
    }

    /// Returns true when both belong to the same entry. Bytes are not compared, because they rarely differ in the same
    /// way.
    fn is_like(&self, other: &Self) -> bool {
        match (&self.kind, &other.kind) {
            (DifferenceKind::Bytes { .. }, DifferenceKind::Bytes { .. }) => true,
            (a, b) => a == b,
        }
    }
}

/// Adds a difference to a list of at most eight entries. The first of each kind is kept as the example.
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

/// Bytes as text on one line. Printable characters are kept, all others are escaped.
#[must_use]
pub fn escape(bytes: &[u8]) -> String {
    let mut text = String::new();
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            // `escape_debug` would also escape quotes and some printable characters of other scripts.
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

/// The first `most` bytes as text on one line. `…` stands for the rest.
#[must_use]
pub fn escape_beginning(bytes: &[u8], most: usize) -> String {
    if bytes.len() <= most {
        return escape(bytes);
    }
    // Never cuts a character in two.
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

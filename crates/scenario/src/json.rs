//! JSON pointers (RFC 6901) applied to a record in one pass, without a tree.
//!
//! The pass reads the record to its end: strings are closed, brackets fit, and nothing stands behind the
//! value. Values that no pointer leads to are not looked at further. Of repeated members the last one
//! counts, as in most parsers.

use std::ops::Range;

use memchr::memchr2;

use crate::json_text::{is_number, unescape};

/// Deepest nesting that is read, as in other parsers.
const MAX_DEPTH: u32 = 128;

/// The pointers of all patterns that are tried on one record. Every pointer has a place in the results.
#[derive(Debug, Clone, Default)]
pub(crate) struct PointerSet {
    root: PointerNode,
    /// Place of each pointer in the results.
    places: Vec<usize>,
    values: usize,
}

#[derive(Debug, Clone, Default)]
struct PointerNode {
    /// Place of the value here, if a pointer ends here.
    place: Option<usize>,
    /// Places of the values here and below, from the first to behind the last.
    places: Range<usize>,
    children: Vec<(Box<[u8]>, PointerNode)>,
}

/// A value that a pointer led to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct JsonValue {
    pub(crate) start: usize,
    pub(crate) end: usize,
    pub(crate) kind: JsonKind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum JsonKind {
    /// Between the quotes, without escapes.
    PlainString,
    /// Between the quotes, with escapes.
    EscapedString,
    /// A number, `true`, `false` or `null`.
    Scalar,
    /// An object or an array.
    Composite,
}

/// Tokens of a pointer; `None` when it is neither empty nor begins with `/`.
pub(crate) fn pointer_tokens(pointer: &str) -> Option<Vec<String>> {
    if pointer.is_empty() {
        return Some(Vec::new());
    }
    let tokens = pointer.strip_prefix('/')?.split('/');
    Some(
        tokens
            .map(|token| token.replace("~1", "/").replace("~0", "~"))
            .collect(),
    )
}

impl PointerSet {
    /// A set of these pointers, each as its tokens.
    pub(crate) fn new(pointers: &[Vec<String>]) -> Self {
        let mut root = PointerNode::default();
        for tokens in pointers {
            root.insert(tokens);
        }
        let values = root.number(0);
        let places = pointers
            .iter()
            .map(|tokens| root.place_of(tokens))
            .collect();
        Self {
            root,
            places,
            values,
        }
    }

    /// The value that a pointer led to, by the pointer's position in the list given to
    /// [`new`](Self::new).
    #[inline]
    pub(crate) fn value(&self, values: &[Option<JsonValue>], pointer: usize) -> Option<JsonValue> {
        values.get(*self.places.get(pointer)?).copied().flatten()
    }

    /// Returns true when another pointer leads through the value of this one.
    pub(crate) fn leads_into(&self, pointer: usize) -> bool {
        let place = self.places.get(pointer).copied();
        self.root.leads_into(place)
    }

    /// Reads a record; false when it is not JSON. [`value`](Self::value) then finds
    /// what the pointers led to.
    pub(crate) fn read(&self, record: &[u8], values: &mut Vec<Option<JsonValue>>) -> bool {
        values.clear();
        values.resize(self.values, None);
        let mut reader = JsonReader { record, at: 0 };
        reader.skip_blanks();
        if reader.value(&self.root, values).is_none() {
            return false;
        }
        reader.skip_blanks();
        reader.at == record.len()
    }
}

impl PointerNode {
    fn insert(&mut self, tokens: &[String]) {
        let Some((first, rest)) = tokens.split_first() else {
            self.place = Some(0);
            return;
        };
        let key = first.as_bytes();
        let index = match self.children.iter().position(|(name, _)| **name == *key) {
            Some(index) => index,
            None => {
                self.children.push((key.into(), Self::default()));
                self.children.len() - 1
            }
        };
        self.children[index].1.insert(rest);
    }

    /// Numbers the places from `next` on; returns the next free one.
    fn number(&mut self, mut next: usize) -> usize {
        let start = next;
        if let Some(place) = &mut self.place {
            *place = next;
            next += 1;
        }
        for (_, child) in &mut self.children {
            next = child.number(next);
        }
        self.places = start..next;
        next
    }

    fn leads_into(&self, place: Option<usize>) -> bool {
        let is_it = self.place.is_some() && self.place == place;
        is_it && !self.children.is_empty()
            || self
                .children
                .iter()
                .any(|(_, child)| child.leads_into(place))
    }

    fn place_of(&self, tokens: &[String]) -> usize {
        let mut node = self;
        for token in tokens {
            if let Some((_, child)) = node
                .children
                .iter()
                .find(|(name, _)| **name == *token.as_bytes())
            {
                node = child;
            }
        }
        node.place.unwrap_or_default()
    }
}

struct JsonReader<'a> {
    record: &'a [u8],
    at: usize,
}

impl JsonReader<'_> {
    #[inline]
    fn peek(&self) -> Option<u8> {
        self.record.get(self.at).copied()
    }

    #[inline]
    fn skip_blanks(&mut self) {
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = self.peek() {
            self.at += 1;
        }
    }

    /// Reads a value that pointers lead to, or through.
    fn value(&mut self, node: &PointerNode, values: &mut [Option<JsonValue>]) -> Option<()> {
        let start = self.at;
        let kind = match self.peek()? {
            b'{' if !node.children.is_empty() => self.object(node, values)?,
            b'[' if !node.children.is_empty() => self.array(node, values)?,
            _ => self.skip_value()?,
        };
        if let Some(place) = node.place {
            let quotes = usize::from(matches!(
                kind,
                JsonKind::PlainString | JsonKind::EscapedString
            ));
            values[place] = Some(JsonValue {
                start: start + quotes,
                end: self.at - quotes,
                kind,
            });
        }
        Some(())
    }

    fn object(&mut self, node: &PointerNode, values: &mut [Option<JsonValue>]) -> Option<JsonKind> {
        self.at += 1;
        self.skip_blanks();
        if self.peek()? == b'}' {
            self.at += 1;
            return Some(JsonKind::Composite);
        }
        loop {
            let child = match self.known_key(node) {
                Some(child) => Some(child),
                None => {
                    let (key, is_plain) = self.string()?;
                    node.child(&self.record[key], is_plain)
                }
            };
            self.skip_blanks();
            self.expect(b':')?;
            self.skip_blanks();
            self.member(child, values)?;
            self.skip_blanks();
            match self.next()? {
                b',' => self.skip_blanks(),
                b'}' => return Some(JsonKind::Composite),
                _ => return None,
            }
        }
    }

    /// Reads a key that is one of the node's, as it is written in the pointer. Most keys are short, and a search for their
    /// end takes longer than the comparison.
    #[inline]
    fn known_key<'n>(&mut self, node: &'n PointerNode) -> Option<&'n PointerNode> {
        let record = self.record;
        let rest = record.get(self.at..)?.strip_prefix(b"\"")?;
        let (name, child) = node.children.iter().find(|(name, _)| {
            let after = rest.get(name.len());
            rest.first() == name.first() && after == Some(&b'"') && rest.starts_with(name)
        })?;
        // Such names are written with escapes.
        if name.iter().any(|byte| matches!(byte, b'"' | b'\\')) {
            return None;
        }
        self.at += name.len() + 2;
        Some(child)
    }

    fn array(&mut self, node: &PointerNode, values: &mut [Option<JsonValue>]) -> Option<JsonKind> {
        self.at += 1;
        self.skip_blanks();
        if self.peek()? == b']' {
            self.at += 1;
            return Some(JsonKind::Composite);
        }
        let mut index = 0_usize;
        loop {
            let child = node.element(index);
            self.member(child, values)?;
            index += 1;
            self.skip_blanks();
            match self.next()? {
                b',' => self.skip_blanks(),
                b']' => return Some(JsonKind::Composite),
                _ => return None,
            }
        }
    }

    #[inline]
    fn member(
        &mut self,
        child: Option<&PointerNode>,
        values: &mut [Option<JsonValue>],
    ) -> Option<()> {
        match child {
            Some(child) => {
                values[child.places.clone()].fill(None);
                self.value(child, values)
            }
            None => self.skip_value().map(|_| ()),
        }
    }

    #[inline]
    fn next(&mut self) -> Option<u8> {
        let byte = self.peek()?;
        self.at += 1;
        Some(byte)
    }

    #[inline]
    fn expect(&mut self, byte: u8) -> Option<()> {
        (self.next()? == byte).then_some(())
    }

    /// Reads a string: what stands between its quotes, and true when it has no escapes.
    #[inline]
    fn string(&mut self) -> Option<(Range<usize>, bool)> {
        self.expect(b'"')?;
        let start = self.at;
        let mut is_plain = true;
        loop {
            let found = memchr2(b'"', b'\\', self.record.get(self.at..)?)?;
            self.at += found + 1;
            if self.record[self.at - 1] == b'"' {
                return Some((start..self.at - 1, is_plain));
            }
            is_plain = false;
            // The escaped character.
            self.at += 1;
        }
    }

    /// Skips any value.
    #[inline]
    fn skip_value(&mut self) -> Option<JsonKind> {
        match self.peek()? {
            b'"' => {
                let (_, is_plain) = self.string()?;
                Some(if is_plain {
                    JsonKind::PlainString
                } else {
                    JsonKind::EscapedString
                })
            }
            b'{' | b'[' => self.skip_composite(),
            _ => self.scalar(),
        }
    }

    fn scalar(&mut self) -> Option<JsonKind> {
        let rest = &self.record[self.at..];
        let is_end = |byte: &u8| matches!(byte, b',' | b'}' | b']' | b' ' | b'\n' | b'\r' | b'\t');
        let len = rest.iter().position(is_end).unwrap_or(rest.len());
        let token = &rest[..len];
        self.at += len;
        (matches!(token, b"true" | b"false" | b"null") || is_number(token))
            .then_some(JsonKind::Scalar)
    }

    /// Skips an object or array: strings are closed, brackets fit each other.
    fn skip_composite(&mut self) -> Option<JsonKind> {
        let mut is_object = 0_u128;
        let mut depth = 0;
        loop {
            let byte = self.next()?;
            match byte {
                b'"' => {
                    self.at -= 1;
                    self.string()?;
                }
                b'{' | b'[' => {
                    depth += 1;
                    if depth > MAX_DEPTH {
                        return None;
                    }
                    is_object = is_object << 1 | u128::from(byte == b'{');
                }
                b'}' | b']' => {
                    if (is_object & 1 == 1) != (byte == b'}') {
                        return None;
                    }
                    is_object >>= 1;
                    depth -= 1;
                    if depth == 0 {
                        return Some(JsonKind::Composite);
                    }
                }
                _ => {}
            }
        }
    }
}

impl PointerNode {
    #[inline]
    fn child(&self, key: &[u8], is_plain: bool) -> Option<&Self> {
        let mut children = self.children.iter();
        let found = if is_plain {
            children.find(|(name, _)| **name == *key)
        } else {
            let mut unescaped = Vec::new();
            unescape(key, &mut unescaped)?;
            children.find(|(name, _)| **name == *unescaped)
        };
        found.map(|(_, child)| child)
    }

    #[inline]
    fn element(&self, index: usize) -> Option<&Self> {
        let is_index =
            |name: &[u8]| crate::digits::read_decimal(name) == Some((index as u64, name.len()));
        self.children
            .iter()
            .find(|(name, _)| is_index(name))
            .map(|(_, child)| child)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json_text::compact;
    use proptest::prelude::*;

    fn read(record: &str, pointers: &[&str]) -> Option<Vec<Option<String>>> {
        let tokens: Vec<_> = pointers
            .iter()
            .map(|p| pointer_tokens(p).unwrap())
            .collect();
        let set = PointerSet::new(&tokens);
        let mut values = Vec::new();
        let is_json = set.read(record.as_bytes(), &mut values);
        is_json.then(|| {
            let text = |v: JsonValue| record[v.start..v.end].to_owned();
            (0..tokens.len())
                .map(|at| set.value(&values, at).map(text))
                .collect()
        })
    }

    fn one(record: &str, pointer: &str) -> Option<String> {
        read(record, &[pointer]).unwrap().remove(0)
    }

    #[test]
    fn pointers_lead_to_members_and_elements() {
        let record =
            r#" {"a": {"b": [1, {"c": "x"}, [2]]}, "": true, "m~n": null, "a/b": -1.5e3 } "#;
        assert_eq!(one(record, "/a/b/0").as_deref(), Some("1"));
        assert_eq!(one(record, "/a/b/1/c").as_deref(), Some("x"));
        assert_eq!(one(record, "/a/b/2").as_deref(), Some("[2]"));
        assert_eq!(one(record, "/").as_deref(), Some("true"));
        assert_eq!(one(record, "/m~0n").as_deref(), Some("null"));
        assert_eq!(one(record, "/a~1b").as_deref(), Some("-1.5e3"));
        assert_eq!(one(record, "/a/b/3"), None);
        assert_eq!(one(record, "/a/b/01"), None);
        assert_eq!(one(r#""x""#, "").as_deref(), Some("x"));
        assert_eq!(one(r#"{"\u0061":1}"#, "/a").as_deref(), Some("1"));
        let both = read(r#"{"a":{"b":1},"c":2}"#, &["/a", "/a/b", "/c", "/a"]).unwrap();
        let both: Vec<_> = both.iter().map(|v| v.as_deref().unwrap()).collect();
        assert_eq!(both, [r#"{"b":1}"#, "1", "2", r#"{"b":1}"#]);
    }

    #[test]
    fn the_last_of_repeated_members_counts() {
        assert_eq!(one(r#"{"id":1,"id":2}"#, "/id").as_deref(), Some("2"));
        assert_eq!(one(r#"{"a":{"x":1},"a":{"y":2}}"#, "/a/x"), None);
        assert_eq!(one(r#"{"a":{"x":1},"a":3}"#, "/a/x"), None);
    }

    #[test]
    fn keys_with_escapes_are_told_from_those_that_begin_like_them() {
        assert_eq!(one(r#"{"id\"x":1,"id":2}"#, "/id").as_deref(), Some("2"));
        assert_eq!(one(r#"{"idx":1,"i\u0064":2}"#, "/id").as_deref(), Some("2"));
        assert_eq!(one(r#"{"a\\":1}"#, r"/a\").as_deref(), Some("1"));
        assert_eq!(one(r#"{"a\"b":1}"#, "/a\"b").as_deref(), Some("1"));
    }

    #[test]
    fn what_is_not_json_is_not_read() {
        for record in [
            "",
            " ",
            "{",
            r#"{"id":1"#,
            r#"{"id":1}}"#,
            r#"{"id":1}x"#,
            r#"{"id" 1}"#,
            r#"{"id":}"#,
            r#"{"id":1,}"#,
            r#"{id:1}"#,
            r#"{"x":[1,{]},"id":1}"#,
            r#"{"id":01}"#,
            r#"{"id":1.}"#,
            r#"{"id":tru}"#,
            r#"{"id":"a}"#,
            r#"{"id":"a\"}"#,
            "[1 2]",
            "nan",
            "\u{feff}{}",
        ] {
            assert_eq!(read(record, &["/id"]), None, "{record}");
        }
        let deep = "[".repeat(200) + &"]".repeat(200);
        assert_eq!(read(&deep, &["/id"]), None);
    }

    #[test]
    fn strings_are_unescaped_and_composites_compacted() {
        let text = |raw: &str| {
            let mut text = Vec::new();
            unescape(raw.as_bytes(), &mut text).map(|()| String::from_utf8(text).unwrap())
        };
        assert_eq!(
            text(r#"a\"\\\/\b\f\n\r\tz"#).unwrap(),
            "a\"\\/\u{8}\u{c}\n\r\tz"
        );
        assert_eq!(text(r"\u00e4\ud83d\ude00\u0000").unwrap(), "ä\u{1F600}\0");
        assert_eq!(text(r"\ud83dx").unwrap(), "\u{FFFD}x");
        assert_eq!(text(r"\x"), None);
        assert_eq!(text(r"\u12"), None);
        let mut compacted = Vec::new();
        compact(br#"{ "a b" : [ 1 , "x\" y" ] }"#, &mut compacted);
        assert_eq!(compacted, br#"{"a b":[1,"x\" y"]}"#);
    }

    /// Documents without repeated members.
    fn documents() -> impl Strategy<Value = serde_json::Value> {
        use serde_json::Value;
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            "[a-z\"\\\\\u{0}\n/ä{}\\[\\],:]{0,6}".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 40, 5, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
                prop::collection::btree_map("[a-c~/\"0-2]{0,2}", inner, 0..5)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    /// All pointers into a document.
    fn pointers(value: &serde_json::Value, here: &str, all: &mut Vec<String>) {
        all.push(here.to_owned());
        let mut go_on = |token: &str, value| {
            let token = token.replace('~', "~0").replace('/', "~1");
            pointers(value, &format!("{here}/{token}"), all);
        };
        match value {
            serde_json::Value::Array(list) => {
                list.iter()
                    .enumerate()
                    .for_each(|(at, value)| go_on(&at.to_string(), value));
            }
            serde_json::Value::Object(members) => {
                members.iter().for_each(|(name, value)| go_on(name, value));
            }
            _ => {}
        }
    }

    proptest! {
        #[test]
        fn pointers_lead_where_they_lead_in_a_tree(document in documents(), pretty: bool) {
            let record = match pretty {
                true => serde_json::to_string_pretty(&document).unwrap(),
                false => document.to_string(),
            };
            let mut all = vec!["/missing".to_owned(), "/a/0".to_owned()];
            pointers(&document, "", &mut all);
            let tokens: Vec<_> = all.iter().map(|p| pointer_tokens(p).unwrap()).collect();
            let set = PointerSet::new(&tokens);
            let mut values = Vec::new();
            prop_assert!(set.read(record.as_bytes(), &mut values));
            for (at, pointer) in all.iter().enumerate() {
                let found = set.value(&values, at).map(|value| {
                    let quotes = usize::from(matches!(value.kind, JsonKind::PlainString | JsonKind::EscapedString));
                    serde_json::from_str(&record[value.start - quotes..value.end + quotes]).unwrap()
                });
                prop_assert_eq!(found.as_ref(), document.pointer(pointer), "{}", pointer);
                if let Some(serde_json::Value::String(text)) = document.pointer(pointer) {
                    let value = set.value(&values, at).unwrap();
                    let mut unescaped = Vec::new();
                    unescape(&record.as_bytes()[value.start..value.end], &mut unescaped).unwrap();
                    prop_assert_eq!(&unescaped, text.as_bytes());
                }
            }
            for cut in 1..record.len() {
                if record.is_char_boundary(cut) && serde_json::from_str::<serde_json::Value>(&record[..cut]).is_err() {
                    prop_assert!(!set.read(&record.as_bytes()[..cut], &mut values), "{}", &record[..cut]);
                }
            }
        }

        #[test]
        fn any_bytes_are_read_without_panic(record: Vec<u8>) {
            let pointers = ["", "/a", "/0", "/a/0"].map(|p| pointer_tokens(p).unwrap());
            let set = PointerSet::new(&pointers);
            set.read(&record, &mut Vec::new());
            let _ = unescape(&record, &mut Vec::new());
            compact(&record, &mut Vec::new());
        }

        #[test]
        fn json_like_texts_are_read_without_panic(record in r#"[\[\]{}",:\\u0-9a \-.e]{0,60}"#) {
            let pointers = ["", "/a", "/0", "/a/0"].map(|p| pointer_tokens(p).unwrap());
            let set = PointerSet::new(&pointers);
            set.read(record.as_bytes(), &mut Vec::new());
        }
    }
}

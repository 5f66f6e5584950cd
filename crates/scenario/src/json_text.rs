//! Texts of JSON values: numbers, unescaped strings, composites without blanks.

/// Number by the grammar of JSON.
pub(crate) fn is_number(token: &[u8]) -> bool {
    fn digits(bytes: &[u8]) -> Option<&[u8]> {
        let len = bytes
            .iter()
            .take_while(|byte| byte.is_ascii_digit())
            .count();
        (len > 0).then_some(&bytes[len..])
    }
    fn parse(token: &[u8]) -> Option<bool> {
        let rest = token.strip_prefix(b"-").unwrap_or(token);
        let mut rest = match rest.strip_prefix(b"0") {
            Some(rest) => rest,
            None => digits(rest)?,
        };
        if let Some(fraction) = rest.strip_prefix(b".") {
            rest = digits(fraction)?;
        }
        if let [b'e' | b'E', exponent @ ..] = rest {
            let exponent = match exponent {
                [b'+' | b'-', exponent @ ..] => exponent,
                exponent => exponent,
            };
            rest = digits(exponent)?;
        }
        Some(rest.is_empty())
    }
    parse(token).unwrap_or(false)
}

/// The text as it stands between the quotes of a JSON string, as most writers escape it; `ascii` escapes all that is not.
pub(crate) fn escaped(text: &[u8], ascii: bool) -> Vec<u8> {
    let mut raw = String::new();
    for c in String::from_utf8_lossy(text).chars() {
        match c {
            '"' | '\\' => raw.extend(['\\', c]),
            '\n' => raw.push_str("\\n"),
            '\r' => raw.push_str("\\r"),
            '\t' => raw.push_str("\\t"),
            c if c.is_ascii_control() || ascii && !c.is_ascii() => {
                let units = c.encode_utf16(&mut [0; 2]).to_vec();
                raw.extend(units.iter().map(|unit| format!("\\u{unit:04x}")));
            }
            c => raw.push(c),
        }
    }
    raw.into_bytes()
}

/// Appends the text that a JSON string between its quotes stands for. `None` when an escape is wrong.
pub(crate) fn unescape(raw: &[u8], text: &mut Vec<u8>) -> Option<()> {
    let mut rest = raw;
    while let Some(found) = memchr::memchr(b'\\', rest) {
        text.extend_from_slice(&rest[..found]);
        let (escaped, after) = rest[found + 1..].split_first()?;
        rest = after;
        text.push(match escaped {
            b'"' | b'\\' | b'/' => *escaped,
            b'b' => 8,
            b'f' => 12,
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'u' => {
                let (c, after) = unicode_escape(rest)?;
                rest = after;
                text.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
                continue;
            }
            _ => return None,
        });
    }
    text.extend_from_slice(rest);
    Some(())
}

/// The character behind `\u`, which may be a pair of surrogates; a lone surrogate is U+FFFD.
fn unicode_escape(rest: &[u8]) -> Option<(char, &[u8])> {
    let (high, rest) = hexadecimal(rest)?;
    if let Some(c) = char::from_u32(high) {
        return Some((c, rest));
    }
    let low = rest.strip_prefix(b"\\u").and_then(hexadecimal);
    if let (0xD800..0xDC00, Some((low @ 0xDC00..0xE000, rest))) = (high, low) {
        let code = 0x1_0000 + ((high - 0xD800) << 10) + (low - 0xDC00);
        return Some((char::from_u32(code)?, rest));
    }
    Some((char::REPLACEMENT_CHARACTER, rest))
}

fn hexadecimal(bytes: &[u8]) -> Option<(u32, &[u8])> {
    let (digits, rest) = bytes.split_first_chunk::<4>()?;
    let mut code = 0;
    for digit in digits {
        code = code << 4 | char::from(*digit).to_digit(16)?;
    }
    Some((code, rest))
}

/// Appends an object or array without the blanks outside its strings.
pub(crate) fn compact(raw: &[u8], text: &mut Vec<u8>) {
    let mut is_string = false;
    let mut is_escaped = false;
    for byte in raw {
        if is_string {
            is_string = is_escaped || *byte != b'"';
            is_escaped = !is_escaped && *byte == b'\\';
        } else if byte.is_ascii_whitespace() {
            continue;
        } else {
            is_string = *byte == b'"';
        }
        text.push(*byte);
    }
}

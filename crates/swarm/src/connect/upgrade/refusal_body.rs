//! Beginning of the body of an answer that refuses the upgrade.

use std::borrow::Cow;

use measurement::record::escape_beginning;

use super::head::{QUOTED, ResponseHead};

/// Maximum number of bytes read, including the sizes of chunks.
const MAX_RAW: usize = 16 * 1024;

/// End of a body (RFC 9112, 6.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum BodyEnd {
    /// After this number of bytes.
    Length(u64),
    /// After the last chunk.
    Chunked,
    /// At the end of the connection.
    Close,
}

/// The bytes of a body received so far.
#[derive(Debug)]
pub(super) struct RefusalBody {
    end: BodyEnd,
    raw: Vec<u8>,
}

impl RefusalBody {
    pub(super) fn new(head: &ResponseHead<'_>) -> Self {
        let codings = head.members("Transfer-Encoding");
        let is_chunked = codings
            .last()
            .is_some_and(|c| c.eq_ignore_ascii_case(b"chunked"));
        let mut encodings = head.members("Content-Encoding");
        // A compressed body is not readable in a message.
        let is_readable = encodings.all(|e| e.eq_ignore_ascii_case(b"identity"));
        let length = head.members("Content-Length").next();
        let length = length.and_then(|digits| std::str::from_utf8(digits).ok()?.parse().ok());
        let end = match (head.status, length) {
            (204 | 205 | 304, _) => BodyEnd::Length(0),
            _ if !is_readable => BodyEnd::Length(0),
            _ if is_chunked => BodyEnd::Chunked,
            (_, Some(length)) => BodyEnd::Length(length),
            (_, None) => BodyEnd::Close,
        };
        Self {
            end,
            raw: Vec::new(),
        }
    }

    pub(super) fn receive(&mut self, bytes: &[u8]) {
        let room = MAX_RAW - self.raw.len();
        self.raw.extend_from_slice(&bytes[..bytes.len().min(room)]);
    }

    /// Returns true when enough bytes have arrived to quote the body.
    pub(super) fn is_enough(&self) -> bool {
        let (body, is_whole) = self.decode();
        // One byte more than quoted shows that there is a rest.
        is_whole || body.len() > QUOTED || self.raw.len() >= MAX_RAW
    }

    /// Text to quote in a message, without surrounding blanks.
    pub(super) fn quoted(&self) -> String {
        let (body, _) = self.decode();
        escape_beginning(body.trim_ascii(), QUOTED)
    }

    /// The body received so far, and whether it is complete.
    fn decode(&self) -> (Cow<'_, [u8]>, bool) {
        match self.end {
            BodyEnd::Close => (Cow::Borrowed(&self.raw), false),
            BodyEnd::Length(length) => {
                let length = usize::try_from(length).unwrap_or(usize::MAX);
                let end = length.min(self.raw.len());
                (Cow::Borrowed(&self.raw[..end]), end == length)
            }
            BodyEnd::Chunked => {
                let (body, is_whole) = dechunk(&self.raw);
                (Cow::Owned(body), is_whole)
            }
        }
    }
}

/// Decodes the chunks received so far (RFC 9112, 7.1), and whether the last one is among them. Stops at invalid syntax.
fn dechunk(mut raw: &[u8]) -> (Vec<u8>, bool) {
    let mut body = Vec::new();
    while let Some(end) = raw.iter().position(|byte| *byte == b'\n') {
        let digits = raw[..end]
            .split(|byte| *byte == b';')
            .next()
            .unwrap_or_default();
        let size = std::str::from_utf8(digits.trim_ascii()).ok();
        let Some(size) = size.and_then(|digits| usize::from_str_radix(digits, 16).ok()) else {
            return (body, true);
        };
        if size == 0 {
            return (body, true);
        }
        let rest = &raw[end + 1..];
        body.extend_from_slice(&rest[..size.min(rest.len())]);
        let Some(next) = rest.get(size..) else {
            break;
        };
        raw = next.strip_prefix(b"\r").unwrap_or(next);
        raw = raw.strip_prefix(b"\n").unwrap_or(raw);
    }
    (body, false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_are_put_together_as_far_as_they_came() {
        for (raw, body, is_whole) in [
            (
                &b"3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n"[..],
                &b"abcde"[..],
                true,
            ),
            (b"3\r\nabc\r\n5\r\nde", b"abcde", false),
            (b"3\r\nab", b"ab", false),
            (b"A\r\n0123456789\r", b"0123456789", false),
            (b"", b"", false),
            (b"3", b"", false),
            (b"no chunk\r\n", b"", true),
            (b"ffffffffffffffff\r\nab", b"ab", false),
        ] {
            assert_eq!(dechunk(raw), (body.to_vec(), is_whole), "{raw:?}");
        }
    }
}

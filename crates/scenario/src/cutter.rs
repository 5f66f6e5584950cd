//! Records cut from the messages of a connection, in whatever parts these arrive.

use std::ops::Range;

use memchr::memmem;

use crate::digits::{read_decimal, read_varint};
use crate::draft::RecordFormat;

/// Reason why a connection's bytes cannot be cut any further.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub enum RecordError {
    /// A record is longer than the limit.
    #[error("a record is longer than {limit} bytes")]
    TooLong {
        /// The limit in bytes.
        limit: usize,
    },
    /// A line of NATS that gives no valid length.
    #[error("a NATS line without a valid length")]
    Nats,
    /// An MQTT packet whose length has more than four bytes.
    #[error("an MQTT packet without a valid length")]
    Mqtt,
}

/// Longest line of NATS in bytes, as far as a length is looked for in it.
const MAX_NATS_LINE: usize = 64 << 10;

/// Room that an empty buffer may keep, in bytes.
const KEPT_CAPACITY: usize = 64 << 10;

/// The incomplete record of one connection.
#[derive(Debug, Default)]
pub struct RecordCutter {
    kept: Vec<u8>,
    /// Bytes of `kept` in which no end was found.
    searched: usize,
}

impl RecordCutter {
    /// Bytes of a record that is not complete.
    pub fn kept_bytes(&self) -> usize {
        self.kept.len()
    }

    /// Takes the next part of a message and calls `take` with every record that is complete now. A record
    /// that lies in the part as a whole is not copied.
    ///
    /// # Errors
    /// A record above `limit` bytes, or a length that cannot be read; the connection cannot go on.
    pub fn push(
        &mut self,
        format: &RecordFormat,
        part: &[u8],
        ends_message: bool,
        limit: usize,
        mut take: impl FnMut(&[u8]),
    ) -> Result<(), RecordError> {
        if self.kept.is_empty() {
            let used = cut(
                format,
                part,
                ends_message,
                limit,
                &mut self.searched,
                &mut take,
            )?;
            self.kept.extend_from_slice(&part[used..]);
            return Ok(());
        }
        self.kept.extend_from_slice(part);
        let used = cut(
            format,
            &self.kept,
            ends_message,
            limit,
            &mut self.searched,
            &mut take,
        )?;
        self.kept.drain(..used);
        if self.kept.is_empty() && self.kept.capacity() > KEPT_CAPACITY {
            self.kept = Vec::new();
        }
        Ok(())
    }
}

/// Passes on all complete records; returns the bytes used.
fn cut(
    format: &RecordFormat,
    bytes: &[u8],
    ends_message: bool,
    limit: usize,
    searched: &mut usize,
    take: &mut impl FnMut(&[u8]),
) -> Result<usize, RecordError> {
    let too_long = RecordError::TooLong { limit };
    let mut used = 0;
    loop {
        let rest = &bytes[used..];
        let end = match format {
            RecordFormat::Message => ends_message.then_some(rest.len()),
            RecordFormat::Until(end) => find_end(rest, end, *searched).map(|range| range.end),
            RecordFormat::Nats => nats_end(rest)?,
            RecordFormat::Mqtt => mqtt_end(rest)?,
        };
        let end = match end {
            Some(end) if end <= rest.len() => end,
            Some(end) if end > limit => return Err(too_long),
            _ if rest.len() > limit => return Err(too_long),
            _ => {
                *searched = rest.len();
                return Ok(used);
            }
        };
        if end > limit {
            return Err(too_long);
        }
        take(&rest[..end]);
        used += end;
        *searched = 0;
        if used == bytes.len() {
            return Ok(used);
        }
    }
}

/// Place of the end mark, which was not in the first `searched` bytes as a whole.
fn find_end(bytes: &[u8], mark: &[u8], searched: usize) -> Option<Range<usize>> {
    let from = searched
        .saturating_sub(mark.len().saturating_sub(1))
        .min(bytes.len());
    let found = match mark {
        [byte] => memchr::memchr(*byte, &bytes[from..]),
        mark => memmem::find(&bytes[from..], mark),
    };
    found.map(|at| from + at..from + at + mark.len())
}

/// End of a NATS record: a line, and for `MSG` and `HMSG` a payload of the length that ends the line, and
/// the line break behind it.
fn nats_end(bytes: &[u8]) -> Result<Option<usize>, RecordError> {
    // Lines are short: to look for the end again, while a payload arrives, costs little.
    let line = find_end(&bytes[..bytes.len().min(MAX_NATS_LINE)], b"\r\n", 0);
    let Some(line) = line else {
        return if bytes.len() > MAX_NATS_LINE {
            Err(RecordError::Nats)
        } else {
            Ok(None)
        };
    };
    let text = &bytes[..line.start];
    let verb = text
        .split(|byte| *byte == b' ' || *byte == b'\t')
        .next()
        .unwrap_or_default();
    if !verb.eq_ignore_ascii_case(b"MSG") && !verb.eq_ignore_ascii_case(b"HMSG") {
        return Ok(Some(line.end));
    }
    let length = text
        .rsplit(|byte| *byte == b' ' || *byte == b'\t')
        .next()
        .unwrap_or_default();
    match read_decimal(length) {
        Some((payload, digits)) if digits == length.len() => {
            let payload = usize::try_from(payload).map_err(|_| RecordError::Nats)?;
            let end = line
                .end
                .checked_add(payload)
                .and_then(|end| end.checked_add(2));
            end.map(Some).ok_or(RecordError::Nats)
        }
        _ => Err(RecordError::Nats),
    }
}

/// End of an MQTT packet: a byte, a length of one to four bytes, and a payload of this length.
fn mqtt_end(bytes: &[u8]) -> Result<Option<usize>, RecordError> {
    let length = bytes.get(1..).unwrap_or_default();
    match read_varint(length) {
        Some((payload, digits)) => {
            let payload = usize::try_from(payload).map_err(|_| RecordError::Mqtt)?;
            Ok(Some(1 + digits + payload))
        }
        None if length.len() >= 4 => Err(RecordError::Mqtt),
        None => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const LIMIT: usize = 1 << 20;

    fn records(
        format: &RecordFormat,
        parts: &[(&[u8], bool)],
    ) -> Result<Vec<Vec<u8>>, RecordError> {
        let mut cutter = RecordCutter::default();
        let mut records = Vec::new();
        for (part, ends) in parts {
            cutter.push(format, part, *ends, LIMIT, |record| {
                records.push(record.to_vec());
            })?;
        }
        Ok(records)
    }

    fn whole(format: &RecordFormat, message: &[u8]) -> Vec<Vec<u8>> {
        records(format, &[(message, true)]).unwrap()
    }

    #[test]
    fn a_message_is_a_record_in_whatever_parts_it_comes() {
        let parts = [
            (&b"ab"[..], false),
            (b"", false),
            (b"c", true),
            (b"", true),
            (b"d", true),
        ];
        let found = records(&RecordFormat::Message, &parts).unwrap();
        assert_eq!(found, [&b"abc"[..], b"", b"d"]);
    }

    #[test]
    fn two_records_in_one_frame_and_one_over_two_frames() {
        let format = RecordFormat::Until(b"\x1e".to_vec());
        let parts = [
            (&b"{}\x1e{\"a\":1}\x1e{"[..], true),
            (b"\"b\":2", false),
            (b"}\x1e", true),
        ];
        let found = records(&format, &parts).unwrap();
        assert_eq!(found, [&b"{}\x1e"[..], b"{\"a\":1}\x1e", b"{\"b\":2}\x1e"]);
    }

    #[test]
    fn nats_lines_and_payloads_are_cut() {
        let message =
            b"PING\r\nMSG r.1 9 5\r\nhe\r\no\r\nHMSG i 1 16 16\r\nNATS/1.0 503\r\n\r\n\r\n+OK\r\n";
        let found = whole(&RecordFormat::Nats, message);
        let expected: [&[u8]; 4] = [
            b"PING\r\n",
            b"MSG r.1 9 5\r\nhe\r\no\r\n",
            b"HMSG i 1 16 16\r\nNATS/1.0 503\r\n\r\n\r\n",
            b"+OK\r\n",
        ];
        assert_eq!(found, expected);
        let error = |line: &[u8]| records(&RecordFormat::Nats, &[(line, true)]).unwrap_err();
        assert_eq!(error(b"MSG a 1 x\r\n"), RecordError::Nats);
        assert_eq!(
            error(b"MSG a 1 18446744073709551615\r\n"),
            RecordError::Nats
        );
        assert_eq!(
            error(b"MSG a 1 99999999\r\n"),
            RecordError::TooLong { limit: LIMIT }
        );
        assert_eq!(error(&vec![b'x'; MAX_NATS_LINE + 1]), RecordError::Nats);
    }

    #[test]
    fn mqtt_packets_are_cut_by_their_length() {
        let mut message = vec![0x30, 0x07, 0, 3, b'r', b'/', b'1', b'x', b'1', 0xd0, 0];
        message.extend([0x30, 0x80, 0x01]);
        message.extend([7; 128]);
        let found = whole(&RecordFormat::Mqtt, &message);
        assert_eq!(found.iter().map(Vec::len).collect::<Vec<_>>(), [9, 2, 131]);
        let error = records(
            &RecordFormat::Mqtt,
            &[(&[0x30, 0xff, 0xff, 0xff, 0xff], true)],
        );
        assert_eq!(error.unwrap_err(), RecordError::Mqtt);
    }

    #[test]
    fn a_record_above_the_limit_ends_the_connection() {
        let format = RecordFormat::Until(b"\n".to_vec());
        let mut cutter = RecordCutter::default();
        for _ in 0..4 {
            cutter
                .push(&format, &[b'x'; 16], true, 64, |_| panic!("no record"))
                .unwrap();
        }
        let error = cutter
            .push(&format, b"x", true, 64, |_| panic!("no record"))
            .unwrap_err();
        assert_eq!(error, RecordError::TooLong { limit: 64 });
    }

    #[test]
    fn a_record_of_16_mib_in_small_parts_is_searched_once() {
        let format = RecordFormat::Until(b"\r\n".to_vec());
        let mut cutter = RecordCutter::default();
        let mut found = 0;
        for _ in 0..1 << 14 {
            cutter
                .push(&format, &[b'\r'; 1024], false, 32 << 20, |_| found += 1)
                .unwrap();
            assert_eq!(cutter.searched, cutter.kept.len());
        }
        cutter
            .push(&format, b"\n", true, 32 << 20, |record| {
                found += record.len();
            })
            .unwrap();
        assert_eq!((found, cutter.kept.capacity()), ((16 << 20) + 1, 0));
    }

    fn formats() -> impl Strategy<Value = RecordFormat> {
        prop_oneof![
            Just(RecordFormat::Message),
            Just(RecordFormat::Until(b"\r\n".to_vec())),
            Just(RecordFormat::Nats),
            Just(RecordFormat::Mqtt),
        ]
    }

    proptest! {
        #[test]
        fn records_do_not_depend_on_the_parts(
            format in formats(),
            bytes in "(MSG a 1 [0-9]{1,2}\r\n|[a-z\u{1}\u{2}]{0,8}|\r|\n){0,12}",
            cuts in prop::collection::vec(0_usize..100, 0..6),
        ) {
            let bytes = bytes.as_bytes();
            let mut cuts: Vec<usize> = cuts.into_iter().map(|at| at.min(bytes.len())).collect();
            cuts.sort_unstable();
            let mut parts = Vec::new();
            let mut from = 0;
            for cut in cuts {
                parts.push((&bytes[from..cut], false));
                from = cut;
            }
            parts.push((&bytes[from..], true));
            prop_assert_eq!(records(&format, &parts), records(&format, &[(bytes, true)]));
        }

        #[test]
        fn any_bytes_are_cut_without_panic(format in formats(), parts: Vec<(Vec<u8>, bool)>) {
            let parts: Vec<(&[u8], bool)> = parts.iter().map(|(part, ends)| (&part[..], *ends)).collect();
            if let Ok(found) = records(&format, &parts) {
                let bytes: usize = parts.iter().map(|(part, _)| part.len()).sum();
                prop_assert!(found.iter().map(Vec::len).sum::<usize>() <= bytes);
            }
        }
    }
}

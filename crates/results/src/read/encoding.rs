//! Text of any common encoding, decoded once into UTF-8.

use std::fs::File;
use std::io::{self, Read, Seek, Write};

use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252};

/// Bytes that are decoded at once.
const CHUNK_BYTES: usize = 64 << 10;

/// A text file in UTF-8, and its original encoding if that was another.
pub(super) struct TextFile {
    pub(super) file: File,
    pub(super) encoding: Option<&'static str>,
}

impl TextFile {
    /// Decodes a file that [`is_text`] of its first bytes. A file that is already UTF-8 is not copied.
    pub(super) fn decode(mut file: File, head: &[u8]) -> io::Result<Self> {
        let (encoding, name) = match utf_16_of(head) {
            Some((encoding, name)) => (encoding, Some(name)),
            None if is_utf_8(&mut file)? => (UTF_8, None),
            // Every byte has a letter there, so that nothing is lost.
            None => (WINDOWS_1252, Some("Windows-1252")),
        };
        file.rewind()?;
        if name.is_some() {
            file = decoded(file, encoding)?;
        }
        Ok(Self {
            file,
            encoding: name,
        })
    }
}

/// Returns `true` for the first bytes of text: no control characters, and NUL only in every other byte.
pub(super) fn is_text(head: &[u8]) -> bool {
    utf_16_of(head).is_some() || !head.iter().any(is_control)
}

/// Returns `true` for control characters that text does not have, including NUL.
fn is_control(byte: &u8) -> bool {
    *byte < 0x20 && !b"\t\n\x0b\x0c\r\x1b".contains(byte)
}

/// Detects UTF-16 by its mark, or by NUL in every other byte, as in digits and separators.
fn utf_16_of(head: &[u8]) -> Option<(&'static Encoding, &'static str)> {
    match head {
        [0xFF, 0xFE, 0, 0, ..] => return None,
        [0xFF, 0xFE, ..] => return Some((UTF_16LE, "UTF-16")),
        [0xFE, 0xFF, ..] => return Some((UTF_16BE, "UTF-16")),
        _ => {}
    }
    let pairs = head.len() / 2;
    let nuls = |offset: usize| {
        let bytes = head.iter().skip(offset).step_by(2);
        bytes.filter(|byte| **byte == 0).count()
    };
    let (even, odd) = (nuls(0), nuls(1));
    // Letters of other scripts have no NUL, but a file of times is mostly digits.
    let is_most = |nuls: usize| pairs > 0 && nuls * 10 >= pairs * 6;
    let is_clean = |offset: usize| !head.iter().skip(offset).step_by(2).any(is_control);
    match (is_most(even), is_most(odd)) {
        (false, true) if is_clean(0) => Some((UTF_16LE, "UTF-16 without a byte order mark")),
        (true, false) if is_clean(1) => Some((UTF_16BE, "UTF-16 without a byte order mark")),
        _ => None,
    }
}

/// Returns `true` when the whole file is UTF-8. It can end within a letter, as a truncated file does.
fn is_utf_8(file: &mut File) -> io::Result<bool> {
    file.rewind()?;
    let mut chunk = Vec::with_capacity(CHUNK_BYTES);
    loop {
        let kept = chunk.len();
        let limit = (CHUNK_BYTES - kept) as u64;
        let read = Read::by_ref(file).take(limit).read_to_end(&mut chunk)?;
        match std::str::from_utf8(&chunk) {
            Err(error) if error.error_len().is_some() => return Ok(false),
            _ if read == 0 => return Ok(true),
            Ok(_) => chunk.clear(),
            Err(error) => drop(chunk.drain(..error.valid_up_to())),
        }
    }
}

/// A copy in UTF-8 in an unnamed temporary file.
fn decoded(mut file: File, encoding: &'static Encoding) -> io::Result<File> {
    let mut copy = tempfile::tempfile()?;
    let mut decoder = encoding.new_decoder_with_bom_removal();
    let (mut bytes, mut text) = (vec![0; CHUNK_BYTES], String::new());
    loop {
        let read = file.read(&mut bytes)?;
        let needed = decoder.max_utf8_buffer_length(read);
        text.reserve(needed.unwrap_or(4 * CHUNK_BYTES));
        let (result, ..) = decoder.decode_to_string(&bytes[..read], &mut text, read == 0);
        debug_assert_eq!(result, encoding_rs::CoderResult::InputEmpty);
        copy.write_all(text.as_bytes())?;
        text.clear();
        if read == 0 {
            copy.rewind()?;
            return Ok(copy);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(bytes: &[u8]) -> (String, Option<&'static str>) {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(bytes).unwrap();
        let mut text = TextFile::decode(file, bytes).unwrap();
        let mut content = Vec::new();
        text.file.read_to_end(&mut content).unwrap();
        (
            String::from_utf8_lossy(&content).into_owned(),
            text.encoding,
        )
    }

    fn utf_16(text: &str, bytes: fn(u16) -> [u8; 2]) -> Vec<u8> {
        text.encode_utf16().flat_map(bytes).collect()
    }

    #[test]
    fn utf_16_is_decoded_with_and_without_its_mark() {
        let text = "n,latency (µs)\n1,2\n";
        for bytes in [u16::to_le_bytes, u16::to_be_bytes] {
            let marked = utf_16(&format!("\u{feff}{text}"), bytes);
            assert_eq!(decode(&marked), (text.to_owned(), Some("UTF-16")));
            let (content, encoding) = decode(&utf_16(text, bytes));
            assert_eq!(content, text);
            assert_eq!(encoding, Some("UTF-16 without a byte order mark"));
        }
    }

    #[test]
    fn a_letter_across_two_chunks_is_one_letter() {
        let text = format!("{}µs", "x".repeat(CHUNK_BYTES - 1));
        assert_eq!(decode(text.as_bytes()), (text.clone(), None));
        let (content, _) = decode(&utf_16(&format!("\u{feff}{text}"), u16::to_le_bytes));
        assert_eq!(content, text);
    }

    #[test]
    fn what_is_no_utf_8_anywhere_is_windows_1252_everywhere() {
        let mut bytes = "n\n".repeat(CHUNK_BYTES).into_bytes();
        bytes.extend(b"Latency (\xB5s)");
        let (content, encoding) = decode(&bytes);
        assert!(content.ends_with("n\nLatency (µs)"));
        assert_eq!(encoding, Some("Windows-1252"));
        // Cut within a letter.
        assert_eq!(decode("1 µ".as_bytes().split_last().unwrap().1).1, None);
    }

    #[test]
    fn other_bytes_are_no_text() {
        assert!(is_text(b"a,b\r\n1\t2\n") && is_text(b"\xFF\xFEa\0"));
        assert!(!is_text(b"\0\x01\x02") && !is_text(b"a\0\x02\0"));
        assert!(!is_text(b"\x89PNG\r\n\x1a\n\0\0\0") && !is_text(b"\xFF\xFE\0\0a\0\0\0"));
    }
}

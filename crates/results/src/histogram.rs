//! HDR histograms as files hold them: base64 of HdrHistogram's V2 encoding, deflated.

use std::io::{self, Cursor, Read};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hdrhistogram::Histogram;
use hdrhistogram::serialization::{Deserializer, Serializer, V2DeflateSerializer};
use measurement::run::RunHistograms;
use serde::{Deserialize, Serialize};

/// Largest inflated size of a histogram in bytes; one of 5 digits over all of 64 bits takes less.
const MOST_BYTES: u64 = 64 << 20;

/// First bytes of the V2 encoding, deflated and plain.
const DEFLATED_COOKIE: u32 = 0x1c84_9314;
const PLAIN_COOKIE: u32 = 0x1c84_9313;

/// Bytes before the counts in the plain encoding, and the place of the counts' length.
const HEADER_BYTES: usize = 40;
const LENGTH_AT: std::ops::Range<usize> = 4..8;

pub(crate) fn encode(histogram: &Histogram<u64>) -> io::Result<String> {
    let mut bytes = Vec::new();
    V2DeflateSerializer::new()
        .serialize(histogram, &mut bytes)
        .map_err(io::Error::other)?;
    Ok(STANDARD.encode(bytes))
}

/// Decodes the histogram of a text of any program.
pub(crate) fn decode(text: &str) -> io::Result<Histogram<u64>> {
    from_plain(&inflate(text)?)
}

/// Inflates the histogram of a text of any program to its plain V2 encoding.
pub(crate) fn inflate(text: &str) -> io::Result<Vec<u8>> {
    let bytes = STANDARD.decode(text.trim()).map_err(io::Error::other)?;
    if word(&bytes, 0..4) != Some(DEFLATED_COOKIE) {
        return Err(io::Error::other("no deflated V2 histogram"));
    }
    // Inflated here and not by the library, which makes room for whatever length the file claims.
    let mut plain = Vec::new();
    let deflated = bytes.get(8..).unwrap_or_default();
    flate2::read::ZlibDecoder::new(deflated)
        .take(MOST_BYTES)
        .read_to_end(&mut plain)?;
    let claimed = word(&plain, LENGTH_AT).and_then(|length| usize::try_from(length).ok());
    let is_whole =
        claimed.is_some_and(|claimed| claimed <= plain.len().saturating_sub(HEADER_BYTES));
    if word(&plain, 0..4) != Some(PLAIN_COOKIE) || !is_whole {
        return Err(io::Error::other("a histogram that is cut short"));
    }
    Ok(plain)
}

pub(crate) fn from_plain(bytes: &[u8]) -> io::Result<Histogram<u64>> {
    Deserializer::new()
        .deserialize(&mut Cursor::new(bytes))
        .map_err(io::Error::other)
}

fn word(bytes: &[u8], at: std::ops::Range<usize>) -> Option<u32> {
    let word = bytes.get(at)?.try_into().ok()?;
    Some(u32::from_be_bytes(word))
}

/// Adds the counts of `other` to `sum`, whose bounds can differ.
pub(crate) fn add(sum: &mut Option<Histogram<u64>>, mut other: Histogram<u64>) -> io::Result<()> {
    match sum {
        Some(sum) => sum.add(&other).map_err(io::Error::other),
        None => {
            other.auto(true);
            *sum = Some(other);
            Ok(())
        }
    }
}

/// The times of a whole run in a JSON document, as base64 of HdrHistogram's V2 encoding, deflated.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct EncodedHistograms {
    service: String,
    /// Response times; `None` in closed loop, in which they equal the service times.
    response: Option<String>,
}

impl EncodedHistograms {
    pub(crate) fn encode(histograms: &RunHistograms) -> io::Result<Self> {
        Ok(Self {
            service: encode(&histograms.service)?,
            response: histograms.response.as_ref().map(encode).transpose()?,
        })
    }

    pub(crate) fn decode(&self) -> io::Result<RunHistograms> {
        Ok(RunHistograms {
            service: decode(&self.service)?,
            response: self.response.as_deref().map(decode).transpose()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use measurement::record::{HIGHEST_TRACKABLE_NS, SIGNIFICANT_DIGITS};
    use proptest::prelude::*;

    fn of(values: &[u64]) -> Histogram<u64> {
        let mut h =
            Histogram::new_with_bounds(1, HIGHEST_TRACKABLE_NS, SIGNIFICANT_DIGITS).unwrap();
        values.iter().for_each(|v| h.saturating_record(*v));
        h
    }

    proptest! {
        #[test]
        fn what_was_encoded_is_decoded(values in prop::collection::vec(0..HIGHEST_TRACKABLE_NS, 0..200)) {
            let whole = of(&values);
            prop_assert_eq!(decode(&encode(&whole).unwrap()).unwrap(), whole);
        }

        #[test]
        fn no_text_is_more_than_an_error(text in "[A-Za-z0-9+/]{0,400}", prefix: bool) {
            let text = if prefix { format!("HISTFAAAAE{text}") } else { text };
            let _ = decode(&text);
        }
    }

    #[test]
    fn a_claim_of_more_bytes_than_there_are_takes_no_memory() {
        let text = encode(&of(&[1, 2, 3])).unwrap();
        let mut bytes = STANDARD.decode(text).unwrap();
        let mut plain = Vec::new();
        flate2::read::ZlibDecoder::new(&bytes[8..])
            .read_to_end(&mut plain)
            .unwrap();
        plain[LENGTH_AT].copy_from_slice(&u32::MAX.to_be_bytes());
        let mut deflated = Vec::new();
        flate2::read::ZlibEncoder::new(plain.as_slice(), flate2::Compression::fast())
            .read_to_end(&mut deflated)
            .unwrap();
        bytes.truncate(8);
        bytes.extend_from_slice(&deflated);
        assert!(decode(&STANDARD.encode(bytes)).is_err());
    }

    #[test]
    fn histograms_of_other_bounds_add_up() {
        let mut sum = None;
        add(&mut sum, Histogram::new_with_bounds(1, 1_000, 2).unwrap()).unwrap();
        add(&mut sum, of(&[5, 7_000_000_000])).unwrap();
        assert_eq!(sum.unwrap().len(), 2);
    }
}

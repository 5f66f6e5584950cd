//! Forms in which records are stored, without rounding.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::{LatencyHistogram, Outcome, Sample};

/// A histogram as it is stored: buckets in HdrHistogram's V2 encoding, in base64, and the exact figures. Sums are texts
/// because JSON numbers of this size are rounded.
#[derive(Serialize, Deserialize)]
struct StoredHistogram {
    buckets: String,
    min: u64,
    max: u64,
    sum: String,
    sum_of_squares: String,
}

impl Serialize for LatencyHistogram {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (sum, sum_of_squares) = self.sums();
        StoredHistogram {
            buckets: STANDARD.encode(self.encode()),
            min: self.min().unwrap_or(0),
            max: self.max().unwrap_or(0),
            sum: sum.to_string(),
            sum_of_squares: sum_of_squares.to_string(),
        }
        .serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for LatencyHistogram {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let stored = StoredHistogram::deserialize(deserializer)?;
        let bytes = STANDARD
            .decode(&stored.buckets)
            .map_err(de::Error::custom)?;
        let sum = |text: &str| text.parse::<u128>().map_err(de::Error::custom);
        let sums = (sum(&stored.sum)?, sum(&stored.sum_of_squares)?);
        Self::from_stored(&bytes, (stored.min, stored.max), sums).map_err(de::Error::custom)
    }
}

/// Bytes as base64.
pub(crate) mod base64_bytes {
    use base64::Engine as _;

    use super::{Deserialize, Deserializer, STANDARD, Serializer, de};

    pub(crate) fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&STANDARD.encode(bytes))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Vec<u8>, D::Error> {
        let text = String::deserialize(deserializer)?;
        STANDARD.decode(text).map_err(de::Error::custom)
    }
}

/// A sample as it is stored: client, message, intended, sent and received time, outcome, over a stop, kind, time to the
/// first part.
type StoredSample = (u32, u64, u64, u64, u64, Outcome, bool, u16, u64);

impl Serialize for Sample {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let stored: StoredSample = (
            self.client,
            self.message,
            self.intended_ns,
            self.sent_ns,
            self.received_ns().unwrap_or(0),
            self.outcome,
            self.over_stop,
            self.kind,
            self.first_part_ns.map_or(0, Into::into),
        );
        stored.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Sample {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (client, message, intended, sent, received, outcome, over_stop, kind, first_part) =
            StoredSample::deserialize(deserializer)?;
        let mut sample = Self::echoed(client, message, intended, sent, received, outcome);
        sample.over_stop = over_stop;
        sample.kind = kind;
        sample.first_part_ns = first_part.try_into().ok();
        Ok(sample)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::HIGHEST_TRACKABLE_NS;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_stored_histogram_is_the_same(values in prop::collection::vec(0..HIGHEST_TRACKABLE_NS * 2, 0..200)) {
            let mut histogram = LatencyHistogram::new();
            values.iter().for_each(|value| histogram.record(*value));
            let text = serde_json::to_string(&histogram).unwrap();
            prop_assert_eq!(serde_json::from_str::<LatencyHistogram>(&text).unwrap(), histogram);
        }

        #[test]
        fn a_stored_sample_is_the_same(
            client in 0..u32::MAX, message: u64, sent: u64, received: u64, outcome in 0..6_usize, over_stop: bool,
            kind: u16, part: u64,
        ) {
            let outcome = Outcome::ALL[outcome];
            let received = if outcome == Outcome::Lost { 0 } else { received };
            let mut sample = Sample::echoed(client, message, sent, sent, received, outcome);
            (sample.over_stop, sample.kind, sample.first_part_ns) = (over_stop, kind, part.try_into().ok());
            let text = serde_json::to_string(&sample).unwrap();
            prop_assert_eq!(serde_json::from_str::<Sample>(&text).unwrap(), sample);
        }

        #[test]
        fn damaged_buckets_are_refused(bytes in prop::collection::vec(any::<u8>(), 0..200), min: u64, max: u64) {
            let text = STANDARD.encode(bytes);
            let json = serde_json::json!({"buckets": text, "min": min, "max": max, "sum": "1", "sum_of_squares": "1"});
            prop_assert!(serde_json::from_value::<LatencyHistogram>(json).is_err());
        }
    }

    #[test]
    fn figures_that_contradict_the_buckets_are_refused() {
        let mut histogram = LatencyHistogram::new();
        histogram.record(1_000);
        let stored = serde_json::to_value(&histogram).unwrap();
        for (key, value) in [
            ("min", serde_json::json!(2_000)),
            ("max", serde_json::json!(10)),
            ("sum", serde_json::json!("-1")),
        ] {
            let mut damaged = stored.clone();
            damaged[key] = value;
            assert!(
                serde_json::from_value::<LatencyHistogram>(damaged).is_err(),
                "{key}"
            );
        }
    }
}

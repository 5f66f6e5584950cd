//! Times of one second, in the form that suits their use.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::LatencyHistogram;
use super::second_sum::{BucketCounts, EncodedTimes};

/// Times of one second in nanoseconds, as a histogram without exact figures. A second takes 270 KB while it is recorded,
/// and some hundred bytes afterwards. A second that others are added to is decoded once, not once for each of them.
#[derive(Debug, Clone)]
pub struct SecondTimes(TimesForm);

#[derive(Debug, Clone)]
enum TimesForm {
    /// The running second.
    Recording(Box<LatencyHistogram>),
    /// A complete second, and one that was read from a file.
    Encoded(EncodedTimes),
    /// A second that others were added to.
    Sum(BucketCounts),
}

impl Default for SecondTimes {
    /// A running second without values.
    fn default() -> Self {
        Self(TimesForm::Recording(Box::default()))
    }
}

impl From<&LatencyHistogram> for SecondTimes {
    /// A complete second.
    fn from(times: &LatencyHistogram) -> Self {
        Self(TimesForm::Encoded(EncodedTimes(times.encode())))
    }
}

impl SecondTimes {
    /// Adds one value, also to a second that is complete already.
    pub(super) fn record(&mut self, nanoseconds: u64) {
        match &mut self.0 {
            TimesForm::Recording(times) => times.record(nanoseconds),
            _ => {
                let mut late = LatencyHistogram::new();
                late.record(nanoseconds);
                self.add_counts(&BucketCounts::from(&late));
            }
        }
    }

    /// Completes a running second, or a sum that nothing is added to for now.
    pub(super) fn complete(&mut self) {
        if !matches!(self.0, TimesForm::Encoded(_)) {
            *self = Self(TimesForm::Encoded(self.encoded()));
        }
    }

    /// Adds the same second of another thread or process.
    pub(super) fn add(&mut self, other: &Self) {
        match &other.0 {
            TimesForm::Sum(counts) => self.add_counts(counts),
            _ => self.add_counts(&other.counts()),
        }
    }

    /// Adds the same second of another thread or process, where `None` is one without values.
    pub(super) fn add_optional(all: &mut Option<Self>, other: Option<&Self>) {
        match (all, other) {
            (Some(all), Some(other)) => all.add(other),
            (all @ None, other) => *all = other.cloned(),
            (Some(_), None) => {}
        }
    }

    fn add_counts(&mut self, other: &BucketCounts) {
        let empty = TimesForm::Sum(BucketCounts::default());
        let mut all = match std::mem::replace(&mut self.0, empty) {
            TimesForm::Sum(counts) => counts,
            form => Self(form).counts(),
        };
        all.add(other);
        self.0 = TimesForm::Sum(all);
    }

    /// The buckets. A damaged histogram counts as empty; those of files are checked when they are read.
    pub(crate) fn counts(&self) -> BucketCounts {
        match &self.0 {
            TimesForm::Recording(times) => BucketCounts::from(&**times),
            TimesForm::Encoded(EncodedTimes(bytes)) => {
                BucketCounts::decode(bytes).unwrap_or_default()
            }
            TimesForm::Sum(counts) => counts.clone(),
        }
    }

    fn encoded(&self) -> EncodedTimes {
        match &self.0 {
            TimesForm::Recording(times) => EncodedTimes(times.encode()),
            TimesForm::Encoded(times) => times.clone(),
            TimesForm::Sum(counts) => EncodedTimes(counts.to_histogram().encode()),
        }
    }

    /// Number of values of a second that was read from a file.
    ///
    /// # Errors
    /// A text, when the histogram is damaged.
    pub(crate) fn check(&self) -> Result<u64, String> {
        match &self.0 {
            TimesForm::Encoded(EncodedTimes(bytes)) => Ok(BucketCounts::decode(bytes)?.count()),
            _ => Ok(self.counts().count()),
        }
    }
}

impl PartialEq for SecondTimes {
    /// Two seconds with the same values are equal in any form.
    fn eq(&self, other: &Self) -> bool {
        self.counts() == other.counts()
    }
}

impl Eq for SecondTimes {}

impl Serialize for SecondTimes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.encoded().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for SecondTimes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        EncodedTimes::deserialize(deserializer).map(|times| Self(TimesForm::Encoded(times)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::HIGHEST_TRACKABLE_NS;
    use proptest::prelude::*;

    fn of(values: &[u64]) -> SecondTimes {
        let mut times = SecondTimes::default();
        values.iter().for_each(|value| times.record(*value));
        times
    }

    #[test]
    fn damaged_times_are_refused_and_count_as_empty() {
        let mut encoded = of(&[5, 7]).encoded();
        encoded.0.truncate(7);
        let damaged = SecondTimes(TimesForm::Encoded(encoded));
        assert!(damaged.check().unwrap_err().contains("damaged"));
        assert_eq!(damaged.counts(), BucketCounts::default());
    }

    #[test]
    fn a_complete_second_is_small() {
        let mut times = of(&(0..200).map(|n| 1_000_000 + n * 7_919).collect::<Vec<_>>());
        times.complete();
        let TimesForm::Encoded(EncodedTimes(bytes)) = &times.0 else {
            panic!("{times:?}")
        };
        assert!(bytes.len() < 1_000, "{} bytes", bytes.len());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn every_form_holds_the_same_values(
            first in prop::collection::vec(0..HIGHEST_TRACKABLE_NS * 2, 1..50),
            late in prop::collection::vec(0..HIGHEST_TRACKABLE_NS * 2, 0..5),
            other in prop::collection::vec(0..HIGHEST_TRACKABLE_NS * 2, 0..50),
            q in 0.0..=1.0_f64,
        ) {
            let whole = [&first[..], &late, &other].concat();
            let mut histogram = LatencyHistogram::new();
            whole.iter().for_each(|value| histogram.record(*value));
            let mut times = of(&first);
            times.complete();
            late.iter().for_each(|value| times.record(*value));
            times.add(&of(&other));
            prop_assert_eq!(&times, &of(&whole));
            let stored: SecondTimes = serde_json::from_str(&serde_json::to_string(&times).unwrap()).unwrap();
            prop_assert_eq!(&stored, &times);
            prop_assert_eq!(stored.check(), Ok(whole.len() as u64));
            let (found, exact) = (times.counts().quantile(q).unwrap(), histogram.bucket_quantile(q));
            prop_assert_eq!(found, exact);
        }
    }
}

//! The search for a server's capacity in one round.

use serde::{Deserialize, Serialize};
use statistics::capacity_ratio::{LogValue, SearchedCapacity};

use crate::run::{CapacitySummary, SearchEnd, StepMeaning};
use crate::verdict::Verdict;

/// A search for a server's capacity in one round.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct SearchRow {
    /// Verdict on the search.
    pub verdict: Verdict,
    /// Reasons for the verdict.
    pub reasons: Vec<String>,
    /// Capacity, interval and steps, with the keys that they have in the result of a run.
    #[serde(flatten)]
    pub found: CapacitySummary,
}

impl SearchRow {
    /// The reason why the search does not count; `None` for one that was not cut short.
    pub fn obstacle(&self) -> Option<&'static str> {
        match self.found.ended_by {
            SearchEnd::Precision | SearchEnd::Budget => None,
            SearchEnd::Interrupted => Some("the search was interrupted"),
            SearchEnd::ConnectionsLost => Some("all connections ended during the search"),
            SearchEnd::ShardLost => Some("a process of the generator died during the search"),
        }
    }

    /// Verdict on the search, with its first reason. That on its last step says little about a capacity that comes from
    /// all steps, so it makes the search suspect at most.
    pub fn judged(&self) -> (Verdict, &str) {
        match self.obstacle() {
            Some(why) => (Verdict::Invalid, why),
            None => {
                let reason = self.reasons.first().map_or("", String::as_str);
                (self.verdict.min(Verdict::Suspect), reason)
            }
        }
    }

    /// The capacity as it is compared; `None` when the search did not find it, or found no interval.
    pub fn capacity(&self) -> Option<SearchedCapacity> {
        let own = &self.found;
        let rate = own.rate_per_s?;
        if rate <= 0.0 {
            // Where the conditions held in single steps, the capacity may lie anywhere in the interval.
            let has_held = own.rates_from_below(StepMeaning::Held).next().is_some();
            return (!has_held).then_some(SearchedCapacity::Zero);
        }
        if own.at_least {
            // The upper limit of the interval is unknown. The error is that of the lower one.
            let (low, mirrored) = (own.low_per_s, rate * rate / own.low_per_s);
            let value = LogValue::from_interval(rate, (low, mirrored), own.confidence);
            let value = value.or_else(|| LogValue::without_interval(rate));
            return value.map(SearchedCapacity::AtLeast);
        }
        if own.high_per_s <= rate {
            // No rate was offered at which a condition did not hold.
            return None;
        }
        let interval = (own.low_per_s, own.high_per_s);
        let value = LogValue::from_interval(rate, interval, own.confidence)?;
        Some(SearchedCapacity::Found(value))
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::run::LoadStep;
    use crate::run::capacity_summary::tests::capacity;

    /// A search that found this capacity, with an interval of these limits.
    pub(in crate::run::comparison) fn search(rate: Option<f64>, low: f64, high: f64) -> SearchRow {
        SearchRow {
            verdict: Verdict::Valid,
            reasons: Vec::new(),
            found: CapacitySummary {
                rate_per_s: rate,
                low_per_s: low,
                high_per_s: high,
                ..capacity()
            },
        }
    }

    #[test]
    fn a_capacity_has_the_error_of_its_interval() {
        let Some(SearchedCapacity::Found(value)) = search(Some(100.0), 98.0, 102.0).capacity()
        else {
            panic!("a capacity was found");
        };
        assert!((value.log.exp() - 100.0).abs() < 1e-9);
        assert!((value.variance.sqrt() - 0.0102).abs() < 1e-4, "{value:?}");
    }

    #[test]
    fn a_lower_bound_needs_no_upper_limit() {
        let mut row = search(Some(100.0), 98.0, f64::INFINITY);
        assert_eq!(row.capacity(), None, "the interval has no end");
        assert_eq!(search(Some(100.0), 98.0, 100.0).capacity(), None);
        row.found.at_least = true;
        assert!(matches!(row.capacity(), Some(SearchedCapacity::AtLeast(_))));
        row.found.low_per_s = 0.0;
        let Some(SearchedCapacity::AtLeast(value)) = row.capacity() else {
            panic!("a lower bound stays one");
        };
        assert!(value.variance.is_infinite());
    }

    #[test]
    fn a_dead_server_has_the_capacity_0_and_an_unknown_one_none() {
        assert_eq!(
            search(Some(0.0), 0.0, 0.0).capacity(),
            Some(SearchedCapacity::Zero)
        );
        assert_eq!(search(None, 0.0, 100.0).capacity(), None);
    }

    /// A capacity between 0 and 45,000 msg/s was compared as exactly 0, and the server called worse.
    #[test]
    fn conditions_that_held_in_single_steps_are_no_capacity_of_0() {
        let mut row = search(Some(0.0), 0.0, 45_000.0);
        row.found.steps.push(LoadStep {
            held: Some(true),
            ..LoadStep::default()
        });
        assert_eq!(row.capacity(), None);
    }

    /// An invalid last step dropped the capacity of its round.
    #[test]
    fn a_search_counts_unless_it_was_cut_short() {
        let mut row = search(Some(100.0), 98.0, 102.0);
        (row.verdict, row.reasons) = (Verdict::Invalid, vec!["the generator was late".to_owned()]);
        assert_eq!(row.judged(), (Verdict::Suspect, "the generator was late"));
        row.verdict = Verdict::Valid;
        assert_eq!(row.judged().0, Verdict::Valid);
        row.found.ended_by = SearchEnd::Budget;
        assert_eq!(row.obstacle(), None);
        for cut in [
            SearchEnd::Interrupted,
            SearchEnd::ConnectionsLost,
            SearchEnd::ShardLost,
        ] {
            row.found.ended_by = cut;
            let (verdict, why) = row.judged();
            assert_eq!((verdict, Some(why)), (Verdict::Invalid, row.obstacle()));
        }
    }

    #[test]
    fn a_row_has_the_keys_of_the_capacity_of_a_run() {
        let row = search(Some(100.0), 98.0, 102.0);
        let json = serde_json::to_value(&row).unwrap();
        assert_eq!(json["rate_per_s"], 100.0);
        assert_eq!(json["verdict"], "valid");
        assert_eq!(serde_json::from_value::<SearchRow>(json).unwrap(), row);
    }
}

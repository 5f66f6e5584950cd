//! Loads offered one after the other, and the capacity found with them.

// Fields with self-explanatory names have no comment.
#![allow(missing_docs)]

use serde::{Deserialize, Deserializer, Serialize};

use super::condition_result::is_false;
use crate::record::is_zero;

/// The state of the server at the beginning of a step.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum StepOrigin {
    /// The server had answered everything, and had no load.
    #[default]
    Below,
    /// The rate before was too high for the conditions, and the load did not stop in between.
    Above,
}

impl StepOrigin {
    /// The word used in files: `below`, `above`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Below => "below",
            Self::Above => "above",
        }
    }
}

/// The reason why a search ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum SearchEnd {
    /// The interval is as narrow as the target precision.
    Precision,
    /// The time was over.
    Budget,
    /// The user interrupted the search.
    Interrupted,
    /// All connections had ended.
    ConnectionsLost,
    /// One of several processes of the generator died.
    ShardLost,
}

impl SearchEnd {
    /// The word used in files: `precision`, `budget`, `interrupted`, `connections_lost`, `shard_lost`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Precision => "precision",
            Self::Budget => "budget",
            Self::Interrupted => "interrupted",
            Self::ConnectionsLost => "connections_lost",
            Self::ShardLost => "shard_lost",
        }
    }
}

/// An interval of a time, in nanoseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct TimeInterval {
    pub low_ns: u64,
    pub high_ns: u64,
}

/// One offered rate and its results: a step of a capacity search, or a point of a sweep. Times are response times of the
/// messages due in the judged part. Messages that failed or were never sent are slower than any other: a percentile that
/// falls among them is `None`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct LoadStep {
    pub offered_per_s: f64,
    /// Messages of the judged part sent per second of it.
    pub achieved_per_s: f64,
    pub from: StepOrigin,
    /// True when all conditions held, false when one did not; `None` when undecided, and without conditions.
    pub held: Option<bool>,
    /// Length of the judged part in seconds.
    pub seconds: f64,
    pub response_p50_ns: Option<u64>,
    pub response_p99_ns: Option<u64>,
    pub response_p99_9_ns: Option<u64>,
    /// Messages that were lost, late or corrupted, or got an error reply.
    pub failed: u64,
    /// Messages that were due and never sent.
    pub unsent: u64,
    /// CPU time of the server per second of the step, in cores; `None` when not measured.
    pub server_cpu_share: Option<f64>,
    /// Messages due in the judged part.
    #[serde(default)]
    pub due: u64,
    /// Start of the step in seconds since the beginning of the search or sweep.
    #[serde(default)]
    pub start_s: f64,
    /// Length of the load before the judged part, in seconds.
    #[serde(default)]
    pub settle_s: f64,
    /// The rate offered without a pause before a step from above; `None` for a step from below.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lead_per_s: Option<f64>,
    /// Intervals of 95 % of the response times, from blocks; `None` when there are too few messages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response_p50_interval: Option<TimeInterval>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response_p99_interval: Option<TimeInterval>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response_p99_9_interval: Option<TimeInterval>,
    /// CPU time of the busiest generator thread per second of the step.
    #[serde(default)]
    pub client_cpu_share: Option<f64>,
    /// True when the generator did not offer the rate, or its own lateness explains why a condition did not hold.
    #[serde(default)]
    pub generator_limited: bool,
    /// True when the generator's own lateness is so large a part of the p99 that the response times are more the generator's
    /// than the server's. The rate was offered all the same, unless the generator was the limit.
    #[serde(default, skip_serializing_if = "is_false")]
    pub generator_times: bool,
    /// Messages of the judged part answered correctly by its end, per second of it.
    #[serde(default)]
    pub answered_per_s: f64,
    /// Connections that ended during the step.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub closed: u64,
    /// Longest time of the judged part without an answer while messages were due, in seconds; `None` when it was short.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub longest_silence_s: Option<f64>,
}

/// Rank of a quantile of all due messages among the answered ones, from 1; `None` when it is not answered. Messages without
/// an answer are slower than any other.
pub fn answered_rank(quantile: f64, due: u64, answered: u64) -> Option<f64> {
    // Exact for any realistic number of messages.
    let rank = quantile * due as f64;
    (rank <= answered as f64).then_some(rank)
}

impl LoadStep {
    /// Returns true when more messages failed or were never sent than lie beyond this quantile of the response times.
    pub fn is_beyond_answers(&self, quantile: f64) -> bool {
        let answered = self.due.saturating_sub(self.failed + self.unsent);
        self.due > 0 && answered_rank(quantile, self.due, answered).is_none()
    }

    /// Returns true when the server kept up with the rate: it answered 95 % of the due messages by the end of the judged
    /// part, and none failed or was never sent.
    pub fn keeps_up(&self) -> bool {
        const KEPT: f64 = 0.95;
        // The number of messages due at random times varies.
        let due_per_s = match self.due {
            due if due > 0 && self.seconds > 0.0 => due as f64 / self.seconds,
            _ => self.offered_per_s,
        };
        self.failed == 0 && self.unsent == 0 && self.answered_per_s >= KEPT * due_per_s
    }
}

/// The highest offered rate at which conditions hold.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct CapacitySummary {
    /// The conditions, as typed.
    #[serde(default)]
    pub conditions: Vec<String>,
    /// Capacity from below in messages per second: 0 when the conditions held at no rate, `None` when it is unknown.
    pub rate_per_s: Option<f64>,
    /// Interval of the capacity.
    pub low_per_s: f64,
    /// Equal to `rate_per_s` when no rate is known at which a condition does not hold, so that nothing bounds the capacity
    /// from above (`at_least`). Infinite when JSON has `null`.
    #[serde(default = "infinity", deserialize_with = "infinite_if_null")]
    #[cfg_attr(feature = "json-schema", schemars(with = "Option<f64>"))]
    pub high_per_s: f64,
    /// Probability that an interval made in this way covers the capacity: 0.95.
    pub confidence: f64,
    /// True when no upper limit is known: the generator could not offer a rate at which the conditions do not hold, or the search
    /// ended before. The capacity is then at least `rate_per_s`, which is also `high_per_s`.
    pub at_least: bool,
    /// Capacity from above: the highest rate tried at which the server recovered from an overload while that load went on, more
    /// often than not; `None` when it was not measured, or the server recovered at no rate.
    pub from_above_per_s: Option<f64>,
    /// True when the capacity from above is lower than that from below, with 99.9 % confidence.
    pub hysteresis: bool,
    pub ended_by: SearchEnd,
    #[serde(default)]
    pub steps: Vec<LoadStep>,
    /// Target half-width of the interval as a share of the capacity.
    #[serde(default)]
    pub precision: f64,
    /// Time allowed for the search, in seconds.
    #[serde(default)]
    pub budget_s: f64,
    /// Time that the search took, in seconds.
    #[serde(default)]
    pub took_s: f64,
    /// Length of a block in seconds: the shares of neighbouring blocks do not correlate.
    #[serde(default)]
    pub block_s: Option<f64>,
    /// Steps that say nothing about the server, because the generator was the limit.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub generator_limited_steps: u64,
    /// True when the generator, not the server, ended the rates that can be offered.
    #[serde(default)]
    pub generator_limit: bool,
    /// The condition that ends the rates at which all conditions hold, as typed; `None` when it is unknown, and for a lower
    /// bound.
    #[serde(default)]
    pub limited_by: Option<String>,
    /// Share of the judged part of each step from below that was left out at its beginning, because the server was not yet
    /// steady.
    #[serde(default, skip_serializing_if = "is_zero_share")]
    pub unsteady_share: f64,
}

#[allow(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes a reference"
)]
fn is_zero_share(share: &f64) -> bool {
    *share == 0.0
}

fn infinity() -> f64 {
    f64::INFINITY
}

/// Reads a number that JSON cannot hold when it is infinite.
fn infinite_if_null<'de, D: Deserializer<'de>>(source: D) -> Result<f64, D::Error> {
    Ok(Option::deserialize(source)?.unwrap_or(f64::INFINITY))
}

impl CapacitySummary {
    /// Half-width of the interval as a share of the capacity; `None` without a capacity above 0.
    pub fn relative_half_width(&self) -> Option<f64> {
        let rate = self.rate_per_s.filter(|rate| *rate > 0.0)?;
        Some((self.high_per_s - self.low_per_s) / 2.0 / rate)
    }

    /// Returns true when the search ended by itself, at the highest rate that the generator could offer.
    pub fn ended_at_generator_limit(&self) -> bool {
        self.generator_limit && matches!(self.ended_by, SearchEnd::Precision | SearchEnd::Budget)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A search that found 41,200 msg/s.
    pub(in crate::run) fn capacity() -> CapacitySummary {
        CapacitySummary {
            conditions: vec!["p99<10ms".to_owned()],
            rate_per_s: Some(41_200.0),
            low_per_s: 39_000.0,
            high_per_s: 42_000.0,
            confidence: 0.95,
            at_least: false,
            from_above_per_s: None,
            hysteresis: false,
            ended_by: SearchEnd::Precision,
            steps: Vec::new(),
            precision: 0.03,
            budget_s: 120.0,
            took_s: 60.0,
            block_s: None,
            generator_limited_steps: 0,
            generator_limit: false,
            limited_by: None,
            unsteady_share: 0.0,
        }
    }

    /// The p99 of the answered messages looked good while most messages were lost.
    #[test]
    fn a_quantile_among_failed_messages_is_beyond_answers() {
        let step = |failed, unsent| LoadStep {
            due: 1_000,
            failed,
            unsent,
            ..LoadStep::default()
        };
        assert!(!step(0, 0).is_beyond_answers(0.999));
        assert!(!step(5, 5).is_beyond_answers(0.99) && step(5, 5).is_beyond_answers(0.999));
        assert!(step(5, 6).is_beyond_answers(0.99) && !step(5, 6).is_beyond_answers(0.5));
        assert!(step(1_000, 0).is_beyond_answers(0.5));
        // Files of older versions do not have the number of due messages.
        assert!(!LoadStep::default().is_beyond_answers(0.99));
    }

    #[test]
    fn a_server_keeps_up_with_what_it_answers_in_time() {
        let step = LoadStep {
            offered_per_s: 1_000.0,
            achieved_per_s: 1_000.0,
            answered_per_s: 950.0,
            seconds: 2.0,
            ..LoadStep::default()
        };
        let keeps_up = |change: fn(&mut LoadStep)| {
            let mut step = step.clone();
            change(&mut step);
            step.keeps_up()
        };
        assert!(keeps_up(|_| {}));
        assert!(!keeps_up(|step| step.answered_per_s = 949.0));
        assert!(!keeps_up(|step| step.failed = 1) && !keeps_up(|step| step.unsent = 1));
        // Random due times: fewer messages than the rate tells.
        assert!(keeps_up(
            |step| (step.due, step.answered_per_s) = (1_900, 903.0)
        ));
        assert!(!keeps_up(|step| step.due = 2_100));
    }
}

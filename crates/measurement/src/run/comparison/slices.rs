//! Slices of a run, and the spread of their ratios.

use serde::{Deserialize, Serialize};

use super::{ComparedFigure, RunRow};

/// The slices of one run of a round in which the servers take turns.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct RunSlices {
    /// Length of a slice, in seconds: the planned length, or a longer one if messages take long.
    pub slice_s: f64,
    /// Uncounted beginning of each slice, in seconds: until the rate of every server is steady.
    pub settle_s: f64,
    /// Cycles in which every server of the round had a slice.
    pub measured: u32,
    /// Cycles excluded from all figures, because one of their slices was disturbed.
    pub left_out: u32,
    /// Disturbed slices of this server.
    pub disturbed: u32,
    /// Reason for the first disturbed slice of this server.
    pub first_reason: Option<String>,
    /// Share of a core that the server's processes used in the slices of the others; `None` if unknown.
    pub background_cpu_share: Option<f64>,
    /// The slices that the figures are computed from, in order.
    pub kept: Vec<SliceRow>,
}

/// One slice of a server.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct SliceRow {
    /// Number of the cycle, starting with 1. Slices of different servers with the same number are a pair.
    pub cycle: u32,
    /// Correct echoes per second.
    pub messages_per_s: f64,
    /// Median service time of a capacity run, or median response time of a latency run, in nanoseconds.
    pub p50_ns: Option<f64>,
}

/// Standard deviations of the logarithms of slices' ratios: 0.02 is about 2 %.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct SliceSpread {
    /// Pairs of slices in all rounds.
    pub pairs: u32,
    /// Standard deviation of slices within a round.
    pub within_rounds: f64,
    /// Standard deviation between rounds, without the part that slices cause; 0 if slices explain the whole difference.
    pub between_rounds: f64,
    /// Share of the variance of a round's ratio that lies between rounds. Longer rounds do not reduce it.
    pub between_share: f64,
}

impl RunRow {
    /// Logarithms of the ratios of this run's slices to those of the reference, one for each pair; empty if slices do not
    /// have the figure.
    pub fn slice_log_ratios(&self, reference: &Self, figure: ComparedFigure) -> Vec<f64> {
        let (Some(own), Some(reference)) = (&self.slices, &reference.slices) else {
            return Vec::new();
        };
        let pairs = own.kept.iter().filter_map(|slice| {
            let same_cycle = |other: &&SliceRow| other.cycle == slice.cycle;
            let other = reference.kept.iter().find(same_cycle)?;
            let ratio = figure.of_slice(slice)? / figure.of_slice(other)?;
            Some(ratio.ln())
        });
        pairs.filter(|log_ratio| log_ratio.is_finite()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::comparison::Steadiness;
    use crate::verdict::Verdict;

    fn run(values: &[(u32, f64)]) -> RunRow {
        let kept = values.iter().map(|(cycle, value)| SliceRow {
            cycle: *cycle,
            messages_per_s: *value,
            p50_ns: None,
        });
        RunRow {
            verdict: Verdict::Valid,
            reasons: Vec::new(),
            timed_messages: 1,
            failed_messages: 0,
            elapsed_s: 1.0,
            steadiness: Steadiness::Unknown,
            cut_s: None,
            messages_per_s: 1.0,
            p50_ns: None,
            p99_ns: None,
            p99_9_ns: None,
            server_cpu_s: None,
            messages_per_cpu_s: None,
            slices: Some(RunSlices {
                kept: kept.collect(),
                ..RunSlices::default()
            }),
        }
    }

    #[test]
    fn only_slices_of_the_same_cycle_are_pairs() {
        let reference = run(&[(1, 100.0), (2, 200.0), (4, 50.0)]);
        let other = run(&[(1, 200.0), (3, 7.0), (4, 50.0)]);
        let found = other.slice_log_ratios(&reference, ComparedFigure::Throughput);
        assert_eq!(found, [2.0_f64.ln(), 0.0]);
        assert_eq!(
            other.slice_log_ratios(&reference, ComparedFigure::ServiceP50),
            [0.0; 0],
            "slices without the figure"
        );
        let whole = RunRow {
            slices: None,
            ..reference
        };
        assert_eq!(
            other.slice_log_ratios(&whole, ComparedFigure::Throughput),
            [0.0; 0]
        );
    }
}

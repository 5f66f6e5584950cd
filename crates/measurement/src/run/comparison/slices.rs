//! Slices of a run, and the spread of their ratios.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{ComparedFigure, RoundRow, RunRow};

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
    /// Slices that ended later than their planned length again, or in which no message of the counted part was sent: the
    /// server paused.
    #[serde(default)]
    pub paused: u32,
    /// Median response times of the messages due in the first and in the second half of the counted part, in nanoseconds, in
    /// a third of the slices of a latency run; `None` if they are few.
    #[serde(default)]
    pub response_p50_of_halves_ns: Option<[f64; 2]>,
    /// Share of a core that the server's processes used in the slices of the others, in the warm-up if they were `held` after
    /// it; `None` if unknown.
    pub background_cpu_share: Option<f64>,
    /// True if the processes were stopped in the slices of the others, because the background work in the warm-up was above
    /// [`BACKGROUND_LIMIT`](Self::BACKGROUND_LIMIT).
    #[serde(default)]
    pub held: bool,
    /// The slices that the figures are computed from, in order, without those in which no message was counted.
    pub kept: Vec<SliceRow>,
}

impl RunSlices {
    /// Maximum share of a core that a server may use while others are measured.
    pub const BACKGROUND_LIMIT: f64 = 0.01;

    /// Minimum ratio of the median response times of both halves of slices that shows a growing queue.
    const LEAST_GROWTH: f64 = 1.3;

    /// Minimum growth from half to half, as a share of the counted part. A smaller one is that of a queue that is soon served.
    const LEAST_GROWTH_OF_SLICE: f64 = 0.02;

    /// Median response times of both halves, in nanoseconds, if the queue of the server grew within the slices. It starts anew
    /// in each slice, so the response times are shorter than those of a run in one piece.
    pub fn growing_response_times(&self) -> Option<[f64; 2]> {
        let [first_ns, second_ns] = self.response_p50_of_halves_ns?;
        let least_ns = Self::LEAST_GROWTH_OF_SLICE * (self.slice_s - self.settle_s) * 1e9;
        let grows = second_ns > Self::LEAST_GROWTH * first_ns && second_ns - first_ns > least_ns;
        grows.then_some([first_ns, second_ns])
    }
}

/// One slice of a server.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct SliceRow {
    /// Number of the cycle, starting with 1. Slices of different servers with the same number are a pair.
    pub cycle: u32,
    /// Correct echoes per second.
    pub messages_per_s: f64,
    /// Median service time of a throughput run, or median response time of a latency run, in nanoseconds.
    pub p50_ns: Option<f64>,
    /// `messages_per_s` divided by that of the reference's slice of the same cycle; `None` for the reference.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub messages_per_s_ratio: Option<f64>,
    /// `p50_ns` divided by that of the reference's slice of the same cycle; `None` for the reference.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p50_ratio: Option<f64>,
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

/// Sets the ratios of all slices to those of the server `reference` in the same cycle. The reference itself has none.
pub fn set_slice_ratios(rounds: &mut [RoundRow], reference: &str) {
    type RunOf = fn(&mut RoundRow) -> Option<&mut RunRow>;
    let kinds: [RunOf; 2] = [|row| row.throughput.as_mut(), |row| row.latency.as_mut()];
    for run_of in kinds {
        let slices = rounds.iter_mut().filter_map(run_of);
        for slice in slices
            .flat_map(|run| &mut run.slices)
            .flat_map(|slices| &mut slices.kept)
        {
            (slice.messages_per_s_ratio, slice.p50_ratio) = (None, None);
        }
    }
    for round in 1..=super::last_round(rounds) {
        for run_of in kinds {
            let mut rows = rounds.iter_mut().filter(|row| row.round == round);
            let of_reference = rows.find(|row| row.server == reference).and_then(run_of);
            let Some(of_reference) = of_reference.cloned() else {
                continue;
            };
            let of_others = |row: &&mut RoundRow| row.round == round && row.server != reference;
            for run in rounds.iter_mut().filter(of_others).filter_map(run_of) {
                run.set_slice_ratios(&of_reference);
            }
        }
    }
}

impl RunRow {
    fn set_slice_ratios(&mut self, reference: &Self) {
        let ratios = [ComparedFigure::Throughput, ComparedFigure::ServiceP50]
            .map(|figure| self.slice_ratios(reference, figure));
        for slice in self.slices.iter_mut().flat_map(|slices| &mut slices.kept) {
            let [rate, p50] = ratios
                .each_ref()
                .map(|ratios| ratios.get(&slice.cycle).copied());
            (slice.messages_per_s_ratio, slice.p50_ratio) = (rate, p50);
        }
    }

    /// Ratios of this run's slices to those of the reference, by cycle; empty if slices do not have the figure.
    fn slice_ratios(&self, reference: &Self, figure: ComparedFigure) -> BTreeMap<u32, f64> {
        let (Some(own), Some(reference)) = (&self.slices, &reference.slices) else {
            return BTreeMap::new();
        };
        let values = |slices: &RunSlices| -> BTreeMap<u32, f64> {
            let kept = slices.kept.iter();
            kept.filter_map(|slice| Some((slice.cycle, figure.of_slice(slice)?)))
                .collect()
        };
        let of_reference = values(reference);
        let ratio = |(cycle, value): (u32, f64)| Some((cycle, value / of_reference.get(&cycle)?));
        values(own)
            .into_iter()
            .filter_map(ratio)
            .filter(|(_, ratio)| ratio.is_finite())
            .collect()
    }

    /// Logarithms of the ratios of this run's slices to those of the reference, one for each pair; empty if slices do not
    /// have the figure.
    pub fn slice_log_ratios(&self, reference: &Self, figure: ComparedFigure) -> Vec<f64> {
        let ratios = self.slice_ratios(reference, figure);
        ratios.into_values().map(f64::ln).collect()
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
            ..SliceRow::default()
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
            deliveries: None,
            connections: None,
        }
    }

    #[test]
    fn the_queue_of_a_server_that_cannot_hold_the_rate_grows() {
        let grows = |halves| {
            let slices = RunSlices {
                slice_s: 0.05,
                settle_s: 0.005,
                response_p50_of_halves_ns: Some(halves),
                ..RunSlices::default()
            };
            slices.growing_response_times().is_some()
        };
        assert!(grows([2.7e6, 7.2e6]));
        assert!(!grows([5e5, 5e5]), "constant");
        assert!(!grows([1e5, 3e5]), "soon served");
        assert!(!grows([2e7, 2.2e7]), "a slow server");
        assert_eq!(RunSlices::default().growing_response_times(), None);
    }

    #[test]
    fn another_reference_has_no_ratios_of_the_one_before() {
        let row = |server: &str, value| RoundRow {
            round: 1,
            server: server.to_owned(),
            throughput: Some(run(&[(1, value)])),
            ..RoundRow::default()
        };
        let mut rounds = [row("a", 100.0), row("b", 200.0)];
        let ratios = |rounds: &[RoundRow]| -> Vec<Option<f64>> {
            let runs = rounds.iter().filter_map(|row| row.throughput.as_ref());
            let slices = runs
                .flat_map(|run| &run.slices)
                .flat_map(|slices| &slices.kept);
            slices.map(|slice| slice.messages_per_s_ratio).collect()
        };
        set_slice_ratios(&mut rounds, "a");
        assert_eq!(ratios(&rounds), [None, Some(2.0)]);
        set_slice_ratios(&mut rounds, "b");
        assert_eq!(ratios(&rounds), [Some(0.5), None]);
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

//! Sum of slices, and the row of their run.

use std::time::Duration;

use measurement::plan::PlanError;
use measurement::record::Record;
use measurement::run::comparison::{RunRow, RunSlices, SliceRow, Steadiness};
use measurement::run::{Connections, RunContext};
use measurement::verdict::{GeneratorUsage, ServerUsage, Verdict};
use statistics::steady_state::{SteadyState, find_steady_state};
use units::{counted, human_rate};

use super::judge::{JudgedSlice, MeasuredSlice, SliceJudge};
use super::response_halves::ResponseHalves;
use super::settle::SliceLength;
use crate::measure::{describe_faults_under_load, whole_row};
use crate::steady_state::SteadyFigure;

/// Maximum share of cycles that may be left out of a run that is not suspect.
const MOST_LEFT_OUT: f64 = 0.2;

/// Minimum share of the offered rate that a server has to answer. The last echo of a slice arrives after its end, so that
/// the share is below 100 % for every server.
const LEAST_ANSWERED: f64 = 0.8;

/// Share of a server's slices above which none is left out. A reason that applies to most slices is not a disturbance, and
/// the run as a whole is judged by it.
const RULE: f64 = 0.5;

/// Minimum share of cycles that must be left. With fewer, none is left out.
const LEAST_LEFT: f64 = 0.2;

/// Sums over slices.
#[derive(Debug, Default)]
struct SliceSum {
    record: Record,
    counted: Duration,
    measured: Duration,
    took_s: f64,
    client: Option<GeneratorUsage>,
    /// CPU time of the server; `None` if unknown for any slice.
    cpu_s: Option<f64>,
    all_sent: u64,
    slices: u32,
    rows: Vec<SliceRow>,
}

impl SliceSum {
    fn add(&mut self, judged: &JudgedSlice) {
        let MeasuredSlice { record, cpu_s, .. } = &judged.slice;
        self.record.add(&record.record);
        self.counted += record.counted;
        self.measured += judged.measured;
        let took_s = record.took.as_secs_f64();
        self.client = Some(match &self.client {
            Some(client) => client.followed_by(self.took_s, &record.client, took_s),
            None => record.client.clone(),
        });
        self.cpu_s = if self.slices == 0 {
            *cpu_s
        } else {
            self.cpu_s.zip(*cpu_s).map(|(sum, more)| sum + more)
        };
        self.took_s += took_s;
        self.all_sent += record.all_sent;
        self.slices += 1;
        if judged.slice.is_counted() {
            self.rows.push(judged.row);
        }
    }

    /// Usage of the server with these processes; `None` if unknown.
    fn server(&self, pids: &[u32]) -> Option<ServerUsage> {
        let (cpu_s, pid) = self.cpu_s.zip(pids.first())?;
        Some(ServerUsage {
            pid: *pid,
            pids: pids.to_vec(),
            cpu_s,
            max_rss_bytes: None,
            messages_per_cpu_s: None,
            context_switches: None,
        })
    }

    /// Messages per CPU-second of the server, over whole slices, because the settle parts also use CPU time.
    fn messages_per_cpu_s(&self, server: Option<&ServerUsage>) -> Option<f64> {
        let server = server.filter(|server| !server.is_implausible(self.all_sent))?;
        (server.cpu_s > 0.0).then(|| self.all_sent as f64 / server.cpu_s)
    }
}

/// All slices of a server's run.
#[derive(Debug, Default)]
pub(super) struct RunTotal {
    all: SliceSum,
    /// Slices of undisturbed cycles.
    kept: SliceSum,
    /// True if disturbed cycles count as well.
    counts_disturbed: bool,
    disturbed: u32,
    paused: u32,
    halves: ResponseHalves,
    first_reason: Option<String>,
    background_cpu_s: f64,
    background_s: f64,
    /// Background share before the server's processes were held; `None` if they were not.
    share_before_hold: Option<f64>,
}

impl RunTotal {
    pub(super) fn add(&mut self, judged: &JudgedSlice, is_kept: bool) {
        self.all.add(judged);
        self.paused += u32::from(judged.slice.is_paused());
        self.halves.add(&judged.slice.record);
        if is_kept {
            self.kept.add(judged);
        }
        if let Some(reason) = &judged.disturbed_by {
            self.disturbed += 1;
            self.first_reason.get_or_insert_with(|| reason.clone());
        }
    }

    /// Returns true if leaving out disturbed cycles would leave too little, or would hide what is the rule for this server.
    pub(super) fn is_mostly_disturbed(&self) -> bool {
        let share = |count: u32| f64::from(count) / f64::from(self.all.slices);
        self.all.slices > 0
            && (share(self.disturbed) > RULE || share(self.kept.slices) < LEAST_LEFT)
    }

    /// Counts disturbed cycles as well.
    pub(super) fn count_disturbed(&mut self) {
        self.counts_disturbed = true;
    }

    /// Forgets the CPU time: some of it was not seen.
    pub(super) fn forget_cpu(&mut self) {
        self.all.cpu_s = None;
        self.kept.cpu_s = None;
        self.background_s = 0.0;
    }

    /// Adds a slice of another server, in which this server used `cpu_s` seconds of CPU time.
    pub(super) fn add_background(&mut self, cpu_s: Option<f64>, took: Duration) {
        if let Some(cpu_s) = cpu_s {
            self.background_cpu_s += cpu_s;
            self.background_s += took.as_secs_f64();
        }
    }

    /// Share of a core that the server used in slices of the others; `None` if unknown.
    pub(super) fn background_share(&self) -> Option<f64> {
        (self.background_s > 0.0).then(|| self.background_cpu_s / self.background_s)
    }

    /// Notes that the processes are held in the slices of the others from now on.
    pub(super) fn note_hold(&mut self) {
        self.share_before_hold = self.background_share();
        (self.background_cpu_s, self.background_s) = (0.0, 0.0);
    }

    /// Share of a core used in the background, and whether holding the processes has ended this. Processes that left the
    /// server's group are not held.
    fn background(&self) -> (Option<f64>, bool) {
        let seen = self.background_share();
        match self.share_before_hold {
            Some(before) if seen.is_some_and(|share| share <= RunSlices::BACKGROUND_LIMIT) => {
                (Some(before), true)
            }
            _ => (seen, false),
        }
    }

    /// Row of the run. The inner error describes faults of the server. `context` has the closed connections.
    pub(super) fn finish(
        self,
        judge: &SliceJudge,
        context: RunContext,
        pids: &[u32],
        by: SteadyFigure,
        slice: SliceLength,
    ) -> Result<Result<RunRow, String>, PlanError> {
        let measured = self.all.slices;
        let (background_cpu_share, held) = self.background();
        let mut sum = match self.counts_disturbed {
            true => self.all,
            false => self.kept,
        };
        let left_out = measured - sum.slices;
        let server = sum.server(pids);
        let messages_per_cpu_s = sum.messages_per_cpu_s(server.as_ref());
        let context = RunContext {
            connections: without_close_codes(context.connections),
            client: sum.client.unwrap_or_default(),
            server,
            calibration: judge.calibration,
            ..RunContext::default()
        };
        let offered_per_s = sum.record.counts.sent as f64 / sum.counted.as_secs_f64();
        let mut summary = judge.summary(&mut sum.record, sum.counted, sum.measured, context)?;
        if let Some(faults) = describe_faults_under_load(&summary) {
            return Ok(Err(faults));
        }
        wording::explain(&mut summary);
        let (steadiness, cut_s) = steadiness(&sum.rows, by);
        let mut row = RunRow {
            steadiness,
            cut_s,
            messages_per_cpu_s,
            ..whole_row(&summary)
        };
        let is_open_loop = by == SteadyFigure::ResponseTime;
        let overload = (is_open_loop && row.messages_per_s < LEAST_ANSWERED * offered_per_s)
            .then(|| describe_overload(row.messages_per_s, offered_per_s));
        let lost = describe_left_out(left_out, measured, self.first_reason.as_deref());
        for reason in [overload, lost].into_iter().flatten() {
            row.verdict = row.verdict.max(Verdict::Suspect);
            row.reasons.push(reason);
        }
        row.slices = Some(RunSlices {
            slice_s: slice.slice.as_secs_f64(),
            settle_s: slice.settle.as_secs_f64(),
            measured,
            left_out,
            disturbed: self.disturbed,
            paused: self.paused,
            response_p50_of_halves_ns: self.halves.medians(),
            first_reason: self.first_reason,
            background_cpu_share,
            held,
            kept: sum.rows,
        });
        Ok(Ok(row))
    }
}

/// The close codes are those of the planned end, after the last slice.
fn without_close_codes(connections: Connections) -> Connections {
    Connections {
        close_codes: Default::default(),
        ..connections
    }
}

fn describe_overload(answered_per_s: f64, offered_per_s: f64) -> String {
    format!(
        "the server answered {} of {} msg/s (limit {:.0} %), and its backlog starts anew in each slice, so the response \
         times are too short; use a lower `--rate`, or `--slice 0`",
        human_rate(answered_per_s),
        human_rate(offered_per_s),
        LEAST_ANSWERED * 100.0
    )
}

/// The sentence on slices that were left out; `None` if they are few.
fn describe_left_out(left_out: u32, measured: u32, reason: Option<&str>) -> Option<String> {
    if f64::from(left_out) <= MOST_LEFT_OUT * f64::from(measured) {
        return None;
    }
    let of_other = "a slice of another server was disturbed in the same cycle";
    Some(format!(
        "{left_out} of {} were left out (limit {:.0} %), so what is left may not represent the run; repeat on an idle \
         machine. The first because: {}",
        counted(u64::from(measured), "slice"),
        MOST_LEFT_OUT * 100.0,
        reason.unwrap_or(of_other)
    ))
}

/// Returns whether the slices were steady. None is cut off, because the warm-up precedes them.
fn steadiness(rows: &[SliceRow], by: SteadyFigure) -> (Steadiness, Option<f64>) {
    let values = rows.iter().map(|row| match by {
        SteadyFigure::Echoes => Some(row.messages_per_s),
        SteadyFigure::ResponseTime => row.p50_ns,
    });
    let values: Option<Vec<f64>> = values.collect();
    let found = values.and_then(|values| find_steady_state(&values).ok());
    match found.map(|found| found.state) {
        None => (Steadiness::Unknown, None),
        Some(SteadyState::Steady) => (Steadiness::Steady, Some(0.0)),
        Some(SteadyState::Drifting) => (Steadiness::Drifting, Some(0.0)),
        Some(SteadyState::CutTooLate) => (Steadiness::Never, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::interleaved::judge::tests::{judge, slice};
    use measurement::verdict::{Stop, Stops};

    const SLICE: SliceLength = SliceLength {
        slice: Duration::from_millis(50),
        settle: Duration::from_millis(10),
    };

    /// A run of ten cycles of 40 ms, of which these were disturbed, twice as fast as the others.
    fn run(disturbed: std::ops::Range<u32>) -> RunRow {
        let judge = judge();
        let mut total = RunTotal::default();
        for cycle in 0..10 {
            let is_disturbed = disturbed.contains(&cycle);
            let mut measured = slice(if is_disturbed { 320 } else { 160 });
            if is_disturbed {
                measured.record.client.stops = Some(Stops::join(vec![Stop {
                    start_ns: 1,
                    length_ns: 20_000_000,
                    messages: 4,
                }]));
            }
            let judged = judge.judge(measured, cycle).unwrap();
            assert_eq!(judged.disturbed_by.is_some(), is_disturbed);
            let is_kept = judged.disturbed_by.is_none();
            total.add(&judged, is_kept);
        }
        total.add_background(Some(0.2), Duration::from_secs(1));
        total.add_background(Some(0.0), Duration::from_secs(1));
        if total.is_mostly_disturbed() {
            total.count_disturbed();
        }
        let context = RunContext {
            connections: slice(1).record.connections,
            ..RunContext::default()
        };
        let by = SteadyFigure::Echoes;
        let row = total.finish(&judge, context, &[7], by, SLICE).unwrap();
        row.unwrap()
    }

    #[test]
    fn a_hold_counts_if_it_ends_the_background_work() {
        let second = Duration::from_secs(1);
        let total = |after_s: Option<f64>| {
            let mut total = RunTotal::default();
            total.add_background(Some(0.2), second);
            total.note_hold();
            total.add_background(after_s, second);
            total
        };
        assert_eq!(total(Some(0.001)).background(), (Some(0.2), true));
        assert_eq!(total(Some(0.1)).background(), (Some(0.1), false));
        assert_eq!(total(None).background(), (None, false));
        assert_eq!(RunTotal::default().background(), (None, false));
    }

    #[test]
    fn disturbed_slices_are_part_of_no_figure() {
        let row = run(3..4);
        // 160 messages in 40 ms, and 5 ms until the last echo.
        assert!((row.messages_per_s - 160.0 / 0.045).abs() < 1e-6);
        assert_eq!((row.timed_messages, row.failed_messages), (9 * 160, 0));
        assert!((row.elapsed_s - 0.405).abs() < 1e-9);
        // The settle parts took CPU time as well.
        assert!((row.messages_per_cpu_s.unwrap() - 200.0 / 0.01).abs() < 1e-6);
        let slices = row.slices.unwrap();
        assert_eq!(
            (slices.measured, slices.left_out, slices.disturbed),
            (10, 1, 1)
        );
        assert_eq!(slices.background_cpu_share, Some(0.1));
        assert!(slices.first_reason.unwrap().contains("stopped for 20.0 ms"));
        let cycles: Vec<_> = slices.kept.iter().map(|slice| slice.cycle).collect();
        assert_eq!(cycles, [0, 1, 2, 4, 5, 6, 7, 8, 9]);
        assert!(!row.reasons.iter().any(|reason| reason.contains("left out")));
    }

    /// With several servers, most cycles can have a disturbed slice although most slices of each server have none.
    #[test]
    fn a_cycle_disturbed_elsewhere_is_no_rule_of_this_server() {
        let judge = judge();
        let with_left_out = |left_out: u32| {
            let mut total = RunTotal::default();
            for cycle in 0..10 {
                let judged = judge.judge(slice(160), cycle).unwrap();
                total.add(&judged, cycle >= left_out);
            }
            total.is_mostly_disturbed()
        };
        assert!(!with_left_out(6));
        assert!(with_left_out(9), "one slice does not represent a run");
    }

    /// Because of such a server, the disturbed slices of all others counted.
    #[test]
    fn a_server_that_failed_before_its_first_slice_was_not_disturbed() {
        assert!(!RunTotal::default().is_mostly_disturbed());
    }

    /// Such a slice was 0 msg/s, and was dropped from the pairs.
    #[test]
    fn a_slice_within_a_pause_is_counted_as_paused_and_has_no_rate() {
        let judge = judge();
        let mut total = RunTotal::default();
        for cycle in 0..10 {
            let judged = judge.judge(slice(if cycle == 4 { 0 } else { 160 }), cycle);
            total.add(&judged.unwrap(), true);
        }
        let context = RunContext {
            connections: slice(1).record.connections,
            ..RunContext::default()
        };
        let by = SteadyFigure::Echoes;
        let row = total
            .finish(&judge, context, &[7], by, SLICE)
            .unwrap()
            .unwrap();
        let slices = row.slices.unwrap();
        assert_eq!(
            (slices.measured, slices.paused, slices.left_out),
            (10, 1, 0)
        );
        assert_eq!(slices.kept.len(), 9);
        assert!(slices.kept.iter().all(|slice| slice.messages_per_s > 0.0));
    }

    /// A run whose clients waited for their last echoes until this time after the beginning of each slice.
    fn run_until(last_echo: Duration, by: SteadyFigure) -> RunRow {
        let judge = judge();
        let mut total = RunTotal::default();
        for cycle in 0..10 {
            let mut measured = slice(160);
            measured.record.record.active_ns = 4 * u64::try_from(last_echo.as_nanos()).unwrap();
            total.add(&judge.judge(measured, cycle).unwrap(), true);
        }
        let context = RunContext {
            connections: slice(1).record.connections,
            ..RunContext::default()
        };
        let row = total.finish(&judge, context, &[7], by, SLICE).unwrap();
        row.unwrap()
    }

    #[test]
    fn a_run_whose_first_echoes_were_waited_for_did_not_end_early() {
        let row = run_until(Duration::from_millis(38), SteadyFigure::Echoes);
        assert!((row.messages_per_s - 160.0 / 0.038).abs() < 1e-6);
    }

    #[test]
    fn a_pause_longer_than_the_slice_counts_in_full() {
        let row = run_until(Duration::from_millis(240), SteadyFigure::Echoes);
        assert!((row.messages_per_s - 160.0 / 0.24).abs() < 1e-6);
        let kept = row.slices.unwrap().kept;
        assert!((kept[0].messages_per_s - 160.0 / 0.24).abs() < 1e-6);
    }

    #[test]
    fn a_server_slower_than_the_offered_rate_is_named_although_each_slice_starts_anew() {
        let reasons = |ms| {
            let last_echo = Duration::from_millis(ms);
            run_until(last_echo, SteadyFigure::ResponseTime)
                .reasons
                .join("; ")
        };
        let wanted = "the server answered 2,667 of 4,000 msg/s (limit 80 %)";
        assert!(reasons(60).contains(wanted), "{}", reasons(60));
        assert!(!reasons(45).contains("answered"), "{}", reasons(45));
    }

    #[test]
    fn a_run_that_lost_many_slices_is_suspect() {
        let row = run(0..3);
        assert!(row.verdict >= Verdict::Suspect);
        let said = row.reasons.last().unwrap();
        assert!(
            said.starts_with("3 of 10 slices were left out (limit 20 %)"),
            "{said}"
        );
    }

    #[test]
    fn a_reason_that_holds_for_most_slices_is_the_runs_own() {
        let row = run(0..6);
        let slices = row.slices.unwrap();
        assert_eq!((slices.left_out, slices.disturbed), (0, 6));
        assert_eq!(slices.kept.len(), 10);
        assert!(
            row.reasons
                .iter()
                .any(|reason| reason.contains("was stopped")),
            "{:?}",
            row.reasons
        );
    }
}

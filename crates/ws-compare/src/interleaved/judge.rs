//! Validity of one slice: faults of the server, disturbances of the generator.

use std::time::Duration;

use measurement::plan::{Length, Load, LoadDraft, LoadSpec, Plan, PlanError, TargetServer};
use measurement::record::Record;
use measurement::run::comparison::SliceRow;
use measurement::run::{RunContext, Summary};
use measurement::verdict::Calibration;
use swarm::SliceRecord;
use units::counted;

use crate::measure::{describe_faults_under_load, tool};

/// A slice and the CPU time of its server.
#[derive(Debug)]
pub(super) struct MeasuredSlice {
    pub(super) record: SliceRecord,
    /// Planned length of the whole slice.
    pub(super) planned: Duration,
    /// CPU time in the whole slice, in seconds; `None` if unknown.
    pub(super) cpu_s: Option<f64>,
}

/// Judge of a server's slices.
#[derive(Debug)]
pub(super) struct SliceJudge {
    pub(super) load: LoadSpec,
    pub(super) server: TargetServer,
    pub(super) calibration: Option<Calibration>,
}

/// A slice and its validity.
#[derive(Debug)]
pub(super) struct JudgedSlice {
    pub(super) slice: MeasuredSlice,
    pub(super) row: SliceRow,
    /// Time over which its throughput is averaged.
    pub(super) measured: Duration,
    /// Sentence on the disturbance; `None` for an undisturbed slice.
    pub(super) disturbed_by: Option<String>,
}

impl MeasuredSlice {
    /// Returns true if the last echo came later than the planned length again, without stops of the generator.
    pub(super) fn is_late(&self) -> bool {
        self.record.took.saturating_sub(self.stopped()) > 2 * self.planned
    }

    /// Returns true if the server paused: its last echo was late, or nothing was counted.
    pub(super) fn is_paused(&self) -> bool {
        self.is_late() || !self.is_counted() && self.stopped() < self.planned
    }

    /// Total length of the generator's stops.
    fn stopped(&self) -> Duration {
        let stops = self.record.client.stops.as_ref();
        Duration::from_nanos(stops.map_or(0, |stops| stops.total_ns))
    }

    /// Returns true if something was counted. Nothing is known of a slice that passed in a pause which began before its
    /// counted part.
    pub(super) fn is_counted(&self) -> bool {
        self.record.record.counts.sent > 0
    }
}

impl SliceJudge {
    /// Describes faults of the server in a slice; `None` without faults. Those of the uncounted part count, too, because
    /// the slice has waited for their echoes until the timeout.
    pub(super) fn faults(&self, slice: &SliceRecord) -> Result<Option<String>, PlanError> {
        // Sentences and percentiles cost time, and are needed for faults only.
        let (c, connections) = (&slice.record.counts, &slice.connections);
        let broken = connections.failed + connections.closed_early;
        let wrong = c.lost + c.corrupted.unwrap_or(0) + c.duplicated + c.unsent;
        if broken + wrong == 0 {
            let unanswered = Some(slice.unanswered_in_settle).filter(|unanswered| *unanswered > 0);
            return Ok(unanswered.map(|unanswered| {
                format!(
                    "{} of the warm-up, or of the uncounted beginning of a slice, had no correct echo in time",
                    counted(unanswered, "message")
                )
            }));
        }
        let context = context_of(slice, self.calibration);
        let measured = measured_time(slice, &self.load.load);
        let summary = self.summary(&mut slice.record.clone(), slice.counted, measured, context)?;
        Ok(describe_faults_under_load(&summary))
    }

    /// Returns true if the generator stopped for longer than the timeout, so that it may not have read echoes in time. A slice
    /// with such a stop is disturbed, and its losses are not the server's.
    pub(super) fn outlasts_timeout(&self, slice: &SliceRecord) -> bool {
        let longest_ns = slice.client.stops.map_or(0, |stops| stops.longest_ns);
        let closed = slice.connections.failed + slice.connections.closed_early;
        closed == 0 && Duration::from_nanos(longest_ns) >= self.load.timeout
    }

    /// Judges a slice: stops, lateness, Little's law.
    pub(super) fn judge(
        &self,
        mut slice: MeasuredSlice,
        cycle: u32,
    ) -> Result<JudgedSlice, PlanError> {
        let MeasuredSlice { record, .. } = &mut slice;
        let context = context_of(record, self.calibration);
        let measured = measured_time(record, &self.load.load);
        let mut summary = self.summary(&mut record.record, record.counted, measured, context)?;
        let found = &summary.validity.found;
        let disturbance = found.iter().position(|reason| reason.is_of_a_moment());
        // Sentences cost time between slices, and most slices need none.
        let disturbed_by = disturbance.map(|index| {
            wording::explain(&mut summary);
            summary.validity.reasons[index].clone()
        });
        let p50 = summary.response_time_ns.p50;
        Ok(JudgedSlice {
            row: SliceRow {
                cycle,
                messages_per_s: summary.throughput.messages_per_s,
                p50_ns: p50.map(|ns| ns as f64),
                ..SliceRow::default()
            },
            measured,
            disturbed_by,
            slice,
        })
    }

    /// Summary of slices with these counted and measured times. Changes nothing in the record but temporarily its active
    /// time.
    pub(super) fn summary(
        &self,
        record: &mut Record,
        counted: Duration,
        measured: Duration,
        context: RunContext,
    ) -> Result<Summary, PlanError> {
        // A measured time without the lead-in is not an early end.
        let planned = counted.min(measured);
        let plan = of_length(&self.load, planned, self.server.clone())?;
        let context = RunContext {
            tool: tool(),
            elapsed_s: measured.as_secs_f64(),
            ..context
        };
        let window = plan.load.window().map_or(1, |n| u64::from(n.get()));
        let clients = context.connections.opened;
        let active_ns = record.active_ns;
        record.active_ns = loaded_ns(record, window, clients, counted);
        let summary = Summary::new(&plan, record, context);
        record.active_ns = active_ns;
        Ok(summary)
    }
}

/// Time over which the throughput of a slice is averaged: that of a client, on average, from its first counted message
/// until its last echo. A pause of the server counts in full even if it is longer than the slice. In an open loop it is at
/// least the counted part, and longer when the server has a backlog at its end.
fn measured_time(slice: &SliceRecord, load: &Load) -> Duration {
    let clients = slice.connections.opened.max(1);
    let record = &slice.record;
    let of_a_client = |total_ns: u64| Duration::from_nanos(total_ns / clients);
    match load {
        Load::Open { .. } => of_a_client(record.active_ns).max(slice.counted),
        Load::Closed { window } => {
            let lead_in_ns = record.lead_in_ns / u64::from(window.get());
            of_a_client(record.active_ns.saturating_sub(lead_in_ns))
        }
    }
}

/// Time for which clients were active in the counted part, in nanoseconds. They are active until the last echo arrives,
/// but the time in flight covers only messages sent in the counted part. An impossible time in flight, longer than
/// clients were active, remains detectable.
fn loaded_ns(record: &Record, window: u64, clients: u64, counted: Duration) -> u64 {
    if record.in_flight_ns > record.active_ns.saturating_mul(window) {
        return record.active_ns;
    }
    let counted_ns = u64::try_from(counted.as_nanos()).unwrap_or(u64::MAX);
    let loaded_ns = clients.saturating_mul(counted_ns);
    loaded_ns.max(record.in_flight_ns.div_ceil(window.max(1)))
}

fn context_of(slice: &SliceRecord, calibration: Option<Calibration>) -> RunContext {
    RunContext {
        connections: slice.connections.clone(),
        client: slice.client.clone(),
        calibration,
        ..RunContext::default()
    }
}

/// Plan of a load with this length against a server.
pub(super) fn of_length(
    load: &LoadSpec,
    length: Duration,
    server: TargetServer,
) -> Result<Plan, PlanError> {
    let mut draft = LoadDraft::clone(load);
    draft.length = Length::Duration(length.max(Duration::from_millis(1)));
    draft.max_samples = 0;
    LoadSpec::new(draft)?.against(server)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use measurement::plan::ServerUrl;
    use measurement::record::{BottomK, Outcome, Recorder, Sample};
    use measurement::run::Connections;
    use measurement::verdict::{GeneratorUsage, Stop, Stops};

    const COUNTED_NS: u64 = 40_000_000;

    /// A judge of four clients with a message in flight each.
    pub(in crate::interleaved) fn judge() -> SliceJudge {
        let mut draft = LoadDraft::closed_loop();
        draft.clients = 4.try_into().unwrap();
        SliceJudge {
            load: LoadSpec::new(draft).unwrap(),
            server: ServerUrl::parse("ws://127.0.0.1:1/").unwrap().into(),
            calibration: None,
        }
    }

    /// A slice of 40 ms after 10 ms that were not counted, in which the four clients exchanged this number of messages
    /// one after the other. Each was done 5 ms after the end.
    pub(in crate::interleaved) fn slice(messages: u64) -> MeasuredSlice {
        let budget = BottomK::new(0, 1);
        let mut recorder = Recorder::new(false, 0);
        let service_ns = 4 * COUNTED_NS / messages.max(1);
        for n in 0..messages {
            let sent_ns = n / 4 * service_ns;
            recorder.sent(sent_ns, sent_ns);
            recorder.in_flight_ns += service_ns;
            let sample = Sample::echoed(0, n, sent_ns, sent_ns, sent_ns + service_ns, Outcome::Ok);
            recorder.ended(&budget, sample, 125);
        }
        recorder.active_ns = 4 * (COUNTED_NS + 5_000_000);
        MeasuredSlice {
            record: SliceRecord {
                record: Recorder::merge(vec![recorder], &budget),
                counted: Duration::from_nanos(COUNTED_NS),
                took: Duration::from_millis(55),
                client: GeneratorUsage {
                    stops: Some(Stops::default()),
                    ..GeneratorUsage::default()
                },
                connections: Connections {
                    attempted: 4,
                    opened: 4,
                    ..Connections::default()
                },
                all_sent: messages + messages / 4,
                unanswered_in_settle: 0,
                interrupted: false,
            },
            planned: Duration::from_millis(50),
            cpu_s: Some(0.01),
        }
    }

    #[test]
    fn time_in_flight_is_held_against_the_counted_part() {
        let disturbed_by = |change: fn(&mut Record)| {
            let mut measured = slice(160);
            change(&mut measured.record.record);
            judge().judge(measured, 1).unwrap().disturbed_by
        };
        // Against the time until the last echo, a ninth would be the generator's own.
        assert_eq!(disturbed_by(|_| {}), None);
        let own = disturbed_by(|record| record.in_flight_ns = record.in_flight_ns * 4 / 5).unwrap();
        assert!(own.contains("20 % of the time"), "{own}");
        let impossible = disturbed_by(|record| record.in_flight_ns = 2 * record.active_ns).unwrap();
        assert!(
            impossible.contains("clients × window × time"),
            "{impossible}"
        );
    }

    #[test]
    fn a_pause_that_began_in_the_settle_part_is_not_counted() {
        let rate = |change: fn(&mut Record)| {
            let mut measured = slice(160);
            change(&mut measured.record.record);
            judge().judge(measured, 1).unwrap().row.messages_per_s
        };
        let usual = rate(|_| {});
        // All four clients wait 200 ms for an echo of the settle part.
        let after_a_pause = rate(|record| {
            record.active_ns += 4 * 200_000_000;
            record.lead_in_ns = 4 * 200_000_000;
        });
        assert!(
            (after_a_pause - usual).abs() < 1e-6,
            "{after_a_pause} {usual}"
        );
        let with_a_pause = rate(|record| record.active_ns += 4 * 200_000_000);
        assert!((with_a_pause - 160.0 / 0.245).abs() < 1e-6);
    }

    fn stopped_for(ms: u64) -> Option<Stops> {
        Some(Stops::join(vec![Stop {
            start_ns: 1,
            length_ns: ms * 1_000_000,
            messages: 4,
        }]))
    }

    #[test]
    fn a_stop_of_the_generator_is_no_pause_of_the_server() {
        let mut measured = slice(160);
        measured.record.took = Duration::from_millis(155);
        assert!(measured.is_paused());
        measured.record.client.stops = stopped_for(100);
        assert!(!measured.is_paused());
        let mut uncounted = slice(0);
        assert!(uncounted.is_paused());
        uncounted.record.client.stops = stopped_for(50);
        assert!(!uncounted.is_paused());
    }

    #[test]
    fn echoes_that_a_stopped_generator_did_not_read_in_time_are_no_fault() {
        let judge = judge();
        let timeout_ms = u64::try_from(judge.load.timeout.as_millis()).unwrap();
        let mut record = slice(160).record;
        record.unanswered_in_settle = 3;
        assert!(!judge.outlasts_timeout(&record));
        record.client.stops = stopped_for(timeout_ms);
        assert!(judge.outlasts_timeout(&record));
        record.connections.closed_early = 1;
        assert!(!judge.outlasts_timeout(&record), "the server closed it");
    }

    #[test]
    fn faults_are_the_servers_and_disturbances_are_not() {
        let faults = |change: fn(&mut SliceRecord)| {
            let mut measured = slice(160);
            change(&mut measured.record);
            judge().faults(&measured.record).unwrap()
        };
        assert_eq!(faults(|_| {}), None);
        assert_eq!(
            faults(|slice| slice.record.counts.timed_out = 3),
            None,
            "slowness"
        );
        let lost = faults(|slice| slice.record.counts.lost = 2).unwrap();
        assert!(lost.contains("2 messages were lost"), "{lost}");
        let closed = faults(|slice| slice.connections.closed_early = 1).unwrap();
        assert!(closed.contains("1 connection ended early"), "{closed}");
    }
}

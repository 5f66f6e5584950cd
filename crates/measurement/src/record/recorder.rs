//! Counts and times of one generator thread, and their merge over all threads.

use std::ops::Range;

use scenario::Scenario;

use super::{
    BottomK, CellRules, EchoTotals, FanOutRecorder, LoadCells, MessageCounts, NeighbourRecord,
    OpenLoopRecord, Outcome, PushRecorder, ReconnectRecord, Record, RowRule, Sample,
    ScenarioRecord, SlowRecord, ThreadSamples, ThreadSecond, ThreadTimeline,
};

/// One thread's record of the measured phase.
#[derive(Debug)]
pub struct Recorder {
    /// Counts so far. [`sent`](Self::sent) and [`ended`](Self::ended) update theirs; the caller adds all others.
    pub counts: MessageCounts,
    /// Figures of an open loop. The response times are in the timeline until the merge.
    open_loop: Option<Box<OpenLoopRecord>>,
    timeline: ThreadTimeline,
    samples: ThreadSamples,
    measured_until_ns: u64,
    in_time: EchoTotals,
    last_received_ns: u64,
    /// Total time that messages were in flight, at most the timeout for each, in nanoseconds.
    pub in_flight_ns: u64,
    /// Total time from T0 until each client finished, in nanoseconds.
    pub active_ns: u64,
    /// Total time from T0 until the echo of each warm-up message that was in flight at T0, in nanoseconds. Its client could
    /// not send another one in its place until then.
    pub lead_in_ns: u64,
    /// Figures of a scenario, which the caller records; `None` without one.
    pub scenario: Option<Box<ScenarioRecord>>,
    /// Figures of deliveries, which the caller records; `None` without them.
    pub fan_out: Option<Box<FanOutRecorder>>,
    /// Figures of a feed, which the caller records; `None` without one.
    pub push: Option<Box<PushRecorder>>,
    /// Figures of slow readers, which the caller records; `None` without them.
    pub slow: Option<Box<SlowRecord>>,
    /// Figures of lost connections, which the caller records; `None` when they are not reported.
    pub reconnect: Option<Box<ReconnectRecord>>,
    /// Answers of any kind so far, measured or not.
    arrivals: u64,
    /// Counts by due time; `None` outside of the steps of a load.
    cells: Option<Box<LoadCells>>,
    /// Stops of the generator thread after T0, in the order of time, where messages are counted by due time.
    stops: Vec<Range<u64>>,
}

impl Recorder {
    /// An empty record. `open_loop`: response times differ from service times. `expected_samples`: number of samples to
    /// allocate memory for.
    pub fn new(open_loop: bool, expected_samples: usize) -> Self {
        Self {
            counts: MessageCounts {
                corrupted: Some(0),
                ..MessageCounts::default()
            },
            open_loop: open_loop.then(Box::default),
            timeline: ThreadTimeline::new(open_loop),
            samples: ThreadSamples::new(expected_samples),
            measured_until_ns: u64::MAX,
            in_time: EchoTotals::default(),
            last_received_ns: 0,
            in_flight_ns: 0,
            active_ns: 0,
            lead_in_ns: 0,
            scenario: None,
            fan_out: None,
            push: None,
            slow: None,
            reconnect: None,
            arrivals: 0,
            cells: None,
            stops: Vec::new(),
        }
    }

    /// Adds the figures of a scenario.
    #[must_use]
    pub fn with_scenario(mut self, scenario: &Scenario) -> Self {
        let figures = ScenarioRecord::new(scenario);
        if scenario.messages.iter().any(|kind| kind.has_deliveries()) {
            self.fan_out = Some(Box::new(FanOutRecorder::new(figures.roles.len())));
        }
        self.push = scenario.push.as_ref().map(|feed| {
            let interval = feed.interval.map(|time| time.as_nanos());
            let interval_ns = interval.and_then(|ns| u64::try_from(ns).ok());
            Box::new(PushRecorder::new(interval_ns))
        });
        self.scenario = Some(Box::new(figures));
        self
    }

    /// Adds the figures of slow readers, which turn slow at this time after T0, in nanoseconds.
    #[must_use]
    pub fn with_slow_readers(mut self, after_ns: u64) -> Self {
        self.slow = Some(Box::new(SlowRecord::new(after_ns)));
        self
    }

    /// Adds the figures of lost connections.
    #[must_use]
    pub fn with_reconnects(mut self) -> Self {
        self.reconnect = Some(Box::default());
        self
    }

    /// Adds the counts of a step by due time.
    pub fn add_cells(&mut self, rules: &CellRules) {
        self.cells = Some(Box::new(LoadCells::new(rules)));
    }

    /// The counts of a step by due time; `None` without them. They are not part of the merged record.
    pub fn take_cells(&mut self) -> Option<LoadCells> {
        self.cells.take().map(|cells| *cells)
    }

    /// The figures of the other receivers for a message sent at this time after T0; `None` without slow readers.
    #[inline]
    pub fn neighbours(&mut self, sent_ns: u64) -> Option<&mut NeighbourRecord> {
        self.slow.as_mut().map(|slow| slow.neighbours(sent_ns))
    }

    /// Counts a message of a feed as received in the timeline, where nothing else is.
    #[inline]
    pub fn pushed(&mut self, received_ns: u64) {
        self.timeline.received(received_ns, None);
    }

    /// Encodes each second of the timeline this long after its end; see
    /// [`encode_delay_ns`](super::encode_delay_ns). Without it, at the first echo after its end.
    #[must_use]
    pub fn encode_after(mut self, delay_ns: u64) -> Self {
        self.timeline = self.timeline.encode_after(delay_ns);
        self
    }

    /// Sets the rule for the lengths of rows of timeline and deliveries, before the first message.
    #[must_use]
    pub fn with_rows(mut self, rule: RowRule) -> Self {
        self.timeline = self.timeline.with_rows(rule);
        if let Some(fan_out) = &mut self.fan_out {
            fan_out.set_rows(rule.growing());
        }
        self
    }

    /// Turns verification off: corrupted echoes are not counted.
    #[must_use]
    pub fn unverified(mut self) -> Self {
        self.counts.corrupted = None;
        self
    }

    /// Sets the end of the measured phase, in nanoseconds after T0. Later echoes are timed and counted, but excluded
    /// from the throughput.
    pub fn measure_until(&mut self, ns: u64) {
        self.measured_until_ns = self.measured_until_ns.min(ns);
        if let Some(fan_out) = &mut self.fan_out {
            fan_out.measure_until(ns);
        }
    }

    /// Records that a measured message was sent. In closed loop, `intended_ns` equals `sent_ns`.
    #[inline]
    pub fn sent(&mut self, intended_ns: u64, sent_ns: u64) {
        self.counts.sent += 1;
        self.timeline.sent(sent_ns);
        if let Some(open) = &mut self.open_loop {
            open.send_lag.record(sent_ns.saturating_sub(intended_ns));
            open.sent_in_time += u64::from(sent_ns <= self.measured_until_ns);
            open.last_intended_ns = open.last_intended_ns.max(intended_ns);
            open.last_sent_ns = open.last_sent_ns.max(sent_ns);
        }
    }

    /// Records the generator's own lateness for a measured message of an open loop, in nanoseconds.
    #[inline]
    pub fn late(&mut self, lateness_ns: u64) {
        if let Some(open) = &mut self.open_loop {
            open.lateness.record(lateness_ns);
        }
    }

    /// Records the response time of a correctly echoed open-loop message, less the generator's own lateness, in
    /// nanoseconds.
    #[inline]
    pub fn punctual_response(&mut self, ns: u64, sample: &Sample) {
        if let Some(open) = &mut self.open_loop {
            open.punctual_response.record(ns);
        }
        if let Some(cells) = &mut self.cells {
            let stopped_ns = stopped_ns(&self.stops, sample);
            cells.punctual(ns.saturating_sub(stopped_ns), sample.outcome);
        }
    }

    /// Records a stop of the generator thread, after all others. The times that messages were in flight in it are not
    /// those of the server.
    pub fn stopped(&mut self, start_ns: u64, length_ns: u64) {
        if self.cells.is_some() {
            self.stops
                .push(start_ns..start_ns.saturating_add(length_ns));
        }
    }

    /// Records a message that was due at this time after T0 and never sent. In closed loop, its due time is not known.
    pub fn unsent(&mut self, due_ns: u64) {
        self.counts.unsent += 1;
        if let Some(cells) = &mut self.cells {
            cells.unsent(due_ns);
        }
    }

    /// Records that an answer arrived at this time after T0, to a message that is not measured, or at one of its receivers.
    #[inline]
    pub fn arrived(&mut self, received_ns: u64) {
        self.arrivals += 1;
        if let Some(cells) = &mut self.cells {
            cells.arrived(received_ns);
        }
    }

    /// Records that the echo of a message of the warm-up arrived at this time after T0.
    #[inline]
    pub fn warmup_echo(&mut self, received_ns: u64) {
        self.counts.warmup_echoes += 1;
        self.arrived(received_ns);
    }

    /// Number of answers so far, measured or not. While it grows, the server still answers.
    pub fn arrivals(&self) -> u64 {
        self.arrivals
    }

    /// Records the end of a measured message: its echo arrived, or the wait for it ended.
    #[inline]
    pub fn ended(&mut self, budget: &BottomK, sample: Sample, payload_bytes: u64) {
        match sample.outcome {
            Outcome::Ok => {}
            Outcome::Reordered => self.counts.reordered += 1,
            Outcome::TimedOut => self.counts.timed_out += 1,
            Outcome::Corrupted => self.counts.add_corrupted(1),
            // Counted with the figures of its scenario.
            Outcome::ErrorReply => {}
            Outcome::Lost => self.counts.lost += 1,
            Outcome::Incomplete => self.counts.incomplete += 1,
        }
        if sample.outcome.is_failure() {
            self.timeline.failed(sample.sent_ns);
        }
        if let Some(received_ns) = sample.received_ns() {
            self.counts.received += 1;
            self.arrived(received_ns);
            self.last_received_ns = self.last_received_ns.max(received_ns);
            let times = sample
                .service_time_ns()
                .zip(sample.response_time_ns())
                .filter(|_| sample.outcome.is_timed());
            self.timeline.received(received_ns, times);
            if times.is_some() && received_ns <= self.measured_until_ns {
                self.in_time.messages += 1;
                self.in_time.payload_bytes += payload_bytes;
            }
        }
        if let Some(cells) = &mut self.cells {
            cells.ended(&sample, stopped_ns(&self.stops, &sample));
        }
        self.samples.push(budget, sample);
    }

    /// Completes the seconds of the timeline that have ended by this time after T0. See [`ThreadTimeline::advance`].
    #[inline]
    pub fn advance(&mut self, now_ns: u64) {
        self.timeline.advance(now_ns);
    }

    /// Completes the running second of the timeline, because no echo follows.
    pub fn finish_timeline(&mut self) {
        self.timeline.finish();
    }

    /// Returns the next complete second of the timeline, each once. `opened` is the thread's number of connections.
    pub fn next_second(&mut self, opened: u64) -> Option<ThreadSecond> {
        Some(ThreadSecond {
            encoded: self.timeline.next_encoded()?,
            unsent: self.counts.unsent,
            opened,
        })
    }

    /// Arrival of the last echo, in nanoseconds since T0; 0 without echoes.
    pub fn last_received_ns(&self) -> u64 {
        self.last_received_ns
    }

    /// Counts and histograms so far, without timeline and samples, for reports during the run.
    pub fn so_far(&self) -> Record {
        let times = self.timeline.times();
        Record {
            counts: self.counts.clone(),
            service: times.service,
            open_loop: self.open_loop.as_deref().map(|open| {
                Box::new(OpenLoopRecord {
                    response: times.response.unwrap_or_default(),
                    ..open.clone()
                })
            }),
            in_time: self.in_time,
            last_received_ns: self.last_received_ns,
            in_flight_ns: self.in_flight_ns,
            active_ns: self.active_ns,
            lead_in_ns: self.lead_in_ns,
            scenario: self.scenario.clone(),
            fan_out: self.fan_out.as_ref().map(|own| Box::new(own.so_far())),
            push: self.push.as_ref().map(|own| Box::new(own.so_far())),
            slow: self.slow.clone(),
            reconnect: self.reconnect.clone(),
            ..Record::default()
        }
    }

    /// Merges the records of all threads. The result does not depend on the number of threads.
    pub fn merge(threads: Vec<Self>, budget: &BottomK) -> Record {
        let mut record = Record::default();
        let mut timelines = Vec::with_capacity(threads.len());
        let mut samples = Vec::with_capacity(threads.len());
        let mut fan_out = Vec::new();
        let mut push = Vec::new();
        for mut thread in threads {
            fan_out.extend(thread.fan_out.take().map(|own| *own));
            push.extend(thread.push.take().map(|own| *own));
            if timelines.is_empty() {
                // Moved, because all histograms together take megabytes.
                record = thread.so_far();
            } else {
                record.add(&thread.so_far());
            }
            timelines.push(thread.timeline);
            samples.push(thread.samples);
        }
        record.timeline = ThreadTimeline::merge(timelines);
        record.samples = ThreadSamples::merge(samples, budget);
        record.fan_out =
            (!fan_out.is_empty()).then(|| Box::new(FanOutRecorder::merge(fan_out, budget)));
        record.push = (!push.is_empty()).then(|| Box::new(PushRecorder::merge(push, budget)));
        record
    }
}

/// Time for which the generator thread stood still while the message was in flight, in nanoseconds.
#[inline]
fn stopped_ns(stops: &[Range<u64>], sample: &Sample) -> u64 {
    let Some(received_ns) = sample.received_ns().filter(|_| sample.over_stop) else {
        return 0;
    };
    let latest = stops.iter().rev();
    latest
        .take_while(|stop| stop.end > sample.sent_ns)
        .map(|stop| {
            let end_ns = stop.end.min(received_ns);
            end_ns.saturating_sub(stop.start.max(sample.sent_ns))
        })
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::LatencyHistogram;

    /// All messages in flight during any stop counted as explained by it, so that the limit of an overloaded server was
    /// never found on a machine whose generator stops now and then.
    #[test]
    fn a_stop_explains_only_its_own_part_of_a_time() {
        const MS: u64 = 1_000_000;
        let budget = BottomK::new(0, 1);
        let mut recorder = Recorder::new(true, 0);
        recorder.add_cells(&CellRules::new(2_000 * MS, vec![500 * MS], vec![500 * MS]));
        recorder.stopped(50 * MS, 20 * MS);
        recorder.stopped(100 * MS, 20 * MS);
        for (sent_ms, service_ms) in [(0, 530), (0, 540), (60, 529), (60, 530), (130, 499)] {
            let (sent, end) = (sent_ms * MS, (sent_ms + service_ms) * MS);
            let mut sample = Sample::echoed(0, 0, sent, sent, end, Outcome::Ok);
            sample.over_stop = sent_ms < 120;
            recorder.punctual_response(service_ms * MS, &sample);
            recorder.ended(&budget, sample, 1);
        }
        let cells = recorder.take_cells().unwrap();
        assert_eq!(cells.response_beyond(0, 0), 2);
        assert_eq!(
            (cells.punctual_beyond(0), cells.unstopped_service_beyond(0)),
            (2, 2)
        );
    }

    fn record(samples: &[Sample], threads: usize) -> Record {
        let budget = BottomK::new(1_000, 1);
        let mut recorders: Vec<_> = (0..threads).map(|_| Recorder::new(false, 0)).collect();
        for sample in samples {
            let recorder = &mut recorders[sample.client as usize % threads];
            recorder.sent(sample.intended_ns, sample.sent_ns);
            recorder.ended(&budget, *sample, 125);
        }
        Recorder::merge(recorders, &budget)
    }

    fn mixed() -> Vec<Sample> {
        let mut samples: Vec<_> = (0..40)
            .map(|n| {
                Sample::echoed(
                    n % 4,
                    u64::from(n / 4),
                    10,
                    10,
                    1_010 + u64::from(n),
                    Outcome::Ok,
                )
            })
            .collect();
        samples[3].outcome = Outcome::Corrupted;
        samples[7].outcome = Outcome::TimedOut;
        samples[8].outcome = Outcome::Reordered;
        samples.push(Sample::lost(2, 99, 20, 20));
        samples
    }

    #[test]
    fn every_message_sent_is_received_or_lost() {
        let r = record(&mixed(), 1);
        assert_eq!(r.counts.sent, 41);
        assert_eq!((r.counts.received, r.counts.lost), (40, 1));
        assert_eq!(
            (r.counts.corrupted, r.counts.timed_out, r.counts.reordered),
            (Some(1), 1, 1)
        );
        assert!(r.counts.any_failed());
    }

    #[test]
    fn a_wrong_echo_has_no_part_in_latency_or_throughput() {
        let r = record(&mixed(), 1);
        assert_eq!(r.service.count(), 39);
        assert_eq!(
            (r.in_time.messages, r.in_time.payload_bytes),
            (39, 39 * 125)
        );
        assert_eq!(r.last_received_ns, 1_049);
    }

    #[test]
    fn the_timeline_counts_what_was_lost_corrupted_or_late() {
        let failed: Vec<_> = record(&mixed(), 2)
            .timeline
            .iter()
            .map(|t| t.failed)
            .collect();
        assert_eq!(failed, [3], "an echo out of order is no failure");
    }

    #[test]
    fn an_echo_after_the_end_is_timed_but_no_throughput() {
        let budget = BottomK::new(10, 1);
        let mut recorder = Recorder::new(false, 0);
        recorder.measure_until(100);
        for received_ns in [99, 100, 101] {
            let sample = Sample::echoed(0, 0, 0, 0, received_ns, Outcome::Ok);
            recorder.ended(&budget, sample, 5);
        }
        let r = Recorder::merge(vec![recorder], &budget);
        assert_eq!((r.service.count(), r.in_time.messages), (3, 2));
        assert_eq!(r.in_time.payload_bytes, 10);
    }

    #[test]
    fn an_open_loop_knows_its_lag_and_what_it_sent_in_time() {
        let budget = BottomK::new(10, 1);
        let mut threads: Vec<_> = (0..2).map(|_| Recorder::new(true, 0)).collect();
        for (thread, intended, sent) in [(0, 10, 15), (1, 20, 90), (0, 95, 130)] {
            threads[thread].measure_until(100);
            threads[thread].sent(intended, sent);
            let sample = Sample::echoed(0, 0, intended, sent, sent + 7, Outcome::Ok);
            threads[thread].ended(&budget, sample, 5);
        }
        threads[1].counts.unsent += 4;
        let r = Recorder::merge(threads, &budget);
        let open = r.open_loop.as_ref().unwrap();
        assert_eq!(
            (open.send_lag.min(), open.send_lag.max()),
            (Some(5), Some(70))
        );
        assert_eq!(
            (open.sent_in_time, r.counts.sent, r.counts.unsent),
            (2, 3, 4)
        );
        assert_eq!((open.last_intended_ns, open.last_sent_ns), (95, 130));
        assert_eq!((r.service.max(), r.response().max()), (Some(7), Some(77)));
        assert!(r.counts.any_failed());
    }

    #[test]
    fn what_the_threads_tell_on_the_way_adds_up_to_the_whole() {
        let budget = BottomK::new(10, 1);
        let mut threads: Vec<_> = (0..2).map(|_| Recorder::new(true, 0)).collect();
        // Two seconds, so that both the closed and the running second of a timeline contain times.
        for n in 0..20_u64 {
            let sent_ns = n * 100_000_000;
            let thread = &mut threads[usize::from(n % 3 == 0)];
            thread.sent(sent_ns - n, sent_ns);
            let sample = Sample::echoed(0, n, sent_ns - n, sent_ns, sent_ns + 7, Outcome::Ok);
            thread.ended(&budget, sample, 5);
        }
        let mut so_far = Record::default();
        threads.iter().for_each(|t| so_far.add(&t.so_far()));
        let whole = Recorder::merge(threads, &budget);
        assert_eq!(so_far.counts, whole.counts);
        assert_eq!(so_far.in_time, whole.in_time);
        assert_eq!(so_far.last_received_ns, whole.last_received_ns);
        for of in [
            |r: &Record| r.service.clone(),
            |r: &Record| r.response().clone(),
        ] {
            let figures =
                |d: LatencyHistogram| (d.count(), d.min(), d.max(), d.mean(), d.quantile(0.5));
            assert_eq!(figures(of(&so_far)), figures(of(&whole)));
        }
        assert_eq!(so_far.response().max(), Some(26));
        let lag = |r: &Record| r.open_loop.as_ref().unwrap().send_lag.max();
        assert_eq!((lag(&so_far), lag(&whole)), (Some(19), Some(19)));
    }

    #[test]
    fn figures_do_not_depend_on_the_number_of_threads() {
        let (one, four) = (record(&mixed(), 1), record(&mixed(), 4));
        assert_eq!(one.counts, four.counts);
        assert_eq!(one.samples, four.samples);
        assert_eq!(one.timeline, four.timeline);
        assert_eq!(one.service.stdev(), four.service.stdev());
    }
}

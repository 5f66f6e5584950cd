//! Slow readers: clients that take a limited number of bytes per second from their socket, from some time of the run on.

use measurement::plan::ReadPlan;
use measurement::record::{Recorder, SlowRecord};

use super::Client;
use super::stages::ClientStage;
use crate::clock::nanoseconds;
use crate::connection_end::{ConnectionEnd, close_code};
use crate::rules::RunTimes;
use crate::thread_state::ThreadState;

/// Time between two reads of a slow reader in nanoseconds, where its rate allows it.
const READ_INTERVAL_NS: u64 = 50_000_000;

/// Maximum number of bytes of one read of a slow reader.
const MAX_READ: u64 = 16 << 10;

/// Time that a slow reader may make up for at once, when nothing came for a while or the thread was busy, in nanoseconds. At
/// least that of one read.
const MAX_BACKLOG_NS: u64 = 200_000_000;

/// The reading of one slow reader. Times are on the thread's clock.
#[derive(Debug)]
pub(crate) struct SlowReading {
    /// Bytes per second; 0 = it never reads.
    bytes_per_s: u64,
    /// Time after T0 from which it is slow, in nanoseconds.
    after_ns: u64,
    /// Time from which it is slow; `None` until T0 is known.
    from_ns: Option<u64>,
    /// Time up to which the bytes read so far use up the rate.
    paid_until_ns: u64,
    /// Time up to which reading is recorded.
    recorded_until_ns: u64,
    /// The limit is lifted, because nothing more depends on it.
    is_released: bool,
    /// The reader was slow when it was released.
    was_behind: bool,
    /// The run waits for the client, which is so until the end of a planned duration.
    is_awaited: bool,
}

impl SlowReading {
    pub(crate) fn new(plan: ReadPlan) -> Self {
        Self {
            bytes_per_s: plan.bytes_per_s,
            after_ns: nanoseconds(plan.after),
            from_ns: None,
            paid_until_ns: 0,
            recorded_until_ns: 0,
            is_released: false,
            was_behind: false,
            is_awaited: true,
        }
    }

    /// Begins the run.
    fn begin(&mut self, t0_ns: u64) {
        let from_ns = t0_ns.saturating_add(self.after_ns);
        self.from_ns = Some(from_ns);
        self.paid_until_ns = from_ns;
        self.recorded_until_ns = from_ns;
    }

    fn is_limited(&self, now_ns: u64) -> bool {
        !self.is_released && self.from_ns.is_some_and(|from_ns| from_ns <= now_ns)
    }

    /// Bytes of one read.
    fn piece(&self) -> u64 {
        let per_interval = u128::from(self.bytes_per_s) * u128::from(READ_INTERVAL_NS);
        // At most `MAX_READ`.
        u64::try_from(per_interval / 1_000_000_000).map_or(MAX_READ, |n| n.clamp(1, MAX_READ))
    }

    /// Time that this many bytes use up, in nanoseconds.
    fn cost_ns(&self, bytes: u64) -> u64 {
        let ns = u128::from(bytes) * 1_000_000_000 / u128::from(self.bytes_per_s.max(1));
        u64::try_from(ns).unwrap_or(u64::MAX)
    }

    /// Bytes that may be read now.
    fn allowance(&mut self, now_ns: u64) -> usize {
        if !self.is_limited(now_ns) {
            return usize::MAX;
        }
        if self.bytes_per_s == 0 {
            return 0;
        }
        let piece = self.piece();
        let piece_ns = self.cost_ns(piece);
        let earliest_ns = now_ns.saturating_sub(piece_ns.max(MAX_BACKLOG_NS));
        self.paid_until_ns = self.paid_until_ns.max(earliest_ns);
        if now_ns < self.paid_until_ns.saturating_add(piece_ns) {
            return 0;
        }
        usize::try_from(piece).unwrap_or(usize::MAX)
    }

    /// Time of the next read; `u64::MAX` when there is none.
    fn next_ns(&self) -> u64 {
        match self.from_ns {
            Some(_) if self.bytes_per_s > 0 && !self.is_released => self
                .paid_until_ns
                .saturating_add(self.cost_ns(self.piece())),
            _ => u64::MAX,
        }
    }

    /// Records bytes that were read at `now_ns`, until the end of the run.
    fn read(&mut self, bytes: u64, now_ns: u64, end_ns: u64, record: &mut SlowRecord) {
        if !self.is_limited(now_ns) {
            return;
        }
        self.paid_until_ns = self.paid_until_ns.saturating_add(self.cost_ns(bytes));
        if now_ns <= end_ns {
            record.read_bytes += bytes;
        }
        self.record_time(now_ns, end_ns, record);
    }

    fn record_time(&mut self, now_ns: u64, end_ns: u64, record: &mut SlowRecord) {
        if self.is_limited(now_ns) {
            let until_ns = now_ns.min(end_ns).max(self.recorded_until_ns);
            record.reading_ns += until_ns - self.recorded_until_ns;
            self.recorded_until_ns = until_ns;
        }
    }
}

impl Client {
    /// Returns true for a client that reads slowly at some time of the run. Its figures are not those of the run.
    #[inline]
    pub(super) fn is_slow(&self) -> bool {
        self.slow.is_some()
    }

    /// Counts a slow reader as ready. With a planned number of messages, the run does not wait for it.
    pub(super) fn begin_slow(&mut self, run: RunTimes, thread: &ThreadState) {
        if let Some(slow) = &mut self.slow
            && slow.from_ns.is_none()
        {
            slow.begin(run.t0_ns);
            record_slow(&mut thread.recorder.borrow_mut(), |record| {
                record.clients += 1;
            });
            if run.end_ns == u64::MAX {
                self.release_run(thread);
            }
        }
    }

    /// Returns true when the run must not wait for this client any more: a slow reader, at the end of the planned duration.
    #[inline]
    pub(super) fn is_awaited_in_vain(
        &self,
        now_ns: u64,
        run: RunTimes,
        thread: &ThreadState,
    ) -> bool {
        let slow = self.slow.as_ref();
        slow.is_some_and(|slow| slow.is_awaited && slow.from_ns.is_some())
            && (now_ns >= run.end_ns || thread.command.stop)
    }

    /// Frees the run from waiting for a slow reader, which goes on.
    #[cold]
    pub(super) fn release_run(&mut self, thread: &ThreadState) {
        if let Some(slow) = &mut self.slow {
            slow.is_awaited = false;
            let mut clients = thread.clients.borrow_mut();
            clients.busy -= 1;
            clients.listening += 1;
        }
    }

    /// Makes the next slice of a sliced run wait for a slow reader.
    pub(super) fn await_slow(&mut self) {
        if let Some(slow) = &mut self.slow {
            slow.is_awaited = true;
        }
    }

    /// Counts a client as done.
    pub(super) fn leave(&self, thread: &ThreadState) {
        let mut clients = thread.clients.borrow_mut();
        let is_awaited = match &self.slow {
            Some(slow) => slow.is_awaited,
            None => self.stage != ClientStage::Listening,
        };
        if is_awaited && thread.is_idle(self.id) {
            return;
        }
        if is_awaited {
            clients.busy -= 1;
        } else {
            clients.listening -= 1;
        }
    }

    /// Maximum number of bytes of the next read; 0 when a slow reader must wait.
    #[inline]
    pub(super) fn read_limit(&mut self, thread: &ThreadState) -> usize {
        match &mut self.slow {
            None => usize::MAX,
            Some(slow) => slow.allowance(thread.clock.now_ns()),
        }
    }

    /// Records bytes that a slow reader has read.
    #[inline]
    pub(super) fn note_read(&mut self, bytes: usize, now_ns: u64, thread: &ThreadState) {
        if let Some(slow) = &mut self.slow {
            let end_ns = thread.run_end_ns();
            let mut recorder = thread.recorder.borrow_mut();
            record_slow(&mut recorder, |record| {
                slow.read(bytes as u64, now_ns, end_ns, record);
            });
            self.go_on_catching_up(now_ns);
        }
    }

    /// Lets a slow reader read at full speed: the server has ended the connection, so the rest has arrived and holds its
    /// close frame, or the run is over.
    #[cold]
    pub(super) fn release_slow(&mut self, thread: &ThreadState) {
        if let Some(slow) = &mut self.slow {
            let now_ns = thread.clock.now_ns();
            let end_ns = thread.run_end_ns();
            let mut recorder = thread.recorder.borrow_mut();
            record_slow(&mut recorder, |record| {
                slow.record_time(now_ns, end_ns, record);
            });
            slow.was_behind |= slow.is_limited(now_ns);
            slow.is_released = true;
        }
    }

    /// Next time at which a slow reader reads what has arrived; `u64::MAX` for all others.
    #[inline]
    pub(super) fn next_read_ns(&self) -> u64 {
        match &self.slow {
            Some(slow) if self.ready.readable => slow.next_ns(),
            _ => u64::MAX,
        }
    }

    /// Returns true for a slow reader while it is slow.
    pub(super) fn is_limited(&self, now_ns: u64) -> bool {
        let slow = self.slow.as_ref();
        slow.is_some_and(|slow| slow.is_limited(now_ns))
    }

    /// Returns true for a slow reader after the run. What it reads then is in no figure.
    #[inline]
    pub(super) fn reads_for_close(&self) -> bool {
        self.is_slow()
            && matches!(
                self.stage,
                ClientStage::CatchingUp { .. }
                    | ClientStage::Goodbye { .. }
                    | ClientStage::Closing { .. }
            )
    }

    /// Counts a slow reader whose connection the server has ended. Returns true when it did.
    #[cold]
    pub(super) fn end_slow(&mut self, end: &ConnectionEnd, thread: &ThreadState) -> bool {
        self.release_slow(thread);
        let (Some(slow), Some(run)) = (&self.slow, thread.run) else {
            return false;
        };
        let by_server = match self.stage {
            ClientStage::Running
            | ClientStage::Listening
            | ClientStage::Draining { .. }
            | ClientStage::Done
            | ClientStage::CatchingUp { .. } => is_by_server(end),
            ClientStage::Closing { .. } => {
                slow.was_behind && is_by_server(end) && !thread.may_answer_close(end)
            }
            _ => false,
        };
        if by_server {
            // What a slow reader finds only when it has caught up happened at an unknown time of the run.
            let is_noticed = matches!(
                self.stage,
                ClientStage::Running
                    | ClientStage::Listening
                    | ClientStage::Draining { .. }
                    | ClientStage::Done
            );
            let after_ns = thread.clock.now_ns().saturating_sub(run.t0_ns);
            let mut recorder = thread.recorder.borrow_mut();
            record_slow(&mut recorder, |record| {
                record.closed(end.close_code(), is_noticed.then_some(after_ns));
            });
        }
        by_server
    }
}

/// Returns true when the server has ended the connection.
fn is_by_server(end: &ConnectionEnd) -> bool {
    matches!(
        end,
        ConnectionEnd::Io(_) | ConnectionEnd::NoCloseFrame | ConnectionEnd::ClosedByServer(_)
    )
}

impl ThreadState {
    /// Code of the close frame of a client.
    pub(super) fn close_code(&self) -> u16 {
        let dialogue = self.dialogue.as_ref();
        dialogue.map_or(close_code::NORMAL, |d| d.scenario.close.code)
    }

    /// Returns true when the server may have ended a connection because its client closed it.
    fn may_answer_close(&self, end: &ConnectionEnd) -> bool {
        match end {
            ConnectionEnd::ClosedByServer(close) => close
                .code
                .is_none_or(|code| code == close_code::NORMAL || code == self.close_code()),
            // A server may answer the goodbye of a scenario by closing the connection.
            _ => {
                let dialogue = self.dialogue.as_ref();
                dialogue.is_some_and(|d| d.scenario.close.send.is_some())
            }
        }
    }
}

/// Changes the figures of slow readers.
pub(super) fn record_slow(recorder: &mut Recorder, change: impl FnOnce(&mut SlowRecord)) {
    if let Some(record) = recorder.slow.as_deref_mut() {
        change(record);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use proptest::prelude::*;

    const SECOND: u64 = 1_000_000_000;

    fn reading(bytes_per_s: u64, after: Duration) -> SlowReading {
        let mut reading = SlowReading::new(ReadPlan {
            bytes_per_s,
            buffer_bytes: 4096,
            after,
        });
        assert_eq!(reading.allowance(5), usize::MAX, "before T0 is known");
        reading.begin(SECOND);
        reading
    }

    /// The bytes that a reader takes in ten seconds from a socket that is never empty, woken this late each time.
    fn taken(bytes_per_s: u64, late_ns: u64) -> SlowRecord {
        let mut reading = reading(bytes_per_s, Duration::ZERO);
        let mut record = SlowRecord::default();
        let end_ns = 11 * SECOND;
        let mut now_ns = SECOND;
        while now_ns <= end_ns {
            let bytes = reading.allowance(now_ns);
            if bytes > 0 {
                reading.read(bytes as u64, now_ns, end_ns, &mut record);
            } else {
                now_ns = reading.next_ns().saturating_add(late_ns);
            }
        }
        reading.record_time(now_ns, end_ns, &mut record);
        record
    }

    proptest! {
        #[test]
        fn a_slow_reader_keeps_its_rate(bytes_per_s in 500..50_000_000_u64, late_ns in 0..40_000_000_u64) {
            let record = taken(bytes_per_s, late_ns);
            prop_assert_eq!(record.reading_ns, 10 * SECOND);
            let planned = 10 * bytes_per_s;
            prop_assert!(record.read_bytes <= planned);
            prop_assert!(record.read_bytes as f64 >= 0.98 * planned as f64, "{} of {}", record.read_bytes, planned);
        }
    }

    #[test]
    fn a_reader_that_never_reads_has_no_next_time() {
        let mut reading = reading(0, Duration::from_secs(2));
        assert_eq!(reading.allowance(3 * SECOND - 1), usize::MAX);
        assert_eq!(reading.allowance(3 * SECOND), 0);
        assert_eq!(reading.next_ns(), u64::MAX);
        reading.is_released = true;
        assert_eq!(reading.allowance(4 * SECOND), usize::MAX);
    }

    #[test]
    fn a_pause_of_the_server_is_not_made_up_for() {
        let mut reading = reading(1_000, Duration::ZERO);
        let mut record = SlowRecord::default();
        let now_ns = 100 * SECOND;
        while reading.allowance(now_ns) > 0 {
            let piece = reading.piece();
            reading.read(piece, now_ns, u64::MAX, &mut record);
        }
        assert_eq!(record.read_bytes, 200);
    }

    #[test]
    fn one_byte_per_second_is_read_byte_by_byte() {
        let mut reading = reading(1, Duration::ZERO);
        assert_eq!((reading.piece(), reading.next_ns()), (1, 2 * SECOND));
        assert_eq!(reading.allowance(2 * SECOND - 1), 0);
        assert_eq!(reading.allowance(2 * SECOND), 1);
    }
}

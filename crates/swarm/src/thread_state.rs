//! State of one generator thread, shared by its clients without locks or atomics.

use std::cell::{Cell, RefCell};
use std::sync::Arc;
use std::time::Instant;

use host::thread_usage::ThreadUsage;
use http::HeaderMap;
use measurement::plan::{
    ConnectionRules, DroppedConnections, Length, Plan, ReadPlan, Verify, mask_header_values,
};
use measurement::record::{BottomK, Record, Recorder, RowRule, encode_delay_ns};

use scenario::Scratch;

use crate::buffers::{BUFFER_LEN, WriteBuffers};
use crate::client_stats::ClientStats;
use crate::clock::{Clock, nanoseconds};
use crate::connect::connect_stats::ConnectStats;
use crate::dialogue::Dialogue;
use crate::dialogue::early_records::{EarlyRecords, OtherRecord};
use crate::dialogue::publications::PublicationBoard;
use crate::dialogue::recent_publications::RecentPublications;
use crate::load_order::LoadOrder;
use crate::message::pacing::Pacing;
use crate::message::payload::Payloads;
use crate::progress::ThreadProgress;
use crate::returning_client::ConnectRequest;
use crate::rules::{Command, RunTimes, SendRules};
use crate::run_content::RunContent;
use crate::stillness::Stillness;
use crate::timers::Timers;

/// Initial capacity for samples when a duration is planned. It grows as needed.
const INITIAL_SAMPLES: u64 = 1 << 16;

/// Rules of connections that can end before the run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LifeRules {
    pub(crate) connections: ConnectionRules,
    pub(crate) seed: u64,
    /// Connections that are dropped by plan; `None` without any.
    pub(crate) dropped: Option<DroppedConnections>,
}

impl LifeRules {
    /// The rules of a plan; `None` when connections stay.
    fn new(plan: &Plan) -> Option<Self> {
        let connections = plan.connections;
        let has_life = connections.replaces_connections() || connections.drop.is_some();
        has_life.then(|| Self {
            connections,
            seed: plan.seed,
            dropped: plan.dropped(),
        })
    }
}

/// The shared state of a thread.
#[derive(Debug)]
pub(crate) struct ThreadState {
    pub(crate) rules: SendRules,
    pub(crate) payloads: Arc<Payloads>,
    pub(crate) budget: Arc<BottomK>,
    pub(crate) clock: Clock,
    pub(crate) read_buffer: RefCell<Box<[u8]>>,
    pub(crate) buffers: RefCell<WriteBuffers>,
    pub(crate) recorder: RefCell<Recorder>,
    pub(crate) timers: RefCell<Timers>,
    /// Times of the run; `None` until the first message may be sent.
    pub(crate) run: Option<RunTimes>,
    /// The current command. Clients must be woken to notice a change.
    pub(crate) command: Command,
    pub(crate) connects: RefCell<ConnectStats>,
    pub(crate) clients: RefCell<ClientStats>,
    /// Time at which the user interrupted the run, on the thread's clock; `u64::MAX` otherwise.
    pub(crate) stopped_ns: u64,
    /// End of the drain of a step in which no echo has come for a while, on the thread's clock; `u64::MAX` otherwise.
    pub(crate) drained_ns: u64,
    /// T0 of the latest step, on the thread's clock; 0 before the first.
    pub(crate) step_t0_ns: u64,
    /// The server still answered when the drain of the latest step ended.
    pub(crate) still_answers: bool,
    /// Clients whose connection has ended are kept, because connections are opened again between steps.
    pub(crate) keeps_lost: bool,
    /// Time until which the server's close frames are awaited after an interrupt, on the thread's clock; `u64::MAX`
    /// without one.
    pub(crate) close_until_ns: u64,
    pub(crate) stillness: RefCell<Stillness>,
    /// Rules of connections that can end before the run; `None` when they stay.
    pub(crate) life: Option<LifeRules>,
    /// Connections that clients have asked for since the event loop looked.
    pub(crate) leaving: RefCell<Vec<ConnectRequest>>,
    /// Due time of the first connection of the run, on the thread's clock.
    pub(crate) opens_from_ns: u64,
    /// End of the last stop, on the thread's clock. Messages sent before it were in flight during the stop.
    pub(crate) last_stop_end_ns: Cell<u64>,
    /// The scenario; `None` when clients expect an echo.
    pub(crate) dialogue: Option<Arc<Dialogue>>,
    /// Rooms and messages on their way; `None` without deliveries.
    pub(crate) board: Option<Arc<PublicationBoard>>,
    /// Time to add to that of this thread's clock for the time on the clock of the board, in nanoseconds.
    pub(crate) board_offset_ns: u64,
    /// Messages that were delivered lately.
    pub(crate) recent_publications: RefCell<RecentPublications>,
    /// Working memory for the times of one message.
    pub(crate) delivery_times: RefCell<Vec<u64>>,
    /// Senders with messages on their way whose connection has ended.
    pub(crate) orphans: RefCell<Vec<u32>>,
    /// Records of a scenario that arrived while `run` was `None`.
    early: RefCell<EarlyRecords>,
    /// A time on the thread's clock, and the same on the wall clock in nanoseconds since 1970.
    pub(crate) wall_at: Cell<(u64, u64)>,
    /// Working memory for the classification of records.
    pub(crate) scratch: RefCell<Scratch>,
    /// Messages sent before the measured phase or the counted part of a slice, without a correct echo in time.
    pub(crate) unanswered_warmups: Cell<u64>,
    /// True when a client waited for a whole timeout while messages arrived, but none ever identified one of its own.
    pub(crate) recognized_nothing: Cell<bool>,
    /// Additional headers of the requests of all clients. The server may repeat secrets in them.
    headers: HeaderMap,
    /// Time after the end of a second at which its histograms are encoded, in nanoseconds.
    encode_delay_ns: u64,
}

impl ThreadState {
    pub(crate) fn new(
        plan: &Plan,
        thread: usize,
        content: &RunContent,
        allowed_stop_ns: u64,
        opens_from: Instant,
    ) -> Self {
        let clients = plan.clients_of(thread).len();
        let idle = plan.idle_of(thread).count();
        let rules = SendRules::new(plan);
        // The threads of all processes take turns.
        let shards = u64::from(plan.share.count.get());
        let turn = u64::from(plan.share.index) + thread as u64 * shards;
        let encode_delay_ns = encode_delay_ns(turn, plan.threads.get() as u64 * shards);
        let dialogue = content.dialogue.as_deref();
        let life = LifeRules::new(plan);
        let samples = expected_samples(plan, clients);
        let recorder = empty_recorder(&rules, dialogue, life.as_ref(), samples);
        let rows = RowRule::for_timeline(plan.measured_time());
        let clock = Clock::start().from(opens_from);
        Self {
            rules,
            payloads: Arc::clone(&content.payloads),
            budget: Arc::clone(&content.budget),
            clock,
            read_buffer: RefCell::new(vec![0; BUFFER_LEN].into_boxed_slice()),
            buffers: RefCell::new(WriteBuffers::new(plan, thread)),
            recorder: RefCell::new(recorder.encode_after(encode_delay_ns).with_rows(rows)),
            timers: RefCell::default(),
            run: None,
            command: Command::default(),
            connects: RefCell::new(ConnectStats::new(plan.spread(), rows.growing())),
            clients: RefCell::new(ClientStats {
                busy: clients,
                opening: clients + idle,
                ..ClientStats::default()
            }),
            stopped_ns: u64::MAX,
            drained_ns: u64::MAX,
            step_t0_ns: 0,
            still_answers: false,
            keeps_lost: false,
            close_until_ns: u64::MAX,
            stillness: RefCell::new(Stillness::new(allowed_stop_ns)),
            life,
            leaving: RefCell::default(),
            opens_from_ns: clock.ns_of(opens_from),
            last_stop_end_ns: Cell::new(0),
            unanswered_warmups: Cell::new(0),
            recognized_nothing: Cell::new(false),
            dialogue: content.dialogue.clone(),
            early: RefCell::default(),
            wall_at: Cell::new((u64::MAX, 0)),
            scratch: RefCell::default(),
            headers: plan.headers.clone(),
            encode_delay_ns,
            board_offset_ns: content
                .board
                .as_ref()
                .map_or(0, |board| board.offset_ns(clock)),
            board: content.board.clone(),
            recent_publications: RefCell::default(),
            delivery_times: RefCell::default(),
            orphans: RefCell::default(),
        }
    }

    /// A text from the server without secret headers that it repeats.
    #[cold]
    pub(crate) fn masked(&self, text: &str) -> String {
        mask_header_values(&self.headers, text)
    }

    /// Begins the load, or a slice of it. Records that have arrived since T0 are counted.
    pub(crate) fn begin_run(&mut self, run: RunTimes) {
        self.run = Some(run);
        let early = self.early.get_mut();
        early.count_from(run.t0_ns, &self.budget, self.recorder.get_mut());
    }

    /// Counts a record that belongs to no message, if it came in the measured phase.
    pub(crate) fn count_other(&self, record: OtherRecord) {
        match self.run {
            None => self.early.borrow_mut().push(record),
            Some(run) if record.received_ns >= run.t0_ns => {
                record.count(run.t0_ns, &self.budget, &mut self.recorder.borrow_mut());
            }
            Some(_) => {}
        }
    }

    /// Replaces everything that depends on the seed, before the first message of the load.
    pub(crate) fn adopt(&mut self, content: &RunContent) {
        self.rules = SendRules::new(&content.plan);
        self.payloads = Arc::clone(&content.payloads);
        self.budget = Arc::clone(&content.budget);
        self.dialogue.clone_from(&content.dialogue);
        self.life = LifeRules::new(&content.plan);
    }

    /// Takes the record and replaces it with an empty one.
    pub(crate) fn take_recorder(&self) -> Recorder {
        let life = self.life.as_ref();
        let empty = empty_recorder(&self.rules, self.dialogue.as_deref(), life, 0);
        self.recorder
            .replace(empty.encode_after(self.encode_delay_ns))
    }

    /// Returns true while a client of the thread has not completed its part of the plan, or messages of one whose
    /// connection has ended are on their way.
    pub(crate) fn is_busy(&self) -> bool {
        self.clients.borrow().busy > 0 || !self.orphans.borrow().is_empty()
    }

    /// Limit of a client's reading; `None` for one that reads at full speed.
    pub(crate) fn read_limit_of(&self, client: u32) -> Option<ReadPlan> {
        let dialogue = self.dialogue.as_ref()?;
        dialogue.slow_readers.as_ref()?.read_limit_of(client)
    }

    /// End of the measured phase, on the thread's clock; `u64::MAX` when it is not known.
    #[inline]
    pub(crate) fn run_end_ns(&self) -> u64 {
        self.run.map_or(u64::MAX, |run| run.end_ns)
    }

    /// Returns true for an idle connection.
    #[inline]
    pub(crate) fn is_idle(&self, connection: u32) -> bool {
        connection >= self.rules.clients
    }

    /// Counts a message to an idle connection, with its last part.
    #[cold]
    pub(crate) fn count_idle_message(&self, is_last: bool) {
        self.clients.borrow_mut().idle.received += u64::from(is_last);
    }

    /// Returns true when nothing is sent, because the server's feed is measured.
    pub(crate) fn is_push_only(&self) -> bool {
        let feed = self.dialogue.as_ref().and_then(|own| own.feed.as_ref());
        feed.is_some_and(|feed| feed.is_only)
    }

    /// Number of a client among those that send the load; `None` for one that only listens.
    pub(crate) fn sender(&self, client: u32) -> Option<u32> {
        match &self.dialogue {
            _ if self.is_idle(client) => None,
            Some(dialogue) => dialogue.sender(client),
            None => Some(client),
        }
    }

    /// Index of the client's role in the scenario; 0 without one.
    #[inline]
    pub(crate) fn role(&self, client: u32) -> usize {
        self.dialogue
            .as_ref()
            .map_or(0, |dialogue| dialogue.role(client))
    }

    /// The position in the schedule of a client that has not sent anything; `None` for one that only listens, and for a
    /// slow reader, whose messages are not those of the run.
    pub(crate) fn unstarted(&self, client: u32) -> Option<Pacing> {
        if self.read_limit_of(client).is_some() {
            return None;
        }
        let pacing = Pacing::unstarted(self.sender(client)?);
        // A step whose clients have begun has a schedule of its own.
        let step = self.run.filter(RunTimes::is_step);
        Some(step.map_or(pacing, |run| pacing.start_unconnected(&self.rules, run)))
    }

    /// Begins the schedules of the clients without a connection.
    pub(crate) fn start_unconnected(&self, run: RunTimes) {
        for (pacing, _) in &mut self.clients.borrow_mut().unfinished {
            *pacing = pacing.start_unconnected(&self.rules, run);
        }
    }

    /// Records the messages that clients without a connection did not send in a step.
    pub(crate) fn record_unconnected(&self) {
        for (pacing, sent) in &self.clients.borrow().unfinished {
            self.record_unsent(*pacing, *sent, self.stopped_ns);
        }
    }

    /// Replaces the rules and the recorder by those of a step.
    pub(crate) fn adopt_step(&mut self, rules: SendRules, order: &LoadOrder) {
        self.rules = rules;
        self.drained_ns = u64::MAX;
        let recorder = self.take_recorder();
        drop(recorder);
        if self.rules.open_loop.is_some() {
            let recorder = self.recorder.get_mut();
            recorder.add_cells(&order.cells);
            recorder.measure_until(nanoseconds(order.judged));
        }
        let stats = self.clients.get_mut();
        (stats.sending_until_ns, stats.blocked_writes) = (0, 0);
        self.stillness.get_mut().clear();
    }

    /// Records that a client has stopped sending.
    pub(crate) fn end_sending(&self, now_ns: u64) {
        if let Some(run) = self.run {
            let mut clients = self.clients.borrow_mut();
            let after_t0 = now_ns.saturating_sub(run.t0_ns);
            clients.sending_until_ns = clients.sending_until_ns.max(after_t0);
        }
    }

    /// Records the messages that were due by `until_ns` but not sent, for a client that has sent `sent`.
    #[cold]
    pub(crate) fn record_unsent(&self, pacing: Pacing, sent: u64, until_ns: u64) {
        let mut recorder = self.recorder.borrow_mut();
        if let (Some(open), Some(run)) = (&self.rules.open_loop, self.run) {
            pacing.for_unsent(until_ns, open, run, |due_ns| recorder.unsent(due_ns));
        } else {
            recorder.counts.unsent += pacing.count_unsent(sent, until_ns, &self.rules, self.run);
        }
    }

    /// Records the unsent messages of clients without a connection, when the end of the run is known.
    pub(crate) fn record_unfinished(&self) {
        let unfinished = std::mem::take(&mut self.clients.borrow_mut().unfinished);
        for (pacing, sent) in unfinished {
            self.record_unsent(pacing, sent, self.stopped_ns);
        }
        self.record_missed();
    }

    pub(crate) fn progress(&self, usage: Option<(ThreadUsage, f64)>) -> ThreadProgress {
        ThreadProgress {
            record: self.recorder.borrow().so_far(),
            ..self.progress_without_record(usage)
        }
    }

    /// Progress without the counts and histograms of messages, which would have to be copied.
    pub(crate) fn progress_without_record(
        &self,
        usage: Option<(ThreadUsage, f64)>,
    ) -> ThreadProgress {
        let (connects, clients) = (self.connects.borrow(), self.clients.borrow());
        ThreadProgress {
            opened: connects.opened(),
            failures: connects.failures.clone(),
            replaced: clients.replaced,
            early_ends: clients.early_ends.clone(),
            closes: clients.closes.clone(),
            stops: self.stillness.borrow().stops.clone(),
            longest_still_ns: self.stillness.borrow().longest_ns,
            record: Record::default(),
            usage,
            blocked_writes: clients.blocked_writes,
            elapsed_ns: self.elapsed_ns(),
            is_busy: clients.busy > 0,
            recognized: clients.recognized,
        }
    }

    /// Duration of the measured phase for this thread so far, in nanoseconds.
    fn elapsed_ns(&self) -> u64 {
        let Some(run) = self.run else {
            return 0;
        };
        let clients = self.clients.borrow();
        if clients.busy > 0 {
            let now_ns = self.clock.now_ns();
            return now_ns.min(run.end_ns).saturating_sub(run.t0_ns);
        }
        // With a planned number of messages, the phase lasts until the last echo, unless the user interrupts it.
        if self.rules.messages == u64::MAX || self.command.stop {
            clients.sending_until_ns
        } else {
            let last_received_ns = self.recorder.borrow().last_received_ns();
            clients.sending_until_ns.max(last_received_ns)
        }
    }
}

fn empty_recorder(
    rules: &SendRules,
    dialogue: Option<&Dialogue>,
    life: Option<&LifeRules>,
    expected_samples: usize,
) -> Recorder {
    let mut recorder = Recorder::new(rules.open_loop.is_some(), expected_samples);
    if rules.verify == Verify::Off {
        recorder = recorder.unverified();
    }
    if life.is_some_and(|life| life.connections.reports_reconnects()) {
        recorder = recorder.with_reconnects();
    }
    let Some(dialogue) = dialogue else {
        return recorder;
    };
    recorder = recorder.with_scenario(&dialogue.scenario);
    if let Some(fan_out) = &mut recorder.fan_out {
        fan_out.record.order_is_unknown = dialogue.order_is_unknown;
    }
    match &dialogue.slow_readers {
        Some(slow) => recorder.with_slow_readers(nanoseconds(slow.after())),
        None => recorder,
    }
}

fn expected_samples(plan: &Plan, clients: usize) -> usize {
    let messages = match plan.length {
        Length::MessagesPerClient(n) => n.get().saturating_mul(clients as u64),
        Length::Duration(_) => INITIAL_SAMPLES,
    };
    usize::try_from(messages.min(plan.max_samples)).unwrap_or(usize::MAX)
}

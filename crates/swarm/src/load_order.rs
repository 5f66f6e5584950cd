//! Orders of the steps of a load, and their results.

use std::num::NonZeroU32;
use std::time::{Duration, SystemTime};

use measurement::plan::{Plan, RateProfile, Stage, Verify};
use measurement::record::{CellRules, LoadCells, Record, Sample, StoredSecond, sum_seconds};
use measurement::run::Connections;
use measurement::verdict::{GeneratorUsage, ServerUsage, Stop, Stops};
use scenario::MessageType;
use serde::{Deserialize, Serialize};
use units::Rate;

use crate::message::payload::IDENTITY_LEN;

/// Order of one step: lead, settle part and judged part follow each other without a pause, then a drain.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LoadOrder {
    /// Another rate before the step; `None` = the step begins without load.
    pub lead: Option<OrderLead>,
    /// The load of the settle part and of the judged part.
    pub load: OrderLoad,
    /// Load that is not recorded.
    pub settle: Duration,
    /// Recorded load. Messages count by their due times.
    pub judged: Duration,
    /// Limits by which the messages of an open loop are counted.
    pub cells: CellRules,
    /// True if samples are kept, as many as the plan wants.
    pub keeps_samples: bool,
    /// Seed of random arrivals.
    pub seed: u64,
    /// Limits of the drain.
    pub drain: DrainLimits,
    /// Start of the step, for several processes that take it together; `None` = at once.
    pub start: Option<SystemTime>,
}

/// An open loop before a step.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct OrderLead {
    /// Messages per second over all clients.
    pub rate_per_s: f64,
    /// Length of the lead.
    pub length: Duration,
}

/// Load of a step.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub enum OrderLoad {
    /// Closed loop.
    Closed {
        /// Messages that each client keeps in flight.
        window: NonZeroU32,
    },
    /// Open loop, with arrivals and window of the plan.
    Open {
        /// Messages per second over all clients.
        rate_per_s: f64,
    },
}

/// Limits of the drain of a step, each at most the timeout of the plan. Messages that are not answered by then are lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct DrainLimits {
    /// Time after the step for which delayed messages are sent. Those that are sent later are unsent.
    pub late_sends: Duration,
    /// Time without an echo after which none is awaited any more.
    pub quiet: Duration,
    /// Longest drain.
    pub longest: Duration,
}

/// Returns true when an echo names its message, so that one that comes too late cannot be taken for that of another.
pub(crate) fn identifies_echoes(plan: &Plan) -> bool {
    match plan.scenario() {
        Some(scenario) => scenario
            .messages
            .iter()
            .all(MessageType::identifies_answers),
        None => plan.verify != Verify::Off && plan.payload.min >= IDENTITY_LEN as u64,
    }
}

impl DrainLimits {
    /// The limits of every run with this timeout.
    pub fn of_timeout(timeout: Duration) -> Self {
        Self {
            late_sends: timeout,
            quiet: timeout,
            longest: timeout,
        }
    }

    /// The limits of a step whose drain ends when nothing has come for a while. A server that still answers is not drained.
    pub fn until_quiet(quiet: Duration, late_sends: Duration, timeout: Duration) -> Self {
        Self {
            late_sends: late_sends.min(timeout),
            quiet: quiet.min(timeout),
            longest: timeout,
        }
    }

    /// The same limits, each at most this long.
    #[must_use]
    pub fn at_most(self, time: Duration) -> Self {
        Self {
            late_sends: self.late_sends.min(time),
            quiet: self.quiet.min(time),
            longest: self.longest.min(time),
        }
    }
}

impl LoadOrder {
    /// Length of the load: lead, settle part and judged part.
    pub fn length(&self) -> Duration {
        self.unrecorded() + self.judged
    }

    /// Length of the load before the judged part.
    pub(crate) fn unrecorded(&self) -> Duration {
        self.lead.map_or(Duration::ZERO, |lead| lead.length) + self.settle
    }

    /// The offered rate from the start of the step; `None` in closed loop, and for a rate that is not a positive number.
    pub(crate) fn profile(&self) -> Option<RateProfile> {
        let OrderLoad::Open { rate_per_s } = self.load else {
            return None;
        };
        let stage = |rate_per_s, time| {
            Some(Stage {
                time,
                rate: Rate::new(rate_per_s)?,
            })
        };
        let own = stage(rate_per_s, self.settle + self.judged)?;
        match self.lead {
            Some(lead) => RateProfile::stages(&[stage(lead.rate_per_s, lead.length)?, own]),
            None => RateProfile::stages(&[own]),
        }
    }
}

/// Results of a step. Its stored form has all of them.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(try_from = "StoredOrder", into = "StoredOrder")]
pub struct OrderRecord {
    /// Messages due in the judged part. Times are relative to its beginning.
    pub record: Record,
    /// The same messages by due time; `None` in closed loop.
    pub cells: Option<LoadCells>,
    /// Usage of the generator threads from the beginning of the judged part to the end of the drain.
    pub client: GeneratorUsage,
    /// Stops of the generator threads in the same time.
    pub stops: Vec<Stop>,
    /// Connections since the beginning of the run.
    pub connections: Connections,
    /// Clients with an open connection at the end of the step.
    pub alive: u64,
    /// Connections that ended since the end of the step before, or the beginning of the run.
    pub closed: u64,
    /// Clients whose connection has ended and can be opened again.
    pub lost: u64,
    /// Clients whose connection is to be opened again before the next step, because late echoes could be taken for others, or
    /// the server has not answered all of their messages.
    pub stale: u64,
    /// Time from the start of the step to the end of the drain.
    pub took: Duration,
    /// Time from the start that the order gives to that of the step; zero for an order without a start.
    pub late: Duration,
    /// Usage of the server in the judged part; `None` when not measured.
    pub server: Option<ServerUsage>,
    /// Messages of each client, ordered by number; empty unless samples are kept.
    pub clients: Vec<ClientCounts>,
    /// True if the user interrupted the run.
    pub interrupted: bool,
}

/// Messages of one client in a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientCounts {
    /// Number of the client, from 0.
    pub client: u32,
    /// Messages of the judged part that it sent.
    pub messages: u64,
    /// Failed messages among them.
    pub failed: u64,
}

impl ClientCounts {
    /// Counts since an earlier state of the same clients. Both are ordered by number. A client that had no connection then
    /// has counts of 0.
    pub(crate) fn since(now: Vec<Self>, then: &[Self]) -> Vec<Self> {
        let of_client = |one: Self| {
            let place = then.binary_search_by_key(&one.client, |counts| counts.client);
            let before = place.map_or(one, |place| then[place]);
            Self {
                client: one.client,
                messages: one.messages.saturating_sub(before.messages),
                failed: one.failed.saturating_sub(before.failed),
            }
        };
        now.into_iter().map(of_client).collect()
    }
}

/// [`OrderRecord`] as it is stored: a stored record has neither timeline nor samples.
#[derive(Serialize, Deserialize)]
struct StoredOrder {
    record: Record,
    seconds: Vec<StoredSecond>,
    samples: Vec<Sample>,
    cells: Option<LoadCells>,
    client: GeneratorUsage,
    stops: Vec<Stop>,
    connections: Connections,
    alive: u64,
    closed: u64,
    lost: u64,
    stale: u64,
    took: Duration,
    late: Duration,
    server: Option<ServerUsage>,
    clients: Vec<ClientCounts>,
    interrupted: bool,
}

impl From<OrderRecord> for StoredOrder {
    fn from(mut order: OrderRecord) -> Self {
        Self {
            seconds: stored_seconds(&order.record),
            samples: std::mem::take(&mut order.record.samples),
            record: Record {
                timeline: Vec::new(),
                ..order.record
            },
            cells: order.cells,
            client: order.client,
            stops: order.stops,
            connections: order.connections,
            alive: order.alive,
            closed: order.closed,
            lost: order.lost,
            stale: order.stale,
            took: order.took,
            late: order.late,
            server: order.server,
            clients: order.clients,
            interrupted: order.interrupted,
        }
    }
}

impl TryFrom<StoredOrder> for OrderRecord {
    type Error = String;

    fn try_from(stored: StoredOrder) -> Result<Self, String> {
        Ok(Self {
            record: Record {
                timeline: sum_seconds(&[stored.seconds])?,
                samples: stored.samples,
                ..stored.record
            },
            cells: stored.cells,
            client: stored.client,
            stops: stored.stops,
            connections: stored.connections,
            alive: stored.alive,
            closed: stored.closed,
            lost: stored.lost,
            stale: stored.stale,
            took: stored.took,
            late: stored.late,
            server: stored.server,
            clients: stored.clients,
            interrupted: stored.interrupted,
        })
    }
}

fn stored_seconds(record: &Record) -> Vec<StoredSecond> {
    record.timeline.iter().map(StoredSecond::from).collect()
}

impl OrderRecord {
    /// Adds the results of another process that has taken the same step.
    ///
    /// # Errors
    /// A text, when the parts are those of different steps or damaged. Nothing is added then.
    pub fn add(&mut self, other: Self) -> Result<(), String> {
        let parts = [stored_seconds(&self.record), stored_seconds(&other.record)];
        let timeline = sum_seconds(&parts)?;
        match (&mut self.cells, &other.cells) {
            (Some(cells), Some(other)) => cells.add(other)?,
            (None, None) => {}
            _ => return Err("only one of two processes has an open loop".to_owned()),
        }
        self.record.add(&other.record);
        self.record.timeline = timeline;
        self.record.samples.extend(other.record.samples);
        let samples = &mut self.record.samples;
        samples.sort_unstable_by_key(|s| (s.sent_ns, s.client, s.message));
        self.client = self.client.beside(&other.client);
        self.stops.extend(other.stops);
        self.client.stops = Some(Stops::join(self.stops.clone()));
        let connections = std::mem::take(&mut self.connections);
        self.connections = connections.beside(other.connections);
        self.alive += other.alive;
        self.closed += other.closed;
        self.lost += other.lost;
        self.stale += other.stale;
        self.took = self.took.max(other.took);
        self.late = self.late.max(other.late);
        // Only one of them knows the server's processes.
        self.server = self.server.take().or(other.server);
        self.clients.extend(other.clients);
        self.clients.sort_unstable_by_key(|counts| counts.client);
        self.interrupted |= other.interrupted;
        Ok(())
    }
}

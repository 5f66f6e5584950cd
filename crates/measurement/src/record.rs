//! The record of messages: counts, histograms, a timeline and samples.
//!
//! | module | contents |
//! |---|---|
//! | `recorder` | [`Recorder`]: counts and times of one generator thread; merged without loss into a [`Record`] |
//! | `counts` | [`MessageCounts`], [`ScenarioCounts`] |
//! | `scenario_record` | [`ScenarioRecord`]: figures of a scenario, besides those of every load |
//! | `fan_out` | [`FanOutRecord`]: messages that are delivered to several receivers |
//! | `fan_out_second` | [`FanOutSecond`]: deliveries of each second |
//! | `delivery` | [`DeliverySample`], [`PublicationSample`]: records of single deliveries and messages |
//! | `pushes` | [`PushRecord`]: messages that the server sends on its own |
//! | `push_recorder` | [`PushRecorder`]: the feed of one generator thread |
//! | `reconnects` | [`ReconnectRecord`]: connections that were lost and opened again |
//! | `reconnect_timeline` | [`ReconnectTimeline`]: these events over time |
//! | `connect_seconds` | [`ConnectSecond`]: openings of each second |
//! | `slow_readers` | [`SlowRecord`]: slow readers, and the others before and after |
//! | `difference` | [`Difference`]: kinds of difference between corrupted echoes and the messages sent |
//! | `histogram` | [`LatencyHistogram`]: HDR, with exact minimum, maximum, mean and standard deviation |
//! | `load_cells` | [`LoadCells`]: counts of one step of a load, by the due times of its messages |
//! | `timeline` | counts and times of each second |
//! | `row_seconds` | [`RowSeconds`]: length of the rows of tables over time |
//! | `second_log` | [`SecondMerger`]: seconds of a run that goes on, merged over all threads |
//! | `sample` | [`Sample`]: record of one message, with its [`Outcome`]: `ok`, `timed_out` (a late echo), `lost`, … |
//! | `sampling` | [`BottomK`]: uniform random choice of samples |
//! | `connect_histograms` | [`ConnectHistograms`]: times of opening connections |
//! | `second_times` | [`SecondTimes`]: times of one second |
//! | `second_sum` | [`StoredSecond`]: one second of a process; sums over several processes |
//! | `stored` | forms in which records are stored |
//! | `connect_failure` | [`ConnectFailure`]: reason why a connection did not open |
//! | `setup_failure` | [`SetupFailure`]: reason why a client of a scenario was not ready for the load |
//! | `upgrade_failure` | answers that opened no connection: [`UpgradeRefusal`], [`ForeignAnswer`], [`AnswerDefect`] |

mod connect_failure;
mod connect_histograms;
mod connect_seconds;
mod counts;
mod delivery;
mod difference;
mod fan_out;
mod fan_out_second;
mod histogram;
mod load_cells;
mod push_recorder;
mod pushes;
mod reconnect_timeline;
mod reconnects;
mod recorder;
mod row_seconds;
mod sample;
mod sampling;
mod scenario_record;
mod second_log;
mod second_sum;
mod second_times;
mod setup_failure;
mod slow_readers;
mod stored;
mod timeline;
mod upgrade_failure;

use serde::{Deserialize, Serialize};

pub use connect_failure::{CertificateDefect, ClientCertificateDefect, ConnectFailure, IoFailure};
pub use connect_histograms::ConnectHistograms;
pub use connect_seconds::{ConnectSecond, ConnectSeconds};
pub(crate) use counts::is_zero;
pub use counts::{MessageCounts, ScenarioCounts};
pub use delivery::{CompleteMessage, DeliveryOutcome, DeliverySample, PublicationSample};
pub use difference::{Difference, DifferenceKind, escape, escape_beginning};
pub use fan_out::{FanOutCounts, FanOutRecord, FanOutRecorder, FanOutTimes, ReceiverRecord};
pub use fan_out_second::FanOutSecond;
pub use histogram::{HIGHEST_TRACKABLE_NS, LatencyHistogram, SIGNIFICANT_DIGITS, log_bounds};
pub use load_cells::{CellRules, LoadCells};
pub use push_recorder::{FeedOrigin, PushRecorder};
pub use pushes::{PushArrivals, PushRecord, PushSample};
pub use reconnect_timeline::{ReconnectInterval, ReconnectTimeline};
pub use reconnects::{AttemptFailure, FailedAttempts, ReconnectRecord};
pub use recorder::Recorder;
pub(crate) use row_seconds::TableRow;
pub use row_seconds::{MAX_ROWS, RowRule, RowSeconds, RowSpan};
pub use sample::{Outcome, Sample, message_hash, messages_identified_by, unit_interval};
pub use sampling::{BottomK, OfMessage, ThreadSamples};
pub use scenario_record::{KindCounts, KindRecord, LazyHistogram, ScenarioRecord};
pub use second_log::{CountsSoFar, LoggedSecond, SecondMerger, ThreadSecond};
pub(crate) use second_sum::{BucketCounts, SecondSum};
pub use second_sum::{EncodedTimes, StoredSecond, sum_seconds};
pub use second_times::SecondTimes;
pub use setup_failure::{SetupFailure, SetupFault};
pub use slow_readers::{NeighbourRecord, SlowRecord};
pub use timeline::{
    EchoTimes, EncodedSecond, SecondHistograms, ServiceAndResponse, ThreadTimeline, TimelineRow,
    encode_delay_ns, fill_timeline,
};
pub use upgrade_failure::{AnswerDefect, ForeignAnswer, RefusalField, UpgradeRefusal};

/// Merged record of the whole run. Its stored form has neither timeline nor samples.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Record {
    /// Counts of measured messages.
    pub counts: MessageCounts,
    /// Service times of all messages with a correct echo, in nanoseconds.
    pub service: LatencyHistogram,
    /// Figures of an open loop; `None` in closed loop.
    pub open_loop: Option<Box<OpenLoopRecord>>,
    /// One row per second.
    #[serde(skip)]
    pub timeline: Vec<TimelineRow>,
    /// The samples kept, ordered by send time.
    #[serde(skip)]
    pub samples: Vec<Sample>,
    /// Correct echoes that arrived before the measured phase ended.
    pub in_time: EchoTotals,
    /// Arrival of the last echo, in nanoseconds since T0; 0 without echoes.
    pub last_received_ns: u64,
    /// Total time that messages were in flight, at most the timeout for each, in nanoseconds.
    pub in_flight_ns: u64,
    /// Total time from T0 until each client finished, over all clients, in nanoseconds.
    pub active_ns: u64,
    /// Total time from T0 until the echo of each warm-up message that was in flight at T0, in nanoseconds.
    pub lead_in_ns: u64,
    /// Figures of a scenario; `None` without one.
    pub scenario: Option<Box<ScenarioRecord>>,
    /// Figures of deliveries; `None` without them.
    #[serde(default)]
    pub fan_out: Option<Box<FanOutRecord>>,
    /// Figures of a feed; `None` without one.
    #[serde(default)]
    pub push: Option<Box<PushRecord>>,
    /// Figures of slow readers; `None` without them.
    #[serde(default)]
    pub slow: Option<Box<SlowRecord>>,
    /// Figures of lost connections; `None` when they are not reported.
    #[serde(default)]
    pub reconnect: Option<Box<ReconnectRecord>>,
}

/// Merges a part that not every run has.
fn merge_part<T: Clone>(all: &mut Option<Box<T>>, one: Option<&T>, merge: fn(&mut T, &T)) {
    match (all, one) {
        (Some(all), Some(one)) => merge(all, one),
        (all @ None, Some(one)) => *all = Some(Box::new(one.clone())),
        (_, None) => {}
    }
}

impl Record {
    /// Adds the counts and histograms of another thread. Timeline and samples stay as they are.
    pub fn add(&mut self, thread: &Self) {
        self.counts.add(&thread.counts);
        self.service.merge(&thread.service);
        if let Some(open) = &thread.open_loop {
            self.open_loop.get_or_insert_with(Box::default).merge(open);
        }
        self.in_time.messages += thread.in_time.messages;
        self.in_time.payload_bytes += thread.in_time.payload_bytes;
        self.last_received_ns = self.last_received_ns.max(thread.last_received_ns);
        self.in_flight_ns += thread.in_flight_ns;
        self.active_ns += thread.active_ns;
        self.lead_in_ns += thread.lead_in_ns;
        merge_part(
            &mut self.scenario,
            thread.scenario.as_deref(),
            ScenarioRecord::merge,
        );
        merge_part(
            &mut self.fan_out,
            thread.fan_out.as_deref(),
            FanOutRecord::merge,
        );
        merge_part(&mut self.push, thread.push.as_deref(), PushRecord::merge);
        merge_part(&mut self.slow, thread.slow.as_deref(), SlowRecord::merge);
        merge_part(
            &mut self.reconnect,
            thread.reconnect.as_deref(),
            ReconnectRecord::merge,
        );
    }

    /// Returns true when any message, delivery or message of a feed failed, was duplicated or was reordered. Slow readers
    /// do not count.
    pub fn any_failed(&self) -> bool {
        let fan_out = self.fan_out.as_ref();
        let feed = self.push.as_ref();
        self.counts.any_failed()
            || fan_out.is_some_and(|own| own.counts.any_failed())
            || feed.is_some_and(|own| own.missing + own.duplicated + own.reordered > 0)
    }

    /// Response times. In closed loop these are the service times.
    pub fn response(&self) -> &LatencyHistogram {
        self.open_loop
            .as_ref()
            .map_or(&self.service, |open| &open.response)
    }
}

/// Figures of an open loop, in which intended and actual send time differ.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct OpenLoopRecord {
    /// Response times of all messages with a correct echo, in nanoseconds.
    pub response: LatencyHistogram,
    /// Send lags of all messages sent, in nanoseconds: actual minus intended send time.
    pub send_lag: LatencyHistogram,
    /// The generator's own part of the send lag, without waits for window and socket, in nanoseconds.
    pub lateness: LatencyHistogram,
    /// Response times less the generator's own lateness for each message, in nanoseconds.
    pub punctual_response: LatencyHistogram,
    /// Messages sent before the measured phase ended.
    pub sent_in_time: u64,
    /// Intended send time of the last message sent, in nanoseconds since T0.
    pub last_intended_ns: u64,
    /// Actual send time of the last message sent, in nanoseconds since T0.
    pub last_sent_ns: u64,
}

impl OpenLoopRecord {
    fn merge(&mut self, other: &Self) {
        self.response.merge(&other.response);
        self.send_lag.merge(&other.send_lag);
        self.lateness.merge(&other.lateness);
        self.punctual_response.merge(&other.punctual_response);
        self.sent_in_time += other.sent_in_time;
        self.last_intended_ns = self.last_intended_ns.max(other.last_intended_ns);
        self.last_sent_ns = self.last_sent_ns.max(other.last_sent_ns);
    }
}

/// Correct echoes that arrived before the measured phase ended. The throughput is computed from them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EchoTotals {
    /// Number of messages.
    pub messages: u64,
    /// Payload bytes of these messages.
    pub payload_bytes: u64,
}

//! The record of messages: counts, histograms, a timeline and samples.
//!
//! | module | what lives there |
//! |---|---|
//! | `recorder` | [`Recorder`]: counts and times of one generator thread; merged without loss into a [`Record`] |
//! | `counts` | [`MessageCounts`] |
//! | `difference` | [`Difference`]: how corrupted echoes differ from what was sent |
//! | `histogram` | [`LatencyHistogram`]: HDR, with exact minimum, maximum, mean and deviation |
//! | `timeline` | the same, second by second |
//! | `sample` | [`Sample`]: one message's record, with its [`Outcome`]: `ok`, `timed_out` (a late echo), `lost`, … |
//! | `sampling` | [`BottomK`]: a uniform choice among millions |
//! | `connect_failure` | [`ConnectFailure`]: reason why a connection did not open |
//! | `upgrade_failure` | its answers to the upgrade: [`UpgradeRefusal`], [`ForeignAnswer`], [`AnswerDefect`] |

mod connect_failure;
mod counts;
mod difference;
mod histogram;
mod recorder;
mod sample;
mod sampling;
mod timeline;
mod upgrade_failure;

pub use connect_failure::{CertificateDefect, ClientCertificateDefect, ConnectFailure, IoFailure};
pub use counts::MessageCounts;
pub use difference::{Difference, DifferenceKind, escape, escape_beginning};
pub use histogram::{HIGHEST_TRACKABLE_NS, LatencyHistogram, SIGNIFICANT_DIGITS, log_bounds};
pub use recorder::Recorder;
pub use sample::{Outcome, Sample, message_hash, messages_identified_by};
pub use sampling::{BottomK, ThreadSamples};
pub use timeline::{
    EchoTimes, SecondHistograms, ServiceAndResponse, ThreadTimeline, TimelineRow, fill_timeline,
};
pub use upgrade_failure::{AnswerDefect, ForeignAnswer, RefusalField, UpgradeRefusal};

/// The whole run's record.
#[derive(Debug, Clone, Default)]
pub struct Record {
    /// Counts of measured messages.
    pub counts: MessageCounts,
    /// Service times of all messages whose right echo came, in nanoseconds.
    pub service: LatencyHistogram,
    /// What only an open loop has; `None` in closed loop.
    pub open_loop: Option<Box<OpenLoopRecord>>,
    /// One row for each second.
    pub timeline: Vec<TimelineRow>,
    /// The samples kept, ordered by send time.
    pub samples: Vec<Sample>,
    /// Right echoes that came before the measured phase ended.
    pub in_time: EchoTotals,
    /// When the last echo came, in nanoseconds since T0; 0 when none did.
    pub last_received_ns: u64,
    /// Time that all messages were in flight, each at most until it was given up, in nanoseconds.
    pub in_flight_ns: u64,
    /// Time from T0 until each client was done, over all clients, in nanoseconds.
    pub active_ns: u64,
}

impl Record {
    /// Adds another thread's counts and histograms; timeline and samples are left as they are.
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
    }

    /// Response times, which in closed loop are the service times.
    pub fn response(&self) -> &LatencyHistogram {
        self.open_loop
            .as_ref()
            .map_or(&self.service, |open| &open.response)
    }
}

/// What only an open loop has, because there a message is not due when it is sent.
#[derive(Debug, Clone, Default)]
pub struct OpenLoopRecord {
    /// Response times of all messages whose right echo came, in nanoseconds.
    pub response: LatencyHistogram,
    /// Send lags of all messages sent, in nanoseconds: actual minus intended send time.
    pub send_lag: LatencyHistogram,
    /// Part of it that was the generator's own, in nanoseconds: without waits for window and socket.
    pub lateness: LatencyHistogram,
    /// Response times without the lateness of their messages, in nanoseconds.
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

/// Right echoes that came before the measured phase ended: what throughput is made of.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct EchoTotals {
    /// Messages.
    pub messages: u64,
    /// Their payload bytes.
    pub payload_bytes: u64,
}

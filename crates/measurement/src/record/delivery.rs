//! Records of single deliveries, and of messages that were delivered.

use serde::{Deserialize, Serialize};

use super::sampling::OfMessage;

/// Outcome of one delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryOutcome {
    /// The first arrival, in time and in order.
    Ok,
    /// The first arrival, in time, but after a later message of the same publisher.
    Reordered,
    /// The first arrival, after the timeout.
    Late,
    /// An arrival after the first.
    Duplicated,
    /// The identity of a message, but something else does not agree.
    Corrupted,
    /// The client should not get the message.
    Unexpected,
    /// Nothing arrived by the end of the drain or within the timeout.
    Missing,
}

impl DeliveryOutcome {
    /// All outcomes.
    pub const ALL: [Self; 7] = [
        Self::Ok,
        Self::Reordered,
        Self::Late,
        Self::Duplicated,
        Self::Corrupted,
        Self::Unexpected,
        Self::Missing,
    ];

    /// The word used in files: `ok`, `reordered`, `late`, `duplicated`, `corrupted`, `unexpected`, `missing`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Reordered => "reordered",
            Self::Late => "late",
            Self::Duplicated => "duplicated",
            Self::Corrupted => "corrupted",
            Self::Unexpected => "unexpected",
            Self::Missing => "missing",
        }
    }
}

/// One delivery of a measured message. Times are nanoseconds since T0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeliverySample {
    /// Client that sent the message.
    pub publisher: u32,
    /// Number of the message within its publisher.
    pub message: u64,
    /// Client that received it.
    pub subscriber: u32,
    /// Outcome.
    pub outcome: DeliveryOutcome,
    /// Intended send time.
    pub intended_ns: u64,
    /// Send time.
    pub sent_ns: u64,
    /// Arrival; 0 when nothing arrived.
    pub received_ns: u64,
}

impl DeliverySample {
    /// Arrival minus send time, in nanoseconds; `None` when nothing arrived.
    pub fn delivery_time_ns(&self) -> Option<u64> {
        (self.outcome != DeliveryOutcome::Missing)
            .then(|| self.received_ns.saturating_sub(self.sent_ns))
    }

    /// Arrival minus intended send time, in nanoseconds; `None` when nothing arrived.
    pub fn response_time_ns(&self) -> Option<u64> {
        (self.outcome != DeliveryOutcome::Missing)
            .then(|| self.received_ns.saturating_sub(self.intended_ns))
    }
}

impl OfMessage for DeliverySample {
    fn message_key(&self) -> (u32, u64) {
        (self.publisher, self.message)
    }

    fn place_in_message(&self) -> (u32, u64) {
        let outcome = self.outcome as u64;
        (self.subscriber, self.received_ns << 3 | outcome)
    }

    fn sent_ns(&self) -> u64 {
        self.sent_ns
    }
}

/// A message that reached all of its receivers. Delivery times count from the send time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CompleteMessage {
    /// Intended send time in nanoseconds since T0. In closed loop, the send time.
    pub intended_ns: u64,
    /// Send time in nanoseconds since T0.
    pub sent_ns: u64,
    /// Delivery time of the first receiver, in nanoseconds.
    pub first_ns: u64,
    /// Delivery time of the median receiver, the lower one of two, in nanoseconds.
    pub median_ns: u64,
    /// Delivery time of the last receiver, in nanoseconds.
    pub last_ns: u64,
}

/// Deliveries of one measured message. Times are nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublicationSample {
    /// Client that sent the message.
    pub client: u32,
    /// Number of the message within its client.
    pub message: u64,
    /// Send time since T0.
    pub sent_ns: u64,
    /// Receivers that should get it.
    pub expected: u32,
    /// Receivers that got it within the timeout.
    pub delivered: u32,
    /// Delivery time of the first receiver; `None` when nobody got it.
    pub first_ns: Option<u64>,
    /// Delivery time of the median one of those that got it, the lower one of two.
    pub median_ns: Option<u64>,
    /// Delivery time of the last one of those that got it.
    pub last_ns: Option<u64>,
}

impl OfMessage for PublicationSample {
    fn message_key(&self) -> (u32, u64) {
        (self.client, self.message)
    }

    fn sent_ns(&self) -> u64 {
        self.sent_ns
    }
}

//! Record of one message.

use std::num::NonZeroU64;

use serde::{Deserialize, Serialize};

/// Outcome of one measured message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The correct echo arrived in time and in order.
    Ok,
    /// The correct echo arrived in time, but after the echo of a later message.
    Reordered,
    /// The correct echo arrived after the timeout.
    TimedOut,
    /// The echo was rejected by verification.
    Corrupted,
    /// The server answered that it refuses the message (`error` of a scenario).
    ErrorReply,
    /// No echo arrived by the end of the drain or of the connection.
    Lost,
    /// The message has no reply, and did not reach all of its receivers within the timeout.
    Incomplete,
}

impl Outcome {
    /// All outcomes in order of increasing severity.
    pub const ALL: [Self; 7] = [
        Self::Ok,
        Self::Reordered,
        Self::TimedOut,
        Self::Corrupted,
        Self::ErrorReply,
        Self::Lost,
        Self::Incomplete,
    ];

    /// The word used in every file: `ok`, `reordered`, `timed_out`, `corrupted`, `error_reply`, `lost`,
    /// `incomplete`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Reordered => "reordered",
            Self::TimedOut => "timed_out",
            Self::Corrupted => "corrupted",
            Self::ErrorReply => "error_reply",
            Self::Lost => "lost",
            Self::Incomplete => "incomplete",
        }
    }

    /// Returns true when the message counts in the latency figures: the correct echo arrived, in time or late.
    pub fn is_timed(self) -> bool {
        matches!(self, Self::Ok | Self::Reordered | Self::TimedOut)
    }

    /// Returns true when no correct echo arrived in time: lost, refused, corrupted, timed out, or not delivered to all.
    pub fn is_failure(self) -> bool {
        !matches!(self, Self::Ok | Self::Reordered)
    }

    /// Returns true when nothing ended the message.
    fn is_unanswered(self) -> bool {
        matches!(self, Self::Lost | Self::Incomplete)
    }
}

/// One measured message. Times are nanoseconds since T0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sample {
    /// Client that sent the message, from 0.
    pub client: u32,
    /// Outcome of the message.
    pub outcome: Outcome,
    /// Number of the message within its client, from 0.
    pub message: u64,
    /// Intended send time. In closed loop, the actual send time.
    pub intended_ns: u64,
    /// Send time, read just before the write that contains the message.
    pub sent_ns: u64,
    /// Time at which the echo was complete; undefined for a lost message.
    received_ns: u64,
    /// A stop of the generator occurred while the message was in flight.
    pub over_stop: bool,
    /// Index of the message's kind in its scenario; 0 without one.
    pub kind: u16,
    /// Time from sent to the first part of the reply, in nanoseconds; `None` without parts, and in a run that was read
    /// from a file.
    pub first_part_ns: Option<NonZeroU64>,
}

impl Sample {
    /// A message whose echo, correct or not, was complete at `received_ns`.
    pub fn echoed(
        client: u32,
        message: u64,
        intended_ns: u64,
        sent_ns: u64,
        received_ns: u64,
        outcome: Outcome,
    ) -> Self {
        Self {
            client,
            outcome,
            message,
            intended_ns,
            sent_ns,
            received_ns,
            over_stop: false,
            kind: 0,
            first_part_ns: None,
        }
    }

    /// A message whose echo never arrived.
    pub fn lost(client: u32, message: u64, intended_ns: u64, sent_ns: u64) -> Self {
        Self::echoed(client, message, intended_ns, sent_ns, 0, Outcome::Lost)
    }

    /// Time at which the echo was complete; `None` for a message without one.
    pub fn received_ns(&self) -> Option<u64> {
        (!self.outcome.is_unanswered()).then_some(self.received_ns)
    }

    /// Service time, received minus sent, in nanoseconds; `None` for a lost message.
    pub fn service_time_ns(&self) -> Option<u64> {
        Some(self.received_ns()?.saturating_sub(self.sent_ns))
    }

    /// Response time, received minus intended, in nanoseconds; free of coordinated omission. `None` for a lost message.
    pub fn response_time_ns(&self) -> Option<u64> {
        Some(self.received_ns()?.saturating_sub(self.intended_ns))
    }
}

/// Number of messages of a client that the last `digits` hexadecimal digits of the identity can distinguish. At most
/// ten digits are used for the message number.
#[inline]
pub fn messages_identified_by(digits: u64) -> u64 {
    1 << (4 * digits.min(10))
}

/// A random number for one message of one run, the same in every thread.
///
/// The finalizer of SplitMix64 (Steele, Lea, Flood, "Fast Splittable Pseudorandom Number
/// Generators", OOPSLA'14) over seed, client and message.
#[inline]
pub fn message_hash(seed: u64, client: u32, message: u64) -> u64 {
    const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;
    let mix = |mut z: u64| {
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    };
    let of_client = mix(seed.wrapping_add(GOLDEN.wrapping_mul(u64::from(client) + 1)));
    mix(of_client.wrapping_add(GOLDEN.wrapping_mul(message.wrapping_add(1))))
}

/// A random number from 0, included, to 1, excluded, by [`message_hash`].
pub fn unit_interval(seed: u64, client: u32, message: u64) -> f64 {
    (message_hash(seed, client, message) >> 11) as f64 / (1_u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_lost_message_has_no_time() {
        let lost = Sample::lost(1, 2, 3, 4);
        assert_eq!((lost.received_ns(), lost.service_time_ns()), (None, None));
        assert_eq!(Outcome::Lost.name(), "lost");
        assert!(!Outcome::Corrupted.is_timed() && Outcome::TimedOut.is_timed());
    }

    proptest! {
        #[test]
        fn response_time_counts_from_the_intention(intended in 0..1000_u64, lag in 0..1000_u64, service in 0..1000_u64) {
            let s = Sample::echoed(0, 0, intended, intended + lag, intended + lag + service, Outcome::Ok);
            prop_assert_eq!(s.service_time_ns(), Some(service));
            prop_assert_eq!(s.response_time_ns(), Some(lag + service));
        }
    }
}

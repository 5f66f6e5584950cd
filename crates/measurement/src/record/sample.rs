//! One message's record.

use serde::{Deserialize, Serialize};

/// How one measured message ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The right echo came in time and in order.
    Ok,
    /// The right echo came in time, but after the echo of a later message.
    Reordered,
    /// The right echo came, later than the timeout.
    TimedOut,
    /// An echo came that verification rejects.
    Corrupted,
    /// No echo by the end of the drain, or the connection ended first.
    Lost,
}

impl Outcome {
    /// Every outcome, in order of rising severity.
    pub const ALL: [Self; 5] = [
        Self::Ok,
        Self::Reordered,
        Self::TimedOut,
        Self::Corrupted,
        Self::Lost,
    ];

    /// The word used in every file: `ok`, `reordered`, `timed_out`, `corrupted`, `lost`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Reordered => "reordered",
            Self::TimedOut => "timed_out",
            Self::Corrupted => "corrupted",
            Self::Lost => "lost",
        }
    }

    /// Whether its time belongs in the latency figures: the right echo came, however late.
    pub fn is_timed(self) -> bool {
        matches!(self, Self::Ok | Self::Reordered | Self::TimedOut)
    }

    /// Whether the message got no right echo in time: lost, corrupted or timed out.
    pub fn is_failure(self) -> bool {
        matches!(self, Self::TimedOut | Self::Corrupted | Self::Lost)
    }
}

/// One measured message. Times are nanoseconds since T0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sample {
    /// Client that sent it, from 0.
    pub client: u32,
    /// How it ended.
    pub outcome: Outcome,
    /// Number of the message within its client, from 0.
    pub message: u64,
    /// When the plan says it was due; in closed loop, when it was sent.
    pub intended_ns: u64,
    /// Read just before the write that carried it.
    pub sent_ns: u64,
    /// When its echo was complete; meaningless for a lost message.
    received_ns: u64,
    /// The generator stood still while it was in flight.
    pub over_stop: bool,
}

impl Sample {
    /// A message whose echo, right or wrong, was complete at `received_ns`.
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
        }
    }

    /// A message whose echo never came.
    pub fn lost(client: u32, message: u64, intended_ns: u64, sent_ns: u64) -> Self {
        Self::echoed(client, message, intended_ns, sent_ns, 0, Outcome::Lost)
    }

    /// When its echo was complete; `None` for a lost message.
    pub fn received_ns(&self) -> Option<u64> {
        (self.outcome != Outcome::Lost).then_some(self.received_ns)
    }

    /// Received minus sent, in nanoseconds; `None` for a lost message.
    pub fn service_time_ns(&self) -> Option<u64> {
        Some(self.received_ns()?.saturating_sub(self.sent_ns))
    }

    /// Received minus intended, in nanoseconds: free of coordinated omission; `None` for a lost message.
    pub fn response_time_ns(&self) -> Option<u64> {
        Some(self.received_ns()?.saturating_sub(self.intended_ns))
    }
}

/// Number of a client's messages that the last hexadecimal digits of their identities tell apart. Ten digits number the
/// messages.
#[inline]
pub fn messages_identified_by(digits: u64) -> u64 {
    1 << (4 * digits.min(10))
}

/// A random number that belongs to one message of one run: the same whichever thread asks.
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

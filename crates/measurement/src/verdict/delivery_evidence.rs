//! Deliveries, feeds and slow readers on which a verdict is based.

/// Deliveries on which a verdict is based.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct FanOutEvidence {
    /// Messages published.
    pub published: u64,
    /// Deliveries that should have come.
    pub expected: u64,
    /// First arrivals within the timeout.
    pub delivered: u64,
    /// Deliveries to the senders of the messages, among `delivered`.
    pub own_copies: u64,
    /// Messages that reached all of their receivers.
    pub complete: u64,
    /// Deliveries to clients that should not get the message.
    pub misdirected: u64,
    /// Deliveries per second of the measured phase.
    pub deliveries_per_s: f64,
    /// Receivers that got nothing at all.
    pub unreached: u64,
    /// The first of these receivers.
    pub unreached_clients: Vec<u32>,
    /// Share of deliveries, or of last deliveries, that waited for a delayed acknowledgement; `None` when too few did.
    pub delayed_share: Option<f64>,
    /// Share of messages whose last receivers waited for the rest of a delayed acknowledgement, while half of them did not
    /// wait; `None` when too few did.
    pub delayed_last_share: Option<f64>,
}

/// Messages that the server sent on its own, on which a verdict is based.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PushEvidence {
    /// Messages that arrived.
    pub received: u64,
    /// Least difference by which the server's clock is ahead of the generator's, in nanoseconds; `None` when no message
    /// says that it is.
    pub clock_ahead_ns: Option<u64>,
}

/// Slow readers on which a verdict is based. Figures are averages over them, in bytes, since they turned slow.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct SlowEvidence {
    /// Bytes that the server had to send to one of them.
    pub sent_bytes: f64,
    /// Bytes that one of them read.
    pub read_bytes: f64,
    /// Slow readers that the server disconnected.
    pub closed: u64,
}

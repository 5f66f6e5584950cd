//! Openings of connections on which a verdict is based.

/// Openings of connections on which a verdict is based.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ConnectionEvidence {
    /// Openings that were due at times of their own; `None` when each is due when it is begun.
    pub due: Option<OpeningEvidence>,
    /// True when a connect rate set the due times; otherwise the ends of earlier connections did.
    pub has_rate: bool,
    /// Attempts to open lost connections again; `None` without any.
    pub again: Option<OpeningEvidence>,
    /// Number of these attempts.
    pub attempts: u64,
    /// Number of attempts that the generator's machine could not make.
    pub own_failed: u64,
}

/// Punctuality of openings.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct OpeningEvidence {
    /// Connections opened.
    pub opened: u64,
    /// The 99th percentile of actual minus intended start, in nanoseconds.
    pub lateness_p99_ns: u64,
    /// The 99th percentile of the time from the intended start until the connection was open, in nanoseconds.
    pub response_p99_ns: u64,
}

impl OpeningEvidence {
    /// Share of the response time's p99 that is lateness.
    pub fn share(&self) -> f64 {
        self.lateness_p99_ns as f64 / self.response_p99_ns.max(1) as f64
    }
}

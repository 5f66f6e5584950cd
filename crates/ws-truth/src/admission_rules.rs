//! Rules of a server that limits handshakes, as plain data.

use std::time::Duration;

/// Rules of a server that echoes messages and limits handshakes. The default answers each handshake at once.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct AdmissionRules {
    /// Limit on handshakes; `None` = no limit.
    pub(crate) limit: Option<HandshakeLimit>,
    /// Restart of the server; `None` = never.
    pub(crate) restart: Option<ServerRestart>,
    /// Time after the first message from which on messages are not answered, on connections opened before the first loss;
    /// `None` = all are answered.
    pub(crate) silent_after: Option<Duration>,
    /// Time from the answer to a handshake to a greeting; `None` = no greeting.
    pub(crate) greeting_after: Option<Duration>,
    /// Time after the first message at which each connection gets a ping, and each that sent nothing a message; `None` =
    /// never.
    pub(crate) ping_after: Option<Duration>,
}

/// Limit on the handshakes that are answered with 101. Handshake k, from 1, is answered no earlier than k/A after the
/// begin, with A of them per second.
#[derive(Debug, Clone, Copy)]
pub(crate) struct HandshakeLimit {
    pub(crate) per_second: f64,
    pub(crate) begin: LimitBegin,
    pub(crate) excess: ExcessHandshakes,
}

/// Begin of a limit on handshakes. Earlier handshakes are answered at once and do not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LimitBegin {
    /// The first request.
    FirstRequest,
    /// The first connection that its client ends.
    FirstLoss,
}

/// Treatment of handshakes that come too early.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ExcessHandshakes {
    /// Handshakes wait, in order of arrival.
    Wait,
    /// Handshakes are refused with 503.
    Refused,
}

/// A restart of the server, which ends all connections.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ServerRestart {
    /// Time of the restart after the first message.
    pub(crate) after: Duration,
    /// Time before the restart from which on messages are not answered.
    pub(crate) silence: Duration,
    /// Code of the close frames that end the connections; `None` = they are reset.
    pub(crate) close_code: Option<u16>,
    /// Time from the restart until the server accepts connections again.
    pub(crate) down_for: Duration,
    /// Treatment of connections meanwhile.
    pub(crate) while_down: RestartPort,
}

/// Port of a server while it restarts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RestartPort {
    /// Nothing listens, so that connections are refused.
    Closed,
    /// Handshakes are refused with 503, as a proxy does.
    Answers503,
}

impl HandshakeLimit {
    /// Number of handshakes that may have been answered this long after the begin.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // A small number of handshakes.
    pub(crate) fn due(&self, since_begin: Duration) -> u64 {
        // A handshake whose time has come counts, however its time was rounded.
        (since_begin.as_secs_f64() * self.per_second + 1e-6) as u64
    }

    /// Time after the begin at which handshake k, from 1, is answered.
    pub(crate) fn time_of(&self, k: u64) -> Duration {
        Duration::from_secs_f64(k as f64 / self.per_second)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn handshake_k_is_due_at_k_over_the_rate_and_not_before() {
        for per_second in [3.0, 40.0, 400.0, 700.0] {
            let limit = HandshakeLimit {
                per_second,
                begin: LimitBegin::FirstLoss,
                excess: ExcessHandshakes::Wait,
            };
            assert_eq!(limit.due(Duration::ZERO), 0);
            for k in 1..2_000 {
                assert_eq!(limit.due(limit.time_of(k)), k);
                let before = limit.time_of(k) - Duration::from_micros(1);
                assert_eq!(limit.due(before), k - 1);
            }
        }
    }
}

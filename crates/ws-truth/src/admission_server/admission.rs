//! Answers to handshakes: at once, after a wait, or 503.

use std::io::Write;
use std::time::Duration;

use super::admitted_connection::AdmittedState;
use super::{AdmissionLoop, nanoseconds};
use crate::admission_log::HandshakeAnswer;
use crate::admission_rules::{ExcessHandshakes, HandshakeLimit, LimitBegin};
use crate::upgrade_request::REFUSAL;

impl AdmissionLoop {
    /// The limit, once it has begun, and its begin.
    fn limit(&self) -> Option<(HandshakeLimit, u64)> {
        let limit = self.rules.limit?;
        let begin_ns = match limit.begin {
            LimitBegin::FirstRequest => self.log.first_request_ns,
            LimitBegin::FirstLoss => self.log.first_loss_ns,
        };
        Some((limit, begin_ns?))
    }

    /// Returns `true` if the limit lets another handshake through now.
    fn has_room(&self) -> bool {
        self.limit().is_none_or(|(limit, begin_ns)| {
            let since = Duration::from_nanos(self.now_ns() - begin_ns);
            limit.due(since) > self.admitted
        })
    }

    /// Time at which a waiting handshake may be answered.
    pub(super) fn next_admission_ns(&self) -> Option<u64> {
        self.waiting.front()?;
        let (limit, begin_ns) = self.limit()?;
        Some(begin_ns + nanoseconds(limit.time_of(self.admitted + 1)))
    }

    /// Answers a request, or lets it wait.
    pub(super) fn answer_request(&mut self, connection: usize) {
        let excess = self.rules.limit.map(|limit| limit.excess);
        if self.answers_503() {
            self.refuse(connection);
        } else if self.waiting.is_empty() && self.has_room() {
            self.admit(connection);
        } else if excess == Some(ExcessHandshakes::Refused) {
            self.refuse(connection);
        } else {
            self.waiting.push_back(connection);
        }
    }

    /// Answers the waiting handshakes that are due.
    pub(super) fn admit_waiting(&mut self) {
        while self.has_room() {
            let Some(connection) = self.waiting.pop_front() else {
                return;
            };
            self.admit(connection);
        }
    }

    fn admit(&mut self, connection: usize) {
        let now_ns = self.now_ns();
        // A client that has given up does not count.
        if self.connections[connection].open() {
            self.log.connections[connection].answer = HandshakeAnswer::Admitted(now_ns);
            if let Some(after) = self.rules.greeting_after {
                let greeting_ns = now_ns + nanoseconds(after);
                self.greetings.push_back((greeting_ns, connection));
            }
            self.admitted += u64::from(self.limit().is_some());
        }
    }

    fn refuse(&mut self, connection: usize) {
        let state = &mut self.connections[connection].state;
        if let AdmittedState::Head(stream, _) = state
            && stream.write_all(REFUSAL).is_ok()
        {
            self.log.connections[connection].answer = HandshakeAnswer::Refused;
        }
        *state = AdmittedState::Ended;
    }
}

//! A restart of the server: silence, the end of all connections, and the time until it accepts new ones.

use std::time::Duration;

use socket2::SockRef;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;

use super::admitted_connection::AdmittedState;
use super::{AdmissionLoop, listen, nanoseconds};
use crate::admission_log::{HandshakeAnswer, LoggedEnd};
use crate::admission_rules::{RestartPort, ServerRestart};

/// The part of a restart that the server has reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RestartPhase {
    Before,
    /// Accepts no connection, since this time.
    Down(u64),
    After,
}

impl AdmissionLoop {
    /// Returns `true` if messages on this connection are not answered now.
    pub(super) fn is_silent(&self, connection: usize) -> bool {
        self.is_near_restart() || self.keeps_silent() && self.is_from_before_loss(connection)
    }

    fn is_near_restart(&self) -> bool {
        let begin = self.rules.restart.and_then(|restart| {
            let after = restart.after.saturating_sub(restart.silence);
            self.after_first_message_ns(after)
        });
        self.restart == RestartPhase::Before && begin.is_some_and(|begin| self.now_ns() >= begin)
    }

    fn keeps_silent(&self) -> bool {
        let begin = self.rules.silent_after;
        let begin = begin.and_then(|after| self.after_first_message_ns(after));
        begin.is_some_and(|begin| self.now_ns() >= begin)
    }

    fn is_from_before_loss(&self, connection: usize) -> bool {
        let answer = self.log.connections[connection].answer;
        let first_loss = self.log.first_loss_ns;
        first_loss.is_none_or(|loss| !matches!(answer, HandshakeAnswer::Admitted(at) if at >= loss))
    }

    /// Returns `true` if handshakes are refused, because the server restarts.
    pub(super) fn answers_503(&self) -> bool {
        let while_down = self.rules.restart.map(|restart| restart.while_down);
        matches!(self.restart, RestartPhase::Down(_)) && while_down == Some(RestartPort::Answers503)
    }

    /// Time of the next step of the restart.
    pub(super) fn next_restart_ns(&self) -> Option<u64> {
        let restart = self.rules.restart?;
        match self.restart {
            RestartPhase::Before => self.after_first_message_ns(restart.after),
            RestartPhase::Down(since_ns) => Some(since_ns + nanoseconds(restart.down_for)),
            RestartPhase::After => None,
        }
    }

    /// Ends all connections when it is time, and accepts new ones again when it is time.
    pub(super) fn restart_if_due(&mut self) {
        let (Some(restart), Some(due_ns)) = (self.rules.restart, self.next_restart_ns()) else {
            return;
        };
        let now_ns = self.now_ns();
        if now_ns < due_ns {
            return;
        }
        if self.restart == RestartPhase::Before {
            self.restart = RestartPhase::Down(now_ns);
            self.log.restart_ns = Some((now_ns, u64::MAX));
            self.end_all(&restart);
        } else if self.is_listening() {
            self.restart = RestartPhase::After;
            self.log.restart_ns = self.log.restart_ns.map(|(down, _)| (down, now_ns));
        }
    }

    fn end_all(&mut self, restart: &ServerRestart) {
        if restart.while_down == RestartPort::Closed {
            // Before the connections, so that no new one is accepted.
            self.listener = None;
        }
        for connection in 0..self.connections.len() {
            if matches!(self.connections[connection].state, AdmittedState::Open(_)) {
                // Messages that have arrived are in the log.
                self.connections[connection].is_ended_by_server = true;
                self.serve(connection);
                self.end_connection(connection, restart.close_code);
            }
        }
    }

    fn end_connection(&mut self, connection: usize, close_code: Option<u16>) {
        let state = &mut self.connections[connection].state;
        let AdmittedState::Open(socket) = state else {
            return;
        };
        self.log.connections[connection].end = Some(LoggedEnd::ByServer);
        if let Some(code) = close_code {
            // The end of the connection is noticed when it is read.
            let _ = socket.close(Some(CloseFrame {
                code: code.into(),
                reason: "restart".into(),
            }));
            let _ = socket.flush();
        } else {
            let reset = SockRef::from(socket.get_ref()).set_linger(Some(Duration::ZERO));
            debug_assert!(reset.is_ok(), "a socket that cannot be reset");
            *state = AdmittedState::Ended;
        }
    }

    /// Opens the port if it is closed. Returns `false` if the system refuses it for now.
    fn is_listening(&mut self) -> bool {
        if self.listener.is_some() {
            return true;
        }
        listen(self.address)
            .and_then(|listener| self.register(listener))
            .is_ok()
    }
}

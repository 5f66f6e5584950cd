//! Lost connections of a thread: opened again by the law, or given up.

use std::collections::HashSet;

use measurement::plan::ReconnectLaw;
use measurement::record::{ConnectFailure, ReconnectRecord};
use measurement::run::ClientRow;

use crate::clock::nanoseconds;
use crate::message::pacing::Pacing;
use crate::returning_client::{ClientPart, ConnectRequest, Loss, ReturningClient};
use crate::thread_state::ThreadState;

/// Time after which a client that is away gives up, where no duration is planned, in nanoseconds.
const GIVE_UP_NS: u64 = 60_000_000_000;

impl ThreadState {
    /// Time after T0 of a time on the thread's clock, in nanoseconds; 0 before.
    pub(crate) fn after_t0(&self, now_ns: u64) -> u64 {
        self.run.map_or(0, |run| now_ns.saturating_sub(run.t0_ns))
    }

    /// Returns true when a connection that is lost at this time is opened again.
    pub(crate) fn may_reopen(&self, now_ns: u64) -> bool {
        self.reconnect_law().is_some() && !self.is_ending(now_ns)
    }

    /// The law by which lost connections are opened again, and the seed of its delays; `None` when clients stay away.
    fn reconnect_law(&self) -> Option<(ReconnectLaw, u64)> {
        let life = self.life.as_ref()?;
        Some((life.connections.reconnect?, life.seed))
    }

    /// Returns true when the measured phase is over, or the run is stopped or closes.
    pub(crate) fn is_ending(&self, now_ns: u64) -> bool {
        self.command.close || self.command.stop || now_ns >= self.run_end_ns()
    }

    /// Plans the next attempt to open a lost connection. The delay counts from `from_ns`. Without a law, the client stays
    /// away.
    pub(crate) fn reopen(&self, returning: Box<ReturningClient>, from_ns: u64) {
        let (Some((law, seed)), Some(loss)) = (self.reconnect_law(), returning.loss) else {
            return self.stay_away(&returning);
        };
        let delay = law.delay(seed, returning.id, returning.losses - 1, loss.failed);
        self.leaving.borrow_mut().push(ConnectRequest {
            intended_ns: Some(from_ns.saturating_add(nanoseconds(delay))),
            ..ConnectRequest::of(returning)
        });
    }

    /// Records a failed attempt to open a lost connection, and plans the next one.
    pub(crate) fn attempt_failed(
        &self,
        mut returning: Box<ReturningClient>,
        failure: &ConnectFailure,
    ) {
        if returning.is_between_steps {
            return self.stay_lost(returning);
        }
        let now_ns = self.clock.now_ns();
        record_reconnect(self, |record| record.failed(self.after_t0(now_ns), failure));
        let is_endless = self.run_end_ns() == u64::MAX;
        if let Some(loss) = &mut returning.loss {
            loss.failed = loss.failed.saturating_add(1);
            let gives_up = is_endless && now_ns >= loss.at_ns.saturating_add(GIVE_UP_NS);
            if gives_up || !self.may_reopen(now_ns) {
                return self.stay_away(&returning);
            }
        }
        self.reopen(returning, now_ns);
    }

    /// Goes on after a replacement that could not be opened: by the law, or without the client.
    pub(crate) fn replacement_failed(&self, mut returning: Box<ReturningClient>) {
        let now_ns = self.clock.now_ns();
        if !self.may_reopen(now_ns) {
            return self.end_unconnected(&returning, false);
        }
        record_reconnect(self, |record| record.not_replaced(self.after_t0(now_ns)));
        returning.losses += 1;
        returning.loss = Some(Loss {
            at_ns: now_ns,
            failed: 0,
        });
        self.reopen(returning, now_ns);
    }

    /// Ends the part of a client that is between two connections when the run is over.
    pub(crate) fn give_up(&self, returning: Box<ReturningClient>) {
        if returning.is_between_steps {
            self.stay_lost(returning);
        } else if returning.is_lost() {
            self.stay_away(&returning);
        } else {
            self.end_unconnected(&returning, false);
        }
    }

    /// Takes the connections that are to be opened again before the next step.
    pub(crate) fn take_lost(&self) -> Vec<ConnectRequest> {
        let mut stats = self.clients.borrow_mut();
        let lost = std::mem::take(&mut stats.lost);
        let clients: HashSet<u32> = lost.iter().map(|request| request.connection).collect();
        let senders = clients.iter().filter_map(|client| self.sender(*client));
        let senders: HashSet<u32> = senders.collect();
        stats.rows.retain(|row| !clients.contains(&row.client));
        let unfinished = &mut stats.unfinished;
        unfinished.retain(|(pacing, _)| !senders.contains(&pacing.sender()));
        stats.reopening += lost.len();
        lost
    }

    /// Leaves a client without a connection whose connection could not be opened again before a step. What it does not send is
    /// unsent. The next attempt is made before the step after it.
    fn stay_lost(&self, returning: Box<ReturningClient>) {
        let mut stats = self.clients.borrow_mut();
        stats.reopening -= 1;
        let pacing = self.sender(returning.id).map(Pacing::unstarted);
        stats
            .unfinished
            .extend(pacing.map(|pacing| (pacing, returning.sent)));
        stats.rows.push(unconnected_row(&returning));
        stats.lost.push(ConnectRequest::of(returning));
    }

    /// Ends the part of a client whose lost connection is not opened again. What it does not send is missed.
    fn stay_away(&self, returning: &ReturningClient) {
        if let Some(loss) = returning.loss {
            // Without a law the client stays away until the end, which is added when the run is over.
            if self.reconnect_law().is_some() {
                let until_ns = self.clock.now_ns().min(self.run_end_ns());
                let away_ns = until_ns.saturating_sub(loss.at_ns);
                record_reconnect(self, |record| record.away_ns += away_ns);
            } else {
                self.clients.borrow_mut().away_from_ns.push(loss.at_ns);
            }
        }
        self.end_unconnected(returning, true);
    }

    /// Ends the part of a client without a connection. `is_missed`: what it does not send is missed, else it is unsent.
    fn end_unconnected(&self, returning: &ReturningClient, is_missed: bool) {
        let is_idle = self.is_idle(returning.id);
        let mut stats = self.clients.borrow_mut();
        let pacing = match returning.part {
            ClientPart::Sending => Some(returning.pacing),
            ClientPart::Waiting if !is_idle => self.unstarted(returning.id),
            // The steps that follow.
            ClientPart::Done if self.run.is_some_and(|run| run.is_step()) => {
                self.sender(returning.id).map(Pacing::unstarted)
            }
            _ => None,
        };
        if let Some(pacing) = pacing {
            let list = if is_missed {
                &mut stats.missed
            } else {
                &mut stats.unfinished
            };
            list.push((pacing, returning.sent));
        }
        match returning.part {
            ClientPart::Sending | ClientPart::Receiving => stats.busy -= 1,
            ClientPart::Waiting if !is_idle => stats.busy -= 1,
            ClientPart::Listening => stats.listening -= 1,
            ClientPart::Waiting | ClientPart::Done => {}
        }
        if !is_idle {
            stats.rows.push(unconnected_row(returning));
        }
        drop(stats);
        if returning.part == ClientPart::Receiving || returning.part == ClientPart::Sending {
            self.end_sending(self.clock.now_ns().min(self.run_end_ns()));
        }
    }

    /// Records what clients missed that stay away after the loss of their connection.
    pub(crate) fn record_missed(&self) {
        let mut stats = self.clients.borrow_mut();
        let missed = std::mem::take(&mut stats.missed);
        let away_from_ns = std::mem::take(&mut stats.away_from_ns);
        drop(stats);
        let end_ns = self.run.map_or(0, |run| run.end_ns).min(self.stopped_ns);
        // A run of a duration may end early, because all clients are away. They miss what is due until its planned end.
        let away_until_ns = match end_ns {
            u64::MAX => self.clock.now_ns(),
            end_ns => end_ns,
        };
        record_reconnect(self, |record| {
            for (pacing, sent) in missed {
                record.missed += pacing.count_unsent(sent, self.stopped_ns, &self.rules, self.run);
            }
            for from_ns in away_from_ns {
                record.away_ns += away_until_ns.saturating_sub(from_ns);
            }
        });
    }
}

/// The row of a client that has no further connection.
fn unconnected_row(returning: &ReturningClient) -> ClientRow {
    ClientRow {
        client: returning.id,
        connect_ns: Some(returning.connect_ns),
        messages: returning.sent,
        failed: returning.failed,
        close_code: returning.close_code,
        ready_ns: returning.ready_ns,
        reconnects: returning.connections - 1,
        ..ClientRow::default()
    }
}

/// Changes the figures of lost connections.
pub(crate) fn record_reconnect(thread: &ThreadState, change: impl FnOnce(&mut ReconnectRecord)) {
    if let Some(record) = thread.recorder.borrow_mut().reconnect.as_deref_mut() {
        change(record);
    }
}

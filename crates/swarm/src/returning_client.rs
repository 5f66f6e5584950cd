//! Clients between two connections, and the connections that are to be opened for them.

use crate::dialogue::client_rooms::CarriedRooms;
use crate::dialogue::feed::ClientFeed;
use crate::message::pacing::Pacing;

/// A connection that is to be opened. Times are on the thread's clock.
#[derive(Debug)]
pub(crate) struct ConnectRequest {
    /// Number of the connection: that of its client, or of an idle connection.
    pub(crate) connection: u32,
    /// Time at which it is due; `None` = when it is begun.
    pub(crate) intended_ns: Option<u64>,
    /// Time from which it could be begun, where that is later: the end of the client's connection before.
    pub(crate) ready_ns: u64,
    /// Time at which it was begun.
    pub(crate) begun_ns: u64,
    /// State of a client that had a connection before.
    pub(crate) returning: Option<Box<ReturningClient>>,
}

impl ConnectRequest {
    /// Request of the first connection of this number.
    pub(crate) fn first(connection: u32, intended_ns: Option<u64>) -> Self {
        Self {
            connection,
            intended_ns,
            ready_ns: 0,
            begun_ns: 0,
            returning: None,
        }
    }

    /// Request of the next connection of a client, due when it is begun.
    pub(crate) fn of(returning: Box<ReturningClient>) -> Self {
        let mut request = Self::first(returning.id, None);
        request.returning = Some(returning);
        request
    }

    /// Due time; 0 = at once.
    pub(crate) fn due_ns(&self) -> u64 {
        self.intended_ns.unwrap_or(0)
    }

    /// Intended time of a connection that was begun.
    pub(crate) fn intended_or_begun_ns(&self) -> u64 {
        self.intended_ns.unwrap_or(self.begun_ns)
    }

    /// Time by which the generator itself began the connection late, in nanoseconds.
    pub(crate) fn lateness_ns(&self) -> u64 {
        let ready_ns = self.intended_or_begun_ns().max(self.ready_ns);
        self.begun_ns.saturating_sub(ready_ns)
    }

    /// The loss that the connection makes up for; `None` for a first connection and for a replacement.
    pub(crate) fn loss(&self) -> Option<Loss> {
        self.returning.as_ref()?.loss
    }
}

/// Loss of a connection that is to be opened again.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Loss {
    /// Time of the loss, on the thread's clock.
    pub(crate) at_ns: u64,
    /// Attempts that have failed since.
    pub(crate) failed: u32,
}

/// State of a client between two connections.
#[derive(Debug)]
pub(crate) struct ReturningClient {
    pub(crate) id: u32,
    pub(crate) part: ClientPart,
    pub(crate) pacing: Pacing,
    pub(crate) sent: u64,
    pub(crate) warmed: u64,
    pub(crate) failed: u64,
    pub(crate) connect_ns: u64,
    pub(crate) ready_ns: Option<u64>,
    pub(crate) close_code: Option<u16>,
    /// Connections so far.
    pub(crate) connections: u64,
    /// Lost connections so far.
    pub(crate) losses: u32,
    pub(crate) loss: Option<Loss>,
    /// The lost connection is opened again before the next step of a load, not by a law.
    pub(crate) is_between_steps: bool,
    /// State in its rooms.
    pub(crate) rooms: CarriedRooms,
    /// The feed of its last connection.
    pub(crate) feed: Option<Box<ClientFeed>>,
}

impl ReturningClient {
    /// Returns true when its connection was lost; otherwise it is replaced by plan.
    pub(crate) fn is_lost(&self) -> bool {
        self.loss.is_some()
    }
}

/// Part of a client in the run while it has no connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ClientPart {
    /// The load has not begun for it.
    Waiting,
    Sending,
    Listening,
    Receiving,
    /// The client has completed its plan.
    Done,
}

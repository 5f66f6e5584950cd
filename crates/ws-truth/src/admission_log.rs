//! Log of a server that limits handshakes, and the figures that follow from it.

use std::collections::{BTreeMap, BTreeSet};

/// Answer to the handshake of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum HandshakeAnswer {
    /// None yet.
    Pending,
    /// 101, at this time.
    Admitted(u64),
    /// 503.
    Refused,
}

/// The end of an open connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LoggedEnd {
    /// Close frame of the client with this code, before any of the server's.
    Closed(u16),
    /// Reset by the client.
    Reset,
    /// End of the TCP connection without a close frame.
    WithoutClose,
    /// Ended by the server.
    ByServer,
}

/// One connection. Times are nanoseconds on the server's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct AdmissionEntry {
    pub(crate) accepted_ns: u64,
    /// Time at which the whole request was there; `None` = never.
    pub(crate) requested_ns: Option<u64>,
    pub(crate) answer: HandshakeAnswer,
    /// Client that sent the first message, by the identity in it.
    pub(crate) client: Option<u32>,
    pub(crate) messages: u64,
    pub(crate) pings: u64,
    pub(crate) pongs: u64,
    pub(crate) end: Option<LoggedEnd>,
}

/// One message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct EchoEntry {
    /// Number of the client, by the identity in the message.
    pub(crate) client: u32,
    /// Number of the message within its client.
    pub(crate) number: u64,
    pub(crate) is_answered: bool,
}

/// The log of one server.
#[derive(Debug, Clone, Default)]
pub(crate) struct AdmissionLog {
    /// One entry per accepted connection, in this order.
    pub(crate) connections: Vec<AdmissionEntry>,
    /// One entry per message, in order of arrival.
    pub(crate) messages: Vec<EchoEntry>,
    /// Time of the first complete request.
    pub(crate) first_request_ns: Option<u64>,
    /// Time at which the server noticed the end of the first connection that its client ended.
    pub(crate) first_loss_ns: Option<u64>,
    /// Time of the restart, and that from which on the server accepted connections again.
    pub(crate) restart_ns: Option<(u64, u64)>,
    /// Share of the server's life that it waited for its core.
    pub(crate) waited_share: Option<f64>,
}

impl AdmissionLog {
    /// Number of complete requests.
    pub(crate) fn requests(&self) -> u64 {
        let requested = |entry: &&AdmissionEntry| entry.requested_ns.is_some();
        self.connections.iter().filter(requested).count() as u64
    }

    /// Number of handshakes that were answered with 503.
    pub(crate) fn refused(&self) -> u64 {
        let refused = |entry: &&AdmissionEntry| entry.answer == HandshakeAnswer::Refused;
        self.connections.iter().filter(refused).count() as u64
    }

    /// Connections that were admitted, in the order in which they were accepted, with the times of the answers.
    pub(crate) fn admitted(&self) -> impl Iterator<Item = (&AdmissionEntry, u64)> {
        self.connections
            .iter()
            .filter_map(|entry| match entry.answer {
                HandshakeAnswer::Admitted(at_ns) => Some((entry, at_ns)),
                _ => None,
            })
    }

    /// Times at which handshakes were admitted since this time, from it and sorted.
    pub(crate) fn admitted_since(&self, begin_ns: u64) -> Vec<u64> {
        let since = self
            .admitted()
            .filter_map(|(_, at)| at.checked_sub(begin_ns));
        let mut since: Vec<_> = since.collect();
        since.sort_unstable();
        since
    }

    /// Times from the arrival of each admitted connection to its answer, sorted.
    pub(crate) fn handshake_times_ns(&self) -> Vec<u64> {
        let times = self.admitted().map(|(entry, at)| at - entry.accepted_ns);
        let mut times: Vec<_> = times.collect();
        times.sort_unstable();
        times
    }

    /// Number of connections that ended like this.
    pub(crate) fn ended(&self, end: LoggedEnd) -> u64 {
        let ended = self.connections.iter().filter(|c| c.end == Some(end));
        ended.count() as u64
    }

    /// Number of messages that were not answered.
    pub(crate) fn unanswered(&self) -> u64 {
        self.messages.iter().filter(|m| !m.is_answered).count() as u64
    }

    /// Number of different messages.
    pub(crate) fn different_messages(&self) -> u64 {
        let different: BTreeSet<_> = self.messages.iter().map(|m| (m.client, m.number)).collect();
        different.len() as u64
    }

    /// Number of clients whose missing messages, of numbers below this one, are not consecutive.
    pub(crate) fn clients_with_scattered_gaps(&self, numbers: u64) -> u64 {
        let mut clients: BTreeMap<u32, BTreeSet<u64>> = BTreeMap::new();
        for message in &self.messages {
            clients
                .entry(message.client)
                .or_default()
                .insert(message.number);
        }
        let is_scattered = |sent: &&BTreeSet<u64>| {
            let mut missing = (0..numbers).filter(|number| !sent.contains(number));
            let first = missing.next();
            first.is_some_and(|first| {
                missing
                    .zip(first + 1..)
                    .any(|(number, next)| number != next)
            })
        };
        clients.values().filter(is_scattered).count() as u64
    }

    /// The admitted connections of each client, in order of their answers.
    pub(crate) fn by_client(&self) -> BTreeMap<u32, Vec<(&AdmissionEntry, u64)>> {
        let mut clients: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for (entry, at_ns) in self.admitted() {
            if let Some(client) = entry.client {
                clients.entry(client).or_default().push((entry, at_ns));
            }
        }
        for connections in clients.values_mut() {
            connections.sort_by_key(|(_, at_ns)| *at_ns);
        }
        clients
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_messages_are_scattered_when_another_one_came_between_them() {
        let log = |numbers: &[&[u64]]| {
            let clients = numbers.iter().zip(0..);
            let messages = clients.flat_map(|(numbers, client)| {
                numbers.iter().map(move |number| EchoEntry {
                    client,
                    number: *number,
                    is_answered: true,
                })
            });
            AdmissionLog {
                messages: messages.collect(),
                ..AdmissionLog::default()
            }
        };
        let log = log(&[&[0, 1, 2, 3, 4], &[0, 3, 4], &[0, 2, 4], &[3], &[0, 1]]);
        // Client 2 lacks 1 and 3, client 3 lacks 0 to 2 and 4.
        assert_eq!(log.clients_with_scattered_gaps(5), 2);
        assert_eq!(log.different_messages(), 14);
    }
}

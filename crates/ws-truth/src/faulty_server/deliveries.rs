//! Deliveries: copies of messages for the receivers of a room, and the ticks of a feed.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio_tungstenite::tungstenite::{Error, Message};

use super::answers::spoil;
use super::{ConnectionState, SPIN, ServerLoop, nanoseconds};
use crate::delivery_log::{BlockedSocket, CopyLogEntry, RoomMessage, TickLogEntry};
use crate::faults::{Fate, FeedFaults, JOIN, JOINED};

/// The bit of a message's number that marks the warm-up.
const WARMUP_BIT: u64 = 1 << 39;

/// Hexadecimal digits of the client and of the message in an identity, behind its tilde.
const IDENTITY_DIGITS: (usize, usize) = (6, 10);

/// The receivers of each room, by path and in the order of joining.
#[derive(Debug, Default)]
pub(super) struct JoinedReceivers {
    of_path: BTreeMap<String, Vec<usize>>,
}

impl JoinedReceivers {
    /// All receivers, ordered by room and then as they joined.
    fn all(&self) -> Vec<usize> {
        self.of_path.values().flatten().copied().collect()
    }
}

/// A delivery that waits for its time.
#[derive(Debug)]
enum DueDelivery {
    /// The copy at this place of a message in the log.
    Copy {
        place: usize,
        copy: usize,
        message: Message,
    },
    /// A tick of the feed.
    Tick {
        tick: u64,
        connection: usize,
        is_repeated: bool,
    },
}

/// Deliveries by due time, and by the order in which they were scheduled.
#[derive(Debug, Default)]
pub(super) struct DeliveryQueue {
    waiting: BTreeMap<(u64, u64), DueDelivery>,
    scheduled: u64,
}

impl DeliveryQueue {
    /// Time of the next delivery.
    pub(super) fn next_ns(&self) -> Option<u64> {
        self.waiting.keys().next().map(|(at_ns, _)| *at_ns)
    }

    fn schedule(&mut self, at_ns: u64, delivery: DueDelivery) {
        self.waiting.insert((at_ns, self.scheduled), delivery);
        self.scheduled += 1;
    }

    /// Removes the next delivery if it is due.
    fn take_due(&mut self, now_ns: u64) -> Option<DueDelivery> {
        let next = self.waiting.first_entry()?;
        (next.key().0 <= now_ns).then(|| next.remove())
    }
}

impl ServerLoop {
    /// Lets the connection join its room, or schedules the copies of its message. A message without an identity is
    /// ignored.
    pub(super) fn deliver(&mut self, connection: usize, message: &Message) {
        if message.to_text().is_ok_and(|text| text == JOIN) {
            self.join(connection);
        } else if let Some(identity) = identity_in(message) {
            self.publish(connection, identity, message);
        }
    }

    fn join(&mut self, connection: usize) {
        let path = self.connections[connection].path.clone();
        let room = self.joined.of_path.entry(path).or_default();
        if !room.contains(&connection) {
            room.push(connection);
        }
        self.write(connection, Message::text(JOINED));
        let receivers = self.joined.all();
        if let Some(feed) = self.faults.feed
            && receivers.len() == feed.receivers
        {
            self.schedule_ticks(&feed, &receivers);
        }
    }

    fn schedule_ticks(&mut self, feed: &FeedFaults, receivers: &[usize]) {
        let begin_ns = self.now_ns() + nanoseconds(feed.begins_after);
        for tick in 0..feed.ticks {
            for (connection, k) in receivers.iter().zip(1..) {
                let fate = feed.fate(tick, k);
                if fate == Fate::Dropped {
                    continue;
                }
                let delivery = DueDelivery::Tick {
                    tick,
                    connection: *connection,
                    is_repeated: fate == Fate::Duplicated,
                };
                let at_ns = begin_ns + nanoseconds(feed.delay(tick, k));
                self.deliveries.schedule(at_ns, delivery);
            }
        }
    }

    /// Logs a message and schedules its copies.
    fn publish(&mut self, connection: usize, (publisher, bits): (u32, u64), message: &Message) {
        let Some(rule) = self.faults.room else {
            return;
        };
        let mut entry = RoomMessage {
            publisher,
            number: bits & !WARMUP_BIT,
            is_warmup: bits & WARMUP_BIT != 0,
            received_ns: self.now_ns(),
            is_held: !self.log.blocked.is_empty(),
            copies: Vec::new(),
        };
        if !entry.is_warmup {
            self.first_ns.get_or_insert(entry.received_ns);
            if rule.returns_to_sender(entry.number) {
                self.log.returned_copies += 1;
                self.write(connection, message.clone());
            }
        }
        let path = &self.connections[connection].path;
        let receivers = self.joined.of_path.get(path).cloned();
        for (connection, k) in receivers.unwrap_or_default().into_iter().zip(1..) {
            if !matches!(self.connections[connection].state, ConnectionState::Open(_)) {
                continue;
            }
            let fate = match entry.is_warmup {
                true => Fate::Echoed,
                false => rule.fate(entry.number, k),
            };
            if fate != Fate::Dropped {
                let delay = rule.delay(fate, k, entry.is_held);
                let delivery = DueDelivery::Copy {
                    place: self.log.room.len(),
                    copy: entry.copies.len(),
                    message: message.clone(),
                };
                let at_ns = entry.received_ns + nanoseconds(delay);
                self.deliveries.schedule(at_ns, delivery);
            }
            entry.copies.push(CopyLogEntry {
                connection,
                fate,
                sent_ns: None,
            });
        }
        self.log.room.push(entry);
    }

    /// Sends what is due, and sleeps or spins in between, up to this time.
    pub(super) fn send_until(&mut self, end_ns: u64) {
        loop {
            self.send_due();
            let now_ns = self.now_ns();
            if now_ns >= end_ns {
                return;
            }
            let next_ns = self
                .deliveries
                .next_ns()
                .map_or(end_ns, |at| at.min(end_ns));
            let wait = Duration::from_nanos(next_ns.saturating_sub(now_ns));
            std::thread::sleep(wait.saturating_sub(SPIN));
        }
    }

    /// Sends what is due.
    pub(super) fn send_due(&mut self) {
        while let Some(delivery) = self.deliveries.take_due(self.now_ns()) {
            match delivery {
                DueDelivery::Copy {
                    place,
                    copy,
                    message,
                } => self.send_copy(place, copy, message),
                DueDelivery::Tick {
                    tick,
                    connection,
                    is_repeated,
                } => {
                    for _ in 0..=u8::from(is_repeated) {
                        self.send_tick(tick, connection);
                    }
                }
            }
        }
    }

    fn send_copy(&mut self, place: usize, copy: usize, message: Message) {
        let sent_ns = self.now_ns();
        let entry = self.log.room.get_mut(place);
        let Some(entry) = entry.and_then(|entry| entry.copies.get_mut(copy)) else {
            return;
        };
        let CopyLogEntry {
            connection, fate, ..
        } = *entry;
        let ConnectionState::Open(_) = self.connections[connection].state else {
            return;
        };
        entry.sent_ns = Some(sent_ns);
        let message = spoil(message, fate);
        let again = (fate == Fate::Duplicated).then(|| message.clone());
        for message in [Some(message), again].into_iter().flatten() {
            self.write(connection, message);
        }
    }

    fn send_tick(&mut self, tick: u64, connection: usize) {
        let sent_ns = self.now_ns();
        self.first_ns.get_or_insert(sent_ns);
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH);
        let stamp = since_epoch.unwrap_or_default() - FeedFaults::STAMP_AGE;
        let text = format!("{{\"seq\": {tick}, \"ts\": {}}}", stamp.as_nanos());
        self.log.ticks.push(TickLogEntry {
            tick,
            connection,
            sent_ns,
        });
        self.write(connection, Message::text(text));
    }

    /// Writes a message. tungstenite keeps bytes that do not fit until the socket takes them.
    fn write(&mut self, connection: usize, message: Message) {
        let now_ns = self.now_ns();
        let peer = &mut self.connections[connection];
        let ConnectionState::Open(socket) = &mut peer.state else {
            return;
        };
        match socket.write(message).and_then(|()| socket.flush()) {
            Ok(()) => {}
            Err(Error::Io(e)) if e.kind() == ErrorKind::WouldBlock => {
                let blocked = &mut self.log.blocked;
                if blocked.iter().all(|b| b.connection != connection) {
                    blocked.push(BlockedSocket {
                        connection,
                        since_ns: now_ns,
                        taken_bytes: 0,
                    });
                }
            }
            Err(_) => peer.end(),
        }
        let mut blocked = self.log.blocked.iter_mut();
        if let Some(blocked) = blocked.find(|blocked| blocked.connection == connection) {
            blocked.taken_bytes = self.connections[connection].taken_bytes();
        }
    }
}

/// Client and number of the identity at the beginning of a message.
fn identity_in(message: &Message) -> Option<(u32, u64)> {
    let text = message.to_text().ok()?.strip_prefix('~')?;
    let (client, rest) = text.split_at_checked(IDENTITY_DIGITS.0)?;
    let number = rest.get(..IDENTITY_DIGITS.1)?;
    let client = u32::from_str_radix(client, 16).ok()?;
    Some((client, u64::from_str_radix(number, 16).ok()?))
}

//! The answers to messages: late, changed, twice, or never.

use std::io::Write;

use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::{Error, Message};

use super::{ConnectionState, ServerLoop, nanoseconds};
use crate::fault_log::FaultLogEntry;
use crate::faults::{ACKNOWLEDGEMENT, CallAnswer, Fate, PREFIX, Selection};

/// Text of the server's own messages.
const PUSHED: &str = "tick";

impl ServerLoop {
    /// Logs a message and answers it, now or later.
    pub(super) fn handle(&mut self, connection: usize, message: Message) -> Result<(), Error> {
        let received_ns = self.now_ns();
        self.first_ns.get_or_insert(received_ns);
        let place = self.log.entries.len();
        let number = self.connections[connection].messages;
        self.connections[connection].messages += 1;
        let mut fate = self.faults.fate(place as u64);
        self.push(connection, number, place as u64);
        let faults = &self.faults;
        let peer = &mut self.connections[connection];
        if let ConnectionState::Open(socket) = &mut peer.state {
            if let Some((_, code)) = faults.close_at.filter(|(at, _)| *at == number) {
                fate = Fate::Dropped;
                socket.close(Some(CloseFrame {
                    code: code.into(),
                    reason: faults.close_reason.into(),
                }))?;
                let _ = socket.flush();
            } else if faults.half_frame_at == Some(number) {
                peer.silent = true;
                // The head of 100 bytes, and half of them.
                let half = [&[0x81, 100][..], &[b'x'; 50]].concat();
                socket.get_mut().write_all(&half)?;
            } else if faults.mask_at == Some(number) {
                fate = Fate::Dropped;
                socket
                    .get_mut()
                    .write_all(&[0x81, 0x81, 0, 0, 0, 0, b'x'])?;
            }
        }
        if peer.silent {
            fate = Fate::Dropped;
        }
        let call = message.to_text().ok().filter(|_| faults.calls);
        let call = call.and_then(CallAnswer::to);
        let fate = call.as_ref().map_or(fate, |call| call.fate);
        self.log.entries.push(FaultLogEntry {
            connection,
            looked_ns: self.looked_ns.0,
            received_ns,
            answered_ns: None,
            fate,
        });
        if let Some(call) = call.filter(|_| fate != Fate::Dropped) {
            let at_ns = received_ns + nanoseconds(call.delay);
            self.delayed
                .insert((at_ns, place), Message::text(call.text));
            return Ok(());
        }
        match self.faults.delay {
            _ if fate == Fate::Dropped => {}
            Some(law) => {
                let at_ns = received_ns + nanoseconds(law.delay(place as u64));
                self.delayed.insert((at_ns, place), message);
            }
            None => self.answer(place, message),
        }
        Ok(())
    }

    /// Sends the server's own messages on the arrival of message `number` of a connection, which is message `place` of
    /// all.
    fn push(&mut self, connection: usize, number: u64, place: u64) {
        let faults = &self.faults;
        let is_chosen = |by: Option<Selection>| by.is_some_and(|s| s.includes(place, faults.seed));
        let pushes = [
            is_chosen(faults.push_text).then(|| Message::text(PUSHED)),
            is_chosen(faults.push_binary).then(|| Message::binary(PUSHED.as_bytes())),
            faults
                .late_greeting
                .filter(|_| number == 0)
                .map(Message::text),
        ];
        if let ConnectionState::Open(socket) = &mut self.connections[connection].state {
            for push in pushes.into_iter().flatten() {
                self.log.pushed += 1;
                let _ = socket.send(push);
            }
        }
    }

    /// Sends the answer that belongs to the message's fate.
    pub(super) fn answer(&mut self, place: usize, message: Message) {
        let answered_ns = self.now_ns();
        let Some(entry) = self.log.entries.get_mut(place) else {
            return;
        };
        let peer = &mut self.connections[entry.connection];
        if entry.fate == Fate::Reordered {
            if peer.held.is_none() {
                // It counts as not answered until another message has overtaken it.
                entry.fate = Fate::Dropped;
                peer.held = Some((place, message));
                return;
            }
            entry.fate = Fate::Echoed;
        }
        let changed = if self.faults.calls {
            message
        } else {
            spoil(message, entry.fate)
        };
        entry.answered_ns = Some(answered_ns);
        let again = (entry.fate == Fate::Duplicated).then(|| changed.clone());
        let held = peer.held.take();
        if let Some((place, _)) = held {
            self.log.entries[place].fate = Fate::Reordered;
            self.log.entries[place].answered_ns = Some(answered_ns);
        }
        if let ConnectionState::Open(socket) = &mut peer.state {
            let all = [Some(changed), again, held.map(|(_, m)| m)];
            for message in all.into_iter().flatten() {
                // tungstenite keeps bytes that do not fit until the socket takes them.
                let _ = socket.write(message);
            }
            let _ = socket.flush();
        }
    }
}

/// The answer to a message with this fate.
pub(super) fn spoil(message: Message, fate: Fate) -> Message {
    match fate {
        Fate::Corrupted => change(&message, |bytes| {
            if let Some(last) = bytes.last_mut() {
                *last ^= 1;
            }
        }),
        Fate::Truncated => change(&message, |bytes| {
            bytes.pop();
        }),
        Fate::Prefixed => change(&message, |bytes| {
            bytes.splice(..0, PREFIX.bytes());
        }),
        Fate::Replaced => change(&message, |bytes| {
            *bytes = ACKNOWLEDGEMENT.into();
        }),
        Fate::Retyped if message.is_text() => Message::binary(message.into_data()),
        Fate::Retyped => Message::text(String::from_utf8_lossy(&message.into_data()).into_owned()),
        Fate::Echoed | Fate::Dropped | Fate::Duplicated | Fate::Reordered | Fate::Refused => {
            message
        }
    }
}

/// A copy of the message with its payload changed and its type kept.
fn change(message: &Message, edit: impl FnOnce(&mut Vec<u8>)) -> Message {
    let is_text = message.is_text();
    let mut bytes = message.clone().into_data().to_vec();
    edit(&mut bytes);
    match String::from_utf8(bytes) {
        Ok(text) if is_text => Message::text(text),
        Ok(text) => Message::binary(text.into_bytes()),
        Err(error) => Message::binary(error.into_bytes()),
    }
}

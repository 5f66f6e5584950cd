//! What becomes of a message: sent back, late, changed, twice, or never.

use std::cmp::Reverse;
use std::io::Write;

use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::{Error, Message};

use super::{Loop, State, nanoseconds};
use crate::faults::Did;
use crate::log::Entry;

impl Loop {
    /// A message came: what becomes of it?
    pub(super) fn take(&mut self, connection: usize, message: Message) -> Result<(), Error> {
        let received_ns = self.now_ns();
        self.first_ns.get_or_insert(received_ns);
        let place = self.log.entries.len();
        let number = self.connections[connection].messages;
        self.connections[connection].messages += 1;
        let mut did = self.faults.fate(place as u64);
        let faults = &self.faults;
        let peer = &mut self.connections[connection];
        if let State::Open(socket) = &mut peer.state {
            if let Some((_, code)) = faults.close_at.filter(|(at, _)| *at == number) {
                did = Did::Dropped;
                socket.close(Some(CloseFrame {
                    code: code.into(),
                    reason: "".into(),
                }))?;
                let _ = socket.flush();
            } else if faults.half_frame_at == Some(number) {
                peer.silent = true;
                // The head of 100 bytes, and half of them.
                let half = [&[0x81, 100][..], &[b'x'; 50]].concat();
                socket.get_mut().write_all(&half)?;
            } else if faults.mask_at == Some(number) {
                did = Did::Dropped;
                socket
                    .get_mut()
                    .write_all(&[0x81, 0x81, 0, 0, 0, 0, b'x'])?;
            }
        }
        if peer.silent {
            did = Did::Dropped;
        }
        self.log.entries.push(Entry {
            connection,
            number,
            received_ns,
            answered_ns: None,
            did,
        });
        match self.faults.delay {
            _ if did == Did::Dropped => {}
            Some(law) => {
                let at_ns = received_ns + nanoseconds(law.delay(place as u64));
                self.later.push(Reverse((at_ns, place)));
                self.waiting.insert(place, message);
            }
            None => self.answer(place, message),
        }
        Ok(())
    }

    /// Sends what is to be sent for a message.
    pub(super) fn answer(&mut self, place: usize, message: Message) {
        let answered_ns = self.now_ns();
        let Some(entry) = self.log.entries.get_mut(place) else {
            return;
        };
        let peer = &mut self.connections[entry.connection];
        if entry.did == Did::Reordered {
            if peer.held.is_none() {
                // Until another has overtaken it, it is one that was not answered.
                entry.did = Did::Dropped;
                peer.held = Some((place, message));
                return;
            }
            entry.did = Did::Echoed;
        }
        let changed = match entry.did {
            Did::Corrupted => change(&message, |bytes| {
                if let Some(last) = bytes.last_mut() {
                    *last ^= 1;
                }
            }),
            Did::Truncated => change(&message, |bytes| {
                bytes.pop();
            }),
            _ => message,
        };
        entry.answered_ns = Some(answered_ns);
        let again = (entry.did == Did::Duplicated).then(|| changed.clone());
        let held = peer.held.take();
        if let Some((place, _)) = held {
            self.log.entries[place].did = Did::Reordered;
            self.log.entries[place].answered_ns = Some(answered_ns);
        }
        if let State::Open(socket) = &mut peer.state {
            let all = [Some(changed), again, held.map(|(_, m)| m)];
            for message in all.into_iter().flatten() {
                // What does not fit stays with tungstenite until the socket takes it.
                let _ = socket.write(message);
            }
            let _ = socket.flush();
        }
    }
}

/// The message with its payload changed; its type stays.
fn change(message: &Message, how: impl FnOnce(&mut Vec<u8>)) -> Message {
    let is_text = message.is_text();
    let mut bytes = message.clone().into_data().to_vec();
    how(&mut bytes);
    match String::from_utf8(bytes) {
        Ok(text) if is_text => Message::text(text),
        Ok(text) => Message::binary(text.into_bytes()),
        Err(error) => Message::binary(error.into_bytes()),
    }
}

//! Conformance before timing: a server that does not echo right has nothing to win.

use std::fmt;
use std::time::Duration;

use cli::in_one_line;
use swarm::control::Control;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::Frame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{CloseCode, Data, OpCode};
use tokio_tungstenite::tungstenite::{self, Message};

use crate::server::ws_client::{Address, Peer, PeerError};

/// The large message.
const LARGE: usize = 1 << 20;

/// What the pings carry.
const PING: &[u8] = b"are you there?";

/// What is asked of every server, in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Check {
    /// A text message comes back as text.
    Text,
    /// A binary message comes back as binary.
    Binary,
    /// Empty messages come back empty.
    Empty,
    /// A message of 1 MiB comes back whole.
    Large,
    /// A ping is answered with a pong that carries the same.
    Ping,
    /// A message in three frames comes back as one message.
    Fragmented,
    /// A close frame is answered with its code.
    Close,
}

impl Check {
    /// All of them.
    pub(crate) const ALL: [Self; 7] = [
        Self::Text,
        Self::Binary,
        Self::Empty,
        Self::Large,
        Self::Ping,
        Self::Fragmented,
        Self::Close,
    ];

    /// What is asked, for a person.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Text => "a text message",
            Self::Binary => "a binary message",
            Self::Empty => "an empty message",
            Self::Large => "a message of 1 MiB",
            Self::Ping => "a ping",
            Self::Fragmented => "a fragmented message",
            Self::Close => "the close handshake",
        }
    }
}

/// A check that a server did not pass. Printed, it says in words what came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    /// The check.
    pub(crate) check: Check,
    /// What came.
    pub(crate) what: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.check.name(), self.what)
    }
}

/// Asks everything of a server, each on a connection of its own; what it does not pass. Each check
/// may wait `timeout` for an answer; none is begun when the user has ended it all.
pub(crate) fn examine(address: &Address, timeout: Duration, control: &Control) -> Vec<Failure> {
    let failed = |check: Check| {
        if control.is_stopped() {
            return None;
        }
        let what = conduct(check, address, timeout).err()?;
        Some(Failure { check, what })
    };
    Check::ALL.into_iter().filter_map(failed).collect()
}

/// Carries one check out.
fn conduct(check: Check, address: &Address, timeout: Duration) -> Result<(), String> {
    let mut peer = Peer::open(address, timeout).map_err(|error| in_one_line(&error))?;
    match check {
        Check::Text => echo(&mut peer, &Message::text("plain text – and more: ✓")),
        Check::Binary => echo(&mut peer, &Message::binary((0..=255).collect::<Vec<u8>>())),
        Check::Empty => {
            echo(&mut peer, &Message::text(""))?;
            echo(&mut peer, &Message::binary(Vec::new()))
        }
        Check::Large => {
            // No two neighbours alike, so that nothing can be left out unseen.
            #[allow(clippy::cast_possible_truncation)]
            let bytes: Vec<u8> = (0..LARGE).map(|n| (n % 251) as u8).collect();
            echo(&mut peer, &Message::binary(bytes))
        }
        Check::Ping => ping(&mut peer),
        Check::Fragmented => {
            let pieces = ["in ", "three ", "pieces"];
            for (index, piece) in pieces.iter().enumerate() {
                let data = if index == 0 {
                    Data::Text
                } else {
                    Data::Continue
                };
                let is_last = index + 1 == pieces.len();
                let frame = Frame::message(piece.as_bytes(), OpCode::Data(data), is_last);
                peer.send(Message::Frame(frame))
                    .map_err(|e| in_one_line(&e))?;
            }
            same(&Message::text(pieces.concat()), &receive(&mut peer)?)
        }
        Check::Close => close(&mut peer),
    }
}

fn echo(peer: &mut Peer, message: &Message) -> Result<(), String> {
    peer.send(message.clone())
        .map_err(|error| in_one_line(&error))?;
    same(message, &receive(peer)?)
}

fn receive(peer: &mut Peer) -> Result<Message, String> {
    loop {
        match peer.receive() {
            Ok(message) if message.is_text() || message.is_binary() => return Ok(message),
            Ok(Message::Close(frame)) => return Err(closed(frame.as_ref())),
            // Pings and pongs may come at any time, and as many as there is time for.
            Ok(_) => {}
            Err(error) => return Err(in_one_line(&error)),
        }
    }
}

fn closed(frame: Option<&CloseFrame>) -> String {
    match frame {
        Some(frame) => format!("it closed the connection with {}", u16::from(frame.code)),
        None => "it closed the connection without a code".to_owned(),
    }
}

/// Whether what came is what was sent.
fn same(sent: &Message, came: &Message) -> Result<(), String> {
    let kind = |m: &Message| if m.is_text() { "text" } else { "binary" };
    let (out, back) = (sent.clone().into_data(), came.clone().into_data());
    if kind(sent) != kind(came) {
        return Err(format!("it came back as {}", kind(came)));
    }
    if out.len() != back.len() {
        return Err(format!(
            "{} bytes came back in place of {}",
            back.len(),
            out.len()
        ));
    }
    match out.iter().zip(back.iter()).position(|(a, b)| a != b) {
        Some(at) => Err(format!("byte {} came back changed", at + 1)),
        None => Ok(()),
    }
}

fn ping(peer: &mut Peer) -> Result<(), String> {
    let ping = Message::Ping(PING.into());
    peer.send(ping).map_err(|error| in_one_line(&error))?;
    loop {
        match peer.receive() {
            Ok(Message::Pong(payload)) if payload == PING => return Ok(()),
            Ok(Message::Pong(_)) => return Err("the pong carries something else".to_owned()),
            Ok(Message::Close(frame)) => return Err(closed(frame.as_ref())),
            Ok(Message::Text(_) | Message::Binary(_)) => {
                return Err("it was answered with a message".to_owned());
            }
            Ok(_) => {}
            Err(error) => return Err(in_one_line(&error)),
        }
    }
}

fn close(peer: &mut Peer) -> Result<(), String> {
    let frame = CloseFrame {
        code: CloseCode::Normal,
        reason: "".into(),
    };
    peer.send(Message::Close(Some(frame)))
        .map_err(|error| in_one_line(&error))?;
    loop {
        match peer.receive() {
            Ok(Message::Close(Some(frame))) if frame.code == CloseCode::Normal => return Ok(()),
            Ok(Message::Close(frame)) => {
                let with = frame.map_or_else(
                    || "no code".to_owned(),
                    |frame| u16::from(frame.code).to_string(),
                );
                return Err(format!("1000 was answered with {with}"));
            }
            Ok(_) => {}
            Err(PeerError::Talk(error)) if is_end(&error) => {
                return Err("the connection ended without a close frame".to_owned());
            }
            Err(error) => return Err(in_one_line(&error)),
        }
    }
}

fn is_end(error: &tungstenite::Error) -> bool {
    use tungstenite::error::ProtocolError;
    matches!(
        error,
        tungstenite::Error::ConnectionClosed
            | tungstenite::Error::Io(_)
            | tungstenite::Error::Protocol(ProtocolError::ResetWithoutClosingHandshake)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_came_back_wrong_is_said() {
        let text = |t: &str| Message::text(t);
        assert_eq!(same(&text("abc"), &text("abc")), Ok(()));
        let wrong = |came| same(&text("abc"), &came).unwrap_err();
        assert_eq!(wrong(text("abd")), "byte 3 came back changed");
        assert_eq!(wrong(text("ab")), "2 bytes came back in place of 3");
        assert_eq!(
            wrong(Message::binary(b"abc".to_vec())),
            "it came back as binary"
        );
    }
}

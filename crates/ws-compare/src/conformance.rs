//! Conformance checks before timing: a server with wrong echoes is not compared.

use std::fmt;
use std::time::Duration;

use cli::in_one_line;
use swarm::RunHandle;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::Frame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{CloseCode, Data, OpCode};
use tokio_tungstenite::tungstenite::{self, Message};

use crate::server::ws_client::{HandshakeTarget, WsClient, WsClientError};

const LARGE: usize = 1 << 20;

const PING: &[u8] = b"are you there?";

/// One check on a fresh connection; the error says what is wrong.
type Check = fn(&mut WsClient) -> Result<(), String>;

/// The checks of every server, in this order, each with its name for a person.
pub(crate) const CHECKS: [(&str, Check); 7] = [
    ("a text message", |client| {
        echo(client, &Message::text("plain text – and more: ✓"))
    }),
    ("a binary message", |client| {
        echo(client, &Message::binary((0..=255).collect::<Vec<u8>>()))
    }),
    ("an empty message", |client| {
        echo(client, &Message::text(""))?;
        echo(client, &Message::binary(Vec::new()))
    }),
    ("a message of 1 MiB", large),
    ("a ping", ping),
    ("a fragmented message", fragmented),
    ("the close handshake", close),
];

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FailedCheck {
    pub(crate) check: &'static str,
    pub(crate) problem: String,
}

impl fmt::Display for FailedCheck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.check, self.problem)
    }
}

/// Runs every check on a connection of its own and returns those that the server does not pass. Each may
/// wait `timeout` for an answer. None is begun after an interrupt.
pub(crate) fn failed_checks(
    address: &HandshakeTarget,
    timeout: Duration,
    control: &RunHandle,
) -> Vec<FailedCheck> {
    let run = |(name, check): (&'static str, Check)| {
        if control.is_stopped() {
            return None;
        }
        let opened = WsClient::open(address, timeout).map_err(String::from);
        let problem = opened.and_then(|mut client| check(&mut client)).err()?;
        Some(FailedCheck {
            check: name,
            problem,
        })
    };
    CHECKS.into_iter().filter_map(run).collect()
}

impl From<WsClientError> for String {
    fn from(error: WsClientError) -> Self {
        in_one_line(&error)
    }
}

fn echo(client: &mut WsClient, message: &Message) -> Result<(), String> {
    client.send(message.clone())?;
    compare(message, &receive_data(client)?)
}

fn receive_data(client: &mut WsClient) -> Result<Message, String> {
    loop {
        match client.receive()? {
            Message::Close(frame) => return Err(describe_close(frame.as_ref())),
            message if message.is_text() || message.is_binary() => return Ok(message),
            // Pings and pongs may come at any time, and as many as there is time for.
            _ => {}
        }
    }
}

fn describe_close(frame: Option<&CloseFrame>) -> String {
    match frame {
        Some(frame) => format!("it closed the connection with {}", u16::from(frame.code)),
        None => "it closed the connection without a code".to_owned(),
    }
}

/// Compares an echo with the message. The error is the first difference, in words.
fn compare(sent: &Message, echoed: &Message) -> Result<(), String> {
    let kind = |m: &Message| if m.is_text() { "text" } else { "binary" };
    let (out, back) = (sent.clone().into_data(), echoed.clone().into_data());
    if kind(sent) != kind(echoed) {
        return Err(format!("it came back as {}", kind(echoed)));
    }
    let (went, came) = (out.len(), back.len());
    if went != came {
        return Err(format!("{came} bytes came back in place of {went}"));
    }
    match out.iter().zip(back.iter()).position(|(a, b)| a != b) {
        Some(at) => Err(format!("byte {} came back changed", at + 1)),
        None => Ok(()),
    }
}

fn large(client: &mut WsClient) -> Result<(), String> {
    // No two neighbours alike, so that nothing can be left out unseen.
    #[allow(clippy::cast_possible_truncation)]
    let bytes: Vec<u8> = (0..LARGE).map(|n| (n % 251) as u8).collect();
    echo(client, &Message::binary(bytes))
}

fn ping(client: &mut WsClient) -> Result<(), String> {
    client.send(Message::Ping(PING.into()))?;
    loop {
        match client.receive()? {
            Message::Pong(payload) if payload == PING => return Ok(()),
            Message::Pong(_) => return Err("the pong carries something else".to_owned()),
            Message::Close(frame) => return Err(describe_close(frame.as_ref())),
            Message::Text(_) | Message::Binary(_) => {
                return Err("it was answered with a message".to_owned());
            }
            _ => {}
        }
    }
}

fn fragmented(client: &mut WsClient) -> Result<(), String> {
    let pieces = [
        ("in ", Data::Text, false),
        ("three ", Data::Continue, false),
        ("pieces", Data::Continue, true),
    ];
    for (piece, data, is_last) in pieces {
        let frame = Frame::message(piece.as_bytes(), OpCode::Data(data), is_last);
        client.send(Message::Frame(frame))?;
    }
    compare(&Message::text("in three pieces"), &receive_data(client)?)
}

fn close(client: &mut WsClient) -> Result<(), String> {
    let frame = CloseFrame {
        code: CloseCode::Normal,
        reason: "".into(),
    };
    client.send(Message::Close(Some(frame)))?;
    loop {
        match client.receive() {
            Ok(Message::Close(Some(frame))) if frame.code == CloseCode::Normal => return Ok(()),
            Ok(Message::Close(frame)) => {
                let with = frame.map_or_else(
                    || "no code".to_owned(),
                    |frame| u16::from(frame.code).to_string(),
                );
                return Err(format!("1000 was answered with {with}"));
            }
            Ok(_) => {}
            Err(WsClientError::Talk(error)) if is_end(&error) => {
                return Err("the connection ended without a close frame".to_owned());
            }
            Err(error) => return Err(error.into()),
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
        assert_eq!(compare(&text("abc"), &text("abc")), Ok(()));
        let wrong = |came| compare(&text("abc"), &came).unwrap_err();
        assert_eq!(wrong(text("abd")), "byte 3 came back changed");
        assert_eq!(wrong(text("ab")), "2 bytes came back in place of 3");
        assert_eq!(
            wrong(Message::binary(b"abc".to_vec())),
            "it came back as binary"
        );
    }
}

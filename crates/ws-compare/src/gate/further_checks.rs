//! Checks that go beyond the plan: the other message type, smallest and large sizes, control frames, fragments.

use measurement::plan::Verify;
use scenario_trial::{HandshakeTarget, WsClient, WsClientError};
use swarm::RunHandle;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::Frame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{CloseCode, Data, OpCode};
use tokio_tungstenite::tungstenite::{self, Message};

use super::{FailedCheck, Gate};

const LARGE: usize = 1 << 20;

const PING: &[u8] = b"are you there?";

/// Number of bytes at the beginning of a message that identify its echo, even if it is damaged.
const IDENTITY: usize = 16;

const END: &str = "the connection ended without a close frame";

/// A check on a new connection. The error describes the problem.
type Check = fn(&mut WsClient, Verify) -> Result<(), String>;

/// The checks for every server, in order, each with its display name.
const CHECKS: [(&str, Check); 7] = [
    ("a text message", |client, verify| {
        echo(client, &Message::text("plain text – and more: ✓"), verify)
    }),
    ("a binary message", |client, verify| {
        let bytes = (0..=255).collect::<Vec<u8>>();
        echo(client, &Message::binary(bytes), verify)
    }),
    ("an empty message", |client, verify| {
        echo(client, &Message::text(""), verify)?;
        echo(client, &Message::binary(Vec::new()), verify)
    }),
    ("a message of 1 MiB", large),
    ("a ping", |client, _| ping(client)),
    ("a fragmented message", fragmented),
    ("the close handshake", |client, _| close(client)),
];

/// Runs every check on a separate connection and returns the failed ones. Stops after an interrupt, and after a
/// connection that did not open, because further ones would not open either.
pub(super) fn failed_checks(
    address: &HandshakeTarget,
    gate: &Gate,
    control: &RunHandle,
) -> Vec<FailedCheck> {
    let mut failed = Vec::new();
    let mut fail = |check: &str, problem, is_unopened| {
        failed.push(FailedCheck {
            check: check.to_owned(),
            problem,
            is_unopened,
        });
    };
    for (index, (name, check)) in CHECKS.into_iter().enumerate() {
        if control.is_stopped() {
            break;
        }
        let mut client = match WsClient::open(address, gate.timeout, control) {
            Ok(client) => client,
            Err(error) => {
                let rest = if index + 1 < CHECKS.len() {
                    "; the remaining checks were skipped"
                } else {
                    ""
                };
                fail(name, format!("{}{rest}", String::from(error)), true);
                break;
            }
        };
        if let Err(problem) = check(&mut client, gate.verify) {
            fail(name, problem, false);
        }
    }
    failed
}

fn echo(client: &mut WsClient, message: &Message, verify: Verify) -> Result<(), String> {
    client.send(message.clone())?;
    receive_echo(client, message, verify)
}

/// Receives messages until the echo of `sent` arrives. A message that is neither equal nor recognized may be the
/// server's own. It counts as the answer only if no other arrives.
fn receive_echo(client: &mut WsClient, sent: &Message, verify: Verify) -> Result<(), String> {
    let mut first_difference = None;
    loop {
        let message = match client.receive() {
            Ok(Message::Close(frame)) => return Err(describe_close(frame.as_ref())),
            Ok(message) if message.is_text() || message.is_binary() => message,
            // Any number of pings and pongs may arrive at any time before the deadline.
            Ok(_) => continue,
            Err(error @ WsClientError::Silent(_)) => {
                return Err(first_difference.unwrap_or_else(|| error.into()));
            }
            Err(WsClientError::Talk(error)) if is_end(&error) => return Err(END.to_owned()),
            Err(error) => return Err(error.into()),
        };
        match compare(sent, &message, verify) {
            Ok(()) => return Ok(()),
            Err(difference) if is_recognized(sent, &message) => return Err(difference),
            Err(difference) => {
                first_difference.get_or_insert(difference);
            }
        }
    }
}

/// Returns true when the message contains the identity of `sent`.
fn is_recognized(sent: &Message, message: &Message) -> bool {
    let (sent, came) = (sent.clone().into_data(), message.clone().into_data());
    let identity = &sent[..sent.len().min(IDENTITY)];
    if identity.is_empty() {
        return came.is_empty();
    }
    came.windows(identity.len()).any(|part| part == identity)
}

fn describe_close(frame: Option<&CloseFrame>) -> String {
    match frame {
        Some(frame) => format!("it closed the connection with {}", u16::from(frame.code)),
        None => "it closed the connection without a code".to_owned(),
    }
}

/// Compares an echo with the message, as far as it is verified. The error describes the first difference.
fn compare(sent: &Message, echoed: &Message, verify: Verify) -> Result<(), String> {
    if verify == Verify::Off {
        return Ok(());
    }
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
        Some(at) if verify == Verify::Full => Err(format!("byte {} came back changed", at + 1)),
        _ => Ok(()),
    }
}

fn large(client: &mut WsClient, verify: Verify) -> Result<(), String> {
    // Adjacent bytes always differ, so that missing bytes are detected.
    #[allow(clippy::cast_possible_truncation)]
    let bytes: Vec<u8> = (0..LARGE).map(|n| (n % 251) as u8).collect();
    echo(client, &Message::binary(bytes), verify)
}

fn ping(client: &mut WsClient) -> Result<(), String> {
    client.send(Message::Ping(PING.into()))?;
    loop {
        match client.receive()? {
            Message::Pong(payload) if payload == PING => return Ok(()),
            Message::Pong(_) => return Err("the pong has another payload".to_owned()),
            Message::Close(frame) => return Err(describe_close(frame.as_ref())),
            // A message of the server's own.
            _ => {}
        }
    }
}

fn fragmented(client: &mut WsClient, verify: Verify) -> Result<(), String> {
    let pieces = [
        ("in ", Data::Text, false),
        ("three ", Data::Continue, false),
        ("pieces", Data::Continue, true),
    ];
    for (piece, data, is_last) in pieces {
        let frame = Frame::message(piece.as_bytes(), OpCode::Data(data), is_last);
        client.send(Message::Frame(frame))?;
    }
    receive_echo(client, &Message::text("in three pieces"), verify)
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
                return Err(END.to_owned());
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
        let full = |came| compare(&text("abc"), &came, Verify::Full);
        assert_eq!(full(text("abc")), Ok(()));
        let wrong = |came| full(came).unwrap_err();
        assert_eq!(wrong(text("abd")), "byte 3 came back changed");
        assert_eq!(wrong(text("ab")), "2 bytes came back in place of 3");
        assert_eq!(
            wrong(Message::binary(b"abc".to_vec())),
            "it came back as binary"
        );
    }

    #[test]
    fn a_weaker_verification_finds_less() {
        let sent = Message::text("abc");
        let differs = |came: &Message, verify| compare(&sent, came, verify).is_err();
        let (bytes, length) = (Message::text("abd"), Message::text("ab"));
        let kind = Message::binary(b"abc".to_vec());
        for (verify, expected) in [
            (Verify::Full, [true, true, true]),
            (Verify::Length, [false, true, true]),
            (Verify::Off, [false, false, false]),
        ] {
            assert_eq!(
                [&bytes, &length, &kind].map(|m| differs(m, verify)),
                expected
            );
        }
    }

    #[test]
    fn a_greeting_is_not_recognized_as_an_echo() {
        let sent = Message::text("plain text – and more: ✓");
        for (came, is_echo) in [
            ("hello", false),
            ("", false),
            ("you said: plain text – and more: ✓", true),
            ("plain text – and less", true),
        ] {
            assert_eq!(
                is_recognized(&sent, &Message::text(came)),
                is_echo,
                "{came}"
            );
        }
        let empty = Message::binary(Vec::new());
        assert!(is_recognized(&empty, &Message::text("")));
        assert!(!is_recognized(&empty, &Message::text("hello")));
    }
}

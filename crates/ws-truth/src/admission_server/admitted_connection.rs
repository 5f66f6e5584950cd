//! One connection: request, messages and end.

use std::io::{ErrorKind, Read, Write};

use mio::net::TcpStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message, WebSocket};

use crate::admission_log::{AdmissionEntry, EchoEntry, LoggedEnd};
use crate::upgrade_request::{HEAD_END, accept_answer, key_in};

/// Code of a close frame without one.
const NO_CODE: u16 = 1005;

/// Hexadecimal digits of the client and of the message, at the beginning of a message.
const IDENTITY_DIGITS: (usize, usize) = (6, 10);

#[derive(Debug)]
pub(crate) enum AdmittedState {
    /// The request, or the part of it that has arrived.
    Head(TcpStream, Vec<u8>),
    Open(Box<WebSocket<TcpStream>>),
    Ended,
}

#[derive(Debug)]
pub(crate) struct AdmittedConnection {
    pub(crate) state: AdmittedState,
    /// True once the server has begun to end the connection.
    pub(crate) is_ended_by_server: bool,
}

impl AdmittedConnection {
    /// Reads the part of the request that has arrived. Returns `true` when it becomes complete.
    pub(crate) fn has_whole_request(&mut self) -> bool {
        let AdmittedState::Head(stream, head) = &mut self.state else {
            return false;
        };
        let was_complete = head.ends_with(HEAD_END);
        let mut bytes = [0; 1024];
        let has_ended = loop {
            // A client sends nothing behind its request before the answer.
            match stream.read(&mut bytes) {
                Ok(n) if n > 0 => head.extend_from_slice(&bytes[..n]),
                Err(e) if e.kind() == ErrorKind::WouldBlock => break false,
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                _ => break true,
            }
        };
        let becomes_complete = !was_complete && head.ends_with(HEAD_END);
        if has_ended {
            self.state = AdmittedState::Ended;
        }
        becomes_complete
    }

    /// Answers the request with 101. Returns `false` if the client has gone.
    pub(crate) fn open(&mut self) -> bool {
        let AdmittedState::Head(mut stream, head) =
            std::mem::replace(&mut self.state, AdmittedState::Ended)
        else {
            return false;
        };
        let answer = accept_answer(&derive_accept_key(&key_in(&head)));
        if stream.write_all(&answer).is_err() {
            return false;
        }
        // Small buffers, because there are thousands of connections.
        let config = WebSocketConfig::default()
            .read_buffer_size(1024)
            .write_buffer_size(0);
        let socket = WebSocket::from_raw_socket(stream, Role::Server, Some(config));
        self.state = AdmittedState::Open(Box::new(socket));
        true
    }

    /// Reads all messages that have arrived, and echoes each unless the server is silent. Returns the end of the connection
    /// if it has ended or begins to.
    pub(super) fn exchange(
        &mut self,
        entry: &mut AdmissionEntry,
        messages: &mut Vec<EchoEntry>,
        is_silent: bool,
    ) -> Option<LoggedEnd> {
        let AdmittedState::Open(socket) = &mut self.state else {
            return None;
        };
        let mut end = self.is_ended_by_server.then_some(LoggedEnd::ByServer);
        loop {
            let error = match socket.read() {
                Ok(Message::Close(frame)) => {
                    let code = frame.map_or(NO_CODE, |frame| frame.code.into());
                    end.get_or_insert(LoggedEnd::Closed(code));
                    continue;
                }
                Ok(Message::Pong(_)) => {
                    entry.pongs += 1;
                    continue;
                }
                Ok(message) if message.is_text() || message.is_binary() => {
                    let is_answered = !is_silent && !self.is_ended_by_server;
                    log(entry, messages, &message, is_answered);
                    if !is_answered {
                        continue;
                    }
                    match socket.send(message) {
                        Err(error) => error,
                        Ok(()) => continue,
                    }
                }
                Ok(_) => continue,
                Err(error) => error,
            };
            match error {
                Error::Io(e) if e.kind() == ErrorKind::WouldBlock => {
                    // Bytes that did not fit before.
                    let _ = socket.flush();
                    return end;
                }
                error => {
                    let end = end.or(entry.end).unwrap_or_else(|| unannounced_end(&error));
                    self.state = AdmittedState::Ended;
                    return Some(end);
                }
            }
        }
    }
}

/// The end of a connection without a close frame.
fn unannounced_end(error: &Error) -> LoggedEnd {
    match error {
        Error::Io(e) if e.kind() == ErrorKind::ConnectionReset => LoggedEnd::Reset,
        _ => LoggedEnd::WithoutClose,
    }
}

fn log(
    entry: &mut AdmissionEntry,
    messages: &mut Vec<EchoEntry>,
    message: &Message,
    is_answered: bool,
) {
    entry.messages += 1;
    if let Some((client, number)) = identity_in(message) {
        entry.client.get_or_insert(client);
        messages.push(EchoEntry {
            client,
            number,
            is_answered,
        });
    }
}

/// Numbers of the client and of the message, at the beginning of a message. A scenario marks them with a tilde.
fn identity_in(message: &Message) -> Option<(u32, u64)> {
    let text = message.to_text().ok()?;
    let text = text.strip_prefix('~').unwrap_or(text);
    let (client, rest) = text.split_at_checked(IDENTITY_DIGITS.0)?;
    let number = rest.get(..IDENTITY_DIGITS.1)?;
    let client = u32::from_str_radix(client, 16).ok()?;
    Some((client, u64::from_str_radix(number, 16).ok()?))
}

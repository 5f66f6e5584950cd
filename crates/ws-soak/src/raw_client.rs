//! A blocking client that sends any bytes and checks the answer.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use rand::{Rng, RngExt};
use websocket_wire::{Decoder, Event};

/// Time limit of an answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// Time limit of a blocked write, after which the server counts as not reading.
const STUCK: Duration = Duration::from_millis(200);

/// The end of a conversation.
#[derive(Debug)]
pub(crate) enum ConversationEnd {
    /// The server has closed the connection, or does not read.
    Gone,
    /// The server gave an answer that HTTP or WebSocket does not allow.
    Finding(String),
}

impl ConversationEnd {
    /// Adds the bytes that provoked the finding.
    pub(crate) fn with(self, bytes: &[u8]) -> Self {
        match self {
            Self::Gone => Self::Gone,
            Self::Finding(finding) => Self::Finding(format!("{finding}, provoked by {bytes:02x?}")),
        }
    }
}

impl From<std::io::Error> for ConversationEnd {
    fn from(_: std::io::Error) -> Self {
        Self::Gone
    }
}

/// A TCP connection to the server.
pub(crate) struct RawClient(TcpStream);

impl RawClient {
    pub(crate) fn connect(server: SocketAddr) -> std::io::Result<Self> {
        let stream = TcpStream::connect_timeout(&server, PATIENCE)?;
        stream.set_nodelay(true)?;
        stream.set_write_timeout(Some(STUCK))?;
        Ok(Self(stream))
    }

    pub(crate) fn send(&mut self, bytes: &[u8]) -> Result<(), ConversationEnd> {
        Ok(self.0.write_all(bytes)?)
    }

    /// Sends the bytes in pieces of random size, so that the server reads different amounts.
    pub(crate) fn send_in_pieces(
        &mut self,
        bytes: &[u8],
        rng: &mut impl Rng,
    ) -> Result<(), ConversationEnd> {
        let mut rest = bytes;
        while !rest.is_empty() {
            let cut = if rng.random_bool(0.7) {
                rest.len()
            } else {
                rng.random_range(1..=rest.len())
            };
            self.send(&rest[..cut])?;
            rest = &rest[cut..];
        }
        Ok(())
    }

    /// Performs the opening handshake.
    pub(crate) fn upgrade(&mut self, request: &[u8]) -> Result<(), ConversationEnd> {
        self.send(request)?;
        self.0.set_read_timeout(Some(PATIENCE))?;
        let mut head = Vec::new();
        let mut byte = [0];
        while !head.ends_with(b"\r\n\r\n") {
            self.0.read_exact(&mut byte)?;
            head.push(byte[0]);
        }
        if head.starts_with(b"HTTP/1.1 101 ") {
            Ok(())
        } else {
            // Full, or stopping.
            Err(ConversationEnd::Gone)
        }
    }

    /// Reads the next bytes, which must be exactly these.
    pub(crate) fn expect(&mut self, wanted: &[u8]) -> Result<(), ConversationEnd> {
        self.0.set_read_timeout(Some(PATIENCE))?;
        let mut found = vec![0; wanted.len()];
        self.0.read_exact(&mut found)?;
        if found == wanted {
            Ok(())
        } else {
            Err(ConversationEnd::Finding(format!(
                "{found:02x?} in place of the echo"
            )))
        }
    }

    pub(crate) fn close_half(&mut self) -> Result<(), ConversationEnd> {
        Ok(self.0.shutdown(Shutdown::Write)?)
    }

    /// Makes the end of the connection a reset, which discards data under way.
    pub(crate) fn reset(&mut self) {
        // Where this fails, the connection is closed normally.
        let _ = socket2::SockRef::from(&self.0).set_linger(Some(Duration::ZERO));
    }

    /// Reads until the server closes the connection or is silent for this time.
    pub(crate) fn listen(&mut self, quiet: Duration) -> Result<Vec<u8>, ConversationEnd> {
        self.0.set_read_timeout(Some(quiet))?;
        let begun = Instant::now();
        let mut heard = Vec::new();
        let mut piece = [0; 16 * 1024];
        while begun.elapsed() < PATIENCE {
            match self.0.read(&mut piece) {
                Ok(0) => break,
                Ok(n) => heard.extend_from_slice(&piece[..n]),
                // The time is over, or a reset follows the answer.
                Err(_) => break,
            }
        }
        Ok(heard)
    }

    /// Reads until silence: an HTTP response, or nothing.
    pub(crate) fn listen_to_an_answer(
        &mut self,
        quiet: Duration,
        sent: &[u8],
    ) -> Result<(), ConversationEnd> {
        let heard = self.listen(quiet)?;
        let status = heard
            .strip_prefix(b"HTTP/1.1 ")
            .or_else(|| heard.strip_prefix(b"HTTP/1.0 "))
            .and_then(|rest| rest.get(..4));
        let is_answer = status
            .is_some_and(|status| status[..3].iter().all(u8::is_ascii_digit) && status[3] == b' ');
        if heard.is_empty() || is_answer {
            return Ok(());
        }
        let text = String::from_utf8_lossy(&heard).into_owned();
        Err(ConversationEnd::Finding(format!("not an HTTP response: {text:?}")).with(sent))
    }

    /// Reads frames, which must be valid frames of a server, with none after a close frame.
    pub(crate) fn listen_to_frames(&mut self, quiet: Duration) -> Result<(), ConversationEnd> {
        let heard = self.listen(quiet)?;
        let mut rest = &heard[..];
        let mut decoder = Decoder::default();
        let mut is_closed = false;
        loop {
            match decoder.next_event(&mut rest) {
                Ok(None) => return Ok(()),
                Ok(Some(_)) if is_closed => {
                    return Err(ConversationEnd::Finding(
                        "a frame after the close frame".to_owned(),
                    ));
                }
                Ok(Some(Event::Close { .. })) => is_closed = true,
                Ok(Some(_)) => {}
                Err(error) => {
                    return Err(ConversationEnd::Finding(format!(
                        "not a WebSocket frame: {error}"
                    )));
                }
            }
        }
    }
}

//! One connection of a client that sends what it likes, and judges what comes back.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use rand::{Rng, RngExt};
use websocket_wire::{Decoder, Event};

/// How long the server may take for what it has to do at once.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long a server may take nothing before it is known that it will not.
const STUCK: Duration = Duration::from_millis(200);

/// Why a conversation ended.
#[derive(Debug)]
pub(super) enum Ended {
    /// The server has hung up, or takes no more.
    Gone,
    /// It answered what no server may.
    Finding(String),
}

impl Ended {
    /// With what provoked it.
    pub(super) fn with(self, bytes: &[u8]) -> Self {
        match self {
            Self::Gone => Self::Gone,
            Self::Finding(finding) => Self::Finding(format!("{finding}, provoked by {bytes:02x?}")),
        }
    }
}

impl From<std::io::Error> for Ended {
    fn from(_: std::io::Error) -> Self {
        Self::Gone
    }
}

pub(super) struct Peer(TcpStream);

impl Peer {
    pub(super) fn connect(server: SocketAddr) -> std::io::Result<Self> {
        let stream = TcpStream::connect_timeout(&server, PATIENCE)?;
        stream.set_nodelay(true)?;
        stream.set_write_timeout(Some(STUCK))?;
        Ok(Self(stream))
    }

    pub(super) fn send(&mut self, bytes: &[u8]) -> Result<(), Ended> {
        Ok(self.0.write_all(bytes)?)
    }

    /// Cut at random, so that the server reads now this much and now that.
    pub(super) fn send_in_pieces(&mut self, bytes: &[u8], rng: &mut impl Rng) -> Result<(), Ended> {
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

    /// Shakes hands as one should.
    pub(super) fn upgrade(&mut self, request: &[u8]) -> Result<(), Ended> {
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
            Err(Ended::Gone)
        }
    }

    /// Exactly these bytes must come next.
    pub(super) fn expect(&mut self, wanted: &[u8]) -> Result<(), Ended> {
        self.0.set_read_timeout(Some(PATIENCE))?;
        let mut found = vec![0; wanted.len()];
        self.0.read_exact(&mut found)?;
        if found == wanted {
            Ok(())
        } else {
            Err(Ended::Finding(format!("{found:02x?} came")))
        }
    }

    pub(super) fn close_half(&mut self) -> Result<(), Ended> {
        Ok(self.0.shutdown(Shutdown::Write)?)
    }

    /// The connection ends at once, and nothing that is under way arrives.
    pub(super) fn reset(&mut self) {
        // If it cannot be had, the end is a gentler one.
        let _ = socket2::SockRef::from(&self.0).set_linger(Some(Duration::ZERO));
    }

    /// All that comes until the server hangs up or says nothing for so long.
    pub(super) fn listen(&mut self, quiet: Duration) -> Result<Vec<u8>, Ended> {
        self.0.set_read_timeout(Some(quiet))?;
        let begun = Instant::now();
        let mut heard = Vec::new();
        let mut piece = [0; 16 * 1024];
        while begun.elapsed() < PATIENCE {
            match self.0.read(&mut piece) {
                Ok(0) => break,
                Ok(n) => heard.extend_from_slice(&piece[..n]),
                Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => break,
                // A reset may follow what was said.
                Err(_) => break,
            }
        }
        Ok(heard)
    }

    /// What comes must be an HTTP answer, or nothing.
    pub(super) fn listen_to_an_answer(
        &mut self,
        quiet: Duration,
        sent: &[u8],
    ) -> Result<(), Ended> {
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
        Err(Ended::Finding(format!("no HTTP: {text:?}")).with(sent))
    }

    /// What comes must be frames as a server may send them, none behind a close.
    pub(super) fn listen_to_frames(&mut self, quiet: Duration) -> Result<(), Ended> {
        let heard = self.listen(quiet)?;
        let mut rest = &heard[..];
        let mut decoder = Decoder::default();
        let mut is_closed = false;
        loop {
            match decoder.next_event(&mut rest) {
                Ok(None) => return Ok(()),
                Ok(Some(_)) if is_closed => {
                    return Err(Ended::Finding("a frame behind the close frame".to_owned()));
                }
                Ok(Some(Event::Close(_))) => is_closed = true,
                Ok(Some(_)) => {}
                Err(error) => return Err(Ended::Finding(format!("no frame: {error}"))),
            }
        }
    }
}

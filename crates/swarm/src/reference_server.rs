//! The reference server: a minimal echo server to measure the generator's own limits.
//!
//! It has one thread and one poll. It accepts every handshake, unmasks every complete frame and returns it. Frames that
//! arrive together are returned together. It does not validate anything, and drops clients that violate the protocol.
//! It is a calibration standard for the generator, not a server to compare with.

use std::collections::HashMap;
use std::io::{self, ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::thread::JoinHandle;

use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token, Waker};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

const LISTENER: Token = Token(usize::MAX);
const STOP: Token = Token(usize::MAX - 1);
const BUFFER: usize = 256 * 1024;
/// Opcode of a close frame.
const CLOSE: u8 = 0x8;
/// Maximum length of a request's head, in bytes.
const MAX_HEAD: usize = 16 * 1024;

/// Receivers of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Answer {
    /// The sender.
    Echo,
    /// All connections.
    FanOut,
}

/// Maximum number of unsent bytes of one connection, beyond which a server that fans out reads nothing.
const MAX_UNSENT: usize = 1 << 20;

/// A running reference server on a free loopback port. It ends when dropped.
#[derive(Debug)]
pub struct ReferenceServer {
    address: SocketAddr,
    /// Wakes the thread to end it.
    waker: Waker,
    thread: Option<JoinHandle<()>>,
}

impl ReferenceServer {
    /// Starts the server in a new thread, which first calls `prepare`, for example to pin itself.
    ///
    /// # Errors
    /// When no port is free or the system refuses a thread.
    pub fn start(prepare: impl FnOnce() + Send + 'static) -> io::Result<Self> {
        Self::start_with(Answer::Echo, prepare)
    }

    /// Starts a server that sends every message to all of its connections.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub fn start_fan_out(prepare: impl FnOnce() + Send + 'static) -> io::Result<Self> {
        Self::start_with(Answer::FanOut, prepare)
    }

    fn start_with(answer: Answer, prepare: impl FnOnce() + Send + 'static) -> io::Result<Self> {
        let mut listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0)))?;
        let address = listener.local_addr()?;
        let poll = Poll::new()?;
        let waker = Waker::new(poll.registry(), STOP)?;
        poll.registry()
            .register(&mut listener, LISTENER, Interest::READABLE)?;
        let thread = std::thread::Builder::new()
            .name("reference-echo".to_owned())
            .spawn(move || {
                prepare();
                // On an error, the clients report the end of their connections.
                let _ = serve(poll, &listener, answer);
            })?;
        Ok(Self {
            address,
            waker,
            thread: Some(thread),
        })
    }

    /// Address of the listener.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// URL of the server.
    pub fn url(&self) -> String {
        format!("ws://{}/", self.address)
    }
}

impl Drop for ReferenceServer {
    fn drop(&mut self) {
        // The thread wakes, unless it has ended by itself.
        let _ = self.waker.wake();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn serve(mut poll: Poll, listener: &TcpListener, answer: Answer) -> io::Result<()> {
    let mut events = Events::with_capacity(1024);
    let mut connections: HashMap<Token, EchoConnection> = HashMap::new();
    let mut buffer = vec![0; BUFFER];
    let mut next = 0;
    let mut fan_out = FanOut::default();
    loop {
        match poll.poll(&mut events, None) {
            Err(e) if e.kind() != ErrorKind::Interrupted => return Err(e),
            _ => {}
        }
        for event in &events {
            if event.token() == STOP {
                return Ok(());
            }
            if event.token() == LISTENER {
                while let Ok((mut stream, _)) = listener.accept() {
                    let token = Token(next);
                    next += 1;
                    let both = Interest::READABLE | Interest::WRITABLE;
                    let ready = stream
                        .set_nodelay(true)
                        .and_then(|()| poll.registry().register(&mut stream, token, both));
                    if ready.is_ok() {
                        let connection = EchoConnection {
                            stream,
                            upgraded: false,
                            rest: Vec::new(),
                            out: Vec::new(),
                        };
                        connections.insert(token, connection);
                    }
                }
            } else if answer == Answer::FanOut {
                fan_out.readable.push(event.token());
            } else if let Some(connection) = connections.get_mut(&event.token())
                && connection.serve(&mut buffer).is_err()
            {
                connections.remove(&event.token());
            }
        }
        if answer == Answer::FanOut {
            fan_out.serve(&mut connections, &mut buffer);
        }
    }
}

/// Messages for all connections. Those that arrive together are sent together.
#[derive(Debug, Default)]
struct FanOut {
    /// Connections with an event that was not processed.
    readable: Vec<Token>,
    /// Connections with unsent bytes above the limit.
    full: Vec<Token>,
    /// Frames for all.
    frames: Vec<u8>,
}

impl FanOut {
    fn serve(&mut self, connections: &mut HashMap<Token, EchoConnection>, buffer: &mut [u8]) {
        let mut ended = Vec::new();
        for token in &self.readable {
            let connection = connections.get_mut(token);
            if connection.is_some_and(|connection| connection.flush().is_err()) {
                ended.push(*token);
            }
        }
        self.full.retain(|token| {
            let connection = connections.get(token);
            connection.is_some_and(|connection| connection.out.len() > MAX_UNSENT)
        });
        // Reads nothing while a connection does not read.
        if self.full.is_empty() {
            for token in self.readable.drain(..) {
                let connection = connections.get_mut(&token);
                let frames = &mut self.frames;
                if connection.is_some_and(|one| one.collect(buffer, frames).is_err()) {
                    ended.push(token);
                }
            }
        }
        if !self.frames.is_empty() {
            for (token, connection) in connections.iter_mut().filter(|(_, c)| c.upgraded) {
                match connection.send(&self.frames) {
                    Err(_) => ended.push(*token),
                    Ok(()) if connection.out.len() > MAX_UNSENT => self.full.push(*token),
                    Ok(()) => {}
                }
            }
            self.frames.clear();
        }
        for token in ended {
            connections.remove(&token);
        }
    }
}

#[derive(Debug)]
struct EchoConnection {
    stream: TcpStream,
    upgraded: bool,
    /// Bytes of an incomplete frame.
    rest: Vec<u8>,
    /// Bytes to write when the socket has room.
    out: Vec<u8>,
}

impl EchoConnection {
    /// Does all work that is possible now. An error means the end of the connection.
    fn serve(&mut self, buffer: &mut [u8]) -> io::Result<()> {
        self.flush()?;
        // Reads nothing while the client does not read.
        while self.out.is_empty() {
            let n = match self.stream.read(buffer) {
                Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                Ok(n) => n,
                Err(e) if e.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(e) => return Err(e),
            };
            if self.upgraded {
                self.echo(&buffer[..n])?;
            } else {
                self.rest.extend_from_slice(&buffer[..n]);
                self.upgrade()?;
            }
            // After a short read, the next one would find nothing.
            if n < buffer.len() && !cfg!(windows) {
                return Ok(());
            }
        }
        Ok(())
    }

    fn upgrade(&mut self) -> io::Result<()> {
        if !self.rest.ends_with(b"\r\n\r\n") {
            return match self.rest.len() {
                0..=MAX_HEAD => Ok(()),
                _ => Err(ErrorKind::InvalidData.into()),
            };
        }
        let head = std::mem::take(&mut self.rest);
        let key = String::from_utf8_lossy(&head)
            .lines()
            .filter_map(|line| line.split_once(':'))
            .find(|(name, _)| name.eq_ignore_ascii_case("Sec-WebSocket-Key"))
            .map(|(_, key)| key.trim().to_owned())
            .ok_or(ErrorKind::InvalidData)?;
        let accept = derive_accept_key(key.as_bytes());
        let answer = format!(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Accept: {accept}\r\n\r\n"
        );
        self.upgraded = true;
        self.out.extend_from_slice(answer.as_bytes());
        self.flush()
    }

    /// Reads what has arrived, and appends complete frames for all connections to `frames`. A close frame is answered.
    fn collect(&mut self, buffer: &mut [u8], frames: &mut Vec<u8>) -> io::Result<()> {
        loop {
            let n = match self.stream.read(buffer) {
                Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                Ok(n) => n,
                Err(e) if e.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(e) => return Err(e),
            };
            if !self.upgraded {
                self.rest.extend_from_slice(&buffer[..n]);
                self.upgrade()?;
            } else if self.unmask(&buffer[..n], frames) {
                // The answer to the close frame.
                let _ = self.send(&[0x80 | CLOSE, 0]);
                return Err(ErrorKind::ConnectionAborted.into());
            }
        }
    }

    /// Sends bytes behind those that are unsent.
    fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut bytes = bytes;
        if self.out.is_empty() {
            match self.stream.write(bytes) {
                Ok(taken) => bytes = &bytes[taken..],
                Err(e) if e.kind() == ErrorKind::WouldBlock => {}
                Err(e) => return Err(e),
            }
        }
        self.out.extend_from_slice(bytes);
        Ok(())
    }

    /// Unmasks complete frames and returns them. An incomplete frame at the end waits for its rest.
    fn echo(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut out = std::mem::take(&mut self.out);
        let is_over = self.unmask(bytes, &mut out);
        if is_over {
            // A close frame is echoed as its own answer.
            out.extend_from_slice(&[0x80 | CLOSE, 0]);
        }
        self.out = out;
        self.flush()?;
        // The server closes the connection first (RFC 6455, 7.1.1).
        if is_over {
            return Err(ErrorKind::ConnectionAborted.into());
        }
        Ok(())
    }

    /// Appends complete frames to `out`, unmasked. An incomplete frame at the end waits for its rest. Returns true when a
    /// close frame came.
    fn unmask(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> bool {
        let mut gathered = std::mem::take(&mut self.rest);
        let mut bytes = if gathered.is_empty() {
            bytes
        } else {
            gathered.extend_from_slice(bytes);
            &gathered
        };
        let mut is_over = false;
        while let Some(frame) = MaskedFrame::split_off(&mut bytes) {
            if frame.header[0] & 0x0F == CLOSE {
                is_over = true;
                continue;
            }
            let start = out.len();
            out.extend_from_slice(frame.header);
            out[start + 1] &= 0x7F;
            out.extend_from_slice(frame.payload);
            let payload = start + frame.header.len();
            websocket_wire::mask(&mut out[payload..], frame.key, 0);
        }
        self.rest = bytes.to_vec();
        is_over
    }

    /// Sends as much as the socket accepts, and keeps the rest.
    fn flush(&mut self) -> io::Result<()> {
        while !self.out.is_empty() {
            match self.stream.write(&self.out) {
                Ok(taken) => drop(self.out.drain(..taken)),
                Err(e) if e.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(e) => return Err(e),
            }
        }
        Ok(())
    }
}

struct MaskedFrame<'a> {
    /// Bytes of the frame before the key.
    header: &'a [u8],
    key: [u8; 4],
    payload: &'a [u8],
}

impl<'a> MaskedFrame<'a> {
    /// Removes the first frame; `None` when it is incomplete.
    fn split_off(bytes: &mut &'a [u8]) -> Option<Self> {
        let big_endian = |bytes: &[u8]| bytes.iter().fold(0, |n, b| n << 8 | usize::from(*b));
        let (header_len, len) = match bytes.get(1)? & 0x7F {
            126 => (4, big_endian(bytes.get(2..4)?)),
            127 => (10, big_endian(bytes.get(2..10)?)),
            short => (2, usize::from(short)),
        };
        let (header, rest) = bytes.split_at(header_len);
        let (key, rest) = rest.split_first_chunk()?;
        let (payload, rest) = rest.split_at_checked(len)?;
        *bytes = rest;
        Some(Self {
            header,
            key: *key,
            payload,
        })
    }
}

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
                let _ = serve(poll, &listener);
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

fn serve(mut poll: Poll, listener: &TcpListener) -> io::Result<()> {
    let mut events = Events::with_capacity(1024);
    let mut connections: HashMap<Token, EchoConnection> = HashMap::new();
    let mut buffer = vec![0; BUFFER];
    let mut next = 0;
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
            } else if let Some(connection) = connections.get_mut(&event.token())
                && connection.serve(&mut buffer).is_err()
            {
                connections.remove(&event.token());
            }
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

    /// Unmasks complete frames and returns them. An incomplete frame at the end waits for its rest.
    fn echo(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut gathered = std::mem::take(&mut self.rest);
        let mut bytes = if gathered.is_empty() {
            bytes
        } else {
            gathered.extend_from_slice(bytes);
            &gathered
        };
        let mut is_over = false;
        while let Some(frame) = MaskedFrame::split_off(&mut bytes) {
            is_over |= frame.header[0] & 0x0F == CLOSE;
            let start = self.out.len();
            self.out.extend_from_slice(frame.header);
            self.out[start + 1] &= 0x7F;
            self.out.extend_from_slice(frame.payload);
            let payload = start + frame.header.len();
            websocket_wire::mask(&mut self.out[payload..], frame.key, 0);
        }
        self.rest = bytes.to_vec();
        self.flush()?;
        // A close frame is echoed as its own answer. The server closes the connection first (RFC 6455, 7.1.1).
        if is_over {
            return Err(ErrorKind::ConnectionAborted.into());
        }
        Ok(())
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

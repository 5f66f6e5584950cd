//! A client that sends arbitrary bytes, valid or not.

use std::{io, net::SocketAddr, time::Duration};

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::TcpStream,
};

use super::within;

/// More than the buffers of two sockets and of the server for one peer, but little for a machine's memory, in bytes.
const TOO_MUCH: usize = 128 << 20;

pub(crate) const TEXT: u8 = 0x81;
pub(crate) const BINARY: u8 = 0x82;
pub(crate) const CLOSE: u8 = 0x88;
pub(crate) const PING: u8 = 0x89;
pub(crate) const PONG: u8 = 0x8a;

pub(crate) const UPGRADE: &str = "GET /ws HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\n\
    Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

/// The accept key of RFC 6455 for that key.
const ACCEPT: &str = "sec-websocket-accept: s3pplmbitxaq9kygzzhzrbk+xoo=";

/// A masked frame of a client.
pub(crate) fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    const MASK: [u8; 4] = [1, 2, 3, 4];
    let mut bytes = header(first, payload.len());
    bytes.extend_from_slice(&MASK);
    bytes.extend(payload.iter().zip(MASK.iter().cycle()).map(|(a, b)| a ^ b));
    bytes
}

/// The header of a masked frame, up to the mask.
pub(crate) fn header(first: u8, length: usize) -> Vec<u8> {
    let mut bytes = vec![first];
    if let Ok(short @ ..126) = u8::try_from(length) {
        bytes.push(0x80 | short);
    } else if let Ok(medium) = u16::try_from(length) {
        bytes.push(0x80 | 126);
        bytes.extend(medium.to_be_bytes());
    } else {
        bytes.push(0x80 | 127);
        bytes.extend((length as u64).to_be_bytes());
    }
    bytes
}

pub(crate) fn close(code: u16, reason: &str) -> Vec<u8> {
    frame(CLOSE, &[&code.to_be_bytes(), reason.as_bytes()].concat())
}

/// Sends a plain request and returns the complete response.
pub(crate) async fn get(address: SocketAddr, path: &str) -> String {
    request(
        address,
        &format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n"),
    )
    .await
}

/// Sends `head` and returns all bytes until the server closes.
pub(crate) async fn request(address: SocketAddr, head: &str) -> String {
    let mut client = Client::open(address).await;
    client.send(head.as_bytes()).await;
    client.rest().await
}

#[derive(Debug)]
pub(crate) struct Client<S = TcpStream> {
    pub(crate) stream: S,
    read: Vec<u8>,
}

impl Client {
    /// Opens a TCP connection.
    pub(crate) async fn open(address: SocketAddr) -> Self {
        Self::over(within(TcpStream::connect(address)).await.unwrap())
    }

    /// Opens a WebSocket.
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        let mut client = Self::open(address).await;
        client.upgrade().await;
        client
    }

    /// Opens a WebSocket in a room.
    pub(crate) async fn join(address: SocketAddr, room: &str) -> Self {
        let mut client = Self::open(address).await;
        client.upgrade_at(&format!("/room/{room}")).await;
        client
    }

    /// Splits the client into one that reads and one that sends.
    pub(crate) fn split(
        self,
    ) -> (
        Client<impl AsyncRead + AsyncWrite + Unpin>,
        Client<impl AsyncRead + AsyncWrite + Unpin>,
    ) {
        let (reading, writing) = self.stream.into_split();
        let reading = Client {
            stream: tokio::io::join(reading, tokio::io::sink()),
            read: self.read,
        };
        (
            reading,
            Client::over(tokio::io::join(tokio::io::empty(), writing)),
        )
    }

    /// Sends `bytes` repeatedly until the server accepts no more. Returns the number of complete repetitions. If a slow
    /// server only seems to have stopped, the number is smaller.
    pub(crate) async fn flood(&mut self, bytes: &[u8]) -> usize {
        const PAUSE: Duration = Duration::from_millis(500);
        for taken in 0..TOO_MUCH / bytes.len() {
            let mut rest = bytes;
            while !rest.is_empty() {
                match tokio::time::timeout(PAUSE, self.stream.write(rest)).await {
                    Ok(written) => rest = &rest[written.unwrap()..],
                    Err(_) => return taken,
                }
            }
        }
        panic!("the server took {TOO_MUCH} bytes of a peer that does not read");
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Client<S> {
    /// Creates a client for this stream.
    pub(crate) fn over(stream: S) -> Self {
        Self {
            stream,
            read: Vec::new(),
        }
    }

    /// Upgrades the connection to a WebSocket.
    pub(crate) async fn upgrade(&mut self) {
        self.upgrade_at("/ws").await;
    }

    /// Upgrades the connection to a WebSocket at this path.
    pub(crate) async fn upgrade_at(&mut self, path: &str) {
        self.send(UPGRADE.replace("/ws", path).as_bytes()).await;
        self.upgraded().await;
    }

    /// Reads the response to an upgrade, which must be successful.
    pub(crate) async fn upgraded(&mut self) {
        let head = self.head().await.to_ascii_lowercase();
        assert!(head.starts_with("http/1.1 101 "), "{head}");
        assert!(head.contains(ACCEPT), "{head}");
    }

    /// Reads the head of a response.
    pub(crate) async fn head(&mut self) -> String {
        loop {
            let end = self.read.windows(4).position(|end| end == b"\r\n\r\n");
            if let Some(end) = end {
                let head = self.read.drain(..end + 4).collect();
                return String::from_utf8(head).unwrap();
            }
            assert!(self.more().await, "the server closed in mid-head");
        }
    }

    pub(crate) async fn send(&mut self, bytes: &[u8]) {
        within(self.stream.write_all(bytes)).await.unwrap();
    }

    /// Reads the next frame: its first byte and its payload; `None` when the server has closed.
    pub(crate) async fn next(&mut self) -> Option<(u8, Vec<u8>)> {
        loop {
            if let Some((first, start, end)) = parse(&self.read) {
                let payload = self.read[start..end].to_vec();
                self.read.drain(..end);
                return Some((first, payload));
            }
            if !self.more().await {
                assert!(self.read.is_empty(), "the server closed in mid-frame");
                return None;
            }
        }
    }

    /// Reads the next frame other than a ping. On a slow machine, the client may look like a silent peer.
    pub(crate) async fn next_but_pings(&mut self) -> Option<(u8, Vec<u8>)> {
        loop {
            let next = self.next().await;
            if !matches!(next, Some((PING, _))) {
                return next;
            }
        }
    }

    /// Sends a message and checks that it is echoed.
    pub(crate) async fn echoes(&mut self, first: u8, payload: &[u8]) {
        self.send(&frame(first, payload)).await;
        assert_eq!(self.next().await, Some((first, payload.to_vec())));
    }

    /// Reads the next frame and checks that it is a close with this code.
    pub(crate) async fn closed_with(&mut self, code: u16) {
        let (first, payload) = self.next().await.expect("a close frame");
        assert_eq!(first, CLOSE, "{payload:?}");
        assert_eq!(payload[..2], code.to_be_bytes());
        std::str::from_utf8(&payload[2..]).unwrap();
    }

    /// Reads all bytes until the server closes.
    pub(crate) async fn rest(mut self) -> String {
        while self.more().await {}
        String::from_utf8(self.read).unwrap()
    }

    /// Returns true when the server sends anything before it closes.
    pub(crate) async fn is_answered(&mut self) -> bool {
        matches!(within(self.stream.read_buf(&mut self.read)).await, Ok(1..))
    }

    /// Waits for the server to drop the connection, gracefully or not.
    pub(crate) async fn dropped(mut self) {
        let end = |read: &io::Result<usize>| !matches!(read, Ok(1..));
        while !end(&within(self.stream.read_buf(&mut self.read)).await) {}
    }

    async fn more(&mut self) -> bool {
        within(self.stream.read_buf(&mut self.read)).await.unwrap() > 0
    }
}

/// Parses a complete frame from a server. Returns its first byte, and start and end of its payload.
fn parse(bytes: &[u8]) -> Option<(u8, usize, usize)> {
    let (&first, rest) = bytes.split_first()?;
    let (length, start) = match rest.first()? {
        126 => (
            usize::from(u16::from_be_bytes(rest.get(1..3)?.try_into().unwrap())),
            4,
        ),
        127 => {
            let length = u64::from_be_bytes(rest.get(1..9)?.try_into().unwrap());
            (usize::try_from(length).unwrap(), 10)
        }
        short => {
            assert!(*short < 126, "a server's frame is masked");
            (usize::from(*short), 2)
        }
    };
    (bytes.len() >= start + length).then_some((first, start, start + length))
}

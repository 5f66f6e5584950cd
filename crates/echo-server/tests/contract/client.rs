//! A client that sends exactly what it is told, right or wrong.

use std::{io, net::SocketAddr};

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::TcpStream,
};

use super::within;

pub(super) const TEXT: u8 = 0x81;
pub(super) const BINARY: u8 = 0x82;
pub(super) const CLOSE: u8 = 0x88;
pub(super) const PING: u8 = 0x89;
pub(super) const PONG: u8 = 0x8a;

pub(super) const UPGRADE: &str = "GET /ws HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\n\
    Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

/// What RFC 6455 works out for that key.
const ACCEPT: &str = "sec-websocket-accept: s3pplmbitxaq9kygzzhzrbk+xoo=";

/// A frame as a client sends it: masked.
pub(super) fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    const MASK: [u8; 4] = [1, 2, 3, 4];
    let mut bytes = header(first, payload.len());
    bytes.extend_from_slice(&MASK);
    bytes.extend(payload.iter().zip(MASK.iter().cycle()).map(|(a, b)| a ^ b));
    bytes
}

/// The header of a masked frame, up to the mask.
pub(super) fn header(first: u8, length: usize) -> Vec<u8> {
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

pub(super) fn close(code: u16, reason: &str) -> Vec<u8> {
    frame(CLOSE, &[&code.to_be_bytes(), reason.as_bytes()].concat())
}

/// Sends a plain request and gives the whole answer.
pub(super) async fn get(address: SocketAddr, path: &str) -> String {
    request(
        address,
        &format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n"),
    )
    .await
}

/// Sends `head` and gives all that comes until the server closes.
pub(super) async fn request(address: SocketAddr, head: &str) -> String {
    let mut client = Client::open(address).await;
    client.send(head.as_bytes()).await;
    client.rest().await
}

#[derive(Debug)]
pub(super) struct Client<S = TcpStream> {
    pub(super) stream: S,
    read: Vec<u8>,
}

impl Client {
    /// A TCP connection on which nothing has been said.
    pub(super) async fn open(address: SocketAddr) -> Self {
        Self::over(within(TcpStream::connect(address)).await.unwrap())
    }

    /// A WebSocket.
    pub(super) async fn connect(address: SocketAddr) -> Self {
        let mut client = Self::open(address).await;
        client.upgrade().await;
        client
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Client<S> {
    /// A connection on which nothing has been said.
    pub(super) fn over(stream: S) -> Self {
        Self {
            stream,
            read: Vec::new(),
        }
    }

    /// Makes a WebSocket of it.
    pub(super) async fn upgrade(&mut self) {
        self.send(UPGRADE.as_bytes()).await;
        self.upgraded().await;
    }

    /// Takes the answer to an upgrade, which must be a good one.
    pub(super) async fn upgraded(&mut self) {
        let head = self.head().await.to_ascii_lowercase();
        assert!(head.starts_with("http/1.1 101 "), "{head}");
        assert!(head.contains(ACCEPT), "{head}");
    }

    /// The head of an answer.
    pub(super) async fn head(&mut self) -> String {
        loop {
            let end = self.read.windows(4).position(|end| end == b"\r\n\r\n");
            if let Some(end) = end {
                let head = self.read.drain(..end + 4).collect();
                return String::from_utf8(head).unwrap();
            }
            assert!(self.more().await, "the server closed in mid-head");
        }
    }

    pub(super) async fn send(&mut self, bytes: &[u8]) {
        within(self.stream.write_all(bytes)).await.unwrap();
    }

    /// The next frame: its first byte and its payload; `None` once the server
    /// has closed.
    pub(super) async fn next(&mut self) -> Option<(u8, Vec<u8>)> {
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

    /// The next frame that is no ping: a slow machine may have been taken for a
    /// silent peer.
    pub(super) async fn next_but_pings(&mut self) -> Option<(u8, Vec<u8>)> {
        loop {
            let next = self.next().await;
            if !matches!(next, Some((PING, _))) {
                return next;
            }
        }
    }

    /// Sends a message, which must come back.
    pub(super) async fn echoes(&mut self, first: u8, payload: &[u8]) {
        self.send(&frame(first, payload)).await;
        assert_eq!(self.next().await, Some((first, payload.to_vec())));
    }

    /// The next frame must be a close with this code.
    pub(super) async fn closed_with(&mut self, code: u16) {
        let (first, payload) = self.next().await.expect("a close frame");
        assert_eq!(first, CLOSE, "{payload:?}");
        assert_eq!(payload[..2], code.to_be_bytes());
        std::str::from_utf8(&payload[2..]).unwrap();
    }

    /// All that comes until the server closes.
    pub(super) async fn rest(mut self) -> String {
        while self.more().await {}
        String::from_utf8(self.read).unwrap()
    }

    /// Whether the server says anything before it closes.
    pub(super) async fn is_answered(&mut self) -> bool {
        matches!(within(self.stream.read_buf(&mut self.read)).await, Ok(1..))
    }

    /// Waits for the server to drop the connection, gracefully or not.
    pub(super) async fn dropped(mut self) {
        let end = |read: &io::Result<usize>| !matches!(read, Ok(1..));
        while !end(&within(self.stream.read_buf(&mut self.read)).await) {}
    }

    async fn more(&mut self) -> bool {
        within(self.stream.read_buf(&mut self.read)).await.unwrap() > 0
    }
}

/// A whole frame from a server: its first byte, where its payload starts and
/// where it ends.
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

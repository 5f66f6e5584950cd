//! Opening one connection: TCP, then the HTTP upgrade, each timed.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use http::{Request, header};
use measurement::plan::Plan;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::handshake::client::generate_key;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{self, error::ProtocolError, error::SubProtocolError};

use crate::SwarmError;

/// Longest head of a handshake's response.
const MAX_HEAD: usize = 64 * 1024;

/// A connection that has finished its handshake.
#[derive(Debug)]
pub(crate) struct Opened {
    /// Non-blocking.
    pub(crate) stream: std::net::TcpStream,
    /// What the server sent right behind its handshake.
    pub(crate) leftover: Vec<u8>,
    pub(crate) tcp: Duration,
    pub(crate) upgrade: Duration,
}

impl Opened {
    pub(crate) fn total(&self) -> Duration {
        self.tcp + self.upgrade
    }
}

/// Why a connection did not open, in words that many connections share.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ConnectError {
    #[error("{0}")]
    Tcp(String),
    #[error("no answer within the connect timeout")]
    Timeout,
    #[error("the server answered the upgrade with HTTP {0}")]
    Http(u16),
    #[error("the server accepted none of the subprotocols offered")]
    Subprotocol,
    #[error("the server uses the extension `{0}`, which was not offered")]
    Extension(String),
    #[error("the handshake failed: {0}")]
    Handshake(String),
}

/// What every connection of a run has in common.
#[derive(Debug)]
pub(crate) struct Connector {
    addresses: Vec<SocketAddr>,
    request: Request<()>,
    timeout: Duration,
}

impl Connector {
    /// Looks the host up and prepares the handshake's request.
    pub(crate) fn new(plan: &Plan) -> Result<Self, SwarmError> {
        use std::net::ToSocketAddrs;
        let target = &plan.target;
        let addresses: Vec<_> = (target.host(), target.port())
            .to_socket_addrs()
            .map_err(|source| SwarmError::Lookup {
                host: target.host().to_owned(),
                source,
            })?
            .collect();
        let mut request = Request::builder()
            .uri(target.url())
            .body(())
            .map_err(|source| SwarmError::Request {
                url: target.url().to_owned(),
                source,
            })?;
        let authority = request.uri().authority().map(|a| a.as_str().to_owned());
        let headers = request.headers_mut();
        let fixed = [
            (header::HOST, authority.unwrap_or_default()),
            (header::CONNECTION, "Upgrade".to_owned()),
            (header::UPGRADE, "websocket".to_owned()),
            (header::SEC_WEBSOCKET_VERSION, "13".to_owned()),
        ];
        for (name, value) in fixed {
            let value = value
                .try_into()
                .map_err(
                    |source: http::header::InvalidHeaderValue| SwarmError::Request {
                        url: target.url().to_owned(),
                        source: source.into(),
                    },
                )?;
            headers.insert(name, value);
        }
        // A `Host` of the user's own replaces ours.
        headers.extend(plan.headers.clone());
        Ok(Self {
            addresses,
            request,
            timeout: plan.connect_timeout,
        })
    }

    /// Opens one connection.
    pub(crate) async fn open(&self) -> Result<Opened, ConnectError> {
        tokio::time::timeout(self.timeout, self.open_untimed())
            .await
            .unwrap_or(Err(ConnectError::Timeout))
    }

    async fn open_untimed(&self) -> Result<Opened, ConnectError> {
        let begun = Instant::now();
        let stream = TcpStream::connect(&self.addresses[..])
            .await
            .and_then(|stream| stream.set_nodelay(true).map(|()| stream))
            .map_err(|e| ConnectError::Tcp(e.to_string()))?;
        let tcp = begun.elapsed();
        let mut request = self.request.clone();
        let key = generate_key();
        request.headers_mut().insert(
            header::SEC_WEBSOCKET_KEY,
            key.try_into()
                .map_err(|_| ConnectError::Handshake("no key".to_owned()))?,
        );
        // The handshake's own WebSocket is thrown away, so it gets no buffers to speak of.
        let config = WebSocketConfig::default().read_buffer_size(64);
        // Boxed: its state is some kilobytes, which would be moved with every future around it.
        let (socket, response) = Box::pin(tokio_tungstenite::client_async_with_config(
            request,
            HeadReader::new(stream),
            Some(config),
        ))
        .await
        .map_err(refused)?;
        if let Some(extension) = response.headers().get(header::SEC_WEBSOCKET_EXTENSIONS) {
            let name = String::from_utf8_lossy(extension.as_bytes()).into_owned();
            return Err(ConnectError::Extension(name));
        }
        let HeadReader { stream, buffer, .. } = socket.into_inner();
        let upgrade = begun.elapsed().saturating_sub(tcp);
        Ok(Opened {
            stream: stream
                .into_std()
                .map_err(|e| ConnectError::Tcp(e.to_string()))?,
            leftover: buffer,
            tcp,
            upgrade,
        })
    }
}

fn refused(error: tungstenite::Error) -> ConnectError {
    match error {
        tungstenite::Error::Http(response) => ConnectError::Http(response.status().as_u16()),
        tungstenite::Error::Io(e) => ConnectError::Handshake(e.to_string()),
        tungstenite::Error::Protocol(ProtocolError::SecWebSocketSubProtocolError(
            SubProtocolError::NoSubProtocol | SubProtocolError::InvalidSubProtocol,
        )) => ConnectError::Subprotocol,
        other => ConnectError::Handshake(other.to_string()),
    }
}

/// A stream that gives its reader the head of an HTTP response and not one byte more.
///
/// tungstenite keeps what it reads behind the handshake; read through this, that stays here.
#[derive(Debug)]
struct HeadReader {
    stream: TcpStream,
    /// Read from the stream, not yet given on.
    buffer: Vec<u8>,
    /// How much of the buffer belongs to the head, once its end is seen.
    head: Option<usize>,
}

impl HeadReader {
    fn new(stream: TcpStream) -> Self {
        Self {
            stream,
            buffer: Vec::new(),
            head: None,
        }
    }
}

impl AsyncRead for HeadReader {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        out: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        while this.head.is_none() {
            let mut piece = [0; 2048];
            let mut piece = ReadBuf::new(&mut piece);
            ready!(Pin::new(&mut this.stream).poll_read(cx, &mut piece))?;
            if piece.filled().is_empty() {
                // The end of the stream, or of what there is of a head.
                this.head = Some(this.buffer.len());
                break;
            }
            // The end may lie across two reads.
            let from = this.buffer.len().saturating_sub(3);
            this.buffer.extend_from_slice(piece.filled());
            this.head = this.buffer[from..]
                .windows(4)
                .position(|bytes| bytes == b"\r\n\r\n")
                .map(|place| from + place + 4);
            if this.head.is_none() && this.buffer.len() > MAX_HEAD {
                let error = io::Error::new(io::ErrorKind::InvalidData, "the response has no end");
                return Poll::Ready(Err(error));
            }
        }
        let head = this.head.unwrap_or(0);
        let given = head.min(out.remaining());
        out.put_slice(&this.buffer[..given]);
        this.buffer.drain(..given);
        this.head = Some(head - given);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for HeadReader {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

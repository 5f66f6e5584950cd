//! The transport of a client's bytes: TCP, TLS over TCP, or a Unix socket.
//!
//! No call blocks, and bytes are sent or read only by explicit calls. Plain sockets cost a `match` before each system
//! call. TLS state is boxed.

use std::io::{self, ErrorKind, Read, Write};
use std::sync::Arc;

use mio::event::Source;
use mio::net::TcpStream;
#[cfg(unix)]
use mio::net::UnixStream;
use mio::{Interest, Registry, Token};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection};

use crate::buffers::BUFFER_LEN;

/// Readiness reported by the poll and not yet used up. The poll is edge-triggered: it reports each event once.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Readiness {
    /// There may be something to read.
    pub(crate) readable: bool,
    /// The socket may accept more bytes.
    pub(crate) writable: bool,
    /// The server has closed its sending side, so a short read may not be the last one.
    pub(crate) at_end: bool,
}

impl Readiness {
    #[inline]
    pub(crate) fn add(&mut self, reported: Self) {
        self.readable |= reported.readable || reported.at_end;
        self.writable |= reported.writable;
        self.at_end |= reported.at_end;
    }
}

/// A socket watched by the thread's poll, with or without TLS.
#[derive(Debug)]
pub(crate) enum Transport {
    Tcp(TcpStream),
    #[cfg(unix)]
    Unix(UnixStream),
    Tls(Box<TlsSocket>),
}

/// A TLS session and its socket.
#[derive(Debug)]
pub(crate) struct TlsSocket {
    socket: TcpStream,
    session: ClientConnection,
    /// True when the last read from the socket was a short one.
    drained: bool,
}

impl Transport {
    /// Connects to a Unix socket. Returns `WouldBlock` when the server's backlog is full.
    #[cfg(unix)]
    pub(crate) fn unix(to: &std::path::Path) -> io::Result<Self> {
        UnixStream::connect(to).map(Self::Unix)
    }

    #[cfg(not(unix))]
    pub(crate) fn unix(_: &std::path::Path) -> io::Result<Self> {
        Err(ErrorKind::Unsupported.into())
    }

    /// Adds TLS to a connected TCP socket. The handshake is still to be done.
    pub(crate) fn secure(
        self,
        config: &Arc<ClientConfig>,
        server: &ServerName<'static>,
    ) -> Result<Self, rustls::Error> {
        let Self::Tcp(socket) = self else {
            return Ok(self);
        };
        let mut session = ClientConnection::new(Arc::clone(config), server.clone())?;
        // At most one write buffer of encrypted bytes can wait for the socket.
        session.set_buffer_limit(Some(BUFFER_LEN));
        Ok(Self::Tls(Box::new(TlsSocket {
            socket,
            session,
            drained: false,
        })))
    }

    pub(crate) fn register(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        let both = Interest::READABLE | Interest::WRITABLE;
        let source: &mut dyn Source = match self {
            Self::Tcp(socket) => socket,
            #[cfg(unix)]
            Self::Unix(socket) => socket,
            Self::Tls(tls) => &mut tls.socket,
        };
        registry.register(source, token, both)
    }

    /// Completes the connect, and returns the socket's error if it failed. Disables Nagle's algorithm, so that no
    /// packet waits for an earlier acknowledgement.
    pub(crate) fn connected(&self, may_have_failed: bool) -> io::Result<()> {
        let error = match self {
            _ if !may_have_failed => None,
            Self::Tcp(socket) => socket.take_error()?,
            #[cfg(unix)]
            Self::Unix(socket) => socket.take_error()?,
            Self::Tls(tls) => tls.socket.take_error()?,
        };
        match (error, self) {
            (Some(error), _) => Err(error),
            (None, Self::Tcp(socket)) => socket.set_nodelay(true),
            (None, _) => Ok(()),
        }
    }

    /// Continues the TLS handshake, if there is one. Returns `WouldBlock` until it is complete.
    pub(crate) fn handshake(&mut self) -> io::Result<()> {
        let Self::Tls(tls) = self else {
            return Ok(());
        };
        loop {
            tls.flush()?;
            if !tls.session.is_handshaking() {
                return Ok(());
            }
            if tls.receive()? == 0 {
                return Err(ErrorKind::UnexpectedEof.into());
            }
        }
    }

    /// Reads once, and records whether another read may return more before the next report of the poll.
    #[inline]
    pub(crate) fn read_ready(
        &mut self,
        buffer: &mut [u8],
        ready: &mut Readiness,
    ) -> io::Result<usize> {
        let read = self.read(buffer);
        match &read {
            Ok(came) => {
                // A short read empties a plain socket. With TLS, a decrypted record may be left in the session, and
                // another one in the socket.
                let may_hold_more =
                    *came == buffer.len() || matches!(self, Self::Tls(tls) if !tls.drained);
                // Resetting is valid only with edge-triggered events, and before the end of the stream.
                ready.readable = may_hold_more || ready.at_end || cfg!(windows);
            }
            Err(e) if e.kind() == ErrorKind::WouldBlock => ready.readable = false,
            Err(_) => {}
        }
        read
    }

    /// Returns true when accepted bytes have not been sent. [`flush`](Write::flush) sends them.
    #[inline]
    pub(crate) fn has_unsent(&self) -> bool {
        match self {
            Self::Tls(tls) => tls.session.wants_write(),
            _ => false,
        }
    }

    /// Makes the end of this socket reset the connection.
    pub(crate) fn reset(&mut self) {
        let socket = match self {
            Self::Tcp(socket) => socket,
            #[cfg(unix)]
            Self::Unix(_) => return,
            Self::Tls(tls) => &mut tls.socket,
        };
        // Where the system refuses it, the connection ends with FIN.
        let _ = socket2::SockRef::from(&*socket).set_linger(Some(std::time::Duration::ZERO));
    }

    /// Ends the TLS session, if the socket accepts its last record immediately.
    pub(crate) fn close(&mut self) {
        if let Self::Tls(tls) = self {
            tls.session.send_close_notify();
            // Its delivery does not affect the measurement.
            let _ = tls.flush();
        }
    }
}

impl Read for Transport {
    #[inline]
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(socket) => socket.read(buffer),
            #[cfg(unix)]
            Self::Unix(socket) => socket.read(buffer),
            Self::Tls(tls) => tls.read(buffer),
        }
    }
}

impl Write for Transport {
    #[inline]
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(socket) => socket.write(bytes),
            #[cfg(unix)]
            Self::Unix(socket) => socket.write(bytes),
            Self::Tls(tls) => tls.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Tls(tls) => tls.flush(),
            _ => Ok(()),
        }
    }
}

impl TlsSocket {
    /// Reads until there are bytes for the client, or the socket is empty.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.session.reader().read(buffer) {
                Err(e) if e.kind() == ErrorKind::WouldBlock => {}
                // Many servers omit the end of TLS, and WebSocket has its own close.
                Err(e) if e.kind() == ErrorKind::UnexpectedEof => return Ok(0),
                other => return other,
            }
            self.receive()?;
        }
    }

    /// Reads once from the socket and decrypts. Returns the number of encrypted bytes.
    fn receive(&mut self) -> io::Result<usize> {
        let mut socket = ShortReadDetector {
            socket: &mut self.socket,
            drained: false,
        };
        let came = loop {
            match self.session.read_tls(&mut socket) {
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                other => break other?,
            }
        };
        self.drained = socket.drained;
        if let Err(error) = self.session.process_new_packets() {
            // Sends the alert with the reason.
            let _ = self.flush();
            return Err(io::Error::new(ErrorKind::InvalidData, error));
        }
        Ok(came)
    }

    /// Encrypts as many bytes as the session can hold. Bytes that the socket does not accept stay in the session, and
    /// no more are accepted until they are sent.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.flush()?;
        let taken = self.session.writer().write(bytes)?;
        match self.flush() {
            Err(e) if e.kind() != ErrorKind::WouldBlock => Err(e),
            _ => Ok(taken),
        }
    }

    /// Sends encrypted bytes until the socket is full.
    fn flush(&mut self) -> io::Result<()> {
        while self.session.wants_write() {
            match self.session.write_tls(&mut self.socket) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(_) => {}
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
        Ok(())
    }
}

/// A socket that detects short reads, after which it is empty.
struct ShortReadDetector<'a> {
    socket: &'a mut TcpStream,
    drained: bool,
}

impl Read for ShortReadDetector<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let came = self.socket.read(buffer)?;
        // The next event reports further bytes.
        self.drained = came < buffer.len();
        Ok(came)
    }
}

//! What a client's bytes go over: TCP, TLS over TCP, or a Unix socket.
//!
//! Nothing here blocks, and nothing is sent or read that was not asked for. The plain sockets are a
//! match away from the system call; what TLS needs beside the socket is in a box of its own.

use std::io::{self, ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::sync::Arc;

use mio::event::Source;
use mio::net::TcpStream;
#[cfg(unix)]
use mio::net::UnixStream;
use mio::{Interest, Registry, Token};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection};

use crate::shared::BUFFER_LEN;

/// A socket that the thread's poll watches, with TLS on top or without.
#[derive(Debug)]
pub(crate) enum Transport {
    Tcp(TcpStream),
    #[cfg(unix)]
    Unix(UnixStream),
    Tls(Box<Tls>),
}

/// A TLS session and its socket.
#[derive(Debug)]
pub(crate) struct Tls {
    socket: TcpStream,
    session: ClientConnection,
    /// The last read from the socket brought less than was asked for.
    drained: bool,
}

impl Transport {
    /// Begins to connect to a TCP port.
    pub(crate) fn tcp(to: SocketAddr) -> io::Result<Self> {
        TcpStream::connect(to).map(Self::Tcp)
    }

    /// Connects to a Unix socket; `WouldBlock` when its server has as many waiting as it takes.
    #[cfg(unix)]
    pub(crate) fn unix(to: &std::path::Path) -> io::Result<Self> {
        UnixStream::connect(to).map(Self::Unix)
    }

    /// There is no such thing here.
    #[cfg(not(unix))]
    pub(crate) fn unix(_: &std::path::Path) -> io::Result<Self> {
        Err(ErrorKind::Unsupported.into())
    }

    /// TLS on top of a connected TCP socket: the handshake is still to come.
    pub(crate) fn secure(
        self,
        config: &Arc<ClientConfig>,
        server: &ServerName<'static>,
    ) -> Result<Self, rustls::Error> {
        let Self::Tcp(socket) = self else {
            return Ok(self);
        };
        let mut session = ClientConnection::new(Arc::clone(config), server.clone())?;
        // What is encrypted and waits for the socket: a write buffer's worth and no more.
        session.set_buffer_limit(Some(BUFFER_LEN));
        Ok(Self::Tls(Box::new(Tls {
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

    /// The connection is up, unless the socket's error says otherwise. From here on no packet waits
    /// for the answer to an earlier one.
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

    /// Goes on with the TLS handshake, if there is one; `WouldBlock` until it is done.
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

    /// After a read that brought `came` of the `asked` bytes: whether another may bring more
    /// before the poll tells of it. Of a plain socket less than asked for is all there is.
    #[inline]
    pub(crate) fn may_hold_more(&self, came: usize, asked: usize) -> bool {
        match self {
            // A record may lie decrypted in the session, and the next one in the socket.
            Self::Tls(tls) => came == asked || !tls.drained,
            _ => came == asked,
        }
    }

    /// Whether bytes that were taken wait for the socket: [`flush`](Write::flush) sends them.
    #[inline]
    pub(crate) fn has_unsent(&self) -> bool {
        match self {
            Self::Tls(tls) => tls.session.wants_write(),
            _ => false,
        }
    }

    /// Tells the server that nothing more will come, as far as the socket takes that at once.
    pub(crate) fn close(&mut self) {
        if let Self::Tls(tls) = self {
            tls.session.send_close_notify();
            // Whether it gets out makes no difference to the measurement.
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

impl Tls {
    /// Reads until there is something for the client, or nothing in the socket.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.session.reader().read(buffer) {
                Err(e) if e.kind() == ErrorKind::WouldBlock => {}
                // The end without a goodbye of TLS: many servers spare it, and WebSocket has its own.
                Err(e) if e.kind() == ErrorKind::UnexpectedEof => return Ok(0),
                other => return other,
            }
            self.receive()?;
        }
    }

    /// Reads once from the socket and decrypts what came; its length, encrypted.
    fn receive(&mut self) -> io::Result<usize> {
        let mut socket = Watched {
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
            // The alert that says why.
            let _ = self.flush();
            return Err(io::Error::new(ErrorKind::InvalidData, error));
        }
        Ok(came)
    }

    /// Encrypts as much as the session holds; what the socket does not take at once waits there,
    /// and nothing more is taken before it is gone.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.flush()?;
        let taken = self.session.writer().write(bytes)?;
        match self.flush() {
            Err(e) if e.kind() != ErrorKind::WouldBlock => Err(e),
            _ => Ok(taken),
        }
    }

    /// Sends what is encrypted until the socket takes no more.
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

/// A socket that notes whether a read brought less than was asked for.
struct Watched<'a> {
    socket: &'a mut TcpStream,
    drained: bool,
}

impl Read for Watched<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let came = self.socket.read(buffer)?;
        // Less than asked for is all there is, and the next event tells of more.
        self.drained = came < buffer.len();
        Ok(came)
    }
}

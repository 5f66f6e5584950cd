//! The byte stream of one connection: TCP or a Unix socket, with or without TLS.

use std::{
    io::{self, IoSlice},
    mem::MaybeUninit,
    pin::Pin,
    task::{Context, Poll},
};

use socket2::SockRef;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};
use tokio_rustls::server::TlsStream;

/// An accepted socket.
#[derive(Debug)]
pub(crate) enum SocketStream {
    Tcp(TcpStream),
    #[cfg(unix)]
    Unix(tokio::net::UnixStream),
}

impl SocketStream {
    /// Returns true when unread bytes have arrived. Asks the system, because tokio only knows what its reactor has
    /// seen.
    pub(crate) fn has_unread(&self) -> bool {
        let socket = match self {
            Self::Tcp(stream) => SockRef::from(stream),
            #[cfg(unix)]
            Self::Unix(stream) => SockRef::from(stream),
        };
        matches!(socket.peek(&mut [MaybeUninit::uninit()]), Ok(1..))
    }

    pub(crate) fn move_to_current_runtime(self) -> io::Result<Self> {
        Ok(match self {
            Self::Tcp(stream) => Self::Tcp(TcpStream::from_std(stream.into_std()?)?),
            #[cfg(unix)]
            Self::Unix(stream) => Self::Unix(tokio::net::UnixStream::from_std(stream.into_std()?)?),
        })
    }
}

/// The stream that a server reads from and writes to.
#[derive(Debug)]
pub(crate) enum ByteStream {
    Plain(SocketStream),
    // Boxed, so that plain connections do not carry a thousand unused bytes.
    Tls(Box<TlsStream<SocketStream>>),
}

impl ByteStream {
    /// Returns true when unread bytes have arrived at the socket. Bytes inside the TLS session do not count.
    pub(crate) fn has_unread(&self) -> bool {
        match self {
            Self::Plain(socket) => socket.has_unread(),
            Self::Tls(stream) => stream.get_ref().0.has_unread(),
        }
    }
}

/// Implements reading and writing by forwarding every call to the active variant.
macro_rules! forward_io {
    ($name:ident { $($(#[$condition:meta])? $variant:ident),+ }) => {
        impl AsyncRead for $name {
            fn poll_read(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                buffer: &mut ReadBuf<'_>,
            ) -> Poll<io::Result<()>> {
                match self.get_mut() {
                    $($(#[$condition])? Self::$variant(stream) => Pin::new(stream).poll_read(cx, buffer),)+
                }
            }
        }

        impl AsyncWrite for $name {
            fn poll_write(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                bytes: &[u8],
            ) -> Poll<io::Result<usize>> {
                match self.get_mut() {
                    $($(#[$condition])? Self::$variant(stream) => Pin::new(stream).poll_write(cx, bytes),)+
                }
            }

            fn poll_write_vectored(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                slices: &[IoSlice<'_>],
            ) -> Poll<io::Result<usize>> {
                match self.get_mut() {
                    $($(#[$condition])? Self::$variant(stream) => Pin::new(stream).poll_write_vectored(cx, slices),)+
                }
            }

            fn is_write_vectored(&self) -> bool {
                true
            }

            fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                match self.get_mut() {
                    $($(#[$condition])? Self::$variant(stream) => Pin::new(stream).poll_flush(cx),)+
                }
            }

            fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                match self.get_mut() {
                    $($(#[$condition])? Self::$variant(stream) => Pin::new(stream).poll_shutdown(cx),)+
                }
            }
        }
    };
}

forward_io!(SocketStream {
    Tcp,
    #[cfg(unix)]
    Unix
});
forward_io!(ByteStream { Plain, Tls });

//! A connection that comes back after the library has dropped it.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf},
    net::TcpStream,
};

/// How long a peer may take to close after us.
const LINGER: Duration = Duration::from_secs(1);

/// A stream on loan to a WebSocket library: when it is dropped there, the
/// stream goes back to the accept loop, which ends it properly.
///
/// A socket that is closed while it holds unread data resets the connection,
/// and the reset can overtake the last thing that was said: the close frame, or
/// the answer to a request. Libraries drop their streams without a thought.
#[derive(Debug)]
pub struct Lent {
    /// `Some` until dropped.
    stream: Option<TcpStream>,
    home: Home,
}

/// Where a lent stream comes back to.
#[derive(Debug, Clone, Default)]
pub(crate) struct Home(Arc<Mutex<Option<TcpStream>>>);

impl Home {
    pub(crate) fn lend(&self, stream: TcpStream) -> Lent {
        Lent {
            stream: Some(stream),
            home: self.clone(),
        }
    }

    /// Says that no more will be sent, then waits a little for the peer to
    /// close; what it still sends is thrown away.
    pub(crate) async fn end(&self) {
        let returned = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(stream) = returned {
            let _ = tokio::time::timeout(LINGER, finish(stream)).await;
        }
    }
}

/// Errors mean that the peer has gone, which is what is waited for.
async fn finish(mut stream: TcpStream) -> io::Result<()> {
    stream.shutdown().await?;
    let mut rest = [0; 4096];
    while stream.read(&mut rest).await? > 0 {}
    Ok(())
}

impl Drop for Lent {
    fn drop(&mut self) {
        *self.home.0.lock().unwrap_or_else(PoisonError::into_inner) = self.stream.take();
    }
}

impl Lent {
    fn stream(&mut self) -> io::Result<Pin<&mut TcpStream>> {
        self.stream
            .as_mut()
            .map(Pin::new)
            .ok_or_else(|| io::ErrorKind::NotConnected.into())
    }
}

impl AsyncRead for Lent {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.get_mut().stream()?.poll_read(cx, buffer)
    }
}

impl AsyncWrite for Lent {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.get_mut().stream()?.poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.get_mut().stream()?.poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().stream()?.poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().stream()?.poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn what_was_said_arrives_although_the_peer_still_talks() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut peer = TcpStream::connect(address).await.unwrap();
        let (stream, _) = listener.accept().await.unwrap();
        peer.write_all(&[0; 1000]).await.unwrap();

        let home = Home::default();
        let mut lent = home.lend(stream);
        lent.read_exact(&mut [0; 1]).await.unwrap();
        lent.write_all(b"bye").await.unwrap();
        drop(lent);

        let mut said = Vec::new();
        let (read, ()) = tokio::join!(
            async {
                let read = peer.read_to_end(&mut said).await;
                drop(peer);
                read
            },
            home.end()
        );
        read.unwrap();
        assert_eq!(said, b"bye");
    }
}

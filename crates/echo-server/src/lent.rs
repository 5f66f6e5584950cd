//! A connection that comes back after the library has dropped it.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};

use crate::stream::Stream;

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
    stream: Option<Stream>,
    home: Home,
}

/// Where a lent stream comes back to, and what is told of it meanwhile.
#[derive(Debug, Clone, Default)]
pub(crate) struct Home(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    returned: Mutex<Option<Stream>>,
    /// Bytes came in since somebody asked.
    read: AtomicBool,
    /// Bytes went out since somebody asked.
    wrote: AtomicBool,
    /// Somebody wants to know whether `unread`.
    watched: AtomicBool,
    /// There was more to be read when a read had to wait.
    unread: AtomicBool,
}

impl Home {
    pub(crate) fn lend(&self, stream: impl Into<Stream>) -> Lent {
        Lent {
            stream: Some(stream.into()),
            home: self.clone(),
        }
    }

    /// Whether the peer has been heard of since the last call: it sent
    /// something, or took something where `is_blocked` says that it had let
    /// us wait.
    pub(crate) fn was_heard(&self, is_blocked: bool) -> bool {
        // Only the connection's own task reads and writes.
        let take = |flag: &AtomicBool| {
            let was = flag.load(Ordering::Relaxed);
            if was {
                flag.store(false, Ordering::Relaxed);
            }
            was
        };
        let (read, wrote) = (take(&self.0.read), take(&self.0.wrote));
        read || wrote && is_blocked
    }

    /// Has every read that is to wait ask the system whether it must.
    pub(crate) fn watch(&self) {
        self.0.watched.store(true, Ordering::Relaxed);
    }

    /// Whether the last read of a watched stream was told to wait although
    /// something was there: then it is about to be woken.
    pub(crate) fn has_unread(&self) -> bool {
        self.0.unread.load(Ordering::Relaxed)
    }

    /// Says that no more will be sent, then waits a little for the peer to
    /// close; what it still sends is thrown away.
    pub(crate) async fn end(&self) {
        let returned = self
            .0
            .returned
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(stream) = returned {
            let _ = tokio::time::timeout(LINGER, Box::pin(finish(stream))).await;
        }
    }
}

/// Errors mean that the peer has gone, which is what is waited for.
async fn finish(mut stream: Stream) -> io::Result<()> {
    stream.shutdown().await?;
    let mut rest = [0; 4096];
    while stream.read(&mut rest).await? > 0 {}
    Ok(())
}

impl Drop for Lent {
    fn drop(&mut self) {
        let returned = self.home.0.returned.lock();
        *returned.unwrap_or_else(PoisonError::into_inner) = self.stream.take();
    }
}

impl Lent {
    fn stream(&mut self) -> io::Result<Pin<&mut Stream>> {
        self.stream
            .as_mut()
            .map(Pin::new)
            .ok_or_else(|| io::ErrorKind::NotConnected.into())
    }

    fn note_write(&self, polled: &Poll<io::Result<usize>>) {
        if matches!(polled, Poll::Ready(Ok(1..))) {
            self.home.0.wrote.store(true, Ordering::Relaxed);
        }
    }
}

impl AsyncRead for Lent {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buffer.filled().len();
        let stream = this.stream.as_mut().ok_or(io::ErrorKind::NotConnected)?;
        let polled = Pin::new(&mut *stream).poll_read(cx, buffer);
        let shared = &this.home.0;
        if polled.is_pending() && shared.watched.load(Ordering::Relaxed) {
            shared.unread.store(stream.has_unread(), Ordering::Relaxed);
        }
        if buffer.filled().len() > before {
            shared.read.store(true, Ordering::Relaxed);
        }
        polled
    }
}

impl AsyncWrite for Lent {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let polled = this.stream()?.poll_write(cx, bytes);
        this.note_write(&polled);
        polled
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let polled = this.stream()?.poll_write_vectored(cx, slices);
        this.note_write(&polled);
        polled
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
    use tokio::net::{TcpListener, TcpStream};

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

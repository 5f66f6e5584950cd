//! A stream that closes gracefully after the WebSocket library has dropped it.

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

use crate::byte_stream::ByteStream;

/// Maximum time for a peer to close after the server.
const LINGER: Duration = Duration::from_secs(1);

/// A stream that a WebSocket library may drop at any time. Dropping it returns the byte stream to its `ReturnSlot`, and
/// the accept loop closes it gracefully.
///
/// Closing a socket with unread data resets the connection. The reset can overtake the last bytes sent, such as the
/// close frame or the answer to a request. Libraries do not prevent this.
#[derive(Debug)]
pub struct GracefulStream {
    /// `None` only while being dropped.
    stream: Option<ByteStream>,
    slot: ReturnSlot,
}

/// Destination of a dropped [`GracefulStream`], and record of its activity before.
#[derive(Debug, Clone, Default)]
pub(crate) struct ReturnSlot(Arc<SlotState>);

#[derive(Debug, Default)]
struct SlotState {
    returned: Mutex<Option<ByteStream>>,
    /// Set when bytes are received, cleared by `take_activity`.
    read: AtomicBool,
    /// Set when bytes are sent, cleared by `take_activity`.
    wrote: AtomicBool,
    /// Set while `unread` is kept up to date.
    tracks_unread: AtomicBool,
    /// Set when bytes had arrived by the time a read had to wait.
    unread: AtomicBool,
}

impl ReturnSlot {
    pub(crate) fn wrap(&self, stream: ByteStream) -> GracefulStream {
        GracefulStream {
            stream: Some(stream),
            slot: self.clone(),
        }
    }

    /// Returns true when the peer was active since the last call: it sent bytes, or accepted bytes after a blocked
    /// write. `is_blocked` is true when a write was blocked.
    pub(crate) fn take_activity(&self, is_blocked: bool) -> bool {
        // Relaxed ordering is sufficient, because only the connection's own task reads and writes.
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

    /// Records a write, like that of a stream.
    #[cfg(test)]
    pub(crate) fn note_test_write(&self) {
        self.0.wrote.store(true, Ordering::Relaxed);
    }

    /// Makes every read that has to wait check for bytes in the system.
    pub(crate) fn track_unread(&self) {
        self.0.tracks_unread.store(true, Ordering::Relaxed);
    }

    /// Returns true when bytes had arrived by the time the last read had to wait, so the reader will soon be woken.
    /// Needs [`Self::track_unread`].
    pub(crate) fn has_unread(&self) -> bool {
        self.0.unread.load(Ordering::Relaxed)
    }

    /// Closes the returned stream for sending, then briefly waits for the peer to close. Bytes received in the meantime
    /// are discarded.
    pub(crate) async fn close_gracefully(&self) {
        let returned = self
            .0
            .returned
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(stream) = returned {
            let _ = tokio::time::timeout(LINGER, Box::pin(close(stream))).await;
        }
    }
}

/// Shuts down sending and reads to the end. Returns an error when the peer is gone.
async fn close(mut stream: ByteStream) -> io::Result<()> {
    stream.shutdown().await?;
    let mut rest = [0; 4096];
    while stream.read(&mut rest).await? > 0 {}
    Ok(())
}

impl Drop for GracefulStream {
    fn drop(&mut self) {
        let returned = self.slot.0.returned.lock();
        *returned.unwrap_or_else(PoisonError::into_inner) = self.stream.take();
    }
}

impl GracefulStream {
    fn stream(&mut self) -> io::Result<Pin<&mut ByteStream>> {
        self.stream
            .as_mut()
            .map(Pin::new)
            .ok_or_else(|| io::ErrorKind::NotConnected.into())
    }

    fn note_write(&self, polled: &Poll<io::Result<usize>>) {
        if matches!(polled, Poll::Ready(Ok(1..))) {
            self.slot.0.wrote.store(true, Ordering::Relaxed);
        }
    }
}

impl AsyncRead for GracefulStream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buffer.filled().len();
        let stream = this.stream.as_mut().ok_or(io::ErrorKind::NotConnected)?;
        let polled = Pin::new(&mut *stream).poll_read(cx, buffer);
        let state = &this.slot.0;
        if polled.is_pending() && state.tracks_unread.load(Ordering::Relaxed) {
            state.unread.store(stream.has_unread(), Ordering::Relaxed);
        }
        if buffer.filled().len() > before {
            state.read.store(true, Ordering::Relaxed);
        }
        polled
    }
}

impl AsyncWrite for GracefulStream {
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
    use crate::byte_stream::SocketStream;

    #[tokio::test]
    async fn what_was_said_arrives_although_the_peer_still_talks() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut peer = TcpStream::connect(address).await.unwrap();
        let (stream, _) = listener.accept().await.unwrap();
        peer.write_all(&[0; 1000]).await.unwrap();

        let slot = ReturnSlot::default();
        let mut wrapped = slot.wrap(ByteStream::Plain(SocketStream::Tcp(stream)));
        wrapped.read_exact(&mut [0; 1]).await.unwrap();
        wrapped.write_all(b"bye").await.unwrap();
        drop(wrapped);

        let mut said = Vec::new();
        let (read, ()) = tokio::join!(
            async {
                let read = peer.read_to_end(&mut said).await;
                drop(peer);
                read
            },
            slot.close_gracefully()
        );
        read.unwrap();
        assert_eq!(said, b"bye");
    }
}

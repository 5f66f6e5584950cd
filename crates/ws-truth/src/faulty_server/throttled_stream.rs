//! A socket that is read slowly and counts the bytes that it takes.

use std::io::{self, ErrorKind, Read, Write};
use std::time::Instant;

use mio::net::TcpStream;

/// A socket with a limit on the bytes read per second, and the number of bytes written.
#[derive(Debug)]
pub(super) struct ThrottledStream {
    pub(super) stream: TcpStream,
    /// Bytes per second; `None` without a limit.
    pub(super) limit: Option<u64>,
    /// Begin of the time in which `read` bytes were read.
    pub(super) since: Instant,
    pub(super) read: u64,
    /// Bytes that the socket has taken.
    pub(super) taken: u64,
}

impl Read for ThrottledStream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        // What a server under test reads in a run is far below 2^53 bytes.
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let room = self.limit.map_or(usize::MAX, |limit| {
            let allowed = self.since.elapsed().as_secs_f64() * limit as f64;
            (allowed as u64).saturating_sub(self.read) as usize
        });
        let room = room.min(buffer.len());
        if room == 0 {
            return Err(ErrorKind::WouldBlock.into());
        }
        let n = self.stream.read(&mut buffer[..room])?;
        self.read += n as u64;
        Ok(n)
    }
}

impl Write for ThrottledStream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let n = self.stream.write(bytes)?;
        self.taken += n as u64;
        Ok(n)
    }
    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

//! Reading slowly.

use std::io::{self, ErrorKind, Read, Write};
use std::time::Instant;

use mio::net::TcpStream;

/// A socket that gives no more bytes than it may.
#[derive(Debug)]
pub(crate) struct Throttled {
    pub(crate) stream: TcpStream,
    /// Bytes a second, if there is a limit.
    pub(crate) limit: Option<u64>,
    /// Since when, and how many were read since then.
    pub(crate) since: Instant,
    pub(crate) read: u64,
}

impl Read for Throttled {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = match self.limit {
            // What a server under test reads in a run is far below 2^53 bytes.
            #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
            Some(limit) => {
                let allowed = self.since.elapsed().as_secs_f64() * limit as f64;
                (allowed as u64).saturating_sub(self.read) as usize
            }
            None => buffer.len(),
        };
        let most = most.min(buffer.len());
        if most == 0 {
            return Err(ErrorKind::WouldBlock.into());
        }
        let n = self.stream.read(&mut buffer[..most])?;
        self.read += n as u64;
        Ok(n)
    }
}

impl Write for Throttled {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.stream.write(bytes)
    }
    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

//! Reader of the head of an HTTP response.

use std::io::{self, ErrorKind, Read, Write};

use super::transport::{Readiness, Transport};

/// Longest head of a handshake's response.
const MAX_HEAD: usize = 64 * 1024;

/// Bytes read at once: more than an ordinary head.
const PIECE: usize = 1024;

/// A stream that passes on the head of an HTTP response and not one byte more.
///
/// tungstenite would keep bytes that it reads behind the handshake; this stream keeps them back.
#[derive(Debug)]
pub(crate) struct HeadReader {
    pub(crate) stream: Transport,
    pub(crate) readiness: Readiness,
    /// Bytes read from the stream, not yet passed on.
    pub(crate) buffer: Vec<u8>,
    /// Length of the buffer's part that belongs to the head, once its end is seen.
    head: Option<usize>,
}

impl HeadReader {
    pub(crate) fn new(stream: Transport) -> Self {
        Self {
            stream,
            readiness: Readiness::default(),
            buffer: Vec::new(),
            head: None,
        }
    }

    /// Reads a piece into the buffer and returns its length.
    fn read_piece(&mut self) -> io::Result<usize> {
        let mut piece = [0; PIECE];
        while self.readiness.readable {
            match self.stream.read_ready(&mut piece, &mut self.readiness) {
                Ok(n) => {
                    self.buffer.extend_from_slice(&piece[..n]);
                    return Ok(n);
                }
                Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
                Err(e) => return Err(e),
            }
        }
        Err(ErrorKind::WouldBlock.into())
    }
}

impl Read for HeadReader {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let head = loop {
            if let Some(head) = self.head {
                break head;
            }
            // The end may lie across two reads.
            let from = self.buffer.len().saturating_sub(3);
            if self.read_piece()? == 0 {
                // The end of the stream, or of what there is of a head.
                break self.buffer.len();
            }
            self.head = self.buffer[from..]
                .windows(4)
                .position(|bytes| bytes == b"\r\n\r\n")
                .map(|place| from + place + 4);
            if self.head.is_none() && self.buffer.len() > MAX_HEAD {
                let error = io::Error::new(ErrorKind::InvalidData, "the response has no end");
                return Err(error);
            }
        };
        let given = head.min(out.len());
        out[..given].copy_from_slice(&self.buffer[..given]);
        self.buffer.drain(..given);
        self.head = Some(head - given);
        Ok(given)
    }
}

impl Write for HeadReader {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.stream.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

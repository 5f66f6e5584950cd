//! One upgrade on a socket: sends the request and reads the answer.

use std::io::{self, ErrorKind, Write};

use measurement::record::ConnectFailure;

use super::tls;
use super::transport::{Readiness, Transport};
use super::upgrade::{UpgradeProgress, UpgradeReader};
use crate::connect::upgrade::UpgradeRequest;

/// Bytes per read, more than a usual head.
const PIECE: usize = 1024;

/// A socket after its handshake.
#[derive(Debug)]
pub(crate) struct UpgradedStream {
    pub(crate) stream: Transport,
    pub(crate) readiness: Readiness,
    /// Bytes that arrived together with the end of the handshake.
    pub(crate) buffer: Vec<u8>,
}

/// An upgrade in progress.
#[derive(Debug)]
pub(crate) struct UpgradeExchange {
    stream: Transport,
    readiness: Readiness,
    request: Vec<u8>,
    /// Bytes of the request sent so far.
    written: usize,
    reader: UpgradeReader,
}

impl UpgradeExchange {
    pub(crate) fn new(stream: Transport, request: &UpgradeRequest) -> Self {
        let (request, reader) = request.begin();
        Self {
            stream,
            readiness: Readiness::default(),
            request,
            written: 0,
            reader,
        }
    }

    /// Continues as far as the socket allows, after these reports of the poll. `None` when it has to wait.
    pub(crate) fn advance(
        &mut self,
        reported: Readiness,
    ) -> Option<Result<Vec<u8>, ConnectFailure>> {
        self.readiness.add(reported);
        match self.send().and_then(|()| self.receive()) {
            Ok(UpgradeProgress::Break(result)) => Some(result),
            Ok(UpgradeProgress::Continue(())) => None,
            Err(e) if e.kind() == ErrorKind::WouldBlock => None,
            Err(e) => Some(Err(self.failure(&e))),
        }
    }

    /// The socket, and the bytes after the handshake.
    pub(crate) fn into_stream(self, buffer: Vec<u8>) -> UpgradedStream {
        UpgradedStream {
            stream: self.stream,
            readiness: self.readiness,
            buffer,
        }
    }

    /// Returns true when the cause of a failure is known and only the rest of its text is awaited.
    pub(crate) fn has_failed(&self) -> bool {
        self.reader.has_failed()
    }

    /// The failure to report when the exchange times out.
    pub(crate) fn at_timeout(&self) -> ConnectFailure {
        self.reader.at_timeout()
    }

    fn send(&mut self) -> io::Result<()> {
        while self.written < self.request.len() {
            match self.stream.write(&self.request[self.written..]) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(taken) => self.written += taken,
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                // The answer may have arrived already, because some servers refuse early and close.
                Err(e) if e.kind() == ErrorKind::WouldBlock || tls::is_closed(&e) => break,
                Err(e) => return Err(e),
            }
        }
        match self.stream.flush() {
            Err(e) if e.kind() != ErrorKind::WouldBlock && !tls::is_closed(&e) => Err(e),
            _ => Ok(()),
        }
    }

    fn receive(&mut self) -> io::Result<UpgradeProgress> {
        let mut piece = [0; PIECE];
        while self.readiness.readable {
            match self.stream.read_ready(&mut piece, &mut self.readiness) {
                Ok(0) => return Ok(UpgradeProgress::Break(Err(self.reader.at_end()))),
                Ok(came) => {
                    let progress = self.reader.receive(&piece[..came]);
                    if progress.is_break() {
                        return Ok(progress);
                    }
                }
                Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
                Err(e) => return Err(e),
            }
        }
        Ok(UpgradeProgress::Continue(()))
    }

    fn failure(&self, error: &io::Error) -> ConnectFailure {
        match error.get_ref().and_then(|e| e.downcast_ref()) {
            Some(cause) => tls::failure(cause),
            None if tls::is_closed(error) => self.reader.at_end(),
            None => ConnectFailure::Handshake(error.to_string()),
        }
    }
}

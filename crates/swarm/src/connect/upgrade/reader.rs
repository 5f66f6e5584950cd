//! Reader of the answer to an upgrade.

use std::ops::ControlFlow;
use std::sync::Arc;

use measurement::record::{
    AnswerDefect, ConnectFailure, ForeignAnswer, UpgradeRefusal, escape_beginning,
};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use super::agreement;
use super::head::{QUOTED, ResponseHead};
use super::refusal_body::RefusalBody;

/// Maximum number of bytes up to the end of the handshake, including all answers with status 1xx.
pub const MAX_HEAD: usize = 512 * 1024;

/// Length of an HTTP/2 frame header in bytes (RFC 9113, 4.1).
const HTTP2_FRAME_HEADER: usize = 9;

/// Progress of an upgrade: more bytes are needed, the connection is open (with the bytes after the handshake), or it
/// failed.
pub type UpgradeProgress = ControlFlow<Result<Vec<u8>, ConnectFailure>>;

/// Reader of one answer.
#[derive(Debug)]
pub struct UpgradeReader {
    /// The correct value of `Sec-WebSocket-Accept` for the key.
    accept: String,
    offered: Arc<[String]>,
    received: Vec<u8>,
    /// Start of the current head, after those of answers with status 1xx.
    head: usize,
    /// Start of the line being received.
    line: usize,
    /// A refusal whose body is being read.
    refusal: Option<Box<(UpgradeRefusal, RefusalBody)>>,
}

impl UpgradeReader {
    pub(super) fn new(key: &str, offered: Arc<[String]>) -> Self {
        Self {
            accept: derive_accept_key(key.as_bytes()),
            offered,
            received: Vec::new(),
            head: 0,
            line: 0,
            refusal: None,
        }
    }

    /// Processes the next bytes. Must not be called again after a result.
    pub fn receive(&mut self, bytes: &[u8]) -> UpgradeProgress {
        if self.refusal.is_some() {
            return self.receive_body(bytes);
        }
        let mut searched = self.received.len();
        self.received.extend_from_slice(bytes);
        loop {
            if let Some(foreign) = self.foreign_answer() {
                return ControlFlow::Break(Err(ConnectFailure::NotHttp(foreign)));
            }
            let Some(end) = self.received[searched..].iter().position(|b| *b == b'\n') else {
                break;
            };
            let (line, next) = (self.line, searched + end + 1);
            (self.line, searched) = (next, next);
            let is_empty = matches!(&self.received[line..next], b"\n" | b"\r\n");
            if is_empty && line > self.head {
                match self.end_of_head(line, next) {
                    ControlFlow::Continue(()) => {}
                    result => return result,
                }
                if self.refusal.is_some() {
                    let body = self.received.split_off(next);
                    return self.receive_body(&body);
                }
            }
        }
        if self.received.len() > MAX_HEAD {
            return broken(AnswerDefect::TooLong(MAX_HEAD));
        }
        ControlFlow::Continue(())
    }

    /// The failure to report when the server closes the connection.
    pub fn at_end(&self) -> ConnectFailure {
        self.unfinished(ConnectFailure::NoAnswer, AnswerDefect::Cut)
    }

    /// The failure to report when the answer times out.
    pub fn at_timeout(&self) -> ConnectFailure {
        self.unfinished(ConnectFailure::Timeout, AnswerDefect::Unfinished)
    }

    /// Returns true when the cause of a failure is known and only the rest of its text is awaited.
    pub fn has_failed(&self) -> bool {
        self.refusal.is_some() || !self.is_http()
    }

    fn unfinished(
        &self,
        silence: ConnectFailure,
        defect: impl FnOnce(String) -> AnswerDefect,
    ) -> ConnectFailure {
        let begins = || escape_beginning(&self.received, QUOTED);
        match &self.refusal {
            Some(refusal) => refused(&refusal.0, &refusal.1),
            None if self.received.is_empty() => silence,
            None if !self.is_http() => ConnectFailure::NotHttp(ForeignAnswer::Other(begins())),
            None => ConnectFailure::Answer(defect(begins())),
        }
    }

    fn receive_body(&mut self, bytes: &[u8]) -> UpgradeProgress {
        let Some(refusal) = &mut self.refusal else {
            return ControlFlow::Continue(());
        };
        refusal.1.receive(bytes);
        if refusal.1.is_enough() {
            return ControlFlow::Break(Err(refused(&refusal.0, &refusal.1)));
        }
        ControlFlow::Continue(())
    }

    /// Processes the head that ends before the empty line at `end`. The bytes after it start at `next`.
    fn end_of_head(&mut self, end: usize, next: usize) -> UpgradeProgress {
        let head = match ResponseHead::parse(&self.received[self.head..end]) {
            Ok(head) => head,
            Err(defect) => return broken(defect),
        };
        match head.status {
            101 => {
                let agreed = agreement::check(&head, &self.accept, &self.offered);
                ControlFlow::Break(agreed.map(|()| self.received.split_off(next)))
            }
            // Another answer follows (RFC 9110, 15.2).
            100..200 => {
                self.head = next;
                ControlFlow::Continue(())
            }
            status => {
                let refusal = UpgradeRefusal {
                    reason: escape_beginning(head.reason, QUOTED),
                    fields: head.refusal_fields(),
                    ..UpgradeRefusal::new(status)
                };
                let body = RefusalBody::new(&head);
                self.refusal = Some(Box::new((refusal, body)));
                ControlFlow::Continue(())
            }
        }
    }

    /// Returns true while the received bytes of the current head look like HTTP.
    fn is_http(&self) -> bool {
        let start = &self.received[self.head..];
        let compared = start.len().min(5);
        start[..compared] == b"HTTP/"[..compared]
    }

    /// The other protocol, once enough bytes have arrived to identify it.
    fn foreign_answer(&self) -> Option<ForeignAnswer> {
        if self.is_http() {
            return None;
        }
        let start = &self.received[self.head..];
        match start {
            [0x15 | 0x16, 0x03, ..] => return Some(ForeignAnswer::Tls),
            // HTTP/2 SETTINGS or GOAWAY on stream 0.
            [0, _, _, 4 | 7, _, 0, 0, 0, 0, ..] => return Some(ForeignAnswer::Http2),
            [0x15 | 0x16] => return None,
            [0, ..] if start.len() < HTTP2_FRAME_HEADER => return None,
            _ => {}
        }
        let is_text = |line: &&[u8]| !line.iter().any(|b| b.is_ascii_control() && *b != b'\r');
        let line = start.split(|byte| *byte == b'\n').next().filter(is_text);
        let line = line.filter(|line| line.len() < start.len());
        let end = match line {
            Some(line) => line.len(),
            // More of it may arrive.
            None if start.len() <= QUOTED => return None,
            None => start.len(),
        };
        let first = start[..end].trim_ascii();
        Some(ForeignAnswer::Other(escape_beginning(first, QUOTED)))
    }
}

fn broken(defect: AnswerDefect) -> UpgradeProgress {
    ControlFlow::Break(Err(ConnectFailure::Answer(defect)))
}

fn refused(refusal: &UpgradeRefusal, body: &RefusalBody) -> ConnectFailure {
    ConnectFailure::Refused(Box::new(UpgradeRefusal {
        body: body.quoted(),
        ..refusal.clone()
    }))
}

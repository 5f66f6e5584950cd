//! One client's connection: texts sent, messages received, records cut from them, all of them shown.

use std::collections::VecDeque;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use scenario::{
    Captures, ClientState, MessageValues, NearMiss, Padding, ReceivedRecord, RecordCutter,
    RecordError, RecordFormat, Scenario, Scratch, Template, ValueFault,
};
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{self, Message};

use crate::outcome::{TrialDirection, TrialLine, TrialMeaning};
use crate::ws_client::{WsClient, WsClientError};

/// A complete record.
#[derive(Debug, Clone)]
pub(crate) struct TrialRecord {
    pub(crate) bytes: Vec<u8>,
    pub(crate) is_binary: bool,
    /// Time of its arrival.
    pub(crate) at: Instant,
}

impl TrialRecord {
    /// The record as patterns are tried on it.
    pub(crate) fn received(&self) -> ReceivedRecord<'_> {
        ReceivedRecord {
            bytes: &self.bytes,
            is_binary: self.is_binary,
        }
    }
}

/// The wait for a record.
pub(crate) enum Awaited {
    Record(TrialRecord),
    /// The time is over.
    Nothing,
    /// The connection ended, with its text.
    Ended(String),
}

/// One client's connection.
pub(crate) struct Conversation<'a> {
    pub(crate) scenario: &'a Scenario,
    pub(crate) state: ClientState,
    pub(crate) padding: &'a Padding,
    pub(crate) scratch: Scratch,
    client: WsClient,
    cutter: RecordCutter,
    /// Largest record in bytes.
    max_record: usize,
    records: VecDeque<TrialRecord>,
    /// Messages received so far.
    pub(crate) received: u64,
    begun: Instant,
    show: &'a mut dyn FnMut(TrialLine),
}

impl<'a> Conversation<'a> {
    /// The conversation of a client that has just connected. A record above `max_record` bytes ends it.
    pub(crate) fn new(
        scenario: &'a Scenario,
        state: ClientState,
        (padding, max_record): (&'a Padding, usize),
        (client, begun): (WsClient, Instant),
        show: &'a mut dyn FnMut(TrialLine),
    ) -> Self {
        Self {
            scenario,
            state,
            padding,
            max_record,
            scratch: Scratch::default(),
            client,
            cutter: RecordCutter::default(),
            records: VecDeque::new(),
            received: 0,
            begun,
            show,
        }
    }

    /// Sends a text with this number of its message and this id. Captures are those of the last record.
    pub(crate) fn send(
        &mut self,
        template: &Template,
        (number, id): (u64, u64),
        meaning: TrialMeaning,
    ) -> Result<(), WsClientError> {
        let answers = matches!(meaning, TrialMeaning::Answer | TrialMeaning::DeliveryAnswer);
        let bytes = self.render(template, number, id, answers);
        let message = if self.scenario.binary {
            Message::binary(bytes.clone())
        } else {
            // Holes can bring bytes into a text that are none: what a server makes of them is shown, too.
            match String::from_utf8(bytes.clone()) {
                Ok(text) => Message::text(text),
                Err(_) => Message::binary(bytes.clone()),
            }
        };
        self.client.set_deadline(Instant::now() + SEND_TIMEOUT);
        self.client.send(message)?;
        self.show(TrialDirection::Sent, &bytes, meaning, Instant::now());
        Ok(())
    }

    /// Sends a text that belongs to no message of the load, with an id of its own if it holds one.
    pub(crate) fn send_control(
        &mut self,
        template: &Template,
        meaning: TrialMeaning,
    ) -> Result<(), WsClientError> {
        let id = if template.holds_id() {
            self.state.take_id()
        } else {
            0
        };
        self.send(template, (0, id), meaning)
    }

    fn render(&self, template: &Template, number: u64, id: u64, answers: bool) -> Vec<u8> {
        let since_1970 = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        let values = MessageValues {
            client: &self.state,
            sender: self.state.client(),
            number,
            id,
            wall_ns: u64::try_from(since_1970.as_nanos()).unwrap_or(u64::MAX),
            captures: if answers {
                &self.scratch.captures
            } else {
                Captures::none()
            },
            padding: self.padding,
        };
        let filled = template.fill(&values);
        let mut bytes = Vec::new();
        filled.write(&mut bytes);
        bytes
    }

    pub(crate) fn show(
        &mut self,
        direction: TrialDirection,
        bytes: &[u8],
        meaning: TrialMeaning,
        at: Instant,
    ) {
        self.show_near(direction, bytes, (meaning, None), at);
    }

    fn show_near(
        &mut self,
        direction: TrialDirection,
        bytes: &[u8],
        (meaning, near_miss): (TrialMeaning, Option<NearMiss>),
        at: Instant,
    ) {
        let line = TrialLine {
            at: at.saturating_duration_since(self.begun),
            direction,
            bytes: self.masked(bytes),
            meaning,
            near_miss: near_miss.map(|near| self.masked_miss(near)),
        };
        (self.show)(line);
    }

    pub(crate) fn show_record(&mut self, record: &TrialRecord, meaning: TrialMeaning) {
        self.show_explained(record, meaning, None);
    }

    /// Shows a record, and the JSON pattern that it nearly matched.
    pub(crate) fn show_explained(
        &mut self,
        record: &TrialRecord,
        meaning: TrialMeaning,
        near_miss: Option<NearMiss>,
    ) {
        let explained = (meaning, near_miss);
        self.show_near(
            TrialDirection::Received,
            &record.bytes,
            explained,
            record.at,
        );
    }

    fn masked_miss(&self, near: NearMiss) -> NearMiss {
        let fault = match near.fault {
            ValueFault::Missing => ValueFault::Missing,
            ValueFault::Differs(found) => ValueFault::Differs(self.masked(&found)),
            ValueFault::NamesNoMessage(found) => ValueFault::NamesNoMessage(self.masked(&found)),
        };
        NearMiss {
            expected: self.scenario.masked_text(&self.state, &near.expected),
            fault,
            ..near
        }
    }

    pub(crate) fn masked(&self, bytes: &[u8]) -> Vec<u8> {
        self.scenario.masked(&self.state, bytes)
    }

    /// Waits for the next record until `deadline`.
    pub(crate) fn receive(&mut self, deadline: Instant) -> Awaited {
        loop {
            if let Some(record) = self.records.pop_front() {
                return Awaited::Record(record);
            }
            self.client.set_deadline(deadline);
            let message = match self.client.receive() {
                Ok(message) => message,
                Err(WsClientError::Silent(_)) => return Awaited::Nothing,
                Err(WsClientError::Talk(error)) if is_end(&error) => {
                    return Awaited::Ended("the connection ended without a close frame".to_owned());
                }
                Err(WsClientError::Talk(error)) if self.is_too_long_record(&error) => {
                    let limit = self.max_record;
                    return Awaited::Ended(RecordError::TooLong { limit }.to_string());
                }
                Err(error) => return Awaited::Ended(error.into()),
            };
            if let Some(ended) = self.take(message) {
                return Awaited::Ended(ended);
            }
        }
    }

    /// Returns true for the error of a message that is longer than the limit of records, and is one.
    fn is_too_long_record(&self, error: &tungstenite::Error) -> bool {
        matches!(error, tungstenite::Error::Capacity(_))
            && self.scenario.records == RecordFormat::Message
    }

    /// Cuts a message into records, or shows a control frame. Returns the text of the connection's end.
    fn take(&mut self, message: Message) -> Option<String> {
        let at = Instant::now();
        let (bytes, is_binary) = match message {
            Message::Text(text) => (text.as_bytes().to_vec(), false),
            Message::Binary(bytes) => (bytes.to_vec(), true),
            Message::Ping(bytes) => {
                self.show(TrialDirection::Received, &bytes, TrialMeaning::Ping, at);
                return None;
            }
            Message::Pong(bytes) => {
                self.show(TrialDirection::Received, &bytes, TrialMeaning::Pong, at);
                return None;
            }
            Message::Close(frame) => return Some(self.closed(frame.as_ref(), at)),
            Message::Frame(_) => return None,
        };
        self.received += 1;
        let mut records = Vec::new();
        let format = &self.scenario.records;
        let cut = self
            .cutter
            .push(format, &bytes, true, self.max_record, |record| {
                records.push(record.to_vec());
            });
        if records.len() != 1 || records[0] != bytes {
            let meaning = TrialMeaning::SeveralRecords {
                records: records.len(),
            };
            self.show(TrialDirection::Received, &bytes, meaning, at);
        }
        self.records
            .extend(records.into_iter().map(|bytes| TrialRecord {
                bytes,
                is_binary,
                at,
            }));
        cut.err().map(|error| error.to_string())
    }

    fn closed(&mut self, frame: Option<&CloseFrame>, at: Instant) -> String {
        let code = frame.map(|frame| u16::from(frame.code));
        let reason = frame.map_or("", |frame| frame.reason.as_str());
        self.show(
            TrialDirection::Received,
            reason.as_bytes(),
            TrialMeaning::Close { code },
            at,
        );
        match code {
            Some(code) => format!("the server closed the connection with code {code}"),
            None => "the server closed the connection without a code".to_owned(),
        }
    }

    /// Sends a close frame with this code, and shows what comes until the connection ends.
    pub(crate) fn close(&mut self, code: u16) {
        let frame = CloseFrame {
            code: CloseCode::from(code),
            reason: "".into(),
        };
        let deadline = Instant::now() + CLOSE_TIMEOUT;
        self.client.set_deadline(deadline);
        // The server may have closed already.
        if self.client.send(Message::Close(Some(frame))).is_ok() {
            let meaning = TrialMeaning::Close { code: Some(code) };
            self.show(TrialDirection::Sent, b"", meaning, Instant::now());
            while matches!(self.receive(deadline), Awaited::Record(_)) {}
        }
    }
}

/// Time limit for writing one message.
const SEND_TIMEOUT: Duration = Duration::from_secs(5);

/// Time limit for the server's close frame.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

fn is_end(error: &tungstenite::Error) -> bool {
    use tungstenite::error::ProtocolError;
    matches!(
        error,
        tungstenite::Error::ConnectionClosed
            | tungstenite::Error::AlreadyClosed
            | tungstenite::Error::Protocol(ProtocolError::ResetWithoutClosingHandshake)
    )
}

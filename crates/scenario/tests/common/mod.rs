//! A client of a scenario without a network: what it sends, and the meaning of what it gets.

#![allow(clippy::unwrap_used, dead_code, unreachable_pub)]

use scenario::{
    Captures, ClientState, MessageKey, MessageValues, Padding, ReceivedRecord, RecordClass,
    Scenario, ScenarioOptions, ScenarioSource, Scratch, SentMessage, SentMessages, SentState,
    SetupClass, Template,
};
use units::SizeRange;

/// Messages sent and not yet answered, oldest first; and all that were ever sent.
#[derive(Default)]
pub struct SentLog {
    pub waiting: Vec<SentMessage>,
    pub all: Vec<SentMessage>,
}

impl SentLog {
    fn state(&self, is_it: impl Fn(&SentMessage) -> bool) -> SentState {
        match self.waiting.iter().find(|message| is_it(message)) {
            Some(message) => SentState::Waiting(*message),
            None if self.all.iter().any(is_it) => SentState::Over,
            None => SentState::Unknown,
        }
    }

    pub fn end(&mut self, message: SentMessage) {
        self.waiting.retain(|waiting| *waiting != message);
    }
}

impl SentMessages for SentLog {
    fn find(&self, key: MessageKey) -> SentState {
        match key {
            MessageKey::Content(number) => self.state(|message| message.number == number),
            MessageKey::Id(id) => self.state(|message| message.id == id),
            MessageKey::Order(kind) => match self.waiting.iter().find(|m| m.kind == kind) {
                Some(message) => SentState::Waiting(*message),
                None => SentState::Unknown,
            },
        }
    }
}

/// One client.
pub struct Client {
    pub scenario: Scenario,
    pub state: ClientState,
    pub padding: Padding,
    pub sent: SentLog,
    pub scratch: Scratch,
    next: u64,
}

pub fn parse(text: &str) -> Scenario {
    let source = ScenarioSource::File {
        name: "t.toml",
        text,
    };
    parse_source(source, &ScenarioOptions::default())
}

pub fn parse_source(source: ScenarioSource, options: &ScenarioOptions) -> Scenario {
    let no_files = |_: &str, _: Option<&str>| Err("no files".to_owned());
    Scenario::parse(source, options, &no_files).unwrap_or_else(|error| panic!("{error}"))
}

impl Client {
    pub fn new(scenario: Scenario, number: u32, size: Option<u64>) -> Self {
        let state = scenario.client(number, 0, number, 1);
        let padding = Padding::new(
            7,
            size.map(|size| SizeRange {
                min: size,
                max: size,
            }),
        );
        Self {
            scenario,
            state,
            padding,
            sent: SentLog::default(),
            scratch: Scratch::default(),
            next: 0,
        }
    }

    pub fn of(text: &str) -> Self {
        Self::new(parse(text), 3, Some(60))
    }

    pub fn render(&self, template: &Template, number: u64, id: u64) -> Vec<u8> {
        let values = MessageValues {
            client: &self.state,
            sender: self.state.client(),
            number,
            id,
            wall_ns: 5_000_000_000,
            captures: &self.scratch.captures,
            padding: &self.padding,
        };
        let filled = template.fill(&values);
        let mut bytes = Vec::new();
        filled.write(&mut bytes);
        assert_eq!(bytes.len() as u64, filled.len());
        bytes
    }

    /// Sends the next message of a kind; returns its bytes.
    pub fn send_kind(&mut self, kind: usize) -> Vec<u8> {
        let number = self.next;
        self.next += 1;
        let template = self.scenario.messages[kind].send.clone();
        let id = if template.holds_id() {
            self.state.take_id()
        } else {
            0
        };
        let message = SentMessage { kind, number, id };
        self.sent.waiting.push(message);
        self.sent.all.push(message);
        self.scratch.captures = Captures::default();
        self.render(&template, number, id)
    }

    pub fn send(&mut self) -> String {
        String::from_utf8(self.send_kind(0)).unwrap()
    }

    pub fn receive(&mut self, record: impl AsRef<[u8]>) -> RecordClass {
        let is_binary = self.scenario.binary;
        self.receive_as(record, is_binary)
    }

    pub fn receive_as(&mut self, record: impl AsRef<[u8]>, is_binary: bool) -> RecordClass {
        let record = ReceivedRecord {
            bytes: record.as_ref(),
            is_binary,
        };
        self.scenario.classify(
            record,
            &self.state,
            &self.sent,
            &self.padding,
            &mut self.scratch,
        )
    }

    /// Returns true when the record is byte by byte the expected reply to this message.
    pub fn is_exact(&mut self, message: SentMessage, record: &[u8], is_binary: bool) -> bool {
        let bytes = record;
        let record = ReceivedRecord { bytes, is_binary };
        let values = MessageValues {
            client: &self.state,
            sender: self.state.client(),
            number: message.number,
            id: message.id,
            wall_ns: 0,
            captures: Captures::none(),
            padding: &self.padding,
        };
        self.scenario
            .is_exact_reply(record, message.kind, &values, &mut self.scratch)
    }

    pub fn setup(&mut self, step: usize, record: impl AsRef<[u8]>) -> SetupClass {
        let record = ReceivedRecord {
            bytes: record.as_ref(),
            is_binary: false,
        };
        self.scenario
            .classify_setup(step, record, &mut self.state, &mut self.scratch)
    }

    /// Meaning of a record in one word, and the number of its message.
    pub fn meaning(&mut self, record: impl AsRef<[u8]>) -> String {
        word(self.receive(record))
    }
}

pub fn word(class: RecordClass) -> String {
    match class {
        RecordClass::Own {
            message,
            role,
            agrees,
            ..
        } => {
            let role = format!("{role:?}").to_lowercase();
            format!(
                "{}{role} {}",
                if agrees { "" } else { "corrupted " },
                message.number
            )
        }
        RecordClass::Duplicate { role, .. } => format!("duplicate {role:?}").to_lowercase(),
        RecordClass::Delivery {
            client,
            number,
            agrees,
            ..
        } => {
            format!(
                "{}delivery {client}.{number}",
                if agrees { "" } else { "corrupted " }
            )
        }
        RecordClass::Push { seq, stamp_ns } => format!("push {seq:?} {stamp_ns:?}"),
        RecordClass::On(rule) => format!("on {rule}"),
        RecordClass::Unexpected => "unexpected".to_owned(),
    }
}

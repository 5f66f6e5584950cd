//! Time of a message: written from its template, its reply read by bytes and by JSON pointers.
//!
//! `cargo bench -p scenario --bench cost [-- ROUNDS]`
//!
//! One thread, no network. Prints the best round in nanoseconds per message for messages of 125 B, 1 KiB
//! and 16 KiB. Each reply is classified as by the load generator: it is found by its id or identity and
//! compared with the message.

#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs)]

use std::hint::black_box;
use std::time::Instant;

use scenario::{
    Captures, ClientState, MessageKey, MessageValues, Padding, ReceivedRecord, RecordClass,
    Scenario, ScenarioOptions, ScenarioSource, Scratch, SentMessage, SentMessages, SentState,
};
use units::SizeRange;

const ECHO: &str = "[[message]]\nsend = '${uid}${pad}'\nreply = '${message}'\n";
const CONTENT: &str = "[[message]]\nsend = '${uid}${pad}'\nreply = 'to all: ${*}${uid}${*}'\n";
const SOCKET: &str = r#"
[[message]]
send = '42${id}["echo",{"id":"${uid}","pad":"${pad}"}]'
reply = '43${id}[${*}]'
"#;
const RPC: &str = r#"
[[message]]
send = '{"jsonrpc":"2.0","method":"echo","params":{"text":"${uid}${pad}"},"id":${id}}'
reply = { json = { "/id" = "${id}", "/result" = "${*}" } }
error = { json = { "/id" = "${id}", "/error" = "${*}" } }
"#;

/// Messages per measured piece.
const MESSAGES: u64 = 20_000;

/// A window of messages that wait; the oldest is answered first.
struct Window {
    oldest: SentMessage,
}

impl SentMessages for Window {
    fn find(&self, key: MessageKey) -> SentState {
        let is_oldest = match key {
            MessageKey::Content(number) => number == self.oldest.number,
            MessageKey::Id(id) => id == self.oldest.id,
            MessageKey::Order(_) => true,
        };
        if is_oldest {
            SentState::Waiting(self.oldest)
        } else {
            SentState::Unknown
        }
    }
}

struct Case {
    scenario: Scenario,
    client: ClientState,
    padding: Padding,
}

impl Case {
    fn new(text: &str, size: u64) -> Self {
        let source = ScenarioSource::File {
            name: "bench.toml",
            text,
        };
        let no_files = |_: &str, _: Option<&str>| Err("no files".to_owned());
        let scenario = Scenario::parse(source, &ScenarioOptions::default(), &no_files).unwrap();
        let mut client = scenario.client(3, 0, 3, 1);
        for _ in 0..MESSAGES {
            client.take_id();
        }
        let padding = Padding::new(
            1,
            Some(SizeRange {
                min: size,
                max: size,
            }),
        );
        Self {
            scenario,
            client,
            padding,
        }
    }

    fn values(&self, number: u64) -> MessageValues<'_> {
        MessageValues {
            client: &self.client,
            sender: self.client.client(),
            number,
            id: number + 1,
            wall_ns: 0,
            captures: Captures::none(),
            padding: &self.padding,
        }
    }

    /// Nanoseconds per message that is written.
    fn write(&self, buffer: &mut Vec<u8>) -> f64 {
        let template = &self.scenario.messages[0].send;
        let start = Instant::now();
        for number in 0..MESSAGES {
            buffer.clear();
            let values = self.values(number);
            let filled = template.fill(&values);
            black_box(filled.len());
            filled.write(buffer);
            black_box(buffer.as_slice());
        }
        per_message(start)
    }

    /// Nanoseconds per reply that is classified; `reply` makes a reply of a message.
    fn read(&self, scratch: &mut Scratch, reply: impl Fn(&[u8], u64) -> Vec<u8>) -> f64 {
        let replies: Vec<Vec<u8>> = (0..64)
            .map(|number| {
                let mut message = Vec::new();
                self.scenario.messages[0]
                    .send
                    .fill(&self.values(number))
                    .write(&mut message);
                reply(&message, number + 1)
            })
            .collect();
        let start = Instant::now();
        for round in 0..MESSAGES / 64 {
            black_box(round);
            for (number, bytes) in (0..).zip(&replies) {
                let window = Window {
                    oldest: SentMessage {
                        kind: 0,
                        number,
                        id: number + 1,
                    },
                };
                let record = ReceivedRecord {
                    bytes,
                    is_binary: false,
                };
                let class =
                    self.scenario
                        .classify(record, &self.client, &window, &self.padding, scratch);
                assert!(
                    matches!(black_box(class), RecordClass::Own { agrees: true, .. }),
                    "{class:?}"
                );
            }
        }
        per_message(start)
    }
}

fn per_message(start: Instant) -> f64 {
    start.elapsed().as_secs_f64() * 1e9 / MESSAGES as f64
}

fn main() {
    let rounds = std::env::args()
        .filter_map(|a| a.parse().ok())
        .next()
        .unwrap_or(10);
    let sizes = [125, 1024, 16 * 1024];
    let mut best = vec![[f64::INFINITY; 3]; 7];
    let (mut buffer, mut scratch) = (Vec::new(), Scratch::default());
    for _ in 0..rounds {
        for (column, size) in sizes.into_iter().enumerate() {
            let socket = Case::new(SOCKET, size);
            let rpc = Case::new(RPC, size);
            let echo = Case::new(ECHO, size);
            let content = Case::new(CONTENT, size);
            let figures = [
                echo.write(&mut buffer),
                socket.write(&mut buffer),
                rpc.write(&mut buffer),
                echo.read(&mut scratch, |message, _| message.to_vec()),
                content.read(&mut scratch, |message, _| {
                    [b"to all: you said ", message].concat()
                }),
                socket.read(&mut scratch, |message, id| {
                    let at = message.iter().position(|byte| *byte == b'{').unwrap();
                    [format!("43{id}[").as_bytes(), &message[at..]].concat()
                }),
                rpc.read(&mut scratch, |message, id| {
                    let text = String::from_utf8_lossy(message);
                    let result = text
                        .split("\"params\":")
                        .nth(1)
                        .unwrap()
                        .split(",\"id\"")
                        .next()
                        .unwrap();
                    format!("{{\"jsonrpc\":\"2.0\",\"result\":{result},\"id\":{id}}}").into_bytes()
                }),
            ];
            for (row, figure) in best.iter_mut().zip(figures) {
                row[column] = row[column].min(figure);
            }
        }
    }
    let names = [
        "write: identity and pad",
        "write: template of 6 segments, Socket.IO",
        "write: template of 5 segments, JSON-RPC",
        "read: reply fully known and next in turn, all bytes compared",
        "read: `${uid}` searched in text",
        "read: pattern with `${id}` and `${*}`",
        "read: JSON pointers /id, /result, /error",
    ];
    println!("| part, ns per message | 125 B | 1 KiB | 16 KiB |");
    println!("|---|--:|--:|--:|");
    for (name, row) in names.iter().zip(best) {
        println!("| {name} | {:.0} | {:.0} | {:.0} |", row[0], row[1], row[2]);
    }
}

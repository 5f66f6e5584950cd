//! The checks of the fuzz targets `pattern` and `file`, which the tests run on the committed corpus as well.
//!
//! Built only for fuzzing (`cfg(fuzzing)`, which cargo-fuzz sets) and for tests.

// A check that fails panics, which the fuzzer looks for.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use units::SizeRange;

use crate::captures::Captures;
use crate::client::ClientState;
use crate::padding::Padding;
use crate::parse::{OneLiner, OneLinerKind, ScenarioOptions, ScenarioSource};
use crate::pattern::Scratch;
use crate::record_class::{
    MessageKey, ReceivedRecord, RecordClass, SentMessage, SentMessages, SentState,
};
use crate::scenario::Scenario;
use crate::template::{MessageValues, Template};

/// One message that waits.
struct OneMessage(SentMessage);

impl SentMessages for OneMessage {
    fn find(&self, key: MessageKey) -> SentState {
        let is_it = match key {
            MessageKey::Content(number) => number == self.0.number,
            MessageKey::Id(id) => id == self.0.id,
            MessageKey::Order(_) => true,
        };
        if is_it {
            SentState::Waiting(self.0)
        } else {
            SentState::Unknown
        }
    }
}

fn parse(source: ScenarioSource, options: &ScenarioOptions) -> Option<Scenario> {
    let no_files = |_: &str, _: Option<&str>| Err("no files".to_owned());
    Scenario::parse(source, options, &no_files).ok()
}

fn render(template: &Template, client: &ClientState, padding: &Padding) -> Vec<u8> {
    let values = MessageValues {
        client,
        sender: client.client(),
        number: 1,
        id: 1,
        wall_ns: 1,
        captures: Captures::none(),
        padding,
    };
    let filled = template.fill(&values);
    let mut bytes = Vec::new();
    filled.write(&mut bytes);
    assert_eq!(bytes.len() as u64, filled.len());
    bytes
}

/// Reads the text before byte 0xFF as the pattern of a reply, and the bytes behind it as a record.
///
/// # Panics
/// When the work is not bounded, or a record counts as the echo of a message that it is not.
pub fn pattern(data: &[u8]) {
    let Some(end) = data.iter().position(|byte| *byte == 0xFF) else {
        return;
    };
    let (Ok(text), record) = (std::str::from_utf8(&data[..end]), &data[end + 1..]) else {
        return;
    };
    let line = |kind, text: &str| OneLiner {
        kind,
        label: "f".to_owned(),
        text: text.to_owned(),
    };
    let send = "{\"id\":${id},\"a\":\"${uid}${pad}\"}";
    let scenario = match text.strip_prefix('j') {
        Some(inner) => {
            let inner = inner.replace(['\'', '\n', '\r'], "");
            let file = format!(
                "[[message]]\nsend = '{send}'\nreply = {{ json = {{ '/a' = '{inner}' }} }}\n"
            );
            parse(
                ScenarioSource::File {
                    name: "f",
                    text: &file,
                },
                &ScenarioOptions::default(),
            )
        }
        None => {
            let one_liners = vec![
                line(OneLinerKind::Send, send),
                line(OneLinerKind::Reply, text),
            ];
            let options = ScenarioOptions {
                one_liners,
                ..ScenarioOptions::default()
            };
            parse(ScenarioSource::Nothing, &options)
        }
    };
    let Some(scenario) = scenario else {
        return;
    };
    let mut client = scenario.client(3, 0, 3, 1);
    client.take_id();
    let padding = Padding::new(7, Some(SizeRange { min: 50, max: 50 }));
    let waiting = OneMessage(SentMessage {
        kind: 0,
        number: 1,
        id: 1,
    });
    let mut scratch = Scratch::default();
    let message = render(&scenario.messages[0].send, &client, &padding);
    for bytes in [record, &message] {
        let record = ReceivedRecord {
            bytes,
            is_binary: false,
        };
        let class = scenario.classify(record, &client, &waiting, &padding, &mut scratch);
        let groups = text.len() as u64 + 4;
        // Recognised, verified, and the fast path.
        assert!(
            scratch.tries() <= 3 * groups * (bytes.len() as u64 + 1),
            "{}",
            scratch.tries()
        );
        if text == "${message}" && matches!(class, RecordClass::Own { agrees: true, .. }) {
            assert_eq!(bytes, message);
        }
    }
}

/// Reads a text as a scenario file.
///
/// # Panics
/// When the merged file of an accepted one is not accepted, or a length is not as computed.
pub fn file(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let options = ScenarioOptions::default();
    let Some(scenario) = parse(ScenarioSource::File { name: "f", text }, &options) else {
        return;
    };
    // Secrets are left out of the merged file, and with them whatever they use.
    if scenario.vars().iter().all(|var| !var.secret) {
        let merged = scenario.merged_file();
        let again = parse(
            ScenarioSource::File {
                name: "f",
                text: merged,
            },
            &options,
        );
        assert_eq!(
            again.expect("the merged file is accepted").merged_file(),
            merged
        );
    }
    let mut client = scenario.client(3, 0, 3, 1);
    client.take_id();
    let padding = Padding::new(7, Some(SizeRange { min: 50, max: 50 }));
    let mut scratch = Scratch::default();
    let record = ReceivedRecord {
        bytes: data,
        is_binary: scenario.binary,
    };
    for step in 0..scenario.setup.len() {
        scenario.classify_setup(step, record, &mut client, &mut scratch);
    }
    for (kind, message) in scenario.messages.iter().enumerate() {
        let bytes = render(&message.send, &client, &padding);
        let waiting = OneMessage(SentMessage {
            kind,
            number: 1,
            id: 1,
        });
        let record = ReceivedRecord {
            bytes: &bytes,
            is_binary: scenario.binary,
        };
        scenario.classify(record, &client, &waiting, &padding, &mut scratch);
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    /// Runs a check on every file of a folder of the corpus.
    fn replay(folder: &str, check: fn(&[u8])) {
        let corpus = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("fuzz/corpus")
            .join(folder);
        let mut files = 0;
        for entry in std::fs::read_dir(&corpus).unwrap() {
            check(&std::fs::read(entry.unwrap().path()).unwrap());
            files += 1;
        }
        assert!(files > 10, "{files} files in {}", corpus.display());
    }

    #[test]
    fn the_corpus_of_patterns_holds() {
        replay("pattern", super::pattern);
    }

    #[test]
    fn the_corpus_of_files_holds() {
        replay("file", super::file);
    }
}

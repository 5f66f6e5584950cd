//! The messages of the client.

use scenario::{MessageKey, SentMessage, SentMessages, SentState};

/// All messages sent, oldest first.
#[derive(Debug, Default)]
pub(crate) struct SentLog {
    all: Vec<(SentMessage, bool)>,
}

impl SentLog {
    pub(crate) fn add(&mut self, message: SentMessage) {
        self.all.push((message, true));
    }

    /// Marks a message as answered or given up.
    pub(crate) fn end(&mut self, message: SentMessage) {
        for (sent, waits) in &mut self.all {
            *waits &= *sent != message;
        }
    }

    pub(crate) fn waits(&self, message: SentMessage) -> bool {
        self.all.contains(&(message, true))
    }

    fn state(&self, is_it: impl Fn(&SentMessage) -> bool) -> SentState {
        match self.all.iter().find(|(message, _)| is_it(message)) {
            Some((message, true)) => SentState::Waiting(*message),
            Some((_, false)) => SentState::Over,
            None => SentState::Unknown,
        }
    }
}

impl SentMessages for SentLog {
    fn find(&self, key: MessageKey) -> SentState {
        match key {
            MessageKey::Content(number) => self.state(|message| message.number == number),
            MessageKey::Id(id) => self.state(|message| message.id == id),
            MessageKey::Order(kind) => {
                let mut waiting = self.all.iter().filter(|(_, waits)| *waits);
                let oldest = waiting.find(|(message, _)| message.kind == kind);
                oldest.map_or(SentState::Unknown, |(message, _)| {
                    SentState::Waiting(*message)
                })
            }
        }
    }
}

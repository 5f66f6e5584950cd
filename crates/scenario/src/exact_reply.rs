//! Replies whose bytes are known with their message: from the scenario, or from the replies so far.

use crate::template::{MessageValues, Template};

/// A reply whose bytes are all known with its message.
#[derive(Debug, Clone)]
pub(crate) struct ExactReply {
    pub(crate) template: Template,
    /// True for binary, false for text, `None` where it does not count.
    pub(crate) is_binary: Option<bool>,
}

impl ExactReply {
    /// Returns true when these bytes are the reply to the message with these values.
    #[inline]
    pub(crate) fn is(&self, bytes: &[u8], is_binary: bool, values: &MessageValues) -> bool {
        self.is_binary.is_none_or(|binary| binary == is_binary)
            && self.template.fill(values).equals(bytes)
    }
}

/// Classified replies in a row after which a learned reply is given up: the server writes each in another way.
const MAX_MISSES: u32 = 16;

/// Classified replies between two attempts to learn, once there were as many.
const LEARN_EVERY: u64 = 1024;

/// Expected replies to each kind of message, learned by one thread.
#[derive(Debug, Default)]
pub(crate) struct LearnedReplies {
    kinds: Vec<LearnedReply>,
}

#[derive(Debug, Default)]
struct LearnedReply {
    reply: Option<ExactReply>,
    /// Replies that had to be classified: all, and those since the last that did not.
    classified: u64,
    misses: u32,
}

impl LearnedReplies {
    #[inline]
    pub(crate) fn of_kind(&self, kind: usize) -> Option<&ExactReply> {
        self.kinds.get(kind)?.reply.as_ref()
    }

    /// Notes that a learned reply was the one that came.
    #[inline]
    pub(crate) fn note_hit(&mut self, kind: usize) {
        if let Some(learned) = self.kinds.get_mut(kind) {
            learned.misses = 0;
        }
    }

    /// Notes that a reply was classified. Returns true when it is time to learn from it.
    #[inline]
    pub(crate) fn note_classified(&mut self, kind: usize) -> bool {
        if self.kinds.len() <= kind {
            self.kinds.resize_with(kind + 1, LearnedReply::default);
        }
        let learned = &mut self.kinds[kind];
        learned.classified += 1;
        learned.misses += 1;
        if learned.misses > MAX_MISSES {
            learned.reply = None;
        }
        match learned.classified {
            few if few < LEARN_EVERY => few.is_power_of_two(),
            many => many % LEARN_EVERY == 0,
        }
    }

    /// Replaces what is known of the replies to a kind, which has been noted before.
    pub(crate) fn learn(&mut self, kind: usize, reply: Option<ExactReply>) {
        if let Some(learned) = self.kinds.get_mut(kind) {
            learned.reply = reply;
            learned.misses = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attempts_to_learn_become_rare() {
        let mut learned = LearnedReplies::default();
        let times = (0..100_000).filter(|_| learned.note_classified(0)).count();
        assert_eq!(times, 10 + 100_000 / 1024);
        assert!(learned.of_kind(0).is_none());
    }
}

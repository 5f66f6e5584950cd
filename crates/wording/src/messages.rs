//! Sentences about wrong echoes, and about messages of the server's own.

use measurement::plan::Verify;
use measurement::record::{Difference, DifferenceKind, MessageCounts, messages_identified_by};
use measurement::run::{PayloadBytes, Summary};
use units::{counted, grouped};

/// Minimum payload size with a complete identity, in bytes.
const WHOLE_IDENTITY: u64 = 16;

/// A number of messages with its verb: `1 message lies`, `2 messages lie`.
pub(crate) fn messages_lie(beyond: u64) -> String {
    let verb = if beyond == 1 { "lies" } else { "lie" };
    format!("{} {verb}", counted(beyond, "message"))
}

/// The sentence on payloads with too few digits of the identity for the number of messages; `None` where the digits are
/// sufficient, and without verification.
fn few_digits(s: &Summary) -> Option<String> {
    let bytes = match s.plan.payload_bytes {
        PayloadBytes::Fixed(bytes) | PayloadBytes::Range { min: bytes, .. } => bytes,
    };
    let per_client = s.messages.sent / u64::from(s.plan.clients).max(1);
    let identified = messages_identified_by(bytes);
    let suffices = bytes >= WHOLE_IDENTITY || per_client <= identified;
    (s.plan.verify != Verify::Off && !suffices).then(|| {
        format!(
            "with payloads of {}, reordered and second echoes are detected only among the first {} messages of a client; send 16 bytes or more (`-s`)",
            counted(bytes, "byte"),
            grouped(identified)
        )
    })
}

/// Sentences on each kind of difference between echoes and messages sent, on messages of the server's own, on messages
/// that remained undecided at the end of the run, and on payloads with too few digits.
pub fn notes(s: &Summary) -> Vec<String> {
    let mut notes = notes_on_counts(&s.messages);
    notes.extend(few_digits(s));
    notes
}

fn notes_on_counts(messages: &MessageCounts) -> Vec<String> {
    let differences = messages.differences.iter().map(difference);
    let rest = [
        own_messages(messages),
        second_or_own(messages),
        undecided(messages),
    ];
    differences.chain(rest.into_iter().flatten()).collect()
}

/// The sentence on one kind of difference: `400 echoes came back as binary; text was sent`.
pub fn difference(difference: &Difference) -> String {
    let verb = if difference.count == 1 {
        "1 echo came back".to_owned()
    } else {
        format!("{} echoes came back", grouped(difference.count))
    };
    let begins = &difference.begins;
    match &difference.kind {
        DifferenceKind::Type { sent, came } => format!("{verb} as {came}; {sent} was sent"),
        DifferenceKind::Length { sent, came } => format!(
            "{verb} with {} in place of {}; the first begins “{begins}”",
            counted(*came, "byte"),
            grouped(*sent)
        ),
        DifferenceKind::Bytes { sent, came } => {
            let place = match (difference.first_difference, sent, came) {
                (Some(at), Some(sent), Some(came)) => {
                    format!(" in byte {at} ({sent} was sent, {came} came)")
                }
                (Some(at), ..) => format!(" in byte {at}"),
                _ => String::new(),
            };
            format!("{verb} with other bytes; the first differs{place} and begins “{begins}”")
        }
    }
}

/// The sentence on messages of the server's own; `None` without such messages.
fn own_messages(messages: &MessageCounts) -> Option<String> {
    let own = messages.unexpected.saturating_sub(messages.ambiguous);
    (own > 0).then(|| {
        if messages.scenario.is_some() {
            return format!(
                "{} matched no pattern of the scenario; `--try` shows them",
                counted(own, "record")
            );
        }
        let verb = if own == 1 {
            "is not an echo"
        } else {
            "are not echoes"
        };
        let own = counted(own, "message");
        format!("{own} from the server {verb}: it sends messages of its own")
    })
}

/// The sentence on messages that may be duplicate echoes or the server's own; `None` without such messages.
fn second_or_own(messages: &MessageCounts) -> Option<String> {
    (messages.ambiguous > 0).then(|| {
        let ambiguous = counted(messages.ambiguous, "message");
        format!(
            "{ambiguous} from the server came while no such echo was awaited: second echoes, or messages of its own (these payloads do not show which)"
        )
    })
}

/// The sentence on undecided messages of the server; `None` without such messages.
fn undecided(messages: &MessageCounts) -> Option<String> {
    (messages.undecided > 0).then(|| {
        let undecided = counted(messages.undecided, "message");
        format!(
            "{undecided} from the server may be damaged echoes of messages in flight at the end, or messages of its own: the run ended before that was known"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(kind: DifferenceKind, first: Option<u64>, count: u64) -> String {
        let mut difference = Difference::new(kind, first, b"you said: 0000");
        difference.count = count;
        super::difference(&difference)
    }

    #[test]
    fn each_kind_of_difference_names_what_was_sent_and_what_came() {
        let text = |s: &str| s.to_owned();
        let (sent, came) = (text("text"), text("binary"));
        assert_eq!(
            said(DifferenceKind::Type { sent, came }, None, 400),
            "400 echoes came back as binary; text was sent"
        );
        let (sent, came) = (125, 135);
        assert_eq!(
            said(DifferenceKind::Length { sent, came }, Some(1), 1),
            "1 echo came back with 135 bytes in place of 125; the first begins “you said: 0000”"
        );
        let (sent, came) = (Some(text("0x61")), Some(text("0x41")));
        assert_eq!(
            said(DifferenceKind::Bytes { sent, came }, Some(17), 2),
            "2 echoes came back with other bytes; the first differs in byte 17 (0x61 was sent, 0x41 came) and begins “you said: 0000”"
        );
    }

    #[test]
    fn too_few_digits_for_the_number_of_messages_are_named() {
        let said = |bytes, verify| {
            let mut s = test_support::fixtures::closed_loop_summary(100);
            (s.plan.clients, s.messages.sent) = (2, 8_000);
            (s.plan.payload_bytes, s.plan.verify) = (PayloadBytes::Fixed(bytes), verify);
            few_digits(&s)
        };
        let text = said(2, Verify::Full).unwrap();
        assert!(
            text.starts_with("with payloads of 2 bytes, reordered"),
            "{text}"
        );
        assert!(text.contains(" first 256 messages "), "{text}");
        assert_eq!(said(3, Verify::Full), None);
        assert_eq!(said(2, Verify::Off), None);
    }

    #[test]
    fn messages_that_the_end_left_undecided_are_named() {
        let mut messages = MessageCounts::default();
        assert!(notes_on_counts(&messages).is_empty());
        messages.undecided = 1;
        let said = notes_on_counts(&messages);
        assert_eq!(said.len(), 1);
        assert!(
            said[0].starts_with("1 message from the server may be"),
            "{said:?}"
        );
    }

    #[test]
    fn a_server_with_messages_of_its_own_is_named() {
        let mut messages = MessageCounts::default();
        assert_eq!(own_messages(&messages), None);
        messages.unexpected = 2;
        messages.ambiguous = 2;
        assert_eq!(own_messages(&messages), None);
        assert!(second_or_own(&messages).unwrap().starts_with("2 messages"));
        messages.unexpected = 158;
        assert!(
            own_messages(&messages)
                .unwrap()
                .starts_with("156 messages from the server")
        );
    }
}

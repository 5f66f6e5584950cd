//! The trial of a scenario as text: meanings of frames, and the end.

use std::time::Duration;

use scenario::FoundBy;
use scenario_trial::{MessageEnd, TrialMeaning, TrialOutcome};
use units::{counted, human_time};

fn time(time: Duration) -> String {
    human_time(time.as_secs_f64() * 1e9)
}

/// The meaning of a frame or a record.
pub(crate) fn meaning(meaning: &TrialMeaning) -> String {
    match meaning {
        TrialMeaning::SetupMessage { step } => format!("setup, step {step}: sent"),
        TrialMeaning::Expected { step } => format!("setup, step {step}: the expected record"),
        TrialMeaning::Refused { step } => format!("setup, step {step}: refused"),
        TrialMeaning::Skipped => "skipped: nothing waits for it".to_owned(),
        TrialMeaning::Message { kind } => named("message", kind.as_deref()),
        TrialMeaning::Reply { by, after, agrees } => reply(*by, *after, *agrees),
        TrialMeaning::ErrorReply { after } => format!("error reply, after {}", time(*after)),
        TrialMeaning::Part => "part of the reply".to_owned(),
        TrialMeaning::Duplicate => "repeated: its message is over".to_owned(),
        TrialMeaning::On { name, is_error } => {
            let text = named("[[on]]", name.as_deref());
            if *is_error {
                format!("{text}: an error of the server")
            } else {
                text
            }
        }
        TrialMeaning::Answer => "answer of [[on]]".to_owned(),
        TrialMeaning::Unexpected => "unexpected: no pattern matches".to_owned(),
        TrialMeaning::Goodbye => "goodbye".to_owned(),
        TrialMeaning::GoodbyeAnswered => "the answer to the goodbye".to_owned(),
        TrialMeaning::SeveralRecords { records: 0 } => "the beginning of a record".to_owned(),
        TrialMeaning::SeveralRecords { records } => {
            format!(
                "a message that completes {}:",
                counted(*records as u64, "record")
            )
        }
        TrialMeaning::Ping => "ping frame, answered".to_owned(),
        TrialMeaning::Pong => "pong frame".to_owned(),
        TrialMeaning::Close { code: Some(code) } => format!("close frame, code {code}"),
        TrialMeaning::Close { code: None } => "close frame without a code".to_owned(),
    }
}

fn named(what: &str, name: Option<&str>) -> String {
    match name {
        Some(name) => format!("{what} `{name}`"),
        None => what.to_owned(),
    }
}

fn reply(by: FoundBy, after: Duration, agrees: bool) -> String {
    let by = match by {
        FoundBy::Content => "recognised by ${uid}",
        FoundBy::Id => "recognised by ${id}",
        FoundBy::Order => "the next in order",
    };
    let after = time(after);
    if agrees {
        format!("reply, {by}, after {after}")
    } else {
        format!("reply, {by}, but something else in it differs from its pattern: corrupted")
    }
}

/// The result of one client's trial, one line each: what did not match, or that all matched.
pub(crate) fn conclusion(outcome: &TrialOutcome) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(failure) = &outcome.setup_failure {
        lines.push(format!("setup failed: {failure}"));
    }
    for (kind, end) in &outcome.messages {
        let name = named("the message", kind.as_deref());
        lines.extend(match end {
            MessageEnd::Matched | MessageEnd::NotAnswered => None,
            MessageEnd::Corrupted => Some(format!("{name} came back corrupted")),
            MessageEnd::ErrorReply => Some(format!("{name} got an error reply")),
            MessageEnd::Missing(_) if outcome.ended.is_some() => {
                Some(format!("{name} got no reply before the connection ended"))
            }
            MessageEnd::Missing(timeout) => Some(format!(
                "{name} got no reply within {}: compare the records above with its `reply`",
                time(*timeout)
            )),
        });
    }
    let counted_fault = |n: u64, what: &str| (n > 0).then(|| counted(n, what));
    let unexpected = counted_fault(outcome.unexpected, "unexpected record");
    lines.extend(
        unexpected
            .map(|n| format!("{n}: an [[on]] table, or --ignore PATTERN, takes such records")),
    );
    lines.extend(counted_fault(outcome.duplicates, "repeated record"));
    lines.extend(counted_fault(outcome.server_errors, "server error"));
    lines.extend(outcome.ended.clone());
    if lines.is_empty() {
        lines.push(match outcome.messages.len() {
            0 => "all matched".to_owned(),
            n => format!("all matched: {}", counted(n as u64, "message")),
        });
    }
    lines
}

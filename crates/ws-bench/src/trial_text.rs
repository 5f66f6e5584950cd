//! The trial of a scenario as text: meanings of frames, and the end.

use std::time::Duration;

use measurement::record::escape_beginning;
use scenario::{FoundBy, NearMiss, NearPattern, ReplyRole, Scenario, ValueFault};
use scenario_trial::{MessageEnd, TrialLine, TrialMeaning, TrialOutcome};
use units::{counted, grouped, human_time};

/// Bytes of a value that are printed.
const SHOWN_BYTES: usize = 60;

fn time(time: Duration) -> String {
    human_time(time.as_secs_f64() * 1e9)
}

/// The meaning of a frame or a record.
fn meaning(meaning: &TrialMeaning) -> String {
    match meaning {
        TrialMeaning::SetupMessage { step } => format!("setup, step {step}: sent"),
        TrialMeaning::Expected { step } => format!("setup, step {step}: the expected record"),
        TrialMeaning::Refused { step } => format!("setup, step {step}: refused"),
        TrialMeaning::Skipped => "skipped: nothing waits for it".to_owned(),
        TrialMeaning::Message { kind } => named("message", kind.as_deref()),
        TrialMeaning::Reply { by, after, agrees } => {
            let difference = || "something else in it differs from its pattern".to_owned();
            reply(*by, *after, agrees.then_some(()).ok_or_else(difference))
        }
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
        TrialMeaning::DeliveryAnswer => "answer to the delivery".to_owned(),
        TrialMeaning::Delivery { .. }
        | TrialMeaning::CorruptedDelivery { .. }
        | TrialMeaning::RepeatedDelivery { .. }
        | TrialMeaning::StrayDelivery { .. } => delivery(meaning),
        TrialMeaning::Push { seq: Some(seq) } => format!("push {}", grouped(*seq)),
        TrialMeaning::Push { seq: None } => "push".to_owned(),
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

/// The meaning of a delivery.
fn delivery(meaning: &TrialMeaning) -> String {
    let of = |sender, number| format!("delivery of message {number} of client {sender}");
    match meaning {
        TrialMeaning::Delivery {
            sender,
            number,
            after,
        } => format!("{}, after {}", of(sender, number), time(*after)),
        TrialMeaning::CorruptedDelivery { sender, number } => format!(
            "{}, but something else in it differs from its pattern: corrupted",
            of(sender, number)
        ),
        TrialMeaning::RepeatedDelivery { sender, number } => {
            format!("{}, repeated", of(sender, number))
        }
        TrialMeaning::StrayDelivery { sender, number } => {
            format!("{}, which should not come here", of(sender, number))
        }
        _ => String::new(),
    }
}

/// The meaning of a frame, with the value that kept a JSON pattern from matching.
pub(crate) fn explained(line: &TrialLine, scenario: &Scenario) -> String {
    let near = line.near_miss.as_ref();
    match (&line.meaning, near) {
        (TrialMeaning::Reply { by, after, .. }, Some(near)) => {
            reply(*by, *after, Err(wrong_value(near)))
        }
        (other, Some(near)) => {
            let pattern = pattern(near.pattern, scenario);
            format!(
                "{}; nearest is {pattern}, but {}",
                meaning(other),
                wrong_value(near)
            )
        }
        (other, None) => meaning(other),
    }
}

/// The value that does not match: `/type is “hi”, not “hello”`.
fn wrong_value(near: &NearMiss) -> String {
    let NearMiss {
        pointer, expected, ..
    } = near;
    let shown = |bytes: &[u8]| escape_beginning(bytes, SHOWN_BYTES);
    let pointer = match &pointer[..] {
        "" => "the whole value",
        pointer => pointer,
    };
    match &near.fault {
        ValueFault::Missing => format!("{pointer} is missing"),
        ValueFault::Differs(found) => {
            let expected = shown(expected.as_bytes());
            format!("{pointer} is “{}”, not “{expected}”", shown(found))
        }
        ValueFault::NamesNoMessage(found) => {
            format!(
                "{pointer} is “{}”, and no message with it waits",
                shown(found)
            )
        }
    }
}

fn pattern(near: NearPattern, scenario: &Scenario) -> String {
    match near {
        NearPattern::Expect => "`expect` of this step".to_owned(),
        NearPattern::Refuse => "`refuse` of this step".to_owned(),
        NearPattern::Own { kind, role } => {
            let key = match role {
                ReplyRole::Error => "error",
                ReplyRole::Reply => "reply",
                ReplyRole::Part => "part",
            };
            let name = scenario
                .messages
                .get(kind)
                .and_then(|kind| kind.name.as_deref());
            named(&format!("`{key}` of the message"), name)
        }
        NearPattern::On(rule) => {
            let name = scenario.on.get(rule).and_then(|rule| rule.name.as_deref());
            named("`match` of [[on]]", name)
        }
    }
}

fn named(what: &str, name: Option<&str>) -> String {
    match name {
        Some(name) => format!("{what} `{name}`"),
        None => what.to_owned(),
    }
}

/// A reply that was found in this way, and what differs in it, if anything does.
fn reply(by: FoundBy, after: Duration, agrees: Result<(), String>) -> String {
    let by = match by {
        FoundBy::Content => "recognised by ${uid}",
        FoundBy::Id => "recognised by ${id}",
        FoundBy::Order => "the next in order",
    };
    match agrees {
        Ok(()) => format!("reply, {by}, after {}", time(after)),
        Err(difference) => format!("reply, {by}, but {difference}: corrupted"),
    }
}

/// The end of a message that did not reach all of its receivers.
fn undelivered(name: &str, missing: &[u32], wanted: usize, within: Duration) -> String {
    // A trial has a client for each role.
    let clients: Vec<_> = missing.iter().map(u32::to_string).collect();
    let within = time(within);
    if wanted < missing.len() {
        let clients = clients.join(", ");
        return format!(
            "{name} reached none of the clients {clients} within {within}: compare their records with its `deliver`"
        );
    }
    let clients = match &clients[..] {
        [one] => format!("client {one}"),
        several => format!("clients {}", several.join(", ")),
    };
    format!(
        "{name} did not reach {clients} within {within}: compare the records of {clients} with its `deliver`"
    )
}

/// The line on messages of other clients that did not come: `1 message of client 0 did not come: …`.
fn not_delivered(outcome: &TrialOutcome) -> Option<String> {
    let senders = &outcome.undelivered;
    let first = senders.first()?;
    let messages = counted(senders.len() as u64, "message");
    let of = if senders.iter().all(|sender| sender == first) {
        format!("client {first}")
    } else {
        "other clients".to_owned()
    };
    let compare = compare(outcome, "the `deliver` of the message");
    Some(format!("{messages} of {of} did not come: {compare}"))
}

/// Advice on what did not come, which no record can be compared with when none came.
fn compare(outcome: &TrialOutcome, with: &str) -> String {
    if outcome.is_silent {
        "no record came at all".to_owned()
    } else {
        format!("compare the records above with {with}")
    }
}

/// The line of a trial in which everything was as the scenario says.
fn all_matched(outcome: &TrialOutcome) -> String {
    let counts = [
        (outcome.messages.len() as u64, "message"),
        (outcome.deliveries, "delivery"),
        (outcome.pushes, "push"),
    ];
    let counts = counts.iter().filter(|(count, _)| *count > 0);
    let counts: Vec<_> = counts.map(|(count, noun)| counted(*count, noun)).collect();
    match &counts[..] {
        [] => "all matched".to_owned(),
        counts => format!("all matched: {}", counts.join(", ")),
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
            MessageEnd::Matched | MessageEnd::Delivered => None,
            MessageEnd::Corrupted => Some(format!("{name} came back corrupted")),
            MessageEnd::ErrorReply => Some(format!("{name} got an error reply")),
            MessageEnd::Missing(_) if outcome.ended.is_some() => {
                Some(format!("{name} got no reply before the connection ended"))
            }
            MessageEnd::Missing(timeout) => Some(format!(
                "{name} got no reply within {}: {}",
                time(*timeout),
                compare(outcome, "its `reply`")
            )),
            MessageEnd::Undelivered {
                missing,
                wanted,
                within,
            } => Some(undelivered(&name, missing, *wanted, *within)),
        });
    }
    let counted_fault = |n: u64, what: &str| (n > 0).then(|| counted(n, what));
    let unexpected = counted_fault(outcome.unexpected, "unexpected record");
    lines.extend(
        unexpected
            .map(|n| format!("{n}: an [[on]] table, or --ignore PATTERN, takes such records")),
    );
    let corrupted = outcome.corrupted_deliveries;
    lines.extend(counted_fault(corrupted, "corrupted delivery"));
    let stray = outcome.stray_deliveries;
    let stray = counted_fault(stray, "stray delivery");
    lines.extend(
        stray.map(|n| format!("{n}: `to`, `to_sender` and `receives` say who gets a message")),
    );
    lines.extend(not_delivered(outcome));
    lines.extend(outcome.no_push_within.map(|within| {
        format!(
            "nothing was pushed within {}: {}",
            time(within),
            compare(outcome, "the `match` of [push]")
        )
    }));
    lines.extend(counted_fault(outcome.duplicates, "repeated record"));
    lines.extend(counted_fault(outcome.server_errors, "server error"));
    lines.extend(outcome.ended.clone());
    if lines.is_empty() {
        lines.push(all_matched(outcome));
    }
    lines
}

//! Cases about the number of answers and their faults.

use std::num::NonZeroU32;
use std::time::Duration;

use swarm::SwarmError;

use super::{Case, closed, measure, messages};
use crate::faults::{Fate, Faults, Handshake, Selection};
use crate::finding::Findings;

pub(super) const CASES: &[Case] = &[
    Case {
        name: "dropped",
        truth: "1 in 1,000 of 10,000 messages is not answered: exactly 10 lost",
        examine: |f| faulty_answers(f, |faults| faults.drop = Some(Selection::Every(1_000))),
    },
    Case {
        name: "dropped-at-random",
        truth: "each of 10,000 messages is left unanswered with probability 1 in 200: as many lost as in the server's log",
        examine: |f| {
            faulty_answers(f, |faults| {
                faults.drop = Some(Selection::Probability(0.005));
                faults.seed = 7;
            })
        },
    },
    Case {
        name: "all-at-once",
        truth: "every 101st echo twice, 103rd overtaken, 107th with a byte changed, 109th a byte short: each kind is counted",
        examine: |f| {
            faulty_answers(f, |faults| {
                faults.duplicate = Some(Selection::Every(101));
                faults.reorder = Some(Selection::Every(103));
                faults.corrupt = Some(Selection::Every(107));
                faults.truncate = Some(Selection::Every(109));
            })
        },
    },
    Case {
        name: "close-code",
        truth: "each connection is closed with 4001 at its 6th message: 10 closed early, 10 lost",
        examine: |f| early_closes(f, |faults| faults.close_at = Some((5, 4001)), 4001),
    },
    Case {
        name: "masked-reply",
        truth: "the 6th answer is masked, a protocol error: each connection ends with 1002",
        examine: |f| early_closes(f, |faults| faults.mask_at = Some(5), 1002),
    },
    Case {
        name: "half-frame",
        truth: "the 6th answer stops in the middle, and silence follows: 5 echoes and 5 lost for each client",
        examine: half_frame,
    },
    Case {
        name: "wrong-accept-key",
        truth: "every handshake has a wrong accept key: nothing connects, no message is sent",
        examine: |f| failed_handshake(f, Handshake::WrongAcceptKey, "Sec-WebSocket-Accept"),
    },
    Case {
        name: "silent-handshake",
        truth: "no handshake is answered: nothing connects within the connect timeout",
        examine: |f| failed_handshake(f, Handshake::Silent, "no answer within the connect timeout"),
    },
];

fn faulty_answers(findings: &mut Findings, spoil: impl FnOnce(&mut Faults)) -> anyhow::Result<()> {
    let (recording, log) = measure(spoil, |plan| {
        plan.load = closed(4);
        plan.length = messages(1_000);
        plan.timeout = Duration::from_millis(400);
    })?;
    let counts = recording.record.counts;
    findings.count("sent", 10_000, counts.sent);
    findings.count("in the server's log", 10_000, log.entries.len() as u64);
    findings.count("lost", log.count(Fate::Dropped), counts.lost);
    findings.count("duplicated", log.count(Fate::Duplicated), counts.duplicated);
    findings.count("reordered", log.count(Fate::Reordered), counts.reordered);
    let changed = log.count(Fate::Corrupted) + log.count(Fate::Truncated);
    findings.count("corrupted", changed, counts.corrupted.unwrap_or(0));
    let received = 10_000 - log.count(Fate::Dropped);
    findings.count("received", received, counts.received);
    let timed = recording.record.service.count();
    findings.count("timed", received - changed, timed);
    if counts.timed_out > 0 {
        findings.noise = Some(format!("{} echoes were late", counts.timed_out));
    }
    Ok(())
}

fn early_closes(
    findings: &mut Findings,
    spoil: impl FnOnce(&mut Faults),
    code: u16,
) -> anyhow::Result<()> {
    let (recording, log) = measure(spoil, |_| ())?;
    let counts = recording.record.counts;
    findings.count("received", 50, counts.received);
    findings.count("lost", 10, counts.lost);
    findings.count("in the server's log", log.entries.len() as u64, counts.sent);
    findings.count("never sent", 100 - log.entries.len() as u64, counts.unsent);
    let connections = recording.context.connections;
    findings.count("closed early", 10, connections.closed_early);
    let ended = connections.close_codes.get(&code);
    let figure = format!("connections that ended with {code}");
    findings.count(&figure, 10, ended.copied().unwrap_or(0));
    Ok(())
}

fn half_frame(findings: &mut Findings) -> anyhow::Result<()> {
    let (recording, _) = measure(
        |faults| faults.half_frame_at = Some(5),
        |plan| plan.timeout = Duration::from_millis(200),
    )?;
    let counts = recording.record.counts;
    findings.count("sent", 100, counts.sent);
    findings.count("received", 50, counts.received);
    findings.count("lost", 50, counts.lost);
    findings.count("timed", 50, recording.record.service.count());
    Ok(())
}

fn failed_handshake(
    findings: &mut Findings,
    handshake: Handshake,
    why: &str,
) -> anyhow::Result<()> {
    let result = measure(
        |faults| faults.handshake = handshake,
        |plan| plan.clients = NonZeroU32::MIN,
    );
    let (attempted, named) = match result.as_ref().map_err(|e| e.downcast_ref()) {
        Err(Some(SwarmError::NothingConnected {
            attempted, cause, ..
        })) => (*attempted, cause.to_string().contains(why)),
        _ => (0, false),
    };
    findings.count("connections that failed", 1, attempted);
    findings.count(&format!("reported as `{why}`"), 1, u64::from(named));
    Ok(())
}

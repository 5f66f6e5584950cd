//! Cases about rooms: copies of each message for several receivers.
//!
//! Receiver k of N, counted from 1 in the order of joining, gets its copy k·S after the arrival of the message. So the
//! first copy comes after S, the median after S·⌈N/2⌉, the last after N·S. Copies that are late on purpose lengthen the
//! times of one message in nine, so the quantiles of these cases end at p75.
//!
//! A stall of the publishing path of L at a rate of R: a message that is due u after its beginning is read at its end, so
//! the response time of copy k is L − u + k·S, and that of the quantile q of n messages is L + k·S − (1 − q)·n/R.

use std::num::NonZeroU32;
use std::time::Duration;

use measurement::plan::{Arrivals, Length, LoadDraft};
use serde_json::json;

use super::measured_run::{MeasuredScenario, ScenarioText, judge_schedule, sorted_quantile_ms};
use super::{Case, open};
use crate::delivery_log::{DeliveryTimes, copies_with, copy_times_ns, overtaken_copies};
use crate::faults::{Fate, Faults, RoomFaults, Stall};
use crate::finding::{FigureUnit, Findings};

pub(super) const CASES: &[Case] = &[
    Case {
        name: "fan",
        truth: "500 messages for 6 receivers, by the last digit of the number: 3 not for receiver 1, 5 late for receiver 2, 7 twice for receiver 3: 50 of each",
        examine: |f| fan_counts(f, &fan(NonZeroU32::MIN, false)?),
    },
    Case {
        name: "fan-rooms",
        truth: "the same in two rooms of one publisher and 6 receivers each: as many copies of 500 messages, none in the other room",
        examine: |f| fan_counts(f, &fan(NonZeroU32::MIN.saturating_add(1), false)?),
    },
    Case {
        name: "fan-spoiled",
        truth: "500 messages for 6 receivers, by the last digit of the number: 1 with a byte changed for receiver 4, 9 also to the publisher: 50 of each",
        examine: fan_spoiled,
    },
    Case {
        name: "fan-unreached",
        truth: "50 messages for 6 receivers, one of which never joined: 50 copies missing, no message complete, this client is named",
        examine: fan_unreached,
    },
];

pub(super) const TIMED_CASES: &[Case] = &[
    Case {
        name: "fan-times",
        truth: "receiver k of 6 gets its copy after 1.5·k ms: first 1.5 ms, median 4.5 ms, last 9 ms, spread 7.5 ms",
        examine: fan_times,
    },
    Case {
        name: "fan-stall",
        truth: "1,000 messages in 5 s, publishing stalls for 500 ms: response times of first, median and last copy fall from 500 ms + 1.5·k ms",
        examine: fan_stall,
    },
];

const FAN: ScenarioText = ("fan.toml", include_str!("fan.toml"));

const UNREACHED: ScenarioText = ("fan-unreached.toml", include_str!("fan-unreached.toml"));

const PUBLISHERS: u32 = 2;

const RECEIVERS: u32 = 6;

/// Number of copies that messages should have.
fn copies_of(messages: u64) -> u64 {
    messages * u64::from(RECEIVERS)
}

/// Time between the copies for two receivers.
const STEP: Duration = Duration::from_micros(1_500);

/// Tolerance of a time that follows from arithmetic, to which the server's recovery after a stall is added.
const NEAR_MS: f64 = 3.0;

/// Changes the plan to two publishers and six receivers, at this rate over both publishers.
fn at_rate(per_second: f64, length: Duration) -> anyhow::Result<impl FnOnce(&mut LoadDraft)> {
    let load = open(per_second, Arrivals::Constant, None)?;
    Ok(move |plan: &mut LoadDraft| {
        plan.clients = NonZeroU32::MIN.saturating_add(PUBLISHERS + RECEIVERS - 1);
        plan.load = load;
        plan.length = Length::Duration(length);
        plan.warmup = Duration::from_millis(300);
        // No copy is that late, unless the machine is busy.
        plan.timeout = Duration::from_secs(2);
    })
}

fn deliver(faults: &mut Faults, late_by: Option<Duration>) {
    faults.room = Some(RoomFaults {
        step: STEP,
        late_by,
        ..RoomFaults::default()
    });
}

/// 500 messages of two publishers, one in 20 ms each, to six receivers in each room. Where the clock decides, no thread may
/// sleep.
fn fan(rooms: NonZeroU32, busy_poll: bool) -> anyhow::Result<MeasuredScenario> {
    let spoil = |faults: &mut Faults| deliver(faults, Some(Duration::from_millis(50)));
    let change = at_rate(100.0, Duration::from_secs(5))?;
    MeasuredScenario::new(FAN, spoil, |plan| {
        change(plan);
        plan.rooms = rooms;
        plan.clients = NonZeroU32::MIN.saturating_add(PUBLISHERS + RECEIVERS * rooms.get() - 1);
        plan.busy_poll = busy_poll;
    })
}

/// Number of measured messages in the server's log.
fn logged(measured: &MeasuredScenario) -> u64 {
    let messages = measured.log.room.iter();
    messages.filter(|message| !message.is_warmup).count() as u64
}

fn fan_counts(findings: &mut Findings, measured: &MeasuredScenario) -> anyhow::Result<()> {
    let room = &measured.log.room;
    let (missing, repeated) = (
        copies_with(room, Fate::Dropped),
        copies_with(room, Fate::Duplicated),
    );
    findings.count("in the server's log", 500, logged(measured));
    findings.count("copies left out by the server", 50, missing);
    findings.count("copies repeated by the server", 50, repeated);
    let delivered = copies_of(500) - missing;
    let complete = 500 - missing;
    let truths = [
        ("published", 500),
        ("expected", copies_of(500)),
        ("delivered", delivered),
        ("missing", missing),
        ("late", 0),
        ("duplicated", repeated),
        ("corrupted", 0),
        ("unexpected", 0),
        // The network keeps the order of the server.
        ("reordered", overtaken_copies(room)),
        ("complete", complete),
        ("incomplete", missing),
        ("unreached", 0),
        ("delivery_time_ns/count", delivered),
        ("delivery_response_ns/count", delivered),
        ("first_ns/count", complete),
        ("median_ns/count", complete),
        ("last_ns/count", complete),
        ("spread_ns/count", complete),
        ("first_response_ns/count", complete),
        ("median_response_ns/count", complete),
        ("last_response_ns/count", complete),
    ];
    measured.counts(findings, "fan_out", &truths);
    let reach = delivered as f64 / copies_of(500) as f64;
    let reported = measured.figure("/fan_out/reach");
    findings.near("reach", FigureUnit::Number, reach, reported, 1e-9);
    note_late(findings, measured);
    Ok(())
}

/// Notes noise if copies were later than the timeout.
fn note_late(findings: &mut Findings, measured: &MeasuredScenario) {
    let late = measured.figure("/fan_out/late");
    if late > 0.0 {
        findings.noise = Some(format!("{late} copies came after the timeout"));
    }
}

fn fan_spoiled(findings: &mut Findings) -> anyhow::Result<()> {
    let spoil = |faults: &mut Faults| {
        faults.room = Some(RoomFaults {
            step: STEP,
            spoils: true,
            ..RoomFaults::default()
        });
    };
    let measured = MeasuredScenario::new(FAN, spoil, at_rate(500.0, Duration::from_secs(1))?)?;
    let log = &measured.log;
    let corrupted = copies_with(&log.room, Fate::Corrupted);
    findings.count("in the server's log", 500, logged(&measured));
    findings.count("copies changed by the server", 50, corrupted);
    findings.count("copies to the publisher", 50, log.returned_copies);
    let truths = [
        ("published", 500),
        ("expected", copies_of(500)),
        ("corrupted", corrupted),
        ("unexpected", log.returned_copies),
        ("duplicated", 0),
        ("reordered", 0),
        ("late", 0),
        ("unreached", 0),
    ];
    measured.counts(findings, "fan_out", &truths);
    note_late(findings, &measured);
    Ok(())
}

fn fan_unreached(findings: &mut Findings) -> anyhow::Result<()> {
    let length = Duration::from_millis(500);
    let spoil = |faults: &mut Faults| deliver(faults, None);
    let measured = MeasuredScenario::new(UNREACHED, spoil, at_rate(100.0, length)?)?;
    findings.count("in the server's log", 50, logged(&measured));
    let truths = [
        ("published", 50),
        ("expected", copies_of(50)),
        ("delivered", copies_of(50) - 50),
        ("missing", 50),
        ("complete", 0),
        ("incomplete", 50),
        ("unreached", 1),
        ("first_ns/count", 0),
    ];
    measured.counts(findings, "fan_out", &truths);
    let named = *measured.value("/fan_out/unreached_clients") == json!([7]);
    findings.count("reports that name client 7", 1, u64::from(named));
    note_late(findings, &measured);
    Ok(())
}

fn fan_times(findings: &mut Findings) -> anyhow::Result<()> {
    const QUANTILES: [(f64, &str); 2] = [(0.5, "p50"), (0.75, "p75")];
    let measured = fan(NonZeroU32::MIN, true)?;
    fan_counts(findings, &measured)?;
    let room = &measured.log.room;
    let logged = DeliveryTimes::of(room.iter().filter(|m| !m.is_warmup), &[]);
    measured.note_noise(findings, 0.75, 0.2);
    let all = copy_times_ns(room);
    for pointer in ["/fan_out/delivery_time_ns", "/fan_out/delivery_response_ns"] {
        measured.quantiles(findings, pointer, &QUANTILES, &all);
    }
    let step_ms = STEP.as_secs_f64() * 1e3;
    for (name, times, steps) in [
        ("first", &logged.first, 1),
        ("median", &logged.median, RECEIVERS.div_ceil(2)),
        ("last", &logged.last, RECEIVERS),
        ("spread", &logged.spread, RECEIVERS - 1),
    ] {
        let pointer = format!("/fan_out/{name}_ns");
        measured.quantiles(findings, &pointer, &QUANTILES, times);
        if name != "spread" {
            let pointer = format!("/fan_out/{name}_response_ns");
            measured.quantiles(findings, &pointer, &QUANTILES, times);
        }
        let (what, logged_ms) = (format!("{name} p50"), sorted_quantile_ms(times, 0.5));
        judge_schedule(findings, &what, step_ms * f64::from(steps), logged_ms);
    }
    for (key, per_second) in [("publishes_per_s", 100.0), ("deliveries_per_s", 590.0)] {
        let reported = measured.figure(&format!("/fan_out/{key}"));
        let figure = key.replace("_per_s", " per second");
        let near = per_second * 0.01;
        findings.near(figure, FigureUnit::PerSecond, per_second, reported, near);
    }
    Ok(())
}

fn fan_stall(findings: &mut Findings) -> anyhow::Result<()> {
    const RATE: f64 = 200.0;
    const MESSAGES: u64 = 1_000;
    let spoil = |faults: &mut Faults| {
        deliver(faults, None);
        faults.stall = Some(Stall {
            after: Duration::from_millis(1_500),
            lasts: Duration::from_millis(500),
        });
    };
    let change = at_rate(RATE, Duration::from_secs(5))?;
    let measured = MeasuredScenario::new(FAN, spoil, |plan| {
        change(plan);
        // Beyond the stall, and nothing is missing that would be awaited.
        plan.timeout = Duration::from_secs(5);
    })?;
    findings.count("in the server's log", MESSAGES, logged(&measured));
    let truths = [
        ("published", MESSAGES),
        ("expected", copies_of(MESSAGES)),
        ("delivered", copies_of(MESSAGES)),
        ("missing", 0),
        ("duplicated", 0),
        ("reordered", 0),
        ("complete", MESSAGES),
        ("incomplete", 0),
    ];
    measured.counts(findings, "fan_out", &truths);
    note_late(findings, &measured);
    measured.note_noise(findings, 0.99, NEAR_MS);
    stalled_times(findings, &measured, RATE);
    Ok(())
}

/// Adds the response times of a room whose publishing stalled, and the service times, which hold the stall as well.
fn stalled_times(findings: &mut Findings, measured: &MeasuredScenario, rate: f64) {
    let (n, stall_ms) = (logged(measured) as f64, measured.log.stall_ms());
    // The quantiles of messages at a distance of 1/R may be off by one of them.
    let near_ms = NEAR_MS + 1e3 / rate + recovery_ms(measured, rate);
    for (name, k) in [("first", 1), ("median", 3), ("last", RECEIVERS)] {
        let copy_ms = STEP.as_secs_f64() * 1e3 * f64::from(k);
        for (q, key) in [(0.95, "p95"), (0.99, "p99")] {
            let truth_ms = stall_ms + copy_ms - (1.0 - q) * n / rate * 1e3;
            for (time, unit) in [("response time", "response_ns"), ("service time", "ns")] {
                let reported = measured.ms(&format!("/fan_out/{name}_{unit}/{key}"));
                let figure = format!("{name} copy: {time} {key}");
                findings.ms(figure, truth_ms, reported, near_ms);
            }
        }
    }
}

/// Time that the server needed, by its own log, to read what was due during its stall, and longest time by which a copy
/// was later than its rule.
fn recovery_ms(measured: &MeasuredScenario, rate: f64) -> f64 {
    let log = &measured.log;
    let Some((_, end_ns)) = log.stall_ns else {
        return 0.0;
    };
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let left_behind = (log.stall_ms() / 1e3 * rate) as usize;
    let since = log.room.iter().filter(|m| m.received_ns >= end_ns);
    let last_read = since.take(left_behind).last();
    let read = last_read.map_or(0, |message| message.received_ns - end_ns);
    let lateness = log.room.iter().flat_map(|message| {
        let copies = message.copies.iter().zip(1_u32..);
        copies.filter_map(move |(copy, k)| {
            let taken = Duration::from_nanos(copy.sent_ns? - message.received_ns);
            Some(taken.saturating_sub(STEP * k))
        })
    });
    let late = lateness.max().unwrap_or_default();
    (Duration::from_nanos(read) + late).as_secs_f64() * 1e3
}

//! Cases about slow readers: what one of them does to its neighbours.
//!
//! Once its socket takes no more, the server holds every later copy for W. So the times of its neighbours before it turns
//! slow are those of a room, and longer by W afterwards.

use std::num::NonZeroU32;
use std::time::Duration;

use measurement::plan::{Arrivals, Length, LoadDraft, SlowCount, SlowReaders};

use super::measured_run::{MeasuredScenario, ScenarioText};
use super::{Case, open};
use crate::delivery_log::{DeliveryTimes, RoomMessage};
use crate::faults::{Faults, RoomFaults};
use crate::finding::{FigureUnit, Findings};

pub(super) const TIMED_CASES: &[Case] = &[
    Case {
        name: "slow",
        truth: "one of 6 receivers reads 4 KiB/s from 2 s on; once its socket is full, all copies are held for 5 ms: times of the others before and after",
        examine: |f| slow(f, 4 << 10),
    },
    Case {
        name: "slow-never-reads",
        truth: "the same, but it reads nothing from 2 s on: 300 of its 500 copies are missing, none of its neighbours'",
        examine: |f| slow(f, 0),
    },
];

const SLOW: ScenarioText = ("slow.toml", include_str!("slow.toml"));

const PUBLISHED: u64 = 500;

/// Messages published per second.
const RATE: u64 = 100;

const LENGTH: Duration = Duration::from_secs(5);

/// Receivers that stay fast.
const NEIGHBOURS: u64 = 5;

/// Time from T0 to the turn of the slow reader.
const SLOW_AFTER: Duration = Duration::from_secs(2);

/// Number of messages sent before the turn.
const BEFORE_SLOW: u64 = SLOW_AFTER.as_secs() * RATE;

/// Small, so that a generator that waits for a core for a second does not make the sockets of its neighbours full.
const PAYLOAD_BYTES: u64 = 1_024;

/// Bytes of a message on the wire: a head of four bytes.
const FRAME_BYTES: u64 = PAYLOAD_BYTES + 4;

/// Additional time of the copies once a socket is full.
const HELD_BY: Duration = Duration::from_millis(5);

/// Bytes of the kernel's send buffer, of which Linux makes twice as many.
const SEND_BUFFER: usize = 32 << 10;

/// The most bytes that the buffers of both kernels hold of what a reader has not read.
const BUFFERED_BYTES: u64 = 256 << 10;

/// Time limit of a delivery, and of the drain.
const TIMEOUT: Duration = Duration::from_secs(2);

/// Changes the plan to one publisher and six receivers, of which one turns slow.
fn one_of_six(read_bytes_per_s: u64) -> anyhow::Result<impl FnOnce(&mut LoadDraft)> {
    let load = open(RATE as f64, Arrivals::Constant, None)?;
    Ok(move |plan: &mut LoadDraft| {
        plan.clients = NonZeroU32::MIN.saturating_add(6);
        plan.load = load;
        plan.length = Length::Duration(LENGTH);
        (plan.payload.min, plan.payload.max) = (PAYLOAD_BYTES, PAYLOAD_BYTES);
        plan.timeout = TIMEOUT;
        // The clock decides here, so nothing may sleep.
        plan.busy_poll = true;
        turn_slow(plan, read_bytes_per_s);
    })
}

/// Makes one receiver read no faster than this from `SLOW_AFTER` on, as `--slow 1 --slow-read … --slow-after 2s`.
fn turn_slow(plan: &mut LoadDraft, read_bytes_per_s: u64) {
    plan.slow = Some(SlowReaders {
        count: SlowCount::Clients(NonZeroU32::MIN),
        bytes_per_s: read_bytes_per_s,
        after: SLOW_AFTER,
    });
}

fn slow(findings: &mut Findings, read_bytes_per_s: u64) -> anyhow::Result<()> {
    let spoil = |faults: &mut Faults| {
        faults.room = Some(RoomFaults {
            step: Duration::from_micros(1_500),
            held_by: HELD_BY,
            send_buffer: Some(SEND_BUFFER),
            ..RoomFaults::default()
        });
    };
    let measured = MeasuredScenario::new(SLOW, spoil, one_of_six(read_bytes_per_s)?)?;
    let log = &measured.log;
    findings.count("in the server's log", PUBLISHED, log.room.len() as u64);
    measured.note_noise(findings, 0.75, 0.2);
    let was_held_up = findings.held_up();
    let full = log.blocked.len() as u64;
    if let Some(neighbours @ 1..) = full.checked_sub(1) {
        // Copies were then held for other reasons than the slow reader.
        findings.note_delays(Some(format!(
            "the generator did not read {neighbours} neighbours, so their sockets were full as well"
        )));
    }
    findings.count_of_times("sockets that were full", 1, full);
    if full > 1 && was_held_up {
        // The server may have closed them, so no other count of the case is known. The note makes it one to repeat.
        return Ok(());
    }
    let before = sent_before_turn(&measured);
    findings.count_of_times("messages sent before its turn", BEFORE_SLOW, before);
    let truths = [
        ("clients", 1),
        ("closed", 0),
        ("before/expected", NEIGHBOURS * before),
        ("before/missing", 0),
        ("after/expected", NEIGHBOURS * (PUBLISHED - before)),
        ("after/missing", 0),
    ];
    measured.counts(findings, "slow", &truths);
    let neighbours = [
        ("missing", 0),
        ("expected", NEIGHBOURS * PUBLISHED),
        ("delivered", NEIGHBOURS * PUBLISHED),
    ];
    measured.counts(findings, "fan_out", &neighbours);
    let codes = measured.value("/slow/close_codes").as_object();
    let codes = codes.map_or(f64::NAN, |codes| codes.len() as f64);
    findings.near("close codes", FigureUnit::Count, 0.0, codes, 0.0);
    slow_reader(findings, &measured, read_bytes_per_s);
    neighbour_times(findings, &measured);
    Ok(())
}

/// Number of messages that the generator sent before the reader turned slow, by its samples.
fn sent_before_turn(measured: &MeasuredScenario) -> u64 {
    let fan_out = measured.recording.record.fan_out.as_ref();
    let messages = fan_out.map_or(&[][..], |fan_out| &fan_out.publications);
    let is_before = |sent_ns| Duration::from_nanos(sent_ns) < SLOW_AFTER;
    messages.iter().filter(|one| is_before(one.sent_ns)).count() as u64
}

/// Adds the figures of the slow reader itself: what it read, what it missed and what its socket took.
fn slow_reader(findings: &mut Findings, measured: &MeasuredScenario, read_bytes_per_s: u64) {
    let rate = read_bytes_per_s as f64;
    let reported = measured.figure("/slow/read_bytes_per_s");
    let figure = "bytes read per second";
    findings.near(figure, FigureUnit::PerSecond, rate, reported, rate * 0.1);
    // Of the messages after its turn, only those arrive in time that it reads within the timeout.
    let in_time = rate * TIMEOUT.as_secs_f64() / FRAME_BYTES as f64;
    let missing = (PUBLISHED - BEFORE_SLOW) as f64 - in_time;
    let reported = measured.figure("/slow/missing");
    findings.near(
        "missing copies of the slow reader",
        FigureUnit::CountOfTimes,
        missing,
        reported,
        2.0,
    );
    let read_at_least =
        (BEFORE_SLOW * FRAME_BYTES) as f64 + rate * LENGTH.saturating_sub(SLOW_AFTER).as_secs_f64();
    let read_at_most = read_at_least + rate * (TIMEOUT.as_secs_f64() + 1.0);
    let near = (read_at_most - read_at_least + BUFFERED_BYTES as f64) / 2.0;
    // Of several, the slow reader's takes the fewest.
    let all = measured.log.blocked.iter().map(|one| one.taken_bytes);
    let taken = all.min().map_or(f64::NAN, |bytes| bytes as f64);
    let figure = "bytes taken by the full socket";
    findings.near(figure, FigureUnit::Count, read_at_least + near, taken, near);
}

/// Adds the times of the other receivers, before and after one of them turned slow.
fn neighbour_times(findings: &mut Findings, measured: &MeasuredScenario) {
    const QUANTILES: [(f64, &str); 2] = [(0.5, "p50"), (0.75, "p75")];
    let (before, after): (Vec<&RoomMessage>, Vec<_>) = measured
        .log
        .room
        .iter()
        .partition(|message| message.number < BEFORE_SLOW);
    for (phase, messages) in [("before", before), ("after", after)] {
        let times = DeliveryTimes::of(messages, &measured.log.blocked);
        for (name, times) in [
            ("first", &times.first),
            ("median", &times.median),
            ("last", &times.last),
        ] {
            let pointer = format!("/slow/{phase}/{name}_ns");
            measured.quantiles(findings, &pointer, &QUANTILES, times);
        }
    }
    for name in ["first", "median", "last"] {
        let p50 = |phase: &str| measured.ms(&format!("/slow/{phase}/{name}_ns/p50"));
        let (held_ms, longer_ms) = (HELD_BY.as_secs_f64() * 1e3, p50("after") - p50("before"));
        findings.ms(
            format!("{name} p50, after less before"),
            held_ms,
            longer_ms,
            0.6,
        );
    }
}

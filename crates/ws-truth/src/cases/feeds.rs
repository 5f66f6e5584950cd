//! Cases about feeds: a server that sends, and clients that only listen.
//!
//! Tick n goes out n·I after the beginning, for receiver k of N a further k·S later. So the gap between two ticks is I, or
//! 2·I where one is left out, and the skew between the first and the last receiver is (N − 1)·S. A stall of L makes a tick
//! that is due u after its beginning late by L − u: the quantile q of the lateness in a feed of the length D is
//! L − (1 − q)·D.

use std::num::NonZeroU32;
use std::time::Duration;

use measurement::plan::{Length, LoadDraft};

use super::Case;
use super::measured_run::{
    MeasuredScenario, ScenarioText, judge_schedule, sorted_quantile_ms, tolerance_ms,
};
use crate::clock::nanoseconds;
use crate::delivery_log::{
    reordered_and_repeated_ticks, tick_gaps_ns, tick_lateness_ns, tick_skews_ns,
};
use crate::faults::{Faults, FeedFaults, Stall};
use crate::finding::{FigureUnit, Findings};

pub(super) const CASES: &[Case] = &[
    Case {
        name: "feed",
        truth: "200 ticks for 5 clients, 1 in 10 of which is left out: 900 received, 100 missing",
        examine: |f| feed_counts(f, &feed(regular(), false)?),
    },
    Case {
        name: "feed-disordered",
        truth: "the same, 1 in 10 ticks comes twice to client 1 and 1 in 10 late to client 2: 20 duplicated, 20 reordered, 100 missing",
        examine: feed_disordered,
    },
];

pub(super) const TIMED_CASES: &[Case] = &[
    Case {
        name: "feed-times",
        truth: "a tick in 10 ms with a stamp that is 5 ms old, client k later by k ms: gaps of 10 or 20 ms, skew 4 ms, delay 5 ms",
        examine: feed_times,
    },
    Case {
        name: "feed-stall",
        truth: "200 ticks in 2 s, one stall of 500 ms: the lateness of the ticks due in it falls evenly from 500 ms to 0",
        examine: feed_stall,
    },
];

const FEED: ScenarioText = ("feed.toml", include_str!("feed.toml"));

const CLIENTS: u64 = 5;

const TICKS: u64 = 200;

const INTERVAL: Duration = Duration::from_millis(10);

/// Time between the same tick for two clients.
const STEP: Duration = Duration::from_millis(1);

/// Length of the measurement, which begins before the feed and ends after it.
const LENGTH: Duration = Duration::from_secs(3);

/// Tolerance of a time that follows from arithmetic.
const NEAR_MS: f64 = 3.0;

fn regular() -> FeedFaults {
    FeedFaults {
        receivers: 5,
        begins_after: Duration::from_millis(500),
        interval: INTERVAL,
        ticks: TICKS,
        step: STEP,
        repeats_and_reorders: false,
    }
}

fn listen(plan: &mut LoadDraft) {
    plan.clients = NonZeroU32::MIN.saturating_add(4);
    plan.length = Length::Duration(LENGTH);
}

/// A feed with these faults. Where the clock decides, no thread may sleep.
fn feed(feed: FeedFaults, busy_poll: bool) -> anyhow::Result<MeasuredScenario> {
    let spoil = |faults: &mut Faults| faults.feed = Some(feed);
    MeasuredScenario::new(FEED, spoil, |plan| {
        listen(plan);
        plan.busy_poll = busy_poll;
    })
}

fn feed_counts(findings: &mut Findings, measured: &MeasuredScenario) -> anyhow::Result<()> {
    let sent = CLIENTS * (TICKS - TICKS / 10);
    findings.count("in the server's log", sent, measured.log.ticks.len() as u64);
    let truths = [
        ("received", sent),
        ("missing", CLIENTS * TICKS / 10),
        ("duplicated", 0),
        ("reordered", 0),
        ("gap_ns/count", sent - CLIENTS),
        ("late_ns/count", sent),
        ("skew_ns/count", sent / CLIENTS),
        ("delay_ns/count", sent),
    ];
    measured.counts(findings, "push", &truths);
    Ok(())
}

fn feed_disordered(findings: &mut Findings) -> anyhow::Result<()> {
    let disordered = FeedFaults {
        repeats_and_reorders: true,
        ..regular()
    };
    let measured = feed(disordered, false)?;
    let (reordered, repeated) = reordered_and_repeated_ticks(&measured.log.ticks);
    findings.count("ticks repeated by the server", TICKS / 10, repeated);
    findings.count("ticks reordered by the server", TICKS / 10, reordered);
    let truths = [
        ("missing", CLIENTS * TICKS / 10),
        ("duplicated", repeated),
        ("reordered", reordered),
    ];
    measured.counts(findings, "push", &truths);
    Ok(())
}

fn feed_times(findings: &mut Findings) -> anyhow::Result<()> {
    let measured = feed(regular(), true)?;
    feed_counts(findings, &measured)?;
    measured.note_noise(findings, 0.99, tolerance_ms(5.0) / 2.0);
    let ticks = &measured.log.ticks;
    let gaps = tick_gaps_ns(ticks);
    measured.quantiles(
        findings,
        "/push/gap_ns",
        &[(0.5, "p50"), (0.95, "p95")],
        &gaps,
    );
    let middle: [(f64, &str); 2] = [(0.5, "p50"), (0.9, "p90")];
    let skews = tick_skews_ns(ticks);
    measured.quantiles(findings, "/push/skew_ns", &middle, &skews);
    let late = tick_lateness_ns(ticks, nanoseconds(INTERVAL));
    measured.quantiles(findings, "/push/late_ns", &middle, &late);
    let stamps = vec![nanoseconds(FeedFaults::STAMP_AGE)];
    measured.quantiles(findings, "/push/delay_ns", &middle, &stamps);
    for (what, rule_ms, logged_ns, q) in [
        ("gap p50", 10.0, &gaps, 0.5),
        ("gap p95", 20.0, &gaps, 0.95),
        ("skew p50", 4.0, &skews, 0.5),
    ] {
        judge_schedule(findings, what, rule_ms, sorted_quantile_ms(logged_ns, q));
    }
    let per_second = ticks.len() as f64 / LENGTH.as_secs_f64();
    let reported = measured.figure("/push/received_per_s");
    let (figure, near) = ("received per second", per_second * 0.01);
    findings.near(figure, FigureUnit::PerSecond, per_second, reported, near);
    Ok(())
}

fn feed_stall(findings: &mut Findings) -> anyhow::Result<()> {
    let spoil = |faults: &mut Faults| {
        faults.feed = Some(regular());
        faults.stall = Some(Stall {
            after: Duration::from_millis(750),
            lasts: Duration::from_millis(500),
        });
    };
    let measured = MeasuredScenario::new(FEED, spoil, listen)?;
    feed_counts(findings, &measured)?;
    measured.note_noise(findings, 0.99, NEAR_MS);
    let (ticks, log) = (&measured.log.ticks, &measured.log);
    let late = tick_lateness_ns(ticks, nanoseconds(INTERVAL));
    let high: [(f64, &str); 3] = [(0.9, "p90"), (0.95, "p95"), (0.99, "p99")];
    measured.quantiles(findings, "/push/late_ns", &high, &late);
    let length_ms = INTERVAL.as_secs_f64() * 1e3 * TICKS as f64;
    for (q, key) in high {
        let truth_ms = log.stall_ms() - (1.0 - q) * length_ms;
        let figure = format!("late {key}, by arithmetic");
        // The quantiles of ticks at a distance of I may be off by one of them, and by one that is left out.
        let near_ms = NEAR_MS + 20.0;
        findings.ms(
            figure,
            truth_ms,
            measured.ms(&format!("/push/late_ns/{key}")),
            near_ms,
        );
    }
    let gap_max = measured.ms("/push/gap_ns/max");
    let logged_ms = sorted_quantile_ms(&tick_gaps_ns(ticks), 1.0);
    findings.ms("longest gap", logged_ms, gap_max, tolerance_ms(logged_ms));
    Ok(())
}

//! Example runs with constant figures.

mod deliveries;
mod load_steps;
mod storm;

use std::time::{Duration, SystemTime};

use measurement::plan::{
    Arrivals, Length, Load, LoadDraft, LoadSpec, RateProfile, ServerUrl, TargetServer,
};
use measurement::record::{BottomK, CountsSoFar, LoggedSecond, Outcome, Record, Recorder, Sample};
use measurement::run::{
    ClientRow, ClockSummary, Connections, DiedShard, FullStrength, Host, LateShard, Run,
    RunContext, ShardRow, ShardState, ShardsSummary, StartSkew, Summary, Tool,
};
use measurement::verdict::Latency;
use units::Rate;

pub use deliveries::{feed, feed_record, room_run, slow_readers};
pub use load_steps::{found_capacity, search_run, sweep_run};
pub use storm::storm_run;

/// The rows of two clients, one of which never connected.
#[must_use]
pub fn client_rows() -> Vec<ClientRow> {
    vec![
        ClientRow {
            connect_ns: Some(1_500_000),
            messages: 2,
            failed: 1,
            close_code: Some(1000),
            ..ClientRow::default()
        },
        ClientRow {
            client: 1,
            ..ClientRow::default()
        },
    ]
}

/// The record of a closed loop.
#[must_use]
pub fn recorded(samples: &[Sample]) -> Record {
    recorded_in(false, samples)
}

/// The record of these messages. Echoes are recorded in the order of their arrival.
#[must_use]
pub fn recorded_in(open_loop: bool, samples: &[Sample]) -> Record {
    let budget = BottomK::new(10_000, 1);
    let mut recorder = Recorder::new(open_loop, 0);
    for sample in samples {
        recorder.sent(sample.intended_ns, sample.sent_ns);
    }
    let mut ended = samples.to_vec();
    ended.sort_by_key(|sample| sample.received_ns().unwrap_or(u64::MAX));
    for sample in ended {
        recorder.ended(&budget, sample, 125);
    }
    Recorder::merge(vec![recorder], &budget)
}

/// A summary of this record: three clients against an embedded server, 1.5 s long.
#[must_use]
pub fn summary_of(record: &Record) -> Summary {
    let plan = LoadSpec::new(LoadDraft {
        clients: 3.try_into().unwrap(),
        length: Length::MessagesPerClient(2.try_into().unwrap()),
        payload: "64..4KiB".parse().unwrap(),
        connect_timeout: Duration::from_secs(1),
        timeout: Duration::from_secs(1),
        warmup: Duration::ZERO,
        seed: 5,
        ..LoadDraft::closed_loop()
    })
    .unwrap()
    .against(TargetServer {
        embedded: Some("axum".into()),
        ..server()
    })
    .unwrap();
    let context = RunContext {
        tool: tool("0"),
        started_at: "2026-11-23T12:00:00Z".into(),
        elapsed_s: 1.5,
        ..RunContext::default()
    };
    Summary::new(&plan, record, context)
}

/// A summary of a closed loop with 100 clients, of which the first sent `messages`.
#[must_use]
pub fn closed_loop_summary(messages: u64) -> Summary {
    let echoed = |n| Sample::echoed(0, n, n, n, n + 1_000, Outcome::Ok);
    let samples: Vec<_> = (0..messages).map(echoed).collect();
    let load = LoadSpec::new(LoadDraft::closed_loop()).unwrap();
    let context = RunContext {
        elapsed_s: 2.0,
        ..RunContext::default()
    };
    Summary::new(
        &load.against(server()).unwrap(),
        &recorded(&samples),
        context,
    )
}

/// A run with this record and the summary from [`summary_of`], changed by `change`.
#[must_use]
pub fn run_of(record: Record, change: impl FnOnce(&mut Summary)) -> Run {
    let mut summary = summary_of(&record);
    change(&mut summary);
    Run::with_summary(summary, record, Vec::new())
}

/// The seconds of a run with three connections, as an observer gets them while it goes on. Response times that equal the
/// service times are left out, as readers of a log do.
#[must_use]
pub fn logged_seconds(run: &Run) -> Vec<LoggedSecond> {
    let mut counts = CountsSoFar {
        opened: 3,
        ..CountsSoFar::default()
    };
    let rows = run.timeline.iter().flat_map(|timeline| &timeline.rows);
    rows.map(|row| {
        counts.sent += row.sent;
        counts.received += row.received;
        counts.failed += row.failed;
        let mut histograms = row.histograms.clone();
        if let Some(times) = &mut histograms {
            let service = &times.service;
            times.response.take_if(|response| response == service);
        }
        LoggedSecond {
            started_at: SystemTime::UNIX_EPOCH + Duration::from_millis(1_795_435_200_123),
            span: row.span(),
            histograms,
            counts,
        }
    })
    .collect()
}

/// A run of one client that waits for each echo. `change` changes its summary.
#[must_use]
pub fn closed_loop_run(change: impl FnOnce(&mut Summary)) -> Run {
    three_seconds(Load::PING_PONG, 0, change)
}

/// A run of 1,000 messages per second, each sent 0.5 ms late. `change` changes its summary.
#[must_use]
pub fn open_loop_run(change: impl FnOnce(&mut Summary)) -> Run {
    let load = Load::Open {
        profile: RateProfile::constant(Rate::new(1_000.0).unwrap()),
        arrivals: Arrivals::Constant,
        window: None,
    };
    three_seconds(load, 500_000, change)
}

/// Two complete shards on one machine, of a run of three seconds.
#[must_use]
pub fn complete_shards() -> ShardsSummary {
    ShardsSummary {
        run: "5f0c6e1a-1795435200123".into(),
        planned: 2,
        complete: 2,
        start_skew_ns: StartSkew {
            p50: Some(40_000),
            max: Some(1_200_000),
        },
        full_strength: Some(full_strength(0)),
        clocks: ClockSummary {
            machines: 1,
            ..ClockSummary::default()
        },
        rows: vec![
            shard_row(0, ShardState::Complete, 40_000),
            shard_row(1, ShardState::Complete, 1_200_000),
        ],
        ..ShardsSummary::default()
    }
}

/// The shards of a run of three seconds on two machines: 0 is complete, 1 died, 2 was late, 3 had another plan, and 4
/// and 5 are missing. The clocks are not synchronized, and files of other runs are left out.
#[must_use]
pub fn degraded_shards() -> ShardsSummary {
    let without_figures = |shard, state, host: Option<&str>| ShardRow {
        shard,
        state,
        host: host.map(Into::into),
        ..ShardRow::default()
    };
    ShardsSummary {
        planned: 6,
        degraded: true,
        missing: vec![4, 5],
        died: vec![DiedShard {
            shard: 1,
            through_s: 2,
        }],
        late: vec![LateShard {
            shard: 2,
            skew_ns: 1_700_000_000,
        }],
        differing: vec![3],
        start_skew_ns: StartSkew {
            p50: Some(90_000),
            max: Some(1_700_000_000),
        },
        full_strength: None,
        clocks: ClockSummary {
            machines: 2,
            max_error_ns: Some(80_000_000),
            unsynchronised: vec![1],
        },
        left_out: vec!["shard-000.json".into(), "shard-001.start.json".into()],
        rows: vec![
            shard_row(0, ShardState::Complete, 40_000),
            shard_row(1, ShardState::Died, 90_000),
            shard_row(2, ShardState::Complete, 1_700_000_000),
            ShardRow {
                differences: vec!["clients: 10 (20)".into(), "text: false (true)".into()],
                ..without_figures(3, ShardState::Differing, Some("node-1"))
            },
            without_figures(4, ShardState::Missing, None),
            without_figures(5, ShardState::Missing, None),
        ],
        ..complete_shards()
    }
}

/// The time in which all shards were at work, from this second to the end of second 2.
#[must_use]
pub fn full_strength(from_s: u64) -> FullStrength {
    FullStrength {
        from_s,
        to_s: 2,
        messages: 1_980,
        response_time_ns: Latency {
            count: 1_980,
            min: Some(1_000_000),
            mean: Some(1_600_000.5),
            p50: Some(1_500_000),
            p99: Some(11_900_000),
            max: Some(12_000_000),
            ..Latency::default()
        },
    }
}

fn shard_row(shard: u32, state: ShardState, start_skew_ns: u64) -> ShardRow {
    ShardRow {
        shard,
        state,
        host: Some(format!("node-{}", shard % 2)),
        opened: Some(50),
        sent: Some(1_500),
        received: Some(1_490),
        failed: Some(10),
        start_skew_ns: Some(start_skew_ns),
        ..ShardRow::default()
    }
}

fn three_seconds(load: Load, lag_ns: u64, change: impl FnOnce(&mut Summary)) -> Run {
    let budget = BottomK::new(10_000, 1);
    let mut recorder = Recorder::new(load.profile().is_some(), 0);
    recorder.measure_until(3_000_000_000);
    for n in 0..3_000 {
        // 1 to 2 ms, and 10 ms more for every hundredth message.
        let slow = if n % 100 == 99 { 10_000_000 } else { 0 };
        let service_ns = 1_000_000 + n * 7_919 % 1_000 * 1_000 + slow;
        let due = n * 990_000;
        let sent = due + lag_ns;
        let sample = Sample::echoed(0, n, due, sent, sent + service_ns, Outcome::Ok);
        recorder.sent(due, sent);
        recorder.ended(&budget, sample, 125);
    }
    let record = Recorder::merge(vec![recorder], &budget);
    let plan = LoadSpec::new(LoadDraft {
        clients: 1.try_into().unwrap(),
        length: Length::Duration(Duration::from_secs(3)),
        load,
        seed: 5,
        ..LoadDraft::closed_loop()
    })
    .unwrap()
    .against(server())
    .unwrap();
    let context = RunContext {
        tool: tool("0.1.0"),
        host: Host {
            os: "Linux".into(),
            cores: 2,
            ..Host::default()
        },
        started_at: "2026-01-31T12:00:00.123Z".into(),
        elapsed_s: 3.0,
        connections: Connections {
            attempted: 1,
            opened: 1,
            ..Connections::default()
        },
        ..RunContext::default()
    };
    let mut summary = Summary::new(&plan, &record, context);
    change(&mut summary);
    Run::with_summary(summary, record, Vec::new())
}

fn tool(version: &str) -> Tool {
    Tool {
        name: "ws-bench".into(),
        version: version.into(),
    }
}

fn server() -> TargetServer {
    ServerUrl::parse("ws://127.0.0.1:8000/ws").unwrap().into()
}

//! A plan, progress and its view, for the tests of all displays.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;
use std::time::Duration;

use clap::Parser;
use measurement::plan::{ConnectionRules, LoadDraft, LoadSpec, Plan, ServerUrl};
use measurement::record::{LatencyHistogram, OpenLoopRecord, Record};
use measurement::run::Connections;
use measurement::verdict::GeneratorUsage;
use scenario::{Scenario, ScenarioOptions, ScenarioSource};
use swarm::{Phase, RunProgress};

use crate::args::BenchArgs;
use crate::tui::history::History;
use crate::tui::view_model::{LiveState, ViewModel};

/// The plan for these arguments.
pub(crate) fn plan(line: &str) -> Plan {
    let words = std::iter::once("ws-bench").chain(line.split_whitespace());
    let load = BenchArgs::try_parse_from(words).unwrap().load_spec(None);
    let url = ServerUrl::parse("ws://127.0.0.1:8000/ws").unwrap();
    load.unwrap().against(url).unwrap()
}

/// The plan for these arguments, with these rules of its connections.
pub(crate) fn plan_with(line: &str, rules: ConnectionRules) -> Plan {
    let draft = LoadDraft {
        connections: rules,
        ..LoadDraft::clone(&plan(line))
    };
    let url = ServerUrl::parse("ws://127.0.0.1:8000/ws").unwrap();
    LoadSpec::new(draft).unwrap().against(url).unwrap()
}

/// A plan with a scenario of one kind of message and two rules.
pub(crate) fn scenario_plan() -> Plan {
    let words = "ws-bench --protocol echo -d 20s".split_whitespace();
    let mut args = BenchArgs::try_parse_from(words).unwrap();
    args.scenario.protocol = None;
    let text = "[[on]]\nname = 'ping'\nmatch = 'ping'\n[[on]]\nmatch = 'oh'\nerror = true\n\
                [[message]]\nsend = '${id}'\nreply = '${id}'\n";
    let source = ScenarioSource::File {
        name: "t.toml",
        text,
    };
    let no_files = |_: &str, _: Option<&str>| Err(String::new());
    let scenario = Scenario::parse(source, &ScenarioOptions::default(), &no_files).unwrap();
    let load = args.load_spec(Some(&Arc::new(scenario))).unwrap();
    let url = ServerUrl::parse("ws://127.0.0.1:8000/ws").unwrap();
    load.against(url).unwrap()
}

/// A histogram with `count` times of `step_ns` × 1, 2, 3, ….
fn times(count: u64, step_ns: u64) -> LatencyHistogram {
    let mut times = LatencyHistogram::new();
    (1..=count).for_each(|n| times.record(n * step_ns));
    times
}

/// A run in its measured phase, with `messages` messages in five seconds.
pub(crate) fn measuring(messages: u64, is_open: bool) -> RunProgress {
    let mut record = Record {
        service: times(messages, 10),
        ..Record::default()
    };
    record.counts.sent = messages + 10;
    record.counts.received = messages;
    record.in_time.messages = messages;
    record.in_time.payload_bytes = messages * 125;
    record.open_loop = is_open.then(|| {
        Box::new(OpenLoopRecord {
            response: times(messages, 15),
            send_lag: times(messages, 1),
            sent_in_time: messages + 10,
            ..OpenLoopRecord::default()
        })
    });
    RunProgress {
        phase: Phase::Measure,
        in_phase: Duration::from_secs(5),
        connections: Connections {
            attempted: 100,
            opened: 100,
            ..Connections::default()
        },
        record,
        usage: GeneratorUsage {
            cpu_per_core: Some(0.71),
            run_queue_wait_share: Some(0.01),
            ..GeneratorUsage::default()
        },
        elapsed_s: 5.0,
    }
}

/// The history of a run with constant figures, whose connections were lost in the last second.
pub(crate) fn history(now: &RunProgress) -> History {
    let mut history = History::default();
    for (n, elapsed_s) in [1.0, 2.0, 3.0, 4.0, 5.0].into_iter().enumerate() {
        let share = (n + 1) as u64;
        let mut phase_progress = measuring(
            now.record.service.count() * share / 5,
            now.record.open_loop.is_some(),
        );
        if share == 5 {
            phase_progress.record.reconnect = now.record.reconnect.clone();
        }
        history.update(&RunProgress {
            elapsed_s,
            ..phase_progress
        });
    }
    history
}

pub(crate) fn view(plan: &Plan, progress: &RunProgress, columns: usize) -> ViewModel {
    let state = LiveState {
        plan,
        progress,
        history: &history(progress),
        calibration: None,
        rates: None,
        search: None,
        is_interrupted: false,
    };
    ViewModel::new(&state, columns)
}

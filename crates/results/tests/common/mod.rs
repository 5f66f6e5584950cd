//! A run to write, as the tests of both writers and reader need it.

use std::time::Duration;

use measurement::plan::{Length, LoadDraft, LoadSpec, ServerUrl, TargetServer};
use measurement::record::{BottomK, Record, Recorder, Sample};
use measurement::run::{Connections, Host, RunContext, Summary, Tool};
use measurement::verdict::{ConnectTimes, GeneratorUsage};

/// The record of a closed loop.
pub(crate) fn recorded(samples: &[Sample]) -> Record {
    recorded_in(false, samples)
}

/// The record of these messages, whose echoes are taken in the order in which they came.
pub(crate) fn recorded_in(open_loop: bool, samples: &[Sample]) -> Record {
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

pub(crate) fn summary_of(record: &Record) -> Summary {
    let plan = LoadSpec::new(LoadDraft {
        clients: 3.try_into().unwrap(),
        length: Length::MessagesPerClient(2.try_into().unwrap()),
        payload: "64..4KiB".parse().unwrap(),
        connect_timeout: Duration::from_secs(1),
        timeout: Duration::from_secs(1),
        warmup: Duration::ZERO,
        seed: 5,
        max_samples: 10,
        ..LoadDraft::closed_loop()
    })
    .unwrap()
    .against(TargetServer {
        embedded: Some("axum".into()),
        ..ServerUrl::parse("ws://127.0.0.1:8000/ws").unwrap().into()
    })
    .unwrap();
    let context = RunContext {
        command_line: None,
        tool: Tool {
            name: "ws-bench".into(),
            version: "0".into(),
        },
        host: Host::default(),
        started_at: "2026-11-23T12:00:00Z".into(),
        elapsed_s: 1.5,
        connections: Connections::default(),
        connect_ns: ConnectTimes::default(),
        client: GeneratorUsage::default(),
        server: None,
        calibration: None,
        interrupted: false,
    };
    Summary::new(&plan, record, context)
}

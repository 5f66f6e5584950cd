//! A run to write, as the tests of both writers and reader need it.

use std::time::Duration;

use measurement::plan::{Length, Load, Plan, PlanDraft, Target, Verify};
use measurement::recorder::{Record, Recorder};
use measurement::sample::{Sample, SampleBudget};
use measurement::summary::{
    Circumstances, ClientUsage, ConnectTimes, Connections, Host, Summary, Tool,
};

/// The record of a closed loop.
pub(crate) fn recorded(samples: &[Sample]) -> Record {
    recorded_in(false, samples)
}

/// The record of these messages, whose echoes are taken in the order in which they came.
pub(crate) fn recorded_in(open_loop: bool, samples: &[Sample]) -> Record {
    let budget = SampleBudget::new(10_000, 1);
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
    let plan = Plan::new(PlanDraft {
        target: Target::parse("ws://127.0.0.1:8000/ws").unwrap(),
        trust: Default::default(),
        embedded: Some("axum".into()),
        clients: 3.try_into().unwrap(),
        length: Length::MessagesPerClient(2.try_into().unwrap()),
        payload: "64..4KiB".parse().unwrap(),
        text: true,
        load: Load::PING_PONG,
        connect_rate: None,
        connect_timeout: Duration::from_secs(1),
        timeout: Duration::from_secs(1),
        warmup: Duration::ZERO,
        verify: Verify::Full,
        threads: 1.try_into().unwrap(),
        pin: Vec::new(),
        busy_poll: false,
        headers: Default::default(),
        seed: 5,
        max_samples: 10,
    })
    .unwrap();
    let circumstances = Circumstances {
        tool: Tool {
            name: "ws-bench".into(),
            version: "0".into(),
        },
        host: Host::default(),
        started_at: "2026-11-23T12:00:00Z".into(),
        elapsed_s: 1.5,
        connections: Connections::default(),
        connect_ns: ConnectTimes::default(),
        client: ClientUsage::default(),
        server: None,
        calibration: None,
        interrupted: false,
    };
    Summary::new(&plan, record, circumstances)
}

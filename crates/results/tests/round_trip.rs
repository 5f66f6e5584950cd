//! What the writers write is what the reader reads.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::cast_precision_loss)]

use measurement::plan::{Length, Plan, PlanDraft, Target, Verify};
use measurement::recorder::{Record, Recorder};
use measurement::sample::{Outcome, Sample, SampleBudget};
use measurement::summary::{
    Circumstances, ClientUsage, ConnectTimes, Connections, Host, PayloadBytes, Summary, Tool,
};
use proptest::prelude::*;
use results::read::{Metric, Request, read_times};
use results::write::{Output, Run};

fn summary_of(record: &Record) -> Summary {
    let plan = Plan::new(PlanDraft {
        target: Target::parse("ws://127.0.0.1:8000/ws").unwrap(),
        embedded: None,
        clients: 3.try_into().unwrap(),
        length: Length::MessagesPerClient(2.try_into().unwrap()),
        payload: "64..4KiB".parse().unwrap(),
        text: true,
        window: 1.try_into().unwrap(),
        connect_rate: None,
        connect_timeout: std::time::Duration::from_secs(1),
        timeout: std::time::Duration::from_secs(1),
        warmup: std::time::Duration::ZERO,
        verify: Verify::Full,
        threads: 1.try_into().unwrap(),
        headers: Default::default(),
        seed: 5,
        max_samples: 1_000,
    })
    .unwrap();
    let circumstances = Circumstances {
        tool: Tool {
            name: "ws-bench".into(),
            version: "0.1.0".into(),
        },
        host: Host::default(),
        started_at: "2026-11-23T12:00:00Z".into(),
        elapsed_s: 1.5,
        connections: Connections::default(),
        connect_ns: ConnectTimes::default(),
        client: ClientUsage::default(),
        server: None,
        interrupted: false,
    };
    Summary::new(&plan, record, circumstances)
}

fn samples() -> impl Strategy<Value = Vec<Sample>> {
    let sample = (
        0..1_000_000_u64,
        0..1_000_u64,
        0..50_000_000_u64,
        0..5_usize,
    );
    prop::collection::vec(sample, 1..40).prop_map(|drawn| {
        let mut sent = 0;
        (0..)
            .zip(drawn)
            .map(|(message, (gap, lag, service, outcome))| {
                sent += gap;
                match Outcome::ALL[outcome] {
                    Outcome::Lost => Sample::lost(0, message, sent, sent + lag),
                    outcome => {
                        Sample::echoed(0, message, sent, sent + lag, sent + lag + service, outcome)
                    }
                }
            })
            .collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn every_time_comes_back(samples in samples(), is_csv: bool, is_response: bool) {
        let budget = SampleBudget::new(1_000, 1);
        let record = Recorder::merge(vec![Recorder::new(false, 0)], &budget);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(if is_csv { "a.csv" } else { "a.xlsx" });
        let summary = summary_of(&record);
        let run = Run { summary: &summary, samples: &samples, percentiles: &[], timeline: &[], clients: &[] };
        Output::create(&path).unwrap().write(&run).unwrap();

        let metric = if is_response { Metric::ResponseTime } else { Metric::ServiceTime };
        let expected: Vec<f64> = samples
            .iter()
            .filter(|sample| sample.outcome.is_timed())
            .filter_map(|sample| if is_response { sample.response_time_ns() } else { sample.service_time_ns() })
            .map(|ns| ns as f64 / 1e6)
            .collect();
        let read = read_times(&path, &Request { metric, ..Request::default() });
        if expected.is_empty() {
            prop_assert!(read.is_err());
            return Ok(());
        }
        let times = read.unwrap();
        prop_assert_eq!(times.skipped, (samples.len() - expected.len()) as u64);
        prop_assert_eq!(times.values_ms, expected);
        prop_assert_eq!(times.metric, Some(metric));
        if is_csv {
            prop_assert_eq!(times.run, None);
        } else {
            let run = times.run.unwrap();
            prop_assert_eq!(run.url.as_deref(), Some("ws://127.0.0.1:8000/ws"));
            prop_assert_eq!(run.clients, Some(3));
            prop_assert_eq!(run.payload_bytes, Some(PayloadBytes::Range { min: 64, max: 4096 }));
            prop_assert_eq!(run.tool.as_deref(), Some("ws-bench 0.1.0"));
        }
    }
}

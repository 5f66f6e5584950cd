//! What the writers write is what the reader reads.

#![allow(clippy::unwrap_used)]

use measurement::record::{Outcome, Sample};
use measurement::run::PayloadBytes;
use measurement::run::{Run, Samples};
use proptest::prelude::*;
use results::read::{ColumnRequest, Metric, read_times};
use results::write::Output;
use test_support::fixtures::{recorded, summary_of};

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
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(if is_csv { "a.csv" } else { "a.xlsx" });
        let summary = summary_of(&recorded(&samples));
        let run = Run {
            summary: Some(summary),
            samples: Some(Samples { rows: samples.clone(), chosen_from: None }),
            ..Run::default()
        };
        Output::create(&path).unwrap().write(&run).unwrap();

        let metric = if is_response { Metric::ResponseTime } else { Metric::ServiceTime };
        let expected: Vec<f64> = samples
            .iter()
            .filter(|sample| sample.outcome.is_timed())
            .filter_map(|sample| if is_response { sample.response_time_ns() } else { sample.service_time_ns() })
            .map(|ns| ns as f64 / 1e6)
            .collect();
        let read = read_times(&path, &ColumnRequest { metric, ..ColumnRequest::default() });
        if expected.is_empty() {
            prop_assert!(read.is_err());
            return Ok(());
        }
        let times = read.unwrap();
        prop_assert_eq!(times.times.skipped, (samples.len() - expected.len()) as u64);
        prop_assert_eq!(&times.times.values_ms, &expected);
        prop_assert_eq!(times.metric, Some(metric));
        if is_csv {
            prop_assert_eq!(times.run, None);
        } else {
            let run = times.run.unwrap();
            prop_assert_eq!(run.url.as_deref(), Some("ws://127.0.0.1:8000/ws"));
            prop_assert_eq!(run.clients, Some(3));
            prop_assert_eq!(run.timed_messages, Some(times.times.values_ms.len() as u64));
            prop_assert_eq!(run.payload_bytes, Some(PayloadBytes::Range { min: 64, max: 4096 }));
            prop_assert_eq!(run.tool.as_deref(), Some("ws-bench 0"));
        }
    }
}

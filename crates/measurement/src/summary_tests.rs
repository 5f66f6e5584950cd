//! Figures of a summary, and the keys of its JSON.

use super::*;
use crate::plan::tests::draft;
use crate::recorder::Recorder;
use crate::sample::{Outcome, Sample, SampleBudget};

pub(crate) fn summary(messages: u64) -> Summary {
    let budget = SampleBudget::new(10, 1);
    let mut recorder = Recorder::new(false, 0);
    for n in 0..messages {
        recorder.sent(n, n);
        let sample = Sample::echoed(0, n, n, n, n + 1_000, Outcome::Ok);
        recorder.ended(&budget, sample, 125);
    }
    let record = Recorder::merge(vec![recorder], &budget);
    let circumstances = Circumstances {
        tool: Tool {
            name: "ws-bench".into(),
            version: "0".into(),
        },
        host: Host::default(),
        started_at: String::new(),
        elapsed_s: 2.0,
        connections: Connections::default(),
        connect_ns: ConnectTimes::default(),
        client: ClientUsage::default(),
        server: Some(ServerSample {
            pid: 1,
            cpu_s: 0.5,
            max_rss_bytes: None,
            context_switches: None,
        }),
        calibration: None,
        interrupted: false,
    };
    Summary::new(&Plan::new(draft()).unwrap(), &record, circumstances)
}

#[test]
fn rates_are_right_echoes_over_the_measured_time() {
    let s = summary(100);
    assert_eq!(s.throughput.messages_per_s, 50.0);
    assert_eq!(s.throughput.payload_bytes_per_s, 50.0 * 125.0);
    assert_eq!(s.server.unwrap().messages_per_cpu_s, Some(200.0));
    assert_eq!(s.messages.planned, Some(100_000));
}

#[test]
fn the_json_has_the_keys_of_the_contract() {
    let json = serde_json::to_value(summary(100)).unwrap();
    for (path, keys) in [
        (
            "",
            "schema tool plan host started_at elapsed_s connections messages throughput offered_rate_per_s \
             service_time_ns response_time_ns connect_ns send_lag_ns client server validity",
        ),
        ("/tool", "name version"),
        (
            "/plan",
            "url embedded clients messages_per_client duration_s payload_bytes text rate_per_s arrivals \
             window warmup_s timeout_s verify threads seed",
        ),
        ("/host", "os kernel cpu cores open_file_limit"),
        (
            "/connections",
            "attempted opened failed closed_early close_codes",
        ),
        (
            "/messages",
            "planned sent received lost corrupted duplicated reordered timed_out",
        ),
        ("/throughput", "messages_per_s payload_bytes_per_s"),
        (
            "/service_time_ns",
            "count min mean stdev p50 p75 p90 p95 p99 p99_9 p99_99 max",
        ),
        ("/connect_ns", "tcp tls upgrade total"),
        ("/send_lag_ns", "p50 p99 max"),
        (
            "/client",
            "cpu_s cpu_per_core max_rss_bytes run_queue_wait_s",
        ),
        ("/server", "pid cpu_s max_rss_bytes messages_per_cpu_s"),
        ("/validity", "verdict reasons"),
    ] {
        let object = json.pointer(path).and_then(|v| v.as_object()).unwrap();
        for key in keys.split_whitespace() {
            assert!(object.contains_key(key), "{path}/{key}");
        }
    }
    assert_eq!(json["plan"]["payload_bytes"], 125);
    assert_eq!(json["plan"]["verify"], "full");
    let back: Summary = serde_json::from_value(json).unwrap();
    assert_eq!(back, summary(100));
}

#[test]
fn nothing_measured_leaves_the_figures_empty() {
    let s = summary(0);
    assert_eq!(s.service_time_ns, Latency::default());
    assert_eq!(s.validity.verdict, Verdict::Invalid);
    assert_eq!(s.send_lag_ns.max, None);
}

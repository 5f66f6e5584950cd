//! Time and memory of a million rows in a workbook.
//!
//! `cargo bench -p results --bench million_rows [-- FILE.xlsx]` writes the file (a temporary one by
//! default), reads one column of it back, and prints one JSON line a step: seconds, and by how many
//! bytes the most that was ever resident grew. `beside_pandas.py` sets it beside pandas.

#![allow(clippy::unwrap_used, clippy::print_stdout)]

use std::path::{Path, PathBuf};
use std::time::Instant;

use measurement::recorder::Recorder;
use measurement::sample::{Outcome, Sample, SampleBudget, message_hash};
use results::read::{Request, read_times};
use results::write::{Output, Run};

const ROWS: u64 = 1_000_000;

fn main() {
    let named = std::env::args().skip(1).find(|a| a.ends_with(".xlsx"));
    let folder = tempfile::tempdir().unwrap();
    let path = named.map_or_else(|| folder.path().join("million.xlsx"), PathBuf::from);
    let budget = SampleBudget::new(ROWS, 1);
    let mut recorder = Recorder::new(false, usize::try_from(ROWS).unwrap());
    for n in 0..ROWS {
        let (client, message, sent_ns) = (u32::try_from(n % 100).unwrap(), n / 100, n * 10_000);
        recorder.sent(sent_ns, sent_ns);
        let service_ns = 400_000 + message_hash(7, client, message) % 1_000_000;
        let received_ns = sent_ns + service_ns;
        let sample = Sample::echoed(client, message, sent_ns, sent_ns, received_ns, Outcome::Ok);
        recorder.ended(&budget, sample, 125);
    }
    let record = Recorder::merge(vec![recorder], &budget);
    let summary = serde_json::from_str(include_str!("summary.json")).unwrap();
    let run = Run {
        summary: &summary,
        samples: &record.samples,
        percentiles: &measurement::percentiles::percentile_table(&record),
        timeline: &record.timeline,
        clients: &[],
    };
    step("write", &path, || {
        Output::create(&path).unwrap().write(&run).unwrap();
    });
    step("read one column", &path, || {
        let times = read_times(&path, &Request::default()).unwrap();
        assert_eq!(times.values_ms.len() as u64, ROWS);
    });
}

fn step(name: &str, path: &Path, body: impl FnOnce()) {
    let (before, begun) = (max_rss_bytes(), Instant::now());
    body();
    let (seconds, extra) = (begun.elapsed().as_secs_f64(), max_rss_bytes() - before);
    let size = path.metadata().unwrap().len();
    println!(
        "{{\"step\": \"{name}\", \"rows\": {ROWS}, \"seconds\": {seconds:.3}, \"extra_bytes\": {extra}, \"file_bytes\": {size}}}"
    );
}

/// The most that was ever resident, from `/proc`; 0 where there is none.
fn max_rss_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:"));
    let kib = line.and_then(|l| l.trim().trim_end_matches("kB").trim().parse::<u64>().ok());
    kib.unwrap_or(0) * 1024
}

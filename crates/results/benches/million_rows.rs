//! Time and memory of a million rows in a workbook.
//!
//! `cargo bench -p results --bench million_rows [-- FILE.xlsx [ROWS.csv]]` writes the file (a temporary
//! one by default), reads one column of it back, and prints one JSON line a step: seconds, CPU seconds,
//! and by how many bytes the most that was resident in it exceeds what was before. The same rows go into the second file,
//! for `pandas_comparison.py`, which sets it beside pandas.

#![allow(clippy::unwrap_used, clippy::print_stdout)]

use std::path::{Path, PathBuf};
use std::time::Instant;

use measurement::record::{BottomK, Outcome, Recorder, Sample, message_hash};
use measurement::run::Run;
use results::read::{ColumnRequest, read_times};
use results::write::Output;

const ROWS: u64 = 1_000_000;

fn main() {
    let named = |ending: &str| std::env::args().skip(1).find(|a| a.ends_with(ending));
    let folder = tempfile::tempdir().unwrap();
    let path = named(".xlsx").map_or_else(|| folder.path().join("million.xlsx"), PathBuf::from);
    let budget = BottomK::new(ROWS, 1);
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
    let run = Run::with_summary(summary, record, Vec::new());
    step("write", &path, || {
        Output::create(&path).unwrap().write(&run).unwrap();
    });
    if let Some(rows) = named(".csv") {
        let rows = Output::create(Path::new(&rows)).unwrap();
        rows.write(&run).unwrap();
    }
    step("read one column", &path, || {
        let times = read_times(&path, &ColumnRequest::default()).unwrap();
        assert_eq!(times.times.values_ms.len() as u64, ROWS);
    });
}

fn step(name: &str, path: &Path, body: impl FnOnce()) {
    // The most from here on, not what was resident before and given back.
    let _ = std::fs::write("/proc/self/clear_refs", "5");
    let (before, cpu, begun) = (max_rss_bytes(), cpu_seconds(), Instant::now());
    body();
    let (seconds, cpu) = (begun.elapsed().as_secs_f64(), cpu_seconds() - cpu);
    let extra = max_rss_bytes() - before;
    let size = path.metadata().unwrap().len();
    println!(
        "{{\"step\": \"{name}\", \"rows\": {ROWS}, \"seconds\": {seconds:.3}, \"cpu_seconds\": {cpu:.3}, \"extra_bytes\": {extra}, \"file_bytes\": {size}}}"
    );
}

/// What this thread, the only one, has run on a core, from `/proc`; 0 where there is none.
fn cpu_seconds() -> f64 {
    let times = std::fs::read_to_string("/proc/self/schedstat").unwrap_or_default();
    let ns = times
        .split(' ')
        .next()
        .and_then(|ns| ns.parse::<f64>().ok());
    ns.unwrap_or(0.0) / 1e9
}

/// The most that was resident since that was last cleared, from `/proc`; 0 where there is none.
fn max_rss_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:"));
    let kib = line.and_then(|l| l.trim().trim_end_matches("kB").trim().parse::<u64>().ok());
    kib.unwrap_or(0) * 1024
}

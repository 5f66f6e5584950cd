//! Folders of runs, merged.

#![allow(clippy::unwrap_used)]

use std::fs;
use std::num::NonZeroU32;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use measurement::plan::{LoadDraft, LoadSpec, Plan, ServerUrl};
use measurement::record::{
    BottomK, ConnectHistograms, CountsSoFar, LatencyHistogram, LoggedSecond, Outcome, Recorder,
    RowSeconds, RowSpan, Sample, SecondHistograms, StoredSecond,
};
use measurement::run::{
    PlanFacts, ProcessRecord, Run, RunContext, ShardState, ShardsSummary, Tool,
};
use results::write::GrowingLog;
use shards::ShardsError;
use shards::run_name::{PlanDigest, RunName};
use shards::shard_files::{ShardFiles, ShardResult, ShardStart};

const SECOND: u64 = 1_000_000_000;

fn plan() -> Plan {
    let url = ServerUrl::parse("ws://127.0.0.1:8000/ws").unwrap();
    let draft = LoadDraft {
        max_samples: 20,
        ..LoadDraft::closed_loop()
    };
    LoadSpec::new(draft).unwrap().against(url).unwrap()
}

fn t0() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_800_000_000)
}

fn run_of(text: &str, later_s: u64) -> RunName {
    RunName::new(&PlanDigest::of(text), t0() + Duration::from_secs(later_s))
}

fn start(run: &RunName, shard: u32, shards: u32) -> ShardStart {
    ShardStart {
        format: 1,
        run: run.clone(),
        shard,
        shards: NonZeroU32::new(shards).unwrap(),
        tool: Tool::default(),
        host: format!("node{}", shard / 2),
        boot_id: Some("one".to_owned()),
        clock_error_ns: Some(1_000),
        is_synchronised: Some(false),
        pid: 7,
        facts: PlanFacts::from(&plan()),
        max_samples: 20,
    }
}

/// Four echoes of 1 ms in each of three seconds.
fn part(shard: u32, first_wake_ns: u64) -> ProcessRecord {
    let plan = plan();
    let budget = BottomK::new(plan.max_samples, plan.seed);
    let mut recorder = Recorder::new(false, 0);
    for n in 0..12_u64 {
        let sent = n * SECOND / 4;
        recorder.sent(sent, sent);
        let sample = Sample::echoed(shard, n, sent, sent, sent + 1_000_000, Outcome::Ok);
        recorder.ended(&budget, sample, 125);
    }
    let mut record = Recorder::merge(vec![recorder], &budget);
    let mut context = RunContext {
        elapsed_s: 3.0,
        ..RunContext::default()
    };
    context.connections.attempted = 1;
    context.connections.opened = 1;
    ProcessRecord {
        facts: PlanFacts::from(&plan),
        max_samples: plan.max_samples,
        seconds: record.timeline.iter().map(StoredSecond::from).collect(),
        samples: std::mem::take(&mut record.samples),
        record,
        clients: Vec::new(),
        context,
        connect: ConnectHistograms::default(),
        stops: Vec::new(),
        first_wake_ns: Some(first_wake_ns),
    }
}

fn complete(folder: &Path, run: &RunName, shard: u32, shards: u32, first_wake_ns: u64) {
    let files = ShardFiles::new(folder, shard).unwrap();
    files.begin(&start(run, shard, shards)).unwrap();
    let part = part(shard, first_wake_ns);
    let run = run.clone();
    files.finish(&ShardResult { run, shard, part }).unwrap();
}

/// A shard that was killed after two seconds with four echoes each.
fn killed(folder: &Path, run: &RunName, shard: u32, shards: u32) {
    let files = ShardFiles::new(folder, shard).unwrap();
    files.begin(&start(run, shard, shards)).unwrap();
    let mut log = GrowingLog::create(&files.log_path(), Tool::default()).unwrap();
    for second in 0..2 {
        let mut times = LatencyHistogram::new();
        (0..4).for_each(|_| times.record(1_000_000));
        log.append(&LoggedSecond {
            started_at: t0(),
            span: RowSpan::with(second, RowSeconds::ONE),
            histograms: Some(SecondHistograms {
                service: times.encode(),
                response: None,
            }),
            counts: CountsSoFar {
                sent: 5 * (second + 1),
                received: 4 * (second + 1),
                failed: second,
                unsent: 0,
                opened: 1,
            },
        });
    }
}

fn merged(folder: &Path) -> (Run, ShardsSummary) {
    let run = shards::merge(folder).unwrap().run;
    let shards = run.summary.as_ref().unwrap().shards.clone().unwrap();
    (run, shards)
}

#[test]
fn complete_shards_add_up() {
    let folder = tempfile::tempdir().unwrap();
    let run = run_of("a", 0);
    (0..4).for_each(|shard| complete(folder.path(), &run, shard, 4, u64::from(shard) * 1_000));
    let (merged, shards) = merged(folder.path());
    assert_eq!(
        (shards.planned, shards.complete, shards.degraded),
        (4, 4, false)
    );
    assert_eq!(
        (shards.start_skew_ns.p50, shards.start_skew_ns.max),
        (Some(1_000), Some(3_000))
    );
    let window = shards.full_strength.unwrap();
    assert_eq!((window.from_s, window.to_s, window.messages), (0, 3, 48));
    assert_eq!(shards.clocks.machines, 1);
    assert_eq!(shards.run, run.to_string());
    let summary = merged.summary.unwrap();
    assert_eq!((summary.messages.sent, summary.connections.opened), (48, 4));
    assert_eq!(summary.service_time_ns.count, 48);
    assert_eq!(
        merged.samples.unwrap().rows.len(),
        20,
        "as many as the plan keeps"
    );
    assert_eq!(merged.timeline.unwrap().rows.len(), 3);
}

#[test]
fn each_fault_of_a_shard_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let run = run_of("a", 0);
    complete(folder.path(), &run, 0, 6, 0);
    complete(folder.path(), &run, 1, 6, 250_000_000);
    killed(folder.path(), &run, 2, 6);
    let mut other = start(&run_of("other plan", 0), 3, 6);
    other.facts.plan.clients = 7;
    ShardFiles::new(folder.path(), 3)
        .unwrap()
        .begin(&other)
        .unwrap();
    ShardFiles::new(folder.path(), 4)
        .unwrap()
        .begin(&start(&run, 4, 6))
        .unwrap();
    let (merged, shards) = merged(folder.path());
    assert!(shards.degraded);
    assert_eq!((shards.planned, shards.complete), (6, 2));
    assert_eq!(shards.missing, [5]);
    let died: Vec<_> = shards
        .died
        .iter()
        .map(|died| (died.shard, died.through_s))
        .collect();
    assert_eq!(died, [(2, 2), (4, 0)]);
    let late: Vec<_> = shards
        .late
        .iter()
        .map(|late| (late.shard, late.skew_ns))
        .collect();
    assert_eq!(late, [(1, 250_000_000)]);
    assert_eq!(shards.differing, [3]);
    assert_eq!(shards.rows[3].differences, ["clients: 7 (100)"]);
    assert_eq!(shards.full_strength, None);
    let states: Vec<_> = shards.rows.iter().map(|row| row.state).collect();
    use ShardState::{Complete, Died, Differing, Missing};
    assert_eq!(states, [Complete, Complete, Died, Differing, Died, Missing]);
    let messages = merged.summary.unwrap().messages;
    assert_eq!(
        (
            messages.sent,
            messages.received,
            messages.lost,
            messages.abandoned
        ),
        (34, 32, 1, 1)
    );
}

#[test]
fn a_dead_shard_ends_the_time_of_full_strength() {
    let folder = tempfile::tempdir().unwrap();
    let run = run_of("a", 0);
    complete(folder.path(), &run, 0, 2, 0);
    killed(folder.path(), &run, 1, 2);
    let (merged, shards) = merged(folder.path());
    let window = shards.full_strength.unwrap();
    assert_eq!((window.from_s, window.to_s, window.messages), (0, 2, 16));
    assert_eq!(window.response_time_ns.count, 16);
    let alone = part(0, 0).into_run().unwrap().summary.unwrap();
    assert_eq!(
        merged.summary.unwrap().validity,
        alone.validity,
        "judged without the dead shard"
    );
}

#[test]
fn files_of_another_run_are_left_out_and_named() {
    let folder = tempfile::tempdir().unwrap();
    let (older, run) = (run_of("a", 0), run_of("a", 60));
    (0..3).for_each(|shard| complete(folder.path(), &older, shard, 3, 0));
    (0..2).for_each(|shard| complete(folder.path(), &run, shard, 2, 0));
    fs::write(folder.path().join("notes.txt"), "mine").unwrap();
    let (merged, shards) = merged(folder.path());
    assert!(!shards.degraded);
    let left_out = ["shard-002.done", "shard-002.json", "shard-002.start.json"];
    assert_eq!(shards.left_out, left_out);
    assert_eq!(merged.summary.unwrap().messages.sent, 24);
}

#[test]
fn a_shard_refuses_a_folder_with_its_own_files_of_the_same_run() {
    let folder = tempfile::tempdir().unwrap();
    let run = run_of("a", 0);
    complete(folder.path(), &run, 0, 1, 0);
    let files = ShardFiles::new(folder.path(), 0).unwrap();
    let error = files.begin(&start(&run, 0, 1)).unwrap_err();
    assert!(
        matches!(error, ShardsError::ExistingRun { shard: 0, .. }),
        "{error}"
    );
    let (_, shards) = merged(folder.path());
    assert_eq!(shards.complete, 1, "nothing was removed");
    files.begin(&start(&run_of("a", 60), 0, 1)).unwrap();
    assert!(!folder.path().join("shard-000.done").exists());
}

#[test]
fn a_damaged_result_is_a_dead_shard() {
    let folder = tempfile::tempdir().unwrap();
    let run = run_of("a", 0);
    (0..2).for_each(|shard| complete(folder.path(), &run, shard, 2, 0));
    let path = folder.path().join("shard-001.json");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, &text[..text.len() / 2]).unwrap();
    let (_, shards) = merged(folder.path());
    assert_eq!((shards.complete, shards.died.len()), (1, 1));
}

#[test]
fn a_copied_result_of_another_shard_is_not_counted_twice() {
    let folder = tempfile::tempdir().unwrap();
    let run = run_of("a", 0);
    (0..2).for_each(|shard| complete(folder.path(), &run, shard, 2, 0));
    let path = |name: &str| folder.path().join(name);
    fs::copy(path("shard-000.json"), path("shard-001.json")).unwrap();
    let (merged, shards) = merged(folder.path());
    assert_eq!((shards.complete, shards.died.len()), (1, 1));
    assert_eq!(merged.summary.unwrap().messages.sent, 12);
}

#[test]
fn a_folder_without_shards_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let error = shards::merge(folder.path()).unwrap_err();
    assert!(
        matches!(&error, ShardsError::NoShards(path) if path == folder.path()),
        "{error}"
    );
    let missing = folder.path().join("none");
    let error = shards::merge(&missing).unwrap_err();
    assert!(error.to_string().contains("none"), "{error}");
}

#[test]
fn clocks_of_several_machines_are_compared() {
    let folder = tempfile::tempdir().unwrap();
    let run = run_of("a", 0);
    for shard in 0..3 {
        let files = ShardFiles::new(folder.path(), shard).unwrap();
        let mut start = start(&run, shard, 3);
        start.boot_id = Some(format!("machine {}", shard / 2));
        start.clock_error_ns = Some(u64::from(shard) * 40_000_000);
        start.is_synchronised = Some(shard != 1);
        files.begin(&start).unwrap();
        let run = run.clone();
        let part = part(shard, 0);
        files.finish(&ShardResult { run, shard, part }).unwrap();
    }
    let (_, shards) = merged(folder.path());
    assert_eq!(shards.clocks.machines, 2);
    assert_eq!(shards.clocks.max_error_ns, Some(80_000_000));
    assert_eq!(shards.clocks.unsynchronised, [1]);
    assert!(!shards.clocks.is_reliable() && !shards.degraded);
}

#[test]
fn files_that_are_not_files_are_left_out() {
    let folder = tempfile::tempdir().unwrap();
    let run = run_of("a", 0);
    complete(folder.path(), &run, 0, 3, 0);
    fs::create_dir(folder.path().join("shard-001.start.json")).unwrap();
    #[cfg(unix)]
    std::os::unix::fs::symlink("nowhere", folder.path().join("shard-002.start.json")).unwrap();
    let (_, shards) = merged(folder.path());
    assert_eq!(shards.missing, [1, 2]);
    assert!(shards.left_out.contains(&"shard-001.start.json".to_owned()));
}

#[test]
fn a_start_of_too_many_shards_is_left_out() {
    let folder = tempfile::tempdir().unwrap();
    let run = run_of("a", 0);
    complete(folder.path(), &run, 0, 2, 0);
    complete(folder.path(), &run, 1, u32::MAX, 0);
    let (_, shards) = merged(folder.path());
    assert_eq!((shards.planned, &shards.missing[..]), (2, &[1][..]));
}

/// Changes the result of shard 1 of 2, whose other one is complete.
fn with_changed_result(change: impl Fn(&mut serde_json::Value)) -> ShardsSummary {
    let folder = tempfile::tempdir().unwrap();
    let run = run_of("a", 0);
    (0..2).for_each(|shard| complete(folder.path(), &run, shard, 2, 0));
    let path = folder.path().join("shard-001.json");
    let mut result = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    change(&mut result);
    fs::write(&path, result.to_string()).unwrap();
    // Without its mark, the size is not known.
    fs::remove_file(folder.path().join("shard-001.done")).unwrap();
    merged(folder.path()).1
}

#[test]
fn figures_out_of_range_make_a_damaged_result() {
    assert_eq!(with_changed_result(|_| {}).complete, 2);
    for (pointer, value) in [
        ("/part/record/counts/sent", serde_json::json!(u64::MAX)),
        ("/part/record/counts/unsent", serde_json::json!(u64::MAX)),
        (
            "/part/context/connections/opened",
            serde_json::json!(u64::MAX),
        ),
        ("/part/context/elapsed_s", serde_json::json!(1e15)),
        ("/part/facts/plan/threads", serde_json::json!(u64::MAX)),
        ("/part/seconds/0/sent", serde_json::json!(u64::MAX)),
        ("/part/seconds/0/second", serde_json::json!(1_000_000_000)),
        ("/part/seconds/1/service", serde_json::json!("AAAA")),
    ] {
        let shards =
            with_changed_result(|result| *result.pointer_mut(pointer).unwrap() = value.clone());
        assert_eq!((shards.complete, shards.died.len()), (1, 1), "{pointer}");
        assert_eq!(shards.left_out, ["shard-001.json"], "{pointer}");
    }
}

#[test]
fn a_result_of_another_size_than_its_mark_says_is_damaged() {
    let folder = tempfile::tempdir().unwrap();
    let run = run_of("a", 0);
    (0..2).for_each(|shard| complete(folder.path(), &run, shard, 2, 0));
    let path = folder.path().join("shard-001.json");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, format!("{text}\n")).unwrap();
    let (_, shards) = merged(folder.path());
    assert_eq!((shards.complete, shards.died.len()), (1, 1));
}

#[test]
fn absent_shards_owe_their_messages() {
    let folder = tempfile::tempdir().unwrap();
    let run = run_of("a", 0);
    // 100 clients with 1,000 messages each, in four shards.
    complete(folder.path(), &run, 0, 4, 0);
    killed(folder.path(), &run, 1, 4);
    let (merged, shards) = merged(folder.path());
    assert_eq!(shards.missing, [2, 3]);
    let counts = merged.summary.unwrap().messages;
    assert_eq!(counts.unsent, 25_000 - 10 + 2 * 25_000);
}

#[test]
fn a_run_that_has_not_begun_does_not_hide_one_that_has() {
    let folder = tempfile::tempdir().unwrap();
    let at = |time| RunName::new(&PlanDigest::of("a"), time);
    let later = at(SystemTime::now() + Duration::from_secs(3_600));
    complete(folder.path(), &later, 2, 3, 0);
    assert_eq!(
        merged(folder.path()).1.run,
        later.to_string(),
        "the only one"
    );
    let past = at(UNIX_EPOCH + Duration::from_secs(1));
    (0..2).for_each(|shard| complete(folder.path(), &past, shard, 2, 0));
    let (_, shards) = merged(folder.path());
    assert_eq!((shards.run, shards.complete), (past.to_string(), 2));
}

#[test]
fn an_interrupted_shard_ends_the_time_of_full_strength() {
    let folder = tempfile::tempdir().unwrap();
    let run = run_of("a", 0);
    complete(folder.path(), &run, 0, 2, 0);
    let files = ShardFiles::new(folder.path(), 1).unwrap();
    files.begin(&start(&run, 1, 2)).unwrap();
    let mut part = part(1, 0);
    part.context.interrupted = true;
    part.context.elapsed_s = 1.7;
    let shard = 1;
    files.finish(&ShardResult { run, shard, part }).unwrap();
    let all = shards::merge(folder.path()).unwrap();
    assert!(all.interrupted);
    let shards = all.run.summary.unwrap().shards.unwrap();
    assert_eq!(shards.full_strength.unwrap().to_s, 1);
    assert_eq!(shards.interrupted, [1]);
}

#[test]
fn of_two_processes_with_the_same_number_one_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let run = run_of("a", 0);
    let start = start(&run, 0, 1);
    // In place of an earlier run.
    complete(folder.path(), &run_of("a", 60), 0, 1, 0);
    let begun: Vec<bool> = std::thread::scope(|scope| {
        let begin = || {
            let files = ShardFiles::new(folder.path(), 0).unwrap();
            match files.begin(&start) {
                Ok(()) => true,
                Err(ShardsError::ExistingRun { .. }) => false,
                Err(error) => panic!("{error}"),
            }
        };
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(begin)).collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect()
    });
    assert_eq!(begun.iter().filter(|has| **has).count(), 1, "{begun:?}");
}

//! CPU time and memory of the merge of many shards.
//!
//! `cargo bench -p shards --bench merge [-- SHARDS [SECONDS [MAX_SAMPLES]]]`, by default 1,000 shards of 60 s without
//! raw samples
//!
//! Writes the files of a run in closed loop and of one in open loop. Each second of each shard has 1,000 echoes in about
//! 300 buckets of the histogram. A process of its own merges each, and prints its CPU time and the peak of its memory.
//!
//! Measured on two busy cores: 3.5 s of CPU and 33 MiB in closed loop, 6.8 s and 38 MiB in open loop; with up to 10,000
//! samples 5.2 s and 35 MiB, 8.1 s and 39 MiB.

#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs)]

use std::fs;
use std::num::NonZeroU32;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant, UNIX_EPOCH};

use host::thread_usage::{max_rss_bytes, process_cpu_s};
use measurement::plan::{
    Arrivals, Length, Load, LoadDraft, LoadSpec, Plan, RateProfile, ServerUrl,
};
use measurement::record::{
    BottomK, ConnectHistograms, Outcome, Record, Recorder, Sample, StoredSecond,
};
use measurement::run::{ClientRow, PlanFacts, ProcessRecord, RunContext, Tool};
use shards::run_name::{PlanDigest, RunName};
use shards::shard_files::{FORMAT, ShardFiles, ShardResult, ShardStart};
use units::Rate;

/// Echoes of a shard in each second.
const RATE: u64 = 1_000;
const CLIENTS: u32 = 20;
const SECOND_NS: u64 = 1_000_000_000;
const MIB: f64 = 1_048_576.0;
/// First argument of the process that merges.
const MERGE: &str = "--merge-folder";

#[derive(Debug, Clone, Copy)]
struct Size {
    shards: u32,
    seconds: u64,
    max_samples: u64,
}

/// Numbers without pattern (splitmix64).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// A latency around 150 µs with a long tail, in nanoseconds.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    fn latency_ns(&mut self) -> u64 {
        let normal = (0..12).map(|_| self.unit()).sum::<f64>() - 6.0;
        (150_000.0 * (0.45 * normal).exp()) as u64
    }
}

fn plan(size: Size, is_open: bool) -> Plan {
    let rate = RATE as f64 * f64::from(size.shards);
    let open = Load::Open {
        profile: RateProfile::constant(Rate::new(rate).unwrap()),
        arrivals: Arrivals::Constant,
        window: None,
    };
    let draft = LoadDraft {
        clients: NonZeroU32::new(CLIENTS * size.shards).unwrap(),
        length: Length::Duration(Duration::from_secs(size.seconds)),
        load: if is_open { open } else { Load::PING_PONG },
        max_samples: size.max_samples,
        ..LoadDraft::closed_loop()
    };
    let url = ServerUrl::parse("ws://127.0.0.1:8000/ws").unwrap();
    LoadSpec::new(draft).unwrap().against(url).unwrap()
}

fn part(plan: &Plan, size: Size, shard: u32) -> ProcessRecord {
    let is_open = plan.load.profile().is_some();
    let budget = BottomK::new(plan.max_samples, plan.seed);
    let mut random = Random(u64::from(shard));
    let mut recorder = Recorder::new(is_open, 0);
    for n in 0..size.seconds * RATE {
        let client = shard + u32::try_from(n % u64::from(CLIENTS)).unwrap() * size.shards;
        let due = n * SECOND_NS / RATE;
        let sent = due + if is_open { random.latency_ns() / 8 } else { 0 };
        let received = sent + random.latency_ns();
        recorder.advance(sent);
        recorder.sent(due, sent);
        let number = n / u64::from(CLIENTS);
        let sample = Sample::echoed(client, number, due, sent, received, Outcome::Ok);
        recorder.ended(&budget, sample, 125);
    }
    recorder.finish_timeline();
    let mut record = Recorder::merge(vec![recorder], &budget);
    let mut context = RunContext {
        elapsed_s: size.seconds as f64,
        ..RunContext::default()
    };
    context.connections.attempted = CLIENTS.into();
    context.connections.opened = CLIENTS.into();
    let mut connect = ConnectHistograms::default();
    for _ in 0..CLIENTS {
        let ns = random.latency_ns();
        connect.tcp.record(ns);
        connect.upgrade.record(2 * ns);
        connect.total.record(3 * ns);
    }
    ProcessRecord {
        facts: PlanFacts::from(plan),
        max_samples: plan.max_samples,
        seconds: record.timeline.iter().map(StoredSecond::from).collect(),
        samples: std::mem::take(&mut record.samples),
        record: Record {
            timeline: Vec::new(),
            ..record
        },
        clients: client_rows(size, shard),
        context,
        connect,
        stops: Vec::new(),
        first_wake_ns: Some(random.latency_ns()),
    }
}

fn client_rows(size: Size, shard: u32) -> Vec<ClientRow> {
    let rows = (0..CLIENTS).map(|client| ClientRow {
        client: shard + client * size.shards,
        connect_ns: Some(200_000),
        messages: size.seconds * RATE / u64::from(CLIENTS),
        close_code: Some(1000),
        ..ClientRow::default()
    });
    rows.collect()
}

fn write(folder: &Path, size: Size, is_open: bool) {
    let plan = plan(size, is_open);
    let t0 = UNIX_EPOCH + Duration::from_secs(1_800_000_000);
    let run = RunName::new(&PlanDigest::of("bench"), t0);
    for shard in 0..size.shards {
        let files = ShardFiles::new(folder, shard).unwrap();
        let start = ShardStart {
            format: FORMAT,
            run: run.clone(),
            shard,
            shards: NonZeroU32::new(size.shards).unwrap(),
            tool: Tool::default(),
            host: format!("node{}", shard / 4),
            boot_id: Some(format!("{}", shard / 4)),
            clock_error_ns: Some(1_000),
            is_synchronised: Some(true),
            pid: 7,
            facts: PlanFacts::from(&plan),
            max_samples: plan.max_samples,
        };
        files.begin(&start).unwrap();
        let run = run.clone();
        let part = part(&plan, size, shard);
        files.finish(&ShardResult { run, shard, part }).unwrap();
    }
}

fn merge(folder: &Path) {
    let begun = Instant::now();
    let before_s = process_cpu_s().unwrap();
    let merged = shards::merge(folder).unwrap();
    let cpu_s = process_cpu_s().unwrap() - before_s;
    let summary = merged.run.summary.unwrap();
    println!(
        "  {cpu_s:.2} s of CPU in {:.2} s, peak memory {:.1} MiB; {} of {} shards complete, {} messages, {} seconds, {} samples",
        begun.elapsed().as_secs_f64(),
        max_rss_bytes().unwrap() as f64 / MIB,
        summary.shards.as_ref().unwrap().complete,
        summary.shards.as_ref().unwrap().planned,
        summary.messages.received,
        merged.run.timeline.unwrap().rows.len(),
        merged.run.samples.map_or(0, |samples| samples.rows.len()),
    );
}

fn main() {
    let mut arguments = std::env::args().skip(1).filter(|a| a != "--bench");
    let first = arguments.next();
    if first.as_deref() == Some(MERGE) {
        return merge(Path::new(&arguments.next().unwrap()));
    }
    let number = |argument: Option<String>, default: u64| {
        argument.map_or(default, |text| text.replace('_', "").parse().unwrap())
    };
    let size = Size {
        shards: u32::try_from(number(first, 1_000)).unwrap(),
        seconds: number(arguments.next(), 60),
        max_samples: number(arguments.next(), 0),
    };
    for is_open in [false, true] {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), size, is_open);
        let lengths = fs::read_dir(folder.path()).unwrap();
        let bytes: u64 = lengths.map(|f| f.unwrap().metadata().unwrap().len()).sum();
        println!(
            "{} loop: {} shards of {} s, at most {} samples, files of {:.1} MiB",
            if is_open { "open" } else { "closed" },
            size.shards,
            size.seconds,
            size.max_samples,
            bytes as f64 / MIB
        );
        let program = std::env::current_exe().unwrap();
        let merged = Command::new(program).arg(MERGE).arg(folder.path()).status();
        assert!(merged.unwrap().success());
    }
}

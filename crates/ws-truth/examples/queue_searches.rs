//! Real searches for the capacity of a server with one queue, against the truth from its log.
//!
//! ```sh
//! cargo run --release -p ws-truth --example queue_searches -- plain 1..20 searches.tsv
//! cargo run --release -p ws-truth --example queue_searches -- hysteresis 1..5 searches.tsv
//! ```
//!
//! The plain server has Poisson arrivals. So has `hysteresis-poisson`. `constant` and `hysteresis` have constant ones.
//!
//! Appends one row per seed to the file, prints it, and at the end prints the totals over all rows of the file. Seeds that
//! the file has already are left out, so that an interrupted bench goes on where it ended. A row that the machine disturbed
//! is printed but not appended: the seed is searched again at the next call. The steps of every search are appended as a
//! line of JSON to `FILE.steps.jsonl`. The server spins on the first core and the
//! generator has the last one, so the machine must be idle.

#![allow(clippy::unwrap_used, clippy::print_stdout)]

use std::fmt;
use std::fs::OpenOptions;
use std::io::Write;
use std::str::FromStr;

use anyhow::Context;
use measurement::load_search::CapacityRules;
use measurement::plan::Arrivals;
use ws_truth::queue_load::{LoadedQueue, NARROW_BUDGET, SearchedQueue};
use ws_truth::queue_rules::QueueRules;

const KINDS: &str = "plain, constant, hysteresis (with constant arrivals) and hysteresis-poisson";

fn main() -> anyhow::Result<()> {
    let words: Vec<_> = std::env::args().skip(1).collect();
    let usage = || format!("usage: queue_searches KIND FIRST..LAST FILE; kinds are {KINDS}");
    let [kind, seeds, file] = &words[..] else {
        anyhow::bail!(usage());
    };
    let (first, last) = seeds.split_once("..").with_context(usage)?;
    let (first, last): (u64, u64) = (first.parse()?, last.parse()?);
    println!("{}", SearchRow::HEAD);
    for seed in first..=last {
        if rows_of(file)
            .iter()
            .any(|row| row.kind == *kind && row.seed == seed)
        {
            continue;
        }
        let (row, searched) = search(kind, seed)?;
        let steps = serde_json::json!({"kind": kind, "seed": seed, "capacity": searched.capacity});
        append(&format!("{file}.steps.jsonl"), &steps)?;
        match searched.noise {
            Some(noise) => println!("{row}\ttoo noisy, not counted: {noise}"),
            None => {
                println!("{row}");
                append(file, &row)?;
            }
        }
    }
    print_totals(kind, &rows_of(file));
    Ok(())
}

/// Appends a line to a file, which is created if it does not exist.
fn append(file: &str, line: &impl fmt::Display) -> std::io::Result<()> {
    let mut output = OpenOptions::new().create(true).append(true).open(file)?;
    writeln!(output, "{line}")
}

/// Figures of one search.
#[derive(Debug, Clone, PartialEq)]
struct SearchRow {
    kind: String,
    seed: u64,
    low: f64,
    rate: f64,
    high: f64,
    truth: f64,
    error: f64,
    covers: bool,
    half_width_percent: f64,
    seconds: f64,
    from_above: f64,
    recovery: f64,
    hysteresis: bool,
}

impl SearchRow {
    const HEAD: &str = "kind\tseed\tlow\trate\thigh\ttruth\terror\tcovers\thalf-width %\tseconds\t\
        from above\trecovery\thysteresis";
}

impl fmt::Display for SearchRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}\t{}\t{:.1}\t{:.1}\t{:.1}\t{:.1}\t{:.1}\t{}\t{:.2}\t{:.1}\t{:.1}\t{:.1}\t{}",
            self.kind,
            self.seed,
            self.low,
            self.rate,
            self.high,
            self.truth,
            self.error,
            self.covers,
            self.half_width_percent,
            self.seconds,
            self.from_above,
            self.recovery,
            self.hysteresis,
        )
    }
}

impl FromStr for SearchRow {
    type Err = anyhow::Error;

    fn from_str(line: &str) -> anyhow::Result<Self> {
        let cells: Vec<_> = line.split('\t').collect();
        let [kind, seed, numbers @ .., hysteresis] = &cells[..] else {
            anyhow::bail!("no row: {line}");
        };
        let [
            low,
            rate,
            high,
            truth,
            error,
            covers,
            half_width,
            seconds,
            above,
            recovery,
        ] = numbers
        else {
            anyhow::bail!("no row: {line}");
        };
        Ok(Self {
            kind: (*kind).to_owned(),
            seed: seed.parse()?,
            low: low.parse()?,
            rate: rate.parse()?,
            high: high.parse()?,
            truth: truth.parse()?,
            error: error.parse()?,
            covers: covers.parse()?,
            half_width_percent: half_width.parse()?,
            seconds: seconds.parse()?,
            from_above: above.parse()?,
            recovery: recovery.parse()?,
            hysteresis: hysteresis.parse()?,
        })
    }
}

/// The rows of the file; none without a file.
fn rows_of(file: &str) -> Vec<SearchRow> {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    text.lines().filter_map(|line| line.parse().ok()).collect()
}

/// Searches once.
fn search(kind: &str, seed: u64) -> anyhow::Result<(SearchRow, SearchedQueue)> {
    let (plain, doubles) = (QueueRules::default(), QueueRules::HYSTERESIS);
    let (rules, arrivals, budget) = match kind {
        "plain" => (plain, Arrivals::Poisson, NARROW_BUDGET),
        "constant" => (plain, Arrivals::Constant, NARROW_BUDGET),
        "hysteresis" => (doubles, Arrivals::Constant, CapacityRules::DEFAULT_BUDGET),
        "hysteresis-poisson" => (doubles, Arrivals::Poisson, CapacityRules::DEFAULT_BUDGET),
        _ => anyhow::bail!("unknown kind {kind}: {KINDS}"),
    };
    let searched = LoadedQueue::start(rules, arrivals, seed)?.find_capacity(budget)?;
    let truth = searched.log.capacity()?;
    let found = &searched.capacity;
    let row = SearchRow {
        kind: kind.to_owned(),
        seed,
        low: found.low_per_s,
        rate: found.rate_per_s.unwrap_or(f64::NAN),
        high: found.high_per_s,
        truth: truth.per_s,
        error: truth.error_per_s,
        covers: searched.covers(truth),
        half_width_percent: searched.half_width_percent(),
        seconds: searched.took.as_secs_f64(),
        from_above: found.from_above_per_s.unwrap_or(f64::NAN),
        recovery: searched.log.recovery_per_s(),
        hysteresis: found.hysteresis,
    };
    Ok((row, searched))
}

/// Prints counts and the median half-width over all rows of this kind.
fn print_totals(kind: &str, rows: &[SearchRow]) {
    let rows: Vec<_> = rows.iter().filter(|row| row.kind == kind).collect();
    let mut widths: Vec<_> = rows.iter().map(|row| row.half_width_percent).collect();
    widths.sort_unstable_by(f64::total_cmp);
    let median = widths.get(widths.len() / 2).copied().unwrap_or(f64::NAN);
    let count = |is: fn(&SearchRow) -> bool| rows.iter().filter(|row| is(row)).count();
    println!(
        "\n{kind}: {} of {} intervals cover the truth, median half-width {median:.2} %, {} of {} claim hysteresis, \
         longest {:.1} s",
        count(|row| row.covers),
        rows.len(),
        count(|row| row.hysteresis),
        rows.len(),
        rows.iter().map(|row| row.seconds).fold(0.0, f64::max),
    );
}

//! CPU cost of a message in the generator, as a function of connections, payload and rate.
//!
//! `cargo bench -p swarm --bench cpu [-- FOLDER]`
//!
//! Measures against the reference server, with one thread on each side, each on its own core where there are two.
//! Prints a table. If a folder is given, writes a `.csv` for each variable. Draw them with `draw-plot
//! cpu_connections.csv --x connections --column user_cpu_us`; the other two use `payload_bytes` and `messages_per_s`.

#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs)]

mod bare;

use std::fmt::Write;
use std::path::PathBuf;
use std::time::Duration;

use measurement::plan::{Arrivals, Length, Load, RateProfile};
use units::{Rate, SizeRange};

/// The variable. All others stay at 100 connections, 125 B and closed loop.
#[derive(Clone, Copy)]
enum Vary {
    Connections,
    PayloadBytes,
    MessagesPerSecond,
}

fn main() {
    let folder = std::env::args()
        .nth(1)
        .filter(|a| !a.starts_with('-'))
        .map(PathBuf::from);
    println!("| varied | value | messages/s | user CPU µs a message | all CPU µs a message |");
    println!("|---|---|---|---|---|");
    for (vary, name, values) in [
        (
            Vary::Connections,
            "connections",
            &[1, 10, 100, 1_000, 9_500][..],
        ),
        (
            Vary::PayloadBytes,
            "payload_bytes",
            &[2, 125, 1_024, 16_384, 131_072, 1 << 20],
        ),
        (
            Vary::MessagesPerSecond,
            "messages_per_s",
            &[1_000, 10_000, 50_000, 100_000],
        ),
    ] {
        let mut csv = format!("{name},user_cpu_us,cpu_us\n");
        for value in values {
            let (rate, user_us, all_us) = measure(vary, *value);
            println!("| {name} | {value} | {rate:.0} | {user_us:.2} | {all_us:.2} |");
            writeln!(csv, "{value},{user_us},{all_us}").unwrap();
        }
        if let Some(folder) = &folder {
            std::fs::write(folder.join(format!("cpu_{name}.csv")), csv).unwrap();
        }
    }
}

/// Messages per second, and CPU time per message in microseconds, in user mode and in total.
fn measure(vary: Vary, value: u64) -> (f64, f64, f64) {
    let server = bare::server();
    let pick = |is: bool, usual: u64| if is { value } else { usual };
    let payload = pick(matches!(vary, Vary::PayloadBytes), 125);
    let connections = pick(matches!(vary, Vary::Connections), 100);
    let plan = bare::plan(&server.url(), connections, |plan| {
        plan.length = Length::Duration(Duration::from_secs(2));
        plan.payload = SizeRange {
            min: payload,
            max: payload,
        };
        if matches!(vary, Vary::MessagesPerSecond) {
            plan.load = Load::Open {
                profile: RateProfile::constant(Rate::new(value as f64).unwrap()),
                arrivals: Arrivals::Constant,
                window: None,
            };
        }
    });
    let recording = bare::run(plan);
    assert!(
        !recording.record.counts.any_failed(),
        "{:?}",
        recording.record.counts
    );
    let per_message =
        |s: Option<f64>| s.unwrap_or(f64::NAN) / recording.record.counts.sent as f64 * 1e6;
    (
        recording.record.in_time.messages as f64 / recording.context.elapsed_s,
        per_message(recording.context.client.user_cpu_s),
        per_message(recording.context.client.cpu_s),
    )
}

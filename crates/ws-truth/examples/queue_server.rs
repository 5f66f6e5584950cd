//! A server with one queue and a known service time, in a process of its own, for runs of ws-bench against a known truth.
//!
//! ```sh
//! cargo run --release -p ws-truth --example queue_server -- 9001 service=500us leak=1000
//! ```
//!
//! | rule | meaning |
//! |---|---|
//! | `service=500us` | service time of a message |
//! | `slow-beyond=200` | the service time doubles beyond this many messages in the system, until none is left |
//! | `block=1s,50ms` | every second, one service takes 50 ms longer |
//! | `growth=5,60` | the service time grows by 5 % per hour of a clock that runs 60 times as fast |
//! | `leak=1000` | bytes per message that are never freed. Messages are then not logged |
//!
//! It serves until its standard input ends, and then prints what its log says of the service times.

#![allow(clippy::unwrap_used, clippy::print_stdout)]

use std::io::Read;
use std::time::Duration;

use anyhow::Context;
use units::parse_duration;
use ws_truth::queue_log::{late_share, median_service_s};
use ws_truth::queue_rules::{HandlerBlock, QueueRules, ServiceGrowth};
use ws_truth::queue_server::QueueServer;

fn main() -> anyhow::Result<()> {
    let mut words = std::env::args().skip(1);
    let port = words.next().and_then(|word| word.parse().ok());
    let port = port.context("usage: queue_server PORT [RULE=VALUE]…")?;
    let mut rules = QueueRules::default();
    for word in words {
        set(&mut rules, &word).with_context(|| format!("cannot read the rule {word}"))?;
    }
    let server = QueueServer::start_on(port, rules)?;
    println!("{}, process {}", server.url(), std::process::id());
    std::io::stdin().read_to_end(&mut Vec::new())?;
    let log = server.finish();
    println!(
        "{} messages logged, {} not, median service time {:.1} µs, services {:.2} % longer than by the rules",
        log.served.len(),
        log.unlogged,
        median_service_s(&log.served) * 1e6,
        late_share(&log.served) * 100.0,
    );
    Ok(())
}

/// Sets the rule of one argument.
fn set(rules: &mut QueueRules, word: &str) -> anyhow::Result<()> {
    let (name, value) = word.split_once('=').context("no = in it")?;
    let pair = || value.split_once(',').context("two values are needed");
    match name {
        "service" => rules.service = duration(value)?,
        "slow-beyond" => rules.slow_beyond = Some(value.parse()?),
        "block" => {
            let (every, lasts) = pair()?;
            rules.block = Some(HandlerBlock {
                every: duration(every)?,
                lasts: duration(lasts)?,
            });
        }
        "growth" => {
            let (percent, speed) = pair()?;
            rules.growth = Some(ServiceGrowth {
                share_per_hour: percent.parse::<f64>()? / 100.0,
                hours_per_s: speed.parse::<f64>()? / 3600.0,
            });
        }
        "leak" => {
            rules.leaked_bytes = value.parse()?;
            rules.log_capacity = 0;
        }
        _ => anyhow::bail!("service, slow-beyond, block, growth and leak are known"),
    }
    Ok(())
}

fn duration(text: &str) -> anyhow::Result<Duration> {
    parse_duration(text).map_err(|error| anyhow::anyhow!("{error}"))
}

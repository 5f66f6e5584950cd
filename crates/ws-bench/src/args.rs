//! What can be typed.

use std::path::PathBuf;

use clap::{CommandFactory, Parser, ValueEnum, ValueHint};
use measurement::condition::Condition;
use measurement::plan::{Length, Plan, Target};
use measurement::schedule::RateProfile;
use results::write::RunFormat;
use runner::{CONNECTION, GeneratorArgs, LOAD, LoadArgs, OpenLoopArgs, RunError};
use units::{UnitError, parse_count};

use crate::show::ShowArgs;

/// Measures the latency and throughput of a WebSocket echo server with many clients at once.
///
/// Without a URL it starts an echo server of ours inside the process, so `ws-bench` alone gives a
/// first result. The summary says what was measured and whether to believe it; the spreadsheet
/// holds every message.
#[derive(Debug, Clone, Parser)]
#[command(version, max_term_width = 100)]
#[command(mut_arg("ca_cert", |a| a.requires("url")), mut_arg("insecure", |a| a.requires("url")))]
#[command(after_help = "\
Examples:
  ws-bench                                          an embedded server
  ws-bench ws://127.0.0.1:8000/ws -c 50 -d 10s      a server that runs already
  ws-bench ws://127.0.0.1:8000/ws -r 20_000 -d 30s  20,000 messages per second
  ws-bench ws://127.0.0.1:8000/ws -d 5m --tui       a live screen of the run
  ws-bench wss://localhost:8443/ws --ca-cert cert.pem
  ws-bench ws+unix:/run/echo.sock:/ws               a server on a Unix socket
  ws-bench ws://host/ws -s 64..4KiB --binary -o run.xlsx -o run.json

Exit codes:
    0  fine
    1  the run failed
    2  usage
    3  some connections or messages failed
    4  a --fail-if held
    5  the measurement is invalid (`suspect` is no failure)
  130  interrupted, files saved

Service time is counted from the actual send, response time from the intended one. In closed loop
(no --rate) a message is due when it is sent, so they are the same.")]
pub(crate) struct Args {
    /// Server to measure, such as ws://127.0.0.1:8000/ws; it must echo every message
    ///
    /// Also wss://host:port/path, and ws+unix:PATH:/path for a Unix socket.
    #[arg(value_hint = ValueHint::Url)]
    pub(crate) url: Option<String>,

    /// Which of our servers to start inside the process when no URL is given (example: tungstenite)
    #[arg(long, value_enum, default_value_t, conflicts_with = "url", help_heading = LOAD)]
    pub(crate) embedded: Embedded,

    #[command(flatten)]
    pub(crate) load: LoadArgs,

    #[command(flatten)]
    pub(crate) open_loop: OpenLoopArgs,

    #[command(flatten)]
    pub(crate) generator: GeneratorArgs,

    /// Keep generator threads on cores of their own, in turn, or on these [default: the system decides] (example: --pin=1,3)
    #[arg(long, value_name = "CORE,...", num_args = 0..=1, require_equals = true, default_missing_value = "",
          value_parser = cores, help_heading = LOAD)]
    pub(crate) pin: Option<Cores>,

    /// Measure what the generator itself can do first, also before a run shorter than 5s
    #[arg(long, help_heading = LOAD)]
    pub(crate) calibrate: bool,

    /// Do not measure what the generator itself can do, which takes 300ms before runs of 5s or more
    #[arg(long, conflicts_with = "calibrate", help_heading = LOAD)]
    pub(crate) no_calibrate: bool,

    /// Sample this process, without its children, as the server's: CPU, memory, context switches
    /// (example: $(pgrep -x axum-ws))
    #[arg(long, value_name = "PID", help_heading = CONNECTION)]
    pub(crate) server_pid: Option<u32>,

    /// File to write, may be repeated: .xlsx (everything), .csv (samples), .json (summary),
    /// .hlog (HdrHistogram log, one interval a second) (example: run.json)
    #[arg(short, long = "output", value_name = "FILE", default_value = "latencies.xlsx", help_heading = OUTPUT)]
    pub(crate) outputs: Vec<PathBuf>,

    /// Write no file but what --plot asks for
    #[arg(long, conflicts_with = "outputs", help_heading = OUTPUT)]
    pub(crate) no_output: bool,

    /// Rows of raw samples kept; beyond it a uniform random choice, while figures count them all
    /// (example: 10_000)
    #[arg(long, value_name = "N", default_value = "1_000_000", value_parser = parse_count, help_heading = OUTPUT)]
    pub(crate) max_samples: u64,

    /// Draw the run as draw-plot would (example: run.png)
    #[arg(long, value_name = "PNG|SVG", help_heading = OUTPUT)]
    pub(crate) plot: Option<PathBuf>,

    /// Exit with code 4 if this holds and nothing worse happened, may be repeated (examples: 'p99>10ms', 'service.p99.9>5ms', 'lost>0')
    ///
    /// A percentile without prefix is response time. Also: min, mean, max, connect.p99, send_lag.p99,
    /// throughput<50000 (messages per second), error_rate>0.1%, corrupted, failed (connections) and more.
    /// Worse is, in this order: an interrupted run (130), one that failed (1), an invalid one (5), failed
    /// connections or messages (3).
    #[arg(long = "fail-if", value_name = "EXPR", help_heading = OUTPUT)]
    pub(crate) conditions: Vec<Condition>,

    /// Print the summary as one JSON document instead of text
    #[arg(long, help_heading = OUTPUT)]
    pub(crate) json: bool,

    #[command(flatten)]
    pub(crate) show: ShowArgs,

    /// No progress and no notices
    #[arg(short, long, help_heading = OUTPUT)]
    pub(crate) quiet: bool,
}

pub(crate) const OUTPUT: &str = "Output";

/// Which of our servers runs inside the process.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Embedded {
    /// axum-ws
    #[default]
    Axum,
    /// tungstenite-ws
    Tungstenite,
}

impl Embedded {
    /// The name in flags and files.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Axum => "axum",
            Self::Tungstenite => "tungstenite",
        }
    }
}

/// Cores to pin threads to; empty = all that are allowed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Cores(Vec<usize>);

fn cores(text: &str) -> Result<Cores, UnitError> {
    let cores = text.split(',').filter(|core| !core.is_empty());
    cores
        .map(|core| {
            let core = parse_count(core)?;
            usize::try_from(core).map_err(|_| UnitError::Count(text.to_owned()))
        })
        .collect::<Result<_, _>>()
        .map(Cores)
}

impl Args {
    /// What clap cannot say in plain words.
    ///
    /// # Errors
    /// A usage error for a server's process without the server's URL.
    pub(crate) fn check(&self) -> Result<(), clap::Error> {
        if self.server_pid.is_some() && self.url.is_none() {
            return Err(Self::command().error(
                clap::error::ErrorKind::MissingRequiredArgument,
                "--server-pid needs the URL of that server, which runs already",
            ));
        }
        Ok(())
    }

    /// The plan for a server at `url`, which is embedded or not.
    ///
    /// # Errors
    /// [`RunError`] for a URL that cannot be read, a figure out of range, or certificates to trust that cannot
    /// be used.
    pub(crate) fn plan(&self, url: &str, embedded: bool) -> Result<Plan, RunError> {
        let mut draft = self.load.draft(Target::parse(url)?, &self.generator)?;
        draft.embedded = embedded.then(|| self.embedded.name().to_owned());
        if let Some(load) = self.open_loop.load(self.load.window) {
            if let (None, Some(time)) = (
                self.load.duration,
                load.profile().and_then(RateProfile::length),
            ) {
                draft.length = Length::Duration(time);
            }
            draft.load = load;
        }
        draft.pin = match &self.pin {
            Some(Cores(cores)) if cores.is_empty() => host::cores::allowed_cores(),
            Some(Cores(cores)) => cores.clone(),
            None => Vec::new(),
        };
        if self.needs_samples() {
            draft.max_samples = self.max_samples;
        }
        Ok(Plan::new(draft)?)
    }

    /// Whether the generator's own limits are measured before this run.
    pub(crate) fn calibrates(&self, plan: &Plan) -> bool {
        const LONG_S: f64 = 5.0;
        let is_long = plan.sending_s().is_some_and(|s| s >= LONG_S);
        self.calibrate || is_long && !self.no_calibrate
    }

    /// Whether there is a file or a picture to put raw samples in.
    fn needs_samples(&self) -> bool {
        let in_file = |path: &PathBuf| RunFormat::of(path).is_ok_and(RunFormat::has_samples);
        self.plot.is_some() || self.outputs().iter().any(in_file)
    }

    /// The files to write.
    pub(crate) fn outputs(&self) -> &[PathBuf] {
        if self.no_output { &[] } else { &self.outputs }
    }
}

#[cfg(test)]
#[path = "args_tests.rs"]
mod tests;

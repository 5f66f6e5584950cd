//! What can be typed.

use std::num::{NonZeroU32, NonZeroU64, NonZeroUsize};
use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgGroup, Parser, ValueEnum, ValueHint};
use http::{HeaderMap, HeaderName, HeaderValue, header};
use measurement::condition::Condition;
use measurement::plan::{
    Length, Load, MAX_CLIENTS, MAX_MESSAGES_PER_CLIENT, MAX_WINDOW, Plan, PlanDraft, Target, Verify,
};
use measurement::schedule::{Arrivals, RateProfile, Stage};
use measurement::units::{Rate, SizeRange, UnitError, parse_count, parse_duration, parse_positive};
use results::write::Format;

use crate::show::ShowArgs;
use crate::trust::TrustArgs;

/// Measures the latency and throughput of a WebSocket echo server with many clients at once.
///
/// Without a URL it starts an echo server of ours inside the process, so `ws-bench` alone gives a
/// first result. The summary says what was measured and whether to believe it; the spreadsheet
/// holds every message.
#[derive(Debug, Clone, Parser)]
#[command(version, max_term_width = 100, group = ArgGroup::new("kind"))]
#[command(after_help = "\
Examples:
  ws-bench                                          an embedded server
  ws-bench ws://127.0.0.1:8000/ws -c 50 -d 10s      a server that runs already
  ws-bench ws://127.0.0.1:8000/ws -r 20_000 -d 30s  20,000 messages per second
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

    /// Connections, each one client (example: 10_000)
    #[arg(short, long, value_name = "N", default_value = "100", value_parser = clients, help_heading = LOAD)]
    pub(crate) clients: NonZeroU32,

    /// Measured messages per client (example: 10_000)
    #[arg(short, long, value_name = "N", default_value = "1000", value_parser = messages, help_heading = LOAD)]
    pub(crate) messages: NonZeroU64,

    /// Measure for a time instead of a number of messages (example: 10s)
    #[arg(short, long, value_name = "TIME", conflicts_with = "messages", value_parser = parse_duration, help_heading = LOAD)]
    pub(crate) duration: Option<Duration>,

    /// Payload in bytes, or a range that sizes are drawn from uniformly (examples: 4KiB, 64..1KiB)
    #[arg(short, long, value_name = "SIZE|MIN..MAX", default_value = "125", help_heading = LOAD)]
    pub(crate) size: SizeRange,

    /// Send text messages (the default)
    #[arg(long, group = "kind", help_heading = LOAD)]
    pub(crate) text: bool,

    /// Send binary messages instead of text
    #[arg(long, group = "kind", help_heading = LOAD)]
    pub(crate) binary: bool,

    /// Most messages in flight per client [default: 1; unbounded with --rate or --stages] (example: 64)
    ///
    /// Without --rate this is a closed loop: each client keeps just so many in flight and sends the
    /// next when an echo comes. With it, a message that is due while so many are in flight waits, and
    /// its response time holds the waiting.
    #[arg(short, long, value_name = "N", value_parser = window, help_heading = LOAD)]
    pub(crate) window: Option<NonZeroU32>,

    /// Open loop: so many messages per second over all clients, whatever the server does (example: 20_000)
    ///
    /// Response time then counts from when a message was due, so that it holds all the waiting that a
    /// slow server causes (no coordinated omission).
    #[arg(short, long, value_name = "MSG/S", group = "open", help_heading = LOAD)]
    pub(crate) rate: Option<Rate>,

    /// Let the rate rise from 0 in a straight line for so long; part of what is measured (example: 10s)
    ///
    /// Nothing is sent in the warm-up then.
    #[arg(long, value_name = "TIME", requires = "rate", value_parser = parse_duration, help_heading = LOAD)]
    pub(crate) ramp: Option<Duration>,

    /// Open loop, one rate after the other, in place of --rate and -d (example: 10s:1000,20s:5000)
    #[arg(long, value_name = "TIME:MSG/S,...", value_delimiter = ',', group = "open",
          conflicts_with_all = ["rate", "ramp", "messages", "duration"], help_heading = LOAD)]
    pub(crate) stages: Vec<Stage>,

    /// Spacing of messages in open loop: evenly, or at random as many users send (example: poisson)
    #[arg(long, value_enum, default_value_t, requires = "open", help_heading = LOAD)]
    pub(crate) arrivals: ArrivalsArg,

    /// Load before measuring, on the same connections, not recorded (example: 5s)
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = parse_duration, help_heading = LOAD)]
    pub(crate) warmup: Duration,

    /// How an echo is compared with what was sent (example: length)
    #[arg(long, value_enum, default_value_t, help_heading = LOAD)]
    pub(crate) verify: VerifyArg,

    /// Generator threads, at most one a client [default: as many as CPUs] (example: 1)
    #[arg(long, value_name = "N", value_parser = threads, help_heading = LOAD)]
    pub(crate) threads: Option<NonZeroUsize>,

    /// Keep generator threads on cores of their own, in turn, or on these [default: the system decides] (example: --pin=1,3)
    #[arg(long, value_name = "CORE,...", num_args = 0..=1, require_equals = true, default_missing_value = "",
          value_parser = cores, help_heading = LOAD)]
    pub(crate) pin: Option<Cores>,

    /// Never sleep: send lag of about a microsecond and shorter times, for a whole core per thread
    #[arg(long, help_heading = LOAD)]
    pub(crate) busy_poll: bool,

    /// Measure what the generator itself can do first, also before a run shorter than 5s
    #[arg(long, help_heading = LOAD)]
    pub(crate) calibrate: bool,

    /// Do not measure what the generator itself can do, which takes 300ms before runs of 5s or more
    #[arg(long, conflicts_with = "calibrate", help_heading = LOAD)]
    pub(crate) no_calibrate: bool,

    /// Seed of every random choice [default: random, reported] (example: 42)
    #[arg(long, value_name = "N", value_parser = parse_count, help_heading = LOAD)]
    pub(crate) seed: Option<u64>,

    /// Pace of opening connections [default: as fast as it goes] (example: 500)
    #[arg(long, value_name = "CONN/S", help_heading = CONNECTION)]
    pub(crate) connect_rate: Option<Rate>,

    /// Limit for one connection to open (example: 2s)
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = parse_duration, help_heading = CONNECTION)]
    pub(crate) connect_timeout: Duration,

    /// Limit for one echo; then the client goes on with its next message (example: 500ms)
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = parse_duration, help_heading = CONNECTION)]
    pub(crate) timeout: Duration,

    /// Header of the handshake, may be repeated (example: 'Authorization: Bearer abc')
    #[arg(long = "header", value_name = "K: V", value_parser = header_line, help_heading = CONNECTION)]
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,

    /// Subprotocol offered in the handshake, may be repeated (example: chat.v2)
    #[arg(long = "subprotocol", value_name = "P", value_parser = subprotocol, help_heading = CONNECTION)]
    pub(crate) subprotocols: Vec<String>,

    /// Origin header of the handshake (example: `https://example.org`)
    #[arg(long, value_name = "O", value_parser = header_value, help_heading = CONNECTION)]
    pub(crate) origin: Option<HeaderValue>,

    #[command(flatten)]
    pub(crate) trust: TrustArgs,

    /// Sample this process, without its children, as the server's: CPU, memory, context switches
    /// (example: $(pgrep -x axum-ws))
    #[arg(long, value_name = "PID", requires = "url", help_heading = CONNECTION)]
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

const LOAD: &str = "Load";
pub(crate) const CONNECTION: &str = "Connections";
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

/// How an echo is compared with what was sent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum VerifyArg {
    /// Not at all
    Off,
    /// Message type and length
    Length,
    /// Message type, length and every byte
    #[default]
    Full,
}

/// How messages are spaced in open loop.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum ArrivalsArg {
    /// Evenly; clients take turns
    #[default]
    Constant,
    /// At random, independent of each other
    Poisson,
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

fn clients(text: &str) -> Result<NonZeroU32, UnitError> {
    parse_positive(text, u64::from(MAX_CLIENTS))
}

fn messages(text: &str) -> Result<NonZeroU64, UnitError> {
    parse_positive(text, MAX_MESSAGES_PER_CLIENT)
}

fn window(text: &str) -> Result<NonZeroU32, UnitError> {
    parse_positive(text, u64::from(MAX_WINDOW))
}

fn threads(text: &str) -> Result<NonZeroUsize, UnitError> {
    parse_positive(text, 4096)
}

fn header_line(text: &str) -> Result<(HeaderName, HeaderValue), String> {
    let (name, value) = text
        .split_once(':')
        .ok_or("a header has the form 'Name: value'")?;
    let name = name
        .trim()
        .parse()
        .map_err(|_| format!("`{}` is no header name", name.trim()))?;
    Ok((name, header_value(value)?))
}

fn header_value(text: &str) -> Result<HeaderValue, String> {
    text.trim()
        .parse()
        .map_err(|_| format!("`{}` cannot stand in a header", text.trim()))
}

fn subprotocol(text: &str) -> Result<String, String> {
    // A token (RFC 6455, 4.1), as a header's name is.
    match text.parse::<HeaderName>() {
        Ok(_) => Ok(text.to_owned()),
        Err(_) => Err(format!("`{text}` is no subprotocol name")),
    }
}

impl Args {
    /// The plan for a server at `url`, which is embedded or not.
    ///
    /// # Errors
    /// [`PlanError`](measurement::plan::PlanError) for a URL that cannot be read or a figure out of
    /// range; another one when the file with certificates to trust cannot be used.
    pub(crate) fn plan(&self, url: &str, embedded: bool) -> anyhow::Result<Plan> {
        let profile = self.profile();
        let target = Target::parse(url)?;
        let plan = Plan::new(PlanDraft {
            trust: self.trust.read(&target)?,
            target,
            embedded: embedded.then(|| self.embedded.name().to_owned()),
            clients: self.clients,
            length: match (
                self.duration,
                profile.as_ref().and_then(RateProfile::length),
            ) {
                (Some(time), _) | (None, Some(time)) => Length::Duration(time),
                (None, None) => Length::MessagesPerClient(self.messages),
            },
            payload: self.size,
            text: !self.binary,
            load: match profile {
                Some(profile) => Load::Open {
                    profile,
                    arrivals: match self.arrivals {
                        ArrivalsArg::Constant => Arrivals::Constant,
                        ArrivalsArg::Poisson => Arrivals::Poisson,
                    },
                    window: self.window,
                },
                None => Load::Closed {
                    window: self.window.unwrap_or(NonZeroU32::MIN),
                },
            },
            connect_rate: self.connect_rate,
            connect_timeout: self.connect_timeout,
            timeout: self.timeout,
            warmup: self.warmup,
            verify: match self.verify {
                VerifyArg::Off => Verify::Off,
                VerifyArg::Length => Verify::Length,
                VerifyArg::Full => Verify::Full,
            },
            threads: self.threads.unwrap_or_else(|| {
                std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN)
            }),
            pin: match &self.pin {
                Some(Cores(cores)) if cores.is_empty() => swarm::pin::allowed_cores(),
                Some(Cores(cores)) => cores.clone(),
                None => Vec::new(),
            },
            busy_poll: self.busy_poll,
            headers: self.all_headers(),
            seed: self.seed.unwrap_or_else(random_seed),
            max_samples: if self.needs_samples() {
                self.max_samples
            } else {
                0
            },
        })?;
        Ok(plan)
    }

    /// The offered rate; `None` in closed loop.
    fn profile(&self) -> Option<RateProfile> {
        match (self.rate, self.ramp) {
            (Some(rate), Some(ramp)) => Some(RateProfile::ramp(rate, ramp)),
            (Some(rate), None) => Some(RateProfile::constant(rate)),
            (None, _) => RateProfile::stages(&self.stages),
        }
    }

    /// Whether the generator's own limits are measured before this run.
    pub(crate) fn calibrates(&self, plan: &Plan) -> bool {
        const LONG_S: f64 = 5.0;
        let is_long = plan.sending_s().is_some_and(|s| s >= LONG_S);
        self.calibrate || is_long && !self.no_calibrate
    }

    /// Whether there is a file or a picture to put raw samples in.
    fn needs_samples(&self) -> bool {
        let in_file = |path: &PathBuf| Format::of(path).is_ok_and(Format::has_samples);
        self.plot.is_some() || self.outputs().iter().any(in_file)
    }

    fn all_headers(&self) -> HeaderMap {
        let mut headers: HeaderMap = self.headers.iter().cloned().collect();
        if let Some(origin) = &self.origin {
            headers.insert(header::ORIGIN, origin.clone());
        }
        // Every subprotocol is a token, so the list is a header value.
        if let Ok(list) = HeaderValue::from_str(&self.subprotocols.join(", "))
            && !self.subprotocols.is_empty()
        {
            headers.insert(header::SEC_WEBSOCKET_PROTOCOL, list);
        }
        headers
    }

    /// The files to write.
    pub(crate) fn outputs(&self) -> &[PathBuf] {
        if self.no_output { &[] } else { &self.outputs }
    }
}

/// 53 bits, which every reader of the JSON summary keeps exactly.
fn random_seed() -> u64 {
    rand::random::<u64>() >> 11
}

#[cfg(test)]
#[path = "cli_tests.rs"]
mod tests;

//! The flags of `ws-bench`, and the plan that they define.

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::sync::Arc;

use clap::error::ErrorKind;
use clap::{Arg, ArgGroup, CommandFactory, Parser, ValueHint};
use cli::headings::{CONNECTION, LOAD, OUTPUT, SCENARIO};
use cli::{
    ConnectionFlags, GeneratorFlags, LoadFlags, OpenLoopFlags, ScenarioFlags, SlowFlags,
    StormFlags, TypedLoadFlags, print_notice,
};
use measurement::plan::{
    AddressList, Length, LoadDraft, LoadSpec, Plan, PlanError, RateProfile, ServerUrl, TargetServer,
};
use measurement::run::thresholds::Condition;
use results::write::RunFormat;
use scenario::Scenario;
use units::{UnitError, parse_count};

use crate::embedded::EmbeddedKind;
use crate::publish::ReportFlags;
use crate::search_flags::{FlagsBeside, SearchFlags, SeveralRates};
use crate::shard_flags::ShardFlags;

/// Measures the latency and throughput of a WebSocket server with many clients.
///
/// Without a URL it starts an echo server inside the process. The summary begins with a verdict: valid, suspect or
/// invalid. The spreadsheet holds one row per message, up to --max-samples.
#[derive(Debug, Clone, Parser)]
#[command(version, max_term_width = 100)]
#[command(mut_args(related))]
#[command(group = ArgGroup::new(OPEN_LOOP).multiple(true).args(["find_capacity", "sweep"]))]
#[command(after_help = "\
Examples:
  ws-bench                                          an embedded echo server
  ws-bench ws://127.0.0.1:8000/ws -c 50 -d 10s      a running server
  ws-bench ws://127.0.0.1:8000/ws -r 20_000 -d 30s  20,000 messages per second
  ws-bench ws://127.0.0.1:8000/ws --find-capacity 'p99<10ms'
  ws-bench ws://127.0.0.1:8000/ws --sweep 1000..100_000
  ws-bench ws://127.0.0.1:8000/ws -d 5m --tui       a live screen of the run
  ws-bench wss://localhost:8443/ws --ca-cert cert.pem
  ws-bench ws+unix:/run/echo.sock:/ws               a server on a Unix socket
  ws-bench ws://host/ws -s 64..4KiB --binary -o run.xlsx -o run.json
  ws-bench ws://host --protocol socket.io --try     a server that does not echo
  ws-bench ws://host/chat --scenario chat.toml      a scenario of your own
  ws-bench ws://host -d 1m --drop 9s --reconnect now  a reconnect storm

Exit codes:
    0  success
    1  nothing connected, or a file could not be written
    2  wrong usage
    3  some connections or messages failed
    4  a --fail-if condition holds
    5  the measurement is invalid (`suspect` does not change the exit code)
  130  interrupted; the files are saved

If several apply, the exit code is the first of 130, 1, 5, 3, 4.

Service time counts from the actual send time, response time from the intended send time. In closed loop
(without --rate) both are equal.")]
pub(crate) struct BenchArgs {
    // Before the flags of the load, which take their values away.
    #[command(flatten)]
    pub(crate) typed: TypedLoadFlags,

    /// URL of the server to measure, which must echo every message unless a scenario is given. Several URLs share the
    /// clients evenly (example: ws://127.0.0.1:8000/ws)
    ///
    /// Also wss://host:port/path, and ws+unix:PATH:/path for a Unix socket. Client k connects to URL k mod N, counted
    /// from 0.
    #[arg(id = "url", value_name = "URL", value_hint = ValueHint::Url)]
    pub(crate) urls: Vec<String>,

    /// Echo server to start inside the process when no URL is given (example: tungstenite)
    #[arg(long, value_enum, default_value_t, conflicts_with = "url", help_heading = LOAD)]
    pub(crate) embedded: EmbeddedKind,

    #[command(flatten)]
    pub(crate) load: LoadFlags,

    #[command(flatten)]
    pub(crate) open_loop: OpenLoopFlags,

    #[command(flatten)]
    pub(crate) search: SearchFlags,

    #[command(flatten)]
    pub(crate) connections: ConnectionFlags,

    #[command(flatten)]
    pub(crate) storm: StormFlags,

    #[command(flatten)]
    pub(crate) slow: SlowFlags,

    #[command(flatten)]
    pub(crate) generator: GeneratorFlags,

    /// Pin each generator thread to a core: all allowed cores, or the ones listed [default: not pinned] (example: --pin=1,3)
    #[arg(long, value_name = "CORE,...", num_args = 0..=1, require_equals = true, default_missing_value = "",
          value_parser = pinned_cores, help_heading = LOAD)]
    pub(crate) pin: Option<PinnedCores>,

    /// Measure the generator's own limit before the run [default: before runs of 5s or more]
    #[arg(long, help_heading = LOAD)]
    pub(crate) calibrate: bool,

    /// Do not measure the generator's own limit, which takes 300ms
    #[arg(long, conflicts_with = "calibrate", help_heading = LOAD)]
    pub(crate) no_calibrate: bool,

    /// Process IDs of the server: report CPU, memory and context switches of them and their descendants, without
    /// ws-bench itself. Separated by commas or blanks, repeatable (example: "$(pgrep uvicorn)")
    #[arg(long, value_name = "PID,...", value_parser = process_numbers, help_heading = CONNECTION)]
    pub(crate) server_pid: Vec<ProcessNumbers>,

    /// Source addresses of the connections: addresses and ranges, separated by commas, repeatable. The clients are
    /// spread evenly over them [default: the system chooses] (example: 127.0.0.2-127.0.0.5)
    ///
    /// The addresses must be those of this machine. Each gives about 28,000 connections to each server, the number of
    /// local ports.
    #[arg(long = "source-address", value_name = "ADDR,...", help_heading = CONNECTION)]
    pub(crate) source_addresses: Vec<AddressList>,

    #[command(flatten)]
    pub(crate) scenario: ScenarioFlags,

    /// Print the scenario together with what it builds on, as one file, and nothing else
    #[arg(long, help_heading = SCENARIO)]
    pub(crate) print_scenario: bool,

    /// Try the scenario: connect one client of each role, send one message of each kind, and print every frame with its
    /// meaning
    ///
    /// Exit codes: 0 all matched, 3 something did not, 1 nothing connected, 2 wrong usage or a fault in the file.
    #[arg(long = "try", conflicts_with_all = ["json", "tui", "plot", "metrics_bind", "conditions", "outputs"], help_heading = SCENARIO)]
    pub(crate) is_trial: bool,

    /// List the shipped scenarios, and nothing else
    #[arg(long, exclusive = true, help_heading = SCENARIO)]
    pub(crate) protocols: bool,

    #[command(flatten)]
    pub(crate) shards: ShardFlags,

    /// File to write, repeatable: .xlsx (everything), .csv (single messages), .json (summary),
    /// .hlog (HdrHistogram log, one interval per second; grows during the run as .hlog.partial). Existing files are replaced (example: run.json)
    #[arg(short, long = "output", value_name = "FILE", default_value = DEFAULT_OUTPUT, help_heading = OUTPUT)]
    pub(crate) outputs: Vec<PathBuf>,

    /// Write no file, except that of --plot
    #[arg(long, conflicts_with = "outputs", help_heading = OUTPUT)]
    pub(crate) no_output: bool,

    /// Maximum rows of single messages; beyond it a uniform random sample is kept. The figures count every message
    /// (example: 10_000)
    #[arg(long, value_name = "N", default_value = "1_000_000", value_parser = parse_count, help_heading = OUTPUT)]
    pub(crate) max_samples: u64,

    /// Draw the run, as draw-plot does (example: run.png)
    #[arg(long, value_name = "PNG|SVG", help_heading = OUTPUT)]
    pub(crate) plot: Option<PathBuf>,

    /// Exit with code 4 if this condition holds, repeatable (examples: 'p99>10ms', 'service.p99.9>5ms', 'lost>0')
    ///
    /// Operators: >, >=, <, <=, == and !=.
    ///
    /// Times: p50, p75, p90, p95, p99, p99.9, p99.99, min, mean, stdev and max. They are response times; service. or
    /// connect. before the name selects service times or times to connect; connect_response. times to connect from the
    /// intended time. Also send_lag.p50, send_lag.p99 and send_lag.max; with --reconnect back_50, back_90, back_99 and
    /// back_100 (time until this percentage of the lost connections was back; the condition holds if it never was) and
    /// reconnect. (connect response of the lost connections); with a scenario ready. (time until the setup was
    /// complete), first_part. and error_time. With deliveries: delivery. (all receivers), first., median. and last.
    /// (receiver of a message) and spread. (last less first). With a feed: gap., lateness., skew. and delay.
    ///
    /// Counts: lost, corrupted, late, unsent, duplicated, reordered, unexpected, abandoned, sent and received
    /// (messages), failed and closed_early (connections). With --drop or --reconnect dropped, not_back (connections)
    /// and missed (messages that became due while their client was away). With a scenario error_reply, parts,
    /// server_errors (records) and setup_failed (clients). With deliveries missing, incomplete (messages that did not
    /// reach all) and unreached (receivers that got nothing); with a feed missing (numbers left out).
    ///
    /// Others: throughput and achieved_rate (messages per second), deliveries_per_s, pushes_per_s, reach (share of
    /// deliveries that came, example: 'reach<99.9%'), error_rate (example: 'error_rate>0.1%'), messages_per_cpu_s,
    /// memory_per_connection (example: 'memory_per_connection>64KiB') and, with --idle, idle_bytes (memory per idle
    /// connection); with --find-capacity capacity and capacity_low, the lower end of its interval (example:
    /// 'capacity<40_000').
    #[arg(long = "fail-if", value_name = "EXPR", help_heading = OUTPUT)]
    pub(crate) conditions: Vec<Condition>,

    /// Print the summary as one JSON document instead of text
    #[arg(long, help_heading = OUTPUT)]
    pub(crate) json: bool,

    /// Show the run live, in place of the progress bar: phases, rates, percentiles, histogram, latency over
    /// time, errors and the verdict so far
    ///
    /// The screen is drawn on standard error, which must be a terminal. q, Esc and Ctrl-C end the run and save its
    /// files. Pressed again before the messages in flight are answered, they quit without saving.
    #[arg(long, conflicts_with = "quiet", help_heading = OUTPUT)]
    pub(crate) tui: bool,

    /// Serve counters and histograms of the run to Prometheus, at /metrics (example: 127.0.0.1:9100)
    ///
    /// Port 0 picks a free port and prints it on standard error. --quiet hides that line, so choose a port with --quiet.
    /// The last figures can be read until the program ends.
    #[arg(long, value_name = "ADDR", help_heading = OUTPUT)]
    pub(crate) metrics_bind: Option<SocketAddr>,

    /// Print the JSON schema of --json, and nothing else
    #[arg(long, exclusive = true, help_heading = OUTPUT)]
    pub(crate) json_schema: bool,

    /// Print every reason of the verdict [default: at most three]
    #[arg(short, long, help_heading = OUTPUT)]
    pub(crate) verbose: bool,

    /// Print no progress and no notices
    #[arg(short, long, help_heading = OUTPUT)]
    pub(crate) quiet: bool,
}

/// Adds relations to shared flags: those of TLS require a URL. Unlike `mut_arg`, `mut_args` leaves each flag at its place.
fn related(arg: Arg) -> Arg {
    match arg.get_id().as_str() {
        "ca_cert" | "insecure" | "client_cert" => arg.requires("url"),
        _ => arg,
    }
}

/// The group of the flags that make an open loop.
const OPEN_LOOP: &str = "open";

/// File that is written when no other is named.
const DEFAULT_OUTPUT: &str = "latencies.xlsx";

/// Cores to pin threads to; empty = all allowed cores.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PinnedCores(Vec<usize>);

fn pinned_cores(text: &str) -> Result<PinnedCores, UnitError> {
    let cores = text.split(',').filter(|core| !core.is_empty());
    cores
        .map(|core| {
            let core = parse_count(core)?;
            usize::try_from(core).map_err(|_| UnitError::Count(text.to_owned()))
        })
        .collect::<Result<_, _>>()
        .map(PinnedCores)
}

/// Returns true for a bare number, which is not a URL.
fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Process IDs, one per line or as a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ProcessNumbers(Vec<u32>);

/// Parses the output of `pgrep`, or a list.
fn process_numbers(text: &str) -> Result<ProcessNumbers, String> {
    let numbers = text.split(|c: char| c == ',' || c.is_whitespace());
    let numbers: Vec<u32> = numbers
        .filter(|number| !number.is_empty())
        .map(|number| {
            number
                .parse()
                .map_err(|_| format!("`{number}` is not a process ID"))
        })
        .collect::<Result<_, _>>()?;
    if numbers.is_empty() {
        return Err("no process ID: is the server running?".to_owned());
    }
    Ok(ProcessNumbers(numbers))
}

impl BenchArgs {
    /// The server's process IDs without duplicates.
    pub(crate) fn server_pids(&self) -> Vec<u32> {
        let mut pids = Vec::new();
        for pid in self.server_pid.iter().flat_map(|numbers| &numbers.0) {
            if !pids.contains(pid) {
                pids.push(*pid);
            }
        }
        pids
    }

    /// Checks rules for which clap has no clear message.
    pub(crate) fn check_usage(&self) -> Result<(), clap::Error> {
        self.check_urls()?;
        if !self.server_pid.is_empty() && self.urls.is_empty() {
            return Err(Self::command().error(
                ErrorKind::MissingRequiredArgument,
                "--server-pid needs the URL of that server (example: ws://127.0.0.1:8000/ws)",
            ));
        }
        let own = std::process::id();
        if self.server_pids().contains(&own) {
            return Err(Self::command().error(
                ErrorKind::ValueValidation,
                format!(
                    "--server-pid: process {own} is ws-bench itself, not the server (`exec ws-bench` has the \
                     process ID of the shell)"
                ),
            ));
        }
        if let Some(conflict) = self.beside_search().conflict() {
            return Err(Self::command().error(ErrorKind::ArgumentConflict, conflict));
        }
        if let Err(error) = self.search.check_budget() {
            return Err(Self::command().error(ErrorKind::ValueValidation, error));
        }
        if self.open_loop.ramp.is_some() && self.open_loop.rate.is_none() {
            return Err(Self::command().error(
                ErrorKind::MissingRequiredArgument,
                "--ramp needs --rate, the rate at its end (example: --rate 20_000 --ramp 10s)",
            ));
        }
        self.check_shard_usage()?;
        self.check_scenario_usage()
    }

    /// The flags that may exclude a search or a sweep.
    fn beside_search(&self) -> FlagsBeside<'_> {
        FlagsBeside {
            search: &self.search,
            open_loop: &self.open_loop,
            has_messages: self.typed.has_messages,
            has_duration: self.load.duration.is_some(),
            connections: &self.connections,
            storm: &self.storm,
            slow: &self.slow,
            shards: &self.shards,
            is_trial: self.is_trial,
            print_scenario: self.print_scenario,
        }
    }

    /// Checks the flags of one shard, whose report and files come from the merge.
    fn check_shard_usage(&self) -> Result<(), clap::Error> {
        let usage = |kind, text: String| Err(Self::command().error(kind, text));
        if self.shards.shard_dir.is_none() {
            return match self.shards.shard {
                Some(shard) if shard.count.get() > 1 => usage(
                    ErrorKind::MissingRequiredArgument,
                    "--shard needs --shard-dir: a folder that all shards can write to".to_owned(),
                ),
                _ => self.check_start_usage(),
            };
        }
        if self.urls.is_empty() {
            return usage(
                ErrorKind::MissingRequiredArgument,
                "a shard needs the URL of a running server (example: ws://127.0.0.1:8000/ws)"
                    .to_owned(),
            );
        }
        let has_default_output = self.outputs == [PathBuf::from(DEFAULT_OUTPUT)];
        let of_the_merge = [
            ("--output", !has_default_output),
            ("--plot", self.plot.is_some()),
            ("--json", self.json),
            ("--tui", self.tui),
            ("--fail-if", !self.conditions.is_empty()),
        ];
        match of_the_merge.iter().find(|(_, is_given)| *is_given) {
            Some((flag, _)) => usage(
                ErrorKind::ArgumentConflict,
                format!(
                    "{flag} cannot be used with --shard-dir: it belongs to ws-merge, which reads the results of all shards"
                ),
            ),
            None => Ok(()),
        }
    }

    /// Checks that only one of several shards waits for a common start.
    fn check_start_usage(&self) -> Result<(), clap::Error> {
        let shards = &self.shards;
        let given = [
            ("--start-at", shards.start_at.is_some()),
            ("--start-file", shards.start_file.is_some()),
        ];
        let Some((flag, _)) = given.into_iter().find(|(_, is_given)| *is_given) else {
            return Ok(());
        };
        Err(Self::command().error(
            ErrorKind::MissingRequiredArgument,
            format!("{flag} needs --shard-dir: it is the common start of several shards"),
        ))
    }

    /// Checks that no URL is a number, as from a list of process IDs without quotes.
    fn check_urls(&self) -> Result<(), clap::Error> {
        let numbers: Vec<_> = self.urls.iter().filter(|url| is_number(url)).collect();
        let Some(first) = numbers.first().filter(|_| !self.server_pid.is_empty()) else {
            return Ok(());
        };
        let pids = self.server_pids().into_iter().map(|pid| pid.to_string());
        let list: Vec<_> = pids.chain(numbers.iter().map(|n| n.to_string())).collect();
        Err(Self::command().error(
            ErrorKind::ValueValidation,
            format!(
                "`{first}` is not a URL such as ws://127.0.0.1:8000/ws; quote the list of process IDs: \
                 --server-pid \"{}\"",
                list.join(" ")
            ),
        ))
    }

    /// Checks the flags that depend on a scenario.
    fn check_scenario_usage(&self) -> Result<(), clap::Error> {
        let usage = |kind, text: String| Err(Self::command().error(kind, text));
        if self.scenario.source_flag().is_none() {
            let flag = match (self.print_scenario, self.is_trial) {
                (true, _) => "--print-scenario",
                (false, true) => "--try",
                (false, false) => return Ok(()),
            };
            let text = format!("{flag} needs a scenario: --scenario, --protocol or --send");
            return usage(ErrorKind::MissingRequiredArgument, text);
        }
        match self.scenario.conflict(&self.typed) {
            Some(text) => usage(ErrorKind::ArgumentConflict, text),
            None => Ok(()),
        }
    }

    /// The servers to measure; empty = the embedded one, not started yet.
    pub(crate) fn targets(&self) -> anyhow::Result<Vec<TargetServer>> {
        let urls = self.urls.iter().map(|url| ServerUrl::parse(url));
        let urls = urls.collect::<Result<Vec<_>, _>>()?;
        let tls = &self.load.tls;
        tls.targets(urls, swarm::tls::count_roots, swarm::tls::check_identity)
    }

    /// The load and the settings of its generator.
    pub(crate) fn load_spec(
        &self,
        scenario: Option<&Arc<Scenario>>,
    ) -> Result<LoadSpec, PlanError> {
        LoadSpec::new(self.load_draft(scenario))
    }

    /// The load of these flags, not yet checked.
    pub(crate) fn load_draft(&self, scenario: Option<&Arc<Scenario>>) -> LoadDraft {
        let mut draft = self.load.draft(&self.generator);
        self.scenario.apply(scenario, &self.typed, &mut draft);
        self.slow.apply(&mut draft);
        self.connections.apply(&mut draft);
        self.storm.apply(&mut draft);
        if let Some(load) = self.open_loop.load(self.load.window) {
            if let (None, Some(time)) = (
                self.load.duration,
                load.profile().and_then(RateProfile::length),
            ) {
                draft.length = Length::Duration(time);
            }
            draft.load = load;
        }
        if let Some(rates) = self.several_rates() {
            rates.apply(self.open_loop.arrivals, self.load.window, &mut draft);
        }
        let sources = self.source_addresses.iter().map(AddressList::addresses);
        draft.source_addresses = sources.flatten().copied().collect();
        draft.pin = match &self.pin {
            Some(PinnedCores(cores)) if cores.is_empty() => host::cores::allowed_cores(),
            Some(PinnedCores(cores)) => cores.clone(),
            None => Vec::new(),
        };
        if self.needs_samples() {
            draft.max_samples = self.max_samples;
        }
        draft
    }

    /// The search or the sweep of these flags; `None` for any other run.
    pub(crate) fn several_rates(&self) -> Option<SeveralRates> {
        self.search.rates(self.load.duration)
    }

    /// The part that a run of this number of processes lacks for the memory per idle connection; `None` when it will be
    /// known.
    pub(crate) fn lacks_for_idle_memory(&self, processes: NonZeroU32) -> Option<&'static str> {
        if self.server_pid.is_empty() {
            return Some("it needs the server's processes (--server-pid) and its URL");
        }
        let is_shared = processes > NonZeroU32::MIN;
        is_shared.then_some("it is known in a run of one process only, without --shards")
    }

    /// Returns true when the generator must be calibrated before this run.
    pub(crate) fn needs_calibration(&self, plan: &Plan) -> bool {
        const LONG_S: f64 = 5.0;
        let sending_s = match self.several_rates() {
            Some(rates) => Some(rates.total().as_secs_f64()),
            None => plan.sending_s(),
        };
        let is_long = sending_s.is_some_and(|s| s >= LONG_S);
        self.calibrate || is_long && !self.no_calibrate
    }

    /// Returns true when a file or a picture uses raw samples.
    fn needs_samples(&self) -> bool {
        let in_file = |path: &PathBuf| RunFormat::of(path).is_ok_and(RunFormat::has_samples);
        self.plot.is_some() || self.outputs().iter().any(in_file)
    }

    /// Returns true when a file grows during the run.
    pub(crate) fn has_growing_log(&self) -> bool {
        let grows = |path: &PathBuf| matches!(RunFormat::of(path), Ok(RunFormat::Hlog));
        self.shards.shard_dir.is_some() || self.outputs().iter().any(grows)
    }

    /// The report that the flags ask for.
    pub(crate) fn report(&self) -> ReportFlags<'_> {
        ReportFlags {
            conditions: &self.conditions,
            json: self.json,
            verbose: self.verbose,
            quiet: self.quiet,
        }
    }

    /// Prints a notice on standard error, unless `--quiet` is set.
    pub(crate) fn notice(&self, text: &str) {
        if !self.quiet {
            print_notice(text);
        }
    }

    /// The files to write.
    pub(crate) fn outputs(&self) -> &[PathBuf] {
        if self.no_output { &[] } else { &self.outputs }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::tests::plan;
    use std::num::{NonZeroU32, NonZeroU64};
    use std::time::Duration;

    use clap::CommandFactory;
    use measurement::plan::{
        Arrivals, ConnectionDrop, ConnectionRules, DropMethod, Lifetime, Load, ReconnectLaw, Verify,
    };
    use units::Rate;

    fn parse(line: &str) -> Result<BenchArgs, clap::Error> {
        BenchArgs::try_parse_from(std::iter::once("ws-bench").chain(line.split_whitespace()))
    }

    #[test]
    fn the_flags_hold_together() {
        BenchArgs::command().debug_assert();
    }

    #[test]
    fn defaults_are_those_of_the_contract() {
        let args = parse("").unwrap();
        assert_eq!(args.outputs(), [PathBuf::from("latencies.xlsx")]);
        assert_eq!(
            (args.embedded, args.max_samples),
            (EmbeddedKind::Axum, 1_000_000)
        );
        let plan = plan("");
        assert_eq!(plan.clients.get(), 100);
        assert_eq!(plan.planned_messages(), Some(100_000));
        assert_eq!((plan.payload.min, plan.payload.max), (125, 125));
        assert!(plan.text && plan.load == Load::PING_PONG && plan.verify == Verify::Full);
        let ten = Duration::from_secs(10);
        assert_eq!((plan.timeout, plan.connect_timeout), (ten, ten));
        assert_eq!(plan.warmup, Duration::from_secs(1));
        assert!(plan.connect_rate.is_none() && plan.seed < 1 << 53);
    }

    #[test]
    fn what_was_typed_is_what_is_planned() {
        let plan = plan(
            "-c 1_0 -d 2s -s 64..4KiB --binary -w 8 --warmup 0s --verify length --threads 3 --seed 7 \
         --connect-rate 50 --origin o --subprotocol a --subprotocol b --header X:y --max-samples 5",
        );
        assert_eq!(plan.clients.get(), 10);
        assert_eq!(plan.measured_time(), Some(Duration::from_secs(2)));
        assert_eq!((plan.payload.min, plan.payload.max), (64, 4096));
        assert!(!plan.text && plan.verify == Verify::Length);
        assert_eq!(plan.load.window().map(NonZeroU32::get), Some(8));
        assert_eq!((plan.threads.get(), plan.seed, plan.max_samples), (3, 7, 5));
        assert_eq!(plan.headers["sec-websocket-protocol"], "a, b");
        assert_eq!(
            (&plan.headers["origin"], &plan.headers["x"]),
            (&"o".parse().unwrap(), &"y".parse().unwrap())
        );
    }

    #[test]
    fn a_rate_makes_an_open_loop() {
        let rate = |n| Rate::new(n).unwrap();
        let open = |profile, arrivals, window| Load::Open {
            profile,
            arrivals,
            window,
        };
        let constant = RateProfile::constant(rate(2e4));
        assert_eq!(
            plan("-r 20_000 -w 3").load,
            open(constant, Arrivals::Constant, NonZeroU32::new(3))
        );
        let ramp = RateProfile::ramp(rate(5.0), Duration::from_secs(2));
        assert_eq!(
            plan("-r 5 --ramp 2s --arrivals poisson").load,
            open(ramp, Arrivals::Poisson, None)
        );
        let stages = plan("--stages 10s:1000,20s:5_000 --arrivals constant");
        assert_eq!(stages.measured_time(), Some(Duration::from_secs(30)));
        let average = stages.offered_rate().unwrap();
        assert!((average - 110_000.0 / 30.0).abs() < 1e-9, "{average}");
    }

    #[test]
    fn rules_of_connections_are_those_typed() {
        assert_eq!(plan("").connections, ConnectionRules::default());
        let plan = plan(
            "--connect-rate 50 --connect-arrivals poisson --lifetime exp:2s --messages-per-connection 1_000 \
             --drop 3s:50% --drop-with close --reconnect backoff:100ms..30s --idle 5_000 -d 10s",
        );
        let expected = ConnectionRules {
            arrivals: Arrivals::Poisson,
            lifetime: Some(Lifetime::Exponential(Duration::from_secs(2))),
            messages_per_connection: NonZeroU64::new(1_000),
            drop: Some(ConnectionDrop {
                after: Duration::from_secs(3),
                share: 0.5,
                method: DropMethod::Close,
            }),
            reconnect: Some(ReconnectLaw::Backoff {
                first: Duration::from_millis(100),
                cap: Duration::from_secs(30),
            }),
            idle: 5_000,
        };
        assert_eq!(plan.connections, expected);
        assert_eq!(plan.connections(), 5_100);
    }

    #[test]
    fn threads_are_pinned_where_it_is_said() {
        assert!(plan("").pin.is_empty());
        assert_eq!(plan("--pin").pin, host::cores::allowed_cores());
        assert_eq!(plan("--pin=3,1 --busy-poll").pin, [3, 1]);
    }

    #[test]
    fn source_addresses_are_collected_from_all_flags() {
        let plan =
            plan("--source-address 127.0.0.5,127.0.0.2-127.0.0.3 --source-address 127.0.0.9");
        let expected = [5, 2, 3, 9].map(|n| std::net::IpAddr::from([127, 0, 0, n]));
        assert_eq!(plan.source_addresses, expected);
    }

    #[test]
    fn a_list_of_process_ids_without_quotes_is_quoted() {
        let error = |line: &str| parse(line).unwrap().check_usage().unwrap_err().to_string();
        let text = error("ws://a/ --server-pid 12 34 56");
        assert!(
            text.contains("quote the list of process IDs: --server-pid \"12 34 56\""),
            "{text}"
        );
        // A port in place of a URL.
        assert!(parse("8000").unwrap().check_usage().is_ok());
    }

    #[test]
    fn long_runs_are_calibrated_unless_told_otherwise() {
        let calibrates = |line: &str| parse(line).unwrap().needs_calibration(&plan(line));
        assert!(!calibrates("") && calibrates("--calibrate"));
        assert!(calibrates("-d 5s") && !calibrates("-d 4s"));
        assert!(!calibrates("-d 5s --no-calibrate"));
        // 100 × 1,000 messages take ten seconds at the first rate, less than five at the second.
        assert!(calibrates("-r 10000") && !calibrates("-r 30000"));
    }

    #[test]
    fn samples_are_kept_only_for_a_file_that_holds_them() {
        assert_eq!(plan("").max_samples, 1_000_000);
        assert_eq!(plan("--no-output").max_samples, 0);
        assert_eq!(plan("-o a.json").max_samples, 0);
        assert_eq!(plan("-o a.json -o b.csv").max_samples, 1_000_000);
        assert_eq!(plan("--no-output --plot a.png").max_samples, 1_000_000);
    }

    #[test]
    fn wrong_lines_are_refused() {
        for line in [
            "-c 0",
            "-m 0",
            "-s 0",
            "-s 9..3",
            "-w 0",
            "--threads 0",
            "-d 10",
            "-m 5 -d 5s",
            "--text --binary",
            "--header nonsense",
            "--slow 0",
            "--slow 200%",
            "--slow-read 1KiB/s",
            "--slow-after 1s",
            "--slow 1 --slow-read 1KiB",
            "--connect-arrivals poisson",
            "--connect-rate 5 --connect-arrivals even",
            "--lifetime 0s",
            "--messages-per-connection 0",
            "--drop 10",
            "--drop-with close",
            "--drop 1s --drop-with abort",
            "--reconnect later",
            "--idle 0",
            "--idle 20_000_000",
            "--no-output -o a.xlsx",
            "--verify maybe",
            "--connect-rate 0",
            "--embedded axum ws://a/",
            "--find-capacity p99>10ms",
            "--find-capacity throughput>5",
            "--find-capacity p99<10ms --precision 3",
            "--find-capacity p99<10ms --budget 30",
            "--sweep 1000",
            "--sweep 2000..1000",
            "--sweep 1000..2000:1",
            "-r 0",
            "--arrivals poisson",
            "--stages 5s:10 -r 5",
            "--stages 5s:10 --ramp 1s",
            "--stages 5s:10 -d 5s",
            "--stages 5s",
            "--pin=x",
            "--calibrate --no-calibrate",
            "--fail-if losst>0",
            "--fail-if p99>10",
            "--subprotocol a,b",
            "--source-address eth0",
            "--source-address 127.0.0.3-127.0.0.1",
            "--insecure",
            "--ca-cert a.pem",
            "--client-cert a.pem --client-key b.pem",
            "wss://a/ --client-cert a.pem",
            "wss://a/ --client-key a.pem",
            "wss://a/ --insecure --ca-cert a.pem",
        ] {
            assert_eq!(parse(line).unwrap_err().exit_code(), 2, "{line}");
        }
    }
}

//! The command line.

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::builder::ArgPredicate;
use clap::{Arg, ArgGroup, Parser};
use cli::headings::{LOAD, OUTPUT};
use cli::{
    ConnectionFlags, GeneratorFlags, LoadFlags, ScenarioFlagError, ScenarioFlags, TypedLoadFlags,
};
use measurement::load_search::{CapacityCondition, parse_precision};
use measurement::plan::Arrivals;
use measurement::run::comparison::ComparedFigure;
use scenario::Scenario;
use units::{Rate, grouped, parse_duration, parse_positive};

use crate::fail_if::{figure_named, not_compared_by};
use crate::gate::{GATE_MODES, GateMode};
use crate::server::candidate::{Candidate, DEFAULT_PATH};

const SERVERS: &str = "Servers";
const ROUNDS: &str = "Rounds";

/// Flags that are valid for saved runs too, or exclude them by the group `measured`.
const EXCLUDE_NOTHING: [&str; 4] = ["reference", "figures", "servers", "urls"];

/// Makes a flag of the measurement conflict with saved runs.
fn exclude_saved_runs(flag: Arg) -> Arg {
    let is_output = flag
        .get_help_heading()
        .is_none_or(|heading| heading == OUTPUT);
    if is_output || EXCLUDE_NOTHING.contains(&flag.get_id().as_str()) {
        flag
    } else {
        flag.conflicts_with("files")
    }
}

/// Compares WebSocket servers statistically.
///
/// Every server of --server is restarted in every round and measured twice: its throughput in closed loop, and its latency in open
/// loop at a rate that all servers can hold. The servers take turns in slices, in random order. --capacity searches for the highest rate at which
/// conditions hold instead. Every result has a confidence interval (95 % for all figures together), or the word inconclusive.
#[derive(Debug, Clone, Parser)]
#[command(version, max_term_width = 100, mut_args(exclude_saved_runs))]
// The default is a duration, so that every round takes as long for a slow server as for a fast one.
#[command(mut_arg("duration", |a| a
    .default_value_ifs([
        ("messages", ArgPredicate::IsPresent, None::<&str>),
        ("capacity", ArgPredicate::IsPresent, Some("1m")),
        ("budget", ArgPredicate::IsPresent, Some("250ms")),
    ])
    .default_value("2s")
    .hide_default_value(true)
    .help("Measured time of each run, unless -m is given; with --capacity, longest time of each search \
        [default: 2s; 250ms with --budget; 1m with --capacity] (example: 10s)")))]
#[command(mut_arg("warmup", |a| a.default_value_ifs([
    ("capacity", ArgPredicate::IsPresent, "1s"),
    ("budget", ArgPredicate::IsPresent, "150ms"),
])))]
#[command(mut_arg("messages", |a| a.hide_default_value(true)
    .help("Measured messages of each run per client, in place of a time (example: 10_000)")))]
#[command(mut_arg("window", |a| a.long_help(
    "Maximum messages in flight per client [default: 1; unlimited in latency runs] (example: 64)\n\n\
     Closed loop: each client keeps exactly N messages in flight. At a rate: at most N. A message that is due \
     while the window is full waits, and the wait counts towards its response time.")))]
#[command(group = ArgGroup::new("measured").multiple(true), after_help = "\
Examples:
  ws-compare --server 'a=axum-ws --bind 127.0.0.1:{port}' \\
             --server 't=tungstenite-ws --bind 127.0.0.1:{port}' -o ab.html
  ws-compare --server 'a=./old {port}' --server 'b=./new {port}' \\
             --fail-if 'b.p99 > 1.1 * a.p99' -o pr.md
  ws-compare --server 'node=node echo.js {port} @ ws://127.0.0.1:{port}/' \\
             --server 'py=python3 echo.py {port}' --pin
  ws-compare --url a=ws://10.0.0.1:8000/ws --url b=ws://10.0.0.2:8000/ws
  ws-compare --server 'a=./old {port}' --server 'b=./new {port}' \\
             --capacity 'p99<10ms' -o capacity.html
  ws-compare before.json after.json                 saved runs of ws-bench
  ws-compare a=a1.json,a2.json b=b1.json,b2.json    several of each

Runs of a round:
  throughput  closed loop: throughput, service times, CPU and memory
  latency     open loop at one rate for all: response times (p50, p99, p99.9)
  search      with --capacity, in place of both: the highest rate at which the conditions hold

Exit codes:
    0  compared, whichever server is faster
    1  a file could not be read or written
    2  wrong usage, or saved runs that cannot be compared
    3  a server failed: at its start, at the gate, in a round or a saved run
    4  a --fail-if condition holds with confidence
    5  the comparison is invalid (`suspect` does not change the exit code)
  130  interrupted; the files are saved

If several apply, the exit code is the first of 130, 1, 3, 5, 4.")]
pub(crate) struct CompareArgs {
    // Before the flags of the load, which take their values away.
    #[command(flatten)]
    pub(crate) typed: TypedLoadFlags,

    /// Saved runs of ws-bench to compare: one file per server, or NAME=FILE,FILE,…
    #[arg(value_name = "FILE", conflicts_with = "measured")]
    pub(crate) files: Vec<String>,

    /// Server to start, repeatable: {port} in the command becomes a free port
    ///
    /// The server echoes at ws://127.0.0.1:{port}/ws (see --path), or at a URL after the command:
    /// 'NAME=COMMAND @ URL'. The command is split into words as by a shell, and runs without a shell.
    #[arg(long = "server", value_name = "NAME=COMMAND", value_parser = Candidate::with_command, group = "measured", help_heading = SERVERS)]
    pub(crate) servers: Vec<Candidate>,

    /// Server that is already running, repeatable (example: `a=ws://10.0.0.1:8000/ws`)
    ///
    /// It is not restarted between rounds, so its variance between starts is not measured. Its CPU and memory are
    /// not reported.
    #[arg(long = "url", value_name = "NAME=URL", value_parser = Candidate::with_url, group = "measured", help_heading = SERVERS)]
    pub(crate) urls: Vec<Candidate>,

    /// Server that the others are compared with [default: the first --server, else the first --url] (example: axum)
    #[arg(long, value_name = "NAME", help_heading = SERVERS)]
    pub(crate) reference: Option<String>,

    /// Path of the echo endpoint, for servers without a URL; with a scenario that has a path, that one (example: /echo)
    #[arg(long, value_name = "PATH", default_value = DEFAULT_PATH, value_parser = path, help_heading = SERVERS)]
    pub(crate) path: String,

    /// Environment variable of every server, repeatable (example: `RUST_LOG=error`)
    ///
    /// For one server alone: --server 'a=env NAME=VALUE COMMAND'.
    #[arg(long = "env", value_name = "NAME=VALUE", value_parser = variable, help_heading = SERVERS)]
    pub(crate) env: Vec<(OsString, OsString)>,

    /// Working directory of the servers (example: ./build)
    #[arg(long, value_name = "DIR", help_heading = SERVERS)]
    pub(crate) cwd: Option<PathBuf>,

    /// Time limit from a server's start to its first echo (example: 30s)
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = some_time, help_heading = SERVERS)]
    pub(crate) ready_timeout: Duration,

    /// Checks before the rounds that a server has to pass (example: full)
    #[arg(long, value_parser = cli::one_of(&GATE_MODES), default_value = "plan", help_heading = SERVERS)]
    pub(crate) gate: GateMode,

    /// Time limit of each check before the rounds (example: 20s)
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = some_time, help_heading = SERVERS)]
    pub(crate) gate_timeout: Duration,

    /// Pin servers to one half of the cores and the generator to the other; hardware threads of a core stay together
    ///
    /// Unlike --pin of ws-bench, it takes no list of cores.
    #[arg(long, help_heading = SERVERS)]
    pub(crate) pin: bool,

    /// The load.
    #[command(flatten)]
    pub(crate) load: LoadFlags,

    #[command(flatten)]
    pub(crate) connections: ConnectionFlags,

    #[command(flatten)]
    pub(crate) scenario: ScenarioFlags,

    /// The scenario of these flags, once it is loaded.
    #[arg(skip)]
    pub(crate) loaded: Option<Arc<Scenario>>,

    /// Messages per second of the latency runs, over all clients [default: 60 % of the slowest server's throughput in
    /// a pilot run] (example: 20_000)
    #[arg(short, long, value_name = "MSG/S", help_heading = LOAD)]
    pub(crate) rate: Option<Rate>,

    /// Intervals between messages in latency runs (example: poisson)
    #[arg(long, value_parser = cli::arrivals(), default_value = "constant", help_heading = LOAD)]
    pub(crate) arrivals: Arrivals,

    /// The generator.
    #[command(flatten)]
    pub(crate) generator: GeneratorFlags,

    /// Compare by the highest rate at which this condition holds, repeatable (example: 'p99<10ms')
    ///
    /// In each round, every server has one search like that of `ws-bench --find-capacity`, which is `-d` long at most. The
    /// servers are compared by one figure, `capacity_under_slo`. Conditions are written as for --fail-if of ws-bench, but
    /// say what must hold.
    #[arg(long = "capacity", value_name = "COND", help_heading = ROUNDS)]
    pub(crate) capacity: Vec<CapacityCondition>,

    /// Half-width of the interval at which a search of --capacity ends before its time is over [default: 3%] (example: 5%)
    #[arg(long, value_name = "PERCENT%", value_parser = parse_precision, help_heading = ROUNDS)]
    pub(crate) precision: Option<f64>,

    /// Rounds; in each, every server is measured once in closed loop and once at the rate, or searched once
    /// [default: 10; 3 with --capacity] (example: 20)
    ///
    /// A verdict on one figure of two servers needs 6 rounds. More figures or servers need more. With --capacity, 2 rounds
    /// allow a verdict.
    #[arg(long, value_name = "N", default_value = "10", default_value_if("capacity", ArgPredicate::IsPresent, "3"),
        hide_default_value = true, value_parser = rounds, help_heading = ROUNDS)]
    pub(crate) rounds: u32,

    /// Slices in which the servers of a round take turns; 0 measures them one after the other [default: 50ms; 0 with -m]
    /// (example: 100ms)
    ///
    /// All servers of a round run at the same time, and one of them at a time has load. A drift of the machine affects
    /// all of them equally, so smaller differences are detected. The beginning of each slice is not counted.
    #[arg(long, value_name = "TIME", value_parser = slice, conflicts_with = "messages", help_heading = ROUNDS)]
    pub(crate) slice: Option<Duration>,

    /// Measure rounds until this time is over, in place of --rounds (example: 60s)
    ///
    /// The time includes checks and pilot. A round that would exceed it is not begun, except the first. With --until-sure,
    /// the rounds may end earlier. Runs have `-d 250ms --warmup 150ms` by default, because more rounds detect smaller
    /// differences than longer ones.
    #[arg(long, value_name = "TIME", value_parser = some_time, conflicts_with_all = ["rounds", "max_rounds"], help_heading = ROUNDS)]
    pub(crate) budget: Option<Duration>,

    /// Figures to compare, separated by commas [default: all] (example: `throughput,service.p99`)
    ///
    /// The names: throughput, service.p50, service.p99, service.p99.9, p50, p99, p99.9 (response times; also as
    /// response.p50 and so on), messages_per_cpu_s and memory_per_connection. With deliveries also reach, first.p99,
    /// last.p50, last.p99, delivery.p50 and delivery.p99. Of a feed also gap.p99, lateness.p99 and skew.p99.
    /// With --lifetime, --messages-per-connection or --connect-rate also connect_response.p50 and
    /// connect_response.p99 (times to connect from the intended time).
    ///
    /// With --capacity there is capacity_under_slo alone.
    ///
    /// The intervals hold for all figures together, so fewer figures need fewer rounds. Runs that no figure and no
    /// --fail-if needs are not made: with throughput alone, no latency runs.
    #[arg(long = "figures", value_name = "NAMES", value_delimiter = ',', value_parser = figure, help_heading = ROUNDS)]
    pub(crate) figures: Vec<ComparedFigure>,

    /// Add rounds until every figure of --figures is known to ± this percentage [default: off] (example: 2)
    ///
    /// Without --figures, throughput and median response time count. The decision depends on the width of the intervals alone, not on who is faster.
    #[arg(long, value_name = "PCT", value_parser = percent, help_heading = ROUNDS)]
    pub(crate) until_sure: Option<f64>,

    /// Maximum rounds with --until-sure, never fewer than --rounds [default: 50]
    #[arg(long, value_name = "N", value_parser = rounds, help_heading = ROUNDS)]
    pub(crate) max_rounds: Option<u32>,

    /// File to write, repeatable: .json (everything), .xlsx (every round), .md (for a pull request), .html (a
    /// page), .png or .svg (a dot per round, an interval per server)
    #[arg(short, long = "output", value_name = "FILE", help_heading = OUTPUT)]
    pub(crate) outputs: Vec<PathBuf>,

    /// Exit with code 4 if this condition holds with confidence, repeatable (example: 'b.p99 > 1.1 * a.p99')
    ///
    /// A figure stands behind the name of its server and a dot. The figures are those of --figures, the operators
    /// are >, >=, < and <=.
    #[arg(long = "fail-if", value_name = "EXPR", help_heading = OUTPUT)]
    pub(crate) conditions: Vec<String>,

    /// Print the comparison as one JSON document instead of text
    #[arg(long, help_heading = OUTPUT)]
    pub(crate) json: bool,

    /// Print the JSON schema of --json, and nothing else
    #[arg(long, exclusive = true, help_heading = OUTPUT)]
    pub(crate) json_schema: bool,

    /// Print every reason and remark [default: at most three in all]
    #[arg(short, long, help_heading = OUTPUT)]
    pub(crate) verbose: bool,

    /// Print no progress and no notices
    #[arg(short, long, help_heading = OUTPUT)]
    pub(crate) quiet: bool,
}

/// Default of `--max-rounds`.
const DEFAULT_MAX_ROUNDS: u32 = 50;

fn rounds(text: &str) -> Result<u32, String> {
    const MOST: u64 = 1_000;
    let rounds = parse_positive::<std::num::NonZeroU32>(text, MOST);
    rounds.map(Into::into).map_err(|_| {
        format!(
            "`{text}` is not a number of rounds: use 1 to {} (example: 10)",
            grouped(MOST)
        )
    })
}

fn figure(text: &str) -> Result<ComparedFigure, String> {
    figure_named(text.trim()).ok_or_else(|| not_compared_by(text))
}

fn percent(text: &str) -> Result<f64, String> {
    let number = text.strip_suffix('%').unwrap_or(text).trim();
    let percent = number.parse::<f64>().ok();
    percent
        .filter(|p| *p > 0.0 && *p < 100.0)
        .ok_or_else(|| format!("`{text}` is not a percentage above 0 and below 100 (example: 2)"))
}

fn some_time(text: &str) -> Result<Duration, String> {
    match parse_duration(text) {
        Ok(Duration::ZERO) => Err(format!("`{text}` is not a time to wait (example: 20s)")),
        Ok(time) => Ok(time),
        Err(error) => Err(error.to_string()),
    }
}

fn slice(text: &str) -> Result<Duration, String> {
    const SHORTEST: Duration = Duration::from_millis(5);
    const LONGEST: Duration = Duration::from_secs(60);
    let time = parse_duration(text).map_err(|error| error.to_string())?;
    if time.is_zero() || (SHORTEST..=LONGEST).contains(&time) {
        Ok(time)
    } else {
        Err(format!(
            "`{text}` is not a valid slice: use 0, or 5ms to 60s (example: 50ms)"
        ))
    }
}

fn path(text: &str) -> Result<String, String> {
    if text.starts_with('/') {
        Ok(text.to_owned())
    } else {
        Err(format!(
            "`{text}` is not a path: it begins with / (example: /ws)"
        ))
    }
}

/// Flags that only ws-bench has, and what to do instead.
const BENCH_FLAGS: [(&str, &str); 9] = [
    ("--slow", SLOW_READERS),
    ("--slow-read", SLOW_READERS),
    ("--slow-after", SLOW_READERS),
    ("--drop", STORM),
    ("--drop-with", STORM),
    ("--reconnect", STORM),
    (
        "--idle",
        "leave it out, and measure each server with `ws-bench --idle`",
    ),
    (
        "--sweep",
        "use --capacity to compare the highest rates of the servers (example: --capacity 'p99<10ms'), or measure each \
         server with `ws-bench --sweep` and draw all files with `draw-plot --kind load-curve`",
    ),
    (
        "--find-capacity",
        "use --capacity in place of it (example: --capacity 'p99<10ms')",
    ),
];

const SLOW_READERS: &str = "leave it out, and measure each server with `ws-bench --slow`";
const STORM: &str = "leave it out, measure each server with `ws-bench --drop --reconnect`, and compare the saved runs (a=a.json b=b.json)";

/// The error for a flag of ws-bench among these arguments that the comparison does not have; `None` without one.
pub(crate) fn bench_flag_refusal(
    arguments: impl IntoIterator<Item = OsString>,
) -> Option<anyhow::Error> {
    let (flag, advice) = arguments.into_iter().find_map(|argument| {
        let argument = argument.to_str()?;
        let typed = argument.split_once('=').map_or(argument, |(name, _)| name);
        BENCH_FLAGS.into_iter().find(|(flag, _)| *flag == typed)
    })?;
    Some(anyhow::anyhow!(
        "{flag} is a flag of ws-bench and cannot be used with ws-compare: {advice}"
    ))
}

fn variable(text: &str) -> Result<(OsString, OsString), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.into(), value.into())),
        _ => Err(format!("`{text}` has not the form NAME=VALUE")),
    }
}

impl CompareArgs {
    /// Checks that no flag lacks the one that it belongs to. The error names both, with an example.
    pub(crate) fn check_lone_flags(&self) -> Result<(), String> {
        if self.precision.is_some() && self.capacity.is_empty() {
            return Err(
                "--precision needs --capacity, whose searches it ends (example: --capacity 'p99<10ms' --precision 3%)"
                    .to_owned(),
            );
        }
        if self.max_rounds.is_some() && self.until_sure.is_none() {
            return Err(
                "--max-rounds needs --until-sure, whose rounds it limits (example: --until-sure 2 --max-rounds 50)"
                    .to_owned(),
            );
        }
        Ok(())
    }

    /// Most rounds with `--until-sure`.
    pub(crate) fn max_rounds(&self) -> u32 {
        self.max_rounds.unwrap_or(DEFAULT_MAX_ROUNDS)
    }

    /// Loads the scenario. Its path takes the place of the default path of the echo.
    pub(crate) fn load_scenario(&mut self) -> anyhow::Result<()> {
        if let Some(text) = self.scenario.conflict(&self.typed) {
            return Err(usage_error(text));
        }
        let loaded = self
            .scenario
            .load(&self.load)
            .map_err(|error| match &error {
                ScenarioFlagError::Scenario { error, .. } => {
                    usage_error(wording::scenarios::scenario_error(error))
                }
                other => usage_error(other),
            })?;
        let has_path = loaded.as_ref().is_some_and(|it| it.url.is_some());
        if has_path && self.path == DEFAULT_PATH {
            self.path.clear();
        }
        self.loaded = loaded.map(Arc::new);
        Ok(())
    }

    /// Figures to compare, in the order of reports.
    pub(crate) fn compared_figures(&self) -> Vec<ComparedFigure> {
        if !self.capacity.is_empty() {
            return ComparedFigure::OF_SEARCHES.to_vec();
        }
        if self.figures.is_empty() {
            let replaces = self.connections.lifetime.is_some()
                || self.connections.messages_per_connection.is_some();
            let of_connections = replaces.then_some(ComparedFigure::OF_CONNECTIONS);
            return [self.figures_of_load(), of_connections.unwrap_or_default()].concat();
        }
        let is_wanted = |figure: &ComparedFigure| self.figures.contains(figure);
        ComparedFigure::ALL.into_iter().filter(is_wanted).collect()
    }

    /// All figures that the messages of runs with this load have.
    fn figures_of_load(&self) -> &'static [ComparedFigure] {
        let Some(scenario) = &self.loaded else {
            return ComparedFigure::OF_MESSAGES;
        };
        match (scenario.has_deliveries(), scenario.push.is_some()) {
            _ if scenario.is_push_only() => ComparedFigure::OF_FEEDS,
            (_, true) => ComparedFigure::OF_ROOMS_AND_FEEDS,
            (true, false) => ComparedFigure::OF_ROOMS,
            (false, false) => ComparedFigure::OF_MESSAGES,
        }
    }
}

/// A usage error that clap cannot detect. Its exit code is 2.
pub(crate) fn usage_error(message: impl std::fmt::Display) -> anyhow::Error {
    let kind = clap::error::ErrorKind::ValueValidation;
    clap::Error::raw(kind, format!("{message}\n")).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    fn parse(line: &[&str]) -> Result<CompareArgs, clap::Error> {
        CompareArgs::try_parse_from(std::iter::once(&"ws-compare").chain(line))
    }

    #[test]
    fn the_flags_are_consistent() {
        CompareArgs::command().debug_assert();
    }

    #[test]
    fn a_run_has_a_time_unless_messages_are_counted() {
        let length = |line: &[&str]| {
            let load = parse(line).unwrap().load;
            (load.duration, load.messages.get())
        };
        assert_eq!(length(&[]).0, Some(Duration::from_secs(2)));
        assert_eq!(length(&["-d", "5s"]).0, Some(Duration::from_secs(5)));
        assert_eq!(length(&["-m", "70"]), (None, 70));
        let quarter = Some(Duration::from_millis(250));
        assert_eq!(length(&["--budget", "60s"]).0, quarter);
        assert_eq!(length(&["--budget", "60s", "-m", "70"]), (None, 70));
        assert_eq!(
            length(&["--budget", "60s", "-d", "5s"]).0,
            Some(Duration::from_secs(5))
        );
    }

    #[test]
    fn flags_of_ws_bench_are_refused_with_what_to_do() {
        let refusal =
            |flag: &str| bench_flag_refusal(["ws-compare", flag, "5"].map(OsString::from));
        for (typed, flag, advice) in [
            ("--slow", "--slow", "`ws-bench --slow`"),
            ("--slow-read=0", "--slow-read", "`ws-bench --slow`"),
            ("--drop", "--drop", "`ws-bench --drop --reconnect`"),
            ("--drop-with=close", "--drop-with", "`ws-bench --drop"),
            ("--reconnect=now", "--reconnect", "--reconnect`"),
            ("--idle", "--idle", "`ws-bench --idle`"),
            ("--sweep=1..9", "--sweep", "--capacity 'p99<10ms'"),
            (
                "--find-capacity=p99<1ms",
                "--find-capacity",
                "--capacity 'p99<10ms'",
            ),
        ] {
            let text = refusal(typed).unwrap().to_string();
            let begins =
                format!("{flag} is a flag of ws-bench and cannot be used with ws-compare: ");
            assert!(text.starts_with(&begins) && text.contains(advice), "{text}");
            // Flags that were not given were named.
            assert!(!text.contains("--server"), "{text}");
        }
        assert!(refusal("--slower").is_none() && refusal("--lifetime").is_none());
    }

    #[test]
    fn connections_of_the_runs_can_be_replaced() {
        let rules = parse(&["--lifetime", "exp:1s", "--messages-per-connection", "7"]);
        let rules = rules.unwrap().connections;
        assert_eq!(
            rules.lifetime.map(|l| l.to_string()).as_deref(),
            Some("exp:1s")
        );
        assert_eq!(rules.messages_per_connection.map(u64::from), Some(7));
        assert!(parse(&["--connect-arrivals", "poisson"]).is_err());
        let spaced = ["--connect-arrivals", "poisson", "--connect-rate", "5"];
        let arrivals = parse(&spaced).unwrap().connections.connect_arrivals;
        assert_eq!(arrivals, Arrivals::Poisson);
        assert!(parse(&["a.json", "--lifetime", "1s"]).is_err());
    }

    #[test]
    fn a_slice_is_short_or_none() {
        let slice = |line: &[&str]| parse(line).map(|args| args.slice);
        assert_eq!(slice(&[]).unwrap(), None);
        assert_eq!(slice(&["--slice", "0"]).unwrap(), Some(Duration::ZERO));
        let ms = Duration::from_millis;
        assert_eq!(slice(&["--slice", "20ms"]).unwrap(), Some(ms(20)));
        for wrong in ["1ms", "2m", "x"] {
            assert!(slice(&["--slice", wrong]).is_err(), "{wrong}");
        }
        assert!(slice(&["--slice", "20ms", "-m", "70"]).is_err());
    }

    #[test]
    fn a_budget_takes_the_place_of_a_number_of_rounds() {
        assert!(parse(&["--budget", "60s", "--until-sure", "2"]).is_ok());
        for wrong in [
            &["--budget", "60s", "--rounds", "3"][..],
            &["--budget", "60s", "--until-sure", "2", "--max-rounds", "9"],
            &["--budget", "0s"],
        ] {
            assert!(parse(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn a_search_takes_a_minute_in_three_rounds() {
        const SEARCH: [&str; 2] = ["--capacity", "p99<10ms"];
        let of = |more: &[&str]| {
            let args = parse(&[&SEARCH, more].concat()).unwrap();
            (args.rounds, args.load.duration, args.load.warmup)
        };
        let (minute, second) = (Some(Duration::from_secs(60)), Duration::from_secs(1));
        assert_eq!(of(&[]), (3, minute, second));
        assert_eq!(of(&["--rounds", "5"]).0, 5);
        assert_eq!(of(&["-d", "20s"]).1, Some(Duration::from_secs(20)));
        // The budget is that of the whole comparison.
        assert_eq!(of(&["--budget", "10m"]), (3, minute, second));
        let several = parse(&["--capacity", "p99<10ms", "--capacity", "error_rate<0.1%"]);
        let several = several.unwrap();
        assert_eq!(several.capacity.len(), 2);
        assert_eq!(
            several.compared_figures(),
            [ComparedFigure::CapacityUnderSlo]
        );
        assert_eq!(several.precision, None);
        let rough = ["--capacity", "p99<10ms", "--precision", "10%"];
        let rough = parse(&rough).unwrap();
        assert!((rough.precision.unwrap() - 0.1).abs() < 1e-12);
        assert_eq!(rough.check_lone_flags(), Ok(()));
        for wrong in [
            &["--capacity", "p99>10ms"][..],
            &["a.json", "b.json", "--capacity", "p99<10ms"],
        ] {
            assert!(parse(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn figures_are_those_of_conditions_in_their_own_order() {
        let of = |line: &[&str]| parse(line).map(|args| args.compared_figures());
        assert_eq!(of(&[]).unwrap(), ComparedFigure::OF_MESSAGES);
        let replaced = of(&["--lifetime", "1s"]).unwrap();
        assert_eq!(replaced.last(), Some(&ComparedFigure::ConnectResponseP99));
        assert!(ComparedFigure::are_all_of_a_load(&replaced));
        assert_eq!(
            of(&["--figures", "p99, throughput,response.p99"]).unwrap(),
            [ComparedFigure::Throughput, ComparedFigure::ResponseP99]
        );
        let error = of(&["--figures", "speed"]).unwrap_err().to_string();
        assert!(
            error.contains("not compared by `speed`: use throughput"),
            "{error}"
        );
    }

    #[test]
    fn saved_runs_and_servers_exclude_each_other() {
        assert!(parse(&["a.json", "b.json"]).is_ok());
        assert!(parse(&["a.json", "--url", "b=ws://x/"]).is_err());
        let both = parse(&["--server", "a=x {port}", "--url", "b=ws://x/"]).unwrap();
        assert_eq!((both.servers.len(), both.urls.len()), (1, 1));
    }

    #[test]
    fn percentages_paths_and_variables_are_checked() {
        assert_eq!(
            parse(&["--until-sure", "2%"]).unwrap().until_sure,
            Some(2.0)
        );
        for wrong in ["0", "100", "x", "-1"] {
            assert!(parse(&[&format!("--until-sure={wrong}")]).is_err());
        }
        assert!(parse(&["--path", "ws"]).is_err());
        assert!(parse(&["--env", "=x"]).is_err());
        let args = parse(&["--env", "A=b=c"]).unwrap();
        assert_eq!(args.env, [("A".into(), "b=c".into())]);
        let error = parse(&["--rounds", "0"]).unwrap_err().to_string();
        assert!(error.contains("use 1 to 1,000"), "{error}");
        assert!(parse(&["--gate-timeout", "0s"]).is_err());
        assert!(parse(&["--ready-timeout", "0"]).is_err());
        let most = parse(&["--max-rounds", "9", "--until-sure", "1"]).unwrap();
        assert_eq!((most.max_rounds(), most.check_lone_flags()), (9, Ok(())));
        assert_eq!(parse(&[]).unwrap().max_rounds(), DEFAULT_MAX_ROUNDS);
    }

    /// The message named the missing flag alone.
    #[test]
    fn a_flag_without_its_other_flag_names_both() {
        for (line, expected) in [
            (["--precision", "5%"], "--precision needs --capacity"),
            (["--max-rounds", "9"], "--max-rounds needs --until-sure"),
        ] {
            let error = parse(&line).unwrap().check_lone_flags().unwrap_err();
            assert!(
                error.starts_with(expected) && error.contains("(example: "),
                "{error}"
            );
        }
    }
}

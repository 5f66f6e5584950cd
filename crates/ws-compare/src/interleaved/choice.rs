//! Length of slices, and whether the servers can run at the same time.

use std::net::SocketAddr;
use std::time::Duration;

use cli::print_notice;
use measurement::plan::Endpoint;
use scenario::Scenario;
use swarm::address::resolve;
use units::{human_bytes, human_time};

use crate::args::CompareArgs;
use crate::server::candidate::Candidate;

/// Default length of a slice.
const DEFAULT_SLICE: Duration = Duration::from_millis(50);

/// Returns the requested length of slices, or the default if the servers can run at the same time.
pub(crate) fn choose_slice(
    args: &CompareArgs,
    candidates: &[Candidate],
) -> Result<Option<Duration>, String> {
    let Some(run) = args.load.duration else {
        return Ok(None);
    };
    if !args.capacity.is_empty() {
        // A server that is searched alone has the machine for itself.
        return Ok(None);
    }
    if args.slice == Some(Duration::ZERO) {
        return Ok(None);
    }
    if let Some((cause, obstacle)) = obstacle(args) {
        if args.slice.is_some() {
            return Err(format!(
                "--slice cannot be used with {cause}: {obstacle}; leave --slice out, or use --slice 0"
            ));
        }
        if !args.quiet {
            print_notice(&format!(
                "{obstacle}, so the servers are measured one after the other"
            ));
        }
        return Ok(None);
    }
    if let Some(slice) = args.slice.filter(|slice| *slice > run) {
        let [slice, run] = [slice, run].map(|time| human_time(time.as_secs_f64() * 1e9));
        return Err(format!(
            "--slice {slice} is longer than a run: use a longer -d than {run}"
        ));
    }
    let Some((one, other, address)) = find_conflict(candidates, &args.path) else {
        return Ok(Some(args.slice.unwrap_or(DEFAULT_SLICE.min(run))));
    };
    let conflict = format!(
        "`{one}` and `{other}` both listen on {address}, so they cannot run at the same time"
    );
    if args.slice.is_some() {
        return Err(format!(
            "{conflict}: use {{port}} in their commands, or measure them one after the other with --slice 0"
        ));
    }
    if !args.quiet {
        print_notice(&format!(
            "{conflict}, and are measured one after the other; use {{port}} in their commands to detect smaller differences"
        ));
    }
    Ok(None)
}

/// The flag that prevents slices, and the reason; `None` when runs can be divided into slices.
fn obstacle(args: &CompareArgs) -> Option<(&'static str, &'static str)> {
    const REPLACED: &str = "connections are also replaced between slices";
    let rules = &args.connections;
    if rules.lifetime.is_some() {
        return Some(("--lifetime", REPLACED));
    }
    if rules.messages_per_connection.is_some() {
        return Some(("--messages-per-connection", REPLACED));
    }
    let reason = args.loaded.as_deref().and_then(obstacle_of)?;
    Some(("this --scenario or --protocol", reason))
}

/// The reason why runs with this scenario cannot be divided into slices; `None` when they can.
fn obstacle_of(scenario: &Scenario) -> Option<&'static str> {
    if scenario.has_deliveries() {
        Some("deliveries of one slice may arrive in the next")
    } else {
        scenario
            .push
            .is_some()
            .then_some("a feed goes on between slices")
    }
}

/// Finds two servers that are started on the same address, and returns their names and the address.
fn find_conflict<'c>(
    candidates: &'c [Candidate],
    path: &str,
) -> Option<(&'c str, &'c str, String)> {
    let mut taken: Vec<(FixedAddress, &str)> = Vec::new();
    for candidate in candidates.iter().filter(|c| c.has_fixed_address()) {
        // Invalid URLs were rejected before.
        let target = candidate.target(1, path).ok()?;
        let address = FixedAddress::of(target.endpoint());
        if let Some((_, other)) = taken.iter().find(|(other, _)| other.meets(&address)) {
            return Some((other, &candidate.name, address.name));
        }
        taken.push((address, &candidate.name));
    }
    None
}

/// Address at which a server listens in every round.
struct FixedAddress {
    name: String,
    /// All addresses of the name; empty for a socket file, and for a name that cannot be resolved.
    addresses: Vec<SocketAddr>,
}

impl FixedAddress {
    fn of(endpoint: &Endpoint) -> Self {
        match endpoint {
            Endpoint::Tcp { host, port, .. } => Self {
                name: format!("{host}:{port}"),
                addresses: resolve(host, *port).unwrap_or_default(),
            },
            Endpoint::Unix { socket } => Self {
                name: socket.clone(),
                addresses: Vec::new(),
            },
        }
    }

    /// Returns true for the same name, and for names of which an address is the same: `localhost` is 127.0.0.1.
    fn meets(&self, other: &Self) -> bool {
        let is_shared = |address| other.addresses.contains(address);
        self.name == other.name || self.addresses.iter().any(is_shared)
    }
}

/// Describes why the servers cannot run at the same time; `None` if the memory is sufficient or unknown.
pub(crate) fn describe_shortage(needed_bytes: u64, available_bytes: Option<u64>) -> Option<String> {
    let available = available_bytes.filter(|available| *available < needed_bytes)?;
    let [needed, available] = [needed_bytes, available].map(|bytes| human_bytes(bytes as f64));
    Some(format!(
        "all servers together need {needed} of memory ({available} available), so they are measured one after the other"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    use clap::Parser;
    use scenario::{ScenarioOptions, ScenarioSource};

    #[test]
    fn slices_are_the_default_and_exclude_a_number_of_messages() {
        let chosen = |flags: &[&str], servers: &[&str]| {
            let line = std::iter::once(&"ws-compare").chain(flags).chain(&["-q"]);
            let args = CompareArgs::try_parse_from(line).unwrap();
            let servers = servers.iter().map(|s| Candidate::with_command(s).unwrap());
            choose_slice(&args, &servers.collect::<Vec<_>>())
        };
        let free = ["a=x {port}", "b=x {port}"];
        let ms = |ms| Ok(Some(Duration::from_millis(ms)));
        assert_eq!(chosen(&[], &free), ms(50));
        assert_eq!(chosen(&["--slice", "20ms"], &free), ms(20));
        assert_eq!(chosen(&["-d", "30ms"], &free), ms(30));
        let long = chosen(&["--slice", "60s", "-d", "1s"], &free).unwrap_err();
        assert!(long.contains("longer than a run"), "{long}");
        for flags in [&["--slice", "0"][..], &["-m", "10"]] {
            assert_eq!(chosen(flags, &free), Ok(None));
        }
        let same = ["a=x @ ws://127.0.0.1:9000/ws", "b=y @ ws://127.0.0.1:9000/"];
        assert_eq!(chosen(&[], &same), Ok(None));
        let refused = chosen(&["--slice", "20ms"], &same).unwrap_err();
        assert!(
            refused.contains("`a` and `b` both listen on 127.0.0.1:9000"),
            "{refused}"
        );
        let other = [
            "a=x @ ws://127.0.0.1:9000/ws",
            "b=y @ ws://127.0.0.1:9001/ws",
        ];
        assert_eq!(chosen(&[], &other), ms(50));
        let spelt_otherwise = [
            "a=x @ ws://127.0.0.1:9000/ws",
            "b=y @ ws://localhost:9000/ws",
        ];
        assert_eq!(chosen(&[], &spelt_otherwise), Ok(None));
    }

    #[test]
    fn runs_that_replace_connections_are_not_divided_into_slices() {
        let chosen = |flags: &[&str]| {
            let line = std::iter::once(&"ws-compare").chain(flags).chain(&["-q"]);
            let args = CompareArgs::try_parse_from(line).unwrap();
            let servers = ["a=x {port}", "b=x {port}"].map(|s| Candidate::with_command(s).unwrap());
            choose_slice(&args, &servers)
        };
        for flag in ["--lifetime=1s", "--messages-per-connection=10"] {
            assert_eq!(chosen(&[flag]), Ok(None));
            assert_eq!(chosen(&[flag, "--slice", "0"]), Ok(None));
            let refused = chosen(&[flag, "--slice", "50ms"]).unwrap_err();
            let name = flag.split('=').next().unwrap_or_default();
            assert_eq!(
                refused,
                format!(
                    "--slice cannot be used with {name}: connections are also replaced between slices; leave --slice out, or use \
                     --slice 0"
                )
            );
        }
    }

    #[test]
    fn deliveries_and_feeds_are_not_divided_into_slices() {
        let chosen = |text: &str, flags: &[&str]| {
            let line = std::iter::once(&"ws-compare").chain(flags).chain(&["-q"]);
            let mut args = CompareArgs::try_parse_from(line).unwrap();
            let source = ScenarioSource::File {
                name: "t.toml",
                text,
            };
            let no_files = |_: &str, _: Option<&str>| Err(String::new());
            let scenario = Scenario::parse(source, &ScenarioOptions::default(), &no_files);
            args.loaded = Some(Arc::new(scenario.unwrap()));
            let servers = ["a=x {port}", "b=x {port}"].map(|s| Candidate::with_command(s).unwrap());
            choose_slice(&args, &servers)
        };
        let room = "[[message]]\nsend = '${uid}'\ndeliver = '${uid}'\n";
        let feed = "[push]\nmatch = 't${*}'\n";
        for text in [room, feed] {
            assert_eq!(chosen(text, &[]), Ok(None));
            assert_eq!(chosen(text, &["--slice", "0"]), Ok(None));
            let refused = chosen(text, &["--slice", "50ms"]).unwrap_err();
            assert!(
                refused.contains("--slice cannot be used with this --scenario"),
                "{refused}"
            );
        }
        let replies = "[[message]]\nsend = '${id}'\nreply = '${id}'\n";
        assert!(chosen(replies, &[]).unwrap().is_some());
    }

    #[test]
    fn servers_that_do_not_fit_the_memory_together_do_not_run_at_the_same_time() {
        let said = describe_shortage(3 << 30, Some(2 << 30)).unwrap();
        assert!(
            said.contains("need 3.0 GiB") && said.contains("(2.0 GiB available)"),
            "{said}"
        );
        assert_eq!(describe_shortage(2 << 30, Some(2 << 30)), None);
        assert_eq!(describe_shortage(2 << 30, None), None);
    }
}

//! Flags of a comparison by capacity: what does not go with `--capacity`, and the rules of its searches.

use std::time::Duration;

use measurement::load_search::CapacityRules;
use measurement::run::comparison::ComparedFigure;

use crate::args::CompareArgs;
use crate::fail_if::Conditions;

/// Shortest and longest time of a search.
const SHORTEST: Duration = Duration::from_secs(10);
const LONGEST: Duration = Duration::from_secs(24 * 3_600);

/// Advice for a figure that needs `--capacity`.
const NEEDS_CAPACITY: &str = "capacity_under_slo is measured by searches only: add --capacity (example: --capacity 'p99<10ms')";

/// The rules of the searches; `None` when servers are not compared by capacity.
pub(crate) fn capacity_rules(args: &CompareArgs) -> Option<CapacityRules> {
    let budget = args.load.duration?;
    if args.capacity.is_empty() {
        return None;
    }
    let usual = CapacityRules::new(args.capacity.clone());
    Some(CapacityRules {
        precision: args.precision.unwrap_or(usual.precision),
        budget,
        ..usual
    })
}

/// Checks the flags of a comparison of measured servers. The error names the flags that do not go together, and what to do.
pub(crate) fn check(args: &CompareArgs, conditions: &Conditions) -> Result<(), String> {
    let figures = [args.figures.clone(), conditions.figures()].concat();
    if args.capacity.is_empty() {
        return match figures.contains(&ComparedFigure::CapacityUnderSlo) {
            true => Err(NEEDS_CAPACITY.to_owned()),
            false => Ok(()),
        };
    }
    if let Some((flag, _, why)) = excluded(args).into_iter().find(|(_, given, _)| *given) {
        return refuse(flag, why);
    }
    check_figures(args, conditions)?;
    if args.loaded.as_ref().is_some_and(|it| it.is_push_only()) {
        let flag = args.scenario.source_flag().unwrap_or("--scenario");
        return refuse(
            &format!("this {flag}"),
            "its clients only receive, so they have no rate; leave --capacity out to compare the feeds",
        );
    }
    match args.load.duration {
        Some(time) if (SHORTEST..=LONGEST).contains(&time) => Ok(()),
        _ => Err(
            "-d with --capacity is the longest time of a search: from 10s to 24h (example: -d 1m)"
                .to_owned(),
        ),
    }
}

/// A flag, whether it was given, and what to do instead.
type Excluded = (&'static str, bool, &'static str);

/// Flags that a search decides, or that it cannot have.
fn excluded(args: &CompareArgs) -> [Excluded; 5] {
    const STAY: &str = "connections stay open during a search; leave it out, or compare the servers at one rate (--rate)";
    let connections = &args.connections;
    [
        (
            "--rate",
            args.rate.is_some(),
            "the search sets the rates; leave --rate out",
        ),
        (
            "--messages",
            args.typed.has_messages,
            "use -d for the length of a search",
        ),
        (
            "--slice",
            args.slice.is_some_and(|slice| !slice.is_zero()),
            "servers are searched one after the other; leave --slice out",
        ),
        ("--lifetime", connections.lifetime.is_some(), STAY),
        (
            "--messages-per-connection",
            connections.messages_per_connection.is_some(),
            STAY,
        ),
    ]
}

/// Checks that no other figure is asked for.
fn check_figures(args: &CompareArgs, conditions: &Conditions) -> Result<(), String> {
    let is_other = |figure: &ComparedFigure| *figure != ComparedFigure::CapacityUnderSlo;
    if let Some(other) = args.figures.iter().copied().find(is_other) {
        let name = other.key();
        return refuse(
            "--figures",
            &format!(
                "a search has no {name}, only capacity_under_slo; leave --figures out, or --capacity to compare by {name}"
            ),
        );
    }
    if let Some(other) = conditions.figures().into_iter().find(is_other) {
        return refuse(
            &format!("--fail-if on {}", other.key()),
            "a search has capacity_under_slo only; write the limit into --capacity, or leave --capacity out",
        );
    }
    Ok(())
}

fn refuse(flag: &str, why: &str) -> Result<(), String> {
    Err(format!("{flag} cannot be used with --capacity: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    /// The error of flags for two servers, `a` and `b`.
    fn error(flags: &[&str]) -> Option<String> {
        let args =
            CompareArgs::try_parse_from(std::iter::once(&"ws-compare").chain(flags)).unwrap();
        let conditions = Conditions::parse(&args.conditions, &["a", "b"]).unwrap();
        check(&args, &conditions).err()
    }

    #[test]
    fn flags_that_a_search_decides_are_refused_with_what_to_do() {
        const SEARCH: [&str; 2] = ["--capacity", "p99<10ms"];
        let refused = |more: &[&str]| error(&[&SEARCH, more].concat()).unwrap();
        for (more, flag, advice) in [
            (&["-r", "500"][..], "--rate", "leave --rate out"),
            (&["-m", "500"], "--messages", "use -d"),
            (&["--slice", "20ms"], "--slice", "leave --slice out"),
            (&["--lifetime", "1s"], "--lifetime", "leave it out"),
            (
                &["--messages-per-connection", "9"],
                "--messages-per-connection",
                "leave it out",
            ),
            (&["--figures", "p99"], "--figures", "has no response_p99"),
            (
                &["--fail-if", "b.p99 > a.p99"],
                "--fail-if",
                "leave --capacity out",
            ),
            (&["-d", "9s"], "-d", "from 10s to 24h"),
        ] {
            let error = refused(more);
            assert!(error.contains("--capacity"), "{error}");
            assert!(error.starts_with(flag) && error.contains(advice), "{error}");
        }
    }

    #[test]
    fn flags_of_a_search_are_accepted() {
        for flags in [
            &["--capacity", "p99<10ms"][..],
            &[
                "--capacity",
                "p99<10ms",
                "-w",
                "8",
                "--arrivals",
                "poisson",
                "--slice",
                "0",
            ],
            &[
                "--capacity",
                "p99<10ms",
                "--figures",
                "capacity_under_slo",
                "--until-sure",
                "5",
            ],
            &[
                "--capacity",
                "p99<10ms",
                "--fail-if",
                "b.capacity_under_slo < 0.9 * a.capacity_under_slo",
            ],
            &["--figures", "p99", "-m", "9"],
        ] {
            assert_eq!(error(flags), None, "{flags:?}");
        }
    }

    #[test]
    fn a_capacity_without_a_search_is_refused() {
        for flags in [
            &["--figures", "capacity_under_slo"][..],
            &["--fail-if", "b.capacity_under_slo < 40_000"],
        ] {
            let error = error(flags).unwrap();
            assert!(error.contains("add --capacity"), "{error}");
        }
    }

    #[test]
    fn the_rules_are_those_of_the_flags() {
        let rules = |flags: &[&str]| {
            let line = std::iter::once(&"ws-compare").chain(flags);
            capacity_rules(&CompareArgs::try_parse_from(line).unwrap())
        };
        assert!(rules(&[]).is_none());
        let usual = rules(&["--capacity", "p99<10ms"]).unwrap();
        assert_eq!(
            (usual.precision, usual.budget),
            (0.03, Duration::from_secs(60))
        );
        let found = rules(&["--capacity", "p99<10ms", "--precision", "5%", "-d", "20s"]).unwrap();
        assert_eq!(found.conditions[0].to_string(), "p99<10ms");
        assert_eq!(
            (found.precision, found.budget),
            (0.05, Duration::from_secs(20))
        );
    }
}

//! Verdicts on capacities: ratios of few rounds, each with the intervals of its searches.

use std::collections::BTreeMap;

use measurement::run::CapacitySummary;
use measurement::run::comparison::{
    AgainstReference, ComparedFigure, Comparison, ComparisonVerdict, SearchRow,
};
use statistics::capacity_ratio::{self, CapacityObstacle, SearchedCapacity};
use statistics::ratio_verdict::{RatioComparison, RatioVerdict};

/// The searches of a server that count, by round.
pub(crate) fn searches<'c>(c: &'c Comparison, server: &str) -> BTreeMap<u32, &'c SearchRow> {
    let rows = c.rounds.iter().filter(|row| row.server == server);
    let counted = rows.filter(|row| row.failure.is_none());
    let searches = counted.filter_map(|row| Some((row.round, row.capacity_under_slo.as_ref()?)));
    searches
        .filter(|(_, search)| search.obstacle().is_none())
        .collect()
}

/// The capacities of a server in these rounds, starting with round 1.
pub(crate) fn capacities(
    c: &Comparison,
    server: &str,
    rounds: u32,
) -> Vec<Option<SearchedCapacity>> {
    let searches = searches(c, server);
    (1..=rounds)
        .map(|round| searches.get(&round)?.capacity())
        .collect()
}

/// The reason why no round has the capacities of both servers: `inconclusive: b has no search that counts`,
/// `inconclusive: the search of b ended before an upper limit of its capacity was known`.
pub(crate) fn missing_pairs(c: &Comparison, servers: [&str; 2]) -> String {
    let reason = |server: &str| {
        let searches: Vec<_> = searches(c, server).into_values().collect();
        let all = if searches.len() == 1 {
            "the search"
        } else {
            "every search"
        };
        let ended = |what: &str| format!("{all} of {server} ended before {what} was known");
        match searches.as_slice() {
            [] => Some(format!("{server} has no search that counts")),
            some if some.iter().any(|own| own.capacity().is_some()) => None,
            some if some.iter().all(|own| own.found.rate_per_s.is_none()) => {
                Some(ended("its capacity"))
            }
            some if some.iter().all(|own| has_upper_limit(&own.found)) => {
                Some(ended("a lower limit of its capacity"))
            }
            _ => Some(ended("an upper limit of its capacity")),
        }
    };
    let reason = servers.into_iter().find_map(reason);
    let reason = reason.unwrap_or_else(|| "no round has a capacity of both".to_owned());
    format!("inconclusive: {reason}")
}

/// Returns true when a rate above the capacity is known not to hold.
fn has_upper_limit(own: &CapacitySummary) -> bool {
    own.rate_per_s.is_some_and(|rate| own.high_per_s > rate)
}

/// The rates that a server's searches found, without unknown ones: 0 for a server that takes no load.
pub(crate) fn rates(c: &Comparison, server: &str) -> Vec<f64> {
    let searches = searches(c, server).into_values();
    searches.filter_map(|own| own.found.rate_per_s).collect()
}

/// Compares the capacity of a server with the reference's by an interval of this level.
pub(crate) fn compare(
    c: &Comparison,
    server: &str,
    rounds: u32,
    level: f64,
) -> Result<RatioComparison, CapacityObstacle> {
    let of_server = capacities(c, server, rounds).into_iter();
    let both = of_server.zip(capacities(c, &c.plan.reference, rounds));
    let both: Vec<_> = both.filter_map(|(own, other)| own.zip(other)).collect();
    capacity_ratio::compare(&both, level)
}

/// The row of a server compared with the reference. An interval without an end on one side has no ratio.
pub(crate) fn against(c: &Comparison, server: &str, rounds: u32, level: f64) -> AgainstReference {
    let reference = c.plan.reference.as_str();
    let compared = compare(c, server, rounds, level);
    let known = compared.as_ref().ok();
    let (verdict, more_rounds) = match known.map(|compared| compared.verdict) {
        Some(RatioVerdict::Better) => (ComparisonVerdict::Better, None),
        Some(RatioVerdict::Worse) => (ComparisonVerdict::Worse, None),
        Some(RatioVerdict::CannotTell { more_rounds }) => {
            (ComparisonVerdict::CannotTell, more_rounds)
        }
        None => (ComparisonVerdict::CannotTell, None),
    };
    let ratio = known.map(|compared| compared.ratio);
    // A server without any capacity has the ratio 0, and its interval both ends.
    let is_closed =
        |r: &statistics::ratio::Ratio| r.high.is_finite() && (r.low > 0.0 || r.high == 0.0);
    AgainstReference {
        server: server.to_owned(),
        reference: reference.to_owned(),
        rounds: ratio.map_or(0, |r| u32::try_from(r.rounds).unwrap_or(u32::MAX)),
        ratio: ratio.filter(is_closed).map(|r| r.estimate),
        low: ratio
            .filter(|r| is_closed(r) || r.low > 0.0 && r.low.is_finite())
            .map(|r| r.low),
        high: ratio.map(|r| r.high).filter(|high| high.is_finite()),
        level: ratio.map(|r| r.level),
        verdict,
        text: match compared {
            Err(CapacityObstacle::NoRounds) => missing_pairs(c, [server, reference]),
            compared => wording::comparison::capacity_verdict(
                server,
                reference,
                ComparedFigure::CapacityUnderSlo.comparatives(),
                compared,
            ),
        },
        more_rounds,
        longer_runs: None,
        slices: None,
    }
}

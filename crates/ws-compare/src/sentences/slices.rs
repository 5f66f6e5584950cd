//! Sentences about slices.

use measurement::run::comparison::{
    AgainstReference, ComparedFigure, Comparison, ComparisonVerdict, RoundRow, RunSlices,
};
use statistics::order_statistics::median;
use units::{counted, human_percent, human_time};

use super::{RUN_KINDS, RunOf};

/// Share of a slice above which its uncounted beginning is reported.
const UNSETTLED_SHARE: f64 = 0.4;

/// Share of slices with a pause of the server above which the pauses are reported.
const PAUSED_SHARE: f64 = 0.02;

/// Minimum share of a server's runs for a statement on those with background work.
const MANY_RUNS: f64 = 0.2;

/// Minimum number of rounds for a statement on the variance between them.
const FEWEST_ROUNDS: u32 = 4;

/// Remarks on slices, one line each.
pub(super) fn remarks(c: &Comparison) -> Vec<String> {
    let mut lines = left_out(c);
    lines.extend(by_server(c).filter_map(|own| disturbed_but_counted(&own)));
    lines.extend(by_server(c).filter_map(|own| paused(&own)));
    lines.extend(held(c));
    lines.extend(unseen(c));
    lines.extend(unsettled(c));
    lines.extend(what_helps(c));
    lines
}

/// The slices of a server's runs of one kind.
fn slices_of<'c>(
    c: &'c Comparison,
    server: &'c str,
    kind: usize,
) -> impl Iterator<Item = &'c RunSlices> {
    let (_, run_of) = RUN_KINDS[kind];
    c.rounds_of(server)
        .filter_map(move |row| run_of(row)?.slices.as_ref())
}

/// Servers that use the CPU while others have the load.
pub(crate) fn background(c: &Comparison) -> Vec<String> {
    let limit = human_percent(RunSlices::BACKGROUND_LIMIT);
    let line = |(name, share): (&str, f64)| {
        format!(
            "{name} uses {} of a core while others have the load (limit {limit}), which slows them; its own figures contain what \
             it uses in its own slices only; stop its background work, or measure one after the other with `--slice 0`",
            human_percent(share)
        )
    };
    background_work(c, false).map(line).collect()
}

/// Servers whose processes were stopped while others had the load.
fn held(c: &Comparison) -> impl Iterator<Item = String> {
    let limit = human_percent(RunSlices::BACKGROUND_LIMIT);
    background_work(c, true).map(move |(name, share)| {
        format!(
            "{name} used {} of a core while others had the load of the warm-up (limit {limit}). So its processes were stopped in \
             the slices of the others after it; its own figures contain the work in its own slices, also what it made up for \
             there",
            human_percent(share)
        )
    })
}

/// Servers with background work above the limit, by the median over the runs in which their processes were held, or over
/// those in which they were not, if these are more than a few.
fn background_work(c: &Comparison, is_held: bool) -> impl Iterator<Item = (&str, f64)> {
    c.compared().filter_map(move |server| {
        let all = (0..RUN_KINDS.len()).flat_map(|kind| slices_of(c, &server.name, kind));
        let known: Vec<_> = all
            .filter_map(|slices| Some((slices.held, slices.background_cpu_share?)))
            .collect();
        let own = known.iter().filter(|(held, _)| *held == is_held);
        let shares: Vec<f64> = own.map(|(_, share)| *share).collect();
        let are_many = shares.len() as f64 >= MANY_RUNS * known.len() as f64;
        let share = median(&shares).filter(|_| are_many)?;
        (share > RunSlices::BACKGROUND_LIMIT).then_some((server.name.as_str(), share))
    })
}

/// Returns true if another server had this run in the same round.
fn others_ran(c: &Comparison, row: &RoundRow, run_of: RunOf) -> bool {
    let mut others = c.rounds.iter();
    others.any(|other| {
        other.round == row.round && other.server != row.server && run_of(other).is_some()
    })
}

/// Servers that this program has started, and whose background work is unknown in many runs.
fn unseen(c: &Comparison) -> impl Iterator<Item = String> {
    let started = c.compared().filter(|server| server.command.is_some());
    started.filter_map(move |server| {
        let all = RUN_KINDS.iter().flat_map(|(_, run_of)| {
            let in_turns = c
                .rounds_of(&server.name)
                .filter(move |row| others_ran(c, row, *run_of));
            in_turns.filter_map(move |row| run_of(row)?.slices.as_ref())
        });
        let shares: Vec<_> = all.map(|slices| slices.background_cpu_share).collect();
        let unknown = shares.iter().filter(|share| share.is_none()).count();
        (unknown > 0 && unknown as f64 >= MANY_RUNS * shares.len() as f64).then(|| {
            format!(
                "the CPU of {} is unknown in {unknown} of {}, for example because processes of it started after the warm-up; so \
                 nothing is known of work in the background",
                server.name,
                counted(shares.len() as u64, "run")
            )
        })
    })
}

/// Servers whose queue grew within the slices of most of their latency runs.
pub(crate) fn growing_queues(c: &Comparison) -> Vec<String> {
    const LATENCY: usize = 1;
    let line = |name: &str| {
        let runs = slices_of(c, name, LATENCY).count();
        let growing = slices_of(c, name, LATENCY).filter_map(RunSlices::growing_response_times);
        let growing: Vec<_> = growing.collect();
        if 2 * growing.len() <= runs {
            return None;
        }
        let [first, second] = [0, 1].map(|half| {
            let medians: Vec<f64> = growing.iter().map(|halves| halves[half]).collect();
            median(&medians)
        });
        Some(format!(
            "the queue of {name} grows within the slices of its latency runs: response time p50 of {} in the first half and {} in \
             the second. It starts anew in each slice, so the response times are too short; use a lower `--rate`, or `--slice 0`",
            human_time(first?),
            human_time(second?)
        ))
    };
    c.compared()
        .filter_map(|server| line(&server.name))
        .collect()
}

/// Cycles excluded from all figures.
fn left_out(c: &Comparison) -> Vec<String> {
    let mut lines = Vec::new();
    for (kind, (name, _)) in RUN_KINDS.iter().enumerate() {
        // All servers of a round leave out the same cycles.
        let of_each = c
            .compared()
            .map(|server| slices_of(c, &server.name, kind).map(|s| (s.left_out, s.measured)));
        let sums = of_each.map(|runs| {
            runs.fold((0, 0), |(left_out, measured), (l, m)| {
                (left_out + l, measured + m)
            })
        });
        let Some((left_out, measured)) = sums.max().filter(|(left_out, _)| *left_out > 0) else {
            continue;
        };
        let mut reasons = c.compared().flat_map(|server| {
            slices_of(c, &server.name, kind).filter_map(|slices| slices.first_reason.as_deref())
        });
        let because = reasons.next().unwrap_or_default();
        lines.push(format!(
            "{left_out} of {} of the {name} runs are left out for all servers, because the generator was disturbed. First \
             reason: {because}",
            counted(u64::from(measured), "cycle")
        ));
    }
    lines
}

/// The slices of all runs of one kind of a server.
struct ServerSlices<'c> {
    /// `throughput` or `latency`.
    kind: &'static str,
    server: &'c str,
    runs: Vec<&'c RunSlices>,
}

/// The slices of each kind of runs, of each server.
fn by_server(c: &Comparison) -> impl Iterator<Item = ServerSlices<'_>> {
    let kinds = RUN_KINDS.iter().enumerate();
    kinds.flat_map(move |(index, (kind, _))| {
        c.compared().map(move |server| ServerSlices {
            kind,
            server: &server.name,
            runs: slices_of(c, &server.name, index).collect(),
        })
    })
}

/// Disturbed slices that count, because they are too many to leave out.
fn disturbed_but_counted(own: &ServerSlices) -> Option<String> {
    let mut runs = own.runs.clone();
    runs.retain(|slices| slices.left_out == 0 && slices.disturbed > 0);
    let reason = runs.first()?.first_reason.as_deref()?;
    let disturbed: u32 = runs.iter().map(|slices| slices.disturbed).sum();
    let measured: u32 = runs.iter().map(|slices| slices.measured).sum();
    Some(format!(
        "{disturbed} of {} in {} runs of {} were disturbed and count, because too few would be left without them. First \
         reason: {reason}",
        counted(u64::from(measured), "slice"),
        own.kind,
        own.server
    ))
}

/// Pauses of a server that were longer than a slice.
fn paused(own: &ServerSlices) -> Option<String> {
    let paused: u32 = own.runs.iter().map(|slices| slices.paused).sum();
    let measured: u32 = own.runs.iter().map(|slices| slices.measured).sum();
    (f64::from(paused) > PAUSED_SHARE * f64::from(measured)).then(|| {
        format!(
            "{} paused or had a backlog for longer than a slice in {paused} of {} of the {} runs; a pause counts if it begins \
             in the counted part of a slice, so rounds with few pauses differ: use a longer `-d`, or `--slice 0`",
            own.server,
            counted(u64::from(measured), "slice"),
            own.kind
        )
    })
}

/// Runs whose servers were not steady before half of a slice was over.
fn unsettled(c: &Comparison) -> Option<String> {
    let servers = || c.compared().map(|server| server.name.as_str());
    let mut all = servers()
        .flat_map(|name| (0..RUN_KINDS.len()).flat_map(move |kind| slices_of(c, name, kind)));
    let found = all.find(|slices| slices.settle_s > UNSETTLED_SHARE * slices.slice_s)?;
    Some(format!(
        "the servers needed {} of each slice to be steady; use a longer `--slice` than {}",
        human_time(found.settle_s * 1e9),
        human_time(found.slice_s * 1e9)
    ))
}

/// Advice on inconclusive ratios, by the share of variance between rounds.
fn what_helps(c: &Comparison) -> Vec<String> {
    let mut lines = Vec::new();
    for server in c.compared() {
        let open = c.figures.iter().filter_map(|row| {
            let is_open = |a: &&AgainstReference| {
                a.server == server.name && a.verdict == ComparisonVerdict::CannotTell
            };
            let against = row.against.iter().find(is_open)?;
            let spread = against.slices.filter(|_| against.rounds >= FEWEST_ROUNDS)?;
            Some((row.figure, spread))
        });
        lines.extend(
            open.map(|(figure, spread)| advice(&server.name, figure, spread.between_share)),
        );
    }
    lines
}

fn advice(server: &str, figure: ComparedFigure, between_share: f64) -> String {
    let helps = if between_share > 0.5 {
        "more rounds narrow the interval (`--rounds`, `--budget`), longer runs hardly"
    } else {
        "longer runs narrow the interval (`-d`), and so do more rounds"
    };
    format!(
        "{} of the variance of a round's ratio of {server}'s {} lies between rounds, the rest within them; {helps}",
        human_percent(between_share),
        figure.short_name()
    )
}

/// Describes the slices; `None` if the servers were measured one after the other.
pub(super) fn method(c: &Comparison) -> Option<String> {
    let slice_s = c.plan.slice_s?;
    let all = || {
        c.compared().flat_map(|server| {
            (0..RUN_KINDS.len()).flat_map(|kind| slices_of(c, &server.name, kind))
        })
    };
    let settle_s = all().map(|s| s.settle_s).max_by(f64::total_cmp)?;
    let longest_s = all().map(|s| s.slice_s).max_by(f64::total_cmp)?;
    let time = |seconds: f64| human_time(seconds * 1e9);
    let lengthened = if longest_s > slice_s {
        format!(" (up to {} for slow servers)", time(longest_s))
    } else {
        String::new()
    };
    Some(format!(
        "All servers of a round ran at the same time and took turns in slices of {}{lengthened} (--slice). Up to {} at the beginning of each \
         slice are not counted, because the rate was not steady yet. For p50, the ratio of a round is the pseudo-median of the ratios of its \
         paired slices; for other figures it is that of all slices together.",
        time(slice_s),
        time(settle_s)
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_larger_part_of_the_variance_decides_what_helps() {
        let said = |share| advice("b", ComparedFigure::Throughput, share);
        assert!(said(0.9).contains("longer runs hardly"), "{}", said(0.9));
        assert!(said(0.1).contains("longer runs narrow"), "{}", said(0.1));
        assert!(said(0.9).starts_with("90 % of the variance of a round's ratio of b's throughput"));
    }
}

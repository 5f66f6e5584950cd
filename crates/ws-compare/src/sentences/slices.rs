//! Sentences about slices.

use measurement::run::comparison::{
    AgainstReference, ComparedFigure, Comparison, ComparisonVerdict, RunSlices,
};
use units::{counted, human_percent, human_time};

use super::RUN_KINDS;

/// Maximum share of a core that a server may use while others are measured.
const BACKGROUND_LIMIT: f64 = 0.01;

/// Share of a slice above which its uncounted beginning is reported.
const UNSETTLED_SHARE: f64 = 0.4;

/// Minimum number of rounds for a statement on the variance between them.
const FEWEST_ROUNDS: u32 = 4;

/// Remarks on slices, one line each.
pub(super) fn remarks(c: &Comparison) -> Vec<String> {
    let mut lines = left_out(c);
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
    let line = |name: &str| {
        let all = (0..RUN_KINDS.len()).flat_map(|kind| slices_of(c, name, kind));
        let shares: Vec<f64> = all.filter_map(|s| s.background_cpu_share).collect();
        let mean = shares.iter().sum::<f64>() / shares.len() as f64;
        (mean > BACKGROUND_LIMIT).then(|| {
            format!(
                "{name} uses {} of a core while others have the load (limit {}), which slows them and is not part of its own \
                 figures; stop its background work, or measure one after the other with `--slice 0`",
                human_percent(mean),
                human_percent(BACKGROUND_LIMIT)
            )
        })
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
        let mut open = c.figures.iter().filter_map(|row| {
            let is_open = |a: &&AgainstReference| {
                a.server == server.name && a.verdict == ComparisonVerdict::CannotTell
            };
            let against = row.against.iter().find(is_open)?;
            let spread = against.slices.filter(|_| against.rounds >= FEWEST_ROUNDS)?;
            Some((row.figure, spread))
        });
        let Some((figure, spread)) = open.next() else {
            continue;
        };
        lines.push(advice(&server.name, figure, spread.between_share));
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
        "{} of the variance of {server}'s {} lies between rounds, the rest within them; {helps}",
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
        assert!(said(0.9).starts_with("90 % of the variance of b's throughput"));
    }
}

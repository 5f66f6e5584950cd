//! Sentences on how many rounds a verdict, or a wanted precision, needs.

use std::time::Duration;

use measurement::run::comparison::{AgainstReference, Comparison, FigureRow, last_round};
use statistics::interval_levels::{bonferroni_level, sequential_level};
use statistics::ratio::half_width;
use statistics::signed_rank::rounds_needed;
use units::counted;

use super::{CapacityUnderSlo, are_saved};
use crate::round_values::{CONFIDENCE, RoundValues};

/// Advice for a longer comparison.
pub(super) fn more_rounds(c: &Comparison) -> &'static str {
    if are_saved(c) {
        "several saved runs per server (a=1.json,2.json)"
    } else if c.plan.budget_s.is_some() {
        "a longer `--budget`"
    } else if c.plan.until_sure_percent.is_some() {
        "a higher `--max-rounds`"
    } else {
        "more `--rounds`"
    }
}

/// The flag that gives this number of counted rounds, where `had` were counted. As many rounds may fail again.
fn flag_for_rounds(c: &Comparison, needed: usize, had: u32) -> String {
    let lost = last_round(&c.rounds).saturating_sub(had) as usize;
    if are_saved(c) {
        return format!("{needed} saved runs per server (a=1.json,2.json)");
    }
    match (c.plan.budget_s, c.plan.until_sure_percent) {
        (Some(_), _) => {
            let round_s = c.elapsed_s / f64::from(had.max(1));
            format!("about `--budget {:.0}s`", (round_s * needed as f64).ceil())
        }
        (None, Some(_)) => format!("`--max-rounds {}`", needed + lost),
        (None, None) => format!("`--rounds {}`", needed + lost),
    }
}

/// Says whether all ratios are as precise as wanted, or which one is not; `None` when no precision was asked for.
pub(super) fn known_to(c: &Comparison) -> Option<String> {
    let wanted = c.plan.until_sure_percent?;
    let figures = RoundValues(c).figures_to_know();
    let rows = c.figures.iter().filter(|row| figures.contains(&row.figure));
    let measured = rows.flat_map(|row| row.against.iter().map(move |against| (row, against)));
    let is_measured = |row: &FigureRow, name: &str| {
        let of_server = row.servers.iter().find(|own| own.server == name);
        of_server.is_some_and(|own| own.median.is_some())
    };
    let measured = measured.filter(|(row, against)| {
        is_measured(row, &against.server) && is_measured(row, &against.reference)
    });
    let known = measured.map(|(row, against)| (half_width_percent(against), row, against));
    // A ratio without an interval is the least precise one.
    let precision = |percent: Option<f64>| percent.unwrap_or(f64::INFINITY);
    let (percent, row, against) =
        known.max_by(|(a, ..), (b, ..)| precision(*a).total_cmp(&precision(*b)))?;
    let name = format!("{} of {}", row.figure.short_name(), against.server);
    Some(match percent {
        Some(percent) if percent <= wanted => {
            format!("`--until-sure {wanted}` was reached: every ratio is known to ± {percent:.2} %")
        }
        Some(percent) => format!(
            "`--until-sure {wanted}` was not reached: the ratio of the {name} is known to ± {percent:.2} %; use {}",
            more_rounds(c)
        ),
        None => format!(
            "`--until-sure {wanted}` was not reached: the ratio of the {name} has no interval; use {}",
            more_rounds(c)
        ),
    })
}

/// Half of the interval's width in percent; `None` without an interval.
fn half_width_percent(against: &AgainstReference) -> Option<f64> {
    let (low, high) = against.low.zip(against.high)?;
    Some(100.0 * half_width(low, high))
}

/// The sentence on too few rounds for a verdict, even if intervals do not contain 1; `None` when there are enough.
pub(crate) fn too_few_rounds(c: &Comparison) -> Option<String> {
    // The ratio of capacities does not need a minimum of rounds.
    let by_ranks = c
        .figures
        .iter()
        .filter(|row| row.figure != CapacityUnderSlo);
    let against = by_ranks.flat_map(|row| &row.against);
    let leveled = against.filter_map(|against| Some((against.rounds, against.level?)));
    let needed = leveled.map(|(rounds, level)| (rounds, rounds_needed(level)));
    // The figure that lacks the fewest rounds.
    let (had, needed) = needed.min_by_key(|(had, needed)| needed.saturating_sub(*had as usize))?;
    ((had as usize) < needed).then(|| {
        format!(
            "{} too few for any verdict: {needed} or more are needed; use {}{}",
            rounds_are(had),
            flag_for_rounds(c, needed, had),
            or_fewer_figures(c.plan.figures.len())
        )
    })
}

/// `1 round is`, `3 rounds are`.
fn rounds_are(rounds: u32) -> String {
    let verb = if rounds == 1 { "is" } else { "are" };
    format!("{} {verb}", counted(u64::from(rounds), "round"))
}

/// Warning before the rounds that they are too few for any verdict, or may be: how many it takes depends on how the
/// figures vary together. `None` when they suffice in any case. `is_sequential`: verdicts are looked at after every round.
/// `round` is the minimum duration of a round if a budget limits the rounds.
pub(crate) fn few_rounds_planned(
    rounds: u32,
    servers: usize,
    figures: usize,
    is_sequential: bool,
    round: Option<Duration>,
) -> Option<String> {
    let family = bonferroni_level(CONFIDENCE, servers.saturating_sub(1));
    let family = if is_sequential {
        sequential_level(family)
    } else {
        family
    };
    let least = rounds_needed(family);
    let most = rounds_needed(bonferroni_level(family, figures));
    let flag = match round {
        Some(round) => {
            let time = round * u32::try_from(most).unwrap_or(u32::MAX);
            format!(
                "a `--budget` of more than {} s, plus checks and starts of the servers,",
                time.as_secs() + 1
            )
        }
        None if is_sequential => format!("`--max-rounds {most}`"),
        None => format!("`--rounds {most}`"),
    };
    let needed = if least == most {
        format!("{least} are needed")
    } else {
        format!("{least} to {most} are needed, depending on how the figures vary together")
    };
    let planned = rounds as usize;
    let verdict = if planned < least {
        format!("{} too few for any verdict", rounds_are(rounds))
    } else if planned < most {
        let rounds = counted(u64::from(rounds), "round");
        format!("{rounds} may be too few for any verdict")
    } else {
        return None;
    };
    let fewer = or_fewer_figures(figures);
    Some(format!("warning: {verdict}: {needed}; use {flag}{fewer}"))
}

/// The advice that goes with more rounds, unless there is one figure only.
fn or_fewer_figures(figures: usize) -> &'static str {
    if figures > 1 {
        " or fewer `--figures`"
    } else {
        ""
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounds_that_are_too_few_are_named_before_they_begin() {
        let warning = |rounds, servers, figures, sequential| {
            few_rounds_planned(rounds, servers, figures, sequential, None)
        };
        let three = warning(3, 2, 1, false).unwrap();
        assert_eq!(
            three,
            "warning: 3 rounds are too few for any verdict: 6 are needed; use `--rounds 6`"
        );
        assert_eq!(warning(6, 2, 1, false), None);
        let six = warning(6, 2, 9, false).unwrap();
        assert!(
            six.contains("may be too few")
                && six.contains("6 to 9 are needed")
                && six.contains("fewer `--figures`"),
            "{six}"
        );
        // The default.
        assert_eq!(warning(10, 2, 9, false), None);
        assert!(
            warning(1, 2, 9, false)
                .unwrap()
                .contains("1 round is too few")
        );
        let in_budget = few_rounds_planned(5, 2, 9, false, Some(Duration::from_millis(4_300)));
        let in_budget = in_budget.unwrap();
        assert!(
            in_budget.ends_with(
                "of more than 39 s, plus checks and starts of the servers, or fewer `--figures`"
            ),
            "{in_budget}"
        );
        let adding = warning(6, 2, 1, true).unwrap();
        assert!(adding.contains("`--max-rounds 7`"), "{adding}");
    }
}

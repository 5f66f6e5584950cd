//! Verdicts of a comparison: intervals of the ratios, outliers, conditions, validity.

use measurement::run::comparison::{
    AgainstReference, CandidateRow, ComparedFigure, Comparison, ComparisonPlan, ComparisonVerdict,
    FigureOfServer, FigureRow, KIND, OutlierRow, RoundRow, SCHEMA,
};
use measurement::run::{Host, ValiditySummary};
use measurement::verdict::Verdict;
use statistics::latin_square::random_orders;
use statistics::order_statistics::median;
use statistics::outliers::outliers;
use statistics::paired::Pairs;
use statistics::ratio::Ratio;
use statistics::ratio_verdict::{Direction, RatioComparison, RatioVerdict};
use statistics::variance_components::group_growth;
use statistics::{interval_levels, westfall_young};

use crate::capacity_verdicts;
use crate::fail_if::Conditions;
use crate::measure::tool;
use crate::round_values::{CONFIDENCE, RoundValues};
use crate::validity::validity;

/// Minimum distance of an outlier from the median, as a share of the median, even if the other rounds are closer
/// together.
const LEAST_DEVIATION: f64 = 0.05;

/// Minimum number of rounds of a figure for the detection of outliers.
const FEWEST_FOR_OUTLIERS: usize = 5;

/// A comparison by this program, without verdicts.
pub(crate) fn new_comparison(
    host: Host,
    started_at: String,
    plan: ComparisonPlan,
    servers: Vec<CandidateRow>,
    rounds: Vec<RoundRow>,
) -> Comparison {
    Comparison {
        schema: SCHEMA,
        kind: KIND.to_owned(),
        tool: tool(),
        host,
        started_at,
        elapsed_s: 0.0,
        plan,
        servers,
        rounds,
        figures: Vec::new(),
        outliers: Vec::new(),
        conditions: Vec::new(),
        validity: ValiditySummary {
            verdict: Verdict::Invalid,
            reasons: Vec::new(),
            found: Vec::new(),
        },
        interrupted: false,
        scenario: None,
    }
}

pub(crate) fn order(seed: u64, round: u32, servers: usize) -> Vec<usize> {
    let rounds = random_orders(servers, round as usize, seed);
    rounds.into_iter().next_back().unwrap_or_default()
}

/// Returns true when every measured figure that `--until-sure` checks is known to ± this percentage.
pub(crate) fn is_sure(comparison: &Comparison, percent: f64) -> bool {
    let rounds = RoundValues(comparison);
    let plan = &comparison.plan;
    let chosen = rounds.figures_to_know();
    // Some servers never have some figures: those without a process have no CPU time.
    let is_measured = |server: &str, figure: ComparedFigure| {
        [server, plan.reference.as_str()]
            .iter()
            .all(|server| !rounds.values(server, figure).is_empty())
    };
    let mut known = 0;
    let all_known = rounds.others().all(|server| {
        let level = level_of(rounds, server);
        let mut measured = chosen.iter().filter(|figure| is_measured(server, **figure));
        measured.all(|figure| {
            known += 1;
            // An interval of fewer rounds allows no verdict. That of capacities needs no minimum.
            let is_known = |ratio: Ratio| {
                let is_enough =
                    *figure == ComparedFigure::CapacityUnderSlo || ratio.has_enough_rounds();
                is_enough && ratio.is_within(percent / 100.0)
            };
            ratio_of(rounds, server, *figure, level).is_some_and(is_known)
        })
    });
    all_known && known > 0
}

/// The ratio of a figure of a server to the reference's; `None` without one.
fn ratio_of(
    rounds: RoundValues,
    server: &str,
    figure: ComparedFigure,
    level: f64,
) -> Option<Ratio> {
    let compared = match figure {
        ComparedFigure::CapacityUnderSlo => {
            capacity_verdicts::compare(rounds.0, server, rounds.last(), level).ok()
        }
        _ => {
            let compared = compare(rounds, server, figure, level);
            compared.ok().map(|(compared, _)| compared)
        }
    };
    compared.map(|compared| compared.ratio)
}

/// Computes figures, outliers, conditions and validity from the rounds.
pub(crate) fn add_verdicts(comparison: Comparison, conditions: &Conditions) -> Comparison {
    let rounds = RoundValues(&comparison);
    // Computed first, because a level depends on all figures together.
    let others: Vec<(&str, f64)> = rounds
        .others()
        .map(|name| (name, level_of(rounds, name)))
        .collect();
    let figures = comparison.plan.figures.iter();
    let figures = figures.filter_map(|figure| figure_row(rounds, *figure, &others));
    let (figures, outliers) = (figures.collect(), all_outliers(rounds));
    let used = [comparison.plan.figures.clone(), conditions.figures()].concat();
    let (validity, conditions) = (validity(rounds, &used), conditions.judge(rounds));
    Comparison {
        figures,
        outliers,
        validity,
        conditions,
        ..comparison
    }
}

/// The level of a server's intervals. All figures of all servers compared with the reference need a joint level. It is
/// raised if rounds stop when they agree, which may happen by chance.
fn level_of(rounds: RoundValues, server: &str) -> f64 {
    let others = rounds.compared().count().saturating_sub(1);
    let family = rounds.sequential(interval_levels::bonferroni_level(CONFIDENCE, others));
    let plan = &rounds.0.plan;
    let log_ratios = |figure: &ComparedFigure| rounds.log_ratios(server, *figure);
    let series: Vec<_> = plan.figures.iter().map(log_ratios).collect();
    westfall_young::level_of_each(family, &series, plan.seed)
}

/// Compares a figure of a server with the reference's by an interval of this level. Also returns the pairs of rounds.
/// The error is a sentence.
fn compare(
    rounds: RoundValues,
    server: &str,
    figure: ComparedFigure,
    level: f64,
) -> Result<(RatioComparison, Pairs), String> {
    let reference = &rounds.0.plan.reference;
    for side in [server, reference] {
        rounds.check_enough_valid(side, figure)?;
    }
    let log_ratios = rounds.log_ratios(server, figure).into_iter();
    let log_ratios: Vec<f64> = log_ratios.flatten().collect();
    let direction = if figure.more_is_better() {
        Direction::HigherIsBetter
    } else {
        Direction::LowerIsBetter
    };
    let pairs = match log_ratios[..] {
        [] => return Err("not measured".to_owned()),
        [log_ratio] => {
            return Err(wording::comparison::observation_of_one_round(
                server,
                figure.comparatives(),
                direction,
                log_ratio.exp(),
                level,
            ));
        }
        _ => Pairs::from_log_ratios(log_ratios).map_err(|error| error.to_string())?,
    };
    let compared = RatioComparison::new(&pairs, direction, &rounds.bootstrap(level));
    Ok((compared, pairs))
}

/// The row of a figure for all servers, with each other server compared at its level; `None` when no server has the
/// figure.
fn figure_row(
    rounds: RoundValues,
    figure: ComparedFigure,
    others: &[(&str, f64)],
) -> Option<FigureRow> {
    let of_server = |name: &str| {
        let values: Vec<f64> = match figure {
            // A capacity of 0 counts, too.
            ComparedFigure::CapacityUnderSlo => capacity_verdicts::rates(rounds.0, name),
            _ => rounds.values(name, figure).into_values().collect(),
        };
        FigureOfServer {
            server: name.to_owned(),
            median: median(&values),
            rounds: u32::try_from(values.len()).unwrap_or(u32::MAX),
        }
    };
    let servers: Vec<_> = rounds.compared().map(of_server).collect();
    if servers.iter().all(|s| s.median.is_none()) {
        return None;
    }
    Some(FigureRow {
        figure,
        unit: figure.unit().to_owned(),
        servers,
        against: others
            .iter()
            .map(|(name, level)| match figure {
                ComparedFigure::CapacityUnderSlo => capacity_against(rounds, name, *level),
                _ => against(rounds, name, figure, *level),
            })
            .collect(),
    })
}

/// The row of a server's capacity, unless most of the searches are invalid.
fn capacity_against(rounds: RoundValues, server: &str, level: f64) -> AgainstReference {
    let row = capacity_verdicts::against(rounds.0, server, rounds.last(), level);
    let sides = [server, rounds.0.plan.reference.as_str()];
    let enough =
        sides.map(|side| rounds.check_enough_valid(side, ComparedFigure::CapacityUnderSlo));
    match enough.into_iter().find_map(Result::err) {
        None => row,
        Some(text) => AgainstReference {
            ratio: None,
            low: None,
            high: None,
            level: None,
            verdict: ComparisonVerdict::CannotTell,
            text,
            more_rounds: None,
            ..row
        },
    }
}

fn against(
    rounds: RoundValues,
    server: &str,
    figure: ComparedFigure,
    level: f64,
) -> AgainstReference {
    let compared = compare(rounds, server, figure, level);
    let known = compared.as_ref().ok();
    let ratio = known.map(|(compared, _)| compared.ratio);
    let interval = ratio.filter(Ratio::has_enough_rounds);
    let (verdict, more_rounds) = match known.map(|(compared, _)| compared.verdict) {
        Some(RatioVerdict::Better) => (ComparisonVerdict::Better, None),
        Some(RatioVerdict::Worse) => (ComparisonVerdict::Worse, None),
        Some(RatioVerdict::CannotTell { more_rounds }) => {
            (ComparisonVerdict::CannotTell, more_rounds)
        }
        None => (ComparisonVerdict::CannotTell, None),
    };
    let slices = rounds.slice_spread(server, figure);
    let longer_runs = ratio.zip(slices).and_then(|(ratio, slices)| {
        group_growth(slices.between_share, ratio.rounds as u64, more_rounds?)
    });
    AgainstReference {
        server: server.to_owned(),
        reference: rounds.0.plan.reference.clone(),
        rounds: ratio.map_or(0, |r| u32::try_from(r.rounds).unwrap_or(u32::MAX)),
        ratio: ratio.map(|r| r.estimate),
        low: interval.map(|r| r.low),
        high: interval.map(|r| r.high),
        level: ratio.map(|r| r.level),
        verdict,
        text: match compared {
            Ok((compared, pairs)) => {
                let comparatives = figure.comparatives();
                wording::comparison::observation(server, comparatives, &compared, &pairs)
                    .unwrap_or_else(|| {
                        wording::comparison::verdict(server, comparatives, &compared, longer_runs)
                    })
            }
            Err(obstacle) => obstacle,
        },
        more_rounds,
        longer_runs,
        slices,
    }
}

/// Rounds that lie far from the other rounds of the same server.
fn all_outliers(rounds: RoundValues) -> Vec<OutlierRow> {
    let mut found = Vec::new();
    for &figure in &rounds.0.plan.figures {
        for server in rounds.compared() {
            let (numbers, values): (Vec<u32>, Vec<f64>) =
                rounds.values(server, figure).into_iter().unzip();
            let Some(median) = median(&values).filter(|_| values.len() >= FEWEST_FOR_OUTLIERS)
            else {
                continue;
            };
            let far = |value: f64| (value / median - 1.0).abs() >= LEAST_DEVIATION;
            let all = outliers(&values).into_iter().filter(|o| far(o.value));
            found.extend(all.map(|o| OutlierRow {
                figure,
                server: server.to_owned(),
                round: numbers[o.round],
                value: o.value,
                median,
            }));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sentences;
    use measurement::run::comparison::{RunRow, RunSlices, SearchRow, SliceRow, Steadiness};
    use measurement::run::{CapacityPlanSummary, CapacitySummary, PlanSummary, SearchEnd};
    use test_support::fixtures::found_capacity;

    fn run(messages_per_s: f64, p50_ns: f64) -> RunRow {
        RunRow {
            verdict: Verdict::Valid,
            reasons: Vec::new(),
            timed_messages: 1_000,
            failed_messages: 0,
            elapsed_s: 1.0,
            steadiness: Steadiness::Steady,
            cut_s: Some(0.0),
            messages_per_s,
            p50_ns: Some(p50_ns),
            p99_ns: Some(2.0 * p50_ns),
            p99_9_ns: Some(3.0 * p50_ns),
            server_cpu_s: None,
            messages_per_cpu_s: None,
            slices: None,
            deliveries: None,
            connections: None,
        }
    }

    /// Rounds of servers with these throughputs, equal except for 1 % noise.
    fn measured(throughputs: &[(&str, f64)], rounds: u32) -> Comparison {
        let summary: serde_json::Value =
            serde_json::from_str(include_str!("../tests/data/run.json")).unwrap();
        let load: PlanSummary = serde_json::from_value(summary["plan"].clone()).unwrap();
        let row = |round: u32, name: &str, throughput: f64| {
            let noise = 1.0 + f64::from((round * 7919 + name.len() as u32 * 31) % 13) / 1_300.0;
            let value = throughput * noise;
            RoundRow {
                round,
                server: name.to_owned(),
                turn: 1,
                seed: 1,
                ready_s: None,
                failure: None,
                throughput: Some(run(value, 1e10 / value)),
                latency: Some(run(100.0, 1e9 / value)),
                memory_per_connection_bytes: None,
                capacity_under_slo: None,
            }
        };
        let plan = ComparisonPlan {
            load,
            rate_per_s: Some(100.0),
            rate_was_found: false,
            rounds,
            until_sure_percent: None,
            max_rounds: rounds,
            seed: 1,
            confidence: CONFIDENCE,
            figures: [
                ComparedFigure::OF_ROOMS_AND_FEEDS,
                ComparedFigure::OF_CONNECTIONS,
            ]
            .concat(),
            reference: throughputs[0].0.to_owned(),
            server_cores: Vec::new(),
            generator_cores: Vec::new(),
            gate: None,
            slice_s: None,
            budget_s: None,
        };
        let server = |name: &str| CandidateRow {
            name: name.to_owned(),
            command: None,
            url: String::new(),
            files: Vec::new(),
            policy: None,
            pilot_messages_per_s: None,
            excluded: None,
            notes: Vec::new(),
        };
        let servers = throughputs.iter().map(|(name, _)| server(name)).collect();
        let rows = (1..=rounds)
            .flat_map(|round| {
                throughputs
                    .iter()
                    .map(move |(name, c)| row(round, name, *c))
            })
            .collect();
        new_comparison(Host::default(), String::new(), plan, servers, rows)
    }

    fn row(c: &Comparison, figure: ComparedFigure) -> &FigureRow {
        c.figures.iter().find(|row| row.figure == figure).unwrap()
    }

    /// The same with eight slices per run: those of a server differ by 1 % within a round, and its rounds by this share.
    fn with_slices(mut c: Comparison, between: f64) -> Comparison {
        for row in &mut c.rounds {
            let wiggle = 1e-4 * f64::from(row.round % 2) - 5e-5;
            let of_round = 1.0 + wiggle + between * (f64::from(row.round % 3) - 1.0);
            let of_round = if row.server == "b" { of_round } else { 1.0 };
            let run = row.throughput.as_mut().unwrap();
            let of_slice = |cycle: u32| 1.005_f64.powi((cycle % 2) as i32 * 2 - 1);
            let slice = |cycle: u32| SliceRow {
                cycle,
                messages_per_s: 1_000.0
                    * of_round
                    * if row.server == "b" {
                        of_slice(cycle)
                    } else {
                        1.0
                    },
                p50_ns: None,
                ..SliceRow::default()
            };
            run.slices = Some(RunSlices {
                kept: (1..=8).map(slice).collect(),
                ..RunSlices::default()
            });
        }
        c
    }

    #[test]
    fn the_variance_of_slices_is_split_and_advised_upon() {
        let spread = |between| {
            let c = with_slices(measured(&[("a", 1_000.0), ("b", 1_000.0)], 9), between);
            let c = add_verdicts(c, &Conditions::default());
            let against = &row(&c, ComparedFigure::Throughput).against[0];
            assert_eq!(row(&c, ComparedFigure::ServiceP99).against[0].slices, None);
            (against.slices.unwrap(), sentences::remarks(&c).join("\n"))
        };
        let (alike, longer) = spread(0.0);
        assert_eq!((alike.pairs, alike.between_share), (72, 0.0));
        assert!((0.004..0.006).contains(&alike.within_rounds), "{alike:?}");
        assert!(
            longer.contains("longer runs narrow the interval"),
            "{longer}"
        );
        let (apart, more) = spread(0.05);
        assert!(
            apart.between_share > 0.95 && apart.between_rounds > 0.03,
            "{apart:?}"
        );
        assert!(more.contains("longer runs hardly"), "{more}");
    }

    /// Most runs of the server had processes whose CPU time was not seen.
    #[test]
    fn background_work_that_few_runs_know_is_named() {
        let mut c = with_slices(measured(&[("a", 1_000.0), ("b", 1_000.0)], 9), 0.0);
        for row in c.rounds.iter_mut().filter(|row| row.round <= 2) {
            let run = row.throughput.as_mut().unwrap();
            let share = if row.server == "b" { 0.2 } else { 0.001 };
            run.slices.as_mut().unwrap().background_cpu_share = Some(share);
        }
        let lines = sentences::background(&c);
        assert_eq!(lines.len(), 1, "{lines:?}");
        let wanted =
            "b uses 20 % of a core while others have the load (limit 1 %), which slows them";
        assert!(lines[0].starts_with(wanted), "{}", lines[0]);
    }

    /// The comparison was valid without a word about four of ten runs.
    #[test]
    fn background_work_in_the_smaller_part_of_the_runs_is_named() {
        let mut c = with_slices(measured(&[("a", 1_000.0), ("b", 1_000.0)], 10), 0.0);
        for row in c.rounds.iter_mut() {
            let run = row.throughput.as_mut().unwrap();
            let slices = run.slices.as_mut().unwrap();
            slices.background_cpu_share = Some(0.001);
            if row.server == "b" {
                slices.background_cpu_share = Some(0.05);
                slices.held = row.round <= 6;
            }
        }
        let suspect = sentences::background(&c);
        assert!(
            suspect[0].starts_with("b uses 5 % of a core"),
            "{suspect:?}"
        );
        let remarks = sentences::remarks(&c).join("\n");
        assert!(remarks.contains("b used 5 % of a core"), "{remarks}");
        assert!(!remarks.contains("unknown"), "{remarks}");
    }

    #[test]
    fn a_started_server_whose_background_work_is_unknown_is_named() {
        let mut c = with_slices(measured(&[("a", 1_000.0), ("b", 1_000.0)], 4), 0.0);
        let said = |c: &Comparison| sentences::remarks(c).join("\n");
        assert!(!said(&c).contains("the CPU of b"), "servers of a URL");
        c.servers[1].command = Some("b --port 1".to_owned());
        let wanted = "the CPU of b is unknown in 4 of 4 runs";
        assert!(said(&c).contains(wanted), "{}", said(&c));
        // Nothing is known of a server that is alone in a round, and nothing has to be.
        let others = c.rounds.iter_mut().filter(|row| row.server == "a");
        others.for_each(|row| row.throughput = None);
        assert!(!said(&c).contains("the CPU of b"), "{}", said(&c));
    }

    #[test]
    fn a_disturbed_slice_does_not_reach_the_ratio_of_its_round() {
        let mut c = with_slices(measured(&[("a", 1_000.0), ("b", 1_000.0)], 9), 0.0);
        for row in &mut c.rounds {
            let run = row.throughput.as_mut().unwrap();
            let kept = &mut run.slices.as_mut().unwrap().kept;
            kept.iter_mut().for_each(|slice| slice.p50_ns = Some(1e6));
            if row.server == "b" {
                kept[3].p50_ns = Some(1e7);
                // The whole run contains the disturbed slice.
                run.p50_ns = Some(2e6);
                run.messages_per_s *= 0.5;
            }
        }
        let doubled = ["b.service.p50 > 1.5 * a.service.p50".to_owned()];
        let c = add_verdicts(c, &Conditions::parse(&doubled, &["a", "b"]).unwrap());
        let ratio = |figure| row(&c, figure).against[0].ratio.unwrap();
        assert!((0.99..1.02).contains(&ratio(ComparedFigure::ServiceP50)));
        assert!(!c.conditions[0].held && c.conditions[0].is_sure);
        // The server's own pauses are part of its throughput.
        assert!((0.4..0.6).contains(&ratio(ComparedFigure::Throughput)));
        // Slices have no p99, so that of the whole runs counts.
        assert!(
            row(&c, ComparedFigure::ServiceP99).against[0]
                .slices
                .is_none()
        );
    }

    #[test]
    fn until_sure_waits_for_every_chosen_figure_that_is_measured() {
        let mut c = measured(&[("a", 1_000.0), ("b", 1_000.0)], 12);
        c.plan.until_sure_percent = Some(2.0);
        for (number, row) in c.rounds.iter_mut().enumerate() {
            let run = row.latency.as_mut().unwrap();
            run.p99_ns = Some(1e6 * (1.0 + (number % 5) as f64));
        }
        assert!(is_sure(&c, 2.0), "tails count only when they are chosen");
        c.plan.figures = vec![ComparedFigure::Throughput, ComparedFigure::ResponseP99];
        assert!(!is_sure(&c, 2.0));
        c.plan.figures = vec![ComparedFigure::Throughput, ComparedFigure::MessagesPerCpuS];
        assert!(is_sure(&c, 2.0), "these servers have no process");
        c.plan.figures = vec![ComparedFigure::MessagesPerCpuS];
        assert!(!is_sure(&c, 2.0), "nothing is known");
    }

    /// The intervals of three rounds were narrow by chance, and ended the comparison without a verdict.
    #[test]
    fn until_sure_waits_for_as_many_rounds_as_a_verdict_needs() {
        for (rounds, enough) in [(3, false), (12, true)] {
            let mut c = measured(&[("a", 1_000.0), ("b", 1_000.0)], rounds);
            c.plan.until_sure_percent = Some(30.0);
            assert_eq!(is_sure(&c, 30.0), enough, "{rounds}");
            let c = add_verdicts(c, &Conditions::default());
            let said = sentences::remarks(&c).join("\n");
            assert_eq!(
                said.contains("`--until-sure 30` was reached"),
                enough,
                "{said}"
            );
            assert_eq!(
                said.contains("use a higher `--max-rounds`"),
                !enough,
                "{said}"
            );
            let against = &row(&c, ComparedFigure::Throughput).against[0];
            assert_eq!(against.low.is_some(), enough, "no bar without an interval");
        }
    }

    /// The precision of the other servers was reported as that of all.
    #[test]
    fn until_sure_is_not_reached_where_a_server_failed() {
        let mut c = measured(&[("a", 1_000.0), ("b", 1_000.0), ("x", 1_000.0)], 12);
        c.plan.until_sure_percent = Some(30.0);
        for row in c.rounds.iter_mut().filter(|row| row.server == "x") {
            if row.round > 3 {
                row.failure = Some("it died".to_owned());
            }
        }
        assert!(!is_sure(&c, 30.0));
        let c = add_verdicts(c, &Conditions::default());
        let said = sentences::remarks(&c).join("\n");
        assert!(said.contains("was not reached"), "{said}");
    }

    /// The verdict named the generator only, and the gate stayed green.
    #[test]
    fn a_server_that_fails_in_most_rounds_is_the_first_reason_and_fails_the_gate() {
        let mut c = measured(&[("a", 1_000.0), ("b", 1_000.0)], 12);
        for row in c.rounds.iter_mut().filter(|row| row.server == "b") {
            if row.round > 4 {
                row.failure = Some(format!("port {} was closed", 8_000 + row.round));
            }
        }
        let gate = ["b.throughput < 0.5 * a.throughput".to_owned()];
        let c = add_verdicts(c, &Conditions::parse(&gate, &["a", "b"]).unwrap());
        assert_eq!(c.validity.verdict, Verdict::Invalid);
        let reason = "b failed in 8 of 12 rounds. First reason: port 8005 was closed";
        assert_eq!(c.validity.reasons, [reason]);
        assert!(c.conditions[0].held);
        let text = &row(&c, ComparedFigure::Throughput).against[0].text;
        assert_eq!(text, "inconclusive: b failed in 8 of 12 rounds");
        let remarks = sentences::remarks(&c);
        let once = "rounds 5, 6, 7, 8, 9, 10, 11, 12 are not counted for b: port 8005 was closed";
        assert_eq!(
            remarks
                .iter()
                .filter(|line| line.contains("not counted"))
                .count(),
            1
        );
        assert_eq!(remarks[0], once);
    }

    #[test]
    fn invalid_runs_that_no_figure_is_taken_from_are_no_reason() {
        let mut c = measured(&[("a", 1_000.0), ("b", 1_000.0)], 12);
        for row in &mut c.rounds {
            let run = row.latency.as_mut().unwrap();
            run.verdict = Verdict::Invalid;
            run.reasons = vec!["the generator was late".to_owned()];
        }
        let verdict = |c: &Comparison, gate: &[String]| {
            let conditions = Conditions::parse(gate, &["a", "b"]).unwrap();
            add_verdicts(c.clone(), &conditions).validity.verdict
        };
        assert_eq!(verdict(&c, &[]), Verdict::Invalid);
        c.plan.figures = vec![ComparedFigure::Throughput];
        assert_eq!(verdict(&c, &[]), Verdict::Valid);
        assert_eq!(verdict(&c, &["b.p99 > a.p99".to_owned()]), Verdict::Invalid);
    }

    #[test]
    fn every_other_server_is_compared_with_the_reference() {
        let all = [("a", 1_000.0), ("bb", 2_000.0), ("ccc", 500.0)];
        let c = add_verdicts(measured(&all, 8), &Conditions::default());
        let throughput = row(&c, ComparedFigure::Throughput);
        let told: Vec<_> = throughput
            .against
            .iter()
            .map(|a| (a.server.as_str(), a.verdict))
            .collect();
        assert_eq!(
            told,
            [
                ("bb", ComparisonVerdict::Better),
                ("ccc", ComparisonVerdict::Worse)
            ]
        );
        assert!(
            throughput.against[1].text.starts_with("ccc 2.0"),
            "{:?}",
            throughput.against[1]
        );
        // Times are inversely proportional to throughput, and smaller times are better.
        let latency = row(&c, ComparedFigure::ResponseP99);
        assert!(latency.against[0].ratio.unwrap() < 0.6);
        assert_eq!(latency.against[0].verdict, ComparisonVerdict::Better);
        // A figure that no server has gets no row.
        assert!(
            c.figures
                .iter()
                .all(|row| row.figure != ComparedFigure::MessagesPerCpuS)
        );
        assert_eq!(c.validity.verdict, Verdict::Valid);
    }

    /// Three rounds of searches that found these capacities, each with an interval of ± 2 %.
    fn searched(capacities: &[(&str, f64)]) -> Comparison {
        let mut c = measured(capacities, 3);
        c.plan.figures = ComparedFigure::OF_SEARCHES.to_vec();
        c.plan.load.find_capacity = Some(CapacityPlanSummary {
            conditions: vec!["p99<10ms".to_owned()],
            precision: 0.03,
            budget_s: 60.0,
        });
        for row in &mut c.rounds {
            let rate = row.throughput.take().unwrap().messages_per_s;
            row.latency = None;
            row.capacity_under_slo = Some(search(rate));
        }
        c
    }

    fn search(rate: f64) -> SearchRow {
        SearchRow {
            verdict: Verdict::Valid,
            reasons: Vec::new(),
            found: CapacitySummary {
                rate_per_s: Some(rate),
                low_per_s: 0.98 * rate,
                high_per_s: 1.02 * rate,
                from_above_per_s: Some(0.99 * rate),
                ..found_capacity()
            },
        }
    }

    /// The row of `b` compared with `a`, and all remarks.
    fn capacity_of_b(c: Comparison) -> (AgainstReference, Comparison, String) {
        let c = add_verdicts(c, &Conditions::default());
        let against = row(&c, ComparedFigure::CapacityUnderSlo).against[0].clone();
        let remarks = sentences::remarks(&c).join("\n");
        (against, c, remarks)
    }

    #[test]
    fn three_rounds_of_searches_allow_a_verdict() {
        let (b, c, remarks) = capacity_of_b(searched(&[("a", 40_000.0), ("b", 60_000.0)]));
        assert_eq!((b.verdict, b.rounds), (ComparisonVerdict::Better, 3));
        assert!((1.4..1.6).contains(&b.ratio.unwrap()), "{b:?}");
        assert!(b.text.contains("× higher ("), "{}", b.text);
        // A text without the intervals hid how certain the searches were.
        let all = "capacity of b: 60,323 msg/s (59,100–61,600, 95 %) in round 1, 60,415 msg/s ";
        assert_eq!(remarks.lines().count(), 2, "{remarks}");
        assert!(remarks.contains(all), "{remarks}");
        assert_eq!(c.validity.verdict, Verdict::Valid);
        let method = sentences::method(&c).join("\n");
        assert!(
            method.contains("geometric means over paired rounds"),
            "{method}"
        );
        assert!(!method.contains("bootstrap"), "{method}");
        // One round has the errors of its searches only.
        let mut one = searched(&[("a", 40_000.0), ("b", 60_000.0)]);
        one.rounds.retain(|row| row.round == 1);
        let (b, _, remarks) = capacity_of_b(one);
        assert_eq!(b.verdict, ComparisonVerdict::Better);
        assert!(
            remarks.contains("\n1 round: the intervals do not contain"),
            "{remarks}"
        );
        let (same, ..) = capacity_of_b(searched(&[("a", 40_000.0), ("b", 40_000.0)]));
        assert!(same.text.starts_with("inconclusive: "), "{}", same.text);
    }

    #[test]
    fn two_lower_bounds_cannot_be_compared() {
        let at_least = |servers: &[&str]| {
            let mut c = searched(&[("a", 40_000.0), ("b", 60_000.0)]);
            for row in &mut c.rounds {
                let found = &mut row.capacity_under_slo.as_mut().unwrap().found;
                if servers.contains(&row.server.as_str()) && row.round == 2 {
                    (found.at_least, found.high_per_s) = (true, f64::INFINITY);
                }
            }
            capacity_of_b(c)
        };
        let (b, c, remarks) = at_least(&["a", "b"]);
        assert_eq!((b.verdict, b.ratio), (ComparisonVerdict::CannotTell, None));
        assert!(
            b.text.contains("both capacities are lower bounds"),
            "{}",
            b.text
        );
        // The generator was named as the limit, whatever had ended the search.
        assert!(
            remarks.contains(
                "the capacity of a is a lower bound (round 2): no rate was tried at which a condition fails; use a longer `-d`"
            ),
            "{remarks}"
        );
        let shown = sentences::median_of(&c, row(&c, ComparedFigure::CapacityUnderSlo), "a");
        assert!(shown.starts_with("≥ 40,"), "{shown}");
        // A lower bound above the other capacity is a verdict.
        let (b, ..) = at_least(&["b"]);
        assert_eq!((b.verdict, b.ratio), (ComparisonVerdict::Better, None));
        assert!(b.low.unwrap() > 1.0 && b.high.is_none(), "{b:?}");
        let (b, ..) = at_least(&["a"]);
        assert_eq!(b.verdict, ComparisonVerdict::CannotTell);
        assert!(
            b.text.starts_with(
                "inconclusive: the capacity of a is a lower bound, and that of b at most 1."
            ),
            "{}",
            b.text
        );
        // JSON cannot hold an infinite limit.
        let json = serde_json::to_string(&b).unwrap();
        assert_eq!(serde_json::from_str::<AgainstReference>(&json).unwrap(), b);
    }

    #[test]
    fn a_server_without_capacity_is_worse() {
        let mut c = searched(&[("a", 40_000.0), ("b", 60_000.0)]);
        for row in c.rounds.iter_mut().filter(|row| row.server == "b") {
            let found = &mut row.capacity_under_slo.as_mut().unwrap().found;
            (found.rate_per_s, found.low_per_s, found.high_per_s) = (Some(0.0), 0.0, 0.0);
        }
        let gate = ["b.capacity_under_slo < 0.95 * a.capacity_under_slo".to_owned()];
        let c = add_verdicts(c, &Conditions::parse(&gate, &["a", "b"]).unwrap());
        let b = &row(&c, ComparedFigure::CapacityUnderSlo).against[0];
        assert_eq!((b.verdict, b.ratio), (ComparisonVerdict::Worse, Some(0.0)));
        assert_eq!(b.text, "b holds the conditions at no rate");
        assert!(
            c.conditions[0].held && c.conditions[0].is_sure,
            "{:?}",
            c.conditions
        );
        assert_eq!(c.validity.verdict, Verdict::Valid);
        let shown = sentences::median_of(&c, row(&c, ComparedFigure::CapacityUnderSlo), "b");
        assert_eq!(shown, "0");
    }

    #[test]
    fn conditions_on_capacities_need_no_minimum_of_rounds() {
        let judge = |b: f64, text: &str| {
            let conditions = Conditions::parse(&[text.to_owned()], &["a", "b"]).unwrap();
            let c = add_verdicts(searched(&[("a", 40_000.0), ("b", b)]), &conditions);
            let row = c.conditions[0].clone();
            (row.held, row.is_sure, row.text)
        };
        const LOWER: &str = "b.capacity_under_slo < 0.95 * a.capacity_under_slo";
        let (held, sure, text) = judge(30_000.0, LOWER);
        assert!(held && sure, "{text}");
        assert!(
            text.contains("with 95 % confidence in 3 rounds: the ratio is 0.7"),
            "{text}"
        );
        assert!(matches!(judge(44_000.0, LOWER), (false, true, _)));
        assert!(matches!(judge(38_000.0, LOWER), (false, false, _)));
        assert!(matches!(
            judge(30_000.0, "b.capacity_under_slo < 35_000"),
            (true, true, _)
        ));
    }

    #[test]
    fn searches_that_say_little_are_named() {
        let mut c = searched(&[("a", 40_000.0), ("b", 60_000.0)]);
        for row in c.rounds.iter_mut().filter(|row| row.server == "b") {
            let found = &mut row.capacity_under_slo.as_mut().unwrap().found;
            match row.round {
                1 => (found.hysteresis, found.from_above_per_s) = (true, Some(31_000.0)),
                2 => found.ended_by = SearchEnd::Budget,
                _ => found.low_per_s = 0.0,
            }
        }
        let (b, c, remarks) = capacity_of_b(c);
        assert_eq!(b.rounds, 2);
        for wanted in [
            "b has a hysteresis (round 1): after an overload it recovered only up to 31,000 msg/s",
            "reached their time limit before the target precision (round 2): their intervals are up to ±2.0 %",
            "the capacity of b has no interval in round 3",
        ] {
            assert!(remarks.contains(wanted), "{remarks}");
        }
        let mut interrupted = c;
        for row in &mut interrupted.rounds {
            let search = row.capacity_under_slo.as_mut().unwrap();
            search.found.ended_by = SearchEnd::Interrupted;
        }
        let c = add_verdicts(interrupted, &Conditions::default());
        assert_eq!(c.validity.verdict, Verdict::Invalid);
        let remarks = sentences::remarks(&c).join("\n");
        assert!(
            remarks.contains("in round 1 (left out: the search was interrupted)"),
            "{remarks}"
        );
        let reason = &c.validity.reasons[0];
        let expected = "searches: 3 of 3 of a, 3 of 3 of b are invalid and left out. First reason: the search was interrupted";
        assert_eq!(reason, expected);
    }

    /// The whole capacity of a round was thrown away for its last step.
    #[test]
    fn an_invalid_last_step_dropped_the_capacity_of_its_round() {
        let mut c = searched(&[("a", 40_000.0), ("b", 60_000.0)]);
        for row in &mut c.rounds {
            let search = row.capacity_under_slo.as_mut().unwrap();
            search.verdict = Verdict::Invalid;
            search.reasons = vec!["the generator was late".to_owned()];
        }
        let (b, c, remarks) = capacity_of_b(c);
        assert_eq!((b.verdict, b.rounds), (ComparisonVerdict::Better, 3));
        assert!(!remarks.contains("left out"), "{remarks}");
        assert_eq!(c.validity.verdict, Verdict::Suspect);
        let reason = &c.validity.reasons[0];
        let expected =
            "searches: 3 of 3 of a, 3 of 3 of b are suspect. First reason: the generator was late";
        assert_eq!(reason, expected);
    }

    /// A capacity without an upper limit was reported as not measured, and its condition as held.
    #[test]
    fn capacities_without_an_upper_limit_are_inconclusive() {
        let mut c = searched(&[("a", 40_000.0), ("b", 60_000.0)]);
        for row in c.rounds.iter_mut().filter(|row| row.server == "b") {
            let found = &mut row.capacity_under_slo.as_mut().unwrap().found;
            found.high_per_s = found.rate_per_s.unwrap();
        }
        let text = "b.capacity_under_slo < 0.95 * a.capacity_under_slo".to_owned();
        let c = add_verdicts(c, &Conditions::parse(&[text], &["a", "b"]).unwrap());
        let against = &row(&c, ComparedFigure::CapacityUnderSlo).against[0];
        assert_eq!(
            against.text,
            "inconclusive: every search of b ended before an upper limit of its capacity was known"
        );
        let condition = &c.conditions[0];
        // The line of a condition begins with "inconclusive" in any case.
        assert_eq!(condition.text, "no round has an interval of each capacity");
        assert!(!condition.held && !condition.is_sure);
    }

    /// An upper limit was printed, and said to be unknown.
    #[test]
    fn a_capacity_without_a_lower_limit_has_an_upper_one() {
        let mut c = searched(&[("a", 40_000.0), ("b", 60_000.0)]);
        for row in c.rounds.iter_mut().filter(|row| row.server == "b") {
            row.capacity_under_slo.as_mut().unwrap().found.low_per_s = 0.0;
        }
        let (b, _, _) = capacity_of_b(c);
        assert_eq!(
            b.text,
            "inconclusive: every search of b ended before a lower limit of its capacity was known"
        );
    }

    #[test]
    fn more_servers_make_wider_intervals() {
        let width = |servers: &[(&str, f64)]| {
            let c = add_verdicts(measured(servers, 12), &Conditions::default());
            let a = &row(&c, ComparedFigure::Throughput).against[0];
            a.high.unwrap() / a.low.unwrap()
        };
        let two = [("a", 1_000.0), ("bb", 1_000.0)];
        let five = [two[0], two[1], ("ccc", 1e3), ("dddd", 1e3), ("eeeee", 1e3)];
        assert!(width(&five) > width(&two));
        let mut looking = measured(&two, 12);
        let level = level_of(RoundValues(&looking), "bb");
        looking.plan.until_sure_percent = Some(1.0);
        assert!(level_of(RoundValues(&looking), "bb") > level);
    }

    #[test]
    fn more_figures_make_wider_intervals() {
        let mut all = measured(&[("a", 1_000.0), ("bb", 1_000.0)], 12);
        // A figure with independent noise.
        for (index, row) in all.rounds.iter_mut().enumerate() {
            row.memory_per_connection_bytes = Some(1e4 + ((index * 7_907) % 23) as f64);
        }
        let level = level_of(RoundValues(&all), "bb");
        let c = add_verdicts(all.clone(), &Conditions::default());
        assert_eq!(
            row(&c, ComparedFigure::Throughput).against[0].level,
            Some(level)
        );
        all.plan.figures = vec![ComparedFigure::Throughput];
        assert_eq!(level_of(RoundValues(&all), "bb"), CONFIDENCE);
        assert!(level > CONFIDENCE);
        let alone = add_verdicts(all, &Conditions::default());
        assert_eq!(alone.figures.len(), 1);
    }

    #[test]
    fn a_round_that_failed_for_one_is_left_out_for_both() {
        let mut of_nine = measured(&[("a", 1_000.0), ("bb", 2_000.0)], 9);
        for row in &mut of_nine.rounds {
            if row.round == 4 && row.server == "bb" {
                row.failure = Some("it died".to_owned());
            }
            // This value would be noticed if it were paired with a value of the next round.
            if row.round == 4 && row.server == "a" {
                row.throughput = Some(run(1e9, 1.0));
            }
        }
        let c = add_verdicts(of_nine, &Conditions::default());
        let told = &row(&c, ComparedFigure::Throughput).against[0];
        assert_eq!(told.rounds, 8);
        assert!(told.high.unwrap() < 2.1, "{told:?}");
        assert!(c.any_failed());
    }

    #[test]
    fn a_wild_round_is_named_and_counted() {
        let mut wild = measured(&[("a", 1_000.0), ("bb", 1_000.0)], 9);
        wild.rounds[6].throughput = Some(run(100.0, 1e8));
        let c = add_verdicts(wild, &Conditions::default());
        let found: Vec<_> = c
            .outliers
            .iter()
            .map(|o| (o.figure, o.server.as_str(), o.round))
            .collect();
        assert!(
            found.contains(&(ComparedFigure::Throughput, "a", 4)),
            "{found:?}"
        );
        assert!(
            found
                .iter()
                .all(|(_, server, round)| *server == "a" && *round == 4)
        );
        assert_eq!(row(&c, ComparedFigure::Throughput).against[0].rounds, 9);
    }

    #[test]
    fn half_of_the_runs_may_be_invalid_and_no_more() {
        let verdict = |invalid: usize| {
            let mut some = measured(&[("a", 1_000.0), ("bb", 1_000.0)], 8);
            let rows = some.rounds.iter_mut().filter(|row| row.server == "bb");
            for row in rows.take(invalid) {
                if let Some(run) = &mut row.latency {
                    run.verdict = Verdict::Invalid;
                    run.reasons = vec!["the clock stood still".to_owned()];
                }
            }
            let c = add_verdicts(some, &Conditions::default());
            let told = row(&c, ComparedFigure::ResponseP50).against[0].clone();
            (c.validity.verdict, told.rounds, told.ratio.is_some())
        };
        assert_eq!(verdict(0), (Verdict::Valid, 8, true));
        assert_eq!(verdict(4), (Verdict::Suspect, 4, true));
        assert_eq!(verdict(5), (Verdict::Invalid, 0, false));
    }

    #[test]
    fn of_runs_that_are_mostly_invalid_nothing_is_told() {
        let mut some = measured(&[("a", 1_000.0), ("bb", 2_000.0)], 12);
        let mut left = 7;
        for row in some.rounds.iter_mut().filter(|row| row.server == "a") {
            if left > 0
                && let Some(run) = &mut row.throughput
            {
                run.verdict = Verdict::Invalid;
                left -= 1;
            }
        }
        let texts = ["bb.throughput < 0.1 * a.throughput", "bb.p50 < 0.1 * a.p50"];
        let conditions = Conditions::parse(&texts.map(str::to_owned), &["a", "bb"]).unwrap();
        let c = add_verdicts(some, &conditions);
        let told = &row(&c, ComparedFigure::Throughput).against[0];
        assert_eq!(told.verdict, ComparisonVerdict::CannotTell);
        assert_eq!(told.text, "inconclusive: 7 of 12 runs of a are invalid");
        // A gate that cannot be judged must not pass.
        let gate = |at: usize| (c.conditions[at].held, c.conditions[at].is_sure);
        assert_eq!([gate(0), gate(1)], [(true, false), (false, true)]);
        assert!(
            c.conditions[0].text
                == "it cannot be judged and counts as held: 7 of 12 runs of a are invalid",
            "{}",
            c.conditions[0].text
        );
        // The other kind of run is not affected.
        let latency = &row(&c, ComparedFigure::ResponseP50).against[0];
        assert_eq!(latency.verdict, ComparisonVerdict::Better);
    }

    #[test]
    fn rounds_go_on_until_it_is_sure() {
        let two = [("a", 1_000.0), ("bb", 1_000.0)];
        assert!(!is_sure(&measured(&two, 12), 0.01));
        assert!(is_sure(&measured(&two, 12), 5.0));
        // A single round gives no interval.
        assert!(!is_sure(&measured(&two, 1), 99.0));
    }

    #[test]
    fn the_order_of_a_round_does_not_depend_on_how_many_follow() {
        for round in 1..=9 {
            let mut order = order(7, round, 3);
            assert_eq!(order, random_orders(3, 50, 7)[round as usize - 1]);
            order.sort_unstable();
            assert_eq!(order, [0, 1, 2]);
        }
    }

    #[test]
    fn a_round_that_differs_by_a_hundredth_is_no_outlier() {
        let standing_out = |value: f64| {
            let mut steady = measured(&[("a", 1_000.0), ("bb", 1_000.0)], 9);
            for row in &mut steady.rounds {
                row.memory_per_connection_bytes = Some(8_700.0);
            }
            steady.rounds[4].memory_per_connection_bytes = Some(value);
            let c = add_verdicts(steady, &Conditions::default());
            let memory = |o: &&OutlierRow| o.figure == ComparedFigure::MemoryPerConnection;
            c.outliers.iter().filter(memory).count()
        };
        assert_eq!([8_600.0, 7_000.0].map(standing_out), [0, 1]);
    }
}

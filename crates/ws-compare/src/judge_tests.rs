use measurement::run::PlanSummary;
use measurement::run::comparison::{RunRow, Steadiness};

use super::*;

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
    }
}

/// Rounds of servers with these capacities, alike but for 1 % of noise.
fn measured(capacities: &[(&str, f64)], rounds: u32) -> Measured {
    let summary: serde_json::Value =
        serde_json::from_str(include_str!("../tests/data/run.json")).unwrap();
    let load: PlanSummary = serde_json::from_value(summary["plan"].clone()).unwrap();
    let row = |round: u32, name: &str, capacity: f64| {
        let noise = 1.0 + f64::from((round * 7919 + name.len() as u32 * 31) % 13) / 1_300.0;
        let value = capacity * noise;
        RoundRow {
            round,
            server: name.to_owned(),
            turn: 1,
            seed: 1,
            ready_s: None,
            failure: None,
            capacity: Some(run(value, 1e10 / value)),
            latency: Some(run(100.0, 1e9 / value)),
            memory_per_connection_bytes: None,
        }
    };
    Measured {
        tool: crate::measure::tool(),
        host: Host::default(),
        started_at: String::new(),
        elapsed_s: 1.0,
        plan: ComparisonPlan {
            load,
            rate_per_s: Some(100.0),
            rate_was_found: false,
            rounds,
            until_sure_percent: None,
            max_rounds: rounds,
            seed: 1,
            confidence: CONFIDENCE,
            figures: ComparedFigure::ALL.to_vec(),
            reference: capacities[0].0.to_owned(),
            server_cores: Vec::new(),
            generator_cores: Vec::new(),
        },
        servers: capacities
            .iter()
            .map(|(name, _)| CandidateRow {
                name: (*name).to_owned(),
                command: None,
                url: String::new(),
                files: Vec::new(),
                pilot_messages_per_s: None,
                excluded: None,
            })
            .collect(),
        rounds: (1..=rounds)
            .flat_map(|round| capacities.iter().map(move |(name, c)| row(round, name, *c)))
            .collect(),
        interrupted: false,
    }
}

fn row(c: &Comparison, figure: ComparedFigure) -> &FigureRow {
    c.figures.iter().find(|row| row.figure == figure).unwrap()
}

#[test]
fn every_other_server_is_compared_with_the_reference() {
    let all = [("a", 1_000.0), ("bb", 2_000.0), ("ccc", 500.0)];
    let c = judge(measured(&all, 8), &Conditions::default());
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
    // Their times are the other way round, and so is what is better.
    let latency = row(&c, ComparedFigure::ResponseP99);
    assert!(latency.against[0].ratio.unwrap() < 0.6);
    assert_eq!(latency.against[0].verdict, ComparisonVerdict::Better);
    // What nobody has is no figure.
    assert!(
        c.figures
            .iter()
            .all(|row| row.figure != ComparedFigure::MessagesPerCpuS)
    );
    assert_eq!(c.validity.verdict, Verdict::Valid);
}

#[test]
fn more_servers_make_wider_intervals() {
    let width = |servers: &[(&str, f64)]| {
        let c = judge(measured(servers, 12), &Conditions::default());
        let a = &row(&c, ComparedFigure::Throughput).against[0];
        a.high.unwrap() / a.low.unwrap()
    };
    let two = [("a", 1_000.0), ("bb", 1_000.0)];
    let five = [two[0], two[1], ("ccc", 1e3), ("dddd", 1e3), ("eeeee", 1e3)];
    assert!(width(&five) > width(&two));
    let mut looking = measured(&two, 12);
    let level = looking.level("bb");
    looking.plan.until_sure_percent = Some(1.0);
    assert!(looking.level("bb") > level);
}

#[test]
fn more_figures_make_wider_intervals() {
    let mut all = measured(&[("a", 1_000.0), ("bb", 1_000.0)], 12);
    // A figure with noise of its own.
    for (index, row) in all.rounds.iter_mut().enumerate() {
        row.memory_per_connection_bytes = Some(1e4 + ((index * 7_907) % 23) as f64);
    }
    let level = all.level("bb");
    let c = judge(all.clone(), &Conditions::default());
    assert_eq!(
        row(&c, ComparedFigure::Throughput).against[0].level,
        Some(level)
    );
    all.plan.figures = vec![ComparedFigure::Throughput];
    assert_eq!(all.level("bb"), CONFIDENCE);
    assert!(level > CONFIDENCE);
    let alone = judge(all, &Conditions::default());
    assert_eq!(alone.figures.len(), 1);
}

#[test]
fn a_round_that_failed_for_one_is_left_out_for_both() {
    let mut of_nine = measured(&[("a", 1_000.0), ("bb", 2_000.0)], 9);
    for row in &mut of_nine.rounds {
        if row.round == 4 && row.server == "bb" {
            row.failure = Some("it died".to_owned());
        }
        // The other's value in that round would be seen if it were paired with the next one's.
        if row.round == 4 && row.server == "a" {
            row.capacity = Some(run(1e9, 1.0));
        }
    }
    let c = judge(of_nine, &Conditions::default());
    let told = &row(&c, ComparedFigure::Throughput).against[0];
    assert_eq!(told.rounds, 8);
    assert!(told.high.unwrap() < 2.1, "{told:?}");
    assert!(c.any_failed());
}

#[test]
fn a_wild_round_is_named_and_counted() {
    let mut wild = measured(&[("a", 1_000.0), ("bb", 1_000.0)], 9);
    wild.rounds[6].capacity = Some(run(100.0, 1e8));
    let c = judge(wild, &Conditions::default());
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
        let c = judge(some, &Conditions::default());
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
            && let Some(run) = &mut row.capacity
        {
            run.verdict = Verdict::Invalid;
            left -= 1;
        }
    }
    let texts = ["bb.throughput < 0.1 * a.throughput", "bb.p50 < 0.1 * a.p50"];
    let conditions = Conditions::parse(&texts.map(str::to_owned), &["a", "bb"]).unwrap();
    let c = judge(some, &conditions);
    let told = &row(&c, ComparedFigure::Throughput).against[0];
    assert_eq!(told.verdict, ComparisonVerdict::CannotTell);
    assert_eq!(told.text, "cannot tell: 7 of 12 runs of a are invalid");
    // A gate that cannot be looked at does not stand open.
    let gate = |at: usize| (c.conditions[at].held, c.conditions[at].is_sure);
    assert_eq!([gate(0), gate(1)], [(true, false), (false, true)]);
    assert!(
        c.conditions[0].text.starts_with(&told.text),
        "{}",
        c.conditions[0].text
    );
    // The other kind of run is not touched by it.
    let latency = &row(&c, ComparedFigure::ResponseP50).against[0];
    assert_eq!(latency.verdict, ComparisonVerdict::Better);
}

#[test]
fn rounds_go_on_until_it_is_sure() {
    let two = [("a", 1_000.0), ("bb", 1_000.0)];
    assert!(!is_sure(&measured(&two, 12), 0.01));
    assert!(is_sure(&measured(&two, 12), 5.0));
    // Of one round nothing is sure.
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
        let c = judge(steady, &Conditions::default());
        let memory = |o: &&OutlierRow| o.figure == ComparedFigure::MemoryPerConnection;
        c.outliers.iter().filter(memory).count()
    };
    assert_eq!([8_600.0, 7_000.0].map(standing_out), [0, 1]);
}

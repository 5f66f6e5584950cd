//! Deliveries, feeds and slow readers in files: what is written is what is read.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;

use measurement::record::{
    DeliveryOutcome, DeliverySample, Outcome, PublicationSample, PushSample, RowSeconds, Sample,
};
use measurement::run::{
    FanOutPercentiles, FanOutRow, FanOutSummary, NeighbourRatio, NeighbourSummary, PushSummary,
    ReceiverSummary, Run, SlowSummary,
};
use measurement::verdict::Latency;
use proptest::option::of;
use proptest::prelude::*;
use results::read::{ColumnRequest, RunPart, read_run, read_timeline, read_times};
use results::write::{Output, RUN_SCHEMA};
use test_support::fixtures::{recorded, run_of};

/// Longest time, in nanoseconds.
const LONGEST_NS: u64 = 3_600_000_000_000;

fn count() -> impl Strategy<Value = u64> {
    0..1_u64 << 53
}

fn time_ns() -> impl Strategy<Value = u64> {
    0..LONGEST_NS
}

prop_compose! {
    fn latency()(
        count in count(),
        times in prop::array::uniform9(of(count())),
        mean in of(0.0..1e12_f64),
        stdev in of(0.0..1e12_f64),
    ) -> Latency {
        let [min, p50, p75, p90, p95, p99, p99_9, p99_99, max] = times;
        Latency { count, min, mean, stdev, p50, p75, p90, p95, p99, p99_9, p99_99, max }
    }
}

prop_compose! {
    fn fan_out_row()(
        second in 0..100_000_u64,
        counts in prop::array::uniform3(count()),
        times in prop::array::uniform6(of(time_ns())),
    ) -> FanOutRow {
        let [published, expected, delivered] = counts;
        let [first_p50_ns, median_p50_ns, last_p50_ns, last_p99_ns, delivery_p50_ns, delivery_p99_ns] = times;
        FanOutRow {
            second, published, expected, delivered, first_p50_ns, median_p50_ns, last_p50_ns, last_p99_ns,
            delivery_p50_ns, delivery_p99_ns,
            seconds: RowSeconds::try_from(50).unwrap(),
        }
    }
}

/// The percentile table of some deliveries, with percentiles that the table of messages has or lacks.
fn percentiles() -> impl Strategy<Value = Vec<FanOutPercentiles>> {
    const PERCENTILES: [f64; 6] = [0.0, 33.3, 50.0, 99.0, 99.99, 100.0];
    let chosen = prop::sample::subsequence(PERCENTILES.to_vec(), 0..=6);
    let row = |percentile| {
        (time_ns(), prop::array::uniform3(of(time_ns()))).prop_map(
            move |(delivery_ns, [first_ns, median_ns, last_ns])| FanOutPercentiles {
                percentile,
                delivery_time_ns: Some(delivery_ns),
                first_ns,
                median_ns,
                last_ns,
            },
        )
    };
    chosen.prop_flat_map(move |chosen| chosen.into_iter().map(row).collect::<Vec<_>>())
}

prop_compose! {
    fn fan_out()(
        counts in prop::array::uniform11(count()),
        reordered in of(count()),
        reach in of(0.0..=1.0_f64),
        unreached_clients in prop::collection::vec(any::<u32>(), 0..12),
        times in prop::array::uniform9(latency().boxed()),
        rates in prop::array::uniform2(0.0..1e9_f64),
        timeline in prop::collection::btree_map(0..50_u64, fan_out_row(), 0..4),
        percentiles in percentiles(),
    ) -> FanOutSummary {
        let [published, expected, delivered, missing, late, duplicated, corrupted, unexpected, complete, incomplete, unreached] = counts;
        let [delivery_time_ns, delivery_response_ns, first_ns, median_ns, last_ns, spread_ns, first_response_ns, median_response_ns, last_response_ns] = times;
        FanOutSummary {
            published, expected, delivered, missing, late, duplicated, corrupted, unexpected, reordered, reach,
            complete, incomplete, unreached, unreached_clients, delivery_time_ns, delivery_response_ns, first_ns,
            median_ns, last_ns, spread_ns, first_response_ns, median_response_ns, last_response_ns,
            publishes_per_s: rates[0],
            deliveries_per_s: rates[1],
            timeline: timeline.into_iter().map(|(second, row)| FanOutRow { second, ..row }).collect(),
            percentiles,
        }
    }
}

prop_compose! {
    fn push()(
        received in count(),
        received_per_s in 0.0..1e9_f64,
        clients in count(),
        counts in prop::array::uniform4(of(count())),
        gap_ns in latency().boxed(),
        times in prop::array::uniform3(of(latency().boxed())),
        late_error_ns in count(),
        late_by_count: bool,
        negative_delays in count(),
    ) -> PushSummary {
        let [missing, duplicated, reordered, server_clock_ahead_ns] = counts;
        let [late_ns, skew_ns, delay_ns] = times;
        PushSummary {
            received, received_per_s, clients, missing, duplicated, reordered, gap_ns, late_ns, late_error_ns,
            late_by_count, skew_ns, delay_ns, negative_delays, server_clock_ahead_ns,
        }
    }
}

prop_compose! {
    fn neighbours()(
        counts in prop::array::uniform3(count()),
        reach in of(0.0..=1.0_f64),
        times in prop::array::uniform5(latency().boxed()),
    ) -> NeighbourSummary {
        let [expected, delivered, missing] = counts;
        let [first_ns, median_ns, last_ns, delivery_ns, service_time_ns] = times;
        NeighbourSummary { expected, delivered, missing, reach, first_ns, median_ns, last_ns, delivery_ns, service_time_ns }
    }
}

prop_compose! {
    fn ratio()(
        figure in prop::sample::select(vec!["last.p50", "delivery.p99"]),
        ratio in 0.01..100.0_f64,
        ends in of((0.01..1.0_f64, 1.0..100.0_f64)),
    ) -> NeighbourRatio {
        NeighbourRatio { figure: figure.to_owned(), ratio, low: ends.map(|e| e.0), high: ends.map(|e| e.1) }
    }
}

prop_compose! {
    fn slow()(
        counts in prop::array::uniform3(count()),
        planned_read_bytes_per_s in of(count()),
        floats in prop::array::uniform2(0.0..1e6_f64),
        close_codes in prop::collection::btree_map(any::<u16>(), count(), 0..4),
        closed_after_ns in of(latency().boxed()),
        before in neighbours().boxed(),
        after in neighbours().boxed(),
        ratios in prop::collection::vec(ratio(), 0..3),
        server_bytes_per_client in of(-1_i64 << 50..1 << 50),
    ) -> SlowSummary {
        let [clients, closed, missing] = counts;
        SlowSummary {
            clients, after_s: floats[0], planned_read_bytes_per_s, read_bytes_per_s: floats[1], closed, close_codes,
            closed_after_ns, missing, before, after, ratios, server_bytes_per_client,
        }
    }
}

/// Messages in the order of sending: answered or not, with deliveries or without.
fn messages() -> impl Strategy<Value = (Vec<Sample>, Vec<PublicationSample>)> {
    let outcome = prop::sample::select(vec![
        Outcome::Ok,
        Outcome::TimedOut,
        Outcome::Lost,
        Outcome::Incomplete,
    ]);
    let deliveries = of((0..5_u32, 0..5_u32, prop::array::uniform3(of(time_ns()))));
    let message = (0..1_000_000_000_u64, time_ns(), outcome, deliveries);
    prop::collection::vec(message, 0..20).prop_map(|drawn| {
        let (mut samples, mut publications) = (Vec::new(), Vec::new());
        let mut sent_ns = 0;
        for (message, (gap_ns, time_ns, outcome, deliveries)) in (0..).zip(drawn) {
            sent_ns += gap_ns;
            let received_ns = match outcome {
                Outcome::Lost | Outcome::Incomplete => 0,
                _ => sent_ns + time_ns,
            };
            samples.push(Sample::echoed(
                0,
                message,
                sent_ns,
                sent_ns,
                received_ns,
                outcome,
            ));
            if let Some((expected, delivered, [first_ns, median_ns, last_ns])) = deliveries {
                publications.push(PublicationSample {
                    client: 0,
                    message,
                    sent_ns,
                    expected,
                    delivered,
                    first_ns,
                    median_ns,
                    last_ns,
                });
            }
        }
        (samples, publications)
    })
}

prop_compose! {
    fn delivery()(
        publisher: u32,
        message in count(),
        subscriber: u32,
        outcome in prop::sample::select(DeliveryOutcome::ALL.to_vec()),
        intended_ns in time_ns(),
        lag_ns in time_ns(),
        delivery_ns in time_ns(),
    ) -> DeliverySample {
        let sent_ns = intended_ns + lag_ns;
        let is_missing = outcome == DeliveryOutcome::Missing;
        DeliverySample {
            publisher, message, subscriber, outcome, sent_ns,
            // A missing delivery has no response time, from which the file's reader computes the intended time.
            intended_ns: if is_missing { sent_ns } else { intended_ns },
            received_ns: if is_missing { 0 } else { sent_ns + delivery_ns },
        }
    }
}

prop_compose! {
    fn pushed()(
        client: u32,
        seq in count(),
        received_ns in time_ns(),
        gap_ns in of(time_ns()),
        late_ns in of(time_ns()),
        delay_ns in of(-3_600_000_000_000_i64..3_600_000_000_000),
    ) -> PushSample {
        PushSample { client, seq, received_ns, gap_ns, late_ns, delay_ns }
    }
}

prop_compose! {
    fn run()(
        (samples, publications) in messages(),
        deliveries in prop::collection::vec(delivery(), 0..20),
        pushes in prop::collection::vec(pushed(), 0..20),
        fan_out in fan_out().boxed(),
        push in of(push().boxed()),
        slow in of(slow().boxed()),
    ) -> Run {
        let mut run = run_of(recorded(&samples), |s| {
            (s.fan_out, s.slow) = (Some(fan_out), slow);
            s.push = push;
        });
        let has_feed = run.summary.as_ref().unwrap().push.is_some();
        run.publications = publications;
        run.deliveries = deliveries;
        run.pushes = if has_feed { pushes } else { Vec::new() };
        run
    }
}

/// Parts that only runs with deliveries or a feed have, and those that stand beside them.
const PARTS: [RunPart; 4] = [
    RunPart::Summary,
    RunPart::Percentiles,
    RunPart::Samples,
    RunPart::Deliveries,
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8))]

    #[test]
    fn a_run_with_deliveries_comes_back_whole(run in run()) {
        let folder = tempfile::tempdir().unwrap();
        let path = |ending: &str| folder.path().join(format!("a.{ending}"));
        for ending in ["xlsx", "csv", "json", "hlog"] {
            Output::create(&path(ending)).unwrap().write(&run).unwrap();
        }
        let read = read_run(&path("xlsx"), &PARTS).unwrap();
        prop_assert_eq!(&read.summary, &run.summary);
        prop_assert_eq!(&read.percentiles, &run.percentiles);
        prop_assert_eq!(&read.samples, &run.samples);
        prop_assert_eq!(&read.publications, &run.publications);
        prop_assert_eq!(&read.deliveries, &run.deliveries);
        prop_assert_eq!(&read.pushes, &run.pushes);

        let read = read_run(&path("csv"), &PARTS).unwrap();
        prop_assert_eq!(&read.samples, &run.samples);
        prop_assert_eq!(&read.publications, &run.publications);

        let read = read_run(&path("json"), &PARTS).unwrap();
        prop_assert_eq!(&read.summary, &run.summary);
        let document = std::fs::read_to_string(path("json")).unwrap();
        test_support::assert_valid_json(RUN_SCHEMA, &document);
    }

    #[test]
    fn a_part_without_deliveries_is_read_without_their_rows(run in run()) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.xlsx");
        Output::create(&path).unwrap().write(&run).unwrap();
        let read = read_run(&path, &[RunPart::Samples]).unwrap();
        prop_assert!(read.publications.is_empty() && read.deliveries.is_empty() && read.pushes.is_empty());
    }
}

/// Two messages that were answered; the second did not reach everybody.
fn answered_messages() -> Run {
    let times = [(0, 1_000_000), (1_000_000, 2_000_000)];
    let samples: Vec<_> = (0..)
        .zip(times)
        .map(|(n, (sent, received))| Sample::echoed(0, n, sent, sent, received, Outcome::Ok))
        .collect();
    let mut run = run_of(recorded(&samples), |s| {
        s.fan_out = Some(FanOutSummary::default());
    });
    run.publications = (0..2)
        .map(|message| PublicationSample {
            client: 0,
            message,
            sent_ns: message * 1_000_000,
            expected: 3,
            delivered: 3 - u32::from(message == 1),
            first_ns: Some(100_000),
            median_ns: Some(200_000),
            last_ns: Some(300_000),
        })
        .collect();
    run
}

#[test]
fn a_message_that_did_not_reach_all_is_incomplete_and_keeps_its_time() {
    let run = answered_messages();
    let folder = tempfile::tempdir().unwrap();
    for ending in ["xlsx", "csv"] {
        let path = folder.path().join(format!("a.{ending}"));
        Output::create(&path).unwrap().write(&run).unwrap();
        let request = ColumnRequest::default();
        let times = read_times(&path, &request).unwrap().times;
        assert_eq!(times.values_ms, [1.0, 1.0], "{ending}");
        let timeline = read_timeline(&path, &request).unwrap().timeline.unwrap();
        assert_eq!(timeline.rows[0].failed, 0, "{ending}");
    }
    let text = std::fs::read_to_string(folder.path().join("a.csv")).unwrap();
    assert_eq!(
        text,
        "client,message,intended_s,sent_s,service_time_ms,response_time_ms,outcome,generator_stopped,kind,\
         first_part_ms,expected,delivered,first_ms,median_ms,last_ms\n\
         0,0,0.0,0.0,1.0,1.0,ok,0,,,3,3,0.1,0.2,0.3\n\
         0,1,0.001,0.001,1.0,1.0,incomplete,0,,,3,2,0.1,0.2,0.3\n"
    );
}

#[test]
fn roles_with_deliveries_survive_their_sheet() {
    let mut run = answered_messages();
    let summary = run.summary.as_mut().unwrap();
    let deliveries = ReceiverSummary {
        expected: 6,
        delivered: 5,
        missing: 1,
        ..ReceiverSummary::default()
    };
    summary.roles = BTreeMap::from([("reader".to_owned(), Default::default())]);
    summary.roles.get_mut("reader").unwrap().deliveries = Some(deliveries);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.xlsx");
    Output::create(&path).unwrap().write(&run).unwrap();
    let read = read_run(&path, &[RunPart::Summary]).unwrap();
    assert_eq!(read.summary, run.summary);
}

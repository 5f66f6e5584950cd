//! Written files, read back by calamine, serde_json and csv.

use std::fs;

use calamine::{Data, DataType, Range, Reader, Xlsx, open_workbook};
use measurement::record::{DeliveryOutcome, Outcome, Sample};
use proptest::prelude::*;

use super::*;
use crate::schema::{self, MovingAverageColumn, SheetColumn};
use measurement::run::{
    FanOutPercentiles, FanOutRow, FanOutSummary, PushSummary, ScenarioSummary, ShardRow,
    ShardsSummary,
};
use test_support::fixtures::{
    client_rows, complete_shards, degraded_shards, recorded, run_of, summary_of, sweep_run,
};

/// Writes the samples into a file of this name and gives its path to `read`.
pub(super) fn written<T>(name: &str, samples: &[Sample], read: impl FnOnce(&Path) -> T) -> T {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    let run = Run {
        clients: Some(client_rows()),
        ..run_of(recorded(samples), |_| {})
    };
    let written = Output::create(&path).unwrap().write(&run).unwrap();
    assert_eq!(written.path, path);
    read(&path)
}

fn samples() -> Vec<Sample> {
    vec![
        Sample::echoed(0, 0, 1_000, 2_000, 1_502_000, Outcome::Ok),
        Sample::lost(1, 0, 3_000, 3_000),
        Sample::echoed(
            0,
            1,
            1_600_000_000,
            1_600_000_000,
            1_600_250_000,
            Outcome::Corrupted,
        ),
    ]
}

fn numbers(row: &[Data]) -> Vec<Option<f64>> {
    use calamine::DataType;
    row.iter().map(|cell| cell.as_f64()).collect()
}

fn header(sheet: &Range<Data>) -> Vec<String> {
    let first = sheet.rows().next().unwrap();
    first.iter().map(ToString::to_string).collect()
}

#[test]
fn the_workbook_has_the_sheets_and_columns_of_the_contract() {
    written("a.xlsx", &samples(), |path| {
        let mut book: Xlsx<_> = open_workbook(path).unwrap();
        let names = book.sheet_names();
        assert_eq!(
            names,
            [
                "summary",
                "latencies",
                "percentiles",
                "timeline",
                "connections",
                "moving_average"
            ]
        );
        let contract: [(&str, &[&str]); 5] = [
            ("summary", &["key", "value"]),
            (
                "latencies",
                &[
                    "client",
                    "message",
                    "intended_s",
                    "sent_s",
                    "service_time_ms",
                    "response_time_ms",
                    "outcome",
                ],
            ),
            (
                "percentiles",
                &["percentile", "service_time_ms", "response_time_ms"],
            ),
            (
                "timeline",
                &[
                    "second",
                    "sent",
                    "received",
                    "service_p50_ms",
                    "service_p99_ms",
                    "response_p99_ms",
                    "max_ms",
                    "failed",
                    "seconds",
                ],
            ),
            (
                "connections",
                &["client", "connect_ms", "messages", "failed", "close_code"],
            ),
        ];
        for (sheet, columns) in contract {
            let range = book.worksheet_range(sheet).unwrap();
            let header = header(&range);
            assert_eq!(header[..columns.len()], *columns, "{sheet}");
        }
    });
}

#[test]
fn rows_hold_what_was_measured() {
    written("a.xlsx", &samples(), |path| {
        let mut book: Xlsx<_> = open_workbook(path).unwrap();
        let latencies = book.worksheet_range("latencies").unwrap();
        let rows: Vec<_> = latencies.rows().skip(1).collect();
        assert_eq!(rows.len(), 3);
        assert_eq!(
            numbers(&rows[0][..6]),
            [0.0, 0.0, 1e-6, 2e-6, 1.5, 1.501].map(Some)
        );
        assert_eq!(rows[0][6], Data::String("ok".into()));
        assert_eq!(rows[1][4], Data::Empty, "a lost message has no time");
        assert_eq!(rows[1][6], Data::String("lost".into()));
        assert_eq!(rows[2][6], Data::String("corrupted".into()));
        let timeline = book.worksheet_range("timeline").unwrap();
        assert_eq!(timeline.height(), 3);
        assert_eq!(
            numbers(&timeline.rows().nth(1).unwrap()[..3]),
            [0.0, 2.0, 1.0].map(Some)
        );
        let connections = book.worksheet_range("connections").unwrap();
        assert_eq!(
            numbers(connections.rows().nth(1).unwrap()),
            [0.0, 1.5, 2.0, 1.0, 1000.0].map(Some)
        );
        assert_eq!(numbers(connections.rows().nth(2).unwrap())[1], None);
    });
}

#[test]
fn the_summary_sheet_is_the_json_flattened() {
    written("a.xlsx", &samples(), |path| {
        let mut book: Xlsx<_> = open_workbook(path).unwrap();
        let range = book.worksheet_range("summary").unwrap();
        let value = |key: &str| {
            let row = range.rows().find(|row| row[0] == Data::String(key.into()));
            row.unwrap_or_else(|| panic!("no row {key}"))[1].clone()
        };
        assert_eq!(value("schema"), Data::Float(1.0));
        assert_eq!(
            value("plan.url"),
            Data::String("ws://127.0.0.1:8000/ws".into())
        );
        assert_eq!(value("plan.payload_bytes.max"), Data::Float(4096.0));
        assert_eq!(value("plan.text"), Data::Bool(true));
        assert_eq!(value("plan.duration_s"), Data::Empty);
        assert_eq!(value("messages.lost"), Data::Float(1.0));
        assert_eq!(value("service_time_ns.p50"), Data::Float(1_500_000.0));
        let keys: Vec<_> = range.rows().map(|row| row[0].to_string()).collect();
        assert_eq!(range.width(), 2, "nothing beside key and value");
        assert_eq!(keys[..2], ["key", "validity.verdict"], "the verdict first");
        let rest = keys.iter().position(|k| k == "schema").unwrap();
        assert!(keys[1..rest].iter().all(|k| k.starts_with("validity.")));
        assert_eq!(
            keys[rest..rest + 3],
            ["schema", "tool.name", "tool.version"],
            "all else in the order of the document"
        );
    });
}

/// Writes a run with these shards into a workbook and reads its summary.
fn workbook_of_shards<T>(shards: &ShardsSummary, read: impl FnOnce(&Path) -> T) -> T {
    use crate::read::{RunPart, read_run};
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.xlsx");
    let run = run_of(recorded(&samples()), |s| s.shards = Some(shards.clone()));
    Output::create(&path).unwrap().write(&run).unwrap();
    let saved = read_run(&path, &[RunPart::Summary]).unwrap().summary;
    assert_eq!(saved, run.summary);
    read(&path)
}

#[test]
fn shards_have_a_sheet_behind_the_others_and_are_read_back() {
    workbook_of_shards(&complete_shards(), |path| {
        let book: Xlsx<_> = open_workbook(path).unwrap();
        let names = book.sheet_names();
        assert_eq!(names[names.len() - 2..], ["moving_average", "shards"]);
    });
    workbook_of_shards(&degraded_shards(), |path| {
        let mut book: Xlsx<_> = open_workbook(path).unwrap();
        let sheet = book.worksheet_range("shards").unwrap();
        let columns = [
            "shard",
            "state",
            "host",
            "opened",
            "sent",
            "received",
            "failed",
            "start_skew_ms",
            "through_s",
            "longest_stop_ms",
            "differences",
        ];
        assert_eq!(header(&sheet), columns);
        let row = |n| -> Vec<String> {
            let row: &[Data] = sheet.rows().nth(n).unwrap();
            row.iter().map(ToString::to_string).collect()
        };
        assert_eq!(
            row(1),
            [
                "0", "complete", "node-0", "50", "1500", "1490", "10", "0.04", "", "", ""
            ]
        );
        assert_eq!(
            row(2),
            [
                "1", "died", "node-1", "50", "1500", "1490", "10", "0.09", "2", "", ""
            ]
        );
        let differences = "clients: 10 (20)\ntext: false (true)";
        assert_eq!(
            row(4),
            [
                "3",
                "differing",
                "node-1",
                "",
                "",
                "",
                "",
                "",
                "",
                "",
                differences
            ]
        );
        assert_eq!(row(6), ["5", "missing", "", "", "", "", "", "", "", "", ""]);
        assert_eq!(sheet.height(), 7);
    });
}

#[test]
fn differences_longer_than_a_cell_are_cut() {
    let mut shards = degraded_shards();
    shards.rows[3].differences = vec!["ä".repeat(40_000)];
    let run = run_of(recorded(&[]), |s| s.shards = Some(shards));
    let bytes = xlsx::workbook(&RunView::of(&run).unwrap(), 2)
        .and_then(|mut workbook| workbook.save_to_buffer())
        .unwrap();
    let mut book = Xlsx::new(std::io::Cursor::new(bytes)).unwrap();
    let sheet = book.worksheet_range("shards").unwrap();
    let cell = sheet.get_value((4, 10)).unwrap().to_string();
    assert_eq!(cell.chars().count(), 32_767);
    assert!(cell.ends_with("ä…"));
}

#[test]
fn a_thousand_shards_leave_the_summary_sheet_short() {
    let mut shards = complete_shards();
    (shards.planned, shards.complete) = (1_000, 1_000);
    let row = shards.rows[0].clone();
    shards.rows = (0..1_000)
        .map(|shard| ShardRow {
            shard,
            ..row.clone()
        })
        .collect();
    workbook_of_shards(&shards, |path| {
        let mut book: Xlsx<_> = open_workbook(path).unwrap();
        let keys = book.worksheet_range("summary").unwrap();
        let of_shards = |row: &&[Data]| row[0].to_string().starts_with("shards.");
        let count = keys.rows().filter(of_shards).count();
        assert!((10..40).contains(&count), "{count}");
        assert_eq!(book.worksheet_range("shards").unwrap().height(), 1_001);
    });
}

#[test]
fn steps_beyond_the_end_of_a_sheet_go_on_in_another() {
    let sweep = sweep_run(
        50_000.0,
        &[1_000.0, 2_000.0, 4_000.0, 8_000.0, 9_000.0],
        |_| {},
    );
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.xlsx");
    xlsx::workbook(&RunView::of(&sweep).unwrap(), 2)
        .and_then(|mut workbook| workbook.save(&path))
        .unwrap();
    let mut book: Xlsx<_> = open_workbook(&path).unwrap();
    let names = book.sheet_names();
    let [.., first, second, third] = names.as_slice() else {
        panic!("{names:?}");
    };
    assert_eq!(
        [first, second, third],
        ["load_curve", "load_curve_2", "load_curve_3"]
    );
    assert_eq!(book.worksheet_range(third).unwrap().height(), 2);
    let read = crate::read::read_load_curve(&path).unwrap();
    assert_eq!(read.load_curve, sweep.summary.unwrap().load_curve);
}

#[test]
fn a_key_in_a_systems_own_words_is_written_whole() {
    let mut summary = summary_of(&recorded(&samples()));
    summary.connections.failures = [("refused. Try later.".to_owned(), 3)].into();
    let run = Run {
        summary: Some(summary),
        ..Run::default()
    };
    let bytes = xlsx::workbook(&RunView::of(&run).unwrap(), 2)
        .and_then(|mut workbook| workbook.save_to_buffer())
        .unwrap();
    let mut book = Xlsx::new(std::io::Cursor::new(bytes)).unwrap();
    let range = book.worksheet_range("summary").unwrap();
    let key = Data::String("connections.failures.refused. Try later.".into());
    assert!(
        range
            .rows()
            .any(|row| row == [key.clone(), Data::Float(3.0)])
    );
}

#[test]
fn the_moving_average_is_that_of_the_timed_rows() {
    // One of them is lost, one wrong: neither has a place in the average.
    let mut samples: Vec<_> = (0..52)
        .map(|n| Sample::echoed(0, n, n, n, n + 1_000_000 * n, Outcome::Ok))
        .collect();
    samples.push(Sample::lost(0, 52, 52, 52));
    samples.push(Sample::echoed(
        0,
        53,
        53,
        53,
        9_000_000_000,
        Outcome::Corrupted,
    ));
    written("a.xlsx", &samples, |path| {
        let mut book: Xlsx<_> = open_workbook(path).unwrap();
        let range = book.worksheet_range("moving_average").unwrap();
        let header = header(&range);
        assert_eq!(header, MovingAverageColumn::TITLES);
        assert!(header[2].contains(&schema::MOVING_AVERAGE_WINDOW.to_string()));
        assert_eq!(range.height(), 53);
        let row = |n: usize| numbers(range.rows().nth(n).unwrap());
        assert_eq!(row(49)[2], None, "before the first full window");
        assert_eq!(row(50)[0], Some(50.0));
        assert_eq!(row(50)[2], Some(24.5));
        assert_eq!(
            row(52)[1..7],
            [51e-9, 26.5, 51.0, 51.0, 51.0, 26.5].map(Some)
        );
    });
}

/// The charts of a workbook: the text of each.
fn charts(path: &Path) -> Vec<String> {
    let mut archive = zip::ZipArchive::new(fs::File::open(path).unwrap()).unwrap();
    let text = |n: usize| {
        let entry = archive.by_name(&format!("xl/charts/chart{n}.xml"));
        entry.ok().map(|e| std::io::read_to_string(e).unwrap())
    };
    (1..).map_while(text).collect()
}

#[test]
fn charts_are_native_and_refer_to_the_cells() {
    written("a.xlsx", &samples(), |path| {
        let charts = charts(path);
        // Messages and times of each second, percentiles, the moving average.
        assert_eq!(charts.len(), 4);
        for cells in [
            "percentiles!$B$2:$B$",
            "timeline!$B$2<",
            "timeline!$E$2<",
            "moving_average!$F$2<",
        ] {
            assert!(charts.iter().any(|text| text.contains(cells)), "{cells}");
        }
        let of_one = |text: &&String| text.contains("Service time of each message");
        assert_eq!(charts.iter().filter(of_one).count(), 1, "no average of 50");
    });
    written("a.xlsx", &[], |path| {
        let charts = charts(path);
        assert!(
            charts.iter().all(|text| text.contains("timeline!")),
            "nothing to draw"
        );
    });
}

#[test]
fn samples_go_on_in_the_next_sheet() {
    let run = run_of(recorded(&samples()), |_| {});
    let bytes = xlsx::workbook(&RunView::of(&run).unwrap(), 2)
        .and_then(|mut workbook| workbook.save_to_buffer())
        .unwrap();
    let mut book = Xlsx::new(std::io::Cursor::new(bytes)).unwrap();
    let heights = ["latencies", "latencies_2"].map(|s| book.worksheet_range(s).unwrap().height());
    assert_eq!(heights, [3, 2]);
    assert_eq!(schema::latencies_sheet(2), "latencies_3");
}

/// A run of three messages, each with three deliveries, and of a feed with as many messages.
fn run_with_deliveries() -> Run {
    let mut run = run_of(recorded(&samples()), |s| {
        let row = |second, first_ns| FanOutRow {
            second,
            first_p50_ns: Some(first_ns),
            median_p50_ns: Some(2 * first_ns),
            last_p50_ns: Some(3 * first_ns),
            ..FanOutRow::default()
        };
        let percentiles = [50.0, 99.99].map(|percentile| FanOutPercentiles {
            percentile,
            delivery_time_ns: Some(1_000_000),
            ..FanOutPercentiles::default()
        });
        s.fan_out = Some(FanOutSummary {
            timeline: vec![row(0, 1_000_000), row(1, 2_000_000)],
            percentiles: percentiles.to_vec(),
            ..FanOutSummary::default()
        });
        s.push = Some(PushSummary::default());
    });
    let delivery = DeliverySample {
        publisher: 0,
        message: 0,
        subscriber: 1,
        outcome: DeliveryOutcome::Ok,
        intended_ns: 0,
        sent_ns: 1_000,
        received_ns: 2_000_000,
    };
    run.deliveries = vec![delivery; 3];
    let scenario = ScenarioSummary {
        kinds: vec!["message".to_owned()],
        roles: [("publisher".to_owned(), 2), ("subscriber".to_owned(), 3)].into(),
        rooms: 2,
        ..ScenarioSummary::default()
    };
    run.summary.as_mut().unwrap().scenario = Some(scenario);
    let client = |client| ClientRow {
        client,
        role: Some(u16::from(client > 1)),
        room: Some(if client > 1 { (client - 2) % 2 } else { client }),
        ..client_rows()[1]
    };
    run.clients = Some((0..5).map(client).collect());
    let push = PushSample {
        client: 1,
        seq: 7,
        received_ns: 2_000_000_000,
        gap_ns: Some(1_000_000),
        late_ns: None,
        delay_ns: Some(-2_000_000),
    };
    run.pushes = vec![push; 3];
    run
}

#[test]
fn deliveries_and_pushes_have_sheets_behind_the_others_that_go_on() {
    let run = run_with_deliveries();
    let bytes = xlsx::workbook(&RunView::of(&run).unwrap(), 2)
        .and_then(|mut workbook| workbook.save_to_buffer())
        .unwrap();
    let mut book = Xlsx::new(std::io::Cursor::new(bytes)).unwrap();
    let names = book.sheet_names();
    let behind = names.iter().skip_while(|name| *name != "moving_average");
    assert_eq!(
        behind.collect::<Vec<_>>(),
        [
            "moving_average",
            "fan_out",
            "deliveries",
            "deliveries_2",
            "pushes",
            "pushes_2"
        ]
    );
    let contract: [(&str, &str); 5] = [
        (
            "latencies",
            "client message intended_s sent_s service_time_ms response_time_ms outcome generator_stopped kind \
             first_part_ms expected delivered first_ms median_ms last_ms",
        ),
        (
            "percentiles",
            "percentile service_time_ms response_time_ms one_in delivery_time_ms first_ms median_ms last_ms",
        ),
        (
            "fan_out",
            "second published expected delivered first_p50_ms median_p50_ms last_p50_ms last_p99_ms \
             delivery_p50_ms delivery_p99_ms seconds",
        ),
        (
            "deliveries_2",
            "publisher message subscriber sent_s delivery_time_ms response_time_ms outcome",
        ),
        ("pushes_2", "client seq received_s gap_ms late_ms delay_ms"),
    ];
    let connections = book.worksheet_range("connections").unwrap();
    assert_eq!(header(&connections).last().unwrap(), "room");
    let rooms = connections.rows().skip(1).map(numbers);
    let rooms: Vec<_> = rooms.map(|row| row.last().copied().flatten()).collect();
    // The second role begins with the first room again.
    assert_eq!(rooms, [0.0, 1.0, 0.0, 1.0, 0.0].map(Some));
    for (name, titles) in contract {
        let sheet = book.worksheet_range(name).unwrap();
        assert_eq!(header(&sheet).join(" "), titles, "{name}");
    }
    let summary = book.worksheet_range("summary").unwrap();
    let keys: Vec<_> = summary.rows().map(|row| row[0].to_string()).collect();
    assert!(keys.contains(&"fan_out.published".to_owned()));
    let on_sheets = ["fan_out.timeline", "fan_out.percentiles"];
    assert!(
        !keys
            .iter()
            .any(|key| on_sheets.iter().any(|s| key.starts_with(s)))
    );
    // 99.99 is a percentile of deliveries alone.
    let percentiles = book.worksheet_range("percentiles").unwrap();
    let rows: Vec<_> = percentiles.rows().map(numbers).collect();
    let last = &rows[rows.len() - 2];
    assert_eq!((last[0], last[1], last[4]), (Some(99.99), None, Some(1.0)));
}

#[test]
fn the_seconds_of_deliveries_have_a_chart_of_first_median_and_last() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.xlsx");
    let run = run_with_deliveries();
    Output::create(&path).unwrap().write(&run).unwrap();
    let charts = charts(&path);
    let columns = ["fan_out!$E$2", "fan_out!$F$2", "fan_out!$G$2"];
    let is_it = |chart: &&String| columns.iter().all(|column| chart.contains(column));
    assert_eq!(charts.iter().filter(is_it).count(), 1);
}

#[test]
fn a_run_without_a_single_message_can_be_written() {
    for name in ["a.xlsx", "a.csv", "a.json"] {
        written(name, &[], |path| assert!(path.is_file()));
    }
}

#[test]
fn the_json_is_the_summary() {
    written("a.json", &samples(), |path| {
        let text = fs::read_to_string(path).unwrap();
        let back: Summary = serde_json::from_str(&text).unwrap();
        assert_eq!(back, summary_of(&recorded(&samples())));
        assert!(text.ends_with("}\n"));
    });
}

#[test]
fn endings_are_told_apart() {
    assert_eq!(RunFormat::of(Path::new("a.XLSX")).unwrap(), RunFormat::Xlsx);
    for unknown in ["a", "a.xls", "a.txt", ".xlsx"] {
        let error = RunFormat::of(Path::new(unknown)).unwrap_err();
        assert!(
            error.to_string().contains(".xlsx, .csv, .json or .hlog"),
            "{unknown}"
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn csv_and_workbook_hold_the_same_rows_as_the_samples(
        times in prop::collection::vec((0..u64::MAX / 4, 0..10_000_000_000_u64, any::<bool>()), 1..40),
    ) {
        let samples: Vec<_> = times.iter().enumerate().map(|(n, (sent, service, lost))| {
            let sent = sent % 20_000_000_000;
            if *lost {
                Sample::lost(7, n as u64, sent, sent)
            } else {
                Sample::echoed(7, n as u64, sent, sent, sent + service, Outcome::Ok)
            }
        }).collect();
        let expected = recorded(&samples).samples;
        let from_csv = written("a.csv", &samples, |path| {
            let mut reader = ::csv::Reader::from_path(path).unwrap();
            assert_eq!(reader.headers().unwrap(), schema::LATENCIES_COLUMNS.as_slice());
            reader.records().map(|r| r.unwrap()).map(|r| (r[1].parse::<f64>().unwrap(), r[4].parse::<f64>().ok())).collect::<Vec<_>>()
        });
        let from_xlsx = written("a.xlsx", &samples, |path| {
            let mut book: Xlsx<_> = open_workbook(path).unwrap();
            let range = book.worksheet_range("latencies").unwrap();
            range.rows().skip(1).map(|row| (numbers(row)[1].unwrap(), numbers(row)[4])).collect::<Vec<_>>()
        });
        let wanted: Vec<_> = expected.iter().map(|s| (s.message as f64, s.service_time_ns().map(ms))).collect();
        prop_assert_eq!(&from_csv, &wanted);
        prop_assert_eq!(&from_xlsx, &wanted);
    }
}

/// Writes a run with a scenario of two kinds. Its first sample has a partial reply, and the last one is of the second kind. The
/// setup of the second client failed.
fn written_with_kinds<T>(name: &str, read: impl FnOnce(&Path) -> T) -> T {
    use hdrhistogram::Histogram;
    use measurement::run::ScenarioSummary;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    let mut samples = samples();
    samples[0].first_part_ns = std::num::NonZeroU64::new(125_000);
    samples.last_mut().unwrap().kind = 1;
    let mut run = Run {
        clients: Some(client_rows()),
        ..run_of(recorded(&samples), |_| {})
    };
    let [ready, unready] = &mut run.clients.as_mut().unwrap()[..] else {
        panic!("two clients");
    };
    (ready.ready_ns, ready.role) = (Some(2_500_000), Some(1));
    (unready.setup_step, unready.role) = (Some(3), Some(0));
    run.summary.as_mut().unwrap().scenario = Some(ScenarioSummary {
        name: "chat".to_owned(),
        kinds: vec!["say".to_owned(), "who is".to_owned()],
        roles: ["guest", "host"].map(|role| (role.to_owned(), 1)).into(),
        ..ScenarioSummary::default()
    });
    let tags = ["service.say", "service.who is", "error_reply"];
    run.tagged = tags
        .into_iter()
        .zip(1..)
        .map(|(tag, ms)| {
            let mut histogram = Histogram::new_with_bounds(1, 1 << 40, 3).unwrap();
            histogram.record(ms * 1_000_000).unwrap();
            TaggedHistogram {
                tag: tag.to_owned(),
                histogram,
            }
        })
        .collect();
    Output::create(&path).unwrap().write(&run).unwrap();
    read(&path)
}

#[test]
fn the_rooms_of_clients_are_written_and_read() {
    use crate::read::{RunPart, read_run};
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.xlsx");
    let mut run = run_of(recorded(&samples()), |_| {});
    let mut clients = client_rows();
    clients[1].room = Some(0);
    run.clients = Some(clients);
    let scenario = measurement::run::ScenarioSummary::default();
    run.summary.as_mut().unwrap().scenario = Some(scenario);
    Output::create(&path).unwrap().write(&run).unwrap();
    let mut book: Xlsx<_> = open_workbook(&path).unwrap();
    let sheet = book.worksheet_range("connections").unwrap();
    let columns = ["ready_ms", "role", "setup_step", "room"];
    assert_eq!(header(&sheet)[5..], columns);
    let read = read_run(&path, &[RunPart::Clients]).unwrap().clients;
    let rooms: Vec<_> = read.unwrap().iter().map(|row| row.room).collect();
    assert_eq!(rooms, [None, Some(0)]);
}

#[test]
fn slow_readers_had_the_role_of_the_others() {
    for has_scenario in [true, false] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.xlsx");
        let mut run = run_of(recorded(&samples()), |_| {});
        let mut clients = client_rows();
        clients.iter_mut().for_each(|row| row.role = Some(0));
        clients[1].is_slow = true;
        run.clients = Some(clients);
        let scenario = measurement::run::ScenarioSummary {
            roles: [("client".to_owned(), 2)].into(),
            ..Default::default()
        };
        run.summary.as_mut().unwrap().scenario = has_scenario.then_some(scenario);
        Output::create(&path).unwrap().write(&run).unwrap();
        let mut book: Xlsx<_> = open_workbook(&path).unwrap();
        let sheet = book.worksheet_range("connections").unwrap();
        let role = header(&sheet)
            .iter()
            .position(|title| title == "role")
            .unwrap();
        let roles: Vec<_> = sheet.rows().map(|row| row[role].to_string()).collect();
        let others = if has_scenario { "client" } else { "" };
        assert_eq!(roles, ["role", others, "slow"]);
    }
}

#[test]
fn columns_of_a_scenario_stand_behind_the_others_and_are_read_over() {
    use crate::read::{ColumnRequest, RunPart, read_run, read_times};
    let rows = |path: &Path| {
        // Its vars have no cells in this run.
        let run = read_run(path, &[RunPart::Samples]).unwrap();
        run.samples.unwrap().rows.len()
    };
    let first_parts = |path: &Path| {
        let request = ColumnRequest {
            column: Some("first_part_ms".to_owned()),
            ..ColumnRequest::default()
        };
        read_times(path, &request).unwrap().times.count()
    };
    written_with_kinds("a.csv", |path| {
        let text = fs::read_to_string(path).unwrap();
        let lines: Vec<_> = text.lines().collect();
        let columns = ",generator_stopped,kind,first_part_ms";
        assert!(lines[0].ends_with(columns), "{text}");
        assert!(lines[1].ends_with(",0,say,0.125"), "{text}");
        assert!(lines[3].ends_with(",0,who is,"), "{text}");
        assert_eq!((rows(path), first_parts(path)), (3, 1));
    });
    written_with_kinds("a.xlsx", |path| {
        let mut book: Xlsx<_> = open_workbook(path).unwrap();
        let sheet = book.worksheet_range("latencies").unwrap();
        assert_eq!(header(&sheet)[8..], ["kind", "first_part_ms"]);
        let of_scenario = |row: &[Data]| (row[8].to_string(), row[9].as_f64());
        let cells: Vec<_> = sheet.rows().skip(1).map(of_scenario).collect();
        let expected = [("say", Some(0.125)), ("say", None), ("who is", None)];
        assert_eq!(cells, expected.map(|(kind, ms)| (kind.to_owned(), ms)));
        let clients = book.worksheet_range("connections").unwrap();
        assert_eq!(header(&clients)[5..], ["ready_ms", "role", "setup_step"]);
        let cells = |row| {
            let row: &[Data] = clients.rows().nth(row).unwrap();
            (row[5].as_f64(), row[6].to_string(), row[7].as_f64())
        };
        assert_eq!(cells(1), (Some(2.5), "host".to_owned(), None));
        assert_eq!(cells(2), (None, "guest".to_owned(), Some(3.0)));
        assert_eq!((rows(path), first_parts(path)), (3, 1));
        let read = read_run(path, &[RunPart::Clients]).unwrap().clients;
        let read = read.unwrap();
        assert_eq!(read[0].ready_ns, Some(2_500_000));
        assert_eq!(read[0].room, None);
        assert_eq!((read[0].setup_step, read[1].setup_step), (None, Some(3)));
    });
    // Without a scenario there are no such columns.
    written("b.csv", &samples(), |path| {
        let text = fs::read_to_string(path).unwrap();
        let header = text.lines().next().unwrap();
        assert!(header.ends_with(",generator_stopped"), "{text}");
    });
}

#[test]
fn an_interval_log_has_a_tag_for_each_kind_and_its_own_tags_are_still_found() {
    use crate::read::{ColumnRequest, RunPart, read_run, read_timed_latencies};
    written_with_kinds("a.hlog", |path| {
        let times = |column: Option<&str>| {
            let request = ColumnRequest {
                column: column.map(ToOwned::to_owned),
                ..ColumnRequest::default()
            };
            let found = read_timed_latencies(path, &request).unwrap().column;
            assert!(!found.unit_is_assumed && !found.column_is_guessed);
            (found.name, found.times.count())
        };
        assert_eq!(times(None), ("service time".to_owned(), 1));
        for tag in ["service.say", "service.who_is", "error_reply"] {
            assert_eq!(times(Some(tag)), (tag.to_owned(), 1));
        }
        let run = read_run(path, &[RunPart::Timeline, RunPart::Histograms]).unwrap();
        assert_eq!(run.histograms.unwrap().service.len(), 1);
        let rows = run.timeline.unwrap().rows;
        assert_eq!(rows.iter().map(|row| row.received).sum::<u64>(), 1);
    });
}

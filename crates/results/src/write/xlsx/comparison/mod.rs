//! The workbook of a comparison: the verdict on each figure, every round, each figure by round with a chart, and
//! all other data as keys and values.

mod by_round;
mod figures;
mod rounds;
mod slices;

use std::io::{self, Write};

use measurement::run::comparison::{ComparedFigure, Comparison};
use rust_xlsxwriter::{Workbook, Worksheet, XlsxError};

use super::failing_once::FailingOnce;
use super::{XlsxResult, key_value_sheet, new_workbook};
use crate::schema::{
    BY_ROUND_SHEETS, CAPACITY_BY_ROUND, COMPARISON_SHEET, CellFormat, SheetColumn,
};

pub(in crate::write) fn write(comparison: &Comparison, file: impl Write + Send) -> io::Result<()> {
    workbook(comparison)
        .and_then(|mut workbook| workbook.save_to_writer(FailingOnce::new(file)))
        .map_err(io::Error::other)
}

fn workbook(c: &Comparison) -> Result<Workbook, XlsxError> {
    let names: Vec<&str> = c.servers.iter().map(|s| s.name.as_str()).collect();
    let mut workbook = new_workbook(
        "Comparison of WebSocket servers".to_owned(),
        // Room enough for names, and less than a property may have.
        names.join(", ").chars().take(200).collect(),
        &c.tool,
        &c.started_at,
    );
    figures::write(workbook.add_worksheet(), c)?;
    rounds::write(workbook.add_worksheet(), c)?;
    for (name, figure) in BY_ROUND_SHEETS {
        by_round::write(workbook.add_worksheet(), c, name, figure)?;
    }
    // A comparison always has a JSON form.
    let mut rest = serde_json::to_value(c).unwrap_or_default();
    if let Some(object) = rest.as_object_mut() {
        object.retain(|key, _| key != "rounds" && key != "figures");
    }
    let sheet = workbook.add_worksheet();
    key_value_sheet::write(sheet, COMPARISON_SHEET, &rest, c.validity.verdict)?;
    slices::write(&mut workbook, c)?;
    let (name, figure) = CAPACITY_BY_ROUND;
    if c.rounds.iter().any(|row| row.capacity_under_slo.is_some()) {
        by_round::write(workbook.add_worksheet(), c, name, figure)?;
    }
    Ok(workbook)
}

/// Unit of a figure's column, number of the figure's own units in one such unit, and format. Times are in milliseconds.
fn column_unit(figure: ComparedFigure) -> (&'static str, f64, CellFormat) {
    match figure.unit() {
        "ns" => ("ms", 1e6, CellFormat::Thousandths),
        unit => (unit, 1.0, CellFormat::Count),
    }
}

/// Sets the width of a column to that of its server names, and at least to that of its title.
fn fit_names(sheet: &mut Worksheet, column: impl SheetColumn, c: &Comparison) -> XlsxResult {
    let longest = c.servers.iter().map(|s| s.name.chars().count()).max();
    let width = longest.unwrap_or(0).clamp(12, 40) + 2;
    sheet.set_column_width(column.at(), super::row(width))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Cursor, Read};

    use calamine::{Data, Reader, Xlsx};
    use measurement::run::comparison::{
        AgainstReference, CandidateRow, ComparedFigure, Comparison, ComparisonPlan,
        ComparisonVerdict, FigureOfServer, FigureRow, KIND, RoundRow, RunRow, RunSlices, SCHEMA,
        SearchRow, SliceRow, SliceSpread, Steadiness, set_slice_ratios,
    };
    use measurement::run::{CapacitySummary, ScenarioSummary, SearchEnd};
    use measurement::verdict::Verdict;

    use crate::schema::{ComparedColumn, RoundColumn, SheetColumn, SliceColumn};
    use test_support::fixtures::{found_capacity, recorded, summary_of};

    /// A name that a spreadsheet would read as a cell reference.
    const LIKE_A_CELL: &str = "rounds!A1";

    /// Three rounds of two servers; the last of the second one failed.
    fn compared() -> Comparison {
        let summary = summary_of(&recorded(&[]));
        let names = ["base", LIKE_A_CELL];
        let slice = |cycle| SliceRow {
            cycle,
            messages_per_s: 200.0,
            p50_ns: Some(2_500_000.0),
            ..SliceRow::default()
        };
        let run = |n: u32| RunRow {
            verdict: Verdict::Valid,
            reasons: Vec::new(),
            timed_messages: 1_000,
            failed_messages: 0,
            elapsed_s: 1.0,
            steadiness: Steadiness::Steady,
            cut_s: Some(0.25),
            messages_per_s: 10_000.0 + f64::from(n),
            p50_ns: Some(1_500_000.0),
            p99_ns: Some(2_500_000.0),
            p99_9_ns: None,
            server_cpu_s: Some(0.5),
            messages_per_cpu_s: Some(20_000.0),
            slices: Some(RunSlices {
                slice_s: 0.05,
                settle_s: 0.005,
                measured: 3,
                left_out: 1,
                disturbed: 1,
                first_reason: None,
                background_cpu_share: Some(0.125),
                held: n == 3,
                paused: 2,
                response_p50_of_halves_ns: None,
                kept: [1, 3].map(slice).into(),
            }),
            deliveries: None,
            connections: None,
        };
        let round = |n: u32, server: &str| RoundRow {
            round: n,
            server: server.into(),
            turn: 1,
            seed: 7,
            ready_s: Some(0.125),
            failure: (n == 3 && server != "base").then(|| "it did not start".into()),
            throughput: Some(run(n)),
            latency: Some(run(n)),
            memory_per_connection_bytes: Some(4_096.0),
            capacity_under_slo: None,
        };
        let contender = |name: &str| CandidateRow {
            name: name.into(),
            command: None,
            url: "ws://127.0.0.1:8000/ws".into(),
            files: Vec::new(),
            policy: None,
            pilot_messages_per_s: None,
            excluded: None,
            notes: Vec::new(),
        };
        let of_server = |server: &str| FigureOfServer {
            server: server.into(),
            median: Some(1_500_000.0),
            rounds: 3,
        };
        let against = AgainstReference {
            server: LIKE_A_CELL.into(),
            reference: "base".into(),
            rounds: 2,
            ratio: Some(1.25),
            low: Some(1.125),
            high: None,
            level: None,
            verdict: ComparisonVerdict::CannotTell,
            text: "they do not say".into(),
            more_rounds: Some(4),
            longer_runs: Some(2.5),
            slices: Some(SliceSpread {
                pairs: 80,
                within_rounds: 0.02,
                between_rounds: 0.01,
                between_share: 0.75,
            }),
        };
        let mut rounds: Vec<RoundRow> = (1..=3).flat_map(|n| names.map(|s| round(n, s))).collect();
        set_slice_ratios(&mut rounds, "base");
        Comparison {
            schema: SCHEMA,
            kind: KIND.into(),
            tool: summary.tool,
            host: summary.host,
            started_at: summary.started_at,
            elapsed_s: 12.5,
            plan: ComparisonPlan {
                load: summary.plan,
                rate_per_s: None,
                rate_was_found: false,
                rounds: 3,
                until_sure_percent: None,
                max_rounds: 3,
                seed: 5,
                confidence: 0.95,
                figures: ComparedFigure::ALL.to_vec(),
                reference: "base".into(),
                server_cores: Vec::new(),
                generator_cores: Vec::new(),
                gate: None,
                slice_s: None,
                budget_s: None,
            },
            servers: names.map(contender).into(),
            rounds,
            figures: vec![FigureRow {
                figure: ComparedFigure::ResponseP50,
                unit: ComparedFigure::ResponseP50.unit().into(),
                servers: names.map(of_server).into(),
                against: vec![against],
            }],
            outliers: Vec::new(),
            conditions: Vec::new(),
            validity: summary.validity,
            interrupted: false,
            scenario: Some(ScenarioSummary {
                name: "chat".to_owned(),
                ..ScenarioSummary::default()
            }),
        }
    }

    /// A cell with the verdict was reported as a wrong time.
    #[test]
    fn a_comparison_is_not_read_as_times_unless_a_column_is_chosen() {
        use crate::read::{ColumnRequest, RunPart, read_run, read_times};
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("c.xlsx");
        std::fs::write(&path, written(&compared())).unwrap();
        let said = |error: crate::ResultsError| error.to_string();
        let times = said(read_times(&path, &ColumnRequest::default()).unwrap_err());
        let run = said(read_run(&path, &[RunPart::Summary]).unwrap_err());
        assert!(
            times.contains("is a comparison that ws-compare wrote"),
            "{times}"
        );
        assert_eq!(times, run);
        let chosen = ColumnRequest {
            sheet: Some("rounds".to_owned()),
            column: Some("round".to_owned()),
            ..ColumnRequest::default()
        };
        assert!(read_times(&path, &chosen).is_ok());
    }

    #[test]
    fn searches_have_columns_and_a_sheet_behind_the_others() {
        let mut searched = compared();
        for row in &mut searched.rounds {
            row.capacity_under_slo = Some(SearchRow {
                verdict: Verdict::Suspect,
                reasons: Vec::new(),
                found: CapacitySummary {
                    rate_per_s: Some(41_000.0 + f64::from(row.round)),
                    low_per_s: 40_000.0,
                    high_per_s: f64::INFINITY,
                    at_least: true,
                    from_above_per_s: Some(39_000.0),
                    ended_by: SearchEnd::Budget,
                    ..found_capacity()
                },
            });
        }
        let mut book = Xlsx::new(Cursor::new(written(&searched))).unwrap();
        let names = book.sheet_names();
        assert_eq!(names.last().unwrap(), "capacity_under_slo");
        let mut rows = |sheet: &str| -> Vec<Vec<Data>> {
            let range = book.worksheet_range(sheet).unwrap();
            range.rows().map(<[Data]>::to_vec).collect()
        };
        let first = &rows("rounds")[1];
        let [text, n] = [Data::String("suspect".into()), Data::Float(41_001.0)];
        let columns = [
            text,
            n.clone(),
            Data::Float(40_000.0),
            Data::Empty,
            Data::Float(39_000.0),
            Data::Bool(false),
            Data::Bool(true),
            Data::String("budget".into()),
        ];
        let at = RoundColumn::SearchVerdict as usize;
        assert_eq!(first[at..at + columns.len()], columns);
        let by_round = rows("capacity_under_slo");
        assert_eq!(by_round[1], [Data::Float(1.0), n.clone(), n]);
        // The last round of the second server failed.
        assert_eq!(by_round[3][2], Data::Empty);
    }

    fn written(comparison: &Comparison) -> Vec<u8> {
        let mut file = Cursor::new(Vec::new());
        write(comparison, &mut file).unwrap();
        file.into_inner()
    }

    /// A part of a workbook as text; `None` where there is none of this name.
    fn part(book: &[u8], name: &str) -> Option<String> {
        let mut archive = zip::ZipArchive::new(Cursor::new(book)).unwrap();
        let mut text = String::new();
        archive
            .by_name(name)
            .ok()?
            .read_to_string(&mut text)
            .unwrap();
        Some(text)
    }

    #[test]
    fn cells_hold_what_was_compared() {
        let mut book = Xlsx::new(Cursor::new(written(&compared()))).unwrap();
        assert_eq!(
            book.sheet_names(),
            [
                "figures",
                "rounds",
                "throughput",
                "response_p50",
                "response_p99",
                "comparison",
                "slices"
            ]
        );
        let mut rows = |sheet: &str| -> Vec<Vec<Data>> {
            let range = book.worksheet_range(sheet).unwrap();
            range.rows().map(<[Data]>::to_vec).collect()
        };
        let text = |text: &str| Data::String(text.into());
        let n = Data::Float;
        let titles = |titles: &[&str]| -> Vec<Data> { titles.iter().map(|t| text(t)).collect() };
        let figures = rows("figures");
        assert_eq!(figures[0], titles(ComparedColumn::TITLES));
        assert_eq!(
            figures[2],
            [
                text("response_p50"),
                text("ms"),
                text(LIKE_A_CELL),
                n(1.5),
                n(3.0),
                text("base"),
                n(1.25),
                n(1.125),
                Data::Empty,
                text("inconclusive"),
                text("they do not say"),
                n(4.0),
                n(2.5),
                n(80.0),
                n(0.02),
                n(0.01),
                n(0.75),
            ]
        );
        let rounds = rows("rounds");
        assert_eq!(rounds[0], titles(RoundColumn::TITLES));
        assert_eq!(rounds.len(), 1 + 6);
        let run = |n: f64| {
            [
                text("valid"),
                Data::Float(0.25),
                Data::Float(10_000.0 + n),
                Data::Float(1.5),
                Data::Float(2.5),
                Data::Empty,
                Data::Float(0.0),
            ]
        };
        let mut last = vec![n(3.0), n(1.0), text(LIKE_A_CELL), n(0.125)];
        last.extend(run(3.0));
        last.extend(run(3.0));
        last.extend([n(20_000.0), n(4_096.0), text("it did not start")]);
        last.extend([n(2.0), n(1.0), n(5.0), n(2.0), n(1.0), n(5.0), n(0.125)]);
        last.extend(vec![Data::Empty; 8]);
        last.extend([n(1.0), n(2.0), n(1.0), n(2.0), Data::Bool(true)]);
        assert_eq!(rounds[6], last);
        assert_eq!(rounds[1].last(), Some(&Data::Bool(false)));
        let by_round = rows("throughput");
        assert_eq!(by_round[0], titles(&["round", "base", LIKE_A_CELL]));
        assert_eq!(by_round[2], [n(2.0), n(10_002.0), n(10_002.0)]);
        assert_eq!(by_round[3], [n(3.0), n(10_003.0), Data::Empty]);
        assert_eq!(rows("response_p99")[1], [n(1.0), n(2.5), n(2.5)]);
        let rest = rows("comparison");
        let value = |key: &str| {
            let row = rest.iter().find(|row| row[0] == text(key));
            row.map(|row| row[1].clone())
        };
        assert_eq!(rest[1][0], text("validity.verdict"), "the verdict first");
        assert_eq!(value("servers.1.name"), Some(text(LIKE_A_CELL)));
        assert_eq!(value("plan.confidence"), Some(n(0.95)));
        assert_eq!(value("interrupted"), Some(Data::Bool(false)));
        assert_eq!(
            value("scenario.name"),
            Some(Data::String("chat".to_owned()))
        );
        assert_eq!(value("rounds.0.round"), None, "it has a sheet of its own");
        let slices = rows("slices");
        assert_eq!(slices[0], titles(SliceColumn::TITLES));
        // Of each of six rows two slices of two runs.
        assert_eq!(slices.len(), 1 + 24);
        let slice = |server: &str, p50: Data| {
            vec![
                n(1.0),
                text("capacity"),
                n(3.0),
                text(server),
                n(200.0),
                p50,
            ]
        };
        assert_eq!(slices[2][..6], slice("base", n(2.5)));
        assert_eq!(slices[2][6..], [Data::Empty, Data::Empty]);
        assert_eq!(slices[6][..6], slice(LIKE_A_CELL, n(2.5)));
        assert_eq!(slices[6][6..], [n(1.0), n(1.0)]);
    }

    #[test]
    fn without_slices_there_is_no_sheet_of_them() {
        let mut comparison = compared();
        for row in &mut comparison.rounds {
            for run in [&mut row.throughput, &mut row.latency] {
                run.as_mut().unwrap().slices = None;
            }
        }
        let book = Xlsx::new(Cursor::new(written(&comparison))).unwrap();
        assert!(!book.sheet_names().contains(&"slices".to_owned()));
    }

    #[test]
    fn every_sheet_has_the_looks_of_a_run_s() {
        let book = written(&compared());
        for sheet in 1..=6 {
            let text = part(&book, &format!("xl/worksheets/sheet{sheet}.xml")).unwrap();
            for looks in ["<pane ySplit=\"1\"", "<autoFilter ", "paperSize=\"9\""] {
                assert!(text.contains(looks), "{looks} of sheet {sheet}");
            }
        }
    }

    #[test]
    fn a_chart_for_each_figure_by_round_takes_its_names_from_the_header() {
        let book = written(&compared());
        let charts: Vec<_> = (1..)
            .map_while(|n| part(&book, &format!("xl/charts/chart{n}.xml")))
            .collect();
        let sheets = ["throughput", "response_p50", "response_p99"];
        assert_eq!(charts.len(), sheets.len());
        for (chart, sheet) in charts.iter().zip(sheets) {
            for cells in ["$A$2:$A$4", "$B$2:$B$4", "$C$2:$C$4", "$B$1", "$C$1"] {
                assert!(chart.contains(&format!("<c:f>{sheet}!{cells}</c:f>")));
            }
            assert_eq!(chart.matches("<c:ser>").count(), 2);
            assert!(chart.contains("<c:majorUnit val=\"1\"/>"), "no half rounds");
        }
    }

    #[test]
    fn a_round_between_two_without_a_value_is_seen() {
        let mut comparison = compared();
        let last = comparison.rounds[0].clone();
        comparison.rounds.push(RoundRow { round: 99, ..last });
        let chart = part(&written(&comparison), "xl/charts/chart1.xml").unwrap();
        assert_eq!(chart.matches("<c:symbol val=\"circle\"/>").count(), 2);
    }

    #[test]
    fn without_a_single_value_there_is_no_chart() {
        let mut comparison = compared();
        comparison.rounds.clear();
        assert_eq!(part(&written(&comparison), "xl/charts/chart1.xml"), None);
    }
}

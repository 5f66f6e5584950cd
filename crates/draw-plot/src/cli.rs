//! The command line: files in, one picture out.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use anyhow::bail;
use clap::error::ErrorKind;
use clap::{CommandFactory, Parser};
use cli::{Choice, one_of};
use draw_plot::{
    Data, Labelled, MAX_SERIES, Options, PictureInput, PictureKind, Size, Theme, check_ending,
    load, window_for,
};
use results::atomic_file::is_same_file;
use results::read::{ColumnRequest, DecimalSign, Latencies, Metric, TimeUnit};
use units::{UnitError, grouped, parse_positive};

use crate::flag_advice::{with_advice, with_correction};

/// Draws the latencies in a file: each message, their distribution, or their course over time
///
/// Reads the files of ws-bench (.xlsx, .csv, .json, .hlog) and columns of times from other .xlsx, .xls, .ods, .csv,
/// JSON and .hgrm files. Several files are overlaid. Heatmaps of several files stand one above the other.
#[derive(Debug, Parser)]
#[command(version, max_term_width = 100)]
#[command(after_help = "\
Examples:
  draw-plot latencies.xlsx                     latencies.png in the same folder
  draw-plot before.hlog after.hlog --kind percentiles -o both.svg
  draw-plot latencies.xlsx -w 1000 --metric response --theme dark
  draw-plot old.csv --column rtt --unit us     a file of another program
  draw-plot cost.csv --x connections           one column against another

Exit codes:
  0  success
  1  a file could not be read or drawn; nothing was written
  2  wrong usage")]
pub(crate) struct PlotArgs {
    /// Files to draw, each in its own colour (example: latencies.xlsx)
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,

    /// Picture to write, .png or .svg [default: the first file's name with .png] (example: run.svg)
    #[arg(short, long, value_name = "FILE", help_heading = PICTURE)]
    output: Option<PathBuf>,

    /// Number of messages in the moving average, not in flight as with `ws-bench -w`; 1 draws the messages alone
    /// [default: 50, or the number of messages if it is smaller] (example: 1000)
    #[arg(short, long, value_name = "N", value_parser = parse_window, help_heading = PICTURE)]
    window: Option<NonZeroUsize>,

    /// Kind of picture (example: percentiles)
    #[arg(long, value_parser = one_of(&KINDS), default_value = "latency", help_heading = PICTURE)]
    kind: PictureKind,

    /// Time to draw if a file holds both; percentiles and timeline show both unless this is `response` [default: service;
    /// response in a load curve] (example: response)
    #[arg(long, value_parser = one_of(&METRICS), help_heading = READING)]
    metric: Option<Metric>,

    /// Sheet to read [default: `latencies`, else the first with numbers] (example: Sheet1)
    #[arg(long, value_name = "NAME", help_heading = READING)]
    sheet: Option<String>,

    /// Column of times, by name or letter [default: found by name] (example: latency)
    #[arg(long, value_name = "NAME", help_heading = READING)]
    column: Option<String>,

    /// Column for the horizontal axis, by name or letter, in place of the send order. Each row is a marker. Up to about
    /// a hundred rows are joined by a line (example: connections)
    #[arg(long, value_name = "NAME", conflicts_with = "window", help_heading = READING)]
    x: Option<String>,

    /// Unit of the numbers [default: that of the column's name, else ms] (example: us)
    #[arg(long, value_parser = one_of(&UNITS), help_heading = READING)]
    unit: Option<TimeUnit>,

    /// Decimal separator in text files [default: detected from all numbers of the file] (example: comma)
    #[arg(long, value_name = "SIGN", value_parser = one_of(&SIGNS), help_heading = READING)]
    decimal: Option<DecimalSign>,

    /// Leave out cells that do not hold a time, and report their number. Words such as N/A are always left out
    #[arg(long, help_heading = READING)]
    skip_invalid: bool,

    /// Heading [default: URL, clients and payload size of the run] (example: 'Before the change')
    #[arg(long, value_name = "TEXT", help_heading = PICTURE)]
    title: Option<String>,

    /// Width and height of the picture in pixels, not the payload as with `ws-bench --size` (example: 1920x1080)
    #[arg(long, value_name = "WxH", default_value = "1280x720", help_heading = PICTURE)]
    size: Size,

    /// Logarithmic axis of times; in a histogram, logarithmic axis of counts
    #[arg(long, help_heading = PICTURE)]
    log: bool,

    /// Colours (example: dark)
    #[arg(long, value_parser = one_of(&THEMES), default_value = "light", help_heading = PICTURE)]
    theme: Theme,
}

const KINDS: [Choice<PictureKind>; 9] = [
    (
        "latency",
        "Time of each message, in order of sending, and their moving average",
        PictureKind::Latency,
    ),
    (
        "histogram",
        "Number of messages per time, in logarithmic bins",
        PictureKind::Histogram,
    ),
    ("cdf", "Share of messages up to each time", PictureKind::Cdf),
    (
        "percentiles",
        "Times over percentiles; 90 %, 99 %, 99.9 % … are equally spaced",
        PictureKind::Percentiles,
    ),
    (
        "timeline",
        "Throughput and times of each second",
        PictureKind::Timeline,
    ),
    (
        "heatmap",
        "Number of messages per latency and send time; intended send time for response times",
        PictureKind::Heatmap,
    ),
    (
        "fan-out",
        "Delivery times of first, median and last receiver of each second, and share of receivers reached",
        PictureKind::FanOut,
    ),
    (
        "storm",
        "Share of connections that are up, and attempts to reconnect and their failures per second",
        PictureKind::Storm,
    ),
    (
        "load-curve",
        "Response time over offered rate, and the capacity of a search",
        PictureKind::LoadCurve,
    ),
];

const METRICS: [Choice<Metric>; 2] = [
    ("service", "Received minus sent", Metric::ServiceTime),
    ("response", "Received minus intended", Metric::ResponseTime),
];

const UNITS: [Choice<TimeUnit>; 6] = [
    ("ns", "", TimeUnit::Nanoseconds),
    ("us", "", TimeUnit::Microseconds),
    ("ms", "", TimeUnit::Milliseconds),
    ("s", "", TimeUnit::Seconds),
    ("min", "", TimeUnit::Minutes),
    ("h", "", TimeUnit::Hours),
];

const SIGNS: [Choice<DecimalSign>; 2] = [
    ("point", "1,049.5", DecimalSign::Point),
    ("comma", "1.049,5", DecimalSign::Comma),
];

const THEMES: [Choice<Theme>; 2] = [("light", "", Theme::Light), ("dark", "", Theme::Dark)];

const PICTURE: &str = "Picture";
const READING: &str = "Reading";

fn parse_window(text: &str) -> Result<NonZeroUsize, UnitError> {
    parse_positive(text, u64::from(u32::MAX))
}

impl PlotArgs {
    /// Checks the file names and the combination of flags, which clap cannot check.
    pub(crate) fn validate(self) -> Result<Self, clap::Error> {
        let wrong_use = |message| Self::command().error(ErrorKind::ValueValidation, message);
        check_ending(&self.output()).map_err(|e| wrong_use(e.to_string()))?;
        let count = self.files.len();
        let too_many =
            || format!("{count} files given: at most {MAX_SERIES} have colours of their own");
        let problem = self.meaningless_flag();
        match problem.or_else(|| (count > MAX_SERIES).then(too_many)) {
            Some(message) => Err(wrong_use(message)),
            None => Ok(self),
        }
    }

    /// The error about a flag that has no meaning for the requested kind of picture.
    fn meaningless_flag(&self) -> Option<String> {
        if self.kind == PictureKind::Latency {
            return None;
        }
        let (name, ..) = KINDS.iter().find(|(.., kind)| *kind == self.kind)?;
        // These pictures need several columns that only files of ws-bench have.
        let is_ours = matches!(
            self.kind,
            PictureKind::Timeline
                | PictureKind::Heatmap
                | PictureKind::FanOut
                | PictureKind::Storm
                | PictureKind::LoadCurve
        );
        let average = format!("cannot be used with --kind {name}, which has no moving average");
        let x = format!("cannot be used with --kind {name}: it is a kind of picture by itself");
        let foreign = format!(
            "cannot be used with --kind {name}: it is for files of other programs, which --kind {name} cannot draw"
        );
        let from_sent =
            format!("cannot be used with --kind {name}, whose times count from sending");
        let without_times =
            format!("cannot be used with --kind {name}, which draws no times of messages");
        let only_response = format!(
            "cannot be used with --kind {name}: a file holds response times over offered rates, and no service times"
        );
        let is_load_curve = self.kind == PictureKind::LoadCurve;
        let is_service = self.metric == Some(Metric::ServiceTime);
        let is_fan_out = self.kind == PictureKind::FanOut;
        let is_storm = self.kind == PictureKind::Storm;
        let is_response = self.metric == Some(Metric::ResponseTime);
        let flags = [
            ("--metric response", is_fan_out && is_response, &from_sent),
            ("--metric response", is_storm && is_response, &without_times),
            (
                "--metric service",
                is_load_curve && is_service,
                &only_response,
            ),
            ("--window", self.window.is_some(), &average),
            ("--x", self.x.is_some(), &x),
            ("--sheet", is_ours && self.sheet.is_some(), &foreign),
            ("--column", is_ours && self.column.is_some(), &foreign),
            ("--unit", is_ours && self.unit.is_some(), &foreign),
            ("--decimal", is_ours && self.decimal.is_some(), &foreign),
            ("--skip-invalid", is_ours && self.skip_invalid, &foreign),
        ];
        let (flag, _, reason) = flags
            .iter()
            .find(|(_, is_meaningless, _)| *is_meaningless)?;
        Some(format!("{flag} {reason}"))
    }

    fn output(&self) -> PathBuf {
        let first = || self.files.first().map(|file| file.with_extension("png"));
        self.output.clone().or_else(first).unwrap_or_default()
    }

    /// Reads, draws, and reports on standard error what was drawn.
    pub(crate) fn run(&self) -> anyhow::Result<()> {
        let output = self.output();
        if let Some(file) = self.files.iter().find(|file| is_same_file(file, &output)) {
            let file = file.display();
            bail!("{file} is an input file: name another file for the picture with -o");
        }
        let request = ColumnRequest {
            metric: self.metric.unwrap_or_default(),
            sheet: self.sheet.clone(),
            column: self.column.clone(),
            unit: self.unit,
            decimal: self.decimal,
            skip_invalid: self.skip_invalid,
            x: self.x.clone(),
        };
        let loaded = load(self.kind, &self.files, &request).map_err(with_advice)?;
        for notice in &loaded.notices {
            eprintln!("notice: {}", with_correction(notice));
        }
        let options = Options {
            title: self.title.clone(),
            window: self.window,
            size: self.size,
            log: self.log,
            theme: self.theme,
        };
        loaded.draw(&output, &options)?;
        let (output, detail) = (output.display(), self.detail(&loaded));
        let what = loaded.descriptions.join(", ");
        eprintln!("drew {output}: {what}{detail}");
        Ok(())
    }

    /// The processing of the data: `, moving average of 50`.
    fn detail(&self, loaded: &PictureInput) -> String {
        match &loaded.data {
            Data::Latency(series) => {
                describe_average(window_for(self.window, series).get(), series)
            }
            Data::Xy { x_name, .. } => format!(", against {x_name}"),
            _ => String::new(),
        }
    }
}

fn describe_average(window: usize, series: &[Labelled<Latencies>]) -> String {
    if window == 1 {
        return ", no moving average".to_owned();
    }
    let whole = series.iter().find(|one| one.values_ms.len() == window);
    let note = whole.map_or_else(String::new, |one| {
        let label = &one.label;
        format!(" (only a point, because {label} has no more messages; a smaller -w draws a line)")
    });
    format!(", moving average of {}{note}", grouped(window as u64))
}

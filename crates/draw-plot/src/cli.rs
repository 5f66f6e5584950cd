//! The command line: files in, one picture out.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use anyhow::bail;
use clap::{CommandFactory, Parser, ValueEnum};
use draw_plot::{
    Data, MAX_SERIES, Options, PictureInput, PictureKind, Series, Size, Theme, check_ending, load,
    window_for,
};
use results::atomic_file::is_same_file;
use results::read::{ColumnRequest, Metric, TimeUnit};
use units::{grouped, parse_positive};

use crate::flag_advice::with_advice;

/// Draws the latencies of a run: each message, their distribution, or what happened when
///
/// Reads the files of ws-bench (.xlsx, .csv, .json, .hlog), and columns of times from anybody's
/// .xlsx, .xls, .ods or .csv. Several files are overlaid; the heatmaps of several stand above each
/// other.
#[derive(Debug, Parser)]
#[command(version, max_term_width = 100)]
#[command(after_help = "\
Examples:
  draw-plot latencies.xlsx                     latencies.png, beside it
  draw-plot before.hlog after.hlog --kind percentiles -o both.svg
  draw-plot latencies.xlsx -w 1000 --metric response --theme dark
  draw-plot old.csv --column rtt --unit us     a file that is not ours
  draw-plot cost.csv --x connections           a line against another column

Exit codes:
  0  drawn
  1  a file could not be read or drawn, and nothing was written
  2  usage")]
pub(crate) struct Args {
    /// Files to draw, one colour each (example: latencies.xlsx)
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,

    /// Picture to write, .png or .svg [default: the first file's name with .png] (example: run.svg)
    #[arg(short, long, value_name = "FILE", help_heading = PICTURE)]
    output: Option<PathBuf>,

    /// Messages that each average is the mean of; 1 draws the messages themselves [default: 50, or
    /// all there are where they are fewer] (example: 1000)
    #[arg(short, long, value_name = "N", value_parser = parse_window, help_heading = PICTURE)]
    window: Option<NonZeroUsize>,

    /// What the picture shows (example: percentiles)
    #[arg(long, value_enum, default_value = "latency", help_heading = PICTURE)]
    kind: KindName,

    /// Which time, where a file holds both; percentiles and timeline show both unless it is the
    /// response time (example: response)
    #[arg(long, value_enum, default_value = "service", help_heading = READING)]
    metric: MetricName,

    /// Only this sheet [default: `latencies`, else the first with numbers] (example: Sheet1)
    #[arg(long, value_name = "NAME", help_heading = READING)]
    sheet: Option<String>,

    /// Column of times, by its name or letter [default: found by its name] (example: latency)
    #[arg(long, value_name = "NAME", help_heading = READING)]
    column: Option<String>,

    /// Draw against the numbers of this column, by its name or letter, instead of in order of
    /// sending: a marker for each row, and a line through them in the order of that column; more than
    /// about a hundred rows (at the usual size) in which it goes back and forth stay a cloud of markers
    /// (example: connections)
    #[arg(long, value_name = "NAME", conflicts_with = "window", help_heading = READING)]
    x: Option<String>,

    /// Unit of the numbers [default: what the column's name says, else ms] (example: us)
    #[arg(long, value_enum, help_heading = READING)]
    unit: Option<UnitName>,

    /// Heading [default: URL, clients and payload size of the run] (example: 'Before the change')
    #[arg(long, value_name = "TEXT", help_heading = PICTURE)]
    title: Option<String>,

    /// Width and height in pixels (example: 1920x1080)
    #[arg(long, value_name = "WxH", default_value = "1280x720", help_heading = PICTURE)]
    size: Size,

    /// Logarithmic axis of times: shows outliers and body together; in a histogram, whose times
    /// always have one, of its counts
    #[arg(long, help_heading = PICTURE)]
    log: bool,

    /// Colours (example: dark)
    #[arg(long, value_enum, default_value = "light", help_heading = PICTURE)]
    theme: ThemeName,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum KindName {
    /// Time of each message, in order of sending, and their moving average
    Latency,
    /// How many messages took how long, in logarithmic bins
    Histogram,
    /// Which share of the messages took at most how long
    Cdf,
    /// Times over percentiles; each further nine (90 %, 99 %, 99.9 % …) is as wide as the one before it
    Percentiles,
    /// Throughput and times of each second
    Timeline,
    /// How many messages took how long, over the time at which they were sent; of response times, at
    /// which they were due
    Heatmap,
}

impl KindName {
    fn kind(self) -> PictureKind {
        match self {
            Self::Latency => PictureKind::Latency,
            Self::Histogram => PictureKind::Histogram,
            Self::Cdf => PictureKind::Cdf,
            Self::Percentiles => PictureKind::Percentiles,
            Self::Timeline => PictureKind::Timeline,
            Self::Heatmap => PictureKind::Heatmap,
        }
    }
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum MetricName {
    /// Received minus sent
    Service,
    /// Received minus intended
    Response,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum UnitName {
    Ns,
    Us,
    Ms,
    S,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum ThemeName {
    Light,
    Dark,
}

const PICTURE: &str = "Picture";
const READING: &str = "Reading";

fn parse_window(text: &str) -> Result<NonZeroUsize, String> {
    let window: u64 = parse_positive(text, u64::from(u32::MAX)).map_err(|e| e.to_string())?;
    usize::try_from(window)
        .ok()
        .and_then(NonZeroUsize::new)
        .ok_or_else(|| format!("`{text}` is too large"))
}

impl Args {
    /// What clap cannot check by itself.
    pub(crate) fn checked(self) -> Result<Self, clap::Error> {
        let wrong_use = |message: String| {
            Self::command().error(clap::error::ErrorKind::ValueValidation, message)
        };
        check_ending(&self.output()).map_err(|e| wrong_use(e.to_string()))?;
        if let Some(message) = self.without_meaning() {
            return Err(wrong_use(message));
        }
        if self.files.len() > MAX_SERIES {
            return Err(wrong_use(format!(
                "{} files given: at most {MAX_SERIES} can be told apart",
                self.files.len()
            )));
        }
        Ok(self)
    }

    /// Why a flag says nothing about the kind of picture that was asked for.
    fn without_meaning(&self) -> Option<String> {
        let kind = self.kind.kind();
        let name = kind.name();
        if kind == PictureKind::Latency {
            return None;
        }
        if self.window.is_some() {
            return Some(format!(
                "--window is of --kind latency: a {name} picture has no moving average"
            ));
        }
        if self.x.is_some() {
            return Some(format!(
                "--x is a kind of picture by itself and cannot be used with --kind {name}"
            ));
        }
        // These are made from several columns that only files of ours have.
        let is_ours = matches!(kind, PictureKind::Timeline | PictureKind::Heatmap);
        let of_columns = [
            ("--sheet", self.sheet.is_some()),
            ("--column", self.column.is_some()),
            ("--unit", self.unit.is_some()),
        ];
        let given = of_columns.into_iter().find(|(_, is_given)| *is_given);
        given.filter(|_| is_ours).map(|(flag, _)| {
            format!("{flag} is of files that are not ws-bench's, which --kind {name} cannot draw")
        })
    }

    fn output(&self) -> PathBuf {
        match (&self.output, self.files.first()) {
            (Some(output), _) => output.clone(),
            (None, first) => first
                .map(|file| file.with_extension("png"))
                .unwrap_or_default(),
        }
    }

    fn request(&self) -> ColumnRequest {
        ColumnRequest {
            metric: match self.metric {
                MetricName::Service => Metric::ServiceTime,
                MetricName::Response => Metric::ResponseTime,
            },
            sheet: self.sheet.clone(),
            column: self.column.clone(),
            unit: self.unit.map(|unit| match unit {
                UnitName::Ns => TimeUnit::Nanoseconds,
                UnitName::Us => TimeUnit::Microseconds,
                UnitName::Ms => TimeUnit::Milliseconds,
                UnitName::S => TimeUnit::Seconds,
            }),
            x: self.x.clone(),
        }
    }

    /// Reads, draws, and says on stderr what was drawn.
    pub(crate) fn run(&self) -> anyhow::Result<()> {
        let output = self.output();
        for file in &self.files {
            if is_same_file(file, &output) {
                bail!(
                    "{} is read: give the picture another name with -o",
                    file.display()
                );
            }
        }
        let loaded = load(self.kind.kind(), &self.files, &self.request()).map_err(with_advice)?;
        for notice in loaded.notices() {
            eprintln!("notice: {notice}");
        }
        loaded.draw(&output, &self.options())?;
        eprintln!(
            "drew {}: {}{}",
            output.display(),
            loaded.description(),
            self.detail(&loaded)
        );
        Ok(())
    }

    fn options(&self) -> Options {
        Options {
            title: self.title.clone(),
            window: self.window,
            size: self.size,
            log: self.log,
            theme: match self.theme {
                ThemeName::Light => Theme::Light,
                ThemeName::Dark => Theme::Dark,
            },
        }
    }

    /// What was done with it: `, moving average of 50`.
    fn detail(&self, loaded: &PictureInput) -> String {
        match loaded.data() {
            Data::Latency(series) => averaged(window_for(self.window, series).get(), series),
            Data::Xy { x_name, .. } => format!(", against {x_name}"),
            _ => String::new(),
        }
    }
}

/// How the moving average was taken: `, moving average of 50`.
fn averaged(window: usize, series: &[Series<'_>]) -> String {
    if window == 1 {
        return ", no moving average".to_owned();
    }
    let whole = series.iter().find(|one| one.values_ms.len() == window);
    let note = whole.map_or_else(String::new, |one| {
        let label = &one.label;
        format!(" (a point: all there are of {label}; a smaller -w draws a line)")
    });
    format!(", moving average of {}{note}", grouped(window as u64))
}

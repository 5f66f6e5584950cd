//! The command line: files in, one picture out.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use anyhow::bail;
use clap::{CommandFactory, Parser, ValueEnum};
use draw_plot::{
    Curve, DEFAULT_WINDOW, MAX_SERIES, Options, Series, Size, Theme, check_ending, draw,
    draw_against,
};
use measurement::units::{grouped, parse_positive};
use results::read::{Metric, Request, Times, Unit, read_times};

use crate::naming::{labels_of, quantity_of, title_of, x_name_of};

/// Draws the latencies of a spreadsheet with their moving average
///
/// Reads the files of ws-bench, and columns of times from anybody's .xlsx, .xls, .ods or .csv.
/// Several files are overlaid.
#[derive(Debug, Parser)]
#[command(version, max_term_width = 100)]
#[command(after_help = "\
Examples:
  draw-plot latencies.xlsx                     latencies.png, beside it
  draw-plot before.xlsx after.xlsx -o both.svg --log
  draw-plot latencies.xlsx -w 1000 --metric response --theme dark
  draw-plot old.csv --column rtt --unit us     a file that is not ours
  draw-plot cost.csv --x connections           a line against another column

Exit codes:
  0  drawn
  1  a file could not be read or drawn, and nothing was written
  2  usage")]
pub(crate) struct Cli {
    /// Spreadsheets to draw, one colour each (example: latencies.xlsx)
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,

    /// Picture to write, .png or .svg [default: the first file's name with .png] (example: run.svg)
    #[arg(short, long, value_name = "FILE", help_heading = PICTURE)]
    output: Option<PathBuf>,

    /// Messages that each average is the mean of; 1 draws the messages themselves [default: 50, or
    /// all there are where they are fewer] (example: 1000)
    #[arg(short, long, value_name = "N", value_parser = parse_window, help_heading = PICTURE)]
    window: Option<NonZeroUsize>,

    /// What the picture shows (example: latency)
    #[arg(long, value_enum, default_value = "latency", help_heading = PICTURE)]
    kind: Kind,

    /// Which time, where a file holds both (example: response)
    #[arg(long, value_enum, default_value = "service", help_heading = READING)]
    metric: MetricName,

    /// Only this sheet [default: `latencies`, else the first with numbers] (example: Sheet1)
    #[arg(long, value_name = "NAME", help_heading = READING)]
    sheet: Option<String>,

    /// Column of times, by its name or letter [default: found by its name] (example: latency)
    #[arg(long, value_name = "NAME", help_heading = READING)]
    column: Option<String>,

    /// Draw against the numbers of this column, by its name or letter, instead of in order of
    /// sending: a line with a marker for each row (example: connections)
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

    /// Logarithmic axis of times: shows outliers and body together
    #[arg(long, help_heading = PICTURE)]
    log: bool,

    /// Colours (example: dark)
    #[arg(long, value_enum, default_value = "light", help_heading = PICTURE)]
    theme: ThemeName,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Kind {
    /// Time of each message, in order of sending
    Latency,
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

impl Cli {
    /// What clap cannot check by itself.
    pub(crate) fn checked(self) -> Result<Self, clap::Error> {
        let wrong_use = |message: String| {
            Self::command().error(clap::error::ErrorKind::ValueValidation, message)
        };
        check_ending(&self.output()).map_err(|e| wrong_use(e.to_string()))?;
        if self.files.len() > MAX_SERIES {
            return Err(wrong_use(format!(
                "{} files given: at most {MAX_SERIES} can be told apart",
                self.files.len()
            )));
        }
        Ok(self)
    }

    fn output(&self) -> PathBuf {
        match (&self.output, self.files.first()) {
            (Some(output), _) => output.clone(),
            (None, first) => first
                .map(|file| file.with_extension("png"))
                .unwrap_or_default(),
        }
    }

    fn request(&self) -> Request {
        Request {
            metric: match self.metric {
                MetricName::Service => Metric::ServiceTime,
                MetricName::Response => Metric::ResponseTime,
            },
            sheet: self.sheet.clone(),
            column: self.column.clone(),
            unit: self.unit.map(|unit| match unit {
                UnitName::Ns => Unit::Nanoseconds,
                UnitName::Us => Unit::Microseconds,
                UnitName::Ms => Unit::Milliseconds,
                UnitName::S => Unit::Seconds,
            }),
            x: self.x.clone(),
        }
    }

    /// Reads, draws, and says on stderr what was drawn.
    pub(crate) fn run(&self) -> anyhow::Result<()> {
        // The only kind there is.
        let Kind::Latency = self.kind;
        let output = self.output();
        for file in &self.files {
            if is_same_file(file, &output) {
                bail!(
                    "{} is read: give the picture another name with -o",
                    file.display()
                );
            }
        }
        let request = self.request();
        let mut all = self
            .files
            .iter()
            .map(|file| read_times(file, &request))
            .collect::<Result<Vec<_>, _>>()?;
        for times in &all {
            tell_assumptions(times);
        }

        let options = Options {
            title: self.title.clone().unwrap_or_else(|| title_of(&all)),
            quantity: quantity_of(&all),
            unit_is_assumed: all.iter().any(|times| times.unit_is_assumed),
            window: self.window_for(&all),
            size: self.size,
            log: self.log,
            theme: match self.theme {
                ThemeName::Light => Theme::Light,
                ThemeName::Dark => Theme::Dark,
            },
        };
        let done = match x_name_of(&all) {
            Some(x_name) => {
                draw_against(&output, &options, x_name, &curves_of(&all))?;
                self.done_against(&output, x_name, &all)
            }
            None => {
                let series = series_of(&mut all);
                draw(&output, &options, &series)?;
                self.done(&output, options.window, &series)
            }
        };
        eprintln!("{done}");
        Ok(())
    }

    /// The window asked for, or the usual one as far as there are values for it.
    fn window_for(&self, all: &[Times]) -> NonZeroUsize {
        let fewest = all.iter().map(|times| times.values_ms.len()).min();
        self.window.unwrap_or_else(|| {
            let fewest = fewest.and_then(NonZeroUsize::new);
            fewest.map_or(DEFAULT_WINDOW, |fewest| DEFAULT_WINDOW.min(fewest))
        })
    }

    /// `drew latencies.png: 100,000 messages of latencies.xlsx, moving average of 50`
    fn done(&self, output: &Path, window: NonZeroUsize, series: &[Series<'_>]) -> String {
        let drawn: Vec<_> = self
            .files
            .iter()
            .zip(series)
            .map(|(file, series)| {
                let skipped = match series.skipped {
                    0 => String::new(),
                    n => format!(" ({} more without a time)", grouped(n)),
                };
                format!(
                    "{} messages of {}{skipped}",
                    grouped(series.values_ms.len() as u64),
                    file.display()
                )
            })
            .collect();
        let average = match window.get() {
            1 => "no moving average".to_owned(),
            window => format!("moving average of {}", grouped(window as u64)),
        };
        format!("drew {}: {}, {average}", output.display(), drawn.join(", "))
    }

    /// `drew cost.png: 5 points of cost.csv, against connections`
    fn done_against(&self, output: &Path, x_name: &str, all: &[Times]) -> String {
        let drawn = self.files.iter().zip(all).map(|(file, times)| {
            let skipped = match times.skipped {
                0 => String::new(),
                n => format!(" ({} more left out)", grouped(n)),
            };
            let points = grouped(times.values_ms.len() as u64);
            format!("{points} points of {}{skipped}", file.display())
        });
        let drawn: Vec<_> = drawn.collect();
        format!(
            "drew {}: {}, against {x_name}",
            output.display(),
            drawn.join(", ")
        )
    }
}

/// The times in order of sending, which are taken out of `all`.
fn series_of(all: &mut [Times]) -> Vec<Series<'static>> {
    let labels = labels_of(all);
    all.iter_mut()
        .zip(labels)
        .map(|(times, label)| Series {
            label,
            skipped: times.skipped,
            chosen_from: chosen_from(times),
            values_ms: std::mem::take(&mut times.values_ms).into(),
        })
        .collect()
}

/// The times and what they are drawn against.
fn curves_of(all: &[Times]) -> Vec<Curve<'static>> {
    let curve = |(times, label): (&Times, String)| {
        let xs = times.xs.iter().flat_map(|xs| xs.values.iter().copied());
        let points: Vec<_> = xs.zip(times.values_ms.iter().copied()).collect();
        Curve {
            label,
            points: points.into(),
            skipped: times.skipped,
        }
    };
    all.iter().zip(labels_of(all)).map(curve).collect()
}

/// How many messages a file of ours chose its rows from, when it does not hold them all.
fn chosen_from(times: &Times) -> Option<u64> {
    let timed = times.run.as_ref()?.timed_messages?;
    (timed > times.values_ms.len() as u64).then_some(timed)
}

/// What nobody said and was made out from the file.
fn tell_assumptions(times: &Times) {
    let assumed = if times.unit_is_assumed {
        ", taken for milliseconds: --unit says otherwise"
    } else {
        ""
    };
    if times.column_is_guessed || times.unit_is_assumed {
        eprintln!(
            "notice: drawing column `{}` of {}{assumed}",
            times.column, times.place
        );
    }
}

/// Also by another path; a picture that does not exist yet is no input.
fn is_same_file(one: &Path, other: &Path) -> bool {
    match (one.canonicalize(), other.canonicalize()) {
        (Ok(one), Ok(other)) => one == other,
        _ => one == other,
    }
}

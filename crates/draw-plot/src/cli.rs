//! The command line: files in, one picture out.

use std::ffi::OsStr;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use anyhow::bail;
use clap::{CommandFactory, Parser, ValueEnum};
use draw_plot::{
    DEFAULT_WINDOW, MAX_SERIES, Options, Series, Size, Theme, check_ending, draw, run_title,
};
use measurement::units::{grouped, parse_positive};
use results::read::{Metric, Request, Times, Unit, read_times};

/// Draws the latencies of a spreadsheet with their moving average
///
/// Reads the files of ws-bench, and columns of times from anybody's .xlsx, .xls, .ods or .csv.
/// Several files are overlaid.
#[derive(Debug, Parser)]
#[command(
    version,
    after_help = "Example: draw-plot latencies.xlsx -o latencies.svg -w 100 --log"
)]
pub(crate) struct Cli {
    /// Spreadsheets to draw, one colour each
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,

    /// Picture to write, .png or .svg [default: the first file's name with .png] (example: run.svg)
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,

    /// Messages that each average is the mean of; 1 draws the messages themselves [default: 50, or
    /// all there are where they are fewer] (example: 1000)
    #[arg(short, long, value_name = "N", value_parser = parse_window)]
    window: Option<NonZeroUsize>,

    /// What the picture shows (example: latency)
    #[arg(long, value_enum, default_value = "latency")]
    kind: Kind,

    /// Which time, where a file holds both (example: response)
    #[arg(long, value_enum, default_value = "service")]
    metric: MetricName,

    /// Only this sheet [default: `latencies`, else the first with numbers] (example: Sheet1)
    #[arg(long, value_name = "NAME")]
    sheet: Option<String>,

    /// Column of times, by its name or letter [default: found by its name] (example: latency)
    #[arg(long, value_name = "NAME")]
    column: Option<String>,

    /// Unit of the numbers [default: what the column's name says, else ms] (example: us)
    #[arg(long, value_enum)]
    unit: Option<UnitName>,

    /// Heading [default: URL, clients and payload size of the run] (example: 'Before the change')
    #[arg(long, value_name = "TEXT")]
    title: Option<String>,

    /// Width and height in pixels (example: 1920x1080)
    #[arg(long, value_name = "WxH", default_value = "1280x720")]
    size: Size,

    /// Logarithmic axis of times: shows outliers and body together
    #[arg(long)]
    log: bool,

    /// Colours (example: dark)
    #[arg(long, value_enum, default_value = "light")]
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

fn parse_window(text: &str) -> Result<NonZeroUsize, String> {
    let window: u64 = parse_positive(text, u64::from(u32::MAX)).map_err(|e| e.to_string())?;
    usize::try_from(window)
        .ok()
        .and_then(NonZeroUsize::new)
        .ok_or_else(|| format!("`{text}` is too large"))
}

impl Cli {
    /// What clap cannot check by itself; ends the program with exit code 2 where it is wrong.
    pub(crate) fn checked(self) -> Self {
        let wrong_use = |message: String| {
            Self::command()
                .error(clap::error::ErrorKind::ValueValidation, message)
                .exit()
        };
        if let Err(e) = check_ending(&self.output()) {
            wrong_use(e.to_string());
        }
        if self.files.len() > MAX_SERIES {
            wrong_use(format!(
                "{} files given: at most {MAX_SERIES} can be told apart",
                self.files.len()
            ));
        }
        self
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
            x: None,
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
        let labels = labels_of(&all);
        let series: Vec<Series<'_>> = all
            .iter_mut()
            .zip(labels)
            .map(|(times, label)| Series {
                label,
                skipped: times.skipped,
                chosen_from: chosen_from(times),
                values_ms: std::mem::take(&mut times.values_ms).into(),
            })
            .collect();
        draw(&output, &options, &series)?;
        eprintln!("{}", self.done(&output, options.window, &series));
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

/// The run that all files come from; what is drawn, where there is no such one.
fn title_of(all: &[Times]) -> String {
    let mut titles: Vec<String> = all
        .iter()
        .map(|times| match &times.run {
            Some(run) => run_title(run.url.as_deref(), run.clients, run.payload_bytes),
            None => String::new(),
        })
        .collect();
    titles.dedup();
    match titles.as_slice() {
        [title] if !title.is_empty() => title.clone(),
        _ => {
            let quantity = quantity_of(all);
            let mut letters = quantity.chars();
            let first: String = letters
                .next()
                .into_iter()
                .flat_map(char::to_uppercase)
                .collect();
            format!("{first}{} of each message", letters.as_str())
        }
    }
}

/// What all files hold.
fn quantity_of(all: &[Times]) -> String {
    let mut names: Vec<&str> = all.iter().map(|times| times.name.as_str()).collect();
    names.dedup();
    match names.as_slice() {
        [name] => (*name).to_owned(),
        _ => "time".to_owned(),
    }
}

/// File names; whole paths where names are the same; the server where it is not.
fn labels_of(all: &[Times]) -> Vec<String> {
    let name = |times: &Times| {
        let path = &times.place.path;
        path.file_name().unwrap_or(path.as_os_str()).to_owned()
    };
    let url = |times: &Times| times.run.as_ref().and_then(|run| run.url.clone());
    let differ = all.windows(2).any(|pair| url(&pair[0]) != url(&pair[1]));
    all.iter()
        .map(|times| {
            let own = name(times);
            let is_unique = all.iter().filter(|other| name(other) == own).count() == 1;
            let label: &OsStr = if is_unique {
                &own
            } else {
                times.place.path.as_os_str()
            };
            let label = label.to_string_lossy().into_owned();
            match url(times) {
                Some(url) if differ => format!("{label} · {url}"),
                _ => label,
            }
        })
        .collect()
}

/// Also by another path; a picture that does not exist yet is no input.
fn is_same_file(one: &Path, other: &Path) -> bool {
    match (one.canonicalize(), other.canonicalize()) {
        (Ok(one), Ok(other)) => one == other,
        _ => one == other,
    }
}

/// An error and its causes; readers of files repeat their causes in their own words.
pub(crate) fn in_one_line(error: &anyhow::Error) -> String {
    let mut line = String::new();
    for cause in error.chain().map(ToString::to_string) {
        if line.is_empty() {
            line = cause;
        } else if !line.contains(&cause) {
            line = format!("{line}: {cause}");
        }
    }
    line
}

//! The command line: files in, one page out.

use std::path::PathBuf;

use clap::Parser;
use cli::ExitStatus;
use results::atomic_file::is_same_file;
use results::read::encoding_of;
use ws_report::{PageFormat, ReportError, report, write};

/// Creates one page of one run of ws-bench, or of several side by side
///
/// The page works offline and can be printed. Several files of one run are combined: a .csv or .xlsx adds the single
/// messages that a .json does not hold.
///
/// Files with a summary (.json, .xlsx) belong to one run if plan and start time are the same. A .csv or .hlog belongs to
/// the run with the same number of messages, the same shortest and longest time, and the same median. A .csv with a random
/// sample of the messages must also have the name of the run's other file, except for the ending.
#[derive(Debug, Parser)]
#[command(
    version,
    max_term_width = 100,
    after_help = "\
Examples:
  ws-report latencies.xlsx                        one run into report.html
  ws-report before.xlsx after.xlsx -o both.html   two runs, pictures overlaid
  ws-report run.json -o report.md                 tables for a pull request

Exit codes:
  0  success
  1  a file could not be read, drawn or written
  2  wrong usage"
)]
pub(crate) struct ReportArgs {
    /// Files that ws-bench wrote: .xlsx, .json, .csv, .hlog, .hlog.partial
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,

    /// Page to write: .html (with pictures) or .md (example: report.md)
    #[arg(short, long, value_name = "FILE", default_value = "report.html")]
    output: PathBuf,

    /// Heading [default: the server's URL, or the number of runs] (example: 'Before the change')
    #[arg(long, value_name = "TEXT")]
    title: Option<String>,
}

impl ReportArgs {
    /// Reads the files, writes the page, and reports its name on stderr.
    pub(crate) fn run(self) -> anyhow::Result<()> {
        let format = PageFormat::of(&self.output)?;
        let mut files = self.files.iter();
        if files.any(|file| is_same_file(file, &self.output)) {
            return Err(ReportError::OverInput(self.output).into());
        }
        let mut page = report(&self.files, format == PageFormat::Html)?;
        if let Some(title) = self.title {
            page.title = title;
        }
        write(&self.output, &page)?;
        for file in &self.files {
            if let Some(encoding) = encoding_of(file)? {
                let notice = wording::files::encoding(&file.display().to_string(), encoding);
                eprintln!("notice: {notice}");
            }
        }
        eprintln!("wrote {}", self.output.display());
        Ok(())
    }
}

/// The exit code of an error: wrong usage, or a file that cannot be read or written.
pub(crate) fn status_of(error: &anyhow::Error) -> ExitStatus {
    match error.downcast_ref() {
        Some(ReportError::UnknownEnding(_) | ReportError::TooManyRuns(_)) => ExitStatus::Usage,
        _ => ExitStatus::Failed,
    }
}

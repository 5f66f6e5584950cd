//! An interval log that grows while the run goes on.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use measurement::record::LoggedSecond;
use measurement::run::Tool;

use super::hlog;
use crate::atomic_file::AtomicFile;
use crate::error::{Result, ResultsError};
use crate::partial_name::partial_path;

/// The log of a run that goes on, `x.hlog.partial`. It appears with the first second, and has every later one as soon
/// as that is appended: a killed program leaves what was appended. Dropping it leaves the file.
#[derive(Debug)]
pub struct GrowingLog {
    path: PathBuf,
    tool: Tool,
    file: Option<File>,
    /// The first failure. Nothing is appended after it.
    failed: Option<ResultsError>,
}

impl GrowingLog {
    /// The log beside `log`, such as `x.hlog`, of a run of this program. A file of an earlier run is replaced when the
    /// first second is appended.
    ///
    /// # Errors
    /// [`ResultsError::Write`] when the folder cannot be written to.
    pub fn create(log: &Path, tool: Tool) -> Result<Self> {
        let path = partial_path(log);
        // Tests the folder. The start time, which comes first in the file, is not known yet.
        drop(AtomicFile::create(&path)?);
        Ok(Self {
            path,
            tool,
            file: None,
            failed: None,
        })
    }

    /// Name of the file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Appends a second, and gives it to the operating system. A failure is kept for [`discard`](Self::discard), and
    /// ends the log.
    pub fn append(&mut self, second: &LoggedSecond) {
        if self.failed.is_none() {
            let appended = self.try_append(second);
            self.failed = appended.err();
        }
    }

    /// Removes the file, because the whole log has been written.
    ///
    /// # Errors
    /// [`ResultsError::Write`] when a second could not be appended, or the file cannot be removed.
    pub fn discard(self) -> Result<()> {
        let removed = self.file.map_or(Ok(()), |_| fs::remove_file(&self.path));
        match (self.failed, removed) {
            (Some(error), _) => Err(error),
            (None, Err(source)) if source.kind() != io::ErrorKind::NotFound => {
                Err(ResultsError::write(&self.path, source))
            }
            _ => Ok(()),
        }
    }

    fn try_append(&mut self, second: &LoggedSecond) -> Result<()> {
        let failed = |source: io::Error| ResultsError::write(&self.path, source);
        let lines = hlog::growing_lines(second).map_err(failed)?;
        match &mut self.file {
            // In one call, so that a killed program leaves whole lines.
            Some(file) => file.write_all(&lines).map_err(failed),
            None => {
                let header = hlog::header(&self.tool, second.started_at).map_err(failed)?;
                let mut file = AtomicFile::create(&self.path)?;
                let content = [header, lines].concat();
                file.content().write_all(&content).map_err(failed)?;
                self.file = Some(file.publish_open()?);
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use measurement::record::{CountsSoFar, RowSeconds, RowSpan};

    use super::*;

    fn tool() -> Tool {
        Tool {
            name: "ws-bench".to_owned(),
            version: "1.0".to_owned(),
        }
    }

    fn second(second: u64) -> LoggedSecond {
        LoggedSecond {
            started_at: SystemTime::UNIX_EPOCH,
            span: RowSpan::with(second, RowSeconds::ONE),
            histograms: None,
            counts: CountsSoFar::default(),
        }
    }

    #[test]
    fn a_run_without_a_second_leaves_no_file_and_the_one_of_an_earlier_run() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.hlog");
        let names = || std::fs::read_dir(folder.path()).unwrap().count();
        drop(GrowingLog::create(&path, tool()).unwrap());
        assert_eq!(names(), 0);
        let partial = folder.path().join("x.hlog.partial");
        std::fs::write(&partial, "earlier").unwrap();
        let mut log = GrowingLog::create(&path, tool()).unwrap();
        assert_eq!(std::fs::read_to_string(log.path()).unwrap(), "earlier");
        log.append(&second(0));
        assert!(
            std::fs::read_to_string(&partial)
                .unwrap()
                .starts_with("#[Logged with ws-bench 1.0]\n")
        );
        let mut unused = GrowingLog::create(&folder.path().join("y.hlog"), tool()).unwrap();
        unused.append(&second(0));
        drop(unused);
        assert_eq!(names(), 2, "a log that was not whole stays");
        log.discard().unwrap();
        assert_eq!(names(), 1);
    }

    #[test]
    fn a_folder_that_cannot_be_written_to_is_found_before_the_run() {
        let folder = tempfile::tempdir().unwrap();
        let error = GrowingLog::create(&folder.path().join("none/x.hlog"), tool()).unwrap_err();
        assert!(error.to_string().contains("none/x.hlog.partial"), "{error}");
    }

    /// The device refuses everything as a full disk does.
    #[cfg(target_os = "linux")]
    #[test]
    fn a_full_disk_ends_the_log_and_is_reported_at_the_end() {
        let folder = tempfile::tempdir().unwrap();
        let mut log = GrowingLog::create(&folder.path().join("x.hlog"), tool()).unwrap();
        log.file = Some(File::options().write(true).open("/dev/full").unwrap());
        log.append(&second(0));
        log.file = Some(File::create(folder.path().join("other")).unwrap());
        log.append(&second(1));
        let other = std::fs::read_to_string(folder.path().join("other")).unwrap();
        assert_eq!(other, "", "a log has no gap");
        let error = log.discard().unwrap_err();
        let source = std::error::Error::source(&error).unwrap().to_string();
        assert!(source.contains("No space left"), "{error}: {source}");
    }
}

//! Ways to agree on the beginning of the measured phase.

use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime};

#[cfg(unix)]
pub use crate::barrier::StartBarrier;
use crate::start_time::StartTime;
use crate::{Result, ShardsError};

/// Time limit of a start file and of a barrier, unless the user gives another.
pub const DEFAULT_TIMEOUT: Duration = Duration::from_mins(10);

/// Time without a change after which the text of a file is taken as whole.
const STABLE_AFTER: Duration = Duration::from_millis(200);
/// Longest text that is read from a file. A start has at most 35 B.
const MAX_FILE_BYTES: u64 = 1024;

/// The way to the beginning of the measured phase.
#[derive(Debug)]
#[non_exhaustive]
pub enum StartGate {
    /// A time that is known from the beginning.
    At(StartTime),
    /// A file that somebody writes later.
    File(StartFile),
    /// The barrier of a launcher.
    #[cfg(unix)]
    Barrier(StartBarrier),
}

impl StartGate {
    /// Returns the start as soon as it is known. The caller repeats the call, about every 20 ms, until then.
    ///
    /// `has_opened` is true from the moment at which all connections of this shard have opened or failed. Only the
    /// barrier waits for it. The start can lie in the past: see [`StartTime::check_future`].
    ///
    /// # Errors
    /// When the start cannot be known: an invalid file, a failed launcher, the end of the time limit.
    #[cfg_attr(not(unix), allow(unused_variables))]
    pub fn poll(&mut self, has_opened: bool) -> Result<Option<SystemTime>> {
        let start = match self {
            Self::At(start) => Some(*start),
            Self::File(file) => file.poll_at(Instant::now())?,
            #[cfg(unix)]
            Self::Barrier(barrier) if has_opened => barrier.poll()?,
            #[cfg(unix)]
            Self::Barrier(_) => None,
        };
        Ok(start.map(StartTime::time))
    }
}

/// A file whose text will be the start.
#[derive(Debug)]
pub struct StartFile {
    path: PathBuf,
    timeout: Duration,
    waits_since: Option<Instant>,
    /// The text that was read last, and the time at which it was first read.
    last: Option<(String, Instant)>,
}

impl StartFile {
    /// The start in this file. The time limit begins with the first poll.
    pub fn new(path: PathBuf, timeout: Duration) -> Self {
        Self {
            path,
            timeout,
            waits_since: None,
            last: None,
        }
    }

    /// Reads the file. A text may be half written: a time counts when a newline follows it, and any text when it has
    /// not changed for 200 ms.
    fn poll_at(&mut self, now: Instant) -> Result<Option<StartTime>> {
        let waits_since = *self.waits_since.get_or_insert(now);
        let text = self.read()?;
        if text.trim().is_empty() {
            self.last = None;
        } else {
            let since = match self.last.take() {
                Some((last, since)) if last == text => since,
                _ => now,
            };
            let is_stable = now.saturating_duration_since(since) >= STABLE_AFTER;
            match text.parse() {
                Ok(start) if text.ends_with('\n') || is_stable => return Ok(Some(start)),
                Err(fault) if is_stable => {
                    return Err(ShardsError::StartFileContent {
                        path: self.path.clone(),
                        source: Box::new(fault),
                    });
                }
                _ => self.last = Some((text, since)),
            }
        }
        if now.saturating_duration_since(waits_since) >= self.timeout {
            return Err(ShardsError::StartFileTimeout {
                path: self.path.clone(),
                timeout: self.timeout,
            });
        }
        Ok(None)
    }

    /// Text of the file; empty while there is none.
    fn read(&self) -> Result<String> {
        let read = || -> io::Result<Vec<u8>> {
            let mut bytes = Vec::new();
            let mut file = File::open(&self.path)?.take(MAX_FILE_BYTES);
            file.read_to_end(&mut bytes)?;
            Ok(bytes)
        };
        match read() {
            Ok(bytes) => Ok(String::from_utf8_lossy(&bytes).into_owned()),
            // On a network file system, a file that is being replaced can be stale.
            Err(error)
                if matches!(
                    error.kind(),
                    ErrorKind::NotFound | ErrorKind::StaleNetworkFileHandle
                ) =>
            {
                Ok(String::new())
            }
            Err(source) => Err(ShardsError::ReadStartFile {
                path: self.path.clone(),
                source,
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::error::Error;

    use super::*;

    const TIME: &str = "2026-01-31T12:00:00.250Z";
    const TIMEOUT: Duration = Duration::from_secs(60);

    /// A file that does not exist yet, and its folder.
    fn start_file() -> (tempfile::TempDir, PathBuf, StartFile) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("start");
        (folder, path.clone(), StartFile::new(path, TIMEOUT))
    }

    #[test]
    fn a_given_time_is_known_at_once() {
        let start: StartTime = TIME.parse().unwrap();
        let mut gate = StartGate::At(start);
        assert_eq!(gate.poll(false).unwrap(), Some(start.time()));
    }

    #[test]
    fn a_file_with_a_whole_line_counts_at_once() {
        let (_folder, path, file) = start_file();
        let mut gate = StartGate::File(file);
        assert_eq!(gate.poll(true).unwrap(), None);
        std::fs::write(&path, "").unwrap();
        assert_eq!(gate.poll(true).unwrap(), None);
        std::fs::write(&path, "\n").unwrap();
        assert_eq!(gate.poll(true).unwrap(), None);
        std::fs::write(&path, format!("{TIME}\n")).unwrap();
        let expected = TIME.parse::<StartTime>().unwrap().time();
        assert_eq!(gate.poll(false).unwrap(), Some(expected));
    }

    #[test]
    fn a_file_without_a_newline_counts_when_it_stays_the_same() {
        let (_folder, path, mut file) = start_file();
        let begin = Instant::now();
        let mut poll = |ms| file.poll_at(begin + Duration::from_millis(ms));
        // The first 12 of 13 digits are a time in 1975.
        std::fs::write(&path, "176986080025").unwrap();
        assert_eq!(poll(0).unwrap(), None);
        assert_eq!(poll(199).unwrap(), None);
        std::fs::write(&path, "1769860800250").unwrap();
        assert_eq!(poll(200).unwrap(), None);
        assert_eq!(poll(399).unwrap(), None);
        assert_eq!(poll(400).unwrap(), Some(TIME.parse().unwrap()));
    }

    #[test]
    fn a_text_that_is_not_a_time_is_an_error_when_it_stays_the_same() {
        let (_folder, path, mut file) = start_file();
        let begin = Instant::now();
        let mut poll = |ms| file.poll_at(begin + Duration::from_millis(ms));
        std::fs::write(&path, "2026-01-31T12:").unwrap();
        assert_eq!(poll(0).unwrap(), None);
        std::fs::write(&path, "soon\n").unwrap();
        assert_eq!(poll(200).unwrap(), None);
        assert_eq!(poll(399).unwrap(), None);
        let error = poll(400).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("{} does not hold a start", path.display())
        );
        assert!(
            error
                .source()
                .unwrap()
                .to_string()
                .starts_with("`soon` is not a start")
        );
    }

    #[test]
    fn a_file_that_does_not_appear_ends_at_the_time_limit() {
        let (_folder, path, mut file) = start_file();
        let begin = Instant::now();
        assert_eq!(file.poll_at(begin).unwrap(), None);
        let end = begin + TIMEOUT;
        assert_eq!(file.poll_at(end - Duration::from_millis(1)).unwrap(), None);
        let expected = format!("{} did not hold a start within 60s", path.display());
        assert_eq!(file.poll_at(end).unwrap_err().to_string(), expected);
    }

    #[test]
    fn a_file_that_is_written_at_the_last_moment_counts() {
        let (_folder, path, mut file) = start_file();
        let begin = Instant::now();
        assert_eq!(file.poll_at(begin).unwrap(), None);
        std::fs::write(&path, format!("{TIME}\n")).unwrap();
        let start = file.poll_at(begin + TIMEOUT).unwrap();
        assert_eq!(start, Some(TIME.parse().unwrap()));
    }

    #[test]
    fn a_file_of_other_bytes_is_an_error() {
        let (_folder, path, mut file) = start_file();
        let begin = Instant::now();
        std::fs::write(&path, vec![0xff; 1 << 20]).unwrap();
        assert_eq!(file.poll_at(begin).unwrap(), None);
        let error = file.poll_at(begin + STABLE_AFTER).unwrap_err();
        assert!(matches!(error, ShardsError::StartFileContent { .. }));
    }

    #[cfg(unix)]
    #[test]
    fn a_folder_in_the_place_of_the_file_is_an_error() {
        let (folder, _, _) = start_file();
        let mut file = StartFile::new(folder.path().to_owned(), TIMEOUT);
        let error = file.poll_at(Instant::now()).unwrap_err();
        assert!(matches!(error, ShardsError::ReadStartFile { .. }));
    }
}

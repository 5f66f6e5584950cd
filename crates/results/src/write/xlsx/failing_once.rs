//! A writer that fails at most once.

use std::io::{self, Write};

/// A writer that reports the first error and then discards all data. A workbook's ZIP writer ends its archive when it is
/// dropped after an error, and would print the second error.
pub(super) struct FailingOnce<W> {
    inner: W,
    has_failed: bool,
}

impl<W> FailingOnce<W> {
    pub(super) fn new(inner: W) -> Self {
        Self {
            inner,
            has_failed: false,
        }
    }

    fn once<T>(
        &mut self,
        discarded: T,
        write: impl FnOnce(&mut W) -> io::Result<T>,
    ) -> io::Result<T> {
        if self.has_failed {
            return Ok(discarded);
        }
        let result = write(&mut self.inner);
        let is_interrupted = |error: &io::Error| error.kind() == io::ErrorKind::Interrupted;
        self.has_failed = result.as_ref().is_err_and(|error| !is_interrupted(error));
        result
    }
}

impl<W: Write> Write for FailingOnce<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.once(bytes.len(), |inner| inner.write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.once((), W::flush)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A disk with this number of bytes left, and the number of calls after it was full.
    struct FullDisk {
        left: usize,
        calls_when_full: usize,
    }

    impl Write for FullDisk {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            if self.left == 0 {
                self.calls_when_full += 1;
                return Err(io::ErrorKind::StorageFull.into());
            }
            let written = bytes.len().min(self.left);
            self.left -= written;
            Ok(written)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_library_printed_the_second_error_of_a_full_disk() {
        let mut disk = FullDisk {
            left: 100,
            calls_when_full: 0,
        };
        let mut file = FailingOnce::new(&mut disk);
        let mut workbook = rust_xlsxwriter::Workbook::new();
        workbook.add_worksheet();
        let error = workbook.save_to_writer(&mut file).unwrap_err();
        assert!(error.to_string().contains("no storage space"), "{error}");
        assert!(file.write_all(b"the end of the archive").is_ok());
        assert_eq!(disk.calls_when_full, 1);
    }
}

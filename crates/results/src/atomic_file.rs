//! A file that appears under its name only when it is complete.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use crate::error::{Result, ResultsError};

/// A new file with a temporary name in the folder of its final name. Dropping it before [`publish`](Self::publish)
/// removes it.
#[derive(Debug)]
pub struct AtomicFile {
    path: PathBuf,
    file: NamedTempFile,
}

impl AtomicFile {
    /// Creates the file whose final name is `path`.
    ///
    /// # Errors
    /// [`ResultsError::Write`] when the folder cannot be written to, or `path` is a folder.
    pub fn create(path: &Path) -> Result<Self> {
        let failed = |source: io::Error| ResultsError::write(path, source);
        if path.is_dir() {
            return Err(failed(io::ErrorKind::IsADirectory.into()));
        }
        let folder = path
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty());
        let folder = folder.unwrap_or(Path::new("."));
        let mut builder = tempfile::Builder::new();
        builder.prefix(".unfinished-");
        // The umask decides, as for any new file. Temporary files are private otherwise.
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            builder.permissions(std::fs::Permissions::from_mode(0o666));
        }
        Ok(Self {
            path: path.to_owned(),
            file: builder
                .tempfile_in(folder)
                .map_err(|e| failed(creation_error(&e, folder)))?,
        })
    }

    /// The final name of the file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The temporary name of the file, for a program that ends without dropping it.
    pub fn unfinished_path(&self) -> &Path {
        self.file.path()
    }

    /// The file that takes the content.
    pub fn content(&mut self) -> &mut File {
        self.file.as_file_mut()
    }

    /// Renames the file to its final name, and replaces a file of that name.
    ///
    /// # Errors
    /// [`ResultsError::Write`] when the file cannot be renamed.
    pub fn publish(self) -> Result<()> {
        self.publish_open().map(drop)
    }

    /// Does the same as [`publish`](Self::publish) for a file that grows, and returns it at its end.
    pub(crate) fn publish_open(self) -> Result<File> {
        let published = self.file.persist(&self.path);
        published.map_err(|e| ResultsError::write(&self.path, e.error))
    }
}

/// Returns `true` when two paths lead to the same file, so that writing one would replace the other. Paths of files that
/// do not exist are compared as text.
pub fn is_same_file(one: &Path, other: &Path) -> bool {
    match (one.canonicalize(), other.canonicalize()) {
        (Ok(one), Ok(other)) => one == other,
        _ => one == other,
    }
}

/// The cause of a failed creation, without the temporary name that the file would have had.
fn creation_error(error: &io::Error, folder: &Path) -> io::Error {
    match error.kind() {
        io::ErrorKind::NotFound if !folder.exists() => {
            io::Error::new(io::ErrorKind::NotFound, "its folder does not exist")
        }
        kind => kind.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn a_file_has_its_name_only_when_it_is_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.txt");
        std::fs::write(&path, "before").unwrap();
        let mut file = AtomicFile::create(&path).unwrap();
        file.content().write_all(b"after").unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "before");
        file.publish().unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "after");
        drop(AtomicFile::create(&path).unwrap());
        let left = std::fs::read_dir(folder.path()).unwrap().count();
        assert_eq!(left, 1, "nothing unfinished is left behind");
    }

    #[test]
    fn a_file_is_known_by_another_path() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.txt");
        let by_another = folder.path().join(".").join("a.txt");
        assert!(is_same_file(&path, &path), "before it exists");
        std::fs::write(&path, "").unwrap();
        assert!(is_same_file(&path, &by_another));
        assert!(!is_same_file(&path, &folder.path().join("b.txt")));
    }

    #[cfg(unix)]
    #[test]
    fn others_may_read_it_as_any_new_file() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let mode = |path: &Path| path.metadata().unwrap().permissions().mode();
        let (ours, plain) = (folder.path().join("ours"), folder.path().join("plain"));
        AtomicFile::create(&ours).unwrap().publish().unwrap();
        std::fs::write(&plain, "").unwrap();
        assert_eq!(mode(&ours), mode(&plain));
    }

    #[test]
    fn what_cannot_be_written_is_named() {
        let folder = tempfile::tempdir().unwrap();
        for path in [folder.path().join("none/a.txt"), folder.path().to_owned()] {
            let error = AtomicFile::create(&path).unwrap_err();
            assert!(error.to_string().contains(path.to_str().unwrap()));
            let source = std::error::Error::source(&error).unwrap().to_string();
            assert!(!source.contains("unfinished"), "{source}");
        }
    }
}

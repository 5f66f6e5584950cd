//! Files that a scenario names: its bases and its CSV tables.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use scenario::FileLoader;

/// Reads the files that a scenario names. Relative paths begin in the folder of the file that names them, those of
/// flags in the working folder.
#[derive(Debug)]
pub(crate) struct ScenarioFiles;

impl FileLoader for ScenarioFiles {
    fn load(&self, name: &str, beside: Option<&str>) -> Result<String, String> {
        std::fs::read_to_string(path_beside(name, beside)).map_err(|error| reason_of(&error))
    }

    fn resolve(&self, name: &str, beside: Option<&str>) -> String {
        path_beside(name, beside).to_string_lossy().into_owned()
    }
}

fn path_beside(name: &str, beside: Option<&str>) -> PathBuf {
    let folder = beside.and_then(|file| Path::new(file).parent());
    folder.map_or_else(|| PathBuf::from(name), |folder| folder.join(name))
}

/// The reason of an error in one line, without the number that the system gives it.
pub(crate) fn reason_of(error: &io::Error) -> String {
    match error.kind() {
        ErrorKind::NotFound => "no such file".to_owned(),
        ErrorKind::InvalidData => "it is not text in UTF-8".to_owned(),
        ErrorKind::IsADirectory => "it is a folder".to_owned(),
        ErrorKind::PermissionDenied => "permission denied".to_owned(),
        _ => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_relative_path_begins_beside_the_file_that_names_it() {
        let path = |name: &str, beside| path_beside(name, beside);
        assert_eq!(path("users.csv", None), Path::new("users.csv"));
        assert_eq!(
            path("users.csv", Some("load/chat.toml")),
            Path::new("load/users.csv")
        );
        assert_eq!(
            path("/a/users.csv", Some("load/chat.toml")),
            Path::new("/a/users.csv")
        );
        // A shipped scenario has no folder.
        assert_eq!(
            path("users.csv", Some("socket.io.toml")),
            Path::new("users.csv")
        );
    }

    #[test]
    fn a_file_that_is_not_there_is_named_without_a_number() {
        let reason = ScenarioFiles.load("nowhere.csv", None).unwrap_err();
        assert_eq!(reason, "no such file");
    }

    #[test]
    fn a_file_that_a_base_names_lies_beside_the_base() {
        use scenario::{Scenario, ScenarioOptions, ScenarioSource};
        let folder = tempfile::tempdir().unwrap();
        let write =
            |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
        std::fs::create_dir(folder.path().join("bases")).unwrap();
        write("bases/users.csv", "name\nanna\n");
        let base = "[data]\nusers = \"users.csv\"\n[[message]]\nsend = '${id}${users.name}'\nreply = '${id}'\n";
        write("bases/base.toml", base);
        let file = folder.path().join("own.toml");
        let source = ScenarioSource::File {
            name: file.to_str().unwrap(),
            text: "base = \"bases/base.toml\"\n",
        };
        let parse = || Scenario::parse(source, &ScenarioOptions::default(), &ScenarioFiles);
        parse().unwrap().check_complete(1).unwrap();
        // A fault of the base is shown with the path of the base.
        write("bases/base.toml", "[mesage]\n");
        let fault = parse().unwrap_err().to_string();
        let place = folder.path().join("bases/base.toml");
        assert!(
            fault.starts_with(&format!("{}:1:2: ", place.display())),
            "{fault}"
        );
    }
}

//! The program in a folder of its own, and the contents of its pictures.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};

use measurement::run::Run;
use results::write;
use tempfile::TempDir;

/// A folder of files, and the program run in it.
pub(crate) struct Folder(TempDir);

impl Folder {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn draw(&self, arguments: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_draw-plot"))
            .args(arguments)
            .current_dir(self.0.path())
            .output()
            .unwrap()
    }

    /// Draws, and returns the messages.
    pub(crate) fn drawn(&self, arguments: &[&str]) -> String {
        let output = self.draw(arguments);
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success(), "{said}");
        assert!(output.stdout.is_empty());
        said
    }

    /// Fails to draw with this exit code, and returns the message.
    pub(crate) fn refused(&self, code: i32, arguments: &[&str]) -> String {
        let before = self.files();
        let output = self.draw(arguments);
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{said}");
        assert_eq!(self.files(), before, "something was written");
        said
    }

    fn files(&self) -> Vec<(PathBuf, Vec<u8>)> {
        let mut files: Vec<_> = fs::read_dir(self.0.path())
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .map(|path| (path.clone(), fs::read(path).unwrap()))
            .collect();
        files.sort();
        files
    }

    pub(crate) fn svg(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }
}

/// Saves a run as ws-bench does.
pub(crate) fn save(folder: &Folder, name: &str, run: &Run) {
    let file = write::Output::create(&folder.path(name));
    file.unwrap().write(run).unwrap();
}

/// Returns true when a text of an SVG is this one.
pub(crate) fn holds(svg: &str, text: &str) -> bool {
    svg.lines().any(|line| line == text)
}

/// The points of each line of an SVG in this colour.
pub(crate) fn lines(svg: &str, colour: &str) -> Vec<Vec<(f64, f64)>> {
    let attribute = |line: &str, name: &str| {
        let value = line.split_once(&format!(" {name}=\""))?.1;
        Some(value.split_once('"')?.0.to_owned())
    };
    let of_points = |points: String| {
        let points = points.split_whitespace().map(|point| {
            let (x, y) = point.split_once(',').unwrap();
            (x.parse().unwrap(), y.parse().unwrap())
        });
        points.collect()
    };
    let of_steps = |steps: String| {
        let points = test_support::svg_path::points_of_path(&steps).into_iter();
        points.map(|(x, y)| (x.into(), y.into())).collect()
    };
    svg.lines()
        .filter(|line| line.contains(&format!("stroke=\"{colour}\"")))
        .filter_map(|line| match line {
            _ if line.starts_with("<polyline ") => attribute(line, "points").map(of_points),
            // A row of dots is a path as well, but begins otherwise.
            _ if line.starts_with("<path fill=\"none\"") => attribute(line, "d").map(of_steps),
            _ => None,
        })
        .collect()
}

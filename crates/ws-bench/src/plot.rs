//! The picture of `--plot`, identical to the one that draw-plot makes from the spreadsheet: the load curve of a search or a
//! sweep, else the service times.

use std::path::Path;

use anyhow::Context;
use draw_plot::{Options, PictureInput};
use measurement::run::Run;
use results::atomic_file::AtomicFile;

/// Checks that the file ending is supported and the folder is writable.
pub(crate) fn check(path: &Path) -> anyhow::Result<()> {
    draw_plot::check_ending(path)?;
    // Created and dropped, only to check before the run that the file can be created.
    AtomicFile::create(path)?;
    Ok(())
}

/// Draws the run. Returns the line about the picture.
pub(crate) fn draw(path: &Path, run: &Run) -> anyhow::Result<String> {
    let name = path.display();
    let Some(input) = PictureInput::of_run(run) else {
        return Ok(format!("did not draw {name}: no message has a time"));
    };
    let has_replaced = path.is_file();
    let drawn = input.draw(path, &Options::default());
    drawn.with_context(|| format!("cannot draw {name}"))?;
    let name = name.to_string();
    Ok(wording::files::written("drew", &name, None, has_replaced))
}

#[cfg(test)]
mod tests {
    use test_support::fixtures::{closed_loop_run, search_run, sweep_run};

    use super::*;

    #[test]
    fn a_search_and_a_sweep_are_drawn_as_load_curves() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.svg");
        let drawn = |run: &Run| {
            let line = draw(&path, run).unwrap();
            assert!(line.starts_with("drew "), "{line}");
            std::fs::read_to_string(&path).unwrap()
        };
        assert!(drawn(&search_run(50_000.0, |_| {})).contains("\ncapacity 49,040 msg/s\n"));
        let sweep = sweep_run(50_000.0, &[1_000.0, 8_000.0], |_| {});
        assert!(drawn(&sweep).contains("offered rate (msg/s"));
        assert!(!drawn(&closed_loop_run(|_| {})).contains("offered rate"));
        let dead = sweep_run(50_000.0, &[], |_| {});
        let line = draw(&path, &dead).unwrap();
        assert!(line.ends_with("no message has a time"), "{line}");
    }
}

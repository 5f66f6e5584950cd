//! The picture of `--plot`, identical to the one that draw-plot makes from the spreadsheet.

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

/// Draws the service times of the run. Returns the line about the picture.
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

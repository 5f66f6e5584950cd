//! The picture that `--plot` asks for: the one that draw-plot makes of the spreadsheet.

use std::path::{Path, PathBuf};

use anyhow::Context;
use draw_plot::{Data, Options, Series, Subject, draw, run_title};
use measurement::record::Sample;
use measurement::run::Summary;
use results::atomic_file::AtomicFile;

/// A picture whose file can be written.
#[derive(Debug)]
pub(crate) struct PlotOutput {
    path: PathBuf,
}

impl PlotOutput {
    /// Checks that the ending is known and the folder can be written to.
    ///
    /// # Errors
    /// When one of them is not so.
    pub(crate) fn check(path: &Path) -> anyhow::Result<Self> {
        draw_plot::check_ending(path)?;
        // Created and dropped: whether it can be made is all there is to know before the run.
        AtomicFile::create(path)?;
        Ok(Self {
            path: path.to_owned(),
        })
    }

    /// Draws the service times of the samples, and returns the line about it.
    ///
    /// # Errors
    /// When the file cannot be written.
    #[allow(clippy::cast_precision_loss)]
    pub(crate) fn draw(self, summary: &Summary, samples: &[Sample]) -> anyhow::Result<String> {
        // As draw-plot does with a spreadsheet: a wrong echo's time does not count.
        let timed = samples.iter().filter(|s| s.outcome.is_timed());
        let times = timed.filter_map(Sample::service_time_ns);
        let values_ms: Vec<f64> = times.map(|ns| ns as f64 / 1e6).collect();
        let drawn = values_ms.len() as u64;
        if drawn == 0 {
            let path = self.path.display();
            return Ok(format!("did not draw {path}: no message has a time"));
        }
        let plan = &summary.plan;
        let subject = Subject {
            title: run_title(
                Some(&plan.url),
                Some(u64::from(plan.clients)),
                Some(plan.payload_bytes),
            ),
            ..Subject::default()
        };
        let series = Series {
            label: summary.tool.name.clone(),
            skipped: samples.len() as u64 - drawn,
            chosen_from: Some(summary.service_time_ns.count).filter(|timed| *timed > drawn),
            values_ms: values_ms.into(),
        };
        draw(
            &self.path,
            &Options::default(),
            &subject,
            &Data::Latency(vec![series]),
        )
        .with_context(|| format!("cannot draw {}", self.path.display()))?;
        Ok(format!("drew {}", self.path.display()))
    }
}

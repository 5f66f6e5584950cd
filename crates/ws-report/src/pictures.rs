//! The pictures of all runs, overlaid, and the reasons for missing ones.

use std::panic::resume_unwind;
use std::path::PathBuf;
use std::thread;

use draw_plot::{Data, DrawError, Options, PictureInput, PictureKind, Size, Theme, load};
use measurement::record::RowSeconds;
use measurement::run::Summary;
use results::ResultsError;
use results::read::{ColumnRequest, Metric};
use wording::summary::is_feed_only;

use crate::inputs::ReportedRun;
use crate::page::{Block, PagePicture, capital};

/// Size of a picture on most screens, at which its letters are nearly as large as the page's.
const SIZE: (u32, u32) = (540, 380);
/// Size of a picture on a telephone.
const NARROW: (u32, u32) = (340, 320);

/// Sizes of a picture of deliveries, of lost connections or of offered rates, which stands alone and has two panels.
const ALONE: (u32, u32) = (1100, 560);
const ALONE_NARROW: (u32, u32) = (340, 500);

/// Growth of a heatmap with the panel of each run after the second.
const PANEL: u32 = 110;
/// Growth of another picture with the row of the legend of each run after the first.
const LEGEND: u32 = 40;

/// Kinds by their reading: those of a row show the same data, which is read once.
const READINGS: [&[PictureKind]; 4] = [
    &[PictureKind::Latency],
    &[
        PictureKind::Histogram,
        PictureKind::Cdf,
        PictureKind::Percentiles,
    ],
    &[PictureKind::Timeline],
    &[PictureKind::Heatmap],
];

/// The pictures of a report. Each list holds a line for each picture that cannot be drawn.
#[derive(Debug, Default)]
pub(crate) struct ReportPictures {
    /// Every kind of picture that the files have data for, except deliveries.
    pub(crate) of_messages: Vec<Block>,
    /// The picture of deliveries; empty when no run has any.
    pub(crate) of_deliveries: Vec<Block>,
    /// The picture of lost connections; empty when no run lost any.
    pub(crate) of_storms: Vec<Block>,
    /// The picture of response times over offered rates; empty without a search or a sweep.
    pub(crate) of_rates: Vec<Block>,
}

impl ReportPictures {
    pub(crate) fn draw(runs: &[ReportedRun]) -> Self {
        let has_deliveries = |s: &Summary| s.fan_out.is_some();
        let has_losses = |s: &Summary| s.reconnect.as_ref().is_some_and(|own| own.dropped > 0);
        let has_rates = |s: &Summary| {
            let mut steps = s.load_steps().unwrap_or_default().iter();
            steps.any(|step| step.response_p50_ns.is_some())
        };
        Self {
            of_messages: of_messages(runs),
            of_deliveries: of_some(runs, PictureKind::FanOut, has_deliveries),
            of_storms: of_some(runs, PictureKind::Storm, has_losses),
            of_rates: of_some(runs, PictureKind::LoadCurve, has_rates),
        }
    }
}

/// The picture of this kind of those runs that have something to draw; empty without any.
fn of_some(runs: &[ReportedRun], kind: PictureKind, has: impl Fn(&Summary) -> bool) -> Vec<Block> {
    let drawn: Vec<_> = runs
        .iter()
        .filter(|run| run.summary().is_some_and(&has))
        .collect();
    if drawn.is_empty() {
        return Vec::new();
    }
    let (pictures, missing) = draw_all(&[kind], &drawn, &ColumnRequest::default());
    vec![Block::Pictures(pictures), Block::List(missing)]
}

fn of_messages(runs: &[ReportedRun]) -> Vec<Block> {
    let metric = if runs.iter().all(ReportedRun::has_response_time) {
        Metric::ResponseTime
    } else {
        Metric::ServiceTime
    };
    let request = &ColumnRequest {
        metric,
        ..ColumnRequest::default()
    };
    let all = &runs.iter().collect::<Vec<_>>();
    let is_feed = |run: &&ReportedRun| run.summary().is_some_and(is_feed_only);
    // A feed has no messages with a reply, so only its seconds are drawn.
    let with_times: Vec<_> = runs.iter().filter(|run| !is_feed(run)).collect();
    let of_kinds = |kinds: &[PictureKind]| match kinds {
        [PictureKind::Timeline] => draw_all(kinds, all, request),
        _ if with_times.is_empty() => (Vec::new(), Vec::new()),
        _ => draw_all(kinds, &with_times, request),
    };
    let of_kinds = &of_kinds;
    // A spreadsheet is read once for each reading, which takes longer than all else.
    let drawn = thread::scope(|scope| {
        let threads = READINGS.map(|kinds| scope.spawn(move || of_kinds(kinds)));
        threads.map(|thread| thread.join().unwrap_or_else(|panic| resume_unwind(panic)))
    });
    let (mut pictures, mut missing) = (Vec::new(), Vec::new());
    for (drawn, lacking) in drawn {
        pictures.extend(drawn);
        missing.extend(lacking);
    }
    vec![Block::Pictures(pictures), Block::List(missing)]
}

/// Reads the data of these kinds once, and draws them all.
fn draw_all(
    kinds: &[PictureKind],
    runs: &[&ReportedRun],
    request: &ColumnRequest,
) -> (Vec<PagePicture>, Vec<String>) {
    let mut pictures = Vec::new();
    let (loaded, errors) = load_from_any(kinds[0], runs, request);
    let line = |error| not_drawn(kinds[0], error, loaded.is_some());
    let mut missing: Vec<_> = errors.iter().map(line).collect();
    let Some(mut loaded) = loaded else {
        return (pictures, missing);
    };
    for kind in kinds {
        loaded.kind = *kind;
        match picture(*kind, &loaded) {
            Ok(picture) => pictures.push(picture),
            Err(error) => missing.push(not_drawn(*kind, &error, false)),
        }
    }
    (pictures, missing)
}

/// Reads one file of each run: the first that has data for the kind. Runs without such a file, or whose file cannot be
/// drawn, are left out, each with its error, so that the others are drawn.
fn load_from_any(
    kind: PictureKind,
    runs: &[&ReportedRun],
    request: &ColumnRequest,
) -> (Option<PictureInput>, Vec<DrawError>) {
    let mut missing = Vec::new();
    // Files of each run that have not been found lacking.
    let mut left: Vec<&[PathBuf]> = runs.iter().map(|run| run.files.as_slice()).collect();
    loop {
        let firsts = left.iter().filter_map(|files| files.first());
        let files: Vec<_> = firsts.cloned().collect();
        if files.is_empty() {
            return (None, missing);
        }
        let error = match load(kind, &files, request) {
            Ok(loaded) => return (Some(loaded), missing),
            Err(error) => error,
        };
        let lacking = match &error {
            DrawError::Results(ResultsError::Lacks(path, _)) => {
                left.iter().position(|files| files.first() == Some(path))
            }
            _ => None,
        };
        if let Some(at) = lacking {
            left[at] = &left[at][1..];
            if left[at].is_empty() {
                missing.push(error);
            }
            continue;
        }
        // Not every error names its file: it is the first that cannot be drawn alone either.
        let mut alone = left.iter().enumerate();
        let failing =
            alone.find_map(|(at, files)| Some((at, load(kind, files.get(..1)?, request).err()?)));
        let Some((at, error)) = failing else {
            missing.push(error);
            return (None, missing);
        };
        missing.push(error);
        left[at] = &[];
    }
}

/// `No picture of the messages: r.json holds no single messages, which the kind latency needs: give …`; if other runs
/// are in the picture, `Not in the picture of …`.
fn not_drawn(kind: PictureKind, error: &DrawError, is_drawn: bool) -> String {
    let what = match kind {
        PictureKind::Latency => "the messages",
        // Those of the same data are missing together.
        PictureKind::Histogram => "the histogram, distribution and percentiles",
        PictureKind::Cdf => "the distribution",
        PictureKind::Percentiles => "the percentiles",
        PictureKind::Timeline => "the seconds",
        PictureKind::Heatmap => "the times over the run",
        PictureKind::FanOut => "the deliveries",
        PictureKind::Storm => "the lost connections",
        PictureKind::LoadCurve => "the offered rates",
    };
    let error = cli::in_one_line(error);
    if is_drawn {
        format!("Not in the picture of {what}: {error}")
    } else {
        format!("No picture of {what}: {error}")
    }
}

fn title(kind: PictureKind, quantity: &str, row: &str) -> String {
    match kind {
        PictureKind::Latency => format!("{} of each message", capital(quantity)),
        PictureKind::Histogram => "Histogram".to_owned(),
        PictureKind::Cdf => "Distribution".to_owned(),
        PictureKind::Percentiles => "Percentiles".to_owned(),
        PictureKind::Timeline if row != SECOND => "Throughput and times over the run".to_owned(),
        PictureKind::Timeline => "Second by second".to_owned(),
        PictureKind::Heatmap => format!("{} over the run", capital(quantity)),
        PictureKind::FanOut => "First, median and last receiver".to_owned(),
        PictureKind::Storm => "Connections that are up".to_owned(),
        PictureKind::LoadCurve => "Response time over offered rate".to_owned(),
    }
}

/// The name of a row of one second.
const SECOND: &str = "second";

/// The name of the longest row that the picture shows: `second`, `50 s`.
fn row_name(data: &Data) -> String {
    let rows: Vec<RowSeconds> = match data {
        Data::Timeline { runs, .. } => {
            let timelines = runs.iter().filter_map(|run| run.timeline.as_ref());
            timelines
                .flat_map(|timeline| timeline.rows.iter().map(|row| row.seconds))
                .collect()
        }
        Data::FanOut(all) => {
            let of_runs = all.iter().filter_map(|s| s.fan_out.as_ref());
            of_runs
                .flat_map(|own| own.timeline.iter().map(|row| row.seconds))
                .collect()
        }
        _ => Vec::new(),
    };
    match rows.into_iter().max() {
        Some(length) if !length.is_one() => format!("{} s", length.get()),
        _ => SECOND.to_owned(),
    }
}

/// The sentence that a picture over time shows one step only; `None` when no run has steps.
fn about_steps(data: &Data) -> Option<&'static str> {
    let Data::Timeline { runs, .. } = data else {
        return None;
    };
    let mut summaries = runs.iter().filter_map(|run| run.summary.as_ref());
    let has_steps = |s: &Summary| s.load_steps().is_some_and(|steps| !steps.is_empty());
    summaries
        .any(has_steps)
        .then_some("Of a search or a sweep, only the step whose figures are reported is shown.")
}

/// Sentences that explain the picture.
fn caption(kind: PictureKind, data: &Data) -> String {
    let row = row_name(data);
    let caption = match kind {
        PictureKind::Timeline => {
            format!("Throughput of each {row}, and the times if messages have any.")
        }
        PictureKind::FanOut => format!(
            "Above: p50 delivery time of the first, the median and the last receiver of each {row}. Below: share of receivers that have a message by each time after it was sent."
        ),
        _ => fixed_caption(kind).to_owned(),
    };
    match about_steps(data) {
        Some(sentence) => format!("{caption} {sentence}"),
        None => caption,
    }
}

/// The sentence on a picture whose rows have no length.
fn fixed_caption(kind: PictureKind) -> &'static str {
    match kind {
        PictureKind::Latency => {
            "Each message as a faint dot, in order of sending. The line is the moving average."
        }
        PictureKind::Histogram => "Number of messages per time, in logarithmic bins.",
        PictureKind::Cdf => "Share of messages up to each time.",
        PictureKind::Percentiles => {
            "Times over percentiles. 90 %, 99 %, 99.9 % … are equally spaced."
        }
        PictureKind::Timeline | PictureKind::FanOut => "",
        PictureKind::Heatmap => "Number of messages per time and moment of the run.",
        PictureKind::Storm => {
            "Above: share of the planned connections that are up. Below: attempts to reconnect, their failures and clients back in each interval."
        }
        PictureKind::LoadCurve => {
            "Above: response time of the messages due at each offered rate; in a room, until the last receiver. Below: CPU time of the server per second, if it was measured. Lines join the rates at which the conditions held or did not hold. Hollow marks say nothing about the server."
        }
    }
}

fn picture(kind: PictureKind, loaded: &PictureInput) -> Result<PagePicture, DrawError> {
    let title = title(kind, &loaded.subject.quantity, &row_name(&loaded.data));
    let (each, further) = match &loaded.data {
        Data::Heatmap(all) => (PANEL, all.len().saturating_sub(2)),
        Data::Latency(all) => (LEGEND, all.len().saturating_sub(1)),
        Data::Distributions(all) => (LEGEND, all.len().saturating_sub(1)),
        // Their legends are short.
        Data::Timeline { .. } | Data::Xy { .. } => (0, 0),
        Data::FanOut(all) | Data::Storm(all) | Data::LoadCurve(all) => {
            (LEGEND, all.len().saturating_sub(1))
        }
    };
    let more = each.saturating_mul(u32::try_from(further).unwrap_or(u32::MAX));
    let draw = |(width, height): (u32, u32)| {
        let height = height.saturating_add(more);
        let options = Options {
            title: Some(title.clone()),
            size: Size::new(width, height).unwrap_or_default(),
            theme: Theme::Page,
            ..Options::default()
        };
        loaded.svg(&options)
    };
    let (size, narrow) = match kind {
        PictureKind::FanOut | PictureKind::Storm | PictureKind::LoadCurve => (ALONE, ALONE_NARROW),
        _ => (SIZE, NARROW),
    };
    Ok(PagePicture {
        svg: draw(size)?,
        // Where a narrow one has no room, the other is shown, if smaller.
        narrow: draw(narrow).ok(),
        title,
        caption: caption(kind, &loaded.data),
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use draw_plot::Labelled;
    use test_support::fixtures::{closed_loop_run, sweep_run};

    use super::*;

    fn timeline(run: measurement::run::Run) -> Data {
        Data::Timeline {
            runs: vec![Labelled::new("a", run)],
            only: None,
        }
    }

    /// A picture of a run of hours named its rows seconds.
    #[test]
    fn long_rows_are_not_called_seconds() {
        let mut run = closed_loop_run(|_| {});
        let of_seconds = timeline(run.clone());
        assert_eq!(row_name(&of_seconds), SECOND);
        let caption_of = |data: &Data| caption(PictureKind::Timeline, data);
        assert!(caption_of(&of_seconds).starts_with("Throughput of each second,"));
        let rows = &mut run.timeline.as_mut().unwrap().rows;
        rows[0].seconds = RowSeconds::for_duration(Duration::from_secs(12 * 3_600));
        let of_long = timeline(run);
        let row = row_name(&of_long);
        assert!(caption_of(&of_long).starts_with(&format!("Throughput of each {row},")));
        assert_ne!(row, SECOND);
        assert!(!title(PictureKind::Timeline, "service time", &row).contains("econd"));
    }

    #[test]
    fn the_timeline_of_a_sweep_is_called_that_of_one_step() {
        let sweep = timeline(sweep_run(50_000.0, &[1_000.0], |_| {}));
        assert!(caption(PictureKind::Timeline, &sweep).ends_with("is shown."));
    }
}

//! Forest plot of a comparison: one dot per round, one interval per server.

use std::path::Path;

use draw_plot::{
    DrawError, ForestData, ForestRow, Options, RowOutcome, Size, Theme, encode_forest_plot,
    forest_plot_svg,
};
use measurement::run::comparison::{
    AgainstReference, ComparedFigure, Comparison, ComparisonVerdict,
};
use ws_report::page::PagePicture;

use crate::round_values::RoundValues;
use crate::sentences;

/// Height around the rows, and of each row, at a width of 1280 pixels.
const AROUND: u32 = 150;
const ROW: u32 = 52;

/// Draws the picture in the format of the file name. Returns its bytes. Fails when no figure has a ratio.
pub(crate) fn encode(c: &Comparison, path: &Path) -> Result<Vec<u8>, DrawError> {
    let ratios = ratios(c);
    encode_forest_plot(path, &options(&ratios, Theme::Light), &ratios)
}

pub(crate) fn has_ratios(c: &Comparison) -> bool {
    !ratios(c).rows.is_empty()
}

/// Draws the pictures for a page; empty when there is nothing to draw.
pub(crate) fn for_page(c: &Comparison) -> Result<Vec<PagePicture>, DrawError> {
    let ratios = ratios(c);
    if ratios.rows.is_empty() {
        return Ok(Vec::new());
    }
    let svg = forest_plot_svg(&options(&ratios, Theme::Page), &ratios)?;
    let caption = format!(
        "Above 1, a server is better than {}. Each faint dot is one round. Each bar is the interval over all rounds, where they are enough for one.",
        c.plan.reference
    );
    Ok(vec![PagePicture {
        title: ratios.title,
        caption,
        svg,
        narrow: None,
    }])
}

fn options(ratios: &ForestData, theme: Theme) -> Options {
    let rows = u32::try_from(ratios.rows.len()).unwrap_or(u32::MAX);
    let height = AROUND
        .saturating_add(ROW.saturating_mul(rows))
        .clamp(360, 4320);
    Options {
        size: Size::new(1280, height).unwrap_or_default(),
        theme,
        ..Options::default()
    }
}

fn ratios(c: &Comparison) -> ForestData {
    let several = c.compared().count() > 2;
    let mut rows = Vec::new();
    for figure in &c.figures {
        for (index, against) in figure.against.iter().enumerate() {
            let row = row(c, figure.figure, against, several);
            rows.extend(row.map(|row| ForestRow {
                begins_group: several && index == 0,
                ..row
            }));
        }
    }
    let too_few = sentences::too_few_rounds(c);
    let too_few = too_few.map_or("", |_| ", too few for any verdict");
    ForestData {
        title: sentences::title(c),
        subtitle: format!(
            "{} · {}{too_few} · {}",
            c.validity.verdict.name(),
            sentences::rounds(c),
            sentences::load(c)
        ),
        x_label: format!("ratio to {}, above 1 is better", c.plan.reference),
        rows,
    }
}

/// The row of a server for a figure, without an interval if there are too few rounds for one; `None` without a ratio.
fn row(
    c: &Comparison,
    figure: ComparedFigure,
    against: &AgainstReference,
    several: bool,
) -> Option<ForestRow> {
    let better = |ratio: f64| match figure.more_is_better() {
        true => ratio,
        false => 1.0 / ratio,
    };
    let ratio = against.ratio?;
    let interval = against.low.zip(against.high).map(|(low, high)| {
        let mut interval = [low, ratio, high].map(better);
        interval.sort_by(f64::total_cmp);
        interval
    });
    let log_ratios = RoundValues(c).log_ratios(&against.server, figure);
    let dots = log_ratios
        .into_iter()
        .flatten()
        .map(|log| better(log.exp()));
    let name = figure.short_name();
    Some(ForestRow {
        label: if several {
            format!("{name} · {}", against.server)
        } else {
            name.to_owned()
        },
        begins_group: false,
        dots: dots.collect(),
        interval,
        said: match against.verdict {
            ComparisonVerdict::Better => RowOutcome::Better,
            ComparisonVerdict::Worse => RowOutcome::Worse,
            ComparisonVerdict::CannotTell => RowOutcome::Nothing,
        },
        text: against.text.clone(),
    })
}

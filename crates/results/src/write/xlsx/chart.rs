//! Native charts, all in one dress.

use rust_xlsxwriter::{
    Chart, ChartAxis, ChartAxisCrossing, ChartFont, ChartFormat, ChartLegendPosition, ChartLine,
    ChartMarker, ChartMarkerType, ChartSolidFill, ChartType, Worksheet, XlsxError,
};

use super::style::{FAINT, GRID, INK, RULE};
use super::{column, ms};

/// Points of a line up to which each is marked: a line of one point is no line.
const FEW_POINTS: u32 = 30;

/// Counts up to which each has its place on an axis: halves between them would be named as if they
/// were whole.
const FEW_STEPS: f64 = 10.0;

/// Size of a chart, in pixels.
const WIDTH: u32 = 780;
const HEIGHT: u32 = 420;

/// Characters of UTF-16 that a chart's alternative text may have.
const ALT_TEXT: usize = 255;

/// Rows of a sheet that a chart and the room below it cover.
pub(super) const ROWS: u32 = HEIGHT / 20 + 2;

/// A chart of columns of one sheet, from its second row on.
pub(super) struct Picture<'a> {
    pub(super) sheet: &'a str,
    /// How many columns that has: the chart stands to their right.
    pub(super) columns: usize,
    /// Its last row that is drawn.
    pub(super) last_row: u32,
    pub(super) title: String,
    pub(super) x: Axis<'a>,
    /// Column of the positions.
    pub(super) x_column: u16,
    pub(super) y: Axis<'a>,
    pub(super) named: Named,
    pub(super) lines: Vec<Line<'a>>,
}

/// Where the legend has its words from.
#[derive(Clone, Copy)]
pub(super) enum Named {
    /// Each line's own name.
    ByLine,
    /// The header of each line's column: for names that are not ours, which a spreadsheet would
    /// take for a reference to cells when they look like one.
    ByHeader,
}

/// An axis.
pub(super) struct Axis<'a> {
    pub(super) name: &'a str,
    pub(super) format: &'a str,
    pub(super) scale: Scale,
}

/// How values become positions.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Scale {
    /// As a spreadsheet chooses it: not from zero where all values lie close together, so that they
    /// can be told apart.
    Automatic,
    /// From zero to as far as the values reach, or to this, which is a count.
    Linear { end: Option<f64> },
    /// Powers of ten.
    Log { begin: f64, end: f64 },
}

impl Scale {
    /// The scale for times: logarithmic where the largest would press the typical one into a line
    /// at the bottom.
    pub(super) fn of_times(smallest_ns: u64, typical_ns: u64, largest_ns: u64) -> Self {
        if typical_ns == 0 || largest_ns < typical_ns.saturating_mul(15) {
            return Self::Linear { end: None };
        }
        // A time of zero has no place there.
        Self::Log {
            begin: 10_f64.powf(ms(smallest_ns.max(1)).log10().floor()),
            end: 10_f64.powf(ms(largest_ns).log10().ceil()),
        }
    }

    fn apply(self, axis: &mut ChartAxis) {
        match self {
            Self::Automatic => {}
            Self::Linear { end } => {
                axis.set_min(0);
                if let Some(end) = end {
                    axis.set_max(end);
                    if end <= FEW_STEPS {
                        axis.set_major_unit(1.0);
                    }
                }
            }
            Self::Log { begin, end } => {
                axis.set_log_base(10).set_min(begin).set_max(end);
            }
        }
    }
}

/// A column as a line.
pub(super) struct Line<'a> {
    pub(super) name: &'a str,
    pub(super) column: u16,
    pub(super) colour: u32,
    pub(super) mark: Mark,
}

/// How a column is drawn.
#[derive(Clone, Copy)]
pub(super) enum Mark {
    /// A line of this width in points.
    Line(f64),
    /// A line of this width, and a dot a value: for a column with holes, in which a value between two
    /// of them would be no line.
    Joined(f64),
    /// A dot a value.
    Dots,
}

impl Picture<'_> {
    /// Puts the chart beside the columns, its top at this row.
    pub(super) fn insert(self, sheet: &mut Worksheet, row: u32) -> Result<(), XlsxError> {
        let mut chart = Chart::new(ChartType::ScatterStraight);
        let font = |size: f64, colour: u32| {
            let mut font = ChartFont::new();
            font.set_size(size).set_color(colour).unset_bold();
            font
        };
        let line = |colour: u32, width: f64| {
            let mut line = ChartLine::new();
            line.set_color(colour).set_width(width);
            line
        };
        let mut title_font = font(13.0, INK);
        title_font.set_bold();
        chart.title().set_name(&self.title).set_font(&title_font);
        chart
            .legend()
            .set_position(ChartLegendPosition::Top)
            .set_font(&font(9.0, INK));
        chart
            .chart_area()
            .set_format(ChartFormat::new().set_border(&line(RULE, 0.75)));
        for (is_x, axis) in [(true, &self.x), (false, &self.y)] {
            let drawn = if is_x { chart.x_axis() } else { chart.y_axis() };
            drawn
                .set_name(axis.name)
                .set_name_font(&font(9.0, FAINT))
                .set_font(&font(9.0, FAINT))
                .set_num_format(axis.format)
                .set_major_gridlines(true)
                .set_major_gridlines_line(&line(GRID, 0.75))
                // The other axis begins at the foot of this one, also where that is below 1.
                .set_crossing(ChartAxisCrossing::Min)
                .set_format(ChartFormat::new().set_line(&line(RULE, 0.75)));
            axis.scale.apply(drawn);
        }
        let is_few = self.last_row <= FEW_POINTS;
        for drawn in &self.lines {
            let series = chart.add_series();
            match self.named {
                Named::ByLine => series.set_name(drawn.name),
                Named::ByHeader => series.set_name((self.sheet, 0, drawn.column)),
            };
            series
                .set_categories((self.sheet, 1, self.x_column, self.last_row, self.x_column))
                .set_values((self.sheet, 1, drawn.column, self.last_row, drawn.column));
            let mut marker = ChartMarker::new();
            let mut fill = ChartSolidFill::new();
            fill.set_color(drawn.colour);
            marker
                .set_type(ChartMarkerType::Circle)
                .set_format(ChartFormat::new().set_solid_fill(&fill).set_no_border());
            match drawn.mark {
                Mark::Dots => {
                    series.set_format(ChartFormat::new().set_no_line());
                    series.set_marker(marker.set_size(if is_few { 7 } else { 3 }));
                }
                Mark::Line(width) | Mark::Joined(width) => {
                    series.set_format(ChartFormat::new().set_line(&line(drawn.colour, width)));
                    if is_few || matches!(drawn.mark, Mark::Joined(_)) {
                        series.set_marker(marker.set_size(if is_few { 5 } else { 3 }));
                    }
                }
            }
        }
        chart
            .set_width(WIDTH)
            .set_height(HEIGHT)
            .set_alt_text(self.alt_text());
        sheet.insert_chart(row, column(self.columns + 1), &chart)?;
        Ok(())
    }

    /// What it shows, for who cannot see it: without the lines' names where those are too long.
    fn alt_text(&self) -> String {
        let names: Vec<_> = self.lines.iter().map(|line| line.name).collect();
        let whole = format!("{}: {}, by {}", self.title, names.join(", "), self.x.name);
        if whole.encode_utf16().count() <= ALT_TEXT {
            return whole;
        }
        format!("{}: {} lines, by {}", self.title, names.len(), self.x.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_far_outlier_makes_the_axis_logarithmic() {
        let linear = Scale::Linear { end: None };
        assert_eq!(Scale::of_times(100_000, 1_000_000, 14_000_000), linear);
        assert_eq!(Scale::of_times(0, 0, 0), linear);
        let log = Scale::Log {
            begin: 0.1,
            end: 100.0,
        };
        assert_eq!(Scale::of_times(200_000, 1_000_000, 60_000_000), log);
    }
}

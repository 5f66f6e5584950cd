//! Native charts, all in one style.

use rust_xlsxwriter::{
    Chart, ChartAxis, ChartAxisCrossing, ChartFont, ChartFormat, ChartLegendPosition, ChartLine,
    ChartMarker, ChartMarkerType, ChartSeries, ChartSolidFill, ChartType, Worksheet,
};

use super::style::{FAINT, GRID, INK, RULE};
use super::{XlsxResult, column, ms};

/// Largest number of points of a line whose points have markers: a single point is not visible as a line.
const FEW_POINTS: u32 = 30;

/// Largest count of an axis with a tick for each count. Ticks between counts would be labelled as whole numbers.
const FEW_STEPS: f64 = 10.0;

/// Size of a chart, in pixels.
const WIDTH: u32 = 780;
const HEIGHT: u32 = 420;

/// Largest length of a chart's alternative text, in UTF-16 units.
const ALT_TEXT: usize = 255;

/// Number of rows that a chart and the space below it cover.
pub(super) const ROWS: u32 = HEIGHT / 20 + 2;

/// A chart of columns of one sheet, from the second row.
pub(super) struct SheetChart<'a> {
    pub(super) sheet: &'a str,
    /// Number of the sheet's columns, to the right of which the chart stands.
    pub(super) columns: usize,
    /// Last row of the chart.
    pub(super) last_row: u32,
    pub(super) title: String,
    pub(super) x: SheetAxis<'a>,
    /// Column of the positions.
    pub(super) x_column: u16,
    pub(super) y: SheetAxis<'a>,
    /// True if the legend refers to the headers of the columns. Needed for names that a spreadsheet could read as a
    /// reference to cells.
    pub(super) are_names_in_header: bool,
    pub(super) lines: Vec<SheetLine<'a>>,
}

/// A column as a line: its name, the column, its colour and style.
pub(super) type SheetLine<'a> = (&'a str, u16, u32, LineStyle);

pub(super) struct SheetAxis<'a> {
    pub(super) name: &'a str,
    pub(super) format: &'a str,
    pub(super) scale: SheetScale,
}

impl SheetAxis<'static> {
    pub(super) fn of_times(scale: SheetScale) -> Self {
        Self {
            name: "ms",
            format: "General",
            scale,
        }
    }
}

/// An axis of whole numbers from zero to the last of them.
pub(super) fn whole_axis(name: &str, are_several: bool, last: f64) -> SheetAxis<'_> {
    SheetAxis {
        name,
        format: "#,##0",
        scale: SheetScale::Linear {
            end: are_several.then_some(last),
        },
    }
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum SheetScale {
    /// Range that the spreadsheet chooses. It does not begin at zero if all values are close together.
    Automatic,
    /// Range from zero to the largest value, or to this count.
    Linear { end: Option<f64> },
    /// Logarithmic scale of powers of ten.
    Log { begin: f64, end: f64 },
}

impl SheetScale {
    /// The scale for times: logarithmic if typical times would be invisible at the bottom of a linear one.
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

#[derive(Clone, Copy)]
pub(super) enum LineStyle {
    /// A line of this width in points.
    Line(f64),
    /// A line of this width with a dot per value, for a column with gaps, in which a value between two gaps has no line.
    Joined(f64),
    /// A dot per value.
    Dots,
}

impl SheetChart<'_> {
    /// Inserts the chart to the right of the columns, its top at this row.
    pub(super) fn insert(self, sheet: &mut Worksheet, row: u32) -> XlsxResult {
        let mut chart = Chart::new(ChartType::ScatterStraight);
        chart
            .title()
            .set_name(&self.title)
            .set_font(font(13.0, INK).set_bold());
        chart
            .legend()
            .set_position(ChartLegendPosition::Top)
            .set_font(&font(9.0, INK));
        chart
            .chart_area()
            .set_format(ChartFormat::new().set_border(&stroke(RULE, 0.75)));
        self.x.draw(chart.x_axis());
        self.y.draw(chart.y_axis());
        for line in &self.lines {
            self.draw(*line, chart.add_series());
        }
        chart
            .set_width(WIDTH)
            .set_height(HEIGHT)
            .set_alt_text(self.alt_text());
        sheet.insert_chart(row, column(self.columns + 1), &chart)?;
        Ok(())
    }

    fn draw(&self, (name, column, colour, style): SheetLine<'_>, series: &mut ChartSeries) {
        if self.are_names_in_header {
            series.set_name((self.sheet, 0, column));
        } else {
            series.set_name(name);
        }
        series
            .set_categories((self.sheet, 1, self.x_column, self.last_row, self.x_column))
            .set_values((self.sheet, 1, column, self.last_row, column));
        let mut marker = ChartMarker::new();
        let mut fill = ChartSolidFill::new();
        fill.set_color(colour);
        marker
            .set_type(ChartMarkerType::Circle)
            .set_format(ChartFormat::new().set_solid_fill(&fill).set_no_border());
        let is_few = self.last_row <= FEW_POINTS;
        match style {
            LineStyle::Dots => {
                series.set_format(ChartFormat::new().set_no_line());
                series.set_marker(marker.set_size(if is_few { 7 } else { 3 }));
            }
            LineStyle::Line(width) | LineStyle::Joined(width) => {
                series.set_format(ChartFormat::new().set_line(&stroke(colour, width)));
                if is_few || matches!(style, LineStyle::Joined(_)) {
                    series.set_marker(marker.set_size(if is_few { 5 } else { 3 }));
                }
            }
        }
    }

    /// The alternative text, without the names of the lines if they are too long.
    fn alt_text(&self) -> String {
        let names: Vec<_> = self.lines.iter().map(|(name, ..)| *name).collect();
        let whole = format!("{}: {}, by {}", self.title, names.join(", "), self.x.name);
        if whole.encode_utf16().count() <= ALT_TEXT {
            return whole;
        }
        format!("{}: {} lines, by {}", self.title, names.len(), self.x.name)
    }
}

impl SheetAxis<'_> {
    fn draw(&self, axis: &mut ChartAxis) {
        axis.set_name(self.name)
            .set_name_font(&font(9.0, FAINT))
            .set_font(&font(9.0, FAINT))
            .set_num_format(self.format)
            .set_major_gridlines(true)
            .set_major_gridlines_line(&stroke(GRID, 0.75))
            // The other axis begins at the foot of this one, also where that is below 1.
            .set_crossing(ChartAxisCrossing::Min)
            .set_format(ChartFormat::new().set_line(&stroke(RULE, 0.75)));
        self.scale.apply(axis);
    }
}

fn font(size: f64, colour: u32) -> ChartFont {
    let mut font = ChartFont::new();
    font.set_size(size).set_color(colour).unset_bold();
    font
}

fn stroke(colour: u32, width: f64) -> ChartLine {
    let mut line = ChartLine::new();
    line.set_color(colour).set_width(width);
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_far_outlier_makes_the_axis_logarithmic() {
        let linear = SheetScale::Linear { end: None };
        assert_eq!(SheetScale::of_times(100_000, 1_000_000, 14_000_000), linear);
        assert_eq!(SheetScale::of_times(0, 0, 0), linear);
        let log = SheetScale::Log {
            begin: 0.1,
            end: 100.0,
        };
        assert_eq!(SheetScale::of_times(200_000, 1_000_000, 60_000_000), log);
    }
}

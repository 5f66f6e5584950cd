//! The decorations around the data of every picture: heading, legend, axes and grid. One panel of data,
//! or several above each other on one x axis.

use plotters::style::Color;

use crate::canvas::{Align, Canvas};
use crate::error::DrawError;
use crate::layout::{Fonts, Layout};
use crate::legend::{self, LegendEntry, Overflow};
use crate::options::Size;
use crate::scale::{AxisScale, PixelAxis, Tick};
use crate::theme::Colours;

/// Everything that is drawn around the data.
pub(crate) struct Decorations<'a> {
    pub(crate) size: Size,
    pub(crate) colours: &'a Colours,
    pub(crate) title: &'a str,
    pub(crate) subtitle: &'a str,
    pub(crate) legend: &'a [LegendEntry],
    /// Labels that need room at the right of the data.
    pub(crate) right: &'a [&'a str],
    pub(crate) x: AxisScale,
    pub(crate) x_label: &'a str,
}

/// A field of data with a y axis of its own.
pub(crate) struct Panel {
    /// Heading of the y axis.
    pub(crate) heading: String,
    pub(crate) y: AxisScale,
    /// Height in relation to the other panels.
    pub(crate) share: f64,
}

impl Panel {
    pub(crate) fn new(heading: String, y: AxisScale) -> Self {
        Self {
            heading,
            y,
            share: 1.0,
        }
    }
}

/// The axes of a panel in their place.
pub(crate) struct PanelAxes {
    pub(crate) x: PixelAxis,
    pub(crate) y: PixelAxis,
    pub(crate) layout: Layout,
    pub(crate) font: Fonts,
    /// End of the y axis' heading; other writing may follow in its row.
    pub(crate) heading_end: (f64, f64),
}

impl PanelAxes {
    /// The pixel of a point.
    pub(crate) fn at(&self, (x, y): (f64, f64)) -> (f64, f64) {
        (self.x.pixel(x), self.y.pixel(y))
    }
}

impl Decorations<'_> {
    /// Draws all of it around a single panel, and returns the axes of the data.
    pub(crate) fn draw_single(
        &self,
        canvas: &Canvas<'_>,
        panel: Panel,
    ) -> Result<PanelAxes, DrawError> {
        let mut axes = self.draw(canvas, &[panel])?;
        // As many as panels.
        Ok(axes.swap_remove(0))
    }

    /// Draws all of it around several panels, from top to bottom.
    pub(crate) fn draw(
        &self,
        canvas: &Canvas<'_>,
        panels: &[Panel],
    ) -> Result<Vec<PanelAxes>, DrawError> {
        canvas.fill(self.colours.ground);
        let font = Fonts::new(self.size, self.colours);
        let shares: Vec<f64> = panels.iter().map(|panel| panel.share).collect();
        let mut layout = Layout::new(self.size, font.scale);
        self.draw_heading(canvas, &font, &mut layout);
        self.draw_legend(canvas, &font, &mut layout, &shares);
        layout.reserve(canvas.widest(self.right.iter(), font.text), font.text);
        let places = layout.stack(&shares, font.text).ok_or(DrawError::NoRoom {
            panels: panels.len(),
            size: self.size,
        })?;
        let ticks = |(panel, (_, place)): (&Panel, &(_, Layout))| {
            let y = panel.y.over((place.bottom, place.top));
            (y, y.ticks(place.ticks_down()))
        };
        let ys: Vec<_> = panels.iter().zip(&places).map(ticks).collect();
        let labels = ys.iter().flat_map(|(_, ticks)| ticks);
        let left = canvas.widest(labels.map(|(_, label)| label), font.faint);

        let all = panels.iter().zip(ys).zip(places).enumerate();
        let axes = all.map(|(number, ((panel, (y, ticks)), (start, mut layout)))| {
            layout.indent(left);
            let heading = canvas.fit(&panel.heading, font.text, layout.inner_width());
            canvas.text(&heading, font.text, Align::Left, start);
            let heading_end = start.0 + canvas.text_width(&heading, font.text);
            let axes = PanelAxes {
                x: self.x.over((layout.left, layout.right)),
                y,
                layout,
                font,
                heading_end: (heading_end, start.1),
            };
            self.draw_grid(canvas, &axes, &ticks);
            self.draw_x_axis(canvas, &axes, number == panels.len() - 1);
            axes
        });
        Ok(axes.collect())
    }

    fn draw_heading(&self, canvas: &Canvas<'_>, font: &Fonts, layout: &mut Layout) {
        let title = canvas.fit(self.title, font.title, layout.inner_width());
        canvas.text(&title, font.title, Align::Left, layout.next_row(font.title));
        for row in canvas.two_rows(self.subtitle, font.faint, layout.inner_width()) {
            canvas.text(&row, font.faint, Align::Left, layout.next_row(font.faint));
        }
    }

    /// Draws the legend, with names cut off where whole ones would leave no room for the panels.
    fn draw_legend(&self, canvas: &Canvas<'_>, font: &Fonts, layout: &mut Layout, shares: &[f64]) {
        let place = |overflow| {
            let mut below = *layout;
            let placed = legend::place(canvas, font, &mut below, (self.legend, overflow));
            (placed, below)
        };
        let (mut placed, mut below) = place(Overflow::Wrap);
        let mut data = below;
        data.skip();
        if data.stack(shares, font.text).is_none() {
            (placed, below) = place(Overflow::Cut);
        }
        *layout = below;
        legend::draw(canvas, font, layout, (self.legend, &placed));
        layout.skip();
    }

    fn draw_grid(&self, canvas: &Canvas<'_>, axes: &PanelAxes, ticks: &[Tick]) {
        let PanelAxes { layout, font, .. } = axes;
        let k = font.scale;
        for (value, label) in ticks {
            let y = axes.y.pixel(*value);
            let (from, to) = ((layout.left, y - 0.5 * k), (layout.right, y + 0.5 * k));
            canvas.rectangle(from, to, self.colours.grid.to_rgba());
            canvas.text(label, font.faint, Align::Right, (layout.left - 8.0 * k, y));
        }
    }

    /// The numbers and the label of the x axis stand below the last panel only.
    fn draw_x_axis(&self, canvas: &Canvas<'_>, axes: &PanelAxes, is_last: bool) {
        let PanelAxes { layout, font, .. } = axes;
        let (k, bottom) = (font.scale, layout.bottom);
        let colour = self.colours.faint_text.to_rgba();
        let (from, to) = (
            (layout.left, bottom - 0.5 * k),
            (layout.right, bottom + 0.5 * k),
        );
        canvas.rectangle(from, to, colour);
        for (value, label) in axes.x.ticks(layout.ticks_across()) {
            let x = axes.x.pixel(value);
            let upright = |top: f64, bottom: f64, colour| {
                canvas.rectangle((x - 0.5 * k, top), (x + 0.5 * k, bottom), colour);
            };
            if axes.x.is_spectrum() {
                upright(layout.top, bottom, self.colours.grid.to_rgba());
            }
            upright(bottom, bottom + 5.0 * k, colour);
            if is_last {
                canvas.text(&label, font.faint, Align::Centre, (x, bottom + 15.0 * k));
            }
        }
        if is_last {
            let label = canvas.fit(self.x_label, font.text, layout.inner_width());
            let at = ((layout.left + layout.right) / 2.0, bottom + 35.0 * k);
            canvas.text(&label, font.text, Align::Centre, at);
        }
    }
}

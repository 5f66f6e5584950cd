//! Heading, legend, axes and grid around panels of data, which stand one above the other, on one x axis or on several.

use std::ops::Deref;

use plotters::style::RGBColor;

use crate::canvas::{Align, Canvas};
use crate::error::DrawError;
use crate::layout::{PanelShare, PictureLayout};
use crate::legend::{self, LegendEntry};
use crate::plot::PlotContext;
use crate::scale::{AxisScale, PixelAxis, Tick};

/// A field of data with a y axis of its own.
pub(crate) struct Panel<'a> {
    pub(crate) heading: String,
    pub(crate) y: AxisScale,
    /// Height in relation to the other panels.
    pub(crate) share: f64,
    /// Labels to the right of the data, for which room is left.
    pub(crate) right: Vec<&'a str>,
    /// Scale and label of an x axis of its own, which stands below it; `None` for that of the last panel.
    pub(crate) x: Option<(AxisScale, &'a str)>,
}

impl Panel<'_> {
    pub(crate) fn new(heading: String, y: AxisScale) -> Self {
        Self {
            heading,
            y,
            share: 1.0,
            right: Vec::new(),
            x: None,
        }
    }
}

/// The placed axes of a panel.
pub(crate) struct PanelAxes<'c> {
    pub(crate) x: PixelAxis,
    pub(crate) y: PixelAxis,
    layout: PictureLayout<'c>,
    /// End of the y axis' heading; other text may follow in its row.
    pub(crate) heading_end: (f64, f64),
}

impl PanelAxes<'_> {
    pub(crate) fn at(&self, (x, y): (f64, f64)) -> (f64, f64) {
        (self.x.pixel(x), self.y.pixel(y))
    }

    /// Draws a thin line from the left to the right.
    fn draw_level(&self, y: f64, colour: RGBColor) {
        let half = 0.5 * self.font.scale;
        let (from, to) = ((self.left, y - half), (self.right, y + half));
        self.canvas.rectangle(from, to, colour);
    }
}

impl<'c> Deref for PanelAxes<'c> {
    type Target = PictureLayout<'c>;

    fn deref(&self) -> &PictureLayout<'c> {
        &self.layout
    }
}

impl PlotContext<'_> {
    /// Draws everything around a single panel, and returns the axes of the data.
    pub(crate) fn draw_axes<'c>(
        &self,
        canvas: &'c Canvas<'c>,
        subtitle: &str,
        legend: &[LegendEntry],
        x: (AxisScale, &str),
        panel: Panel<'_>,
    ) -> Result<PanelAxes<'c>, DrawError> {
        let mut axes = self.draw_panels(canvas, subtitle, legend, x, &[panel])?;
        // As many as panels.
        Ok(axes.swap_remove(0))
    }

    /// Draws everything around several panels, from top to bottom, above the x axis of this scale and label.
    pub(crate) fn draw_panels<'c>(
        &self,
        canvas: &'c Canvas<'c>,
        subtitle: &str,
        legend: &[LegendEntry],
        (x, x_label): (AxisScale, &str),
        panels: &[Panel<'_>],
    ) -> Result<Vec<PanelAxes<'c>>, DrawError> {
        let mut layout = PictureLayout::new(canvas, &self.colours);
        let font = layout.font;
        layout.write_row(self.title(), font.title);
        for row in canvas.two_rows(subtitle, font.faint, layout.inner_width()) {
            layout.write_row(&row, font.faint);
        }
        let shares = panels.iter().map(|panel| PanelShare {
            height: panel.share,
            has_axis_below: panel.x.is_some(),
        });
        let shares: Vec<_> = shares.collect();
        draw_legend(&mut layout, legend, &shares);
        let right = panels.iter().flat_map(|panel| &panel.right);
        layout.reserve(canvas.widest(right, font.text));
        let no_room = DrawError::NoRoom(panels.len(), canvas.size);
        let places = layout.stack(&shares).ok_or(no_room)?;
        let ticks = |(panel, (_, place)): (&Panel<'_>, &(_, PictureLayout<'_>))| {
            let y = panel.y.over((place.bottom, place.top));
            (y, y.ticks(place.ticks_down()))
        };
        let ys: Vec<_> = panels.iter().zip(&places).map(ticks).collect();
        let labels = ys.iter().flat_map(|(_, ticks)| ticks);
        let left = canvas.widest(labels.map(|(_, label)| label), font.faint);

        let mut all = Vec::with_capacity(panels.len());
        for ((panel, (y, ticks)), (start, mut layout)) in panels.iter().zip(ys).zip(places) {
            layout.indent(left);
            let heading = canvas.fit(&panel.heading, font.text, layout.inner_width());
            canvas.text(&heading, font.text, Align::Left, start);
            let heading_end = start.0 + canvas.text_width(&heading, font.text);
            let is_last = all.len() + 1 == panels.len();
            let (x, label) = match panel.x {
                Some((x, label)) => (x, Some(label)),
                None => (x, is_last.then_some(x_label)),
            };
            let axes = PanelAxes {
                x: x.over((layout.left, layout.right)),
                y,
                layout,
                heading_end: (heading_end, start.1),
            };
            self.draw_grid(&axes, &ticks);
            all.push(axes);
            self.draw_x_axis(&all[all.len() - 1], label);
        }
        Ok(all)
    }

    fn draw_grid(&self, axes: &PanelAxes<'_>, ticks: &[Tick]) {
        for (value, label) in ticks {
            let y = axes.y.pixel(*value);
            axes.draw_level(y, self.colours.grid);
            let at = (axes.left - 8.0 * axes.font.scale, y);
            axes.canvas.text(label, axes.font.faint, Align::Right, at);
        }
    }

    /// Without a label, a panel has no numbers of the x axis either.
    fn draw_x_axis(&self, axes: &PanelAxes<'_>, label: Option<&str>) {
        let (canvas, font, k, bottom) = (axes.canvas, axes.font, axes.font.scale, axes.bottom);
        let colour = self.colours.faint_text;
        axes.draw_level(bottom, colour);
        for (value, number) in axes.x.ticks(axes.ticks_across()) {
            let x = axes.x.pixel(value);
            let upright = |top: f64, bottom: f64, colour: RGBColor| {
                canvas.rectangle((x - 0.5 * k, top), (x + 0.5 * k, bottom), colour);
            };
            if axes.x.is_spectrum() {
                upright(axes.top, bottom, self.colours.grid);
            }
            upright(bottom, bottom + 5.0 * k, colour);
            if label.is_some() {
                canvas.text(&number, font.faint, Align::Centre, (x, bottom + 15.0 * k));
            }
        }
        if let Some(label) = label {
            axes.write_x_label(&canvas.fit(label, font.text, axes.inner_width()));
        }
    }
}

/// Draws the legend, with names cut off if whole names would leave no room for the panels.
fn draw_legend(layout: &mut PictureLayout<'_>, entries: &[LegendEntry], shares: &[PanelShare]) {
    let place = |may_wrap| {
        let mut below = *layout;
        let placed = legend::place(&mut below, entries, may_wrap);
        (placed, below)
    };
    let (mut placed, mut below) = place(true);
    let mut data = below;
    data.skip();
    if data.stack(shares).is_none() {
        (placed, below) = place(false);
    }
    *layout = below;
    legend::draw(layout, entries, &placed);
    layout.skip();
}

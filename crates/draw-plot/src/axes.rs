//! What surrounds the data of every picture: heading, legend, axes and grid; one panel of data or
//! several above each other on one x axis.

use plotters::style::Color;

use crate::canvas::{Align, Canvas};
use crate::error::DrawError;
use crate::layout::{Fonts, Layout};
use crate::legend::{self, LegendEntry, Overflow};
use crate::options::Size;
use crate::scale::{AxisScale, PixelAxis};
use crate::theme::Colours;

/// What is written around the data.
pub(crate) struct Decorations<'a> {
    pub(crate) size: Size,
    pub(crate) colours: &'a Colours,
    pub(crate) title: &'a str,
    pub(crate) subtitle: &'a str,
    pub(crate) legend: &'a [LegendEntry],
    /// What needs room at the right of the data.
    pub(crate) right: &'a [&'a str],
    pub(crate) x: AxisScale,
    pub(crate) x_label: &'a str,
}

/// A field of data with a y axis of its own.
pub(crate) struct Panel {
    /// What the y axis shows.
    pub(crate) heading: String,
    pub(crate) y: AxisScale,
    /// Its height in relation to the other panels.
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
    /// Where the heading of the y axis ends; other writing may follow in its row.
    pub(crate) heading_end: (f64, f64),
}

impl PanelAxes {
    /// The pixel of a point.
    pub(crate) fn at(&self, (x, y): (f64, f64)) -> (f64, f64) {
        (self.x.pixel(x), self.y.pixel(y))
    }
}

impl Decorations<'_> {
    /// Draws all of it around a single panel, and tells where the data go.
    pub(crate) fn draw_single(
        &self,
        canvas: &Canvas<'_>,
        panel: Panel,
    ) -> Result<PanelAxes, DrawError> {
        let mut frames = self.draw(canvas, &[panel])?;
        // As many frames as panels.
        Ok(frames.swap_remove(0))
    }

    /// The same around several panels, from top to bottom.
    pub(crate) fn draw(
        &self,
        canvas: &Canvas<'_>,
        panels: &[Panel],
    ) -> Result<Vec<PanelAxes>, DrawError> {
        canvas.fill(self.colours.ground)?;
        let font = Fonts::new(self.size, self.colours);
        let mut layout = Layout::new(self.size, font.scale);
        canvas.text(
            &canvas.fitted(self.title, font.title, layout.inner_width()),
            font.title,
            Align::Left,
            layout.next_row(font.title),
        )?;
        for row in canvas.wrapped(self.subtitle, font.faint, layout.inner_width()) {
            let at = layout.next_row(font.faint);
            canvas.text(&row, font.faint, Align::Left, at)?;
        }
        let shares: Vec<f64> = panels.iter().map(|panel| panel.share).collect();
        let mut placed = Vec::new();
        for long in [Overflow::Wrap, Overflow::Cut] {
            let mut below = layout;
            placed = legend::place(canvas, &font, &mut below, (self.legend, long));
            let mut data = below;
            data.skip();
            // Rather a name cut off than no picture.
            if long == Overflow::Cut || data.stacked(&shares, font.text).is_some() {
                layout = below;
                break;
            }
        }
        legend::draw(canvas, &font, &mut layout, (self.legend, &placed))?;
        layout.skip();

        let mut right = 0.0_f64;
        for label in self.right {
            right = right.max(canvas.text_width(label, font.text));
        }
        layout.reserve(right, font.text);
        let mut places = layout
            .stacked(&shares, font.text)
            .ok_or(DrawError::NoRoom {
                panels: panels.len(),
                size: self.size,
            })?;
        let ticks: Vec<_> = panels
            .iter()
            .zip(&places)
            .map(|(panel, (_, place))| {
                let y = panel.y.over((place.bottom, place.top));
                (y, y.ticks(place.ticks_down()))
            })
            .collect();
        let mut left = 0.0_f64;
        for (_, label) in ticks.iter().flat_map(|(_, ticks)| ticks) {
            left = left.max(canvas.text_width(label, font.faint));
        }
        for (_, place) in &mut places {
            place.indent(left);
        }

        let last = panels.len() - 1;
        let mut frames = Vec::with_capacity(panels.len());
        for (number, ((panel, (y, ticks)), (start, place))) in
            panels.iter().zip(ticks).zip(places).enumerate()
        {
            let heading = canvas.fitted(&panel.heading, font.text, place.inner_width());
            canvas.text(&heading, font.text, Align::Left, start)?;
            let heading_end = start.0 + canvas.text_width(&heading, font.text);
            let frame = PanelAxes {
                x: self.x.over((place.left, place.right)),
                y,
                layout: place,
                font,
                heading_end: (heading_end, start.1),
            };
            self.grid(canvas, &frame, &ticks, number == last)?;
            frames.push(frame);
        }
        Ok(frames)
    }

    /// The numbers of the x axis stand below the last panel only.
    fn grid(
        &self,
        canvas: &Canvas<'_>,
        frame: &PanelAxes,
        y_ticks: &[(f64, String)],
        is_last: bool,
    ) -> Result<(), DrawError> {
        let PanelAxes { layout, font, .. } = frame;
        let (k, faint) = (font.scale, font.faint);
        for (value, label) in y_ticks {
            let y = frame.y.pixel(*value);
            canvas.rectangle(
                (layout.left, y - 0.5 * k),
                (layout.right, y + 0.5 * k),
                self.colours.grid.to_rgba(),
            )?;
            canvas.text(label, faint, Align::Right, (layout.left - 8.0 * k, y))?;
        }
        let axis = self.colours.faint_text.to_rgba();
        canvas.rectangle(
            (layout.left, layout.bottom - 0.5 * k),
            (layout.right, layout.bottom + 0.5 * k),
            axis,
        )?;
        for (value, label) in frame.x.ticks(layout.ticks_across()) {
            let x = frame.x.pixel(value);
            if frame.x.is_spectrum() {
                let colour = self.colours.grid.to_rgba();
                let (from, to) = ((x - 0.5 * k, layout.top), (x + 0.5 * k, layout.bottom));
                canvas.rectangle(from, to, colour)?;
            }
            canvas.rectangle(
                (x - 0.5 * k, layout.bottom),
                (x + 0.5 * k, layout.bottom + 5.0 * k),
                axis,
            )?;
            if is_last {
                canvas.text(&label, faint, Align::Centre, (x, layout.bottom + 15.0 * k))?;
            }
        }
        if !is_last {
            return Ok(());
        }
        let centre = (layout.left + layout.right) / 2.0;
        canvas.text(
            &canvas.fitted(self.x_label, font.text, layout.inner_width()),
            font.text,
            Align::Centre,
            (centre, layout.bottom + 35.0 * k),
        )
    }
}

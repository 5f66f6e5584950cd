//! What surrounds the data of every picture: heading, legend, axes and grid.

use plotters::prelude::DrawingBackend;
use plotters::style::Color;

use crate::axis::{Axis, Scale};
use crate::canvas::{Align, Canvas};
use crate::error::DrawError;
use crate::layout::{Layout, Type};
use crate::legend::{self, Entry};
use crate::options::Options;
use crate::theme::Colours;

/// What is written around the data.
pub(crate) struct Surroundings<'a> {
    pub(crate) options: &'a Options,
    pub(crate) colours: &'a Colours,
    pub(crate) subtitle: &'a str,
    pub(crate) legend: &'a [Entry],
    /// What needs room at the right of the data.
    pub(crate) right: &'a [&'a str],
    pub(crate) x: Scale,
    pub(crate) x_label: &'a str,
    pub(crate) y: Scale,
    pub(crate) y_unit: &'a str,
}

/// The axes in their place.
pub(crate) struct Frame {
    pub(crate) x: Axis,
    pub(crate) y: Axis,
    pub(crate) layout: Layout,
    pub(crate) font: Type,
    /// Where the heading of the y axis ends; other writing may follow in its row.
    pub(crate) heading_end: (f64, f64),
}

impl Surroundings<'_> {
    /// Draws all of it, and tells where the data go.
    pub(crate) fn draw<B: DrawingBackend>(&self, canvas: &Canvas<'_, B>) -> Result<Frame, DrawError>
    where
        B::ErrorType: 'static,
    {
        canvas.fill(self.colours.ground)?;
        let font = Type::new(self.options.size, self.colours);
        let mut layout = Layout::new(self.options.size, font.scale);
        canvas.text(
            &canvas.fitted(&self.options.title, font.title, layout.inner_width()),
            font.title,
            Align::Left,
            layout.next_row(font.title),
        )?;
        canvas.text(
            &canvas.fitted(self.subtitle, font.faint, layout.inner_width()),
            font.faint,
            Align::Left,
            layout.next_row(font.faint),
        )?;
        legend::draw(canvas, &font, &mut layout, self.legend)?;
        layout.skip();
        let (heading_start, heading_y) = layout.next_row(font.text);

        let mut right = 0.0_f64;
        for label in self.right {
            right = right.max(canvas.text_width(label, font.text));
        }
        layout.reserve(right, font.text);
        let y = self.y.over((layout.bottom, layout.top));
        let y_ticks = y.ticks(layout.ticks_down());
        let mut left = 0.0_f64;
        for (_, label) in &y_ticks {
            left = left.max(canvas.text_width(label, font.faint));
        }
        layout.indent(left);

        let heading = self.y_heading();
        canvas.text(&heading, font.text, Align::Left, (heading_start, heading_y))?;
        let heading_end = heading_start + canvas.text_width(&heading, font.text);
        let frame = Frame {
            x: self.x.over((layout.left, layout.right)),
            y,
            layout,
            font,
            heading_end: (heading_end, heading_y),
        };
        self.grid(canvas, &frame, &y_ticks)?;
        Ok(frame)
    }

    /// What the y axis shows.
    fn y_heading(&self) -> String {
        let assumed = if self.options.unit_is_assumed {
            ", assumed"
        } else {
            ""
        };
        format!("{} ({}{assumed})", self.options.quantity, self.y_unit)
    }

    fn grid<B: DrawingBackend>(
        &self,
        canvas: &Canvas<'_, B>,
        frame: &Frame,
        y_ticks: &[(f64, String)],
    ) -> Result<(), DrawError>
    where
        B::ErrorType: 'static,
    {
        let Frame { layout, font, .. } = frame;
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
            canvas.rectangle(
                (x - 0.5 * k, layout.bottom),
                (x + 0.5 * k, layout.bottom + 5.0 * k),
                axis,
            )?;
            canvas.text(&label, faint, Align::Centre, (x, layout.bottom + 15.0 * k))?;
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

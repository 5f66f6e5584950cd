//! The division of a picture into fields, and the sizes of its texts.

use std::num::NonZeroUsize;

use crate::canvas::{Align, Canvas, Font};
use crate::series::whole;
use crate::theme::Colours;

#[derive(Clone, Copy)]
pub(crate) struct Fonts {
    /// Factor of every length; 1 at 1280x720.
    pub(crate) scale: f64,
    pub(crate) title: Font,
    pub(crate) text: Font,
    pub(crate) faint: Font,
}

impl Fonts {
    fn new(scale: f64, colours: &Colours) -> Self {
        let font = |size: f64, is_bold, colour| Font {
            size: size * scale,
            is_bold,
            colour,
        };
        Self {
            scale,
            title: font(19.0, true, colours.text),
            text: font(13.5, false, colours.text),
            faint: font(13.5, false, colours.faint_text),
        }
    }
}

/// A panel's part of the free room.
#[derive(Clone, Copy)]
pub(crate) struct PanelShare {
    /// Height in relation to the other panels.
    pub(crate) height: f64,
    /// True if the numbers and the label of an x axis stand below it.
    pub(crate) has_axis_below: bool,
}

/// The field of the data on a canvas, and the free room around it. All lengths are in pixels.
#[derive(Clone, Copy)]
pub(crate) struct PictureLayout<'c> {
    pub(crate) canvas: &'c Canvas<'c>,
    pub(crate) font: Fonts,
    pub(crate) left: f64,
    pub(crate) right: f64,
    pub(crate) top: f64,
    pub(crate) bottom: f64,
    margin: f64,
}

impl<'c> PictureLayout<'c> {
    /// The layout of an empty canvas, whose ground is filled.
    pub(crate) fn new(canvas: &'c Canvas<'c>, colours: &Colours) -> Self {
        let end = (f64::from(canvas.size.width), f64::from(canvas.size.height));
        canvas.rectangle((0.0, 0.0), end, colours.ground);
        let font = Fonts::new(canvas.scale, colours);
        let margin = 20.0 * font.scale;
        Self {
            canvas,
            font,
            left: margin,
            right: end.0 - margin,
            top: 14.0 * font.scale,
            // Two rows of writing stand below.
            bottom: end.1 - 58.0 * font.scale,
            margin,
        }
    }

    /// Writes a row at the top, cut if it is wider than the picture.
    pub(crate) fn write_row(&mut self, text: &str, font: Font) {
        let text = self.canvas.fit(text, font, self.inner_width());
        let at = self.next_row(font);
        self.canvas.text(&text, font, Align::Left, at);
    }

    /// Reserves one more row of text at the top. Returns its left end and vertical middle.
    pub(crate) fn next_row(&mut self, font: Font) -> (f64, f64) {
        let height = 1.62 * font.size;
        self.top += height;
        (self.margin, self.top - height / 2.0)
    }

    pub(crate) fn skip(&mut self) {
        self.top += 8.0 * self.font.scale;
    }

    /// Reserves room at the right for text of that width.
    pub(crate) fn reserve(&mut self, width: f64) {
        // At least for half of the last number below the axis.
        let half_number = 2.0 * self.font.text.size;
        let writing = (width > 0.0).then_some(width + 8.0 * self.font.scale);
        // Whole pixels: columns of data then have sharp edges.
        self.right = (self.right - writing.unwrap_or(half_number)).round();
    }

    /// Divides the free room into panels one above the other. Returns the place of each heading and the field for the data;
    /// `None` if a panel would be too low to be read.
    pub(crate) fn stack(self, shares: &[PanelShare]) -> Option<Vec<((f64, f64), Self)>> {
        /// Smallest height of a field, at 1280x720.
        const LOWEST: f64 = 48.0;
        let (k, font) = (self.font.scale, self.font.text);
        let gap = |share: &PanelShare| {
            if share.has_axis_below {
                50.0 * k
            } else {
                10.0 * k
            }
        };
        let heading = 1.62 * font.size + 8.0 * k;
        // Room for the axis of the last panel is left in any case.
        let between = shares.split_last().map_or(&[][..], |(_, others)| others);
        let around = heading * shares.len() as f64 + between.iter().map(gap).sum::<f64>();
        let free = self.bottom - self.top - around;
        let total: f64 = shares.iter().map(|share| share.height).sum();
        let mut top = self.top;
        let panels = shares.iter().map(|share| {
            let mut panel = Self { top, ..self };
            let start = panel.next_row(font);
            panel.skip();
            let height = free * share.height / total;
            panel.bottom = panel.top + height;
            top = panel.bottom + gap(share);
            (height >= LOWEST * k).then_some((start, panel))
        });
        panels.collect()
    }

    /// Reserves room at the left for numbers of that width.
    pub(crate) fn indent(&mut self, width: f64) {
        self.left = (self.left + width + 8.0 * self.font.scale).round();
    }

    /// Writes the label of the x axis, in the middle of the second row below the data.
    pub(crate) fn write_x_label(&self, label: &str) {
        let middle = f64::midpoint(self.left, self.right);
        let at = (middle, self.bottom + 35.0 * self.font.scale);
        self.canvas.text(label, self.font.text, Align::Centre, at);
    }

    pub(crate) fn inner_width(&self) -> f64 {
        self.right - self.margin
    }

    pub(crate) fn width(&self) -> f64 {
        self.right - self.left
    }

    pub(crate) fn columns(&self) -> NonZeroUsize {
        NonZeroUsize::new(whole(self.width().round())).unwrap_or(NonZeroUsize::MIN)
    }

    pub(crate) fn ticks_down(&self) -> usize {
        whole((self.bottom - self.top) / (42.0 * self.font.scale)).max(2)
    }

    pub(crate) fn ticks_across(&self) -> usize {
        whole(self.width() / (125.0 * self.font.scale)).max(2)
    }
}

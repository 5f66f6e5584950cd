//! The places in a picture, and the sizes of its writing.

use std::num::NonZeroUsize;

use crate::canvas::Font;
use crate::options::Size;
use crate::theme::Colours;

/// The fonts of a picture.
#[derive(Clone, Copy)]
pub(crate) struct Fonts {
    /// 1 at 1280x720; every length is a multiple of it.
    pub(crate) scale: f64,
    pub(crate) title: Font,
    pub(crate) text: Font,
    pub(crate) faint: Font,
}

impl Fonts {
    pub(crate) fn new(size: Size, colours: &Colours) -> Self {
        let share = (f64::from(size.width()) / 1280.0).min(f64::from(size.height()) / 720.0);
        // Writing grows slower than the picture, so that a small one can still be read.
        let scale = share.powf(0.8).max(0.75);
        let font = |size: f64, colour| Font {
            size: size * scale,
            is_bold: false,
            colour,
        };
        Self {
            scale,
            title: Font {
                is_bold: true,
                ..font(19.0, colours.text)
            },
            text: font(13.5, colours.text),
            faint: font(13.5, colours.faint_text),
        }
    }
}

/// The field of the data, and what is still free around it. All in pixels.
#[derive(Clone, Copy)]
pub(crate) struct Layout {
    pub(crate) left: f64,
    pub(crate) right: f64,
    pub(crate) top: f64,
    pub(crate) bottom: f64,
    margin: f64,
    scale: f64,
}

impl Layout {
    pub(crate) fn new(size: Size, scale: f64) -> Self {
        let margin = 20.0 * scale;
        let (width, height) = (f64::from(size.width()), f64::from(size.height()));
        Self {
            left: margin,
            right: width - margin,
            top: 14.0 * scale,
            // Two rows of writing stand below.
            bottom: height - 58.0 * scale,
            margin,
            scale,
        }
    }

    /// The left end of one more row of writing at the top, and its middle.
    pub(crate) fn next_row(&mut self, font: Font) -> (f64, f64) {
        let height = 1.62 * font.size;
        self.top += height;
        (self.margin, self.top - height / 2.0)
    }

    /// Some air below what stands above.
    pub(crate) fn skip(&mut self) {
        self.top += 8.0 * self.scale;
    }

    /// Makes room at the right for writing of that width.
    pub(crate) fn reserve(&mut self, width: f64, font: Font) {
        // At least for half of the last number below the axis.
        let width = if width > 0.0 {
            width + 8.0 * self.scale
        } else {
            2.0 * font.size
        };
        // Whole pixels: columns of data then have sharp edges.
        self.right = (self.right - width).round();
    }

    /// Cuts what is free into panels above each other with heights in these relations, and tells
    /// where the heading of each begins and the field that is left for its data. `None` when one
    /// would be too low to be read.
    pub(crate) fn stack(self, shares: &[f64], font: Font) -> Option<Vec<((f64, f64), Self)>> {
        /// Height of a field at least, at 1280x720.
        const LOWEST: f64 = 48.0;
        let gap = 10.0 * self.scale;
        let heading = 1.62 * font.size + 8.0 * self.scale;
        let around = heading * shares.len() as f64 + gap * (shares.len() as f64 - 1.0);
        let free = self.bottom - self.top - around;
        let total: f64 = shares.iter().sum();
        let mut top = self.top;
        shares
            .iter()
            .map(|share| {
                let mut panel = Self { top, ..self };
                let start = panel.next_row(font);
                panel.top += 8.0 * self.scale;
                let height = free * share / total;
                panel.bottom = panel.top + height;
                top = panel.bottom + gap;
                (height >= LOWEST * self.scale).then_some((start, panel))
            })
            .collect()
    }

    /// Makes room at the left for numbers of that width.
    pub(crate) fn indent(&mut self, width: f64) {
        self.left = (self.left + width + 8.0 * self.scale).round();
    }

    /// From margin to margin.
    pub(crate) fn inner_width(&self) -> f64 {
        self.right - self.margin
    }

    /// Width of the field of the data.
    pub(crate) fn width(&self) -> f64 {
        self.right - self.left
    }

    /// Columns of pixels in it.
    pub(crate) fn columns(&self) -> NonZeroUsize {
        // Positive, and far below 2^53.
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let columns = self.width().round() as usize;
        NonZeroUsize::new(columns).unwrap_or(NonZeroUsize::MIN)
    }

    /// Numbers that the y axis has room for.
    pub(crate) fn ticks_down(&self) -> usize {
        Self::fit(self.bottom - self.top, 42.0 * self.scale)
    }

    /// Numbers that the x axis has room for.
    pub(crate) fn ticks_across(&self) -> usize {
        Self::fit(self.width(), 125.0 * self.scale)
    }

    fn fit(length: f64, each: f64) -> usize {
        // Small, and negative at worst, which saturates.
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let count = (length / each) as usize;
        count.max(2)
    }
}

//! Colours. Series are told apart by the palette of Okabe and Ito (2008), which people with any
//! kind of colour vision can tell apart.

use plotters::style::RGBColor;

use crate::options::Theme;

/// Series that can be told apart.
pub const MAX_SERIES: usize = 7;

/// The colours of one theme.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Colours {
    pub(crate) ground: RGBColor,
    pub(crate) text: RGBColor,
    /// Text of second rank, and axes.
    pub(crate) faint_text: RGBColor,
    pub(crate) grid: RGBColor,
    /// The median and the 99th percentile of a single series.
    pub(crate) percentiles: [RGBColor; 2],
    pub(crate) series: [RGBColor; MAX_SERIES],
    /// How strongly what lies behind the average is drawn: single messages, and the middle 90 %
    /// and 96 % of many.
    pub(crate) point: f64,
    pub(crate) body: f64,
    pub(crate) bulk: f64,
}

const BLUE: RGBColor = RGBColor(0x00, 0x72, 0xB2);
const VERMILION: RGBColor = RGBColor(0xD5, 0x5E, 0x00);
const GREEN: RGBColor = RGBColor(0x00, 0x9E, 0x73);
const PURPLE: RGBColor = RGBColor(0xCC, 0x79, 0xA7);
const ORANGE: RGBColor = RGBColor(0xE6, 0x9F, 0x00);
const SKY: RGBColor = RGBColor(0x56, 0xB4, 0xE9);
const YELLOW: RGBColor = RGBColor(0xF0, 0xE4, 0x42);

impl Theme {
    pub(crate) fn colours(self) -> Colours {
        match self {
            Self::Light => Colours {
                ground: RGBColor(0xFF, 0xFF, 0xFF),
                text: RGBColor(0x1F, 0x24, 0x2B),
                faint_text: RGBColor(0x5B, 0x64, 0x70),
                grid: RGBColor(0xE6, 0xE9, 0xED),
                percentiles: [GREEN, VERMILION],
                // Yellow cannot be seen on white: black takes its place.
                series: [
                    BLUE,
                    VERMILION,
                    GREEN,
                    PURPLE,
                    ORANGE,
                    SKY,
                    RGBColor(0, 0, 0),
                ],
                point: 0.35,
                body: 0.17,
                bulk: 0.13,
            },
            Self::Dark => Colours {
                ground: RGBColor(0x14, 0x17, 0x1C),
                text: RGBColor(0xE8, 0xEB, 0xEF),
                faint_text: RGBColor(0x9A, 0xA4, 0xB1),
                grid: RGBColor(0x2A, 0x30, 0x38),
                percentiles: [GREEN, ORANGE],
                series: [
                    SKY,
                    ORANGE,
                    GREEN,
                    PURPLE,
                    YELLOW,
                    VERMILION,
                    RGBColor(0xFF, 0xFF, 0xFF),
                ],
                point: 0.40,
                body: 0.20,
                bulk: 0.15,
            },
        }
    }
}

//! Colours. Series are told apart by the palette of Okabe and Ito (2008), which people with any
//! kind of colour vision can tell apart. Counts are steps of viridis (Smith & van der Walt 2015),
//! whose lightness rises evenly, so that the order is seen by any eye and in grey.

use plotters::style::RGBColor;

use crate::options::Theme;

/// Series that can be told apart.
pub const MAX_SERIES: usize = 7;

/// Steps of the scale of counts.
pub(crate) const HEAT_STEPS: usize = 9;

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
    /// From few to many: the more, the further from the ground.
    pub(crate) heat: [RGBColor; HEAT_STEPS],
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
                heat: [
                    RGBColor(0xA2, 0xDA, 0x37),
                    RGBColor(0x5E, 0xC9, 0x62),
                    RGBColor(0x2E, 0xB3, 0x7C),
                    RGBColor(0x1F, 0x99, 0x8A),
                    RGBColor(0x27, 0x80, 0x8E),
                    RGBColor(0x32, 0x65, 0x8E),
                    RGBColor(0x3F, 0x48, 0x89),
                    RGBColor(0x48, 0x26, 0x77),
                    RGBColor(0x44, 0x01, 0x54),
                ],
                point: 0.35,
                body: 0.17,
                bulk: 0.13,
            },
            Self::Page => page_colours(),
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
                heat: [
                    RGBColor(0x3E, 0x49, 0x89),
                    RGBColor(0x32, 0x64, 0x8E),
                    RGBColor(0x28, 0x7C, 0x8E),
                    RGBColor(0x20, 0x93, 0x8C),
                    RGBColor(0x25, 0xAB, 0x82),
                    RGBColor(0x48, 0xC1, 0x6E),
                    RGBColor(0x7F, 0xD3, 0x4E),
                    RGBColor(0xC0, 0xDF, 0x25),
                    RGBColor(0xFD, 0xE7, 0x25),
                ],
                point: 0.40,
                body: 0.20,
                bulk: 0.15,
            },
        }
    }
}

impl Colours {
    /// Each colour with the end of its variable's name in a page.
    pub(crate) fn named(&mut self) -> Vec<(String, &mut RGBColor)> {
        let [p50, p99] = &mut self.percentiles;
        let mut named = vec![
            ("ground".to_owned(), &mut self.ground),
            ("text".to_owned(), &mut self.text),
            ("faint".to_owned(), &mut self.faint_text),
            ("grid".to_owned(), &mut self.grid),
            ("p50".to_owned(), p50),
            ("p99".to_owned(), p99),
        ];
        let numbered = |name: &'static str| move |at: usize| format!("{name}-{at}");
        named.extend((0..).map(numbered("series")).zip(&mut self.series));
        named.extend((0..).map(numbered("heat")).zip(&mut self.heat));
        named
    }
}

/// One colour for each use, though two may look the same: what is written for them tells which
/// variable belongs there.
fn page_colours() -> Colours {
    let mut colours = Theme::Light.colours();
    for (number, (_, colour)) in (0..).zip(colours.named()) {
        *colour = RGBColor(0xFA, 0xCE, number);
    }
    colours
}

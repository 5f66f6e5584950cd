//! Colours. Series are told apart by the palette of Okabe and Ito (2008), which people with any
//! kind of colour vision can tell apart. Counts are steps of viridis (Smith & van der Walt 2015),
//! whose lightness rises evenly, so that the order is seen by any eye and in grey; of viridis that
//! part which stands out from the ground.
//!
//! Against its ground every text has a contrast of at least 4.5 to 1, every line and mark of at least
//! 3 to 1 (WCAG 2.2, 1.4.3 and 1.4.11). Exempt are the grid, which only leads the eye to numbers that
//! are written, and what is translucent to show by its strength how many messages lie there.

use plotters::style::RGBColor;

use crate::options::Theme;

/// Series that can be told apart.
pub const MAX_SERIES: usize = 7;

/// CountSteps of the scale of counts.
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
    /// The same for their labels.
    pub(crate) percentile_texts: [RGBColor; 2],
    pub(crate) series: [RGBColor; MAX_SERIES],
    /// From few to many: the more, the further from the ground.
    pub(crate) heat: [RGBColor; HEAT_STEPS],
    /// How strongly what lies behind the average is drawn: single messages, and the middle 90 %
    /// and 96 % of many.
    pub(crate) point: f64,
    pub(crate) body: f64,
    pub(crate) bulk: f64,
    /// How strongly the reach of many averages is drawn.
    pub(crate) reach: f64,
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
                // Shades of the same hues: letters are thinner than lines.
                percentile_texts: [RGBColor(0x00, 0x7F, 0x5C), RGBColor(0xB8, 0x51, 0x00)],
                // Orange and sky blue are too faint on white: these are shades of them, dark enough to
                // be told from all others. Black takes the place of yellow.
                series: [
                    BLUE,
                    VERMILION,
                    GREEN,
                    PURPLE,
                    RGBColor(0x7F, 0x57, 0x00),
                    RGBColor(0x2B, 0x5A, 0x74),
                    RGBColor(0, 0, 0),
                ],
                heat: [
                    RGBColor(0x20, 0xA3, 0x86),
                    RGBColor(0x20, 0x92, 0x8C),
                    RGBColor(0x26, 0x81, 0x8E),
                    RGBColor(0x2E, 0x6F, 0x8E),
                    RGBColor(0x36, 0x5D, 0x8D),
                    RGBColor(0x3F, 0x48, 0x89),
                    RGBColor(0x46, 0x33, 0x7F),
                    RGBColor(0x48, 0x1B, 0x6D),
                    RGBColor(0x44, 0x01, 0x54),
                ],
                point: 0.35,
                body: 0.17,
                bulk: 0.13,
                reach: 0.30,
            },
            Self::Page => page_colours(),
            Self::Dark => Colours {
                ground: RGBColor(0x14, 0x17, 0x1C),
                text: RGBColor(0xE8, 0xEB, 0xEF),
                faint_text: RGBColor(0x9A, 0xA4, 0xB1),
                grid: RGBColor(0x2A, 0x30, 0x38),
                percentiles: [GREEN, ORANGE],
                percentile_texts: [GREEN, ORANGE],
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
                    RGBColor(0x2F, 0x6C, 0x8E),
                    RGBColor(0x27, 0x80, 0x8E),
                    RGBColor(0x20, 0x93, 0x8C),
                    RGBColor(0x21, 0xA6, 0x85),
                    RGBColor(0x38, 0xB9, 0x77),
                    RGBColor(0x60, 0xCA, 0x60),
                    RGBColor(0x93, 0xD7, 0x41),
                    RGBColor(0xC8, 0xE0, 0x20),
                    RGBColor(0xFD, 0xE7, 0x25),
                ],
                point: 0.40,
                body: 0.20,
                bulk: 0.15,
                reach: 0.35,
            },
        }
    }
}

impl Colours {
    /// Each colour with the end of its variable's name in a page.
    pub(crate) fn named(&mut self) -> Vec<(String, &mut RGBColor)> {
        let [p50, p99] = &mut self.percentiles;
        let [p50_text, p99_text] = &mut self.percentile_texts;
        let mut named = vec![
            ("ground".to_owned(), &mut self.ground),
            ("text".to_owned(), &mut self.text),
            ("faint".to_owned(), &mut self.faint_text),
            ("grid".to_owned(), &mut self.grid),
            ("p50".to_owned(), p50),
            ("p99".to_owned(), p99),
            ("p50-text".to_owned(), p50_text),
            ("p99-text".to_owned(), p99_text),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pictures::ZONE;

    const THEMES: [Theme; 2] = [Theme::Light, Theme::Dark];

    fn linear(RGBColor(red, green, blue): RGBColor) -> [f64; 3] {
        [red, green, blue].map(|byte| {
            let share = f64::from(byte) / 255.0;
            if share <= 0.040_45 {
                share / 12.92
            } else {
                ((share + 0.055) / 1.055).powf(2.4)
            }
        })
    }

    /// As WCAG 2.2 defines it.
    fn contrast(a: RGBColor, b: RGBColor) -> f64 {
        let luminance = |colour| {
            let [red, green, blue] = linear(colour);
            0.2126 * red + 0.7152 * green + 0.0722 * blue
        };
        let (a, b) = (luminance(a) + 0.05, luminance(b) + 0.05);
        a.max(b) / a.min(b)
    }

    /// A colour of this strength over another.
    fn over(above: RGBColor, strength: f64, below: RGBColor) -> RGBColor {
        let mix = |a: u8, b: u8| {
            (strength * f64::from(a) + (1.0 - strength) * f64::from(b)).round() as u8
        };
        RGBColor(
            mix(above.0, below.0),
            mix(above.1, below.1),
            mix(above.2, below.2),
        )
    }

    #[test]
    fn every_text_can_be_read_on_its_ground() {
        for theme in THEMES {
            let colours = theme.colours();
            let [p50, p99] = colours.percentile_texts;
            // Of these, the first two also stand on what is not measured in a timeline.
            let texts = [colours.text, colours.faint_text, p50, p99];
            let zone = over(colours.grid, ZONE, colours.ground);
            let on_zone = texts[..2].iter().map(|text| (*text, zone));
            for (text, ground) in texts
                .map(|text| (text, colours.ground))
                .into_iter()
                .chain(on_zone)
            {
                let contrast = contrast(text, ground);
                assert!(
                    contrast >= 4.5,
                    "{theme:?}: {text:?} on {ground:?} has {contrast}"
                );
            }
        }
    }

    #[test]
    fn every_line_and_mark_stands_out_from_its_ground() {
        for theme in THEMES {
            let colours = theme.colours();
            let lines = colours.series.into_iter().chain(colours.percentiles);
            for colour in lines.chain(colours.heat).chain([colours.faint_text]) {
                let contrast = contrast(colour, colours.ground);
                assert!(contrast >= 3.0, "{theme:?}: {colour:?} has {contrast}");
            }
        }
    }

    /// What eyes without one kind of cone see: Machado, Oliveira & Fernandes 2009.
    const EYES: [[[f64; 3]; 3]; 4] = [
        [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]],
        [
            [0.152_286, 1.052_583, -0.204_868],
            [0.114_503, 0.786_281, 0.099_216],
            [-0.003_882, -0.048_116, 1.051_998],
        ],
        [
            [0.367_322, 0.860_646, -0.227_968],
            [0.280_085, 0.672_501, 0.047_413],
            [-0.011_820, 0.042_940, 0.968_881],
        ],
        [
            [1.255_528, -0.076_749, -0.178_779],
            [-0.078_411, 0.930_809, 0.147_602],
            [0.004_733, 0.691_367, 0.303_900],
        ],
    ];

    fn times(matrix: &[[f64; 3]; 3], vector: [f64; 3]) -> [f64; 3] {
        matrix.map(|row| row.iter().zip(vector).map(|(a, b)| a * b).sum())
    }

    /// Lightness and two opponent colours, in which equal distances look equal: Ottosson's OKLab.
    fn oklab(linear: [f64; 3]) -> [f64; 3] {
        let cones = times(
            &[
                [0.412_221_470_8, 0.536_332_536_3, 0.051_445_992_9],
                [0.211_903_498_2, 0.680_699_545_1, 0.107_396_956_6],
                [0.088_302_461_9, 0.281_718_837_6, 0.629_978_700_5],
            ],
            linear.map(|share| share.clamp(0.0, 1.0)),
        );
        times(
            &[
                [0.210_454_255_3, 0.793_617_785_0, -0.004_072_046_8],
                [1.977_998_495_1, -2.428_592_205_0, 0.450_593_709_9],
                [0.025_904_037_1, 0.782_771_766_2, -0.808_675_766_0],
            ],
            cones.map(f64::cbrt),
        )
    }

    /// How far the two of these colours that look most alike are from each other, to the eye that sees
    /// the least difference.
    fn nearest(colours: &[RGBColor]) -> f64 {
        let mut nearest = f64::INFINITY;
        for eye in &EYES {
            let seen: Vec<_> = colours
                .iter()
                .map(|c| oklab(times(eye, linear(*c))))
                .collect();
            for (number, a) in seen.iter().enumerate() {
                for b in &seen[..number] {
                    let squares = a.iter().zip(b).map(|(a, b)| (a - b).powi(2));
                    nearest = nearest.min(squares.sum::<f64>().sqrt());
                }
            }
        }
        nearest
    }

    #[test]
    fn series_are_told_apart_as_well_as_those_of_okabe_and_ito() {
        let black = RGBColor(0, 0, 0);
        let theirs = nearest(&[BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY, YELLOW, black]);
        for theme in THEMES {
            let ours = nearest(&theme.colours().series);
            assert!(ours >= theirs, "{theme:?}: {ours} instead of {theirs}");
        }
    }

    #[test]
    fn neighbouring_steps_of_counts_are_told_apart() {
        for theme in THEMES {
            for pair in theme.colours().heat.windows(2) {
                // Twice what is just noticeable side by side.
                assert!(nearest(pair) >= 0.035, "{theme:?}: {pair:?}");
            }
        }
    }
}

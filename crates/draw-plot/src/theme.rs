//! Colours. Series have the palette of Okabe and Ito (2008), which people with any kind of colour vision can
//! distinguish. Counts are those steps of viridis (Smith & van der Walt 2015) which stand out from the
//! ground: its lightness rises evenly, so that the order is visible in grey and to people with any kind of colour vision.
//!
//! Against its ground every text has a contrast of at least 4.5 to 1, every line and mark of at least
//! 3 to 1 (WCAG 2.2, 1.4.3 and 1.4.11). Exempt are the grid, whose lines have labels, and translucent marks, whose
//! strength shows the number of messages.

use plotters::style::{Color, RGBColor};

use crate::options::Theme;

/// Largest number of series: each has a colour of its own.
pub const MAX_SERIES: usize = 7;

pub(crate) const HEAT_STEPS: usize = 9;

/// Strength of the colour of warm-up and drain, which are not measured.
pub(crate) const ZONE_STRENGTH: f64 = 0.8;

#[derive(Debug, Clone, Copy)]
pub(crate) struct Colours {
    pub(crate) ground: RGBColor,
    pub(crate) text: RGBColor,
    /// Secondary text, and axes.
    pub(crate) faint_text: RGBColor,
    pub(crate) grid: RGBColor,
    /// The median and the 99th percentile of a single series.
    pub(crate) percentiles: [RGBColor; 2],
    pub(crate) percentile_texts: [RGBColor; 2],
    pub(crate) series: [RGBColor; MAX_SERIES],
    /// Colours of counts, from few to many, with rising contrast to the ground.
    pub(crate) heat: [RGBColor; HEAT_STEPS],
    /// Strength of single messages, of the middle 90 % and 96 % of many, and of the range of averages.
    pub(crate) point: f64,
    pub(crate) body: f64,
    pub(crate) bulk: f64,
    pub(crate) average_range: f64,
}

/// A colour as it is written in a page: `0x0072B2`.
const fn rgb(hex: u32) -> RGBColor {
    let [_, red, green, blue] = hex.to_be_bytes();
    RGBColor(red, green, blue)
}

const BLUE: RGBColor = rgb(0x0072B2);
const VERMILION: RGBColor = rgb(0xD55E00);
const GREEN: RGBColor = rgb(0x009E73);
const PURPLE: RGBColor = rgb(0xCC79A7);
const ORANGE: RGBColor = rgb(0xE69F00);
const SKY: RGBColor = rgb(0x56B4E9);
const YELLOW: RGBColor = rgb(0xF0E442);
const BLACK: RGBColor = rgb(0x000000);

// Shades that are dark enough to be distinguished from all others on white.
const DARK_ORANGE: RGBColor = rgb(0x7F5700);
const DARK_SKY: RGBColor = rgb(0x2B5A74);

impl Theme {
    pub(crate) fn colours(self) -> Colours {
        match self {
            Self::Light => light_colours(),
            Self::Dark => dark_colours(),
            Self::Page => page_colours(),
        }
    }
}

fn light_colours() -> Colours {
    Colours {
        ground: rgb(0xFFFFFF),
        text: rgb(0x1F242B),
        faint_text: rgb(0x5B6470),
        grid: rgb(0xE6E9ED),
        percentiles: [GREEN, VERMILION],
        // Shades of the same hues: letters are thinner than lines.
        percentile_texts: [rgb(0x007F5C), rgb(0xB85100)],
        // Orange, sky blue and yellow are too faint on white.
        series: [BLUE, VERMILION, GREEN, PURPLE, DARK_ORANGE, DARK_SKY, BLACK],
        heat: [
            0x20A386, 0x20928C, 0x26818E, 0x2E6F8E, 0x365D8D, 0x3F4889, 0x46337F, 0x481B6D,
            0x440154,
        ]
        .map(rgb),
        point: 0.35,
        body: 0.17,
        bulk: 0.13,
        average_range: 0.30,
    }
}

fn dark_colours() -> Colours {
    Colours {
        ground: rgb(0x14171C),
        text: rgb(0xE8EBEF),
        faint_text: rgb(0x9AA4B1),
        grid: rgb(0x2A3038),
        percentiles: [GREEN, ORANGE],
        percentile_texts: [GREEN, ORANGE],
        series: [SKY, ORANGE, GREEN, PURPLE, YELLOW, VERMILION, rgb(0xFFFFFF)],
        heat: [
            0x2F6C8E, 0x27808E, 0x20938C, 0x21A685, 0x38B977, 0x60CA60, 0x93D741, 0xC8E020,
            0xFDE725,
        ]
        .map(rgb),
        point: 0.40,
        body: 0.20,
        bulk: 0.15,
        average_range: 0.35,
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

/// A distinct placeholder colour for each use. The markup gets the variable of that use in its place.
fn page_colours() -> Colours {
    let mut colours = Theme::Light.colours();
    for (number, (_, colour)) in (0..).zip(colours.named()) {
        *colour = RGBColor(0xFA, 0xCE, number);
    }
    colours
}

/// CSS that sets the variables of [`Theme::Page`]: light, dark where the reader prefers it, light on paper.
pub fn page_style() -> String {
    let rule = |theme: Theme| {
        let mut colours = theme.colours();
        let set = colours.named().into_iter();
        let set = set.map(|(name, colour)| format!("--plot-{name}:{};", hex(*colour)));
        format!(":root{{{}}}", set.collect::<String>())
    };
    let (light, dark) = (rule(Theme::Light), rule(Theme::Dark));
    format!("{light}\n@media (prefers-color-scheme: dark){{{dark}}}\n@media print{{{light}}}\n")
}

/// The markup with a variable in place of each quoted colour of [`Theme::Page`]. No text holds an unescaped quote, so
/// texts stay as they are.
pub(crate) fn with_variables(markup: String) -> String {
    let (mut marks, mut light) = (Theme::Page.colours(), Theme::Light.colours());
    let pairs = marks.named().into_iter().zip(light.named());
    pairs.fold(markup, |markup, ((name, mark), (_, light))| {
        let variable = format!("\"var(--plot-{name}, {})\"", hex(*light));
        markup.replace(&format!("\"{}\"", hex(*mark)), &variable)
    })
}

/// A colour as it stands in quotes: `#0072B2`.
pub(crate) fn hex(colour: impl Color) -> String {
    let (red, green, blue) = colour.rgb();
    format!("#{red:02X}{green:02X}{blue:02X}")
}

#[cfg(test)]
mod tests {
    use super::*;

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

    /// The contrast that WCAG 2.2 defines.
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
            let zone = over(colours.grid, ZONE_STRENGTH, colours.ground);
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

    /// The colours as people without one kind of cone see them: Machado, Oliveira & Fernandes 2009.
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

    /// Distance of the two colours that look most alike, for the kind of colour vision to which they differ least.
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

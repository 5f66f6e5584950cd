//! A picture as a part of a page.

use std::hash::{DefaultHasher, Hash, Hasher};

use plotters::style::RGBColor;

use crate::encode::{Plot, svg};
use crate::error::DrawError;
use crate::options::{Options, Theme};

/// A picture for a page.
#[derive(Debug, Clone, PartialEq)]
pub struct Svg {
    /// Inline SVG without a fixed size: a viewBox, `role="img"`, and `aria-labelledby` the title and
    /// the description that it begins with.
    pub markup: String,
    /// What it shows, in sentences; the description.
    pub alt: String,
    /// What to show under the pointer, from left to right.
    pub hovers: Vec<Hover>,
}

/// What stands at a place of a picture.
#[derive(Debug, Clone, PartialEq)]
pub struct Hover {
    /// In the viewBox's coordinates.
    pub x: f64,
    /// The same, where one point is meant and not all above each other.
    pub y: Option<f64>,
    /// Lines of text.
    pub text: Vec<String>,
}

/// The picture with this heading.
pub(crate) fn inline_svg(
    picture: &dyn Plot,
    heading: &str,
    options: &Options,
) -> Result<Svg, DrawError> {
    let drawing = svg(picture, options.size)?;
    let alt = picture.alt();
    let id = {
        let mut hasher = DefaultHasher::new();
        drawing.opened_by(&alt).hash(&mut hasher);
        format!("plot-{:016x}", hasher.finish())
    };
    let markup = drawing.opened_by(&format!(
        concat!(
            r#"<svg viewBox="0 0 {} {}" role="img" aria-labelledby="{}-title {}-desc" "#,
            r#"xmlns="http://www.w3.org/2000/svg"><title id="{}-title">{}</title>"#,
            r#"<desc id="{}-desc">{}</desc>"#
        ),
        drawing.width,
        drawing.height,
        id,
        id,
        id,
        escaped(heading),
        id,
        escaped(&alt)
    ));
    Ok(Svg {
        markup: with_variables(markup),
        alt,
        hovers: drawing.hovers,
    })
}

/// CSS that sets the variables of [`Theme::Page`]: light, dark where the reader prefers it, and
/// light on paper.
#[must_use]
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

/// A variable in the place of each colour of [`Theme::Page`]; others stay as they are. Colours stand
/// in quotes, which no text holds unescaped.
pub(crate) fn with_variables(markup: String) -> String {
    let (mut marks, mut light) = (Theme::Page.colours(), Theme::Light.colours());
    let pairs = marks.named().into_iter().zip(light.named());
    pairs.fold(markup, |markup, ((name, mark), (_, light))| {
        let variable = format!("\"var(--plot-{name}, {})\"", hex(*light));
        markup.replace(&format!("\"{}\"", hex(*mark)), &variable)
    })
}

fn hex(RGBColor(red, green, blue): RGBColor) -> String {
    format!("#{red:02X}{green:02X}{blue:02X}")
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

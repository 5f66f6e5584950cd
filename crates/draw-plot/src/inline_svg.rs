//! A picture as a part of a page.

use std::hash::{DefaultHasher, Hash, Hasher};

use crate::error::DrawError;
use crate::options::Options;
use crate::plot::{Hover, Plot};
use crate::svg::{SvgDrawing, escape};
use crate::theme::with_variables;

/// A picture for a page.
#[derive(Debug, Clone, PartialEq)]
pub struct Svg {
    /// Inline SVG without a fixed size: a viewBox, `role="img"`, and `aria-labelledby` the title and
    /// the description that it begins with.
    pub markup: String,
    /// The description, in sentences.
    pub alt: String,
    /// Texts to show under the pointer, from left to right.
    pub hovers: Vec<Hover>,
}

/// Draws the picture with this heading.
pub(crate) fn inline_svg(
    plot: &dyn Plot,
    heading: &str,
    options: &Options,
) -> Result<Svg, DrawError> {
    let drawing = SvgDrawing::of(plot, options.size)?;
    let alt = plot.alt();
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
        escape(heading),
        id,
        escape(&alt)
    ));
    Ok(Svg {
        markup: with_variables(markup),
        alt,
        hovers: drawing.hovers,
    })
}

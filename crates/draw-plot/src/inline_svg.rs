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
    /// Inline SVG without a fixed size. It begins with title and description, which `aria-labelledby` names.
    pub markup: String,
    /// The description, in sentences.
    pub alt: String,
    /// Texts to show under the pointer, from left to right.
    pub hovers: Vec<Hover>,
}

pub(crate) fn inline_svg(
    plot: &dyn Plot,
    heading: &str,
    options: &Options,
) -> Result<Svg, DrawError> {
    let drawing = SvgDrawing::of(plot, options.size)?;
    let alt = plot.alt();
    let mut hasher = DefaultHasher::new();
    drawing.opened_by(&alt).hash(&mut hasher);
    let id = format!("plot-{:016x}", hasher.finish());
    let view_box = &drawing.view_box;
    let (title, description) = (escape(heading), escape(&alt));
    let markup = drawing.opened_by(&format!(
        "<svg viewBox=\"{view_box}\" role=\"img\" aria-labelledby=\"{id}-title {id}-desc\" \
         xmlns=\"http://www.w3.org/2000/svg\"><title id=\"{id}-title\">{title}</title>\
         <desc id=\"{id}-desc\">{description}</desc>"
    ));
    Ok(Svg {
        markup: with_variables(markup),
        alt,
        hovers: drawing.hovers,
    })
}

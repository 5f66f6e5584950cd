//! The page as one HTML file that needs nothing beside it.
//!
//! Whatever stands in a page is escaped by the template. Should something slip through all the same, the
//! page's own policy keeps a browser from running any script but ours, which it knows by its hash, and from
//! loading anything at all.

use askama::Template;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::ReportError;
use crate::page::{Block, Page, Picture, Tone};

const SCRIPT: &str = include_str!("../assets/page.js");
const STYLE: &str = include_str!("../assets/page.css");

#[derive(Template)]
#[template(path = "page.html")]
struct Html<'p> {
    page: &'p Page,
    policy: String,
    style: String,
    script: &'static str,
}

/// The page as HTML.
///
/// # Errors
/// [`ReportError::Page`] when it cannot be put together.
pub fn html(page: &Page) -> Result<String, ReportError> {
    let style = format!("{}{STYLE}", crate::shim::page_style());
    let html = Html {
        page,
        policy: format!(
            "default-src 'none'; style-src '{}'; script-src '{}'; base-uri 'none'; form-action 'none'",
            hash(&style),
            hash(SCRIPT)
        ),
        style,
        script: SCRIPT,
    };
    Ok(html.render()?)
}

/// What a policy calls a script or a style sheet of just this text.
fn hash(text: &str) -> String {
    format!("sha256-{}", BASE64_STANDARD.encode(Sha256::digest(text)))
}

/// What the script knows of a picture.
#[derive(Serialize)]
pub(crate) struct Hovers<'p> {
    title: &'p str,
    /// Place across, place down or nothing, lines.
    at: Vec<(f64, Option<f64>, &'p [String])>,
}

pub(crate) fn hovers(picture: &Picture) -> Hovers<'_> {
    let hovers = picture.svg.hovers.iter();
    // A tenth of a pixel is finer than anybody points.
    let short = |place: f64| (place * 10.0).round() / 10.0;
    Hovers {
        title: &picture.title,
        at: hovers
            .map(|hover| (short(hover.x), hover.y.map(short), hover.text.as_slice()))
            .collect(),
    }
}

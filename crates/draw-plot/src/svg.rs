//! A picture as SVG: many equal shapes as one path, and long lines by their steps.

use plotters::style::{Color, RGBAColor};

use crate::canvas::{Align, Canvas, CanvasShape, Dot, Font};
use crate::error::DrawError;
use crate::font::{FontFace, FontFaces};
use crate::options::Size;
use crate::phrases::text_if;
use crate::plot::{Hover, Plot};
use crate::theme::hex;

/// Dots per pixel of the finished picture: coordinates are whole numbers.
const SVG_DOTS: u32 = 4;

/// Smallest number of equal shapes, or of points of a line, that become one path.
const MANY: usize = 200;

/// The shapes of an SVG, without its opening tag; all places in dots.
pub(crate) struct SvgDrawing {
    shapes: String,
    pub(crate) view_box: String,
    pub(crate) hovers: Vec<Hover>,
}

impl SvgDrawing {
    pub(crate) fn of(plot: &dyn Plot, size: Size) -> Result<Self, DrawError> {
        let fonts = FontFaces::new()?;
        let canvas = Canvas::new(size, SVG_DOTS, &fonts);
        let mut hovers = plot.draw(&canvas)?;
        for hover in &mut hovers {
            hover.x *= f64::from(SVG_DOTS);
            hover.y = hover.y.map(|y| y * f64::from(SVG_DOTS));
        }
        Ok(Self {
            shapes: compact(&canvas.into_shapes()),
            view_box: format!("0 0 {} {}", size.width * SVG_DOTS, size.height * SVG_DOTS),
            hovers,
        })
    }

    pub(crate) fn to_file(&self, size: Size) -> String {
        let (Size { width, height }, view_box) = (size, &self.view_box);
        self.opened_by(&format!(
            r#"<svg width="{width}" height="{height}" viewBox="{view_box}" xmlns="http://www.w3.org/2000/svg">"#
        ))
    }

    pub(crate) fn opened_by(&self, tag: &str) -> String {
        format!("{tag}\n{}</svg>\n", self.shapes)
    }
}

/// Text as it stands between tags.
pub(crate) fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

/// Writes a long row of circles or rectangles that differ only in their place as one path that looks the same, except
/// that overlapping translucent shapes do not add up.
fn compact(shapes: &[(CanvasShape, RGBAColor)]) -> String {
    let mut text = String::new();
    let is_alike = |a: &(CanvasShape, RGBAColor), b: &(CanvasShape, RGBAColor)| match (&a.0, &b.0) {
        (CanvasShape::Circle(_, one), CanvasShape::Circle(_, other)) => one == other && a.1 == b.1,
        (CanvasShape::Rectangle(_), CanvasShape::Rectangle(_)) => a.1 == b.1,
        _ => false,
    };
    for row in shapes.chunk_by(is_alike) {
        if row.len() >= MANY {
            let mut pen = Pen::default();
            row.iter().for_each(|(shape, _)| pen.trace(shape));
            text += &format!("<path {} d=\"{}\"/>\n", look(&row[0]), pen.path);
        } else {
            row.iter().for_each(|shape| text += &element(shape));
        }
    }
    text
}

/// The attributes of a path that looks like this shape. A dot is a line of length zero with round ends.
fn look((shape, colour): &(CanvasShape, RGBAColor)) -> String {
    let (opacity, colour) = (colour.alpha(), hex(colour));
    match shape {
        CanvasShape::Circle(_, radius) => format!(
            "stroke-width=\"{}\" stroke-linecap=\"round\" opacity=\"{opacity}\" stroke=\"{colour}\" fill=\"none\"",
            2 * radius
        ),
        CanvasShape::Line(_, width) => format!(
            "fill=\"none\" opacity=\"{opacity}\" stroke=\"{colour}\" stroke-width=\"{width}\""
        ),
        CanvasShape::Rectangle(_) => {
            format!("opacity=\"{opacity}\" fill=\"{colour}\" stroke=\"none\"")
        }
        _ => format!("opacity=\"{opacity}\" fill=\"{colour}\""),
    }
}

fn element(shape: &(CanvasShape, RGBAColor)) -> String {
    let look = look(shape);
    match &shape.0 {
        CanvasShape::Text(text, font, align, at) => text_element(text, *font, *align, *at, &look),
        CanvasShape::Line(points, _) => points_element("polyline", &look, points),
        CanvasShape::Polygon(corners) => points_element("polygon", &look, corners),
        CanvasShape::Bars(bars) => {
            // One outline: along the upper ends, and back along the lower ones.
            let upper = |&[(x, y), (end, _)]: &[Dot; 2]| [(x, y), (end, y)];
            let lower = |&[(x, _), (end, y)]: &[Dot; 2]| [(end, y), (x, y)];
            let lower = bars.iter().rev().flat_map(lower);
            let outline: Vec<Dot> = bars.iter().flat_map(upper).chain(lower).collect();
            points_element("polygon", &look, &outline)
        }
        CanvasShape::Rectangle([(left, top), (right, bottom)]) => {
            let (width, height) = (right - left, bottom - top);
            format!(
                "<rect x=\"{left}\" y=\"{top}\" width=\"{width}\" height=\"{height}\" {look}/>\n"
            )
        }
        CanvasShape::Circle((x, y), radius) => {
            let (opacity, colour) = (shape.1.alpha(), hex(shape.1));
            format!(
                "<circle cx=\"{x}\" cy=\"{y}\" r=\"{radius}\" opacity=\"{opacity}\" fill=\"{colour}\" stroke=\"none\" stroke-width=\"1\"/>\n"
            )
        }
    }
}

/// Writes a line or an area; one of many points as a path of its steps.
fn points_element(name: &str, look: &str, points: &[Dot]) -> String {
    if points.len() < MANY {
        let points: String = points.iter().map(|(x, y)| format!("{x},{y} ")).collect();
        return format!("<{name} {look} points=\"{points}\"/>\n");
    }
    let mut pen = Pen::default();
    pen.move_to(points[0]);
    points[1..].iter().for_each(|point| pen.line_to(*point));
    let end = if name == "polygon" { "z" } else { "" };
    format!("<path {look} d=\"{}{end}\"/>\n", pen.path)
}

/// Writes a text that begins, has its middle or ends at a point of its baseline, in pixels.
fn text_element(text: &str, font: Font, align: Align, (x, y): (f64, f64), look: &str) -> String {
    let dots = f64::from(SVG_DOTS);
    let anchor = match align {
        Align::Left => "start",
        Align::Centre => "middle",
        Align::Right => "end",
    };
    // An SVG places the middle of an x, half an ex above the baseline.
    let y = y - FontFace::SMALL_X / 2.0 * font.size;
    let (x, y, family) = ((x * dots).round(), (y * dots).round(), FontFace::FAMILY);
    // Rounded to the last digit as in files of earlier versions.
    let size = 1.24 * font.size * dots / 1.24;
    let weight = text_if(font.is_bold, " font-weight=\"bold\"");
    let text = escape(text).replace('"', "&quot;").replace('\'', "&apos;");
    format!(
        "<text x=\"{x}\" y=\"{y}\" dy=\"0.5ex\" text-anchor=\"{anchor}\" font-family=\"{family}\" \
         font-size=\"{size}\" {look}{weight}>\n{text}\n</text>\n"
    )
}

/// Writer of a path by its steps, most of which are shorter to write than absolute coordinates.
#[derive(Default)]
struct Pen {
    path: String,
    at: (i32, i32),
    /// The last command, which need not be repeated.
    command: Option<char>,
}

impl Pen {
    fn move_to(&mut self, (x, y): (i32, i32)) {
        let from = std::mem::replace(&mut self.at, (x, y));
        let step = if self.path.is_empty() {
            format!("M{x},{y}")
        } else {
            format!("m{},{}", x - from.0, y - from.1)
        };
        // A minus tells numbers apart as well.
        self.path.push_str(&step.replace(",-", "-"));
        self.command = None;
    }

    fn line_to(&mut self, (x, y): (i32, i32)) {
        let from = std::mem::replace(&mut self.at, (x, y));
        let (command, step) = match (x - from.0, y - from.1) {
            (0, 0) => return,
            (dx, 0) => ('h', dx.to_string()),
            (0, dy) => ('v', dy.to_string()),
            (dx, dy) => ('l', format!("{dx},{dy}").replace(",-", "-")),
        };
        if self.command.replace(command) != Some(command) {
            self.path.push(command);
        } else if !step.starts_with('-') {
            self.path.push(' ');
        }
        self.path.push_str(&step);
    }

    /// Traces a circle or a rectangle. Behind it the pen stands where the shape began.
    fn trace(&mut self, shape: &CanvasShape) {
        match *shape {
            CanvasShape::Circle(centre, _) => {
                self.move_to(centre);
                self.path += "h0";
            }
            CanvasShape::Rectangle([from, to]) => {
                let (width, height) = (to.0 - from.0, to.1 - from.1);
                self.move_to(from);
                self.path += &format!("h{width}v{height}h-{width}z");
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use plotters::style::RGBColor;
    use proptest::prelude::*;
    use test_support::svg_path::points_of_path;

    fn circles(count: i32, colour: RGBColor) -> Vec<(CanvasShape, RGBAColor)> {
        let circle = |x| (CanvasShape::Circle((x, 7), 4), colour.mix(0.35));
        (0..count).map(circle).collect()
    }

    /// Circles as elements of their own.
    fn circle_elements(count: i32, fill: &str) -> String {
        let circle = |at| {
            format!(
                "<circle cx=\"{at}\" cy=\"7\" r=\"4\" opacity=\"0.35\" fill=\"{fill}\" stroke=\"none\" stroke-width=\"1\"/>\n"
            )
        };
        (0..count).map(circle).collect()
    }

    const BLUE: RGBColor = RGBColor(0x00, 0x72, 0xB2);
    const VERMILION: RGBColor = RGBColor(0xD5, 0x5E, 0x00);

    #[test]
    fn many_equal_shapes_are_one_path() {
        let mut shapes = circles(200, BLUE);
        shapes.extend(circles(3, VERMILION));
        let compacted = compact(&shapes);
        assert!(compacted.starts_with(
            "<path stroke-width=\"8\" stroke-linecap=\"round\" opacity=\"0.35\" stroke=\"#0072B2\" fill=\"none\" d=\"M0,7h0m1,0h0"
        ));
        assert_eq!(compacted.matches("h0").count(), 200);
        assert!(compacted.ends_with(&circle_elements(3, "#D55E00")));
        let plain = circle_elements(200, "#0072B2").len() + circle_elements(3, "#D55E00").len();
        assert!(compacted.len() < plain / 8);

        let cell = |x| {
            let corners = [(x, 2), (x + 3, 6)];
            (
                CanvasShape::Rectangle(corners),
                RGBAColor(0x44, 0x01, 0x54, 1.0),
            )
        };
        let compacted = compact(&(0..250).map(cell).collect::<Vec<_>>());
        assert!(compacted.starts_with(
            "<path opacity=\"1\" fill=\"#440154\" stroke=\"none\" d=\"M0,2h3v4h-3zm1,0h3"
        ));
        assert_eq!(compacted.lines().count(), 1);
    }

    #[test]
    fn few_shapes_and_texts_stay_as_they_are() {
        let mut shapes = circles(199, VERMILION);
        let font = Font {
            size: 13.5,
            is_bold: false,
            colour: BLUE,
        };
        let text = CanvasShape::Text("<rect".to_owned(), font, Align::Left, (1.0, 2.0));
        shapes.push((text, BLUE.to_rgba()));
        let written = compact(&shapes);
        assert!(written.starts_with(&circle_elements(199, "#D55E00")));
        assert!(written.ends_with(">\n&lt;rect\n</text>\n"));
    }

    fn line(points: Vec<Dot>) -> (CanvasShape, RGBAColor) {
        (CanvasShape::Line(points, 4), BLUE.to_rgba())
    }

    fn area(corners: Vec<Dot>) -> (CanvasShape, RGBAColor) {
        (CanvasShape::Polygon(corners), BLUE.to_rgba())
    }

    proptest! {
        #[test]
        fn a_long_line_leads_where_it_led(
            places in prop::collection::vec((0..30_000_i32, 0..30_000_i32), 1..20),
            is_steep in prop::collection::vec(any::<bool>(), 400),
        ) {
            // Level, upright and steep steps.
            let mut points: Vec<Dot> = Vec::new();
            for (number, is_steep) in is_steep.into_iter().enumerate() {
                let (x, y) = places[number % places.len()];
                let last = points.last().copied().unwrap_or((x, y));
                if !is_steep {
                    points.push((x, last.1));
                }
                points.push((x, y));
            }
            points.dedup();
            prop_assume!(points.len() >= MANY);
            for (shape, look, end) in [
                (line(points.clone()), "fill=\"none\" opacity=\"1\" stroke=\"#0072B2\" stroke-width=\"4\"", ""),
                (area(points.clone()), "opacity=\"1\" fill=\"#0072B2\"", "z"),
            ] {
                let compacted = element(&shape);
                let plain: usize = points.iter().map(|(x, y)| format!("{x},{y} ").len()).sum();
                prop_assert!(compacted.len() < plain + look.len());
                let path = compacted.strip_prefix(&format!("<path {look} d=\"")).unwrap();
                let path = path.strip_suffix(&format!("{end}\"/>\n")).unwrap();
                prop_assert_eq!(points_of_path(path), points.clone());
            }
        }
    }

    #[test]
    fn short_lines_stay_as_they_are() {
        let points: Vec<Dot> = (0..199).map(|at| (at, at * at)).collect();
        let plain: String = points.iter().map(|(x, y)| format!("{x},{y} ")).collect();
        assert_eq!(
            element(&line(points)),
            format!(
                "<polyline fill=\"none\" opacity=\"1\" stroke=\"#0072B2\" stroke-width=\"4\" points=\"{plain}\"/>\n"
            )
        );
    }
}

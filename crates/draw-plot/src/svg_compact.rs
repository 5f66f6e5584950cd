//! An SVG in fewer bytes: many equal shapes as one path, and long lines by their steps.

/// Fewer equal shapes in a row stay as they are, and so do lines of fewer points.
const MANY: usize = 200;

/// Replaces each long row of circles or rectangles that differ in their place alone by one path of the
/// same look, and each line or area of many points by a path of its steps. Where circles or rectangles
/// lie over each other, they are no longer stronger if they are translucent.
pub(crate) fn compact(svg: &str) -> String {
    let mut text = String::with_capacity(svg.len());
    let lines: Vec<&str> = svg.lines().collect();
    let is_alike = |a: &str, b: &str| match (SvgShape::of(a), SvgShape::of(b)) {
        (Some(a), Some(b)) => a.is_circle == b.is_circle && a.look == b.look,
        _ => false,
    };
    for row in lines.chunk_by(|a, b| is_alike(a, b)) {
        let path = path_of_shapes(row).or_else(|| path_of_points(row.first()?));
        match path {
            Some(path) => text.push_str(&path),
            None => text.push_str(&row.join("\n")),
        }
        text.push('\n');
    }
    text
}

/// Many equal shapes as one; `None` if they are few.
fn path_of_shapes(row: &[&str]) -> Option<String> {
    if row.len() < MANY {
        return None;
    }
    let first = SvgShape::of(row.first()?)?;
    let mut pen = Pen::default();
    for line in row {
        SvgShape::of(line)?.trace(&mut pen)?;
    }
    Some(format!("<path {} d=\"{}\"/>", first.path_look(), pen.path))
}

/// A line or an area of many points; `None` if it is something else, or they are few.
fn path_of_points(line: &str) -> Option<String> {
    let (is_area, rest) = match line.strip_prefix("<polyline ") {
        Some(rest) => (false, rest),
        None => (true, line.strip_prefix("<polygon ")?),
    };
    let (look, points) = rest.strip_suffix(" \"/>")?.split_once("points=\"")?;
    let mut points = points.split(' ');
    if points.clone().count() < MANY {
        return None;
    }
    let number = |point: &str| {
        let (x, y) = point.split_once(',')?;
        Some((x.parse().ok()?, y.parse().ok()?))
    };
    let mut pen = Pen::default();
    pen.move_to(number(points.next()?)?);
    for point in points {
        pen.line_to(number(point)?);
    }
    if is_area {
        pen.path.push('z');
    }
    Some(format!("<path {look}d=\"{}\"/>", pen.path))
}

/// Writes a path by its steps: most are far shorter than the places they lead to.
#[derive(Default)]
struct Pen {
    path: String,
    at: (i64, i64),
    /// What the last step was, which need not be said again.
    command: Option<char>,
}

impl Pen {
    fn move_to(&mut self, (x, y): (i64, i64)) {
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

    fn line_to(&mut self, (x, y): (i64, i64)) {
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
}

/// A shape as plotters writes it.
struct SvgShape<'s> {
    is_circle: bool,
    /// Before its look: `cx="1" cy="2" `, or `x="1" y="2" width="3" height="4" `.
    place: &'s str,
    /// What stands behind its place; of a circle with its radius.
    look: &'s str,
}

impl<'s> SvgShape<'s> {
    fn of(line: &'s str) -> Option<Self> {
        let (is_circle, rest, look) = match line.strip_prefix("<circle ") {
            Some(rest) => (true, rest, "r="),
            None => (false, line.strip_prefix("<rect ")?, "opacity="),
        };
        let (place, look) = rest.strip_suffix("/>")?.split_at(rest.find(look)?);
        Some(Self {
            is_circle,
            place,
            look,
        })
    }

    /// The values of its attributes.
    fn values(text: &'s str) -> impl Iterator<Item = &'s str> {
        text.split('"').skip(1).step_by(2)
    }

    /// A dot is a line without length and with round ends. Behind a shape the pen stands where the
    /// shape began.
    fn trace(&self, pen: &mut Pen) -> Option<()> {
        let numbers = Self::values(self.place).map(str::parse);
        let numbers: Vec<i64> = numbers.collect::<Result<_, _>>().ok()?;
        match numbers.as_slice() {
            [x, y] => {
                pen.move_to((*x, *y));
                pen.path.push_str("h0");
            }
            [x, y, width, height] => {
                pen.move_to((*x, *y));
                pen.path.push_str(&format!("h{width}v{height}h-{width}z"));
            }
            _ => return None,
        }
        Some(())
    }

    fn path_look(&self) -> String {
        let looks: Vec<_> = Self::values(self.look).collect();
        match (self.is_circle, looks.as_slice()) {
            (true, [radius, opacity, fill, ..]) => {
                let width = 2 * radius.parse::<u32>().unwrap_or(1);
                format!(
                    "stroke-width=\"{width}\" stroke-linecap=\"round\" opacity=\"{opacity}\" \
                     stroke=\"{fill}\" fill=\"none\""
                )
            }
            _ => self.look.to_owned(),
        }
    }
}

#[cfg(test)]
#[path = "../tests/folder/steps.rs"]
mod steps;

#[cfg(test)]
mod tests {
    use super::steps::walked;
    use super::*;
    use proptest::prelude::*;

    fn circles(count: usize, fill: &str) -> String {
        let circle = |at| {
            format!(
                "<circle cx=\"{at}\" cy=\"7\" r=\"4\" opacity=\"0.35\" fill=\"{fill}\" stroke=\"none\" stroke-width=\"1\"/>\n"
            )
        };
        (0..count).map(circle).collect()
    }

    #[test]
    fn many_equal_shapes_are_one_path() {
        let svg = format!(
            "<svg>\n{}{}</svg>\n",
            circles(200, "#0072B2"),
            circles(3, "#D55E00")
        );
        let compacted = compact(&svg);
        assert!(compacted.starts_with(
            "<svg>\n<path stroke-width=\"8\" stroke-linecap=\"round\" opacity=\"0.35\" stroke=\"#0072B2\" fill=\"none\" d=\"M0,7h0m1,0h0"
        ));
        assert_eq!(compacted.matches("h0").count(), 200);
        assert!(compacted.ends_with(&format!("{}</svg>\n", circles(3, "#D55E00"))));
        assert!(compacted.len() < svg.len() / 8);

        let cells: String = (0..250)
            .map(|at| {
                format!("<rect x=\"{at}\" y=\"2\" width=\"3\" height=\"4\" opacity=\"1\" fill=\"#440154\" stroke=\"none\"/>\n")
            })
            .collect();
        let compacted = compact(&cells);
        assert!(compacted.starts_with(
            "<path opacity=\"1\" fill=\"#440154\" stroke=\"none\" d=\"M0,2h3v4h-3zm1,0h3"
        ));
        assert_eq!(compacted.lines().count(), 1);
    }

    /// A line or an area as plotters writes it.
    fn points(name: &str, points: &[(i32, i32)]) -> String {
        let points: String = points.iter().map(|(x, y)| format!("{x},{y} ")).collect();
        format!("<{name} opacity=\"1\" points=\"{points}\"/>\n")
    }

    #[test]
    fn few_shapes_and_texts_stay_as_they_are() {
        let svg = format!(
            "<svg>\n{}<text>\n<rect\n</text>\n</svg>\n",
            circles(199, "#000000")
        );
        assert_eq!(compact(&svg), svg);
    }

    proptest! {
        #[test]
        fn a_long_line_leads_where_it_led(
            places in prop::collection::vec((0..30_000_i32, 0..30_000_i32), 1..20),
            is_steep in prop::collection::vec(any::<bool>(), 400),
        ) {
            // Level, upright and steep steps.
            let mut line: Vec<(i32, i32)> = Vec::new();
            for (number, is_steep) in is_steep.into_iter().enumerate() {
                let (x, y) = places[number % places.len()];
                let last = line.last().copied().unwrap_or((x, y));
                if !is_steep {
                    line.push((x, last.1));
                }
                line.push((x, y));
            }
            line.dedup();
            prop_assume!(line.len() >= MANY);
            for (name, end) in [("polyline", ""), ("polygon", "z")] {
                let svg = points(name, &line);
                let compacted = compact(&svg);
                prop_assert!(compacted.len() < svg.len());
                let path = compacted.strip_prefix("<path opacity=\"1\" d=\"").unwrap();
                let path = path.strip_suffix(&format!("{end}\"/>\n")).unwrap();
                prop_assert_eq!(walked(path), line.clone());
            }
        }
    }

    #[test]
    fn short_lines_stay_as_they_are() {
        let line: Vec<_> = (0..199).map(|at| (at, at * at)).collect();
        let svg = points("polyline", &line);
        assert_eq!(compact(&svg), svg);
    }
}

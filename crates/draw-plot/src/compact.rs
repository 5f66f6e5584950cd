//! An SVG in fewer bytes: many equal shapes as one path.

/// Fewer equal shapes in a row stay as they are.
const MANY: usize = 200;

/// Replaces each long row of circles or rectangles that differ in their place alone by one path of the
/// same look. What lies over itself there is no longer stronger where it is translucent.
pub(crate) fn compact(svg: &str) -> String {
    let mut text = String::with_capacity(svg.len());
    let lines: Vec<&str> = svg.lines().collect();
    let is_alike = |a: &str, b: &str| match (Shape::of(a), Shape::of(b)) {
        (Some(a), Some(b)) => a.is_circle == b.is_circle && a.look == b.look,
        _ => false,
    };
    for row in lines.chunk_by(|a, b| is_alike(a, b)) {
        let shapes: Vec<_> = row.iter().filter_map(|line| Shape::of(line)).collect();
        match shapes.first() {
            Some(first) if shapes.len() >= MANY => {
                let places: String = shapes.iter().map(Shape::path).collect();
                text.push_str(&format!("<path {} d=\"{places}\"/>\n", first.path_look()));
            }
            _ => {
                for line in row {
                    text.push_str(line);
                    text.push('\n');
                }
            }
        }
    }
    text
}

/// A shape as plotters writes it.
struct Shape<'s> {
    is_circle: bool,
    /// Before its look: `cx="1" cy="2" `, or `x="1" y="2" width="3" height="4" `.
    place: &'s str,
    /// What stands behind its place; of a circle with its radius.
    look: &'s str,
}

impl<'s> Shape<'s> {
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
    fn numbers(text: &'s str) -> impl Iterator<Item = &'s str> {
        text.split('"').skip(1).step_by(2)
    }

    fn path(&self) -> String {
        let numbers: Vec<_> = Self::numbers(self.place).collect();
        match numbers.as_slice() {
            [x, y] => format!("M{x},{y}h0"),
            [x, y, width, height] => format!("M{x},{y}h{width}v{height}h-{width}z"),
            _ => String::new(),
        }
    }

    /// A dot is a line without length and with round ends.
    fn path_look(&self) -> String {
        let looks: Vec<_> = Self::numbers(self.look).collect();
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
mod tests {
    use super::*;

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
            "<svg>\n<path stroke-width=\"8\" stroke-linecap=\"round\" opacity=\"0.35\" stroke=\"#0072B2\" fill=\"none\" d=\"M0,7h0M1,7h0"
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
            "<path opacity=\"1\" fill=\"#440154\" stroke=\"none\" d=\"M0,2h3v4h-3zM1,2"
        ));
        assert_eq!(compacted.lines().count(), 1);
    }

    #[test]
    fn few_shapes_and_texts_stay_as_they_are() {
        let svg = format!(
            "<svg>\n{}<text>\n<rect\n</text>\n</svg>\n",
            circles(199, "#000000")
        );
        assert_eq!(compact(&svg), svg);
    }
}

//! Texts that are wider than their room: cut, or in several rows.

use crate::canvas::{Canvas, Font};

pub(crate) const SEPARATOR: &str = " · ";

impl Canvas<'_> {
    /// The text, cut if it is wider than `width`.
    pub(crate) fn fit(&self, text: &str, font: Font, width: f64) -> String {
        if self.text_width(text, font) <= width {
            return text.to_owned();
        }
        let ends = text.char_indices().rev().filter(|(end, _)| *end > 0);
        let mut cuts = ends.map(|(end, _)| format!("{}…", text[..end].trim_end()));
        let cut = cuts.find(|cut| self.text_width(cut, font) <= width);
        cut.unwrap_or_default()
    }

    /// The text in one row, or in two if one is too narrow, broken between its parts.
    pub(crate) fn two_rows(&self, text: &str, font: Font, width: f64) -> Vec<String> {
        let fits = |row: &str| self.text_width(row, font) <= width;
        let mut first = text;
        while !fits(first)
            && let Some((shorter, _)) = first.rsplit_once(SEPARATOR)
        {
            first = shorter;
        }
        let rest = text[first.len()..].trim_start_matches(SEPARATOR);
        let rows = [first, rest].into_iter().filter(|row| !row.is_empty());
        rows.map(|row| self.fit(row, font, width)).collect()
    }

    /// The text in as many rows as it needs, broken between its parts. A part that is wider than a row is cut.
    pub(crate) fn rows(&self, text: &str, font: Font, width: f64) -> Vec<String> {
        let mut rows: Vec<String> = Vec::new();
        for part in text.split(SEPARATOR) {
            let longer = rows.last().map(|row| format!("{row}{SEPARATOR}{part}"));
            let longer = longer.filter(|row| self.text_width(row, font) <= width);
            if longer.is_some() {
                rows.pop();
            }
            rows.push(longer.unwrap_or_else(|| part.to_owned()));
        }
        rows.iter().map(|row| self.fit(row, font, width)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::font::FontFaces;
    use crate::options::Size;
    use plotters::style::RGBColor;

    #[test]
    fn a_long_text_goes_on_in_a_second_row() {
        let fonts = FontFaces::new().unwrap();
        let canvas = Canvas::new(Size::default(), 1, &fonts);
        let font = Font {
            size: 10.0,
            is_bold: false,
            colour: RGBColor(0, 0, 0),
        };
        let text = "run.xlsx · 100 messages · moving average of 50";
        let width = canvas.text_width(text, font);
        let rows = |share: f64| canvas.two_rows(text, font, share * width);
        assert_eq!(rows(1.0), [text]);
        assert_eq!(
            rows(0.99),
            ["run.xlsx · 100 messages", "moving average of 50"]
        );
        assert_eq!(rows(0.45)[0], "run.xlsx");
        let cut = &rows(0.45)[1];
        assert!(
            cut.starts_with("100 messages") && cut.ends_with('…'),
            "{cut}"
        );
        assert!(canvas.two_rows("", font, width).is_empty());
        assert_eq!(
            canvas.rows(text, font, 0.5 * width),
            ["run.xlsx", "100 messages", "moving average of 50"]
        );
        assert_eq!(canvas.rows(text, font, width), [text]);
    }
}

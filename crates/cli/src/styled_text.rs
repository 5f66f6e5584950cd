//! Styles and bullet points of text reports.

use anstyle::Style;

/// Styles a text. [`print_text`](crate::print_text) removes the style where it is not supported.
pub fn paint(style: Style, text: &str) -> String {
    format!("{style}{text}{style:#}")
}

/// Dims a text.
pub fn dim(text: &str) -> String {
    paint(Style::new().dimmed(), text)
}

/// Formats an item of a list, wrapped to lines of at most this width. Existing line breaks are kept, and indented lines
/// are not wrapped.
pub fn bullet_point(text: &str, width: usize) -> Vec<String> {
    let mut broken: Vec<String> = Vec::new();
    for line in text.lines() {
        let room = if line.starts_with(' ') {
            usize::MAX
        } else {
            width.saturating_sub(2)
        };
        let mut words = line.split(' ');
        let mut last = words.next().unwrap_or_default().to_owned();
        for word in words {
            if last.chars().count() + 1 + word.chars().count() <= room {
                last.push(' ');
                last.push_str(word);
            } else {
                broken.push(std::mem::replace(&mut last, word.to_owned()));
            }
        }
        broken.push(last);
    }
    let marks = std::iter::once("– ").chain(std::iter::repeat("  "));
    let lines = broken.iter().zip(marks);
    lines.map(|(text, mark)| format!("{mark}{text}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_points_are_broken_between_words() {
        let point = bullet_point("one two three\nfour\n    as it is written", 9);
        assert_eq!(
            point,
            ["– one two", "  three", "  four", "      as it is written"]
        );
        assert_eq!(bullet_point("unbreakable", 4), ["– unbreakable"]);
    }
}

//! The points of paths in an SVG.

/// The points of a path of relative steps according to SVG 2 (9.3). Supports only the commands that the pictures use.
///
/// # Panics
/// When the path contains anything else.
#[must_use]
pub fn points_of_path(path: &str) -> Vec<(i32, i32)> {
    let mut tokens: Vec<String> = Vec::new();
    for letter in path.chars() {
        match letter {
            ',' | ' ' => tokens.push(String::new()),
            digit if digit.is_ascii_digit() => match tokens.last_mut() {
                Some(last) if !last.starts_with(char::is_alphabetic) => last.push(digit),
                _ => tokens.push(digit.to_string()),
            },
            // A sign or a command.
            other => tokens.push(other.to_string()),
        }
    }
    let tokens = tokens.into_iter().filter(|token| !token.is_empty());
    let mut tokens = tokens.peekable();
    let (mut at, mut command, mut all) = ((0, 0), String::new(), Vec::new());
    while let Some(token) = tokens.peek() {
        if token.starts_with(char::is_alphabetic) {
            command = tokens.next().unwrap();
            continue;
        }
        let mut number = || tokens.next().unwrap().parse::<i32>().unwrap();
        match command.as_str() {
            "M" => at = (number(), number()),
            "l" => at = (at.0 + number(), at.1 + number()),
            "h" => at.0 += number(),
            "v" => at.1 += number(),
            other => panic!("no step: {other}"),
        }
        all.push(at);
    }
    all
}

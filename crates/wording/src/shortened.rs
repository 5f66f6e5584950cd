//! Lists that a terminal shows only partly.

/// Maximum number of reasons and remarks in a summary on a terminal; unlimited if verbose.
pub fn shown_points(verbose: bool) -> usize {
    if verbose { usize::MAX } else { 3 }
}

/// The first `limit` texts, followed by the number of the remaining ones (`noun` in the singular) and the `place` that
/// contains all of them.
pub fn shortened(texts: &[String], limit: usize, noun: &str, place: &str) -> Vec<String> {
    let mut shown: Vec<String> = texts.iter().take(limit).cloned().collect();
    let rest = texts.len() - shown.len();
    if rest > 0 {
        let plural = if rest == 1 { "" } else { "s" };
        shown.push(format!(
            "{rest} more {noun}{plural}: `-v` prints all, and {place}"
        ));
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_of_texts_left_out_is_named() {
        let texts = ["a", "b", "c"].map(str::to_owned);
        assert_eq!(shortened(&texts, 3, "reason", "so does x"), texts);
        let rest = |limit| {
            shortened(&texts, limit, "reason", "so does x")
                .pop()
                .unwrap()
        };
        assert!(rest(2).starts_with("1 more reason: "), "{}", rest(2));
        assert!(rest(0).starts_with("3 more reasons: "), "{}", rest(0));
    }
}

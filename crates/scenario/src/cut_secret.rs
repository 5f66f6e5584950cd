//! Secrets that are cut at the end of a shortened text.

use std::borrow::Cow;

/// Returns a text with `***` for a secret or the beginning of one at its end, if the text was shortened: it ends with `…`.
pub fn without_cut_secret<'a, 's>(
    text: &'a str,
    secrets: impl IntoIterator<Item = &'s [u8]>,
) -> Cow<'a, str> {
    let Some(shown) = text.strip_suffix('…') else {
        return Cow::Borrowed(text);
    };
    let bytes = shown.as_bytes();
    let cut = |secret: &[u8]| {
        let longest = secret.len().min(bytes.len());
        (1..=longest)
            .rev()
            .find(|len| bytes.ends_with(&secret[..*len]))
    };
    let longest = secrets.into_iter().filter_map(cut).max().unwrap_or(0);
    // A secret whose first bytes are the last ones of a character does not begin there.
    match shown.get(..shown.len() - longest) {
        Some(before) if longest > 0 => Cow::Owned(format!("{before}***…")),
        _ => Cow::Borrowed(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_shortened_text_can_end_with_half_a_secret() {
        let shown = |text| without_cut_secret(text, [&b"s3cret"[..], b"s3", "ä1".as_bytes()]);
        assert_eq!(shown("no s3cre…"), "no ***…");
        assert_eq!(shown("no s…"), "no ***…");
        assert_eq!(shown("no s3cre"), "no s3cre");
        assert_eq!(shown("no token…"), "no token…");
        assert_eq!(shown("no ä…"), "no ***…");
        assert_eq!(shown("…"), "…");
        // The beginning of a secret can be its end, too.
        assert_eq!(without_cut_secret("no abab…", [&b"abab"[..]]), "no ***…");
    }
}

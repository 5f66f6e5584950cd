//! Headers whose values are secrets, and texts without these values.

use http::HeaderMap;
use scenario::without_cut_secret;

use super::mask::MASK;

/// Returns true for the name of a header with a secret value: `Authorization`, `Cookie`, `Proxy-Authorization`,
/// `X-…-Key` and `X-…-Token`, in any case.
pub fn is_secret_header(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    matches!(
        name.as_str(),
        "authorization" | "cookie" | "proxy-authorization"
    ) || name.starts_with("x-") && (name.ends_with("-key") || name.ends_with("-token"))
}

/// Values of secret headers, and of each the part behind its scheme or name: `Bearer abcd` and `abcd`. Parts below four
/// bytes are left out, because they would hide parts of other words.
pub fn secret_header_values(headers: &HeaderMap) -> impl Iterator<Item = &[u8]> {
    const SHORTEST: usize = 4;
    let secret = headers
        .iter()
        .filter(|(name, _)| is_secret_header(name.as_str()));
    let parts = secret.flat_map(|(_, value)| {
        let value = value.as_bytes();
        let end = value.iter().rposition(|byte| b" =".contains(byte));
        [value, end.map_or(&[][..], |end| &value[end + 1..])]
    });
    parts.filter(|part| part.len() >= SHORTEST)
}

/// Returns the text with [`MASK`] in place of [`secret_header_values`], also of one that is cut at the end of a shortened
/// text, which ends with `…`.
pub fn mask_header_values(headers: &HeaderMap, text: &str) -> String {
    let mut masked = without_cut_secret(text, secret_header_values(headers)).into_owned();
    // The whole value stands before its part.
    for secret in secret_header_values(headers) {
        if let Ok(secret) = std::str::from_utf8(secret) {
            masked = masked.replace(secret, MASK);
        }
    }
    masked
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_masked_as_a_whole_and_without_its_scheme() {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("authorization", "Bearer s3cret"),
            ("cookie", "id=c00kie"),
            ("x-api-key", "abc"),
            ("x-trace", "kept"),
        ] {
            headers.append(name, value.parse().unwrap());
        }
        let text = "no Bearer s3cret, s3cret, id=c00kie, c00kie, abc, kept";
        assert_eq!(
            mask_header_values(&headers, text),
            "no ***, ***, ***, ***, abc, kept"
        );
    }
}

//! Headers whose values are secrets, and texts without these values.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, header};
use scenario::{Scenario, without_cut_secret};

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

/// Shortest part of a value that is a secret of its own, in bytes. Shorter ones would hide parts of other words.
const SHORTEST: usize = 4;

/// Values of secret headers and their parts that a server may repeat alone, the longest first: `Bearer abcd` and `abcd`, the
/// values of all cookies, the parameters of a digest, and user and password of `Basic`. Texts below four bytes are left
/// out.
pub fn secret_header_values(headers: &HeaderMap) -> Vec<Vec<u8>> {
    let mut secrets = Vec::new();
    for (name, value) in headers {
        if is_secret_header(name.as_str()) {
            add_parts(name == header::COOKIE, value.as_bytes(), &mut secrets);
        }
    }
    in_order(secrets)
}

/// The secrets that are long enough, the longest first.
fn in_order(mut secrets: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
    secrets.retain(|secret| secret.len() >= SHORTEST);
    secrets.sort_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
    secrets.dedup();
    secrets
}

/// Values of the secret headers that a scenario writes itself, as [`secret_header_values`] finds them. A value that differs
/// between clients has only its fixed parts here, without its scheme.
pub fn secret_handshake_values(scenario: &Scenario) -> Vec<Vec<u8>> {
    let mut secrets = Vec::new();
    for header in &scenario.handshake.headers {
        if !is_secret_header(&header.name) {
            continue;
        }
        match header.value.fixed_text() {
            Some(value) => {
                let is_cookie = header.name.eq_ignore_ascii_case("cookie");
                add_parts(is_cookie, &value, &mut secrets);
            }
            None => {
                let parts = header.value.literals();
                let words = parts.filter_map(|text| text.rsplit(|byte| *byte == b' ').next());
                secrets.extend(words.map(<[u8]>::to_vec));
            }
        }
    }
    in_order(secrets)
}

/// Adds the value of a secret header and its parts.
fn add_parts(is_cookie: bool, value: &[u8], secrets: &mut Vec<Vec<u8>>) {
    secrets.push(value.to_vec());
    let credentials = match value.iter().position(|byte| *byte == b' ') {
        Some(blank) if !is_cookie => value[blank..].trim_ascii(),
        _ => value,
    };
    secrets.push(credentials.to_vec());
    for pair in credentials.split(|byte| b";,".contains(byte)) {
        if let Some(equals) = pair.iter().position(|byte| *byte == b'=') {
            let text = pair[equals + 1..].trim_ascii();
            let text = text.strip_prefix(b"\"").unwrap_or(text);
            secrets.push(text.strip_suffix(b"\"").unwrap_or(text).to_vec());
        }
    }
    let is_basic = value.len() > 6 && value[..6].eq_ignore_ascii_case(b"basic ");
    if is_basic && let Ok(login) = STANDARD.decode(credentials) {
        let colon = login.iter().position(|byte| *byte == b':');
        secrets.extend(colon.map(|colon| login[colon + 1..].to_vec()));
        secrets.push(login);
    }
}

/// Returns the text with [`MASK`] in place of [`secret_header_values`], also of one that is cut at the end of a shortened
/// text, which ends with `…`.
pub fn mask_header_values(headers: &HeaderMap, text: &str) -> String {
    let secrets = secret_header_values(headers);
    let text = without_cut_secret(text, secrets.iter().map(Vec::as_slice));
    mask_values(&secrets, &text)
}

/// Returns the text with [`MASK`] in place of these values, of which the longest comes first.
pub fn mask_values(secrets: &[Vec<u8>], text: &str) -> String {
    let mut masked = text.to_owned();
    for secret in secrets {
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

    #[test]
    fn headers_that_a_scenario_writes_hold_secrets_too() {
        let text = "[handshake]\nheaders = { Authorization = 'Bearer s3cret', Cookie = 'id=${client}; sid=c00kie', \
            X-Api-Key = 'k3y-${client}', X-Trace = 'kept' }\n[[message]]\nsend = '${uid}'\nreply = '${uid}'\n";
        let name = "t.toml";
        let source = scenario::ScenarioSource::File { name, text };
        let no_files = |_: &str, _: Option<&str>| Err("no files".to_owned());
        let options = scenario::ScenarioOptions::default();
        let scenario = Scenario::parse(source, &options, &no_files).unwrap();
        let found = secret_handshake_values(&scenario);
        let found: Vec<_> = found
            .iter()
            .map(|secret| String::from_utf8_lossy(secret))
            .collect();
        assert_eq!(found, ["Bearer s3cret", "sid=c00kie", "s3cret", "k3y-"]);
    }

    #[test]
    fn no_part_of_a_value_with_several_parts_is_shown() {
        let masked = |name: &'static str, value: &str, text: &str| {
            let mut headers = HeaderMap::new();
            headers.append(name, value.parse().unwrap());
            mask_header_values(&headers, text)
        };
        let cookies = "theme=dark; sid=c00kie; last=seen";
        assert_eq!(masked("cookie", cookies, "no c00kie"), "no ***");
        // The padding of base64 is no name.
        let basic = "Basic YW5uYTpodW50ZXIyIQ==";
        assert_eq!(
            masked("authorization", basic, "no YW5uYTpodW50ZXIyIQ=="),
            "no ***"
        );
        assert_eq!(masked("authorization", basic, "no anna:hunter2!"), "no ***");
        assert_eq!(
            masked("authorization", basic, "no hunter2! of anna"),
            "no *** of anna"
        );
        let digest = "Digest username=\"anna\", response=\"6629fae4\"";
        assert_eq!(masked("authorization", digest, "no 6629fae4"), "no ***");
    }
}

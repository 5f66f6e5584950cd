//! URLs without their secrets: user information, query values, fragments.

/// Text in place of a secret.
pub const MASK: &str = "***";

/// Marks in an invalid URL that may precede a secret, including the variants that URL libraries accept.
const QUERY_MARKS: [&str; 7] = ["?", "#", "？", "＃", "%3F", "%3f", "%23"];

/// Ends of user information, including the variants that URL libraries accept.
pub(super) const AT_SIGNS: [&str; 4] = ["@", "＠", "﹫", "%40"];

/// Returns the text with [`MASK`] in place of user information, fragment and every query value of each URL in it,
/// including query values without a name. A URL ends at a blank. A WebSocket URL at the beginning of the text may have
/// blanks in its query.
pub fn mask_url(text: &str) -> String {
    let begins_with = |scheme: &str| {
        let begin = text.trim_start().get(..scheme.len());
        begin.is_some_and(|begin| begin.eq_ignore_ascii_case(scheme))
    };
    if ["ws:", "wss:", "ws+unix:"].into_iter().any(begins_with) {
        return mask_whole(text);
    }
    text.split_inclusive(char::is_whitespace)
        .map(|word| {
            let url = word.trim_end();
            mask_whole(url) + &word[url.len()..]
        })
        .collect()
}

/// Masks a text that is one URL, valid or not, possibly with blanks in it.
fn mask_whole(text: &str) -> String {
    if text.to_ascii_lowercase().contains("ws+unix:") {
        // A socket's path may hold a `#`.
        let (before, query) = text.split_at(text.find('?').unwrap_or(text.len()));
        return format!("{before}{}", mask_query(query));
    }
    let Some(authority) = after_slashes(text) else {
        return text.to_owned();
    };
    let (scheme, rest) = text.split_at(authority);
    let (before, query) = rest.split_at(rest.find(['?', '#']).unwrap_or(rest.len()));
    let end = before.find('/').unwrap_or(before.len());
    let before = match before[..end].rfind('@') {
        Some(at) => format!("{MASK}{}", &before[at..]),
        None => before.to_owned(),
    };
    format!("{scheme}{before}{}", mask_query(query))
}

/// Masks a refused URL. When in doubt, masks too much rather than too little.
pub(super) fn mask_refused(text: &str) -> String {
    let at = AT_SIGNS.iter().filter_map(|sign| text.rfind(sign)).max();
    let (shown, rest) = match at {
        Some(at) => {
            let is_scheme = |c: char| c.is_ascii_alphanumeric() || "+-.".contains(c);
            let scheme = after_slashes(text)
                .filter(|end| *end <= at && text[..end - 3].chars().all(is_scheme));
            let scheme = &text[..scheme.unwrap_or_default()];
            (format!("{scheme}{MASK}"), &text[at..])
        }
        None => (String::new(), text),
    };
    let marks = QUERY_MARKS.iter().filter_map(|mark| rest.find(mark));
    let (before, query) = rest.split_at(marks.min().unwrap_or(rest.len()));
    format!("{shown}{before}{}", mask_query(query))
}

/// Position after the two slashes (`/` or `\`) that follow a scheme.
pub(super) fn after_slashes(text: &str) -> Option<usize> {
    let is_slash = |byte: &u8| matches!(byte, b'/' | b'\\');
    let mut windows = text.as_bytes().windows(3);
    let colon = windows.position(|w| w[0] == b':' && w[1..].iter().all(is_slash))?;
    Some(colon + 3)
}

/// Masks the text after a mark: every value of a query that begins with `?`, otherwise everything.
fn mask_query(text: &str) -> String {
    let Some(mark) = text.chars().next() else {
        return String::new();
    };
    let values = &text[mark.len_utf8()..];
    if mark != '?' {
        return format!("{mark}{}", if values.is_empty() { "" } else { MASK });
    }
    let mut masked = String::new();
    for (nth, pair) in values.split('&').enumerate() {
        masked.push(if nth == 0 { '?' } else { '&' });
        match pair.split_once('=') {
            Some((name, _)) => masked.extend([name, "=", MASK]),
            None if pair.is_empty() => {}
            // A token without a name.
            None => masked.push_str(MASK),
        }
    }
    masked
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_of_a_url_are_masked() {
        for (url, masked) in [
            ("ws://h:1/ws", "ws://h:1/ws"),
            ("ws://h/ws?a=1&b&c=", "ws://h/ws?a=***&***&c=***"),
            ("wss://me:pw@h?a=x@y", "wss://***@h?a=***"),
            ("ws+unix:/s:/ws?a=1", "ws+unix:/s:/ws?a=***"),
            ("ws+unix:/s#1:/ws?a=1", "ws+unix:/s#1:/ws?a=***"),
            ("p99>1?a=b", "p99>1?a=b"),
            (" Ws://h/?a=b c&d", " Ws://h/?a=***&***"),
            ("a#b", "a#b"),
            ("WS+Unix:/s:/ws?a=1", "WS+Unix:/s:/ws?a=***"),
            ("ws:\\\\h\\ws?a=1", "ws:\\\\h\\ws?a=***"),
            ("ws:/\\me:pw@h/", "ws:/\\***@h/"),
            ("ws://h/#token=1", "ws://h/#***"),
            ("ws://h/?#", "ws://h/?***"),
            ("a://b, https://u:p@h/p c", "a://b, https://***@h/p c"),
            (
                "serve @ ws://h/?a=b --x y=z",
                "serve @ ws://h/?a=*** --x y=z",
            ),
        ] {
            assert_eq!(mask_url(url), masked);
        }
    }

    #[test]
    fn a_refused_url_is_masked_however_it_is_spelt() {
        for (url, masked) in [
            ("localhost:8000/ws?a=b", "localhost:8000/ws?a=***"),
            ("me:pw@a", "***@a"),
            ("ws://me:p/w@a/?b=c", "ws://***@a/?b=***"),
            ("ws://me:pw＠a/", "ws://***＠a/"),
            ("ws://me:pw%40a/", "ws://***%40a/"),
            ("a/ws？token=b", "a/ws？***"),
            ("a/ws%3Ftoken=b", "a/ws%***"),
            ("ws://a/ws#b", "ws://a/ws#***"),
            ("ws://a b/", "ws://a b/"),
        ] {
            assert_eq!(mask_refused(url), masked);
        }
    }
}

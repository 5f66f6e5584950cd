//! Refusals of a URL, and the corrected URL.
//!
//! A correction contains only hosts, ports and sockets from the typed text. Where the text does not contain them, a word
//! in capitals is the placeholder.

use std::net::Ipv6Addr;

use url::ParseError;

use super::error::PlanError;
use super::mask::{AT_SIGNS, after_slashes, mask_refused};

/// Scheme of a URL for a Unix socket.
pub(super) const UNIX: &str = "ws+unix";

/// Pairs of quotation marks.
const QUOTES: [(char, char); 7] = [
    ('"', '"'),
    ('\'', '\''),
    ('`', '`'),
    ('“', '”'),
    ('‘', '’'),
    ('„', '“'),
    ('«', '»'),
];

/// A placeholder in a correction, for the reader to fill in.
#[derive(Debug, Clone, Copy)]
enum Blank {
    Host,
    Port,
    HostAndPort,
    Socket,
}

impl Blank {
    /// The placeholder, and a sample value that can be parsed.
    fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Host => ("HOST", "h"),
            Self::Port => ("PORT", "1"),
            Self::HostAndPort => ("HOST:PORT", "h:1"),
            Self::Socket => ("SOCKET", "s"),
        }
    }
}

/// A URL to type in place of the refused one.
#[derive(Debug)]
pub(super) struct Correction {
    before: String,
    blank: Option<Blank>,
    after: String,
}

impl Correction {
    pub(super) fn whole(url: impl Into<String>) -> Self {
        Self {
            before: url.into(),
            blank: None,
            after: String::new(),
        }
    }

    fn with(before: String, blank: Blank, after: &str) -> Self {
        Self {
            before,
            blank: Some(blank),
            after: after.to_owned(),
        }
    }

    pub(super) fn socket(path: &str) -> Self {
        Self::with(format!("{UNIX}:"), Blank::Socket, path)
    }

    fn text(&self) -> String {
        let word = self.blank.map_or("", |blank| blank.words().0);
        format!("{}{word}{}", self.before, self.after)
    }

    /// Returns true when the correction repeats nothing before an at sign, which may be user information.
    fn keeps_secrets_of(&self, text: &str) -> bool {
        let ends = AT_SIGNS
            .iter()
            .filter_map(|sign| Some(text.rfind(sign)? + sign.len()));
        ends.max().is_none_or(|end| {
            let scheme = after_slashes(&self.before).unwrap_or(UNIX.len() + 1);
            let before = self.before.get(scheme..).unwrap_or_default();
            text[end..].starts_with(before) && text[end..].contains(&self.after)
        })
    }

    /// Returns true when the correction is a valid URL. `host_of` parses a URL and returns its host, empty for a
    /// socket.
    fn is_readable(&self, host_of: impl Fn(&str) -> Option<String>) -> bool {
        // With a password in the wrong place, a part of it may be taken for the host.
        if AT_SIGNS.iter().any(|sign| self.text().contains(sign)) {
            return false;
        }
        let sample = self.blank.map_or("", |blank| blank.words().1);
        let Some(host) = host_of(&format!("{}{sample}{}", self.before, self.after)) else {
            return false;
        };
        // Numbers such as 8000 or 127.1 are parsed as another address than the typed one.
        let is_address = host.parse::<std::net::Ipv4Addr>().is_ok();
        !is_address || self.before.contains(&host)
    }
}

/// Refusal of a URL, with candidates for the correction, the best first.
#[derive(Debug)]
pub(super) struct UrlRefusal {
    kind: RefusalKind,
    corrections: Vec<Correction>,
}

#[derive(Debug)]
enum RefusalKind {
    Wrong(&'static str),
    UserInfo,
    Scheme(String),
    NoUnixSockets,
}

impl UrlRefusal {
    pub(super) fn wrong(
        reason: &'static str,
        corrections: impl IntoIterator<Item = Correction>,
    ) -> Self {
        Self {
            kind: RefusalKind::Wrong(reason),
            corrections: corrections.into_iter().collect(),
        }
    }

    pub(super) fn no_unix_sockets() -> Self {
        Self {
            kind: RefusalKind::NoUnixSockets,
            corrections: Vec::new(),
        }
    }

    /// A text without a scheme, or with one that is not followed by two slashes.
    pub(super) fn no_scheme(text: &str) -> Self {
        let is_slash = |c| matches!(c, '/' | '\\');
        let known = [
            ("wss", "wss"),
            ("https", "wss"),
            ("ws", "ws"),
            ("http", "ws"),
        ];
        let typed = known.iter().find_map(|(typed, scheme)| {
            let (begin, rest) = text.split_at_checked(typed.len())?;
            let is_scheme = begin.eq_ignore_ascii_case(typed)
                && (rest.starts_with(':') || rest.starts_with("//") || rest.starts_with("\\\\"));
            is_scheme.then(|| (*scheme, rest.strip_prefix(':').unwrap_or(rest)))
        });
        let (scheme, rest) = typed.unwrap_or(("ws", text));
        let rest = rest.trim_start_matches(is_slash);
        let mut corrections = vec![Correction::whole(format!("{scheme}://{rest}"))];
        // A port alone.
        let (port, path) = split_authority(rest);
        if let Some(port) = plain_port(port.trim_start_matches(':')) {
            let after = format!(":{port}{path}");
            corrections.push(Correction::with(
                format!("{scheme}://"),
                Blank::Host,
                &after,
            ));
        }
        Self::wrong("it has no scheme with `//`", corrections)
    }

    /// A URL with an unsupported scheme. `rest` is the part after its slashes.
    pub(super) fn scheme(typed: &str, rest: &str) -> Self {
        let like_tls = typed.eq_ignore_ascii_case("https");
        let scheme = if like_tls { "wss" } else { "ws" };
        let corrections = without_user_info(scheme, rest);
        let is_scheme = |c: char| c.is_ascii_alphanumeric() || "+-.".contains(c);
        if typed.chars().all(is_scheme) {
            return Self {
                kind: RefusalKind::Scheme(typed.to_owned()),
                corrections,
            };
        }
        // The text before the slashes may contain a secret and is not repeated.
        Self::wrong("it begins with no scheme", corrections)
    }

    /// User information before the host of `rest`.
    pub(super) fn user_info(scheme: &str, rest: &str) -> Self {
        Self {
            kind: RefusalKind::UserInfo,
            corrections: without_user_info(scheme, rest),
        }
    }

    /// A URL that the URL library rejects.
    pub(super) fn unread(scheme: &str, (authority, path): (&str, &str), error: ParseError) -> Self {
        let path = without_fragment(path);
        if authority.parse::<Ipv6Addr>().is_ok() {
            return Self::bare_ipv6(scheme, authority, path);
        }
        let reason = match error {
            ParseError::EmptyHost => "it has no host",
            ParseError::InvalidPort => {
                let reason = "its port is not a number up to 65535";
                return Self::port(reason, scheme, authority, path);
            }
            ParseError::InvalidIpv4Address => "its host is not an IPv4 address",
            ParseError::InvalidIpv6Address => "its host is not an IPv6 address",
            _ => "its host holds a character that no host name has",
        };
        let port = match authority.rsplit_once(':') {
            Some((_, port)) => plain_port(port).map_or(String::new(), |port| format!(":{port}")),
            None => String::new(),
        };
        let host = authority.strip_suffix(port.as_str()).unwrap_or(authority);
        // Removing anything but quotation marks would change the host.
        let corrections = unquoted(authority)
            .map(|inner| Correction::whole(format!("{scheme}://{inner}{path}")))
            .into_iter()
            .chain(
                unquoted(host)
                    .map(|inner| Correction::whole(format!("{scheme}://{inner}{port}{path}"))),
            );
        let form = host_form(scheme, &port, path);
        Self::wrong(reason, corrections.chain([form]))
    }

    /// A port that clients cannot connect to.
    pub(super) fn port(reason: &'static str, scheme: &str, authority: &str, path: &str) -> Self {
        let path = without_fragment(path);
        let host = authority
            .rsplit_once(':')
            .map_or(authority, |(host, _)| host);
        let quoted =
            unquoted(authority).map(|inner| Correction::whole(format!("{scheme}://{inner}{path}")));
        let corrections = [
            Correction::with(format!("{scheme}://{host}:"), Blank::Port, path),
            Correction::with(format!("{scheme}://"), Blank::HostAndPort, path),
        ];
        Self::wrong(reason, quoted.into_iter().chain(corrections))
    }

    fn bare_ipv6(scheme: &str, authority: &str, path: &str) -> Self {
        // The last number may be the intended port.
        let is_plain = authority
            .rsplit_once(':')
            .is_none_or(|(host, _)| host.parse::<Ipv6Addr>().is_err());
        let whole = Correction::whole(format!("{scheme}://[{authority}]{path}"));
        let corrections = is_plain.then_some(whole).into_iter();
        Self::wrong(
            "an IPv6 address stands in brackets, its port behind them",
            corrections.chain([host_form(scheme, "", path)]),
        )
    }

    /// A URL with a fragment. `corrected` is the URL without it.
    pub(super) fn fragment(corrected: Correction) -> Self {
        Self::wrong(
            "it has a fragment, which no request holds (a # in a path or query is written %23)",
            [corrected],
        )
    }

    /// The error for this text. `host_of` parses a URL and returns its host.
    pub(super) fn error(self, text: &str, host_of: impl Fn(&str) -> Option<String>) -> PlanError {
        let url = mask_refused(text);
        let mut corrections = self.corrections.iter();
        let corrected = corrections
            .find(|correction| {
                correction.keeps_secrets_of(text) && correction.is_readable(&host_of)
            })
            .map_or_else(|| "ws://HOST:PORT/ws".to_owned(), Correction::text);
        let corrected = mask_refused(&corrected);
        match self.kind {
            RefusalKind::Wrong(reason) => PlanError::Url {
                url,
                reason: reason.to_owned(),
                corrected,
            },
            RefusalKind::UserInfo => PlanError::UserInfo { url, corrected },
            RefusalKind::Scheme(scheme) => PlanError::Scheme {
                url,
                scheme,
                corrected,
            },
            RefusalKind::NoUnixSockets => PlanError::NoUnixSockets(url),
        }
    }
}

/// Splits the text after the slashes into the authority and the rest.
pub(super) fn split_authority(rest: &str) -> (&str, &str) {
    rest.split_at(rest.find(['/', '\\', '?', '#']).unwrap_or(rest.len()))
}

/// The text inside quotation marks; `None` when it has none.
pub(super) fn unquoted(text: &str) -> Option<&str> {
    let mut inner = QUOTES
        .iter()
        .filter_map(|(open, close)| text.strip_prefix(*open)?.strip_suffix(*close));
    inner.next()
}

fn without_fragment(path: &str) -> &str {
    path.split('#').next().unwrap_or_default()
}

fn without_user_info(scheme: &str, rest: &str) -> Vec<Correction> {
    let (authority, path) = split_authority(rest);
    let path = without_fragment(path);
    let host = authority
        .rsplit_once('@')
        .map_or(authority, |(_, host)| host);
    vec![
        Correction::whole(format!("{scheme}://{host}{path}")),
        host_form(scheme, "", path),
    ]
}

fn host_form(scheme: &str, port: &str, path: &str) -> Correction {
    Correction::with(
        format!("{scheme}://"),
        Blank::Host,
        &format!("{port}{path}"),
    )
}

/// A port that clients can connect to, as typed; `None` for any other text.
fn plain_port(text: &str) -> Option<&str> {
    let is_plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let port = text
        .parse::<u16>()
        .ok()
        .filter(|port| is_plain && *port > 0);
    port.map(|_| text)
}

//! The server's URL, read as browsers read it (WHATWG URL): endpoint, `Host` header, requested resource.

use std::fmt;

use url::{ParseError, Position, Url};

use super::error::PlanError;

/// Begin of a `ws+unix` URL.
const UNIX: &str = "ws+unix";

/// A URL to type, where nothing better can be made of what was typed.
const EXAMPLE: &str = "ws://127.0.0.1:8000/ws";

/// A server's URL, parsed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerUrl {
    url: String,
    endpoint: Endpoint,
    authority: String,
    resource: String,
}

/// The socket that a client connects to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Endpoint {
    /// A TCP port.
    Tcp {
        /// Host name in ASCII or address, without brackets; an IPv6 address perhaps with a zone, as in
        /// `fe80::1%eth0`.
        host: String,
        /// Port.
        port: u16,
        /// The URL is `wss`: TLS comes before the upgrade.
        tls: bool,
    },
    /// A Unix socket.
    Unix {
        /// Path of the socket, absolute or relative to the working directory.
        socket: String,
    },
}

impl ServerUrl {
    /// Reads `ws://host[:port][/path][?query]`, `wss://` of the same form, or
    /// `ws+unix:PATH[:/path][?query]`. The port is 80 unless given, 443 with `wss`; the path is `/`.
    ///
    /// Blanks around it are dropped, international host names become ASCII, and characters that a request line
    /// cannot carry are percent-encoded. An IPv6 address may have a zone: `[fe80::1%eth0]`, `[fe80::1%25eth0]`.
    ///
    /// # Errors
    /// [`PlanError::Url`] when it cannot be read or has a fragment, [`PlanError::UserInfo`] when it has a user
    /// name, [`PlanError::Scheme`] when it has another scheme, [`PlanError::NoUnixSockets`] for `ws+unix` where
    /// the system has none. Each holds a URL to type in its place.
    pub fn parse(url: &str) -> Result<Self, PlanError> {
        Self::parse_where(url, cfg!(unix))
    }

    pub(crate) fn parse_where(url: &str, unix_sockets: bool) -> Result<Self, PlanError> {
        let text: String = url
            .trim_matches(|c: char| c <= ' ')
            .chars()
            .filter(|c| !matches!(c, '\t' | '\n' | '\r'))
            .collect();
        Self::read(&text, unix_sockets).map_err(|refusal| refusal.error(&text))
    }

    fn read(text: &str, unix_sockets: bool) -> Result<Self, UrlRefusal> {
        let (scheme, rest) = text.split_once(':').unwrap_or_default();
        let is = |name| scheme.eq_ignore_ascii_case(name);
        if is(UNIX) {
            return if unix_sockets {
                Self::unix(text, rest)
            } else {
                Err(UrlRefusal::NoUnixSockets)
            };
        }
        let after_slashes = rest.trim_start_matches(['/', '\\']);
        // `localhost:8000` has no scheme but a port.
        if rest.len() - after_slashes.len() < 2 {
            let rest = if is("ws") || is("wss") {
                after_slashes
            } else {
                text.trim_start_matches('/')
            };
            let scheme = if is("wss") { "wss" } else { "ws" };
            let corrected = format!("{scheme}://{rest}");
            return Err(wrong("it has no scheme with `//`", [corrected]));
        }
        if is("ws") || is("wss") {
            Self::tcp(text, after_slashes, is("wss"))
        } else {
            let like = if is("https") { "wss" } else { "ws" };
            Err(UrlRefusal::Scheme {
                corrected: format!("{like}://{after_slashes}"),
                scheme: scheme.to_owned(),
            })
        }
    }

    /// Reads a URL whose part behind `//` is `rest`.
    fn tcp(text: &str, rest: &str, tls: bool) -> Result<Self, UrlRefusal> {
        let scheme = if tls { "wss" } else { "ws" };
        let (authority, path) =
            rest.split_at(rest.find(['/', '\\', '?', '#']).unwrap_or(rest.len()));
        if let Some((_, host)) = authority.rsplit_once('@') {
            let corrected = format!("{scheme}://{host}{path}");
            return Err(UrlRefusal::UserInfo { corrected });
        }
        let (plain, zone) = match split_zone(authority) {
            Some((authority, zone)) => (authority, Some(zone)),
            None => (authority.to_owned(), None),
        };
        let url = Url::parse(&format!("{scheme}://{plain}{path}"))
            .map_err(|error| refused(scheme, (authority, path), error))?;
        if let Some(fragment) = url.fragment() {
            return Err(has_fragment(text, fragment));
        }
        let port = match url.port_or_known_default() {
            Some(0) => {
                let corrected = with_port(scheme, authority, path);
                return Err(wrong("port 0 cannot be connected to", [corrected]));
            }
            Some(port) => port,
            None => return Err(wrong("it has no port", [])),
        };
        let host = url.host_str().unwrap_or_default();
        let is_host = |c: char| c.is_ascii_alphanumeric() || "-._".contains(c);
        if !host.starts_with('[') && !host.chars().all(is_host) {
            let error = ParseError::InvalidDomainCharacter;
            return Err(refused(scheme, (authority, path), error));
        }
        let host = host.trim_matches(['[', ']']);
        Ok(Self {
            endpoint: Endpoint::Tcp {
                host: match zone {
                    Some(zone) => format!("{host}%{zone}"),
                    None => host.to_owned(),
                },
                port,
                tls,
            },
            authority: url[Position::BeforeHost..Position::AfterPort].to_owned(),
            resource: resource(&url),
            url: text.to_owned(),
        })
    }

    fn unix(text: &str, rest: &str) -> Result<Self, UrlRefusal> {
        let wrong = |reason: &str, rest: &str| wrong(reason, [format!("{UNIX}:{rest}")]);
        // A socket's own path may hold colons, but hardly one before a slash.
        let (socket, path) = match rest.split_once(":/") {
            Some((socket, path)) => (socket, format!("/{path}")),
            None => match rest.rsplit_once(':') {
                Some((socket, path)) => {
                    let reason = "what follows the socket's `:` does not begin with /";
                    return Err(wrong(reason, &format!("{socket}:/{path}")));
                }
                None => (rest, "/".to_owned()),
            },
        };
        if socket.is_empty() {
            return Err(wrong("it names no socket", &format!("SOCKET:{path}")));
        }
        if socket.contains('\0') {
            let without = socket.replace('\0', "");
            return Err(wrong(
                "a socket's path has no NUL",
                &format!("{without}:{path}"),
            ));
        }
        // Only the path matters: the host stands for the socket.
        let url = Url::parse(&format!("ws://localhost{path}"));
        let url = url.map_err(|error| wrong(&error.to_string(), &format!("{socket}:/")))?;
        if let Some(fragment) = url.fragment() {
            return Err(has_fragment(text, fragment));
        }
        Ok(Self {
            endpoint: Endpoint::Unix {
                socket: socket.to_owned(),
            },
            authority: "localhost".to_owned(),
            resource: resource(&url),
            url: text.to_owned(),
        })
    }

    /// The URL as it was given, without blanks around it.
    pub fn as_str(&self) -> &str {
        &self.url
    }

    /// The socket to connect to.
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// The host that a certificate has to be for; `None` for a Unix socket.
    pub fn certificate_host(&self) -> Option<&str> {
        match &self.endpoint {
            Endpoint::Tcp { host, .. } => host.split('%').next(),
            Endpoint::Unix { .. } => None,
        }
    }

    /// Returns true when there is TLS.
    pub fn is_tls(&self) -> bool {
        matches!(self.endpoint, Endpoint::Tcp { tls: true, .. })
    }

    /// Returns true for a Unix socket, which needs no port on either side.
    pub fn is_unix(&self) -> bool {
        matches!(self.endpoint, Endpoint::Unix { .. })
    }

    /// Value of the `Host` header: `host[:port]`, of a Unix socket `localhost`.
    pub fn authority(&self) -> &str {
        &self.authority
    }

    /// Resource in the request line: `/path[?query]`.
    pub fn resource(&self) -> &str {
        &self.resource
    }

    /// The WebSocket URL that a `Location` header leads to; `None` when there is none.
    pub fn redirected(&self, location: &str) -> Option<String> {
        let Endpoint::Tcp { tls, .. } = self.endpoint else {
            return None;
        };
        let scheme = if tls { "wss" } else { "ws" };
        let base = Url::parse(&format!("{scheme}://{}{}", self.authority, self.resource)).ok()?;
        let mut target = base.join(location).ok()?;
        let scheme = match target.scheme() {
            "http" | "ws" => "ws",
            "https" | "wss" => "wss",
            _ => return None,
        };
        target.set_scheme(scheme).ok()?;
        target.set_fragment(None);
        Self::parse(target.as_str()).ok()?;
        Some(target.into())
    }
}

/// Splits the zone from the address of an authority such as `[fe80::1%25eth0]:80` (RFC 6874; many write `%`
/// alone).
fn split_zone(authority: &str) -> Option<(String, &str)> {
    let (inner, port) = authority.strip_prefix('[')?.split_once(']')?;
    let (address, zone) = inner.split_once('%')?;
    let zone = zone
        .strip_prefix("25")
        .filter(|z| !z.is_empty())
        .unwrap_or(zone);
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-._~".contains(c);
    let is_zone = !zone.is_empty() && zone.chars().all(is_plain);
    is_zone.then(|| (format!("[{address}]{port}"), zone))
}

/// `/path[?query]` with every character encoded that a request line must not hold (RFC 3986): browsers leave
/// some of them, and servers refuse them.
fn resource(url: &Url) -> String {
    let mut resource = String::new();
    for c in url[Position::BeforePath..Position::AfterQuery].chars() {
        if "{}|\\^`\"<>".contains(c) {
            resource.push_str(&format!("%{:02X}", u32::from(c)));
        } else {
            resource.push(c);
        }
    }
    resource
}

/// Refusal of a URL, with candidates for the corrected one.
#[derive(Debug)]
enum UrlRefusal {
    Wrong {
        reason: String,
        /// The best one first.
        corrected: Vec<String>,
    },
    UserInfo {
        corrected: String,
    },
    Scheme {
        scheme: String,
        corrected: String,
    },
    NoUnixSockets,
}

impl UrlRefusal {
    /// The error of this URL, with the first candidate that can be read.
    fn error(self, text: &str) -> PlanError {
        let url = mask_whole(&masked(text));
        match self {
            Self::Wrong { reason, corrected } => PlanError::Url {
                url,
                reason,
                corrected: mask_whole(&first_readable(corrected)),
            },
            Self::UserInfo { corrected } => PlanError::UserInfo {
                url,
                corrected: mask_whole(&first_readable([corrected])),
            },
            Self::Scheme { scheme, corrected } => PlanError::Scheme {
                url,
                scheme,
                corrected: mask_whole(&first_readable([corrected])),
            },
            Self::NoUnixSockets => PlanError::NoUnixSockets(mask_whole(text)),
        }
    }
}

fn first_readable(candidates: impl IntoIterator<Item = String>) -> String {
    let is_form = |url: &str| {
        ["HOST", "PORT", "SOCKET"]
            .iter()
            .any(|word| url.contains(word))
    };
    let mut candidates = candidates.into_iter().filter(|url| !url.contains('@'));
    candidates
        .find(|url| is_form(url) || ServerUrl::read(url, true).is_ok())
        .unwrap_or_else(|| EXAMPLE.to_owned())
}

fn wrong(reason: &str, corrected: impl IntoIterator<Item = String>) -> UrlRefusal {
    UrlRefusal::Wrong {
        reason: reason.to_owned(),
        corrected: corrected.into_iter().collect(),
    }
}

/// The refusal of a URL that the library does not read.
fn refused(scheme: &str, (authority, path): (&str, &str), error: ParseError) -> UrlRefusal {
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, format!(":{port}")),
        _ => (authority, String::new()),
    };
    let reason = match error {
        ParseError::EmptyHost => "it has no host",
        ParseError::InvalidPort => {
            let reason = "its port is not a number up to 65535";
            return wrong(reason, [with_port(scheme, authority, path)]);
        }
        ParseError::InvalidIpv4Address => "its host is no IPv4 address",
        ParseError::InvalidIpv6Address => "its host is no IPv6 address",
        _ => "its host holds a character that no host name has",
    };
    // A character left out within the name would name another host.
    let plain = host.trim_matches(|c: char| !c.is_alphanumeric());
    let form = format!("{scheme}://HOST{port}{path}");
    wrong(reason, [format!("{scheme}://{plain}{port}{path}"), form])
}

fn has_fragment(text: &str, fragment: &str) -> UrlRefusal {
    let reason = format!(
        "it has the fragment #{fragment}, which no request holds (a # in a path or query is written %23)"
    );
    let corrected = text.split('#').next().unwrap_or_default().to_owned();
    wrong(&reason, [corrected])
}

/// The URL with a word for the port.
fn with_port(scheme: &str, authority: &str, path: &str) -> String {
    let host = authority
        .rsplit_once(':')
        .map_or(authority, |(host, _)| host);
    let host = if host.is_empty() { "HOST" } else { host };
    format!("{scheme}://{host}:PORT{path}")
}

/// A refused URL without whatever may be a password in it.
fn masked(text: &str) -> String {
    match (text.split_once("//"), text.rfind('@')) {
        (Some((scheme, _)), Some(at)) if at > scheme.len() => {
            format!("{scheme}//{MASK}{}", &text[at..])
        }
        (None, Some(at)) => format!("{MASK}{}", &text[at..]),
        _ => text.to_owned(),
    }
}

impl fmt::Display for ServerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.url)
    }
}

/// Text in place of a secret.
pub const MASK: &str = "***";

/// Returns the text with [`MASK`] in place of the user information and of every query value of each URL in it,
/// also of a value without a name. URLs end at a blank.
pub fn mask_url(text: &str) -> String {
    text.split_inclusive(char::is_whitespace)
        .map(|word| {
            let url = word.trim_end();
            mask_whole(url) + &word[url.len()..]
        })
        .collect()
}

/// Masks a text that is one URL, also a wrong one with blanks in it.
fn mask_whole(text: &str) -> String {
    let is_unix = text.to_ascii_lowercase().contains("ws+unix:");
    if !text.contains("://") && !is_unix {
        return text.to_owned();
    }
    let (before, query) = match text.split_once('?') {
        Some((before, query)) => (before, Some(query)),
        None => (text, None),
    };
    let mut masked = match before.split_once("://") {
        Some((scheme, rest)) => {
            let end = rest.find('/').unwrap_or(rest.len());
            match rest[..end].rfind('@') {
                Some(at) => format!("{scheme}://{MASK}{}", &rest[at..]),
                None => before.to_owned(),
            }
        }
        None => before.to_owned(),
    };
    let pairs = query.into_iter().flat_map(|query| query.split('&'));
    for (nth, pair) in pairs.enumerate() {
        masked.push(if nth == 0 { '?' } else { '&' });
        match pair.split_once('=') {
            Some((name, _)) => masked.extend([name, "=", MASK]),
            None if pair.is_empty() => {}
            // A token alone, without a name.
            None => masked.push_str(MASK),
        }
    }
    masked
}

#[cfg(test)]
mod tests {
    //! Which URLs are read, and as what.

    use super::*;
    use proptest::prelude::*;

    fn tcp(host: &str, port: u16, tls: bool) -> Endpoint {
        let host = host.to_owned();
        Endpoint::Tcp { host, port, tls }
    }

    fn unix(socket: &str) -> Endpoint {
        let socket = socket.to_owned();
        Endpoint::Unix { socket }
    }

    #[test]
    fn secrets_of_a_url_are_masked() {
        for (url, masked) in [
            ("ws://h:1/ws", "ws://h:1/ws"),
            ("ws://h/ws?a=1&b&c=", "ws://h/ws?a=***&***&c=***"),
            ("wss://me:pw@h?a=x@y", "wss://***@h?a=***"),
            ("ws+unix:/s:/ws?a=1", "ws+unix:/s:/ws?a=***"),
            ("p99>1?a=b", "p99>1?a=b"),
            ("WS+Unix:/s:/ws?a=1", "WS+Unix:/s:/ws?a=***"),
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
    fn urls_are_taken_apart() {
        for (url, endpoint, authority, resource) in [
            (
                "ws://localhost:8000/ws?x=1",
                tcp("localhost", 8000, false),
                "localhost:8000",
                "/ws?x=1",
            ),
            (
                "WS://example.org",
                tcp("example.org", 80, false),
                "example.org",
                "/",
            ),
            ("ws://[::1]:9/", tcp("::1", 9, false), "[::1]:9", "/"),
            (
                "wss://example.org?x",
                tcp("example.org", 443, true),
                "example.org",
                "/?x",
            ),
            (
                "Wss://127.0.0.1:8443/ws",
                tcp("127.0.0.1", 8443, true),
                "127.0.0.1:8443",
                "/ws",
            ),
            (
                "ws+unix:/run/a.sock:/ws?x",
                unix("/run/a.sock"),
                "localhost",
                "/ws?x",
            ),
            ("WS+unix:a.sock", unix("a.sock"), "localhost", "/"),
            ("ws+unix:a.sock:/w s", unix("a.sock"), "localhost", "/w%20s"),
            (" ws://a:/ws\n", tcp("a", 80, false), "a", "/ws"),
            (
                "ws://a:1/{b}|^`?name=José&q=a b&r={}|^\"<>&t=%2B%e2%E2",
                tcp("a", 1, false),
                "a:1",
                "/%7Bb%7D%7C%5E%60?name=Jos%C3%A9&q=a%20b&r=%7B%7D%7C%5E%22%3C%3E&t=%2B%e2%E2",
            ),
            (
                "wss://München.test/",
                tcp("xn--mnchen-3ya.test", 443, true),
                "xn--mnchen-3ya.test",
                "/",
            ),
            (
                "ws://[fe80::1%25eth0]:9/",
                tcp("fe80::1%eth0", 9, false),
                "[fe80::1]:9",
                "/",
            ),
            ("ws://[::1%lo]/", tcp("::1%lo", 80, false), "[::1]", "/"),
            ("ws:\\\\a\\b", tcp("a", 80, false), "a", "/b"),
            (
                "ws://a/b/../c?#".trim_end_matches('#'),
                tcp("a", 80, false),
                "a",
                "/c?",
            ),
            ("ws+unix:./a:b:/", unix("./a:b"), "localhost", "/"),
        ] {
            let target = ServerUrl::parse_where(url, true).unwrap();
            assert_eq!(target.endpoint(), &endpoint, "{url}");
            assert_eq!(
                (target.authority(), target.resource()),
                (authority, resource),
                "{url}"
            );
            assert_eq!(target.to_string(), url.trim());
            let (is_tls, is_unix) = match endpoint {
                Endpoint::Tcp { tls, .. } => (tls, false),
                Endpoint::Unix { .. } => (false, true),
            };
            assert_eq!((target.is_tls(), target.is_unix()), (is_tls, is_unix));
        }
    }

    #[test]
    fn what_is_no_url_is_told() {
        for wrong in [
            "",
            "localhost:8000",
            "ws:a.sock",
            "ws://",
            "ws://:80/",
            "ws://a:0/",
            "wss://a:99999/",
            "ws://a b/",
            "ws://1.2.3.400/",
            "ws://[::g]/",
            "ws://a/#",
            "ws+unix:",
            "ws+unix::/ws",
            "ws+unix:a.sock:ws",
            "ws+unix:a.sock:",
            "ws+unix:a.sock:/ws#x",
            "ws+unix:a\0b:/",
        ] {
            let read = ServerUrl::parse_where(wrong, true);
            assert!(
                matches!(read, Err(PlanError::Url { .. })),
                "{wrong}: {read:?}"
            );
        }
        for other in ["http://a/", "wsss://a/", "gopher://a"] {
            let error = ServerUrl::parse(other).unwrap_err();
            assert!(matches!(error, PlanError::Scheme { .. }), "{other}");
            for scheme in ["ws://", "wss://", "ws+unix:"] {
                assert!(error.to_string().contains(scheme), "{error}");
            }
        }
    }

    #[test]
    fn a_refusal_ends_with_the_url_to_type() {
        for (typed, corrected) in [
            ("localhost:8000", "ws://localhost:8000"),
            ("//a/ws", "ws://a/ws"),
            ("wss:a/ws", "wss://a/ws"),
            ("http://a:1/ws?x=1", "ws://a:1/ws?x=***"),
            ("https://a/ws", "wss://a/ws"),
            ("ftp://a", "ws://a"),
            ("ws://a/ws#part", "ws://a/ws"),
            ("ws://me:secret@a:1/ws", "ws://a:1/ws"),
            ("ws://a:0/ws", "ws://a:PORT/ws"),
            ("ws://a:99999/ws", "ws://a:PORT/ws"),
            ("ws://:80/ws", "ws://HOST:80/ws"),
            // The name without its blank would be another host's.
            ("ws://a b:1/ws", "ws://HOST:1/ws"),
            ("ws://a%3a1/ws", "ws://HOST/ws"),
            ("ws://\"a\"/ws", "ws://a/ws"),
            ("ws+unix::/ws", "ws+unix:SOCKET:/ws"),
            ("ws+unix:a:ws", "ws+unix:a:/ws"),
            ("http://a/#b", EXAMPLE),
        ] {
            let error = ServerUrl::parse_where(typed, true).unwrap_err().to_string();
            assert!(error.ends_with(&format!("write {corrected}")), "{error}");
        }
    }

    #[test]
    fn a_password_is_never_repeated() {
        for typed in [
            "ws://me:secret@a/",
            "ws://secret@a/#x",
            "http://me:secret@a/",
            "ws://me:se/cret@a/",
            "me:secret@a",
            "ws:me:secret@a",
        ] {
            let error = ServerUrl::parse_where(typed, true).unwrap_err();
            assert!(!format!("{error} {error:?}").contains("cret"), "{error:?}");
        }
        let error = ServerUrl::parse("ws://me:secret@a/").unwrap_err();
        assert!(matches!(error, PlanError::UserInfo { .. }), "{error}");
    }

    #[test]
    fn a_redirect_leads_to_a_websocket_url() {
        let to = |url: &str, location| ServerUrl::parse(url).unwrap().redirected(location);
        let ws = |text: &str| Some(text.to_owned());
        assert_eq!(to("ws://a:1/ws?x", "/ws/"), ws("ws://a:1/ws/"));
        assert_eq!(to("ws://a/b", "https://c/d?e"), ws("wss://c/d?e"));
        assert_eq!(to("wss://a/b", "http://c/"), ws("ws://c/"));
        assert_eq!(to("wss://a/b", "c"), ws("wss://a/c"));
        assert_eq!(to("ws://a/b", "mailto:x@y"), None);
        assert_eq!(to("ws://a/b", "http://u:p@c/"), None);
    }

    #[test]
    fn without_unix_sockets_their_urls_are_refused() {
        let error = ServerUrl::parse_where("ws+unix:a.sock", false).unwrap_err();
        assert_eq!(error, PlanError::NoUnixSockets("ws+unix:a.sock".to_owned()));
        assert!(ServerUrl::parse_where("wss://a/", false).is_ok());
    }

    proptest! {
        #[test]
        fn whatever_is_typed_is_read_or_refused(
            text in "(ws|wss|ws\\+unix|WS|.{0,5})(:|://|)(\\PC|[:/\\[\\]@?#%\\\\ \0]){0,20}",
        ) {
            for unix_sockets in [false, true] {
                if let Ok(target) = ServerUrl::parse_where(&text, unix_sockets) {
                    prop_assert!(target.resource().starts_with('/'), "{}", target.resource());
                    prop_assert!(target.resource().bytes().all(|b| b.is_ascii_graphic()));
                    prop_assert!(!target.authority().is_empty());
                }
            }
        }
    }
}

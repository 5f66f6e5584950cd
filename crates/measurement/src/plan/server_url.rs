//! The server's URL, parsed as browsers do (WHATWG URL): endpoint, `Host` header, requested resource.

use std::fmt;

use url::{ParseError, Position, Url};

use super::error::PlanError;
use super::mask::mask_url;
use super::url_refusal::{Correction, UNIX, UrlRefusal, split_authority, unquoted};

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
        /// Host name in ASCII or IP address, without brackets. An IPv6 address may have a zone, as in `fe80::1%eth0`.
        host: String,
        /// Port.
        port: u16,
        /// True for `wss`: TLS handshake before the upgrade.
        tls: bool,
    },
    /// A Unix socket.
    Unix {
        /// Path of the socket, absolute or relative to the working directory.
        socket: String,
    },
}

impl ServerUrl {
    /// Parses `ws://host[:port][/path][?query]`, `wss://` of the same form, or `ws+unix:PATH[:/path][?query]`. The
    /// default port is 80, with `wss` 443. The default path is `/`.
    ///
    /// Surrounding blanks are dropped, international host names become ASCII, and characters that a request line cannot
    /// contain are percent-encoded. An IPv6 address may have a zone: `[fe80::1%eth0]`, `[fe80::1%25eth0]`.
    ///
    /// # Errors
    /// [`PlanError::Url`] when the text is not a URL or has a fragment, [`PlanError::UserInfo`] when it has a user
    /// name, [`PlanError::Scheme`] when it has another scheme, [`PlanError::NoUnixSockets`] for `ws+unix` where the
    /// system has no Unix sockets. Each contains a corrected URL.
    pub fn parse(url: &str) -> Result<Self, PlanError> {
        Self::parse_where(url, cfg!(unix))
    }

    pub(crate) fn parse_where(url: &str, unix_sockets: bool) -> Result<Self, PlanError> {
        let text: String = url
            .trim_matches(|c: char| c <= ' ')
            .chars()
            .filter(|c| !matches!(c, '\t' | '\n' | '\r'))
            .collect();
        let host_of = |url: &str| Self::read(url, true).ok().map(Self::into_host);
        Self::read(&text, unix_sockets).map_err(|refusal| refusal.error(&text, host_of))
    }

    fn read(text: &str, unix_sockets: bool) -> Result<Self, UrlRefusal> {
        if let Some(inner) = unquoted(text) {
            let inner = Correction::whole(inner.trim());
            return Err(UrlRefusal::wrong("it stands in quotation marks", [inner]));
        }
        let (scheme, rest) = text.split_once(':').unwrap_or_default();
        let is = |name| scheme.eq_ignore_ascii_case(name);
        if is(UNIX) {
            return if unix_sockets {
                Self::unix(rest, text)
            } else {
                Err(UrlRefusal::no_unix_sockets())
            };
        }
        let after_slashes = rest.trim_start_matches(['/', '\\']);
        // `localhost:8000` has a port, but no scheme.
        if rest.len() - after_slashes.len() < 2 {
            return Err(UrlRefusal::no_scheme(text));
        }
        if is("ws") || is("wss") {
            Self::tcp(text, after_slashes, is("wss"))
        } else {
            Err(UrlRefusal::scheme(scheme, after_slashes))
        }
    }

    /// Parses a URL whose part after `//` is `rest`.
    fn tcp(text: &str, rest: &str, tls: bool) -> Result<Self, UrlRefusal> {
        let scheme = if tls { "wss" } else { "ws" };
        let (authority, path) = split_authority(rest);
        if authority.contains('@') {
            return Err(UrlRefusal::user_info(scheme, rest));
        }
        let (plain, zone) = match split_zone(authority) {
            Some((authority, zone)) => (authority, Some(zone)),
            None => (authority.to_owned(), None),
        };
        let url = Url::parse(&format!("{scheme}://{plain}{path}"))
            .map_err(|error| UrlRefusal::unread(scheme, (authority, path), error))?;
        if url.fragment().is_some() {
            let corrected = text.split('#').next().unwrap_or_default();
            return Err(UrlRefusal::fragment(Correction::whole(corrected)));
        }
        let port = match url.port_or_known_default() {
            Some(0) => {
                let reason = "port 0 cannot be connected to";
                return Err(UrlRefusal::port(reason, scheme, authority, path));
            }
            Some(port) => port,
            None => return Err(UrlRefusal::wrong("it has no port", [])),
        };
        let host = url.host_str().unwrap_or_default();
        let is_host = |c: char| c.is_ascii_alphanumeric() || "-._".contains(c);
        if !host.starts_with('[') && !host.chars().all(is_host) {
            let error = ParseError::InvalidDomainCharacter;
            return Err(UrlRefusal::unread(scheme, (authority, path), error));
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

    /// Parses a URL whose part after `ws+unix:` is `rest`.
    fn unix(rest: &str, text: &str) -> Result<Self, UrlRefusal> {
        let wrong = |reason, rest: &str| {
            UrlRefusal::wrong(reason, [Correction::whole(format!("{UNIX}:{rest}"))])
        };
        // The path of the socket may contain colons, but rarely one before a slash.
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
        let form = || [Correction::socket(&format!(":{path}"))];
        if socket.is_empty() {
            return Err(UrlRefusal::wrong("it names no socket", form()));
        }
        if socket.contains('\0') {
            return Err(UrlRefusal::wrong("a socket's path has no NUL", form()));
        }
        // Only the path matters here: the host is a placeholder for the socket.
        let url = Url::parse(&format!("ws://localhost{path}"));
        let url = url.map_err(|_| wrong("its path is none", &format!("{socket}:/")))?;
        if url.fragment().is_some() {
            let path = path.split('#').next().unwrap_or_default();
            let corrected = Correction::whole(format!("{UNIX}:{socket}:{path}"));
            return Err(UrlRefusal::fragment(corrected));
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

    /// The URL as given, without surrounding blanks.
    pub fn as_str(&self) -> &str {
        &self.url
    }

    /// The socket to connect to.
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    fn into_host(self) -> String {
        match self.endpoint {
            Endpoint::Tcp { host, .. } => host,
            Endpoint::Unix { .. } => String::new(),
        }
    }

    /// The parsed host where it differs from the typed one in more than case: `127.0.0.1` for `ws://127.1/`,
    /// `xn--mnchen-3ya.test` for `ws://München.test/`, `a` for `ws:///a`.
    pub fn other_host(&self) -> Option<&str> {
        let host = self.certificate_host()?;
        let (_, rest) = self.url.split_once(':')?;
        let (authority, _) = split_authority(rest.get(2..)?);
        let typed = match authority.strip_prefix('[').and_then(|a| a.split_once(']')) {
            Some((address, _)) => address.split('%').next()?,
            None => authority.split(':').next()?,
        };
        (!typed.eq_ignore_ascii_case(host)).then_some(host)
    }

    /// The URL for display, secrets masked.
    pub fn masked(&self) -> String {
        mask_url(&self.url)
    }

    /// The host that the certificate must be valid for; `None` for a Unix socket.
    pub fn certificate_host(&self) -> Option<&str> {
        match &self.endpoint {
            Endpoint::Tcp { host, .. } => host.split('%').next(),
            Endpoint::Unix { .. } => None,
        }
    }

    /// Returns true for `wss`.
    pub fn is_tls(&self) -> bool {
        matches!(self.endpoint, Endpoint::Tcp { tls: true, .. })
    }

    /// Returns true for a Unix socket, which has no port.
    pub fn is_unix(&self) -> bool {
        matches!(self.endpoint, Endpoint::Unix { .. })
    }

    /// Value of the `Host` header: `host[:port]`; `localhost` for a Unix socket.
    pub fn authority(&self) -> &str {
        &self.authority
    }

    /// Resource in the request line: `/path[?query]`.
    pub fn resource(&self) -> &str {
        &self.resource
    }

    /// Returns true when the URL names a path. A single `/` is one.
    pub fn has_path(&self) -> bool {
        match (&self.endpoint, self.url.split_once(':')) {
            (Endpoint::Unix { .. }, Some((_, socket))) => socket.contains(":/"),
            (Endpoint::Tcp { .. }, Some((_, rest))) => {
                !split_authority(rest.trim_start_matches('/')).1.is_empty()
            }
            (_, None) => false,
        }
    }

    /// This URL with another resource.
    #[must_use]
    pub fn with_resource(&self, path_and_query: &str) -> Option<Self> {
        let text = match &self.endpoint {
            Endpoint::Unix { socket } => format!("{UNIX}:{socket}:{path_and_query}"),
            Endpoint::Tcp { tls, .. } => {
                let scheme = if *tls { "wss" } else { "ws" };
                format!("{scheme}://{}{path_and_query}", self.authority)
            }
        };
        Self::parse(&text).ok()
    }

    /// The WebSocket URL that a `Location` header redirects to; `None` when there is none.
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

/// Splits the zone from the address of an authority such as `[fe80::1%25eth0]:80` (RFC 6874). An unencoded `%` is
/// accepted too.
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

/// `/path[?query]` in which every character that a request line must not contain (RFC 3986) is percent-encoded.
/// Browsers leave some of these characters, and servers refuse them.
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

impl fmt::Display for ServerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.url)
    }
}

#[cfg(test)]
mod tests {
    //! URLs that are accepted, with their parts, and URLs that are refused.

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
            // Without its blank, the name would be that of another host.
            ("ws://a b:1/ws", "ws://HOST:1/ws"),
            ("ws://a%3a1/ws", "ws://HOST/ws"),
            ("ws://\"a\"/ws", "ws://a/ws"),
            ("ws+unix::/ws", "ws+unix:SOCKET:/ws"),
            ("ws+unix:a:ws", "ws+unix:a:/ws"),
            ("http://a/#b", "ws://a/"),
            ("http://me:secret@a:1/ws#b", "ws://a:1/ws"),
            ("", "ws://HOST:PORT/ws"),
            // Parsed as typed, these would lead to another host than the one meant.
            ("8000", "ws://HOST:8000"),
            (":8000/ws", "ws://HOST:8000/ws"),
            ("ws:8000/ws", "ws://HOST:8000/ws"),
            ("http://127.1/ws", "ws://HOST/ws"),
            ("http://0x7f.1:80/ws", "ws://HOST/ws"),
            ("ws//a/ws", "ws://a/ws"),
            ("http:\\\\a\\ws", "ws://a\\ws"),
            ("ws://a:80:90/ws", "ws://HOST:PORT/ws"),
            ("ws://a!:1/ws", "ws://HOST:1/ws"),
            ("ws://*.a.test/ws", "ws://HOST/ws"),
            ("ws://<a>/ws", "ws://HOST/ws"),
            ("ws://${A}.test/ws", "ws://HOST/ws"),
            ("ws://a／ws", "ws://HOST"),
            ("ws：//a/ws", "ws://HOST:PORT/ws"),
            ("ws://a:８０/ws", "ws://a:PORT/ws"),
            ("http://LOCALHOST:0/ws", "ws://HOST/ws"),
            ("ws://::1/ws", "ws://[::1]/ws"),
            ("ws://fe80::1:8000/ws", "ws://HOST/ws"),
            ("http://München.test/ws", "ws://München.test/ws"),
            ("\"ws://a/ws\"", "ws://a/ws"),
            ("ws+unix:a:/ws#c", "ws+unix:a:/ws"),
            ("ws+unix:a\0b:/ws", "ws+unix:SOCKET:/ws"),
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
            "ws://secret#@a",
            "ws+unix:me:secret@a",
            "ws://me:secret＠a/",
            "ws://me:secret%40a/",
            "ws:\\\\me:secret@a/#",
            "ws://a/ws#secret",
            "localhost:8000/ws?token=secret",
            "http:a/ws?secret",
            "http://a/ws？token=secret",
            "ws+unix:a:ws?token=secret",
            "ws+unix:a:/ws?token=secret#x",
        ] {
            let error = ServerUrl::parse_where(typed, true).unwrap_err();
            assert!(!format!("{error} {error:?}").contains("cret"), "{error:?}");
        }
        let error = ServerUrl::parse("ws://me:secret@a/").unwrap_err();
        assert!(matches!(error, PlanError::UserInfo { .. }), "{error}");
    }

    #[test]
    fn a_host_that_was_not_typed_is_told() {
        for (url, host) in [
            ("ws://0x7f.1:8000/", Some("127.0.0.1")),
            ("ws://127.1/ws", Some("127.0.0.1")),
            ("ws://2130706433", Some("127.0.0.1")),
            ("ws://１２７.0.0.1/", Some("127.0.0.1")),
            ("ws://ｅxample。com/", Some("example.com")),
            ("wss://München.test/", Some("xn--mnchen-3ya.test")),
            ("ws://a%62/", Some("ab")),
            ("ws://exa\u{ad}mple.com/", Some("example.com")),
            ("ws:///a/ws", Some("a")),
            ("ws://[0:0::1]/", Some("::1")),
            ("ws:\\\\a\\b", None),
            ("ws://[fe80::1%25eth0]:9/", None),
            ("WS://LocalHost:1", None),
            ("ws://127.0.0.1?a", None),
            ("ws+unix:a.sock", None),
        ] {
            let url = ServerUrl::parse_where(url, true).unwrap();
            assert_eq!(url.other_host(), host, "{url}");
        }
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
        fn a_correction_names_only_what_was_typed_and_can_be_typed(
            text in "(ws|wss|http|https|ftp|\"ws|)(:|;|)(//|/|\\\\|///|／／|)([a-z]{0,3}[:@])?\
                     ([a-z*$ .ü％％%]{0,6}|0x7f\\.1|[0-9.]{1,7}|\\[?[0-9a-f:]{2,9}\\]?|[ａ-ｚ.。]{1,5})\
                     (:[0-9８:]{0,6})?([/\\\\?#][a-z?#]{0,4})?",
        ) {
            if let Err(error) = ServerUrl::parse_where(&text, true) {
                let error = error.to_string();
                let (_, corrected) = error.rsplit_once("; write ").unwrap();
                let (_, rest) = corrected.split_once("://").unwrap();
                let (authority, _) = split_authority(rest);
                let (host, port) = match authority.rsplit_once(':') {
                    Some((host, port)) if !port.contains(']') => (host, port),
                    _ => (authority, "PORT"),
                };
                let address = host.trim_matches(['[', ']']);
                prop_assert!(host == "HOST" || text.contains(address), "{}", error);
                prop_assert!(port == "PORT" || text.contains(port), "{}", error);
                let typed = corrected.replace("HOST", "h").replace("PORT", "1");
                let read = ServerUrl::parse(&typed);
                prop_assert!(read.is_ok(), "{}", error);
                let Ok(Endpoint::Tcp { host: used, .. }) = read.map(|url| url.endpoint) else {
                    panic!("{error}");
                };
                let is_ipv4 = used.parse::<std::net::Ipv4Addr>().is_ok();
                prop_assert!(!is_ipv4 || text.contains(&used), "{}", error);
            }
        }

        #[test]
        fn no_refusal_repeats_a_secret(
            scheme in "(ws|wss|http|ws\\+unix|)(:|)(//|/|\\\\\\\\|)",
            user in "([a-z:/?#]{0,4}SECRET[a-z:/?#]{0,2}(@|＠|%40))?",
            host in "[a-z :\\[\\]%]{0,5}(:[0-9]{0,6})?",
            path in "(/[a-z@]{0,3})?",
            query in "((\\?|？|#|＃|%3f)([a-z]=)?SECRET[a-z&#?]{0,3})?",
        ) {
            let text = format!("{scheme}{user}{host}{path}{query}");
            if let Err(error) = ServerUrl::parse_where(&text, true) {
                prop_assert!(!format!("{error} {error:?}").contains("SECRET"), "{}", error);
            }
        }

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

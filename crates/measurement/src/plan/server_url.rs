//! The server's URL, parsed: endpoint, `Host` header, requested resource.

use std::fmt;

use super::error::PlanError;

/// What a `ws+unix` URL begins with.
const UNIX: &str = "ws+unix";

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
        /// Host name or address, without brackets.
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
    /// # Errors
    /// [`PlanError::Url`] when it cannot be read, [`PlanError::Scheme`] when it has another scheme,
    /// [`PlanError::NoUnixSockets`] for `ws+unix` where the system has none.
    pub fn parse(url: &str) -> Result<Self, PlanError> {
        Self::parse_where(url, cfg!(unix))
    }

    pub(crate) fn parse_where(url: &str, unix_sockets: bool) -> Result<Self, PlanError> {
        let (scheme, rest) = url.split_once(':').unwrap_or_default();
        let is = |name| scheme.eq_ignore_ascii_case(name);
        if is(UNIX) {
            return if unix_sockets {
                Self::unix(url, rest)
            } else {
                Err(PlanError::NoUnixSockets(url.to_owned()))
            };
        }
        // `localhost:8000` has no scheme but a port.
        if !rest.starts_with("//") {
            return Err(wrong(url, "it has no scheme"));
        }
        if is("ws") || is("wss") {
            Self::tcp(url, is("wss"))
        } else {
            Err(PlanError::Scheme {
                url: mask_whole(url),
                scheme: scheme.to_owned(),
            })
        }
    }

    fn tcp(url: &str, tls: bool) -> Result<Self, PlanError> {
        let wrong = |reason: &str| wrong(url, reason);
        let uri = parse_uri(url, url)?;
        let authority = uri.authority().ok_or_else(|| wrong("it has no host"))?;
        if authority.as_str().contains('@') {
            return Err(wrong("a user name is not supported"));
        }
        let host = authority.host();
        if host.is_empty() {
            return Err(wrong("it has no host"));
        }
        let port = match (authority.port_u16(), authority.as_str().len() - host.len()) {
            (Some(0), _) => return Err(wrong("port 0 cannot be connected to")),
            (Some(port), _) => port,
            (None, 0) if tls => 443,
            (None, 0) => 80,
            (None, _) => return Err(wrong("its port is no number up to 65535")),
        };
        Ok(Self {
            url: url.to_owned(),
            endpoint: Endpoint::Tcp {
                host: host.trim_matches(['[', ']']).to_owned(),
                port,
                tls,
            },
            authority: authority.as_str().to_owned(),
            resource: resource(&uri),
        })
    }

    fn unix(url: &str, rest: &str) -> Result<Self, PlanError> {
        let wrong = |reason: &str| wrong(url, reason);
        // A socket's own path may hold colons, but hardly one before a slash.
        let (socket, path) = match rest.split_once(":/") {
            Some((socket, path)) => (socket, format!("/{path}")),
            None if rest.contains(':') => {
                return Err(wrong("what follows the socket's `:` does not begin with /"));
            }
            None => (rest, "/".to_owned()),
        };
        if socket.is_empty() {
            return Err(wrong("it names no socket"));
        }
        if socket.contains('\0') {
            return Err(wrong("a socket's path has no NUL"));
        }
        let uri = parse_uri(url, &path)?;
        Ok(Self {
            url: url.to_owned(),
            endpoint: Endpoint::Unix {
                socket: socket.to_owned(),
            },
            authority: "localhost".to_owned(),
            resource: resource(&uri),
        })
    }

    /// The URL as it was given.
    pub fn as_str(&self) -> &str {
        &self.url
    }

    /// What to connect to.
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// Whether there is TLS.
    pub fn is_tls(&self) -> bool {
        matches!(self.endpoint, Endpoint::Tcp { tls: true, .. })
    }

    /// Whether it is a Unix socket, which needs no port on either side.
    pub fn is_unix(&self) -> bool {
        matches!(self.endpoint, Endpoint::Unix { .. })
    }

    /// What the `Host` header says: `host[:port]`, of a Unix socket `localhost`.
    pub fn authority(&self) -> &str {
        &self.authority
    }

    /// What is asked of the server: `/path[?query]`.
    pub fn resource(&self) -> &str {
        &self.resource
    }
}

/// Parses the part of `url` that HTTP has words for.
fn parse_uri(url: &str, part: &str) -> Result<http::Uri, PlanError> {
    part.parse()
        .map_err(|e: http::uri::InvalidUri| wrong(url, &e.to_string()))
}

fn resource(uri: &http::Uri) -> String {
    match uri.path_and_query().map(|p| p.as_str()) {
        None | Some("") => "/".to_owned(),
        Some(query) if query.starts_with('?') => format!("/{query}"),
        Some(path) => path.to_owned(),
    }
}

fn wrong(url: &str, reason: &str) -> PlanError {
    PlanError::Url {
        url: mask_whole(url),
        reason: reason.to_owned(),
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
            ("ws+unix:./a:b:/", unix("./a:b"), "localhost", "/"),
        ] {
            let target = ServerUrl::parse_where(url, true).unwrap();
            assert_eq!(target.endpoint(), &endpoint, "{url}");
            assert_eq!(
                (target.authority(), target.resource()),
                (authority, resource),
                "{url}"
            );
            assert_eq!(target.to_string(), url);
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
            "wss://u@a/",
            "ws+unix:",
            "ws+unix::/ws",
            "ws+unix:a.sock:ws",
            "ws+unix:a.sock:",
            "ws+unix:a.sock:/w s",
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
                    prop_assert_eq!(target.as_str(), &text);
                    prop_assert!(target.resource().starts_with(['/', '*']), "{}", target.resource());
                    prop_assert!(!target.authority().is_empty());
                }
            }
        }
    }
}

//! Where the server is, and whom to trust about that.

use std::fmt;

use crate::plan::PlanError;

/// What a `ws+unix` URL begins with.
const UNIX: &str = "ws+unix";

/// Where the server is: a URL that has been read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    url: String,
    endpoint: Endpoint,
    authority: String,
    resource: String,
}

/// What to connect to.
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

/// Whose word for the server's certificate is taken. Without meaning where there is no TLS.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Trust {
    /// Of those that the system trusts.
    #[default]
    System,
    /// Of those in this PEM file, and of nobody else.
    Roots(Vec<u8>),
    /// Nobody's: the certificate is not checked.
    Unchecked,
}

impl Target {
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
                url: url.to_owned(),
                scheme: scheme.to_owned(),
            })
        }
    }

    fn tcp(url: &str, tls: bool) -> Result<Self, PlanError> {
        let wrong = |reason: &str| wrong(url, reason);
        let uri: http::Uri = url
            .parse()
            .map_err(|e: http::uri::InvalidUri| wrong(&e.to_string()))?;
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
        let uri: http::Uri = path
            .parse()
            .map_err(|e: http::uri::InvalidUri| wrong(&e.to_string()))?;
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
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// What to connect to.
    #[must_use]
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// Whether there is TLS.
    #[must_use]
    pub fn is_tls(&self) -> bool {
        matches!(self.endpoint, Endpoint::Tcp { tls: true, .. })
    }

    /// Whether it is a Unix socket, which needs no port on either side.
    #[must_use]
    pub fn is_unix(&self) -> bool {
        matches!(self.endpoint, Endpoint::Unix { .. })
    }

    /// What the `Host` header says: `host[:port]`, of a Unix socket `localhost`.
    #[must_use]
    pub fn authority(&self) -> &str {
        &self.authority
    }

    /// What is asked of the server: `/path[?query]`.
    #[must_use]
    pub fn resource(&self) -> &str {
        &self.resource
    }
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
        url: url.to_owned(),
        reason: reason.to_owned(),
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.url)
    }
}

#[cfg(test)]
#[path = "target_tests.rs"]
mod tests;

//! What one server needs to know, as plain data that is already valid.

use std::{fmt, str::FromStr, time::Duration};

use crate::{Tls, open_files};

/// Bytes asked of the socket in one read.
///
/// tungstenite zero-fills this much before every read, so its default of
/// 128 KiB costs more than the echo itself; and it is held by every connection.
const READ_BUFFER: usize = 4 << 10;

/// Bytes gathered before they are written without waiting for the flush.
const WRITE_BUFFER: usize = 64 << 10;

/// Room beside one message in the write buffer: its header, a pong, a close.
const CONTROL_FRAMES: usize = 1 << 10;

/// How a server behaves: everything but where it listens and on how many
/// threads, which belong to the caller.
///
/// ```
/// use echo_server::Config;
///
/// let config = Config {
///     max_message_size: 1 << 20,
///     ..Config::default()
/// };
/// assert_eq!(config.path.as_str(), "/ws");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Where the echo lives. Default `/ws`.
    pub path: EchoPath,
    /// The longest message taken, in bytes of payload; a longer one closes its
    /// connection with 1009. Default 16 MiB.
    pub max_message_size: usize,
    /// Connections held at once; one more is answered `503`. Default: what the
    /// open-file limit allows, less a reserve.
    pub max_connections: usize,
    /// How long a peer may take from its first packet to the end of its
    /// handshake before it is dropped; zero is for ever. Default 10 s.
    pub handshake_timeout: Duration,
    /// How long a peer may be silent: it is pinged at half of it and closed
    /// with 1001 at the end; zero is for ever. Default 60 s.
    pub idle_timeout: Duration,
    /// How long a shutdown waits for connections to close; a peer that never
    /// ceases to send is closed at half of it. Default 5 s.
    pub drain_timeout: Duration,
    /// Origins that a browser's page may come from, as in
    /// `https://example.org`; empty lets in all. Default empty.
    pub allowed_origins: Vec<String>,
    /// Certificate and key; `None` serves `ws://`. Default `None`.
    pub tls: Option<Tls>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            path: EchoPath::default(),
            max_message_size: 16 << 20,
            max_connections: open_files::connections_allowed(0),
            handshake_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(60),
            drain_timeout: Duration::from_secs(5),
            allowed_origins: Vec::new(),
            tls: None,
        }
    }
}

impl Config {
    /// The buffers a connection gets under this configuration.
    #[must_use]
    pub fn buffers(&self) -> Buffers {
        Buffers {
            read: READ_BUFFER,
            write: WRITE_BUFFER,
            max_write: self
                .max_message_size
                .saturating_add(WRITE_BUFFER + CONTROL_FRAMES),
        }
    }
}

/// Sizes of one connection's buffers, in bytes, under tungstenite's names.
///
/// A peer that never reads holds at most one message being read, one that is
/// read and waits, and `max_write`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Buffers {
    /// `read_buffer_size`.
    pub read: usize,
    /// `write_buffer_size`: more than this is written at once.
    pub write: usize,
    /// `max_write_buffer_size`: never reached, because a blocked write stops
    /// reading; it stands so that a mistake ends a connection, not the machine.
    pub max_write: usize,
}

/// The path of the echo: starts with `/`, has no query and no fragment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EchoPath(String);

impl EchoPath {
    /// The path as it stands in a request line.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for EchoPath {
    fn default() -> Self {
        Self("/ws".to_owned())
    }
}

impl fmt::Display for EchoPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The text is no path that a request line could carry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be a path such as /ws, without query or fragment")]
pub struct InvalidPath;

impl FromStr for EchoPath {
    type Err = InvalidPath;

    fn from_str(text: &str) -> Result<Self, InvalidPath> {
        let uri: http::Uri = text.parse().map_err(|_| InvalidPath)?;
        // `Uri` drops a fragment; what does not come back whole is no path.
        (text.starts_with('/') && uri.path() == text)
            .then(|| Self(text.to_owned()))
            .ok_or(InvalidPath)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_what_a_request_line_can_carry() {
        for text in ["/", "/ws", "/a/b", "/%C3%A9"] {
            assert_eq!(text.parse::<EchoPath>().unwrap().as_str(), text);
        }
        for text in ["", "ws", "/ws?a=b", "/ws#top", "/w s", "ws://host/ws", "*"] {
            assert_eq!(text.parse::<EchoPath>(), Err(InvalidPath), "{text}");
        }
    }

    #[test]
    fn the_write_buffer_holds_the_longest_message() {
        let config = Config {
            max_message_size: usize::MAX,
            ..Config::default()
        };
        assert_eq!(config.buffers().max_write, usize::MAX);
        let buffers = Config::default().buffers();
        assert!(buffers.max_write > buffers.write + Config::default().max_message_size);
    }
}

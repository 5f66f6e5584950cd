//! Configuration of one server, as valid plain data.

use std::{fmt, str::FromStr, time::Duration};

use host::open_files;

use crate::tls::TlsIdentity;

/// Bytes requested per read, for each library's `read_buffer_size`.
///
/// tungstenite fills a buffer of this size with zeros before every read, so its default of 128 KiB costs more than the
/// echo itself, and every connection holds the buffer.
pub const READ_BUFFER: usize = 4 << 10;

/// Number of collected bytes that are written without waiting for a flush.
pub const WRITE_BUFFER: usize = 64 << 10;

/// Room in the write buffer in addition to one message: its header, a pong, a close frame.
const CONTROL_FRAMES: usize = 1 << 10;

/// Open files reserved for other purposes than connections: standard streams, listener, poller, and connections being
/// refused.
const RESERVED_FILES: usize = 64;

/// Open files of a worker thread's runtime: poller and waker.
const FILES_PER_THREAD: usize = 4;

/// Behaviour of a server. Address and threads are configured by the caller.
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
    /// Path of the echo. Default `/ws`.
    pub path: EchoPath,
    /// Rooms at `/room/{name}`, in which every message goes to all connections. Default false.
    pub broadcast: bool,
    /// Maximum length of a message, in payload bytes. A longer one closes its connection with 1009. Default 16 MiB.
    pub max_message_size: usize,
    /// Maximum number of open connections. Further ones are answered with 503. Default: the open-file limit minus a
    /// reserve.
    pub max_connections: usize,
    /// Maximum time from a peer's first packet to the end of its handshake. After it, the connection is dropped. Zero
    /// means no limit. Default 10 s.
    pub handshake_timeout: Duration,
    /// Maximum silence of a peer. It is pinged after half of it and closed with 1001 at its end. Zero means no limit.
    /// Default 60 s.
    pub idle_timeout: Duration,
    /// Maximum time that a shutdown waits for connections to close. A peer that keeps sending is closed after half of
    /// it. Default 5 s.
    pub drain_timeout: Duration,
    /// Allowed origins of browser pages, such as `https://example.org`; empty allows all. Default empty.
    pub allowed_origins: Vec<String>,
    /// Certificate and key; `None` for `ws://`. Default `None`.
    pub tls: Option<TlsIdentity>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            path: EchoPath::default(),
            broadcast: false,
            max_message_size: 16 << 20,
            max_connections: connections_allowed(0),
            handshake_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(60),
            drain_timeout: Duration::from_secs(5),
            allowed_origins: Vec::new(),
            tls: None,
        }
    }
}

impl Config {
    /// Maximum size of a connection's write buffer, in bytes. For a peer that never reads, the server holds at most
    /// this buffer, one message being read, and one message waiting to be written.
    ///
    /// The limit is never reached, because a blocked write stops reading. It limits the damage of a bug to one
    /// connection.
    pub fn max_write_buffer(&self) -> usize {
        self.max_message_size
            .saturating_add(WRITE_BUFFER + CONTROL_FRAMES)
    }
}

/// The path of the echo. It starts with `/`, without query and fragment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EchoPath(String);

impl EchoPath {
    /// The path as in a request line.
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

/// The error of a text that is not a path of a request line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be a path such as /ws, without query or fragment")]
pub struct InvalidPath;

impl FromStr for EchoPath {
    type Err = InvalidPath;

    fn from_str(text: &str) -> Result<Self, InvalidPath> {
        let uri: http::Uri = text.parse().map_err(|_| InvalidPath)?;
        // `Uri` removes a fragment, so only a path is unchanged.
        (text.starts_with('/') && uri.path() == text)
            .then(|| Self(text.to_owned()))
            .ok_or(InvalidPath)
    }
}

/// The number of connections that the open-file limit allows, minus a reserve, for a server with this number of worker
/// threads; at least 1.
pub(crate) fn connections_allowed(threads: usize) -> usize {
    // On Unix, the smallest limit that POSIX allows. On other systems, sockets are not files, and memory is the limit.
    const WITHOUT_LIMIT: u64 = if cfg!(unix) { 20 } else { 1 << 20 };
    let files = open_files::limit().unwrap_or(WITHOUT_LIMIT);
    less_reserve(usize::try_from(files).unwrap_or(usize::MAX), threads)
}

/// The open files left for connections. The reserve is at most a quarter of a small limit. The files of the threads are
/// always subtracted.
fn less_reserve(limit: usize, threads: usize) -> usize {
    let reserve = RESERVED_FILES.min(limit / 4);
    let of_threads = FILES_PER_THREAD.saturating_mul(threads);
    limit
        .saturating_sub(reserve.saturating_add(of_threads))
        .max(1)
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
        assert_eq!(config.max_write_buffer(), usize::MAX);
        let config = Config::default();
        assert!(config.max_write_buffer() > WRITE_BUFFER + config.max_message_size);
    }

    #[test]
    fn the_reserve_never_takes_everything() {
        assert_eq!(less_reserve(20_000, 0), 20_000 - RESERVED_FILES);
        assert_eq!(less_reserve(20_000, 2), 20_000 - RESERVED_FILES - 8);
        assert_eq!(less_reserve(256, 0), 192);
        assert_eq!(less_reserve(32, 1), 20);
        assert_eq!(less_reserve(32, 128), 1);
        assert_eq!(less_reserve(1, 0), 1);
        assert_eq!(less_reserve(0, usize::MAX), 1);
    }

    #[cfg(unix)]
    #[test]
    fn the_limit_is_the_systems() {
        let soft = open_files::limit().unwrap();
        assert!(u64::try_from(connections_allowed(0)).unwrap() < soft);
    }
}

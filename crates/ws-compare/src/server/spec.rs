//! What is to be compared: a name, and a command to start or a URL that runs already.

use std::fmt;
use std::str::FromStr;

use measurement::plan::{PlanError, ServerUrl};

/// What stands for the port in commands and URLs.
pub const PORT: &str = "{port}";

/// Where an echo is expected unless it is said.
pub const DEFAULT_PATH: &str = "/ws";

/// What stands between a command and its URL.
const AT: &str = " @ ";

/// A server that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SpecError {
    /// Not of the form `NAME=…`.
    #[error("`{0}` has no name: it has the form NAME=… (example: {1})")]
    NoName(String, &'static str),
    /// A name that cannot stand in `--fail-if`.
    #[error(
        "`{0}` is no name: letters, digits, `-` and `_`, with a letter first (example: axum-2)"
    )]
    Name(String),
    /// Nothing to start.
    #[error("`{0}` has no command to start")]
    NoCommand(String),
    /// Quotes that are not closed.
    #[error("the command of `{0}` has a quote or a backslash that nothing follows: `{1}`")]
    Quotes(String, String),
    /// A port that nobody tells the server.
    #[error(
        "the command of `{0}` has no {PORT}, so nobody tells it where to listen: put {PORT} into it, \
         or say where it listens with NAME=COMMAND @ URL (example: a=./server @ ws://127.0.0.1:9000/ws)"
    )]
    NoPort(String),
    /// A URL that cannot be read.
    #[error("the URL of `{name}` cannot be used: {source}")]
    Url {
        /// The server.
        name: String,
        /// Why.
        source: PlanError,
    },
}

/// A server to start, as typed: `NAME=COMMAND` or `NAME=COMMAND @ URL`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StartSpec {
    /// Its name.
    pub name: String,
    /// The command as typed.
    pub command: String,
    /// Its words, `{port}` among them.
    words: Vec<String>,
    /// Where it listens, if that was said.
    url: Option<String>,
}

/// A server that runs already, as typed: `NAME=URL`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UrlSpec {
    /// Its name.
    pub name: String,
    /// Where it listens.
    pub url: String,
}

/// What a server needs for one start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Start {
    /// Program and arguments, at least the program.
    pub words: Vec<String>,
    /// Where it will listen.
    pub url: String,
}

impl StartSpec {
    /// Its URL with `{port}` in it, when it echoes under `path` unless it says otherwise.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        self.url
            .clone()
            .unwrap_or_else(|| format!("ws://127.0.0.1:{PORT}{path}"))
    }

    /// Whether a free port is to be found for it.
    #[must_use]
    pub fn wants_port(&self) -> bool {
        self.words.iter().any(|word| word.contains(PORT))
    }

    /// Everything with this port in place of `{port}`.
    #[must_use]
    pub fn at(&self, port: u16, path: &str) -> Start {
        let port = port.to_string();
        Start {
            words: self.words.iter().map(|w| w.replace(PORT, &port)).collect(),
            url: self.url(path).replace(PORT, &port),
        }
    }

    /// Whether its URL can be read.
    ///
    /// # Errors
    /// [`SpecError::Url`] if not.
    pub fn check(&self, path: &str) -> Result<(), SpecError> {
        check_url(&self.name, &self.at(1, path).url)
    }
}

fn looks_like_a_url(text: &str) -> bool {
    let is_address = text.contains("://") && !text.contains(char::is_whitespace);
    is_address || text.starts_with("ws")
}

fn check_url(name: &str, url: &str) -> Result<(), SpecError> {
    ServerUrl::parse(url)
        .map(drop)
        .map_err(|source| SpecError::Url {
            name: name.to_owned(),
            source,
        })
}

/// Splits `NAME=…`.
///
/// # Errors
/// [`SpecError`] without a name, or with one that cannot stand in a condition.
pub fn named<'t>(text: &'t str, example: &'static str) -> Result<(&'t str, &'t str), SpecError> {
    let (name, rest) = text
        .split_once('=')
        .ok_or_else(|| SpecError::NoName(text.to_owned(), example))?;
    let name = name.trim();
    let is_name = name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
    if is_name {
        Ok((name, rest.trim()))
    } else {
        Err(SpecError::Name(name.to_owned()))
    }
}

impl FromStr for StartSpec {
    type Err = SpecError;

    fn from_str(text: &str) -> Result<Self, SpecError> {
        let (name, rest) = named(text, "axum=axum-ws --bind 127.0.0.1:{port}")?;
        // Only what looks like a URL is one, be it a wrong one: a command may have an ` @ ` of its own.
        let (command, url) = match rest.rsplit_once(AT) {
            Some((command, url)) if looks_like_a_url(url.trim()) => {
                (command.trim(), Some(url.trim().to_owned()))
            }
            _ => (rest, None),
        };
        let words = shlex::split(command)
            .ok_or_else(|| SpecError::Quotes(name.to_owned(), command.to_owned()))?;
        if words.is_empty() {
            return Err(SpecError::NoCommand(name.to_owned()));
        }
        let spec = Self {
            name: name.to_owned(),
            command: command.to_owned(),
            words,
            url,
        };
        let url_wants = spec.url.as_ref().is_none_or(|url| url.contains(PORT));
        if url_wants && !spec.wants_port() {
            return Err(SpecError::NoPort(spec.name));
        }
        spec.check(DEFAULT_PATH)?;
        Ok(spec)
    }
}

impl FromStr for UrlSpec {
    type Err = SpecError;

    fn from_str(text: &str) -> Result<Self, SpecError> {
        let (name, url) = named(text, "a=ws://127.0.0.1:8000/ws")?;
        check_url(name, url)?;
        Ok(Self {
            name: name.to_owned(),
            url: url.to_owned(),
        })
    }
}

impl fmt::Display for StartSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.name, self.command)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(text: &str) -> Result<StartSpec, SpecError> {
        text.parse()
    }

    #[test]
    fn a_command_gets_its_port() {
        let found = spec("a=axum-ws --bind '127.0.0.1:{port}' \"two words\"").unwrap();
        let start = found.at(4321, "/ws");
        assert_eq!(
            start.words,
            ["axum-ws", "--bind", "127.0.0.1:4321", "two words"]
        );
        assert_eq!(start.url, "ws://127.0.0.1:4321/ws");
        assert_eq!(found.at(1, "/chat?x=1").url, "ws://127.0.0.1:1/chat?x=1");
        assert_eq!(found.name, "a");
    }

    #[test]
    fn a_url_may_stand_behind_the_command() {
        let found = spec("b=node s.js {port} @ ws://localhost:{port}/").unwrap();
        assert_eq!(found.command, "node s.js {port}");
        assert_eq!(found.at(7, "/ws").url, "ws://localhost:7/");
        let fixed = spec("b=./server @ ws://127.0.0.1:9000/ws").unwrap();
        assert!(!fixed.wants_port());
        assert_eq!(fixed.at(7, "/ws").url, "ws://127.0.0.1:9000/ws");
        let own = spec("b=mail me @ home {port}").unwrap();
        assert_eq!(own.at(7, "/ws").words, ["mail", "me", "@", "home", "7"]);
    }

    #[test]
    fn what_cannot_be_started_is_refused() {
        assert!(matches!(spec("axum-ws"), Err(SpecError::NoName(..))));
        for name in ["=x {port}", "1a=x {port}", "a b=x {port}", "a.p=x {port}"] {
            assert!(matches!(spec(name), Err(SpecError::Name(_))), "{name}");
        }
        assert!(matches!(spec("a="), Err(SpecError::NoCommand(_))));
        assert!(matches!(spec("a='x {port}"), Err(SpecError::Quotes(..))));
        assert!(matches!(spec("a=x"), Err(SpecError::NoPort(_))));
        assert!(matches!(
            spec("a=x @ ws://127.0.0.1:{port}/"),
            Err(SpecError::NoPort(_))
        ));
        assert!(matches!(spec("a=x @ ws://:0/"), Err(SpecError::Url { .. })));
        // Not a program's words: its scheme is wrong, and that is said.
        let error = spec("a=x {port} @ http://127.0.0.1:{port}/").unwrap_err();
        assert!(error.to_string().contains("http"), "{error}");
        assert!(matches!(
            "a=http://x/".parse::<UrlSpec>(),
            Err(SpecError::Url { .. })
        ));
    }
}

//! Servers to compare, as given on the command line: a name, and a command to start or the URL of a running server.

use measurement::plan::{PlanError, ServerUrl, mask_url};
use measurement::run::comparison::CandidateRow;

const PORT: &str = "{port}";

/// Default path of the echo, for servers without their own URL.
pub(crate) const DEFAULT_PATH: &str = "/ws";

const AT: &str = " @ ";

#[derive(Debug, thiserror::Error)]
pub(crate) enum SpecError {
    #[error("`{0}` has no name: it has the form NAME=… (example: {1})")]
    NoName(String, &'static str),
    /// A name that is not valid in `--fail-if`.
    #[error(
        "`{0}` is not a name: letters, digits, `-` and `_`, with a letter first (example: axum-2)"
    )]
    Name(String),
    #[error("`{0}` has no command to start")]
    NoCommand(String),
    #[error("the command of `{0}` has a quote or a backslash that nothing follows: `{1}`")]
    Quotes(String, String),
    #[error(
        "the command of `{0}` has no {PORT}, so it does not know on which port to listen: put {PORT} into it, \
         or say where it listens with NAME=COMMAND @ URL (example: a=./server @ ws://127.0.0.1:9000/ws)"
    )]
    NoPort(String),
    #[error("the URL of `{name}` cannot be used: {}", wording::with_url_advice(.source))]
    Url { name: String, source: PlanError },
}

#[derive(Debug, Clone)]
pub(crate) struct Candidate {
    pub(crate) name: String,
    /// Command that starts the server in every round; `None` = it is already running and not restarted.
    pub(crate) command: Option<StartCommand>,
    /// URL as typed. For a started server, it may contain `{port}`, or be `None`.
    url: Option<String>,
}

#[derive(Debug, Clone)]
pub(crate) struct StartCommand {
    /// Text as typed.
    text: String,
    /// Program and arguments, with `{port}` not yet replaced; not empty.
    words: Vec<String>,
}

impl StartCommand {
    pub(crate) fn wants_port(&self) -> bool {
        self.words.iter().any(|word| word.contains(PORT))
    }

    /// Program and arguments, with `{port}` replaced by this port.
    pub(crate) fn words(&self, port: u16) -> Vec<String> {
        let with_port = |word: &String| word.replace(PORT, &port.to_string());
        self.words.iter().map(with_port).collect()
    }
}

impl Candidate {
    /// Parses `NAME=COMMAND` or `NAME=COMMAND @ URL`.
    pub(crate) fn with_command(text: &str) -> Result<Self, SpecError> {
        let (name, rest) = split_name(text, "axum=axum-ws --bind 127.0.0.1:{port}")?;
        // Only a text that looks like a URL is one, valid or not, because the command may contain ` @ ` itself.
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
        let command = StartCommand {
            text: command.to_owned(),
            words,
        };
        let url_wants_port = url.as_ref().is_none_or(|url| url.contains(PORT));
        if url_wants_port && !command.wants_port() {
            return Err(SpecError::NoPort(name.to_owned()));
        }
        let candidate = Self {
            name: name.to_owned(),
            command: Some(command),
            url,
        };
        candidate.check_typed_url()?;
        Ok(candidate)
    }

    /// Parses `NAME=URL`, a server that is already running.
    pub(crate) fn with_url(text: &str) -> Result<Self, SpecError> {
        let (name, url) = split_name(text, "a=ws://127.0.0.1:8000/ws")?;
        let candidate = Self {
            name: name.to_owned(),
            command: None,
            url: Some(url.to_owned()),
        };
        candidate.check_typed_url()?;
        Ok(candidate)
    }

    /// Returns true when a URL was given for the server.
    pub(crate) fn has_own_url(&self) -> bool {
        self.url.is_some()
    }

    /// URL that may contain `{port}`. The default for a started server uses `path`.
    fn url(&self, path: &str) -> String {
        let typed = self.url.clone();
        typed.unwrap_or_else(|| format!("ws://127.0.0.1:{PORT}{path}"))
    }

    pub(crate) fn target(&self, port: u16, path: &str) -> Result<ServerUrl, PlanError> {
        let url = self.url(path);
        ServerUrl::parse(&match self.command {
            Some(_) => url.replace(PORT, &port.to_string()),
            None => url,
        })
    }

    /// Checks the URL while flags are parsed, except for a password in it, because clap's usage error would print it.
    fn check_typed_url(&self) -> Result<(), SpecError> {
        match self.check_url(DEFAULT_PATH) {
            Err(SpecError::Url {
                source: PlanError::UserInfo { .. },
                ..
            }) => Ok(()),
            checked => checked,
        }
    }

    pub(crate) fn check_url(&self, path: &str) -> Result<(), SpecError> {
        let checked = self.target(1, path).map(drop);
        checked.map_err(|source| SpecError::Url {
            name: self.name.clone(),
            source,
        })
    }

    /// The server as a row of the comparison.
    pub(crate) fn row(&self, path: &str) -> CandidateRow {
        CandidateRow {
            name: self.name.clone(),
            command: self.command.as_ref().map(|command| mask_url(&command.text)),
            url: mask_url(&self.url(path)),
            ..CandidateRow::default()
        }
    }
}

fn looks_like_a_url(text: &str) -> bool {
    let is_address = text.contains("://") && !text.contains(char::is_whitespace);
    is_address || text.starts_with("ws")
}

pub(crate) fn split_name<'t>(
    text: &'t str,
    example: &'static str,
) -> Result<(&'t str, &'t str), SpecError> {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn started(text: &str) -> Result<Candidate, SpecError> {
        Candidate::with_command(text)
    }

    fn words(candidate: &Candidate, port: u16) -> Vec<String> {
        candidate.command.as_ref().unwrap().words(port)
    }

    fn url(candidate: &Candidate, port: u16, path: &str) -> String {
        candidate.target(port, path).unwrap().as_str().to_owned()
    }

    #[test]
    fn a_command_gets_its_port() {
        let found = started("a=axum-ws --bind '127.0.0.1:{port}' \"two words\"").unwrap();
        assert_eq!(
            words(&found, 4321),
            ["axum-ws", "--bind", "127.0.0.1:4321", "two words"]
        );
        assert_eq!(url(&found, 4321, "/ws"), "ws://127.0.0.1:4321/ws");
        assert_eq!(url(&found, 1, "/chat?x=1"), "ws://127.0.0.1:1/chat?x=1");
        assert_eq!(found.name, "a");
    }

    #[test]
    fn a_url_may_stand_behind_the_command() {
        let found = started("b=node s.js {port} @ ws://localhost:{port}/").unwrap();
        assert_eq!(found.command.as_ref().unwrap().text, "node s.js {port}");
        assert_eq!(url(&found, 7, "/ws"), "ws://localhost:7/");
        let fixed = started("b=./server @ ws://127.0.0.1:9000/ws").unwrap();
        assert!(!fixed.command.as_ref().unwrap().wants_port());
        assert_eq!(url(&fixed, 7, "/ws"), "ws://127.0.0.1:9000/ws");
        let own = started("b=mail me @ home {port}").unwrap();
        assert_eq!(words(&own, 7), ["mail", "me", "@", "home", "7"]);
    }

    #[test]
    fn what_cannot_be_started_is_refused() {
        assert!(matches!(started("axum-ws"), Err(SpecError::NoName(..))));
        for name in ["=x {port}", "1a=x {port}", "a b=x {port}", "a.p=x {port}"] {
            assert!(matches!(started(name), Err(SpecError::Name(_))), "{name}");
        }
        assert!(matches!(started("a="), Err(SpecError::NoCommand(_))));
        assert!(matches!(started("a='x {port}"), Err(SpecError::Quotes(..))));
        assert!(matches!(started("a=x"), Err(SpecError::NoPort(_))));
        assert!(matches!(
            started("a=x @ ws://127.0.0.1:{port}/"),
            Err(SpecError::NoPort(_))
        ));
        assert!(matches!(
            started("a=x @ ws://:0/"),
            Err(SpecError::Url { .. })
        ));
        // The part after ` @ ` is a URL with an unsupported scheme, not a word of the command, and the error says so.
        let error = started("a=x {port} @ http://127.0.0.1:{port}/").unwrap_err();
        assert!(error.to_string().contains("http"), "{error}");
        // A password is refused later, by an error that does not repeat it.
        let with_password = Candidate::with_url("a=ws://me:secret@x/").unwrap();
        let error = with_password.check_url("/ws").unwrap_err().to_string();
        assert!(
            !error.contains("secret") && error.contains("Authorization"),
            "{error}"
        );
        assert!(matches!(
            Candidate::with_url("a=http://x/"),
            Err(SpecError::Url { .. })
        ));
    }
}

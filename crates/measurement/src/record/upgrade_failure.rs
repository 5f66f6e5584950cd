//! Answers to the upgrade request that did not open a connection.
//!
//! Texts from the server are escaped and shortened.

use std::fmt;

use crate::plan::mask_url;

/// An answer with a status other than 101.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub struct UpgradeRefusal {
    /// Status, from 200.
    pub status: u16,
    /// Reason phrase; often empty.
    pub reason: String,
    /// Values of the header fields in [`FIELDS`](Self::FIELDS), in that order. A field that was sent several times
    /// occurs several times.
    pub fields: Vec<RefusalField>,
    /// Beginning of the body.
    pub body: String,
    /// True when the server asked for a client certificate in the TLS handshake and got none.
    pub wants_client_certificate: bool,
}

/// A header field of a refusal that helps to correct the request.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct RefusalField {
    /// Name, one of [`UpgradeRefusal::FIELDS`].
    pub name: &'static str,
    /// Value, escaped; not empty.
    pub value: String,
}

impl RefusalField {
    /// A field with this value.
    pub fn new(name: &'static str, value: impl Into<String>) -> Self {
        let value = value.into();
        Self { name, value }
    }
}

impl UpgradeRefusal {
    /// Names of the fields that are kept: target of a redirect, authentication schemes of the server and of a proxy,
    /// time to wait (seconds or a date), supported versions of the WebSocket protocol, other supported protocols.
    pub const FIELDS: [&'static str; 6] = [
        "Location",
        "WWW-Authenticate",
        "Proxy-Authenticate",
        "Retry-After",
        Self::VERSIONS,
        "Upgrade",
    ];

    /// Name of the field with the WebSocket versions that the server supports (RFC 6455, 4.4).
    pub const VERSIONS: &'static str = "Sec-WebSocket-Version";

    /// The values of a field, in the order in which they were sent.
    pub fn values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let fields = self.fields.iter().filter(move |field| field.name == name);
        fields.map(|field| field.value.as_str())
    }

    /// A refusal with this status, without reason phrase, fields and body.
    #[must_use]
    pub fn new(status: u16) -> Self {
        Self {
            status,
            reason: String::new(),
            fields: Vec::new(),
            body: String::new(),
            wants_client_certificate: false,
        }
    }

    pub(super) fn map_texts(mut self, change: &dyn Fn(&str) -> String) -> Self {
        let fields = self.fields.iter_mut().map(|field| &mut field.value);
        for text in fields.chain([&mut self.reason, &mut self.body]) {
            *text = change(text);
        }
        self
    }

    pub(super) fn without_details(&self) -> Self {
        Self {
            wants_client_certificate: self.wants_client_certificate,
            ..Self::new(self.status)
        }
    }
}

impl fmt::Display for UpgradeRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the server answered the upgrade with HTTP {}",
            self.status
        )?;
        if !self.reason.is_empty() {
            write!(f, " {}", self.reason)?;
        }
        for RefusalField { name, value } in &self.fields {
            if value.contains('@') {
                // The target of a redirect may contain a password.
                write!(f, ", {name}: {}", mask_url(value))?;
            } else {
                write!(f, ", {name}: {value}")?;
            }
        }
        if !self.body.is_empty() {
            write!(f, ": “{}”", self.body)?;
        }
        Ok(())
    }
}

/// An answer in a protocol other than HTTP/1.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub enum ForeignAnswer {
    /// A TLS record: an alert or a handshake message.
    #[error("the server answered the upgrade in TLS")]
    Tls,
    /// An HTTP/2 frame.
    #[error("the server answered the upgrade in HTTP/2")]
    Http2,
    /// Anything else. Holds the beginning of the answer.
    #[error("the server did not answer the upgrade in HTTP, but with “{0}”")]
    Other(String),
}

/// Defect of an HTTP/1 answer: invalid syntax, or an invalid 101.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub enum AnswerDefect {
    /// The connection ended within the head. Holds the beginning of the head.
    #[error("the server closed the connection within its answer to the upgrade, “{0}”")]
    Cut(String),
    /// The head did not end in time. Holds the beginning of the head.
    #[error("the answer to the upgrade did not end within the connect timeout, it begins “{0}”")]
    Unfinished(String),
    /// The head, including earlier 1xx answers, is longer than this number of bytes.
    #[error("the head of the answer to the upgrade is longer than {0} bytes")]
    TooLong(usize),
    /// The first line is not a status line. Holds that line.
    #[error("the answer to the upgrade begins with “{0}”, which is not a status line of HTTP")]
    StatusLine(String),
    /// Lines end with LF instead of CR LF.
    #[error("the lines of the answer to the upgrade end with LF in place of CR LF")]
    BareLf,
    /// A field continues on the next line, which HTTP no longer allows. Holds that line.
    #[error(
        "a header of the answer to the upgrade goes on in a second line, “{0}”, which is obsolete"
    )]
    Folded(String),
    /// A line is not a field. Holds that line.
    #[error("the answer to the upgrade holds the line “{0}”, which is not a header")]
    Field(String),
    /// A 101 in a version other than HTTP/1.1. Holds the version.
    #[error(
        "the server answered the upgrade with 101 in {0}, which has no upgrade: HTTP/1.1 is needed"
    )]
    Version(String),
    /// A 101 lacks a field.
    #[error("the answer to the upgrade has no `{field}`")]
    Missing {
        /// The required field and value, such as `Connection: Upgrade`.
        field: &'static str,
    },
    /// A field of a 101 has a wrong value.
    #[error("the answer to the upgrade has `{came}` in place of `{field}`")]
    Wrong {
        /// The required field and value, such as `Connection: Upgrade`.
        field: &'static str,
        /// The field and value received.
        came: String,
    },
    /// `Sec-WebSocket-Accept` does not match the key that was sent. Holds the value received.
    #[error(
        "the answer to the upgrade has `Sec-WebSocket-Accept: {0}`, which does not belong to the key that was sent"
    )]
    Accept(String),
}

impl AnswerDefect {
    pub(super) fn map_texts(self, change: &dyn Fn(&str) -> String) -> Self {
        match self {
            Self::Cut(text) => Self::Cut(change(&text)),
            Self::Unfinished(text) => Self::Unfinished(change(&text)),
            Self::StatusLine(text) => Self::StatusLine(change(&text)),
            Self::Folded(text) => Self::Folded(change(&text)),
            Self::Field(text) => Self::Field(change(&text)),
            Self::Version(text) => Self::Version(change(&text)),
            Self::Wrong { field, came } => {
                let came = change(&came);
                Self::Wrong { field, came }
            }
            Self::Accept(text) => Self::Accept(change(&text)),
            other => other,
        }
    }

    pub(super) fn without_details(self) -> Self {
        match self {
            Self::Accept(_) => Self::Accept("…".to_owned()),
            other => other.map_texts(&|_| String::new()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_says_everything_that_the_server_said() {
        let refusal = UpgradeRefusal {
            reason: "Unauthorized".to_owned(),
            fields: vec![
                RefusalField::new("Location", "https://me:secret@a.test/login"),
                RefusalField::new("WWW-Authenticate", "Negotiate"),
                RefusalField::new("WWW-Authenticate", "Bearer realm=\"ws\""),
                RefusalField::new("Retry-After", "7"),
            ],
            body: "no".to_owned(),
            ..UpgradeRefusal::new(401)
        };
        assert_eq!(
            refusal.to_string(),
            "the server answered the upgrade with HTTP 401 Unauthorized, Location: https://***@a.test/login, \
             WWW-Authenticate: Negotiate, WWW-Authenticate: Bearer realm=\"ws\", Retry-After: 7: “no”"
        );
    }
}

//! Head of an HTTP/1 answer: status line and fields.

use measurement::record::{AnswerDefect, RefusalField, UpgradeRefusal, escape_beginning};

/// Maximum number of bytes of an answer quoted in a message.
pub(super) const QUOTED: usize = 200;

/// Maximum number of fields with the same name quoted in a message.
const MAX_VALUES: usize = 4;

/// A head with a valid status line. Its other lines may be invalid.
#[derive(Debug)]
pub(super) struct ResponseHead<'a> {
    /// HTTP version, such as `HTTP/1.1`.
    pub(super) version: &'a [u8],
    pub(super) status: u16,
    pub(super) reason: &'a [u8],
    lines: Vec<&'a [u8]>,
    has_bare_lf: bool,
}

impl<'a> ResponseHead<'a> {
    /// Parses a head without its final empty line. Lines end with CR LF, or with LF alone.
    pub(super) fn parse(head: &'a [u8]) -> Result<Self, AnswerDefect> {
        let mut has_bare_lf = false;
        let mut lines = head.split(|byte| *byte == b'\n').map(|line| {
            line.strip_suffix(b"\r").unwrap_or_else(|| {
                has_bare_lf |= !line.is_empty();
                line
            })
        });
        let first = lines.next().unwrap_or_default();
        let mut lines: Vec<_> = lines.collect();
        // Removes the empty text after the last line end.
        lines.pop();
        let wrong = || AnswerDefect::StatusLine(escape_beginning(first, QUOTED));
        let mut words = first.splitn(3, |byte| *byte == b' ');
        let version = words.next().unwrap_or_default();
        let digits = words.next().unwrap_or_default();
        let status = std::str::from_utf8(digits).ok().filter(|digits| {
            digits.len() == 3 && digits.bytes().all(|digit| digit.is_ascii_digit())
        });
        let status: u16 = status.and_then(|s| s.parse().ok()).ok_or_else(wrong)?;
        if !version.starts_with(b"HTTP/") || status < 100 {
            return Err(wrong());
        }
        Ok(Self {
            version,
            status,
            reason: words.next().unwrap_or_default().trim_ascii(),
            lines,
            has_bare_lf,
        })
    }

    /// Returns true for HTTP/1.1 and possible later versions of HTTP/1.
    pub(super) fn can_upgrade(&self) -> bool {
        self.version.starts_with(b"HTTP/1.") && self.version != b"HTTP/1.0"
    }

    /// The first line with invalid syntax.
    pub(super) fn defect(&self) -> Option<AnswerDefect> {
        if self.has_bare_lf {
            return Some(AnswerDefect::BareLf);
        }
        self.lines.iter().find_map(|line| {
            let quoted = || escape_beginning(line, QUOTED);
            match field(line) {
                _ if line.starts_with(b" ") || line.starts_with(b"\t") => {
                    Some(AnswerDefect::Folded(quoted()))
                }
                None => Some(AnswerDefect::Field(quoted())),
                Some(_) => None,
            }
        })
    }

    /// The values of a field in their order. Names are case-insensitive, and invalid lines are skipped.
    pub(super) fn values<'n>(
        &self,
        name: &'n str,
    ) -> impl Iterator<Item = &'a [u8]> + use<'_, 'a, 'n> {
        let fields = self.lines.iter().filter_map(|line| field(line));
        fields.filter_map(move |(of, value)| {
            of.eq_ignore_ascii_case(name.as_bytes()).then_some(value)
        })
    }

    /// The fields of a refusal that help to correct the request, each value once. `…` replaces the rest when a name has
    /// many fields.
    pub(super) fn refusal_fields(&self) -> Vec<RefusalField> {
        let mut fields = Vec::new();
        for name in UpgradeRefusal::FIELDS {
            let mut values: Vec<&[u8]> = Vec::new();
            for value in self.values(name).filter(|value| !value.is_empty()) {
                // `Upgrade: websocket` from a WebSocket server does not help.
                let is_own = name == "Upgrade" && value.eq_ignore_ascii_case(b"websocket");
                if !is_own && !values.contains(&value) {
                    values.push(value);
                }
            }
            let quoted = values
                .iter()
                .take(MAX_VALUES)
                .map(|value| escape_beginning(value, QUOTED));
            fields.extend(quoted.map(|value| RefusalField::new(name, value)));
            if values.len() > MAX_VALUES {
                fields.push(RefusalField::new(name, "…"));
            }
        }
        fields
    }

    /// The members of a list, over all fields with this name. Empty members are skipped (RFC 9110, 5.6.1).
    pub(super) fn members<'n>(
        &self,
        name: &'n str,
    ) -> impl Iterator<Item = &'a [u8]> + use<'_, 'a, 'n> {
        let members = self
            .values(name)
            .flat_map(|list| list.split(|byte| *byte == b','));
        members
            .map(<[u8]>::trim_ascii)
            .filter(|member| !member.is_empty())
    }
}

/// Splits a line into the name and the value of a field; `None` when it is not a field.
fn field(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let colon = line.iter().position(|byte| *byte == b':')?;
    let (name, value) = (&line[..colon], &line[colon + 1..]);
    let is_token = |byte: &u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte);
    let is_name = !name.is_empty() && name.iter().all(is_token);
    let is_value = value.iter().all(|byte| !b"\0\r".contains(byte));
    (is_name && is_value).then(|| (name, value.trim_ascii()))
}

//! Lines of the protocol.

/// Longest line, in bytes. Launchers send at most 1,024 for a value.
pub(super) const MAX_LINE_BYTES: usize = 4096;

/// One line: words `key=value` in any order, separated by blanks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PmiLine(String);

impl PmiLine {
    /// Value of the first word with this key.
    pub(super) fn get(&self, key: &str) -> Option<&str> {
        self.0
            .split([' ', '\r'])
            .find_map(|word| word.strip_prefix(key)?.strip_prefix('='))
    }

    /// The command, or an empty text.
    pub(super) fn command(&self) -> &str {
        self.get("cmd").unwrap_or_default()
    }

    /// Returns false when the line reports a failure. Launchers omit the code of some successes.
    pub(super) fn is_success(&self) -> bool {
        self.get("rc").is_none_or(|code| code == "0")
    }

    /// The beginning of the line, for a message.
    pub(super) fn excerpt(&self) -> String {
        excerpt(self.0.as_bytes())
    }
}

/// The beginning of a text from outside, with control characters escaped.
fn excerpt(bytes: &[u8]) -> String {
    const CHARACTERS: usize = 80;
    let text = String::from_utf8_lossy(bytes);
    let mut shown: String = text.chars().take(CHARACTERS).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    shown.escape_debug().to_string()
}

/// Bytes without a newline, too many for a line. The text is their beginning.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct LineTooLong(pub(super) String);

/// Received bytes that are not yet taken as lines.
#[derive(Debug, Default)]
pub(super) struct LineBuffer(Vec<u8>);

impl LineBuffer {
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    /// Takes the next whole line; `None` until its newline is received.
    pub(super) fn take_line(&mut self) -> Result<Option<PmiLine>, LineTooLong> {
        let searched = &self.0[..self.0.len().min(MAX_LINE_BYTES)];
        match searched.iter().position(|byte| *byte == b'\n') {
            Some(end) => {
                let line = String::from_utf8_lossy(&self.0[..end]).into_owned();
                self.0.drain(..=end);
                Ok(Some(PmiLine(line)))
            }
            None if self.0.len() < MAX_LINE_BYTES => Ok(None),
            None => Err(LineTooLong(excerpt(&self.0))),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn line(text: &str) -> PmiLine {
        let mut buffer = LineBuffer::default();
        buffer.push(text.as_bytes());
        buffer.push(b"\n");
        buffer.take_line().unwrap().unwrap()
    }

    #[test]
    fn words_are_found_in_any_order() {
        for text in [
            "cmd=get_result rc=0 value=12",
            "cmd=get_result rc=0 msg=success value=12",
            "value=12 rc=0 cmd=get_result",
            "  cmd=get_result   value=12 \r",
        ] {
            let line = line(text);
            assert_eq!(
                (line.command(), line.get("value")),
                ("get_result", Some("12"))
            );
            assert!(line.is_success(), "{text}");
        }
    }

    #[test]
    fn a_key_is_a_whole_word() {
        let line = line("cmd=my_kvsname kvsname=a=b name rc=1");
        assert_eq!(line.get("name"), None);
        assert_eq!(line.get("kvsname"), Some("a=b"));
        assert!(!line.is_success());
    }

    #[test]
    fn control_characters_of_an_answer_are_not_shown_raw() {
        assert_eq!(line("\u{1b}[31mred").excerpt(), "\\u{1b}[31mred");
        assert_eq!(line(&"x".repeat(200)).excerpt().chars().count(), 81);
    }

    proptest! {
        #[test]
        fn lines_are_the_same_however_their_bytes_arrive(
            bytes in prop::collection::vec(any::<u8>(), 0..300),
            pieces in prop::collection::vec(1..40_usize, 1..40),
        ) {
            let mut buffer = LineBuffer::default();
            let (mut rest, mut lines) = (&bytes[..], Vec::new());
            for length in pieces.into_iter().cycle().take(300) {
                let (piece, after) = rest.split_at(length.min(rest.len()));
                buffer.push(piece);
                rest = after;
                while let Some(line) = buffer.take_line().unwrap() {
                    let _ = (line.command(), line.is_success(), line.excerpt());
                    lines.push(line.0);
                }
            }
            let mut expected: Vec<_> = bytes
                .split(|byte| *byte == b'\n')
                .map(|line| String::from_utf8_lossy(line).into_owned())
                .collect();
            expected.pop();
            prop_assert_eq!(lines, expected);
        }

        #[test]
        fn no_line_is_longer_than_the_limit(length in MAX_LINE_BYTES - 2..MAX_LINE_BYTES + 2) {
            let mut buffer = LineBuffer::default();
            buffer.push(&vec![b'x'; length]);
            prop_assert_eq!(buffer.take_line().is_err(), length >= MAX_LINE_BYTES);
            buffer.push(b"\n");
            prop_assert_eq!(buffer.take_line().is_err(), length >= MAX_LINE_BYTES);
        }
    }
}

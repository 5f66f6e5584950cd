//! Advice for a planned message without a correct echo.

use super::planned_messages::EchoProblem;

/// Close codes of RFC 6455, 7.4.1.
const UNSUPPORTED_DATA: u16 = 1003;
const MESSAGE_TOO_BIG: u16 = 1009;

/// Advice for a scenario that does not fit.
pub(super) const CONVERSATION: &str = "`ws-bench --try` shows the whole conversation";

/// Ways to measure the server nevertheless. `text`: text messages were sent.
pub(super) fn ways(problem: &EchoProblem, text: bool) -> Vec<&'static str> {
    let other_type = if text {
        "`--binary` sends binary messages"
    } else {
        "`--text` sends text messages"
    };
    match problem {
        EchoProblem::Type { .. } => vec![other_type, "`--verify off` compares nothing"],
        EchoProblem::Length { .. } => vec!["`--verify off` compares nothing"],
        EchoProblem::Bytes { .. } => vec![
            "`--verify length` compares type and length only",
            "`--verify off` compares nothing",
        ],
        EchoProblem::ErrorReply { .. }
        | EchoProblem::Corrupted { .. }
        | EchoProblem::Undelivered { .. } => vec![CONVERSATION],
        EchoProblem::Ended { code, .. } => match *code {
            Some(MESSAGE_TOO_BIG) => vec!["`-s` sends smaller messages"],
            Some(UNSUPPORTED_DATA) => vec![other_type],
            _ => vec![other_type, "`-s` sends smaller ones"],
        },
        EchoProblem::Silent(_) => vec![
            other_type,
            "`--gate-timeout` waits longer",
            "`--path` or `NAME=COMMAND @ URL` names another path",
        ],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn advice_names_the_flag_that_helps() {
        let named = |problem, text| ways(&problem, text).join(", ");
        let came = || EchoProblem::Type {
            came: "binary".to_owned(),
        };
        assert!(named(came(), true).contains("--binary"));
        assert!(named(came(), false).contains("--text"));
        let ended = |code| EchoProblem::Ended {
            code,
            end: "the server closed".to_owned(),
        };
        assert_eq!(
            named(ended(Some(1009)), true),
            "`-s` sends smaller messages"
        );
        assert_eq!(
            named(ended(Some(1003)), false),
            "`--text` sends text messages"
        );
        assert!(named(ended(None), true).contains("--binary"));
        let bytes = EchoProblem::Bytes { at: Some(3) };
        assert!(named(bytes, true).contains("--verify length"));
    }
}

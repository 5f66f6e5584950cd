//! Comparison of a 101 with the request (RFC 6455, 4.1).

use measurement::record::{AnswerDefect, ConnectFailure, escape_beginning};

use super::head::{QUOTED, ResponseHead};

/// Checks that a 101 opens a WebSocket with this accept key and one of the offered subprotocols, if any.
pub(super) fn check(
    head: &ResponseHead<'_>,
    accept: &str,
    offered: &[String],
) -> Result<(), ConnectFailure> {
    check_fields(head, accept).map_err(ConnectFailure::Answer)?;
    let extensions: Vec<_> = head.members("Sec-WebSocket-Extensions").collect();
    if !extensions.is_empty() {
        let list = escape_beginning(&extensions.join(&b", "[..]), QUOTED);
        return Err(ConnectFailure::Extension(list));
    }
    let chosen: Vec<_> = head.members("Sec-WebSocket-Protocol").collect();
    match *chosen {
        [] if offered.is_empty() => Ok(()),
        [] => Err(ConnectFailure::Subprotocol),
        [one] if offered.iter().any(|name| name.as_bytes() == one) => Ok(()),
        _ => {
            let chosen = escape_beginning(&chosen.join(&b", "[..]), QUOTED);
            Err(ConnectFailure::SubprotocolNotOffered(chosen))
        }
    }
}

fn check_fields(head: &ResponseHead<'_>, accept: &str) -> Result<(), AnswerDefect> {
    if !head.can_upgrade() {
        let version = escape_beginning(head.version, QUOTED);
        return Err(AnswerDefect::Version(version));
    }
    if let Some(defect) = head.defect() {
        return Err(defect);
    }
    check_list(head, "Upgrade", "websocket", "Upgrade: websocket")?;
    check_list(head, "Connection", "upgrade", "Connection: Upgrade")?;
    let mut accepts = head.values("Sec-WebSocket-Accept").peekable();
    if accepts.peek().is_none() {
        let field = "Sec-WebSocket-Accept";
        return Err(AnswerDefect::Missing { field });
    }
    match accepts.find(|value| *value != accept.as_bytes()) {
        Some(other) => Err(AnswerDefect::Accept(escape_beginning(other, QUOTED))),
        None => Ok(()),
    }
}

/// Checks that the list in the fields with this name contains this member. `field` is shown in the error.
fn check_list(
    head: &ResponseHead<'_>,
    name: &str,
    member: &str,
    field: &'static str,
) -> Result<(), AnswerDefect> {
    let members: Vec<_> = head.members(name).collect();
    if members
        .iter()
        .any(|m| m.eq_ignore_ascii_case(member.as_bytes()))
    {
        Ok(())
    } else if members.is_empty() {
        Err(AnswerDefect::Missing { field })
    } else {
        let list = escape_beginning(&members.join(&b", "[..]), QUOTED);
        let came = format!("{name}: {list}");
        Err(AnswerDefect::Wrong { field, came })
    }
}

//! The check of the upgrade reader with arbitrary bytes from a server. The reader must never panic, never hold more
//! bytes than allowed, and give the same result however the bytes are split.

use std::ops::ControlFlow;

use http::HeaderMap;
use measurement::plan::ServerUrl;
use measurement::record::ConnectFailure;

use crate::upgrade::UpgradeRequest;

/// Passes an answer to a reader in pieces of `piece` bytes, and returns the result. `ACCEPT` in the answer is replaced
/// by the correct accept key.
pub fn read_answer(answer: &[u8], piece: usize) -> Result<Vec<u8>, ConnectFailure> {
    let url = ServerUrl::parse("ws://a/").map_err(|_| ConnectFailure::NoAddress)?;
    let mut headers = HeaderMap::new();
    headers.insert(
        "sec-websocket-protocol",
        http::HeaderValue::from_static("v1"),
    );
    let (request, mut reader) = UpgradeRequest::new(&url, &headers).begin();
    let answer = with_accept(answer, &request);
    for (index, bytes) in answer.chunks(piece.max(1)).enumerate() {
        if let ControlFlow::Break(result) = reader.receive(bytes) {
            let rest = answer.get((index + 1) * piece.max(1)..).unwrap_or_default();
            return result.map(|behind| [&behind, rest].concat());
        }
    }
    // Neither may panic.
    let _ = reader.at_timeout();
    Err(reader.at_end())
}

/// Replaces `ACCEPT` by the accept key of this request.
fn with_accept(answer: &[u8], request: &[u8]) -> Vec<u8> {
    const PLACE: &[u8] = b"ACCEPT";
    let request = String::from_utf8_lossy(request);
    let key = request
        .lines()
        .find_map(|l| l.strip_prefix("Sec-WebSocket-Key: "));
    let key = key.unwrap_or_default().as_bytes();
    let accept = tokio_tungstenite::tungstenite::handshake::derive_accept_key(key);
    match answer.windows(PLACE.len()).position(|bytes| bytes == PLACE) {
        Some(at) => [
            &answer[..at],
            accept.as_bytes(),
            &answer[at + PLACE.len()..],
        ]
        .concat(),
        None => answer.to_vec(),
    }
}

/// The check. The first byte is the length of the pieces, the others are the answer.
pub fn upgrade(data: &[u8]) {
    let Some((piece, answer)) = data.split_first() else {
        return;
    };
    let whole = read_answer(answer, answer.len());
    let cut = read_answer(answer, usize::from(*piece));
    match (whole, cut) {
        // The quoted text may be longer if the pieces are longer.
        (Err(whole), Err(cut)) => {
            assert_eq!(whole.without_details(), cut.without_details());
        }
        (whole, cut) => assert_eq!(whole, cut),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use measurement::record::{AnswerDefect, ForeignAnswer, RefusalField, UpgradeRefusal};
    use proptest::prelude::*;

    const LEGAL: &str = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\
                         Connection: Upgrade\r\nSec-WebSocket-Protocol: v1\r\nSec-WebSocket-Accept: ACCEPT\r\n\r\n";

    /// Reads an answer in one piece and byte by byte.
    fn read(answer: &str) -> Result<Vec<u8>, ConnectFailure> {
        let whole = read_answer(answer.as_bytes(), usize::MAX);
        assert_eq!(
            read_answer(answer.as_bytes(), 1),
            whole,
            "byte by byte: {answer:.200}"
        );
        whole
    }

    fn failure(answer: &str) -> String {
        read(answer).unwrap_err().to_string()
    }

    #[test]
    fn a_legal_answer_opens_whatever_its_form() {
        let fields: String = (0..1_000).map(|n| format!("X-{n}: v\r\n")).collect();
        let long = format!("X-Long: {}\r\n", "v".repeat(300 * 1024));
        let with = |more: &str| LEGAL.replace("\r\n\r\n", &format!("\r\n{more}\r\n"));
        let connection = |line: &str| LEGAL.replace("Connection: Upgrade", line);
        for answer in [
            LEGAL.to_owned(),
            connection("Connection: keep-alive, Upgrade"),
            connection("connection:\tUPGRADE , keep-alive"),
            connection("Connection: keep-alive\r\nConnection: Upgrade"),
            connection("Connection: ,, upgrade,"),
            LEGAL.replace("Upgrade: websocket", "upgrade: WebSocket"),
            LEGAL.replace("Upgrade: websocket", "Upgrade: h2c\r\nUpgrade: websocket"),
            LEGAL.replace("Switching Protocols", "Ünïcode"),
            LEGAL.replace(" Switching Protocols", ""),
            LEGAL.replace("HTTP/1.1 101", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 101"),
            format!("HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n{LEGAL}"),
            format!("HTTP/1.1 102 P\r\n\r\nHTTP/1.1 103 E\r\nA: b\r\n\r\n{LEGAL}"),
            with("Sec-WebSocket-Extensions:\r\n"),
            with("Sec-WebSocket-Extensions: , ,\r\n"),
            with("Sec-WebSocket-Protocol:\r\n"),
            with("Empty:\r\nContent-Length: 0\r\n"),
            with(&fields),
            with(&long),
        ] {
            assert_eq!(read(&answer), Ok(Vec::new()), "{answer:.200}");
        }
        assert_eq!(read(&format!("{LEGAL}\u{1}ab")), Ok(b"\x01ab".to_vec()));
    }

    #[test]
    fn a_missing_or_wrong_field_is_named_with_what_came() {
        let without = |line: &str| LEGAL.replace(&format!("{line}\r\n"), "");
        let because = |answer: String, end: &str| {
            let text = failure(&answer);
            assert!(text.ends_with(end), "{text}");
        };
        because(
            without("Connection: Upgrade"),
            "has no `Connection: Upgrade`",
        );
        because(without("Upgrade: websocket"), "has no `Upgrade: websocket`");
        because(
            without("Sec-WebSocket-Accept: ACCEPT"),
            "has no `Sec-WebSocket-Accept`",
        );
        let instead = |from: &str, to: &str| LEGAL.replace(from, to);
        because(
            instead(
                "Connection: Upgrade",
                "Connection: keep-alive\r\nConnection: close",
            ),
            "has `Connection: keep-alive, close` in place of `Connection: Upgrade`",
        );
        because(
            instead("websocket\r\n", "h2c\r\n"),
            "has `Upgrade: h2c` in place of `Upgrade: websocket`",
        );
        because(
            instead("ACCEPT", "YWJj"),
            "has `Sec-WebSocket-Accept: YWJj`, which does not belong to the key that was sent",
        );
        because(
            instead("HTTP/1.1", "HTTP/1.0"),
            "which has no upgrade: HTTP/1.1 is needed",
        );
        because(instead("\r\n", "\n"), "end with LF in place of CR LF");
        because(
            instead("Upgrade: websocket", "A: b\r\n c\r\nUpgrade: websocket"),
            "goes on in a second line, “ c”, which is obsolete",
        );
        because(
            instead("Upgrade: websocket", "no field\r\nUpgrade: websocket"),
            "holds the line “no field”, which is not a header",
        );
        because(
            instead("Upgrade: websocket", "Upgrade : websocket"),
            "holds the line “Upgrade : websocket”, which is not a header",
        );
    }

    #[test]
    fn a_subprotocol_or_extension_that_was_not_offered_is_named() {
        let protocol = |line: &str| failure(&LEGAL.replace("Sec-WebSocket-Protocol: v1", line));
        assert_eq!(
            protocol("Sec-WebSocket-Protocol: v2"),
            "the server chose the subprotocol `v2`, which was not offered"
        );
        assert!(protocol("Sec-WebSocket-Protocol: v1, v2").contains("`v1, v2`"));
        assert_eq!(
            protocol("A: b"),
            "the server accepted none of the subprotocols offered"
        );
        let extension = protocol("Sec-WebSocket-Protocol: v1\r\nSec-WebSocket-Extensions: x; y=1");
        assert_eq!(
            extension,
            "the server uses the extension `x; y=1`, which was not offered"
        );
    }

    #[test]
    fn another_protocol_is_not_taken_for_tls() {
        let foreign = |answer: &[u8]| match read_answer(answer, 1) {
            Err(ConnectFailure::NotHttp(foreign)) => foreign,
            other => panic!("{other:?}"),
        };
        let ssh = foreign(b"SSH-2.0-OpenSSH_9.0\r\n");
        assert_eq!(ssh, ForeignAnswer::Other("SSH-2.0-OpenSSH_9.0".to_owned()));
        // A TLS alert and a ServerHello.
        assert_eq!(foreign(b"\x15\x03\x01\x00\x02\x02\x46"), ForeignAnswer::Tls);
        assert_eq!(foreign(b"\x16\x03\x03\x00\x7a"), ForeignAnswer::Tls);
        let settings = b"\x00\x00\x12\x04\x00\x00\x00\x00\x00\x00\x03\x00\x00\x00\x64";
        assert_eq!(foreign(settings), ForeignAnswer::Http2);
        // A greeting without a line end is quoted when the connection ends.
        let mysql = foreign(b"\x4a\x00\x00\x00\x0a8.0.36");
        assert!(matches!(mysql, ForeignAnswer::Other(begins) if begins.contains("8.0.36")));
        assert!(matches!(foreign(b"HTP"), ForeignAnswer::Other(_)));
    }

    #[test]
    fn what_ends_too_early_or_never_is_named() {
        let defect = |answer: &[u8]| match read_answer(answer, 1_000) {
            Err(ConnectFailure::Answer(defect)) => defect,
            other => panic!("{other:?}"),
        };
        assert_eq!(read_answer(b"", 1), Err(ConnectFailure::NoAnswer));
        assert_eq!(
            defect(b"HTTP/1.1 101 S\r\nUpg"),
            AnswerDefect::Cut("HTTP/1.1 101 S\\r\\nUpg".to_owned())
        );
        assert!(matches!(
            defect(b"HTTP/1.1 1O1 S\r\n\r\n"),
            AnswerDefect::StatusLine(_)
        ));
        let endless = "HTTP/1.1 101 S\r\n".to_owned() + &"A: b\r\n".repeat(100_000);
        assert!(matches!(
            defect(endless.as_bytes()),
            AnswerDefect::TooLong(_)
        ));
    }

    #[test]
    fn a_refusal_keeps_everything_that_helps() {
        let head = "HTTP/1.1 401 Unauthorized\r\nLocation: /login\r\nRetry-After: 7\r\n\
                    WWW-Authenticate: Bearer realm=\"ws\"\r\n";
        let refused = |answer: &str| match read(answer) {
            Err(ConnectFailure::Refused(refusal)) => *refusal,
            other => panic!("{other:?}"),
        };
        let expected = UpgradeRefusal {
            reason: "Unauthorized".to_owned(),
            fields: vec![
                RefusalField::new("Location", "/login"),
                RefusalField::new("WWW-Authenticate", "Bearer realm=\"ws\""),
                RefusalField::new("Retry-After", "7"),
            ],
            body: "no\\r\\nway \\u{1b}[1m".to_owned(),
            ..UpgradeRefusal::new(401)
        };
        let body = "no\r\nway \u{1b}[1m";
        for rest in [
            format!("Content-Length: 12\r\n\r\n{body}HTTP/1.1 200 next"),
            "Transfer-Encoding: chunked\r\n\r\n4\r\nno\r\n\r\n8\r\nway \u{1b}[1m\r\n0\r\n\r\n"
                .to_owned(),
            format!("\r\n{body}"),
        ] {
            assert_eq!(refused(&format!("{head}{rest}")), expected);
        }
        let old = refused("HTTP/1.0 403 Forbidden\r\n\r\nno");
        assert_eq!((old.status, old.body.as_str()), (403, "no"));
        // Its syntax does not matter.
        let sloppy = refused("HTTP/1.1 403 Forbidden\nno field\nLocation: /x\n\nno");
        assert_eq!(
            (sloppy.fields, sloppy.body.as_str()),
            (vec![RefusalField::new("Location", "/x")], "no")
        );
        let long = refused(&format!("HTTP/1.1 500 E\r\n\r\n{}", "é".repeat(5_000)));
        assert_eq!(long.body, "é".repeat(100) + "…");
        let empty = refused("HTTP/1.1 426 Upgrade Required\r\nContent-Length: 0\r\n\r\n");
        assert_eq!(empty.body, "");
        let packed = refused("HTTP/1.1 403 F\r\nContent-Encoding: gzip\r\n\r\n\x1f");
        assert_eq!(packed.body, "");
    }

    #[test]
    fn a_repeated_field_of_a_refusal_is_kept_as_often_as_it_says_something_new() {
        let fields = |head: &str| match read(&format!(
            "HTTP/1.1 401 U\r\n{head}Content-Length: 0\r\n\r\n"
        )) {
            Err(ConnectFailure::Refused(refusal)) => refusal.fields,
            other => panic!("{other:?}"),
        };
        let named = |name, values: &[&str]| -> Vec<_> {
            values
                .iter()
                .map(|value| RefusalField::new(name, *value))
                .collect()
        };
        for name in UpgradeRefusal::FIELDS {
            assert_eq!(
                fields(&format!(
                    "{name}: a\r\nX: y\r\n{name}:\r\n{name}: b\r\n{name}: a\r\n"
                )),
                named(name, &["a", "b"])
            );
            let many: String = (0..1_000).map(|n| format!("{name}: {n}\r\n")).collect();
            assert_eq!(fields(&many), named(name, &["0", "1", "2", "3", "…"]));
            let long = fields(&format!("{name}: {}\r\n", "x".repeat(9_000)));
            assert_eq!(long, named(name, &[&("x".repeat(200) + "…")]));
        }
        assert_eq!(fields("Upgrade: websocket\r\n"), []);
    }

    #[test]
    fn the_corpus_of_the_upgrade_holds() {
        let corpus = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus/upgrade");
        let mut files = 0;
        for entry in std::fs::read_dir(&corpus).unwrap() {
            upgrade(&std::fs::read(entry.unwrap().path()).unwrap());
            files += 1;
        }
        assert!(files > 10, "{files} files in {}", corpus.display());
    }

    proptest! {
        #[test]
        fn no_answer_breaks_the_reader(
            piece in 1..40_u8,
            parts in proptest::collection::vec(
                prop_oneof![
                    Just("HTTP/1.1 101 S\r\n".to_owned()), Just("HTTP/1.1 100 C\r\n\r\n".to_owned()),
                    Just("HTTP/1.0 403 F\r\n".to_owned()), Just("Upgrade: websocket\r\n".to_owned()),
                    Just("Connection: a, upgrade\r\n".to_owned()), Just("Sec-WebSocket-Accept: ACCEPT\r\n".to_owned()),
                    Just("Sec-WebSocket-Protocol: v1\r\n".to_owned()), Just("\r\n".to_owned()), Just("\n".to_owned()),
                    Just("Transfer-Encoding: chunked\r\n".to_owned()), Just("Content-Length: 3\r\n".to_owned()),
                    "\\PC{0,20}", "[ -~]{0,9}:[ -~]{0,9}\r\n",
                ], 0..12,
            ),
        ) {
            let mut data = vec![piece];
            data.extend(parts.concat().into_bytes());
            upgrade(&data);
        }
    }
}

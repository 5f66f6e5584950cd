//! A plain HTTP/1.1 answer as bytes, for those who have no HTTP library.

use http::Response;

/// The bytes of `answer`, without its body if the request was a `HEAD`. Its
/// length goes with it; the other headers are the answer's own.
#[must_use]
pub fn encode(answer: &Response<String>, with_body: bool) -> Vec<u8> {
    let mut bytes = format!("HTTP/1.1 {}\r\n", answer.status()).into_bytes();
    for (name, value) in answer.headers() {
        bytes.extend_from_slice(name.as_str().as_bytes());
        bytes.extend_from_slice(b": ");
        bytes.extend_from_slice(value.as_bytes());
        bytes.extend_from_slice(b"\r\n");
    }
    let body = answer.body();
    bytes.extend_from_slice(format!("content-length: {}\r\n\r\n", body.len()).as_bytes());
    if with_body {
        bytes.extend_from_slice(body.as_bytes());
    }
    bytes
}

#[cfg(test)]
mod tests {
    use http::StatusCode;

    use super::*;
    use crate::plain;

    #[test]
    fn an_answer_is_http() {
        let answer = plain(StatusCode::NOT_FOUND, "no\n");
        let text = String::from_utf8(encode(&answer, true)).unwrap();
        assert_eq!(
            text,
            "HTTP/1.1 404 Not Found\r\ncontent-type: text/plain; charset=utf-8\r\n\
             connection: close\r\ncontent-length: 3\r\n\r\nno\n"
        );
        let head = String::from_utf8(encode(&answer, false)).unwrap();
        assert!(head.ends_with("content-length: 3\r\n\r\n"));
    }
}

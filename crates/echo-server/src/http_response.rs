//! Plain HTTP/1.1 responses, and their encoding for servers without an HTTP library.

use http::{
    HeaderName, HeaderValue, Response, StatusCode,
    header::{CONNECTION, CONTENT_TYPE, RETRY_AFTER, SEC_WEBSOCKET_VERSION, UPGRADE},
};

/// Returns a plain text response after which the connection is closed.
pub fn text_response(status: StatusCode, body: impl Into<String>) -> Response<String> {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    let response = with_header(response, CONTENT_TYPE, "text/plain; charset=utf-8");
    with_header(response, CONNECTION, "close")
}

pub(crate) fn with_header(
    mut response: Response<String>,
    name: HeaderName,
    value: &'static str,
) -> Response<String> {
    response
        .headers_mut()
        .insert(name, HeaderValue::from_static(value));
    response
}

/// Returns the response to a request that needs an upgrade but has none.
pub(crate) fn upgrade_required(body: &'static str) -> Response<String> {
    let response = text_response(StatusCode::UPGRADE_REQUIRED, body);
    let response = with_header(response, UPGRADE, "websocket");
    let response = with_header(response, SEC_WEBSOCKET_VERSION, "13");
    with_header(response, CONNECTION, "upgrade, close")
}

/// Returns the response to a connection above the limit.
pub(crate) fn no_room() -> Response<String> {
    let body = "too many connections: try again later\n";
    let response = text_response(StatusCode::SERVICE_UNAVAILABLE, body);
    with_header(response, RETRY_AFTER, "1")
}

/// Encodes a response, without its body if `with_body` is false, as for a `HEAD` request. Adds the content length to
/// the response's own headers.
pub fn encode_response(response: &Response<String>, with_body: bool) -> Vec<u8> {
    let mut bytes = format!("HTTP/1.1 {}\r\n", response.status()).into_bytes();
    for (name, value) in response.headers() {
        bytes.extend_from_slice(name.as_str().as_bytes());
        bytes.extend_from_slice(b": ");
        bytes.extend_from_slice(value.as_bytes());
        bytes.extend_from_slice(b"\r\n");
    }
    let body = response.body();
    bytes.extend_from_slice(format!("content-length: {}\r\n\r\n", body.len()).as_bytes());
    if with_body {
        bytes.extend_from_slice(body.as_bytes());
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_http() {
        let response = text_response(StatusCode::NOT_FOUND, "no\n");
        let text = String::from_utf8(encode_response(&response, true)).unwrap();
        assert_eq!(
            text,
            "HTTP/1.1 404 Not Found\r\ncontent-type: text/plain; charset=utf-8\r\n\
             connection: close\r\ncontent-length: 3\r\n\r\nno\n"
        );
        let head = String::from_utf8(encode_response(&response, false)).unwrap();
        assert!(head.ends_with("content-length: 3\r\n\r\n"));
    }
}

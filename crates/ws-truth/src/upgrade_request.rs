//! The request of an opening handshake, and the answers to it.

/// The answer to a handshake beyond a limit.
pub(crate) const REFUSAL: &[u8] =
    b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nContent-Length: 4\r\n\
    Connection: close\r\n\r\nfull";

/// The end of a request's head.
pub(crate) const HEAD_END: &[u8] = b"\r\n\r\n";

/// The answer that opens a connection, with this accept key.
pub(crate) fn accept_answer(accept: &str) -> Vec<u8> {
    format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {accept}\r\n\r\n"
    )
    .into_bytes()
}

/// Path and query of the request; empty without a request line.
pub(crate) fn path_in(head: &[u8]) -> String {
    let head = String::from_utf8_lossy(head);
    let path = head.split_whitespace().nth(1);
    path.unwrap_or_default().to_owned()
}

/// The client's key; empty without one.
pub(crate) fn key_in(head: &[u8]) -> Vec<u8> {
    String::from_utf8_lossy(head)
        .lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("Sec-WebSocket-Key"))
        .map(|(_, key)| key.trim().as_bytes().to_vec())
        .unwrap_or_default()
}

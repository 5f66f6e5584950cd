//! What to do when not one connection opened.

/// What the most frequent reason hints at; `None` where it says itself what to do.
pub(crate) fn of(url: &str, reason: &str) -> Option<&'static str> {
    let says = |text: &str| reason.contains(text);
    // Windows has words of its own for it, and this number.
    if says("Connection refused") || says("os error 10061") {
        Some("is the server running?")
    } else if says("with HTTP 404") || says("with HTTP 200") {
        Some("is the path right? that of our servers is /ws")
    } else if url.starts_with("ws://") && says("httparse error") {
        Some("does the server speak TLS? try wss://")
    // Signed by nobody who is trusted, or by somebody who only bears the same name.
    } else if says("certificate: UnknownIssuer") || says("certificate: BadSignature") {
        Some("--ca-cert FILE trusts one certificate more, --insecure any")
    } else {
        None
    }
}

//! The request of an upgrade.

use std::sync::Arc;

use http::{HeaderMap, HeaderName, header};
use measurement::plan::ServerUrl;
use tokio_tungstenite::tungstenite::handshake::client::generate_key;

use super::reader::UpgradeReader;

/// The request of all upgrades at one URL, without the key of a single one.
#[derive(Debug, Clone)]
pub struct UpgradeRequest {
    head: Vec<u8>,
    /// Subprotocols offered.
    offered: Arc<[String]>,
}

impl UpgradeRequest {
    /// A request for this URL with additional headers. A `Host` among them replaces that of the URL.
    pub fn new(url: &ServerUrl, headers: &HeaderMap) -> Self {
        let mut head = format!("GET {} HTTP/1.1\r\n", url.resource()).into_bytes();
        let mut add = |name: &str, value: &[u8]| {
            head.extend_from_slice(name.as_bytes());
            head.extend_from_slice(b": ");
            head.extend_from_slice(value);
            head.extend_from_slice(b"\r\n");
        };
        let host = headers.get(header::HOST).map(|host| host.as_bytes());
        add("Host", host.unwrap_or(url.authority().as_bytes()));
        add("Connection", b"Upgrade");
        add("Upgrade", b"websocket");
        add("Sec-WebSocket-Version", b"13");
        for (name, value) in headers.iter().filter(|(name, _)| *name != header::HOST) {
            add(written(name), value.as_bytes());
        }
        let offers = headers.get_all(header::SEC_WEBSOCKET_PROTOCOL).iter();
        let offered = offers.flat_map(|list| list.as_bytes().split(|b| *b == b','));
        Self {
            head,
            offered: offered
                .map(|name| String::from_utf8_lossy(name.trim_ascii()).into_owned())
                .filter(|name| !name.is_empty())
                .collect(),
        }
    }

    /// The bytes of a request with a new key, and the reader of its answer.
    pub fn begin(&self) -> (Vec<u8>, UpgradeReader) {
        let key = generate_key();
        let reader = UpgradeReader::new(&key, Arc::clone(&self.offered));
        let last = format!("Sec-WebSocket-Key: {key}\r\n\r\n");
        ([&self.head, last.as_bytes()].concat(), reader)
    }
}

/// The capitalization that most clients use, because some servers expect exactly `Sec-WebSocket-Protocol`. Other names
/// are written in lower case.
fn written(name: &HeaderName) -> &str {
    match *name {
        header::SEC_WEBSOCKET_PROTOCOL => "Sec-WebSocket-Protocol",
        header::ORIGIN => "Origin",
        _ => name.as_str(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_holds_every_header_once_and_a_fresh_key() {
        let url = ServerUrl::parse("ws://localhost:8000/ws?name=José").unwrap();
        let mut headers = HeaderMap::new();
        headers.insert("sec-websocket-protocol", "v1, v2".parse().unwrap());
        headers.append("x-trace-id", "1".parse().unwrap());
        headers.append("x-trace-id", "2".parse().unwrap());
        headers.insert("host", "other.test".parse().unwrap());
        let request = UpgradeRequest::new(&url, &headers);
        let text = || String::from_utf8(request.begin().0).unwrap();
        let (first, second) = (text(), text());
        let head = "GET /ws?name=Jos%C3%A9 HTTP/1.1\r\nHost: other.test\r\nConnection: Upgrade\r\n\
                    Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n";
        assert!(first.starts_with(head), "{first}");
        for line in [
            "Sec-WebSocket-Protocol: v1, v2",
            "x-trace-id: 1",
            "x-trace-id: 2",
        ] {
            assert_eq!(first.lines().filter(|l| *l == line).count(), 1, "{first}");
        }
        assert!(first.ends_with("\r\n\r\n"));
        assert_ne!(first, second, "the keys");
        assert_eq!(&*request.offered, ["v1", "v2"]);
    }
}

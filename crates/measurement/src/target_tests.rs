//! Which URLs are read, and as what.

use super::*;
use proptest::prelude::*;

fn tcp(host: &str, port: u16, tls: bool) -> Endpoint {
    let host = host.to_owned();
    Endpoint::Tcp { host, port, tls }
}

fn unix(socket: &str) -> Endpoint {
    let socket = socket.to_owned();
    Endpoint::Unix { socket }
}

#[test]
fn urls_are_taken_apart() {
    for (url, endpoint, authority, resource) in [
        (
            "ws://localhost:8000/ws?x=1",
            tcp("localhost", 8000, false),
            "localhost:8000",
            "/ws?x=1",
        ),
        (
            "WS://example.org",
            tcp("example.org", 80, false),
            "example.org",
            "/",
        ),
        ("ws://[::1]:9/", tcp("::1", 9, false), "[::1]:9", "/"),
        (
            "wss://example.org?x",
            tcp("example.org", 443, true),
            "example.org",
            "/?x",
        ),
        (
            "Wss://127.0.0.1:8443/ws",
            tcp("127.0.0.1", 8443, true),
            "127.0.0.1:8443",
            "/ws",
        ),
        (
            "ws+unix:/run/a.sock:/ws?x",
            unix("/run/a.sock"),
            "localhost",
            "/ws?x",
        ),
        ("WS+unix:a.sock", unix("a.sock"), "localhost", "/"),
        ("ws+unix:./a:b:/", unix("./a:b"), "localhost", "/"),
    ] {
        let target = Target::parse_where(url, true).unwrap();
        assert_eq!(target.endpoint(), &endpoint, "{url}");
        assert_eq!(
            (target.authority(), target.resource()),
            (authority, resource),
            "{url}"
        );
        assert_eq!(target.to_string(), url);
        let (is_tls, is_unix) = match endpoint {
            Endpoint::Tcp { tls, .. } => (tls, false),
            Endpoint::Unix { .. } => (false, true),
        };
        assert_eq!((target.is_tls(), target.is_unix()), (is_tls, is_unix));
    }
}

#[test]
fn what_is_no_url_is_told() {
    for wrong in [
        "",
        "localhost:8000",
        "ws:a.sock",
        "ws://",
        "ws://:80/",
        "ws://a:0/",
        "wss://a:99999/",
        "wss://u@a/",
        "ws+unix:",
        "ws+unix::/ws",
        "ws+unix:a.sock:ws",
        "ws+unix:a.sock:",
        "ws+unix:a.sock:/w s",
        "ws+unix:a\0b:/",
    ] {
        let read = Target::parse_where(wrong, true);
        assert!(
            matches!(read, Err(PlanError::Url { .. })),
            "{wrong}: {read:?}"
        );
    }
    for other in ["http://a/", "wsss://a/", "gopher://a"] {
        let error = Target::parse(other).unwrap_err();
        assert!(matches!(error, PlanError::Scheme { .. }), "{other}");
        for scheme in ["ws://", "wss://", "ws+unix:"] {
            assert!(error.to_string().contains(scheme), "{error}");
        }
    }
}

#[test]
fn without_unix_sockets_their_urls_are_refused() {
    let error = Target::parse_where("ws+unix:a.sock", false).unwrap_err();
    assert_eq!(error, PlanError::NoUnixSockets("ws+unix:a.sock".to_owned()));
    assert!(Target::parse_where("wss://a/", false).is_ok());
}

proptest! {
    #[test]
    fn whatever_is_typed_is_read_or_refused(
        text in "(ws|wss|ws\\+unix|WS|.{0,5})(:|://|)(\\PC|[:/\\[\\]@?#%\\\\ \0]){0,20}",
    ) {
        for unix_sockets in [false, true] {
            if let Ok(target) = Target::parse_where(&text, unix_sockets) {
                prop_assert_eq!(target.url(), &text);
                prop_assert!(target.resource().starts_with(['/', '*']), "{}", target.resource());
                prop_assert!(!target.authority().is_empty());
            }
        }
    }
}

//! Requests other than upgrades are answered by HTTP.

use echo_server::Config;

use super::{
    ServerUnderTest,
    client::{BINARY, Client, TEXT, UPGRADE, close, frame, get, request},
};

fn status(answer: &str) -> &str {
    answer
        .strip_prefix("HTTP/1.1 ")
        .and_then(|rest| rest.get(..3))
        .unwrap_or_else(|| panic!("no answer: {answer:?}"))
}

fn body(answer: &str) -> &str {
    answer.split_once("\r\n\r\n").expect("has a head").1
}

fn has_header(answer: &str, header: &str) -> bool {
    let head = answer.split("\r\n\r\n").next().unwrap_or_default();
    head.lines().any(|line| line.eq_ignore_ascii_case(header))
}

pub async fn the_pages_are_there_and_nothing_else(server: ServerUnderTest) {
    let program = server.program;
    let server = server.start(Config::default()).await;
    let index = get(server.address, "/").await;
    assert_eq!(status(&index), "200");
    let name = format!("{} {}", program.name, env!("CARGO_PKG_VERSION"));
    assert!(body(&index).contains(&name), "{index}");
    assert!(has_header(&index, "connection: close"), "{index}");

    let health = get(server.address, "/healthz?verbose").await;
    assert_eq!((status(&health), body(&health)), ("200", "ok"));
    assert!(has_header(&health, "content-length: 2"), "{health}");

    let metrics = get(server.address, "/metrics").await;
    assert_eq!(status(&metrics), "200");
    assert!(
        has_header(
            &metrics,
            "content-type: text/plain; version=0.0.4; charset=utf-8"
        ),
        "{metrics}"
    );
    for path in ["/nope", "/ws/", "/wss", "/healthz/"] {
        assert_eq!(status(&get(server.address, path).await), "404", "{path}");
    }
}

pub async fn the_path_without_an_upgrade_asks_for_one(server: ServerUnderTest) {
    let server = server.start(Config::default()).await;
    let answer = get(server.address, "/ws").await;
    assert_eq!(status(&answer), "426");
    assert!(has_header(&answer, "upgrade: websocket"), "{answer}");
    assert!(has_header(&answer, "sec-websocket-version: 13"), "{answer}");
}

pub async fn the_path_can_be_moved(server: ServerUnderTest) {
    let config = Config {
        path: "/elsewhere".parse().unwrap(),
        ..Config::default()
    };
    let server = server.start(config).await;
    assert_eq!(status(&request(server.address, UPGRADE).await), "404");
    let mut client = Client::open(server.address).await;
    client
        .send(UPGRADE.replace("/ws", "/elsewhere").as_bytes())
        .await;
    client.upgraded().await;
    client.send(&frame(TEXT, b"moved")).await;
    assert_eq!(client.next().await, Some((TEXT, b"moved".to_vec())));
}

pub async fn other_methods_are_not_allowed(server: ServerUnderTest) {
    let server = server.start(Config::default()).await;
    for path in ["/", "/healthz", "/metrics", "/ws"] {
        for method in ["POST", "DELETE", "PATCH"] {
            let head =
                format!("{method} {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{{}}");
            assert_eq!(
                status(&request(server.address, &head).await),
                "405",
                "{head}"
            );
        }
        let upgrade = UPGRADE.replace("GET /ws", &format!("POST {path}"));
        assert_eq!(status(&request(server.address, &upgrade).await), "405");
    }
}

pub async fn a_head_request_gets_no_body(server: ServerUnderTest) {
    let server = server.start(Config::default()).await;
    for path in ["/", "/healthz", "/metrics", "/nope"] {
        let head = format!("HEAD {path} HTTP/1.1\r\nHost: x\r\n\r\n");
        let answer = request(server.address, &head).await;
        assert_eq!(status(&answer), if path == "/nope" { "404" } else { "200" });
        assert_eq!(body(&answer), "");
    }
}

pub async fn a_bad_upgrade_is_told_so(server: ServerUnderTest) {
    let server = server.start(Config::default()).await;
    for (was, is, wanted) in [
        ("Version: 13", "Version: 8", "426"),
        ("Sec-WebSocket-Version: 13\r\n", "", "426"),
        ("Upgrade: websocket", "Upgrade: h2c", "426"),
        ("Connection: Upgrade", "Connection: close", "426"),
        ("HTTP/1.1", "HTTP/1.0", "400"),
        ("HTTP/1.1", "HTTP/2.0", "400"),
        ("Host: localhost\r\n", "", "400"),
        ("Host: localhost", "Host: a\r\nHost: b", "400"),
        (
            "Sec-WebSocket-Version: 13",
            "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
            "400",
        ),
        ("dGhlIHNhbXBsZSBub25jZQ==", "short", "400"),
        (
            "dGhlIHNhbXBsZSBub25jZQ==",
            "!!!!IHNhbXBsZSBub25jZQ==",
            "400",
        ),
        ("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n", "", "400"),
    ] {
        let bad = UPGRADE.replace(was, is);
        assert_ne!(bad, UPGRADE);
        let answer = request(server.address, &bad).await;
        let status = answer.split(' ').nth(1);
        assert_eq!(status, Some(wanted), "{bad}{answer}");
    }
    server
        .metric_becomes("websocket_connections_total", 0)
        .await;
}

pub async fn an_upgrade_in_many_words_is_one(server: ServerUnderTest) {
    let server = server.start(Config::default()).await;
    for (was, is) in [
        (
            "Connection: Upgrade",
            "Connection: keep-alive\r\nConnection: Upgrade",
        ),
        ("Connection: Upgrade", "connection: foo, uPgRaDe"),
        ("Upgrade: websocket", "Upgrade: h2c, WebSocket"),
        ("Upgrade: websocket", "Upgrade: h2c\r\nUpgrade: websocket"),
    ] {
        let mut client = Client::open(server.address).await;
        client.send(UPGRADE.replace(was, is).as_bytes()).await;
        client.upgraded().await;
        client.send(&frame(TEXT, b"in")).await;
        assert_eq!(client.next().await, Some((TEXT, b"in".to_vec())), "{is}");
    }
}

pub async fn what_is_not_http_is_a_bad_request(server: ServerUnderTest) {
    let server = server.start(Config::default()).await;
    for bytes in ["\u{16}\u{3}\u{1}", "hello\r\n\r\n", "GET\r\n\r\n"] {
        let answer = request(server.address, bytes).await;
        assert_eq!(status(&answer), "400", "{bytes:?}");
    }
}

pub async fn a_head_too_large_is_refused(server: ServerUnderTest) {
    let server = server.start(Config::default()).await;
    let long = UPGRADE.replace(
        "\r\n\r\n",
        &format!("\r\nCookie: {}\r\n\r\n", "a".repeat(17 << 10)),
    );
    assert_eq!(status(&request(server.address, &long).await), "431");
    let many = UPGRADE.replace("\r\n\r\n", &format!("\r\n{}\r\n", "A: b\r\n".repeat(101)));
    assert_eq!(status(&request(server.address, &many).await), "431");
    let endless = format!("GET / HTTP/1.1\r\nCookie: {}", "a".repeat(32 << 10));
    assert_eq!(status(&request(server.address, &endless).await), "431");
}

pub async fn a_peer_that_hangs_up_after_its_request_is_answered(server: ServerUnderTest) {
    let server = server.start(Config::default()).await;
    let mut client = Client::open(server.address).await;
    client
        .send(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        .await;
    tokio::io::AsyncWriteExt::shutdown(&mut client.stream)
        .await
        .unwrap();
    assert_eq!(status(&client.rest().await), "200");
}

pub async fn the_metrics_count_what_happens(server: ServerUnderTest) {
    let server = server.start(Config::default()).await;
    let mut one = Client::connect(server.address).await;
    let _two = Client::connect(server.address).await;
    for length in [0, 10, 100] {
        one.send(&frame(BINARY, &vec![0; length])).await;
        one.next().await;
    }
    for (name, value) in [
        ("websocket_messages_in_total", 3),
        ("websocket_messages_out_total", 3),
        ("websocket_bytes_in_total", 110),
        ("websocket_bytes_out_total", 110),
        ("websocket_connections_open", 2),
        ("websocket_connections_total", 2),
        ("websocket_connections_refused_total", 0),
    ] {
        server.metric_becomes(name, value).await;
    }
    one.send(&close(4321, "")).await;
    server
        .metric_becomes("websocket_closes_total{code=\"4321\"}", 1)
        .await;
    server.metric_becomes("websocket_connections_open", 1).await;
}

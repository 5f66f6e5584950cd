//! The limit of connections, and behaviour beyond it.

use echo_server::Config;

use super::{
    POLL, ServerUnderTest,
    client::{Client, TEXT, UPGRADE, frame, request},
    within,
};

fn room_for(max_connections: usize) -> Config {
    Config {
        max_connections,
        ..Config::default()
    }
}

pub async fn one_connection_too_many_is_answered_503_and_counted(server: ServerUnderTest) {
    let server = server.start(room_for(2)).await;
    let mut first = Client::connect(server.address).await;
    let second = Client::connect(server.address).await;
    for _ in 0..3 {
        let answer = request(server.address, UPGRADE).await;
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 503 "), "{answer}");
        assert!(body.contains("too many connections"), "{answer}");
    }
    // Open connections are not affected.
    first.send(&frame(TEXT, b"here")).await;
    assert_eq!(first.next().await, Some((TEXT, b"here".to_vec())));
    // A connection is refused even if it sends nothing.
    let silent = Client::open(server.address).await;
    assert!(silent.rest().await.starts_with("HTTP/1.1 503 "));

    drop(second);
    let metrics = within(async {
        loop {
            let page = super::client::get(server.address, "/metrics").await;
            if page.starts_with("HTTP/1.1 200 ") {
                return page;
            }
            tokio::time::sleep(POLL).await;
        }
    })
    .await;
    let refused = metrics
        .lines()
        .find_map(|line| line.strip_prefix("websocket_connections_refused_total "))
        .and_then(|count| count.parse::<u64>().ok());
    // The four refused above, and possibly some requests for the metrics.
    assert!(refused.is_some_and(|refused| refused >= 4), "{metrics}");
}

pub async fn room_that_is_left_is_given_again(server: ServerUnderTest) {
    let server = server.start(room_for(1)).await;
    for _ in 0..3 {
        let mut client = within(async {
            loop {
                let mut client = Client::open(server.address).await;
                client.send(UPGRADE.as_bytes()).await;
                if client.head().await.starts_with("HTTP/1.1 101 ") {
                    return client;
                }
                tokio::time::sleep(POLL).await;
            }
        })
        .await;
        client.send(&frame(TEXT, b"in")).await;
        assert_eq!(client.next().await, Some((TEXT, b"in".to_vec())));
    }
}

pub async fn many_at_once_are_let_in(server: ServerUnderTest) {
    const COUNT: usize = 200;
    let server = server.start(room_for(COUNT + 1)).await;
    let mut clients = Vec::new();
    for _ in 0..COUNT {
        clients.push(Client::open(server.address).await);
    }
    for client in &mut clients {
        client.send(UPGRADE.as_bytes()).await;
    }
    for client in &mut clients {
        client.upgraded().await;
    }
    let open = u64::try_from(COUNT).unwrap();
    server
        .metric_becomes("websocket_connections_open", open)
        .await;
}

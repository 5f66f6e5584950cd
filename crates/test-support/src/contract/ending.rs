//! The end of the program, whatever its peers do.

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::{
    client::{BINARY, CLOSE, Client, TEXT, UPGRADE, close, frame},
    running_program::ProgramUnderTest,
    within,
};

/// Longer than any test may take.
const FOR_EVER: &str = "--drain-timeout=1h";

/// Too short for peers that do not answer the close.
const SHORT: &str = "--drain-timeout=300ms";

/// The signal arrives while the server is echoing.
pub async fn messages_in_flight_are_echoed_before_the_close(program: ProgramUnderTest) {
    const CLIENTS: usize = 4;
    const COUNT: u32 = 5_000;
    let running = program.start(&[FOR_EVER]).await;
    let all: Vec<u8> = (0..COUNT)
        .flat_map(|number| frame(BINARY, &number.to_be_bytes()))
        .collect();
    let mut clients = Vec::new();
    for _ in 0..CLIENTS {
        clients.push(Client::connect(running.address()).await);
    }
    for client in &mut clients {
        client.send(&all).await;
    }
    running.signal("-TERM").await;
    for client in &mut clients {
        for number in 0..COUNT {
            let echo = client.next().await;
            assert_eq!(echo, Some((BINARY, number.to_be_bytes().to_vec())));
        }
        client.closed_with(1001).await;
        client.send(&close(1001, "")).await;
        assert_eq!(client.next().await, None);
    }
    drop(clients);
    assert_eq!(running.end().await, (Some(0), String::new()));
}

/// A connection whose upgrade was answered is closed, not dropped, however early the signal arrives.
pub async fn who_has_just_been_let_in_is_closed_properly(program: ProgramUnderTest) {
    for _ in 0..5 {
        let running = program.start(&[FOR_EVER]).await;
        let mut clients = Vec::new();
        for _ in 0..20 {
            let mut client = Client::open(running.address()).await;
            client.send(UPGRADE.as_bytes()).await;
            clients.push(client);
        }
        // The other connections are between request and response.
        clients[0].upgraded().await;
        running.signal("-TERM").await;
        clients[0].closed_with(1001).await;
        clients[0].send(&close(1001, "")).await;
        for mut client in clients.drain(..).skip(1) {
            if client.is_answered().await {
                client.upgraded().await;
                client.closed_with(1001).await;
                client.send(&close(1001, "")).await;
            }
        }
        assert_eq!(running.end().await, (Some(0), String::new()));
    }
}

pub async fn half_a_handshake_is_not_waited_for(program: ProgramUnderTest) {
    let running = program.start(&[FOR_EVER, "--handshake-timeout=0"]).await;
    let mut halfway = Client::open(running.address()).await;
    halfway.send(&UPGRADE.as_bytes()[..40]).await;
    // Both are accepted when a later connection has been answered.
    let mut client = Client::connect(running.address()).await;
    running.signal("-TERM").await;
    client.closed_with(1001).await;
    client.send(&close(1001, "")).await;
    halfway.dropped().await;
    assert_eq!(running.end().await, (Some(0), String::new()));
}

pub async fn who_ignores_the_close_is_waited_for_only_so_long(program: ProgramUnderTest) {
    let running = program.start(&[SHORT]).await;
    let mut client = Client::connect(running.address()).await;
    running.signal("-TERM").await;
    client.closed_with(1001).await;
    assert_eq!(running.end().await, (Some(0), String::new()));
    assert_eq!(client.next().await, None);
}

/// A close frame cannot be sent, because the connection has no room for it.
pub async fn who_never_reads_is_waited_for_only_so_long(program: ProgramUnderTest) {
    let running = program.start(&[SHORT]).await;
    let mut client = Client::connect(running.address()).await;
    client.flood(&frame(BINARY, &[7; 64 << 10])).await;
    running.signal("-TERM").await;
    assert_eq!(running.end().await, (Some(0), String::new()));
}

/// A peer that keeps sending is served for some time, then closed as well.
pub async fn who_never_stops_sending_is_closed_properly(program: ProgramUnderTest) {
    let running = program.start(&["--drain-timeout=4s"]).await;
    let mut client = Client::connect(running.address()).await;
    client.echoes(TEXT, b"and on").await;
    let (mut reading, mut writing) = client.stream.into_split();
    // Messages so short that the server always has more to read.
    let endless = tokio::spawn(async move {
        let some = frame(TEXT, b"and on").repeat(10_000);
        while writing.write_all(&some).await.is_ok() {}
    });
    let heard = tokio::spawn(async move {
        let mut piece = vec![0; 64 << 10];
        loop {
            let length = reading.read(&mut piece).await.unwrap();
            assert_ne!(length, 0, "the end without a close");
            // No echo contains this byte.
            if let Some(start) = piece[..length].iter().position(|byte| *byte == CLOSE) {
                let mut last = piece[start..length].to_vec();
                while last.len() < 4 {
                    last.push(reading.read_u8().await.unwrap());
                }
                return last;
            }
        }
    });
    running.signal("-TERM").await;
    let last = within(heard).await.unwrap();
    assert_eq!(last[2..4], 1001_u16.to_be_bytes());
    // Otherwise the server would wait for this peer's answer.
    endless.abort();
    assert!(within(endless).await.unwrap_err().is_cancelled());
    assert_eq!(running.end().await, (Some(0), String::new()));
}

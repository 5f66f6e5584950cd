//! Silent peers, and peers that only seem silent.

use std::time::Duration;

use echo_server::Config;
use tokio::{io::AsyncReadExt, net::TcpSocket, time::Instant};

use super::{
    RunningServer, ServerUnderTest,
    client::{BINARY, Client, PING, PONG, TEXT, frame},
    within,
};

async fn start(server: ServerUnderTest, idle_timeout: Duration) -> RunningServer {
    server
        .start(Config {
            idle_timeout,
            ..Config::default()
        })
        .await
}

/// Idle timeout for peers that must be closed.
const SOON: Duration = Duration::from_millis(400);

/// Idle timeout for peers that must stay. Half of it is sufficient for an answer, even on a busy machine.
const LATER: Duration = Duration::from_secs(3);

/// Checks that the next frames are a ping and a close with 1001, followed by the end.
async fn is_pinged_and_closed(mut client: Client, server: &RunningServer) {
    assert_eq!(client.next().await, Some((PING, Vec::new())));
    client.closed_with(1001).await;
    assert_eq!(client.next().await, None);
    server.metric_becomes("websocket_connections_open", 0).await;
}

pub async fn who_ignores_a_ping_is_closed(server: ServerUnderTest) {
    let server = start(server, SOON).await;
    let client = Client::connect(server.address).await;
    is_pinged_and_closed(client, &server).await;
    server
        .metric_becomes("websocket_closes_total{code=\"1001\"}", 1)
        .await;
}

pub async fn who_stops_in_mid_frame_is_closed(server: ServerUnderTest) {
    let server = start(server, SOON).await;
    let mut client = Client::connect(server.address).await;
    let whole = frame(BINARY, &[7; 1000]);
    client.send(&whole[..whole.len() / 2]).await;
    is_pinged_and_closed(client, &server).await;
}

pub async fn who_stops_between_fragments_is_closed(server: ServerUnderTest) {
    let server = start(server, SOON).await;
    let mut client = Client::connect(server.address).await;
    client.send(&frame(0x02, b"to be continued")).await;
    is_pinged_and_closed(client, &server).await;
}

/// If pongs did not count as activity, the second ping would be a close.
pub async fn who_answers_pings_may_stay(server: ServerUnderTest) {
    let server = start(server, LATER).await;
    let mut client = Client::connect(server.address).await;
    for _ in 0..3 {
        assert_eq!(client.next().await, Some((PING, Vec::new())));
        client.send(&frame(PONG, b"")).await;
    }
    client.echoes(TEXT, b"still here").await;
}

/// Parts of a message count as activity. Attempts in which the client itself was delayed prove nothing.
pub async fn who_sends_slowly_may_finish(server: ServerUnderTest) {
    const ATTEMPTS: usize = 5;
    for _ in 0..ATTEMPTS {
        if is_echoed_byte_by_byte(server).await {
            return;
        }
    }
    panic!("in each of {ATTEMPTS} attempts this machine held the client up");
}

/// Sends a message byte by byte for longer than the timeout, then its rest, and checks the echo. Returns false when the
/// client itself was silent for half of the timeout.
async fn is_echoed_byte_by_byte(server: ServerUnderTest) -> bool {
    const PACE: Duration = Duration::from_millis(100);
    let server = start(server, LATER).await;
    let mut client = Client::connect(server.address).await;
    let whole = frame(BINARY, &[7; 1000]);
    let (last, most) = whole.split_last().unwrap();
    let mut most = most.iter();
    let begun = Instant::now();
    let mut sent = begun;
    while begun.elapsed() < LATER + LATER / 4 {
        if sent.elapsed() > LATER / 2 {
            return false;
        }
        client.send(&[*most.next().unwrap()]).await;
        sent = Instant::now();
        tokio::time::sleep(PACE).await;
    }
    if sent.elapsed() > LATER / 2 {
        return false;
    }
    client.send(most.as_slice()).await;
    client.send(&[*last]).await;
    assert_eq!(client.next_but_pings().await, Some((BINARY, vec![7; 1000])));
    true
}

/// The peer gets no close frame, which it would not read, but its connection ends.
pub async fn who_never_reads_is_dropped(server: ServerUnderTest) {
    let server = start(server, SOON).await;
    let mut client = Client::connect(server.address).await;
    client.flood(&frame(BINARY, &[7; 64 << 10])).await;
    server.metric_becomes("websocket_connections_open", 0).await;
    server
        .metric_becomes("websocket_closes_total{code=\"1006\"}", 1)
        .await;
}

/// Reading an echo counts as activity, like sending.
pub async fn who_reads_slowly_may_finish(server: ServerUnderTest) {
    const PIECE: usize = 64 << 10;
    const PIECES: u32 = 96;
    /// Slow enough that some of the message is unread when the timeout is over, whatever the system buffers.
    const PACE: Duration = Duration::from_millis(40);
    const MESSAGE: usize = PIECE * PIECES as usize;
    // Built first, because it takes time during which the peer would seem silent.
    let message = frame(BINARY, &vec![7; MESSAGE]);
    let server = start(server, LATER).await;
    // A small receive buffer, because the server does not see how much is read from it.
    let socket = TcpSocket::new_v4().unwrap();
    socket
        .set_recv_buffer_size(u32::try_from(PIECE).unwrap())
        .unwrap();
    let mut client = Client::over(within(socket.connect(server.address)).await.unwrap());
    client.upgrade().await;
    client.send(&message).await;
    let mut header = [0; 10];
    within(client.stream.read_exact(&mut header)).await.unwrap();
    assert_eq!(header[..2], [BINARY, 127]);
    let begun = Instant::now();
    let mut piece = vec![0; PIECE];
    for number in 1..=PIECES {
        within(client.stream.read_exact(&mut piece)).await.unwrap();
        // Paced by the clock, so that a late wake-up on a busy machine is made up for.
        tokio::time::sleep_until(begun + PACE * number).await;
    }
    client.send(&frame(TEXT, b"done")).await;
    assert_eq!(
        client.next_but_pings().await,
        Some((TEXT, b"done".to_vec()))
    );
}

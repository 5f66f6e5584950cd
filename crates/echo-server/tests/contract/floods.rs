//! Peers that want the server to hold more than it should.

use std::time::Duration;

use tokio::io::AsyncWriteExt;

use super::{
    POLL,
    client::{BINARY, Client, PING, TEXT, frame, header},
    running::Running,
    within,
};

/// The longest message here.
const MESSAGE: usize = 1 << 20;

/// What the server may hold for one peer: a message it reads, one that waits
/// for room, and a write buffer of 64 KiB and one message; each in a vector that
/// may have grown to twice of what is in it.
const FOR_A_PEER: usize = 2 * (3 * MESSAGE + (64 << 10));

/// What the server may need besides: the allocator keeps what is freed, and
/// pages of code are first touched when a test comes to them.
const SLACK: usize = 4 << 20;

/// Ample for what two sockets hold in the system and the server for a peer,
/// little against the memory of a machine.
const TOO_MUCH: usize = 128 << 20;

/// Sends `bytes` again and again until the server takes no more, and gives how
/// often they went out whole. A slow server that seems to take no more only
/// makes it fewer.
pub(super) async fn stuff(client: &mut Client, bytes: &[u8]) -> usize {
    const PAUSE: Duration = Duration::from_millis(500);
    for taken in 0..TOO_MUCH / bytes.len() {
        let mut rest = bytes;
        while !rest.is_empty() {
            match tokio::time::timeout(PAUSE, client.stream.write(rest)).await {
                Ok(written) => rest = &rest[written.unwrap()..],
                Err(_) => return taken,
            }
        }
    }
    panic!("the server took {TOO_MUCH} bytes of a peer that does not read");
}

/// A server that has done all it does once, and its memory by then.
struct Measured {
    running: Running,
    baseline: Option<usize>,
    /// Open files without any connection.
    files: Option<usize>,
}

impl Measured {
    async fn start() -> Self {
        let size = format!("--max-message-size={MESSAGE}");
        let running = Running::with(&[&size, "--threads=1"]).await;
        let files = running.open_files();
        let mut client = Client::connect(running.address()).await;
        client.echoes(BINARY, &vec![7; MESSAGE]).await;
        client.echoes(TEXT, b"x").await;
        let baseline = running.memory("VmHWM");
        let is_told = baseline.is_some() && files.is_some();
        assert!(is_told || !cfg!(target_os = "linux"));
        Self {
            running,
            baseline,
            files,
        }
    }

    async fn connect(&self) -> Client {
        Client::connect(self.running.address()).await
    }

    /// It never had more than that since the baseline.
    fn grew_at_most(&self, limit: usize) {
        if let (Some(before), Some(now)) = (self.baseline, self.running.memory("VmHWM")) {
            let grown = now.saturating_sub(before);
            assert!(grown <= limit, "{grown} bytes, not {limit}");
        }
    }
}

#[tokio::test]
async fn who_floods_and_never_reads_is_not_read_from() {
    let server = Measured::start().await;
    for length in [125, 64 << 10, MESSAGE] {
        let mut client = server.connect().await;
        let message = frame(BINARY, &vec![7; length]);
        // Small ones by the hundred: a call for each would take long.
        let count = (64 << 10) / message.len() + 1;
        let taken = stuff(&mut client, &message.repeat(count)).await * count;
        // Once it reads, it gets everything.
        for _ in 0..taken {
            let (first, payload) = client.next().await.expect("an echo");
            assert_eq!((first, payload.len()), (BINARY, length));
        }
    }
    server.grew_at_most(FOR_A_PEER + SLACK);
}

#[tokio::test]
async fn who_only_pings_and_never_reads_is_not_read_from() {
    let server = Measured::start().await;
    let mut client = server.connect().await;
    stuff(&mut client, &frame(PING, &[7; 125]).repeat(500)).await;
    server.grew_at_most(FOR_A_PEER + SLACK);
}

/// What is held is held for each of them.
#[tokio::test]
async fn many_who_flood_hold_so_much_each() {
    const CROWD: usize = 8;
    let server = Measured::start().await;
    let mut crowd = Vec::new();
    for _ in 0..CROWD {
        let mut client = server.connect().await;
        stuff(&mut client, &frame(BINARY, &vec![7; MESSAGE])).await;
        crowd.push(client);
    }
    server.grew_at_most(CROWD * FOR_A_PEER + SLACK);
}

#[tokio::test]
async fn a_gibibyte_that_is_announced_is_not_waited_for() {
    let server = Measured::start().await;
    let mut client = server.connect().await;
    client.send(&header(BINARY, 1 << 30)).await;
    client.send(&[1, 2, 3, 4]).await;
    client.closed_with(1009).await;
    server.grew_at_most(SLACK);
}

/// Each is as long as it may be, so it is waited for; but most of it never comes.
#[tokio::test]
async fn messages_that_are_only_announced_take_no_memory() {
    const CROWD: usize = 100;
    let server = Measured::start().await;
    let mut crowd = Vec::new();
    for _ in 0..CROWD {
        let mut client = server.connect().await;
        client.send(&header(BINARY, MESSAGE)).await;
        client.send(&[1, 2, 3, 4]).await;
        client.send(b"so much for now").await;
        crowd.push(client);
    }
    // The server has come to all of them once it answers the last.
    server.connect().await.echoes(TEXT, b"x").await;
    // For each a read buffer of 8 KiB, and as much again for what surrounds it.
    server.grew_at_most(CROWD * (16 << 10) + SLACK);
}

#[tokio::test]
async fn fragments_without_end_are_closed_with_1009() {
    let server = Measured::start().await;
    let mut client = server.connect().await;
    client.send(&frame(0x02, b"once upon a time")).await;
    // Who listens only when it has said everything may find a reset: after the
    // close it is heard out, but not for ever.
    let (reading, mut writing) = client.stream.into_split();
    let endless = tokio::spawn(async move {
        let fragment = frame(0x00, &[7; 64 << 10]);
        while writing.write_all(&fragment).await.is_ok() {}
    });
    let mut client = Client::over(tokio::io::join(reading, tokio::io::sink()));
    client.closed_with(1009).await;
    endless.abort();
    server.grew_at_most(FOR_A_PEER + SLACK);
}

/// They are no part of any limit on bytes.
#[tokio::test]
async fn a_million_empty_fragments_are_one_message() {
    const COUNT: usize = 1_000_000;
    /// Fewer calls.
    const AT_ONCE: usize = 10_000;
    let server = Measured::start().await;
    let mut client = server.connect().await;
    client.send(&frame(0x01, b"once upon a time")).await;
    let some = frame(0x00, b"").repeat(AT_ONCE);
    for _ in 0..COUNT / AT_ONCE {
        client.send(&some).await;
    }
    client.send(&frame(0x80, b", the end")).await;
    let whole = b"once upon a time, the end".to_vec();
    assert_eq!(client.next().await, Some((TEXT, whole)));
    server.grew_at_most(SLACK);
}

/// Each leaves a tenth of a message behind: together they would be noticed.
#[tokio::test]
async fn who_resets_leaves_nothing_behind() {
    const COUNT: usize = 300;
    let server = Measured::start().await;
    let reset = async |count| {
        for _ in 0..count {
            let mut client = server.connect().await;
            client.send(&header(BINARY, MESSAGE)).await;
            client.send(&[7; MESSAGE / 10]).await;
            // Without a linger, a close is a reset.
            client.stream.set_zero_linger().unwrap();
        }
    };
    // Memory that is freed stays with the allocator: so much it has anyway.
    reset(COUNT / 10).await;
    let before = server.running.memory("VmRSS");
    reset(COUNT).await;
    within(async {
        while server.running.open_files() > server.files {
            tokio::time::sleep(POLL).await;
        }
    })
    .await;
    if let (Some(before), Some(now)) = (before, server.running.memory("VmRSS")) {
        assert!(now <= before + SLACK, "{now} bytes, not {before}");
    }
}

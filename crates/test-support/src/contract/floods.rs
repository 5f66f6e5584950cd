//! Peers that want the server to hold more than it should.

use tokio::io::AsyncWriteExt;

use super::{
    POLL,
    client::{BINARY, Client, PING, TEXT, frame, header},
    running_program::{ProgramUnderTest, RunningProgram},
    within,
};

/// The longest message here.
const MESSAGE: usize = 1 << 20;

/// What the server may hold for one peer: a message it reads, one that waits for room, and a write buffer of
/// 64 KiB and one message; each in a vector that may have grown to twice of what is in it.
const FOR_A_PEER: usize = 2 * (3 * MESSAGE + (64 << 10));

/// What the server may need besides: the allocator keeps what is freed, and pages of code are first touched
/// when a test comes to them.
const SLACK: usize = 4 << 20;

/// A server that has done all it does once, and its memory by then.
struct Measured {
    running: RunningProgram,
    baseline: Option<usize>,
    /// Open files without any connection.
    files: Option<usize>,
}

impl Measured {
    async fn start(program: ProgramUnderTest) -> Self {
        let size = format!("--max-message-size={MESSAGE}");
        let running = program.start(&[&size, "--threads=1"]).await;
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

pub async fn who_floods_and_never_reads_is_not_read_from(program: ProgramUnderTest) {
    let server = Measured::start(program).await;
    for length in [125, 64 << 10, MESSAGE] {
        let mut client = server.connect().await;
        let message = frame(BINARY, &vec![7; length]);
        // Small ones by the hundred: a call for each would take long.
        let count = (64 << 10) / message.len() + 1;
        let taken = client.flood(&message.repeat(count)).await * count;
        // Once it reads, it gets everything.
        for _ in 0..taken {
            let (first, payload) = client.next().await.expect("an echo");
            assert_eq!((first, payload.len()), (BINARY, length));
        }
    }
    server.grew_at_most(FOR_A_PEER + SLACK);
}

pub async fn who_only_pings_and_never_reads_is_not_read_from(program: ProgramUnderTest) {
    let server = Measured::start(program).await;
    let mut client = server.connect().await;
    client.flood(&frame(PING, &[7; 125]).repeat(500)).await;
    server.grew_at_most(FOR_A_PEER + SLACK);
}

/// What is held is held for each of them.
pub async fn many_who_flood_hold_so_much_each(program: ProgramUnderTest) {
    const CROWD: usize = 8;
    let server = Measured::start(program).await;
    let mut crowd = Vec::new();
    for _ in 0..CROWD {
        let mut client = server.connect().await;
        client.flood(&frame(BINARY, &vec![7; MESSAGE])).await;
        crowd.push(client);
    }
    server.grew_at_most(CROWD * FOR_A_PEER + SLACK);
}

pub async fn a_gibibyte_that_is_announced_is_not_waited_for(program: ProgramUnderTest) {
    let server = Measured::start(program).await;
    let mut client = server.connect().await;
    client.send(&header(BINARY, 1 << 30)).await;
    client.send(&[1, 2, 3, 4]).await;
    client.closed_with(1009).await;
    server.grew_at_most(SLACK);
}

/// Each is as long as it may be, so it is waited for; but most of it never comes.
pub async fn messages_that_are_only_announced_take_no_memory(program: ProgramUnderTest) {
    const CROWD: usize = 100;
    let server = Measured::start(program).await;
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

pub async fn fragments_without_end_are_closed_with_1009(program: ProgramUnderTest) {
    let server = Measured::start(program).await;
    let mut client = server.connect().await;
    client.send(&frame(0x02, b"once upon a time")).await;
    // Who listens only when it has said everything may find a reset: after the close it is heard out, but not
    // for ever.
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
pub async fn a_million_empty_fragments_are_one_message(program: ProgramUnderTest) {
    const COUNT: usize = 1_000_000;
    /// Fewer calls.
    const AT_ONCE: usize = 10_000;
    let server = Measured::start(program).await;
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
pub async fn who_resets_leaves_nothing_behind(program: ProgramUnderTest) {
    const COUNT: usize = 300;
    let server = Measured::start(program).await;
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

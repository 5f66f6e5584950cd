//! Peers that try to make the server hold too much memory.

use tokio::{io::AsyncWriteExt, net::TcpSocket};

use super::{
    POLL,
    client::{BINARY, Client, PING, TEXT, frame, get, header},
    running_program::{ProgramUnderTest, RunningProgram},
    within,
};

/// Length of the longest message in these tests, in bytes.
const MESSAGE: usize = 1 << 20;

/// Maximum memory for one peer, in bytes: a message being read, one that waits for room, and a write buffer of 64 KiB
/// plus one message. Each is in a vector that may have twice the capacity.
const FOR_A_PEER: usize = 2 * (3 * MESSAGE + (64 << 10));

/// Additional memory in bytes: the allocator keeps freed memory, and some pages of code are first touched by the test.
const SLACK: usize = 4 << 20;

/// A server that has done everything once, and its memory after that.
struct Measured {
    running: RunningProgram,
    baseline: Option<usize>,
    /// Number of open files without connections.
    files: Option<usize>,
}

impl Measured {
    async fn start(program: ProgramUnderTest) -> Self {
        let size = format!("--max-message-size={MESSAGE}");
        let flags = [&size, "--threads=1", "--broadcast"];
        let running = program.start(&flags).await;
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

    /// Checks that the server never needed more memory than this above the baseline.
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
        // Small messages are sent in batches, because single calls would take long.
        let count = (64 << 10) / message.len() + 1;
        let taken = client.flood(&message.repeat(count)).await * count;
        // The client gets every echo when it reads.
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

/// The limit applies to each peer.
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

/// Their queues share the messages.
pub async fn many_in_a_room_who_never_read_hold_hardly_more_than_one(program: ProgramUnderTest) {
    const CROWD: usize = 32;
    const ENOUGH: usize = 2_000;
    /// A write buffer of 64 KiB and one message, in a vector that may have twice the capacity.
    const WRITE_BUFFER: usize = (2 * (64 + 16)) << 10;
    let server = Measured::start(program).await;
    let address = server.running.address();
    let mut crowd = Vec::new();
    for _ in 0..CROWD {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(4 << 10).unwrap();
        let mut client = Client::over(within(socket.connect(address)).await.unwrap());
        client.upgrade_at("/room/a").await;
        crowd.push(client);
    }
    let mut sender = Client::join(address, "a").await;
    let all_left = format!("\nwebsocket_room_overflows_total {CROWD}\n");
    for number in 0..ENOUGH {
        sender.echoes(BINARY, &[7; 16 << 10]).await;
        if number % 32 == 0 && get(address, "/metrics").await.contains(&all_left) {
            server.grew_at_most(MESSAGE + CROWD * WRITE_BUFFER + SLACK);
            return;
        }
    }
    panic!("{ENOUGH} messages were not too many for members that do not read");
}

pub async fn a_gibibyte_that_is_announced_is_not_waited_for(program: ProgramUnderTest) {
    let server = Measured::start(program).await;
    let mut client = server.connect().await;
    client.send(&header(BINARY, 1 << 30)).await;
    client.send(&[1, 2, 3, 4]).await;
    client.closed_with(1009).await;
    server.grew_at_most(SLACK);
}

/// Each message has the maximum length, so the server waits for it, but most of it is never sent.
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
    // When the server answers this client, it has read from all others.
    server.connect().await.echoes(TEXT, b"x").await;
    // A read buffer of 8 KiB per connection, and as much again for the rest.
    server.grew_at_most(CROWD * (16 << 10) + SLACK);
}

pub async fn fragments_without_end_are_closed_with_1009(program: ProgramUnderTest) {
    let server = Measured::start(program).await;
    let mut client = server.connect().await;
    client.send(&frame(0x02, b"once upon a time")).await;
    // Reads while it sends. A peer that reads only after sending everything may get a reset, because the server
    // discards its bytes only for a limited time after the close.
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

/// Empty fragments do not count towards any byte limit.
pub async fn a_million_empty_fragments_are_one_message(program: ProgramUnderTest) {
    const COUNT: usize = 1_000_000;
    /// Number of fragments per call.
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

/// Each connection leaves a tenth of a message behind. Together, a leak would be noticeable.
pub async fn who_resets_leaves_nothing_behind(program: ProgramUnderTest) {
    const COUNT: usize = 300;
    let server = Measured::start(program).await;
    let reset = async |count| {
        for _ in 0..count {
            let mut client = server.connect().await;
            client.send(&header(BINARY, MESSAGE)).await;
            client.send(&[7; MESSAGE / 10]).await;
            // With zero linger, a close is a reset.
            client.stream.set_zero_linger().unwrap();
        }
    };
    // The first resets fill the allocator, which keeps freed memory.
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

//! The lower limit for a round trip and for an opening: a bare loop of epoll, read and write.

// Not every benchmark uses all functions.
#![allow(dead_code)]

use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::num::{NonZeroU32, NonZeroU64};
use std::time::{Duration, Instant};

use measurement::plan::{Length, LoadDraft, LoadSpec, Plan, ServerUrl};
use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};
use swarm::{Recording, ReferenceServer, RunHandle};

/// Results of one round of one implementation.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Round {
    /// Round trips per second.
    pub(crate) rate: f64,
    /// User CPU of the client per round trip, in microseconds.
    pub(crate) user_us: f64,
    /// The client's CPU time as a share of one core.
    pub(crate) core: f64,
}

/// Core of the server thread.
pub(crate) const SERVER_CORE: usize = 0;
/// Core of the client thread.
pub(crate) const CLIENT_CORE: usize = 1;

const BUFFER: usize = 256 * 1024;
const TICK: Duration = Duration::from_millis(20);
/// Duration of the load before measuring a round.
const WARM_UP: Duration = Duration::from_millis(500);

/// Pins the calling thread to a core if there are several.
pub(crate) fn pin(core: usize) {
    #[cfg(target_os = "linux")]
    if std::thread::available_parallelism().is_ok_and(|n| n.get() > 1) {
        use nix::sched::{CpuSet, sched_setaffinity};
        let mut set = CpuSet::new();
        set.set(core).unwrap();
        sched_setaffinity(nix::unistd::Pid::from_raw(0), &set).unwrap();
    }
    #[cfg(not(target_os = "linux"))]
    let _ = core;
}

/// Starts a reference server pinned to the server's core.
pub(crate) fn server() -> ReferenceServer {
    ReferenceServer::start(|| pin(SERVER_CORE)).unwrap()
}

/// A plan in closed loop with 125 B payload, full verification and recording, and one thread, changed by `change`.
pub(crate) fn plan(url: &str, connections: u64, change: impl FnOnce(&mut LoadDraft)) -> Plan {
    let mut draft = LoadDraft {
        clients: NonZeroU32::new(u32::try_from(connections).unwrap()).unwrap(),
        length: Length::MessagesPerClient(NonZeroU64::MIN),
        text: false,
        connect_timeout: Duration::from_secs(20),
        timeout: Duration::from_secs(20),
        warmup: Duration::from_millis(500),
        max_samples: 1_000_000,
        ..LoadDraft::closed_loop()
    };
    change(&mut draft);
    LoadSpec::new(draft)
        .unwrap()
        .against(ServerUrl::parse(url).unwrap())
        .unwrap()
}

/// Runs a plan on the client's core.
pub(crate) fn run(plan: Plan) -> Recording {
    // Threads inherit the core of the thread that starts them.
    let run = std::thread::spawn(move || {
        pin(CLIENT_CORE);
        swarm::record(&plan, &RunHandle::new()).unwrap()
    });
    run.join().unwrap()
}

/// A request that the reference server accepts as an upgrade.
pub(crate) const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\n\
    Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n";

/// Measures round trips of one constant masked frame, without verification.
pub(crate) fn limit(connections: u64, payload: u64, time: Duration) -> Round {
    let server = server();
    at(server.address(), connections, payload, time, false)
}

/// Measures round trips with a server at this address. `raw`: the server returns all bytes unchanged, including header
/// and mask.
pub(crate) fn at(
    address: SocketAddr,
    connections: u64,
    payload: u64,
    time: Duration,
    raw: bool,
) -> Round {
    std::thread::spawn(move || {
        pin(CLIENT_CORE);
        round_trips(address, connections, payload, time, raw)
    })
    .join()
    .unwrap()
}

/// A frame of a client, and the length of its echo.
fn frame(payload: u64) -> (Vec<u8>, usize) {
    let mut header = vec![0x82];
    match payload {
        0..=125 => header.push(0x80 | u8::try_from(payload).unwrap()),
        126..=0xFFFF => {
            header.push(0x80 | 126);
            header.extend_from_slice(&u16::try_from(payload).unwrap().to_be_bytes());
        }
        _ => {
            header.push(0x80 | 127);
            header.extend_from_slice(&payload.to_be_bytes());
        }
    }
    let payload = vec![0x55; usize::try_from(payload).unwrap()];
    let comes_back = header.len() + payload.len();
    ([&header[..], b"mask", &payload].concat(), comes_back)
}

fn connect(address: SocketAddr) -> TcpStream {
    let mut stream = std::net::TcpStream::connect(address).unwrap();
    stream.set_nodelay(true).unwrap();
    stream.write_all(REQUEST).unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        head.push(byte[0]);
    }
    stream.set_nonblocking(true).unwrap();
    TcpStream::from_std(stream)
}

fn round_trips(
    address: SocketAddr,
    connections: u64,
    payload: u64,
    time: Duration,
    raw: bool,
) -> Round {
    let (message, unmasked) = frame(payload);
    let comes_back = if raw { message.len() } else { unmasked };
    let mut buffer = vec![0; BUFFER];
    let mut poll = Poll::new().unwrap();
    let mut streams: Vec<_> = (0..connections)
        .map(|index| {
            let mut stream = connect(address);
            let token = Token(usize::try_from(index).unwrap());
            let both = Interest::READABLE | Interest::WRITABLE;
            poll.registry().register(&mut stream, token, both).unwrap();
            // Bytes left to write and to read in the current round trip.
            (stream, message.len(), comes_back)
        })
        .collect();
    let mut events = Events::with_capacity(1024);
    let mut done = 0_u64;
    let mut begun = None;
    let warm = Instant::now() + WARM_UP;
    loop {
        let now = Instant::now();
        if begun.is_none() && now >= warm {
            begun = Some((now, done, cpu_s()));
        }
        if let Some((since, before, (user, all))) = begun.filter(|(since, ..)| now - *since >= time)
        {
            let trips = (done - before) as f64;
            let over_s = (now - since).as_secs_f64();
            let used = cpu_s();
            return Round {
                rate: trips / over_s,
                user_us: (used.0 - user) / trips * 1e6,
                core: (used.1 - all) / over_s,
            };
        }
        poll.poll(&mut events, Some(TICK)).unwrap();
        for event in &events {
            let (stream, to_write, to_read) = &mut streams[event.token().0];
            done += advance(stream, to_write, to_read, &message, comes_back, &mut buffer);
        }
    }
}

/// Writes and reads as much as possible. Returns the number of completed round trips.
fn advance(
    stream: &mut TcpStream,
    to_write: &mut usize,
    to_read: &mut usize,
    message: &[u8],
    comes_back: usize,
    buffer: &mut [u8],
) -> u64 {
    let mut done = 0;
    loop {
        if *to_write > 0 {
            match stream.write(&message[message.len() - *to_write..]) {
                Ok(n) => *to_write -= n,
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => {}
                Err(e) => panic!("{e}"),
            }
        }
        let n = match stream.read(buffer) {
            Ok(n) if n > 0 => n,
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => return done,
            other => panic!("the server has gone: {other:?}"),
        };
        *to_read -= n;
        if *to_read == 0 {
            done += 1;
            (*to_write, *to_read) = (message.len(), comes_back);
            // The answer cannot have arrived yet, so the next event reports it.
            match stream.write(message) {
                Ok(n) => *to_write -= n,
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => {}
                Err(e) => panic!("{e}"),
            }
            return done;
        }
    }
}

/// CPU time of the calling thread, in user mode and in total, in seconds; NaN where it is not available.
fn cpu_s() -> (f64, f64) {
    #[cfg(target_os = "linux")]
    {
        use nix::sys::resource::{UsageWho, getrusage};
        use nix::sys::time::TimeValLike;
        let usage = getrusage(UsageWho::RUSAGE_THREAD).unwrap();
        let seconds = |time: nix::sys::time::TimeVal| time.num_microseconds() as f64 / 1e6;
        let (user, system) = (seconds(usage.user_time()), seconds(usage.system_time()));
        (user, user + system)
    }
    #[cfg(not(target_os = "linux"))]
    (f64::NAN, f64::NAN)
}

/// Time to connect and upgrade this number of connections, `at_once` of them concurrently.
pub(crate) fn opening(address: SocketAddr, connections: usize, at_once: usize) -> Duration {
    let begun = Instant::now();
    let mut poll = Poll::new().unwrap();
    let mut events = Events::with_capacity(1024);
    let mut streams: Vec<(TcpStream, bool)> = Vec::with_capacity(connections);
    let mut open = 0;
    let mut head = [0; 512];
    while open < connections {
        while streams.len() < connections && streams.len() - open < at_once {
            let mut stream = TcpStream::connect(address).unwrap();
            stream.set_nodelay(true).unwrap();
            let both = Interest::READABLE | Interest::WRITABLE;
            poll.registry()
                .register(&mut stream, Token(streams.len()), both)
                .unwrap();
            streams.push((stream, false));
        }
        poll.poll(&mut events, Some(TICK)).unwrap();
        for event in &events {
            let (stream, asked) = &mut streams[event.token().0];
            if !*asked && event.is_writable() {
                *asked = stream.write(REQUEST).unwrap() == REQUEST.len();
            } else if event.is_readable() {
                // The reference server writes its answer in one piece.
                if let Ok(n) = stream.read(&mut head) {
                    open += usize::from(head[..n].ends_with(b"\r\n\r\n"));
                }
            }
        }
    }
    begun.elapsed()
}

/// The median with its 95 % interval by ranks.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
pub(crate) fn interval(values: &mut [f64]) -> [f64; 3] {
    values.sort_by(f64::total_cmp);
    let n = values.len();
    let below = ((n as f64 - 1.96 * (n as f64).sqrt()) / 2.0).max(0.0) as usize;
    [below, n / 2, n.saturating_sub(1 + below)]
        .map(|at| values.get(at).copied().unwrap_or(f64::NAN))
}

//! The least that a round trip costs: epoll, read, write.

use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};

use super::Round;

/// Core of the server's thread.
pub(crate) const SERVER_CORE: usize = 0;
/// Core of the client's thread.
pub(crate) const CLIENT_CORE: usize = 1;

const LISTENER: Token = Token(usize::MAX);
const BUFFER: usize = 256 * 1024;
const TICK: Duration = Duration::from_millis(20);
/// Load before a round is measured.
const WARM_UP: Duration = Duration::from_millis(500);

/// Keeps the calling thread on a core, where there is more than one.
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

/// A server on a thread of its own that sends back whatever bytes come; dropped, it ends.
struct Server {
    address: SocketAddr,
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    fn start() -> Self {
        let mut listener = TcpListener::bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let address = listener.local_addr().unwrap();
        let over = Arc::new(AtomicBool::new(false));
        let ended = Arc::clone(&over);
        let thread = std::thread::spawn(move || {
            pin(SERVER_CORE);
            let mut poll = Poll::new().unwrap();
            poll.registry()
                .register(&mut listener, LISTENER, Interest::READABLE)
                .unwrap();
            let mut events = Events::with_capacity(1024);
            let mut peers: Vec<Peer> = Vec::new();
            let mut buffer = vec![0; BUFFER];
            while !ended.load(Ordering::Relaxed) {
                poll.poll(&mut events, Some(TICK)).unwrap();
                for event in &events {
                    if event.token() == LISTENER {
                        while let Ok((mut stream, _)) = listener.accept() {
                            stream.set_nodelay(true).unwrap();
                            let both = Interest::READABLE | Interest::WRITABLE;
                            poll.registry()
                                .register(&mut stream, Token(peers.len()), both)
                                .unwrap();
                            peers.push(Peer {
                                stream,
                                out: Vec::new(),
                            });
                        }
                    } else {
                        peers[event.token().0].serve(&mut buffer);
                    }
                }
            }
        });
        Self {
            address,
            over,
            thread: Some(thread),
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        self.thread.take().unwrap().join().unwrap();
    }
}

struct Peer {
    stream: TcpStream,
    /// To be written when the socket takes more.
    out: Vec<u8>,
}

impl Peer {
    fn serve(&mut self, buffer: &mut [u8]) {
        self.flush();
        loop {
            let n = match self.stream.read(buffer) {
                Ok(n) if n > 0 => n,
                _ => return,
            };
            self.send(&buffer[..n]);
            // Less than asked for: the next read would only say that there is nothing.
            if n < buffer.len() {
                return;
            }
        }
    }

    fn send(&mut self, bytes: &[u8]) {
        self.out.extend_from_slice(bytes);
        self.flush();
    }

    fn flush(&mut self) {
        if self.out.is_empty() {
            return;
        }
        if let Ok(n) = self.stream.write(&self.out) {
            self.out.drain(..n);
        }
    }
}

/// Round trips of as many bytes as a masked frame of this payload has, over raw TCP.
pub(crate) fn limit(connections: u64, payload: u64, time: Duration) -> Round {
    let server = Server::start();
    let address = server.address;
    std::thread::spawn(move || {
        pin(CLIENT_CORE);
        round_trips(address, connections, payload, time)
    })
    .join()
    .unwrap()
}

fn round_trips(address: SocketAddr, connections: u64, payload: u64, time: Duration) -> Round {
    let header = match payload {
        0..=125 => 6,
        126..=0xFFFF => 8,
        _ => 14,
    };
    let message = vec![0x55; usize::try_from(payload + header).unwrap()];
    let mut buffer = vec![0; BUFFER];
    let mut poll = Poll::new().unwrap();
    let mut streams: Vec<_> = (0..connections)
        .map(|index| {
            let stream = std::net::TcpStream::connect(address).unwrap();
            stream.set_nodelay(true).unwrap();
            stream.set_nonblocking(true).unwrap();
            let mut stream = TcpStream::from_std(stream);
            let token = Token(usize::try_from(index).unwrap());
            let both = Interest::READABLE | Interest::WRITABLE;
            poll.registry().register(&mut stream, token, both).unwrap();
            // Bytes still to be written and to be read of the present round trip.
            (stream, message.len(), message.len())
        })
        .collect();
    let mut events = Events::with_capacity(1024);
    let mut done = 0_u64;
    let mut begun = None;
    let warm = Instant::now() + WARM_UP;
    loop {
        let now = Instant::now();
        if begun.is_none() && now >= warm {
            begun = Some((now, done, user_s()));
        }
        if let Some((since, before, user)) = begun.filter(|(since, ..)| now - *since >= time) {
            #[allow(clippy::cast_precision_loss)]
            let trips = (done - before) as f64;
            return Round {
                rate: trips / (now - since).as_secs_f64(),
                user_us: (user_s() - user) / trips * 1e6,
            };
        }
        poll.poll(&mut events, Some(TICK)).unwrap();
        for event in &events {
            let (stream, to_write, to_read) = &mut streams[event.token().0];
            done += advance(stream, to_write, to_read, &message, &mut buffer);
        }
    }
}

/// Writes and reads what is possible; how many round trips that completed.
fn advance(
    stream: &mut TcpStream,
    to_write: &mut usize,
    to_read: &mut usize,
    message: &[u8],
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
            (*to_write, *to_read) = (message.len(), message.len());
            // The answer cannot be there yet, so the next look is the next event's.
            match stream.write(message) {
                Ok(n) => *to_write -= n,
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => {}
                Err(e) => panic!("{e}"),
            }
            return done;
        }
    }
}

/// User CPU of the calling thread in seconds; not a number where it cannot be told.
fn user_s() -> f64 {
    #[cfg(target_os = "linux")]
    {
        use nix::sys::resource::{UsageWho, getrusage};
        use nix::sys::time::TimeValLike;
        let usage = getrusage(UsageWho::RUSAGE_THREAD).unwrap();
        #[allow(clippy::cast_precision_loss)]
        return usage.user_time().num_microseconds() as f64 / 1e6;
    }
    #[cfg(not(target_os = "linux"))]
    f64::NAN
}

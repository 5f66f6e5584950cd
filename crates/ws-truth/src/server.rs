//! The server that does wrong on purpose, and the log of what it did.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use host::cores;
use mio::net::TcpListener;
use mio::{Events, Interest, Poll, Token};
use tokio_tungstenite::tungstenite::{Error, Message, WebSocket};

use crate::faults::Faults;
use crate::log::Log;
use crate::throttle::Throttled;

mod answers;
mod handshake;

const LISTENER: Token = Token(usize::MAX);

/// Shorter waits are spent looking at the clock: a sleep may last that much too long.
const SPIN: Duration = Duration::from_micros(1_500);

/// A running server on a free port of the loopback; dropped, it ends.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<Log>>,
}

impl Server {
    /// Starts a server with these faults on a thread of its own.
    ///
    /// # Errors
    /// When no port is free or the system refuses a thread.
    pub fn start(faults: Faults) -> io::Result<Self> {
        Self::start_on(0, faults)
    }

    /// The same on this port of the loopback.
    ///
    /// # Errors
    /// When the port is taken or the system refuses a thread.
    pub fn start_on(port: u16, faults: Faults) -> io::Result<Self> {
        let mut listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], port)))?;
        let address = listener.local_addr()?;
        let poll = Poll::new()?;
        poll.registry()
            .register(&mut listener, LISTENER, Interest::READABLE)?;
        let over = Arc::new(AtomicBool::new(false));
        let ended = Arc::clone(&over);
        let thread = std::thread::Builder::new()
            .name("ws-truth".to_owned())
            .spawn(move || {
                if let [first, _, ..] = cores::allowed_cores()[..] {
                    // Where it cannot be had, the system's choice has to do.
                    let _ = cores::pin_thread(first);
                }
                Loop::new(faults, poll, listener).run(&ended)
            })?;
        Ok(Self {
            address,
            over,
            thread: Some(thread),
        })
    }

    /// Its URL.
    #[must_use]
    pub fn url(&self) -> String {
        format!("ws://{}/", self.address)
    }

    /// Ends it, and tells what it did; nothing if it has panicked.
    #[must_use]
    pub fn finish(mut self) -> Log {
        self.end()
    }

    fn end(&mut self) -> Log {
        self.over.store(true, Ordering::Relaxed);
        let thread = self.thread.take();
        thread.and_then(|t| t.join().ok()).unwrap_or_default()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.end();
    }
}

#[derive(Debug)]
enum State {
    Head(Throttled, Vec<u8>),
    Open(Box<WebSocket<Throttled>>),
    Over,
}

#[derive(Debug)]
struct Connection {
    state: State,
    messages: u64,
    /// To be answered behind the next answer.
    held: Option<(usize, Message)>,
    silent: bool,
}

/// An answer that is to go out later.
type Later = Reverse<(u64, usize)>;

struct Loop {
    faults: Faults,
    poll: Poll,
    listener: TcpListener,
    clock: Instant,
    connections: Vec<Connection>,
    log: Log,
    /// When the first message came.
    first_ns: Option<u64>,
    later: BinaryHeap<Later>,
    /// The messages of `later`, by their place in the log.
    waiting: BTreeMap<usize, Message>,
}

impl Loop {
    fn new(faults: Faults, poll: Poll, listener: TcpListener) -> Self {
        Self {
            faults,
            poll,
            listener,
            clock: Instant::now(),
            connections: Vec::new(),
            log: Log::default(),
            first_ns: None,
            later: BinaryHeap::new(),
            waiting: BTreeMap::new(),
        }
    }

    fn now_ns(&self) -> u64 {
        nanoseconds(self.clock.elapsed())
    }

    fn run(mut self, over: &AtomicBool) -> Log {
        let mut events = Events::with_capacity(256);
        while !over.load(Ordering::Relaxed) {
            self.stall();
            let now = self.now_ns();
            while let Some(Reverse((at_ns, place))) = self.later.peek().copied() {
                if at_ns > now {
                    break;
                }
                self.later.pop();
                if let Some(message) = self.waiting.remove(&place) {
                    self.answer(place, message);
                }
            }
            let wait = self.wait();
            match self.poll.poll(&mut events, Some(wait)) {
                Err(e) if e.kind() != ErrorKind::Interrupted => break,
                _ => {}
            }
            let mut ready: Vec<usize> = Vec::new();
            for event in &events {
                match event.token() {
                    LISTENER => self.accept(),
                    token => ready.push(token.0),
                }
            }
            if self.faults.bytes_per_s.is_some() {
                // Bytes that may be read now make no event.
                ready = (0..self.connections.len()).collect();
            }
            for connection in ready {
                let began = Instant::now();
                if self.serve(connection).is_err() {
                    self.connections[connection].state = State::Over;
                }
                if let Some(share) = self.faults.slower_by {
                    spin_until(Instant::now() + began.elapsed().mul_f64(share));
                }
            }
        }
        self.log
    }

    /// When the next stall begins, if there is one to come.
    fn next_stall_ns(&self) -> Option<u64> {
        let stall = self.faults.stall?;
        let done = self.log.stalls.len() as u64;
        let begin = self.first_ns? + nanoseconds(stall.after);
        match (done, stall.every) {
            (0, _) => Some(begin),
            (n, Some(every)) => Some(begin + n * nanoseconds(every)),
            (_, None) => None,
        }
    }

    /// Stands still if it is time to.
    fn stall(&mut self) {
        let (Some(begin_ns), Some(stall)) = (self.next_stall_ns(), self.faults.stall) else {
            return;
        };
        let began_ns = self.now_ns();
        if began_ns < begin_ns {
            return;
        }
        let until = self.clock + Duration::from_nanos(began_ns) + stall.lasts;
        std::thread::sleep(stall.lasts.saturating_sub(SPIN));
        spin_until(until);
        let ended_ns = self.now_ns();
        self.log.stalls.push((began_ns, ended_ns));
    }

    /// How long nothing is to be done but what sockets ask for.
    fn wait(&self) -> Duration {
        const LOOK_EVERY: Duration = Duration::from_millis(10);
        if self.faults.bytes_per_s.is_some() {
            return Duration::from_millis(1);
        }
        let later = self.later.peek().map(|Reverse((at_ns, _))| *at_ns);
        let next = later.into_iter().chain(self.next_stall_ns()).min();
        let until = next.map_or(LOOK_EVERY, |at_ns| {
            Duration::from_nanos(at_ns.saturating_sub(self.now_ns()))
        });
        // A poll counts milliseconds and may sleep longer than asked.
        until.saturating_sub(SPIN).min(LOOK_EVERY)
    }

    fn accept(&mut self) {
        while let Ok((mut stream, _)) = self.listener.accept() {
            let token = Token(self.connections.len());
            let both = Interest::READABLE | Interest::WRITABLE;
            let ready = stream
                .set_nodelay(true)
                .and_then(|()| self.poll.registry().register(&mut stream, token, both));
            let stream = Throttled {
                stream,
                limit: None,
                since: Instant::now(),
                read: 0,
            };
            self.connections.push(Connection {
                state: match ready {
                    Ok(()) => State::Head(stream, Vec::new()),
                    Err(_) => State::Over,
                },
                messages: 0,
                held: None,
                silent: false,
            });
        }
    }

    /// Reads what there is; an error is the end of the connection.
    fn serve(&mut self, connection: usize) -> Result<(), Error> {
        handshake::upgrade(&mut self.connections[connection].state, &self.faults)?;
        loop {
            let State::Open(socket) = &mut self.connections[connection].state else {
                return Ok(());
            };
            let message = match socket.read() {
                Ok(message) => message,
                Err(Error::Io(e)) if e.kind() == ErrorKind::WouldBlock => {
                    // What did not fit before.
                    return match socket.flush() {
                        Err(Error::Io(e)) if e.kind() == ErrorKind::WouldBlock => Ok(()),
                        other => other,
                    };
                }
                Err(error) => return Err(error),
            };
            if message.is_text() || message.is_binary() {
                self.take(connection, message)?;
            } else {
                let _ = socket.flush();
            }
        }
    }
}

fn spin_until(time: Instant) {
    while Instant::now() < time {
        std::hint::spin_loop();
    }
}

/// Saturates after 584 years.
fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

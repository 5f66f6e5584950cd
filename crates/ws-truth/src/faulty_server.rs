//! An echo server with faults, and the log of its actions.

use std::collections::BTreeMap;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};
use socket2::SockRef;
use tokio_tungstenite::tungstenite::{Error, Message, WebSocket};

use crate::clock::nanoseconds;
use crate::fault_log::FaultLog;
use crate::faults::Faults;
use crate::server_thread::ServerThread;

mod answers;
mod deliveries;
#[cfg(test)]
mod delivery_tests;
mod handshake;
mod throttled_stream;

use deliveries::{DeliveryQueue, JoinedReceivers};
use throttled_stream::ThrottledStream;

const LISTENER: Token = Token(usize::MAX);

/// Longest wait that is spent spinning, because a sleep can take this much longer than requested.
const SPIN: Duration = Duration::from_micros(1_500);

/// A running server on the loopback. Dropping it ends it.
#[derive(Debug)]
pub struct FaultyServer {
    address: SocketAddr,
    clock: Instant,
    thread: ServerThread<FaultLog>,
}

impl FaultyServer {
    /// Starts a server with these faults on this port of the loopback, with a thread of its own; 0 picks a free port.
    ///
    /// # Errors
    /// When the port is taken or the system refuses a thread.
    pub fn start_on(port: u16, faults: Faults) -> io::Result<Self> {
        let mut listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], port)))?;
        let address = listener.local_addr()?;
        let poll = Poll::new()?;
        poll.registry()
            .register(&mut listener, LISTENER, Interest::READABLE)?;
        let clock = Instant::now();
        let thread = ServerThread::start(move |stop| {
            let server = ServerLoop {
                faults,
                poll,
                listener,
                clock,
                connections: Vec::new(),
                log: FaultLog::default(),
                first_ns: None,
                looked_ns: (0, 0),
                delayed: BTreeMap::new(),
                joined: JoinedReceivers::default(),
                deliveries: DeliveryQueue::default(),
            };
            server.run(stop)
        })?;
        Ok(Self {
            address,
            clock,
            thread,
        })
    }

    /// The server's URL, without a path, so that a scenario can have one.
    pub(crate) fn url(&self) -> String {
        format!("ws://{}", self.address)
    }

    /// Time 0 of the log.
    #[cfg(target_os = "linux")]
    pub(crate) fn began(&self) -> Instant {
        self.clock
    }

    /// Ends the server and returns its log, which is empty if the server panicked.
    pub(crate) fn finish(self) -> FaultLog {
        let (log, waited_share) = self.thread.finish();
        FaultLog {
            waited_share,
            ..log
        }
    }
}

#[derive(Debug)]
enum ConnectionState {
    Head(ThrottledStream, Vec<u8>),
    Open(Box<WebSocket<ThrottledStream>>),
    /// Bytes that the socket took.
    Ended(u64),
}

#[derive(Debug)]
struct FaultyConnection {
    state: ConnectionState,
    /// Path and query of the request; empty before its arrival.
    path: String,
    messages: u64,
    /// Place in the log and content of a message that is answered after the next one.
    held: Option<(usize, Message)>,
    silent: bool,
}

impl FaultyConnection {
    fn end(&mut self) {
        self.state = ConnectionState::Ended(self.taken_bytes());
    }

    /// Bytes that the socket has taken.
    fn taken_bytes(&self) -> u64 {
        match &self.state {
            ConnectionState::Head(stream, _) => stream.taken,
            ConnectionState::Open(socket) => socket.get_ref().taken,
            ConnectionState::Ended(taken) => *taken,
        }
    }
}

struct ServerLoop {
    faults: Faults,
    poll: Poll,
    listener: TcpListener,
    clock: Instant,
    connections: Vec<FaultyConnection>,
    log: FaultLog,
    /// Time of the first message.
    first_ns: Option<u64>,
    /// Times of the last two looks at the sockets.
    looked_ns: (u64, u64),
    /// Messages that are answered later, by due time and place in the log.
    delayed: BTreeMap<(u64, usize), Message>,
    joined: JoinedReceivers,
    deliveries: DeliveryQueue,
}

impl ServerLoop {
    fn now_ns(&self) -> u64 {
        nanoseconds(self.clock.elapsed())
    }

    fn run(mut self, stop: &AtomicBool) -> FaultLog {
        let mut events = Events::with_capacity(256);
        while !stop.load(Ordering::Relaxed) {
            self.stall();
            let now = self.now_ns();
            while let Some(next) = self.delayed.first_entry()
                && next.key().0 <= now
            {
                let ((_, place), message) = next.remove_entry();
                self.answer(place, message);
            }
            self.send_due();
            let timeout = self.poll_timeout();
            match self.poll.poll(&mut events, Some(timeout)) {
                Err(e) if e.kind() != ErrorKind::Interrupted => break,
                _ => {}
            }
            self.looked_ns = (self.looked_ns.1, self.now_ns());
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
                    self.connections[connection].end();
                }
                if let Some(share) = self.faults.slower_by {
                    spin_until(Instant::now() + began.elapsed().mul_f64(share));
                }
            }
        }
        self.log
    }

    /// Begin of the stall, if it has not begun.
    fn stall_begin_ns(&self) -> Option<u64> {
        let stall = self.faults.stall.filter(|_| self.log.stall_ns.is_none())?;
        Some(self.first_ns? + nanoseconds(stall.after))
    }

    /// Neither reads nor answers for the length of the stall, if it is due. A server with rooms only stops reading:
    /// copies of earlier messages go out in time.
    fn stall(&mut self) {
        let (Some(begin_ns), Some(stall)) = (self.stall_begin_ns(), self.faults.stall) else {
            return;
        };
        let began_ns = self.now_ns();
        if began_ns < begin_ns {
            return;
        }
        if self.faults.room.is_some() {
            self.send_until(began_ns + nanoseconds(stall.lasts));
        } else {
            let until = self.clock + Duration::from_nanos(began_ns) + stall.lasts;
            std::thread::sleep(stall.lasts.saturating_sub(SPIN));
            spin_until(until);
        }
        self.log.stall_ns = Some((began_ns, self.now_ns()));
    }

    /// Time until something other than a socket event is due.
    fn poll_timeout(&self) -> Duration {
        const POLL_INTERVAL: Duration = Duration::from_millis(10);
        if self.faults.delay.is_some() {
            // A server that sleeps cannot say when a message came that it reads late.
            return Duration::ZERO;
        }
        if self.faults.bytes_per_s.is_some() {
            return Duration::from_millis(1);
        }
        let delayed = self.delayed.keys().next().map(|(at_ns, _)| *at_ns);
        let due = [delayed, self.deliveries.next_ns(), self.stall_begin_ns()];
        let next = due.into_iter().flatten().min();
        let until = next.map_or(POLL_INTERVAL, |at_ns| {
            Duration::from_nanos(at_ns.saturating_sub(self.now_ns()))
        });
        // A poll counts milliseconds and may sleep longer than asked.
        until.saturating_sub(SPIN).min(POLL_INTERVAL)
    }

    fn accept(&mut self) {
        while let Ok((mut stream, _)) = self.listener.accept() {
            let token = Token(self.connections.len());
            let both = Interest::READABLE | Interest::WRITABLE;
            let ready = stream
                .set_nodelay(true)
                .and_then(|()| self.limit_send_buffer(&stream))
                .and_then(|()| self.poll.registry().register(&mut stream, token, both));
            let stream = ThrottledStream {
                stream,
                limit: None,
                since: Instant::now(),
                read: 0,
                taken: 0,
            };
            self.connections.push(FaultyConnection {
                state: match ready {
                    Ok(()) => ConnectionState::Head(stream, Vec::new()),
                    Err(_) => ConnectionState::Ended(0),
                },
                path: String::new(),
                messages: 0,
                held: None,
                silent: false,
            });
        }
    }

    fn limit_send_buffer(&self, stream: &TcpStream) -> io::Result<()> {
        let size = self.faults.room.and_then(|room| room.send_buffer);
        size.map_or(Ok(()), |size| {
            SockRef::from(stream).set_send_buffer_size(size)
        })
    }

    /// Reads all that has arrived. An error ends the connection.
    fn serve(&mut self, connection: usize) -> Result<(), Error> {
        handshake::upgrade(
            &mut self.connections[connection],
            &self.faults,
            &mut self.log,
        )?;
        loop {
            let ConnectionState::Open(socket) = &mut self.connections[connection].state else {
                return Ok(());
            };
            let message = match socket.read() {
                Ok(message) => message,
                Err(Error::Io(e)) if e.kind() == ErrorKind::WouldBlock => {
                    // Bytes that did not fit before.
                    return match socket.flush() {
                        Err(Error::Io(e)) if e.kind() == ErrorKind::WouldBlock => Ok(()),
                        other => other,
                    };
                }
                Err(error) => return Err(error),
            };
            if message.is_text() || message.is_binary() {
                if self.faults.is_delivering() {
                    self.deliver(connection, &message);
                } else {
                    self.handle(connection, message)?;
                }
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

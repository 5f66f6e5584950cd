//! An echo server that limits handshakes and restarts, and the log of its connections.

use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use mio::net::TcpListener;
use mio::{Events, Interest, Poll, Token};
use socket2::{Domain, Socket, Type};
use tokio_tungstenite::tungstenite::Message;

use crate::admission_log::{AdmissionEntry, AdmissionLog, HandshakeAnswer};
use crate::admission_rules::AdmissionRules;
use crate::clock::nanoseconds;
use crate::server_thread::ServerThread;

mod admission;
mod admitted_connection;
mod restart;
#[cfg(test)]
mod tests;

pub(crate) use admitted_connection::{AdmittedConnection, AdmittedState};
use restart::RestartPhase;

const LISTENER: Token = Token(usize::MAX);

/// Connections that the kernel keeps until the server accepts them. All clients of a storm come at once.
const BACKLOG: i32 = 4096;

/// Text of the messages to connections that sent none.
pub(crate) const NEWS: &str = "news";

/// Text of the greeting.
pub(crate) const WELCOME: &str = "welcome";

/// Time for the ends of connections to arrive before the server ends.
const LAST_ENDS: Duration = Duration::from_millis(300);

/// A running server on the loopback. Dropping it ends it.
#[derive(Debug)]
pub(crate) struct AdmissionServer {
    address: SocketAddr,
    thread: ServerThread<AdmissionLog>,
}

impl AdmissionServer {
    /// Starts a server with these rules on a free port of the loopback, with a thread of its own.
    ///
    /// # Errors
    /// When the system refuses a socket or a thread.
    pub(crate) fn start(rules: AdmissionRules) -> io::Result<Self> {
        let listener = listen(SocketAddr::from(([127, 0, 0, 1], 0)))?;
        let address = listener.local_addr()?;
        let mut server = AdmissionLoop {
            rules,
            poll: Poll::new()?,
            listener: None,
            address,
            clock: Instant::now(),
            connections: Vec::new(),
            waiting: VecDeque::new(),
            greetings: VecDeque::new(),
            admitted: 0,
            first_message_ns: None,
            restart: RestartPhase::Before,
            has_pinged: false,
            log: AdmissionLog::default(),
        };
        server.register(listener)?;
        let thread = ServerThread::start(move |stop| server.run(stop))?;
        Ok(Self { address, thread })
    }

    /// The server's URL.
    pub(crate) fn url(&self) -> String {
        format!("ws://{}", self.address)
    }

    /// Ends the server and returns its log, which is empty if the server panicked.
    pub(crate) fn finish(self) -> AdmissionLog {
        let (log, waited_share) = self.thread.finish();
        AdmissionLog {
            waited_share,
            ..log
        }
    }
}

/// A listening socket with a long queue.
fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    // Connections of the port that have ended do not keep it.
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    Ok(TcpListener::from_std(socket.into()))
}

#[derive(Debug)]
struct AdmissionLoop {
    rules: AdmissionRules,
    poll: Poll,
    /// The listening socket; `None` while the port is closed.
    listener: Option<TcpListener>,
    address: SocketAddr,
    clock: Instant,
    /// In the order of the log.
    connections: Vec<AdmittedConnection>,
    /// Connections whose handshakes wait for the limit, in order of arrival.
    waiting: VecDeque<usize>,
    /// Greetings that are due at these times, ascending, and their connections.
    greetings: VecDeque<(u64, usize)>,
    /// Handshakes that the limit has let through.
    admitted: u64,
    first_message_ns: Option<u64>,
    restart: RestartPhase,
    has_pinged: bool,
    log: AdmissionLog,
}

impl AdmissionLoop {
    fn run(mut self, stop: &AtomicBool) -> AdmissionLog {
        let mut events = Events::with_capacity(1024);
        let mut until = None;
        loop {
            if stop.load(Ordering::Relaxed) {
                let until = *until.get_or_insert_with(|| Instant::now() + LAST_ENDS);
                let is_open = |c: &AdmittedConnection| matches!(c.state, AdmittedState::Open(_));
                if Instant::now() >= until || !self.connections.iter().any(is_open) {
                    return self.log;
                }
            }
            match self.poll.poll(&mut events, Some(self.poll_timeout())) {
                Err(e) if e.kind() != ErrorKind::Interrupted => return self.log,
                _ => {}
            }
            for event in &events {
                match event.token() {
                    LISTENER => self.accept(),
                    token => self.serve(token.0),
                }
            }
            self.admit_waiting();
            self.greet();
            self.restart_if_due();
            self.ping_if_due();
        }
    }

    fn now_ns(&self) -> u64 {
        nanoseconds(self.clock.elapsed())
    }

    /// Time of something that is due this long after the first message.
    fn after_first_message_ns(&self, after: Duration) -> Option<u64> {
        Some(self.first_message_ns? + nanoseconds(after))
    }

    /// Time until something other than a socket event is due. Sleeps in whole milliseconds, so that the server leaves its
    /// core to others.
    fn poll_timeout(&self) -> Duration {
        const POLL_INTERVAL: Duration = Duration::from_millis(10);
        let greeting = self.greetings.front().map(|(at_ns, _)| *at_ns);
        let next = [self.next_admission_ns(), self.next_restart_ns(), greeting];
        let next = next.into_iter().flatten().min();
        next.map_or(POLL_INTERVAL, |at_ns| {
            Duration::from_nanos(at_ns.saturating_sub(self.now_ns())).min(POLL_INTERVAL)
        })
    }

    fn register(&mut self, mut listener: TcpListener) -> io::Result<()> {
        let registry = self.poll.registry();
        registry.register(&mut listener, LISTENER, Interest::READABLE)?;
        self.listener = Some(listener);
        Ok(())
    }

    fn accept(&mut self) {
        while let Some(Ok((mut stream, _))) = self.listener.as_ref().map(TcpListener::accept) {
            let token = Token(self.connections.len());
            let both = Interest::READABLE | Interest::WRITABLE;
            let ready = stream
                .set_nodelay(true)
                .and_then(|()| self.poll.registry().register(&mut stream, token, both));
            self.log.connections.push(AdmissionEntry {
                accepted_ns: self.now_ns(),
                requested_ns: None,
                answer: HandshakeAnswer::Pending,
                client: None,
                messages: 0,
                pings: 0,
                pongs: 0,
                end: None,
            });
            self.connections.push(AdmittedConnection {
                state: match ready {
                    Ok(()) => AdmittedState::Head(stream, Vec::new()),
                    Err(_) => AdmittedState::Ended,
                },
                is_ended_by_server: false,
            });
        }
    }

    /// Handles everything that has arrived on a connection.
    fn serve(&mut self, connection: usize) {
        if self.connections[connection].has_whole_request() {
            let now_ns = self.now_ns();
            self.log.connections[connection].requested_ns = Some(now_ns);
            self.log.first_request_ns.get_or_insert(now_ns);
            self.answer_request(connection);
        }
        let is_silent = self.is_silent(connection);
        let before = self.log.messages.len();
        let open = &mut self.connections[connection];
        let entry = &mut self.log.connections[connection];
        let end = open.exchange(entry, &mut self.log.messages, is_silent);
        if self.first_message_ns.is_none() && self.log.messages.len() > before {
            self.first_message_ns = Some(self.now_ns());
        }
        if end.is_some() {
            self.log.connections[connection].end = end;
            if !self.connections[connection].is_ended_by_server {
                let now_ns = self.now_ns();
                self.log.first_loss_ns.get_or_insert(now_ns);
            }
        }
    }

    /// Sends the greetings that are due.
    fn greet(&mut self) {
        let now_ns = self.now_ns();
        while let Some((_, connection)) = self.greetings.pop_front_if(|(at_ns, _)| *at_ns <= now_ns)
        {
            if let AdmittedState::Open(socket) = &mut self.connections[connection].state {
                // An end of the connection is noticed when it is read.
                let _ = socket.send(Message::text(WELCOME));
            }
        }
    }

    /// Sends pings, and messages to connections that sent none.
    fn ping_if_due(&mut self) {
        let Some(after) = self.rules.ping_after.filter(|_| !self.has_pinged) else {
            return;
        };
        let due = self.after_first_message_ns(after);
        if due.is_none_or(|due| self.now_ns() < due) {
            return;
        }
        self.has_pinged = true;
        for (connection, entry) in self.connections.iter_mut().zip(&mut self.log.connections) {
            let AdmittedState::Open(socket) = &mut connection.state else {
                continue;
            };
            let is_idle = entry.messages == 0;
            // An end of the connection is noticed when it is read.
            let _ = socket.send(Message::Ping("idle?".into()));
            entry.pings += 1;
            if is_idle {
                let _ = socket.send(Message::text(NEWS));
            }
        }
    }
}

//! An echo server with one queue over all connections and a known service time, and the log of its services.
//!
//! Messages are served one after the other, in the order in which the server reads them. The service of a message begins
//! at its arrival or at the end of the service before, and its answer leaves one service time later. The server never
//! sleeps while it has connections. Reading and writing take place within the service time, so that they do not add to
//! it. If the machine delays the server, the service ends late, the log has the real end, and the next service begins
//! there.

use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use mio::net::TcpListener;
use mio::{Events, Interest, Poll, Token};
use tokio_tungstenite::tungstenite::{Error, Message};

use crate::admission_server::{AdmittedConnection, AdmittedState};
use crate::clock::nanoseconds;
use crate::queue_log::{QueueLog, ServedMessage};
use crate::queue_rules::{QueueRules, ServiceLaw};
use crate::server_thread::ServerThread;

const LISTENER: Token = Token(usize::MAX);

/// Time before the end of a service in which the server looks at the clock only. Reading a message takes less.
const CLOCK_ONLY_NS: u64 = 30_000;

/// Time between two looks of an idle server, above which the machine has stopped it.
const IDLE_STOP_NS: u64 = 100_000;

/// Size of the blocks in which leaked memory is allocated.
const LEAK_BLOCK: usize = 1 << 20;

/// A running server on the loopback. Dropping it ends it.
#[derive(Debug)]
pub struct QueueServer {
    address: SocketAddr,
    clock: Instant,
    thread: ServerThread<QueueLog>,
}

impl QueueServer {
    /// Starts a server with these rules on this port of the loopback, with a thread of its own on the first core; 0 picks
    /// a free port.
    ///
    /// # Errors
    /// When the port is taken or the system refuses a thread.
    pub fn start_on(port: u16, rules: QueueRules) -> io::Result<Self> {
        let mut listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], port)))?;
        let address = listener.local_addr()?;
        let poll = Poll::new()?;
        poll.registry()
            .register(&mut listener, LISTENER, Interest::READABLE)?;
        let clock = Instant::now();
        let thread = ServerThread::start(move |stop| {
            QueueLoop::new(rules, poll, listener, clock).run(stop)
        })?;
        Ok(Self {
            address,
            clock,
            thread,
        })
    }

    /// The server's URL.
    pub fn url(&self) -> String {
        format!("ws://{}", self.address)
    }

    /// Time on the clock of the log.
    pub fn now_ns(&self) -> u64 {
        nanoseconds(self.clock.elapsed())
    }

    /// The instant that is 0 on the clock of the log.
    pub fn clock(&self) -> Instant {
        self.clock
    }

    /// Ends the server and returns its log, which is empty if the server panicked.
    pub fn finish(self) -> QueueLog {
        self.thread.finish().0
    }
}

#[derive(Debug)]
struct WaitingMessage {
    connection: usize,
    message: Message,
    arrived_ns: u64,
}

/// Begin and planned end of the service of the first message of the queue.
#[derive(Debug, Clone, Copy)]
struct ServiceTimes {
    began_ns: u64,
    due_ns: u64,
}

#[derive(Debug)]
struct QueueLoop {
    law: ServiceLaw,
    poll: Poll,
    listener: TcpListener,
    clock: Instant,
    connections: Vec<AdmittedConnection>,
    /// The first one is served, the others wait.
    queue: VecDeque<WaitingMessage>,
    serving: Option<ServiceTimes>,
    ended_ns: u64,
    /// End of the last look at the sockets.
    looked_ns: u64,
    leaked_bytes: usize,
    leaked: Vec<Vec<u8>>,
    log_capacity: usize,
    log: QueueLog,
}

impl QueueLoop {
    fn new(rules: QueueRules, poll: Poll, listener: TcpListener, clock: Instant) -> Self {
        let blank = ServedMessage {
            arrived_ns: 1,
            began_ns: 1,
            planned_ns: 1,
            ended_ns: 1,
        };
        // Written once, so that no page is missing later.
        let mut served = vec![blank; rules.log_capacity];
        served.clear();
        Self {
            law: ServiceLaw::new(rules),
            poll,
            listener,
            clock,
            connections: Vec::new(),
            queue: VecDeque::with_capacity(1 << 16),
            serving: None,
            ended_ns: 0,
            looked_ns: 0,
            leaked_bytes: rules.leaked_bytes,
            leaked: Vec::new(),
            log_capacity: rules.log_capacity,
            log: QueueLog {
                served,
                ..QueueLog::default()
            },
        }
    }

    fn now_ns(&self) -> u64 {
        nanoseconds(self.clock.elapsed())
    }

    fn run(mut self, stop: &AtomicBool) -> QueueLog {
        let mut events = Events::with_capacity(256);
        while !stop.load(Ordering::Relaxed) {
            let near_ns = self.now_ns() + CLOCK_ONLY_NS;
            let is_near = |times: ServiceTimes| times.due_ns <= near_ns;
            if !self.serving.is_some_and(is_near) && self.look(&mut events).is_err() {
                break;
            }
            self.serve();
        }
        self.log
    }

    /// Reads all that has arrived. Waits only while no connection is open.
    fn look(&mut self, events: &mut Events) -> io::Result<()> {
        const POLL_INTERVAL: Duration = Duration::from_millis(5);
        let has_ended = |c: &AdmittedConnection| matches!(c.state, AdmittedState::Ended);
        let timeout = match self.connections.iter().all(has_ended) {
            true => POLL_INTERVAL,
            false => Duration::ZERO,
        };
        match self.poll.poll(events, Some(timeout)) {
            Err(e) if e.kind() != ErrorKind::Interrupted => return Err(e),
            _ => {}
        }
        for event in &*events {
            match event.token() {
                LISTENER => self.accept(),
                token => self.read(token.0),
            }
            self.serve();
        }
        self.looked_ns = self.now_ns();
        Ok(())
    }

    fn accept(&mut self) {
        while let Ok((mut stream, _)) = self.listener.accept() {
            let token = Token(self.connections.len());
            let both = Interest::READABLE | Interest::WRITABLE;
            let ready = stream
                .set_nodelay(true)
                .and_then(|()| self.poll.registry().register(&mut stream, token, both));
            self.connections.push(AdmittedConnection {
                state: match ready {
                    Ok(()) => AdmittedState::Head(stream, Vec::new()),
                    Err(_) => AdmittedState::Ended,
                },
                is_ended_by_server: false,
            });
        }
    }

    /// Puts all messages that have arrived on a connection into the queue.
    fn read(&mut self, connection: usize) {
        let admitted = &mut self.connections[connection];
        if admitted.has_whole_request() {
            admitted.open();
        }
        while let AdmittedState::Open(socket) = &mut self.connections[connection].state {
            match socket.read() {
                Ok(message) if message.is_text() || message.is_binary() => {
                    let arrived_ns = self.arrival_ns();
                    self.queue.push_back(WaitingMessage {
                        connection,
                        message,
                        arrived_ns,
                    });
                }
                Ok(_) => {}
                Err(Error::Io(e)) if e.kind() == ErrorKind::WouldBlock => {
                    // Bytes that did not fit before, and answers to control frames.
                    let _ = socket.flush();
                    return;
                }
                Err(_) => self.connections[connection].state = AdmittedState::Ended,
            }
        }
    }

    /// Time of arrival of a message that was read now.
    fn arrival_ns(&mut self) -> u64 {
        let now_ns = self.now_ns();
        let unseen_ns = now_ns - self.looked_ns;
        if !self.queue.is_empty() || unseen_ns < IDLE_STOP_NS {
            return now_ns;
        }
        self.log.idle_stops_ns.push(self.looked_ns..now_ns);
        // Not before the end of the last service, so that the log stays in order.
        (now_ns - unseen_ns / 2).max(self.ended_ns)
    }

    /// Ends the service that is due, and begins the next one.
    fn serve(&mut self) {
        if let Some(times) = self.serving {
            let now_ns = self.now_ns();
            if now_ns < times.due_ns {
                return;
            }
            self.serving = None;
            self.end_service(times, now_ns);
        }
        let Some(first) = self.queue.front() else {
            return;
        };
        let began_ns = first.arrived_ns.max(self.ended_ns);
        let service_ns = self.law.service_ns(began_ns, self.queue.len());
        let due_ns = began_ns + service_ns;
        self.serving = Some(ServiceTimes { began_ns, due_ns });
    }

    /// Logs the end of the service of the first message, and answers it.
    fn end_service(&mut self, times: ServiceTimes, ended_ns: u64) {
        let Some(served) = self.queue.pop_front() else {
            return;
        };
        self.ended_ns = ended_ns;
        if self.queue.is_empty() {
            self.law.note_empty();
        }
        if self.log.served.len() < self.log_capacity {
            self.log.served.push(ServedMessage {
                arrived_ns: served.arrived_ns,
                began_ns: times.began_ns,
                planned_ns: times.due_ns - times.began_ns,
                ended_ns,
            });
        } else {
            self.log.unlogged += 1;
        }
        if let AdmittedState::Open(socket) = &mut self.connections[served.connection].state {
            // An end of the connection is noticed when it is read.
            let _ = socket.send(served.message);
        }
        self.leak();
    }

    fn leak(&mut self) {
        let mut left = self.leaked_bytes;
        while left > 0 {
            let free = |block: &Vec<u8>| block.capacity() - block.len();
            if self.leaked.last().is_none_or(|block| free(block) == 0) {
                self.leaked.push(Vec::with_capacity(LEAK_BLOCK));
            }
            let Some(block) = self.leaked.last_mut() else {
                return;
            };
            let now = left.min(free(block));
            block.resize(block.len() + now, 1);
            left -= now;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpStream;

    use tokio_tungstenite::tungstenite::{WebSocket, client};

    use super::*;

    fn connect(server: &QueueServer) -> WebSocket<TcpStream> {
        let stream = TcpStream::connect(server.address).unwrap();
        stream.set_nodelay(true).unwrap();
        client(server.url(), stream).unwrap().0
    }

    /// Sends `each` messages on each of two connections, waits for all echoes, and returns the log.
    fn serve(rules: QueueRules, each: usize) -> QueueLog {
        let server = QueueServer::start_on(0, rules).unwrap();
        let mut sockets = [connect(&server), connect(&server)];
        for number in 0..each {
            for socket in &mut sockets {
                socket.send(Message::text(number.to_string())).unwrap();
            }
        }
        for number in 0..each {
            for socket in &mut sockets {
                let echo = socket.read().unwrap();
                assert_eq!(echo, Message::text(number.to_string()));
            }
        }
        server.finish()
    }

    #[test]
    fn one_message_is_served_at_a_time_and_never_too_fast() {
        let log = serve(QueueRules::default(), 20);
        assert_eq!(log.served.len(), 40);
        let mut ended_ns = 0;
        for message in &log.served {
            assert_eq!(message.began_ns, message.arrived_ns.max(ended_ns));
            assert_eq!(message.planned_ns, 500_000);
            assert!(message.service_ns() >= 500_000, "{message:?}");
            assert!(message.stay_ns() >= message.service_ns());
            ended_ns = message.ended_ns;
        }
        let in_order = log.served.is_sorted_by_key(|m| m.arrived_ns);
        assert!(in_order);
    }

    #[test]
    fn a_log_that_is_full_counts_the_rest() {
        let rules = QueueRules {
            log_capacity: 7,
            service: Duration::from_micros(10),
            ..QueueRules::default()
        };
        let log = serve(rules, 5);
        assert_eq!((log.served.len(), log.unlogged), (7, 3));
    }

    #[test]
    fn a_long_queue_slows_the_service() {
        let rules = QueueRules {
            slow_beyond: Some(4),
            service: Duration::from_millis(2),
            ..QueueRules::default()
        };
        // 40 messages arrive while few have been served.
        let log = serve(rules, 20);
        let slow = log.served.iter().filter(|m| m.service_ns() >= 4_000_000);
        assert!(slow.count() > 0);
    }

    #[test]
    fn leaked_bytes_stay_allocated() {
        let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
        let rules = QueueRules {
            leaked_bytes: 700_000,
            log_capacity: 0,
            ..QueueRules::default()
        };
        let mut server = QueueLoop::new(rules, Poll::new().unwrap(), listener, Instant::now());
        (0..3).for_each(|_| server.leak());
        let held: usize = server.leaked.iter().map(Vec::len).sum();
        assert_eq!(held, 2_100_000);
    }
}

//! An echo server that logs each connection, and treats connections by their number.

// Not every test file uses all functions.
#![allow(dead_code)]

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use futures_util::{SinkExt, StreamExt};
use measurement::plan::{Arrivals, LoadDraft, Plan, RateProfile, Schedule};
use measurement::plan::{CertificatePolicy, Load};
use measurement::record::Record;
use swarm::Recording;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::watch;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::{Error, Message};
use units::Rate;

use crate::common::{self, Socket, read_upgrade};

/// Treatment of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Treatment {
    /// Echoes all messages.
    Echo,
    /// Echoes this number of messages. Further ones are not answered.
    EchoOnly(u64),
    /// Echoes this number of messages. Closes with this code when one more has come.
    CloseAfter(u64, u16),
    /// Closes with this code as soon as the connection is open.
    CloseAtOnce(u16),
    /// Answers the upgrade with this status.
    Refuse(u16),
    /// Never answers the upgrade.
    Silence,
    /// Answers the upgrade when this number of connections have been accepted, then echoes.
    EchoWhenAccepted(usize),
    /// Echoes, and answers the text `hello` by `no`.
    RefuseSetup,
    /// Echoes, and does not answer the text `hello`.
    IgnoreSetup,
    /// Echoes, and sends a ping and a text of its own at first.
    Greet,
}

/// Log of one connection.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ConnectionLog {
    pub(crate) accepted: Instant,
    /// Data messages from the client, without `hello` and `beat`.
    pub(crate) messages: u64,
    pub(crate) hellos: u64,
    pub(crate) beats: u64,
    pub(crate) pongs: u64,
    /// Code of the client's close frame.
    pub(crate) close: Option<u16>,
    /// The client reset the connection.
    pub(crate) is_reset: bool,
    pub(crate) ended: Option<Instant>,
}

impl ConnectionLog {
    fn new() -> Self {
        Self {
            accepted: Instant::now(),
            messages: 0,
            hellos: 0,
            beats: 0,
            pongs: 0,
            close: None,
            is_reset: false,
            ended: None,
        }
    }

    fn note(&mut self, message: &Message) {
        match message {
            Message::Close(frame) => self.close = frame.as_ref().map(|frame| frame.code.into()),
            Message::Pong(_) => self.pongs += 1,
            Message::Ping(_) | Message::Frame(_) => {}
            Message::Text(text) if text.as_str() == "hello" => self.hellos += 1,
            Message::Text(text) if text.as_str() == "beat" => self.beats += 1,
            Message::Text(_) | Message::Binary(_) => self.messages += 1,
        }
    }
}

type Log = Arc<Mutex<Vec<ConnectionLog>>>;

/// A server that treats connections by their number, in the order in which it accepts them.
pub(crate) struct LoggedServer {
    pub(crate) address: SocketAddr,
    log: Log,
    _runtime: tokio::runtime::Runtime,
}

impl LoggedServer {
    pub(crate) fn start(treatment: impl Fn(usize) -> Treatment + Send + Sync + 'static) -> Self {
        Self::start_away(usize::MAX, Duration::ZERO, treatment)
    }

    /// A server that does not listen from when it has accepted `before` connections until `away` after the end of one of
    /// them.
    pub(crate) fn start_away(
        before: usize,
        away: Duration,
        treatment: impl Fn(usize) -> Treatment + Send + Sync + 'static,
    ) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let log = Log::default();
        let listener = runtime.block_on(async { listen(([127, 0, 0, 1], 0).into()) });
        let address = listener.local_addr().unwrap();
        let of_server = Arc::clone(&log);
        runtime.spawn(async move {
            let (accepted, _) = watch::channel(0);
            let serve_next = |number, stream: TcpStream| {
                stream.set_nodelay(true).unwrap();
                of_server.lock().unwrap().push(ConnectionLog::new());
                accepted.send_replace(number + 1);
                let log = Arc::clone(&of_server);
                let all = accepted.subscribe();
                let treatment = treatment(number);
                tokio::spawn(async move {
                    let end = serve(number, stream, treatment, all, &log).await;
                    let mut log = log.lock().unwrap();
                    log[number].ended = Some(Instant::now());
                    log[number].is_reset =
                        end.is_err_and(|error| error.kind() == io::ErrorKind::ConnectionReset);
                })
            };
            let mut listener = Some(listener);
            for number in 0.. {
                if number == before {
                    drop(listener.take());
                    while of_server
                        .lock()
                        .unwrap()
                        .iter()
                        .all(|one| one.ended.is_none())
                    {
                        tokio::time::sleep(Duration::from_millis(1)).await;
                    }
                    tokio::time::sleep(away).await;
                }
                let listening = listener.get_or_insert_with(|| listen(address));
                let (stream, _) = listening.accept().await.unwrap();
                serve_next(number, stream);
            }
        });
        Self {
            address,
            log,
            _runtime: runtime,
        }
    }

    /// A plan with four clients, ten messages each and no warm-up, changed by `change`.
    pub(crate) fn plan(&self, change: impl FnOnce(&mut LoadDraft)) -> Plan {
        let url = format!("ws://{}/", self.address);
        common::plan(&url, CertificatePolicy::System, change)
    }

    /// The log so far.
    pub(crate) fn log(&self) -> Vec<ConnectionLog> {
        self.log.lock().unwrap().clone()
    }

    /// The log when all connections have ended.
    pub(crate) fn final_log(&self) -> Vec<ConnectionLog> {
        let until = Instant::now() + Duration::from_secs(30);
        loop {
            let log = self.log();
            if log.iter().all(|one| one.ended.is_some()) {
                return log;
            }
            assert!(Instant::now() < until, "connections stay open: {log:?}");
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

/// A listener on this address. A port that was in use before can be used again.
fn listen(address: SocketAddr) -> TcpListener {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_reuseaddr(true).unwrap();
    socket.bind(address).unwrap();
    socket.listen(1024).unwrap()
}

async fn serve(
    number: usize,
    mut stream: TcpStream,
    treatment: Treatment,
    mut accepted: watch::Receiver<usize>,
    log: &Log,
) -> io::Result<()> {
    match treatment {
        Treatment::Refuse(status) => {
            read_upgrade(&mut stream).await;
            let answer = format!("HTTP/1.1 {status} No\r\nContent-Length: 0\r\n\r\n");
            stream.write_all(answer.as_bytes()).await?;
            return until_end(stream).await;
        }
        Treatment::Silence => return until_end(stream).await,
        Treatment::EchoWhenAccepted(count) => {
            accepted
                .wait_for(|accepted| *accepted >= count)
                .await
                .unwrap();
        }
        _ => {}
    }
    let socket = tokio_tungstenite::accept_async(stream).await;
    echo(number, socket.map_err(as_io)?, treatment, log)
        .await
        .map_err(as_io)
}

async fn echo(
    number: usize,
    mut socket: Socket,
    treatment: Treatment,
    log: &Log,
) -> Result<(), Error> {
    if let Treatment::CloseAtOnce(code) = treatment {
        socket.close(Some(frame(code))).await?;
    }
    if treatment == Treatment::Greet {
        socket.send(Message::Ping(b"there".to_vec().into())).await?;
        socket.send(Message::text("news")).await?;
    }
    let mut echoed = 0;
    while let Some(message) = socket.next().await {
        let message = message?;
        log.lock().unwrap()[number].note(&message);
        let text = message.to_text().unwrap_or_default();
        match text {
            _ if !message.is_text() && !message.is_binary() => {}
            "beat" => {}
            "hello" if treatment == Treatment::IgnoreSetup => {}
            "hello" if treatment == Treatment::RefuseSetup => {
                socket.send(Message::text("no")).await?;
            }
            "hello" => socket.send(Message::text("welcome")).await?,
            _ => match treatment {
                Treatment::EchoOnly(limit) if echoed == limit => {}
                Treatment::CloseAfter(limit, code) if echoed == limit => {
                    socket.close(Some(frame(code))).await?;
                }
                _ => {
                    echoed += 1;
                    socket.send(message).await?;
                }
            },
        }
    }
    Ok(())
}

fn frame(code: u16) -> CloseFrame {
    CloseFrame {
        code: code.into(),
        reason: "".into(),
    }
}

async fn until_end(mut stream: TcpStream) -> io::Result<()> {
    while stream.read(&mut [0; 64]).await? > 0 {}
    Ok(())
}

fn as_io(error: Error) -> io::Error {
    match error {
        Error::Io(error) => error,
        other => io::Error::other(other),
    }
}

pub(crate) fn rate(per_second: f64) -> Rate {
    Rate::new(per_second).unwrap()
}

/// Open loop at this rate over all clients.
pub(crate) fn open(per_second: f64) -> Load {
    Load::Open {
        profile: RateProfile::constant(rate(per_second)),
        arrivals: Arrivals::Constant,
        window: None,
    }
}

pub(crate) fn clients(n: u32) -> NonZeroU32 {
    NonZeroU32::new(n).unwrap()
}

/// Number of messages that an open loop has in its measured phase.
pub(crate) fn due(plan: &Plan) -> u64 {
    let Load::Open {
        profile, arrivals, ..
    } = &plan.load
    else {
        panic!("a closed loop");
    };
    let clients = plan.clients.get();
    let schedule = Schedule::new(profile.clone(), *arrivals, clients, plan.seed, plan.length);
    let of_client = |client| {
        let first = Some(schedule.first(client));
        std::iter::successors(first, |turn| Some(schedule.next(*turn)))
            .map_while(|turn| turn.due_ns())
            .count() as u64
    };
    (0..clients).map(of_client).sum()
}

/// Checks that every message that was sent had one end, and none was wrong.
pub(crate) fn assert_faultless(record: &Record) {
    let counts = &record.counts;
    assert_eq!(
        counts.sent,
        counts.received + counts.lost + counts.incomplete + counts.abandoned,
        "{counts:?}"
    );
    assert!(!counts.any_failed(), "{counts:?}");
    assert_eq!((counts.unexpected, counts.undecided), (0, 0), "{counts:?}");
}

/// Close codes of a log: number of connections that the client closed with each.
pub(crate) fn close_codes(log: &[ConnectionLog]) -> BTreeMap<u16, u64> {
    let mut codes = BTreeMap::new();
    for code in log.iter().filter_map(|one| one.close) {
        *codes.entry(code).or_default() += 1;
    }
    codes
}

/// Number of messages that the server got.
pub(crate) fn messages_of(log: &[ConnectionLog]) -> u64 {
    log.iter().map(|one| one.messages).sum()
}

/// Opened connections, failed ones, those that ended early, and replaced ones.
pub(crate) fn connections(recording: &Recording) -> [u64; 4] {
    let all = &recording.context.connections;
    [all.opened, all.failed, all.closed_early, all.replaced]
}

//! A WebSocket server with behaviour defined by the test, and a plan against it.

// Not every test file uses all functions.
#![allow(dead_code)]

use std::net::SocketAddr;
use std::num::{NonZeroU32, NonZeroU64, NonZeroUsize};
use std::sync::Arc;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use measurement::plan::{
    CertificatePolicy, ClientIdentity, Length, Load, LoadDraft, LoadSpec, Plan, ServerUrl,
    TargetServer,
};
use scenario::{Scenario, ScenarioOptions, ScenarioSource};
use swarm::{Recording, RunHandle};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::Role;
use units::SizeRange;

/// A server on a free loopback port. It ends when dropped.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    _runtime: tokio::runtime::Runtime,
}

impl Server {
    /// Calls `serve` for every connection, with its number from 0.
    pub(crate) fn start<S, F>(serve: S) -> Self
    where
        S: Fn(usize, TcpStream) -> F + Send + 'static,
        F: Future<Output = ()> + Send + 'static,
    {
        Self::start_on(TcpSocket::new_v4().unwrap(), serve)
    }

    /// Like [`start`](Self::start), on a socket prepared by the test.
    pub(crate) fn start_on<S, F>(socket: TcpSocket, serve: S) -> Self
    where
        S: Fn(usize, TcpStream) -> F + Send + 'static,
        F: Future<Output = ()> + Send + 'static,
    {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        socket.bind(([127, 0, 0, 1], 0).into()).unwrap();
        let listener = runtime.block_on(async { socket.listen(1024).unwrap() });
        let address = listener.local_addr().unwrap();
        runtime.spawn(async move {
            for number in 0.. {
                let (stream, _) = listener.accept().await.unwrap();
                stream.set_nodelay(true).unwrap();
                tokio::spawn(serve(number, stream));
            }
        });
        Self {
            address,
            _runtime: runtime,
        }
    }

    /// A plan with four clients, ten messages each and no warm-up, changed by `change`.
    pub(crate) fn plan(&self, change: impl FnOnce(&mut LoadDraft)) -> Plan {
        self::plan(
            &format!("ws://{}/", self.address),
            CertificatePolicy::System,
            change,
        )
    }
}

/// A plan with four clients, ten messages each and no warm-up against this URL, changed by `change`.
pub(crate) fn plan(
    url: &str,
    certificate_policy: CertificatePolicy,
    change: impl FnOnce(&mut LoadDraft),
) -> Plan {
    plan_as(url, certificate_policy, None, change)
}

/// Like [`plan`], with a client certificate.
pub(crate) fn plan_as(
    url: &str,
    certificate_policy: CertificatePolicy,
    client_identity: Option<ClientIdentity>,
    change: impl FnOnce(&mut LoadDraft),
) -> Plan {
    let mut draft = LoadDraft {
        clients: NonZeroU32::new(4).unwrap(),
        length: messages(10),
        connect_timeout: Duration::from_secs(20),
        timeout: Duration::from_secs(20),
        warmup: Duration::ZERO,
        threads: NonZeroUsize::new(2).unwrap(),
        max_samples: 100_000,
        ..LoadDraft::closed_loop()
    };
    change(&mut draft);
    let server = TargetServer {
        certificate_policy,
        client_identity,
        ..ServerUrl::parse(url).unwrap().into()
    };
    LoadSpec::new(draft).unwrap().against(server).unwrap()
}

/// The scenario with this file.
pub(crate) fn scenario(text: &str) -> Option<Arc<Scenario>> {
    let source = ScenarioSource::File {
        name: "t.toml",
        text,
    };
    let no_files = |_: &str, _: Option<&str>| Err("no files".to_owned());
    let scenario = Scenario::parse(source, &ScenarioOptions::default(), &no_files);
    Some(Arc::new(scenario.unwrap_or_else(|error| panic!("{error}"))))
}

/// The number that follows `before` in a text.
pub(crate) fn number_behind(text: &str, before: &str) -> u64 {
    let (_, rest) = text.split_once(before).unwrap();
    let digits = rest.split(|c: char| !c.is_ascii_digit()).next().unwrap();
    digits.parse().unwrap()
}

pub(crate) fn messages(n: u64) -> Length {
    Length::MessagesPerClient(NonZeroU64::new(n).unwrap())
}

/// Closed loop with this number of messages in flight per client.
pub(crate) fn closed(window: u32) -> Load {
    Load::Closed {
        window: NonZeroU32::new(window).unwrap(),
    }
}

pub(crate) fn size(bytes: u64) -> SizeRange {
    SizeRange {
        min: bytes,
        max: bytes,
    }
}

pub(crate) type Socket<S = TcpStream> = WebSocketStream<S>;

pub(crate) async fn accept<S: AsyncRead + AsyncWrite + Unpin>(stream: S) -> Socket<S> {
    tokio_tungstenite::accept_async(stream).await.unwrap()
}

/// Reads the request of an upgrade and returns the accept key for it.
pub(crate) async fn read_upgrade<S: AsyncRead + Unpin>(stream: &mut S) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    let head = String::from_utf8(head).unwrap();
    let key = head
        .lines()
        .find_map(|line| line.strip_prefix("Sec-WebSocket-Key: "));
    derive_accept_key(key.unwrap().as_bytes())
}

/// Accepts the upgrade and sends these frames in the same write, so that the client reads both at once.
pub(crate) async fn accept_and_send<S: AsyncRead + AsyncWrite + Unpin>(
    mut stream: S,
    frames: &[u8],
) -> Socket<S> {
    let accept = read_upgrade(&mut stream).await;
    let answer = format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {accept}\r\n\r\n"
    );
    let bytes = [answer.as_bytes(), frames].concat();
    stream.write_all(&bytes).await.unwrap();
    stream.flush().await.unwrap();
    WebSocketStream::from_raw_socket(stream, Role::Server, None).await
}

/// Answers the `n`-th data message of a connection, from 0, with the messages from `answers`.
pub(crate) async fn answer<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    mut answers: impl FnMut(usize, Message) -> Vec<Message>,
) {
    let mut socket = accept(stream).await;
    let mut n = 0;
    while let Some(Ok(message)) = socket.next().await {
        if message.is_text() || message.is_binary() {
            for answer in answers(n, message) {
                socket.send(answer).await.unwrap();
            }
            n += 1;
        }
    }
}

/// Echoes, but never answers a close frame and never ends the connection.
pub(crate) async fn echo_without_close(stream: TcpStream) {
    let mut socket = accept(stream).await;
    while let Some(Ok(message)) = socket.next().await {
        if message.is_close() {
            // The next use of the socket would send the answer.
            return std::future::pending().await;
        }
        socket.send(message).await.unwrap();
    }
}

pub(crate) fn run(plan: &Plan) -> Recording {
    swarm::record(plan, &RunHandle::new()).unwrap()
}

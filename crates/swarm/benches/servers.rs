//! Throughput of axum-ws and tungstenite-ws compared with a bare epoll echo without WebSocket.
//!
//! `cargo bench -p swarm --bench servers [-- ROUNDS SECONDS]`
//!
//! Measures alternately in one run. A bare epoll loop (mio) that returns all bytes, with a bare client, is the limit.
//! Then axum-ws and tungstenite-ws with the swarm, which verifies and records everything. The first load is ping-pong:
//! 100 connections with one message of 125 B in flight each. The second is pipelined: 20 connections with 64 messages
//! in flight each.
//!
//! Server and client have one thread each, on separate cores. Absolute figures vary with the machine; only the ratio
//! within one run is meaningful.

#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs)]

mod bare;

use std::io::{ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::time::Duration;

use measurement::plan::{Length, Load};
use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};

const PAYLOAD: u64 = 125;
const LISTENER: Token = Token(usize::MAX);

#[derive(Clone, Copy)]
enum Server {
    Axum,
    Tungstenite,
}

fn main() {
    // `cargo bench` adds a flag, which is skipped.
    let numbers: Vec<u64> = std::env::args().filter_map(|a| a.parse().ok()).collect();
    let rounds = numbers.first().copied().unwrap_or(5);
    let time = Duration::from_secs(numbers.get(1).copied().unwrap_or(2));
    let address = bare_echo();
    let names = [
        "bare echo/s",
        "axum-ws",
        ": bare",
        "tungstenite-ws",
        ": bare",
        "axum-ws, window 64",
        "tungstenite-ws, window 64",
    ];
    println!("| round | {} |", names.join(" | "));
    println!("|---{}|", "|---".repeat(names.len()));
    let mut all: Vec<[f64; 7]> = Vec::new();
    for round in 1..=rounds {
        let both = [Server::Axum, Server::Tungstenite];
        let limit = bare::at(address, 100, PAYLOAD, time, true).rate;
        let [axum, tungstenite] = both.map(|server| echoes(server, 100, 1, time));
        let [axum_64, tungstenite_64] = both.map(|server| echoes(server, 20, 64, time));
        let ratios = [axum / limit, tungstenite / limit];
        let row = [
            limit,
            axum,
            ratios[0],
            tungstenite,
            ratios[1],
            axum_64,
            tungstenite_64,
        ];
        print(&round.to_string(), &row);
        all.push(row);
    }
    let median = std::array::from_fn(|column| {
        let mut values: Vec<f64> = all.iter().map(|row| row[column]).collect();
        values.sort_by(f64::total_cmp);
        values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
    });
    print("median", &median);
}

fn print(name: &str, [limit, axum, a, tungstenite, t, axum_64, tungstenite_64]: &[f64; 7]) {
    println!(
        "| {name} | {limit:.0} | {axum:.0} | {a:.3} | {tungstenite:.0} | {t:.3} | {axum_64:.0} | {tungstenite_64:.0} |"
    );
}

/// Echoes per second of one of the servers, with one thread on the server's core.
fn echoes(server: Server, connections: u64, window: u32, time: Duration) -> f64 {
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let (told, url) = std::sync::mpsc::channel();
    let serving = std::thread::spawn(move || {
        bare::pin(bare::SERVER_CORE);
        // The same runtime as each thread of the programs.
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let serve = async move {
            let listener = axum_ws::bind("127.0.0.1:0", 1024).await.unwrap();
            let config = axum_ws::Config::default();
            told.send(listener.url(&config).unwrap()).unwrap();
            let until = async {
                let _ = stopped.await;
            };
            let served = match server {
                Server::Axum => axum_ws::serve(listener, config, until).await,
                Server::Tungstenite => tungstenite_ws::serve(listener, config, until).await,
            };
            served.unwrap();
        };
        runtime.block_on(serve);
    });
    let plan = bare::plan(&url.recv().unwrap(), connections, |plan| {
        plan.length = Length::Duration(time);
        plan.load = Load::Closed {
            window: NonZeroU32::new(window).unwrap(),
        };
    });
    let recording = bare::run(plan);
    let counts = recording.record.counts;
    assert!(!counts.any_failed(), "{counts:?}");
    drop(stop);
    serving.join().unwrap();
    recording.record.in_time.messages as f64 / recording.context.elapsed_s
}

/// Starts a server that returns all bytes until the process ends. Returns its address.
fn bare_echo() -> SocketAddr {
    let mut listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        bare::pin(bare::SERVER_CORE);
        let mut poll = Poll::new().unwrap();
        let mut events = Events::with_capacity(1024);
        poll.registry()
            .register(&mut listener, LISTENER, Interest::READABLE)
            .unwrap();
        let mut peers: Vec<Option<TcpStream>> = Vec::new();
        let mut buffer = vec![0; 256 * 1024];
        loop {
            poll.poll(&mut events, None).unwrap();
            for event in &events {
                if event.token() == LISTENER {
                    while let Ok((mut stream, _)) = listener.accept() {
                        stream.set_nodelay(true).unwrap();
                        let token = Token(peers.len());
                        poll.registry()
                            .register(&mut stream, token, Interest::READABLE)
                            .unwrap();
                        peers.push(Some(stream));
                    }
                } else if let Some(peer) = &mut peers[event.token().0]
                    && !pass_back(peer, &mut buffer)
                {
                    peers[event.token().0] = None;
                }
            }
        }
    });
    address
}

/// Reads once and writes the bytes back. Returns false when the connection has ended. The messages in flight of a peer
/// fit into the socket.
fn pass_back(peer: &mut TcpStream, buffer: &mut [u8]) -> bool {
    match peer.read(buffer) {
        Ok(0) => false,
        Ok(n) => peer.write(&buffer[..n]).is_ok_and(|written| written == n),
        Err(e) => e.kind() == ErrorKind::WouldBlock,
    }
}

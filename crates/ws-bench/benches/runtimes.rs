//! Comparison of one acceptor on a multi-threaded runtime with a runtime and a listener (`SO_REUSEPORT`) per thread.
//!
//! `cargo bench -p ws-bench --bench runtimes [-- ROUNDS SERVER_THREADS]`
//!
//! Measures axum-ws both ways alternately in one run: opening of 5,000 connections, ping-pong over 100 and over 3
//! connections, and 20 connections with 64 messages in flight each. Threads are not pinned, because sharing of cores is
//! part of the comparison.

#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs)]

use std::net::SocketAddr;
use std::num::{NonZeroU32, NonZeroU64};
use std::time::Duration;

use axum_ws::{Config, Listener};
use measurement::plan::{Length, Load, LoadDraft, LoadSpec, ServerUrl};
use swarm::Recording;
use swarm::RunHandle;
use tokio::sync::watch;

const TIME: Duration = Duration::from_secs(2);
const BACKLOG: i32 = 4096;

fn main() {
    // `cargo bench` adds a flag, which is skipped.
    let numbers: Vec<usize> = std::env::args().filter_map(|a| a.parse().ok()).collect();
    let rounds = numbers.first().copied().unwrap_or(5);
    let threads = numbers.get(1).copied().unwrap_or(2);
    println!("{threads} server threads; one runtime of all, and one for each with SO_REUSEPORT");
    println!(
        "round        opening ms      ping-pong 100 msg/s    ping-pong 3 msg/s     window 64 msg/s"
    );
    let mut ratios: [Vec<f64>; 4] = Default::default();
    for round in 1..=rounds {
        let shared = look(threads, false);
        let apart = look(threads, true);
        print!("{round:>5}");
        for ((s, a), ratios) in shared.iter().zip(&apart).zip(&mut ratios) {
            print!("   {s:>9.0} {a:>9.0}");
            ratios.push(a / s);
        }
        println!();
    }
    print!("median apart : shared");
    for mut ratios in ratios {
        ratios.sort_by(f64::total_cmp);
        print!("   {:.2}", ratios[ratios.len() / 2]);
    }
    println!();
}

/// Milliseconds to open the connections, then three rates.
fn look(threads: usize, apart: bool) -> [f64; 4] {
    let (stop, stopped) = watch::channel(());
    let (address, serving) = if apart {
        serve_apart(threads, &stopped)
    } else {
        serve_shared(threads, &stopped)
    };
    drop(stopped);
    let rate = |clients, window| {
        let recording = run(address, clients, window, Length::Duration(TIME));
        recording.record.in_time.messages as f64 / recording.context.elapsed_s
    };
    let once = Length::MessagesPerClient(NonZeroU64::MIN);
    let found = [
        run(address, 5_000, 1, once).context.connections.opening_s * 1e3,
        rate(100, 1),
        rate(3, 1),
        rate(20, 64),
    ];
    drop(stop);
    serving
        .into_iter()
        .for_each(|thread| thread.join().unwrap());
    found
}

type Serving = (SocketAddr, Vec<std::thread::JoinHandle<()>>);

fn serve_shared(threads: usize, stopped: &watch::Receiver<()>) -> Serving {
    let (listener, address) = listener(SocketAddr::from(([127, 0, 0, 1], 0)));
    let mut stopped = stopped.clone();
    let serving = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(threads)
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let until = async move { drop(stopped.changed().await) };
            let serve = axum_ws::serve(registered(listener), Config::default(), until);
            tokio::spawn(serve).await.unwrap().unwrap();
        });
    });
    (address, vec![serving])
}

fn serve_apart(threads: usize, stopped: &watch::Receiver<()>) -> Serving {
    let (first, address) = listener(SocketAddr::from(([127, 0, 0, 1], 0)));
    let others = (1..threads).map(|_| listener(address).0);
    let serving = std::iter::once(first)
        .chain(others)
        .map(|listener| {
            let mut stopped = stopped.clone();
            std::thread::spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread()
                    .enable_all()
                    .build()
                    .unwrap();
                runtime.block_on(async {
                    let until = async move { drop(stopped.changed().await) };
                    axum_ws::serve(registered(listener), Config::default(), until)
                        .await
                        .unwrap();
                });
            })
        })
        .collect();
    (address, serving)
}

fn listener(address: SocketAddr) -> (std::net::TcpListener, SocketAddr) {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    #[cfg(unix)]
    socket.set_reuse_port(true).unwrap();
    socket.bind(&address.into()).unwrap();
    socket.listen(BACKLOG).unwrap();
    socket.set_nonblocking(true).unwrap();
    let listener = std::net::TcpListener::from(socket);
    let address = listener.local_addr().unwrap();
    (listener, address)
}

fn registered(listener: std::net::TcpListener) -> Listener {
    tokio::net::TcpListener::from_std(listener).unwrap().into()
}

fn run(address: SocketAddr, clients: u32, window: u32, length: Length) -> Recording {
    let plan = LoadSpec::new(LoadDraft {
        clients: NonZeroU32::new(clients).unwrap(),
        length,
        text: false,
        load: Load::Closed {
            window: NonZeroU32::new(window).unwrap(),
        },
        connect_timeout: Duration::from_secs(20),
        timeout: Duration::from_secs(20),
        warmup: Duration::from_millis(200),
        ..LoadDraft::closed_loop()
    })
    .unwrap()
    .against(ServerUrl::parse(&format!("ws://{address}/ws")).unwrap())
    .unwrap();
    let recording = swarm::record(&plan, &RunHandle::new()).unwrap();
    assert!(!recording.record.counts.any_failed());
    recording
}

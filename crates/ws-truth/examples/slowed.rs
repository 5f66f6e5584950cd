//! An echo server that is slower than itself by a known share, for `crates/ws-compare/benches/power.py`:
//! `slowed 9001 0.05` serves on `127.0.0.1:9001` until it is killed.

#![allow(clippy::unwrap_used)]

use ws_truth::faults::Faults;
use ws_truth::faulty_server::FaultyServer;

fn main() {
    let mut words = std::env::args().skip(1);
    let port = words.next().and_then(|word| word.parse().ok());
    let share = words.next().and_then(|word| word.parse().ok());
    let (Some(port), Some(share)) = (port, share) else {
        eprintln!("usage: slowed PORT SHARE");
        std::process::exit(2);
    };
    let faults = Faults {
        slower_by: Some(share),
        ..Faults::default()
    };
    let _server = FaultyServer::start_on(port, faults).unwrap();
    loop {
        std::thread::park();
    }
}

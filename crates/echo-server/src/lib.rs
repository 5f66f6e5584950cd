//! What the two echo servers share: everything but the WebSocket library.
//!
//! A server is [`accept`] with a handler for one [`Connection`]. The handler
//! reads a request with its library, asks [`Host::decide`] what it deserves,
//! and either answers or upgrades; then [`echo()`] takes over, which knows the
//! library through a [`Dialect`]. [`run`] makes a program of it.
//!
//! | module | what lives there |
//! |---|---|
//! | `args`, `units` | the flags, and how sizes, times and counts are typed |
//! | `config`, `open_files` | what a server needs to know; the limit on connections |
//! | `bind`, `stream`, `tls` | listening and saying so; what a connection is made of |
//! | `signals`, `supervisor`, `workers`, `program` | ending; systemd; threads; all of it as a program |
//! | `accept`, `peer`, `lent`, `stop` | the accept loop, one connection's place in it and proper end, the stop of all |
//! | `host`, `answer` | what a request gets, and how it is written |
//! | `echo`, `idle`, `close` | the echo, when it is too quiet, and the codes it ends with |
//! | `metrics` | what is counted |
//!
//! ```
//! use echo_server::{Config, Decision, Host, Program};
//!
//! let program = Program { name: "my-ws", version: "1.0.0", about: "Mine", bind: "127.0.0.1:0" };
//! let host = Host::new(program, Config::default());
//! let request = http::Request::get("/healthz").header("host", "localhost").body(()).expect("is a request");
//! let Decision::Answer(answer) = host.decide(&request) else { panic!("is no upgrade") };
//! assert_eq!(answer.status(), 200);
//! ```

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

mod accept;
mod answer;
mod args;
mod bind;
mod close;
mod config;
mod echo;
mod error;
mod host;
mod idle;
mod lent;
mod metrics;
mod open_files;
mod peer;
mod program;
mod signals;
mod stop;
mod stream;
mod supervisor;
mod tls;
mod units;
mod workers;

pub use accept::{Connection, accept};
pub use answer::encode;
pub use args::{Args, Program};
pub use bind::{Listener, announce, bind};
pub use close::Fault;
pub use config::{Buffers, Config, EchoPath, InvalidPath};
pub use echo::{Dialect, Seen, echo};
pub use error::Error;
pub use host::{Decision, Host, MAX_HEAD, MAX_HEADERS, plain};
pub use lent::Lent;
pub use metrics::Metrics;
pub use open_files::{connections_allowed, raise_limit};
pub use peer::Peer;
pub use program::{Shutdown, run};
pub use signals::{Signal, Signals};
pub use stop::Stop;
pub use tls::{Tls, TlsError};

//! Shared part of both echo servers: everything except the WebSocket library.
//!
//! A server is [`accept`] with a handler for one [`Connection`]. The handler reads a request with its library, calls
//! [`ServerContext::route`] for the answer, and responds or upgrades. After an upgrade, it calls [`echo()`] or
//! [`broadcast()`], which use the library through a [`WebSocketLibrary`]. [`run`] turns a server into a program.
//!
//! | module | contents |
//! |---|---|
//! | `args`, `config` | the flags; the valid configuration built from them |
//! | `listener`, `byte_stream`, `tls` | listening and the ready line; the stream of a connection |
//! | `client_verifier`, `tls_error` | verification of client certificates; errors of certificates |
//! | `program`, `systemd`, `workers` | the whole program; socket activation and notification; worker threads |
//! | `accept`, `connection` | the accept loop; one connection and its context in the server |
//! | `graceful_stream`, `shutdown` | the end of one connection, and of all |
//! | `routing`, `http_response` | the answer to a request, and its encoding |
//! | `library`, `message_loop`, `idle`, `close_code` | the WebSocket library, the message loop, its idle timeout and close codes |
//! | `relay`, `rooms`, `room_name` | the messages that a connection sends for those received: its own, or those of a room |
//! | `metrics` | counters, and their Prometheus text |
//!
//! ```
//! use echo_server::{Config, Program, Route, ServerContext};
//!
//! let program = Program { name: "my-ws", version: "1.0.0", about: "Mine", bind: "127.0.0.1:0" };
//! let server = ServerContext::new(program, Config::default());
//! let request = http::Request::get("/healthz").header("host", "localhost").body(()).expect("is a request");
//! let Route::Respond(response) = server.route(&request) else { panic!("not an upgrade") };
//! assert_eq!(response.status(), 200);
//! ```

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod accept;
mod args;
mod byte_stream;
mod client_verifier;
mod close_code;
mod config;
mod connection;
mod error;
mod graceful_stream;
mod http_response;
mod idle;
mod library;
mod listener;
mod message_loop;
mod metrics;
mod program;
mod relay;
mod room_name;
mod rooms;
mod routing;
mod shutdown;
mod systemd;
mod tls;
mod tls_error;
mod workers;

pub use accept::accept;
pub use args::{Program, ServerArgs};
pub use close_code::CloseReason;
pub use config::{Config, EchoPath, InvalidPath, READ_BUFFER, WRITE_BUFFER};
pub use connection::{Connection, ConnectionContext};
pub use error::ServerError;
pub use graceful_stream::GracefulStream;
pub use http_response::{encode_response, text_response};
pub use library::{Incoming, WebSocketLibrary};
pub use listener::{Listener, bind};
pub use message_loop::{broadcast, echo};
pub use program::{ShutdownRequest, advice, run};
pub use room_name::RoomName;
pub use rooms::{RoomMember, Rooms};
pub use routing::{MAX_HEAD, MAX_HEADERS, Route, ServerContext, normalize_upgrade_headers};
pub use tls::TlsIdentity;
pub use tls_error::TlsError;

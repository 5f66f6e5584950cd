//! A WebSocket server for the tests, correct or faulty: `test_server ROLE PORT`.
//!
//! An example of the package, so that cargo builds it with the tests but does not install it.
#![allow(clippy::unwrap_used, clippy::exit)]

use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};

use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::{Message, WebSocket, accept};

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, role, port] = arguments.as_slice() else {
        panic!("usage: test_server ROLE PORT");
    };
    let port: u16 = port.parse().unwrap();
    match role.as_str() {
        "axum" => right(port, |listener, config| async move {
            axum_ws::serve(listener, config, std::future::pending())
                .await
                .unwrap();
        }),
        "tungstenite" => right(port, |listener, config| async move {
            tungstenite_ws::serve(listener, config, std::future::pending())
                .await
                .unwrap();
        }),
        "fails" => {
            eprintln!("boom: no such table");
            std::process::exit(7);
        }
        #[cfg(unix)]
        "forks" => {
            // Neither the child nor the server itself ends on SIGTERM.
            let mut child = std::process::Command::new("sh")
                .args(["-c", "trap '' TERM; while :; do sleep 600; done"])
                .spawn()
                .unwrap();
            ignore_sigterm().unwrap();
            raw(port, "right");
            let _ = child.wait();
        }
        _ => raw(port, role),
    }
}

/// Ignores SIGTERM from here on, by a handler that is never polled.
#[cfg(unix)]
fn ignore_sigterm() -> io::Result<()> {
    let runtime = Box::leak(Box::new(
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?,
    ));
    let guard = runtime.enter();
    Box::leak(Box::new(tokio::signal::unix::signal(
        tokio::signal::unix::SignalKind::terminate(),
    )?));
    drop(guard);
    Ok(())
}

fn right<F: Future<Output = ()>>(
    port: u16,
    serve: impl FnOnce(axum_ws::Listener, axum_ws::Config) -> F,
) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let listener = axum_ws::bind(&format!("127.0.0.1:{port}"), 128)
            .await
            .unwrap();
        serve(listener, axum_ws::Config::default()).await;
    });
}

/// Serves each connection in a separate thread.
fn raw(port: u16, role: &str) {
    let starts = count_starts();
    // A server that ignores its port.
    let port = if role == "elsewhere" { 0 } else { port };
    let listener = TcpListener::bind(("127.0.0.1", port)).unwrap();
    for stream in listener.incoming() {
        let role = role.to_owned();
        std::thread::spawn(move || {
            // The end of one connection does not affect the others.
            let _ = talk(stream.unwrap(), &role, starts);
        });
    }
}

/// Counts the starts of servers in the working directory, including this one.
fn count_starts() -> u32 {
    let path = "starts";
    let before = std::fs::read_to_string(path).unwrap_or_default();
    let starts = before.trim().parse().unwrap_or(0) + 1;
    std::fs::write(path, format!("{starts}")).unwrap();
    starts
}

type Talk = Result<(), Box<dyn std::error::Error>>;

fn talk(stream: TcpStream, role: &str, starts: u32) -> Talk {
    if role == "mute" {
        std::thread::park();
    }
    let filter = Filter {
        stream,
        role: role.to_owned(),
    };
    let mut socket = accept(filter)?;
    let mut messages = 0;
    if role.starts_with("greets") {
        socket.send(Message::text("hello, who are you?"))?;
    }
    loop {
        let message = socket.read()?;
        if message.is_close() {
            let _ = socket.flush();
            return Ok(());
        }
        if message.is_text() || message.is_binary() {
            messages += 1;
            answer(&mut socket, message, role, messages, starts)?;
        }
    }
}

fn answer(
    socket: &mut WebSocket<Filter>,
    message: Message,
    role: &str,
    messages: u32,
    starts: u32,
) -> Talk {
    let text = message.to_text().unwrap_or_default().to_owned();
    let length = message.len();
    let answer = match role {
        "text-as-binary" if message.is_text() => Message::binary(text),
        "text-only" if message.is_binary() => {
            eprintln!("TypeError: this server takes text");
            socket.close(Some(CloseFrame {
                code: 1003.into(),
                reason: "".into(),
            }))?;
            return Ok(socket.flush()?);
        }
        "binary-only" if message.is_text() => {
            eprintln!("TypeError: this server takes bytes");
            return Err("a text message".into());
        }
        "ends-on-binary" if message.is_binary() => std::process::exit(7),
        // Sends a message of its own before each answer.
        "greets" => {
            socket.send(Message::text("tick"))?;
            message
        }
        "prefixes" => Message::text(format!("you said: {text}")),
        "ignores" | "greets-only" if text != "ready?" => return Ok(()),
        "drops-empty" if length == 0 => return Ok(()),
        // Sends unsolicited pongs without end.
        "floods" if text.starts_with("plain") => loop {
            for _ in 0..1_000 {
                socket.write(Message::Pong("".into()))?;
            }
            socket.flush()?;
        },
        "small-only" if length >= 1 << 20 => Message::binary(vec![0; 1000]),
        "first-frame" if text == "in three pieces" => Message::text("in "),
        "changes-a-byte" if length == 256 => {
            let mut bytes = message.into_data().to_vec();
            bytes[40] ^= 1;
            Message::binary(bytes)
        }
        // Every tenth message of a connection is wrong, so checks with few messages pass.
        "corrupts" if messages.is_multiple_of(10) => Message::text("x".repeat(length)),
        // The first start is for the gate, the second for round 1.
        #[cfg(unix)]
        "dies" if messages == 20 && starts == 3 => {
            let own = nix::unistd::Pid::this();
            nix::sys::signal::kill(own, nix::sys::signal::Signal::SIGKILL)?;
            return Ok(());
        }
        _ => message,
    };
    Ok(socket.send(answer)?)
}

/// A stream that alters or omits control frames.
struct Filter {
    stream: TcpStream,
    role: String,
}

impl Read for Filter {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.stream.read(buffer)
    }
}

impl Write for Filter {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        const PONG: u8 = 0x8A;
        const CLOSE: u8 = 0x88;
        match (self.role.as_str(), buffer[0]) {
            ("no-pong", PONG) => Ok(buffer.len()),
            ("wrong-close", CLOSE) => {
                self.stream.write_all(&[CLOSE, 2, 0x03, 0xE9])?;
                Ok(buffer.len())
            }
            ("no-close", CLOSE) => {
                self.stream.shutdown(std::net::Shutdown::Both)?;
                Ok(buffer.len())
            }
            _ => self.stream.write(buffer),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

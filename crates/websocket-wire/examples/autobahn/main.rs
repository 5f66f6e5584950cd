//! An echo client for the client test cases of Autobahn's fuzzing server.
//!
//! Run `kosoku -m fuzzingserver HOST:PORT`, then `cargo run -p websocket-wire --example autobahn -- HOST:PORT`. The
//! client runs every case and asks the server to write its report.

#![allow(clippy::print_stdout)]

mod utf8;

use std::error::Error;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use tokio_tungstenite::tungstenite::handshake::client::generate_key;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use websocket_wire::{
    Decoder, Event, FrameHeader, MessageKind, Opcode, append_control_frame, mask,
};

use utf8::Utf8Validator;

const AGENT: &str = "websocket-wire";
const PROTOCOL_ERROR: u16 = 1002;
const INVALID_UTF8: u16 = 1007;
const NORMAL: u16 = 1000;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

fn main() -> Result<()> {
    let address = std::env::args().nth(1).ok_or("which HOST:PORT?")?;
    let mut count = String::new();
    Client::open(&address, "/getCaseCount")?.run(|kind, payload| {
        if kind == MessageKind::Text {
            count = String::from_utf8_lossy(payload).into_owned();
        }
        false
    })?;
    let cases: usize = count.trim().parse()?;
    for case in 1..=cases {
        let path = format!("/runCase?case={case}&agent={AGENT}");
        // A broken connection is a result of the case and part of the report.
        if let Err(error) = Client::open(&address, &path)?.run(|_, _| true) {
            println!("case {case}: {error}");
        }
    }
    Client::open(&address, &format!("/updateReports?agent={AGENT}"))?.run(|_, _| false)?;
    println!("{cases} cases");
    Ok(())
}

struct Client {
    stream: TcpStream,
}

impl Client {
    fn open(address: &str, path: &str) -> Result<Self> {
        let mut stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Duration::from_secs(20)))?;
        let key = generate_key();
        write!(
            stream,
            "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n"
        )?;
        let mut head = Vec::new();
        let mut byte = [0];
        while !head.ends_with(b"\r\n\r\n") {
            stream.read_exact(&mut byte)?;
            head.push(byte[0]);
        }
        let head = String::from_utf8(head)?;
        if !head.contains(&derive_accept_key(key.as_bytes())) {
            return Err(format!("no right handshake: {head}").into());
        }
        Ok(Self { stream })
    }

    fn close(&mut self, code: u16) -> Result<()> {
        let mut bytes = Vec::new();
        append_control_frame(
            &mut bytes,
            Opcode::Close,
            &code.to_be_bytes(),
            rand::random(),
        );
        // The server may have closed the connection already.
        let _ = self.stream.write_all(&bytes);
        Ok(())
    }

    /// Echoes every message for which `echo` returns true, until the server closes or violates the protocol.
    fn run(mut self, mut echo: impl FnMut(MessageKind, &[u8]) -> bool) -> Result<()> {
        let mut decoder = Decoder::default();
        let mut text = Utf8Validator::default();
        let mut message = Vec::new();
        let mut buffer = vec![0; 64 * 1024];
        loop {
            let n = self.stream.read(&mut buffer)?;
            if n == 0 {
                return Ok(());
            }
            let mut input = &buffer[..n];
            loop {
                match decoder.next_event(&mut input) {
                    Ok(None) => break,
                    Ok(Some(Event::Data { kind, part, last })) => {
                        let is_text = kind == MessageKind::Text;
                        let wrong =
                            is_text && (text.push(part).is_err() || last && text.finish().is_err());
                        if wrong {
                            return self.close(INVALID_UTF8);
                        }
                        message.extend_from_slice(part);
                        if last {
                            if echo(kind, &message) {
                                self.send(kind.into(), &message)?;
                            }
                            message.clear();
                        }
                    }
                    Ok(Some(Event::Ping(payload))) => {
                        let mut bytes = Vec::new();
                        append_control_frame(&mut bytes, Opcode::Pong, payload, rand::random());
                        self.stream.write_all(&bytes)?;
                    }
                    Ok(Some(Event::Pong)) => {}
                    Ok(Some(Event::Close { code, .. })) => {
                        return self.close(code.unwrap_or(NORMAL));
                    }
                    Err(_) => return self.close(PROTOCOL_ERROR),
                }
            }
        }
    }

    fn send(&mut self, opcode: Opcode, payload: &[u8]) -> Result<()> {
        let key: [u8; 4] = rand::random();
        let mut bytes = FrameHeader::masked(opcode, payload.len() as u64, key)
            .as_bytes()
            .to_vec();
        let start = bytes.len();
        bytes.extend_from_slice(payload);
        mask(&mut bytes[start..], key, 0);
        self.stream.write_all(&bytes)?;
        Ok(())
    }
}

//! The opening handshake, correct or faulty.

use std::io::{self, ErrorKind, Read, Write};
use std::time::Instant;

use tokio_tungstenite::tungstenite::WebSocket;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};

use super::ConnectionState;
use crate::faults::{Faults, Handshake};

/// Reads the part of the request that has arrived, and answers it once it is complete.
pub(super) fn upgrade(state: &mut ConnectionState, faults: &Faults) -> io::Result<()> {
    let ConnectionState::Head(stream, head) = state else {
        return Ok(());
    };
    let mut byte = [0];
    // Byte by byte, so that nothing behind the head is lost.
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read(&mut byte) {
            Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
            Ok(_) => head.push(byte[0]),
            Err(e) if e.kind() == ErrorKind::WouldBlock => return Ok(()),
            Err(e) => return Err(e),
        }
    }
    let key = String::from_utf8_lossy(head)
        .lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("Sec-WebSocket-Key"))
        .map(|(_, key)| key.trim().to_owned())
        .unwrap_or_default();
    let accept = match faults.handshake {
        Handshake::Correct => derive_accept_key(key.as_bytes()),
        Handshake::WrongAcceptKey => derive_accept_key(b"not the client's key"),
        Handshake::Silent => return Ok(()),
    };
    let answer = format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {accept}\r\n\r\n"
    );
    stream.write_all(answer.as_bytes())?;
    stream.limit = faults.bytes_per_s;
    (stream.since, stream.read) = (Instant::now(), 0);
    let ConnectionState::Head(stream, _) = std::mem::replace(state, ConnectionState::Ended) else {
        return Ok(());
    };
    // Small reads, so that a throttled message counts when its last byte is read.
    let config = WebSocketConfig::default().read_buffer_size(4096);
    let socket = WebSocket::from_raw_socket(stream, Role::Server, Some(config));
    *state = ConnectionState::Open(Box::new(socket));
    Ok(())
}

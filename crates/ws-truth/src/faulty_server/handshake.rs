//! The opening handshake, correct or faulty.

use std::io::{self, ErrorKind, Read, Write};
use std::time::Instant;

use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::frame::Frame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data as OpData, OpCode};
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, WebSocket};

use super::throttled_stream::ThrottledStream;
use super::{ConnectionState, FaultyConnection};
use crate::fault_log::FaultLog;
use crate::faults::{Faults, Handshake};
use crate::upgrade_request::{HEAD_END, REFUSAL, accept_answer, key_in, path_in};

/// Reads the part of the request that has arrived, and answers it once it is complete.
pub(super) fn upgrade(
    connection: &mut FaultyConnection,
    faults: &Faults,
    log: &mut FaultLog,
) -> Result<(), Error> {
    let FaultyConnection { state, path, .. } = connection;
    let ConnectionState::Head(stream, head) = state else {
        return Ok(());
    };
    if !read_head(stream, head)? {
        return Ok(());
    }
    *path = path_in(head);
    let accept = match faults.handshake {
        Handshake::Correct => derive_accept_key(&key_in(head)),
        Handshake::WrongAcceptKey => derive_accept_key(b"not the client's key"),
        Handshake::Silent => return Ok(()),
    };
    if faults.admit.is_some_and(|most| log.admitted >= most) {
        log.refused += 1;
        stream.write_all(REFUSAL)?;
        *state = ConnectionState::Ended(stream.taken);
        return Ok(());
    }
    let mut answer = accept_answer(&accept);
    if let Some(greeting) = faults.greeting {
        // One write, so that it is read before the load begins.
        let frame = Frame::message(greeting, OpCode::Data(OpData::Text), true);
        frame.format(&mut answer)?;
    }
    stream.write_all(&answer)?;
    stream.limit = faults.bytes_per_s;
    (stream.since, stream.read) = (Instant::now(), 0);
    let number = log.admitted;
    log.admitted += 1;
    let ConnectionState::Head(stream, _) = std::mem::replace(state, ConnectionState::Ended(0))
    else {
        return Ok(());
    };
    // Small reads, so that a throttled message counts when its last byte is read.
    let config = WebSocketConfig::default().read_buffer_size(4096);
    let mut socket = WebSocket::from_raw_socket(stream, Role::Server, Some(config));
    if let Some((_, code)) = faults.close_first.filter(|(first, _)| number < *first) {
        socket.close(Some(CloseFrame {
            code: code.into(),
            reason: faults.close_reason.into(),
        }))?;
    }
    *state = ConnectionState::Open(Box::new(socket));
    Ok(())
}

/// Reads the part of the head that has arrived. Returns `true` once the head is complete.
fn read_head(stream: &mut ThrottledStream, head: &mut Vec<u8>) -> io::Result<bool> {
    let mut byte = [0];
    // Byte by byte, so that nothing behind the head is lost.
    while !head.ends_with(HEAD_END) {
        match stream.read(&mut byte) {
            Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
            Ok(_) => head.push(byte[0]),
            Err(e) if e.kind() == ErrorKind::WouldBlock => return Ok(false),
            Err(e) => return Err(e),
        }
    }
    Ok(true)
}

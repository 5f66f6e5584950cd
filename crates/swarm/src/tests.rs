//! Helpers of the unit tests and of the fuzz target's check.

#[cfg(test)]
use std::net::{TcpListener, TcpStream};

use measurement::plan::{LoadDraft, LoadSpec, Plan, ServerUrl};
use websocket_wire::WriteBuffer;

#[cfg(test)]
use crate::connect::opening::{ConnectTimings, OpenedConnection};
#[cfg(test)]
use crate::connect::transport::{Readiness, Transport};
#[cfg(test)]
use crate::connect::upgrade_exchange::UpgradedStream;

use crate::message::payload::{Identity, Payloads};

/// A small valid plan, changed by `change`.
pub(crate) fn plan(change: impl FnOnce(&mut LoadDraft)) -> Plan {
    let mut draft = LoadDraft::closed_loop();
    change(&mut draft);
    let url = ServerUrl::parse("ws://127.0.0.1:1/").unwrap();
    LoadSpec::new(draft).unwrap().against(url).unwrap()
}

/// A connection to a listener that accepts nothing, and the listener.
#[cfg(test)]
pub(crate) fn opened_connection() -> (OpenedConnection, TcpListener) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let socket = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    socket.set_nonblocking(true).unwrap();
    let opened = OpenedConnection {
        reader: UpgradedStream {
            stream: Transport::Tcp(mio::net::TcpStream::from_std(socket)),
            buffer: Vec::new(),
            readiness: Readiness::default(),
        },
        timings: ConnectTimings::default(),
    };
    (opened, listener)
}

/// The complete payload of a message.
pub(crate) fn whole_payload(payloads: &Payloads, identity: Identity) -> Vec<u8> {
    let shape = payloads.shape(identity);
    let mut buffer = WriteBuffer::new(usize::try_from(shape.size()).unwrap());
    // A mask of zeros leaves the bytes unchanged.
    payloads.put_masked(&mut buffer, identity, shape, 0..shape.size(), [0; 4]);
    buffer.as_bytes().to_vec()
}

//! The server, observed by plain clients.

use std::net::TcpStream;
use std::time::Duration;

use socket2::SockRef;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::{Error, Message, WebSocket, client};

use super::*;
use crate::admission_log::LoggedEnd;
use crate::admission_rules::{
    ExcessHandshakes, HandshakeLimit, LimitBegin, RestartPort, ServerRestart,
};

type PlainClient = WebSocket<TcpStream>;

/// The status of the answer to a handshake, or the open connection.
fn connect(server: &AdmissionServer) -> Result<PlainClient, u16> {
    let stream = TcpStream::connect(server.address).unwrap();
    match client(server.url(), stream) {
        Ok((socket, _)) => Ok(socket),
        Err(tokio_tungstenite::tungstenite::HandshakeError::Failure(Error::Http(response))) => {
            Err(response.status().as_u16())
        }
        Err(error) => panic!("{error}"),
    }
}

/// Sends message `number` of this client.
fn send(socket: &mut PlainClient, client: u32, number: u64) {
    let text = format!("{client:06x}{number:010x} and more");
    socket.send(Message::text(text)).unwrap();
}

fn reset(socket: PlainClient) {
    let stream = SockRef::from(socket.get_ref());
    stream.set_linger(Some(Duration::ZERO)).unwrap();
    drop(socket);
}

fn limit(per_second: f64, excess: ExcessHandshakes) -> AdmissionRules {
    AdmissionRules {
        limit: Some(HandshakeLimit {
            per_second,
            begin: LimitBegin::FirstLoss,
            excess,
        }),
        ..AdmissionRules::default()
    }
}

#[test]
fn handshakes_wait_their_turn_after_the_first_loss() {
    let server = AdmissionServer::start(limit(100.0, ExcessHandshakes::Wait)).unwrap();
    let [first, _second] = [(); 2].map(|()| connect(&server).unwrap());
    reset(first);
    std::thread::scope(|scope| {
        for _ in 0..10 {
            scope.spawn(|| connect(&server).unwrap());
        }
    });
    let log = server.finish();
    let begin_ns = log.first_loss_ns.unwrap();
    let since = log.admitted_since(begin_ns);
    assert_eq!((since.len(), log.admitted().count()), (10, 12));
    for (at_ns, k) in since.iter().zip(1..) {
        // Never early. A sleep may last longer, so nothing is asserted about late ones.
        assert!(*at_ns >= k * 10_000_000, "handshake {k} at {at_ns} ns");
    }
    assert_eq!(log.ended(LoggedEnd::Reset), 1);
    assert_eq!(log.requests(), 12);
    assert_eq!(log.refused(), 0);
}

#[test]
fn handshakes_beyond_the_limit_are_refused_and_counted() {
    let server = AdmissionServer::start(limit(20.0, ExcessHandshakes::Refused)).unwrap();
    drop(connect(&server).unwrap());
    let mut refused = 0;
    let mut admitted = Vec::new();
    while admitted.len() < 3 {
        match connect(&server) {
            Ok(socket) => admitted.push(socket),
            Err(status) => {
                assert_eq!(status, 503);
                refused += 1;
            }
        }
    }
    drop(admitted);
    let log = server.finish();
    assert!(refused > 0);
    assert_eq!(log.refused(), refused);
    assert_eq!(log.requests(), refused + 4);
}

#[test]
fn a_client_that_gives_up_takes_no_turn() {
    let server = AdmissionServer::start(limit(20.0, ExcessHandshakes::Wait)).unwrap();
    reset(connect(&server).unwrap());
    let request = "GET / HTTP/1.1\r\nHost: h\r\nSec-WebSocket-Key: k\r\n\r\n";
    let impatient = TcpStream::connect(server.address).unwrap();
    io::Write::write_all(&mut &impatient, request.as_bytes()).unwrap();
    drop(impatient);
    connect(&server).unwrap();
    let log = server.finish();
    assert_eq!(log.admitted().count(), 2);
    assert_eq!(log.requests(), 3);
}

#[test]
fn a_restart_ends_all_connections_and_loses_their_messages() {
    let down_for = Duration::from_millis(50);
    for (close_code, while_down) in [
        (Some(1012), RestartPort::Answers503),
        (None, RestartPort::Closed),
    ] {
        let server = AdmissionServer::start(AdmissionRules {
            restart: Some(ServerRestart {
                after: Duration::from_millis(100),
                silence: Duration::from_millis(100),
                close_code,
                down_for,
                while_down,
            }),
            ..AdmissionRules::default()
        })
        .unwrap();
        let mut clients = [(); 3].map(|()| connect(&server).unwrap());
        for (socket, client) in clients.iter_mut().zip(0..) {
            send(socket, client, 0);
        }
        for socket in &mut clients {
            let end = loop {
                match socket.read() {
                    Ok(Message::Text(_)) => {}
                    end => break end,
                }
            };
            let code = match end {
                Ok(Message::Close(Some(CloseFrame { code, .. }))) => Some(u16::from(code)),
                _ => None,
            };
            assert_eq!(code, close_code);
            let _ = socket.flush();
        }
        let mut back = loop {
            if let Ok(stream) = TcpStream::connect(server.address)
                && let Ok((socket, _)) = client(server.url(), stream)
            {
                break socket;
            }
            std::thread::yield_now();
        };
        send(&mut back, 0, 1);
        assert!(back.read().unwrap().is_text());
        drop((back, clients));
        let log = server.finish();
        assert_eq!(log.ended(LoggedEnd::ByServer), 3);
        assert_eq!((log.messages.len(), log.unanswered()), (4, 2));
        assert_eq!(log.different_messages(), 4);
        let (down, up) = log.restart_ns.unwrap();
        assert!(up - down >= nanoseconds(down_for));
        if while_down == RestartPort::Closed {
            assert_eq!(log.refused(), 0);
        }
        let by_client = log.by_client();
        let of_each: Vec<_> = by_client.values().map(Vec::len).collect();
        assert_eq!(of_each, [2, 1, 1]);
    }
}

#[test]
fn connections_from_before_the_first_loss_get_no_answers() {
    let server = AdmissionServer::start(AdmissionRules {
        silent_after: Some(Duration::ZERO),
        ..AdmissionRules::default()
    })
    .unwrap();
    let [mut first, mut second] = [(); 2].map(|()| connect(&server).unwrap());
    send(&mut first, 0, 0);
    assert!(first.read().unwrap().is_text(), "not silent yet");
    for (socket, client) in [(&mut first, 0), (&mut second, 1)] {
        send(socket, client, 1);
    }
    reset(first);
    let mut third = connect(&server).unwrap();
    send(&mut third, 0, 2);
    assert!(third.read().unwrap().is_text());
    drop((second, third));
    let log = server.finish();
    assert_eq!((log.messages.len(), log.unanswered()), (4, 2));
}

#[test]
fn each_connection_is_greeted_once() {
    let server = AdmissionServer::start(AdmissionRules {
        greeting_after: Some(Duration::from_millis(20)),
        ..AdmissionRules::default()
    })
    .unwrap();
    for client in 0..2 {
        let mut socket = connect(&server).unwrap();
        assert_eq!(socket.read().unwrap(), Message::text(WELCOME));
        send(&mut socket, client, 0);
        assert_ne!(socket.read().unwrap(), Message::text(WELCOME));
    }
}

#[test]
fn silent_connections_get_a_ping_and_a_message() {
    let server = AdmissionServer::start(AdmissionRules {
        ping_after: Some(Duration::ZERO),
        ..AdmissionRules::default()
    })
    .unwrap();
    let [mut silent, mut other] = [(); 2].map(|()| connect(&server).unwrap());
    send(&mut other, 0, 0);
    assert!(silent.read().unwrap().is_ping());
    assert_eq!(silent.read().unwrap(), Message::text(NEWS));
    other.read().unwrap();
    for (mut socket, code) in [(silent, 1000), (other, 1001)] {
        let frame = CloseFrame {
            code: code.into(),
            reason: "".into(),
        };
        socket.close(Some(frame)).unwrap();
        while socket.read().is_ok() {}
    }
    let log = server.finish();
    let [silent, other] = log.connections[..] else {
        panic!("{log:?}");
    };
    assert_eq!((silent.pings, silent.pongs, silent.messages), (1, 1, 0));
    assert_eq!((other.pings, other.messages), (1, 1));
    assert_eq!(log.ended(LoggedEnd::Closed(1000)), 1);
    assert_eq!(log.ended(LoggedEnd::Closed(1001)), 1);
}

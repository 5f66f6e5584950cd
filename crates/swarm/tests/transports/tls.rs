//! `wss://`: certificates, records and the end of the session.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use crate::common::{
    Server, accept, accept_and_send, answer, closed, messages, plan, plan_as, run, size,
};
use crate::{SIZES, assert_flawless};
use futures_util::{SinkExt, StreamExt};
use measurement::plan::{CertificatePolicy, ClientIdentity, LoadDraft};
use measurement::record::{CertificateDefect, ClientCertificateDefect, ConnectFailure};
use rcgen::{CertificateParams, KeyPair};
use rustls::pki_types::PrivateKeyDer;
use rustls::{ServerConfig, SupportedProtocolVersion};
use swarm::{RunHandle, SwarmError};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_tungstenite::tungstenite::Message;

type TlsStream = tokio_rustls::server::TlsStream<TcpStream>;

/// A server with its own certificate for these names.
struct TlsServer {
    server: Server,
    /// The certificate in PEM.
    pem: String,
}

impl TlsServer {
    fn start<S, F>(serve: S) -> Self
    where
        S: Fn(TlsStream) -> F + Clone + Send + 'static,
        F: Future<Output = ()> + Send + 'static,
    {
        Self::start_with(&["localhost", "127.0.0.1"], rustls::ALL_VERSIONS, serve)
    }

    fn start_with<S, F>(
        names: &[&str],
        versions: &[&'static SupportedProtocolVersion],
        serve: S,
    ) -> Self
    where
        S: Fn(TlsStream) -> F + Clone + Send + 'static,
        F: Future<Output = ()> + Send + 'static,
    {
        Self::start_on(TcpSocket::new_v4().unwrap(), names, versions, serve)
    }

    fn start_on<S, F>(
        socket: TcpSocket,
        names: &[&str],
        versions: &[&'static SupportedProtocolVersion],
        serve: S,
    ) -> Self
    where
        S: Fn(TlsStream) -> F + Clone + Send + 'static,
        F: Future<Output = ()> + Send + 'static,
    {
        let key = KeyPair::generate().unwrap();
        let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut certificate = CertificateParams::new(names).unwrap();
        // Every certificate has a different name.
        let name = format!("{:?}", &key.public_key_raw()[..16]);
        certificate
            .distinguished_name
            .push(rcgen::DnType::CommonName, name);
        let certificate = certificate.self_signed(&key).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(versions)
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(
                vec![certificate.der().clone()],
                PrivateKeyDer::Pkcs8(key.serialize_der().into()),
            )
            .unwrap();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let server = Server::start_on(socket, move |_, stream| {
            let (acceptor, serve) = (acceptor.clone(), serve.clone());
            async move {
                // Clients that do not trust the certificate end the handshake with an alert.
                if let Ok(stream) = acceptor.accept(stream).await {
                    let session = stream.get_ref().1;
                    assert_eq!(session.alpn_protocol(), Some(&b"http/1.1"[..]));
                    serve(stream).await;
                }
            }
        });
        let pem = certificate.pem();
        Self { server, pem }
    }

    /// A plan for `host` whose clients trust the server's certificate.
    fn plan_for(&self, host: &str, change: impl FnOnce(&mut LoadDraft)) -> measurement::plan::Plan {
        let roots = CertificatePolicy::Roots(self.pem.clone().into_bytes());
        plan(&self.url(host), roots, change)
    }

    fn url(&self, host: &str) -> String {
        format!("wss://{host}:{}/", self.server.address.port())
    }

    /// A plan with another certificate policy.
    fn plan_with(&self, policy: CertificatePolicy) -> measurement::plan::Plan {
        plan(&self.url("127.0.0.1"), policy, |_| {})
    }

    fn plan(&self, change: impl FnOnce(&mut LoadDraft)) -> measurement::plan::Plan {
        self.plan_for("127.0.0.1", change)
    }
}

async fn echo(stream: TlsStream) {
    answer(stream, |_, message| vec![message]).await;
}

#[test]
fn over_tls_every_message_comes_back_whole() {
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let server = TlsServer::start_with(&["127.0.0.1"], &[version], echo);
        for (payload, window) in SIZES {
            let recording = run(&server.plan(|plan| {
                plan.payload = payload;
                plan.text = window == 1;
                plan.load = closed(window);
                plan.length = messages(16);
            }));
            assert_flawless(&recording, 64);
            let took = &recording.context.connect_ns;
            let tls = took.tls.expect("a TLS handshake is timed");
            assert_eq!((tls.count, took.upgrade.count), (4, 4));
            let parts = [took.tcp.min, tls.min, took.upgrade.min];
            assert!(parts.map(Option::unwrap).iter().sum::<u64>() <= took.total.max.unwrap());
        }
    }
}

#[test]
fn without_tls_none_is_timed() {
    let server = Server::start(|_, stream| answer(stream, |_, message| vec![message]));
    assert_eq!(run(&server.plan(|_| {})).context.connect_ns.tls, None);
}

#[test]
fn the_certificate_has_to_be_for_the_host() {
    let server = TlsServer::start_with(&["localhost"], rustls::ALL_VERSIONS, echo);
    assert_flawless(&run(&server.plan_for("localhost", |_| {})), 40);
    let error = swarm::record(&server.plan(|_| {}), &RunHandle::new()).unwrap_err();
    let text = error.to_string();
    assert!(text.contains("not valid for name \"127.0.0.1\""), "{text}");
    let plan = server.plan_with(CertificatePolicy::Unchecked);
    assert_flawless(&run(&plan), 40);
}

#[test]
fn an_unknown_certificate_is_rejected_unless_unchecked() {
    let server = TlsServer::start(echo);
    let other = TlsServer::start(echo);
    let stranger = server.plan_with(CertificatePolicy::Roots(other.pem.clone().into_bytes()));
    let error = swarm::record(&stranger, &RunHandle::new()).unwrap_err();
    match &error {
        SwarmError::NothingConnected {
            attempted, cause, ..
        } => {
            let unknown = ConnectFailure::Certificate(CertificateDefect::UnknownIssuer);
            assert_eq!((*attempted, cause), (4, &unknown));
        }
        error => panic!("{error}"),
    }
    assert!(
        error
            .to_string()
            .contains(" opened: certificate: UnknownIssuer"),
        "{error}"
    );
    let plan = server.plan_with(CertificatePolicy::Unchecked);
    assert_flawless(&run(&plan), 40);
}

#[test]
fn unusable_certificates_are_reported_first() {
    let plan = plan(
        "wss://127.0.0.1:1/",
        CertificatePolicy::Roots(b"nothing".to_vec()),
        |_| {},
    );
    let error = swarm::record(&plan, &RunHandle::new()).unwrap_err();
    assert!(matches!(error, SwarmError::Roots(_)), "{error}");
}

#[test]
fn a_server_without_tls_is_reported() {
    let server = Server::start(|_, mut stream| async move {
        let _ = stream.read_u8().await;
        let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
    });
    let url = format!("wss://{}/", server.address);
    let plan = plan(&url, CertificatePolicy::Unchecked, |_| {});
    let error = swarm::record(&plan, &RunHandle::new()).unwrap_err();
    let SwarmError::NothingConnected { cause, .. } = error else {
        panic!("{error}");
    };
    assert_eq!(cause, ConnectFailure::NotTls);
}

#[test]
fn an_end_without_close_notify_is_not_a_failure() {
    // `echo` drops its socket after the close frames. This server closes TLS as well.
    let (sender, goodbyes) = std::sync::mpsc::channel();
    let polite = TlsServer::start(move |stream| {
        let sender = sender.clone();
        async move {
            let mut socket = accept(stream).await;
            while let Some(Ok(message)) = socket.next().await {
                if message.is_text() {
                    socket.send(message).await.unwrap();
                }
            }
            let mut stream = socket.into_inner();
            let _ = stream.shutdown().await;
            // The end of TCP without the end of TLS would be an error.
            sender.send(stream.read(&mut [0]).await).unwrap();
        }
    });
    assert_flawless(&run(&TlsServer::start(echo).plan(|_| {})), 40);
    assert_flawless(&run(&polite.plan(|_| {})), 40);
    for _ in 0..4 {
        let goodbye = goodbyes.recv_timeout(Duration::from_secs(20)).unwrap();
        assert_eq!(goodbye.unwrap(), 0, "the client says goodbye too");
    }

    // During a run, a missing close frame is reported as over TCP.
    let rude = TlsServer::start(|stream| async move {
        let mut socket = accept(stream).await;
        let first = socket.next().await.unwrap().unwrap();
        socket.send(first).await.unwrap();
        // Ends TCP alone, and reads to the end to avoid a reset.
        let mut stream = socket.into_inner();
        stream.get_mut().0.shutdown().await.unwrap();
        while let Ok(1..) = stream.read(&mut [0; 1024]).await {}
    });
    let recording = run(&rude.plan(|_| {}));
    assert_eq!(recording.record.counts.received, 4);
    let reason = "the server closed the connection without a close frame".to_owned();
    assert_eq!(
        recording.context.connections.early_ends,
        [(reason, 4)].into()
    );
}

#[test]
fn a_full_socket_holds_nothing_back_for_good() {
    // Through a pipe of 1 KiB, the server reads so slowly that clients find their sockets full when their messages are
    // already encrypted.
    let server = TlsServer::start(|mut stream| async move {
        let (mut near, far) = tokio::io::duplex(1024);
        let piping = tokio::io::copy_bidirectional(&mut stream, &mut near);
        let _ = tokio::join!(piping, answer(far, |_, message| vec![message]));
    });
    for (payload, window) in [(60_000, 160), (1 << 20, 12)] {
        let recording = run(&server.plan(|plan| {
            plan.clients = NonZeroU32::new(1).unwrap();
            plan.payload = size(payload);
            // All messages at once, more than the system's buffers hold.
            plan.load = closed(window);
            plan.length = messages(window.into());
        }));
        assert!(
            recording.context.client.blocked_writes > 0,
            "no write was blocked"
        );
        assert_flawless(&recording, window.into());
    }
}

/// A socket with packets and window so small that it accepts less than a message of 60,000 bytes. TLS accepts all of it
/// and holds the rest, and there is nothing else to send before the echo.
#[cfg(target_os = "linux")]
fn small_socket() -> TcpSocket {
    use nix::sys::socket::{setsockopt, sockopt};
    let socket = TcpSocket::new_v4().unwrap();
    setsockopt(&socket, sockopt::TcpMaxSeg, &536).unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    socket
}

#[cfg(target_os = "linux")]
#[test]
fn the_last_of_a_message_goes_out_when_nothing_follows_it() {
    let server = TlsServer::start_on(small_socket(), &["127.0.0.1"], rustls::ALL_VERSIONS, echo);
    let recording = run(&server.plan(|plan| {
        // Much longer than the buffers of both sockets.
        plan.payload = size(600_000);
        plan.length = messages(5);
    }));
    assert!(
        recording.context.client.blocked_writes > 0,
        "no write was blocked"
    );
    assert_flawless(&recording, 20);
}

#[cfg(target_os = "linux")]
#[test]
fn a_server_that_stops_reading_is_reported() {
    let server = TlsServer::start_on(
        small_socket(),
        &["127.0.0.1"],
        rustls::ALL_VERSIONS,
        |stream| async move {
            let _held = accept(stream).await;
            std::future::pending::<()>().await;
        },
    );
    let recording = run(&server.plan(|plan| {
        plan.payload = size(60_000);
        plan.timeout = Duration::from_millis(100);
    }));
    let reason = "the server stopped reading for as long as the timeout".to_owned();
    assert_eq!(
        recording.context.connections.early_ends,
        [(reason, 4)].into()
    );
}

#[test]
fn decrypted_bytes_are_read_without_another_event() {
    // The answer to the upgrade, a long message and a ping in one record, then nothing until the ping is answered.
    let server = TlsServer::start(|stream| async move {
        let mut frames = vec![0x81, 126, 0x1F, 0x40];
        frames.extend([b'x'; 8000]);
        frames.extend(b"\x89\x02hi");
        let mut socket = accept_and_send(stream, &frames).await;
        let mut early = Vec::new();
        loop {
            match socket.next().await.unwrap().unwrap() {
                Message::Pong(payload) => {
                    assert_eq!(&payload[..], b"hi");
                    break;
                }
                message => early.push(message),
            }
        }
        for message in early {
            socket.send(message).await.unwrap();
        }
        while let Some(Ok(message)) = socket.next().await {
            if message.is_text() {
                socket.send(message).await.unwrap();
            }
        }
    });
    let recording = run(&server.plan(|_| {}));
    assert_eq!(recording.record.counts.received, 40);
    assert_eq!(
        recording.context.connections.close_codes,
        [(1000, 4)].into()
    );
}

/// A server for this TLS version that requires a self-signed client certificate, and the client's identity.
fn mutual_server(version: &'static SupportedProtocolVersion) -> (Server, ClientIdentity) {
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(["127.0.0.1".to_owned()]).unwrap();
    let certificate = certificate.self_signed(&key).unwrap();
    let identity = ClientIdentity {
        certificate: certificate.pem().into_bytes(),
        key: key.serialize_pem().into_bytes(),
    };
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut roots = rustls::RootCertStore::empty();
    roots.add(certificate.der().clone()).unwrap();
    let verifier = rustls::server::WebPkiClientVerifier::builder_with_provider(
        Arc::new(roots),
        Arc::clone(&provider),
    );
    let config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[version])
        .unwrap()
        .with_client_cert_verifier(verifier.build().unwrap())
        .with_single_cert(
            vec![certificate.der().clone()],
            PrivateKeyDer::Pkcs8(key.serialize_der().into()),
        )
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let server = Server::start(move |_, stream| {
        let acceptor = acceptor.clone();
        async move {
            if let Ok(stream) = acceptor.accept(stream).await {
                echo(stream).await;
            }
        }
    });
    (server, identity)
}

fn cause_of(plan: &measurement::plan::Plan) -> ConnectFailure {
    match swarm::record(plan, &RunHandle::new()).unwrap_err() {
        SwarmError::NothingConnected { cause, .. } => cause,
        error => panic!("{error}"),
    }
}

#[test]
fn a_server_that_asks_for_a_client_certificate_gets_it_or_is_named() {
    let (_, stranger) = mutual_server(&rustls::version::TLS13);
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let (server, identity) = mutual_server(version);
        let plan = |identity: Option<ClientIdentity>| {
            let url = format!("wss://{}/", server.address);
            plan_as(&url, CertificatePolicy::Unchecked, identity, |_| {})
        };
        assert_flawless(&run(&plan(Some(identity))), 40);
        assert_eq!(
            cause_of(&plan(None)),
            ConnectFailure::ClientCertificate(ClientCertificateDefect::Missing)
        );
        let refused = cause_of(&plan(Some(stranger.clone())));
        assert!(
            matches!(
                refused,
                ConnectFailure::ClientCertificate(ClientCertificateDefect::Refused(_))
            ),
            "{refused}"
        );
    }
}

#[test]
fn a_server_of_http_2_alone_is_named() {
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let key = PrivateKeyDer::Pkcs8(made.signing_key.serialize_der().into());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    config.alpn_protocols = vec![b"h2".to_vec()];
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let server = Server::start(move |_, stream| {
        let acceptor = acceptor.clone();
        async move { drop(acceptor.accept(stream).await) }
    });
    let url = format!("wss://{}/", server.address);
    let cause = cause_of(&plan(&url, CertificatePolicy::Unchecked, |_| {}));
    assert_eq!(cause, ConnectFailure::TlsNoHttp1);
}

#[test]
fn a_slow_reader_keeps_its_rate_with_tls() {
    let server = TlsServer::start(|stream| async move {
        let mut socket = accept(stream).await;
        socket.next().await;
        while socket.send(Message::text("x".repeat(30_000))).await.is_ok() {}
    });
    let text = "[[setup]]\nsend = 'begin'\n[push]\nmatch = 'x${*}'\n[roles.lazy]\ncount = 1\n\
        read = \"100KiB/s\"\n[roles.eager]\n";
    let plan = server.plan(|plan| {
        plan.scenario = crate::common::scenario(text);
        plan.length = measurement::plan::Length::Duration(Duration::from_millis(700));
    });
    let recording = run(&plan);
    let slow = recording.record.slow.as_deref().unwrap();
    assert_eq!((slow.clients, slow.reading_ns), (1, 700_000_000));
    assert!(slow.read_bytes > 0 && slow.read_bytes <= 70 * 1024 + 1024);
    let push = recording.record.push.as_deref().unwrap();
    assert_eq!(push.clients, 3);
    assert_eq!(recording.context.connections.closed_early, 0);
}

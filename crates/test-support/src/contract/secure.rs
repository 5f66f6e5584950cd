//! The echo over TLS.

use std::{net::SocketAddr, path::PathBuf, sync::Arc};

use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio_rustls::{
    TlsConnector,
    client::TlsStream,
    rustls::{
        ClientConfig, RootCertStore,
        crypto::ring,
        pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject},
    },
};

use super::{
    client::{BINARY, CLOSE, Client, PING, PONG, TEXT, UPGRADE, close, frame},
    running_program::{ProgramUnderTest, RunningProgram},
    within,
};

/// A certificate for `localhost` and its key, as files.
struct Identity {
    folder: TempDir,
    certificate: CertificateDer<'static>,
}

impl Identity {
    fn new() -> Self {
        let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        let identity = Self {
            folder: tempfile::tempdir().unwrap(),
            certificate: made.cert.der().clone(),
        };
        std::fs::write(identity.path("cert.pem"), made.cert.pem()).unwrap();
        std::fs::write(identity.path("key.pem"), made.signing_key.serialize_pem()).unwrap();
        identity
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The flags for these files in the folder.
    fn flags(&self, certificate: &str, key: &str) -> [String; 2] {
        [
            format!("--tls-cert={}", self.path(certificate).display()),
            format!("--tls-key={}", self.path(key).display()),
        ]
    }

    async fn serve(&self, program: ProgramUnderTest, flags: &[&str]) -> RunningProgram {
        let ours = self.flags("cert.pem", "key.pem");
        program
            .start(&[&[ours[0].as_str(), ours[1].as_str()], flags].concat())
            .await
    }

    /// Opens a TLS connection without sending a request.
    async fn open(&self, address: SocketAddr) -> Client<TlsStream<TcpStream>> {
        self.open_as(address, None).await
    }

    /// Like [`open`](Self::open), with a client certificate.
    async fn open_as(
        &self,
        address: SocketAddr,
        client: Option<&Self>,
    ) -> Client<TlsStream<TcpStream>> {
        let mut roots = RootCertStore::empty();
        roots.add(self.certificate.clone()).unwrap();
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots);
        let mut config = match client {
            Some(client) => {
                let key = PrivateKeyDer::from_pem_file(client.path("key.pem")).unwrap();
                let chain = vec![client.certificate.clone()];
                config.with_client_auth_cert(chain, key).unwrap()
            }
            None => config.with_no_client_auth(),
        };
        // Like a browser, which prefers the first.
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        let stream = within(TcpStream::connect(address)).await.unwrap();
        let name = ServerName::try_from("localhost").unwrap();
        let connecting = TlsConnector::from(Arc::new(config)).connect(name, stream);
        Client::over(within(connecting).await.unwrap())
    }

    async fn connect(&self, address: SocketAddr) -> Client<TlsStream<TcpStream>> {
        let mut client = self.open(address).await;
        client.upgrade().await;
        client
    }
}

pub async fn messages_come_back_unchanged(program: ProgramUnderTest) {
    let identity = Identity::new();
    let running = identity.serve(program, &["--path=/ws"]).await;
    let address = running.address();
    assert_eq!(running.line, format!("listening on wss://{address}/ws\n"));
    let mut client = identity.connect(address).await;
    let protocol = client.stream.get_ref().1.alpn_protocol();
    assert_eq!(protocol, Some(&b"http/1.1"[..]));
    client.echoes(TEXT, "žluťoučký kůň".as_bytes()).await;
    client.echoes(BINARY, &vec![7; 1 << 20]).await;
    client.send(&frame(PING, b"there?")).await;
    assert_eq!(client.next().await, Some((PONG, b"there?".to_vec())));
    client.send(&close(4000, "bye")).await;
    let payload = [&4000_u16.to_be_bytes(), &b"bye"[..]].concat();
    assert_eq!(client.next().await, Some((CLOSE, payload)));
    assert_eq!(client.next().await, None);
}

/// One record contains the request and all messages, so the server must not wait for bytes that TLS has already read.
pub async fn many_messages_in_the_record_of_the_request_are_not_lost(program: ProgramUnderTest) {
    const COUNT: u8 = 200;
    let identity = Identity::new();
    let running = identity.serve(program, &[]).await;
    let mut client = identity.open(running.address()).await;
    let messages = (0..COUNT).flat_map(|number| frame(BINARY, &[number]));
    let packet: Vec<u8> = UPGRADE.bytes().chain(messages).collect();
    client.send(&packet).await;
    client.upgraded().await;
    for number in 0..COUNT {
        assert_eq!(client.next().await, Some((BINARY, vec![number])));
    }
}

pub async fn pages_are_served_too(program: ProgramUnderTest) {
    let identity = Identity::new();
    let running = identity.serve(program, &[]).await;
    let mut client = identity.open(running.address()).await;
    client
        .send(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        .await;
    let page = client.rest().await;
    assert!(page.starts_with("HTTP/1.1 200 "), "{page}");
    assert!(page.ends_with("\r\n\r\nok"), "{page}");
}

pub async fn who_speaks_no_tls_or_nothing_is_dropped(program: ProgramUnderTest) {
    let identity = Identity::new();
    let running = identity
        .serve(program, &["--handshake-timeout=200ms"])
        .await;
    let mut plain = Client::open(running.address()).await;
    plain.send(UPGRADE.as_bytes()).await;
    plain.dropped().await;
    let silent = Client::open(running.address()).await;
    silent.dropped().await;
    // The start of a record that never ends.
    let mut halfway = Client::open(running.address()).await;
    halfway.send(b"\x16\x03\x01\x02\x00\x01").await;
    halfway.dropped().await;
    // The limit also covers the time after the TLS handshake.
    identity.open(running.address()).await.dropped().await;
    let mut client = identity.connect(running.address()).await;
    client.echoes(TEXT, b"still served").await;
}

pub async fn only_clients_with_a_certificate_are_served_where_one_is_asked(
    program: ProgramUnderTest,
) {
    let (identity, client, stranger) = (Identity::new(), Identity::new(), Identity::new());
    let ca = format!("--tls-client-ca={}", client.path("cert.pem").display());
    let running = identity.serve(program, &[&ca]).await;
    let mut known = identity.open_as(running.address(), Some(&client)).await;
    known.upgrade().await;
    known.echoes(TEXT, b"in").await;
    for refused in [None, Some(&stranger)] {
        // In TLS 1.3, the refusal arrives after the client's handshake is complete.
        let mut refused = identity.open_as(running.address(), refused).await;
        refused.send(UPGRADE.as_bytes()).await;
        refused.dropped().await;
    }
}

pub async fn one_connection_too_many_is_told_so(program: ProgramUnderTest) {
    let identity = Identity::new();
    let running = identity.serve(program, &["--max-connections=1"]).await;
    let mut first = identity.connect(running.address()).await;
    let mut second = identity.open(running.address()).await;
    second.send(UPGRADE.as_bytes()).await;
    let answer = second.rest().await;
    assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
    first.echoes(TEXT, b"here").await;
}

pub async fn a_message_too_large_is_closed_with_1009(program: ProgramUnderTest) {
    let identity = Identity::new();
    let running = identity.serve(program, &["--max-message-size=10"]).await;
    let mut client = identity.connect(running.address()).await;
    client.send(&frame(TEXT, b"12345678901")).await;
    client.closed_with(1009).await;
    assert_eq!(client.next().await, None);
}

#[cfg(unix)]
pub async fn a_signal_closes_with_1001_after_what_had_been_sent(program: ProgramUnderTest) {
    const COUNT: u32 = 5_000;
    let identity = Identity::new();
    let running = identity.serve(program, &["--drain-timeout=1h"]).await;
    let mut client = identity.connect(running.address()).await;
    // The server must not wait for either of these.
    let silent = Client::open(running.address()).await;
    let mut other = identity.connect(running.address()).await;
    other.echoes(TEXT, b"x").await;
    let all: Vec<u8> = (0..COUNT)
        .flat_map(|number| frame(BINARY, &number.to_be_bytes()))
        .collect();
    client.send(&all).await;
    running.signal("-TERM").await;
    for number in 0..COUNT {
        let echo = client.next().await;
        assert_eq!(echo, Some((BINARY, number.to_be_bytes().to_vec())));
    }
    for mut client in [client, other] {
        client.closed_with(1001).await;
        client.send(&close(1001, "")).await;
        assert_eq!(client.next().await, None);
    }
    silent.dropped().await;
    assert_eq!(running.end().await, (Some(0), String::new()));
}

pub async fn what_cannot_be_served_with_is_an_error_that_names_the_file(program: ProgramUnderTest) {
    let identity = Identity::new();
    let other = Identity::new();
    std::fs::copy(other.path("key.pem"), identity.path("other.pem")).unwrap();
    std::fs::write(identity.path("none.pem"), "no PEM").unwrap();
    for (certificate, key, named) in [
        ("missing.pem", "key.pem", "missing.pem"),
        ("cert.pem", "missing.pem", "missing.pem"),
        ("none.pem", "key.pem", "none.pem"),
        ("cert.pem", "none.pem", "none.pem"),
        ("key.pem", "key.pem", "key.pem"),
        ("cert.pem", "cert.pem", "cert.pem"),
        ("cert.pem", "other.pem", "other.pem"),
    ] {
        let flags = identity.flags(certificate, key);
        let failed = program
            .output(&["--bind=127.0.0.1:0", &flags[0], &flags[1]])
            .await;
        assert_eq!(failed.status.code(), Some(1), "{flags:?}");
        assert!(failed.stdout.is_empty(), "{flags:?}");
        let stderr = String::from_utf8(failed.stderr).unwrap();
        assert!(stderr.starts_with("error: "), "{stderr}");
        let path = identity.path(named).display().to_string();
        assert!(stderr.contains(&path), "{stderr}");
        assert_eq!(stderr.lines().count(), 1, "{stderr}");
    }
}

//! The program with `wss://` and Unix sockets: flags, texts and exit codes.

#![allow(clippy::unwrap_used)]

mod common;

use std::sync::Arc;

use common::{Bench, stderr, stdout};
use futures_util::{SinkExt, StreamExt};
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

/// A TLS echo server on a free loopback port, and its certificate.
struct TlsServer {
    url: String,
    pem: String,
    _runtime: tokio::runtime::Runtime,
}

impl TlsServer {
    fn start() -> Self {
        let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
        let key = PrivateKeyDer::Pkcs8(made.signing_key.serialize_der().into());
        // Set explicitly, so that the test does not depend on other providers in the build.
        let provider = Arc::new(tokio_rustls::rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key)
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let listener = runtime
            .block_on(tokio::net::TcpListener::bind("127.0.0.1:0"))
            .unwrap();
        let url = format!("wss://{}/", listener.local_addr().unwrap());
        runtime.spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let accepting = acceptor.accept(stream);
                tokio::spawn(async move {
                    if let Ok(stream) = accepting.await {
                        echo(stream).await;
                    }
                });
            }
        });
        Self {
            url,
            pem: made.cert.pem(),
            _runtime: runtime,
        }
    }
}

async fn echo<S: AsyncRead + AsyncWrite + Unpin>(stream: S) {
    let mut socket = tokio_tungstenite::accept_async(stream).await.unwrap();
    while let Some(Ok(message)) = socket.next().await {
        if message.is_text() || message.is_binary() {
            socket.send(message).await.unwrap();
        }
    }
}

#[test]
fn a_certificate_is_trusted_that_is_named() {
    let server = TlsServer::start();
    let bench = Bench::new();
    std::fs::write(bench.path("ca.pem"), &server.pem).unwrap();
    let line = format!(
        "{} --ca-cert ca.pem -c 3 -m 10 --warmup 0s -o a.json",
        server.url
    );
    let output = bench.run(&line);
    let out = stdout(&output);
    assert_eq!(output.status.code(), Some(0), "{out}{}", stderr(&output));
    assert!(out.contains("30 sent · 30 echoed · 0 lost"), "{out}");
    assert!(
        out.contains("TLS p50 ") && !out.contains("not checked"),
        "{out}"
    );
    let json: Value =
        serde_json::from_slice(&std::fs::read(bench.path("a.json")).unwrap()).unwrap();
    assert_eq!(json["connect_ns"]["tls"]["count"], 3);
    assert_eq!(json["plan"]["certificate_checked"], true);
    assert_eq!(json["plan"]["url"], server.url.as_str());
}

#[test]
fn a_stranger_is_refused_unless_that_is_what_was_asked_for() {
    let server = TlsServer::start();
    let bench = Bench::new();
    // A certificate for the same name with another key.
    let other = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    std::fs::write(bench.path("other.pem"), other.cert.pem()).unwrap();
    let line = format!("{} -c 2 -m 5 --warmup 0s --no-output", server.url);
    // Neither the system's certificates nor a foreign one verify the server.
    for trust in ["", "--ca-cert other.pem"] {
        let output = bench
            .command(&format!("{line} {trust}"))
            .env("SSL_CERT_FILE", bench.path("other.pem"))
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
        let err = stderr(&output);
        let told = format!(
            "error: 0 of 2 connections to {} opened: certificate: ",
            server.url
        );
        assert!(err.contains(&told), "{err}");
        let hint = " · --ca-cert FILE trusts its certificate, --insecure trusts any\n";
        assert!(err.ends_with(hint), "{err}");
    }
    let output = bench.run(&format!("{line} --insecure --json"));
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(stderr(&output).contains("certificate not verified (--insecure)"));
    let json: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(json["plan"]["certificate_checked"], false);
    let output = bench.run(&format!("{line} --insecure -q"));
    assert_eq!(stderr(&output), "");
    assert!(stdout(&output).contains("certificate not checked"));
}

#[test]
fn trust_that_cannot_be_had_is_told_before_anything_is_done() {
    let bench = Bench::new();
    std::fs::write(bench.path("empty.pem"), "").unwrap();
    for (line, code, text) in [
        ("ws://127.0.0.1:1/ --insecure", 2, "has no TLS"),
        // Wrong usage is reported before the file is opened.
        ("ws://127.0.0.1:1/ --ca-cert missing.pem", 2, "has no TLS"),
        ("--insecure", 2, "required arguments"),
        (
            "wss://127.0.0.1:1/ --ca-cert missing.pem",
            1,
            "error: cannot use the certificates of missing.pem: ",
        ),
        (
            "wss://127.0.0.1:1/ --ca-cert empty.pem",
            1,
            "error: cannot use the certificates of empty.pem: there is no certificate in it",
        ),
        ("ws+unix:a.sock:ws", 2, "does not begin with /"),
    ] {
        let output = bench.run(line);
        let err = stderr(&output);
        assert_eq!(output.status.code(), Some(code), "{line}: {err}");
        assert!(err.contains(text), "{line}: {err}");
        assert_eq!(bench.files(), ["empty.pem"], "{line}");
    }
}

#[test]
fn what_only_ws_can_be_calibrated_for_is_told() {
    let server = TlsServer::start();
    let bench = Bench::new();
    let line = format!(
        "{} --insecure -c 1 -m 1 --warmup 0s --no-output --calibrate",
        server.url
    );
    let output = bench.run(&line);
    assert_eq!(output.status.code(), Some(0));
    assert!(stderr(&output).contains("calibration skipped: available for ws:// only"));
    assert!(!stdout(&output).contains("generator alone"));
}

#[cfg(unix)]
#[test]
fn a_unix_socket_is_measured_like_any_other() {
    let bench = Bench::new();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let listener = runtime
        .block_on(async { tokio::net::UnixListener::bind(bench.path("echo.sock")) })
        .unwrap();
    runtime.spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            tokio::spawn(echo(stream));
        }
    });
    let output = bench.run("ws+unix:echo.sock:/ws -c 3 -m 10 --warmup 0s --no-output --json");
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let json: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(json["messages"]["received"], 30);
    assert_eq!(json["connect_ns"]["tls"], Value::Null);
    assert_eq!(json["plan"]["certificate_checked"], Value::Null);
    assert_eq!(json["plan"]["url"], "ws+unix:echo.sock:/ws");
}

#[test]
fn certificate_flags_apply_to_the_urls_with_tls() {
    let (tls, plain) = (TlsServer::start(), common::Server::start(|_, m| Some(m)));
    let bench = Bench::new();
    let line = format!("{} {} -c 4 -m 2 --insecure", plain.url, tls.url);
    let report = bench.report(&line);
    assert_eq!(report.code, Some(0), "{}", report.text);
    assert_eq!(report.value("/connections/opened"), 4);
    assert_eq!(report.value("/plan/certificate_checked"), false);
}

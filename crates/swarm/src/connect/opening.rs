//! One connection being opened: TCP, TLS for `wss`, then the HTTP upgrade, each of them timed.
//!
//! The socket is later used for the measurement. It is registered once with the thread's poll, and the opening
//! continues whenever the poll reports it ready.

use std::io::ErrorKind;
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use measurement::record::ConnectFailure;
use mio::{Registry, Token};

use super::connector::Connector;
use super::tls;
use super::transport::{Readiness, Transport};
use super::upgrade_exchange::{UpgradeExchange, UpgradedStream};

/// A connection that has finished its handshake.
#[derive(Debug)]
pub(crate) struct OpenedConnection {
    /// Stream registered with the thread's poll, and bytes that arrived together with the end of the handshake.
    pub(crate) reader: UpgradedStream,
    pub(crate) timings: ConnectTimings,
}

/// Durations of the phases of an opening. For a Unix socket, `tcp` is its connect.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct ConnectTimings {
    pub(crate) tcp: Duration,
    /// `None` without TLS.
    pub(crate) tls: Option<Duration>,
    pub(crate) upgrade: Duration,
}

impl ConnectTimings {
    pub(crate) fn total(&self) -> Duration {
        self.tcp + self.tls.unwrap_or_default() + self.upgrade
    }
}

/// A connection being opened.
#[derive(Debug)]
pub(crate) struct Opening {
    client: u32,
    /// Time of the first attempt. Durations are counted from it.
    pub(crate) begun: Instant,
    /// Accumulated reports of the poll about the socket.
    readiness: Readiness,
    /// Durations of the completed phases.
    timings: ConnectTimings,
    stage: OpeningStage,
}

// At most about a hundred exist per thread, and a box would add an allocation for each.
#[allow(clippy::large_enum_variant)]
#[derive(Debug)]
enum OpeningStage {
    /// The backlog of the server's Unix socket is full. No event reports free room.
    Queueing,
    Connecting(Transport),
    /// TLS handshake.
    Securing(Transport),
    Upgrading(UpgradeExchange),
}

/// An opening to continue when the socket is ready, or its result.
pub(crate) type OpeningProgress = ControlFlow<Result<OpenedConnection, ConnectFailure>, Opening>;

impl Opening {
    /// Starts to open a client's connection, and registers its socket under this token.
    pub(crate) fn begin(
        client: u32,
        begun: Instant,
        connector: &Connector,
        (registry, token): (&Registry, Token),
    ) -> OpeningProgress {
        let connecting = connector.connect(client).and_then(|mut stream| {
            stream.register(registry, token)?;
            Ok(stream)
        });
        let stage = match connecting {
            Ok(stream) => OpeningStage::Connecting(stream),
            Err(e) if e.kind() == ErrorKind::WouldBlock => OpeningStage::Queueing,
            Err(e) => return ControlFlow::Break(Err(ConnectFailure::Connect((&e).into()))),
        };
        ControlFlow::Continue(Self {
            client,
            begun,
            readiness: Readiness::default(),
            timings: ConnectTimings::default(),
            stage,
        })
    }

    /// Returns true when the opening must be restarted, because no event will continue it.
    pub(crate) fn is_queueing(&self) -> bool {
        matches!(self.stage, OpeningStage::Queueing)
    }

    /// Returns true when the cause of a failure is known and only the rest of its text is awaited.
    pub(crate) fn has_failed(&self) -> bool {
        matches!(&self.stage, OpeningStage::Upgrading(exchange) if exchange.has_failed())
    }

    /// The failure to report when the opening times out.
    pub(crate) fn at_timeout(&self) -> ConnectFailure {
        match &self.stage {
            OpeningStage::Upgrading(exchange) => exchange.at_timeout(),
            _ => ConnectFailure::Timeout,
        }
    }

    /// Continues the opening after a report of the poll.
    pub(crate) fn resume(mut self, reported: Readiness, connector: &Connector) -> OpeningProgress {
        let begun = self.begun;
        self.readiness.add(reported);
        loop {
            let next = match self.stage {
                OpeningStage::Queueing => return ControlFlow::Continue(self),
                OpeningStage::Connecting(stream) => match stream.connected(reported.at_end) {
                    Err(e) => Err(ConnectFailure::Connect((&e).into())),
                    Ok(()) => {
                        self.timings.tcp = begun.elapsed();
                        connector
                            .secure(stream, self.client)
                            .map(OpeningStage::Securing)
                    }
                },
                OpeningStage::Securing(mut stream) => match stream.handshake() {
                    Err(e) if e.kind() == ErrorKind::WouldBlock => {
                        self.stage = OpeningStage::Securing(stream);
                        return ControlFlow::Continue(self);
                    }
                    Err(e) => Err(tls::io_failure(&e)),
                    Ok(()) => {
                        let tls = begun.elapsed() - self.timings.tcp;
                        self.timings.tls = connector.is_tls(self.client).then_some(tls);
                        let exchange = connector.upgrade(stream, self.client);
                        exchange.map(OpeningStage::Upgrading)
                    }
                },
                OpeningStage::Upgrading(mut exchange) => {
                    match exchange.advance(std::mem::take(&mut self.readiness)) {
                        None => {
                            self.stage = OpeningStage::Upgrading(exchange);
                            return ControlFlow::Continue(self);
                        }
                        Some(Err(failure)) => Err(failure),
                        Some(Ok(behind)) => {
                            let before = self.timings.total();
                            self.timings.upgrade = begun.elapsed().saturating_sub(before);
                            return ControlFlow::Break(Ok(OpenedConnection {
                                reader: exchange.into_stream(behind),
                                timings: self.timings,
                            }));
                        }
                    }
                }
            };
            match next {
                Ok(stage) => self.stage = stage,
                Err(failure) => return ControlFlow::Break(Err(failure)),
            }
        }
    }
}

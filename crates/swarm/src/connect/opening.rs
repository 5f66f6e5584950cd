//! One connection that is being opened: TCP, TLS where the URL asks for it, then the HTTP upgrade, each
//! timed.
//!
//! The socket is the one that will be measured on. It is registered once with the thread's poll, and the
//! opening continues whenever the poll reports it ready.

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
    /// Registered with the thread's poll. Holds the bytes that the server sent right behind its handshake.
    pub(crate) reader: UpgradedStream,
    pub(crate) timings: ConnectTimings,
}

/// Durations of the parts of an opening; `tcp` also of the connect to a Unix socket.
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

/// A connection that is being opened.
#[derive(Debug)]
pub(crate) struct Opening {
    /// Time of the first attempt, which the durations count from.
    pub(crate) begun: Instant,
    /// Reports of the poll about the socket so far.
    readiness: Readiness,
    /// Durations of the parts that are over.
    timings: ConnectTimings,
    stage: OpeningStage,
}

// There are a hundred of them at most, and a box for each would be one more allocation.
#[allow(clippy::large_enum_variant)]
#[derive(Debug)]
enum OpeningStage {
    /// The backlog of the server's Unix socket is full; no event reports room in it.
    Queueing,
    Connecting(Transport),
    /// TLS, where there is any.
    Securing(Transport),
    Upgrading(UpgradeExchange),
}

/// An opening to be continued when the socket is ready, or its result.
pub(crate) type OpeningProgress = ControlFlow<Result<OpenedConnection, ConnectFailure>, Opening>;

impl Opening {
    /// Opens a connection, and registers its socket under this token.
    pub(crate) fn begin(
        begun: Instant,
        connector: &Connector,
        (registry, token): (&Registry, Token),
    ) -> OpeningProgress {
        let connecting = connector.connect().and_then(|mut stream| {
            stream.register(registry, token)?;
            Ok(stream)
        });
        let stage = match connecting {
            Ok(stream) => OpeningStage::Connecting(stream),
            Err(e) if e.kind() == ErrorKind::WouldBlock => OpeningStage::Queueing,
            Err(e) => return ControlFlow::Break(Err(ConnectFailure::Connect((&e).into()))),
        };
        ControlFlow::Continue(Self {
            begun,
            readiness: Readiness::default(),
            timings: ConnectTimings::default(),
            stage,
        })
    }

    /// Returns true when the opening has to begin again, because no event will continue it.
    pub(crate) fn is_queueing(&self) -> bool {
        matches!(self.stage, OpeningStage::Queueing)
    }

    /// Returns true when the cause of a failure is known, and only more of its text may come.
    pub(crate) fn has_failed(&self) -> bool {
        matches!(&self.stage, OpeningStage::Upgrading(exchange) if exchange.has_failed())
    }

    /// The failure of an opening that takes too long.
    pub(crate) fn at_timeout(&self) -> ConnectFailure {
        match &self.stage {
            OpeningStage::Upgrading(exchange) => exchange.at_timeout(),
            _ => ConnectFailure::Timeout,
        }
    }

    /// Continues after a report of the poll.
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
                        connector.secure(stream).map(OpeningStage::Securing)
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
                        self.timings.tls = connector.tls.is_some().then_some(tls);
                        Ok(OpeningStage::Upgrading(connector.upgrade(stream)))
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

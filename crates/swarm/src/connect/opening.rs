//! One connection that is being opened: TCP, TLS where the URL asks for it, then the HTTP upgrade, each
//! timed.
//!
//! The socket is the one that will be measured on. It is registered once with the thread's poll, and the
//! opening continues whenever the poll reports it ready.

use std::io::{self, ErrorKind};
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use http::header;
use measurement::record::ConnectFailure;
use mio::{Registry, Token};
use tokio_tungstenite::tungstenite::WebSocket;
use tokio_tungstenite::tungstenite::handshake::HandshakeError;
use tokio_tungstenite::tungstenite::handshake::client::Response;

use super::connector::{Connector, Upgrade, upgrade_failure};
use super::response_head::HeadReader;
use super::tls;
use super::transport::{Readiness, Transport};

/// A connection that has finished its handshake.
#[derive(Debug)]
pub(crate) struct OpenedConnection {
    /// Registered with the thread's poll. Holds the bytes that the server sent right behind its handshake.
    pub(crate) reader: HeadReader,
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
    /// TCP, to the first address that answers; this one is being tried.
    Connecting {
        address: usize,
        stream: Transport,
    },
    /// TLS, where there is any.
    Securing(Transport),
    Upgrading(Upgrade),
}

/// An opening to be continued when the socket is ready, or its result.
pub(crate) type OpeningProgress = ControlFlow<Result<OpenedConnection, ConnectFailure>, Opening>;

impl Opening {
    /// Opens a connection, and registers its socket under this token.
    pub(crate) fn begin(
        begun: Instant,
        connector: &Connector,
        registered: (&Registry, Token),
    ) -> OpeningProgress {
        Self::connect(begun, connector, 0, ConnectFailure::NoAddress, registered)
    }

    /// Connects to the first address, from this number on, that does not fail at once.
    fn connect(
        begun: Instant,
        connector: &Connector,
        from: usize,
        mut failure: ConnectFailure,
        (registry, token): (&Registry, Token),
    ) -> OpeningProgress {
        let pending = |stage| {
            ControlFlow::Continue(Self {
                begun,
                readiness: Readiness::default(),
                timings: ConnectTimings::default(),
                stage,
            })
        };
        for address in from.. {
            let Some(connecting) = connector.connect(address) else {
                break;
            };
            let connecting = connecting.and_then(|mut stream| {
                stream.register(registry, token)?;
                Ok(stream)
            });
            match connecting {
                Ok(stream) => return pending(OpeningStage::Connecting { address, stream }),
                Err(e) if e.kind() == ErrorKind::WouldBlock => {
                    return pending(OpeningStage::Queueing);
                }
                Err(e) => failure = ConnectFailure::Connect((&e).into()),
            }
        }
        ControlFlow::Break(Err(failure))
    }

    /// Returns true when the opening has to begin again, because no event will continue it.
    pub(crate) fn is_queueing(&self) -> bool {
        matches!(self.stage, OpeningStage::Queueing)
    }

    /// Continues after a report of the poll.
    pub(crate) fn resume(
        mut self,
        reported: Readiness,
        connector: &Connector,
        registered: (&Registry, Token),
    ) -> OpeningProgress {
        let begun = self.begun;
        self.readiness.add(reported);
        loop {
            let next = match self.stage {
                OpeningStage::Queueing => return ControlFlow::Continue(self),
                OpeningStage::Connecting { address, stream } => {
                    if let Err(e) = stream.connected(reported.at_end) {
                        let failure = ConnectFailure::Connect((&e).into());
                        return Self::connect(begun, connector, address + 1, failure, registered);
                    }
                    self.timings.tcp = begun.elapsed();
                    connector.secure(stream).map(OpeningStage::Securing)
                }
                OpeningStage::Securing(mut stream) => match stream.handshake() {
                    Err(e) if e.kind() == ErrorKind::WouldBlock => {
                        self.stage = OpeningStage::Securing(stream);
                        return ControlFlow::Continue(self);
                    }
                    Err(e) => Err(tls_failure(&e)),
                    Ok(()) => {
                        let tls = begun.elapsed() - self.timings.tcp;
                        self.timings.tls = connector.tls.is_some().then_some(tls);
                        connector.upgrade(stream).map(OpeningStage::Upgrading)
                    }
                },
                OpeningStage::Upgrading(mut upgrade) => {
                    let reader = upgrade.get_mut().get_mut();
                    reader.readiness.add(std::mem::take(&mut self.readiness));
                    match upgrade.handshake() {
                        Err(HandshakeError::Interrupted(upgrade)) => {
                            self.stage = OpeningStage::Upgrading(upgrade);
                            return ControlFlow::Continue(self);
                        }
                        Err(HandshakeError::Failure(e)) => Err(upgrade_failure(e)),
                        Ok(done) => {
                            let before = self.timings.total();
                            self.timings.upgrade = begun.elapsed().saturating_sub(before);
                            return ControlFlow::Break(finish(done, self.timings));
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

fn finish(
    (socket, response): (WebSocket<HeadReader>, Response),
    timings: ConnectTimings,
) -> Result<OpenedConnection, ConnectFailure> {
    if let Some(extension) = response.headers().get(header::SEC_WEBSOCKET_EXTENSIONS) {
        let name = String::from_utf8_lossy(extension.as_bytes()).into_owned();
        return Err(ConnectFailure::Extension(name));
    }
    let reader = socket.into_inner();
    Ok(OpenedConnection { reader, timings })
}

fn tls_failure(error: &io::Error) -> ConnectFailure {
    match error.get_ref().and_then(|e| e.downcast_ref()) {
        Some(cause) => tls::failure(cause),
        None if error.kind() == ErrorKind::UnexpectedEof => ConnectFailure::TlsClosed,
        None => ConnectFailure::Tls(error.to_string()),
    }
}

//! Clients that misbehave on purpose.

use std::net::SocketAddr;
use std::time::Duration;

use rand::{Rng, RngExt};

use crate::mutate;
use crate::raw_client::{ConversationEnd, RawClient};

/// A correct handshake.
const UPGRADE: &[u8] =
    b"GET /ws HTTP/1.1\r\nHost: localhost\r\nConnection: keep-alive, Upgrade\r\n\
    Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nOrigin: http://localhost\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nUser-Agent: abuse\r\n\r\n";

/// Silence of the server after which a client stops listening.
const LISTEN: Duration = Duration::from_millis(20);

/// A kind of misbehaviour of a client; [`words`](Self::words) describes each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
pub(crate) enum Misbehaviour {
    Silence,
    HalfHandshake,
    HalfFrame,
    Reset,
    PingFlood,
    MessageFlood,
    HalfClose,
    MutatedHandshake,
    MutatedFrames,
}

impl Misbehaviour {
    /// Description of the misbehaviour: a sentence without its subject, the client.
    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::Silence => "connected and sent nothing",
            Self::HalfHandshake => "disconnected in the middle of the handshake",
            Self::HalfFrame => "disconnected in the middle of a frame",
            Self::Reset => "reset the connection in the middle of a frame",
            Self::PingFlood => "sent pings without reading a pong",
            Self::MessageFlood => "sent messages without reading an echo",
            Self::HalfClose => "closed its half of the connection",
            Self::MutatedHandshake => "sent a handshake with random changes",
            Self::MutatedFrames => "sent frames with random changes",
        }
    }

    /// Misbehaves towards the server at this address. The server may close the connection.
    ///
    /// # Errors
    /// An answer that HTTP or WebSocket does not allow, with the bytes that provoked it.
    pub(crate) fn commit(self, server: SocketAddr, rng: &mut impl Rng) -> Result<(), String> {
        let Ok(mut client) = RawClient::connect(server) else {
            // The backlog may be full under load. The witness checks that the server still answers.
            return Ok(());
        };
        match self.act(&mut client, rng) {
            Ok(()) | Err(ConversationEnd::Gone) => Ok(()),
            Err(ConversationEnd::Finding(finding)) => Err(finding),
        }
    }

    fn act(self, client: &mut RawClient, rng: &mut impl Rng) -> Result<(), ConversationEnd> {
        match self {
            Self::Silence => client.listen(LISTEN).map(drop),
            Self::HalfHandshake => {
                let part = rng.random_range(1..UPGRADE.len());
                client.send(&UPGRADE[..part])
            }
            Self::HalfFrame | Self::Reset => {
                client.upgrade(UPGRADE)?;
                let frame = mutate::frame(0x82, &[7; 5_000]);
                let part = rng.random_range(1..frame.len());
                client.send(&frame[..part])?;
                if self == Self::Reset {
                    client.reset();
                }
                Ok(())
            }
            Self::PingFlood | Self::MessageFlood => {
                client.upgrade(UPGRADE)?;
                let first = if self == Self::PingFlood { 0x89 } else { 0x82 };
                let flood = mutate::frame(first, &[7; 125]).repeat(500);
                // Until the server takes no more of it.
                while client.send(&flood).is_ok() {}
                client.reset();
                Ok(())
            }
            Self::HalfClose => {
                client.upgrade(UPGRADE)?;
                client.send(&mutate::frame(0x81, b"last words"))?;
                client.close_half()?;
                client.listen_to_frames(LISTEN * 10)
            }
            Self::MutatedHandshake => {
                let bytes = mutate::altered_bytes(UPGRADE, rng);
                client.send_in_pieces(&bytes, rng)?;
                client.listen_to_an_answer(LISTEN, &bytes)
            }
            Self::MutatedFrames => {
                client.upgrade(UPGRADE)?;
                let bytes = mutate::altered_bytes(&mutate::conversation(rng), rng);
                client.send_in_pieces(&bytes, rng)?;
                client
                    .listen_to_frames(LISTEN)
                    .map_err(|ended| ended.with(&bytes))
            }
        }
    }
}

/// Checks that the server echoes a message of a well-behaved client.
///
/// # Errors
/// The reason for a missing echo.
pub(crate) fn check_echo(server: SocketAddr) -> Result<(), String> {
    let mut client = RawClient::connect(server).map_err(|e| format!("no connection: {e}"))?;
    let wrong = |ended: ConversationEnd| format!("no echo: {ended:?}");
    client.upgrade(UPGRADE).map_err(wrong)?;
    client
        .send(&mutate::frame(0x81, b"all is well"))
        .map_err(wrong)?;
    client.expect(b"\x81\x0ball is well").map_err(wrong)
}

//! Clients that misbehave on purpose, to see what a server makes of it.

mod mutate;
mod peer;

use std::net::SocketAddr;
use std::time::Duration;

use rand::{Rng, RngExt};

use peer::{Ended, Peer};

/// A handshake without a fault.
const UPGRADE: &[u8] =
    b"GET /ws HTTP/1.1\r\nHost: localhost\r\nConnection: keep-alive, Upgrade\r\n\
    Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nOrigin: http://localhost\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nUser-Agent: abuse\r\n\r\n";

/// How long a peer listens to what it has provoked.
const LISTEN: Duration = Duration::from_millis(20);

/// What a client does wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Misdeed {
    /// Connects, says nothing, goes.
    Silence,
    /// Goes in the middle of its handshake.
    HalfHandshake,
    /// Goes in the middle of a frame, without a goodbye.
    HalfFrame,
    /// Resets the connection in the middle of a frame.
    Reset,
    /// Pings without reading a pong, then resets.
    PingFlood,
    /// Sends messages without reading an echo, then resets.
    MessageFlood,
    /// Closes its half, and waits for the rest.
    HalfClose,
    /// A handshake that was altered at random.
    MutatedHandshake,
    /// Frames that were altered at random.
    MutatedFrames,
}

impl Misdeed {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Silence,
        Self::HalfHandshake,
        Self::HalfFrame,
        Self::Reset,
        Self::PingFlood,
        Self::MessageFlood,
        Self::HalfClose,
        Self::MutatedHandshake,
        Self::MutatedFrames,
    ];

    /// What the client does, in plain words.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Silence => "connected and said nothing",
            Self::HalfHandshake => "left in the middle of the handshake",
            Self::HalfFrame => "left in the middle of a frame",
            Self::Reset => "reset the connection in the middle of a frame",
            Self::PingFlood => "sent pings without reading a pong",
            Self::MessageFlood => "sent messages without reading an echo",
            Self::HalfClose => "closed its half of the connection",
            Self::MutatedHandshake => "sent a handshake altered at random",
            Self::MutatedFrames => "sent frames altered at random",
        }
    }

    /// Does it to the server at this address. `Err` says what the server answered that no server may; that
    /// it hangs up is no fault of its.
    ///
    /// # Errors
    /// The finding, with the bytes that provoked it.
    pub fn commit(self, server: SocketAddr, rng: &mut impl Rng) -> Result<(), String> {
        let Ok(mut peer) = Peer::connect(server) else {
            // A full backlog under load; the witness tells whether the server is well.
            return Ok(());
        };
        let told = self.tell(&mut peer, rng);
        match told {
            Ok(()) | Err(Ended::Gone) => Ok(()),
            Err(Ended::Finding(finding)) => Err(finding),
        }
    }

    fn tell(self, peer: &mut Peer, rng: &mut impl Rng) -> Result<(), Ended> {
        match self {
            Self::Silence => peer.listen(LISTEN).map(drop),
            Self::HalfHandshake => {
                let part = rng.random_range(1..UPGRADE.len());
                peer.send(&UPGRADE[..part])
            }
            Self::HalfFrame | Self::Reset => {
                peer.upgrade(UPGRADE)?;
                let frame = mutate::frame(0x82, &[7; 5_000]);
                let part = rng.random_range(1..frame.len());
                peer.send(&frame[..part])?;
                if self == Self::Reset {
                    peer.reset();
                }
                Ok(())
            }
            Self::PingFlood | Self::MessageFlood => {
                peer.upgrade(UPGRADE)?;
                let first = if self == Self::PingFlood { 0x89 } else { 0x82 };
                let flood = mutate::frame(first, &[7; 125]).repeat(500);
                // Until the server takes no more of it.
                while peer.send(&flood).is_ok() {}
                peer.reset();
                Ok(())
            }
            Self::HalfClose => {
                peer.upgrade(UPGRADE)?;
                peer.send(&mutate::frame(0x81, b"last words"))?;
                peer.close_half()?;
                peer.listen_to_frames(LISTEN * 10)
            }
            Self::MutatedHandshake => {
                let bytes = mutate::bytes(UPGRADE, rng);
                peer.send_in_pieces(&bytes, rng)?;
                peer.listen_to_an_answer(LISTEN, &bytes)
            }
            Self::MutatedFrames => {
                peer.upgrade(UPGRADE)?;
                let bytes = mutate::bytes(&mutate::conversation(rng), rng);
                peer.send_in_pieces(&bytes, rng)?;
                peer.listen_to_frames(LISTEN)
                    .map_err(|ended| ended.with(&bytes))
            }
        }
    }
}

/// Whether the server echoes a message as it should, for somebody who does nothing wrong.
///
/// # Errors
/// Why it does not.
pub fn is_well(server: SocketAddr) -> Result<(), String> {
    let mut peer = Peer::connect(server).map_err(|e| format!("no connection: {e}"))?;
    let wrong = |ended: Ended| format!("no echo: {ended:?}");
    peer.upgrade(UPGRADE).map_err(wrong)?;
    peer.send(&mutate::frame(0x81, b"all is well"))
        .map_err(wrong)?;
    peer.expect(b"\x81\x0ball is well").map_err(wrong)
}

//! Differences between an echo and its message.

use measurement::record::{Difference, DifferenceKind};
use websocket_wire::{MessageKind, WriteBuffer};

use super::in_flight::InFlightMessage;
use super::payload::{Identity, Payloads};
use super::received::ReceivedMessage;

/// Describes the difference between an echo and the message `sent` by `client` as `kind`. `differs_at` is the index of
/// the first different byte, if known. Otherwise the beginnings are compared.
#[cold]
pub(crate) fn difference(
    sent: &InFlightMessage,
    client: u32,
    kind: MessageKind,
    payloads: &Payloads,
    received: &ReceivedMessage,
    differs_at: Option<u64>,
) -> Difference {
    let beginning = received.beginning();
    let number = sent.number;
    let identity = Identity { client, number };
    let compared = sent.shape.size().min(beginning.len() as u64);
    let mut expected = WriteBuffer::new(beginning.len());
    // A mask of zeros leaves the bytes unchanged.
    payloads.put_masked(&mut expected, identity, sent.shape, 0..compared, [0; 4]);
    let expected = expected.as_bytes();
    let differs_at = differs_at.or_else(|| {
        let at = beginning.iter().zip(expected).position(|(a, b)| a != b);
        at.map(|at| at as u64)
    });
    let byte_of = |bytes: &[u8]| {
        let byte = bytes.get(usize::try_from(differs_at?).ok()?)?;
        Some(format!("{byte:#04x}"))
    };
    let kind = if received.kind != kind {
        DifferenceKind::Type {
            sent: kind.name().to_owned(),
            came: received.kind.name().to_owned(),
        }
    } else if received.length == sent.shape.size() {
        DifferenceKind::Bytes {
            sent: byte_of(expected),
            came: byte_of(beginning),
        }
    } else {
        DifferenceKind::Length {
            sent: sent.shape.size(),
            came: received.length,
        }
    };
    Difference::new(kind, differs_at.map(|at| at + 1), beginning)
}

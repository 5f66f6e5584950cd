//! Frames, and valid bytes with random alterations.

use rand::seq::IndexedRandom;
use rand::{Rng, RngExt};
use websocket_wire::{FrameHeader, Opcode, mask};

/// Largest number of alterations of one input.
const MAX_ALTERATIONS: usize = 6;

/// Bytes that parsers often mishandle.
const TRICKY: [&[u8]; 12] = [
    b"\r\n",
    b"\n",
    b"\0",
    b"\xff",
    b": ",
    b" ",
    b"\x7e\xff\xff",
    b"\xff\x7f\xff\xff\xff\xff\xff\xff\xff",
    b"\x80",
    b"\x00\x80",
    b"Upgrade",
    b"\t",
];

/// A masked frame of a client with any first byte, also a wrong one.
pub(crate) fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    const KEY: [u8; 4] = [0x1F, 0x2E, 0x3D, 0x4C];
    let header = FrameHeader::masked(Opcode::Binary, payload.len() as u64, KEY);
    let mut bytes = [header.as_bytes(), payload].concat();
    bytes[0] = first;
    let start = header.as_bytes().len();
    mask(&mut bytes[start..], KEY, 0);
    bytes
}

/// A random conversation of a few valid frames.
pub(crate) fn conversation(rng: &mut impl Rng) -> Vec<u8> {
    let mut bytes = Vec::new();
    for _ in 0..rng.random_range(1..5) {
        let size = *[0, 1, 125, 126, 2_000, 70_000].choose(rng).unwrap_or(&1);
        match rng.random_range(0..6) {
            0 => bytes.extend(frame(0x81, "č".repeat(size / 2).as_bytes())),
            1 => bytes.extend(frame(0x82, &vec![7; size])),
            2 => {
                bytes.extend(frame(0x01, b"in "));
                bytes.extend(frame(0x89, b"ping"));
                bytes.extend(frame(0x00, b""));
                bytes.extend(frame(0x80, b"parts"));
            }
            3 => bytes.extend(frame(0x89, &vec![1; size.min(125)])),
            4 => bytes.extend(frame(0x8A, b"")),
            _ => bytes.extend(frame(0x88, b"\x03\xe8bye")),
        }
    }
    bytes
}

/// A copy of the bytes with a few random alterations.
pub(crate) fn altered_bytes(right: &[u8], rng: &mut impl Rng) -> Vec<u8> {
    let mut bytes = right.to_vec();
    for _ in 0..rng.random_range(0..=MAX_ALTERATIONS) {
        if bytes.is_empty() {
            break;
        }
        let at = rng.random_range(0..bytes.len());
        let to = rng.random_range(at..=bytes.len());
        match rng.random_range(0..7) {
            0 => bytes[at] ^= 1 << rng.random_range(0..8),
            1 => bytes[at] = rng.random(),
            2 => bytes.truncate(at),
            3 => drop(bytes.drain(at..to)),
            4 => {
                let again = bytes[at..to].to_vec();
                bytes.splice(at..at, again);
            }
            5 => {
                let tricky = TRICKY.choose(rng).copied().unwrap_or_default();
                bytes.splice(at..at, tricky.iter().copied());
            }
            _ => {
                // What was cut out goes elsewhere.
                let moved: Vec<u8> = bytes.drain(at..to).collect();
                let place = rng.random_range(0..=bytes.len());
                bytes.splice(place..place, moved);
            }
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand_xoshiro::Xoshiro256PlusPlus;

    use super::*;

    #[test]
    fn a_seed_makes_the_same_bytes_and_another_other_ones() {
        let made = |seed| {
            let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
            altered_bytes(&conversation(&mut rng), &mut rng)
        };
        assert_eq!(made(1), made(1));
        let different: std::collections::BTreeSet<_> = (0..50).map(made).collect();
        assert!(different.len() > 40);
    }
}

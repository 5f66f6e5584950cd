//! Random parts of a message: pure functions of seed, client and number of the message.

use std::fmt;

use units::SizeRange;

/// Letters that need no escape in JSON, XML or a header.
const LETTERS: &[u8; 64] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz-";

/// Places in the pool at which the pad of a message may begin.
const PAD_PLACES: u64 = 4096;

/// The random letters of `${pad}`, and the sizes that they fill up to. Shared by all threads of a run.
pub struct Padding {
    seed: u64,
    sizes: Option<SizeRange>,
    pool: Box<[u8]>,
}

impl fmt::Debug for Padding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut f = f.debug_struct("Padding");
        f.field("seed", &self.seed)
            .field("sizes", &self.sizes)
            .finish_non_exhaustive()
    }
}

impl Padding {
    /// Letters for messages of these sizes in bytes; without sizes `${pad}` is empty.
    pub fn new(seed: u64, sizes: Option<SizeRange>) -> Self {
        let max = sizes.map_or(0, |sizes| sizes.max);
        let len = usize::try_from(max + PAD_PLACES).unwrap_or(usize::MAX);
        let mut pool = Vec::with_capacity(len + 8);
        let mut block = 0;
        while pool.len() < len {
            let bits = mix(seed ^ mix(block));
            pool.extend(
                bits.to_le_bytes()
                    .map(|byte| LETTERS[usize::from(byte & 0x3F)]),
            );
            block += 1;
        }
        Self {
            seed,
            sizes,
            pool: pool.into(),
        }
    }

    /// Wanted bytes of a message; `None` when no sizes are wanted.
    #[inline]
    pub fn size(&self, client: u32, number: u64) -> Option<u64> {
        let sizes = self.sizes?;
        if sizes.min == sizes.max {
            return Some(sizes.min);
        }
        let spread = sizes.max - sizes.min;
        Some(sizes.min + self.random(client, number, SIZE_SALT, spread))
    }

    /// A number in `0..=spread`.
    #[inline]
    pub(crate) fn random(&self, client: u32, number: u64, salt: u32, spread: u64) -> u64 {
        let hash = self.hash(client, number, salt);
        // The upper 64 bits of hash × (spread + 1) are uniform in 0..=spread (Lemire, 2019).
        #[allow(clippy::cast_possible_truncation)]
        let random = ((u128::from(hash) * (u128::from(spread) + 1)) >> 64) as u64;
        random
    }

    /// The letters of a message, `len` of them at most.
    #[inline]
    pub(crate) fn letters(&self, client: u32, number: u64, len: u64) -> &[u8] {
        let place = self.hash(client, number, PAD_SALT) % PAD_PLACES;
        let rest = self.pool.get(to_usize(place)..).unwrap_or_default();
        &rest[..to_usize(len).min(rest.len())]
    }

    #[inline]
    fn hash(&self, client: u32, number: u64, salt: u32) -> u64 {
        let who = (u64::from(client) << 40) ^ number;
        mix(mix(self.seed ^ who) ^ u64::from(salt))
    }
}

const SIZE_SALT: u32 = u32::MAX;
const PAD_SALT: u32 = u32::MAX - 1;

/// Mixes all bits (splitmix64, Steele and others, 2014).
#[inline]
fn mix(bits: u64) -> u64 {
    let bits = bits.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    bits ^ (bits >> 31)
}

/// Converts a number of bytes; those above the address space are far above every limit.
#[inline]
pub(crate) fn to_usize(bytes: u64) -> usize {
    usize::try_from(bytes).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_fill_their_range_and_letters_need_no_escape() {
        let padding = Padding::new(7, Some(SizeRange { min: 10, max: 12 }));
        let mut seen = [0; 3];
        for number in 0..300 {
            let size = padding.size(1, number).unwrap();
            seen[usize::try_from(size - 10).unwrap()] += 1;
        }
        assert!(seen.iter().all(|n| *n > 60), "{seen:?}");
        let letters = padding.letters(3, 4, 12);
        assert_eq!(letters.len(), 12);
        assert!(
            letters
                .iter()
                .all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(byte))
        );
        assert_ne!(letters, padding.letters(3, 5, 12));
        assert_eq!(padding.letters(3, 4, 3), &letters[..3]);
    }
}

//! The XOR mask of a client's payload.

/// Masks a piece of a payload in place. `offset` is its position within the payload.
#[inline]
pub fn mask(piece: &mut [u8], key: [u8; 4], offset: u64) {
    let key = rotate_key(key, offset);
    let word = u32::from_ne_bytes(key);
    let (words, rest) = piece.as_chunks_mut::<4>();
    for bytes in words {
        *bytes = (u32::from_ne_bytes(*bytes) ^ word).to_ne_bytes();
    }
    for (byte, key) in rest.iter_mut().zip(key) {
        *byte ^= key;
    }
}

/// Copies a piece of a payload into `target`, which must have the same length, and masks it.
#[inline]
pub(crate) fn copy_masked(piece: &[u8], target: &mut [u8], key: [u8; 4], offset: u64) {
    let key = rotate_key(key, offset);
    // Compilers turn a block of sixteen bytes into one vector instruction on every platform.
    let wide: [u8; 16] = std::array::from_fn(|i| key[i % 4]);
    let (from_wide, from) = piece.as_chunks::<16>();
    let (to_wide, to) = target.as_chunks_mut::<16>();
    for (to, from) in to_wide.iter_mut().zip(from_wide) {
        *to = std::array::from_fn(|i| from[i] ^ wide[i]);
    }
    let word = u32::from_ne_bytes(key);
    let (from_words, from) = from.as_chunks::<4>();
    let (to_words, to) = to.as_chunks_mut::<4>();
    for (to, from) in to_words.iter_mut().zip(from_words) {
        *to = (u32::from_ne_bytes(*from) ^ word).to_ne_bytes();
    }
    for ((to, from), key) in to.iter_mut().zip(from).zip(key) {
        *to = from ^ key;
    }
}

/// Rotates the key so that it starts with the byte for this offset.
#[inline]
fn rotate_key(key: [u8; 4], offset: u64) -> [u8; 4] {
    #[allow(clippy::cast_possible_truncation)]
    let bytes = (offset % 4) as u32;
    u32::from_le_bytes(key)
        .rotate_right(8 * bytes)
        .to_le_bytes()
}

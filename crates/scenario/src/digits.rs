//! Numbers as bytes: decimal, binary, and the identity of a message.

use std::ops::Deref;

use crate::holes::NumberFormat;

/// The bytes of a number, on the stack.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Digits {
    bytes: [u8; 20],
    start: u8,
    end: u8,
}

impl Deref for Digits {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        &self.bytes[usize::from(self.start)..usize::from(self.end)]
    }
}

impl Digits {
    /// Decimal digits without leading zeros.
    #[inline]
    #[allow(clippy::cast_possible_truncation)] // A remainder by 10.
    pub(crate) fn of(mut number: u64) -> Self {
        let mut bytes = [0; 20];
        let mut start = 20;
        loop {
            start -= 1;
            bytes[start] = b'0' + (number % 10) as u8;
            number /= 10;
            if number == 0 {
                break;
            }
        }
        Self {
            bytes,
            start: start as u8,
            end: 20,
        }
    }

    /// The number in a format; numbers above its maximum lose their upper bits.
    #[inline]
    #[allow(clippy::cast_possible_truncation)] // Seven bits, or a checked length.
    pub(crate) fn formatted(number: u64, format: NumberFormat) -> Self {
        let mut bytes = [0; 20];
        let big_endian = number.to_be_bytes();
        let len = match format {
            NumberFormat::Decimal => return Self::of(number),
            NumberFormat::U8 => 1,
            NumberFormat::U16 => 2,
            NumberFormat::U32 => 4,
            NumberFormat::Varint => {
                let mut rest = number;
                let mut len = 0;
                loop {
                    let low = (rest & 0x7F) as u8;
                    rest >>= 7;
                    bytes[len] = if rest > 0 { low | 0x80 } else { low };
                    len += 1;
                    if rest == 0 || len == 4 {
                        return Self {
                            bytes,
                            start: 0,
                            end: len as u8,
                        };
                    }
                }
            }
        };
        bytes[..len].copy_from_slice(&big_endian[8 - len..]);
        Self {
            bytes,
            start: 0,
            end: len as u8,
        }
    }
}

/// Length of a varint of four bytes at most that begins here; `None` when it goes on behind them or is cut.
pub(crate) fn read_varint(bytes: &[u8]) -> Option<(u64, usize)> {
    let mut value = 0;
    for (at, byte) in bytes.iter().take(4).enumerate() {
        value |= u64::from(byte & 0x7F) << (7 * at);
        if byte & 0x80 == 0 {
            return Some((value, at + 1));
        }
    }
    None
}

/// Bits of a message's number in its identity.
const NUMBER_BITS: u32 = 40;

/// `~`, then client (6) and message (10) in hexadecimal digits.
#[inline]
pub(crate) fn uid(client: u32, number: u64) -> [u8; 17] {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let bits = u64::from(client) << NUMBER_BITS | number & ((1 << NUMBER_BITS) - 1);
    let mut uid = [b'~'; 17];
    for (pair, byte) in uid[1..]
        .as_chunks_mut::<2>()
        .0
        .iter_mut()
        .zip(bits.to_be_bytes())
    {
        *pair = [
            DIGITS[usize::from(byte >> 4)],
            DIGITS[usize::from(byte & 0xF)],
        ];
    }
    uid
}

/// Client and number of an identity at the beginning of these bytes.
#[inline]
#[allow(clippy::cast_possible_truncation)] // The upper 24 bits.
pub(crate) fn read_uid(bytes: &[u8]) -> Option<(u32, u64)> {
    let (first, rest) = bytes.split_first()?;
    let digits = rest.first_chunk::<16>()?;
    if *first != b'~' {
        return None;
    }
    let mut bits = 0;
    for byte in digits {
        let digit = match byte {
            b'0'..=b'9' => byte - b'0',
            b'a'..=b'f' => byte - b'a' + 10,
            _ => return None,
        };
        bits = bits << 4 | u64::from(digit);
    }
    Some((
        (bits >> NUMBER_BITS) as u32,
        bits & ((1 << NUMBER_BITS) - 1),
    ))
}

/// The decimal number at the beginning of these bytes and its length: a whole run of digits, without
/// leading zeros, below 2⁶⁴.
#[inline]
pub(crate) fn read_decimal(bytes: &[u8]) -> Option<(u64, usize)> {
    let mut value = 0_u64;
    let mut len = 0;
    for byte in bytes.iter().take(21) {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            break;
        }
        value = value.checked_mul(10)?.checked_add(digit.into())?;
        len += 1;
    }
    let has_leading_zero = len > 1 && bytes.first() == Some(&b'0');
    (len > 0 && !has_leading_zero).then_some((value, len))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn numbers_are_read_as_they_were_written(n: u64, client in 0_u32..1 << 24, small in 0_u64..1 << 28) {
            let text = Digits::of(n);
            let expected = n.to_string();
            prop_assert_eq!(&*text, expected.as_bytes());
            prop_assert_eq!(read_decimal(&text), Some((n, text.len())));
            let varint = Digits::formatted(small, NumberFormat::Varint);
            prop_assert_eq!(read_varint(&varint), Some((small, varint.len())));
            let number = n & ((1 << 40) - 1);
            let expected = format!("~{client:06x}{number:010x}");
            prop_assert_eq!(&uid(client, number)[..], expected.as_bytes());
            prop_assert_eq!(read_uid(&uid(client, number)), Some((client, number)));
        }

        #[test]
        fn any_bytes_are_read_without_panic(bytes: Vec<u8>) {
            let _ = (read_varint(&bytes), read_uid(&bytes), read_decimal(&bytes));
        }
    }

    #[test]
    fn a_decimal_number_is_a_whole_run_of_digits() {
        assert_eq!(read_decimal(b"07"), None);
        assert_eq!(read_decimal(b"0,"), Some((0, 1)));
        assert_eq!(read_decimal(b"18446744073709551616"), None);
        assert_eq!(read_decimal(b"99999999999999999999999"), None);
        assert_eq!(read_decimal(b"x"), None);
    }
}

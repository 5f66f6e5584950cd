//! Text that comes in parts.

/// Text that is no UTF-8; the connection is failed with 1007.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a text message is not UTF-8")]
pub struct NotUtf8;

/// Checks a text that comes in parts, and fails at the first byte that is wrong.
#[derive(Debug, Clone, Copy, Default)]
pub struct Utf8 {
    /// The beginning of a character whose other bytes have not come yet.
    begun: [u8; 4],
    len: usize,
}

impl Utf8 {
    /// Looks at the next part.
    ///
    /// # Errors
    /// [`NotUtf8`] as soon as no text can go on like this.
    pub fn part(&mut self, mut part: &[u8]) -> Result<(), NotUtf8> {
        while self.len > 0 {
            let Some((byte, rest)) = part.split_first() else {
                return Ok(());
            };
            part = rest;
            // A character has four bytes at most, and is then whole or wrong.
            self.begun[self.len] = *byte;
            self.len += 1;
            match std::str::from_utf8(&self.begun[..self.len]) {
                Ok(_) => self.len = 0,
                Err(error) if error.error_len().is_some() => return Err(NotUtf8),
                Err(_) => {}
            }
        }
        let Err(error) = std::str::from_utf8(part) else {
            return Ok(());
        };
        if error.error_len().is_some() {
            return Err(NotUtf8);
        }
        let begun = &part[error.valid_up_to()..];
        self.len = begun.len();
        self.begun[..self.len].copy_from_slice(begun);
        Ok(())
    }

    /// The text is over; ready for the next one.
    ///
    /// # Errors
    /// [`NotUtf8`] when it ends in the middle of a character.
    pub fn end(&mut self) -> Result<(), NotUtf8> {
        match std::mem::take(&mut self.len) {
            0 => Ok(()),
            _ => Err(NotUtf8),
        }
    }
}

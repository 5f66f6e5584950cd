//! Validation of text that arrives in parts.

/// Text that is not UTF-8. The connection is failed with close code 1007.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a text message is not UTF-8")]
pub(crate) struct InvalidUtf8;

/// Validates a text that arrives in parts, and rejects it at the first invalid byte.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Utf8Validator {
    /// Bytes of an incomplete character.
    begun: [u8; 4],
    len: usize,
}

impl Utf8Validator {
    /// Validates the next part.
    ///
    /// # Errors
    /// [`InvalidUtf8`] as soon as no continuation can make the text valid.
    pub(crate) fn push(&mut self, mut part: &[u8]) -> Result<(), InvalidUtf8> {
        while self.len > 0 {
            let Some((byte, rest)) = part.split_first() else {
                return Ok(());
            };
            part = rest;
            // A character has at most four bytes, so it becomes valid or invalid.
            self.begun[self.len] = *byte;
            self.len += 1;
            match std::str::from_utf8(&self.begun[..self.len]) {
                Ok(_) => self.len = 0,
                Err(error) if error.error_len().is_some() => return Err(InvalidUtf8),
                Err(_) => {}
            }
        }
        let Err(error) = std::str::from_utf8(part) else {
            return Ok(());
        };
        if error.error_len().is_some() {
            return Err(InvalidUtf8);
        }
        let begun = &part[error.valid_up_to()..];
        self.len = begun.len();
        self.begun[..self.len].copy_from_slice(begun);
        Ok(())
    }

    /// Ends the text and prepares for the next one.
    ///
    /// # Errors
    /// [`InvalidUtf8`] when the text ends in the middle of a character.
    pub(crate) fn finish(&mut self) -> Result<(), InvalidUtf8> {
        match std::mem::take(&mut self.len) {
            0 => Ok(()),
            _ => Err(InvalidUtf8),
        }
    }
}

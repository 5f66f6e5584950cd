//! Messages that were delivered lately, found without a lock.

use std::sync::Arc;

use super::publication::Publication;
use crate::message::payload::MessageNumber;

/// Messages that were delivered lately, found without a lock.
#[derive(Debug)]
pub(crate) struct RecentPublications(Box<[Option<Arc<Publication>>]>);

/// Number of messages kept: a power of two.
const RECENT: usize = 256;

impl Default for RecentPublications {
    fn default() -> Self {
        Self(vec![None; RECENT].into_boxed_slice())
    }
}

impl RecentPublications {
    #[inline]
    fn slot(publisher: u32, number: MessageNumber) -> usize {
        let mixed = number
            .bits()
            .wrapping_add(u64::from(publisher).wrapping_mul(0x9E37_79B9));
        // Below `RECENT`.
        #[allow(clippy::cast_possible_truncation)]
        let slot = mixed as usize % RECENT;
        slot
    }

    /// A message, if it was delivered lately.
    #[inline]
    pub(crate) fn get(&self, publisher: u32, number: MessageNumber) -> Option<&Arc<Publication>> {
        let slot = &self.0[Self::slot(publisher, number)];
        slot.as_ref()
            .filter(|one| one.message.publisher == publisher && one.message.number == number)
    }

    /// Keeps a message in place of an older one.
    pub(crate) fn put(&mut self, publication: Arc<Publication>) {
        let message = &publication.message;
        let slot = Self::slot(message.publisher, message.number);
        self.0[slot] = Some(publication);
    }
}

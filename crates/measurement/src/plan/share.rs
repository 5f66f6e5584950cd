//! One process's share of a run that several processes execute together.

use std::num::NonZeroU32;
use std::ops::Range;

/// Share of one of several processes that run the same plan: the clients `k` with `k mod count = index`.
///
/// Threads divide the clients of a process in the same way, so at any time each share offers the same part of the rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Share {
    /// Number of the process, from 0; less than `count`.
    pub index: u32,
    /// Number of processes.
    pub count: NonZeroU32,
}

impl Default for Share {
    fn default() -> Self {
        Self::WHOLE
    }
}

impl Share {
    /// The whole run, by one process.
    pub const WHOLE: Self = Self {
        index: 0,
        count: NonZeroU32::MIN,
    };

    /// Returns true for the whole run.
    pub fn is_whole(self) -> bool {
        self.count == NonZeroU32::MIN
    }

    /// Number of clients of this share, of `clients` in all.
    pub fn of(self, clients: u32) -> u32 {
        clients
            .saturating_sub(self.index)
            .div_ceil(self.count.get())
    }

    /// The numbers of this share among these, in ascending order.
    pub(super) fn numbers(self, all: Range<u32>) -> impl Iterator<Item = u32> + use<> {
        let count = self.count.get();
        let skipped = (self.index + count - all.start % count) % count;
        let first = all.start.saturating_add(skipped);
        (first..all.end).step_by(count as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn shares_cover_every_client_once(clients in 1..10_000_u32, count in 1..200_u32) {
            let count = NonZeroU32::new(count).unwrap();
            let shares: Vec<u32> = (0..count.get()).map(|index| Share { index, count }.of(clients)).collect();
            prop_assert_eq!(shares.iter().sum::<u32>(), clients);
            prop_assert!(shares.iter().max().unwrap() - shares.iter().min().unwrap() <= 1);
        }
    }
}

//! Buckets of times: several of each octave, divided at given limits.

/// Buckets of an octave. The bounds of a bucket differ by 9 to 13 %.
const PER_OCTAVE: usize = 8;

/// Binary logarithm of the upper bound of the first bucket, about 4 µs.
const FIRST_OCTAVE: u32 = 12;

/// Binary logarithm of the lower bound of the last bucket, about 73 min.
const LAST_OCTAVE: u32 = 42;

/// Buckets of times: several of each octave, divided at the limits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Buckets {
    /// Lower bounds in nanoseconds, ascending from 0.
    pub(super) bounds: Vec<u64>,
    /// The first bucket of each part of an octave.
    first: Vec<u16>,
}

impl Buckets {
    pub(super) fn new(limits: &[u64]) -> Self {
        let eighths = (FIRST_OCTAVE..LAST_OCTAVE).flat_map(|octave| {
            let width = 1_u64 << (octave - PER_OCTAVE.ilog2());
            (0..PER_OCTAVE as u64).map(move |part| (1 << octave) + part * width)
        });
        let coarse: Vec<u64> = std::iter::once(0).chain(eighths).collect();
        let mut bounds = coarse.clone();
        bounds.extend_from_slice(limits);
        bounds.sort_unstable();
        bounds.dedup();
        // Limits are few, and there are 241 parts of octaves.
        #[allow(clippy::cast_possible_truncation)]
        let place = |bound: &u64| bounds.partition_point(|one| one < bound) as u16;
        Self {
            first: coarse.iter().map(place).collect(),
            bounds,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.bounds.len()
    }

    /// The bucket of a time.
    #[inline]
    pub(super) fn of(&self, ns: u64) -> usize {
        const SHIFT: u32 = PER_OCTAVE.ilog2();
        let clamped = ns.clamp(1, (1 << LAST_OCTAVE) - 1);
        let octave = clamped.ilog2();
        let coarse = match octave.checked_sub(FIRST_OCTAVE) {
            None => 0,
            Some(octaves) => {
                // At most 2^4.
                #[allow(clippy::cast_possible_truncation)]
                let part = (clamped >> (octave - SHIFT)) as usize % PER_OCTAVE;
                1 + octaves as usize * PER_OCTAVE + part
            }
        };
        let mut bucket = usize::from(self.first[coarse]);
        while self.bounds.get(bucket + 1).is_some_and(|next| *next <= ns) {
            bucket += 1;
        }
        bucket
    }

    /// The first bucket whose times are at or beyond a limit, which is one of the bounds.
    pub(super) fn beyond(&self, limit_ns: u64) -> usize {
        self.bounds.partition_point(|bound| *bound < limit_ns)
    }

    /// The time at this part of a bucket.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // Times fit.
    pub(super) fn time_at(&self, bucket: usize, part: f64) -> u64 {
        let low = self.bounds[bucket];
        let high = self.bounds.get(bucket + 1).copied().unwrap_or(low);
        low + ((high - low) as f64 * part.clamp(0.0, 1.0)) as u64
    }
}

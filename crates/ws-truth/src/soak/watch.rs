//! What the system tells of a process: its memory and its open files.

use std::fmt;

use anyhow::Context;

/// One look at a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Reading {
    /// Resident memory.
    pub(super) memory_kib: u64,
    /// Open files.
    pub(super) files: usize,
}

impl Reading {
    /// Looks at `/proc`, which Linux has.
    pub(super) fn of(pid: u32) -> anyhow::Result<Self> {
        let path = format!("/proc/{pid}/status");
        let status =
            std::fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))?;
        let memory = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let memory_kib = memory
            .and_then(|text| text.trim().strip_suffix(" kB"))
            .and_then(|number| number.trim().parse().ok())
            .with_context(|| format!("{path} tells no VmRSS"))?;
        let files = std::fs::read_dir(format!("/proc/{pid}/fd"))?.count();
        Ok(Self { memory_kib, files })
    }
}

/// Looks that a trend is taken of, at least.
const LEAST_LOOKS: usize = 10;

/// What stands for a trend of fewer looks.
pub(super) const TOO_SHORT: &str =
    "no judgement of memory: too few looks for a trend; run for longer";

/// How memory changes once the first fifth of the time is over, in which buffers grow to what they will be.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Trend {
    /// Slope of the line of least squares, in KiB a look.
    slope_kib: f64,
    looks: usize,
    least_kib: u64,
    most_kib: u64,
}

impl Trend {
    /// `None` with fewer than [`LEAST_LOOKS`].
    #[allow(clippy::cast_precision_loss)]
    pub(super) fn of(readings: &[Reading]) -> Option<Self> {
        let later = &readings[readings.len() / 5..];
        if later.len() < LEAST_LOOKS {
            return None;
        }
        let n = later.len() as f64;
        let mean_x = (n - 1.0) / 2.0;
        let mean_y = later.iter().map(|r| r.memory_kib as f64).sum::<f64>() / n;
        let (mut xy, mut xx) = (0.0, 0.0);
        for (at, reading) in later.iter().enumerate() {
            let x = at as f64 - mean_x;
            xy += x * (reading.memory_kib as f64 - mean_y);
            xx += x * x;
        }
        Some(Self {
            slope_kib: xy / xx,
            looks: later.len(),
            least_kib: later.iter().map(|r| r.memory_kib).min()?,
            most_kib: later.iter().map(|r| r.memory_kib).max()?,
        })
    }
}

impl Trend {
    /// The line rises by more than half of the least that was seen, and by more than buffers differ by:
    /// no server that keeps nothing does that.
    pub(super) fn is_growth(&self) -> bool {
        self.rise_kib() > self.limit_kib()
    }

    /// How much the line rises over all looks.
    #[allow(clippy::cast_precision_loss)]
    fn rise_kib(&self) -> f64 {
        self.slope_kib * self.looks as f64
    }

    /// How much it may rise.
    #[allow(clippy::cast_precision_loss)]
    fn limit_kib(&self) -> f64 {
        /// Largest messages of ordinary load, several at a time, each way.
        const BUFFERS_KIB: f64 = 32_768.0;
        BUFFERS_KIB.max(self.least_kib as f64 / 2.0)
    }
}

impl fmt::Display for Trend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "memory between {} and {} KiB over {} looks: its line changes by {:+.0} KiB, ",
            self.least_kib,
            self.most_kib,
            self.looks,
            self.rise_kib()
        )?;
        let limit_kib = self.limit_kib();
        if self.is_growth() {
            write!(f, "more than the {limit_kib:.0} KiB that buffers explain")
        } else {
            write!(
                f,
                "which is no growth up to {limit_kib:.0} KiB, what buffers explain"
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slope_is_that_of_the_line() {
        let readings: Vec<_> = (0..50)
            .map(|at| Reading {
                // The beginning does not count.
                memory_kib: if at < 10 { 0 } else { 1_000 + 3 * at },
                files: 0,
            })
            .collect();
        let trend = Trend::of(&readings).unwrap();
        assert!((trend.slope_kib - 3.0).abs() < 1e-9, "{trend:?}");
        let found = (trend.looks, trend.least_kib, trend.most_kib);
        assert_eq!(found, (40, 1_030, 1_147));
        assert_eq!(Trend::of(&readings[..5]), None);
        assert!(!trend.is_growth());
        assert_eq!(
            trend.to_string(),
            "memory between 1030 and 1147 KiB over 40 looks: its line changes by +120 KiB, \
             which is no growth up to 32768 KiB, what buffers explain"
        );
        let leak: Vec<_> = (0..50)
            .map(|at| Reading {
                memory_kib: 10_000 + 2_000 * at,
                files: 0,
            })
            .collect();
        let leak = Trend::of(&leak).unwrap();
        assert!(leak.is_growth());
        assert!(
            leak.to_string()
                .ends_with("by +80000 KiB, more than the 32768 KiB that buffers explain"),
            "{leak}"
        );
    }
}

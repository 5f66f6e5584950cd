//! Memory and open files of a process, and the trend of its memory.

use std::fmt;

use anyhow::Context;

/// One reading of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ProcessReading {
    /// Resident memory.
    pub(crate) memory_kib: u64,
    /// Open files.
    pub(crate) files: usize,
}

impl ProcessReading {
    /// Reads `/proc`, which Linux has.
    pub(crate) fn of(pid: u32) -> anyhow::Result<Self> {
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

/// Least number of readings for a trend.
const MIN_READINGS: usize = 10;

/// The text in place of a trend of fewer readings.
pub(crate) const TOO_SHORT: &str =
    "no judgement of memory: too few looks for a trend; run for longer";

/// Change of memory after the first fifth of the time, in which buffers grow to their final size.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct MemoryTrend {
    /// Slope of the line of least squares, in KiB per reading.
    slope_kib: f64,
    readings: usize,
    least_kib: u64,
    most_kib: u64,
}

impl MemoryTrend {
    /// The trend; `None` with fewer than [`MIN_READINGS`].
    pub(crate) fn of(readings: &[ProcessReading]) -> Option<Self> {
        let later = &readings[readings.len() / 5..];
        if later.len() < MIN_READINGS {
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
            readings: later.len(),
            least_kib: later.iter().map(|r| r.memory_kib).min()?,
            most_kib: later.iter().map(|r| r.memory_kib).max()?,
        })
    }

    /// Reports whether the line rises by more than half of the smallest reading, and by more than buffers
    /// differ by. A server without a leak does not do that.
    pub(crate) fn is_growth(&self) -> bool {
        self.rise_kib() > self.limit_kib()
    }

    /// Rise of the line over all readings, in KiB.
    fn rise_kib(&self) -> f64 {
        self.slope_kib * self.readings as f64
    }

    /// Largest rise that is not called growth, in KiB.
    fn limit_kib(&self) -> f64 {
        /// The largest messages of ordinary load, several at a time, each way.
        const BUFFERS_KIB: f64 = 32_768.0;
        BUFFERS_KIB.max(self.least_kib as f64 / 2.0)
    }
}

impl fmt::Display for MemoryTrend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "memory between {} and {} KiB over {} looks: its line changes by {:+.0} KiB, ",
            self.least_kib,
            self.most_kib,
            self.readings,
            self.rise_kib()
        )?;
        let limit_kib = self.limit_kib();
        if self.is_growth() {
            write!(f, "more than the {limit_kib:.0} KiB that buffers explain")
        } else {
            write!(f, "which buffers explain up to {limit_kib:.0} KiB")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slope_is_that_of_the_line() {
        let readings: Vec<_> = (0..50)
            .map(|at| ProcessReading {
                // The beginning does not count.
                memory_kib: if at < 10 { 0 } else { 1_000 + 3 * at },
                files: 0,
            })
            .collect();
        let trend = MemoryTrend::of(&readings).unwrap();
        assert!((trend.slope_kib - 3.0).abs() < 1e-9, "{trend:?}");
        let found = (trend.readings, trend.least_kib, trend.most_kib);
        assert_eq!(found, (40, 1_030, 1_147));
        assert_eq!(MemoryTrend::of(&readings[..5]), None);
        assert!(!trend.is_growth());
        assert_eq!(
            trend.to_string(),
            "memory between 1030 and 1147 KiB over 40 looks: its line changes by +120 KiB, \
             which buffers explain up to 32768 KiB"
        );
        let leak: Vec<_> = (0..50)
            .map(|at| ProcessReading {
                memory_kib: 10_000 + 2_000 * at,
                files: 0,
            })
            .collect();
        let leak = MemoryTrend::of(&leak).unwrap();
        assert!(leak.is_growth());
        assert!(
            leak.to_string()
                .ends_with("by +80000 KiB, more than the 32768 KiB that buffers explain"),
            "{leak}"
        );
    }
}

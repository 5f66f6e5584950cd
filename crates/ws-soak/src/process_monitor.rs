//! Memory and open files of a process, and the trend of its memory.

use std::fmt;

use anyhow::Context;
use units::grouped;

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
            .with_context(|| format!("{path} has no VmRSS"))?;
        let files = std::fs::read_dir(format!("/proc/{pid}/fd"))?.count();
        Ok(Self { memory_kib, files })
    }
}

/// Smallest number of readings for a trend.
const MIN_READINGS: usize = 10;

/// The text in place of a trend of fewer readings.
pub(crate) const TOO_SHORT: &str =
    "memory growth not judged: fewer than 10 readings; use a longer -d";

/// Change of memory, without the first fifth of the time, in which buffers grow to their final size.
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

    /// Returns `true` if the line rises by more than half of the smallest reading and by more than the size of the
    /// buffers, which no server without a leak does.
    pub(crate) fn is_growth(&self) -> bool {
        self.rise_kib() > self.limit_kib() as f64
    }

    /// Rise of the line over all readings, in KiB.
    fn rise_kib(&self) -> f64 {
        self.slope_kib * self.readings as f64
    }

    /// Largest rise that is not growth, in KiB.
    fn limit_kib(&self) -> u64 {
        /// Several of the largest messages of ordinary load in each direction.
        const BUFFERS_KIB: u64 = 32_768;
        BUFFERS_KIB.max(self.least_kib / 2)
    }
}

impl fmt::Display for MemoryTrend {
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rise_kib = self.rise_kib();
        write!(
            f,
            "memory {} to {} KiB in {} readings: the trend is {}{} KiB, ",
            grouped(self.least_kib),
            grouped(self.most_kib),
            self.readings,
            if rise_kib < 0.0 { '-' } else { '+' },
            grouped(rise_kib.abs().round() as u64)
        )?;
        let limit_kib = grouped(self.limit_kib());
        if self.is_growth() {
            write!(f, "above the limit of {limit_kib} KiB")
        } else {
            write!(f, "within the limit of {limit_kib} KiB")
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
            "memory 1,030 to 1,147 KiB in 40 readings: the trend is +120 KiB, within the limit of 32,768 KiB"
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
                .ends_with("the trend is +80,000 KiB, above the limit of 32,768 KiB"),
            "{leak}"
        );
    }
}

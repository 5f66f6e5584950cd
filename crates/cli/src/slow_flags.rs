//! The flags of slow readers.

use std::num::NonZeroU32;
use std::str::FromStr;
use std::time::Duration;

use clap::Args;
use measurement::plan::{LoadDraft, MAX_CLIENTS, SlowCount, SlowReaders};
use units::{ByteSize, parse_duration, parse_positive};

use crate::headings::LOAD;

/// The flags of slow readers.
#[derive(Debug, Clone, Args)]
#[group(skip)]
pub struct SlowFlags {
    /// Receivers that read slowly: a number, or a percentage of all receivers. They are spread evenly over the rooms, and
    /// their times are reported apart (examples: 10, 5%)
    ///
    /// Without a scenario they are chosen from all clients. Their receive buffer is 4 KiB, because the usual buffers hide
    /// them from the server for megabytes. Roles with `read` in a scenario are slow without this flag.
    #[arg(long, value_name = "N|%", value_parser = slow_count, help_heading = LOAD)]
    pub slow: Option<SlowCountFlag>,

    /// Bytes per second that each slow reader reads; 0 = it never reads (example: 1KiB/s)
    #[arg(long, value_name = "SIZE/S", default_value = "4KiB/s", value_parser = read_rate, requires = "slow", help_heading = LOAD)]
    pub slow_read: ReadRate,

    /// Time in the measured phase after which they turn slow; 0s = from its beginning. With it, the run shows the others
    /// before and after (example: 10s)
    #[arg(long, value_name = "TIME", default_value = "0s", value_parser = parse_duration, requires = "slow", help_heading = LOAD)]
    pub slow_after: Duration,
}

/// Number of slow readers, as typed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SlowCountFlag(SlowCount);

/// Bytes per second, as typed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReadRate(u64);

impl SlowFlags {
    /// Puts the slow readers into the draft of a load.
    pub fn apply(&self, draft: &mut LoadDraft) {
        draft.slow = self.slow.map(|SlowCountFlag(count)| SlowReaders {
            count,
            bytes_per_s: self.slow_read.0,
            after: self.slow_after,
        });
    }
}

fn slow_count(text: &str) -> Result<SlowCountFlag, String> {
    let Some(percent) = text.strip_suffix('%') else {
        let clients = parse_positive::<NonZeroU32>(text, MAX_CLIENTS.into());
        return clients
            .map(|clients| SlowCountFlag(SlowCount::Clients(clients)))
            .map_err(|error| error.to_string());
    };
    match f64::from_str(percent) {
        Ok(percent) if percent > 0.0 && percent <= 100.0 => {
            Ok(SlowCountFlag(SlowCount::Percent(percent)))
        }
        _ => Err(format!(
            "`{text}` is not a percentage above 0 (examples: 5%, 0.5%)"
        )),
    }
}

fn read_rate(text: &str) -> Result<ReadRate, String> {
    let wanted = || format!("`{text}` is not a number of bytes per second (examples: 4KiB/s, 0)");
    if text == "0" {
        return Ok(ReadRate(0));
    }
    let size = text.strip_suffix("/s").ok_or_else(wanted)?;
    let size = ByteSize::from_str(size).map_err(|_| wanted())?;
    Ok(ReadRate(size.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_or_a_percentage_is_slow() {
        let clients = |n| SlowCountFlag(SlowCount::Clients(NonZeroU32::new(n).unwrap()));
        assert_eq!(slow_count("1_0"), Ok(clients(10)));
        assert_eq!(
            slow_count("0.5%"),
            Ok(SlowCountFlag(SlowCount::Percent(0.5)))
        );
        for wrong in ["0", "0%", "101%", "-3%", "NaN%", "x", "%"] {
            assert!(slow_count(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_read_rate_is_a_size_per_second_or_0() {
        assert_eq!(read_rate("4KiB/s"), Ok(ReadRate(4096)));
        assert_eq!(read_rate("0"), Ok(ReadRate(0)));
        assert_eq!(read_rate("0/s"), Ok(ReadRate(0)));
        for wrong in ["4KiB", "x/s", "-1/s", ""] {
            assert!(read_rate(wrong).is_err(), "{wrong}");
        }
    }
}

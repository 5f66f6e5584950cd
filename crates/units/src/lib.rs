//! Parsing and formatting of sizes, rates, counts and times, for all programs.
//!
//! | module | contents |
//! |---|---|
//! | `parse` | parsing of counts and times |
//! | `byte_size` | [`ByteSize`] and [`SizeRange`] |
//! | `rate` | [`Rate`] per second |
//! | `display` | formatting |

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod byte_size;
mod display;
mod parse;
mod rate;

pub use byte_size::{ByteSize, SizeRange};
pub use display::{
    counted, grouped, human_bytes, human_bytes_beside, human_duration, human_percent, human_rate,
    human_reach, human_time, three_digits, typed_duration,
};
pub use parse::{UnitError, parse_count, parse_duration, parse_nanoseconds, parse_positive};
pub use rate::Rate;

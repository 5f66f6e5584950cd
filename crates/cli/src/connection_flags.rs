//! The flags of connections that end during the run, open again, or stay silent.

use std::num::{NonZeroU32, NonZeroU64};
use std::str::FromStr;
use std::time::Duration;

use clap::Args;
use measurement::plan::{
    Arrivals, ConnectionDrop, ConnectionRules, DropMethod, Lifetime, LoadDraft, MAX_CLIENTS,
    MAX_MESSAGES_PER_CLIENT, ReconnectLaw,
};
use units::parse_duration;

use crate::choices::{Choice, one_of, up_to};
use crate::headings::CONNECTION;

/// The flags of connections that open on a schedule and end by plan.
#[derive(Debug, Clone, Args)]
#[group(skip)]
pub struct ConnectionFlags {
    /// Intervals between the connections of --connect-rate (example: poisson)
    #[arg(long, value_name = "ARRIVALS", value_parser = one_of(&CONNECT_ARRIVALS), default_value = CONSTANT, requires = "connect_rate", help_heading = CONNECTION)]
    pub connect_arrivals: Arrivals,

    /// Replace each connection after this time, fixed or exponentially distributed with this mean (examples: 30s, exp:30s)
    ///
    /// The time counts from the intended time of the connection, so the next one is due however slow the server is. Messages
    /// keep their schedule. The old connection waits for its echoes, at most --timeout, and closes with code 1000.
    #[arg(long, value_name = "TIME|exp:TIME", value_parser = lifetime, help_heading = CONNECTION)]
    pub lifetime: Option<Lifetime>,

    /// Replace each connection after N messages, those of the warm-up included (example: 1_000)
    #[arg(long, value_name = "N", value_parser = up_to::<NonZeroU64>(MAX_MESSAGES_PER_CLIENT), help_heading = CONNECTION)]
    pub messages_per_connection: Option<NonZeroU64>,
}

/// The flags of connections that end at once and open again, and of idle connections.
#[derive(Debug, Clone, Args)]
#[group(skip)]
pub struct StormFlags {
    /// End all connections, or this percentage of them, at this time of the measured phase (examples: 10s, 10s:50%)
    ///
    /// The seed chooses the connections. Without --reconnect they stay away.
    #[arg(long, value_name = "TIME[:PERCENT%]", value_parser = timed_drop, help_heading = CONNECTION)]
    pub drop: Option<TimedDrop>,

    /// End of the connections that --drop chooses (example: close)
    #[arg(long, value_name = "METHOD", value_parser = one_of(&DROP_METHODS), default_value = RESET, requires = "drop", help_heading = CONNECTION)]
    pub drop_with: DropMethod,

    /// Open lost connections again: at once, at random times of an interval, or with exponential back-off and full jitter
    /// (examples: now, spread:5s, backoff:100ms..30s)
    ///
    /// Lost are the connections of --drop and those that the server ends. With `now`, a failed attempt is repeated after
    /// 100ms. With `backoff:A..B`, the delay before attempt k, from 0, is random between 0 and A doubled k times, at most B.
    #[arg(long, value_name = "now|spread:TIME|backoff:TIME..TIME", value_parser = reconnect_law, help_heading = CONNECTION)]
    pub reconnect: Option<ReconnectLaw>,

    /// Idle connections besides those of the clients: they answer pings and send no messages (example: 50_000)
    #[arg(long, value_name = "N", value_parser = up_to::<NonZeroU32>(MAX_CLIENTS), help_heading = CONNECTION)]
    pub idle: Option<NonZeroU32>,
}

/// Time and share of the connections to end, as typed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TimedDrop {
    /// Time after T0.
    after: Duration,
    /// Share of the connections, above 0 and at most 1.
    share: f64,
}

/// The default of `--connect-arrivals`.
const CONSTANT: &str = "constant";

const CONNECT_ARRIVALS: [Choice<Arrivals>; 2] = [
    (CONSTANT, "Equal intervals", Arrivals::Constant),
    (
        "poisson",
        "Exponential intervals, as of many independent users",
        Arrivals::Poisson,
    ),
];

/// The default of `--drop-with`.
const RESET: &str = "reset";

const DROP_METHODS: [Choice<DropMethod>; 2] = [
    (
        RESET,
        "Reset of the TCP connection, without a close frame",
        DropMethod::Reset,
    ),
    ("close", "Close frame with code 1001", DropMethod::Close),
];

impl ConnectionFlags {
    /// Puts these rules into the draft of a load.
    pub fn apply(&self, draft: &mut LoadDraft) {
        draft.connections = ConnectionRules {
            arrivals: self.connect_arrivals,
            lifetime: self.lifetime,
            messages_per_connection: self.messages_per_connection,
            ..draft.connections
        };
    }
}

impl StormFlags {
    /// Puts these rules into the draft of a load.
    pub fn apply(&self, draft: &mut LoadDraft) {
        draft.connections = ConnectionRules {
            drop: self.drop.map(|TimedDrop { after, share }| ConnectionDrop {
                after,
                share,
                method: self.drop_with,
            }),
            reconnect: self.reconnect,
            idle: self.idle.map_or(0, NonZeroU32::get),
            ..draft.connections
        };
    }
}

fn lifetime(text: &str) -> Result<Lifetime, String> {
    const SHORTEST: Duration = Duration::from_millis(1);
    match Lifetime::from_str(text) {
        Ok(lifetime) if lifetime.mean() >= SHORTEST => Ok(lifetime),
        Ok(_) => Err(format!(
            "`{text}` is too short: a lifetime is at least 1ms (examples: 30s, exp:30s)"
        )),
        Err(_) => Err(format!(
            "`{text}` is not a lifetime (examples: 30s, exp:30s)"
        )),
    }
}

fn timed_drop(text: &str) -> Result<TimedDrop, String> {
    let (time, percent) = match text.split_once(':') {
        Some((time, percent)) => (time, Some(percent)),
        None => (text, None),
    };
    let after = parse_duration(time).map_err(|_| {
        format!("`{time}` is not the time of a drop, with a unit (examples: 10s, 10s:50%)")
    })?;
    let share = percent.map_or(Ok(1.0), |percent| {
        let number = percent.strip_suffix('%').map(f64::from_str);
        match number {
            Some(Ok(number)) if number > 0.0 && number <= 100.0 => Ok(number / 100.0),
            _ => Err(format!(
                "`{percent}` is not a percentage above 0 and at most 100 (examples: 10s:50%, 10s:0.5%)"
            )),
        }
    })?;
    Ok(TimedDrop { after, share })
}

/// Laws with a time, without and with one.
const TIMED_LAWS: [(&str, &str); 4] = [
    ("spread", "spread:5s"),
    ("spread:", "spread:5s"),
    ("backoff", "backoff:100ms..30s"),
    ("backoff:", "backoff:100ms..30s"),
];

fn reconnect_law(text: &str) -> Result<ReconnectLaw, String> {
    if text == "now" {
        return Ok(ReconnectLaw::Now);
    }
    if let Some((_, example)) = TIMED_LAWS.iter().find(|(law, _)| *law == text) {
        return Err(format!(
            "`{text}` lacks a time: write one such as {example} (examples: now, spread:5s, backoff:100ms..30s)"
        ));
    }
    if let Some(interval) = text.strip_prefix("spread:") {
        return some_time(interval, "spread:5s").map(ReconnectLaw::Spread);
    }
    let Some(range) = text.strip_prefix("backoff:") else {
        return Err(format!(
            "`{text}` is not a way to reconnect (examples: now, spread:5s, backoff:100ms..30s)"
        ));
    };
    let (first, cap) = range.split_once("..").ok_or_else(|| {
        format!("`{range}` is not a first and a largest delay (example: backoff:100ms..30s)")
    })?;
    let [first, cap] = [first, cap].map(|time| some_time(time, "backoff:100ms..30s"));
    let (first, cap) = (first?, cap?);
    if first > cap {
        return Err(format!(
            "the first delay of `{text}` is longer than the largest one (example: backoff:100ms..30s)"
        ));
    }
    Ok(ReconnectLaw::Backoff { first, cap })
}

/// Parses a time above 0. The error shows an example.
fn some_time(text: &str, example: &str) -> Result<Duration, String> {
    match parse_duration(text) {
        Ok(time) if time > Duration::ZERO => Ok(time),
        Ok(_) => Err(format!(
            "a delay of `{text}` is not above 0 (example: {example})"
        )),
        Err(_) => Err(format!(
            "`{text}` is not a time with a unit (example: {example})"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusals<T: std::fmt::Debug>(parse: fn(&str) -> Result<T, String>, texts: &[(&str, &str)]) {
        for (wrong, expected) in texts {
            let error = parse(wrong).unwrap_err();
            assert!(error.contains(expected), "{wrong}: {error}");
            assert!(error.contains("(example"), "{wrong}: {error}");
        }
    }

    #[test]
    fn a_lifetime_is_fixed_or_random() {
        let half_minute = Duration::from_secs(30);
        assert_eq!(lifetime("30s"), Ok(Lifetime::Fixed(half_minute)));
        assert_eq!(lifetime("exp:30s"), Ok(Lifetime::Exponential(half_minute)));
        refusals(
            lifetime,
            &[
                ("30", "`30` is not a lifetime"),
                ("exp:", "`exp:` is not a lifetime"),
                ("uniform:3s", "is not a lifetime"),
                ("0", "`0` is too short: a lifetime is at least 1ms"),
                ("exp:999us", "is too short"),
            ],
        );
    }

    #[test]
    fn a_drop_has_a_time_and_perhaps_a_percentage() {
        let drop = |after_s, share| {
            let after = Duration::from_secs(after_s);
            Ok(TimedDrop { after, share })
        };
        assert_eq!(timed_drop("10s"), drop(10, 1.0));
        assert_eq!(timed_drop("1m:50%"), drop(60, 0.5));
        assert_eq!(timed_drop("0s:0.5%"), drop(0, 0.005));
        refusals(
            timed_drop,
            &[
                ("10", "`10` is not the time of a drop"),
                (":50%", "`` is not the time of a drop"),
                ("10s:50", "`50` is not a percentage"),
                ("10s:0%", "`0%` is not a percentage above 0"),
                ("10s:101%", "at most 100"),
                ("10s:NaN%", "is not a percentage"),
                ("10s:", "`` is not a percentage"),
            ],
        );
    }

    #[test]
    fn a_law_of_reconnects_is_parsed_as_it_is_printed() {
        for text in ["now", "spread:5s", "backoff:100ms..30s", "backoff:1s..1s"] {
            assert_eq!(reconnect_law(text).unwrap().to_string(), text);
        }
        refusals(
            reconnect_law,
            &[
                ("never", "`never` is not a way to reconnect"),
                (
                    "spread",
                    "`spread` lacks a time: write one such as spread:5s",
                ),
                ("spread:", "`spread:` lacks a time"),
                (
                    "backoff",
                    "`backoff` lacks a time: write one such as backoff:100ms..30s",
                ),
                ("spread:0s", "`0s` is not above 0 (example: spread:5s)"),
                ("spread:5", "`5` is not a time with a unit"),
                ("backoff:1s", "`1s` is not a first and a largest delay"),
                ("backoff:0s..1s", "`0s` is not above 0"),
                ("backoff:1s..", "`` is not a time with a unit"),
                ("backoff:2s..1s", "is longer than the largest one"),
            ],
        );
    }
}

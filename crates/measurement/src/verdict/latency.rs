//! Summary figures of distributions of times, and the number of messages in their tails.

use serde::{Deserialize, Serialize};

use crate::record::{ConnectHistograms, LatencyHistogram, LazyHistogram};

/// Number of messages beyond a quantile.
pub fn messages_beyond(count: u64, quantile: f64) -> u64 {
    // Half a message rounds down. The margin is for (1 − 0.99)·50, which is slightly above 0.5 in binary.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let beyond = ((1.0 - quantile) * count as f64 - 1e-6).round() as u64;
    beyond
}

/// A quantile of `count` values for a report; `None` above the median if no value lies beyond it, because it would equal
/// the maximum. The only rule for shown percentiles: p90 needs more than 5 values, p99 more than 50, and p99.9 more than
/// 500, which is more than half a value beyond each.
pub fn shown_quantile<T>(count: u64, quantile: f64, value: Option<T>) -> Option<T> {
    value.filter(|_| quantile <= 0.5 || messages_beyond(count, quantile) > 0)
}

/// A distribution of times in nanoseconds. All figures but the count are `None` when it is 0.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
#[allow(missing_docs)]
pub struct Latency {
    pub count: u64,
    pub min: Option<u64>,
    pub mean: Option<f64>,
    pub stdev: Option<f64>,
    pub p50: Option<u64>,
    pub p75: Option<u64>,
    pub p90: Option<u64>,
    pub p95: Option<u64>,
    pub p99: Option<u64>,
    pub p99_9: Option<u64>,
    pub p99_99: Option<u64>,
    pub max: Option<u64>,
}

impl Latency {
    /// The figures shown in reports with their names, in nanoseconds, ascending except for the mean. `None` when not
    /// measured, and for a percentile of too few values ([`shown_quantile`]).
    pub fn shown(&self) -> [(&'static str, Option<f64>); 7] {
        let exact = |ns: Option<u64>| ns.map(|ns| ns as f64);
        let shown = |quantile, ns| exact(shown_quantile(self.count, quantile, ns));
        [
            ("min", exact(self.min)),
            ("mean", self.mean),
            ("p50", shown(0.5, self.p50)),
            ("p90", shown(0.9, self.p90)),
            ("p99", shown(0.99, self.p99)),
            ("p99.9", shown(0.999, self.p99_9)),
            ("max", exact(self.max)),
        ]
    }
}

impl Latency {
    /// The figures of a histogram that may be empty.
    pub fn from_lazy(times: &LazyHistogram) -> Self {
        times.get().map(Self::from).unwrap_or_default()
    }
}

impl From<&LatencyHistogram> for Latency {
    fn from(d: &LatencyHistogram) -> Self {
        Self {
            count: d.count(),
            min: d.min(),
            mean: d.mean(),
            stdev: d.stdev(),
            p50: d.quantile(0.5),
            p75: d.quantile(0.75),
            p90: d.quantile(0.9),
            p95: d.quantile(0.95),
            p99: d.quantile(0.99),
            p99_9: d.quantile(0.999),
            p99_99: d.quantile(0.9999),
            max: d.max(),
        }
    }
}

/// Durations of opening a connection, over all opened connections, in nanoseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct ConnectTimes {
    /// TCP handshake.
    pub tcp: Latency,
    /// TLS handshake; `None` without TLS.
    pub tls: Option<Latency>,
    /// HTTP upgrade.
    pub upgrade: Latency,
    /// Total duration of opening.
    pub total: Latency,
}

impl From<&ConnectHistograms> for ConnectTimes {
    fn from(all: &ConnectHistograms) -> Self {
        Self {
            tcp: Latency::from_lazy(&all.tcp),
            tls: all.tls.get().map(Latency::from),
            upgrade: Latency::from_lazy(&all.upgrade),
            total: Latency::from_lazy(&all.total),
        }
    }
}

/// Actual minus intended send time in nanoseconds; 0 in closed loop by definition.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
#[allow(missing_docs)]
pub struct SendLag {
    pub p50: Option<u64>,
    pub p99: Option<u64>,
    pub max: Option<u64>,
}

impl SendLag {
    /// The lag in closed loop: 0, or `None` when no message was sent.
    pub(crate) fn none(sent: u64) -> Self {
        let zero = (sent > 0).then_some(0);
        Self {
            p50: zero,
            p99: zero,
            max: zero,
        }
    }
}

/// The generator's own lateness in nanoseconds: actual send time minus the later of the due time and the time at which
/// window and socket had room.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
#[allow(missing_docs)]
pub struct SendLateness {
    pub p50: Option<u64>,
    pub p99: Option<u64>,
    pub max: Option<u64>,
    /// Share of the response time's p99 that disappears when each message's own lateness is subtracted.
    pub share_of_response_p99: Option<f64>,
}

impl SendLateness {
    /// The lateness of all messages, and its effect on the p99 of the response times.
    pub(crate) fn new(
        lateness: &LatencyHistogram,
        response_p99: Option<u64>,
        punctual_p99: Option<u64>,
    ) -> Self {
        let share = |(response, punctual): (u64, u64)| {
            (response > 0).then(|| 1.0 - punctual.min(response) as f64 / response as f64)
        };
        Self {
            p50: lateness.quantile(0.5),
            p99: lateness.quantile(0.99),
            max: lateness.max(),
            share_of_response_p99: response_p99.zip(punctual_p99).and_then(share),
        }
    }
}

impl From<&LatencyHistogram> for SendLag {
    fn from(d: &LatencyHistogram) -> Self {
        Self {
            p50: d.quantile(0.5),
            p99: d.quantile(0.99),
            max: d.max(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_percentile_of_too_few_values_is_left_out() {
        let shown = |count| {
            let mut times = LatencyHistogram::new();
            (0..count).for_each(|_| times.record(1_000));
            let shown = Latency::from(&times).shown().into_iter();
            let names = shown.filter_map(|(name, ns)| ns.map(|_| name));
            names.collect::<Vec<_>>().join(" ")
        };
        assert_eq!(shown(1), "min mean p50 max");
        assert_eq!(shown(6), "min mean p50 p90 max");
        assert_eq!(shown(49), "min mean p50 p90 max");
        assert_eq!(shown(51), "min mean p50 p90 p99 max");
        assert_eq!(shown(501), "min mean p50 p90 p99 p99.9 max");
    }
}

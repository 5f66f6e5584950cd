//! Figures by which servers are compared: names, units and direction.

use serde::{Deserialize, Serialize};

use super::{RoundRow, RunRow, SliceRow};
use crate::verdict::Verdict;
use units::{grouped, human_bytes, human_time};

/// A figure by which servers are compared. Response times are measured in open loop, those of deliveries in open loop if
/// there is one, all other figures in closed loop.
#[allow(missing_docs)]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum ComparedFigure {
    Throughput,
    ServiceP50,
    ServiceP99,
    #[serde(rename = "service_p99_9")]
    ServiceP999,
    ResponseP50,
    ResponseP99,
    #[serde(rename = "response_p99_9")]
    ResponseP999,
    MessagesPerCpuS,
    MemoryPerConnection,
    Reach,
    FirstP99,
    LastP50,
    LastP99,
    DeliveryP50,
    DeliveryP99,
    GapP99,
    LatenessP99,
    SkewP99,
    ConnectResponseP50,
    ConnectResponseP99,
    CapacityUnderSlo,
}

/// Constant properties of a figure.
struct Facts {
    key: &'static str,
    name: &'static str,
    unit: &'static str,
    comparatives: (&'static str, &'static str),
}

/// One row per figure, in the order of [`ComparedFigure::ALL`].
#[rustfmt::skip]
static FACTS: [Facts; 21] = {
    const fn facts(key: &'static str, name: &'static str, unit: &'static str, comparatives: (&'static str, &'static str)) -> Facts {
        Facts { key, name, unit, comparatives }
    }
    const SPEED: (&str, &str) = ("faster", "slower");
    [
        facts("throughput", "throughput, msg/s", "msg/s", SPEED),
        facts("service_p50", "service time p50", "ns", SPEED),
        facts("service_p99", "service time p99", "ns", SPEED),
        facts("service_p99_9", "service time p99.9", "ns", SPEED),
        facts("response_p50", "response time p50", "ns", SPEED),
        facts("response_p99", "response time p99", "ns", SPEED),
        facts("response_p99_9", "response time p99.9", "ns", SPEED),
        facts("messages_per_cpu_s", "messages per CPU-second", "msg/CPU-s", ("more efficient", "less efficient")),
        facts("memory_per_connection", "memory per connection", "bytes", ("smaller", "larger")),
        facts("reach", "reach", "share", ("more complete", "less complete")),
        facts("first_p99", "first receiver p99", "ns", SPEED),
        facts("last_p50", "last receiver p50", "ns", SPEED),
        facts("last_p99", "last receiver p99", "ns", SPEED),
        facts("delivery_p50", "delivery time p50", "ns", SPEED),
        facts("delivery_p99", "delivery time p99", "ns", SPEED),
        facts("gap_p99", "gap p99", "ns", ("more regular", "less regular")),
        facts("lateness_p99", "lateness p99", "ns", ("more punctual", "less punctual")),
        facts("skew_p99", "skew p99", "ns", ("closer together", "further apart")),
        facts("connect_response_p50", "connect response p50", "ns", SPEED),
        facts("connect_response_p99", "connect response p99", "ns", SPEED),
        facts("capacity_under_slo", "capacity, msg/s", "msg/s", ("higher", "lower")),
    ]
};

impl ComparedFigure {
    /// All figures in display order.
    pub const ALL: [Self; 21] = [
        Self::Throughput,
        Self::ServiceP50,
        Self::ServiceP99,
        Self::ServiceP999,
        Self::ResponseP50,
        Self::ResponseP99,
        Self::ResponseP999,
        Self::MessagesPerCpuS,
        Self::MemoryPerConnection,
        Self::Reach,
        Self::FirstP99,
        Self::LastP50,
        Self::LastP99,
        Self::DeliveryP50,
        Self::DeliveryP99,
        Self::GapP99,
        Self::LatenessP99,
        Self::SkewP99,
        Self::ConnectResponseP50,
        Self::ConnectResponseP99,
        Self::CapacityUnderSlo,
    ];

    /// The figure of searches for a capacity.
    pub const OF_SEARCHES: &[Self] = Self::ALL.split_at(20).1;

    /// The figures of connections that are replaced, or that a connect rate spaces.
    pub const OF_CONNECTIONS: &[Self] = Self::ALL.split_at(18).1.split_at(2).0;

    /// The figures of messages with an echo or a reply.
    pub const OF_MESSAGES: &[Self] = Self::ALL.split_at(9).0;

    /// The figures of messages that are delivered to several receivers, and of their replies.
    pub const OF_ROOMS: &[Self] = Self::ALL.split_at(15).0;

    /// The figures of messages that are delivered to several receivers, of their replies, and of a feed.
    pub const OF_ROOMS_AND_FEEDS: &[Self] = Self::ALL.split_at(18).0;

    /// The figures of a feed.
    pub const OF_FEEDS: &[Self] = &[
        Self::Throughput,
        Self::MemoryPerConnection,
        Self::GapP99,
        Self::LatenessP99,
        Self::SkewP99,
    ];

    /// Returns true when these are all figures of some load, so none of them was chosen.
    pub fn are_all_of_a_load(figures: &[Self]) -> bool {
        let of_messages = figures.strip_suffix(Self::OF_CONNECTIONS);
        let figures = of_messages.unwrap_or(figures);
        [
            Self::OF_ROOMS_AND_FEEDS,
            Self::OF_MESSAGES,
            Self::OF_ROOMS,
            Self::OF_FEEDS,
            Self::OF_SEARCHES,
        ]
        .contains(&figures)
    }

    fn facts(self) -> &'static Facts {
        &FACTS[self as usize]
    }

    /// The key in files, such as `response_p99`.
    pub fn key(self) -> &'static str {
        self.facts().key
    }

    /// The display name, with the unit of figures that are printed as plain numbers.
    pub fn name(self) -> &'static str {
        self.facts().name
    }

    /// The display name without the unit.
    pub fn short_name(self) -> &'static str {
        self.name().split(", ").next().unwrap_or_default()
    }

    /// The unit behind a value of [`print`](Self::print) with a space before it; empty where the value has its unit.
    pub fn printed_unit(self) -> &'static str {
        let (name, short) = (self.name(), self.short_name());
        name[short.len()..].trim_start_matches(',')
    }

    /// The unit in files.
    pub fn unit(self) -> &'static str {
        self.facts().unit
    }

    /// Returns true when a larger value is better.
    pub fn more_is_better(self) -> bool {
        matches!(
            self,
            Self::Throughput | Self::MessagesPerCpuS | Self::Reach | Self::CapacityUnderSlo
        )
    }

    /// Comparatives for the servers with the better and the worse value: `faster`, `slower`.
    pub fn comparatives(self) -> (&'static str, &'static str) {
        self.facts().comparatives
    }

    /// Formats a value of the figure for display.
    pub fn print(self, value: f64) -> String {
        match self {
            // Never negative.
            #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
            Self::Throughput | Self::MessagesPerCpuS | Self::CapacityUnderSlo => {
                grouped(value.round() as u64)
            }
            Self::MemoryPerConnection => human_bytes(value),
            Self::Reach if value >= 1.0 => "100 %".to_owned(),
            Self::Reach => format!("{:.3} %", value * 100.0),
            _ => human_time(value),
        }
    }

    /// Returns true for a figure of the server's processes, which a server that was already running does not have.
    pub fn is_of_processes(self) -> bool {
        matches!(self, Self::MessagesPerCpuS | Self::MemoryPerConnection)
    }

    /// Returns true for a figure of latency runs (open loop), false for one of throughput runs (closed loop).
    pub fn is_of_latency_run(self) -> bool {
        matches!(
            self,
            Self::ResponseP50 | Self::ResponseP99 | Self::ResponseP999
        ) || self.is_of_both_runs()
    }

    /// Returns true for a figure of deliveries or of connections, which throughput runs have as well.
    fn is_of_both_runs(self) -> bool {
        matches!(
            self,
            Self::Reach
                | Self::FirstP99
                | Self::LastP50
                | Self::LastP99
                | Self::DeliveryP50
                | Self::DeliveryP99
                | Self::ConnectResponseP50
                | Self::ConnectResponseP99
        )
    }

    /// The run of the round that the figure is taken from; `None` for the figure of a search.
    pub fn run(self, row: &RoundRow) -> Option<&RunRow> {
        if self == Self::CapacityUnderSlo {
            None
        } else if self.is_of_both_runs() {
            row.latency.as_ref().or(row.throughput.as_ref())
        } else if self.is_of_latency_run() {
            row.latency.as_ref()
        } else {
            row.throughput.as_ref()
        }
    }

    /// Verdict on the run or the search that the figure is taken from, with its first reason, which is empty without one;
    /// `None` without a run or search.
    pub fn verdict(self, row: &RoundRow) -> Option<(Verdict, &str)> {
        if self == Self::CapacityUnderSlo {
            return Some(row.capacity_under_slo.as_ref()?.judged());
        }
        let run = self.run(row)?;
        Some((run.verdict, run.reasons.first().map_or("", String::as_str)))
    }

    /// The figure's value in one slice; `None` for figures that need more messages than a slice has.
    pub(super) fn of_slice(self, slice: &SliceRow) -> Option<f64> {
        let value = match self {
            Self::Throughput => Some(slice.messages_per_s),
            Self::ServiceP50 | Self::ResponseP50 => slice.p50_ns,
            _ => None,
        };
        value.filter(|value| value.is_finite() && *value > 0.0)
    }

    /// The figure's value for a server in a round. `None` when the round failed, the run is invalid, or the value was
    /// not measured or is not above 0.
    pub fn of(self, row: &RoundRow) -> Option<f64> {
        let (verdict, _) = self.verdict(row)?;
        if row.failure.is_some() || verdict == Verdict::Invalid {
            return None;
        }
        let value = match self.run(row) {
            Some(run) => self.of_run(run, row),
            None => row.capacity_under_slo.as_ref()?.found.rate_per_s,
        };
        // Ratios need values above zero.
        value.filter(|value| value.is_finite() && *value > 0.0)
    }

    /// The figure's value in a run of this round.
    fn of_run(self, run: &RunRow, row: &RoundRow) -> Option<f64> {
        let own = run.deliveries.unwrap_or_default();
        let connections = run.connections.unwrap_or_default();
        match self {
            Self::Throughput => Some(run.messages_per_s),
            Self::ServiceP50 | Self::ResponseP50 => run.p50_ns,
            Self::ServiceP99 | Self::ResponseP99 => run.p99_ns,
            Self::ServiceP999 | Self::ResponseP999 => run.p99_9_ns,
            Self::MessagesPerCpuS => run.messages_per_cpu_s,
            Self::MemoryPerConnection => row.memory_per_connection_bytes,
            Self::Reach => own.reach,
            Self::FirstP99 => own.first_p99_ns,
            Self::LastP50 => own.last_p50_ns,
            Self::LastP99 => own.last_p99_ns,
            Self::DeliveryP50 => own.delivery_p50_ns,
            Self::DeliveryP99 => own.delivery_p99_ns,
            Self::GapP99 => own.gap_p99_ns,
            Self::LatenessP99 => own.lateness_p99_ns,
            Self::SkewP99 => own.skew_p99_ns,
            Self::ConnectResponseP50 => connections.connect_response_p50_ns,
            Self::ConnectResponseP99 => connections.connect_response_p99_ns,
            // No run has it.
            Self::CapacityUnderSlo => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::comparison::{RunConnections, Steadiness};

    fn run(connect_response_p99_ns: Option<f64>) -> RunRow {
        RunRow {
            verdict: Verdict::Valid,
            reasons: Vec::new(),
            timed_messages: 1,
            failed_messages: 0,
            elapsed_s: 1.0,
            steadiness: Steadiness::Unknown,
            cut_s: None,
            messages_per_s: 1.0,
            p50_ns: None,
            p99_ns: None,
            p99_9_ns: None,
            server_cpu_s: None,
            messages_per_cpu_s: None,
            slices: None,
            deliveries: None,
            connections: Some(RunConnections {
                connect_response_p99_ns,
                ..RunConnections::default()
            }),
        }
    }

    #[test]
    fn connections_are_those_of_the_latency_run_where_there_is_one() {
        let mut row = RoundRow {
            throughput: Some(run(Some(5.0))),
            ..RoundRow::default()
        };
        let figure = ComparedFigure::ConnectResponseP99;
        assert_eq!(figure.of(&row), Some(5.0));
        row.latency = Some(run(Some(7.0)));
        assert_eq!(figure.of(&row), Some(7.0));
        row.latency = Some(RunRow {
            connections: None,
            ..run(None)
        });
        assert_eq!(figure.of(&row), None);
    }

    #[test]
    fn a_capacity_is_that_of_a_search_that_counts() {
        use crate::run::SearchEnd;
        use crate::run::comparison::search_row::tests::search;
        let figure = ComparedFigure::CapacityUnderSlo;
        assert_eq!(ComparedFigure::OF_SEARCHES, [figure]);
        let mut row = RoundRow {
            throughput: Some(run(None)),
            ..RoundRow::default()
        };
        assert_eq!((figure.of(&row), figure.verdict(&row)), (None, None));
        row.capacity_under_slo = Some(search(Some(500.0), 490.0, 510.0));
        assert_eq!(figure.of(&row), Some(500.0));
        assert_eq!(figure.print(500.4), "500");
        assert_eq!(figure.printed_unit(), " msg/s");
        assert_eq!(ComparedFigure::ServiceP50.printed_unit(), "");
        let search = row.capacity_under_slo.as_mut().unwrap();
        search.found.ended_by = SearchEnd::Interrupted;
        assert_eq!(figure.of(&row), None);
        assert_eq!(ComparedFigure::Throughput.of(&row), Some(1.0));
    }

    #[test]
    fn figures_of_connections_do_not_narrow_those_of_a_load() {
        let of_rooms = [ComparedFigure::OF_ROOMS, ComparedFigure::OF_CONNECTIONS].concat();
        assert!(ComparedFigure::are_all_of_a_load(&of_rooms));
        assert!(!ComparedFigure::are_all_of_a_load(&of_rooms[1..]));
    }
}

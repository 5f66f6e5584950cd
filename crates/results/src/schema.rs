//! Names of sheets and columns, and the limits of a sheet. They are the contract with every reader of a file.

use std::num::NonZeroUsize;

use measurement::run::comparison::ComparedFigure;

// The sheets of a run.

/// The flattened JSON summary, one row per key.
pub(crate) const SUMMARY_SHEET: &str = "summary";
/// One row per message. Further sheets are named `latencies_2`, `latencies_3`, …
pub(crate) const LATENCIES_SHEET: &str = "latencies";
pub(crate) const PERCENTILES_SHEET: &str = "percentiles";
/// One row per second.
pub(crate) const TIMELINE_SHEET: &str = "timeline";
/// One row per client.
pub(crate) const CONNECTIONS_SHEET: &str = "connections";
/// The moving average, with as many points as a chart can show.
pub(crate) const MOVING_AVERAGE_SHEET: &str = "moving_average";
/// One row per shard, in runs of several processes. The flattened summary leaves these rows out.
pub(crate) const SHARDS_SHEET: &str = "shards";

/// Columns behind those of [`LATENCIES_SHEET`] and of a CSV file, in runs with a scenario: kind of the message, and time
/// from sent to the first part of the reply.
pub(crate) const SCENARIO_LATENCY_COLUMNS: [&str; 2] = ["kind", "first_part_ms"];
/// Columns behind these, in runs with deliveries: receivers that should get the message and that got it, and delivery times
/// of the first, the median and the last of them.
pub(crate) const FAN_OUT_LATENCY_COLUMNS: [&str; 5] =
    ["expected", "delivered", "first_ms", "median_ms", "last_ms"];
/// Columns behind those of [`PERCENTILES_SHEET`], in runs with deliveries.
pub(crate) const FAN_OUT_PERCENTILE_COLUMNS: [&str; 4] =
    ["delivery_time_ms", "first_ms", "median_ms", "last_ms"];
/// Columns behind those of [`CONNECTIONS_SHEET`], in runs with a scenario: time until the setup was complete, name of the
/// role, and number of the setup step that failed. The room stands in runs with deliveries only.
pub(crate) const SCENARIO_CONNECTION_COLUMNS: [&str; 4] =
    [READY_COLUMN, "role", STEP_COLUMN, ROOM_COLUMN];
/// Column behind these, in runs whose connections are replaced or opened again: number of connections after the first.
pub(crate) const RECONNECTS_COLUMN: &str = "reconnects";
pub(crate) const READY_COLUMN: &str = "ready_ms";
pub(crate) const STEP_COLUMN: &str = "setup_step";
pub(crate) const ROOM_COLUMN: &str = "room";

/// One row per second of deliveries. The flattened summary leaves these rows out.
pub(crate) const FAN_OUT_SHEET: &str = "fan_out";
/// One row per delivery. Further sheets are named `deliveries_2`, `deliveries_3`, …
pub(crate) const DELIVERIES_SHEET: &str = "deliveries";
/// One row per message of a feed at a client. Further sheets are named `pushes_2`, `pushes_3`, …
pub(crate) const PUSHES_SHEET: &str = "pushes";

/// One row per interval with a lost connection or an attempt to open one again. Its columns, and those of
/// [`CONNECTS_SHEET`], are the keys of the JSON rows, with times in milliseconds. The flattened summary leaves these rows
/// out.
pub(crate) const RECONNECTS_SHEET: &str = "reconnects";
/// One row per second in which connections opened.
pub(crate) const CONNECTS_SHEET: &str = "connects";

/// One row per step of a capacity search, or per point of a sweep. Further sheets are named `load_curve_2`, … The flattened
/// summary leaves these rows out.
pub(crate) const LOAD_CURVE_SHEET: &str = "load_curve";

// The sheets of a comparison.

/// One row per figure and server.
pub(crate) const COMPARED_SHEET: &str = "figures";
/// One row per round and server.
pub(crate) const ROUNDS_SHEET: &str = "rounds";
/// All data that no other sheet holds, as keys and values.
pub(crate) const COMPARISON_SHEET: &str = "comparison";
/// One row per slice.
pub(crate) const SLICES_SHEET: &str = "slices";

/// Largest number of rows of a sheet below its header.
pub(crate) const ROWS_PER_SHEET: usize = 1_048_575;

/// Number of messages in the average of [`MOVING_AVERAGE_SHEET`], which is the default of `draw-plot`.
pub(crate) const MOVING_AVERAGE_WINDOW: NonZeroUsize = NonZeroUsize::new(50).unwrap();

/// One row per round, one column per server, and a chart.
pub(crate) const BY_ROUND_SHEETS: [(&str, ComparedFigure); 3] = [
    ("throughput", ComparedFigure::Throughput),
    ("response_p50", ComparedFigure::ResponseP50),
    ("response_p99", ComparedFigure::ResponseP99),
];

/// The sheet of the capacities by round, behind all others, where there are any.
pub(crate) const CAPACITY_BY_ROUND: (&str, ComparedFigure) =
    ("capacity_under_slo", ComparedFigure::CapacityUnderSlo);

/// The name of the `index`-th sheet of latencies, from 0.
pub(crate) fn latencies_sheet(index: usize) -> String {
    further_sheet(LATENCIES_SHEET, index)
}

/// The name of the `index`-th sheet, from 0, of rows that can need several.
pub(crate) fn further_sheet(name: &str, index: usize) -> String {
    match index {
        0 => name.to_owned(),
        n => format!("{name}_{}", n + 1),
    }
}

/// Formats of cells, by their content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CellFormat {
    /// An identifying number, without separators.
    Id,
    Count,
    /// Seconds since T0, to the microsecond.
    Micros,
    /// Three decimals, for milliseconds and for lengths of time in seconds.
    Thousandths,
    Ratio,
    /// All digits of the number: 99.9, 99.9999.
    General,
    /// Two decimals below a hundred, else none.
    UpToTwoDecimals,
    /// True or false.
    Truth,
    Text,
    /// No format, for a sheet of millions of rows, because the format of a cell takes a tenth of its bytes.
    Plain,
}

/// Columns of a sheet, left to right.
pub(crate) trait SheetColumn: Copy + 'static {
    const ALL: &'static [Self];
    const TITLES: &'static [&'static str];

    fn title(self) -> &'static str;

    /// The format of the cells below it.
    fn format(self) -> CellFormat;

    /// The number of the column, from 0.
    fn at(self) -> u16;
}

/// Declares the columns of sheets with their formats and titles.
macro_rules! columns {
    ($($(#[$about:meta])* $name:ident {
        $($(#[$what:meta])* $column:ident: $format:ident = $title:literal,)*
    })*) => {$(
        $(#[$about])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum $name { $($(#[$what])* $column,)* }

        impl SheetColumn for $name {
            const ALL: &'static [Self] = &[$(Self::$column,)*];
            const TITLES: &'static [&'static str] = &[$($title,)*];

            fn title(self) -> &'static str {
                match self { $(Self::$column => $title,)* }
            }

            fn format(self) -> CellFormat {
                match self { $(Self::$column => CellFormat::$format,)* }
            }

            fn at(self) -> u16 {
                self as u16
            }
        }
    )*};
}

/// Titles of the columns of a `.csv` and of the sheet `latencies`.
pub const LATENCIES_COLUMNS: [&str; 8] = *LatencyColumn::TITLES.first_chunk().unwrap();

impl LatencyColumn {
    /// Columns that every version writes. The columns after them can be missing in an older file.
    pub(crate) const IN_EVERY_VERSION: usize = Self::Outcome as usize + 1;
}

columns! {
    /// Columns of [`SUMMARY_SHEET`] and [`COMPARISON_SHEET`].
    KeyValueColumn {
        Key: Text = "key",
        Value: Text = "value",
    }

    /// Columns of [`LATENCIES_SHEET`], and of a CSV file. Times are empty for a lost message.
    LatencyColumn {
        Client: Plain = "client",
        Message: Count = "message",
        /// Seconds from T0 to the intended send time.
        Intended: Micros = "intended_s",
        /// Seconds from T0 to the send time.
        Sent: Micros = "sent_s",
        ServiceTime: Thousandths = "service_time_ms",
        ResponseTime: Thousandths = "response_time_ms",
        Outcome: Plain = "outcome",
        /// 1 if the generator was stopped while the message was in flight, else 0.
        GeneratorStopped: Plain = "generator_stopped",
    }

    PercentileColumn {
        Percentile: General = "percentile",
        ServiceTime: Thousandths = "service_time_ms",
        ResponseTime: Thousandths = "response_time_ms",
        /// 1/(1 − q), the axis on which HdrHistogram plots percentiles.
        OneIn: UpToTwoDecimals = "one_in",
    }

    TimelineColumn {
        Second: Id = "second",
        Sent: Count = "sent",
        Received: Count = "received",
        ServiceP50: Thousandths = "service_p50_ms",
        ServiceP99: Thousandths = "service_p99_ms",
        ResponseP99: Thousandths = "response_p99_ms",
        Max: Thousandths = "max_ms",
        Failed: Count = "failed",
        /// Length of the row.
        Seconds: Id = "seconds",
    }

    ConnectionColumn {
        Client: Id = "client",
        Connect: Thousandths = "connect_ms",
        Messages: Count = "messages",
        Failed: Count = "failed",
        CloseCode: Id = "close_code",
    }

    /// Columns of [`MOVING_AVERAGE_SHEET`], with one row per group of successive timed messages.
    MovingAverageColumn {
        /// Position of the group's last message among the timed messages, from 1.
        Message: Count = "message",
        Sent: Micros = "sent_s",
        /// The mean of the 50 messages up to that one.
        ServiceAverage: Thousandths = "service_average_of_50_ms",
        ServiceMin: Thousandths = "service_min_ms",
        ServiceP99: Thousandths = "service_p99_ms",
        ServiceMax: Thousandths = "service_max_ms",
        ResponseAverage: Thousandths = "response_average_of_50_ms",
        ResponseMin: Thousandths = "response_min_ms",
        ResponseP99: Thousandths = "response_p99_ms",
        ResponseMax: Thousandths = "response_max_ms",
    }

    /// Columns of [`SHARDS_SHEET`]. Cells are empty where a figure is unknown.
    ShardColumn {
        Shard: Id = "shard",
        State: Text = "state",
        Host: Text = "host",
        Opened: Count = "opened",
        Sent: Count = "sent",
        Received: Count = "received",
        Failed: Count = "failed",
        StartSkew: Thousandths = "start_skew_ms",
        /// Length of the data of a shard that died, in whole seconds since T0.
        Through: Id = "through_s",
        LongestStop: Thousandths = "longest_stop_ms",
        /// Differences between its plan and that of the run, one a line.
        Differences: Text = "differences",
    }

    /// Columns of [`FAN_OUT_SHEET`].
    FanOutColumn {
        Second: Id = "second",
        Published: Count = "published",
        Expected: Count = "expected",
        Delivered: Count = "delivered",
        FirstP50: Thousandths = "first_p50_ms",
        MedianP50: Thousandths = "median_p50_ms",
        LastP50: Thousandths = "last_p50_ms",
        LastP99: Thousandths = "last_p99_ms",
        DeliveryP50: Thousandths = "delivery_p50_ms",
        DeliveryP99: Thousandths = "delivery_p99_ms",
        /// Length of the row.
        Seconds: Id = "seconds",
    }

    /// Columns of [`DELIVERIES_SHEET`]. Times are empty for a missing delivery.
    DeliveryColumn {
        Publisher: Plain = "publisher",
        Message: Count = "message",
        Subscriber: Plain = "subscriber",
        /// Seconds from T0 to the send time.
        Sent: Micros = "sent_s",
        DeliveryTime: Thousandths = "delivery_time_ms",
        ResponseTime: Thousandths = "response_time_ms",
        Outcome: Plain = "outcome",
    }

    /// Columns of [`LATENCIES_SHEET`] that describe the deliveries of a message.
    PublicationColumn {
        Client: Plain = "client",
        Message: Count = "message",
        Sent: Micros = "sent_s",
        Expected: Count = "expected",
        Delivered: Count = "delivered",
        First: Thousandths = "first_ms",
        Median: Thousandths = "median_ms",
        Last: Thousandths = "last_ms",
    }

    /// Columns of [`PUSHES_SHEET`]. Cells are empty where a figure is unknown.
    PushColumn {
        Client: Plain = "client",
        Seq: Id = "seq",
        /// Seconds from T0 to the arrival.
        Received: Micros = "received_s",
        Gap: Thousandths = "gap_ms",
        Late: Thousandths = "late_ms",
        /// Negative when the stamp is later than the arrival.
        Delay: Thousandths = "delay_ms",
    }

    /// Columns of [`LOAD_CURVE_SHEET`]. Cells are empty where a figure is unknown.
    LoadCurveColumn {
        Offered: UpToTwoDecimals = "offered_per_s",
        Achieved: UpToTwoDecimals = "achieved_per_s",
        From: Text = "from",
        /// Empty when undecided, and without conditions.
        Held: Truth = "held",
        Seconds: Thousandths = "seconds",
        P50: Thousandths = "response_p50_ms",
        P99: Thousandths = "response_p99_ms",
        P999: Thousandths = "response_p99_9_ms",
        Failed: Count = "failed",
        Unsent: Count = "unsent",
        /// CPU time of the server per second, in cores.
        ServerCpu: Ratio = "server_cpu_share",
        Due: Count = "due",
        /// Seconds from the beginning of the search or sweep.
        Start: Thousandths = "start_s",
        Settle: Thousandths = "settle_s",
        Lead: UpToTwoDecimals = "lead_per_s",
        P50Low: Thousandths = "response_p50_low_ms",
        P50High: Thousandths = "response_p50_high_ms",
        P99Low: Thousandths = "response_p99_low_ms",
        P99High: Thousandths = "response_p99_high_ms",
        P999Low: Thousandths = "response_p99_9_low_ms",
        P999High: Thousandths = "response_p99_9_high_ms",
        ClientCpu: Ratio = "client_cpu_share",
        GeneratorLimited: Truth = "generator_limited",
        Answered: UpToTwoDecimals = "answered_per_s",
        Closed: Count = "closed",
        LongestSilence: Thousandths = "longest_silence_s",
        GeneratorTimes: Truth = "generator_times",
    }

    /// Columns of [`COMPARED_SHEET`]. Times are in milliseconds.
    ComparedColumn {
        FigureKey: Text = "figure",
        Unit: Text = "unit",
        Server: Text = "server",
        /// Value in the format of the row's figure.
        Median: General = "median",
        Rounds: Count = "rounds",
        Reference: Text = "reference",
        Ratio: Ratio = "ratio",
        RatioLow: Ratio = "ratio_low",
        RatioHigh: Ratio = "ratio_high",
        Verdict: Text = "verdict",
        InWords: Text = "in_words",
        MoreRounds: Count = "more_rounds",
        LongerRuns: Ratio = "longer_runs",
        SlicePairs: Count = "slice_pairs",
        /// Standard deviations of the logarithms of ratios.
        WithinRounds: General = "stdev_within_rounds",
        BetweenRounds: General = "stdev_between_rounds",
        BetweenShare: Ratio = "variance_share_between_rounds",
    }

    /// Columns of [`ROUNDS_SHEET`]: figures of the closed loop, of the open loop, and of the resources used.
    RoundColumn {
        Round: Id = "round",
        Turn: Id = "turn",
        Server: Text = "server",
        Ready: Thousandths = "ready_s",
        ThroughputVerdict: Text = "capacity_verdict",
        ThroughputCut: Thousandths = "capacity_cut_s",
        ThroughputRate: Count = "capacity_msg_per_s",
        ServiceP50: Thousandths = "service_p50_ms",
        ServiceP99: Thousandths = "service_p99_ms",
        ServiceP999: Thousandths = "service_p99_9_ms",
        ThroughputFailed: Count = "capacity_failed_messages",
        LatencyVerdict: Text = "latency_verdict",
        LatencyCut: Thousandths = "latency_cut_s",
        LatencyRate: Count = "latency_msg_per_s",
        ResponseP50: Thousandths = "response_p50_ms",
        ResponseP99: Thousandths = "response_p99_ms",
        ResponseP999: Thousandths = "response_p99_9_ms",
        LatencyFailed: Count = "latency_failed_messages",
        MessagesPerCpu: Count = "messages_per_cpu_s",
        MemoryPerConnection: Count = "memory_per_connection_bytes",
        Failure: Text = "failure",
        ThroughputSlices: Count = "capacity_slices",
        ThroughputLeftOut: Count = "capacity_slices_left_out",
        ThroughputSettle: Thousandths = "capacity_settle_ms",
        LatencySlices: Count = "latency_slices",
        LatencyLeftOut: Count = "latency_slices_left_out",
        LatencySettle: Thousandths = "latency_settle_ms",
        Background: Ratio = "background_cpu_share",
        /// Search for a capacity.
        SearchVerdict: Text = "capacity_under_slo_verdict",
        SearchRate: Count = "capacity_under_slo_per_s",
        SearchLow: Count = "capacity_under_slo_low_per_s",
        SearchHigh: Count = "capacity_under_slo_high_per_s",
        SearchFromAbove: Count = "capacity_under_slo_from_above_per_s",
        SearchHysteresis: Truth = "capacity_under_slo_hysteresis",
        SearchAtLeast: Truth = "capacity_under_slo_at_least",
        SearchEnded: Text = "capacity_under_slo_ended_by",
        ThroughputDisturbed: Count = "capacity_slices_disturbed",
        ThroughputPaused: Count = "capacity_slices_paused",
        LatencyDisturbed: Count = "latency_slices_disturbed",
        LatencyPaused: Count = "latency_slices_paused",
        Held: Truth = "held",
    }

    /// Columns of [`SLICES_SHEET`], one row per slice that the figures are computed from.
    SliceColumn {
        Round: Id = "round",
        Run: Text = "run",
        Cycle: Id = "cycle",
        Server: Text = "server",
        Rate: Count = "msg_per_s",
        P50: Thousandths = "p50_ms",
        RateRatio: Ratio = "msg_per_s_ratio",
        P50Ratio: Ratio = "p50_ratio",
    }
}

//! Names of sheets and columns, and the limits of a sheet: the contract with whoever opens a file.

use std::num::NonZeroUsize;

/// Sheet with the JSON summary flattened, one key a row.
pub const SUMMARY_SHEET: &str = "summary";
/// Sheet with one row a message; further ones are named `latencies_2`, `latencies_3`, …
pub const LATENCIES_SHEET: &str = "latencies";
/// Sheet with the percentile table.
pub const PERCENTILES_SHEET: &str = "percentiles";
/// Sheet with one row a second.
pub const TIMELINE_SHEET: &str = "timeline";
/// Sheet with one row a client.
pub const CONNECTIONS_SHEET: &str = "connections";

/// Sheet with the moving average, at no more points than a chart can show.
pub const MOVING_AVERAGE_SHEET: &str = "moving_average";

/// Rows that a sheet holds below its header.
pub const ROWS_PER_SHEET: usize = 1_048_575;

/// Columns of [`SUMMARY_SHEET`].
pub const SUMMARY_COLUMNS: [&str; 2] = ["key", "value"];

/// Columns of [`LATENCIES_SHEET`], and of a CSV file.
pub const LATENCIES_COLUMNS: [&str; 7] = [
    "client",
    "message",
    INTENDED_COLUMN,
    SENT_COLUMN,
    SERVICE_TIME_COLUMN,
    RESPONSE_TIME_COLUMN,
    "outcome",
];

/// When a message was due, in seconds since T0.
pub const INTENDED_COLUMN: &str = "intended_s";
/// When a message was sent, in seconds since T0.
pub const SENT_COLUMN: &str = "sent_s";
/// Received minus sent, in milliseconds; empty for a lost message.
pub const SERVICE_TIME_COLUMN: &str = "service_time_ms";
/// Received minus intended, in milliseconds; empty for a lost message.
pub const RESPONSE_TIME_COLUMN: &str = "response_time_ms";

/// Columns of [`PERCENTILES_SHEET`].
pub const PERCENTILES_COLUMNS: [&str; 4] = [
    "percentile",
    SERVICE_TIME_COLUMN,
    RESPONSE_TIME_COLUMN,
    // 1/(1 − q), the axis on which HdrHistogram plots percentiles.
    "one_in",
];

/// Columns of [`TIMELINE_SHEET`].
pub const TIMELINE_COLUMNS: [&str; 8] = [
    "second",
    "sent",
    "received",
    "service_p50_ms",
    "service_p99_ms",
    "response_p99_ms",
    "max_ms",
    "failed",
];

/// Columns of [`CONNECTIONS_SHEET`].
pub const CONNECTIONS_COLUMNS: [&str; 5] =
    ["client", "connect_ms", "messages", "failed", "close_code"];

/// Messages in the average of [`MOVING_AVERAGE_SHEET`]: `draw-plot`'s default.
pub const MOVING_AVERAGE_WINDOW: NonZeroUsize = NonZeroUsize::new(50).unwrap();

/// Columns of [`MOVING_AVERAGE_SHEET`], one row a group of successive timed messages.
pub const MOVING_AVERAGE_COLUMNS: [&str; 10] = [
    // Position of the group's last message among the timed ones, from 1, and when it was sent.
    "message",
    "sent_s",
    // The mean of the 50 messages up to that one; the group's smallest, p99 and largest.
    "service_average_of_50_ms",
    "service_min_ms",
    "service_p99_ms",
    "service_max_ms",
    "response_average_of_50_ms",
    "response_min_ms",
    "response_p99_ms",
    "response_max_ms",
];

/// Name of the `index`-th sheet of latencies, from 0.
#[must_use]
pub fn latencies_sheet(index: usize) -> String {
    match index {
        0 => LATENCIES_SHEET.to_owned(),
        n => format!("{LATENCIES_SHEET}_{}", n + 1),
    }
}

/// Sheet of a comparison with one row a figure and server.
pub const COMPARED_SHEET: &str = "figures";
/// Sheet of a comparison with one row a round and server.
pub const ROUNDS_SHEET: &str = "rounds";
/// Sheet of a comparison with what is in no other, as keys and values.
pub const COMPARISON_SHEET: &str = "comparison";

/// Columns of [`COMPARED_SHEET`]. Times are in milliseconds.
pub const COMPARED_COLUMNS: [&str; 12] = [
    "figure",
    "unit",
    "server",
    "median",
    "rounds",
    "reference",
    "ratio",
    "ratio_low",
    "ratio_high",
    "verdict",
    "in_words",
    "more_rounds",
];

/// Columns of [`ROUNDS_SHEET`]: the closed loop, the open loop, what it cost.
pub const ROUNDS_COLUMNS: [&str; 21] = [
    "round",
    "turn",
    "server",
    "ready_s",
    "capacity_verdict",
    "capacity_cut_s",
    "capacity_msg_per_s",
    "service_p50_ms",
    "service_p99_ms",
    "service_p99_9_ms",
    "capacity_failed_messages",
    "latency_verdict",
    "latency_cut_s",
    "latency_msg_per_s",
    "response_p50_ms",
    "response_p99_ms",
    "response_p99_9_ms",
    "latency_failed_messages",
    "messages_per_cpu_s",
    "memory_per_connection_bytes",
    "failure",
];

/// Sheets of a comparison with one row a round, one column a server, and a chart.
pub const BY_ROUND_SHEETS: [(&str, measurement::run::comparison::ComparedFigure); 3] = [
    (
        "throughput",
        measurement::run::comparison::ComparedFigure::Throughput,
    ),
    (
        "response_p50",
        measurement::run::comparison::ComparedFigure::ResponseP50,
    ),
    (
        "response_p99",
        measurement::run::comparison::ComparedFigure::ResponseP99,
    ),
];

//! Headers of the files of load generators.

use crate::error::Refusal;
use crate::read::time_unit::TimeUnit;

/// The time of a request in the table of a load generator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct KnownColumn {
    /// Name of the column.
    pub(super) column: &'static str,
    pub(super) unit: TimeUnit,
}

/// Names that only one program writes together, and its column of the time of a request.
const TIMES: [(&[&str], &str, TimeUnit); 6] = [
    // JMeter
    (
        &["timeStamp", "elapsed", "label"],
        "elapsed",
        TimeUnit::Milliseconds,
    ),
    // oha
    (
        &["request-start", "request-duration"],
        "request-duration",
        TimeUnit::Seconds,
    ),
    // hey
    (
        &["response-time", "DNS+dialup", "offset"],
        "response-time",
        TimeUnit::Seconds,
    ),
    // ab -g
    (
        &["starttime", "seconds", "ctime", "dtime", "ttime", "wait"],
        "ttime",
        TimeUnit::Milliseconds,
    ),
    // k6, each metric in a column of its own
    (
        &["http_req_duration", "http_req_waiting"],
        "http_req_duration",
        TimeUnit::Milliseconds,
    ),
    // vegeta encode
    (
        &["attack", "seq", "code", "timestamp", "latency"],
        "latency",
        TimeUnit::Nanoseconds,
    ),
];

/// Names that only one program writes together, the program, and the command that writes single times.
const SUMMARIES: [(&[&str], &str, &str); 5] = [
    (
        &["Request Count", "Failure Count", "Median Response Time"],
        "locust",
        "it does not save single times (ws-bench does)",
    ),
    (
        &["User Count", "Total Request Count"],
        "locust",
        "it does not save single times (ws-bench does)",
    ),
    (
        &["command", "mean", "stddev", "median", "user", "system"],
        "hyperfine",
        "`hyperfine --export-json FILE` writes each time",
    ),
    (
        &["# Samples", "Average", "Throughput"],
        "JMeter",
        "its log of results (.jtl, as CSV) holds each time",
    ),
    (
        &["Percentage served", "Time in ms"],
        "ab",
        "`ab -g FILE` writes each time",
    ),
];

/// Columns of the table without header that vegeta writes, and those of its timestamp and latency.
const VEGETA_COLUMNS: usize = 7;

/// The column of the time of a request in the header of a known program.
pub(super) fn time_column(names: &[&str]) -> Option<KnownColumn> {
    let known = TIMES.iter().find(|(wanted, ..)| has_all(names, wanted));
    known.map(|(_, column, unit)| KnownColumn {
        column,
        unit: *unit,
    })
}

/// Detects the program whose summary has this header.
pub(super) fn refusal(names: &[&str]) -> Option<Refusal> {
    let known = SUMMARIES.iter().find(|(wanted, ..)| has_all(names, wanted));
    known.map(|(_, tool, remedy)| Refusal::Summary { tool, remedy })
}

fn has_all(names: &[&str], wanted: &[&str]) -> bool {
    wanted.iter().all(|wanted| names.contains(wanted))
}

/// Returns `true` for the first row of `vegeta encode --to csv`: nanoseconds since 1970, status code, nanoseconds.
pub(super) fn is_row_of_vegeta(numbers: &[Option<f64>]) -> bool {
    // From 2001 to 2286.
    const EPOCH_NS: std::ops::Range<f64> = 1e18..1e19;
    match numbers {
        [
            Some(timestamp),
            Some(code),
            Some(latency),
            Some(_),
            Some(_),
            ..,
        ] => {
            EPOCH_NS.contains(timestamp)
                && (0.0..600.0).contains(code)
                && *latency > 0.0
                && numbers.len() >= VEGETA_COLUMNS
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_known_by_their_headers() {
        let column = |header: &str| {
            time_column(&header.split(',').collect::<Vec<_>>()).map(|known| known.column)
        };
        assert_eq!(
            column("timeStamp,elapsed,label,responseCode,Latency,Connect"),
            Some("elapsed")
        );
        assert_eq!(
            column("request-start,DNS,DNS+dialup,Response-delay,request-duration,bytes,status"),
            Some("request-duration")
        );
        assert_eq!(
            column("starttime,seconds,ctime,dtime,ttime,wait"),
            Some("ttime")
        );
        assert_eq!(column("n,latency_ms"), None);
    }

    #[test]
    fn summaries_are_named_after_their_program() {
        let said = |header: &str| {
            refusal(&header.split(',').collect::<Vec<_>>()).map(|found| found.to_string())
        };
        let locust = said("Type,Name,Request Count,Failure Count,Median Response Time").unwrap();
        assert!(locust.starts_with("is a summary of locust"), "{locust}");
        assert!(
            said("command,mean,stddev,median,user,system,min,max")
                .unwrap()
                .contains("hyperfine")
        );
        assert_eq!(said("n,latency_ms"), None);
    }
}

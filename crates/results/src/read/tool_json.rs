//! JSON summaries of load generators, which hold figures, not single times.

use serde_json::Value as Json;

use crate::error::Refusal;

/// Keys that only one tool writes together, with dots between steps; the tool; the command that writes single times.
const KNOWN: [(&[&str], &str, &str); 10] = [
    (
        &["responseTimeHistogram", "latencyPercentiles"],
        "oha",
        "`oha --output-format csv` writes each time",
    ),
    (
        &["latency.p2_5", "requests.average"],
        "autocannon",
        "it does not save single times (ws-bench does)",
    ),
    (
        &["aggregate.counters", "intermediate"],
        "artillery",
        "it does not save single times (ws-bench does)",
    ),
    (
        &["metrics.http_req_duration", "root_group"],
        "k6",
        "`k6 run --out json=FILE` writes each time",
    ),
    (
        &["metrics.iterations", "root_group"],
        "k6",
        "`k6 run --out json=FILE` writes each time",
    ),
    (
        &["latencies.99th", "requests"],
        "vegeta",
        "`vegeta encode --to csv` writes each time",
    ),
    (&["meanResponseTime", "percentiles1"], "Gatling", GATLING),
    (
        &["stats.meanResponseTime", "stats.percentiles1"],
        "Gatling",
        GATLING,
    ),
    (
        &["DurationHistogram.Percentiles", "RequestedQPS"],
        "fortio",
        "it does not save single times (ws-bench does)",
    ),
    (
        &["result.latency", "spec"],
        "bombardier",
        "it does not save single times (ws-bench does)",
    ),
];

const GATLING: &str = "its `simulation.log` holds the begin and end of each request";

/// Detects the tool that wrote a summary.
pub(super) fn refusal(document: &Json) -> Option<Refusal> {
    let has = |key: &&&str| {
        let mut steps = key.split('.');
        steps.try_fold(document, |at, step| at.get(step)).is_some()
    };
    let known = KNOWN.iter();
    let mut known = known.filter(|(keys, ..)| keys.iter().filter(has).count() == keys.len());
    let (_, tool, remedy) = known.next()?;
    Some(Refusal::Summary { tool, remedy })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_summary_is_named_after_its_tool() {
        for (document, tool) in [
            (
                json!({"summary": {}, "responseTimeHistogram": {}, "latencyPercentiles": {}}),
                "oha",
            ),
            (
                json!({"latency": {"p2_5": 1}, "requests": {"average": 1}}),
                "autocannon",
            ),
            (
                json!({"aggregate": {"counters": {}}, "intermediate": []}),
                "artillery",
            ),
            (
                json!({"metrics": {"http_req_duration": {}}, "root_group": {}}),
                "k6",
            ),
            (json!({"latencies": {"99th": 1}, "requests": 1}), "vegeta"),
        ] {
            let said = refusal(&document).unwrap().to_string();
            assert!(
                said.starts_with(&format!("is a summary of {tool}")),
                "{said}"
            );
        }
        assert_eq!(refusal(&json!({"latency_ms": [1, 2]})), None);
    }
}

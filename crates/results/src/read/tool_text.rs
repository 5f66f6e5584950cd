//! Texts of load generators that are not tables of single times.

use crate::error::Refusal;

const WS_BENCH: &str = "it does not save single times (ws-bench does)";

/// Detects the tool that printed a text or wrote a log of its own.
pub(super) fn refusal(head: &str) -> Option<Refusal> {
    let first = head.lines().find(|line| !line.trim().is_empty())?;
    let has = |text: &str| head.contains(text);
    let (tool, remedy) = if first.starts_with("This is ApacheBench") {
        ("ab", "`ab -g FILE` writes each time")
    } else if first.starts_with("Running ") && has("Req/Sec") && has("Latency") {
        (
            "wrk",
            "`wrk2 --latency` prints the distribution; wrk does not save single times",
        )
    } else if first.starts_with("Running ") && has("connections") && has("Stat") {
        ("autocannon", WS_BENCH)
    } else if has("Slowest:") && has("Requests/sec:") {
        (
            "hey or oha",
            "`hey -o csv` and `oha --output-format csv` write each time",
        )
    } else if has("http_req_duration") && has("iteration_duration") && has("avg=") {
        ("k6", "`k6 run --out json=FILE` writes each time")
    } else if first.starts_with("Requests ") && first.contains("[total") {
        ("vegeta", "`vegeta encode --to csv` writes each time")
    } else if has("Percentage served,Time in ms") {
        ("ab", "`ab -g FILE` writes each time")
    } else if has("Statistics        Avg") {
        ("bombardier", WS_BENCH)
    } else {
        return None;
    };
    Some(Refusal::Summary { tool, remedy })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn printed_summaries_are_named_after_their_tool() {
        for (text, tool) in [
            ("This is ApacheBench, Version 2.3\n", "ab"),
            ("\nPercentage served,Time in ms\n0,1.2\n", "ab"),
            (
                "Running 30s test @ http://x\n  Thread Stats   Avg\n    Latency  1ms\n    Req/Sec 5\n",
                "wrk",
            ),
            (
                "Summary:\n  Total: 1 secs\n  Slowest: 2\n  Requests/sec: 9\n",
                "hey or oha",
            ),
            (
                "Requests      [total, rate, throughput]  1, 2, 3\n",
                "vegeta",
            ),
        ] {
            let said = refusal(text).unwrap().to_string();
            assert!(
                said.starts_with(&format!("is a summary of {tool}")),
                "{said}"
            );
        }
        assert_eq!(refusal("n,latency_ms\n1,2\n"), None);
    }
}

//! Digest of a plan: the same for all shards of a run.

use measurement::plan::{Plan, ServerUrl};
use measurement::run::{PlanFacts, PlanSummary};
use scenario::Scenario;
use serde_json::json;
use shards::run_name::PlanDigest;

/// The digest of everything that a plan offers: servers, clients, length, payload, rate, window, times, verification,
/// scenario, the number of shards, and the seed if the user gave one. Threads, cores, source addresses and outputs are not part of it.
pub(crate) fn plan_digest(plan: &Plan, given_seed: Option<u64>) -> PlanDigest {
    let facts = PlanFacts::from(plan);
    let facts = PlanFacts {
        plan: PlanSummary {
            threads: 0,
            pinned_to: Vec::new(),
            busy_poll: false,
            seed: given_seed.unwrap_or(0),
            ..facts.plan
        },
        ..facts
    };
    let headers = plan.headers.iter();
    let headers: Vec<_> = headers
        .map(|(name, value)| (name.as_str(), String::from_utf8_lossy(value.as_bytes())))
        .collect();
    let urls = plan.servers().iter().map(|server| &server.url);
    let urls: Vec<_> = urls.map(ServerUrl::as_str).collect();
    let offered = json!({
        "facts": facts,
        "has_seed": given_seed.is_some(),
        "shards": plan.share.count,
        "urls": urls,
        "connect_rate": plan.connect_rate.map(|rate| rate.per_second()),
        "connect_timeout_ns": plan.connect_timeout.as_nanos().to_string(),
        "headers": headers,
        "max_record_bytes": plan.max_record_bytes,
        "scenario": plan.scenario().map(|scenario| Scenario::merged_file(scenario)),
    });
    PlanDigest::of(&offered.to_string())
}

#[cfg(test)]
mod tests {
    use crate::tests::plan;

    use super::plan_digest;

    #[test]
    fn a_digest_covers_what_is_offered_and_nothing_else() {
        let digest = |line: &str, seed| plan_digest(&plan(line), seed);
        let usual = digest("-c 10 -d 2s --seed 1", None);
        for same in [
            "-c 10 -d 2s --seed 2",
            "-c 10 -d 2s --threads 3",
            "-c 10 -d 2s --pin=0",
            "-c 10 -d 2s --no-output",
        ] {
            assert_eq!(digest(same, None), usual, "{same}");
        }
        for other in [
            "-c 11 -d 2s",
            "-c 10 -d 3s",
            "-c 10 -d 2s -r 5",
            "-c 10 -d 2s --timeout 3s",
            "-c 10 -d 2s --connect-timeout 3s",
            "-c 10 -d 2s --connect-rate 3",
            "-c 10 -d 2s --warmup 3s",
            "-c 10 -d 2s --verify off",
            "-c 10 -d 2s --header X:y",
            "-c 10 -d 2s -w 2",
            "-c 10 -d 2s -s 12",
            "-c 10 -d 2s --slow 1",
            "-c 10 -d 2s --lifetime 1s",
            "-c 10 -d 2s --lifetime exp:1s",
            "-c 10 -d 2s --messages-per-connection 3",
            "-c 10 -d 2s --drop 1s",
            "-c 10 -d 2s --drop 1s:50%",
            "-c 10 -d 2s --drop 1s --drop-with close",
            "-c 10 -d 2s --reconnect now",
            "-c 10 -d 2s --reconnect spread:1s",
            "-c 10 -d 2s --idle 5",
        ] {
            assert_ne!(digest(other, None), usual, "{other}");
        }
        let poisson = digest(
            "-c 10 -d 2s --connect-rate 3 --connect-arrivals poisson",
            None,
        );
        assert_ne!(poisson, digest("-c 10 -d 2s --connect-rate 3", None));
        let drop = |line: &str| digest(&format!("-c 10 -d 2s --drop 1s {line}"), None);
        assert_ne!(drop(""), drop("--drop-with close"));
        assert_ne!(
            digest("-c 10 -d 2s", Some(1)),
            digest("-c 10 -d 2s", Some(2))
        );
        assert_ne!(digest("-c 10 -d 2s", Some(0)), usual);
    }
}

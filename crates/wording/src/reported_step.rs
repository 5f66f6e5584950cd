//! The step of a search whose figures are shown, and its result.

use measurement::load_search::{CapacityCondition, ConditionJudge};
use measurement::run::{CapacitySummary, LoadStep, StepMeaning, Summary};
use statistics::capacity_search::far_beyond;

/// Remark where steps at the edge have different results.
const SOFT_EDGE: &str = "near the capacity, single steps lie above or below the limit by chance";

/// Result of the step whose figures are shown, behind its rate: `, in which the conditions held`; `None` when it is not among
/// the steps.
pub(crate) fn reported_result(s: &Summary, own: &CapacitySummary) -> Option<String> {
    let step = reported_step(s, &own.steps)?;
    let result = match step.meaning() {
        StepMeaning::Held => ", in which the conditions held",
        StepMeaning::NotHeld if own.rate_per_s == Some(0.0) => {
            ", in which a condition did not hold"
        }
        StepMeaning::NotHeld => {
            return Some(format!(
                ", in which a condition did not hold: {}",
                cause(own, step)
            ));
        }
        StepMeaning::Undecided => ", which does not decide whether the conditions hold",
        StepMeaning::NotCounted => {
            ", in which the generator was late, so they say little about the server"
        }
    };
    Some(match has_soft_edge(own, step) {
        true => format!("{result}; {SOFT_EDGE}"),
        false => result.to_owned(),
    })
}

/// The step whose figures are shown. Several steps may have its rate.
fn reported_step<'a>(s: &Summary, steps: &'a [LoadStep]) -> Option<&'a LoadStep> {
    let offered_per_s = s.offered_rate_per_s?;
    let has_rate = |step: &&LoadStep| (step.offered_per_s / offered_per_s - 1.0).abs() < 1e-6;
    let has_counts = |step: &&LoadStep| {
        let is_whole = step.failed == 0;
        step.unsent == s.messages.unsent && is_whole == (s.messages.failed() == 0)
    };
    let all = || steps.iter().rev().filter(has_rate);
    all().find(has_counts).or_else(|| all().next())
}

/// Returns true when steps of nearly this rate have different results, and chance can be the reason.
fn has_soft_edge(own: &CapacitySummary, step: &LoadStep) -> bool {
    let is_near = |other: &&LoadStep| (other.offered_per_s / step.offered_per_s).ln().abs() < 0.03;
    let near = || own.steps.iter().filter(is_near);
    let has_held = near().any(|step| step.meaning() == StepMeaning::Held);
    let is_by_chance =
        |step: &LoadStep| step.meaning() == StepMeaning::NotHeld && !is_far_beyond(own, step);
    has_held && near().any(is_by_chance)
}

/// The cause why a condition did not hold at the capacity.
fn cause(own: &CapacitySummary, step: &LoadStep) -> &'static str {
    let due_per_s = step.due as f64 / step.seconds;
    if !is_far_beyond(own, step) {
        SOFT_EDGE
    } else if step.answered_per_s < 0.5 * due_per_s {
        "the server stopped answering in it, so they are not those of the capacity"
    } else {
        "far more messages than allowed were too slow or failed in it, so they are not those of the capacity"
    }
}

/// Returns true when more messages of a step failed or were too slow than chance explains.
fn is_far_beyond(own: &CapacitySummary, step: &LoadStep) -> bool {
    let failed = (step.failed + step.unsent) as f64 / step.due.max(1) as f64;
    let is_far = |condition: &CapacityCondition| match condition.judged_by() {
        ConditionJudge::ResponseBeyond { limit_ns, allowed } => {
            failed.max(share_beyond(step, limit_ns)) > largest_by_chance(allowed)
        }
        ConditionJudge::ServiceBeyond { allowed, .. } | ConditionJudge::Failed { allowed } => {
            failed > largest_by_chance(allowed)
        }
        ConditionJudge::WholeStep => failed > largest_by_chance(0.0),
    };
    let conditions = own.conditions.iter();
    let mut conditions = conditions.filter_map(|typed| typed.parse().ok());
    conditions.any(|condition| is_far(&condition))
}

/// Largest share of messages beyond a limit that chance explains, where this share is allowed.
fn largest_by_chance(allowed: f64) -> f64 {
    /// The share where none is allowed.
    const OF_NONE: f64 = 0.01;
    if allowed <= 0.0 {
        return OF_NONE;
    }
    far_beyond(allowed)
}

/// Smallest share of the due messages that is beyond a limit of the response time, by the percentiles of the step.
fn share_beyond(step: &LoadStep, limit_ns: u64) -> f64 {
    let known = [
        (0.5, step.response_p50_ns),
        (0.99, step.response_p99_ns),
        (0.999, step.response_p99_9_ns),
    ];
    let is_beyond = |(quantile, ns): &(f64, Option<u64>)| {
        step.is_beyond_answers(*quantile) || ns.is_some_and(|ns| ns >= limit_ns)
    };
    let first = known.into_iter().find(is_beyond);
    first.map_or(0.0, |(quantile, _)| 1.0 - quantile)
}

#[cfg(test)]
mod tests {
    use test_support::fixtures::{closed_loop_summary, found_capacity};

    use super::*;

    fn step(held: bool, change: impl FnOnce(&mut LoadStep)) -> LoadStep {
        let mut step = LoadStep {
            offered_per_s: 40_000.0,
            answered_per_s: 40_000.0,
            held: Some(held),
            seconds: 1.0,
            due: 40_000,
            response_p50_ns: Some(500_000),
            response_p99_ns: Some(2_000_000),
            response_p99_9_ns: Some(4_000_000),
            ..LoadStep::default()
        };
        change(&mut step);
        step
    }

    /// The result of a search at `p99<10ms` whose last step is the reported one.
    fn result(conditions: &[&str], steps: &[LoadStep]) -> String {
        let own = CapacitySummary {
            conditions: conditions.iter().map(|&typed| typed.to_owned()).collect(),
            steps: steps.to_vec(),
            ..found_capacity()
        };
        let mut s = closed_loop_summary(100);
        let last = steps.last().unwrap();
        s.offered_rate_per_s = Some(last.offered_per_s);
        (s.messages.lost, s.messages.unsent) = (last.failed, last.unsent);
        reported_result(&s, &own).unwrap()
    }

    /// A step in which none of 52,290 messages was answered, and one that lost 24,750 of 30,100, were said to be beyond the
    /// limit by chance.
    #[test]
    fn a_reported_step_without_answers_was_said_to_fail_by_chance() {
        let stopped = ", in which a condition did not hold: the server stopped answering in it, so they are not those of the capacity";
        let p99 = ["p99<10ms"];
        let dead = step(false, |step| {
            (step.failed, step.answered_per_s) = (40_000, 0.0);
        });
        assert_eq!(result(&p99, &[dead]), stopped);
        let stalled = step(false, |step| {
            (step.failed, step.answered_per_s) = (32_900, 0.0);
        });
        assert_eq!(result(&p99, std::slice::from_ref(&stalled)), stopped);
        // All were answered, behind the end of the step.
        let late = step(false, |step| {
            (step.response_p50_ns, step.answered_per_s) = (Some(1_200_000_000), 0.0);
        });
        assert_eq!(result(&p99, &[late]), stopped);
        let lossy = step(false, |step| {
            (step.failed, step.answered_per_s) = (4_001, 35_999.0);
        });
        assert!(result(&p99, &[lossy]).contains(": far more messages than allowed"));
        // A stop beside the reported step is not chance either.
        let held = step(true, |_| {});
        assert_eq!(
            result(&p99, &[stalled, held]),
            ", in which the conditions held"
        );
    }

    #[test]
    fn a_share_near_the_allowed_one_is_chance() {
        for (conditions, failed, is_chance) in [
            (&["p99<10ms"][..], 4_000, true),
            (&["p99<10ms"], 4_001, false),
            (&["p99.9<10ms"], 400, true),
            (&["p99.9<10ms"], 401, false),
            (&["p50<10ms"], 30_000, true),
            (&["p50<10ms"], 30_001, false),
            (&["error_rate<0.1%"], 400, true),
            (&["error_rate<0.1%"], 401, false),
            (&["lost==0"], 400, true),
            (&["lost==0"], 401, false),
            (&["p99<10ms", "error_rate<0.1%"], 401, false),
        ] {
            let lossy = step(false, |step| step.failed = failed);
            let text = result(conditions, &[step(true, |_| {}), lossy]);
            assert_eq!(text.contains("by chance"), is_chance, "{failed}: {text}");
        }
        let slow = step(false, |step| step.response_p99_ns = Some(12_000_000));
        assert!(result(&["p99<10ms"], &[slow]).ends_with(SOFT_EDGE));
    }
}

//! The verdict on a capacity search. The evidence of the reported step alone says little about a capacity that many steps
//! decide.

use super::capacity_summary::{CapacitySummary, LoadStep, StepOrigin};
use super::summary::Summary;
use crate::verdict::{Reason, ValiditySummary};

/// Largest distance of a step near the capacity, as a share of it.
const NEAR: f64 = 0.1;

impl Summary {
    /// Bases the verdict of a search on all of its steps: reasons against the reported step make no capacity invalid, unless
    /// none of its messages was answered correctly. Does nothing for any other run.
    pub fn judge_search(&mut self) {
        let Some(own) = &self.capacity else {
            return;
        };
        // At the highest rate of the generator, its limits are the result.
        let is_bound = own.at_least && own.ended_at_generator_limit();
        let is_known = own.rate_per_s.is_some();
        let against_step = std::mem::take(&mut self.validity.found).into_iter();
        let against_step = against_step
            .filter(|reason| !(is_bound && reason.is_limit_of_generator()))
            .map(|reason| match is_known && reason.is_of_step() {
                true => Reason::OfReportedStep(Box::new(reason)),
                false => reason,
            });
        let reasons = against_edge(own).into_iter().chain(against_step);
        self.validity = ValiditySummary::of(reasons.collect());
    }
}

/// The reason against a capacity whose steps were mostly not counted.
fn against_edge(own: &CapacitySummary) -> Option<Reason> {
    if own.at_least {
        return None;
    }
    let rate = own.rate_per_s.filter(|rate| *rate > 0.0);
    let is_near =
        |step: &&LoadStep| rate.is_none_or(|rate| (step.offered_per_s / rate - 1.0).abs() <= NEAR);
    let steps = own.steps.iter();
    let below = steps.filter(|step| step.from == StepOrigin::Below);
    let near: Vec<_> = below.filter(is_near).collect();
    let limited = near.iter().filter(|step| step.generator_limited).count();
    (2 * limited > near.len()).then_some(Reason::StepsNotCounted {
        limited: limited as u64,
        steps: near.len() as u64,
        near: rate.map(|_| NEAR),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{BottomK, Outcome, Recorder, Sample};
    use crate::run::RunContext;
    use crate::run::tests::{plan, summary};
    use crate::verdict::{NothingRight, ReopenedConnections, Verdict};

    fn step(offered_per_s: f64, held: Option<bool>) -> LoadStep {
        LoadStep {
            offered_per_s,
            held,
            generator_limited: held.is_none(),
            ..LoadStep::default()
        }
    }

    /// A search with these steps and these reasons against the reported one.
    fn judged(
        change: impl FnOnce(&mut CapacitySummary),
        steps: &[LoadStep],
        against_step: Vec<Reason>,
    ) -> ValiditySummary {
        let mut own = CapacitySummary {
            steps: steps.to_vec(),
            ..crate::run::capacity_summary::tests::capacity()
        };
        change(&mut own);
        let mut s = summary(100);
        s.validity = ValiditySummary::of(against_step);
        s.capacity = Some(Box::new(own));
        s.judge_search();
        s.validity
    }

    fn late() -> Reason {
        Reason::SendLateness {
            share: 0.9,
            response_p99_ns: 50_000_000,
            busy_poll: false,
            pinned: false,
        }
    }

    const EDGE: [f64; 3] = [40_000.0, 41_000.0, 42_000.0];

    fn counted() -> Vec<LoadStep> {
        EDGE.map(|rate| step(rate, Some(rate < 41_500.0))).to_vec()
    }

    /// A capacity that many steps had decided was left out of a comparison, because the generator was late in the last one.
    #[test]
    fn a_late_generator_in_the_final_step_does_not_make_a_capacity_invalid() {
        assert_eq!(late().verdict(), Verdict::Invalid);
        let found = judged(|_| {}, &counted(), vec![late()]);
        assert_eq!(found.verdict, Verdict::Suspect);
        assert_eq!(found.found, [Reason::OfReportedStep(Box::new(late()))]);
        // A single load keeps its verdict.
        let mut single = summary(100);
        single.validity = ValiditySummary::of(vec![late()]);
        single.judge_search();
        assert_eq!(single.validity.verdict, Verdict::Invalid);
    }

    /// A server that closed connections beyond its capacity made the search invalid.
    #[test]
    fn connections_that_are_missing_in_the_reported_step_do_not_make_a_capacity_invalid() {
        let short = Reason::LoadFellShort {
            broken: 4,
            connections: 10,
            unsent: 0,
            due: 100,
            reopened: ReopenedConnections::default(),
            missing_share: 0.4,
        };
        assert_eq!(short.verdict(), Verdict::Invalid);
        assert_eq!(
            judged(|_| {}, &counted(), vec![short]).verdict,
            Verdict::Suspect
        );
    }

    #[test]
    fn limits_of_the_generator_are_the_result_of_a_lower_bound() {
        let bound = |own: &mut CapacitySummary| (own.at_least, own.generator_limit) = (true, true);
        let reasons = || vec![late(), Reason::GeneratorBusy(0.99), Reason::ThinTail(3)];
        let found = judged(bound, &counted(), reasons());
        assert_eq!(
            found.found,
            [Reason::OfReportedStep(Box::new(Reason::ThinTail(3)))]
        );
        // A bound of the budget says nothing about the generator.
        let found = judged(|own| own.at_least = true, &counted(), reasons());
        assert_eq!(found.found.len(), 3);
    }

    /// The manual said that wrong messages in the reported step make a search invalid. A single load with 290 of 8,700 echoes
    /// corrupted has no reason against it, and a search has the same rule.
    #[test]
    fn single_wrong_messages_change_no_verdict() {
        let judged = |corrupted: u64| {
            let budget = BottomK::new(0, 1);
            let mut recorder = Recorder::new(false, 0);
            for n in 0..200_000 {
                recorder.sent(n, n);
                let outcome = match n < corrupted {
                    true => Outcome::Corrupted,
                    false => Outcome::Ok,
                };
                recorder.ended(&budget, Sample::echoed(0, n, n, n, n + 1_000, outcome), 125);
            }
            let record = Recorder::merge(vec![recorder], &budget);
            let context = RunContext {
                elapsed_s: 2.0,
                ..RunContext::default()
            };
            let mut s = Summary::new(&plan(|_| {}), &record, context);
            assert_eq!(s.messages.corrupted, Some(corrupted));
            let single = s.validity.found.clone();
            s.capacity = Some(Box::new(CapacitySummary {
                steps: counted(),
                ..crate::run::capacity_summary::tests::capacity()
            }));
            s.judge_search();
            (single, s.validity.found)
        };
        let (single, search) = judged(7_000);
        assert_eq!(single, judged(0).0);
        assert_eq!((single, search), (Vec::new(), Vec::new()));
    }

    #[test]
    fn a_reported_step_without_a_correct_answer_makes_a_search_invalid() {
        let wrong = Reason::NothingMeasured(NothingRight::WrongEchoes);
        let found = judged(|_| {}, &counted(), vec![wrong.clone()]);
        assert_eq!(
            (found.verdict, found.found),
            (Verdict::Invalid, vec![wrong])
        );
    }

    #[test]
    fn a_capacity_needs_steps_that_count() {
        let verdict = |change: fn(&mut CapacitySummary), late: usize| {
            let mut steps = counted();
            // Far from the capacity, late steps do not matter.
            steps.extend([80_000.0, 90_000.0, 100_000.0, 120_000.0].map(|rate| step(rate, None)));
            steps.extend(vec![step(41_000.0, None); late]);
            judged(change, &steps, Vec::new()).verdict
        };
        assert_eq!(verdict(|_| {}, 3), Verdict::Valid);
        assert_eq!(verdict(|_| {}, 4), Verdict::Suspect);
        let no_edge = [step(41_000.0, None), step(60_000.0, Some(false))];
        assert_eq!(
            judged(|_| {}, &no_edge, Vec::new()).verdict,
            Verdict::Invalid
        );
        assert_eq!(verdict(|own| own.at_least = true, 9), Verdict::Valid);
        // Without a capacity, all steps are near.
        let unknown = |own: &mut CapacitySummary| own.rate_per_s = None;
        let steps = [step(10.0, None), step(2.0, None)];
        assert_eq!(
            judged(unknown, &steps, Vec::new()).verdict,
            Verdict::Invalid
        );
    }
}

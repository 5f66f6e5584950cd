//! Searches against servers that remember an overload, in virtual time.

use rand::{RngExt, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

use super::simulation::{ArrivalSpacing, Queue, SERVICE_S, rules, search, search_with, uniform};
use super::{CapacityEstimate, SearchCondition, SearchRules, SearchStep};

/// Searches a server that takes 20,000 msg/s. Behind an overload `fails` decides.
fn search_behind_overload(
    rules: SearchRules,
    mut fails: impl FnMut(f64) -> bool,
) -> (CapacityEstimate, Vec<SearchStep>) {
    search_with(rules, &mut |step| {
        let is_beyond = match step.lead {
            Some(_) => fails(step.rate_per_s),
            None => step.rate_per_s > 20_000.0,
        };
        uniform(step, is_beyond, false)
    })
}

#[test]
fn recovery_is_found_at_half_of_the_rate() {
    let mut queue = Queue::new(ArrivalSpacing::Constant, Some(100.0), 0.01, 3);
    let found = search(&mut queue, 3);
    let from_above = found.from_above_per_s.unwrap();
    assert!(
        found.hysteresis && from_above < 0.5 / SERVICE_S,
        "{found:?}"
    );
}

#[test]
fn the_rate_from_above_is_close_to_that_of_the_recovery() {
    for most in [2_500.0, 6_000.0, 12_000.0] {
        let (found, _) = search_behind_overload(rules(19_000.0, 1), |rate| rate > most);
        let from_above = found.from_above_per_s.unwrap();
        assert!(found.hysteresis, "{found:?}");
        assert!((most / 1.5..=most).contains(&from_above), "{found:?}");
    }
}

#[test]
fn a_server_that_never_recovers_has_hysteresis_but_no_rate_from_above() {
    let (found, _) = search_behind_overload(rules(19_000.0, 2), |_| true);
    assert!(
        found.hysteresis && found.from_above_per_s.is_none(),
        "{found:?}"
    );
}

/// Steps from above were never overloaded under a condition on a whole step.
#[test]
fn whole_steps_show_hysteresis() {
    let rules = SearchRules {
        conditions: vec![SearchCondition::WholeStep],
        budget_s: 180.0,
        ..rules(19_000.0, 3)
    };
    let (found, _) = search_behind_overload(rules.clone(), |rate| rate > 9_000.0);
    assert!(found.hysteresis, "{found:?}");
    // A queue that grows is a failure, whatever the figure.
    let (found, _) = search_with(rules, &mut |step| {
        let is_slow = step.lead.is_some() && step.rate_per_s > 9_000.0;
        let is_beyond = step.rate_per_s > 20_000.0;
        let (mut result, took_s) = uniform(step, is_beyond, false);
        if is_slow {
            result.medians_s = std::array::from_fn(|n| 0.1 * (n + 1) as f64);
        }
        (result, took_s)
    });
    assert!(found.hysteresis, "{found:?}");
}

/// One recovery among failures at the same rate was the capacity from above.
#[test]
fn rare_recoveries_do_not_count() {
    let mut steps = 0;
    let (found, _) = search_behind_overload(rules(19_000.0, 4), |rate| {
        steps += usize::from(rate > 13_000.0);
        let is_lucky = rate > 13_000.0 && steps.is_multiple_of(4);
        rate > 9_000.0 && !is_lucky
    });
    assert!(found.from_above_per_s.unwrap() <= 9_000.0, "{found:?}");
}

#[test]
fn a_generator_that_is_late_behind_every_overload_is_not_tried_for_ever() {
    let (found, steps) = search_with(rules(19_000.0, 5), &mut |step| {
        let is_beyond = step.rate_per_s > 20_000.0;
        uniform(step, is_beyond, step.lead.is_some())
    });
    assert!(!found.hysteresis && found.from_above_per_s.is_none());
    assert!(steps.iter().filter(|step| step.lead.is_some()).count() <= 2);
}

/// The first step from above had to wait for a drain longer than the budget, so there was none.
#[test]
fn a_long_limit_has_steps_from_above() {
    let rules = SearchRules {
        limit_s: 3.0,
        ..rules(19_000.0, 6)
    };
    let (_, steps) = search_behind_overload(rules, |_| false);
    assert!(steps.iter().any(|step| step.lead.is_some()));
}

/// A queue that needed many times as long as a step to become empty was taken for one that does not get shorter.
#[test]
fn a_queue_that_gets_shorter_slowly_has_not_failed() {
    let truth = 0.5 / SERVICE_S;
    let mut queue = Queue::new(ArrivalSpacing::Constant, Some(100.0), 1.0, 7);
    let rules = SearchRules {
        limit_s: 1.0,
        budget_s: 600.0,
        ..rules(1_900.0, 7)
    };
    let (found, _) = search_with(rules, &mut |step| queue.step(step));
    let from_above = found.from_above_per_s.unwrap();
    assert!((truth / 2.0..truth).contains(&from_above), "{found:?}");
}

/// Number of 500 searches that claim hysteresis. `fails` gets a random number and the number of the step.
fn claims(mut fails: impl FnMut(&mut Xoshiro256PlusPlus, &SearchStep, usize) -> bool) -> usize {
    let claims = (0..500).filter(|seed| {
        let (mut random, mut count) = (Xoshiro256PlusPlus::seed_from_u64(*seed), 0);
        let (found, _) = search_with(rules(19_000.0, *seed), &mut |step| {
            count += 1;
            let is_beyond = step.rate_per_s > 20_000.0 || fails(&mut random, step, count);
            uniform(step, is_beyond, false)
        });
        found.hysteresis
    });
    claims.count()
}

/// A server that fails now and then remembers nothing.
#[test]
fn failures_by_chance_are_no_hysteresis() {
    for often in [0.1, 0.3, 0.5] {
        let found = claims(|random, _, _| random.random::<f64>() < often);
        assert!(found <= 1, "{found} of 500 at {often}");
    }
}

/// The first steps from above failed while something disturbed the server, and no other step was compared with them.
#[test]
fn a_disturbance_of_some_steps_is_no_hysteresis() {
    for length in [3, 6] {
        let mut from = 0;
        let found = claims(|_, step, count| {
            match (count, step.lead) {
                (1, _) => from = usize::MAX,
                (_, Some(_)) => from = from.min(count),
                _ => {}
            }
            (from..from.saturating_add(length)).contains(&count)
        });
        assert!(found <= 1, "{found} of 500, {length} steps");
    }
}

/// A server that had become slower in the middle of the search was compared with itself before.
#[test]
fn a_server_that_slows_down_has_no_hysteresis() {
    let found = claims(|_, step, count| count > 14 && step.rate_per_s > 10_000.0);
    assert!(found <= 1, "{found} of 500");
}

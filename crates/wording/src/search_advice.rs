//! Advice in runs that set their own rates and lengths: a search or a sweep refuses the flags that a single load has.

use measurement::run::Summary;

/// A piece of advice for a single load, for a search, and for a sweep.
type Advice = (&'static str, &'static str, &'static str);

/// Longer pieces come first, because the first that is found counts.
const ADVICE: [Advice; 12] = [
    (
        "send more messages (`-m`, `-d`)",
        "use a longer `--budget`",
        "measure each rate for longer (`-d`)",
    ),
    (
        "let it finish, or plan a shorter run (`-m`, `-d`)",
        "let it finish",
        "let it finish, or use fewer rates or a shorter `-d`",
    ),
    (
        "If the run was too short, use a larger `-m` or `-d`",
        "If the search was too short, use a longer `--budget`",
        "If the time at each rate was too short, use a longer `-d`",
    ),
    (
        "use a longer `-d`, a shorter `--warmup`, or a lower `--rate`",
        "use a longer `--budget`",
        "use a longer `-d`, or lower rates in `--sweep`",
    ),
    (
        "use a longer `-d`, or a lower `--rate` if the server cannot keep up",
        "they belong to the steps beyond the capacity",
        "use a longer `-d`, or lower rates in `--sweep`",
    ),
    (
        "use a shorter `--warmup` and a smaller `-d` or `-m`",
        "use a shorter `--warmup` and a shorter `--budget`",
        "use a shorter `--warmup`, and fewer rates or a shorter `-d`",
    ),
    (
        "measure for longer (`-d`) or with more clients (`-c`)",
        "use a longer `--budget`, or more clients (`-c`)",
        "measure each rate for longer (`-d`), or with more clients (`-c`)",
    ),
    (
        "use a lower `--rate` or a larger `--window`",
        "repeat the search with a longer `--budget`, and with a larger `--window` if it has one",
        "use lower rates in `--sweep`, or a larger `--window` if there is one",
    ),
    (
        "whether it depends on the load with a lower `--rate`",
        "whether it depends on the load with `--sweep`",
        "whether it depends on the load at the lower rates",
    ),
    (
        "use a lower `--rate`",
        "repeat the search with a longer `--budget`",
        "use lower rates in `--sweep`",
    ),
    (
        "or a lower `--rate`",
        "or another machine for the generator",
        "or lower rates in `--sweep`",
    ),
    (
        "a lower `--rate`",
        "another machine for the generator",
        "lower rates in `--sweep`",
    ),
];

/// The sentence with advice that the run of this summary can follow. Those on a single load stay as they are.
pub(crate) fn adapted(s: &Summary, sentence: String) -> String {
    let is_search = s.capacity.is_some() || s.plan.find_capacity.is_some();
    let is_sweep = s.load_curve.is_some() || s.plan.sweep.is_some();
    if !is_search && !is_sweep {
        return sentence;
    }
    let found = ADVICE
        .iter()
        .find(|(single, _, _)| sentence.contains(single));
    match found {
        Some((single, search, _)) if is_search => sentence.replace(single, search),
        Some((single, _, sweep)) => sentence.replace(single, sweep),
        None => sentence,
    }
}

#[cfg(test)]
mod tests {
    use measurement::run::SweepPlanSummary;
    use test_support::fixtures::closed_loop_summary;

    use super::*;

    /// A search was advised to use flags that it refuses.
    #[test]
    fn advice_for_a_search_names_no_flag_that_it_refuses() {
        let mut search = closed_loop_summary(100);
        search.plan.find_capacity = Some(measurement::run::CapacityPlanSummary {
            conditions: Vec::new(),
            precision: 0.03,
            budget_s: 60.0,
        });
        let mut sweep = closed_loop_summary(100);
        sweep.plan.sweep = Some(SweepPlanSummary {
            rates: vec![1.0, 2.0],
            point_s: 1.0,
        });
        for (single, for_search, for_sweep) in ADVICE {
            let sentence = format!("found, so something is uncertain; {single}");
            let text = adapted(&search, sentence.clone());
            assert!(text.ends_with(for_search), "{single}: {text}");
            for refused in ["`-m`", "-d`", "--rate`"] {
                assert!(!text.contains(refused), "{text}");
            }
            let text = adapted(&sweep, sentence.clone());
            assert!(text.ends_with(for_sweep), "{single}: {text}");
            for refused in ["`-m`", "--rate`", "--budget"] {
                assert!(!text.contains(refused), "{text}");
            }
            assert_eq!(
                adapted(&closed_loop_summary(100), sentence.clone()),
                sentence
            );
        }
    }
}

use super::*;
use crate::interval_levels::bonferroni_level;
use crate::signed_rank::rank_bounds;

/// Noise of a round: the same numbers every time.
fn noise(round: usize, figure: usize) -> f64 {
    let seed = (round as u64) << 8 | figure as u64;
    Xoshiro256PlusPlus::seed_from_u64(seed).random::<f64>() - 0.5
}

fn series(rounds: usize, figures: usize, shared: f64, seed: usize) -> Vec<Vec<Option<f64>>> {
    let value = |round, figure| {
        let round = round + 1_000 * seed;
        shared * noise(round, 99) + (1.0 - shared) * noise(round, figure)
    };
    (0..figures)
        .map(|figure| {
            (0..rounds)
                .map(|round| Some(value(round, figure)))
                .collect()
        })
        .collect()
}

fn is_told(values: &[Option<f64>], level: f64) -> bool {
    let values: Vec<f64> = values.iter().flatten().copied().collect();
    rank_bounds(&values, level).is_some_and(|(low, high)| low > 0.0 || high < 0.0)
}

#[test]
fn one_figure_has_the_whole_level() {
    assert_eq!(level_of_each(0.95, &[], 1), 0.95);
    assert_eq!(level_of_each(0.95, &series(10, 1, 0.0, 0), 1), 0.95);
    let with_an_empty_one = [series(10, 1, 0.0, 0), vec![vec![None; 10]]].concat();
    assert_eq!(level_of_each(0.95, &with_an_empty_one, 1), 0.95);
}

#[test]
fn figures_that_say_the_same_are_one() {
    for rounds in [10, 30] {
        let one = series(rounds, 1, 0.0, 3);
        let three = [one.clone(), one.clone(), one].concat();
        // All that is left is that p-values come in steps.
        let level = level_of_each(0.95, &three, 1);
        assert!((0.95..0.96).contains(&level), "{rounds}: {level}");
    }
}

#[test]
fn figures_of_their_own_cost_nearly_what_bonferroni_asks() {
    for rounds in [12, 30] {
        let apart = level_of_each(0.95, &series(rounds, 5, 0.0, 1), 1);
        assert!(
            apart > 0.98 && apart <= bonferroni_level(0.95, 5) + 0.002,
            "{apart}"
        );
        let alike = level_of_each(0.95, &series(rounds, 5, 0.9, 1), 1);
        assert!(alike < apart - 0.005, "{alike} {apart}");
    }
}

#[test]
fn servers_that_are_the_same_are_told_apart_once_in_twenty() {
    // Of so many comparisons of nine figures each by chance 5 % and a few more.
    let times = 600;
    let of_each_figure = |seed: usize, level: f64| {
        let all = series(10, 9, 0.3, seed);
        all.iter().any(|values| is_told(values, level))
    };
    let joint = (0..times)
        .filter(|&seed| of_each_figure(seed, level_of_each(0.95, &series(10, 9, 0.3, seed), 1)))
        .count();
    let naive = (0..times)
        .filter(|&seed| of_each_figure(seed, 0.95))
        .count();
    // Three standard errors above 5 %.
    assert!(joint <= 46, "{joint} of {times}");
    assert!(
        joint >= 6,
        "{joint} of {times}: more is asked for than it takes"
    );
    assert!(naive > 100, "{naive} of {times}");
}

#[test]
fn six_rounds_tell_what_all_figures_say_and_nothing_else() {
    let mut all_won = series(6, 9, 0.0, 2);
    for value in all_won.iter_mut().flatten().flatten() {
        *value = value.abs();
    }
    // That they agree in all rounds happens by chance once in 32.
    assert!(is_told(&all_won[0], level_of_each(0.95, &all_won, 1)));
    // Another that wins and loses could have agreed by chance as well.
    all_won[8][1] = all_won[8][1].map(|value| -value);
    all_won[8][4] = all_won[8][4].map(|value| -value);
    let level = level_of_each(0.95, &all_won, 1);
    assert!(!is_told(&all_won[0], level), "{level}");
}

#[test]
fn rounds_without_a_value_and_ties_with_zero_are_borne() {
    let mut some = series(10, 3, 0.0, 4);
    some[0][3] = None;
    some[1] = vec![Some(0.0); 10];
    some[2].truncate(7);
    let level = level_of_each(0.95, &some, 1);
    assert!((0.95..1.0).contains(&level));
    // What is always zero tells nothing.
    let nothing = RankedRounds::of(&some[1]).unwrap();
    assert_eq!(nothing.p_value(&[false; 10]), 1.0);
}

#[test]
fn drawn_choices_agree_with_all_of_them() {
    let rounds = ALL_UP_TO;
    let mut longer = series(rounds, 4, 0.5, 5);
    let all = level_of_each(0.95, &longer, 1);
    // A round that no figure has changes nothing, but makes too many to look at all.
    longer.iter_mut().for_each(|values| values.push(None));
    let drawn = level_of_each(0.95, &longer, 1);
    assert!((all - drawn).abs() < 0.004, "{all} {drawn}");
    assert_eq!(drawn, level_of_each(0.95, &longer, 1));
}

/// However rounds are turned, the level stays the same: so each choice is as good a comparison of equal servers as
/// any, and all of them are counted out.
#[test]
fn the_level_is_kept_in_every_step_of_the_p_values() {
    for (rounds, figures, level) in [
        (11, 2, 0.9975),
        (11, 9, 0.9975),
        (12, 9, 0.995),
        (12, 9, 0.9975),
        (12, 9, 0.99875),
    ] {
        let all = series(rounds, figures, 0.3, 6);
        let bonferroni_level = level_of_each(level, &all, 1);
        let turned = |choice: usize, values: &[Option<f64>]| -> Vec<Option<f64>> {
            let turn = |(round, value): (usize, &Option<f64>)| {
                value.map(|v| if choice >> round & 1 == 1 { -v } else { v })
            };
            values.iter().enumerate().map(turn).collect()
        };
        let choices = 1_usize << rounds;
        let told = (0..choices)
            .filter(|&choice| {
                all.iter()
                    .any(|values| is_told(&turned(choice, values), bonferroni_level))
            })
            .count();
        let share = told as f64 / choices as f64;
        assert!(
            share <= 1.0 - level + 1e-9,
            "{rounds} {figures} {level}: {share}"
        );
    }
}

#[test]
fn too_few_rounds_for_a_verdict_have_the_level_that_always_holds() {
    for rounds in [2, 5, 6] {
        let level = level_of_each(0.95, &series(rounds, 9, 0.0, 1), 1);
        assert!(level >= bonferroni_level(0.95, 9), "{rounds}: {level}");
    }
}

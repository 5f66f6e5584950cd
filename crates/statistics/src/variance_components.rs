//! Variance of grouped values, between the groups and within them: rounds and their slices.
//!
//! One-way random effects: the value of slice i of round j is μ + b_j + w_ij. The estimates are those of the analysis of
//! variance (Searle, Casella & McCulloch, "Variance Components", 1992, 3.6), with groups of unequal size; a negative
//! estimate of the variance between groups is 0. A round's mean has the variance σ_b² + σ_w²/n, of which longer rounds
//! reduce the second part alone (Kalibera & Jones, "Rigorous Benchmarking in Reasonable Time", ISMM'13).

/// Variances between and within groups.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct VarianceComponents {
    /// Number of values in all groups.
    pub values: usize,
    /// Variance of single values within their group, σ_w².
    pub within: f64,
    /// Variance between groups, without the part that the values within them cause, σ_b².
    pub between: f64,
    /// Share of the variance of a group's mean that lies between groups, σ_b² / (σ_b² + σ_w²/n); 0 without any variance.
    pub between_share: f64,
}

impl VarianceComponents {
    /// The components of groups of values. `None` unless two groups have values and one of them has two. Empty groups
    /// are left out.
    pub fn of(groups: &[Vec<f64>]) -> Option<Self> {
        let groups: Vec<&Vec<f64>> = groups.iter().filter(|group| !group.is_empty()).collect();
        let values: usize = groups.iter().map(|group| group.len()).sum();
        let (between_freedom, within_freedom) =
            (groups.len().checked_sub(1)?, values - groups.len());
        if between_freedom == 0 || within_freedom == 0 {
            return None;
        }
        let mean = |group: &Vec<f64>| group.iter().sum::<f64>() / group.len() as f64;
        let all = groups.iter().copied().flatten().sum::<f64>() / values as f64;
        let mut squares_within = 0.0;
        let mut squares_between = 0.0;
        let mut squared_sizes = 0.0;
        for group in &groups {
            let (size, mean) = (group.len() as f64, mean(group));
            squares_within += group
                .iter()
                .map(|value| (value - mean).powi(2))
                .sum::<f64>();
            squares_between += size * (mean - all).powi(2);
            squared_sizes += size * size;
        }
        let within = squares_within / within_freedom as f64;
        let size = (values as f64 - squared_sizes / values as f64) / between_freedom as f64;
        let between = ((squares_between / between_freedom as f64 - within) / size).max(0.0);
        let of_mean = between + within / size;
        Some(Self {
            values,
            within,
            between,
            between_share: if of_mean > 0.0 {
                between / of_mean
            } else {
                0.0
            },
        })
    }
}

/// Factor by which all groups would have to grow to reduce the variance of their common mean as much as `more` further
/// groups would; `None` if no growth does. `between_share` is that of [`VarianceComponents`].
pub fn group_growth(between_share: f64, groups: u64, more: u64) -> Option<f64> {
    let wanted = groups as f64 / (groups as f64 + more as f64);
    (wanted > between_share).then(|| (1.0 - between_share) / (wanted - between_share))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::normal::normal_quantile;
    use rand::{RngExt, SeedableRng};
    use rand_xoshiro::Xoshiro256PlusPlus;

    #[test]
    fn larger_groups_help_as_far_as_variance_lies_within_them() {
        // Ten more groups halve the variance. So do groups of twice the size, if all variance lies within them.
        assert_eq!(group_growth(0.0, 10, 10), Some(2.0));
        // Groups of three times the size leave 0.25 + 0.75 / 3.
        assert_eq!(group_growth(0.25, 10, 10), Some(3.0));
        assert_eq!(group_growth(0.5, 10, 10), None);
        assert_eq!(group_growth(1.0, 10, 10), None);
    }

    #[test]
    fn equal_groups_are_as_worked_out_by_hand() {
        // Means 2 and 6; within: (1 + 1 + 1 + 1)/2 = 2; between: (2·2·2·2)/1 = 16, (16 − 2)/2 = 7.
        let found = VarianceComponents::of(&[vec![1.0, 3.0], vec![5.0, 7.0]]).unwrap();
        assert_eq!((found.values, found.within, found.between), (4, 2.0, 7.0));
        assert_eq!(found.between_share, 7.0 / 8.0);
    }

    #[test]
    fn groups_that_agree_better_than_chance_have_nothing_between_them() {
        let found = VarianceComponents::of(&[vec![1.0, 3.0], vec![], vec![1.0, 3.0]]).unwrap();
        assert_eq!((found.between, found.between_share), (0.0, 0.0));
        let constant = VarianceComponents::of(&[vec![1.0, 1.0], vec![1.0]]).unwrap();
        assert_eq!((constant.within, constant.between_share), (0.0, 0.0));
    }

    #[test]
    fn too_few_values_say_nothing() {
        for groups in [vec![], vec![vec![1.0, 2.0]], vec![vec![1.0], vec![2.0]]] {
            assert_eq!(VarianceComponents::of(&groups), None);
        }
    }

    /// Of 400 simulated comparisons with 10 rounds of 20 to 40 slices.
    #[test]
    fn known_components_are_found_on_average() {
        let mut random = Xoshiro256PlusPlus::seed_from_u64(3);
        for (between, within) in [(0.01, 0.05), (0.0, 0.05), (0.03, 0.02)] {
            let (mut found_between, mut found_within) = (0.0, 0.0);
            for _ in 0..400 {
                let groups: Vec<Vec<f64>> = (0..10)
                    .map(|round| {
                        let mut normal = || normal_quantile(random.random_range(1e-12..1.0));
                        let of_round = between * normal();
                        (0..20 + 2 * round)
                            .map(|_| of_round + within * normal())
                            .collect()
                    })
                    .collect();
                let found = VarianceComponents::of(&groups).unwrap();
                found_between += found.between / 400.0;
                found_within += found.within / 400.0;
            }
            let near = |found: f64, truth: f64| (found.sqrt() - truth).abs() < 0.1 * truth + 0.006;
            assert!(near(found_within, within), "{found_within}");
            assert!(near(found_between, between), "{found_between}");
        }
    }
}

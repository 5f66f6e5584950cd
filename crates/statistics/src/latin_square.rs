//! Order of the servers within each round.

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_xoshiro::Xoshiro256PlusPlus;

/// The order of the servers in each round, as indices.
///
/// Each block of as many rounds as there are servers is a Latin square with random rows and names (Fisher & Yates,
/// "Statistical Tables", 1938). Within a block, each server has each position once, so that effects of the position (a
/// cold cache, a clock not yet throttled) affect all servers alike. In an incomplete block, each server has each
/// position at most once. The order of succession is random in each block.
///
/// ```
/// use statistics::latin_square::random_orders;
///
/// let order = random_orders(2, 4, 7);
/// assert_eq!(order.iter().filter(|round| round[0] == 0).count(), 2);
/// ```
pub fn random_orders(servers: usize, rounds: usize, seed: u64) -> Vec<Vec<usize>> {
    let mut random = Xoshiro256PlusPlus::seed_from_u64(seed);
    let mut names: Vec<usize> = (0..servers).collect();
    let mut shifts = names.clone();
    let mut order = Vec::with_capacity(rounds);
    while order.len() < rounds && servers > 0 {
        names.shuffle(&mut random);
        shifts.shuffle(&mut random);
        for shift in shifts.iter().take(rounds - order.len()) {
            order.push(
                (0..servers)
                    .map(|turn| names[(turn + shift) % servers])
                    .collect(),
            );
        }
    }
    order
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn both_orders_begin_equally_often_over_seeds() {
        let first_begins = (0..1_000)
            .filter(|seed| random_orders(2, 1, *seed)[0][0] == 0)
            .count();
        // Four standard deviations of a fair coin.
        assert!((437..=563).contains(&first_begins), "{first_begins}");
    }

    #[test]
    fn every_server_is_followed_by_every_other() {
        let mut followed = [[false; 4]; 4];
        for round in random_orders(4, 40, 1) {
            round.windows(2).for_each(|w| followed[w[0]][w[1]] = true);
        }
        let pairs = followed.iter().flatten().filter(|f| **f).count();
        assert_eq!(pairs, 12);
    }

    #[test]
    fn nothing_to_order() {
        assert!(random_orders(0, 3, 1).is_empty());
        assert!(random_orders(3, 0, 1).is_empty());
    }

    proptest! {
        #[test]
        fn each_round_is_a_permutation_and_each_turn_is_fair(
            servers in 1_usize..7, rounds in 0_usize..40, seed: u64
        ) {
            let order = random_orders(servers, rounds, seed);
            prop_assert_eq!(order.len(), rounds);
            let mut had = vec![vec![0_usize; servers]; servers];
            for round in &order {
                let mut sorted = round.clone();
                sorted.sort_unstable();
                prop_assert_eq!(sorted, (0..servers).collect::<Vec<_>>());
                round.iter().enumerate().for_each(|(turn, server)| had[turn][*server] += 1);
            }
            for turn in had {
                let (least, most) = (turn.iter().min().unwrap(), turn.iter().max().unwrap());
                prop_assert!(most - least <= 1, "{:?}", turn);
            }
            // Additional rounds do not change earlier ones, so `--until-sure` can continue.
            prop_assert_eq!(&random_orders(servers, rounds + 5, seed)[..rounds], &order[..]);
            prop_assert_eq!(order, random_orders(servers, rounds, seed));
        }
    }
}

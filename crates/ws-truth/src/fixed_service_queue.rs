//! Exact waiting times of a queue with one server, Poisson arrivals and a constant service time (M/D/1).
//!
//! The formula is that of Franx (A simple solution for the M/D/c waiting time distribution, Operations Research Letters
//! 29, 2001), for one server. All its terms are positive, so that nothing is lost by cancellation, unlike in the classical
//! formula of Erlang. The probabilities of the numbers in the system come from the balance of the steps over each level,
//! which has positive terms too.

/// Probabilities that 0, 1, 2, … messages are in the system at this load.
fn system_probabilities(load: f64, levels: usize) -> Vec<f64> {
    let arrivals = poisson(load, levels + 1);
    // The probability of more than k arrivals in a service time.
    let mut beyond = vec![0.0; levels + 2];
    let mut term = arrivals[levels + 1] * load / (levels + 2) as f64;
    let mut sum = 0.0;
    for k in levels + 2..levels + 60 {
        sum += term;
        term *= load / (k + 1) as f64;
    }
    for k in (0..levels + 2).rev() {
        beyond[k] = sum;
        sum += arrivals[k];
    }
    let mut probabilities = vec![1.0 - load];
    for level in 0..levels {
        let from_empty = probabilities[0] * beyond[level];
        let from_busy = (1..=level).map(|i| probabilities[i] * beyond[level + 1 - i]);
        let up: f64 = from_empty + from_busy.sum::<f64>();
        probabilities.push(up / arrivals[0]);
    }
    probabilities
}

/// Poisson probabilities of 0 to `most`.
fn poisson(mean: f64, most: usize) -> Vec<f64> {
    let mut probabilities = vec![(-mean).exp()];
    for k in 1..=most {
        probabilities.push(probabilities[k - 1] * mean / k as f64);
    }
    probabilities
}

/// Probability that a message waits at most this long for the begin of its service. `load` is the arrival rate times the
/// service time, from 0 to below 1, and the time is a multiple of the service time.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
pub fn waits_at_most(load: f64, services: f64) -> f64 {
    if services < 0.0 {
        return 0.0;
    }
    let steps = services.floor() as usize + 1;
    let probabilities = system_probabilities(load, steps);
    // The probability that at most m messages wait, none of them in service.
    let mut at_most = Vec::with_capacity(steps);
    let mut sum = probabilities[0];
    for in_service_and_waiting in &probabilities[1..=steps] {
        sum += in_service_and_waiting;
        at_most.push(sum);
    }
    let left = poisson(load * (steps as f64 - services), steps - 1);
    let terms = left.iter().zip(at_most.iter().rev());
    terms.map(|(arrivals, at_most)| arrivals * at_most).sum()
}

/// Highest load at which at most this share of the messages waits longer than a multiple of the service time.
pub fn highest_load(services: f64, allowed: f64) -> f64 {
    let (mut low, mut high) = (0.0, 1.0);
    for _ in 0..60 {
        let load = f64::midpoint(low, high);
        if 1.0 - waits_at_most(load, services) <= allowed {
            low = load;
        } else {
            high = load;
        }
    }
    low
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The formula of Erlang (1909), whose alternating sum is exact enough for short times.
    fn by_erlang(load: f64, services: f64) -> f64 {
        let terms = (0..=services.floor() as usize).map(|k| {
            let left = load * (k as f64 - services);
            let power = (1..=k).fold(1.0, |power, j| power * left / j as f64);
            power * (-left).exp()
        });
        (1.0 - load) * terms.sum::<f64>()
    }

    #[test]
    fn the_stable_formula_equals_that_of_erlang() {
        for load in [0.1, 0.5, 0.8, 0.9, 0.95] {
            for services in [0.0, 0.3, 1.0, 1.7, 2.0, 4.25, 7.5] {
                let (stable, exact) = (waits_at_most(load, services), by_erlang(load, services));
                assert!(
                    (stable - exact).abs() < 1e-9,
                    "{load} {services}: {stable} {exact}"
                );
            }
        }
        assert!((waits_at_most(0.7, 0.0) - 0.3).abs() < 1e-12);
        assert!(waits_at_most(0.7, -0.1).abs() < 1e-12);
    }

    /// The integral of the probability of a longer wait is the mean by Pollaczek and Khinchine.
    #[test]
    fn the_mean_wait_is_that_of_pollaczek_and_khinchine() {
        for load in [0.3, 0.6, 0.9] {
            let step = 0.01;
            let beyond =
                (0..20_000).map(|k| 1.0 - waits_at_most(load, (f64::from(k) + 0.5) * step));
            let mean = beyond.take_while(|p| *p > 1e-9).sum::<f64>() * step;
            let exact = load / (2.0 * (1.0 - load));
            assert!((mean / exact - 1.0).abs() < 1e-3, "{load}: {mean} {exact}");
        }
    }

    /// Far out, a longer wait becomes less probable by a constant factor, without the noise of cancellation.
    #[test]
    fn the_tail_is_stable() {
        let beyond = |services: f64| 1.0 - waits_at_most(0.9, services);
        let (first, second) = (beyond(61.0) / beyond(60.0), beyond(101.0) / beyond(100.0));
        assert!((first / second - 1.0).abs() < 1e-6, "{first} {second}");
    }

    #[test]
    fn the_highest_load_is_where_the_share_is_reached() {
        let load = highest_load(19.0, 0.01);
        assert!((0.87..0.91).contains(&load), "{load}");
        assert!((1.0 - waits_at_most(load, 19.0) - 0.01).abs() < 1e-9);
    }
}

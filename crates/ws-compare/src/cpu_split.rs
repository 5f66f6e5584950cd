//! Split of the cores between servers and generator.

/// The cores of servers and generator. Both are empty by default, without pinning.
#[derive(Debug, Default)]
pub(crate) struct CpuSplit {
    pub(crate) servers: Vec<usize>,
    /// One core per thread.
    pub(crate) generator: Vec<usize>,
    /// True when both share the only physical core.
    pub(crate) share_a_core: bool,
}

/// Error when fewer than two cores are allowed.
#[derive(Debug, thiserror::Error)]
#[error(
    "--pin needs at least two cores, for servers and generator, and this process may use {}: \
     omit --pin, or allow more cores", if *.is_one { "only one" } else { "an unknown number" }
)]
pub(crate) struct TooFewCores {
    is_one: bool,
}

impl CpuSplit {
    pub(crate) fn for_this_machine() -> Result<Self, TooFewCores> {
        let allowed = host::cores::allowed_cores();
        let group = |core: &usize| {
            let path = format!("/sys/devices/system/cpu/cpu{core}/topology/thread_siblings_list");
            let list = std::fs::read_to_string(path).unwrap_or_default();
            parse_cpu_list(&list).unwrap_or_else(|| vec![*core])
        };
        Self::cut(&allowed.iter().map(group).collect::<Vec<_>>(), &allowed)
    }

    /// Splits the allowed cores into two halves. Hardware threads of a physical core stay together: `groups` has the
    /// siblings of each allowed core.
    fn cut(groups: &[Vec<usize>], allowed: &[usize]) -> Result<Self, TooFewCores> {
        if allowed.len() < 2 {
            return Err(TooFewCores {
                is_one: allowed.len() == 1,
            });
        }
        let mut physical: Vec<Vec<usize>> = Vec::new();
        for group in groups {
            let ours = group.iter().copied().filter(|c| allowed.contains(c));
            let ours: Vec<_> = ours.collect();
            if !ours.is_empty() && !physical.contains(&ours) {
                physical.push(ours);
            }
        }
        let share_a_core = physical.len() == 1;
        if share_a_core {
            physical = allowed.iter().map(|core| vec![*core]).collect();
        }
        // The generator gets the extra core of an odd number, because it must not be the bottleneck.
        let half = physical.len() / 2;
        Ok(Self {
            generator: physical.split_off(half).concat(),
            servers: physical.concat(),
            share_a_core,
        })
    }
}

/// Parses a list in the kernel's format, such as `0-1,8`.
fn parse_cpu_list(list: &str) -> Option<Vec<usize>> {
    let mut numbers = Vec::new();
    for part in list.trim().split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        numbers.extend(first.parse::<usize>().ok()?..=last.parse().ok()?);
    }
    Some(numbers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn siblings_stay_together() {
        // Four physical cores with two threads each. One thread of the last is not allowed.
        let allowed = [0, 1, 2, 3, 4, 5, 6];
        let groups: Vec<_> = allowed.iter().map(|c| vec![c % 4, c % 4 + 4]).collect();
        let split = CpuSplit::cut(&groups, &allowed).unwrap();
        assert_eq!(split.servers, [0, 4, 1, 5]);
        assert_eq!(split.generator, [2, 6, 3]);
        assert!(!split.share_a_core);
    }

    #[test]
    fn one_physical_core_is_shared_and_said_to_be() {
        let split = CpuSplit::cut(&[vec![0, 1], vec![0, 1]], &[0, 1]).unwrap();
        assert_eq!((split.servers, split.generator), (vec![0], vec![1]));
        assert!(split.share_a_core);
    }

    #[test]
    fn an_odd_core_is_the_generators() {
        let split = CpuSplit::cut(&[vec![3], vec![5], vec![9]], &[3, 5, 9]).unwrap();
        assert_eq!((split.servers, split.generator), (vec![3], vec![5, 9]));
    }

    #[test]
    fn one_core_is_too_few() {
        let error = CpuSplit::cut(&[vec![0]], &[0]).unwrap_err();
        assert!(error.to_string().contains("only one"));
        assert!(CpuSplit::cut(&[], &[]).is_err());
    }

    #[test]
    fn lists_of_the_kernel_are_read() {
        assert_eq!(parse_cpu_list("0-1,8\n"), Some(vec![0, 1, 8]));
        assert_eq!(parse_cpu_list("3\n"), Some(vec![3]));
        assert_eq!(parse_cpu_list(""), None);
    }
}

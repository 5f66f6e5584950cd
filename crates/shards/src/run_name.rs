//! Name of a run of several shards, and the seed that follows from it.

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// Digits of the digest that the name shows.
const SHOWN_DIGITS: usize = 12;

/// Name of a run: digest of the plan, and T0. Shards with the same name add up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunName {
    /// SHA-256 of everything that the plan offers, in hexadecimal digits.
    pub digest: String,
    /// T0 in milliseconds since 1970.
    pub t0_unix_ms: u64,
}

impl RunName {
    /// The run of a plan that starts at this time.
    pub fn new(digest: &PlanDigest, t0: SystemTime) -> Self {
        Self {
            digest: digest.0.clone(),
            t0_unix_ms: unix_ms(t0),
        }
    }
}

impl RunName {
    /// T0 on the wall clock.
    pub fn t0(&self) -> SystemTime {
        let t0 = UNIX_EPOCH.checked_add(Duration::from_millis(self.t0_unix_ms));
        t0.unwrap_or(UNIX_EPOCH)
    }
}

impl fmt::Display for RunName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digest = self.digest.get(..SHOWN_DIGITS).unwrap_or(&self.digest);
        write!(f, "{digest}-{}", self.t0_unix_ms)
    }
}

/// Digest of everything that a plan offers: the same for all shards of a run, whatever their machines and threads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlanDigest(String);

impl PlanDigest {
    /// The digest of a text that names everything that the plan offers.
    pub fn of(text: &str) -> Self {
        let digest = Sha256::digest(text.as_bytes());
        Self(digest.iter().map(|byte| format!("{byte:02x}")).collect())
    }

    /// The seed of a run whose user gave none: it follows from the digest and, where it is known, from T0. JSON can hold
    /// it.
    pub fn seed(&self, t0: Option<SystemTime>) -> u64 {
        let t0_ms = t0.map_or(0, unix_ms);
        let digest = Sha256::digest(format!("{} {t0_ms}", self.0).as_bytes());
        let first = digest
            .iter()
            .take(8)
            .fold(0_u64, |all, byte| all << 8 | u64::from(*byte));
        // JSON numbers are exact below 2^53.
        first >> 11
    }
}

fn unix_ms(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_named_by_plan_and_start() {
        let at = |ms| UNIX_EPOCH + Duration::from_millis(ms);
        let (one, other) = (PlanDigest::of("a"), PlanDigest::of("b"));
        assert_eq!(
            RunName::new(&one, at(1_500)).to_string(),
            "ca978112ca1b-1500"
        );
        assert_ne!(
            RunName::new(&one, at(1_500)),
            RunName::new(&other, at(1_500))
        );
        assert_eq!(one.seed(Some(at(7))), PlanDigest::of("a").seed(Some(at(7))));
        assert_ne!(one.seed(Some(at(7))), one.seed(Some(at(8))));
        assert_ne!(one.seed(None), other.seed(None));
        assert!(one.seed(None) < 1 << 53);
    }
}

//! Index of a shard and number of shards, from a flag or from the environment of a launcher.

use std::fmt;
use std::num::NonZeroU32;
use std::str::FromStr;

use crate::{Result, ShardsError};

/// Largest number of shards. Names of files and the merge are made for thousands; this limit catches typing errors.
pub const MAX_SHARDS: u32 = 100_000;

/// Smallest step ID that Slurm reserves. A batch script and the shell of `salloc` have such an ID or none.
const FIRST_RESERVED_STEP: u32 = 0xffff_fff0;

/// The position of a process in a run of several.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ShardIdentity {
    /// Index, counted from 0 and less than the count.
    pub index: u32,
    /// Number of shards.
    pub count: NonZeroU32,
    /// Origin of both numbers.
    pub source: IdentitySource,
}

/// Origin of a [`ShardIdentity`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IdentitySource {
    /// Typed by the user.
    Flag,
    /// Two variables of the environment.
    Environment {
        /// Variable with the index.
        index_name: &'static str,
        /// Variable with the number of shards.
        count_name: &'static str,
    },
}

/// Two variables of the environment that together give an identity.
struct Variables {
    index_name: &'static str,
    count_name: &'static str,
}

/// The variables of each launcher. A later launcher can start an earlier one: `mpiexec` uses `srun` for its own
/// processes, and a user may set `WS_BENCH_SHARD` under either.
const LAUNCHERS: [Variables; 5] = [
    Variables {
        index_name: OUR_INDEX,
        count_name: OUR_COUNT,
    },
    Variables {
        index_name: KUBERNETES_INDEX,
        count_name: OUR_COUNT,
    },
    Variables {
        index_name: "OMPI_COMM_WORLD_RANK",
        count_name: "OMPI_COMM_WORLD_SIZE",
    },
    Variables {
        index_name: "PMI_RANK",
        count_name: "PMI_SIZE",
    },
    Variables {
        index_name: SLURM_INDEX,
        count_name: SLURM_COUNT,
    },
];

const OUR_INDEX: &str = "WS_BENCH_SHARD";
const OUR_COUNT: &str = "WS_BENCH_SHARDS";
const KUBERNETES_INDEX: &str = "JOB_COMPLETION_INDEX";
const SLURM_INDEX: &str = "SLURM_PROCID";
const SLURM_COUNT: &str = "SLURM_NTASKS";
const SLURM_STEP: &str = "SLURM_STEP_ID";

impl ShardIdentity {
    /// Finds the identity of this process. Returns `None` for an ordinary run: neither the flag nor a launcher gives
    /// an identity, or it is `0/1` and no folder is given.
    ///
    /// The flag wins. After it the innermost launcher wins: `WS_BENCH_SHARD` and `WS_BENCH_SHARDS`,
    /// `JOB_COMPLETION_INDEX` and `WS_BENCH_SHARDS`, Open MPI, PMI, and Slurm within a job step. An empty variable
    /// counts as not set.
    ///
    /// `has_folder` is true when a folder for the results of shards is given. Without it, several processes would each
    /// run the whole plan, which is an error. Two environments are accepted without it, because they say nothing about
    /// the intention: an Indexed Job of Kubernetes without `WS_BENCH_SHARDS`, and a batch script or shell of Slurm.
    ///
    /// # Errors
    /// When the numbers are invalid or one of them is missing; [`ShardsError::NoFolder`] and
    /// [`ShardsError::OutsideJobStep`].
    pub fn detect(
        flag: Option<Self>,
        has_folder: bool,
        environment: impl Fn(&str) -> Option<String>,
    ) -> Result<Option<Self>> {
        let variable = |name: &str| environment(name).filter(|value| !value.trim().is_empty());
        let identity = match flag {
            Some(identity) => Some(identity),
            None => Self::from_environment(has_folder, &variable)?,
        };
        match identity {
            Some(identity) if !has_folder && identity.count.get() == 1 => Ok(None),
            Some(identity) if !has_folder => Err(ShardsError::NoFolder {
                index: identity.index,
                count: identity.count.get(),
            }),
            identity => Ok(identity),
        }
    }

    fn from_environment(
        has_folder: bool,
        variable: &impl Fn(&str) -> Option<String>,
    ) -> Result<Option<Self>> {
        for launcher in LAUNCHERS {
            let Some(index) = variable(launcher.index_name) else {
                continue;
            };
            if launcher.index_name == SLURM_INDEX && !is_in_job_step(variable) {
                continue;
            }
            match variable(launcher.count_name) {
                Some(count) => return launcher.identity(index, count).map(Some),
                // Kubernetes sets the index in every Indexed Job.
                None if launcher.index_name == KUBERNETES_INDEX && !has_folder => {}
                None => {
                    return Err(ShardsError::NoCount {
                        index_name: launcher.index_name,
                        index,
                        count_name: launcher.count_name,
                    });
                }
            }
        }
        if let Some(count) = variable(OUR_COUNT) {
            return Err(ShardsError::NoIndex {
                count_name: OUR_COUNT,
                count,
                index_names: [OUR_INDEX, KUBERNETES_INDEX],
            });
        }
        match variable(SLURM_INDEX) {
            Some(procid) if has_folder => Err(ShardsError::OutsideJobStep {
                procid,
                step: variable(SLURM_STEP),
                tasks: variable(SLURM_COUNT),
            }),
            _ => Ok(None),
        }
    }
}

impl Variables {
    fn identity(&self, index: String, count: String) -> Result<ShardIdentity> {
        let source = IdentitySource::Environment {
            index_name: self.index_name,
            count_name: self.count_name,
        };
        identity_of(&index, &count, source)?.ok_or(ShardsError::Environment {
            index_name: self.index_name,
            index,
            count_name: self.count_name,
            count,
        })
    }
}

/// Returns true within a job step of `srun`, but not in the shells that Slurm counts as steps.
fn is_in_job_step(variable: &impl Fn(&str) -> Option<String>) -> bool {
    variable(SLURM_STEP)
        .is_some_and(|step| step.parse().is_ok_and(|id: u32| id < FIRST_RESERVED_STEP))
}

/// Parses an index and a count; `None` when they are not whole numbers or the index is not less than the count.
fn identity_of(index: &str, count: &str, source: IdentitySource) -> Result<Option<ShardIdentity>> {
    let (Some(index), Some(count)) = (whole_number(index), whole_number(count)) else {
        return Ok(None);
    };
    let Some(count) = NonZeroU32::new(count).filter(|count| index < count.get()) else {
        return Ok(None);
    };
    if count.get() > MAX_SHARDS {
        return Err(ShardsError::TooManyShards {
            count: count.get(),
            limit: MAX_SHARDS,
        });
    }
    Ok(Some(ShardIdentity {
        index,
        count,
        source,
    }))
}

/// Parses digits only. `u32::from_str` would accept a leading plus sign.
fn whole_number(text: &str) -> Option<u32> {
    let is_digits = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| is_digits)
}

/// Parses the position that a user types: `0/4`.
impl FromStr for ShardIdentity {
    type Err = ShardsError;

    fn from_str(text: &str) -> Result<Self> {
        let position = || ShardsError::Position(text.to_owned());
        let (index, count) = text.split_once('/').ok_or_else(position)?;
        identity_of(index, count, IdentitySource::Flag)?.ok_or_else(position)
    }
}

/// Formats the position as `shard 2 of 16`.
impl fmt::Display for ShardIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "shard {} of {}", self.index, self.count)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Detects the identity in an environment of lines such as `PMI_RANK=0 PMI_SIZE=4`.
    fn detect(has_folder: bool, environment: &str) -> Result<Option<ShardIdentity>> {
        ShardIdentity::detect(None, has_folder, |name| {
            let mut pairs = environment
                .split_whitespace()
                .map(|p| p.split_once('=').unwrap());
            let (_, value) = pairs.find(|(key, _)| *key == name)?;
            Some(value.to_owned())
        })
    }

    fn text(result: Result<Option<ShardIdentity>>) -> String {
        match result {
            Ok(Some(identity)) => identity.to_string(),
            Ok(None) => "ordinary run".to_owned(),
            Err(error) => error.to_string(),
        }
    }

    const OPEN_MPI: &str = "OMPI_COMM_WORLD_RANK=3 OMPI_COMM_WORLD_SIZE=4";
    const PMI: &str = "PMI_RANK=5 PMI_SIZE=6";
    const SLURM: &str = "SLURM_PROCID=7 SLURM_NTASKS=8 SLURM_STEP_ID=0";

    #[test]
    fn every_launcher_gives_an_identity() {
        for (environment, expected) in [
            ("WS_BENCH_SHARD=2 WS_BENCH_SHARDS=16", "shard 2 of 16"),
            ("JOB_COMPLETION_INDEX=0 WS_BENCH_SHARDS=2", "shard 0 of 2"),
            (OPEN_MPI, "shard 3 of 4"),
            (PMI, "shard 5 of 6"),
            (SLURM, "shard 7 of 8"),
            ("PMI_RANK=0 PMI_SIZE=1", "shard 0 of 1"),
        ] {
            assert_eq!(text(detect(true, environment)), expected, "{environment}");
        }
    }

    #[test]
    fn the_innermost_launcher_wins() {
        let kubernetes = "JOB_COMPLETION_INDEX=1 WS_BENCH_SHARDS=2";
        let all = [
            "WS_BENCH_SHARD=0 WS_BENCH_SHARDS=2",
            kubernetes,
            OPEN_MPI,
            PMI,
            SLURM,
        ];
        let expected = [0, 1, 3, 5, 7];
        for (inner, index) in expected.into_iter().enumerate() {
            let environment = all[inner..].join(" ");
            let identity = detect(true, &environment).unwrap().unwrap();
            assert_eq!(identity.index, index, "{environment}");
        }
        let flag = "1/3".parse().unwrap();
        let found = ShardIdentity::detect(Some(flag), true, |_| Some("9".to_owned()));
        assert_eq!(found.unwrap(), Some(flag));
    }

    #[test]
    fn the_source_is_the_pair_that_was_found() {
        let source = detect(true, PMI).unwrap().unwrap().source;
        let (index_name, count_name) = ("PMI_RANK", "PMI_SIZE");
        assert_eq!(
            source,
            IdentitySource::Environment {
                index_name,
                count_name
            }
        );
    }

    #[test]
    fn invalid_numbers_are_errors_with_both_variables() {
        for (index, count) in [
            ("4", "4"),
            ("5", "4"),
            ("x", "4"),
            ("-1", "4"),
            ("+1", "4"),
            ("1", "0"),
            ("1", "four"),
            ("0", "4294967296"),
        ] {
            let environment = format!("PMI_RANK={index} PMI_SIZE={count}");
            for has_folder in [false, true] {
                let error = text(detect(has_folder, &environment));
                let expected = format!("PMI_RANK is `{index}` and PMI_SIZE is `{count}`: ");
                assert!(error.starts_with(&expected), "{error}");
            }
        }
    }

    #[test]
    fn an_index_without_a_count_is_an_error() {
        for (environment, expected) in [
            (
                "WS_BENCH_SHARD=2",
                "WS_BENCH_SHARD is `2`, but WS_BENCH_SHARDS is not set",
            ),
            ("PMI_RANK=2", "PMI_RANK is `2`, but PMI_SIZE is not set"),
            (
                "SLURM_PROCID=2 SLURM_STEP_ID=0",
                "SLURM_PROCID is `2`, but SLURM_NTASKS is not set",
            ),
        ] {
            for has_folder in [false, true] {
                assert_eq!(text(detect(has_folder, environment)), expected);
            }
        }
        assert_eq!(
            text(detect(true, "JOB_COMPLETION_INDEX=2")),
            "JOB_COMPLETION_INDEX is `2`, but WS_BENCH_SHARDS is not set"
        );
    }

    #[test]
    fn a_count_without_an_index_is_an_error_unless_a_launcher_gives_both() {
        let expected =
            "WS_BENCH_SHARDS is `4`, but neither WS_BENCH_SHARD nor JOB_COMPLETION_INDEX is set";
        for has_folder in [false, true] {
            assert_eq!(text(detect(has_folder, "WS_BENCH_SHARDS=4")), expected);
        }
        let under_mpi = format!("WS_BENCH_SHARDS=4 {PMI}");
        assert_eq!(text(detect(true, &under_mpi)), "shard 5 of 6");
    }

    #[test]
    fn several_processes_without_a_folder_are_refused() {
        for environment in [PMI, SLURM, OPEN_MPI, "WS_BENCH_SHARD=0 WS_BENCH_SHARDS=2"] {
            assert!(matches!(
                detect(false, environment),
                Err(ShardsError::NoFolder { .. })
            ));
        }
        let flag = "1/16".parse().unwrap();
        let error = text(ShardIdentity::detect(Some(flag), false, |_| None));
        assert!(error.starts_with("this process is shard 1 of 16, but no folder"));
    }

    #[test]
    fn a_single_process_without_a_folder_is_an_ordinary_run() {
        for environment in [
            "",
            "PMI_RANK=0 PMI_SIZE=1",
            "SLURM_PROCID=0 SLURM_NTASKS=1 SLURM_STEP_ID=3",
            "JOB_COMPLETION_INDEX=2",
            "WS_BENCH_SHARD= WS_BENCH_SHARDS=",
            // A batch script, the shell of salloc, and the step of that shell.
            "SLURM_PROCID=0 SLURM_NTASKS=4 SLURM_JOB_ID=1",
            "SLURM_NTASKS=4 SLURM_JOB_ID=1",
            "SLURM_PROCID=0 SLURM_NTASKS=4 SLURM_STEP_ID=4294967290",
        ] {
            assert_eq!(text(detect(false, environment)), "ordinary run");
        }
    }

    #[test]
    fn a_batch_script_without_a_job_step_is_refused_when_a_folder_is_given() {
        assert_eq!(
            text(detect(true, "SLURM_PROCID=0 SLURM_NTASKS=4")),
            "SLURM_PROCID is `0` and SLURM_STEP_ID is not set: this process runs outside of a job step, so Slurm \
             starts it only once (SLURM_NTASKS is `4`)"
        );
        let shell = "SLURM_PROCID=0 SLURM_STEP_ID=4294967290";
        assert!(text(detect(true, shell)).contains("SLURM_STEP_ID is `4294967290`: "));
        // mpiexec in a batch script.
        let environment = format!("SLURM_PROCID=0 SLURM_NTASKS=4 {PMI}");
        assert_eq!(text(detect(true, &environment)), "shard 5 of 6");
    }

    #[test]
    fn positions_are_typed_as_index_and_count() {
        let identity: ShardIdentity = "2/16".parse().unwrap();
        assert_eq!(identity.source, IdentitySource::Flag);
        assert_eq!(identity.to_string(), "shard 2 of 16");
        for wrong in [
            "", "2", "/", "2/", "/16", "16/16", "a/b", "-1/4", "0/0", "0/1/2", " 0/1",
        ] {
            let error = wrong.parse::<ShardIdentity>().unwrap_err();
            assert!(matches!(error, ShardsError::Position(_)), "{wrong}");
        }
    }

    #[test]
    fn more_shards_than_the_limit_are_refused() {
        assert!("0/100000".parse::<ShardIdentity>().is_ok());
        let error = "0/100001".parse::<ShardIdentity>().unwrap_err();
        assert_eq!(
            error.to_string(),
            "100,001 shards are too many: at most 100,000"
        );
        let error = text(detect(true, "PMI_RANK=0 PMI_SIZE=100001"));
        assert_eq!(error, "100,001 shards are too many: at most 100,000");
    }

    proptest! {
        #[test]
        fn an_identity_is_always_below_its_count(index in any::<u32>(), count in any::<u32>()) {
            let parsed = format!("{index}/{count}").parse::<ShardIdentity>();
            prop_assert_eq!(parsed.is_ok(), index < count && count <= MAX_SHARDS);
        }

        #[test]
        fn any_text_is_parsed_or_refused(text in ".{0,20}") {
            let _ = text.parse::<ShardIdentity>();
        }
    }
}

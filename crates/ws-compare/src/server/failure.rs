//! Failures of a server: at its start, in its checks, under load.

use std::io;
use std::net::SocketAddr;
use std::process::ExitStatus;
use std::time::Duration;

use measurement::plan::PlanError;
use swarm::SwarmError;

/// What a server does while others are measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TurnTaking {
    /// It is measured alone.
    Alone,
    /// Its connections are idle.
    Idle,
    /// Its connections are idle, and its processes are stopped.
    Held,
}

impl TurnTaking {
    /// Advice on a server that ends connections or loses messages; empty without any.
    fn advice(self, ends_early: bool) -> &'static str {
        match self {
            Self::Held => {
                "; its processes were stopped (SIGSTOP) while others were measured, because it works in the background: if it \
                 does not endure that, use `--slice 0`"
            }
            Self::Idle if ends_early => {
                "; if it closes idle connections, use `--slice 0`, because they are idle while others are measured"
            }
            Self::Idle | Self::Alone => "",
        }
    }

    /// Time of the end of a process.
    pub(crate) fn while_measured(self) -> &'static str {
        match self {
            Self::Alone | Self::Idle => "while it was measured",
            Self::Held => {
                "while it was measured and stopped (SIGSTOP) in turn, because it works in the background (if it does not \
                 endure that, use `--slice 0`)"
            }
        }
    }
}

/// Reason why a server has no figures in a round or a pilot.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ServerFailure {
    #[error("`{name}` cannot be started: another process already listens on {address}")]
    PortTaken { name: String, address: SocketAddr },
    #[error("there is no free port for `{name}`")]
    NoPort { name: String, source: io::Error },
    #[error("`{name}` cannot be started: the program `{program}`")]
    Spawn {
        name: String,
        program: String,
        source: io::Error,
    },
    #[error("`{name}` {} {when}{}", describe_ending(*.status), describe_output(.output))]
    Ended {
        name: String,
        status: ExitStatus,
        /// Time of the end, such as `while it was measured`.
        when: &'static str,
        output: String,
    },
    #[error(
        "`{name}` echoed nothing at {url} within {} (--ready-timeout): {last}{}",
        humantime::format_duration(*.after), describe_output(.output)
    )]
    NeverReady {
        name: String,
        url: String,
        after: Duration,
        /// Failure of the last attempt, with advice.
        last: String,
        output: String,
    },
    /// The server failed its checks. `output` is `None` for a server that was already running.
    #[error(
        "`{name}` does not pass the gate: {refusal}{}",
        .output.as_deref().map_or_else(String::new, describe_output)
    )]
    Gate {
        name: String,
        /// Failed checks, with advice.
        refusal: String,
        output: Option<String>,
    },
    #[error("`{name}` failed under load: {faults}")]
    UnderLoad {
        name: String,
        faults: String,
        /// Connections ended before their client was done with them.
        ends_early: bool,
        turns: TurnTaking,
    },
    #[error("`{name}` could not be measured")]
    Run { name: String, source: SwarmError },
    #[error(transparent)]
    Plan(#[from] PlanError),
    #[error("interrupted")]
    Interrupted,
}

impl ServerFailure {
    /// The error and its causes in one line, with advice when no connection opened, and when connections ended.
    pub(crate) fn in_one_line(&self) -> String {
        let line = cli::in_one_line(self);
        if let Self::UnderLoad {
            ends_early, turns, ..
        } = self
        {
            let advice = match ends_early {
                true => format!(" · {}", wording::early_end_advice()),
                false => String::new(),
            };
            return format!("{line}{advice}{}", turns.advice(*ends_early));
        }
        let failure = match self {
            Self::Run { source, .. } => source.connect_failure(),
            _ => None,
        };
        let advice = failure
            .and_then(|(failure, url, scenario)| wording::connect_advice(failure, url, scenario));
        match advice {
            Some(advice) => format!("{line} · {advice}"),
            None => line,
        }
    }
}

/// Description of the end of a server's process: `ended with exit code 7`, `was killed by SIGKILL`.
pub(crate) fn describe_ending(status: ExitStatus) -> String {
    #[cfg(unix)]
    if let Some(number) = std::os::unix::process::ExitStatusExt::signal(&status) {
        return match nix::sys::signal::Signal::try_from(number) {
            Ok(signal) => format!("was killed by {signal}"),
            Err(_) => format!("was killed by signal {number}"),
        };
    }
    status.code().map_or_else(
        || "ended".to_owned(),
        |code| format!("ended with exit code {code}"),
    )
}

/// The last output of a server, as the end of a sentence.
fn describe_output(output: &str) -> String {
    if output.is_empty() {
        "; it wrote nothing".to_owned()
    } else {
        let lines: Vec<_> = output.lines().map(|line| format!("    {line}")).collect();
        format!("; its last output:\n{}", lines.join("\n"))
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_closes_under_load_gets_a_next_step() {
        let failed = |ends_early, turns| ServerFailure::UnderLoad {
            name: "a".to_owned(),
            faults: "4 connections ended early".to_owned(),
            ends_early,
            turns,
        };
        let said = failed(true, TurnTaking::Alone).in_one_line();
        assert!(said.contains("ended early · see what"), "{said}");
        assert!(said.contains("a shorter `--warmup`"), "{said}");
        assert!(!said.contains("--slice 0"), "{said}");
        let in_turns = failed(true, TurnTaking::Idle).in_one_line();
        assert!(
            in_turns.contains("closes idle connections, use `--slice 0`"),
            "{in_turns}"
        );
        let lost = failed(false, TurnTaking::Idle).in_one_line();
        assert!(!lost.contains("--warmup") && !lost.contains("--slice 0"));
    }

    #[test]
    fn a_server_that_does_not_endure_stops_is_told_of_them() {
        for ends_early in [false, true] {
            let failed = ServerFailure::UnderLoad {
                name: "a".to_owned(),
                faults: "4 messages were lost".to_owned(),
                ends_early,
                turns: TurnTaking::Held,
            };
            let said = failed.in_one_line();
            assert!(said.contains("were stopped (SIGSTOP)"), "{said}");
            assert!(said.ends_with("use `--slice 0`"), "{said}");
        }
        assert!(
            TurnTaking::Held
                .while_measured()
                .contains("use `--slice 0`")
        );
    }

    #[test]
    fn a_server_that_died_in_silence_is_told_as_one_that_never_started() {
        let died = |output: &str| ServerFailure::Ended {
            name: "a".to_owned(),
            status: std::os::unix::process::ExitStatusExt::from_raw(9),
            when: "while it was measured",
            output: output.to_owned(),
        };
        let said = died("").to_string();
        assert!(
            said.ends_with("was killed by SIGKILL while it was measured; it wrote nothing"),
            "{said}"
        );
        assert!(
            died("boom")
                .to_string()
                .ends_with("its last output:\n    boom")
        );
    }
}

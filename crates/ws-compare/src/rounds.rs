//! The rounds: every server once in each, in an order of its own.

use measurement::comparison::{Contender, RoundRow};
use measurement::plan::{Plan, PlanError, Target, Trust};
use statistics::order_statistics::median;
use swarm::SwarmError;
use swarm::control::Control;
use units::Rate;

use crate::gate::{self, Check, Failure};
use crate::measure::{self, Machine, Outcome};
use crate::plans::{Common, PILOT_RUNS};
use crate::server::peer::Address;
use crate::server::process::shown;
use crate::server::{Running, StartError, StartSpec, Starter, UrlSpec};

/// A server under comparison, and where it comes from.
#[derive(Debug, Clone)]
pub enum Entrant {
    /// Started anew for every round.
    Start(StartSpec),
    /// Runs already, and goes on.
    Runs(UrlSpec),
}

impl Entrant {
    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Start(spec) => &spec.name,
            Self::Runs(spec) => &spec.name,
        }
    }

    /// Where it is, whichever port it will have.
    ///
    /// # Errors
    /// [`PlanError`] when its URL cannot be used.
    pub fn some_target(&self, path: &str) -> Result<Target, PlanError> {
        match self {
            Self::Start(spec) => Target::parse(&spec.at(1, path).url),
            Self::Runs(spec) => Target::parse(&spec.url),
        }
    }

    /// The same as data.
    #[must_use]
    pub fn contender(&self, path: &str) -> Contender {
        let (command, url) = match self {
            Self::Start(spec) => (Some(spec.command.clone()), spec.url(path)),
            Self::Runs(spec) => (None, spec.url.clone()),
        };
        Contender {
            name: self.name().to_owned(),
            command,
            url,
            files: Vec::new(),
            pilot_messages_per_s: None,
            excluded: None,
        }
    }
}

/// Why a server has no figures in a round or a pilot.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TurnError {
    /// It could not be started.
    #[error(transparent)]
    Start(#[from] StartError),
    /// Its process ended while it was measured.
    #[error("`{name}` {ending} while it was measured{}", shown(.output))]
    Died {
        /// The server.
        name: String,
        /// How.
        ending: String,
        /// What it wrote last.
        output: String,
    },
    /// It does not echo as it must.
    #[error("`{name}` does not echo as a server must: {}", told(failures))]
    Gate {
        /// The server.
        name: String,
        /// What it failed.
        failures: Vec<Failure>,
    },
    /// It did something wrong under load.
    #[error("`{name}` failed under load: {what}")]
    Wrong {
        /// The server.
        name: String,
        /// What.
        what: String,
    },
    /// The run did not take place.
    #[error("`{name}` could not be measured")]
    Run {
        /// The server.
        name: String,
        /// Why.
        source: SwarmError,
    },
    /// The plan is impossible.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// The user ended the comparison.
    #[error("interrupted")]
    Interrupted,
}

/// What a server failed, in words. What keeps it from everything is said once.
fn told(failures: &[Failure]) -> String {
    match failures {
        [first, rest @ ..]
            if failures.len() == Check::ALL.len() && rest.iter().all(|f| f.what == first.what) =>
        {
            format!("every check: {}", first.what)
        }
        _ => {
            let all: Vec<_> = failures.iter().map(ToString::to_string).collect();
            all.join("; ")
        }
    }
}

/// What all turns have in common.
#[derive(Debug)]
pub struct Ring<'a> {
    /// How servers are started.
    pub starter: &'a Starter,
    /// The load.
    pub common: &'a Common,
    /// Where it is measured.
    pub machine: &'a Machine,
    /// Ends it all.
    pub control: &'a Control,
    /// How long each check of the gate may take.
    pub gate_timeout: std::time::Duration,
}

/// A server that is there, whoever started it.
enum Present {
    Ours(Box<Running>),
    Others(Box<Address>),
}

impl Present {
    fn address(&self) -> &Address {
        match self {
            Self::Ours(running) => &running.address,
            Self::Others(address) => address,
        }
    }

    /// Its processes, as far as they are ours to look at.
    fn processes(&self) -> Vec<u32> {
        match self {
            Self::Ours(running) => running.members(),
            Self::Others(_) => Vec::new(),
        }
    }

    fn leave(self) {
        if let Self::Ours(running) = self {
            running.end();
        }
    }
}

/// What a server's turn in a round is called by.
#[derive(Debug, Clone, Copy)]
pub struct Turn {
    /// The round, from 1.
    pub round: u32,
    /// When it is the server's turn, from 1.
    pub turn: u32,
    /// Seed of the payloads.
    pub seed: u64,
}

/// What a turn is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// The server is started and waited for.
    Starting,
    /// It is asked whether it echoes right.
    Gate,
    /// Its capacity is looked at.
    Pilot,
    /// Closed loop.
    Capacity,
    /// Open loop.
    Latency,
}

impl Step {
    /// Its name for a person.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Gate => "conformance",
            Self::Pilot => "pilot",
            Self::Capacity => "capacity",
            Self::Latency => "latency",
        }
    }
}

impl Ring<'_> {
    fn enter(&self, entrant: &Entrant) -> Result<Present, TurnError> {
        match entrant {
            Entrant::Start(spec) => match self.starter.start(spec) {
                Ok(running) => Ok(Present::Ours(Box::new(running))),
                Err(StartError::Interrupted) => Err(TurnError::Interrupted),
                Err(error) => Err(error.into()),
            },
            Entrant::Runs(spec) => {
                let target = Target::parse(&spec.url)?;
                let trust = if target.is_tls() {
                    self.starter.trust.clone()
                } else {
                    Trust::System
                };
                Ok(Present::Others(Box::new(Address {
                    target,
                    trust,
                    headers: self.starter.headers.clone(),
                })))
            }
        }
    }

    /// Before all rounds: does it echo right, and with `pilot`, how much can it do? The second is
    /// right echoes per second, the median of a few short runs.
    ///
    /// # Errors
    /// [`TurnError`] when the server is not to be compared.
    pub fn try_out(
        &self,
        entrant: &Entrant,
        seed: u64,
        pilot: bool,
        mut step: impl FnMut(Step),
    ) -> Result<Option<f64>, TurnError> {
        step(Step::Starting);
        let mut present = self.enter(entrant)?;
        step(Step::Gate);
        let failures = gate::examine(present.address(), self.gate_timeout, self.control);
        if self.control.is_stopped() {
            return Err(TurnError::Interrupted);
        }
        if !failures.is_empty() {
            self.is_alive(entrant, &mut present)?;
            return Err(TurnError::Gate {
                name: entrant.name().to_owned(),
                failures,
            });
        }
        let mut found = Vec::new();
        if pilot {
            step(Step::Pilot);
            for _ in 0..PILOT_RUNS {
                let plan = self.common.pilot(&present.address().target, seed)?;
                let outcome = self.run(entrant, &mut present, &plan)?;
                found.push(outcome.row.messages_per_s);
            }
        }
        present.leave();
        Ok(median(&found))
    }

    /// A server's turn: started, measured in closed loop and at the rate, ended. What went wrong
    /// stands in the row.
    ///
    /// # Errors
    /// [`TurnError::Interrupted`] when the user ended it, so that there is no row.
    pub fn turn(
        &self,
        entrant: &Entrant,
        turn: Turn,
        rate: Option<Rate>,
        step: impl FnMut(Step),
    ) -> Result<RoundRow, TurnError> {
        let mut row = RoundRow {
            round: turn.round,
            server: entrant.name().to_owned(),
            turn: turn.turn,
            seed: turn.seed,
            ready_s: None,
            failure: None,
            capacity: None,
            latency: None,
            memory_per_connection_bytes: None,
        };
        match self.measure(entrant, turn, rate, &mut row, step) {
            Ok(()) => Ok(row),
            Err(TurnError::Interrupted) => Err(TurnError::Interrupted),
            Err(error) => {
                row.failure = Some(cli::in_one_line(&error));
                Ok(row)
            }
        }
    }

    fn measure(
        &self,
        entrant: &Entrant,
        turn: Turn,
        rate: Option<Rate>,
        row: &mut RoundRow,
        mut step: impl FnMut(Step),
    ) -> Result<(), TurnError> {
        step(Step::Starting);
        let mut present = self.enter(entrant)?;
        if let Present::Ours(running) = &present {
            row.ready_s = Some(running.ready_after.as_secs_f64());
        }
        step(Step::Capacity);
        let plan = self.common.capacity(&present.address().target, turn.seed)?;
        let outcome = self.run(entrant, &mut present, &plan)?;
        row.memory_per_connection_bytes = outcome.memory_per_connection_bytes;
        row.capacity = Some(outcome.row);
        if let Some(rate) = rate {
            step(Step::Latency);
            let target = &present.address().target;
            let plan = self.common.latency(target, turn.seed, rate)?;
            let outcome = self.run(entrant, &mut present, &plan)?;
            row.latency = Some(outcome.row);
        }
        present.leave();
        Ok(())
    }

    /// One run, and whether the server came through it.
    fn run(
        &self,
        entrant: &Entrant,
        present: &mut Present,
        plan: &Plan,
    ) -> Result<Outcome, TurnError> {
        let name = || entrant.name().to_owned();
        let outcome = measure::carry_out(plan, self.control, self.machine, &present.processes());
        if self.control.is_stopped() {
            return Err(TurnError::Interrupted);
        }
        self.is_alive(entrant, present)?;
        let outcome = outcome.map_err(|source| TurnError::Run {
            name: name(),
            source,
        })?;
        match outcome.wrong {
            Some(what) => Err(TurnError::Wrong { name: name(), what }),
            None => Ok(outcome),
        }
    }

    /// A server whose process has ended is told as such, whatever else came of it.
    #[allow(clippy::unused_self)]
    fn is_alive(&self, entrant: &Entrant, present: &mut Present) -> Result<(), TurnError> {
        let Present::Ours(running) = present else {
            return Ok(());
        };
        match running.ending() {
            None => Ok(()),
            Some((ending, output)) => Err(TurnError::Died {
                name: entrant.name().to_owned(),
                ending: ending.to_string(),
                output,
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_keeps_a_server_from_everything_is_said_once() {
        let failures = |what: fn(usize) -> String| -> Vec<Failure> {
            let all = Check::ALL.into_iter().enumerate();
            all.map(|(n, check)| Failure {
                check,
                what: what(n),
            })
            .collect()
        };
        let all = failures(|_| "cannot connect".to_owned());
        assert_eq!(told(&all), "every check: cannot connect");
        assert_eq!(
            told(&all[..2]),
            "a text message: cannot connect; a binary message: cannot connect"
        );
        let other = failures(|n| if n == 6 { "silence" } else { "cannot connect" }.to_owned());
        assert!(told(&other).ends_with("the close handshake: silence"));
    }

    #[test]
    fn a_server_that_died_in_silence_is_told_as_one_that_never_started() {
        let died = |output: &str| TurnError::Died {
            name: "a".to_owned(),
            ending: "was killed by SIGKILL".to_owned(),
            output: output.to_owned(),
        };
        let said = died("").to_string();
        assert!(
            said.ends_with("while it was measured; it wrote nothing"),
            "{said}"
        );
        assert!(
            died("boom")
                .to_string()
                .ends_with("its last output:\n    boom")
        );
    }
}

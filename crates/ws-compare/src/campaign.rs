//! A comparison that is measured: pilot, rounds, and what they found.

use std::time::{Instant, SystemTime};

use cli::say;
use host::open_files;
use measurement::comparison::{ComparisonPlan, Contender, Figure, RoundRow};
use measurement::summary::PlanSummary;
use runner::RunError;
use units::{Rate, counted, human_rate};

use crate::args::Args;
use crate::compare::usage;
use crate::judge::{self, Measured};
use crate::measure::{self, Machine};
use crate::plans::{Common, rate_below};
use crate::progress::Display;
use crate::rounds::{Entrant, Ring, Turn, TurnError};
use crate::seats::Seats;
use crate::server::Starter;
use crate::signals::Stop;

/// What is wrong with what was typed, told as usage; anything else stays what it is.
fn typed(error: RunError) -> anyhow::Error {
    match error {
        RunError::Plan(error) => usage(error),
        other => other.into(),
    }
}

/// A comparison that is measured.
pub(crate) struct Campaign<'a> {
    args: &'a Args,
    stop: &'a Stop,
    entrants: &'a [Entrant],
    seats: Option<Seats>,
    starter: Starter,
    common: Common,
    machine: Machine,
    seed: u64,
}

impl<'a> Campaign<'a> {
    pub(crate) fn new(
        args: &'a Args,
        stop: &'a Stop,
        entrants: &'a [Entrant],
    ) -> anyhow::Result<Self> {
        let seats = args
            .pin
            .then(Seats::of_this_machine)
            .transpose()
            .map_err(usage)?;
        let seed = args.load.seed.unwrap_or_else(runner::random_seed);
        // Certificates are asked for as soon as one of the servers has one.
        let mut targets = entrants
            .iter()
            .map(|entrant| entrant.some_target(&args.path))
            .collect::<Result<Vec<_>, _>>()?;
        targets.sort_by_key(|target| !target.is_tls());
        let target = targets.swap_remove(0);
        let common = Common::new(args, target, seats.as_ref()).map_err(typed)?;
        let starter = Starter {
            groups: stop.groups.clone(),
            env: args.env.clone(),
            cwd: args.cwd.clone(),
            ready_timeout: args.ready_timeout,
            path: args.path.clone(),
            cores: seats
                .as_ref()
                .map(|s| s.servers.clone())
                .unwrap_or_default(),
            trust: common.draft.trust.clone(),
            headers: common.draft.headers.clone(),
            control: stop.control.clone(),
        };
        // Whatever is wrong with the load is said before anything is started.
        let target = &common.draft.target;
        let plan = common.capacity(target, seed).map_err(usage)?;
        if let Some(rate) = args.rate {
            common.latency(target, seed, rate).map_err(usage)?;
        }
        // Where it cannot be raised, the limit stays as it is.
        let _ = open_files::raise_limit();
        cli::check_room(plan.clients.get(), target, false)?;
        let machine = Machine::look(&plan, open_files::limit());
        Ok(Self {
            args,
            stop,
            entrants,
            seats,
            starter,
            common,
            machine,
            seed,
        })
    }

    fn notice(&self, text: &str) {
        if !self.args.quiet {
            say(text);
        }
    }

    fn ring(&self) -> Ring<'_> {
        Ring {
            starter: &self.starter,
            common: &self.common,
            machine: &self.machine,
            control: &self.stop.control,
            gate_timeout: self.args.gate_timeout,
        }
    }

    /// All of it; what was found until then when the user ends it.
    pub(crate) fn carry_out(self) -> anyhow::Result<Measured> {
        if self.seats.as_ref().is_some_and(|seats| seats.share_a_core) {
            self.notice("--pin: there is one physical core, so servers and generator share it by hardware threads");
        }
        self.stop.say_what_happens(!self.args.quiet);
        let started_at = SystemTime::now();
        let begun = Instant::now();
        let display = Display::start(self.args.quiet);
        let mut contenders: Vec<Contender> = self
            .entrants
            .iter()
            .map(|entrant| entrant.contender(&self.args.path))
            .collect();
        let mut interrupted = !self.try_out(&mut contenders, &display);
        let left: Vec<&Entrant> = self
            .entrants
            .iter()
            .zip(&contenders)
            .filter_map(|(entrant, c)| c.excluded.is_none().then_some(entrant))
            .collect();
        let rate = self.args.rate.or_else(|| {
            let found: Vec<f64> = contenders
                .iter()
                .filter_map(|c| c.pilot_messages_per_s)
                .collect();
            rate_below(&found)
        });
        let reference = self.reference(&contenders);
        let plan = self.plan(rate, reference)?;
        let mut measured = Measured {
            tool: measure::tool(),
            host: self.machine.host.clone(),
            started_at: measure::rfc3339(started_at),
            elapsed_s: 0.0,
            plan,
            servers: contenders,
            rounds: Vec::new(),
            interrupted,
        };
        if !interrupted && left.len() >= 2 {
            interrupted = !self.rounds(&left, rate, &mut measured, &display);
        }
        drop(display);
        measured.interrupted = interrupted;
        measured.elapsed_s = begun.elapsed().as_secs_f64();
        Ok(measured)
    }

    /// Gate and pilot of every server; false when the user ended it.
    fn try_out(&self, contenders: &mut [Contender], display: &Display) -> bool {
        let pilot = self.args.rate.is_none();
        for (entrant, contender) in self.entrants.iter().zip(contenders) {
            let name = entrant.name().to_owned();
            let found = self
                .ring()
                .try_out(entrant, self.seed, pilot, |step| display.step(&name, step));
            match found {
                Ok(found) => contender.pilot_messages_per_s = found,
                Err(TurnError::Interrupted) => return false,
                Err(error) => {
                    let why = cli::in_one_line(&error);
                    display.line(&format!("left out: {why}"));
                    contender.excluded = Some(why);
                }
            }
        }
        true
    }

    /// The reference that was asked for, if it is still there; otherwise the first that is.
    fn reference(&self, contenders: &[Contender]) -> String {
        let is_there = |name: &&str| {
            contenders
                .iter()
                .any(|c| c.name == *name && c.excluded.is_none())
        };
        let asked = self.args.reference.as_deref().filter(is_there);
        let first = contenders.iter().find(|c| c.excluded.is_none());
        let named = asked.or_else(|| first.or(contenders.first()).map(|c| c.name.as_str()));
        named.unwrap_or_default().to_owned()
    }

    fn plan(&self, rate: Option<Rate>, reference: String) -> anyhow::Result<ComparisonPlan> {
        let target = &self.common.draft.target;
        let mut load = PlanSummary::from(&self.common.capacity(target, self.seed)?);
        load.url = self
            .entrants
            .iter()
            .find(|e| e.name() == reference)
            .map(|e| e.contender(&self.args.path).url)
            .unwrap_or_default();
        let seats = self.seats.as_ref();
        Ok(ComparisonPlan {
            load,
            rate_per_s: rate.map(Rate::per_second),
            rate_was_found: self.args.rate.is_none() && rate.is_some(),
            rounds: self.args.rounds,
            until_sure_percent: self.args.until_sure,
            max_rounds: if self.args.until_sure.is_some() {
                self.args.max_rounds.max(self.args.rounds)
            } else {
                self.args.rounds
            },
            seed: self.seed,
            confidence: judge::CONFIDENCE,
            figures: self.args.compared_figures(),
            reference,
            server_cores: seats.map(|s| s.servers.clone()).unwrap_or_default(),
            generator_cores: seats.map(|s| s.generator.clone()).unwrap_or_default(),
        })
    }

    /// Round after round; false when the user ended it.
    fn rounds(
        &self,
        entrants: &[&Entrant],
        rate: Option<Rate>,
        measured: &mut Measured,
        display: &Display,
    ) -> bool {
        let most = measured.plan.max_rounds;
        if let Some(rate) = rate {
            let found = if measured.plan.rate_was_found {
                ", found by a pilot"
            } else {
                ""
            };
            display.line(&format!(
                "{} of {} · open loop at {} msg/s{found} · seed {}",
                if self.args.until_sure.is_some() {
                    format!("up to {}", counted(u64::from(most), "round"))
                } else {
                    counted(u64::from(most), "round")
                },
                counted(entrants.len() as u64, "server"),
                human_rate(rate.per_second()),
                self.seed,
            ));
        }
        display.begin(u64::from(most) * entrants.len() as u64);
        for round in 1..=most {
            let seed = measurement::sample::message_hash(self.seed, 0, u64::from(round)) >> 11;
            let order = judge::order(self.seed, round, entrants.len());
            for (turn, &place) in (1..).zip(&order) {
                let entrant = entrants[place];
                let turn = Turn { round, turn, seed };
                let row = self.ring().turn(entrant, turn, rate, |step| {
                    display.step(
                        &format!("round {round} of {most} · {}", entrant.name()),
                        step,
                    );
                });
                match row {
                    Ok(row) => measured.rounds.push(row),
                    Err(_) => return false,
                }
                display.done();
            }
            let rows = measured.rounds.iter().filter(|row| row.round == round);
            display.line(&round_line(round, rows));
            let enough = round >= measured.plan.rounds
                && self
                    .args
                    .until_sure
                    .is_some_and(|percent| judge::is_sure(measured, percent));
            if enough {
                break;
            }
        }
        true
    }
}

/// What a round found, in a line: `round 3: axum 76,336 msg/s · tungstenite 70,120 msg/s`.
fn round_line<'r>(round: u32, rows: impl Iterator<Item = &'r RoundRow>) -> String {
    let mut rows: Vec<_> = rows.collect();
    rows.sort_by(|a, b| a.server.cmp(&b.server));
    let of = |row: &&RoundRow| match (&row.failure, Figure::Throughput.of(row)) {
        (Some(failure), _) => format!("failed: {failure}"),
        (None, Some(value)) => format!("{} {} msg/s", row.server, Figure::Throughput.print(value)),
        (None, None) => format!("{} not to be believed", row.server),
    };
    let parts: Vec<_> = rows.iter().map(of).collect();
    format!("round {round}: {}", parts.join(" · "))
}

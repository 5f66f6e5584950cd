//! `--try`: one client of each role does its setup, sends one message of each kind, and every frame is printed.
//!
//! Clients whose role only listens stay connected while the others send. Their frames are printed behind.

use std::io;
use std::num::NonZeroU32;
use std::sync::{Arc, mpsc};
use std::thread;

use cli::{ExitStatus, dim, print_text};
use measurement::plan::{LoadSpec, Plan, ServerUrl, TargetServer};
use measurement::record::escape_beginning;
use scenario::{ClientState, Padding, Scenario};
use scenario_trial::{
    HandshakeTarget, Trial, TrialDirection, TrialLine, TrialOutcome, TrialPart, WsClientError,
};
use swarm::RunHandle;
use units::human_time;

use crate::args::BenchArgs;
use crate::embedded::EmbeddedServer;
use crate::trial_text;

/// Bytes of a frame that are printed.
const SHOWN_BYTES: usize = 300;

/// Width of the column of times.
const TIME: usize = 8;

/// Tries a scenario, and returns the exit status.
pub(crate) fn run(
    args: &BenchArgs,
    scenario: &Arc<Scenario>,
    control: &RunHandle,
) -> anyhow::Result<ExitStatus> {
    let mut load = args.load_draft(Some(scenario));
    if scenario.roles.len() == 1 {
        // The others would need rows of tables.
        load.clients = NonZeroU32::MIN;
    }
    let (plan, _server) = aim(args, LoadSpec::new(load)?, args.target()?)?;
    let holds_pad = scenario.messages.iter().any(|m| m.send.holds_pad());
    let padding = Padding::new(plan.seed, holds_pad.then_some(plan.payload));
    let trial = Trial {
        scenario,
        padding: &padding,
        timeout: plan.timeout,
        connect_timeout: plan.connect_timeout,
        max_record: usize::try_from(plan.max_record_bytes).unwrap_or(usize::MAX),
    };
    let mut tried = Vec::new();
    for state in first_of_roles(&plan, scenario) {
        let target = HandshakeTarget::of(&plan, &state)?;
        tried.push(TriedClient { state, target });
    }
    let tally = try_all(&trial, tried, control)?;
    Ok(tally.status())
}

/// The client of a role, and where it connects.
struct TriedClient {
    state: ClientState,
    target: HandshakeTarget,
}

/// Tries the clients that send, one after the other, while the others listen.
fn try_all(
    trial: &Trial<'_>,
    clients: Vec<TriedClient>,
    control: &RunHandle,
) -> anyhow::Result<TrialTally> {
    let (senders, listeners): (Vec<_>, Vec<_>) = clients.into_iter().partition(|client| {
        let role = trial.scenario.roles.get(client.state.role());
        role.is_some_and(|role| role.sends)
    });
    let mut tally = TrialTally::default();
    thread::scope(|scope| {
        let mut listening = Vec::new();
        for client in &listeners {
            let (ready, is_ready) = mpsc::channel();
            let (goes_on, over) = mpsc::channel();
            let part = TrialPart::Listens { ready, over };
            let heard = scope.spawn(move || {
                let mut lines = Vec::new();
                let show = &mut |line| lines.push(line);
                let outcome = trial.run(client.state.clone(), part, &client.target, control, show);
                (lines, outcome)
            });
            // Disconnected when the setup has ended.
            let _ = is_ready.recv();
            listening.push((goes_on, heard, client));
        }
        for client in senders {
            client.print_title(trial)?;
            let mut printed = Ok(());
            let part = TrialPart::Sends;
            let outcome = trial.run(client.state, part, &client.target, control, &mut |line| {
                let before = std::mem::replace(&mut printed, Ok(()));
                printed = before.and_then(|()| print_line(&line, trial.scenario));
            });
            printed?;
            tally.conclude(outcome)?;
        }
        for (goes_on, heard, client) in listening {
            drop(goes_on);
            let Ok((lines, outcome)) = heard.join() else {
                anyhow::bail!("the trial of client {} has failed", client.state.client());
            };
            client.print_title(trial)?;
            let mut lines = lines.iter();
            lines.try_for_each(|line| print_line(line, trial.scenario))?;
            tally.conclude(outcome)?;
        }
        Ok(tally)
    })
}

impl TriedClient {
    /// Prints which client is tried: `client 0, role client, ws://127.0.0.1:9000/chat`.
    fn print_title(&self, trial: &Trial<'_>) -> io::Result<()> {
        let client = self.state.client();
        let role = trial.scenario.roles.get(self.state.role());
        let role = role.map_or("", |role| role.name.as_str());
        let url = self.target.server.url.masked();
        print_text(&format!("client {client}, role {role}, {url}\n"))
    }
}

/// Results of all clients of a trial.
#[derive(Debug, Default)]
struct TrialTally {
    connected: usize,
    /// Clients for which something did not match.
    faulty: usize,
}

impl TrialTally {
    /// Prints how the trial of a client ended, and counts it.
    fn conclude(&mut self, outcome: Result<TrialOutcome, WsClientError>) -> io::Result<()> {
        match outcome {
            Ok(outcome) => {
                self.connected += 1;
                self.faulty += usize::from(!outcome.all_matched());
                print_text(&conclusion(&outcome))
            }
            Err(error) => {
                self.faulty += 1;
                print_text(&format!("  not connected: {}\n", String::from(error)))
            }
        }
    }

    fn status(&self) -> ExitStatus {
        match (self.connected, self.faulty) {
            (0, _) => ExitStatus::Failed,
            (_, 0) => ExitStatus::Success,
            _ => ExitStatus::SomeFailed,
        }
    }
}

/// The plan, and the embedded server where no URL is given.
fn aim(
    args: &BenchArgs,
    load: LoadSpec,
    target: Option<TargetServer>,
) -> anyhow::Result<(Plan, Option<EmbeddedServer>)> {
    if let Some(target) = target {
        return Ok((load.against(target)?, None));
    }
    let server = EmbeddedServer::start(args.embedded, load.clients.get())?;
    let url = ServerUrl::parse(&server.url)?;
    Ok((load.against(url)?, Some(server)))
}

/// The first client of each role that has any.
fn first_of_roles(plan: &Plan, scenario: &Scenario) -> Vec<ClientState> {
    let Some(roles) = plan.roles() else {
        return Vec::new();
    };
    let first = |role| (0..plan.clients.get()).find(|client| roles.of(*client) == Some((role, 0)));
    let first = (0..scenario.roles.len()).filter_map(first);
    first
        .filter_map(|client| plan.client_state(&roles, client))
        .collect()
}

/// Prints a frame: time, direction, bytes, meaning.
fn print_line(line: &TrialLine, scenario: &Scenario) -> io::Result<()> {
    let arrow = match line.direction {
        TrialDirection::Sent => "→",
        TrialDirection::Received => "←",
    };
    let at = human_time(line.at.as_secs_f64() * 1e9);
    let bytes = match &line.bytes[..] {
        [] => "(empty)".to_owned(),
        bytes => escape_beginning(bytes, SHOWN_BYTES),
    };
    let meaning = dim(&trial_text::explained(line, scenario));
    print_text(&format!(
        "  {at:>TIME$} {arrow} {bytes}\n{:indent$}{meaning}\n",
        "",
        indent = TIME + 6
    ))
}

/// The end of a client's trial.
fn conclusion(outcome: &TrialOutcome) -> String {
    let lines = trial_text::conclusion(outcome);
    lines
        .iter()
        .map(|line| format!("  {line}\n"))
        .collect::<String>()
        + "\n"
}

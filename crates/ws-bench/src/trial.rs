//! `--try`: one client of each role does its setup, sends one message of each kind, and every frame is printed.

use std::io;
use std::num::NonZeroU32;
use std::sync::Arc;

use cli::{ExitStatus, dim, print_text};
use measurement::plan::{LoadSpec, Plan, ServerUrl, TargetServer};
use measurement::record::escape_beginning;
use scenario::{ClientState, Padding, Scenario};
use scenario_trial::{HandshakeTarget, Trial, TrialDirection, TrialLine, TrialOutcome};
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
    let (mut connected, mut matched) = (0, true);
    for state in first_of_roles(&plan, scenario) {
        let client = state.client();
        let role = scenario
            .roles
            .get(state.role())
            .map_or("", |role| role.name.as_str());
        let target = HandshakeTarget::of(&plan, &state)?;
        let url = target.server.url.masked();
        print_text(&format!("client {client}, role {role}, {url}\n"))?;
        let mut printed = Ok(());
        let outcome = trial.run(state, &target, control, &mut |line| {
            let before = std::mem::replace(&mut printed, Ok(()));
            printed = before.and_then(|()| print_line(&line, scenario));
        });
        printed?;
        match outcome {
            Ok(outcome) => {
                connected += 1;
                matched &= outcome.all_matched();
                print_text(&conclusion(&outcome))?;
            }
            Err(error) => {
                matched = false;
                print_text(&format!("  not connected: {}\n", String::from(error)))?;
            }
        }
    }
    Ok(match (connected, matched) {
        (0, _) => ExitStatus::Failed,
        (_, false) => ExitStatus::SomeFailed,
        (_, true) => ExitStatus::Success,
    })
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

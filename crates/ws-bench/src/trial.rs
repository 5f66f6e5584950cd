//! `--try`: one client of each role does its setup, sends one message of each kind, and every frame is printed.
//!
//! The clients are connected at the same time, because some may answer others. They send one after the other.

use std::io;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::{self, ScopedJoinHandle};
use std::time::Instant;

use cli::{ExitStatus, dim, print_text};
use measurement::plan::{
    Arrivals, ConnectionRules, Load, LoadDraft, LoadSpec, Plan, RateProfile, ServerUrl,
    TargetServer,
};
use measurement::record::escape_beginning;
use scenario::{ClientState, Padding, Scenario};
use scenario_trial::{
    HandshakeTarget, Trial, TrialDirection, TrialLine, TrialMeaning, TrialOutcome, TrialRoom,
    TrialSignals, WsClientError,
};
use swarm::RunHandle;
use units::{Rate, counted, human_time};

use crate::args::BenchArgs;
use crate::embedded::EmbeddedServer;
use crate::run::start_embedded;
use crate::trial_text;

/// Bytes of a frame that are printed.
const SHOWN_BYTES: usize = 300;

/// Number of a client's frames that are printed although they belong to no message or step.
const MAX_OTHER_FRAMES: u64 = 500;

/// Width of the column of times.
const TIME: usize = 8;

/// Tries a scenario, and returns the exit status.
pub(crate) fn run(
    args: &BenchArgs,
    scenario: &Arc<Scenario>,
    control: &RunHandle,
) -> anyhow::Result<ExitStatus> {
    let load = trial_load(args.load_draft(Some(scenario)), scenario);
    let (plan, _server) = aim(args, LoadSpec::new(load)?, args.targets()?)?;
    let holds_pad = scenario.messages.iter().any(|m| m.send.holds_pad());
    let padding = Padding::new(plan.seed, holds_pad.then_some(plan.payload));
    let trial = Trial {
        scenario,
        padding: &padding,
        timeout: plan.timeout,
        connect_timeout: plan.connect_timeout,
        max_record: usize::try_from(plan.max_record_bytes).unwrap_or(usize::MAX),
        room: TrialRoom::default(),
        begun: Instant::now(),
    };
    let mut clients = Vec::new();
    let roles = plan.roles();
    for state in tried_clients(&plan, scenario) {
        let target = HandshakeTarget::of(&plan, &state)?;
        let sender = roles.as_ref().map(|roles| roles.sender(state.client()));
        clients.push(TriedClient {
            sends: sender.flatten().is_some(),
            state,
            target,
        });
    }
    // Those that listen are printed last. They answer the others.
    clients.sort_by_key(|client| !client.sends);
    try_all(&trial, &clients, control)
}

/// The client of a role, and where it connects.
struct TriedClient {
    state: ClientState,
    target: HandshakeTarget,
    sends: bool,
}

/// Frames of a client as they come, and the end of its trial.
struct Talk<'scope> {
    lines: Receiver<TrialLine>,
    end: ScopedJoinHandle<'scope, TalkEnd>,
}

struct TalkEnd {
    outcome: Result<TrialOutcome, WsClientError>,
    /// Frames that are not printed.
    hidden: u64,
}

/// The other ends of a client's signals.
struct Turn {
    ready: Receiver<()>,
    turn: Sender<()>,
    sent: Receiver<()>,
    sends: bool,
}

/// Tries all clients at once: they send one after the other when all are ready, as in a run. Prints their frames one
/// client after the other.
fn try_all(
    trial: &Trial<'_>,
    clients: &[TriedClient],
    control: &RunHandle,
) -> anyhow::Result<ExitStatus> {
    thread::scope(|scope| {
        let (mut talks, mut turns) = (Vec::new(), Vec::new());
        for client in clients {
            let (line, lines) = mpsc::channel();
            let (ready, is_ready) = mpsc::channel();
            let (turn, is_turn) = mpsc::channel();
            let (sent, has_sent) = mpsc::channel();
            let signals = TrialSignals {
                ready,
                sent,
                turn: is_turn,
            };
            let end = scope.spawn(move || client.talk(trial, signals, control, &line));
            talks.push((client, Talk { lines, end }));
            turns.push(Turn {
                ready: is_ready,
                turn,
                sent: has_sent,
                sends: client.sends,
            });
        }
        scope.spawn(move || lead(&turns));
        let mut tally = TrialTally::default();
        for (client, talk) in talks {
            client.print_title(trial)?;
            for line in talk.lines {
                print_line(&line, trial.scenario)?;
            }
            let Ok(end) = talk.end.join() else {
                anyhow::bail!("the trial of client {} has failed", client.state.client());
            };
            tally.conclude(end, control)?;
        }
        Ok(tally.status(control))
    })
}

/// Gives the clients their turns when the setups of all have ended. The others listen until the last one has sent.
fn lead(clients: &[Turn]) {
    for client in clients {
        // Nothing is ever sent; the other end is dropped.
        let _ = client.ready.recv();
    }
    for client in clients.iter().filter(|client| client.sends) {
        // A client whose setup has failed takes no turn.
        let _ = client.turn.send(());
        let _ = client.sent.recv();
    }
}

impl TriedClient {
    /// Tries the client. Frames go to `lines`: those of the exchange all, others as long as there are few.
    fn talk(
        &self,
        trial: &Trial<'_>,
        signals: TrialSignals,
        control: &RunHandle,
        lines: &Sender<TrialLine>,
    ) -> TalkEnd {
        let (mut others, mut hidden) = (0, 0);
        let show = &mut |mut line: TrialLine| {
            if !is_of_exchange(&line.meaning) {
                others += 1;
                if others > MAX_OTHER_FRAMES {
                    hidden += 1;
                    return;
                }
            }
            // One byte more shows that there are more.
            line.bytes.truncate(SHOWN_BYTES + 1);
            // The receiver is gone when nothing can be printed any more.
            let _ = lines.send(line);
        };
        let outcome = trial.run(self.state.clone(), signals, &self.target, control, show);
        TalkEnd { outcome, hidden }
    }

    /// Prints which client is tried: `client 0, role client, ws://127.0.0.1:9000/chat`.
    fn print_title(&self, trial: &Trial<'_>) -> io::Result<()> {
        let client = self.state.client();
        let role = trial.scenario.roles.get(self.state.role());
        let role = role.map_or("", |role| role.name.as_str());
        let url = self.target.server.url.masked();
        print_text(&format!("client {client}, role {role}, {url}\n"))
    }
}

/// Returns true for frames that belong to the client's own setup, messages and end, of which there are few.
fn is_of_exchange(meaning: &TrialMeaning) -> bool {
    !matches!(
        meaning,
        TrialMeaning::Skipped
            | TrialMeaning::Part
            | TrialMeaning::Duplicate
            | TrialMeaning::On { .. }
            | TrialMeaning::Answer
            | TrialMeaning::RepeatedDelivery { .. }
            | TrialMeaning::StrayDelivery { .. }
            | TrialMeaning::Push { .. }
            | TrialMeaning::Unexpected
            | TrialMeaning::SeveralRecords { .. }
            | TrialMeaning::Ping
            | TrialMeaning::Pong
    )
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
    fn conclude(&mut self, end: TalkEnd, control: &RunHandle) -> io::Result<()> {
        if end.hidden > 0 {
            let hidden = counted(end.hidden, "further frame");
            print_text(&format!("  {hidden} not shown\n"))?;
        }
        if control.is_stopped() {
            return print_text("  interrupted\n");
        }
        match end.outcome {
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

    fn status(&self, control: &RunHandle) -> ExitStatus {
        match (self.connected, self.faulty) {
            _ if control.is_stopped() => ExitStatus::Interrupted,
            (0, _) => ExitStatus::Failed,
            (_, 0) => ExitStatus::Success,
            _ => ExitStatus::SomeFailed,
        }
    }
}

/// The plan for the first server, and the embedded server where no URL is given.
fn aim(
    args: &BenchArgs,
    load: LoadSpec,
    targets: Vec<TargetServer>,
) -> anyhow::Result<(Plan, Option<EmbeddedServer>)> {
    if let Some(first) = targets.into_iter().next() {
        return Ok((load.against(first)?, None));
    }
    let server = start_embedded(args, &load)?;
    let url = ServerUrl::parse(&server.url)?;
    Ok((load.against(url)?, Some(server)))
}

/// The load of a trial: all clients are in one room, and none waits for a record to go on.
fn trial_load(wanted: LoadDraft, scenario: &Scenario) -> LoadDraft {
    let mut load = LoadDraft {
        rooms: NonZeroU32::MIN,
        slow: None,
        connections: ConnectionRules::default(),
        ..wanted
    };
    if scenario.roles.len() == 1 {
        // The others would need rows of tables.
        let enough = NonZeroU32::MIN.saturating_add(scenario.has_deliveries().into());
        load.clients = load.clients.min(enough);
    }
    if let Some(rate) = Rate::new(1.0)
        && !scenario.is_push_only()
    {
        load.load = Load::Open {
            profile: RateProfile::constant(rate),
            arrivals: Arrivals::Constant,
            window: None,
        };
    }
    load
}

/// The first client of each role that has any. With deliveries and a single role, the second one receives what the first
/// one sends.
fn tried_clients(plan: &Plan, scenario: &Scenario) -> Vec<ClientState> {
    let Some(roles) = plan.roles() else {
        return Vec::new();
    };
    let members = match scenario.roles.len() {
        1 => 2,
        _ => 1,
    };
    let is_tried = |client: &u32| {
        roles
            .of(*client)
            .is_some_and(|(_, member)| member < members)
    };
    let tried = (0..plan.clients.get()).filter(is_tried);
    tried
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

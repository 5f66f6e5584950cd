//! A child of `--shards` that takes the steps of a search or a sweep when its parent commands it.

use std::io::{BufRead, stdin, stdout};

use anyhow::Context;
use cli::ExitStatus;
use measurement::plan::Plan;
use swarm::load_search::{LocalRunner, OrderRunner};
use swarm::{RunHandle, RunSetup};

use super::order::ChildOrder;
use super::report::ChildReport;
use super::steps::{StepCommand, StepReply, result_path, write_result};

/// Opens the connections of this child's share of the plan, and takes steps until the parent ends the run or is gone.
pub(super) fn run(
    order: &ChildOrder,
    plan: &Plan,
    control: &RunHandle,
) -> anyhow::Result<ExitStatus> {
    let mut setup = RunSetup {
        calibration: order.calibration,
        ..RunSetup::default()
    };
    let mut runner = Box::new(LocalRunner::open(plan, control, &mut setup)?);
    let connections = control.open_connections();
    reply(StepReply::Opened { connections })?;
    let path = result_path(&order.folder, order.shard);
    for line in stdin().lock().lines() {
        let line = line.context("cannot read the steps of the parent")?;
        match serde_json::from_str(&line).context("the parent sent no step")? {
            StepCommand::Take(step) => {
                write_result(&path, &runner.run(&step)?)?;
                reply(StepReply::Taken)?;
            }
            StepCommand::Reopen => {
                let clients = runner.reopen()?;
                reply(StepReply::Reopened { clients })?;
            }
            StepCommand::Close => {
                write_result(&path, &runner.close()?)?;
                reply(StepReply::Closed)?;
                return Ok(ExitStatus::Success);
            }
        }
    }
    // The parent is gone.
    control.stop();
    runner.close()?;
    Ok(ExitStatus::Interrupted)
}

fn reply(reply: StepReply) -> anyhow::Result<()> {
    let sent = ChildReport::Reply(reply).send(stdout().lock());
    sent.context("cannot report to the parent")
}

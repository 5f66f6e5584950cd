//! A generator in a process of its own, which can be stopped or throttled while the server continues.

use std::io::{Read, Write};
use std::process::{Child, Command, Stdio};

use anyhow::Context;
use measurement::verdict::{Reason, Verdict};
use serde_json::{Value, json};
use swarm::{RunHandle, RunSetup};

use crate::cases::generator_plan;

/// Environment variable with a URL, on which the program generates load in place of a certificate.
pub const URL_VARIABLE: &str = "WS_TRUTH_GENERATES_ON";

/// A child process that generates load. Dropping it kills it.
#[derive(Debug)]
pub(crate) struct GeneratorProcess(Child);

impl GeneratorProcess {
    /// Starts this program again, as a generator of load on this URL that waits for [`go`](Self::go).
    pub(crate) fn start(url: &str) -> anyhow::Result<Self> {
        let program = std::env::current_exe().context("cannot find this program's file")?;
        let child = Command::new(program)
            .env(URL_VARIABLE, url)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn();
        child.map(Self).context("cannot start a generator")
    }

    pub(crate) fn id(&self) -> u32 {
        self.0.id()
    }

    /// Begins the load.
    pub(crate) fn go(&mut self) -> anyhow::Result<()> {
        let input = self.0.stdin.take();
        let written = input.map(|mut input| input.write_all(b"\n"));
        written.transpose().map(drop).context("the generator ended")
    }

    /// Waits for the end of the load, and returns what the generator reported.
    pub(crate) fn report(mut self) -> anyhow::Result<Value> {
        let mut text = String::new();
        if let Some(mut output) = self.0.stdout.take() {
            output.read_to_string(&mut text)?;
        }
        serde_json::from_str(&text).context("the generator reported nothing")
    }
}

impl Drop for GeneratorProcess {
    fn drop(&mut self) {
        // Fails when it has ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Waits for a byte on `input`, generates load on this URL, and returns counts, stops and throttled time of the generator
/// as JSON.
///
/// # Errors
/// When no byte comes or the run cannot begin.
pub fn generate(url: &str, mut input: impl Read) -> anyhow::Result<Value> {
    let plan = generator_plan(url)?;
    let asked = input.read(&mut [0])? == 1;
    anyhow::ensure!(asked, "the start signal of the load did not come");
    let run = swarm::run(&plan, &RunHandle::new(), RunSetup::default())?;
    let summary = run.summary.context("a run without a summary")?;
    let names_quota = |reason: &Reason| matches!(reason, Reason::GeneratorThrottled { .. });
    Ok(json!({
        "client": summary.client,
        "received": summary.messages.received,
        "sent": summary.messages.sent,
        "valid": summary.validity.verdict == Verdict::Valid,
        "names_quota": summary.validity.found.iter().any(names_quota),
    }))
}

//! The command line that repeats a run, as far as its plan tells.

use std::time::Duration;

use measurement::plan::Verify;
use measurement::schedule::Arrivals;
use measurement::summary::{PayloadBytes, Summary};
use measurement::units::typed_duration;

/// What a run was started with, and what of it nobody wrote down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repeat {
    /// A line for a POSIX shell.
    pub command: String,
    /// What has to be added by hand, where it was used; a sentence each.
    pub unknown: Vec<String>,
}

/// How to measure the same again. Defaults of ws-bench are left out where they depend on nothing; the
/// seed is kept, so that the same messages are sent at the same times.
#[must_use]
pub fn repeat(s: &Summary) -> Repeat {
    let mut words = vec!["ws-bench".to_owned()];
    words.extend(load(s));
    words.extend(generator(s));
    for condition in &s.conditions {
        words.push(format!("--fail-if={}", condition.expression));
    }
    words.extend(server(s));
    let words: Vec<_> = words.iter().map(|word| quoted(word)).collect();
    Repeat {
        command: words.join(" "),
        unknown: unknown(s),
    }
}

fn server(s: &Summary) -> Vec<String> {
    match &s.plan.embedded {
        // Its port was free by chance.
        Some(name) => vec![format!("--embedded={name}")],
        // Only in a file that nobody of ours wrote: it must not be taken for a flag.
        None if s.plan.url.starts_with('-') => vec!["--".to_owned(), s.plan.url.clone()],
        None => vec![s.plan.url.clone()],
    }
}

fn load(s: &Summary) -> Vec<String> {
    let plan = &s.plan;
    let mut words = Words(Vec::new());
    words.add("--clients", plan.clients);
    if plan.stages.is_empty() {
        match (plan.messages_per_client, plan.duration_s) {
            (Some(n), _) => words.add("--messages", n),
            (None, Some(s)) => words.add("--duration", time(s)),
            (None, None) => {}
        }
        if let Some(rate) = plan.rate_per_s {
            words.add("--rate", rate);
        }
        if let Some(ramp_s) = plan.ramp_s {
            words.add("--ramp", time(ramp_s));
        }
    } else {
        let stages = plan.stages.iter();
        let stages = stages.map(|stage| format!("{}:{}", time(stage.duration_s), stage.rate_per_s));
        words.add("--stages", stages.collect::<Vec<_>>().join(","));
    }
    if plan.rate_per_s.is_some() && plan.arrivals == Arrivals::Poisson {
        words.add("--arrivals", "poisson");
    }
    match plan.payload_bytes {
        PayloadBytes::Fixed(size) => words.add("--size", size),
        PayloadBytes::Range { min, max } => words.add("--size", format!("{min}..{max}")),
    }
    if !plan.text {
        words.0.push("--binary".to_owned());
    }
    match (plan.rate_per_s, plan.window) {
        // What a closed loop does unless told otherwise.
        (None, Some(1)) | (_, None) => {}
        (_, Some(window)) => words.add("--window", window),
    }
    words.add("--warmup", time(plan.warmup_s));
    words.add("--timeout", time(plan.timeout_s));
    match plan.verify {
        Verify::Off => words.add("--verify", "off"),
        Verify::Length => words.add("--verify", "length"),
        Verify::Full => {}
    }
    if plan.certificate_checked == Some(false) {
        words.0.push("--insecure".to_owned());
    }
    words.0
}

fn generator(s: &Summary) -> Vec<String> {
    let plan = &s.plan;
    let mut words = Words(Vec::new());
    words.add("--threads", plan.threads);
    if !plan.pinned_to.is_empty() {
        let cores: Vec<_> = plan.pinned_to.iter().map(ToString::to_string).collect();
        words.0.push(format!("--pin={}", cores.join(",")));
    }
    if plan.busy_poll {
        words.0.push("--busy-poll".to_owned());
    }
    if s.calibration.is_some() {
        words.0.push("--calibrate".to_owned());
    }
    words.add("--seed", plan.seed);
    words.0
}

fn unknown(s: &Summary) -> Vec<String> {
    let mut unknown = vec![
        "`--header`, `--subprotocol`, `--origin`, `--connect-rate` and `--connect-timeout` are not in \
         the file: add those that were used."
            .to_owned(),
    ];
    if s.plan.certificate_checked == Some(true) {
        unknown.push(
            "Which certificates were trusted is not in the file: add `--ca-cert` if it was used."
                .to_owned(),
        );
    }
    if s.plan.embedded.is_none() && s.server.is_some() {
        unknown.push(
            "The server's process was sampled: add `--server-pid` with its number of today."
                .to_owned(),
        );
    }
    unknown
}

/// Words of a command line.
struct Words(Vec<String>);

impl Words {
    #[allow(clippy::needless_pass_by_value)]
    fn add(&mut self, flag: &str, value: impl ToString) {
        self.0.extend([flag.to_owned(), value.to_string()]);
    }
}

/// A time in seconds as it is typed.
fn time(seconds: f64) -> String {
    // Out of range only in a file that nobody of ours wrote.
    typed_duration(Duration::try_from_secs_f64(seconds).unwrap_or_default())
}

/// A word as a POSIX shell reads it back: between single quotes, unless every letter is harmless.
fn quoted(word: &str) -> String {
    let harmless = |c: char| c.is_ascii_alphanumeric() || "-_./:=,+@%".contains(c);
    if !word.is_empty() && word.chars().all(harmless) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

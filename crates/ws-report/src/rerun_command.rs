//! The command line that repeats a run, as far as its plan tells.

use std::time::Duration;

use measurement::plan::{Arrivals, Verify};
use measurement::run::{PayloadBytes, Summary};
use units::typed_duration;

/// What a run was started with, and what of it nobody wrote down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RerunCommand {
    /// A line for a POSIX shell.
    pub(crate) command: String,
    /// What has to be added by hand, where it was used; a sentence each.
    pub(crate) unknown: Vec<String>,
}

/// How to measure the same again. Defaults of ws-bench are left out where they depend on nothing; the
/// seed is kept, so that the same messages are sent at the same times.
pub(crate) fn rerun_command(s: &Summary) -> RerunCommand {
    let mut words = confined(s);
    words.push("ws-bench".to_owned());
    words.extend(load(s));
    words.extend(generator(s));
    for condition in &s.conditions {
        words.push(format!("--fail-if={}", condition.expression));
    }
    words.extend(server(s));
    let words: Vec<_> = words.iter().map(|word| quoted(word)).collect();
    RerunCommand {
        command: words.join(" "),
        unknown: unknown(s),
    }
}

/// What keeps the run on the cores that it was confined to.
fn confined(s: &Summary) -> Vec<String> {
    match &s.host.allowed_cores[..] {
        [] => Vec::new(),
        cores => vec!["taskset".to_owned(), "-c".to_owned(), list(cores)],
    }
}

/// `1,3`
fn list(cores: &[usize]) -> String {
    let cores: Vec<_> = cores.iter().map(usize::to_string).collect();
    cores.join(",")
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
        words.0.push(format!("--pin={}", list(&plan.pinned_to)));
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::Made;
    use measurement::run::StageSummary;

    fn of(made: &Made) -> String {
        rerun_command(&made.summary).command
    }

    #[test]
    fn what_was_asked_for_is_asked_for_again() {
        assert_eq!(
            of(&Made::closed()),
            "ws-bench --clients 1 --duration 3s --size 125 --warmup 1s --timeout 10s --threads 1 --seed 5 \
             ws://127.0.0.1:8000/ws"
        );
        let open = Made::open().but(|s| {
            s.plan.embedded = Some("tungstenite".into());
            s.plan.messages_per_client = Some(10);
            s.plan.duration_s = None;
            s.plan.rate_per_s = Some(1234.5);
            s.plan.ramp_s = Some(1.5);
            s.plan.arrivals = Arrivals::Poisson;
            s.plan.payload_bytes = PayloadBytes::Range { min: 64, max: 4096 };
            s.plan.text = false;
            s.plan.window = Some(7);
            s.plan.warmup_s = 0.0;
            s.plan.verify = Verify::Length;
            s.plan.pinned_to = vec![1, 3];
            s.plan.busy_poll = true;
        });
        assert_eq!(
            of(&open),
            "ws-bench --clients 1 --messages 10 --rate 1234.5 --ramp 1500ms --arrivals poisson --size 64..4096 \
             --binary --window 7 --warmup 0s --timeout 10s --verify length --threads 1 --pin=1,3 --busy-poll \
             --seed 5 --embedded=tungstenite"
        );
    }

    #[test]
    fn who_was_confined_is_again() {
        let confined = Made::closed().but(|s| s.host.allowed_cores = vec![1, 3]);
        assert!(of(&confined).starts_with("taskset -c 1,3 ws-bench "));
    }

    #[test]
    fn stages_take_the_place_of_rate_and_length() {
        let stage = |duration_s, rate_per_s| StageSummary {
            duration_s,
            rate_per_s,
        };
        let staged = Made::open().but(|s| s.plan.stages = vec![stage(1.0, 10.0), stage(0.5, 2.5)]);
        let command = of(&staged);
        assert!(command.contains(" --stages 1s:10,500ms:2.5 "), "{command}");
        assert!(!command.contains("--rate") && !command.contains("--duration"));
    }

    #[test]
    fn what_a_file_says_cannot_become_a_command() {
        let hostile = |url: &str| of(&Made::closed().but(|s| s.plan.url = url.into()));
        assert!(hostile("ws://h/$(rm x)'; y").ends_with(r" 'ws://h/$(rm x)'\''; y'"));
        assert!(hostile("--plot=x").ends_with(" -- --plot=x"));
    }

    #[test]
    fn what_cannot_be_known_is_said() {
        let unknown = |made: &Made| rerun_command(&made.summary).unknown.join(" ");
        assert!(unknown(&Made::closed()).contains("`--header`"));
        assert!(!unknown(&Made::closed()).contains("--ca-cert"));
        let checked = Made::closed().but(|s| s.plan.certificate_checked = Some(true));
        assert!(unknown(&checked).contains("`--ca-cert`"));
        let unchecked = Made::closed().but(|s| s.plan.certificate_checked = Some(false));
        assert!(of(&unchecked).contains(" --insecure "));
    }

    #[cfg(unix)]
    #[test]
    fn a_shell_reads_back_every_word() {
        for word in [
            "",
            "a b",
            "'",
            "''x'",
            "$HOME `id` \"\\\n*?",
            "~",
            "#",
            "a&b;c|d<e>f",
            "ü",
            "--x=1",
        ] {
            let output = std::process::Command::new("sh")
                .arg("-c")
                .arg(format!("printf %s {}", quoted(word)))
                .output()
                .unwrap();
            assert_eq!(String::from_utf8(output.stdout).unwrap(), word);
        }
    }
}

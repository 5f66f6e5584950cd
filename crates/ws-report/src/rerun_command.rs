//! The command line that repeats a run.

use measurement::plan::MASK;
use measurement::run::Summary;
use units::counted;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RerunCommand {
    /// A line for a POSIX shell.
    pub(crate) command: String,
    /// A sentence for each masked secret, which must be filled in, and one on the other shards.
    pub(crate) notes: Vec<String>,
}

/// The stored command line, with the cores that the run was confined to and its seed, so that the same messages are sent
/// at the same times. `None` for a file that does not store it.
pub(crate) fn rerun_command(s: &Summary) -> Option<RerunCommand> {
    // Whatever a file says: the command is ws-bench.
    let (_, arguments) = s.command_line.as_ref()?.split_first()?;
    let mut words = match &s.host.allowed_cores[..] {
        [] => Vec::new(),
        cores => {
            let cores: Vec<_> = cores.iter().map(usize::to_string).collect();
            vec!["taskset".to_owned(), "-c".to_owned(), cores.join(",")]
        }
    };
    words.push("ws-bench".to_owned());
    let has_seed = |word: &String| word == "--seed" || word.starts_with("--seed=");
    if !arguments.iter().any(has_seed) {
        words.extend(["--seed".to_owned(), s.plan.seed.to_string()]);
    }
    words.extend_from_slice(arguments);
    let masked = arguments.iter().filter(|word| word.contains(MASK));
    let masked =
        masked.map(|word| format!("Fill in `{MASK}` in `{word}`: secrets are not stored."));
    Some(RerunCommand {
        notes: masked.chain(other_shards(s, arguments)).collect(),
        command: words
            .iter()
            .map(|word| quoted(word))
            .collect::<Vec<_>>()
            .join(" "),
    })
}

/// The note on a command that started only one of several shards.
fn other_shards(s: &Summary, arguments: &[String]) -> Option<String> {
    let planned = s.shards.as_ref()?.planned;
    let is_one = |word: &String| word == "--shard-dir" || word.starts_with("--shard-dir=");
    arguments.iter().any(is_one).then(|| {
        format!(
            "This command started one of {}. Start all of them with a new `--shard-dir` and a new start time, then merge \
             them with `ws-merge`.",
            counted(planned.into(), "shard")
        )
    })
}

/// A word quoted for a POSIX shell: between single quotes unless every letter is harmless.
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
    use test_support::fixtures::{closed_loop_run, complete_shards};

    /// The rerun command of a run with this command line.
    fn rerun(words: &[&str], change: impl FnOnce(&mut Summary)) -> RerunCommand {
        let run = closed_loop_run(|s| {
            s.command_line = Some(words.iter().map(|word| (*word).to_owned()).collect());
            change(s);
        });
        rerun_command(&run.summary.unwrap()).unwrap()
    }

    #[test]
    fn a_run_is_repeated_as_it_was_typed_with_its_seed() {
        let words = ["ws-bench", "-c", "7", "--fail-if", "p99>10ms", "ws://h/ws"];
        assert_eq!(
            rerun(&words, |_| {}).command,
            "ws-bench --seed 5 -c 7 --fail-if 'p99>10ms' ws://h/ws"
        );
        let seeded = ["ws-bench", "--seed=9", "ws://h/ws"];
        assert_eq!(
            rerun(&seeded, |_| {}).command,
            "ws-bench --seed=9 ws://h/ws"
        );
        assert!(rerun(&words, |_| {}).notes.is_empty());
    }

    #[test]
    fn a_confined_run_is_confined_again() {
        let confined = rerun(&["ws-bench"], |s| s.host.allowed_cores = vec![1, 3]);
        assert!(confined.command.starts_with("taskset -c 1,3 ws-bench "));
    }

    #[test]
    fn masked_secrets_are_named() {
        let words = ["ws-bench", "--header", "Cookie: ***", "ws://h/ws?token=***"];
        assert_eq!(
            rerun(&words, |_| {}).notes,
            [
                "Fill in `***` in `Cookie: ***`: secrets are not stored.",
                "Fill in `***` in `ws://h/ws?token=***`: secrets are not stored."
            ]
        );
    }

    #[test]
    fn the_command_of_one_shard_does_not_repeat_the_run() {
        let of_shards = |words: &[&str]| rerun(words, |s| s.shards = Some(complete_shards())).notes;
        let one = ["ws-bench", "--shard", "0/2", "--shard-dir=r", "ws://h/ws"];
        let note = "This command started one of 2 shards. Start all of them with a new `--shard-dir` and a new start time, \
                    then merge them with `ws-merge`.";
        assert_eq!(of_shards(&one), [note]);
        assert_eq!(of_shards(&["ws-bench", "--shards", "2"]), [""; 0]);
    }

    #[test]
    fn an_older_file_has_no_command() {
        assert_eq!(
            rerun_command(&closed_loop_run(|_| {}).summary.unwrap()),
            None
        );
    }

    #[test]
    fn what_a_file_says_cannot_become_a_command() {
        let hostile = rerun(&["rm", "ws://h/$(rm x)'; y"], |_| {});
        assert_eq!(
            hostile.command,
            r"ws-bench --seed 5 'ws://h/$(rm x)'\''; y'"
        );
    }

    #[test]
    fn a_header_that_looks_like_a_seed_is_none() {
        let words = ["ws-bench", "--header", "--seed: x", "ws://h/ws"];
        let command = rerun(&words, |_| {}).command;
        assert!(
            command.starts_with("ws-bench --seed 5 --header "),
            "{command}"
        );
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

//! Requirements on every program's help, completions and manual page.

use std::collections::BTreeSet;
use std::process::{Command, Output};

/// Checks the documents of a program: version, `--help`, `--man-page`, and `--completions`, which must offer these
/// values for these flags in bash.
///
/// # Panics
/// When a check fails.
pub fn documents_check(binary: &str, name: &str, values: &[(&str, &[&str])]) {
    let program = Program { binary, name };
    let flags = program.flags();
    for flag in ["--help", "--version", "--completions", "--man-page"] {
        assert!(flags.contains(flag), "{flag}: {flags:?}");
    }
    program.check_version();
    program.check_examples();
    program.check_manual_page(&flags);
    program.check_scripts(&flags);
    program.check_unknown_shell();
    program.check_closed_pipe();
    #[cfg(unix)]
    program.check_bash_completion(&flags, values);
    #[cfg(not(unix))]
    let _ = values;
}

struct Program<'a> {
    binary: &'a str,
    name: &'a str,
}

impl Program<'_> {
    fn run(&self, arguments: &[&str]) -> Output {
        self.run_at(100, arguments)
    }

    /// Runs the program in a terminal of this width.
    fn run_at(&self, columns: u32, arguments: &[&str]) -> Output {
        Command::new(self.binary)
            .args(arguments)
            .env("COLUMNS", columns.to_string())
            .output()
            .unwrap()
    }

    /// The standard output of a successful run.
    fn stdout_of(&self, arguments: &[&str]) -> String {
        stdout_of(&self.run(arguments))
    }

    /// The long flags of `--help`. They precede their texts, which are indented further.
    fn flags(&self) -> BTreeSet<String> {
        let help = self.stdout_of(&["--help"]);
        let in_front = help.lines().filter(|line| !line.starts_with("       "));
        in_front
            .filter(|line| line.trim_start().starts_with('-'))
            .flat_map(str::split_whitespace)
            .filter(|word| word.starts_with("--"))
            .map(|word| word.split(['[', '=']).next().unwrap().to_owned())
            .collect()
    }

    fn check_version(&self) {
        let version = format!("{} {}\n", self.name, env!("CARGO_PKG_VERSION"));
        assert_eq!(self.stdout_of(&["--version"]), version);
    }

    /// Checks that examples are not wrapped in a terminal of 80 columns.
    fn check_examples(&self) {
        let examples = |columns| {
            let help = stdout_of(&self.run_at(columns, &["-h"]));
            let (_, behind) = help.split_once("\nExamples:\n").expect("examples");
            let lines = behind.lines().take_while(|line| !line.is_empty());
            lines.map(str::to_owned).collect::<Vec<_>>()
        };
        let wide = examples(100);
        assert!(wide.len() >= 2, "{wide:?}");
        assert_eq!(examples(80), wide);
    }

    fn check_manual_page(&self, flags: &BTreeSet<String>) {
        let page = self.stdout_of(&["--man-page"]);
        let title = format!(".TH {} 1 ", self.name.to_uppercase());
        let sections = ["NAME", "SYNOPSIS", "DESCRIPTION", "HELP", "EXAMPLES"];
        let sections = sections.map(|section| format!("\n.SH {section}\n"));
        for text in sections.iter().chain([&title]) {
            assert!(page.contains(text), "no {text} in {page}");
        }
        assert!(page.contains("\n.SH \"EXIT CODES\"\n"), "{page}");
        for flag in flags {
            let bold = format!("\\fB{}\\fR", flag.replace('-', "\\-"));
            assert!(page.contains(&bold), "no {flag} in {page}");
        }
    }

    fn check_scripts(&self, flags: &BTreeSet<String>) {
        for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
            let script = self.stdout_of(&["--completions", shell]);
            for flag in flags {
                // fish writes `-l window`.
                let name = flag.trim_start_matches('-');
                assert!(script.contains(name), "no {flag} for {shell}");
            }
        }
    }

    fn check_unknown_shell(&self) {
        let output = self.run(&["--completions", "nonsense"]);
        assert_eq!(output.status.code(), Some(2));
        assert!(output.stdout.is_empty());
    }

    fn check_closed_pipe(&self) {
        for arguments in [&["--help"][..], &["--man-page"], &["--completions", "zsh"]] {
            let (reader, writer) = std::io::pipe().unwrap();
            drop(reader);
            let mut command = Command::new(self.binary);
            let output = command.args(arguments).stdout(writer).output().unwrap();
            assert_eq!(output.status.code(), Some(0), "{arguments:?}");
            assert!(output.stderr.is_empty(), "{arguments:?}");
        }
    }

    /// Checks that bash accepts the script and offers every flag, and these values for these flags.
    #[cfg(unix)]
    fn check_bash_completion(&self, flags: &BTreeSet<String>, values: &[(&str, &[&str])]) {
        let script = self.stdout_of(&["--completions", "bash"]);
        stdout_of(&bash(&["-n", "-c", &script]));
        assert_eq!(self.bash_completions(&script, &["--"]), *flags);
        for (flag, values) in values {
            let values = values.iter().map(|value| (*value).to_owned()).collect();
            assert_eq!(
                self.bash_completions(&script, &[flag, ""]),
                values,
                "{flag}"
            );
        }
    }

    /// The completions that bash offers for the last of these words.
    #[cfg(unix)]
    fn bash_completions(&self, script: &str, words: &[&str]) -> BTreeSet<String> {
        // `compopt` fails outside of a completion, so it is replaced.
        const ASK: &str = r#"
            compopt() { :; }
            program=$1
            COMP_WORDS=("$@")
            COMP_CWORD=$(($# - 1))
            registered=$(complete -p "$program")
            function=${registered#*-F }
            "${function%% *}" "$program" "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
            printf '%s\n' "${COMPREPLY[@]}"
        "#;
        let asked = format!("{script}\n{ASK}");
        let offered = stdout_of(&bash(&[&["-c", &asked, "bash", self.name], words].concat()));
        let lines = offered.lines().filter(|line| !line.is_empty());
        lines.map(str::to_owned).collect()
    }
}

#[cfg(unix)]
fn bash(arguments: &[&str]) -> Output {
    Command::new("bash").args(arguments).output().unwrap()
}

/// The standard output of a successful run without output on standard error.
fn stdout_of(output: &Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert_eq!(text(&output.stderr), "");
    assert_eq!(output.status.code(), Some(0));
    text(&output.stdout)
}

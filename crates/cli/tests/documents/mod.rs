//! What must hold of every program's help, completions and manual page. Each program's tests run it on
//! their binary.

use std::collections::BTreeSet;
use std::process::{Command, Output};

/// A program, and some of its flags with values that a shell must offer for them.
pub(crate) fn check(binary: &str, name: &str, values: &[(&str, &[&str])]) {
    let program = Program { binary, name };
    let flags = program.flags();
    for flag in ["--help", "--version", "--completions", "--man-page"] {
        assert!(flags.contains(flag), "{flag}: {flags:?}");
    }
    program.says_its_version();
    program.has_examples_that_fit();
    program.has_a_manual_page_with(&flags);
    program.writes_a_script_for_every_shell(&flags);
    program.refuses_an_unknown_shell();
    program.bears_a_reader_that_goes_away();
    #[cfg(unix)]
    program.completes_in_bash(&flags, values);
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

    /// In a terminal of so many columns.
    fn run_at(&self, columns: u32, arguments: &[&str]) -> Output {
        Command::new(self.binary)
            .args(arguments)
            .env("COLUMNS", columns.to_string())
            .output()
            .unwrap()
    }

    /// What is said on stdout, and nothing on stderr, at exit code 0.
    fn said(&self, arguments: &[&str]) -> String {
        said(&self.run(arguments))
    }

    /// The long flags, by `--help`: in front of their texts, which are further to the right.
    fn flags(&self) -> BTreeSet<String> {
        let help = self.said(&["--help"]);
        let in_front = help.lines().filter(|line| !line.starts_with("       "));
        in_front
            .filter(|line| line.trim_start().starts_with('-'))
            .flat_map(str::split_whitespace)
            .filter(|word| word.starts_with("--"))
            .map(|word| word.split(['[', '=']).next().unwrap().to_owned())
            .collect()
    }

    fn says_its_version(&self) {
        let version = format!("{} {}\n", self.name, env!("CARGO_PKG_VERSION"));
        assert_eq!(self.said(&["--version"]), version);
    }

    /// Examples are not broken in a terminal of 80 columns.
    fn has_examples_that_fit(&self) {
        let behind = |columns| {
            let help = said(&self.run_at(columns, &["-h"]));
            let (_, behind) = help.split_once("\nExamples:\n").expect("examples");
            let lines = behind.lines().take_while(|line| !line.is_empty());
            lines.map(str::to_owned).collect::<Vec<_>>()
        };
        let wide = behind(100);
        assert!(wide.len() >= 2, "{wide:?}");
        assert_eq!(behind(80), wide);
    }

    fn has_a_manual_page_with(&self, flags: &BTreeSet<String>) {
        let page = self.said(&["--man-page"]);
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

    fn writes_a_script_for_every_shell(&self, flags: &BTreeSet<String>) {
        for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
            let script = self.said(&["--completions", shell]);
            for flag in flags {
                // `-l window` in fish.
                let name = flag.trim_start_matches('-');
                assert!(script.contains(name), "no {flag} for {shell}");
            }
        }
    }

    fn refuses_an_unknown_shell(&self) {
        let output = self.run(&["--completions", "nonsense"]);
        assert_eq!(output.status.code(), Some(2));
        assert!(output.stdout.is_empty());
    }

    fn bears_a_reader_that_goes_away(&self) {
        for arguments in [&["--help"][..], &["--man-page"], &["--completions", "zsh"]] {
            let (reader, writer) = std::io::pipe().unwrap();
            drop(reader);
            let mut command = Command::new(self.binary);
            let output = command.args(arguments).stdout(writer).output().unwrap();
            assert_eq!(output.status.code(), Some(0), "{arguments:?}");
            assert!(output.stderr.is_empty(), "{arguments:?}");
        }
    }

    /// Bash takes the script, and offers every flag, and these values for these flags.
    #[cfg(unix)]
    fn completes_in_bash(&self, flags: &BTreeSet<String>, values: &[(&str, &[&str])]) {
        let script = self.said(&["--completions", "bash"]);
        said(&bash(&["-n", "-c", &script]));
        assert_eq!(self.offered(&script, &["--"]), *flags);
        for (flag, values) in values {
            let values = values.iter().map(|value| (*value).to_owned()).collect();
            assert_eq!(self.offered(&script, &[flag, ""]), values, "{flag}");
        }
    }

    /// What bash offers for the last of these words.
    #[cfg(unix)]
    fn offered(&self, script: &str, words: &[&str]) -> BTreeSet<String> {
        // Outside of a completion bash has no options of it to change.
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
        let offered = said(&bash(&[&["-c", &asked, "bash", self.name], words].concat()));
        let lines = offered.lines().filter(|line| !line.is_empty());
        lines.map(str::to_owned).collect()
    }
}

#[cfg(unix)]
fn bash(arguments: &[&str]) -> Output {
    Command::new("bash").args(arguments).output().unwrap()
}

fn said(output: &Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert_eq!(text(&output.stderr), "");
    assert_eq!(output.status.code(), Some(0));
    text(&output.stdout)
}

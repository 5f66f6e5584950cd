//! The flags that print a text about the program, and those texts.

use std::io;

use clap::{Arg, ArgAction, ArgMatches, Command, ValueHint, value_parser};
use clap_complete::Shell;
use clap_mangen::Man;
use clap_mangen::roff::Roff;

use crate::sections;

const COMPLETIONS: &str = "completions";
const MAN_PAGE: &str = "man-page";
const HEADING: &str = "Help";

/// The program's flags, and those that every program has.
pub(crate) fn with_flags(command: Command) -> Command {
    let name = command.get_name().to_owned();
    let behind = command.get_after_help().map(ToString::to_string);
    let styled = behind.map(|text| sections::styled(&text, command.get_styles()));
    let flags = [
        Arg::new("help")
            .short('h')
            .long("help")
            .action(ArgAction::Help)
            .help("Print help: with -h in short, with --help in full"),
        Arg::new("version")
            .short('V')
            .long("version")
            .action(ArgAction::Version)
            .help("Print name and version"),
        Arg::new(COMPLETIONS)
            .long(COMPLETIONS)
            .value_name("SHELL")
            .value_parser(value_parser!(Shell))
            .exclusive(true)
            .help("Print a script that completes these flags in a shell (example: bash)")
            .long_help(format!(
                "Print a script that completes these flags in a shell (example: bash)\n\n\
                 In bash, for now: source <({name} --completions bash)"
            )),
        Arg::new(MAN_PAGE)
            .long(MAN_PAGE)
            .action(ArgAction::SetTrue)
            .exclusive(true)
            .help("Print the manual page, as roff")
            .long_help(format!(
                "Print the manual page, as roff\n\n\
                 To keep it: {name} --man-page > {name}.1, to read that: man -l {name}.1"
            )),
    ];
    let command = command
        .mut_args(with_hint)
        // Clap's own stand apart from these, in front.
        .disable_help_flag(true)
        .disable_version_flag(true)
        .args(flags.map(|flag| flag.help_heading(HEADING)));
    match styled {
        Some(text) => command.after_help(text),
        None => command,
    }
}

/// Shells offer files for a value of which nothing is known; here files are known by their type.
fn with_hint(arg: Arg) -> Arg {
    if arg.get_value_hint() == ValueHint::Unknown && arg.get_action().takes_values() {
        arg.value_hint(ValueHint::Other)
    } else {
        arg
    }
}

/// The script or the page, if one of them was asked for.
pub(crate) fn asked_for(command: &Command, matches: &ArgMatches) -> Option<String> {
    if let Some(shell) = matches.get_one::<Shell>(COMPLETIONS) {
        return Some(completions(command, *shell));
    }
    matches.get_flag(MAN_PAGE).then(|| man_page(command))
}

fn completions(command: &Command, shell: Shell) -> String {
    let mut script = Vec::new();
    let name = command.get_name().to_owned();
    clap_complete::generate(shell, &mut command.clone(), name, &mut script);
    String::from_utf8_lossy(&script).into_owned()
}

fn man_page(command: &Command) -> String {
    let behind = command.get_after_help().map(ToString::to_string);
    let (titled, prose) = sections::roff(&behind.unwrap_or_default());
    let usage = command.clone().render_usage().to_string();
    let usage = usage.trim_start_matches("Usage: ").to_owned();
    let man = Man::new(
        command
            .clone()
            // Every flag in one line is no synopsis.
            .override_usage(usage)
            .mut_args(|arg| match arg.get_help_heading() {
                None if arg.is_positional() => arg.help_heading("Arguments"),
                _ => arg,
            }),
    )
    .title(command.get_name().to_uppercase())
    // Quoted, for a bare empty one would vanish and move the others up.
    .date("\"\"")
    .manual("User Commands");
    let preamble = Roff::new().render();
    let pieces = [
        piece(|out| man.render_title(out)),
        piece(|out| man.render_name_section(out)),
        piece(|out| man.render_synopsis_section(out)),
        piece(|out| man.render_description_section(out)),
        piece(|out| prose.to_writer(out)),
        piece(|out| man.render_options_section(out)),
        piece(|out| titled.to_writer(out)),
    ];
    let pieces = pieces
        .iter()
        .map(|piece| piece.strip_prefix(&preamble).unwrap_or(piece));
    let page: String = pieces.collect();
    // Roff frowns upon empty lines, and upon breaks around the space that stands for them.
    let page = page.replace("\n\n", "\n.sp\n");
    let page = page.replace("\n.br\n.sp\n.br\n", "\n.sp\n");
    preamble + &page
}

fn piece(render: impl FnOnce(&mut Vec<u8>) -> io::Result<()>) -> String {
    let mut out = Vec::new();
    // Memory takes it all.
    let _ = render(&mut out);
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use clap::ValueEnum;

    use super::*;

    fn command() -> Command {
        let file = Arg::new("FILE").required(true);
        let file = file.value_parser(value_parser!(std::path::PathBuf));
        let window = Arg::new("window").long("window").value_name("N");
        let window = window.default_value("1").help("How many\n\nIn all");
        Command::new("tried")
            .version("1.2")
            .about("Tries")
            .arg(file)
            .arg(window)
    }

    fn asked(line: &[&str]) -> Option<String> {
        let mut command = with_flags(command());
        let matches = command.try_get_matches_from_mut(line).unwrap();
        asked_for(&command, &matches)
    }

    #[test]
    fn texts_need_no_other_argument_and_stand_alone() {
        for shell in Shell::value_variants() {
            let script = asked(&["tried", "--completions", &shell.to_string()]).unwrap();
            assert!(script.contains("window"), "{shell}: {script}");
        }
        assert!(asked(&["tried", "--man-page"]).is_some());
        assert_eq!(asked(&["tried", "a.csv"]), None);
        for wrong in [
            vec!["tried"],
            vec!["tried", "a.csv", "--man-page"],
            vec!["tried", "--completions", "bash", "--man-page"],
            vec!["tried", "--completions", "nonsense"],
        ] {
            let result = with_flags(command()).try_get_matches_from(&wrong);
            assert_eq!(result.unwrap_err().exit_code(), 2, "{wrong:?}");
        }
    }

    #[test]
    fn files_are_offered_where_they_are_meant() {
        let command = with_flags(command());
        let hint = |name: &str| {
            let mut args = command.get_arguments();
            args.find(|arg| arg.get_id() == name)
                .unwrap()
                .get_value_hint()
        };
        assert_eq!(hint("FILE"), ValueHint::AnyPath);
        assert_eq!(hint("window"), ValueHint::Other);
    }

    #[test]
    fn the_page_has_one_preamble_and_no_empty_line() {
        let command = with_flags(command().after_help("Prose.\n\nExamples:\n  tried .\n  tried"));
        let page = man_page(&command);
        assert_eq!(page.matches(".ds Aq").count(), 2, "{page}");
        assert!(!page.contains("\n\n"), "{page}");
        let places = [
            ".TH TRIED 1 \"\" \"tried 1.2\" \"User Commands\"\n",
            ".SH NAME\ntried \\- Tries",
            ".SH SYNOPSIS\n\\fBtried\\fR [OPTIONS] <FILE>",
            ".SH DESCRIPTION",
            ".PP\nProse.",
            "How many\n.sp\nIn all",
            ".SH ARGUMENTS\n",
            ".SH HELP\n",
            ".SH EXAMPLES\n.EX\ntried .\n",
        ];
        let found = places.map(|text| page.find(text).unwrap_or(usize::MAX));
        assert!(
            found.is_sorted() && found[8] < usize::MAX,
            "{found:?} {page}"
        );
    }
}

//! Flags common to all programs, and the text after the flags.

use clap::builder::{Resettable, StyledStr, Styles};
use clap::{Arg, ArgAction, Command, ValueHint, value_parser};
use clap_complete::Shell;

pub(crate) const COMPLETIONS: &str = "completions";
pub(crate) const MAN_PAGE: &str = "man-page";
const HEADING: &str = "Help";

/// Adds the flags common to all programs, and styles the text after them.
pub(crate) fn with_common_flags(command: Command) -> Command {
    let name = command.get_name().to_owned();
    let behind = command.get_after_help().map(ToString::to_string);
    let behind: Vec<_> = behind.into_iter().chain(values(&command)).collect();
    let styled = (!behind.is_empty())
        .then(|| style_headings(&behind.join("\n\n"), command.get_styles()).into());
    let flags = [
        Arg::new("help")
            .short('h')
            .long("help")
            .action(ArgAction::Help)
            .help("Print help (see more with '--help')")
            .long_help("Print help (see a summary with '-h')"),
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
            .help("Print a completion script for a shell (example: bash)")
            .long_help(format!(
                "Print a completion script for a shell (example: bash)\n\n\
                 For the current bash session: source <({name} --completions bash)"
            )),
        Arg::new(MAN_PAGE)
            .long(MAN_PAGE)
            .action(ArgAction::SetTrue)
            .exclusive(true)
            .help("Print the manual page, as roff")
            .long_help(format!(
                "Print the manual page, as roff\n\n\
                 To save it: {name} --man-page > {name}.1. To read it: man -l {name}.1"
            )),
    ];
    in_order(command)
        .mut_args(with_hint)
        // Clap's own flags would be shown separately and first.
        .disable_help_flag(true)
        .disable_version_flag(true)
        .args(flags.map(|flag| flag.help_heading(HEADING)))
        .after_help(Resettable::<StyledStr>::from(styled))
}

/// The notations of the values that flags of this command take, as a section.
fn values(command: &Command) -> Option<String> {
    const NOTATIONS: [(&str, &str); 2] = [
        (
            "TIME",
            "a number and a unit: ns, us, ms, s, m, h (examples: 500ms, 10s, 2m)",
        ),
        (
            "SIZE",
            "bytes, or with a unit: KiB, MiB, GiB (1,024) or KB, MB, GB (1,000)",
        ),
    ];
    let names = || {
        let flags = command.get_arguments();
        flags.filter_map(Arg::get_value_names).flatten()
    };
    let takes = |notation: &str| {
        let parts = |c: char| !c.is_ascii_uppercase();
        names().any(|name| name.split(parts).any(|part| part == notation))
    };
    let lines = NOTATIONS.iter().filter(|(name, _)| takes(name));
    let lines: Vec<_> = lines
        .map(|(name, text)| format!("  {name}  {text}"))
        .collect();
    (!lines.is_empty()).then(|| format!("Values:\n{}", lines.join("\n")))
}

/// Flags of different structs that belong behind `--connect-rate`, in this order.
const BEHIND_CONNECT_RATE: [&str; 7] = [
    "connect_arrivals",
    "lifetime",
    "messages_per_connection",
    "drop",
    "drop_with",
    "reconnect",
    "idle",
];

/// Shows the flags in the order of their declaration, and those of [`BEHIND_CONNECT_RATE`] at their place.
fn in_order(command: Command) -> Command {
    let ids = command.get_arguments().map(|arg| arg.get_id().clone());
    let (moved, mut order): (Vec<_>, Vec<_>) =
        ids.partition(|id| BEHIND_CONNECT_RATE.contains(&id.as_str()));
    let Some(at) = order.iter().position(|id| id.as_str() == "connect_rate") else {
        return command;
    };
    order.splice(at + 1..=at, moved);
    command.mut_args(|arg| {
        let place = order.iter().position(|id| id == arg.get_id());
        arg.display_order(place)
    })
}

/// Prevents shells from completing file names for values without a hint. Files have a type that gives them one.
fn with_hint(arg: Arg) -> Arg {
    if arg.get_value_hint() == ValueHint::Unknown && arg.get_action().takes_values() {
        arg.value_hint(ValueHint::Other)
    } else {
        arg
    }
}

/// A paragraph of the help text.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum HelpSection<'a> {
    /// A heading without its colon, and lines that keep their line breaks.
    Titled(&'a str, Vec<&'a str>),
    /// Lines that may be rewrapped.
    Prose(Vec<&'a str>),
}

/// Splits `text` into its paragraphs, separated by empty lines.
pub(crate) fn sections(text: &str) -> Vec<HelpSection<'_>> {
    let paragraphs = text.split("\n\n").filter(|text| !text.trim().is_empty());
    paragraphs
        .map(|paragraph| {
            let mut lines = paragraph.trim_matches('\n').lines();
            let first = lines.next().unwrap_or_default();
            match first.strip_suffix(':') {
                Some(heading) => HelpSection::Titled(heading, lines.collect()),
                None => HelpSection::Prose(std::iter::once(first).chain(lines).collect()),
            }
        })
        .collect()
}

/// Styles the headings of `text` like clap's own.
fn style_headings(text: &str, styles: &Styles) -> String {
    let header = styles.get_header();
    let paragraphs = sections(text).into_iter().map(|section| match section {
        HelpSection::Titled(heading, lines) => {
            format!("{header}{heading}:{header:#}\n{}", lines.join("\n"))
        }
        // Joined, so that clap wraps the text to the terminal's width.
        HelpSection::Prose(lines) => lines.join(" "),
    });
    paragraphs.collect::<Vec<_>>().join("\n\n")
}

#[cfg(test)]
mod tests {
    use super::fixtures::{TEXT, command};
    use super::*;

    #[test]
    fn a_paragraph_is_a_section_or_prose() {
        assert_eq!(
            sections(TEXT),
            [
                HelpSection::Titled("Examples", vec!["  a -b   does it", "  a -c"]),
                HelpSection::Prose(vec!["Prose in", "two lines."]),
                HelpSection::Titled("Exit codes", vec!["  0 fine"]),
            ]
        );
        assert_eq!(sections(""), []);
    }

    #[test]
    fn only_headings_are_styled_and_prose_is_left_to_the_terminal() {
        let one_line = TEXT.replace("Prose in\ntwo", "Prose in two");
        assert_eq!(style_headings(TEXT, &Styles::plain()), one_line);
        let styled = style_headings(TEXT, &Styles::styled());
        assert!(styled.contains("Exit codes:\u{1b}"), "{styled:?}");
        assert!(styled.contains("\n\nProse in two"), "{styled:?}");
    }

    #[test]
    fn the_units_of_times_and_sizes_are_listed_where_a_flag_takes_them() {
        let behind = |name: &'static str| {
            let flag = Arg::new("flag").long("flag").value_name(name);
            let command = with_common_flags(Command::new("tried").arg(flag));
            command.get_after_help().map(ToString::to_string)
        };
        assert_eq!(behind("N"), None);
        let time = behind("TIME:MSG/S,...").unwrap();
        assert!(time.contains("500ms") && !time.contains("KiB"), "{time}");
        let size = behind("SIZE|MIN..MAX").unwrap();
        assert!(size.contains("KiB") && !size.contains("500ms"), "{size}");
    }

    #[test]
    fn files_are_offered_where_they_are_meant() {
        let command = with_common_flags(command());
        let hint = |name: &str| {
            let mut args = command.get_arguments();
            args.find(|arg| arg.get_id() == name)
                .unwrap()
                .get_value_hint()
        };
        assert_eq!(hint("FILE"), ValueHint::AnyPath);
        assert_eq!(hint("window"), ValueHint::Other);
    }
}

/// A text and a command for the tests of this crate.
#[cfg(test)]
pub(crate) mod fixtures {
    use super::*;

    pub(crate) const TEXT: &str = "\
Examples:
  a -b   does it
  a -c

Prose in
two lines.

Exit codes:
  0 fine";

    pub(crate) fn command() -> Command {
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
}

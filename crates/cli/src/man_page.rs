//! The manual page, generated from the same flags and texts as `--help`.

use std::io;

use clap::Command;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, roman};

use crate::help::{HelpSection, sections};

/// The manual page of `command` in roff.
pub(crate) fn man_page(command: &Command) -> String {
    let behind = command.get_after_help().map(ToString::to_string);
    let (titled, prose) = roff(&behind.unwrap_or_default());
    let usage = command.clone().render_usage().to_string();
    let usage = usage.trim_start_matches("Usage: ").to_owned();
    let man = Man::new(
        command
            .clone()
            // The synopsis must not list every flag.
            .override_usage(usage)
            .mut_args(|arg| match arg.get_help_heading() {
                None if arg.is_positional() => arg.help_heading("Arguments"),
                _ => arg,
            }),
    )
    .title(command.get_name().to_uppercase())
    // Quoted, because an empty argument would vanish and shift the others.
    .date("\"\"")
    .manual("User Commands");
    // Writing to memory does not fail. Every piece begins with the same preamble.
    let page = render(&man, &prose, &titled).unwrap_or_default();
    let preamble = Roff::new().render();
    let page = page.replace(&preamble, "");
    // Roff warns about empty lines, and about breaks around their replacement.
    let page = page.replace("\n\n", "\n.sp\n");
    let page = page.replace("\n.br\n.sp\n.br\n", "\n.sp\n");
    preamble + &page
}

fn render(man: &Man, prose: &Roff, titled: &Roff) -> io::Result<String> {
    let mut page = Vec::new();
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    prose.to_writer(&mut page)?;
    man.render_options_section(&mut page)?;
    titled.to_writer(&mut page)?;
    Ok(String::from_utf8_lossy(&page).into_owned())
}

/// The sections of a manual page, and the prose, which is part of the description.
fn roff(text: &str) -> (Roff, Roff) {
    let (mut titled, mut prose) = (Roff::new(), Roff::new());
    for section in sections(text) {
        match section {
            HelpSection::Titled(heading, lines) => {
                titled.control("SH", [heading.to_uppercase().as_str()]);
                titled.control("EX", []);
                for line in lines {
                    titled.text([roman(line.strip_prefix("  ").unwrap_or(line))]);
                }
                titled.control("EE", []);
            }
            HelpSection::Prose(lines) => {
                prose.control("PP", []);
                prose.text([roman(lines.join("\n"))]);
            }
        }
    }
    (titled, prose)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::help::fixtures::{TEXT, command};
    use crate::help::with_common_flags;

    #[test]
    fn the_page_has_one_preamble_and_no_empty_line() {
        let command =
            with_common_flags(command().after_help("Prose.\n\nExamples:\n  tried .\n  tried"));
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

    #[test]
    fn the_manual_page_keeps_lines_as_they_stand() {
        let (titled, prose) = roff(TEXT);
        assert_eq!(
            titled.to_roff(),
            ".SH EXAMPLES\n.EX\na \\-b   does it\na \\-c\n.EE\n.SH \"EXIT CODES\"\n.EX\n0 fine\n.EE\n"
        );
        assert_eq!(prose.to_roff(), ".PP\nProse in\ntwo lines.\n");
    }
}

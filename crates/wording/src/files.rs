//! Sentences about reading and writing files.

use units::grouped;

/// ``a.csv is read as UTF-16, because it is not UTF-8``.
pub fn encoding(file: &str, encoding: &str) -> String {
    format!("{file} is read as {encoding}, because it is not UTF-8")
}

/// ``the hidden sheets `a` and `b` of a.xlsx are left out``
pub fn hidden_left_out(file: &str, hidden: &[String]) -> String {
    let names: Vec<_> = hidden.iter().map(|name| format!("`{name}`")).collect();
    match names.as_slice() {
        [name] => format!("the hidden sheet {name} of {file} is left out"),
        names => format!(
            "the hidden sheets {} of {file} are left out",
            names.join(", ")
        ),
    }
}

/// ``a.hlog.partial is incomplete: its run goes on or was killed. It holds 29 s of the measured phase``. `is_torn`: the
/// last line is left out.
pub fn partial_log(file: &str, through_s: u64, is_torn: bool) -> String {
    let torn = if is_torn {
        "; its last line is torn and left out"
    } else {
        ""
    };
    format!(
        "{file} is incomplete: its run goes on or was killed. It holds {} s of the measured phase{torn}",
        grouped(through_s)
    )
}

/// ``saved a.csv (200 rows) · older file replaced``. `verb` is `saved` or `drew`, `holds` the content where it is counted.
pub fn written(verb: &str, file: &str, holds: Option<String>, has_replaced: bool) -> String {
    let holds = holds.map_or_else(String::new, |holds| format!(" ({holds})"));
    let replaced = if has_replaced {
        " · older file replaced"
    } else {
        ""
    };
    format!("{verb} {file}{holds}{replaced}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_replaced_is_named() {
        let line = |holds: Option<&str>, replaced| {
            written("saved", "a.csv", holds.map(ToOwned::to_owned), replaced)
        };
        assert_eq!(line(None, false), "saved a.csv");
        assert_eq!(line(None, true), "saved a.csv · older file replaced");
        assert_eq!(
            line(Some("2 rows"), true),
            "saved a.csv (2 rows) · older file replaced"
        );
    }

    #[test]
    fn a_log_without_its_end_says_how_far_it_goes() {
        assert_eq!(
            partial_log("a.hlog.partial", 29, true),
            "a.hlog.partial is incomplete: its run goes on or was killed. It holds 29 s of the measured phase; its last \
             line is torn and left out"
        );
        assert!(partial_log("a", 1_000, false).ends_with("It holds 1,000 s of the measured phase"));
    }

    #[test]
    fn hidden_sheets_are_named() {
        let said = |names: &[&str]| {
            let names: Vec<_> = names.iter().map(ToString::to_string).collect();
            hidden_left_out("a.xlsx", &names)
        };
        assert_eq!(said(&["h"]), "the hidden sheet `h` of a.xlsx is left out");
        assert_eq!(
            said(&["h", "i"]),
            "the hidden sheets `h`, `i` of a.xlsx are left out"
        );
    }
}

//! Phrases that several pictures share.

use units::{counted, grouped};

use crate::number_format::milliseconds;
use crate::series::KeyFigures;
use crate::text_fit::SEPARATOR;

pub(crate) fn capitalize(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().into_iter().flat_map(char::to_uppercase);
    first.chain(letters.clone()).collect()
}

/// The parts that are not empty: `one · two`.
pub(crate) fn join(parts: impl IntoIterator<Item = String>) -> String {
    let parts: Vec<_> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    parts.join(SEPARATOR)
}

/// `100 messages`, and the number that they were chosen from.
pub(crate) fn messages(count: u64, chosen_from: Option<u64>) -> String {
    with_choice(counted(count, "message"), chosen_from)
}

/// `100 points`, and the number that they were chosen from.
pub(crate) fn with_choice(count: String, chosen_from: Option<u64>) -> String {
    match random_choice(chosen_from) {
        choice if choice.is_empty() => count,
        choice => format!("{count} {choice}"),
    }
}

/// `chosen at random from 1,000`; empty where they are all there are.
pub(crate) fn random_choice(from: Option<u64>) -> String {
    from.map_or_else(String::new, |all| {
        format!("chosen at random from {}", grouped(all))
    })
}

/// `2 messages without a time`; empty for none.
pub(crate) fn untimed(skipped: u64) -> String {
    match skipped {
        0 => String::new(),
        n => format!("{} without a time", counted(n, "message")),
    }
}

/// `2 messages of 0 ms not shown`, where the axis is logarithmic; empty for none.
pub(crate) fn zeros_not_shown(zeros: u64) -> String {
    match zeros {
        0 => String::new(),
        n => format!("{} of 0 ms not shown", counted(n, "message")),
    }
}

/// `p50 1.02 ms`, `p99 3.10 ms` and the largest time under its name.
pub(crate) fn figures(figures: &KeyFigures, largest: &str) -> [String; 3] {
    let all = [
        ("p50", figures.p50),
        ("p99", figures.p99),
        (largest, figures.max),
    ];
    all.map(|(name, value)| format!("{name} {}", milliseconds(value)))
}

/// `1.02 ms to 1.05 ms`
pub(crate) fn range((low, high): (f64, f64)) -> String {
    format!("{} to {}", milliseconds(low), milliseconds(high))
}

/// `a.csv: ` in front of what is written about one of several; empty for a single one.
pub(crate) fn prefix(label: &str, count: usize) -> String {
    match count {
        1 => String::new(),
        _ => format!("{label}: "),
    }
}

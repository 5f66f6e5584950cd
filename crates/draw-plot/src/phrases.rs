//! Phrases that several pictures share.

use results::read::Metric;
use units::{counted, grouped};

use crate::number_format::milliseconds;
use crate::series::KeyFigures;
use crate::text_fit::SEPARATOR;

pub(crate) fn capitalize(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().into_iter().flat_map(char::to_uppercase);
    first.chain(letters.clone()).collect()
}

/// The name of a time as a part of a sentence. A column's name stands in quotes, because it can be any word.
pub(crate) fn in_sentence(name: &str) -> String {
    const NOUNS: [&str; 4] = ["time", "service and response time", "delivery time", "gap"];
    let is_ours = Metric::ALL.iter().any(|metric| metric.name() == name);
    if is_ours || NOUNS.contains(&name) {
        name.to_owned()
    } else {
        format!("\"{name}\"")
    }
}

/// The text where it applies, else nothing.
pub(crate) fn text_if(applies: bool, text: &'static str) -> &'static str {
    if applies { text } else { "" }
}

/// The parts that are not empty: `one · two`.
pub(crate) fn join(parts: impl IntoIterator<Item = String>) -> String {
    let parts: Vec<_> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    parts.join(SEPARATOR)
}

/// `100 messages`, and the number that they were chosen from.
pub(crate) fn messages(count: u64, chosen_from: Option<u64>) -> String {
    chosen(count, "message", chosen_from)
}

/// `deliveries` of `delivery`
pub(crate) fn plural(noun: &str) -> String {
    counted(2, noun).trim_start_matches("2 ").to_owned()
}

/// `100 points`, and the number that they were chosen from.
pub(crate) fn chosen(count: u64, noun: &str, chosen_from: Option<u64>) -> String {
    let choice = random_choice(chosen_from);
    let choice = choice.map_or_else(String::new, |choice| format!(" {choice}"));
    counted(count, noun) + &choice
}

/// `chosen at random from 1,000`
pub(crate) fn random_choice(from: Option<u64>) -> Option<String> {
    from.map(|all| format!("chosen at random from {}", grouped(all)))
}

/// `2 messages failed`; empty for none.
pub(crate) fn unless_none(count: u64, noun: &str, predicate: &str) -> String {
    match count {
        0 => String::new(),
        n => format!("{} {predicate}", counted(n, noun)),
    }
}

/// `2 messages without a time`; empty for none.
pub(crate) fn untimed(skipped: u64, noun: &str) -> String {
    unless_none(skipped, noun, "without a time")
}

/// `2 messages of 0 ms not shown`, where the axis is logarithmic; empty for none.
pub(crate) fn zeros_not_shown(zeros: u64) -> String {
    unless_none(zeros, "message", "of 0 ms not shown")
}

/// `2 messages of 0 ms at the lower edge` of a logarithmic axis; empty for none.
pub(crate) fn zeros_at_edge(zeros: u64, noun: &str) -> String {
    unless_none(zeros, noun, "of 0 ms at the lower edge")
}

/// `p50 1.02 ms`, `p99 3.10 ms` and the largest time under its name.
pub(crate) fn figures(figures: &KeyFigures, largest: &str) -> [String; 3] {
    let KeyFigures { p50, p99, max, .. } = *figures;
    [("p50", p50), ("p99", p99), (largest, max)]
        .map(|(name, value)| format!("{name} {}", milliseconds(value)))
}

/// `1.02 ms to 1.05 ms`
pub(crate) fn range((low, high): (f64, f64)) -> String {
    format!("{} to {}", milliseconds(low), milliseconds(high))
}

/// `a.csv: ` in front of a text about one of several files; empty for a single file.
pub(crate) fn prefix(label: &str, count: usize) -> String {
    match count {
        1 => String::new(),
        _ => format!("{label}: "),
    }
}

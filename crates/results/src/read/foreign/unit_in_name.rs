//! The unit in a column's name.

use super::other_unit::{ends_with_other_unit, is_count, is_of_something_else, is_short};
use crate::read::time_unit::TimeUnit;

/// The unit in a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum NamedUnit {
    /// No unit.
    None,
    Known(TimeUnit),
    /// The unknown text in place of a unit.
    Unclear(String),
    /// A unit per time, which makes the column a rate.
    Rate,
    /// A unit of something else than a time, or a count.
    Other,
}

/// A name without its unit.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct NameParts {
    /// The name with its decoded letters.
    pub(super) stem: String,
    pub(super) unit: NamedUnit,
    /// The words of the stem in lowercase.
    pub(super) words: Vec<String>,
}

/// Brackets around a unit.
const BRACKETS: [(char, char); 4] = [('(', ')'), ('[', ']'), ('{', '}'), ('<', '>')];

impl NameParts {
    pub(super) fn of(name: &str) -> Self {
        let name = with_letters_meant(name);
        for (open, close) in BRACKETS {
            let Some((before, rest)) = name.split_once(open) else {
                continue;
            };
            let Some((within, after)) = rest.split_once(close) else {
                continue;
            };
            let unit = unit_within(within.trim());
            if unit != NamedUnit::None {
                let outside = format!("{} {}", before.trim(), after.trim());
                // A slash may stand before the bracket.
                let outside = outside.trim().trim_end_matches('/').trim_end();
                // A name is shortened only by what ends it.
                let is_end = after.trim().is_empty();
                let stem = if is_end { outside } else { name.trim() };
                return Self {
                    stem: stem.to_owned(),
                    unit,
                    words: words_of(outside),
                };
            }
        }
        Self::of_bare(&name)
    }

    /// A name without a unit in brackets.
    fn of_bare(name: &str) -> Self {
        let found = words(name);
        let all = || found.iter().map(|(_, word)| word.clone()).collect();
        let with = |unit| Self {
            stem: name.to_owned(),
            unit,
            words: all(),
        };
        if let Some((quantity, unit)) = quantity_over_unit(name) {
            return Self {
                stem: without_end(quantity),
                unit: NamedUnit::Known(unit),
                words: words_of(quantity),
            };
        }
        if let Some(unit) = fraction(name) {
            return with(unit);
        }
        if found.len() == 1 && ends_with_other_unit(name) {
            return with(NamedUnit::Other);
        }
        let Some((start, last)) = found.last() else {
            return with(NamedUnit::None);
        };
        // `{"run": {"samples": […]}}` is a list of them.
        let is_key = name[..*start].ends_with('.') && is_count(last);
        if found.len() > 1
            && !is_key
            && (is_of_something_else(&found) || ends_with_other_unit(name))
        {
            return with(NamedUnit::Other);
        }
        let before = &name[..*start];
        if let Some(unit) = power_of_ten(before, last) {
            return with(unit);
        }
        let (start, known) = match found.as_slice() {
            // A blank within `µ s`.
            [.., (micro, sign), (_, s)] if s == "s" && (sign == "µ" || sign == "μ") => {
                (*micro, Some(TimeUnit::Microseconds))
            }
            _ => (*start, TimeUnit::of_word(last)),
        };
        match known {
            Some(TimeUnit::Minutes) if last == "min" => with(unclear_minimum(found.len())),
            Some(unit) => match stray_letter(&name[..start]) {
                Some(stray) => with(NamedUnit::Unclear(format!("{stray}{last}"))),
                None => Self {
                    stem: without_end(&name[..start]),
                    unit: NamedUnit::Known(unit),
                    words: words_of(&name[..start]),
                },
            },
            None if unit_behind_digits(last).is_some() => {
                with(unit_behind_digits(last).map_or(NamedUnit::None, NamedUnit::Known))
            }
            None if is_like_unit(last) => with(NamedUnit::Unclear(last.clone())),
            None => with(unit_in_the_middle(&found)),
        }
    }
}

/// Decides about `min`, which alone is the minimum and in `duration_min` can be minutes.
fn unclear_minimum(words: usize) -> NamedUnit {
    if words > 1 {
        NamedUnit::Unclear("min".to_owned())
    } else {
        NamedUnit::None
    }
}

/// A unit followed by other words: `http_request_duration_seconds_p99`. A single letter there is not a unit.
fn unit_in_the_middle(found: &[(usize, String)]) -> NamedUnit {
    let mut known = found
        .iter()
        .filter(|(_, word)| word.len() > 1 && word != "min" && word != "us");
    let known = known.find_map(|(_, word)| TimeUnit::of_word(word));
    known.map_or(NamedUnit::None, NamedUnit::Known)
}

/// The unit of `p99ms`. A single letter there is a plural.
fn unit_behind_digits(word: &str) -> Option<TimeUnit> {
    let unit = word.trim_start_matches(|c: char| c == 'p' || c.is_ascii_digit());
    let has_digits = word[..word.len() - unit.len()].contains(|c: char| c.is_ascii_digit());
    TimeUnit::of_word(unit).filter(|_| has_digits && unit.len() > 1)
}

/// The unit in brackets.
fn unit_within(within: &str) -> NamedUnit {
    let text = within.to_lowercase();
    let text = ["in ", "unit:", "unit ", "units:"]
        .iter()
        .find_map(|prefix| text.strip_prefix(prefix))
        .unwrap_or(&text)
        .trim();
    let joined: String = text.chars().filter(|c| *c != ' ').collect();
    if let Some(unit) = TimeUnit::of_word(text).or_else(|| micro(&joined)) {
        return NamedUnit::Known(unit);
    }
    if let Some(unit) = fraction(text) {
        return unit;
    }
    let words = words(text);
    let Some((start, last)) = words.last() else {
        return if text == "%" {
            NamedUnit::Other
        } else {
            NamedUnit::None
        };
    };
    if let Some(unit) = power_of_ten(&text[..*start], last) {
        return unit;
    }
    let letters = text.chars().count();
    let is_unreadable =
        letters <= 3 && text.ends_with('s') && !text.chars().all(|c| c.is_ascii_alphanumeric());
    let is_multiple =
        text.starts_with(|c: char| c.is_ascii_digit()) && TimeUnit::of_word(last).is_some();
    if is_of_something_else(&words) {
        return NamedUnit::Other;
    }
    if is_like_unit(text) || is_unreadable || is_multiple || is_short(text) {
        return NamedUnit::Unclear(within.to_owned());
    }
    NamedUnit::None
}

/// The words with `µ s` joined to `µs`.
fn micro(text: &str) -> Option<TimeUnit> {
    (text == "µs" || text == "μs").then_some(TimeUnit::Microseconds)
}

/// The unit of a quotient: `msg/s` is a rate, `ms/op` a time.
fn fraction(text: &str) -> Option<NamedUnit> {
    let (over, under) = match text.rsplit_once('/') {
        Some(parts) => parts,
        None => {
            let at = words(text).into_iter().find(|(_, word)| word == "per")?.0;
            (&text[..at], &text[at + 3..])
        }
    };
    let unit_at = |text: &str, is_first: bool| {
        let words = words(text);
        let word = if is_first {
            words.first()
        } else {
            words.last()
        };
        word.and_then(|(_, word)| TimeUnit::of_word(word))
    };
    if unit_at(under, true).is_some() {
        return Some(NamedUnit::Rate);
    }
    unit_at(over, false).map(NamedUnit::Known)
}

/// A time and the unit that its numbers were divided by, as physicists write it: `rtt/ms`, `t / s`.
fn quantity_over_unit(text: &str) -> Option<(&str, TimeUnit)> {
    const TIMES: &str = "t τ time times zeit latency latencies lat latenz latence latencia rtt roundtrip delay elapsed \
        duration dauer lag jitter ttfb";
    let (quantity, under) = text.rsplit_once('/')?;
    // `rtt/ms (mean)`
    let unit = TimeUnit::of_word(&words(under).first()?.1)?;
    let words = words_of(quantity);
    let says = |wanted: &str| words.iter().any(|word| word == wanted);
    // Pings in a second are counted, in a millisecond hardly.
    let is_ping = says("ping") && unit != TimeUnit::Seconds;
    let is_time = is_ping || TIMES.split_ascii_whitespace().any(says);
    is_time.then_some((quantity, unit))
}

/// A power of ten before the unit: `10^-6 s`, `1e-6 s`, `10⁻⁶ s`.
fn power_of_ten(before: &str, unit: &str) -> Option<NamedUnit> {
    let factor: String = before
        .trim_end()
        .chars()
        .rev()
        .take_while(|c| !c.is_whitespace() && !"([_,/".contains(*c))
        .collect::<Vec<_>>()
        .into_iter()
        .rev()
        .filter(|c| !"×*·".contains(*c))
        .map(|c| superscript(c).unwrap_or(c))
        .collect();
    let exponent = ["10^", "10**", "1e", "10e", "10-"]
        .iter()
        .find_map(|base| {
            let exponent = factor.strip_prefix(base)?;
            let sign = if *base == "10-" { "-" } else { "" };
            format!("{sign}{exponent}").parse::<i32>().ok()
        })?;
    let is_seconds = TimeUnit::of_word(unit)? == TimeUnit::Seconds;
    let known = match exponent {
        -3 => Some(TimeUnit::Milliseconds),
        -6 => Some(TimeUnit::Microseconds),
        -9 => Some(TimeUnit::Nanoseconds),
        -12 => Some(TimeUnit::Picoseconds),
        _ => None,
    };
    let named = known.filter(|_| is_seconds).map(NamedUnit::Known);
    Some(named.unwrap_or_else(|| NamedUnit::Unclear(format!("{factor} {unit}"))))
}

fn superscript(letter: char) -> Option<char> {
    const DIGITS: &str = "⁰¹²³⁴⁵⁶⁷⁸⁹";
    if letter == '⁻' {
        return Some('-');
    }
    let value = DIGITS.chars().position(|c| c == letter)?;
    char::from_digit(u32::try_from(value).ok()?, 10)
}

/// A letter directly before a unit that makes it another unit: `?s`.
fn stray_letter(before: &str) -> Option<char> {
    let last = before.chars().last()?;
    let separates = last.is_whitespace() || "_-([{<,.:;|=".contains(last) || last.is_alphanumeric();
    (!separates).then_some(last)
}

/// Returns `true` for a word that is an unknown unit of time.
fn is_like_unit(word: &str) -> bool {
    const UNITS: &str = "fs ticks tick cycles cycle jiffies jiffy clks clocks day days week weeks month months year \
        years æs ns100 hns";
    const PREFIXES: [&str; 7] = ["micro", "milli", "nano", "pico", "femto", "mikro", "centi"];
    let is_prefixed = || {
        let rest = PREFIXES.iter().find_map(|prefix| word.strip_prefix(prefix));
        rest.is_some_and(|rest| rest.starts_with(['s', '-']) && !rest.starts_with("service"))
    };
    UNITS.split_ascii_whitespace().any(|unit| unit == word) || is_prefixed()
}

/// A name with HTML entities and twice-encoded letters decoded.
fn with_letters_meant(name: &str) -> String {
    const LETTERS: [(&str, &str); 11] = [
        ("&micro;", "µ"),
        ("&mu;", "μ"),
        ("&#181;", "µ"),
        ("&#956;", "μ"),
        ("&#xb5;", "µ"),
        ("&#xB5;", "µ"),
        ("&nbsp;", " "),
        ("&amp;", "&"),
        ("Ã‚Âµ", "µ"),
        ("Âµ", "µ"),
        ("Î¼", "μ"),
    ];
    let name = name.replace(['\u{a0}', '\u{202f}'], " ");
    LETTERS
        .iter()
        .fold(name, |name, (wrong, meant)| name.replace(wrong, meant))
}

fn without_end(stem: &str) -> String {
    let bare = |stem: &str| {
        stem.trim_end_matches(|c: char| !c.is_alphanumeric())
            .to_owned()
    };
    let stem = bare(stem);
    stem.strip_suffix(" in").map_or_else(|| stem.clone(), bare)
}

fn words_of(name: &str) -> Vec<String> {
    words(name).into_iter().map(|(_, word)| word).collect()
}

/// The words of a name in lowercase, and where each starts: `Latency (ms)`, `rtt_us`, `respTimeMs`.
fn words(name: &str) -> Vec<(usize, String)> {
    let mut words: Vec<(usize, String)> = Vec::new();
    let mut previous = ' ';
    for (at, letter) in name.char_indices() {
        if letter.is_alphanumeric() {
            let starts =
                !previous.is_alphanumeric() || (previous.is_lowercase() && letter.is_uppercase());
            match words.last_mut() {
                Some((_, word)) if !starts => word.extend(letter.to_lowercase()),
                _ => words.push((at, letter.to_lowercase().collect())),
            }
        }
        previous = letter;
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;
    use TimeUnit::{Hours, Microseconds, Milliseconds, Minutes, Nanoseconds, Picoseconds, Seconds};

    fn unit(name: &str) -> NamedUnit {
        NameParts::of(name).unit
    }

    #[test]
    fn a_unit_counts_where_it_stands_as_one() {
        for (name, stem, known) in [
            ("latency_ms", "latency", Milliseconds),
            ("Latency (s)", "Latency", Seconds),
            ("rtt [us]", "rtt", Microseconds),
            ("rtt µs", "rtt", Microseconds),
            ("Latency (µ s)", "Latency", Microseconds),
            ("Latency µ s", "Latency", Microseconds),
            ("Latency (&micro;s)", "Latency", Microseconds),
            ("Latency (Âµs)", "Latency", Microseconds),
            ("Latency (10^-6 s)", "Latency", Microseconds),
            ("Latency (1e-9 s)", "Latency", Nanoseconds),
            ("Latency (10⁻³ s)", "Latency", Milliseconds),
            ("elapsedNanos", "elapsed", Nanoseconds),
            ("latency (microsec)", "latency", Microseconds),
            ("latency in millisec", "latency", Milliseconds),
            ("latency_mus", "latency", Microseconds),
            ("latency_micro", "latency", Microseconds),
            ("Duration (minutes)", "Duration", Minutes),
            ("Duration (min)", "Duration", Minutes),
            ("Duration (h)", "Duration", Hours),
            ("latency_ps", "latency", Picoseconds),
            ("LATENCY_US", "LATENCY", Microseconds),
            ("latency, ms", "latency", Milliseconds),
            ("Time per request (ms)", "Time per request", Milliseconds),
            ("cost (ms/op)", "cost", Milliseconds),
        ] {
            let parts = NameParts::of(name);
            assert_eq!(
                (&*parts.stem, parts.unit),
                (stem, NamedUnit::Known(known)),
                "{name}"
            );
        }
    }

    #[test]
    fn a_unit_within_a_name_is_known_and_the_name_stays_whole() {
        for (name, known) in [
            ("latency[ms] p99", Milliseconds),
            ("(ms) latency", Milliseconds),
            ("ms latency", Milliseconds),
            ("duration.ms.mean", Milliseconds),
            ("http_request_duration_seconds_sum", Seconds),
            ("ns/op", Nanoseconds),
            ("p99us", Microseconds),
        ] {
            let parts = NameParts::of(name);
            assert_eq!(
                (&*parts.stem, parts.unit),
                (name, NamedUnit::Known(known)),
                "{name}"
            );
        }
    }

    #[test]
    fn something_per_time_is_a_rate() {
        for name in [
            "Requests/s",
            "throughput (msg/s)",
            "MB/s",
            "ops/ms",
            "errors per second",
            "latency per s",
            "requests_per_sec",
            "reqPerSecond",
        ] {
            assert_eq!(unit(name), NamedUnit::Rate, "{name}");
        }
    }

    #[test]
    fn a_unit_that_is_not_known_is_named() {
        for (name, says) in [
            ("Latency (\u{fffd}s)", "\u{fffd}s"),
            ("Latency (?s)", "?s"),
            ("Latency ?s", "?s"),
            ("Latency (æs)", "æs"),
            ("latency_ticks", "ticks"),
            ("Latency (100 ns)", "100 ns"),
            ("Latency (10^-7 s)", "10^-7 s"),
            ("duration_min", "min"),
            ("age (days)", "days"),
        ] {
            assert_eq!(unit(name), NamedUnit::Unclear(says.to_owned()), "{name}");
        }
    }

    #[test]
    fn a_time_over_its_unit_is_no_rate() {
        for (name, stem, known) in [
            ("rtt/ms", "rtt", Milliseconds),
            ("rtt / µs", "rtt", Microseconds),
            ("latency/s", "latency", Seconds),
            ("response time / ms", "response time", Milliseconds),
            ("t/ns", "t", Nanoseconds),
            ("rtt/(ms)", "rtt/(ms)", Milliseconds),
            ("rtt / [ms]", "rtt / [ms]", Milliseconds),
            ("rtt/10^-6 s", "rtt", Microseconds),
            ("ping/ms", "ping", Milliseconds),
            ("rtt/ms (mean)", "rtt", Milliseconds),
            ("rtt/ms avg", "rtt", Milliseconds),
        ] {
            let parts = NameParts::of(name);
            assert_eq!(parts.unit, NamedUnit::Known(known), "{name}");
            assert!(
                parts
                    .stem
                    .starts_with(stem.split('/').next().unwrap().trim())
            );
        }
        for name in ["ops/ms", "Requests/s", "ping/s", "messages/min", "KB/ms"] {
            assert_eq!(unit(name), NamedUnit::Rate, "{name}");
        }
    }

    #[test]
    fn a_unit_of_something_else_is_no_unit_of_time() {
        for name in [
            "latency_kb",
            "latency (km)",
            "latency_mb",
            "latencyMb",
            "latency_bytes",
            "rtt_count",
            "latency_samples",
            "duration_frames",
            "latency [V]",
            "latency_m",
            "latency (%)",
            "latency [hops]",
            "latency_kb_p99",
            "latency in kB",
            "latency %",
            "latency #",
            "latency_percentile",
        ] {
            assert_eq!(unit(name), NamedUnit::Other, "{name}");
        }
        for name in ["latency [A]", "latency (°C)", "rtt (xyz)"] {
            assert!(matches!(unit(name), NamedUnit::Unclear(_)), "{name}");
        }
        for name in [
            "latency_p50",
            "latency_avg",
            "latency_client",
            "latency (client side)",
            "rtt 2",
            "latency_a",
            "latency_request",
            "latency (TCP)",
            "latency [max]",
            "time per request",
            "time per 100 requests",
            "latency at 50 clients",
            "time to first byte",
            "run.samples",
        ] {
            assert_eq!(unit(name), NamedUnit::None, "{name}");
        }
    }

    #[test]
    fn other_names_say_none() {
        for name in [
            "latency",
            "status",
            "min",
            "Latency (p99)",
            "latency (server A)",
            "http 200s",
            "rtt us east",
            "",
        ] {
            assert_eq!(unit(name), NamedUnit::None, "{name}");
        }
    }
}

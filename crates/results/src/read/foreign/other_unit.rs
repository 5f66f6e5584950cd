//! Units of other things than times, and counts, at the end of a column's name.

/// Units of other things than times.
const OTHER_UNITS: &str = "bit bits byte bytes kb kib kbit kbits kbyte kbytes mb mib mbit mbits mbyte mbytes gb gib tb \
    tib m km cm mm nm miles feet px pixel pixels v mv volt volts w mw kw watt watts kwh j joule joules ampere amperes hz \
    khz mhz ghz db dbm bpm rpm k kelvin celsius fahrenheit degrees g kg grams pct percent percentage usd eur cents";

/// Words of counts and figures without a unit. A singular is not a count: `latency_request` is the latency of a request.
const COUNTS: &str = "n cnt num count counts counter samples frames packets pkts messages msgs requests reqs responses \
    calls hops errors failures timeouts retries items rows events ops tokens pages blocks lines chars characters ratio \
    percentile percentiles quantile share fraction score rank idx index users clients connections conns threads cycles";

/// Words of counts, labels and measures that are not times unless another word of the name is.
const NO_TIMES: &str = "errors failures hits message messages pid retries success thread threads timeouts load score \
    price temperature version round run sample le connections";

/// Words before a count that make it a circumstance: `time per 100 requests`.
const CIRCUMSTANCES: &str =
    "per of for to by at with each all under between across and vs first last";

/// Signs of shares, counts and prices.
const SIGNS: [char; 6] = ['%', '‰', '#', '$', '€', '£'];

/// Returns `true` for `kB`, whose capital begins no word, and for a sign at the end.
pub(super) fn ends_with_other_unit(name: &str) -> bool {
    let name = name.trim_end();
    let last = name.rsplit(|c: char| !c.is_alphanumeric()).next();
    let is_mixed = |last: &str| last.len() < name.len() && last.chars().any(char::is_uppercase);
    let is_unit = |last: &str| is_mixed(last) && has(OTHER_UNITS, &last.to_lowercase());
    name.ends_with(SIGNS) || last.is_some_and(is_unit)
}

fn has(words: &str, wanted: &str) -> bool {
    words.split_ascii_whitespace().any(|word| word == wanted)
}

/// Returns `true` when the words are a unit of something else than a time, or a count.
pub(super) fn is_of_something_else(words: &[(usize, String)]) -> bool {
    let Some(((_, last), before)) = words.split_last() else {
        return false;
    };
    let is_circumstance = before.last().is_some_and(|(_, word)| {
        has(CIRCUMSTANCES, word) || word.bytes().all(|byte| byte.is_ascii_digit())
    });
    (has(OTHER_UNITS, last) || has(COUNTS, last)) && !is_circumstance
        || before
            .iter()
            .any(|(_, word)| word.len() > 1 && word != "byte" && has(OTHER_UNITS, word))
}

/// Returns `true` for a possible unknown unit: up to three letters or signs, except common words of statistics and
/// protocols.
pub(super) fn is_short(text: &str) -> bool {
    const NO_UNITS: &str =
        "avg max min med std sd all new old raw net sum tcp udp tls ssl ws wss api eu ap";
    let is_word = !text.contains(|c: char| c.is_ascii_digit() || c.is_whitespace());
    !has(NO_UNITS, text) && is_word && text.chars().count() <= 3
}

/// Returns `true` for a word that is not the name of a time.
pub(super) fn is_no_time(word: &str) -> bool {
    has(NO_TIMES, word)
}

/// Returns `true` for a word of counts.
pub(super) fn is_count(word: &str) -> bool {
    has(COUNTS, word)
}

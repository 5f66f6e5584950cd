//! The interval log, read back by hdrhistogram.

use super::*;

#[test]
fn an_interval_log_holds_every_message_under_both_tags() {
    use hdrhistogram::Histogram;
    use hdrhistogram::serialization::Deserializer;
    use hdrhistogram::serialization::interval_log::{IntervalLogIterator, LogEntry};

    // Seconds 0 and 2 have echoes, second 1 has none.
    let mut samples: Vec<_> = (0..500)
        .map(|n| Sample::echoed(0, n, n, n, n + 1_000 * (n + 1), Outcome::Ok))
        .collect();
    let late = 2_500_000_000;
    samples.push(Sample::echoed(
        0,
        500,
        late,
        late,
        late + 77_000,
        Outcome::Ok,
    ));
    written("run.hlog", &samples, |path| {
        let bytes = fs::read(path).unwrap();
        let text = String::from_utf8_lossy(&bytes).into_owned();
        assert!(
            text.contains("#[StartTime: 1795435200.000 (seconds since epoch)]"),
            "{text}"
        );
        let mut found = Vec::new();
        for entry in IntervalLogIterator::new(&bytes) {
            let LogEntry::Interval(interval) = entry.unwrap() else {
                continue;
            };
            let raw = base64(interval.encoded_histogram());
            let histogram: Histogram<u64> = Deserializer::new()
                .deserialize(&mut std::io::Cursor::new(raw))
                .unwrap();
            let tag = interval.tag().unwrap().as_str().to_owned();
            found.push((interval.start_timestamp().as_secs(), tag, histogram));
        }
        let told: Vec<_> = found
            .iter()
            .map(|(s, tag, h)| (*s, &**tag, h.len()))
            .collect();
        let expected = [500, 0, 1].into_iter().zip(0..);
        let expected: Vec<_> = expected
            .flat_map(|(n, second)| [(second, "service", n), (second, "response", n)])
            .collect();
        assert_eq!(told, expected);
        // Echoes came after the end that the summary names, so no interval is cut short of the next.
        let ends: Vec<_> = IntervalLogIterator::new(&bytes)
            .filter_map(|entry| match entry.unwrap() {
                LogEntry::Interval(i) => Some((i.start_timestamp(), i.duration())),
                _ => None,
            })
            .collect();
        assert!(
            ends.windows(2)
                .all(|w| w[0].0 == w[1].0 || w[0].0 + w[0].1 == w[1].0)
        );
        let first = &found[0].2;
        assert!(first.equivalent(first.value_at_quantile(0.5), 250_000));
        assert!(first.equivalent(first.max(), 500_000));
    });
}

/// Decodes base64 by hand, for want of a crate that a test is worth.
fn base64(text: &str) -> Vec<u8> {
    const DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let digit = |c: u8| DIGITS.iter().position(|d| *d == c).unwrap() as u32;
    let mut bytes = Vec::new();
    for chunk in text.trim_end_matches('=').as_bytes().chunks(4) {
        let bits = chunk.iter().fold(0, |bits, c| bits << 6 | digit(*c)) << (6 * (4 - chunk.len()));
        bytes.extend_from_slice(&bits.to_be_bytes()[1..chunk.len()]);
    }
    bytes
}

//! Counts of a run that goes on, as a comment of its log.

use measurement::record::CountsSoFar;

const PREFIX: &str = "[Counts:";

/// The comment without its `#`: `[Counts: sent 100, received 98, failed 2, unsent 0, opened 100]`.
pub(crate) fn counts_comment(counts: &CountsSoFar) -> String {
    let CountsSoFar {
        sent,
        received,
        failed,
        unsent,
        opened,
    } = counts;
    format!(
        "{PREFIX} sent {sent}, received {received}, failed {failed}, unsent {unsent}, opened {opened}]"
    )
}

/// Reads a line of a log; `None` for any other line. Names that are not known are skipped.
pub(crate) fn parse_counts(line: &[u8]) -> Option<CountsSoFar> {
    let line = std::str::from_utf8(line).ok()?.trim();
    let rest = line.strip_prefix('#')?.strip_prefix(PREFIX)?;
    let mut counts = CountsSoFar::default();
    for part in rest.strip_suffix(']')?.split(',') {
        let (name, count) = part.trim().split_once(' ')?;
        let count = count.parse().ok()?;
        match name {
            "sent" => counts.sent = count,
            "received" => counts.received = count,
            "failed" => counts.failed = count,
            "unsent" => counts.unsent = count,
            "opened" => counts.opened = count,
            _ => {}
        }
    }
    Some(counts)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn other_comments_are_not_counts() {
        for other in [
            "#[Counts: sent 1",
            "#[Counts: sent one]",
            "[Counts: sent 1]",
            "#[StartTime: 1.000 (seconds since epoch)]",
            "",
        ] {
            assert_eq!(parse_counts(other.as_bytes()), None, "{other}");
        }
        assert_eq!(
            parse_counts(b"#[Counts: sent 7, later 3]\n").unwrap().sent,
            7
        );
    }

    proptest! {
        #[test]
        fn counts_come_back(counts in prop::array::uniform5(any::<u64>())) {
            let [sent, received, failed, unsent, opened] = counts;
            let counts = CountsSoFar { sent, received, failed, unsent, opened };
            let line = format!("#{}\n", counts_comment(&counts));
            prop_assert_eq!(parse_counts(line.as_bytes()), Some(counts));
        }
    }
}

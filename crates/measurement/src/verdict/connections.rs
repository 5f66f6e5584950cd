//! Reasons from the openings of connections.

use super::connection_evidence::{ConnectionEvidence, OpeningEvidence};
use super::reason::{Reason, SUSPECT_LATENESS_SHARE};

/// Minimum number of openings for a p99 of their lateness.
const FIRM_OPENINGS: u64 = 100;

/// Returns true when the share of lateness in the response time exceeds its limit, so the times are partly the generator's
/// own.
fn is_late(openings: &OpeningEvidence) -> bool {
    openings.opened >= FIRM_OPENINGS && openings.share > SUSPECT_LATENESS_SHARE
}

/// The reasons from the openings of connections.
pub(super) fn connection_reasons(own: &ConnectionEvidence) -> Vec<Reason> {
    let due = own.due.filter(is_late);
    let due = due.map(|openings| Reason::ConnectLateness {
        openings,
        has_rate: own.has_rate,
    });
    let again = own.again.filter(is_late);
    let again = again.map(Reason::ReconnectLateness);
    let own_failed = (own.own_failed > 0).then_some(Reason::AttemptsNotMade {
        attempts: own.attempts,
        own_failed: own.own_failed,
    });
    [own_failed, due, again].into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verdict::Verdict;

    const LATE: OpeningEvidence = OpeningEvidence {
        opened: 100,
        lateness_p99_ns: 101,
        response_p99_ns: 1_000,
        share: 0.101,
    };

    #[test]
    fn openings_begun_late_are_suspect_from_their_limit_on() {
        let reasons = |due, again| {
            connection_reasons(&ConnectionEvidence {
                due,
                again,
                ..ConnectionEvidence::default()
            })
        };
        let due = Reason::ConnectLateness {
            openings: LATE,
            has_rate: false,
        };
        let again = Reason::ReconnectLateness(LATE);
        assert_eq!(reasons(Some(LATE), Some(LATE)), [due.clone(), again]);
        assert_eq!(due.verdict(), Verdict::Suspect);
        for punctual in [
            OpeningEvidence { share: 0.1, ..LATE },
            OpeningEvidence { opened: 99, ..LATE },
        ] {
            assert_eq!(reasons(Some(punctual), Some(punctual)), []);
        }
    }

    #[test]
    fn attempts_that_the_own_machine_could_not_make_are_suspect() {
        let mut own = ConnectionEvidence {
            attempts: 10,
            ..ConnectionEvidence::default()
        };
        assert_eq!(connection_reasons(&own), []);
        own.own_failed = 1;
        let reasons = connection_reasons(&own);
        assert_eq!(
            reasons,
            [Reason::AttemptsNotMade {
                attempts: 10,
                own_failed: 1
            }]
        );
        assert_eq!(reasons[0].verdict(), Verdict::Suspect);
    }
}

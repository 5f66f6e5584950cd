//! Sentences for the reasons that lie in the openings of connections.

use measurement::verdict::{OpeningEvidence, Reason, SUSPECT_LATENESS_SHARE};
use units::{counted, grouped, human_percent, human_time};

use crate::percent_beside::percent_beside;

/// Openings of connections; empty for another reason.
pub(crate) fn on_connections(reason: &Reason) -> String {
    match reason {
        Reason::ConnectLateness { openings, has_rate } => {
            let advice = if *has_rate {
                "use more `--threads`, `--busy-poll` or a lower `--connect-rate`"
            } else {
                "use more `--threads`, `--busy-poll` or longer lives of the connections"
            };
            format!(
                "connections were begun {}; {advice}",
                late(openings, "the connect response p99")
            )
        }
        Reason::ReconnectLateness(openings) => format!(
            "attempts to reconnect were begun {}; use more `--threads`, `--busy-poll` or fewer clients",
            late(openings, "their connect response p99")
        ),
        Reason::AttemptsNotMade {
            attempts,
            own_failed,
        } => format!(
            "{} of {} to reconnect found no port, file or memory left on the generator's machine (limit 0), so the times until clients were back are partly its own; use `--source-address` for more ports, and `ulimit -n` for more files",
            grouped(*own_failed),
            counted(*attempts, "attempt")
        ),
        _ => String::new(),
    }
}

/// The lateness, and its part in these times. The p99 of the times is not that of the latest connections, so the part is
/// smaller than the quotient.
fn late(openings: &OpeningEvidence, times: &str) -> String {
    format!(
        "{} late (p99), without which {times} of {} would be {} lower (limit {}), so the times are partly the generator's own",
        human_time(openings.lateness_p99_ns as f64),
        human_time(openings.response_p99_ns as f64),
        percent_beside(openings.share, SUSPECT_LATENESS_SHARE),
        human_percent(SUSPECT_LATENESS_SHARE)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The lateness of all attempts, which is mostly that of those refused, was called a share of the time of those that
    /// succeeded: 4.17 ms were 11 % of 1.99 ms.
    #[test]
    fn a_lateness_above_the_response_time_is_not_called_a_share_of_it() {
        let said = on_connections(&Reason::ReconnectLateness(OpeningEvidence {
            opened: 200,
            lateness_p99_ns: 4_170_000,
            response_p99_ns: 1_990_000,
            share: 0.11,
        }));
        let expected = "attempts to reconnect were begun 4.17 ms late (p99), without which their connect response p99 \
            of 1.99 ms would be 11 % lower (limit 10 %)";
        assert!(said.starts_with(expected), "{said}");
    }

    #[test]
    fn lateness_of_openings_names_figure_limit_and_remedy() {
        let openings = OpeningEvidence {
            opened: 200,
            lateness_p99_ns: 40_000_000,
            response_p99_ns: 100_000_000,
            share: 0.4,
        };
        let said = |has_rate| on_connections(&Reason::ConnectLateness { openings, has_rate });
        assert_eq!(
            said(true),
            "connections were begun 40.0 ms late (p99), without which the connect response p99 of 100 ms would be 40 % lower (limit 10 %), so the times are partly the generator's own; use more `--threads`, `--busy-poll` or a lower `--connect-rate`"
        );
        assert!(!said(false).contains("--connect-rate"));
        let again = on_connections(&Reason::ReconnectLateness(openings));
        assert!(again.starts_with("attempts to reconnect were begun 40.0 ms late (p99)"));
    }

    #[test]
    fn the_own_machines_limits_are_named_with_the_flags_that_raise_them() {
        let said = on_connections(&Reason::AttemptsNotMade {
            attempts: 2_450,
            own_failed: 5,
        });
        assert!(
            said.starts_with("5 of 2,450 attempts to reconnect found no port"),
            "{said}"
        );
        assert!(
            said.contains("`--source-address`") && said.contains("`ulimit -n`"),
            "{said}"
        );
    }
}

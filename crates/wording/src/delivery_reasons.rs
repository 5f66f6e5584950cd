//! Sentences for the reasons from deliveries, feeds and slow readers.

use measurement::verdict::{
    BUSY_THREAD_LIMIT, DELAYED_ACKNOWLEDGEMENT_SHARE, DELAYED_LAST_SHARE, FIRM_TAIL_MESSAGES,
    Reason,
};
use units::{counted, grouped, human_bytes, human_percent, human_time};

use crate::messages::messages_lie;
use crate::percent_beside::percent_beside;

/// Number of receivers that a sentence names.
const NAMED_RECEIVERS: usize = 5;

/// Deliveries, feeds and slow readers; empty for another reason.
pub(crate) fn on_deliveries(reason: &Reason) -> String {
    match reason {
        Reason::NothingPushed { unexpected } => format!(
            "nothing measured: no message of the feed came in the measured phase{}; see `connected`, and compare `match` of `[push]` with what comes: `--try` shows it",
            other_records(*unexpected)
        ),
        Reason::NothingDelivered { expected: 0, .. } => "nothing was delivered: no receiver was ready when the messages were sent; see `connected` and `ready`, and check `--roles` and `--rooms`".to_owned(),
        Reason::NothingDelivered {
            expected,
            unexpected,
        } => format!(
            "nothing was delivered of {}{}; compare `deliver` with what comes (`--try` shows it), and check that the setup subscribes the receivers",
            counted(*expected, "expected delivery"),
            other_records(*unexpected)
        ),
        Reason::FewPushes(beyond) => format!(
            "{} beyond p99 ({} needed), so p99 is uncertain; measure for longer (`-d`) or with more clients (`-c`)",
            messages_lie(*beyond),
            grouped(FIRM_TAIL_MESSAGES)
        ),
        Reason::DeliveriesReadLate(share) => format!(
            "a generator thread was busy for {} of a core (limit {}), so it read deliveries later than the server sent them; use more `--threads` if cores are free, else fewer receivers or a lower `--rate`",
            percent_beside(*share, BUSY_THREAD_LIMIT),
            human_percent(BUSY_THREAD_LIMIT)
        ),
        Reason::ServerClockAhead(ns) => format!(
            "the server's clock is ahead by at least {} (limit 0), so the one-way delays are wrong; synchronize both clocks, or leave `${{stamp}}` out of `[push]`",
            human_time(*ns as f64)
        ),
        Reason::OnlyOwnCopies {
            own_copies,
            expected,
        } => only_own_copies(*own_copies, *expected),
        Reason::UnreachedReceivers { count, first } => unreached(*count, first),
        Reason::MissingDeliveries {
            missing,
            expected,
            none_complete,
        } => missing_deliveries(*missing, *expected, *none_complete),
        Reason::MisdirectedDeliveries(count) => format!(
            "{} came to clients that should not get them (limit 0), so rooms may leak, or the scenario describes others; check `to`, `to_sender` and `receives`, and the server's rooms",
            counted(*count, "delivery")
        ),
        Reason::DelayedAcknowledgements(share) => format!(
            "{} of the deliveries took 38–45 ms (limit {}), and few took a little less or more, so the server seems to run without TCP_NODELAY; set it on the server's sockets",
            percent_beside(*share, DELAYED_ACKNOWLEDGEMENT_SHARE),
            human_percent(DELAYED_ACKNOWLEDGEMENT_SHARE)
        ),
        Reason::DelayedLastReceivers(share) => format!(
            "{} of the messages reached their last receiver after 29–45 ms (limit {}), but half of their receivers within 10 ms, so the server seems to run without TCP_NODELAY; set it on the server's sockets",
            percent_beside(*share, DELAYED_LAST_SHARE),
            human_percent(DELAYED_LAST_SHARE)
        ),
        Reason::SlowReadersNotFull {
            sent_bytes,
            limit_bytes,
        } => format!(
            "each slow reader was sent {} (limit {}), which the kernel's buffers can hold, so it cannot have held up anything; raise `-s`, `-r` or `-d`",
            human_bytes(*sent_bytes),
            human_bytes(*limit_bytes)
        ),
        _ => String::new(),
    }
}

/// The sentence on a server that sends each message back to its sender alone.
fn only_own_copies(own_copies: u64, expected: u64) -> String {
    format!(
        "only senders got their own messages: {} of {}, and none to another client (limit 0), so no figure describes a room; does the server broadcast to the room? Check its path and its settings, and what comes with `--try`",
        grouped(own_copies),
        counted(expected, "expected delivery")
    )
}

/// The sentence on deliveries that did not come. `none_complete`: no message reached all of its receivers.
fn missing_deliveries(missing: u64, expected: u64, none_complete: bool) -> String {
    format!(
        "{} of {} did not come within `--timeout` (limit 0), so {}; see whether it depends on the load with a lower `--rate`",
        grouped(missing),
        counted(expected, "delivery"),
        if none_complete {
            "no message reached all of its receivers, the throughput is 0 msg/s, and first, median and last receiver have no times"
        } else {
            "the times of first, median and last receiver describe only messages that reached all"
        }
    )
}

/// Records that matched no pattern, behind the statement that nothing came.
fn other_records(unexpected: u64) -> String {
    if unexpected == 0 {
        return String::new();
    }
    let records = counted(unexpected, "record");
    format!(", and {records} matched no pattern of the scenario")
}

/// The sentence on receivers that got nothing, with the numbers of the first.
fn unreached(count: u64, first: &[u32]) -> String {
    let named: Vec<_> = first
        .iter()
        .take(NAMED_RECEIVERS)
        .map(|client| grouped(u64::from(*client)))
        .collect();
    let clients = match (named.len(), count) {
        (0, _) => String::new(),
        (1, 1) => format!(": client {}", named[0]),
        (shown, all) => {
            let more = if all > shown as u64 { ", …" } else { "" };
            format!(": clients {}{more}", named.join(", "))
        }
    };
    format!(
        "{} got nothing (limit 0){clients}; not subscribed? Check the setup of their role with `--try`, and let it wait until the server has subscribed them (`expect`, `wait`)",
        counted(count, "receiver")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unreached_receivers_are_named() {
        let said = |count, first: &[u32]| unreached(count, first);
        let text = said(12, &[3, 7, 8, 9, 1_000, 1_001]);
        assert!(
            text.starts_with(
                "12 receivers got nothing (limit 0): clients 3, 7, 8, 9, 1,000, …; not subscribed?"
            ),
            "{text}"
        );
        assert!(said(1, &[4]).starts_with("1 receiver got nothing (limit 0): client 4;"));
        assert!(said(2, &[4, 5]).contains(": clients 4, 5;"));
        // Numbers are not in every file.
        assert!(said(2, &[]).starts_with("2 receivers got nothing (limit 0);"));
    }

    #[test]
    fn a_reason_names_figure_limit_and_remedy() {
        for (reason, wanted) in [
            (
                Reason::ServerClockAhead(5_000_000),
                "the server's clock is ahead by at least 5.00 ms",
            ),
            (
                Reason::MissingDeliveries {
                    missing: 10,
                    expected: 2_000,
                    none_complete: false,
                },
                "10 of 2,000 deliveries did not come within `--timeout` (limit 0), so the times of first, median and last",
            ),
            (
                Reason::MissingDeliveries {
                    missing: 10,
                    expected: 2_000,
                    none_complete: true,
                },
                "10 of 2,000 deliveries did not come within `--timeout` (limit 0), so no message reached all of its receivers, the throughput is 0 msg/s,",
            ),
            (
                Reason::OnlyOwnCopies {
                    own_copies: 20,
                    expected: 80,
                },
                "only senders got their own messages: 20 of 80 expected deliveries, and none to another client (limit 0)",
            ),
            (
                Reason::DelayedAcknowledgements(0.3),
                "30 % of the deliveries took 38–45 ms (limit 10 %)",
            ),
            (
                Reason::DelayedLastReceivers(0.9),
                "90 % of the messages reached their last receiver after 29–45 ms (limit 50 %)",
            ),
            (
                Reason::SlowReadersNotFull {
                    sent_bytes: 1_024.0,
                    limit_bytes: 2_560_000.0,
                },
                "each slow reader was sent 1.0 KiB (limit 2.4 MiB)",
            ),
            (
                Reason::DeliveriesReadLate(0.97),
                "a generator thread was busy for 97 % of a core (limit 90 %)",
            ),
            (
                Reason::MisdirectedDeliveries(1),
                "1 delivery came to clients",
            ),
            (
                Reason::NothingPushed { unexpected: 2 },
                "nothing measured: no message of the feed came in the measured phase, and 2 records matched no pattern of the scenario;",
            ),
            (
                Reason::NothingDelivered {
                    expected: 50,
                    unexpected: 0,
                },
                "nothing was delivered of 50 expected deliveries; compare `deliver`",
            ),
            (
                Reason::NothingDelivered {
                    expected: 0,
                    unexpected: 0,
                },
                "nothing was delivered: no receiver was ready",
            ),
            (
                Reason::FewPushes(1),
                "1 message lies beyond p99 (1,000 needed)",
            ),
        ] {
            let said = on_deliveries(&reason);
            assert!(said.starts_with(wanted), "{said}");
            assert!(said.contains("; "), "{said}");
        }
    }

    #[test]
    fn a_server_without_nodelay_is_told_what_to_set() {
        let said = on_deliveries(&Reason::DelayedAcknowledgements(0.1));
        assert!(
            said.contains("the server seems to run without TCP_NODELAY"),
            "{said}"
        );
    }
}

//! Connections opened again between two steps of a load.

use std::io;
use std::time::Duration;

use measurement::plan::Plan;

use super::{OPENING_INTERVAL, Worker};
use crate::clock::nanoseconds;
use crate::returning_client::ConnectRequest;

impl Worker<'_> {
    /// Opens the connections again that have ended, and those whose late echoes could be taken for others. Returns when all of
    /// them are ready or have failed, at the latest when the connect timeout is over. A client without a connection stays so
    /// until the next reopening.
    pub(super) fn reopen_connections(&mut self) -> io::Result<()> {
        self.event_loop.end_stale();
        let plan = &self.job.plan;
        let now_ns = self.event_loop.thread.clock.now_ns();
        let interval_ns = interval(plan).map(nanoseconds);
        let lost = self.event_loop.thread.take_lost();
        let mut waiting: Vec<_> = (0..)
            .zip(lost)
            .map(|(n, request): (u64, _)| ConnectRequest {
                intended_ns: interval_ns.map(|ns| now_ns.saturating_add(ns.saturating_mul(n))),
                ..request
            })
            .collect();
        let paced_ns = waiting.last().map_or(0, ConnectRequest::due_ns);
        let until_ns = now_ns
            .max(paced_ns)
            .saturating_add(nanoseconds(longest_reopening(plan)));
        // Those with a due time first.
        waiting.reverse();
        while self.event_loop.thread.clients.borrow().reopening > 0 {
            let command = self.take_command();
            let is_late = self.event_loop.thread.clock.now_ns() >= until_ns;
            if command.stop || command.close || is_late {
                self.event_loop.abandon_reopening(waiting);
                break;
            }
            self.event_loop.begin_reopening(&mut waiting);
            self.publish_progress(|_| None);
            self.event_loop.run_once(OPENING_INTERVAL)?;
        }
        Ok(())
    }
}

/// Time between two connections of a thread at the connect rate of the plan; `None` without one.
fn interval(plan: &Plan) -> Option<Duration> {
    let rate = plan.connect_rate?;
    let threads = plan.threads.get() as f64 * f64::from(plan.share.count.get());
    Duration::try_from_secs_f64(threads / rate.per_second()).ok()
}

/// Longest time until a connection that is begun is ready: the connect timeout, and the waits of a scenario.
fn longest_reopening(plan: &Plan) -> Duration {
    let waits = plan.scenario().map(|own| own.setup_waits());
    plan.connect_timeout
        .saturating_add(waits.unwrap_or_default())
}

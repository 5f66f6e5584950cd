//! Orders of steps for tests, and the check that every message is counted once.

// Not every test file uses all functions.
#![allow(dead_code)]

use std::time::Duration;

use measurement::plan::{Arrivals, Length, Load, LoadDraft, Plan, RateProfile, Schedule, Stage};
use measurement::record::CellRules;
use swarm::{DrainLimits, LoadOrder, OrderLoad, OrderRecord, RunHandle, SlicedRun};
use units::Rate;

pub(crate) const MS: Duration = Duration::from_millis(1);
/// Limit of both times.
const LIMIT_NS: u64 = 5_000_000;

/// Changes the plan to an open loop for steps.
pub(crate) fn steps(arrivals: Arrivals) -> impl FnOnce(&mut LoadDraft) {
    move |draft| {
        draft.length = Length::Duration(Duration::from_secs(86_400));
        draft.load = Load::Open {
            profile: RateProfile::constant(Rate::new(1.0).unwrap()),
            arrivals,
            window: None,
        };
    }
}

/// Opens the connections of a plan.
pub(crate) fn open(plan: &Plan) -> SlicedRun {
    SlicedRun::open(plan, &RunHandle::new(), Duration::from_secs(1)).unwrap()
}

/// A step at this rate, with 20 ms to settle and 100 ms that are judged.
pub(crate) fn order(rate_per_s: f64, seed: u64) -> LoadOrder {
    let judged = 100 * MS;
    LoadOrder {
        lead: None,
        load: OrderLoad::Open { rate_per_s },
        settle: 20 * MS,
        judged,
        cells: CellRules::new(100_000_000, vec![LIMIT_NS], vec![LIMIT_NS]),
        keeps_samples: true,
        seed,
        drain: DrainLimits {
            late_sends: 300 * MS,
            quiet: 300 * MS,
            longest: Duration::from_secs(2),
        },
        start: None,
    }
}

/// Messages of the judged part by the schedule alone.
pub(crate) fn due(plan: &Plan, order: &LoadOrder) -> u64 {
    let OrderLoad::Open { rate_per_s } = order.load else {
        return 0;
    };
    let stage = |rate: f64, time| Stage {
        time,
        rate: Rate::new(rate).unwrap(),
    };
    let own = stage(rate_per_s, order.settle + order.judged);
    let lead = order.lead.map(|lead| stage(lead.rate_per_s, lead.length));
    let before = lead.map_or(Duration::ZERO, |lead| lead.time) + order.settle;
    let stages: Vec<_> = lead.into_iter().chain([own]).collect();
    let Load::Open { arrivals, .. } = plan.load else {
        unreachable!()
    };
    let schedule = Schedule::new(
        RateProfile::stages(&stages).unwrap(),
        arrivals,
        plan.senders(),
        order.seed,
        Length::Duration(before + order.judged),
    );
    let before_ns = u64::try_from(before.as_nanos()).unwrap();
    let of_client = |client| {
        let all = std::iter::successors(Some(schedule.first(client)), |c| Some(schedule.next(*c)));
        all.map_while(|cursor| cursor.due_ns())
            .filter(|due| *due >= before_ns)
            .count() as u64
    };
    (0..plan.senders()).map(of_client).sum()
}

/// Checks that every message is counted once. Returns the number due, failed and unsent.
pub(crate) fn counts(plan: &Plan, order: &LoadOrder, found: &OrderRecord) -> (u64, u64, u64) {
    let cells = found.cells.as_ref().unwrap();
    let c = &found.record.counts;
    assert_eq!(cells.total_due(), due(plan, order), "{c:?}");
    assert_eq!(cells.total_due(), c.sent + c.unsent);
    assert_eq!(cells.total_unsent(), c.unsent);
    // Error replies are among the figures of their scenario.
    let refused = found.record.scenario.as_ref().map_or(0, |own| {
        own.kinds.iter().map(|kind| kind.counts.error_reply).sum()
    });
    let failed = cells.total_failed() + cells.total_unsent();
    assert_eq!(failed, c.failed() + refused);
    let by_cell: u32 = (0..cells.len()).map(|cell| cells.due(cell)).sum();
    assert_eq!(u64::from(by_cell), cells.total_due());
    assert!(
        found
            .record
            .samples
            .iter()
            .all(|s| s.intended_ns < 100_000_000)
    );
    (
        cells.total_due(),
        cells.total_failed(),
        cells.total_unsent(),
    )
}

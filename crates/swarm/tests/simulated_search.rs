//! Capacity searches with a simulated server, in virtual time: what the driver makes of the results of steps.

#![allow(
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss
)]

mod common;

use std::cell::RefCell;
use std::num::NonZeroU32;
use std::rc::Rc;
use std::time::Duration;

use common::plan;
use measurement::load_search::CapacityRules;
use measurement::plan::{Arrivals, CertificatePolicy, Length, Load, LoadDraft, Plan, RateProfile};
use measurement::record::{BottomK, Outcome, Recorder, Sample};
use measurement::run::{CapacitySummary, LoadStep, Run, SearchEnd, StepOrigin};
use measurement::verdict::{Calibration, GeneratorUsage, Stops, Verdict};
use swarm::load_search::{ClosedRun, OrderRunner, find_capacity_with};
use swarm::{LoadOrder, OrderLoad, OrderRecord, RunHandle, RunSetup, SwarmError};
use units::Rate;

/// Service time of the simulated server: 2,000 msg/s.
const SERVICE_NS: u64 = 500_000;

const SECOND_NS: f64 = 1e9;

const MS: u64 = 1_000_000;

/// Beginning and end of a pause of the server.
const PAUSE_NS: (u64, u64) = (500 * MS, 1_300 * MS);

/// Longest wait of a message with a window.
const WINDOW_NS: u64 = 20 * MS;

/// A server with one queue, and a generator.
#[derive(Clone, Default)]
struct Simulation {
    /// The server answers nothing.
    is_dead: bool,
    /// Highest rate that the generator can offer, in messages per second; `None` = any.
    generator_cap_per_s: Option<f64>,
    /// One of ten messages waits for the generator.
    is_late: bool,
    /// One of several processes begins each step this late.
    late: Duration,
    /// Share of the time for which a generator thread waits for a core.
    waited: f64,
    /// Share of the time for which it uses a core.
    worked: f64,
    /// A generator thread reads each echo this much later.
    reads_late: Duration,
    /// A generator thread stops for 10 ms of every 100 ms.
    stops: bool,
    /// Messages that would wait for more than 20 ms are not sent, and the others are late by as much.
    has_window: bool,
    /// The server answers nothing from half a second to 1.3 s of each step.
    pauses: bool,
    /// Connections end before this step.
    ends_before: Option<usize>,
    /// Connections end in the middle of this step.
    ends_in: Option<usize>,
    /// The connections are opened again.
    comes_back: bool,
    /// Each step ends with one connection less.
    sheds: bool,
    /// The user interrupts this step.
    interrupted_in: Option<usize>,
}

struct Simulated {
    simulation: Simulation,
    orders: Rc<RefCell<Vec<LoadOrder>>>,
    /// Number of orders at each reopening.
    reopened: Rc<RefCell<Vec<usize>>>,
}

impl Simulated {
    /// Due time, send time and end of each message of an open loop, on a clock that begins with the step.
    fn messages(&self, order: &LoadOrder, rate: f64) -> Vec<(u64, u64, u64)> {
        let mut parts = vec![(rate, order.settle + order.judged)];
        if let Some(lead) = order.lead {
            parts.insert(0, (lead.rate_per_s, lead.length));
        }
        let (mut free_ns, mut from_ns, mut sent_before_ns) = (0, 0, 0);
        let mut all = Vec::new();
        for (rate, length) in parts {
            let count = (rate * length.as_secs_f64()).round() as u64;
            for n in 0..count {
                let due_ns = from_ns + (n as f64 / rate * SECOND_NS) as u64;
                let gap_ns = self
                    .simulation
                    .generator_cap_per_s
                    .map_or(0.0, |cap| SECOND_NS / cap);
                let mut sent_ns = due_ns.max(sent_before_ns + gap_ns as u64);
                if self.simulation.is_late && n % 10 == 0 {
                    sent_ns += 20_000_000;
                } else {
                    sent_before_ns = sent_ns;
                }
                // The server serves a late message at once, in the place of another.
                let start_ns = if self.simulation.is_late {
                    sent_ns
                } else {
                    free_ns.max(sent_ns)
                };
                if self.simulation.has_window && start_ns > due_ns + WINDOW_NS {
                    all.push((due_ns, u64::MAX, u64::MAX));
                    continue;
                }
                let is_paused = (PAUSE_NS.0..PAUSE_NS.1).contains(&start_ns);
                let start_ns = match self.simulation.pauses && is_paused {
                    true => PAUSE_NS.1,
                    false => start_ns,
                };
                free_ns = free_ns.max(start_ns + SERVICE_NS);
                let read_late_ns = self.simulation.reads_late.as_nanos() as u64;
                all.push((due_ns, sent_ns, start_ns + SERVICE_NS + read_late_ns));
            }
            from_ns += length.as_nanos() as u64;
        }
        all
    }

    fn open_loop(&self, order: &LoadOrder, rate: f64) -> OrderRecord {
        let budget = BottomK::new(if order.keeps_samples { 1_000 } else { 0 }, 1);
        let before = order.lead.map_or(Duration::ZERO, |lead| lead.length) + order.settle;
        let before_ns = before.as_nanos() as u64;
        let mut recorder = Recorder::new(true, 0);
        recorder.add_cells(&order.cells);
        let judged_ns = order.judged.as_nanos() as u64;
        recorder.measure_until(judged_ns);
        let stops = (0..judged_ns).step_by(100_000_000);
        let stops = stops.filter(|_| self.simulation.stops);
        stops.for_each(|start_ns| recorder.stopped(start_ns, 10 * MS));
        let number = self.orders.borrow().len();
        let is_over = self
            .simulation
            .ends_before
            .is_some_and(|step| number >= step);
        let is_last = self.simulation.ends_in == Some(number);
        let measured = self.messages(order, rate).into_iter();
        let measured = measured.filter(|(due_ns, ..)| *due_ns >= before_ns);
        for (index, (due_ns, sent_ns, end_ns)) in (0..).zip(measured) {
            let [due, sent, end] = [due_ns, sent_ns, end_ns].map(|ns| ns.saturating_sub(before_ns));
            let is_half_over = is_last && due > judged_ns / 2;
            if is_over || is_half_over || sent_ns == u64::MAX {
                recorder.unsent(due);
                continue;
            }
            recorder.sent(due, sent);
            let late_ns = if self.simulation.has_window {
                WINDOW_NS
            } else {
                sent - due
            };
            recorder.late(late_ns);
            let mut sample = match self.simulation.is_dead {
                true => Sample::lost(0, index, due, sent),
                false => Sample::echoed(0, index, due, sent, end, Outcome::Ok),
            };
            sample.over_stop = self.simulation.stops;
            if !self.simulation.is_dead {
                recorder.punctual_response(end - sent, &sample);
            }
            recorder.ended(&budget, sample, 125);
        }
        let cells = recorder.take_cells();
        OrderRecord {
            record: Recorder::merge(vec![recorder], &budget),
            cells,
            alive: if is_over || is_last { 0 } else { 4 },
            lost: u64::from(self.simulation.sheds),
            took: order.length(),
            late: self.simulation.late,
            client: GeneratorUsage {
                cpu_per_core: Some(self.simulation.worked),
                stops: Some(Stops {
                    count: u64::from(self.simulation.stops),
                    ..Stops::default()
                }),
                run_queue_wait_share: Some(self.simulation.waited),
                ..GeneratorUsage::default()
            },
            interrupted: self.simulation.interrupted_in == Some(number),
            ..OrderRecord::default()
        }
    }
}

impl OrderRunner for Simulated {
    fn run(&mut self, order: &LoadOrder) -> Result<OrderRecord, SwarmError> {
        self.orders.borrow_mut().push(order.clone());
        if let OrderLoad::Open { rate_per_s } = order.load {
            return Ok(self.open_loop(order, rate_per_s));
        }
        let mut record = OrderRecord {
            alive: 4,
            interrupted: self.simulation.interrupted_in == Some(self.orders.borrow().len()),
            ..OrderRecord::default()
        };
        if !self.simulation.is_dead {
            record.record.in_time.messages =
                (order.judged.as_nanos() / u128::from(SERVICE_NS)) as u64;
        }
        Ok(record)
    }

    fn reopen(&mut self) -> Result<u64, SwarmError> {
        let orders = self.orders.borrow().len();
        self.reopened.borrow_mut().push(orders);
        Ok(if self.simulation.comes_back { 4 } else { 0 })
    }

    fn close(self: Box<Self>) -> Result<ClosedRun, SwarmError> {
        let mut closed = ClosedRun::default();
        closed.context.connections.attempted = 4;
        closed.context.connections.opened = 4;
        Ok(closed)
    }
}

fn search_plan() -> Plan {
    let open_loop = |draft: &mut LoadDraft| {
        draft.length = Length::Duration(Duration::from_secs(1));
        draft.clients = NonZeroU32::new(4).unwrap();
        draft.load = Load::Open {
            profile: RateProfile::constant(Rate::new(1.0).unwrap()),
            arrivals: Arrivals::Constant,
            window: None,
        };
    };
    plan("ws://127.0.0.1:1/", CertificatePolicy::System, open_loop)
}

/// The run of a search, and its orders.
fn search(simulation: Simulation, conditions: &[&str]) -> (Run, Vec<LoadOrder>) {
    let (run, orders, _) = reopening_search(simulation, conditions);
    (run, orders)
}

/// The run of a search, its orders, and their number at each reopening.
fn reopening_search(
    simulation: Simulation,
    conditions: &[&str],
) -> (Run, Vec<LoadOrder>, Vec<usize>) {
    let plan = search_plan();
    let orders = Rc::new(RefCell::new(Vec::new()));
    let reopened = Rc::new(RefCell::new(Vec::new()));
    let runner = Simulated {
        simulation,
        orders: Rc::clone(&orders),
        reopened: Rc::clone(&reopened),
    };
    let conditions = conditions
        .iter()
        .map(|text| text.parse().unwrap())
        .collect();
    let rules = CapacityRules::new(conditions);
    let handle = RunHandle::new();
    let setup = RunSetup::default();
    let run = find_capacity_with(Box::new(runner), &plan, &rules, &handle, setup).unwrap();
    let progress = handle.search();
    let steps = capacity(&run).steps.len();
    assert_eq!(progress.map_or(0, |progress| progress.steps.len()), steps);
    (run, orders.take(), reopened.take())
}

/// The orders with a rate.
fn offered(orders: &[LoadOrder]) -> impl Iterator<Item = &LoadOrder> {
    let is_offered = |order: &&LoadOrder| matches!(order.load, OrderLoad::Open { .. });
    orders.iter().filter(is_offered)
}

fn capacity(run: &Run) -> &CapacitySummary {
    run.summary.as_ref().unwrap().capacity.as_ref().unwrap()
}

#[test]
fn the_capacity_of_a_queue_is_the_rate_of_its_server() {
    let (run, orders) = search(Simulation::default(), &["p99<10ms"]);
    let found = capacity(&run);
    assert_eq!(found.ended_by, SearchEnd::Precision);
    let rate = found.rate_per_s.unwrap();
    assert!((1_900.0..2_100.0).contains(&rate), "{found:?}");
    assert!(found.low_per_s <= rate && rate <= found.high_per_s);
    assert!(!found.at_least && !found.hysteresis);
    assert_eq!(found.generator_limited_steps, 0);
    assert_eq!(found.conditions, ["p99<10ms"]);
    let held = |wanted: bool| {
        let steps = found
            .steps
            .iter()
            .filter(|step| step.from == StepOrigin::Below);
        steps
            .filter(move |step| step.held == Some(wanted))
            .map(|step| step.offered_per_s)
    };
    assert!(held(true).all(|rate| rate < 2_100.0) && held(false).all(|rate| rate > 1_900.0));
    // The last step is the reported one, and its figures are those of the run.
    let (last, row) = (orders.last().unwrap(), found.steps.last().unwrap());
    let summary = run.summary.as_ref().unwrap();
    assert!(last.keeps_samples && last.lead.is_none());
    assert_eq!(
        last.drain.longest,
        Duration::from_secs(20),
        "the timeout of the plan"
    );
    assert_eq!(summary.plan.rate_per_s, Some(row.offered_per_s));
    assert_eq!(summary.messages.sent, row.due);
    assert_eq!(summary.elapsed_s, row.seconds);
    assert_eq!(summary.plan.find_capacity.as_ref().unwrap().precision, 0.03);
    assert!(
        summary.validity.verdict < Verdict::Invalid,
        "{:?}",
        summary.validity
    );
    assert!(!run.samples.unwrap().rows.is_empty());
}

#[test]
fn steps_differ_in_their_seeds_and_follow_overloads_without_a_pause() {
    let (run, orders) = search(Simulation::default(), &["p99<10ms"]);
    let found = capacity(&run);
    let mut seeds: Vec<_> = orders.iter().map(|order| order.seed).collect();
    seeds.sort_unstable();
    seeds.dedup();
    assert_eq!(seeds.len(), orders.len());
    let above = orders.iter().filter(|order| order.lead.is_some()).count();
    let rows = found
        .steps
        .iter()
        .filter(|step| step.from == StepOrigin::Above);
    let rows: Vec<_> = rows.collect();
    assert!(above > 0 && rows.len() == above);
    assert!(
        rows.iter()
            .all(|row| row.lead_per_s > Some(row.offered_per_s))
    );
    // A rate at which the server recovers as often as not is none.
    let has_held = rows.iter().any(|row| row.held == Some(true));
    assert!(has_held || found.from_above_per_s.is_none());
}

#[test]
fn a_server_that_answers_nothing_has_capacity_0() {
    let dead = Simulation {
        is_dead: true,
        ..Simulation::default()
    };
    for conditions in [&["p99<10ms"][..], &["error_rate<0.1%"], &["reordered==0"]] {
        let (run, _) = search(dead.clone(), conditions);
        let found = capacity(&run);
        assert_eq!(found.rate_per_s, Some(0.0), "{conditions:?}: {found:?}");
        assert!(!found.at_least);
        assert!(found.steps.iter().all(|step| step.held == Some(false)));
        let summary = run.summary.as_ref().unwrap();
        assert_eq!(summary.messages.received, 0);
    }
}

#[test]
fn a_generator_that_cannot_offer_more_gives_a_lower_bound() {
    let (run, _) = search(
        Simulation {
            generator_cap_per_s: Some(1_000.0),
            ..Simulation::default()
        },
        &["p99<10ms"],
    );
    let found = capacity(&run);
    assert!(found.at_least, "{found:?}");
    assert!(found.rate_per_s.unwrap() <= 1_020.0);
    let limited: Vec<_> = found
        .steps
        .iter()
        .filter(|step| step.generator_limited)
        .collect();
    assert_eq!(limited.len() as u64, found.generator_limited_steps);
    assert!(!limited.is_empty());
    assert!(
        limited
            .iter()
            .all(|step| step.held.is_none() && step.offered_per_s > 1_000.0)
    );
    assert!(found.steps.iter().all(|step| step.held != Some(false)));
}

/// A step that one process began late counted as if all had offered the rate together.
#[test]
fn a_step_that_a_process_begins_late_decides_nothing() {
    let simulation = Simulation {
        late: Duration::from_millis(200),
        ..Simulation::default()
    };
    let (run, _) = search(simulation, &["p99<10ms"]);
    let found = capacity(&run);
    assert!(!found.steps.is_empty());
    assert!(
        found
            .steps
            .iter()
            .all(|step| step.generator_limited && step.held.is_none())
    );
    assert_eq!(found.rate_per_s, None);
}

#[test]
fn lateness_of_the_generator_is_not_a_limit_of_the_server() {
    let (run, _) = search(
        Simulation {
            is_late: true,
            ..Simulation::default()
        },
        &["p99<10ms"],
    );
    let found = capacity(&run);
    assert!(
        found.steps.iter().all(|step| step.held != Some(false)),
        "{found:?}"
    );
    // Without a message that is late, there is nothing to explain.
    let mut with_late = found.steps.iter().filter(|step| step.due > 10);
    assert!(with_late.all(|step| step.generator_limited && step.held.is_none()));
}

#[test]
fn a_generator_that_waits_for_a_core_finds_no_limit_of_the_server() {
    let waiting = Simulation {
        waited: 0.3,
        worked: 0.65,
        reads_late: Duration::from_millis(20),
        ..Simulation::default()
    };
    let (run, _) = search(waiting.clone(), &["p99<10ms"]);
    let found = capacity(&run);
    assert!(
        found.rate_per_s.is_none() && found.generator_limited_steps > 0,
        "{found:?}"
    );
    assert!(found.steps.iter().all(|step| step.held != Some(false)));
    // Lost messages are not the generator's.
    let dead = Simulation {
        is_dead: true,
        ..waiting
    };
    let (run, _) = search(dead, &["error_rate<1%"]);
    assert_eq!(capacity(&run).rate_per_s, Some(0.0));
}

#[test]
fn connections_that_are_all_gone_end_the_search() {
    let (run, orders) = search(
        Simulation {
            ends_before: Some(4),
            ..Simulation::default()
        },
        &["p99<10ms"],
    );
    assert_eq!(orders.len(), 4);
    let found = capacity(&run);
    assert_eq!(found.ended_by, SearchEnd::ConnectionsLost);
    // Nothing was sent in the last one.
    assert_eq!(found.steps.len(), offered(&orders).count() - 1);
    assert!(found.steps.iter().all(|step| step.unsent == 0));
}

/// The step in which the server was killed counted as limited by the generator, and the search as ended by its budget.
#[test]
fn a_step_in_which_the_server_goes_away_is_not_limited_by_the_generator() {
    let (run, orders) = search(
        Simulation {
            waited: 0.67,
            worked: 0.33,
            stops: true,
            ends_in: Some(8),
            ..Simulation::default()
        },
        &["p99<10ms"],
    );
    let found = capacity(&run);
    assert_eq!(found.ended_by, SearchEnd::ConnectionsLost);
    assert_eq!(found.steps.len(), offered(&orders).count());
    let last = found.steps.last().unwrap();
    assert_eq!((last.held, last.generator_limited), (Some(false), false));
    assert!(last.unsent > 0);
}

/// A step in which the server closed all connections ended the search.
#[test]
fn a_search_goes_on_when_all_connections_are_open_again() {
    let (run, orders) = search(
        Simulation {
            ends_in: Some(8),
            comes_back: true,
            ..Simulation::default()
        },
        &["p99<10ms"],
    );
    let found = capacity(&run);
    assert_eq!(found.ended_by, SearchEnd::Precision);
    assert_eq!(found.steps.len(), offered(&orders).count());
    let failed = found.steps.iter().filter(|step| step.unsent > 0);
    assert_eq!(failed.count(), 1, "{found:?}");
    let rate = found.rate_per_s.unwrap();
    assert!((1_800.0..2_100.0).contains(&rate), "{found:?}");
}

/// A stop of the server looked like any other overload.
#[test]
fn a_stop_of_the_server_is_named_with_its_length() {
    let (run, _) = search(
        Simulation {
            pauses: true,
            ..Simulation::default()
        },
        &["p99<10ms"],
    );
    let found = capacity(&run);
    let whole = |step: &&LoadStep| {
        let end_s = step.settle_s + step.seconds;
        // Higher rates leave a queue behind the pause.
        step.settle_s < 0.5 && end_s > 1.3 && (100.0..1_000.0).contains(&step.offered_per_s)
    };
    let silences = found.steps.iter().filter(whole);
    let silences: Vec<_> = silences.map(|step| step.longest_silence_s).collect();
    assert!(!silences.is_empty(), "{found:?}");
    let is_found = |silence: &Option<f64>| silence.is_some_and(|s| (0.75..0.85).contains(&s));
    assert!(silences.iter().all(is_found), "{silences:?}");
    let (run, _) = search(Simulation::default(), &["p99<10ms"]);
    let held = |step: &&LoadStep| step.held == Some(true) && step.from == StepOrigin::Below;
    let mut steps = capacity(&run).steps.iter().filter(held);
    assert!(steps.all(|step| step.longest_silence_s.is_none()));
}

/// Steps from above follow each other, so that each of them had fewer connections than the one before.
#[test]
fn steps_from_above_begin_with_all_connections_too() {
    let shedding = Simulation {
        sheds: true,
        comes_back: true,
        ..Simulation::default()
    };
    let (_, orders, reopened) = reopening_search(shedding, &["p99<10ms"]);
    let is_offered = |order: &LoadOrder| matches!(order.load, OrderLoad::Open { .. });
    let from_above = orders.iter().filter(|order| order.lead.is_some());
    assert!(from_above.count() > 0);
    let followed = orders.iter().zip(1..orders.len());
    let wanted: Vec<_> = followed
        .filter(|(order, _)| is_offered(order))
        .map(|(_, number)| number)
        .collect();
    assert_eq!(reopened, wanted);
}

/// The final step of a lossy server waited for 3 s for its echoes, however little of the budget was left.
#[test]
fn the_last_drain_fits_into_the_budget() {
    let plan = search_plan();
    let orders = Rc::new(RefCell::new(Vec::new()));
    let runner = Simulated {
        simulation: Simulation::default(),
        orders: Rc::clone(&orders),
        reopened: Rc::default(),
    };
    let rules = CapacityRules {
        budget: Duration::from_secs(4),
        ..CapacityRules::new(vec!["p99<10ms".parse().unwrap()])
    };
    let setup = RunSetup {
        calibration: Some(Calibration {
            floor_service_p50_ns: 1_000,
            ceiling_messages_per_s: 1e6,
            ceiling_deliveries_per_s: None,
            took_s: 3.0,
            longest_stop_ns: 0,
        }),
        ..RunSetup::default()
    };
    let handle = RunHandle::new();
    let run = find_capacity_with(Box::new(runner), &plan, &rules, &handle, setup).unwrap();
    let orders = orders.take();
    let last = orders.last().unwrap();
    assert_eq!(capacity(&run).steps.len(), offered(&orders).count());
    let left = Duration::from_secs(1).saturating_sub(last.length());
    let longest = left.max(Duration::from_millis(200));
    assert!(last.drain.longest <= longest, "{last:?}");
    assert!(last.drain.quiet <= longest && last.drain.late_sends <= longest);
}

/// Only the final step kept samples, which a search that ends early does not have.
#[test]
fn a_search_without_a_final_step_has_the_samples_of_its_figures() {
    let (run, _) = search(
        Simulation {
            ends_in: Some(8),
            ..Simulation::default()
        },
        &["p99<10ms"],
    );
    let sent = run.summary.as_ref().unwrap().messages.sent;
    let rows = run.samples.unwrap().rows.len() as u64;
    assert_eq!(rows, sent.min(1_000));
}

/// A server that was overloaded eightfold was not found out, because the idle generator had waited for a core now and then.
#[test]
fn an_idle_generator_that_waits_for_a_core_does_not_excuse_the_server() {
    let (run, _) = search(
        Simulation {
            waited: 0.3,
            worked: 0.09,
            ..Simulation::default()
        },
        &["p99<10ms"],
    );
    let found = capacity(&run);
    let rate = found.rate_per_s.unwrap();
    assert!((1_900.0..2_100.0).contains(&rate), "{found:?}");
    assert_eq!(found.generator_limited_steps, 0);
}

/// Every message of an overloaded server is in flight in a stop of the generator sooner or later.
#[test]
fn stops_of_the_generator_do_not_excuse_a_growing_queue() {
    for condition in ["p99<10ms", "service.p99<10ms"] {
        let stopping = Simulation {
            stops: true,
            ..Simulation::default()
        };
        let (run, _) = search(stopping, &[condition]);
        let found = capacity(&run);
        let rate = found.rate_per_s.unwrap();
        assert!((1_900.0..2_300.0).contains(&rate), "{found:?}");
        assert!(!found.at_least);
        assert!(found.steps.iter().any(|step| step.held == Some(false)));
    }
}

/// Unsent messages of a full window counted as those of a late generator.
#[test]
fn a_full_window_is_not_a_limit_of_the_generator() {
    let (run, _) = search(
        Simulation {
            has_window: true,
            ..Simulation::default()
        },
        &["error_rate<1%"],
    );
    let found = capacity(&run);
    let rate = found.rate_per_s.unwrap();
    assert!((1_900.0..2_300.0).contains(&rate), "{found:?}");
    let mut full = found
        .steps
        .iter()
        .filter(|step| step.unsent * 20 > step.due);
    assert!(full.all(|step| !step.generator_limited), "{found:?}");
}

/// Failed and unsent messages were left out of the percentiles of a row, so an overloaded step had a small p99.
#[test]
fn percentiles_of_a_row_are_those_of_all_due_messages() {
    let simulation = Simulation {
        has_window: true,
        ..Simulation::default()
    };
    let (run, _) = search(simulation, &["error_rate<1%"]);
    let rows = &capacity(&run).steps;
    for (quantile, of) in [
        (
            0.5,
            (|row| row.response_p50_ns) as fn(&LoadStep) -> Option<u64>,
        ),
        (0.99, |row| row.response_p99_ns),
        (0.999, |row| row.response_p99_9_ns),
    ] {
        for row in rows {
            assert_eq!(
                of(row).is_none(),
                row.is_beyond_answers(quantile),
                "{row:?}"
            );
        }
    }
    assert!(rows.iter().any(|row| row.response_p99_ns.is_none()));
    assert!(rows.iter().any(|row| row.response_p99_ns.is_some()));
}

/// A stop of the generator explained why a room delivered nothing, so that no step said anything about the server.
#[test]
fn a_room_that_delivers_nothing_has_capacity_0() {
    for condition in ["last.p99<50ms", "mean<50ms"] {
        let dead = Simulation {
            is_dead: true,
            stops: true,
            waited: 0.5,
            worked: 0.5,
            ..Simulation::default()
        };
        let (run, _) = search(dead, &[condition]);
        let found = capacity(&run);
        assert_eq!(found.rate_per_s, Some(0.0), "{found:?}");
        assert_eq!(found.generator_limited_steps, 0);
    }
}

#[test]
fn an_interrupted_search_has_the_steps_so_far() {
    for step in [3, 8] {
        let (run, orders) = search(
            Simulation {
                interrupted_in: Some(step),
                ..Simulation::default()
            },
            &["p99<10ms"],
        );
        let found = capacity(&run);
        assert_eq!(found.ended_by, SearchEnd::Interrupted);
        assert_eq!(orders.len(), step);
        let pilots = orders
            .iter()
            .filter(|o| matches!(o.load, OrderLoad::Closed { .. }))
            .count();
        assert_eq!(found.steps.len(), step - pilots - 1);
        let summary = run.summary.as_ref().unwrap();
        assert!(summary.messages.sent > 0);
        // The highest rate so far at which the conditions held.
        let held = found.steps.iter().filter(|step| step.held == Some(true));
        let highest = held.map(|step| step.offered_per_s).reduce(f64::max);
        if let Some(highest) = highest {
            assert_eq!(summary.plan.rate_per_s, Some(highest));
        }
    }
}

#[test]
fn a_search_that_is_interrupted_in_its_pilot_knows_nothing() {
    let (run, orders) = search(
        Simulation {
            interrupted_in: Some(1),
            ..Simulation::default()
        },
        &["p99<10ms"],
    );
    let found = capacity(&run);
    assert_eq!((found.rate_per_s, orders.len()), (None, 1));
    assert_eq!(found.ended_by, SearchEnd::Interrupted);
    assert!(found.steps.is_empty() && found.high_per_s == 0.0);
}

#[test]
fn all_conditions_must_hold() {
    // Half of the service time is never enough, and the other conditions hold up to the rate of the server.
    let (run, _) = search(Simulation::default(), &["p99<10ms", "service.p50<250us"]);
    let found = capacity(&run);
    assert_eq!(found.rate_per_s, Some(0.0), "{found:?}");
    assert_eq!(found.limited_by.as_deref(), Some("service.p50<250us"));
    let (run, _) = search(Simulation::default(), &["error_rate<1%", "mean<2ms"]);
    let rate = capacity(&run).rate_per_s.unwrap();
    assert!((1_800.0..2_100.0).contains(&rate), "{rate}");
    assert_eq!(capacity(&run).limited_by.as_deref(), Some("mean<2ms"));
}

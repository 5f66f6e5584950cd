//! Progress of a capacity search or a sweep, for its observers.

use measurement::run::LoadStep;
use statistics::capacity_search::{CapacityEstimate, StepPurpose};

/// The reason for which a load is offered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OrderPurpose {
    /// A closed loop, for a rate of the right order of magnitude.
    Pilot,
    /// A step of a capacity search.
    Step(StepPurpose),
    /// A point of a sweep.
    Point,
}

/// Progress of a capacity search or a sweep.
#[derive(Debug, Clone, Default)]
pub struct SearchProgress {
    /// Number of the current step, from 1; 0 before the first, and in the pilot.
    pub step: u32,
    /// Number of all steps; `None` for a search, which does not know it.
    pub planned_steps: Option<u32>,
    /// The reason for which the current load is offered; `None` before the first.
    pub purpose: Option<OrderPurpose>,
    /// The current rate in messages per second; `None` in closed loop.
    pub offered_per_s: Option<f64>,
    /// Time since the beginning in seconds, with the calibration of a search.
    pub spent_s: f64,
    /// Time for the whole search in seconds; that of all points of a sweep, without drains.
    pub budget_s: f64,
    /// The capacity by the steps so far; `None` before the first, and in a sweep.
    pub estimate: Option<CapacityEstimate>,
    /// The steps so far, in the order in which they were taken.
    pub steps: Vec<LoadStep>,
}

//! Plans of the runs: the same load in closed loop and at a rate.

use std::num::{NonZeroU32, NonZeroU64, NonZeroUsize};
use std::time::Duration;

use measurement::plan::{
    Arrivals, ConnectionRules, Length, Load, LoadDraft, LoadSpec, MAX_TIMEOUT, PlanError,
    RateProfile, Verify,
};
use scenario::ScenarioError;
use units::{Rate, SizeRange};

use crate::args::CompareArgs;
use crate::cpu_split::CpuSplit;

/// Share of the slowest server's throughput that latency runs offer, so that every server can hold the rate.
const RATE_SHARE: f64 = 0.6;

/// Number of pilot runs. Their median is used.
pub(crate) const PILOT_RUNS: u32 = 3;

/// Minimum time in which a feed is checked.
const FEED_CHECK: Duration = Duration::from_millis(200);

/// Maximum measured time and warm-up of a pilot run.
const PILOT: Duration = Duration::from_secs(1);
const PILOT_WARM_UP: Duration = Duration::from_millis(300);

/// Maximum number of samples of a run, for finding its steady part. If there are more messages, a uniform sample is
/// kept.
const MAX_SAMPLES: u64 = 1_000_000;

/// The load common to all runs.
#[derive(Debug)]
pub(crate) struct LoadTemplate {
    /// The draft in closed loop. The seed is set for each run.
    pub(crate) draft: LoadDraft,
    arrivals: Arrivals,
    /// Maximum number of messages in flight per client in open loop; `None` = unbounded.
    open_window: Option<NonZeroU32>,
    /// Rate of the checks; `None` when a closed loop is possible.
    open_only: Option<Rate>,
}

impl LoadTemplate {
    pub(crate) fn new(args: &CompareArgs, split: &CpuSplit) -> Self {
        let mut draft = args.load.draft(&args.generator);
        args.scenario
            .apply(args.loaded.as_ref(), &args.typed, &mut draft);
        args.connections.apply(&mut draft);
        draft.max_samples = MAX_SAMPLES;
        draft.pin.clone_from(&split.generator);
        let cores = NonZeroUsize::new(split.generator.len());
        if let (None, Some(cores)) = (args.generator.threads, cores) {
            draft.threads = cores;
        }
        Self {
            draft,
            arrivals: args.arrivals,
            open_window: args.load.window,
            open_only: None,
        }
    }

    /// The load that every run has in common: closed loop, or open loop at this rate when nothing tells a sender of the
    /// scenario when to go on. Then there are no throughput runs.
    pub(crate) fn usual(&mut self, seed: u64, rate: Option<Rate>) -> Result<LoadSpec, PlanError> {
        let closed = self.throughput(seed);
        let has_no_cue = matches!(
            &closed,
            Err(PlanError::Scenario(fault)) if matches!(**fault, ScenarioError::NoCue { .. })
        );
        match rate.filter(|_| has_no_cue) {
            None => closed,
            Some(rate) => {
                self.open_only = Some(rate);
                self.latency(seed, rate)
            }
        }
    }

    /// Returns true when runs in closed loop are possible.
    pub(crate) fn has_closed_loop(&self) -> bool {
        self.open_only.is_none()
    }

    fn load(&self, seed: u64, change: impl FnOnce(&mut LoadDraft)) -> Result<LoadSpec, PlanError> {
        let mut draft = self.draft.clone();
        draft.seed = seed;
        change(&mut draft);
        LoadSpec::new(draft)
    }

    pub(crate) fn throughput(&self, seed: u64) -> Result<LoadSpec, PlanError> {
        self.load(seed, |_| {})
    }

    /// The load of a latency run: open loop at this rate.
    pub(crate) fn latency(&self, seed: u64, rate: Rate) -> Result<LoadSpec, PlanError> {
        self.load(seed, |draft| {
            draft.load = Load::Open {
                profile: RateProfile::constant(rate),
                arrivals: self.arrivals,
                window: self.open_window,
            };
        })
    }

    /// The load of a search for a capacity, which sets the rates itself.
    pub(crate) fn search(&self, seed: u64) -> Result<LoadSpec, PlanError> {
        self.latency(seed, self.any_rate())
    }

    /// One message per second and client: a rate that every plan allows.
    pub(crate) fn any_rate(&self) -> Rate {
        Rate::from(self.draft.clients)
    }

    /// The loads of the gate, for the largest and the smallest payload: one message each, with `timeout` as time limit.
    /// Without verification, two messages each, because a greeting could be taken for a single echo. With a scenario, one
    /// message of each client, because its roles need all of them. A feed sends a few of its own messages.
    pub(crate) fn gate(&self, seed: u64, timeout: Duration) -> Result<Vec<LoadSpec>, PlanError> {
        let SizeRange { min, max } = self.draft.payload;
        let has_scenario = self.draft.scenario.is_some();
        let sizes = if min == max || has_scenario {
            vec![max]
        } else {
            vec![max, min]
        };
        let scenario = self.draft.scenario.as_deref();
        let feed = scenario.filter(|scenario| scenario.is_push_only());
        let feed = feed.map(|scenario| {
            let interval = scenario.push.as_ref().and_then(|push| push.interval);
            interval.map_or(timeout, |interval| {
                interval.saturating_mul(3).max(FEED_CHECK)
            })
        });
        let load = |bytes| {
            self.load(seed, |draft| {
                let timeout = timeout.clamp(Duration::from_millis(1), MAX_TIMEOUT);
                let more = u64::from(draft.verify == Verify::Off);
                *draft = LoadDraft {
                    clients: if has_scenario {
                        draft.clients
                    } else {
                        NonZeroU32::MIN
                    },
                    length: match &feed {
                        None => Length::MessagesPerClient(NonZeroU64::MIN.saturating_add(more)),
                        Some(time) => Length::Duration((*time).min(timeout)),
                    },
                    payload: SizeRange {
                        min: bytes,
                        max: bytes,
                    },
                    load: match self.open_only {
                        None => Load::PING_PONG,
                        Some(rate) => Load::Open {
                            profile: RateProfile::constant(rate),
                            arrivals: Arrivals::Constant,
                            window: None,
                        },
                    },
                    connect_rate: None,
                    connections: ConnectionRules::default(),
                    connect_timeout: timeout,
                    timeout,
                    warmup: Duration::ZERO,
                    threads: NonZeroUsize::MIN,
                    busy_poll: false,
                    max_samples: 0,
                    ..draft.clone()
                };
            })
        };
        sizes.into_iter().map(load).collect()
    }

    /// The load of a pilot run: a short throughput run without samples.
    pub(crate) fn pilot(&self, seed: u64) -> Result<LoadSpec, PlanError> {
        self.load(seed, |draft| {
            draft.length = Length::Duration(match draft.length {
                Length::Duration(time) => time.min(PILOT),
                Length::MessagesPerClient(_) => PILOT,
            });
            draft.warmup = draft.warmup.min(PILOT_WARM_UP);
            draft.max_samples = 0;
        })
    }
}

/// A rate that every server can hold: a share of the slowest one's throughput, rounded down to two digits; `None` without
/// throughputs.
pub(crate) fn rate_below(throughputs: &[f64]) -> Option<Rate> {
    let slowest = throughputs.iter().copied().min_by(f64::total_cmp)?;
    let rate = RATE_SHARE * slowest;
    let step = 10_f64.powf(rate.log10().floor() - 1.0);
    // Prevents that a round rate loses a step to binary rounding.
    let rounded = (rate / step + 1e-9).floor() * step;
    Rate::new(rounded)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use clap::Parser;
    use scenario::{Scenario, ScenarioOptions, ScenarioSource};

    use super::*;

    fn template(text: &str) -> LoadTemplate {
        let mut args = CompareArgs::try_parse_from(["ws-compare", "-c", "4", "-q"]).unwrap();
        let source = ScenarioSource::File {
            name: "t.toml",
            text,
        };
        let no_files = |_: &str, _: Option<&str>| Err(String::new());
        let scenario = Scenario::parse(source, &ScenarioOptions::default(), &no_files);
        args.loaded = Some(Arc::new(scenario.unwrap()));
        LoadTemplate::new(&args, &CpuSplit::default())
    }

    const ONE_WAY: &str = "[roles.publisher]\ncount = 1\nreceives = false\n[roles.subscriber]\nsends = false\n\
        [[message]]\nsend = '${uid}'\ndeliver = '${uid}'\n";

    #[test]
    fn a_room_whose_publishers_hear_nothing_is_compared_at_a_rate_only() {
        let mut one_way = template(ONE_WAY);
        assert!(one_way.usual(1, None).is_err());
        let rate = Rate::new(100.0).unwrap();
        one_way.usual(1, Some(rate)).unwrap();
        assert!(!one_way.has_closed_loop());
        let checks = one_way.gate(1, Duration::from_secs(1)).unwrap();
        assert_eq!(checks.len(), 1);
        let mut replies = template("[[message]]\nsend = '${id}'\nreply = '${id}'\n");
        replies.usual(1, Some(rate)).unwrap();
        assert!(replies.has_closed_loop());
    }

    #[test]
    fn a_feed_is_checked_for_a_few_of_its_intervals() {
        let time = |text: &str| {
            let checks = template(text).gate(1, Duration::from_secs(2)).unwrap();
            let Length::Duration(time) = checks[0].length else {
                panic!("a feed has no number of messages");
            };
            time
        };
        assert_eq!(time("[push]\nmatch = 't'\n"), Duration::from_secs(2));
        let interval = |ms: u64| time(&format!("[push]\nmatch = 't'\ninterval = '{ms}ms'\n"));
        assert_eq!(interval(1), FEED_CHECK);
        assert_eq!(interval(100), Duration::from_millis(300));
        assert_eq!(interval(5_000), Duration::from_secs(2));
    }

    #[test]
    fn the_rate_is_a_round_share_of_the_slowest() {
        let rate = |throughputs: &[f64]| rate_below(throughputs).map(Rate::per_second);
        assert_eq!(rate(&[100_000.0, 76_336.0]), Some(45_000.0));
        assert_eq!(rate(&[50_000.0]), Some(30_000.0));
        assert_eq!(rate(&[20.0]), Some(12.0));
        assert_eq!(rate(&[]), None);
        assert_eq!(rate(&[0.0]), None);
    }
}

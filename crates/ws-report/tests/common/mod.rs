//! Runs as ws-bench would have made them, with the same figures every time.

use std::path::Path;
use std::time::Duration;

use measurement::plan::{Arrivals, Length, Load, LoadDraft, LoadSpec, RateProfile, ServerUrl};
use measurement::record::{BottomK, Outcome, Record, Recorder, Sample};
use measurement::run::{Connections, Host, RunContext, Summary, Tool, percentile_table};
use measurement::verdict::{ConnectTimes, GeneratorUsage};
use results::write::{Output, Run};
use units::Rate;

/// Messages of a run, over three seconds.
const MESSAGES: u64 = 3_000;

/// A run: what it found, and what was recorded.
pub(crate) struct Made {
    pub(crate) summary: Summary,
    record: Record,
}

impl Made {
    /// One client that waits for each echo.
    pub(crate) fn closed() -> Self {
        Self::of(Load::PING_PONG, 0)
    }

    /// A thousand messages a second, each sent half a millisecond late.
    pub(crate) fn open() -> Self {
        let load = Load::Open {
            profile: RateProfile::constant(Rate::new(1_000.0).unwrap()),
            arrivals: Arrivals::Constant,
            window: None,
        };
        Self::of(load, 500_000)
    }

    fn of(load: Load, lag_ns: u64) -> Self {
        let budget = BottomK::new(10_000, 1);
        let is_open = load.profile().is_some();
        let mut recorder = Recorder::new(is_open, 0);
        recorder.measure_until(3_000_000_000);
        for n in 0..MESSAGES {
            // From 1 to 2 ms, and every hundredth message 10 ms.
            let slow = if n % 100 == 99 { 10_000_000 } else { 0 };
            let service_ns = 1_000_000 + n * 7_919 % 1_000 * 1_000 + slow;
            let due = n * 990_000;
            let sent = due + lag_ns;
            let sample = Sample::echoed(0, n, due, sent, sent + service_ns, Outcome::Ok);
            recorder.sent(due, sent);
            recorder.ended(&budget, sample, 125);
        }
        let record = Recorder::merge(vec![recorder], &budget);
        let plan = LoadSpec::new(LoadDraft {
            clients: 1.try_into().unwrap(),
            length: Length::Duration(Duration::from_secs(3)),
            load,
            seed: 5,
            max_samples: 10_000,
            ..LoadDraft::closed_loop()
        })
        .unwrap()
        .against(ServerUrl::parse("ws://127.0.0.1:8000/ws").unwrap())
        .unwrap();
        let context = RunContext {
            command_line: None,
            tool: Tool {
                name: "ws-bench".into(),
                version: "0.1.0".into(),
            },
            host: Host {
                os: "Linux".into(),
                cores: 2,
                ..Host::default()
            },
            started_at: "2026-01-31T12:00:00.123Z".into(),
            elapsed_s: 3.0,
            connections: Connections {
                attempted: 1,
                opened: 1,
                ..Connections::default()
            },
            connect_ns: ConnectTimes::default(),
            client: GeneratorUsage::default(),
            server: None,
            calibration: None,
            interrupted: false,
        };
        Self {
            summary: Summary::new(&plan, &record, context),
            record,
        }
    }

    /// The same, otherwise.
    pub(crate) fn but(mut self, change: impl FnOnce(&mut Summary)) -> Self {
        change(&mut self.summary);
        self
    }

    /// Saves it as ws-bench does.
    pub(crate) fn save(&self, path: &Path) {
        let run = Run {
            summary: &self.summary,
            samples: &self.record.samples,
            percentiles: &percentile_table(&self.record),
            timeline: &self.record.timeline,
            clients: &[],
        };
        Output::create(path).unwrap().write(&run).unwrap();
    }
}

//! A plan and a summary for the tests of this module.

use super::{RunContext, Summary};
use crate::plan::{LoadDraft, LoadSpec, Plan, ServerUrl};
use crate::record::{BottomK, Outcome, Recorder, Sample};
use crate::verdict::ServerUsage;

pub(super) fn plan(change: impl FnOnce(&mut LoadDraft)) -> Plan {
    let mut draft = LoadDraft::closed_loop();
    change(&mut draft);
    let url = ServerUrl::parse("ws://127.0.0.1:8000/ws").unwrap();
    LoadSpec::new(draft).unwrap().against(url).unwrap()
}

pub(crate) fn summary(messages: u64) -> Summary {
    let budget = BottomK::new(10, 1);
    let mut recorder = Recorder::new(false, 0);
    for n in 0..messages {
        recorder.sent(n, n);
        let sample = Sample::echoed(0, n, n, n, n + 1_000, Outcome::Ok);
        recorder.ended(&budget, sample, 125);
    }
    let record = Recorder::merge(vec![recorder], &budget);
    let context = RunContext {
        elapsed_s: 2.0,
        server: Some(ServerUsage {
            pids: vec![7],
            pid: 1,
            cpu_s: 0.5,
            max_rss_bytes: None,
            context_switches: None,
            messages_per_cpu_s: None,
        }),
        ..RunContext::default()
    };
    Summary::new(&plan(|_| {}), &record, context)
}

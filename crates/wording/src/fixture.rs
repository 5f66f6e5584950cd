//! A summary for the tests.

use measurement::plan::{LoadDraft, LoadSpec, ServerUrl};
use measurement::record::{BottomK, Outcome, Recorder, Sample};
use measurement::run::{RunContext, Summary};

/// The summary of a closed loop of 100 clients, whose first one sent `messages`.
pub(crate) fn summary(messages: u64) -> Summary {
    let budget = BottomK::new(10, 1);
    let mut recorder = Recorder::new(false, 0);
    for n in 0..messages {
        recorder.sent(n, n);
        let sample = Sample::echoed(0, n, n, n, n + 1_000, Outcome::Ok);
        recorder.ended(&budget, sample, 125);
    }
    let record = Recorder::merge(vec![recorder], &budget);
    let load = LoadSpec::new(LoadDraft::closed_loop()).unwrap();
    let url = ServerUrl::parse("ws://127.0.0.1:8000/ws").unwrap();
    let plan = load.against(url).unwrap();
    let context = RunContext {
        elapsed_s: 2.0,
        ..RunContext::default()
    };
    Summary::new(&plan, &record, context)
}

//! Everything of a run that depends on its seed.

use std::sync::Arc;

use measurement::plan::Plan;
use measurement::record::BottomK;

use crate::dialogue::Dialogue;
use crate::dialogue::publications::PublicationBoard;
use crate::message::payload::Payloads;

/// Everything of a run that depends on its seed, shared by all threads.
#[derive(Debug, Clone)]
pub(crate) struct RunContent {
    pub(crate) plan: Plan,
    pub(crate) payloads: Arc<Payloads>,
    pub(crate) budget: Arc<BottomK>,
    pub(crate) dialogue: Option<Arc<Dialogue>>,
    /// Rooms and messages on their way; `None` without deliveries. They do not depend on the seed.
    pub(crate) board: Option<Arc<PublicationBoard>>,
}

impl RunContent {
    pub(crate) fn new(plan: Plan) -> Self {
        let dialogue = Dialogue::new(&plan).map(Arc::new);
        Self {
            board: dialogue.as_ref().and_then(|dialogue| dialogue.board()),
            payloads: Arc::new(Payloads::new(&plan)),
            budget: Arc::new(BottomK::new(plan.max_samples, plan.seed)),
            dialogue,
            plan,
        }
    }
}

//! Deliveries, and messages that are complete or not, passed to the recorder.

use measurement::record::{
    CompleteMessage, DeliveryOutcome, DeliverySample, Outcome, PublicationSample, Recorder, Sample,
};

use super::slow_reading::record_slow;
use crate::dialogue::Dialogue;
use crate::dialogue::early_records::{OtherKind, OtherRecord};
use crate::dialogue::publication::Publication;
use crate::dialogue::publications::PublicationBoard;
use crate::message::payload::MessageNumber;
use crate::thread_state::ThreadState;

/// A delivery that was recognised in a record.
#[derive(Debug, Clone, Copy)]
pub(super) struct RecognisedDelivery {
    pub(super) kind: usize,
    pub(super) publisher: u32,
    pub(super) number: MessageNumber,
    /// Everything known agrees with what was sent.
    pub(super) agrees: bool,
    /// Arrival, on the thread's clock.
    pub(super) received_ns: u64,
}

/// Counts the deliveries that are expected of a message that was sent.
pub(super) fn expect_deliveries(publication: &Publication, recorder: &mut Recorder) {
    if publication.message.is_of_slow {
        return;
    }
    let expected = &publication.expected;
    let message = &publication.message;
    let sent_ns = message.since_t0(message.sent_ns);
    if let Some(fan_out) = &mut recorder.fan_out {
        fan_out.published(sent_ns, u64::from(expected.others));
        let groups = fan_out.record.roles.iter_mut().zip(&expected.by_group);
        groups.for_each(|(role, n)| role.expected += u64::from(*n));
    }
    if let Some(slow) = &mut recorder.slow {
        slow.receivers.expected += u64::from(expected.slow);
        slow.neighbours(sent_ns).expected += u64::from(expected.others);
    }
}

/// Takes back the expectation of one delivery, because its receiver, of this group, has left by plan.
#[cold]
pub(super) fn excuse_delivery(
    publication: &Publication,
    group: usize,
    dialogue: &Dialogue,
    recorder: &mut Recorder,
) {
    let message = &publication.message;
    if message.is_of_slow || message.number.is_warmup() {
        return;
    }
    let sent_ns = message.since_t0(message.sent_ns);
    let is_slow = group == dialogue.slow_group();
    if let Some(fan_out) = recorder.fan_out.as_mut().filter(|_| !is_slow) {
        fan_out.not_awaited(sent_ns, 1);
        if let Some(role) = fan_out.record.roles.get_mut(group) {
            role.expected = role.expected.saturating_sub(1);
        }
    }
    if let Some(slow) = &mut recorder.slow {
        let expected = if is_slow {
            &mut slow.receivers.expected
        } else {
            &mut slow.neighbours(sent_ns).expected
        };
        *expected = expected.saturating_sub(1);
    }
}

/// Records a first arrival in time.
#[inline]
pub(super) fn record_delivered(
    publication: &Publication,
    role: usize,
    is_slow: bool,
    outcome: DeliveryOutcome,
    now_ns: u64,
    thread: &ThreadState,
) {
    let message = &publication.message;
    if message.is_of_slow {
        return;
    }
    let intended_ns = message.since_t0(message.intended_ns);
    let sent_ns = message.since_t0(message.sent_ns);
    let received_ns = message.since_t0(now_ns);
    let mut recorder = thread.recorder.borrow_mut();
    let recorder = &mut *recorder;
    if let Some(slow) = &mut recorder.slow {
        let delivery_ns = received_ns.saturating_sub(sent_ns);
        if is_slow {
            let response_ns = received_ns.saturating_sub(intended_ns);
            return slow.receivers.delivered(delivery_ns, response_ns);
        }
        let phase = slow.neighbours(sent_ns);
        phase.delivered += 1;
        phase.delivery.record(delivery_ns);
    }
    if let Some(fan_out) = &mut recorder.fan_out {
        if publication.expected.is_queue
            && let Some(role) = fan_out.record.roles.get_mut(role)
        {
            role.expected += 1;
        }
        fan_out.delivered(role, intended_ns, sent_ns, received_ns);
        let reordered = outcome == DeliveryOutcome::Reordered;
        fan_out.record.counts.reordered += u64::from(reordered);
    }
}

/// Records a message that has just reached its last receiver.
pub(super) fn record_complete(
    publication: &Publication,
    dialogue: &Dialogue,
    thread: &ThreadState,
) {
    let mut times = thread.delivery_times.borrow_mut();
    let Some([first_ns, median_ns, last_ns]) = publication.delivery_times(&mut times) else {
        return;
    };
    let message = &publication.message;
    let complete = CompleteMessage {
        intended_ns: message.since_t0(message.intended_ns),
        sent_ns: message.since_t0(message.sent_ns),
        first_ns,
        median_ns,
        last_ns,
    };
    let mut recorder = thread.recorder.borrow_mut();
    let recorder = &mut *recorder;
    let is_counted = !message.is_of_slow;
    if let Some(fan_out) = recorder.fan_out.as_mut().filter(|_| is_counted) {
        fan_out.complete(&complete);
        let sample = publication_sample(publication, Some([first_ns, median_ns, last_ns]));
        fan_out.keep_publication(&thread.budget, sample);
    }
    if let Some(slow) = recorder.slow.as_mut().filter(|_| is_counted) {
        slow.neighbours(complete.sent_ns).complete(&complete);
    }
    if !dialogue.has_reply(publication) {
        let received_ns = complete.sent_ns + last_ns;
        end_message(publication, received_ns, Outcome::Ok, recorder, thread);
    }
}

/// Records a message whose wait is over while deliveries are missing. Returns false when nobody got it, because connections
/// ended by plan: it is abandoned.
pub(super) fn record_unfinished(
    publication: &Publication,
    board: &PublicationBoard,
    recorder: &mut Recorder,
    thread: &ThreadState,
) -> bool {
    let had_nobody = publication.expected.others == 0 && publication.expected.had_planned_exits;
    let is_lost = publication.is_excusable() && publication.delivered() == 0;
    let Some(dialogue) = thread.dialogue.as_ref().filter(|_| had_nobody || is_lost) else {
        record_incomplete(publication, board, recorder, thread);
        return true;
    };
    abandon(publication, board, dialogue, recorder);
    if let Some(reconnect) = &mut recorder.reconnect
        && is_lost
        && !publication.expected.is_queue
    {
        reconnect.in_flight += u64::from(!dialogue.has_reply(publication));
    }
    false
}

/// Records a message that did not reach all of its receivers.
fn record_incomplete(
    publication: &Publication,
    board: &PublicationBoard,
    recorder: &mut Recorder,
    thread: &ThreadState,
) {
    let times = publication.delivery_times(&mut thread.delivery_times.borrow_mut());
    let is_counted = !publication.message.is_of_slow;
    if let Some(fan_out) = recorder.fan_out.as_mut().filter(|_| is_counted) {
        fan_out.record.counts.incomplete += 1;
        let sample = publication_sample(publication, times);
        fan_out.keep_publication(&thread.budget, sample);
        // Slow readers are not receivers of the run.
        let dialogue = thread.dialogue.as_ref();
        let is_slow = |client: &u32| dialogue.is_some_and(|own| own.is_slow(*client));
        let missing = board.missing(publication).into_iter();
        for subscriber in missing.filter(|client| !is_slow(client)) {
            let outcome = DeliveryOutcome::Missing;
            let sample = delivery_sample(subscriber, publication, outcome, 0);
            fan_out.keep_delivery(&thread.budget, sample);
        }
        let expected = &publication.expected;
        if expected.is_queue
            && let Some(role) = fan_out.record.roles.get_mut(expected.queue_group)
        {
            role.expected += u64::from(expected.others);
        }
    }
    let dialogue = thread.dialogue.as_ref();
    if dialogue.is_some_and(|dialogue| !dialogue.has_reply(publication)) {
        end_message(publication, 0, Outcome::Incomplete, recorder, thread);
    }
}

/// Records the end of a message without a reply. `received_ns`: since T0.
fn end_message(
    publication: &Publication,
    received_ns: u64,
    outcome: Outcome,
    recorder: &mut Recorder,
    thread: &ThreadState,
) {
    let message = &publication.message;
    let mut sample = Sample::echoed(
        message.publisher,
        message.number.index(),
        message.since_t0(message.intended_ns),
        message.since_t0(message.sent_ns),
        received_ns,
        outcome,
    );
    sample.kind = message.kind;
    sample.over_stop = message.sent_ns < thread.on_board(thread.last_stop_end_ns.get());
    let is_open_loop = thread.rules.open_loop.is_some();
    if message.is_of_slow {
        return record_slow(recorder, |slow| slow.messages.ended(&sample, is_open_loop));
    }
    if let Some(response_ns) = sample.response_time_ns().filter(|_| is_open_loop) {
        let punctual_ns = response_ns.saturating_sub(message.lateness_ns);
        recorder.punctual_response(punctual_ns, &sample);
    }
    recorder.ended(&thread.budget, sample, message.size);
    if let Some(figures) = &mut recorder.scenario {
        let role = thread.role(message.publisher);
        figures.ended(&sample, role, is_open_loop);
    }
}

/// Takes back what has not arrived of a message, because the user interrupts the run, or because a connection ended by plan
/// with it. The message counts as abandoned unless a reply ends it.
pub(super) fn abandon(
    publication: &Publication,
    board: &PublicationBoard,
    dialogue: &Dialogue,
    recorder: &mut Recorder,
) {
    let message = &publication.message;
    if message.is_of_slow {
        return;
    }
    let sent_ns = message.since_t0(message.sent_ns);
    let missing = u64::from(
        publication
            .awaited()
            .saturating_sub(publication.delivered()),
    );
    let (slow_clients, others): (Vec<_>, Vec<_>) = board
        .missing(publication)
        .into_iter()
        .partition(|client| dialogue.is_slow(*client));
    if let Some(fan_out) = &mut recorder.fan_out {
        fan_out.not_awaited(sent_ns, missing);
        for client in others {
            if let Some(role) = fan_out.record.roles.get_mut(dialogue.role(client)) {
                role.expected = role.expected.saturating_sub(1);
            }
        }
    }
    if let Some(slow) = &mut recorder.slow {
        slow.receivers.expected -= (slow_clients.len() as u64).min(slow.receivers.expected);
        let phase = slow.neighbours(sent_ns);
        phase.expected = phase.expected.saturating_sub(missing);
    }
    if publication.delivered() == 0 {
        board.take_back(publication);
    }
    recorder.counts.abandoned += u64::from(!dialogue.has_reply(publication));
}

fn publication_sample(publication: &Publication, times: Option<[u64; 3]>) -> PublicationSample {
    let message = &publication.message;
    PublicationSample {
        client: message.publisher,
        message: message.number.index(),
        sent_ns: message.since_t0(message.sent_ns),
        expected: publication.awaited(),
        delivered: publication.delivered(),
        first_ns: times.map(|[first, _, _]| first),
        median_ns: times.map(|[_, median, _]| median),
        last_ns: times.map(|[_, _, last]| last),
    }
}

fn delivery_sample(
    subscriber: u32,
    publication: &Publication,
    outcome: DeliveryOutcome,
    now_ns: u64,
) -> DeliverySample {
    let message = &publication.message;
    DeliverySample {
        publisher: message.publisher,
        message: message.number.index(),
        subscriber,
        outcome,
        intended_ns: message.since_t0(message.intended_ns),
        sent_ns: message.since_t0(message.sent_ns),
        received_ns: message.since_t0(now_ns),
    }
}

#[inline]
pub(super) fn keep_sample(
    subscriber: u32,
    publication: &Publication,
    outcome: DeliveryOutcome,
    now_ns: u64,
    thread: &ThreadState,
) {
    if publication.message.is_of_slow {
        return;
    }
    let mut recorder = thread.recorder.borrow_mut();
    if let Some(fan_out) = &mut recorder.fan_out {
        let sample = delivery_sample(subscriber, publication, outcome, now_ns);
        fan_out.keep_delivery(&thread.budget, sample);
    }
}

/// Counts a delivery to the sender of the message.
pub(super) fn count_own_copy(thread: &ThreadState) {
    if let Some(fan_out) = &mut thread.recorder.borrow_mut().fan_out {
        fan_out.record.own_copies += 1;
    }
}

/// Counts a delivery that is not the first one in time.
#[cold]
pub(super) fn count_other(outcome: DeliveryOutcome, thread: &ThreadState) {
    let mut recorder = thread.recorder.borrow_mut();
    let Some(fan_out) = &mut recorder.fan_out else {
        return;
    };
    let counts = &mut fan_out.record.counts;
    match outcome {
        DeliveryOutcome::Late => counts.late += 1,
        DeliveryOutcome::Duplicated => counts.duplicated += 1,
        DeliveryOutcome::Corrupted => counts.corrupted += 1,
        DeliveryOutcome::Ok
        | DeliveryOutcome::Reordered
        | DeliveryOutcome::Missing
        | DeliveryOutcome::Unexpected => {}
    }
}

/// Records a delivery to a client that should not get the message.
#[cold]
pub(super) fn record_unexpected(client: u32, delivery: RecognisedDelivery, thread: &ThreadState) {
    if delivery.number.is_warmup() {
        return;
    }
    thread.count_other(OtherRecord {
        received_ns: delivery.received_ns,
        kind: OtherKind::Misdirected {
            publisher: delivery.publisher,
            message: delivery.number.index(),
            subscriber: client,
        },
    });
}

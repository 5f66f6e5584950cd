//! Messages of a scenario, filled from templates.

use rand::RngExt;

use super::Client;
use crate::buffers::{BUFFER_LEN, OutgoingFrame, WriteBuffers};
use crate::dialogue::{Dialogue, wall_ns};
use crate::message::in_flight::InFlightMessage;
use crate::message::pacing::SendQuota;
use crate::message::payload::{MessageNumber, PayloadShape};
use crate::thread_state::ThreadState;

impl Client {
    /// Appends as many new frames as the quota and the buffer allow.
    pub(super) fn begin_template_frames(
        &mut self,
        dialogue: &Dialogue,
        quota: &mut SendQuota,
        buffers: &mut WriteBuffers,
        thread: &ThreadState,
    ) {
        let Some(mut own) = self.dialogue.take() else {
            return;
        };
        self.register_sent(&mut own, dialogue, thread);
        if dialogue.shows_time {
            own.wall_ns = wall_ns();
        }
        let mut index = if quota.measured {
            self.sent
        } else {
            self.warmed
        };
        // Ids are taken when the messages are sent.
        let mut last_id = own.state.last_id();
        while buffers.bytes.as_bytes().len() < BUFFER_LEN
            && let Some(intended_ns) = quota.take(&thread.rules)
        {
            let number = if quota.measured {
                MessageNumber::measured(index)
            } else {
                MessageNumber::warmup(index)
            };
            index += 1;
            let bits = number.bits();
            let scenario = &dialogue.scenario;
            let kind = scenario.message_type(&dialogue.padding, self.id, bits);
            last_id += u64::from(scenario.messages[kind].send.holds_id());
            let values = own.values(dialogue, bits, last_id);
            let filled = scenario.messages[kind].send.fill(&values);
            let message = InFlightMessage {
                number,
                shape: PayloadShape::of_kind(kind, filled.len()),
                intended_ns,
                ready_ns: intended_ns.max(self.room_since_ns).min(quota.now_ns),
                sent_ns: quota.now_ns,
            };
            let mask = buffers.masks.random::<u32>().to_ne_bytes();
            let mut frame = OutgoingFrame::new(message, thread.rules.kind, mask);
            frame.append_template(&mut buffers.bytes, &filled);
            buffers.frames.push(frame);
            if scenario.messages[kind].has_deliveries() {
                // Before it is sent, because another thread may receive it at once.
                self.publish(&message, &mut own, dialogue, thread);
            }
        }
        self.dialogue = Some(own);
    }

    /// Appends more of a frame that is partly sent.
    #[cold]
    pub(super) fn continue_template_frame(
        &mut self,
        dialogue: &Dialogue,
        frame: &mut OutgoingFrame,
        buffers: &mut WriteBuffers,
        thread: &ThreadState,
    ) {
        let Some(mut own) = self.dialogue.take() else {
            return;
        };
        self.register_sent(&mut own, dialogue, thread);
        let message = frame.message;
        let id = own.sent.id_of(message.number);
        let values = own.values(dialogue, message.number.bits(), id);
        let filled = dialogue.scenario.messages[message.shape.kind()]
            .send
            .fill(&values);
        frame.append_template(&mut buffers.bytes, &filled);
        self.dialogue = Some(own);
    }
}

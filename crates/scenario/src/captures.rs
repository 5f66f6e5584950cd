//! Texts that patterns have read from a record.

/// Home of a captured text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CaptureTarget {
    /// A slot of the client's state.
    Slot(u16),
    /// Kept until the record has been answered.
    Local(u16),
}

/// Copies of the texts that the last matching pattern has read. Reused from record to record.
#[derive(Debug, Clone, Default)]
pub struct Captures {
    bytes: Vec<u8>,
    taken: Vec<TakenText>,
}

#[derive(Debug, Clone)]
struct TakenText {
    target: CaptureTarget,
    start: usize,
    end: usize,
}

impl Captures {
    /// No captures, for messages that answer no record.
    pub fn none() -> &'static Self {
        static NONE: Captures = Captures {
            bytes: Vec::new(),
            taken: Vec::new(),
        };
        &NONE
    }

    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
        self.taken.clear();
    }

    /// The place that [`drop_from`](Self::drop_from) goes back to.
    pub(crate) fn mark(&self) -> usize {
        self.taken.len()
    }

    pub(crate) fn drop_from(&mut self, mark: usize) {
        if let Some(taken) = self.taken.get(mark) {
            self.bytes.truncate(taken.start);
            self.taken.truncate(mark);
        }
    }

    pub(crate) fn take(&mut self, target: CaptureTarget, text: &[u8]) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(text);
        self.taken.push(TakenText {
            target,
            start,
            end: self.bytes.len(),
        });
    }

    /// Text of a local capture; empty when it was not read.
    pub(crate) fn local(&self, local: u16) -> &[u8] {
        let wanted = CaptureTarget::Local(local);
        let taken = self.taken.iter().rfind(|taken| taken.target == wanted);
        taken.map_or(&[], |taken| &self.bytes[taken.start..taken.end])
    }

    /// Slots and texts for the client's state.
    pub(crate) fn for_slots(&self) -> impl Iterator<Item = (u16, &[u8])> {
        self.taken.iter().filter_map(|taken| match taken.target {
            CaptureTarget::Slot(slot) => Some((slot, &self.bytes[taken.start..taken.end])),
            CaptureTarget::Local(_) => None,
        })
    }
}

//! Which kinds of file carry what.

use std::fmt;
use std::path::Path;

use crate::error::ResultsError;

/// What a file may hold of a run, and a picture may need.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// The time of each message.
    Messages,
    /// Times and how often each occurred.
    Distribution,
    /// Times and the moments at which their messages were sent.
    Moments,
    /// What happened in each second.
    Timeline,
    /// Anything that a run says of itself.
    Run,
}

impl Part {
    /// The kinds of file that carry it.
    #[must_use]
    pub fn carriers(self) -> &'static str {
        match self {
            Self::Messages => "the .xlsx or .csv of the run",
            Self::Moments => "the .xlsx, .csv or .hlog of the run",
            // Until it had histograms and a timeline, the .json was the summary alone.
            Self::Distribution | Self::Timeline => {
                "the .xlsx, .csv or .hlog of the run, or its .json from a ws-bench that writes it there"
            }
            Self::Run => "the .xlsx, .json, .csv or .hlog of a run of ws-bench",
        }
    }

    pub(super) fn missing_in(self, path: &Path) -> ResultsError {
        ResultsError::Lacks {
            path: path.to_owned(),
            part: self,
        }
    }
}

/// What it is and what needs it, for a message.
impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Messages => "single messages, which the kind latency needs",
            Self::Distribution => {
                "distribution of times, which the kinds histogram, cdf and percentiles need"
            }
            Self::Moments => "moments of sending, which the kind heatmap needs",
            Self::Timeline => "seconds of a run, which the kind timeline needs",
            Self::Run => "account of a run",
        })
    }
}

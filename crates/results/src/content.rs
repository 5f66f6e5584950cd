//! Contents of a run's files, and the formats that hold each.

use std::fmt;

/// Content that a file may hold of a run, and that a picture may need.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Content {
    /// The time of each message.
    Messages,
    /// Times and how often each occurred.
    Distribution,
    /// Times and the moments at which their messages were sent.
    SendTimes,
    /// One row a second.
    Timeline,
    /// Anything that a run says of itself.
    Run,
}

impl Content {
    /// The formats that hold it, in words.
    pub(crate) fn formats(self) -> &'static str {
        match self {
            Self::Messages => "the .xlsx or .csv of the run",
            Self::SendTimes => "the .xlsx, .csv or .hlog of the run",
            // Until it had histograms and a timeline, the .json was the summary alone.
            Self::Distribution | Self::Timeline => {
                "the .xlsx, .csv or .hlog of the run, or its .json from a ws-bench that writes it there"
            }
            Self::Run => "the .xlsx, .json, .csv or .hlog of a run of ws-bench",
        }
    }
}

/// The content and its user, for a message.
impl fmt::Display for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Messages => "single messages, which the kind latency needs",
            Self::Distribution => {
                "distribution of times, which the kinds histogram, cdf and percentiles need"
            }
            Self::SendTimes => "moments of sending, which the kind heatmap needs",
            Self::Timeline => "seconds of a run, which the kind timeline needs",
            Self::Run => "run of ws-bench",
        })
    }
}

//! Contents of a run's files, and the formats that hold each.

use std::fmt;

/// Content of a run's file that a picture or report can need.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Content {
    /// The time of each message.
    Messages,
    /// Times, each with its number of occurrences.
    Distribution,
    /// Times and the moments at which their messages were sent.
    SendTimes,
    /// One row a second.
    Timeline,
    /// Messages that were delivered to several receivers.
    Deliveries,
    /// Connections that were lost, and the attempts to open them again.
    Reconnects,
    /// Response times over offered rates.
    LoadCurve,
    /// Any part of a run.
    Run,
}

impl Content {
    /// The formats that hold the content, in words.
    pub(crate) fn formats(self) -> &'static str {
        match self {
            Self::Messages => "the .xlsx or .csv of the run",
            Self::SendTimes => "the .xlsx, .csv or .hlog of the run",
            // Until it had histograms and a timeline, the .json was the summary alone.
            Self::Distribution | Self::Timeline => {
                "the .xlsx, .csv or .hlog of the run, or a .json of a newer ws-bench"
            }
            Self::Deliveries => "the .xlsx or .json of a run with deliveries",
            Self::Reconnects => "the .xlsx or .json of a run with `--drop` or `--reconnect`",
            Self::LoadCurve => {
                "the .xlsx or .json of a run with `ws-bench --sweep` or `ws-bench --find-capacity`"
            }
            Self::Run => "the .xlsx, .json, .csv or .hlog of a run of ws-bench",
        }
    }
}

/// The content and the kinds of pictures that need it, for a message.
impl fmt::Display for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Messages => "single messages, which the kind latency needs",
            Self::Distribution => {
                "distribution of times, which the kinds histogram, cdf and percentiles need"
            }
            Self::SendTimes => "send times of messages, which the kind heatmap needs",
            Self::Timeline => "figures of each second, which the kind timeline needs",
            Self::Deliveries => "deliveries, which the kind fan-out needs",
            Self::Reconnects => "lost connections, which the kind storm needs",
            Self::LoadCurve => "load curve, which the kind load-curve needs",
            Self::Run => "run of ws-bench",
        })
    }
}

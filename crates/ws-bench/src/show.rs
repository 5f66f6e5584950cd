//! How a run may be looked at while it goes on: the flags, and what they ask for.

use std::net::SocketAddr;

use clap::Args;

use crate::args::OUTPUT;

/// The flags of who looks on.
#[derive(Debug, Clone, Args)]
pub(crate) struct ShowArgs {
    /// Show the run on a live screen instead of the progress bar: phases, rates, percentiles, histogram,
    /// latency over time, errors and the verdict so far
    ///
    /// It is drawn on standard error, which must be a terminal; --json may go to a file meanwhile.
    /// q, Esc and Ctrl-C end the run and save its files; once more ends at once and saves nothing.
    #[arg(long, conflicts_with = "quiet", help_heading = OUTPUT)]
    pub(crate) tui: bool,

    /// Serve the run's counters and histograms to Prometheus while it goes on, at /metrics (example: 127.0.0.1:9100)
    ///
    /// Port 0 picks a free one, which is told on standard error unless --quiet. The last figures stay readable
    /// until the program ends.
    #[arg(long, value_name = "ADDR", help_heading = OUTPUT)]
    pub(crate) metrics_bind: Option<SocketAddr>,
}

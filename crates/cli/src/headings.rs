//! Headings of the flags that several programs share.

/// Heading of the flags of the load.
pub const LOAD: &str = "Load";
/// Heading of the flags of the connections.
pub const CONNECTION: &str = "Connections";
/// Heading of the flags of files and reports.
pub const OUTPUT: &str = "Output";
/// Heading of the flags of runs of several processes.
pub const SHARDS: &str = "Several processes";
/// Heading of the flags of scenarios.
pub const SCENARIO: &str = "Scenario";
/// Heading of the flags of capacity searches and sweeps.
pub const SEARCH: &str = "Capacity and load curve";

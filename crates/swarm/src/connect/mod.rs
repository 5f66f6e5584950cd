//! Opening of connections: TCP, TLS and upgrade, each timed.
//!
//! | module | content |
//! |---|---|
//! | `connector` | what all connections of a run have in common: address, TLS, request |
//! | `opening` | one connection that is being opened |
//! | `pending_connections` | all connections of a thread that are being opened |
//! | `connect_stats` | times and failures of a thread's connections |
//! | `upgrade` | request of the upgrade, and reader of the answer; knows no socket |
//! | `upgrade_exchange` | one upgrade on a socket |
//! | `address` | addresses of a host, and the one that is measured |
//! | `transport` | the bytes' way: TCP, TLS over TCP, a Unix socket |
//! | `tls` | TLS configuration: certificates to trust, the client's own |

pub mod address;
pub(crate) mod connect_stats;
pub(crate) mod connector;
pub(crate) mod opening;
pub(crate) mod pending_connections;
pub mod tls;
pub(crate) mod transport;
pub mod upgrade;
pub(crate) mod upgrade_exchange;

//! Opening of connections: TCP, TLS and upgrade, each of them timed.
//!
//! | module | contents |
//! |---|---|
//! | `connector` | data shared by all connections of a run: addresses, TLS, requests |
//! | `opening` | one connection being opened |
//! | `pending_connections` | all connections of a thread being opened |
//! | `connect_stats` | times and failures of a thread's connections |
//! | `upgrade` | request of the upgrade, and reader of the answer, independent of sockets |
//! | `upgrade_exchange` | one upgrade on a socket |
//! | `address` | addresses of a host, and the choice of the one to measure |
//! | `local_socket` | a TCP socket with a source address and a port of its own |
//! | `transport` | TCP, TLS over TCP, or a Unix socket |
//! | `tls` | TLS configuration: certificates to trust, the client's own |

pub mod address;
pub(crate) mod connect_stats;
pub(crate) mod connector;
pub(crate) mod local_socket;
pub(crate) mod opening;
pub(crate) mod pending_connections;
pub mod tls;
pub(crate) mod transport;
pub mod upgrade;
pub(crate) mod upgrade_exchange;

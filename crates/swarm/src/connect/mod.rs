//! Opening of connections: TCP, TLS and upgrade, each timed.
//!
//! | module | content |
//! |---|---|
//! | `connector` | what all connections of a run have in common: address, TLS, request |
//! | `opening` | one connection that is being opened |
//! | `pending_connections` | all connections of a thread that are being opened |
//! | `connect_stats` | times and failures of a thread's connections |
//! | `response_head` | reader of an HTTP response's head |
//! | `transport` | the bytes' way: TCP, TLS over TCP, a Unix socket |
//! | `tls` | TLS configuration and the certificates to trust |

pub(crate) mod connect_stats;
pub(crate) mod connector;
pub(crate) mod opening;
pub(crate) mod pending_connections;
pub(crate) mod response_head;
pub mod tls;
pub(crate) mod transport;

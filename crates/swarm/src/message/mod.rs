//! The life of a message, in independent modules.
//!
//! | module | contents |
//! |---|---|
//! | `pacing` | due times and quotas |
//! | `payload` | payload bytes and identities |
//! | `in_flight` | messages that await their echo |
//! | `echo_verifier` | matching of echoes with messages, and their verification |
//! | `held_back` | messages without an identity |
//! | `received`, `difference` | received messages, and differences of wrong echoes |

pub(crate) mod difference;
pub(crate) mod echo_verifier;
pub(crate) mod held_back;
pub(crate) mod in_flight;
pub(crate) mod pacing;
pub(crate) mod payload;
pub(crate) mod received;

//! A scenario tried on its server: clients of one room, each with its setup, one message of each kind, its end.
//!
//! The meaning of every record comes from the `scenario` crate, as in a measurement. The connection does not: the
//! client is blocking, and frames are read by another library than the load generator's, so that the frames shown do
//! not depend on what is measured with.
//!
//! | module | content |
//! |---|---|
//! | `trial` | [`Trial`]: the conversation of one client |
//! | `conversation` | messages sent, records received, and their meaning |
//! | `receiver` | messages that reach a client: of other clients, and of the server's own |
//! | `trial_room` | [`TrialRoom`]: the receivers of a trial, and the messages that reached them |
//! | `outcome` | [`TrialLine`]: one frame or record; [`TrialOutcome`]: the result |
//! | `sent_log` | the client's messages |
//! | `ws_client`, `deadline_stream` | [`WsClient`]: a blocking client with a deadline |

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod conversation;
mod deadline_stream;
mod outcome;
mod receiver;
mod sent_log;
mod trial;
mod trial_room;
mod ws_client;

pub use outcome::{MessageEnd, TrialDirection, TrialLine, TrialMeaning, TrialOutcome};
pub use trial::{Trial, TrialSignals};
pub use trial_room::TrialRoom;
pub use ws_client::{HandshakeTarget, WsClient, WsClientError};

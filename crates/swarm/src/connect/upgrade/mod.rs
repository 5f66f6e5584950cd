//! The upgrade from HTTP/1.1 to WebSocket: request, and reader of the answer (RFC 6455, 4.1; RFC 9110).
//!
//! The reader is independent of sockets, so that the generator and blocking clients can share it. It accepts answers
//! with status 1xx before the 101, lists and repeated fields, and heads of up to [`MAX_HEAD`] bytes. Everything else
//! becomes a [`ConnectFailure`] that quotes the answer.
//!
//! | module | contents |
//! |---|---|
//! | `request` | the request, with a new key for each connection |
//! | `reader` | parser of the answer, up to the end of the handshake or of a refusal |
//! | `head` | status line and fields of one head |
//! | `agreement` | comparison of a 101 with the request |
//! | `refusal_body` | beginning of the body of any other answer |

mod agreement;
mod head;
mod reader;
mod refusal_body;
mod request;

pub use reader::{MAX_HEAD, UpgradeProgress, UpgradeReader};
pub use request::UpgradeRequest;

#[cfg(doc)]
use measurement::record::ConnectFailure;

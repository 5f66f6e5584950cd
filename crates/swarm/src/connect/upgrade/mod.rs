//! The upgrade from HTTP/1.1 to WebSocket: its request, and the reader of the answer (RFC 6455, 4.1; RFC 9110).
//!
//! The reader takes bytes as they come and knows no socket, so that the generator and blocking clients share
//! it. It accepts answers with status 1xx before the 101, lists and repeated fields, and heads of up to
//! [`MAX_HEAD`] bytes. Everything else becomes a [`ConnectFailure`] with what came.
//!
//! | module | content |
//! |---|---|
//! | `request` | the request, and a key for each connection |
//! | `reader` | bytes of the answer, up to the end of the handshake or of a refusal |
//! | `head` | status line and fields of one head |
//! | `agreement` | a 101 compared with what was asked |
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

//! WebSocket frames (RFC 6455) over buffers that belong to the caller, not to the connection.
//!
//! The decoder is a state machine over the bytes of each read. It passes on payload in parts of the read buffer,
//! without copying or collecting them. The state of a connection stays below 200 bytes, whatever the server sends. The
//! encoder appends to the write buffer and can resume at any byte of a frame, so a partly written frame needs no copy
//! either.
//!
//! The crate does not verify the content of messages. The load generator compares it with the message sent, so a wrong
//! byte makes one message corrupted and does not end its connection.
//!
//! | module | contents |
//! |---|---|
//! | `frame_decoder` | decoder for frames from a server: bytes to events |
//! | `frame_encoder` | encoder for frames from a client: headers, control frames, write buffer |
//! | `masking` | the XOR mask of a client's payload |
//! | `opcode` | types of messages and frames |

mod frame_decoder;
mod frame_encoder;
mod masking;
mod opcode;

pub use frame_decoder::{Decoder, Event, ProtocolError, strip_message};
pub use frame_encoder::{FrameHeader, WriteBuffer, append_control_frame, next_piece};
pub use masking::mask;
pub use opcode::{MessageKind, Opcode};

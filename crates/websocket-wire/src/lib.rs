//! WebSocket frames (RFC 6455) over buffers that belong to the caller, not to the connection.
//!
//! The decoder is a state machine over the bytes of each read. It passes payload on in parts, as they lie
//! in the read buffer, and never copies or collects them. A connection's state stays below 200 bytes,
//! whatever the server sends. The encoder appends to the write buffer and can begin anywhere inside a
//! frame, so a half-written frame needs no copy either.
//!
//! Nothing here verifies the content of a message. The load generator compares it with the message that
//! was sent, so a wrong byte is one corrupted message and not the end of its connection.
//!
//! | module | content |
//! |---|---|
//! | `frame_decoder` | frames of a server: bytes to events |
//! | `frame_encoder` | frames of a client: headers, control frames, the write buffer |
//! | `masking` | the XOR mask of a client's payload |
//! | `opcode` | types of messages and frames |

mod frame_decoder;
mod frame_encoder;
mod masking;
mod opcode;

pub use frame_decoder::{Decoder, Event, ProtocolError};
pub use frame_encoder::{FrameHeader, WriteBuffer, append_control_frame, next_piece};
pub use masking::mask;
pub use opcode::{MessageKind, Opcode};

//! The life of a message, in four questions that do not know each other's answers.
//!
//! | module | question |
//! |---|---|
//! | `pacing` | when is a message due? |
//! | `payload` | what does it carry? |
//! | `in_flight` | which messages wait for their echo? |
//! | `echo_verifier` | which message does an echo answer, and is it correct? |
//! | `held_back` | what is a message that names nothing? |
//! | `received`, `difference` | in what does a wrong echo differ? |

pub(crate) mod difference;
pub(crate) mod echo_verifier;
pub(crate) mod held_back;
pub(crate) mod in_flight;
pub(crate) mod pacing;
pub(crate) mod payload;
pub(crate) mod received;

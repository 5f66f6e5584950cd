//! The flags of the load: clients, messages and connections.

use std::num::{NonZeroU32, NonZeroU64};
use std::time::Duration;

use clap::Args;
use http::{HeaderMap, HeaderName, HeaderValue, header};
use measurement::plan::{
    Length, Load, LoadDraft, MAX_CLIENTS, MAX_MESSAGES_PER_CLIENT, MAX_WINDOW, Verify,
};
use units::{Rate, SizeRange, parse_count, parse_duration};

use crate::choices::{Choice, one_of, up_to};
use crate::generator_flags::GeneratorFlags;
use crate::headings::{CONNECTION, LOAD};
use crate::tls_flags::TlsFlags;

/// The flags of the load that a program puts on a server.
#[derive(Debug, Clone, Args)]
#[group(skip)]
pub struct LoadFlags {
    /// Connections, each one client (example: 10_000)
    #[arg(short, long, value_name = "N", default_value = "100", value_parser = up_to::<NonZeroU32>(MAX_CLIENTS), help_heading = LOAD)]
    pub clients: NonZeroU32,

    /// Measured messages per client (example: 10_000)
    #[arg(short, long, value_name = "N", default_value = "1000", value_parser = up_to::<NonZeroU64>(MAX_MESSAGES_PER_CLIENT), help_heading = LOAD)]
    pub messages: NonZeroU64,

    /// Measure for a time instead of a number of messages; a scenario that only receives is measured for 10s by default
    /// (example: 10s)
    #[arg(short, long, value_name = "TIME", conflicts_with = "messages", value_parser = parse_duration, help_heading = LOAD)]
    pub duration: Option<Duration>,

    /// Payload size in bytes, or a range of sizes, drawn uniformly (examples: 4KiB, 64..1KiB)
    #[arg(short, long, value_name = "SIZE|MIN..MAX", default_value = "125", help_heading = LOAD)]
    pub size: SizeRange,

    /// Send text messages (the default)
    #[arg(long, group = "kind", help_heading = LOAD)]
    pub text: bool,

    /// Send binary messages instead of text
    #[arg(long, group = "kind", help_heading = LOAD)]
    pub binary: bool,

    /// Maximum messages in flight per client [default: 1; unlimited in open loop] (example: 64)
    ///
    /// Closed loop: each client keeps exactly N messages in flight. Open loop: at most N. A message that is
    /// due while the window is full waits, and the wait counts towards its response time.
    #[arg(short, long, value_name = "N", value_parser = up_to::<NonZeroU32>(MAX_WINDOW), help_heading = LOAD)]
    pub window: Option<NonZeroU32>,

    /// Unrecorded load before the measured phase, on the same connections (example: 5s)
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = parse_duration, help_heading = LOAD)]
    pub warmup: Duration,

    /// Comparison of each echo with the message that was sent (example: length)
    #[arg(long, value_parser = one_of(&VERIFY), default_value = FULL, help_heading = LOAD)]
    pub verify: Verify,

    /// Seed of all random choices [default: random, and reported] (example: 42)
    #[arg(long, value_name = "N", value_parser = parse_count, help_heading = LOAD)]
    pub seed: Option<u64>,

    /// Connections to open per second, each at its due time, however slowly the server accepts (open loop) [default:
    /// unlimited] (example: 500)
    ///
    /// The connect response counts from the due time. Without this flag, a connection is due when it is begun, and each
    /// generator thread has at most 128 handshakes open at once.
    #[arg(long, value_name = "CONN/S", help_heading = CONNECTION)]
    pub connect_rate: Option<Rate>,

    /// Time limit for opening one connection: TCP, TLS and upgrade (example: 2s)
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = parse_duration, help_heading = CONNECTION)]
    pub connect_timeout: Duration,

    /// Time limit for one echo; after it, a message counts as late, and as lost if no echo comes at all (example: 500ms)
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = parse_duration, help_heading = CONNECTION)]
    pub timeout: Duration,

    /// Header of the upgrade request, repeatable (example: 'Authorization: Bearer abc')
    #[arg(long = "header", value_name = "K: V", value_parser = header_line, help_heading = CONNECTION)]
    pub headers: Vec<(HeaderName, HeaderValue)>,

    /// Subprotocol to offer, repeatable (example: chat.v2)
    #[arg(long = "subprotocol", value_name = "P", value_parser = subprotocol, help_heading = CONNECTION)]
    pub subprotocols: Vec<String>,

    /// Origin header of the upgrade request (example: `https://example.org`)
    #[arg(long, value_name = "O", value_parser = header_value, help_heading = CONNECTION)]
    pub origin: Option<HeaderValue>,

    /// The flags of `wss://`.
    #[command(flatten)]
    pub tls: TlsFlags,
}

/// The default of `--verify`.
const FULL: &str = "full";

const VERIFY: [Choice<Verify>; 3] = [
    (
        "off",
        "No comparison; echoes are matched by order, not by the identity in them",
        Verify::Off,
    ),
    ("length", "Message type and length", Verify::Length),
    (FULL, "Message type, length and every byte", Verify::Full),
];

impl LoadFlags {
    /// The draft of a closed loop, without raw samples and pinning, which the program adds.
    pub fn draft(&self, generator: &GeneratorFlags) -> LoadDraft {
        LoadDraft {
            clients: self.clients,
            length: match self.duration {
                Some(time) => Length::Duration(time),
                None => Length::MessagesPerClient(self.messages),
            },
            payload: self.size,
            text: !self.binary,
            load: Load::Closed {
                window: self.window.unwrap_or(NonZeroU32::MIN),
            },
            connect_rate: self.connect_rate,
            connect_timeout: self.connect_timeout,
            timeout: self.timeout,
            warmup: self.warmup,
            verify: self.verify,
            threads: generator.threads(),
            busy_poll: generator.busy_poll,
            headers: self.handshake_headers(),
            seed: self.seed.unwrap_or_else(random_seed),
            ..LoadDraft::closed_loop()
        }
    }

    /// Headers of the handshake, including origin and subprotocols.
    pub(crate) fn handshake_headers(&self) -> HeaderMap {
        let mut headers: HeaderMap = self.headers.iter().cloned().collect();
        if let Some(origin) = &self.origin {
            headers.insert(header::ORIGIN, origin.clone());
        }
        // Every subprotocol is a token, so the list is a valid header value.
        if let Ok(list) = HeaderValue::from_str(&self.subprotocols.join(", "))
            && !self.subprotocols.is_empty()
        {
            headers.insert(header::SEC_WEBSOCKET_PROTOCOL, list);
        }
        headers
    }
}

fn header_line(text: &str) -> Result<(HeaderName, HeaderValue), String> {
    let (name, value) = text
        .split_once(':')
        .ok_or("a header has the form 'Name: value'")?;
    let name = name
        .trim()
        .parse()
        .map_err(|_| format!("`{}` is not a header name", name.trim()))?;
    Ok((name, header_value(value)?))
}

fn header_value(text: &str) -> Result<HeaderValue, String> {
    text.trim()
        .parse()
        .map_err(|_| format!("`{}` is not a header value", text.trim()))
}

fn subprotocol(text: &str) -> Result<String, String> {
    // A token (RFC 6455, 4.1), like the name of a header.
    match text.parse::<HeaderName>() {
        Ok(_) => Ok(text.to_owned()),
        Err(_) => Err(format!("`{text}` is not a subprotocol name")),
    }
}

/// A random seed of 53 bits, which every JSON reader stores exactly.
pub fn random_seed() -> u64 {
    rand::random::<u64>() >> 11
}

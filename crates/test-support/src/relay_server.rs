//! A server on the loopback that passes calls of its clients on to one of them, and the answers back to the callers.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::{SinkExt, StreamExt};
use tokio::net::TcpStream;
use tokio::runtime::Runtime;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio_tungstenite::tungstenite::{Error, Message};

use crate::loopback::serve_loopback;

/// A scenario for the server: client 0 answers the calls of all others.
pub const RELAYED_CALLS: &str = "
[roles.worker]
count = 1
sends = false
[roles.caller]
[[setup]]
send = 'I am ${client}'
expect = 'welcome'
[[on]]
name = 'work'
role = 'worker'
match = 'call ${from} ${what}'
send = 'done ${from} ${what}'
[[message]]
send = 'call ${client} ${uid}${pad}'
reply = 'done ${client} ${uid}${pad}'
";

/// A running server. It ends when dropped.
#[derive(Debug)]
pub struct RelayServer {
    /// The server's URL.
    pub url: String,
    _runtime: Runtime,
}

#[derive(Debug, Default)]
struct RelayState {
    clients: HashMap<String, UnboundedSender<Message>>,
    /// Messages for clients that have not said their names yet.
    waiting: HashMap<String, Vec<Message>>,
    calls: usize,
}

type SharedState = Arc<Mutex<RelayState>>;

impl RelayServer {
    /// Starts a server that passes on this many calls. It closes the connection of client 0 at the next one.
    ///
    /// # Panics
    /// When the system refuses a socket or a thread.
    #[must_use]
    pub fn start(calls: usize) -> Self {
        let state = SharedState::default();
        let (address, runtime) = serve_loopback(move |stream| {
            let state = Arc::clone(&state);
            async move { serve(stream, &state, calls).await }
        });
        Self {
            url: format!("ws://{address}/"),
            _runtime: runtime,
        }
    }
}

async fn serve(stream: TcpStream, state: &SharedState, most_calls: usize) -> Result<(), Error> {
    stream.set_nodelay(true)?;
    let (mut out, mut frames) = tokio_tungstenite::accept_async(stream).await?.split();
    let (own, mut queue) = unbounded_channel();
    tokio::spawn(async move {
        while let Some(message) = queue.recv().await {
            if out.send(message).await.is_err() {
                return;
            }
        }
    });
    while let Some(message) = frames.next().await {
        let message = message?;
        let Ok(text) = message.to_text().map(str::to_owned) else {
            continue;
        };
        let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
        let mut words = text.split(' ');
        let (to, message) = match (words.next(), words.next()) {
            (Some("I"), Some("am")) => {
                let name = words.next().unwrap_or_default().to_owned();
                let waiting = state.waiting.remove(&name).unwrap_or_default();
                for message in [Message::text("welcome")].into_iter().chain(waiting) {
                    let _ = own.send(message);
                }
                state.clients.insert(name, own.clone());
                continue;
            }
            (Some("call"), Some(_)) => {
                state.calls += 1;
                let passed_on = state.calls <= most_calls;
                let message = if passed_on {
                    message
                } else {
                    Message::Close(None)
                };
                ("0".to_owned(), message)
            }
            (Some("done"), Some(caller)) => (caller.to_owned(), message),
            _ => continue,
        };
        match state.clients.get(&to) {
            Some(client) => drop(client.send(message)),
            None => state.waiting.entry(to).or_default().push(message),
        }
    }
    Ok(())
}

//! A server with rooms: a message goes to all connections of its sender's path. And a feed, which sends on its own.

use std::sync::{Arc, Mutex};

use futures_util::{SinkExt, StreamExt};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};

/// The texts that a connection gets for a message. The flag is true for the connection of its sender.
pub(crate) type Copies = fn(bool, &str) -> Vec<String>;

/// A running server.
pub(crate) struct RoomServer {
    /// Address without path: `ws://127.0.0.1:1234`.
    pub(crate) url: String,
    _runtime: tokio::runtime::Runtime,
}

/// Connections: path, and the way to their socket.
type Rooms = Arc<Mutex<Vec<(String, UnboundedSender<String>)>>>;

impl RoomServer {
    /// A server that sends these texts for every message.
    pub(crate) fn start(copies: Copies) -> Self {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let listener = runtime
            .block_on(tokio::net::TcpListener::bind("127.0.0.1:0"))
            .unwrap();
        let url = format!("ws://{}", listener.local_addr().unwrap());
        let rooms = Rooms::default();
        runtime.spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                tokio::spawn(serve(stream, Arc::clone(&rooms), copies));
            }
        });
        Self {
            url,
            _runtime: runtime,
        }
    }
}

async fn serve(stream: tokio::net::TcpStream, rooms: Rooms, copies: Copies) {
    stream.set_nodelay(true).unwrap();
    let (own, mut queue) = unbounded_channel();
    let (mut path, joined, entry) = (String::new(), Arc::clone(&rooms), own.clone());
    // A client is in its room before it knows that it is connected.
    #[allow(clippy::result_large_err)]
    let accept = |request: &Request, response: Response| -> Result<Response, ErrorResponse> {
        path = request.uri().path().to_owned();
        joined.lock().unwrap().push((path.clone(), entry));
        Ok(response)
    };
    let Ok(socket) = tokio_tungstenite::accept_hdr_async(stream, accept).await else {
        return;
    };
    let (mut out, mut frames) = socket.split();
    if path == "/feed" {
        (0..10).for_each(|seq| drop(own.send(format!("tick {seq}"))));
    }
    tokio::spawn(async move {
        while let Some(text) = queue.recv().await {
            if out.send(Message::text(text)).await.is_err() {
                return;
            }
        }
    });
    while let Some(Ok(message)) = frames.next().await {
        let Message::Text(text) = message else {
            continue;
        };
        for (room, member) in rooms.lock().unwrap().iter() {
            if *room == path {
                let texts = copies(member.same_channel(&own), &text);
                texts.into_iter().for_each(|text| drop(member.send(text)));
            }
        }
    }
    rooms
        .lock()
        .unwrap()
        .retain(|(_, member)| !member.same_channel(&own));
}

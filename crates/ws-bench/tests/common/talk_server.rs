//! Servers that do more than echo: a chat, JSON-RPC, GraphQL and Socket.IO, as far as scenarios need them.

use std::sync::{Arc, Mutex};

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};

/// State of one connection.
#[derive(Debug, Default)]
pub(crate) struct Talk {
    /// True after a login.
    pub(crate) logged_in: bool,
    /// Pongs, or answers to pings of the protocol.
    pub(crate) answers: usize,
}

/// The answers of a server to the beginning of a connection (`None`) and to its messages.
pub(crate) type Answers = fn(&mut Talk, Option<&str>) -> Vec<String>;

/// A running server.
pub(crate) struct TalkServer {
    /// Address without path: `ws://127.0.0.1:1234`.
    pub(crate) url: String,
    requests: Arc<Mutex<Vec<String>>>,
    received: Arc<Mutex<Vec<String>>>,
    _runtime: tokio::runtime::Runtime,
}

impl TalkServer {
    pub(crate) fn start(answers: Answers) -> Self {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let listener = runtime
            .block_on(tokio::net::TcpListener::bind("127.0.0.1:0"))
            .unwrap();
        let url = format!("ws://{}", listener.local_addr().unwrap());
        let (requests, received) = (
            Arc::<Mutex<Vec<_>>>::default(),
            Arc::<Mutex<Vec<_>>>::default(),
        );
        let logs = (Arc::clone(&requests), Arc::clone(&received));
        runtime.spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                tokio::spawn(serve(stream, answers, logs.clone()));
            }
        });
        Self {
            url,
            requests,
            received,
            _runtime: runtime,
        }
    }

    /// Path and headers of every upgrade request, the headers as `name: value` on a line each.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }

    /// All texts received.
    pub(crate) fn received(&self) -> Vec<String> {
        self.received.lock().unwrap().clone()
    }
}

type Logs = (Arc<Mutex<Vec<String>>>, Arc<Mutex<Vec<String>>>);

async fn serve(stream: tokio::net::TcpStream, answers: Answers, (requests, received): Logs) {
    #[allow(clippy::result_large_err)]
    let accept = |request: &Request, mut response: Response| -> Result<Response, ErrorResponse> {
        let mut text = format!("{}\n", request.uri());
        for (name, value) in request.headers() {
            text += &format!("{name}: {}\n", value.to_str().unwrap());
        }
        requests.lock().unwrap().push(text);
        let offered = request.headers().get("sec-websocket-protocol");
        if let Some(offered) = offered.and_then(|list| list.to_str().ok()) {
            let first = offered.split(',').next().unwrap().trim();
            let headers = response.headers_mut();
            headers.insert("sec-websocket-protocol", first.parse().unwrap());
        }
        Ok(response)
    };
    let Ok(mut socket) = tokio_tungstenite::accept_hdr_async(stream, accept).await else {
        return;
    };
    let mut talk = Talk::default();
    let mut out = answers(&mut talk, None);
    loop {
        for text in out.drain(..) {
            if socket.send(Message::text(text)).await.is_err() {
                return;
            }
        }
        match socket.next().await {
            Some(Ok(Message::Text(text))) => {
                received.lock().unwrap().push(text.to_string());
                out = answers(&mut talk, Some(&text));
            }
            Some(Ok(_)) => {}
            _ => return,
        }
    }
}

fn texts(values: impl IntoIterator<Item = Value>) -> Vec<String> {
    values.into_iter().map(|value| value.to_string()).collect()
}

/// A chat: greets, wants a login for some, pings after it.
pub(crate) fn chat(talk: &mut Talk, message: Option<&str>) -> Vec<String> {
    let Some(message) = message else {
        return texts([json!({"type": "hello", "motd": "welcome"})]);
    };
    let message: Value = serde_json::from_str(message).unwrap();
    let id = &message["id"];
    match message["type"].as_str().unwrap() {
        "login" if message["token"] == "s3cret" => {
            talk.logged_in = true;
            texts([
                json!({"type": "welcome", "session": "f00"}),
                json!({"type": "ping"}),
                json!({"type": "news", "text": "none"}),
            ])
        }
        "login" => texts([json!({"type": "denied", "token": message["token"]})]),
        "pong" => {
            talk.answers += 1;
            Vec::new()
        }
        "say" if message["text"] == "refuse" => texts([json!({"type": "error", "id": id})]),
        "say" => texts([json!({"type": "said", "id": id, "text": message["text"]})]),
        "who" => texts([json!({"type": "users", "id": id, "users": ["anna"]})]),
        other => panic!("{other}"),
    }
}

/// JSON-RPC with the login of rpc-websockets. `fail` is refused, `late` is never answered.
pub(crate) fn json_rpc(talk: &mut Talk, message: Option<&str>) -> Vec<String> {
    let Some(message) = message else {
        return Vec::new();
    };
    let call: Value = serde_json::from_str(message).unwrap();
    let id = &call["id"];
    let result = match call["method"].as_str().unwrap() {
        "rpc.login" => {
            talk.logged_in = call["params"]["token"] == "s3cret";
            json!(talk.logged_in)
        }
        "echo" => call["params"].clone(),
        "late" => return Vec::new(),
        _ => {
            let error = json!({"code": -32601, "message": "Method not found"});
            return texts([json!({"jsonrpc": "2.0", "error": error, "id": id})]);
        }
    };
    texts([json!({"jsonrpc": "2.0", "result": result, "id": id})])
}

/// graphql-transport-ws: every query is answered by one result.
pub(crate) fn graphql(_: &mut Talk, message: Option<&str>) -> Vec<String> {
    let Some(message) = message else {
        return Vec::new();
    };
    let message: Value = serde_json::from_str(message).unwrap();
    let id = &message["id"];
    match message["type"].as_str().unwrap() {
        "connection_init" => texts([json!({"type": "connection_ack"}), json!({"type": "ping"})]),
        "pong" => Vec::new(),
        "subscribe" => {
            let text = &message["payload"]["variables"]["t"];
            texts([
                json!({"id": id, "type": "next", "payload": {"data": {"echo": text}}}),
                json!({"id": id, "type": "complete"}),
            ])
        }
        other => panic!("{other}"),
    }
}

/// Socket.IO 4: every event is acknowledged with its arguments, `nope` never.
pub(crate) fn socket_io(talk: &mut Talk, message: Option<&str>) -> Vec<String> {
    let Some(message) = message else {
        return vec![r#"0{"sid":"KSQr","upgrades":[],"pingInterval":1000}"#.to_owned()];
    };
    if message == "40" {
        return vec![r#"40{"sid":"4yrV"}"#.to_owned(), "2".to_owned()];
    }
    if message == "3" {
        talk.answers += 1;
        return Vec::new();
    }
    if message == "41" {
        return Vec::new();
    }
    if message.starts_with("40") {
        return vec![r#"44{"message":"unauthorized"}"#.to_owned()];
    }
    let event = message.strip_prefix("42").unwrap();
    let (id, arguments) = event.split_at(event.find('[').unwrap());
    let arguments: Vec<Value> = serde_json::from_str(arguments).unwrap();
    if arguments[0] == "nope" {
        return Vec::new();
    }
    vec![format!("43{id}{}", Value::from(arguments[1..].to_vec()))]
}

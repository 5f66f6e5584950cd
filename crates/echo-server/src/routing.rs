//! The answer to a request: the echo, a page, or an error.

use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, Version,
    header::{
        ALLOW, CONNECTION, CONTENT_TYPE, HOST, ORIGIN, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION,
        UPGRADE,
    },
};

use crate::{
    args::Program,
    config::Config,
    http_response::{text_response, upgrade_required, with_header},
    metrics::ServerMetrics,
    room_name::RoomName,
};

/// Maximum length of a request head, in bytes. A longer one is answered with 431.
pub const MAX_HEAD: usize = 16 << 10;

/// Maximum number of header fields. More are answered with 431.
pub const MAX_HEADERS: usize = 100;

/// The answer to a request.
#[derive(Debug)]
pub enum Route {
    /// Upgrade to a WebSocket and echo.
    Echo,
    /// Upgrade to a WebSocket in this room.
    Room(RoomName),
    /// Respond and close the connection: pipelined requests are not served.
    Respond(Response<String>),
}

/// State of a running server, shared by its connections.
#[derive(Debug)]
pub struct ServerContext {
    pub(crate) program: Program,
    /// The server's configuration.
    pub config: Config,
    pub(crate) metrics: ServerMetrics,
}

impl ServerContext {
    /// A server without connections.
    pub fn new(program: Program, config: Config) -> Self {
        Self {
            program,
            config,
            metrics: ServerMetrics::default(),
        }
    }

    /// Chooses the answer by method, version, path and headers. The body is not used.
    ///
    /// [`Route::Echo`] and [`Route::Room`] are returned for valid upgrades only (RFC 6455, 4.2.1).
    pub fn route<B>(&self, request: &Request<B>) -> Route {
        let path = request.uri().path();
        let method = request.method();
        let websocket = self.websocket(path);
        let is_websocket = websocket.is_some();
        if let Some(response) = host_error(request) {
            return Route::Respond(response);
        }
        // Checked before the pages, so that `--path /` can serve both.
        if method == Method::GET
            && is_upgrade(request)
            && let Some(websocket) = websocket
        {
            let error = upgrade_error(request).or_else(|| self.origin_rejection(request.headers()));
            return error.map_or(websocket, Route::Respond);
        }
        let use_get = |allowed| {
            let response = text_response(StatusCode::METHOD_NOT_ALLOWED, "use GET\n");
            with_header(response, ALLOW, allowed)
        };
        Route::Respond(match self.page(path) {
            Some(page) if method == Method::GET || method == Method::HEAD => page,
            Some(_) => use_get("GET, HEAD"),
            None if is_websocket && method == Method::GET => {
                upgrade_required("this is a WebSocket: connect with ws://\n")
            }
            None if is_websocket => use_get("GET"),
            None => text_response(StatusCode::NOT_FOUND, "nothing here\n"),
        })
    }

    /// Returns the WebSocket at this path. The echo goes before a room.
    fn websocket(&self, path: &str) -> Option<Route> {
        if path == self.config.path.as_str() {
            return Some(Route::Echo);
        }
        let room = || RoomName::in_path(path).map(Route::Room);
        self.config.broadcast.then(room).flatten()
    }

    /// Returns the rejection of an origin that is not allowed (RFC 6455, 10.2). Clients other than browsers send no
    /// origin and are accepted.
    fn origin_rejection(&self, headers: &HeaderMap) -> Option<Response<String>> {
        let allowed = &self.config.allowed_origins;
        let is_allowed = |origin: &HeaderValue| {
            allowed
                .iter()
                .any(|allowed| origin.as_bytes().eq_ignore_ascii_case(allowed.as_bytes()))
        };
        let is_foreign = !allowed.is_empty() && !headers.get_all(ORIGIN).iter().all(is_allowed);
        is_foreign.then(|| text_response(StatusCode::FORBIDDEN, "this origin is not allowed\n"))
    }

    fn page(&self, path: &str) -> Option<Response<String>> {
        match path {
            "/" => Some(self.index()),
            "/healthz" => Some(text_response(StatusCode::OK, "ok")),
            "/metrics" => {
                let response = text_response(StatusCode::OK, self.metrics.render());
                let prometheus = "text/plain; version=0.0.4; charset=utf-8";
                Some(with_header(response, CONTENT_TYPE, prometheus))
            }
            _ => None,
        }
    }

    fn index(&self) -> Response<String> {
        let Program { name, version, .. } = self.program;
        let path = &self.config.path;
        let rooms = if self.config.broadcast {
            "Rooms: connect to /room/NAME.\n"
        } else {
            ""
        };
        text_response(
            StatusCode::OK,
            format!(
                "{name} {version}\n\nA WebSocket echo server: connect to {path}.\n{rooms}\
                 Also here: /healthz, /metrics.\n"
            ),
        )
    }
}

/// Replaces `Connection` and `Upgrade` of an upgrade request by one field with one token each. Repeated fields form one
/// list (RFC 9110, 5.3), but libraries read only the first field.
pub fn normalize_upgrade_headers<B>(request: &mut Request<B>) {
    if is_upgrade(request) {
        let headers = request.headers_mut();
        headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
        headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    }
}

/// Returns the response to a request without exactly one `Host` (RFC 9112, 3.2).
fn host_error<B>(request: &Request<B>) -> Option<Response<String>> {
    let hosts = request.headers().get_all(HOST).iter().count();
    let is_valid = hosts == 1 || hosts == 0 && request.version() < Version::HTTP_11;
    (!is_valid).then(|| text_response(StatusCode::BAD_REQUEST, "one Host is needed\n"))
}

fn is_upgrade<B>(request: &Request<B>) -> bool {
    has_token(request.headers(), CONNECTION, "upgrade")
        && has_token(request.headers(), UPGRADE, "websocket")
}

/// Returns true when a header contains this token in its list.
fn has_token(headers: &HeaderMap, name: HeaderName, token: &str) -> bool {
    headers
        .get_all(name)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|item| item.trim().eq_ignore_ascii_case(token))
}

/// Returns the response to an upgrade request with any other error.
fn upgrade_error<B>(request: &Request<B>) -> Option<Response<String>> {
    // HTTP/1.0 has no upgrade, whatever the headers are (RFC 9110, 7.8).
    if request.version() < Version::HTTP_11 {
        let error = "an upgrade takes HTTP/1.1\n";
        return Some(text_response(StatusCode::BAD_REQUEST, error));
    }
    let only = |name| {
        let mut values = request.headers().get_all(name).iter();
        values.next().filter(|_| values.next().is_none())
    };
    if only(SEC_WEBSOCKET_VERSION).is_none_or(|version| version != "13") {
        return Some(upgrade_required("only WebSocket version 13 is spoken\n"));
    }
    let key = only(SEC_WEBSOCKET_KEY).map(HeaderValue::as_bytes);
    (!key.is_some_and(is_key)).then(|| {
        text_response(
            StatusCode::BAD_REQUEST,
            "one Sec-WebSocket-Key is needed, of 16 bytes in base64\n",
        )
    })
}

/// Returns true for 16 bytes in base64: 22 digits, of which the last has four unused bits, and two padding characters.
fn is_key(key: &[u8]) -> bool {
    let is_digit = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
    matches!(key, [digits @ .., last, b'=', b'=']
        if digits.len() == 21 && digits.iter().all(is_digit) && b"AQgw".contains(last))
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";

    fn server(path: &str) -> ServerContext {
        let program = Program {
            name: "test-ws",
            version: "1.2.3",
            about: "",
            bind: "",
        };
        let config = Config {
            path: path.parse().unwrap(),
            ..Config::default()
        };
        ServerContext::new(program, config)
    }

    fn upgrade(path: &str) -> Request<()> {
        Request::get(path)
            .header(HOST, "localhost")
            .header(CONNECTION, "keep-alive, Upgrade")
            .header(UPGRADE, "WebSocket")
            .header(SEC_WEBSOCKET_VERSION, "13")
            .header(SEC_WEBSOCKET_KEY, KEY)
            .body(())
            .unwrap()
    }

    fn status(server: &ServerContext, request: &Request<()>) -> u16 {
        match server.route(request) {
            Route::Echo | Route::Room(_) => 101,
            Route::Respond(response) => response.status().as_u16(),
        }
    }

    fn without(header: HeaderName) -> Request<()> {
        let mut request = upgrade("/ws");
        request.headers_mut().remove(header);
        request
    }

    #[test]
    fn an_upgrade_on_the_path_is_echoed_and_elsewhere_is_not() {
        let server = server("/ws");
        assert_eq!(status(&server, &upgrade("/ws")), 101);
        assert_eq!(status(&server, &upgrade("/ws?token=1")), 101);
        assert_eq!(status(&server, &upgrade("http://host/ws")), 101);
        assert_eq!(status(&server, &upgrade("/other")), 404);
        assert_eq!(status(&server, &upgrade("/ws/")), 404);
    }

    #[test]
    fn rooms_are_served_only_where_they_are_asked_for() {
        let mut server = server("/room/echo");
        assert_eq!(status(&server, &upgrade("/room/a")), 404);
        server.config.broadcast = true;
        let room = |path: &str| match server.route(&upgrade(path)) {
            Route::Room(name) => name,
            other => panic!("{path}: {other:?}"),
        };
        assert_eq!(room("/room/a"), room("/room/a?token=1"));
        assert_ne!(room("/room/a"), room("/room/%61"));
        assert!(matches!(server.route(&upgrade("/room/echo")), Route::Echo));
        for path in ["/room", "/room/", "/room/a/b", "/room/?a"] {
            assert_eq!(status(&server, &upgrade(path)), 404, "{path}");
        }
        let plain = Request::get("/room/a").header(HOST, "x").body(()).unwrap();
        assert_eq!(status(&server, &plain), 426);
        let post = Request::post("/room/a").header(HOST, "x").body(()).unwrap();
        assert_eq!(status(&server, &post), 405);
    }

    #[test]
    fn a_request_without_a_whole_upgrade_is_told_what_is_missing() {
        let server = server("/ws");
        assert_eq!(status(&server, &without(CONNECTION)), 426);
        assert_eq!(status(&server, &without(UPGRADE)), 426);
        assert_eq!(status(&server, &without(SEC_WEBSOCKET_VERSION)), 426);
        assert_eq!(status(&server, &without(SEC_WEBSOCKET_KEY)), 400);
        let mut old = upgrade("/ws");
        *old.version_mut() = Version::HTTP_10;
        assert_eq!(status(&server, &old), 400);
        for (twice, wanted) in [
            (SEC_WEBSOCKET_KEY, 400),
            (SEC_WEBSOCKET_VERSION, 426),
            (HOST, 400),
        ] {
            let mut request = upgrade("/ws");
            let value = request.headers()[&twice].clone();
            request.headers_mut().append(&twice, value);
            assert_eq!(status(&server, &request), wanted, "{twice} twice");
        }
    }

    #[test]
    fn a_request_says_which_host_it_is_for() {
        let server = server("/ws");
        assert_eq!(status(&server, &without(HOST)), 400);
        let mut page = Request::get("/").body(()).unwrap();
        assert_eq!(status(&server, &page), 400);
        *page.version_mut() = Version::HTTP_10;
        assert_eq!(status(&server, &page), 200);
    }

    #[test]
    fn a_page_of_another_origin_is_kept_out_where_that_is_asked_for() {
        let from = |origin: Option<&'static str>| {
            let mut request = upgrade("/ws");
            if let Some(origin) = origin {
                let value = HeaderValue::from_static(origin);
                request.headers_mut().append(ORIGIN, value);
            }
            request
        };
        let open = server("/ws");
        assert_eq!(status(&open, &from(Some("https://evil.example"))), 101);
        let mut strict = server("/ws");
        strict.config.allowed_origins = vec![
            "https://a.example".to_owned(),
            "http://localhost:3000".to_owned(),
        ];
        for (origin, wanted) in [
            (Some("https://a.example"), 101),
            (Some("HTTPS://A.Example"), 101),
            (Some("http://localhost:3000"), 101),
            (Some("http://localhost"), 403),
            (Some("https://a.example.evil.example"), 403),
            (Some("null"), 403),
            (None, 101),
        ] {
            assert_eq!(status(&strict, &from(origin)), wanted, "{origin:?}");
        }
        let mut both = from(Some("https://a.example"));
        both.headers_mut()
            .append(ORIGIN, HeaderValue::from_static("https://evil.example"));
        assert_eq!(status(&strict, &both), 403);
    }

    #[test]
    fn a_root_path_serves_page_and_echo() {
        let server = server("/");
        assert_eq!(status(&server, &upgrade("/")), 101);
        let plain = Request::get("/").header(HOST, "x").body(()).unwrap();
        assert_eq!(status(&server, &plain), 200);
    }

    #[test]
    fn other_methods_on_known_paths_are_not_allowed() {
        let server = server("/ws");
        for (path, allow) in [
            ("/", "GET, HEAD"),
            ("/healthz", "GET, HEAD"),
            ("/metrics", "GET, HEAD"),
            ("/ws", "GET"),
        ] {
            let request = Request::post(path).header(HOST, "x").body(()).unwrap();
            let Route::Respond(response) = server.route(&request) else {
                panic!("{path} was echoed");
            };
            assert_eq!(response.status(), 405, "{path}");
            assert_eq!(response.headers()[ALLOW], allow, "{path}");
        }
        let elsewhere = Request::post("/other").header(HOST, "x").body(()).unwrap();
        assert_eq!(status(&server, &elsewhere), 404);
    }

    #[test]
    fn the_page_names_the_server() {
        let request = Request::get("/").header(HOST, "x").body(()).unwrap();
        let Route::Respond(response) = server("/chat").route(&request) else {
            panic!("the page was echoed");
        };
        assert!(response.body().contains("test-ws 1.2.3"));
        assert!(response.body().contains("/chat"));
    }

    #[test]
    fn a_key_is_sixteen_bytes_in_base64() {
        assert!(is_key(KEY.as_bytes()));
        for key in [
            "",
            "short",
            "dGhlIHNhbXBsZSBub25jZQ=",
            "dGhlIHNhbXBsZSBub25jZR==",
            "dGhlIHNhbXBsZSBub25j!Q==",
            "dGhlIHNhbXBsZSBub25jZQAAAA==",
        ] {
            assert!(!is_key(key.as_bytes()), "{key}");
        }
    }
}

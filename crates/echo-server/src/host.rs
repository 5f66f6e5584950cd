//! What a request gets: the echo, a page, or the reason why not.

use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, Version,
    header::{
        ALLOW, CONNECTION, CONTENT_TYPE, HOST, ORIGIN, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION,
        UPGRADE,
    },
};

use crate::{Config, Metrics, Program};

/// The longest request head taken, in bytes; a longer one is answered `431`.
pub const MAX_HEAD: usize = 16 << 10;

/// The most header fields taken; more are answered `431`.
pub const MAX_HEADERS: usize = 100;

/// What to do with a request.
#[derive(Debug)]
pub enum Decision {
    /// Upgrade to a WebSocket and echo.
    Echo,
    /// Answer, and close the connection: no request waits behind another.
    Answer(Response<String>),
}

/// One running server: what its connections share.
#[derive(Debug)]
pub struct Host {
    pub(crate) program: Program,
    pub(crate) config: Config,
    metrics: Metrics,
}

impl Host {
    /// A server that has not served anyone yet.
    #[must_use]
    pub fn new(program: Program, config: Config) -> Self {
        Self {
            program,
            config,
            metrics: Metrics::default(),
        }
    }

    /// What this server counts.
    #[must_use]
    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// How this server behaves.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Decides by method, version, path and headers; the body does not matter.
    ///
    /// [`Decision::Echo`] is given to valid upgrades only (RFC 6455, 4.2.1).
    #[must_use]
    pub fn decide<B>(&self, request: &Request<B>) -> Decision {
        let path = request.uri().path();
        let method = request.method();
        let is_echo = path == self.config.path.as_str();
        if let Some(answer) = unaddressed(request) {
            return Decision::Answer(answer);
        }
        // Before the pages, so that `--path /` can serve both.
        if is_echo && method == Method::GET && asks_for_websocket(request) {
            let flaw = flaw(request).or_else(|| self.foreign(request.headers()));
            return flaw.map_or(Decision::Echo, Decision::Answer);
        }
        Decision::Answer(match self.page(path) {
            Some(page) if method == Method::GET || method == Method::HEAD => page(self),
            Some(_) => with_header(
                plain(StatusCode::METHOD_NOT_ALLOWED, "use GET\n"),
                ALLOW,
                "GET, HEAD",
            ),
            None if is_echo && method == Method::GET => {
                upgrade_required("this is a WebSocket: connect with ws://\n")
            }
            None if is_echo => with_header(
                plain(StatusCode::METHOD_NOT_ALLOWED, "use GET\n"),
                ALLOW,
                "GET",
            ),
            None => plain(StatusCode::NOT_FOUND, "nothing here\n"),
        })
    }

    /// Names `Connection` and `Upgrade` once each where an upgrade is asked for in
    /// more words. Repeated fields are one list (RFC 9110, 5.3), but libraries
    /// look at the first only.
    pub fn tidy<B>(&self, request: &mut Request<B>) {
        if asks_for_websocket(request) {
            let headers = request.headers_mut();
            headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
            headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
        }
    }

    /// The answer to a page of another origin than those allowed (RFC 6455,
    /// 10.2). What is no browser sends no origin and is let in.
    fn foreign(&self, headers: &HeaderMap) -> Option<Response<String>> {
        let allowed = &self.config.allowed_origins;
        let is_allowed = |origin: &HeaderValue| {
            allowed
                .iter()
                .any(|allowed| origin.as_bytes().eq_ignore_ascii_case(allowed.as_bytes()))
        };
        let is_foreign = !allowed.is_empty() && !headers.get_all(ORIGIN).iter().all(is_allowed);
        is_foreign.then(|| plain(StatusCode::FORBIDDEN, "this origin is not allowed\n"))
    }

    fn page(&self, path: &str) -> Option<fn(&Self) -> Response<String>> {
        match path {
            "/" => Some(Self::index),
            "/healthz" => Some(|_| plain(StatusCode::OK, "ok")),
            "/metrics" => Some(|host| {
                with_header(
                    plain(StatusCode::OK, host.metrics.render()),
                    CONTENT_TYPE,
                    "text/plain; version=0.0.4; charset=utf-8",
                )
            }),
            _ => None,
        }
    }

    fn index(&self) -> Response<String> {
        let Program { name, version, .. } = self.program;
        let path = &self.config.path;
        plain(
            StatusCode::OK,
            format!(
                "{name} {version}\n\nA WebSocket echo server: connect to {path}.\n\
                 Also here: /healthz, /metrics.\n"
            ),
        )
    }
}

/// The answer to one connection too many.
pub(crate) fn no_room() -> Response<String> {
    with_header(
        plain(
            StatusCode::SERVICE_UNAVAILABLE,
            "too many connections: try again later\n",
        ),
        http::header::RETRY_AFTER,
        "1",
    )
}

/// An answer in plain text.
#[must_use]
pub fn plain(status: StatusCode, body: impl Into<String>) -> Response<String> {
    let mut answer = Response::new(body.into());
    *answer.status_mut() = status;
    let answer = with_header(answer, CONTENT_TYPE, "text/plain; charset=utf-8");
    with_header(answer, CONNECTION, "close")
}

fn with_header(
    mut answer: Response<String>,
    name: HeaderName,
    value: &'static str,
) -> Response<String> {
    answer
        .headers_mut()
        .insert(name, HeaderValue::from_static(value));
    answer
}

fn upgrade_required(body: &'static str) -> Response<String> {
    let answer = plain(StatusCode::UPGRADE_REQUIRED, body);
    let answer = with_header(answer, UPGRADE, "websocket");
    let answer = with_header(answer, SEC_WEBSOCKET_VERSION, "13");
    with_header(answer, CONNECTION, "upgrade, close")
}

/// The answer to a request that does not say, just once, which host it is for
/// (RFC 9112, 3.2).
fn unaddressed<B>(request: &Request<B>) -> Option<Response<String>> {
    let hosts = request.headers().get_all(HOST).iter().count();
    let is_addressed = hosts == 1 || hosts == 0 && request.version() < Version::HTTP_11;
    (!is_addressed).then(|| plain(StatusCode::BAD_REQUEST, "one Host is needed\n"))
}

fn asks_for_websocket<B>(request: &Request<B>) -> bool {
    lists(request.headers(), CONNECTION, "upgrade")
        && lists(request.headers(), UPGRADE, "websocket")
}

/// Whether a header that is a list of tokens has this one.
fn lists(headers: &HeaderMap, name: HeaderName, token: &str) -> bool {
    headers
        .get_all(name)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|item| item.trim().eq_ignore_ascii_case(token))
}

/// What is wrong with the rest of an upgrade.
fn flaw<B>(request: &Request<B>) -> Option<Response<String>> {
    // HTTP/1.0 knows no upgrade, whatever the headers say (RFC 9110, 7.8).
    if request.version() < Version::HTTP_11 {
        let answer = "an upgrade takes HTTP/1.1\n";
        return Some(plain(StatusCode::BAD_REQUEST, answer));
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
        plain(
            StatusCode::BAD_REQUEST,
            "one Sec-WebSocket-Key is needed, of 16 bytes in base64\n",
        )
    })
}

/// Whether these are 16 bytes in base64: 22 digits, the last of which has four
/// bits to spare, and two signs of padding.
fn is_key(key: &[u8]) -> bool {
    let is_digit = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
    matches!(key, [digits @ .., last, b'=', b'=']
        if digits.len() == 21 && digits.iter().all(is_digit) && b"AQgw".contains(last))
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";

    fn host(path: &str) -> Host {
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
        Host::new(program, config)
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

    fn status(host: &Host, request: &Request<()>) -> u16 {
        match host.decide(request) {
            Decision::Echo => 101,
            Decision::Answer(answer) => answer.status().as_u16(),
        }
    }

    fn without(header: HeaderName) -> Request<()> {
        let mut request = upgrade("/ws");
        request.headers_mut().remove(header);
        request
    }

    #[test]
    fn an_upgrade_on_the_path_is_echoed_and_elsewhere_is_not() {
        let host = host("/ws");
        assert_eq!(status(&host, &upgrade("/ws")), 101);
        assert_eq!(status(&host, &upgrade("/ws?token=1")), 101);
        assert_eq!(status(&host, &upgrade("http://host/ws")), 101);
        assert_eq!(status(&host, &upgrade("/other")), 404);
        assert_eq!(status(&host, &upgrade("/ws/")), 404);
    }

    #[test]
    fn a_request_without_a_whole_upgrade_is_told_what_is_missing() {
        let host = host("/ws");
        assert_eq!(status(&host, &without(CONNECTION)), 426);
        assert_eq!(status(&host, &without(UPGRADE)), 426);
        assert_eq!(status(&host, &without(SEC_WEBSOCKET_VERSION)), 426);
        assert_eq!(status(&host, &without(SEC_WEBSOCKET_KEY)), 400);
        let mut old = upgrade("/ws");
        *old.version_mut() = Version::HTTP_10;
        assert_eq!(status(&host, &old), 400);
        for (twice, wanted) in [
            (SEC_WEBSOCKET_KEY, 400),
            (SEC_WEBSOCKET_VERSION, 426),
            (HOST, 400),
        ] {
            let mut request = upgrade("/ws");
            let value = request.headers()[&twice].clone();
            request.headers_mut().append(&twice, value);
            assert_eq!(status(&host, &request), wanted, "{twice} twice");
        }
    }

    #[test]
    fn a_request_says_which_host_it_is_for() {
        let host = host("/ws");
        assert_eq!(status(&host, &without(HOST)), 400);
        let mut page = Request::get("/").body(()).unwrap();
        assert_eq!(status(&host, &page), 400);
        *page.version_mut() = Version::HTTP_10;
        assert_eq!(status(&host, &page), 200);
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
        let open = host("/ws");
        assert_eq!(status(&open, &from(Some("https://evil.example"))), 101);
        let mut strict = host("/ws");
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
        let host = host("/");
        assert_eq!(status(&host, &upgrade("/")), 101);
        let plain = Request::get("/").header(HOST, "x").body(()).unwrap();
        assert_eq!(status(&host, &plain), 200);
    }

    #[test]
    fn other_methods_on_known_paths_are_not_allowed() {
        let host = host("/ws");
        for (path, allow) in [
            ("/", "GET, HEAD"),
            ("/healthz", "GET, HEAD"),
            ("/metrics", "GET, HEAD"),
            ("/ws", "GET"),
        ] {
            let request = Request::post(path).header(HOST, "x").body(()).unwrap();
            let Decision::Answer(answer) = host.decide(&request) else {
                panic!("{path} was echoed");
            };
            assert_eq!(answer.status(), 405, "{path}");
            assert_eq!(answer.headers()[ALLOW], allow, "{path}");
        }
        let elsewhere = Request::post("/other").header(HOST, "x").body(()).unwrap();
        assert_eq!(status(&host, &elsewhere), 404);
    }

    #[test]
    fn the_page_names_the_server() {
        let request = Request::get("/").header(HOST, "x").body(()).unwrap();
        let Decision::Answer(answer) = host("/chat").decide(&request) else {
            panic!("the page was echoed");
        };
        assert!(answer.body().contains("test-ws 1.2.3"));
        assert!(answer.body().contains("/chat"));
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

//! The figures of a running measurement for Prometheus, served at `--metrics-bind`.
//!
//! | module | contents |
//! |---|---|
//! | `page` | the figures in Prometheus' text format |

mod page;

use std::convert::Infallible;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use anyhow::Context;
use hyper::body::Incoming;
use hyper::header::{ALLOW, CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use measurement::plan::Plan;
use swarm::RunHandle;
use tokio::sync::Semaphore;

/// Maximum number of concurrent connections. Others wait in the backlog. Each uses an open file that the run may need.
const CONNECTIONS: usize = 16;
/// Maximum time for a request to arrive.
const ASK_WITHIN: Duration = Duration::from_secs(10);
/// Maximum duration of a connection, so that a client that does not read cannot block others.
const CONNECTION_LASTS: Duration = Duration::from_secs(20);
/// Pause after the system refused a connection.
const RETRY_AFTER: Duration = Duration::from_millis(100);

/// A bound address for metrics.
#[derive(Debug)]
pub(crate) struct MetricsListener(TcpListener);

impl MetricsListener {
    pub(crate) fn bind(address: SocketAddr) -> anyhow::Result<Self> {
        let listener = TcpListener::bind(address);
        let listener = listener.with_context(|| format!("cannot serve metrics on {address}"));
        let advice = "choose another address with --metrics-bind (port 0 picks a free port)";
        let advised = |error: anyhow::Error| cli::with_advice(error.as_ref(), Some(advice));
        listener.map(Self).map_err(advised)
    }

    /// Serves the metrics in a new thread until the program ends. Returns their URL.
    pub(crate) fn serve(self, plan: &Plan, control: &RunHandle) -> io::Result<String> {
        let url = format!("http://{}/metrics", self.0.local_addr()?);
        self.0.set_nonblocking(true)?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        control.watch();
        let figures = Arc::new((plan.clone(), control.clone()));
        thread::Builder::new()
            .name("metrics".to_owned())
            .spawn(move || runtime.block_on(accept(self.0, figures)))?;
        Ok(url)
    }
}

type MetricsSource = Arc<(Plan, RunHandle)>;

async fn accept(listener: TcpListener, figures: MetricsSource) {
    // Fails only outside of a runtime.
    let Ok(listener) = tokio::net::TcpListener::from_std(listener) else {
        return;
    };
    let room = Arc::new(Semaphore::new(CONNECTIONS));
    while let Ok(place) = Arc::clone(&room).acquire_owned().await {
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(RETRY_AFTER).await;
            continue;
        };
        let figures = Arc::clone(&figures);
        tokio::spawn(async move {
            let service = service_fn(|request| {
                let response = answer(&request, &figures);
                std::future::ready(Ok::<_, Infallible>(response))
            });
            // A client that disconnects early is not an error.
            let served = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(ASK_WITHIN)
                .keep_alive(false)
                .serve_connection(TokioIo::new(stream), service);
            let _ = tokio::time::timeout(CONNECTION_LASTS, served).await;
            drop(place);
        });
    }
}

fn answer(request: &Request<Incoming>, figures: &MetricsSource) -> Response<String> {
    let refuse = |status, text: &str| {
        let mut response = Response::new(text.to_owned());
        *response.status_mut() = status;
        response
    };
    if request.uri().path() != "/metrics" {
        return refuse(StatusCode::NOT_FOUND, "the metrics are at /metrics\n");
    }
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        let mut response = refuse(StatusCode::METHOD_NOT_ALLOWED, "only GET is answered\n");
        response
            .headers_mut()
            .insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
        return response;
    }
    let (plan, control) = &**figures;
    let search = control.search();
    match page::render(plan, &control.progress(), search) {
        Ok(text) => {
            let mut response = Response::new(text);
            let kind = HeaderValue::from_static(page::CONTENT_TYPE);
            response.headers_mut().insert(CONTENT_TYPE, kind);
            response
        }
        Err(error) => refuse(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string()),
    }
}

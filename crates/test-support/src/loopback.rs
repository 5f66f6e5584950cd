//! A listener on a free loopback port with a runtime of its own.

use std::net::{Ipv4Addr, SocketAddr};

use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio_tungstenite::tungstenite::Error;

/// Serves every connection. Ends when the runtime is dropped.
///
/// # Panics
/// When the system refuses a socket or a thread.
pub(crate) fn serve_loopback<F>(
    serve: impl Fn(TcpStream) -> F + Send + 'static,
) -> (SocketAddr, Runtime)
where
    F: Future<Output = Result<(), Error>> + Send + 'static,
{
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let listener = runtime
        .block_on(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)))
        .unwrap();
    let address = listener.local_addr().unwrap();
    runtime.spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let served = serve(stream);
            // A failed connection does not affect the others.
            tokio::spawn(async move { drop(served.await) });
        }
    });
    (address, runtime)
}

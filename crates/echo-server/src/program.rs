//! A server as a program, from flags to exit code: runtime, signals, logs.

use std::{future::Future, io, process::ExitCode};

use futures_util::{FutureExt, future::BoxFuture};
use host::{open_files, signals::Signals};
use tokio::sync::oneshot;
use tracing_subscriber::{filter::Targets, layer::SubscriberExt, util::SubscriberInitExt};

use crate::{
    args::ServerArgs,
    config::Config,
    error::ServerError,
    listener::{Listener, announce, bind},
    systemd::{self, ServiceState},
    workers::Workers,
};

/// Runs a server as a program: raises the open-file limit, binds, prints the ready line on standard output, and serves
/// until SIGINT or SIGTERM. Under systemd it uses the inherited socket, and sends notifications when it is ready and
/// when it stops.
///
/// `serve` gets the listener, the configuration, and a future that is ready at the first signal. The exit code is 0
/// when `serve` has returned. A second signal ends the program before that, with 130 or 143.
///
/// # Errors
/// Every error that prevents the server from starting, and the errors of `serve`.
pub fn run<S, F>(args: &ServerArgs, serve: S) -> Result<ExitCode, ServerError>
where
    S: FnOnce(Listener, Config, ShutdownRequest) -> F,
    F: Future<Output = Result<(), ServerError>>,
{
    log_to_stderr();
    if let Err(error) = open_files::raise_limit() {
        tracing::warn!("cannot raise the open-file limit: {error}");
    }
    let config = args.config()?;
    let workers = Workers::start(args.threads).map_err(ServerError::Runtime)?;
    // This thread accepts connections and waits for signals.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(ServerError::Runtime)?;
    let ended = runtime.block_on(async {
        // Signals are caught before the ready line is printed.
        let mut signals = Signals::catch().map_err(ServerError::Signals)?;
        let mut listener = match systemd::inherited_listener(&args.bind)? {
            Some(inherited) => inherited,
            None => bind(&args.bind, args.backlog).await?,
        };
        if config.tls.is_some() && listener.tcp_address().is_none() {
            return Err(ServerError::TlsOverUnix);
        }
        listener.workers = Some(workers);
        announce(&mut io::stdout().lock(), &listener, &config)?;
        systemd::notify(ServiceState::Ready);
        let (stop, stopped) = oneshot::channel();
        // A dropped sender also requests the shutdown.
        let shutdown = stopped.map(drop).boxed();
        let mut server = std::pin::pin!(serve(listener, config, shutdown));
        let mut stop = Some(stop);
        loop {
            tokio::select! {
                ended = &mut server => {
                    return ended.map(|()| ExitCode::SUCCESS);
                }
                signal = signals.next() => match stop.take() {
                    Some(stop) => {
                        systemd::notify(ServiceState::Stopping);
                        // Fails only if the server has already ended.
                        let _ = stop.send(());
                    }
                    None => return Ok(ExitCode::from(signal.exit_code())),
                },
            }
        }
    });
    // A second signal must not wait for threads that still work.
    runtime.shutdown_background();
    ended
}

/// Advice on an error, which names flags of [`ServerArgs`]; `None` where the error says what to do.
pub fn advice(error: &ServerError) -> Option<&'static str> {
    let ServerError::Bind(address, source) = error else {
        return None;
    };
    let is_unix = address.starts_with("unix:");
    match source.kind() {
        io::ErrorKind::AddrInUse if is_unix => {
            Some("another server uses this socket: stop it, or choose another path with --bind")
        }
        io::ErrorKind::AddrInUse => Some(
            "another process uses this port: stop it, or choose another port with --bind (port 0 picks a free one)",
        ),
        io::ErrorKind::AddrNotAvailable => {
            Some("this machine does not have this address: choose another one with --bind")
        }
        io::ErrorKind::PermissionDenied => {
            Some("this user may not use the address: choose another one with --bind")
        }
        _ => None,
    }
}

/// A future that is ready at the first signal.
pub type ShutdownRequest = BoxFuture<'static, ()>;

/// Logs to standard error at the level from `RUST_LOG`, by default warnings.
///
/// The `log` crate is excluded, because tungstenite logs every frame to it.
fn log_to_stderr() {
    let wanted = std::env::var("RUST_LOG").ok();
    let parsed = wanted.as_deref().map(str::parse::<Targets>);
    let targets = match &parsed {
        Some(Ok(targets)) => targets.clone(),
        _ => Targets::new().with_default(tracing::Level::WARN),
    };
    // Fails only if called twice in a process. The first logger stays.
    let _ = tracing_subscriber::registry()
        .with(tracing_subscriber::fmt::layer().with_writer(io::stderr))
        .with(targets)
        .try_init();
    if let Some(Err(error)) = parsed {
        tracing::warn!("RUST_LOG is invalid and ignored: {error}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_busy_address_is_answered_with_the_flag_that_picks_another() {
        let of = |address: &str, kind: io::ErrorKind| {
            advice(&ServerError::Bind(address.to_owned(), kind.into())).unwrap_or_default()
        };
        let port = of("127.0.0.1:8000", io::ErrorKind::AddrInUse);
        assert!(port.contains("another port with --bind"), "{port}");
        let path = of("unix:a.sock", io::ErrorKind::AddrInUse);
        assert!(path.contains("another path with --bind"), "{path}");
        assert_eq!(of("nowhere:1", io::ErrorKind::NotFound), "");
    }
}

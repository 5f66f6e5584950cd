//! A server as a program: runtime, signals, logs, from flags to exit code.

use std::{
    future::Future,
    io,
    pin::Pin,
    process::ExitCode,
    task::{Context, Poll},
};

use tokio::sync::oneshot;
use tracing_subscriber::{filter::Targets, layer::SubscriberExt, util::SubscriberInitExt};

use crate::{
    Args, Config, Error, Listener, Signals, announce, bind, raise_limit, supervisor,
    workers::Workers,
};

/// Runs a server as a program does: raises the open-file limit, binds, says so
/// on stdout, and serves until SIGINT or SIGTERM. Under systemd it takes the
/// socket that is passed on and tells when it is ready and when it stops.
///
/// `serve` gets what it needs to run, and a future that is ready at the first
/// signal. The exit code is 0 when it is done; a second signal does not wait
/// for that, and gives 130 or 143.
///
/// # Errors
/// Whatever keeps the server from starting, and what `serve` returns.
pub fn run<S, F>(args: &Args, serve: S) -> Result<ExitCode, Error>
where
    S: FnOnce(Listener, Config, Shutdown) -> F,
    F: Future<Output = Result<(), Error>>,
{
    log_to_stderr();
    raise_limit();
    let config = args.config()?;
    let workers = Workers::start(args.threads).map_err(Error::Runtime)?;
    // This thread accepts, and waits for signals.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(Error::Runtime)?;
    let ended = runtime.block_on(async {
        // Caught before anyone can know that we are ready.
        let mut signals = Signals::catch()?;
        let listener = match supervisor::listener(&args.bind)? {
            Some(passed_on) => passed_on,
            None => bind(&args.bind, args.backlog).await?,
        };
        if config.tls.is_some() && listener.tcp_address().is_none() {
            return Err(Error::TlsOverUnix);
        }
        let listener = listener.spread_over(workers);
        announce(&mut io::stdout().lock(), &listener, &config)?;
        supervisor::tell(supervisor::State::Ready);
        let (stop, stopped) = oneshot::channel();
        let mut server = std::pin::pin!(serve(listener, config, Shutdown(stopped)));
        let mut stop = Some(stop);
        loop {
            tokio::select! {
                ended = &mut server => {
                    return ended.map(|()| ExitCode::SUCCESS);
                }
                signal = signals.next() => match stop.take() {
                    Some(stop) => {
                        supervisor::tell(supervisor::State::Stopping);
                        // Gone only if the server has ended by itself.
                        let _ = stop.send(());
                    }
                    None => return Ok(ExitCode::from(signal.exit_code())),
                },
            }
        }
    });
    // A second signal must not wait for threads that are still at work.
    runtime.shutdown_background();
    ended
}

/// Ready at the first signal.
#[derive(Debug)]
pub struct Shutdown(oneshot::Receiver<()>);

impl Future for Shutdown {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        // A sender that is gone wants the end just as well.
        Pin::new(&mut self.0).poll(cx).map(drop)
    }
}

/// Logs what `RUST_LOG` asks for, by default warnings.
///
/// The `log` crate is left out on purpose: tungstenite logs every frame to it.
fn log_to_stderr() {
    let wanted = std::env::var("RUST_LOG").ok();
    let parsed = wanted.as_deref().map(str::parse::<Targets>);
    let targets = match &parsed {
        Some(Ok(targets)) => targets.clone(),
        _ => Targets::new().with_default(tracing::Level::WARN),
    };
    // Set already only if this runs twice in a process; the first one stands.
    let _ = tracing_subscriber::registry()
        .with(tracing_subscriber::fmt::layer().with_writer(io::stderr))
        .with(targets)
        .try_init();
    if let Some(Err(error)) = parsed {
        tracing::warn!("RUST_LOG is not understood and ignored: {error}");
    }
}

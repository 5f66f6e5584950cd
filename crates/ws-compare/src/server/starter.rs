//! Start of a server, until its first echo.

use std::ffi::OsString;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::PathBuf;
use std::process::{Command, ExitStatus};
use std::time::{Duration, Instant};

use host::process_group::ProcessGroups;
use host::server_process::ServerChild;
use http::HeaderMap;
use measurement::plan::{
    CertificatePolicy, ClientIdentity, Endpoint, LoadSpec, ServerUrl, TargetServer,
};
use measurement::record::ConnectFailure;
use scenario_trial::{HandshakeTarget, WsClient, WsClientError};
use swarm::RunHandle;
use swarm::address::{connect_first, resolve};
use tokio_tungstenite::tungstenite::Message;

use super::candidate::Candidate;
use super::failure::ServerFailure;

/// Time limit of one attempt, because a server may accept a connection before it can serve it.
const ONE_TRY: Duration = Duration::from_secs(2);

const RETRY_EVERY: Duration = Duration::from_millis(5);

/// Maximum wait between two attempts, and minimum time limit of one.
const LONGEST_RETRY: Duration = Duration::from_millis(50);
const SHORTEST_TRY: Duration = Duration::from_millis(10);

/// Settings common to all starts.
#[derive(Debug)]
pub(crate) struct ServerStarter {
    pub(crate) groups: ProcessGroups,
    pub(crate) env: Vec<(OsString, OsString)>,
    pub(crate) cwd: Option<PathBuf>,
    /// Time limit from a start to the first echo.
    pub(crate) ready_timeout: Duration,
    /// Path of the echo, for servers without their own URL.
    pub(crate) path: String,
    /// Cores of the servers; empty = not pinned.
    pub(crate) cores: Vec<usize>,
    pub(crate) certificate_policy: CertificatePolicy,
    pub(crate) client_identity: Option<ClientIdentity>,
    pub(crate) headers: HeaderMap,
    /// True to send a text message first, like those of the load; false for binary.
    pub(crate) text: bool,
    /// Load with the scenario of the clients; `None` when the servers echo.
    pub(crate) scenario_load: Option<LoadSpec>,
    /// Handle that ends the wait for the first echo.
    pub(crate) control: RunHandle,
}

/// A running server, which was started by this program unless it was already running.
#[derive(Debug)]
pub(crate) struct RunningServer {
    pub(crate) address: HandshakeTarget,
    /// Time from the start to the first echo; `None` when it was already running.
    pub(crate) ready_after: Option<Duration>,
    process: Option<ServerChild>,
}

impl RunningServer {
    pub(crate) fn processes(&self) -> Vec<u32> {
        self.process
            .as_ref()
            .map_or_else(Vec::new, ServerChild::members)
    }

    /// Returns exit status and last output of a started server; `None` while it runs.
    pub(crate) fn ending(&mut self) -> Option<(ExitStatus, String)> {
        self.process.as_mut()?.ending()
    }

    /// Returns the same, after a connection of the server has ended: waits up to a second for the end of its process.
    pub(crate) fn ending_after_connection(&mut self) -> Option<(ExitStatus, String)> {
        self.process.as_mut()?.ending_after_connection()
    }

    /// Stops the processes that this program has started, until [`resume`](Self::resume). Returns false if there are none.
    pub(crate) fn suspend(&self) -> bool {
        self.process.as_ref().inspect(|p| p.suspend()).is_some()
    }

    /// Lets stopped processes go on.
    pub(crate) fn resume(&self) {
        if let Some(process) = &self.process {
            process.resume();
        }
    }

    pub(crate) fn end(self) {
        if let Some(process) = self.process {
            process.end();
        }
    }

    /// Ends the server. Returns the last output; `None` when it was already running before.
    pub(crate) fn end_with_output(self) -> Option<String> {
        self.process.map(ServerChild::end_with_output)
    }
}

impl ServerStarter {
    /// Starts a server and waits until it echoes a message. Returns a server that is already running unchanged. After
    /// an error, a started server is killed.
    pub(crate) fn start(&self, candidate: &Candidate) -> Result<RunningServer, ServerFailure> {
        if self.control.is_stopped() {
            return Err(ServerFailure::Interrupted);
        }
        let name = || candidate.name.clone();
        let Some(command) = &candidate.command else {
            return Ok(RunningServer {
                address: self.address(candidate.target(0, &self.path)?),
                ready_after: None,
                process: None,
            });
        };
        let port = if command.wants_port() {
            free_port().map_err(|source| ServerFailure::NoPort {
                name: name(),
                source,
            })?
        } else {
            0
        };
        let address = self.address(candidate.target(port, &self.path)?);
        if let Some(address) = find_listener(&address.server.url, &self.control) {
            return Err(ServerFailure::PortTaken {
                name: name(),
                address,
            });
        }
        let words = command.words(port);
        let process = self.spawn(&words).map_err(|source| ServerFailure::Spawn {
            name: name(),
            program: words[0].clone(),
            source,
        })?;
        self.wait_until_ready(candidate, address, process)
    }

    fn address(&self, url: ServerUrl) -> HandshakeTarget {
        let mut server = TargetServer::from(url);
        // The policy applies only to servers with TLS.
        if server.url.is_tls() {
            server.certificate_policy = self.certificate_policy.clone();
            server.client_identity = self.client_identity.clone();
        }
        HandshakeTarget {
            server,
            headers: self.headers.clone(),
        }
    }

    fn spawn(&self, words: &[String]) -> io::Result<ServerChild> {
        let mut command = Command::new(&words[0]);
        command.args(&words[1..]);
        command.envs(self.env.iter().map(|(name, value)| (name, value)));
        if let Some(cwd) = &self.cwd {
            command.current_dir(cwd);
        }
        host::cores::with_cores(&self.cores, || {
            ServerChild::spawn(&self.groups, &mut command)
        })?
    }

    fn wait_until_ready(
        &self,
        candidate: &Candidate,
        address: HandshakeTarget,
        mut process: ServerChild,
    ) -> Result<RunningServer, ServerFailure> {
        let name = || candidate.name.clone();
        let begun = Instant::now();
        let mut wait = RETRY_EVERY;
        let mut text = self.text;
        let mut earlier = None;
        loop {
            let left = self.ready_timeout.saturating_sub(begun.elapsed());
            let allowed = left.min(ONE_TRY).max(SHORTEST_TRY);
            let tried = match &self.scenario_load {
                Some(load) => try_handshake(load, &address, allowed, &self.control),
                None => try_echo(&address, allowed, text, &self.control),
            };
            if self.control.is_stopped() {
                return Err(ServerFailure::Interrupted);
            }
            // An answer on this port after the end of the process is from another server.
            if let Some((status, output)) = process.ending() {
                return Err(ServerFailure::Ended {
                    name: name(),
                    status,
                    when: "before it echoed a message",
                    output,
                });
            }
            let Err(error) = tried else {
                return Ok(RunningServer {
                    address,
                    ready_after: Some(begun.elapsed()),
                    process: Some(process),
                });
            };
            // The server answers, but may accept only the other message type, which the gate will detect.
            text ^= matches!(error, WsClientError::Talk(_));
            let error = telling_error(earlier, error, allowed < ONE_TRY);
            if begun.elapsed() >= self.ready_timeout {
                return Err(ServerFailure::NeverReady {
                    name: name(),
                    url: address.server.url.as_str().to_owned(),
                    after: self.ready_timeout,
                    last: with_advice(&error, candidate.has_own_url()),
                    output: process.last_output(),
                });
            }
            earlier = Some(error);
            std::thread::sleep(wait.min(left));
            wait = (wait * 2).min(LONGEST_RETRY);
        }
    }
}

/// Finds a free loopback port. Another process may take it before the server does. The server then reports that it
/// cannot start.
fn free_port() -> io::Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    Ok(listener.local_addr()?.port())
}

/// Finds a listener on the server's address before the server is started.
fn find_listener(target: &ServerUrl, control: &RunHandle) -> Option<SocketAddr> {
    let Endpoint::Tcp { host, port, .. } = target.endpoint() else {
        return None;
    };
    let addresses = resolve(host, *port).ok()?;
    let connected = connect_first(&addresses, Instant::now() + ONE_TRY, || {
        control.is_stopped()
    });
    connected.ok().flatten().map(|(address, _)| address)
}

/// Opens a connection with the handshake of the first client. The gate checks the rest of a scenario.
fn try_handshake(
    load: &LoadSpec,
    address: &HandshakeTarget,
    timeout: Duration,
    control: &RunHandle,
) -> Result<(), WsClientError> {
    let of_first = || {
        let plan = load.clone().against(address.server.clone()).ok()?;
        let client = plan.client_state(&plan.roles()?, 0)?;
        Some((HandshakeTarget::of(&plan, &client).ok()?, client))
    };
    // Both were checked before the first server was started.
    let of_first = of_first();
    let target = of_first.as_ref().map_or(address, |(target, _)| target);
    let explained = |error: WsClientError| match (&load.scenario, &of_first) {
        (Some(scenario), Some((_, client))) => error.in_scenario(scenario, client),
        _ => error,
    };
    let mut client = WsClient::open(target, timeout, control).map_err(explained)?;
    let _ = client.send(Message::Close(None));
    Ok(())
}

fn try_echo(
    address: &HandshakeTarget,
    timeout: Duration,
    text: bool,
    control: &RunHandle,
) -> Result<(), WsClientError> {
    const QUESTION: &str = "ready?";
    let mut client = WsClient::open(address, timeout, control)?;
    client.send(if text {
        Message::text(QUESTION)
    } else {
        Message::binary(QUESTION)
    })?;
    loop {
        let message = client.receive()?;
        if message.is_text() || message.is_binary() {
            // Closes the connection properly for the server, without waiting for its answer.
            let _ = client.send(Message::Close(None));
            return Ok(());
        }
    }
}

/// The error in one line, with advice.
fn with_advice(error: &WsClientError, has_own_url: bool) -> String {
    let WsClientError::Open { failure, .. } = error else {
        return cli::in_one_line(error);
    };
    match readiness_advice(failure, has_own_url) {
        Some(advice) => format!("{failure} · {advice}"),
        None => cli::in_one_line(error),
    }
}

/// Advice for a server that was not ready in time; `None` where the general advice is sufficient.
fn readiness_advice(failure: &ConnectFailure, has_own_url: bool) -> Option<&'static str> {
    match failure {
        ConnectFailure::Connect(error) if error.kind == io::ErrorKind::ConnectionRefused => {
            Some(if has_own_url {
                "does it listen elsewhere than its 'NAME=COMMAND @ URL' says?"
            } else {
                "does it listen elsewhere? 'NAME=COMMAND @ URL' says where"
            })
        }
        ConnectFailure::Refused(refusal) if matches!(refusal.status, 200 | 404) => {
            Some(if has_own_url {
                "is the path in its 'NAME=COMMAND @ URL' right? `--path` is for servers without a URL"
            } else {
                "is the path right? `--path` names that of all servers, 'NAME=COMMAND @ URL' that of one"
            })
        }
        _ => None,
    }
}

/// The more informative error of two attempts: the newer one, unless it is a timeout because the attempt had little
/// time.
fn telling_error(
    earlier: Option<WsClientError>,
    now: WsClientError,
    had_little_time: bool,
) -> WsClientError {
    match (earlier, now) {
        (Some(earlier), now) if had_little_time && now.is_timeout() => earlier,
        (_, now) => now,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_listens_elsewhere_gets_a_hint_at_the_url() {
        let refused = io::Error::from(io::ErrorKind::ConnectionRefused);
        let refused = ConnectFailure::Connect((&refused).into());
        let said = |own| readiness_advice(&refused, own).unwrap();
        assert!(said(false).contains("NAME=COMMAND @ URL"));
        assert!(said(true).contains("than its 'NAME=COMMAND @ URL' says"));
        assert_eq!(readiness_advice(&ConnectFailure::Timeout, false), None);
    }

    #[test]
    fn an_interrupt_ends_a_try_that_has_time_left() {
        let url = |listener: &TcpListener| {
            let url = format!("ws://{}/", listener.local_addr().unwrap());
            ServerUrl::parse(&url).unwrap()
        };
        // The system accepts the connection, and no program answers the handshake.
        let silent = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = HandshakeTarget {
            server: url(&silent).into(),
            headers: HeaderMap::new(),
        };
        let control = RunHandle::new();
        let stopping = control.clone();
        let (accepted, begun) = std::sync::mpsc::channel();
        let tries = std::thread::spawn(move || {
            try_echo(&address, Duration::from_secs(3_600), true, &control)
        });
        std::thread::spawn(move || accepted.send(silent.accept().unwrap()));
        // Held open, so that only the interrupt can end the attempt.
        let _held = begun.recv().unwrap();
        stopping.stop();
        assert!(tries.join().unwrap().unwrap_err().is_timeout());
    }

    #[test]
    fn a_try_without_time_hides_nothing() {
        let refused = || {
            let error = io::Error::from(io::ErrorKind::ConnectionRefused);
            WsClientError::open(ConnectFailure::Connect((&error).into()), "ws://a/")
        };
        let silent = || WsClientError::Silent(SHORTEST_TRY);
        let told = |earlier, now, little| telling_error(earlier, now, little).to_string();
        assert!(told(Some(refused()), silent(), true).starts_with("connection refused"));
        assert!(told(Some(refused()), silent(), false).starts_with("nothing came"));
        assert!(told(None, silent(), true).starts_with("nothing came"));
        assert!(told(Some(silent()), refused(), true).starts_with("connection refused"));
    }
}

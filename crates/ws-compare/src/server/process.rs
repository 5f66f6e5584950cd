//! Starting a server, waiting until it echoes, ending it.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use http::HeaderMap;
use measurement::plan::{Endpoint, Target, Trust};
use swarm::control::Control;
use tokio_tungstenite::tungstenite::Message;

use super::group::{Ending, Group, Groups};
use super::peer::{Address, Peer, PeerError};
use super::spec::StartSpec;

/// How much of a server's last words is shown.
const SHOWN_BYTES: u64 = 4096;
/// And how many lines of that.
const SHOWN_LINES: usize = 20;

/// How long one try may take to be answered: a server may take a connection before it is ready for it.
const ONE_TRY: Duration = Duration::from_secs(2);

/// Between two tries.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// How long a server has to end by itself.
const GRACE: Duration = Duration::from_secs(3);

/// Why a server cannot be measured.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// Another has its port.
    #[error("`{name}` cannot be started: something already listens on {address}")]
    PortTaken {
        /// The server.
        name: String,
        /// The address.
        address: SocketAddr,
    },
    /// No port is free.
    #[error("there is no free port for `{name}`")]
    NoPort {
        /// The server.
        name: String,
        /// Why.
        source: io::Error,
    },
    /// The system cannot start it.
    #[error("`{name}` cannot be started: the program `{program}`")]
    Spawn {
        /// The server.
        name: String,
        /// What was to be started.
        program: String,
        /// Why.
        source: io::Error,
    },
    /// It ended before it echoed.
    #[error("`{name}` {ending} before it echoed a message{}", shown(.output))]
    Ended {
        /// The server.
        name: String,
        /// How.
        ending: Ending,
        /// Its last output.
        output: String,
    },
    /// It never echoed.
    #[error(
        "`{name}` echoed nothing at {url} within {} (--ready-timeout): {last}{}",
        humantime::format_duration(*.after), shown(.output)
    )]
    NeverReady {
        /// The server.
        name: String,
        /// Where it was looked for.
        url: String,
        /// For how long.
        after: Duration,
        /// What the last try met.
        last: String,
        /// Its last output.
        output: String,
    },
    /// Its URL cannot be used.
    #[error(transparent)]
    Url(#[from] measurement::plan::PlanError),
    /// The user ended the run.
    #[error("interrupted")]
    Interrupted,
}

/// The last words of a server, to stand behind what became of it.
pub(crate) fn shown(output: &str) -> String {
    if output.is_empty() {
        "; it wrote nothing".to_owned()
    } else {
        let lines: Vec<_> = output.lines().map(|line| format!("    {line}")).collect();
        format!("; its last output:\n{}", lines.join("\n"))
    }
}

/// How servers are started: what is the same for all of them.
#[derive(Debug, Clone)]
pub struct Starter {
    /// Where every group is entered.
    pub groups: Groups,
    /// Variables beside the program's own.
    pub env: Vec<(OsString, OsString)>,
    /// Their working directory; `None` = the program's own.
    pub cwd: Option<PathBuf>,
    /// How long one may take until it echoes.
    pub ready_timeout: Duration,
    /// Where the echo lives unless a server says otherwise.
    pub path: String,
    /// Cores they are kept on; empty = the system decides.
    pub cores: Vec<usize>,
    /// Whom to trust about their certificates.
    pub trust: Trust,
    /// Further headers of handshakes.
    pub headers: HeaderMap,
    /// Ends waiting when the user ends the run.
    pub control: Control,
}

/// A server that echoes; dropped, it is killed with all that it has forked.
#[derive(Debug)]
pub struct Running {
    /// Where it is.
    pub address: Address,
    /// From its start until its first echo.
    pub ready_after: Duration,
    group: Group,
    output: File,
}

impl Running {
    /// The number of its first process.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.group.pid()
    }

    /// Its processes.
    #[must_use]
    pub fn members(&self) -> Vec<u32> {
        self.group.members()
    }

    /// How it ended, if it has, and its last output.
    pub fn ending(&mut self) -> Option<(Ending, String)> {
        let ending = self.group.ending()?;
        Some((ending, tail(&mut self.output)))
    }

    /// Asks it to end and waits for that, within bounds.
    pub fn end(self) {
        self.group.end(GRACE);
    }
}

impl Starter {
    /// Starts a server and waits until it echoes a message.
    ///
    /// # Errors
    /// [`StartError`], naming the server; whatever was started is killed then.
    pub fn start(&self, spec: &StartSpec) -> Result<Running, StartError> {
        let name = || spec.name.clone();
        let port = if spec.wants_port() {
            free_port().map_err(|source| StartError::NoPort {
                name: name(),
                source,
            })?
        } else {
            0
        };
        let start = spec.at(port, &self.path);
        let address = Address {
            target: Target::parse(&start.url)?,
            trust: self.trust.clone(),
            headers: self.headers.clone(),
        };
        if let Some(address) = listens_already(&address.target) {
            return Err(StartError::PortTaken {
                name: name(),
                address,
            });
        }
        let program = start.words[0].clone();
        let (group, mut output) = self
            .spawn(&start.words)
            .map_err(|source| StartError::Spawn {
                name: name(),
                program,
                source,
            })?;
        let begun = Instant::now();
        let mut group = group;
        let mut wait = LOOK_EVERY / 2;
        let mut met = None;
        loop {
            let left = self.ready_timeout.saturating_sub(begun.elapsed());
            let allowed = left.min(ONE_TRY).max(LOOK_EVERY);
            let tried = echoes(&address, allowed);
            if self.control.is_stopped() {
                return Err(StartError::Interrupted);
            }
            // Whoever answers on its port when it has ended is another.
            if let Some(ending) = group.ending() {
                return Err(StartError::Ended {
                    name: name(),
                    ending,
                    output: tail(&mut output),
                });
            }
            match tried {
                Ok(()) => {
                    return Ok(Running {
                        address,
                        ready_after: begun.elapsed(),
                        group,
                        output,
                    });
                }
                Err(error) => {
                    let error = telling(met, error, allowed < ONE_TRY);
                    if begun.elapsed() >= self.ready_timeout {
                        return Err(StartError::NeverReady {
                            name: name(),
                            url: start.url,
                            after: self.ready_timeout,
                            last: cli::in_one_line(&error),
                            output: tail(&mut output),
                        });
                    }
                    met = Some(error);
                    std::thread::sleep(wait.min(left));
                    wait = (wait * 2).min(5 * LOOK_EVERY);
                }
            }
        }
    }

    fn spawn(&self, words: &[String]) -> io::Result<(Group, File)> {
        let output = tempfile::tempfile()?;
        let mut command = Command::new(&words[0]);
        command
            .args(&words[1..])
            .envs(self.env.iter().map(|(k, v)| (k, v)))
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output.try_clone()?);
        if let Some(cwd) = &self.cwd {
            command.current_dir(cwd);
        }
        let group = host::cores::with_cores(&self.cores, || self.groups.spawn(&mut command))??;
        Ok((group, output))
    }
}

/// A port of the loopback that nobody has now. Another may take it before the server does; then the
/// server cannot start and says so.
fn free_port() -> io::Result<u16> {
    let listener = TcpListener::bind((std::net::Ipv4Addr::LOCALHOST, 0))?;
    Ok(listener.local_addr()?.port())
}

/// Who answers where the server is to listen, before it is started.
fn listens_already(target: &Target) -> Option<SocketAddr> {
    use std::net::ToSocketAddrs;
    let Endpoint::Tcp { host, port, .. } = target.endpoint() else {
        return None;
    };
    let mut addresses = (host.as_str(), *port).to_socket_addrs().ok()?;
    addresses.find(|address| TcpStream::connect_timeout(address, ONE_TRY).is_ok())
}

/// Whether one message comes back.
fn echoes(address: &Address, timeout: Duration) -> Result<(), PeerError> {
    let mut peer = Peer::open(address, timeout)?;
    peer.send(Message::text("ready?"))?;
    peer.receive_data()?;
    // Closed, so that the server is not left with half a connection; its answer is not waited for.
    let _ = peer.send(Message::Close(None));
    Ok(())
}

/// What the tries so far met: the newest of it, unless that is only that it had no time.
fn telling(before: Option<PeerError>, now: PeerError, had_little_time: bool) -> PeerError {
    match (before, now) {
        (Some(before), PeerError::Silent(_)) if had_little_time => before,
        (_, now) => now,
    }
}

/// The end of what a server wrote.
fn tail(output: &mut File) -> String {
    let mut read = || -> io::Result<String> {
        let end = output.seek(SeekFrom::End(0))?;
        output.seek(SeekFrom::Start(end.saturating_sub(SHOWN_BYTES)))?;
        let mut bytes = Vec::new();
        output.take(SHOWN_BYTES).read_to_end(&mut bytes)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    };
    let text = read().unwrap_or_default();
    // What a server writes must not steer the reader's terminal.
    let text = text.replace(|c: char| c.is_control() && !matches!(c, '\n' | '\t'), "");
    let lines: Vec<_> = text.lines().filter(|l| !l.trim().is_empty()).collect();
    lines[lines.len().saturating_sub(SHOWN_LINES)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_server_wrote_steers_no_terminal() {
        let mut output = tempfile::tempfile().unwrap();
        io::Write::write_all(&mut output, b"one\n\x1b[31mred\x07\ttab\r\n\n").unwrap();
        assert_eq!(tail(&mut output), "one\n[31mred\ttab");
    }

    #[test]
    fn a_try_without_time_hides_nothing() {
        let refused = || PeerError::Connect(io::ErrorKind::ConnectionRefused.into());
        let silent = || PeerError::Silent(LOOK_EVERY);
        let told = |before, now, little| telling(before, now, little).to_string();
        assert_eq!(told(Some(refused()), silent(), true), "cannot connect");
        assert!(told(Some(refused()), silent(), false).starts_with("nothing came"));
        assert!(told(None, silent(), true).starts_with("nothing came"));
        assert_eq!(told(Some(silent()), refused(), true), "cannot connect");
    }
}

//! The side of a process that a launcher started.

use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use super::line::{LineBuffer, LineTooLong, PmiLine};
use crate::identity::ShardIdentity;
use crate::{Result, ShardsError};

/// Interval between two checks for an interrupt or for the end of the time.
const CHECK_EVERY: Duration = Duration::from_millis(50);
/// Longest value that can be published. Launchers take at least four times as much.
const MAX_VALUE_BYTES: usize = 256;

/// Takes over the launcher's socket, whose number is in `PMI_FD`; `None` when the variable is not set. The descriptor
/// itself stays open until the process ends.
///
/// # Errors
/// [`ShardsError::Descriptor`].
pub fn inherited_socket(
    environment: impl Fn(&str) -> Option<String>,
) -> Result<Option<UnixStream>> {
    let Some(value) = environment("PMI_FD").filter(|value| !value.is_empty()) else {
        return Ok(None);
    };
    let Ok(number) = value.parse() else {
        return Err(ShardsError::Descriptor {
            value,
            source: None,
        });
    };
    host::inherited_descriptor::duplicate(number)
        .map(UnixStream::from)
        // Fails for everything but a Unix socket.
        .and_then(|socket| socket.local_addr().map(|_| Some(socket)))
        .map_err(|source| ShardsError::Descriptor {
            value,
            source: Some(source),
        })
}

/// A connection to the launcher. Every wait ends at the same time limit, or when the run is interrupted.
pub struct PmiClient {
    socket: UnixStream,
    received: LineBuffer,
    /// Name of the launcher's key-value space.
    space: String,
    timeout: Duration,
    deadline: Instant,
    is_stopped: Box<dyn Fn() -> bool + Send>,
}

impl PmiClient {
    /// Introduces this process to the launcher. From here on all calls together may take `timeout`. A process that ends
    /// after this call without [`PmiClient::finalize`] counts as failed, and `mpiexec` then kills all others.
    ///
    /// # Errors
    /// [`ShardsError::BarrierTimeout`], [`ShardsError::Interrupted`], and errors of the launcher.
    pub fn connect(
        socket: UnixStream,
        timeout: Duration,
        is_stopped: impl Fn() -> bool + Send + 'static,
    ) -> Result<Self> {
        for set in [UnixStream::set_read_timeout, UnixStream::set_write_timeout] {
            set(&socket, Some(CHECK_EVERY)).map_err(ShardsError::Launcher)?;
        }
        let now = Instant::now();
        let mut client = Self {
            socket,
            received: LineBuffer::default(),
            space: String::new(),
            timeout,
            // A timeout beyond the range of the clock is a hundred years.
            deadline: now
                .checked_add(timeout)
                .unwrap_or(now + Duration::from_hours(24 * 36_500)),
            is_stopped: Box::new(is_stopped),
        };
        client.request(
            "cmd=init pmi_version=1 pmi_subversion=1",
            "response_to_init",
        )?;
        let answer = client.request("cmd=get_my_kvsname", "my_kvsname")?;
        client.space = answer
            .get("kvsname")
            .ok_or_else(|| unexpected("my_kvsname", &answer))?
            .to_owned();
        Ok(client)
    }

    /// Waits until all shards have called this, then returns the same text on all of them. Each shard calls `value`
    /// once after the wait. The result is the value of shard 0, or of the first shard that lives.
    ///
    /// # Errors
    /// As [`PmiClient::connect`]; [`ShardsError::Value`] and [`ShardsError::NothingPublished`].
    pub fn agree(
        &mut self,
        identity: ShardIdentity,
        value: impl FnOnce() -> Result<String>,
    ) -> Result<String> {
        self.barrier()?;
        let value = value()?;
        if !is_publishable(&value) {
            return Err(ShardsError::Value(value));
        }
        self.request(
            &format!(
                "cmd=put kvsname={} key={} value={value}",
                self.space,
                key(identity.index)
            ),
            "put_result",
        )?;
        self.barrier()?;
        // A shard whose value is missing died between the two barriers, so all shards find it missing.
        for index in 0..identity.count.get() {
            if let Some(value) = self.get(&key(index))? {
                return Ok(value);
            }
        }
        Err(ShardsError::NothingPublished)
    }

    /// Takes leave of the launcher, for which the process may end in any way from here on.
    ///
    /// # Errors
    /// As [`PmiClient::connect`].
    pub fn finalize(mut self) -> Result<()> {
        self.request("cmd=finalize", "finalize_ack").map(drop)
    }

    fn barrier(&mut self) -> Result<()> {
        self.request("cmd=barrier_in", "barrier_out").map(drop)
    }

    /// Reads a published value; `None` when there is none under this key.
    fn get(&mut self, key: &str) -> Result<Option<String>> {
        self.send(&format!("cmd=get kvsname={} key={key}", self.space))?;
        let answer = self.receive("get_result")?;
        if !answer.is_success() {
            return Ok(None);
        }
        match answer.get("value") {
            Some(value) => Ok(Some(value.to_owned())),
            None => Err(unexpected("get_result", &answer)),
        }
    }

    /// Sends a command and returns the answer, a successful one with this command.
    fn request(&mut self, command: &str, expected: &'static str) -> Result<PmiLine> {
        self.send(command)?;
        let answer = self.receive(expected)?;
        if answer.is_success() {
            Ok(answer)
        } else {
            Err(unexpected(expected, &answer))
        }
    }

    fn send(&mut self, command: &str) -> Result<()> {
        let line = format!("{command}\n");
        let mut rest = line.as_bytes();
        while !rest.is_empty() {
            self.check_patience()?;
            match self.socket.write(rest) {
                Ok(sent) => rest = &rest[sent..],
                Err(error) if is_only_a_pause(&error) => {}
                Err(error) => return Err(ShardsError::Launcher(error)),
            }
        }
        Ok(())
    }

    fn receive(&mut self, expected: &'static str) -> Result<PmiLine> {
        loop {
            match self.received.take_line() {
                Ok(Some(line)) if line.command() == expected => return Ok(line),
                Ok(Some(line)) => return Err(unexpected(expected, &line)),
                Ok(None) => {}
                Err(LineTooLong(answer)) => {
                    return Err(ShardsError::LauncherAnswer { expected, answer });
                }
            }
            self.check_patience()?;
            let mut bytes = [0; 1024];
            match self.socket.read(&mut bytes) {
                Ok(0) => return Err(ShardsError::LauncherClosed { expected }),
                Ok(length) => self.received.push(&bytes[..length]),
                Err(error) if is_only_a_pause(&error) => {}
                Err(error) => return Err(ShardsError::Launcher(error)),
            }
        }
    }

    /// Enters the barrier without waiting for the others.
    #[cfg(test)]
    pub(super) fn enter_barrier(&mut self) {
        self.send("cmd=barrier_in").unwrap();
    }

    fn check_patience(&self) -> Result<()> {
        if (self.is_stopped)() {
            return Err(ShardsError::Interrupted);
        }
        if Instant::now() >= self.deadline {
            return Err(ShardsError::BarrierTimeout(self.timeout));
        }
        Ok(())
    }
}

/// Key under which a shard publishes its value.
fn key(index: u32) -> String {
    format!("ws-bench-{index}")
}

/// Returns true for a value that every launcher sends on as it is. Blanks and newlines would end it.
fn is_publishable(value: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:+".contains(&byte);
    (1..=MAX_VALUE_BYTES).contains(&value.len()) && value.bytes().all(is_plain)
}

/// The kind of error for a socket's timeout depends on the system.
fn is_only_a_pause(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted
    )
}

fn unexpected(expected: &'static str, line: &PmiLine) -> ShardsError {
    ShardsError::LauncherAnswer {
        expected,
        answer: line.excerpt(),
    }
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsRawFd;

    use super::*;

    const LONG: Duration = Duration::from_secs(60);

    /// The launcher's and the client's end, after the launcher has sent these answers and closed its side.
    fn launcher(answers: &str) -> (UnixStream, UnixStream) {
        let (mut ours, theirs) = UnixStream::pair().unwrap();
        ours.write_all(answers.as_bytes()).unwrap();
        ours.shutdown(std::net::Shutdown::Write).unwrap();
        (ours, theirs)
    }

    fn agree(answers: &str) -> Result<String> {
        let (_launcher, socket) = launcher(answers);
        let mut client = PmiClient::connect(socket, LONG, || false)?;
        let value = client.agree("1/3".parse().unwrap(), || Ok("111".to_owned()))?;
        client.finalize()?;
        Ok(value)
    }

    const SLURM: &str = "cmd=response_to_init rc=0 pmi_version=1 pmi_subversion=1\n\
        cmd=my_kvsname rc=0 kvsname=2.0\n\
        cmd=barrier_out rc=0\n\
        cmd=put_result rc=0\n\
        cmd=barrier_out rc=0\n\
        cmd=get_result rc=0 value=1795954895790\n\
        cmd=finalize_ack rc=0\n";

    const HYDRA: &str = "cmd=response_to_init pmi_version=1 pmi_subversion=1 rc=0\n\
        cmd=my_kvsname kvsname=kvs_32035_0_2130585923_head\n\
        cmd=barrier_out\n\
        cmd=put_result rc=0 msg=success\n\
        cmd=barrier_out\n\
        cmd=get_result rc=0 msg=success value=1795954895790\n\
        cmd=finalize_ack\n";

    #[test]
    fn the_answers_of_slurm_and_hydra_are_understood() {
        for answers in [SLURM, HYDRA] {
            assert_eq!(agree(answers).unwrap(), "1795954895790");
        }
    }

    #[test]
    fn the_first_shard_with_a_value_decides() {
        let missing = "cmd=get_result rc=-1 msg=key_not_found value=unknown\n";
        let at = HYDRA.find("cmd=get_result").unwrap();
        let answers = format!("{}{missing}{missing}{}", &HYDRA[..at], &HYDRA[at..]);
        assert_eq!(agree(&answers).unwrap(), "1795954895790");
        let answers = format!("{}{}", &HYDRA[..at], missing.repeat(3));
        assert!(matches!(
            agree(&answers),
            Err(ShardsError::NothingPublished)
        ));
    }

    #[test]
    fn a_launcher_that_ends_anywhere_is_an_error_with_the_expected_command() {
        for answers in [SLURM, HYDRA] {
            for end in 0..answers.len() {
                let next = &answers[answers[..end].rfind('\n').map_or(0, |at| at + 1)..];
                let command = next.split(['=', ' ', '\n']).nth(1).unwrap();
                match agree(&answers[..end]).unwrap_err() {
                    ShardsError::LauncherClosed { expected } => assert_eq!(expected, command),
                    error => panic!("{error:?} after {end} B"),
                }
            }
        }
    }

    #[test]
    fn an_unexpected_answer_is_shown() {
        for (answer, message) in [
            (
                "cmd=my_kvsname kvsname=1".to_owned(),
                "the launcher sent `cmd=my_kvsname kvsname=1` (PMI_FD) instead of `response_to_init`",
            ),
            (
                "cmd=response_to_init rc=-1".to_owned(),
                "the launcher sent `cmd=response_to_init rc=-1` (PMI_FD) instead of `response_to_init`",
            ),
            (
                String::new(),
                "the launcher sent `` (PMI_FD) instead of `response_to_init`",
            ),
            (
                "cmd=response_to_init rc=0\ncmd=my_kvsname".to_owned(),
                "the launcher sent `cmd=my_kvsname` (PMI_FD) instead of `my_kvsname`",
            ),
        ] {
            assert_eq!(
                agree(&format!("{answer}\n")).unwrap_err().to_string(),
                message
            );
        }
        let error = agree(&"x".repeat(5000)).unwrap_err();
        assert!(
            matches!(error, ShardsError::LauncherAnswer { .. }),
            "{error:?}"
        );
    }

    #[test]
    fn values_that_a_launcher_could_cut_are_refused() {
        for value in ["2026-01-31T12:00:00.250Z", "1795954895790", "a_b+c"] {
            assert!(is_publishable(value), "{value}");
        }
        for value in ["", "a b", "a=b", "a\nb", "a;b", "é", &"x".repeat(257)] {
            assert!(!is_publishable(value), "{value}");
        }
        let (_launcher, socket) = launcher(HYDRA);
        let mut client = PmiClient::connect(socket, LONG, || false).unwrap();
        let error = client.agree("0/1".parse().unwrap(), || Ok("a b".to_owned()));
        assert!(matches!(error, Err(ShardsError::Value(value)) if value == "a b"));
    }

    #[test]
    fn a_silent_launcher_ends_at_the_time_limit() {
        let (_launcher, socket) = UnixStream::pair().unwrap();
        let result = PmiClient::connect(socket, Duration::from_millis(60), || false);
        let error = result.err().unwrap();
        assert_eq!(
            error.to_string(),
            "the other shards did not reach the start within 60ms"
        );
    }

    #[test]
    fn an_interrupt_ends_the_wait() {
        let (_launcher, socket) = UnixStream::pair().unwrap();
        let checks = std::sync::atomic::AtomicU32::new(0);
        let is_stopped = move || checks.fetch_add(1, std::sync::atomic::Ordering::Relaxed) >= 3;
        let result = PmiClient::connect(socket, Duration::MAX, is_stopped);
        assert!(matches!(result, Err(ShardsError::Interrupted)));
    }

    #[test]
    fn the_socket_is_taken_over_by_its_number() {
        let (mut launcher, theirs) = UnixStream::pair().unwrap();
        let number = theirs.as_raw_fd().to_string();
        let environment = |name: &str| (name == "PMI_FD").then(|| number.clone());
        let mut taken = inherited_socket(environment).unwrap().unwrap();
        taken.write_all(b"x").unwrap();
        let mut byte = [0];
        launcher.read_exact(&mut byte).unwrap();
        assert_eq!(&byte, b"x");
    }

    #[test]
    fn without_the_variable_there_is_no_launcher() {
        assert!(inherited_socket(|_| None).unwrap().is_none());
        assert!(inherited_socket(|_| Some(String::new())).unwrap().is_none());
    }

    #[test]
    fn a_number_that_is_not_a_socket_is_an_error() {
        let file = tempfile::tempfile().unwrap();
        let number = file.as_raw_fd().to_string();
        for value in ["x", "-1", "2147483647", "4294967296", &number] {
            let error = inherited_socket(|_| Some(value.to_owned())).unwrap_err();
            assert_eq!(
                error.to_string(),
                format!("PMI_FD is `{value}`, which is not the number of an inherited socket")
            );
        }
    }
}

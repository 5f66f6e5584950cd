//! The side of a launcher, for shards on one machine.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::line::{LineBuffer, PmiLine};

/// Name of the only key-value space.
const SPACE: &str = "ws-bench";

/// A launcher that answers the commands of its shards in a thread of its own, until it is dropped.
#[derive(Debug)]
pub struct PmiServer {
    /// Closing this socket ends the thread.
    stop: Option<UnixStream>,
    thread: Option<JoinHandle<()>>,
    lost: Arc<Mutex<BTreeSet<usize>>>,
}

impl PmiServer {
    /// Serves these sockets. The socket at index i is that of shard i, whose other end the shard has as the descriptor
    /// in `PMI_FD`.
    ///
    /// # Errors
    /// When a socket or the thread cannot be set up.
    pub fn start(sockets: Vec<UnixStream>) -> io::Result<Self> {
        for socket in &sockets {
            socket.set_nonblocking(true)?;
        }
        let (stop, is_stopped) = UnixStream::pair()?;
        let lost = Arc::default();
        let launcher = Launcher {
            clients: sockets.into_iter().map(ServedShard::new).collect(),
            values: BTreeMap::new(),
            lost: Arc::clone(&lost),
        };
        let thread = std::thread::Builder::new()
            .name("pmi-server".to_owned())
            .spawn(move || launcher.serve(&is_stopped))?;
        Ok(Self {
            stop: Some(stop),
            thread: Some(thread),
            lost,
        })
    }

    /// Indexes of the shards that closed their socket, or broke the protocol, before they took leave. The barrier does
    /// not wait for them.
    pub fn lost_shards(&self) -> Vec<usize> {
        let lost = self.lost.lock().unwrap_or_else(PoisonError::into_inner);
        lost.iter().copied().collect()
    }
}

impl Drop for PmiServer {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // The thread has no result, and its panic is already printed.
            let _ = thread.join();
        }
    }
}

/// State of the thread.
struct Launcher {
    clients: Vec<ServedShard>,
    values: BTreeMap<String, String>,
    lost: Arc<Mutex<BTreeSet<usize>>>,
}

/// A shard as the launcher sees it.
struct ServedShard {
    /// `None` after the end.
    socket: Option<UnixStream>,
    received: LineBuffer,
    is_at_barrier: bool,
}

/// End of a connection to a shard.
enum End {
    /// The shard took leave.
    Finalized,
    /// The shard closed its socket, or sent or ignored too much.
    Lost,
}

impl ServedShard {
    fn new(socket: UnixStream) -> Self {
        Self {
            socket: Some(socket),
            received: LineBuffer::default(),
            is_at_barrier: false,
        }
    }

    /// Sends a line, which always finds room in the socket unless the shard ignores its answers.
    fn send(&mut self, line: &str) -> Result<(), End> {
        let line = format!("{line}\n");
        match self.socket.as_mut().map(|s| s.write(line.as_bytes())) {
            Some(Ok(sent)) if sent == line.len() => Ok(()),
            _ => Err(End::Lost),
        }
    }

    /// Reads what has arrived.
    fn receive(&mut self) -> Result<(), End> {
        let mut bytes = [0; 1024];
        match self.socket.as_mut().map(|s| s.read(&mut bytes)) {
            Some(Ok(length @ 1..)) => self.received.push(&bytes[..length]),
            Some(Err(error))
                if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
            _ => return Err(End::Lost),
        }
        Ok(())
    }
}

impl Launcher {
    fn serve(mut self, is_stopped: &UnixStream) {
        while let Ok(ready) = self.wait(is_stopped) {
            for index in ready {
                if let Err(end) = self.advance(index) {
                    self.end(index, &end);
                }
            }
            self.open_barrier();
        }
    }

    /// Waits until shards have sent something or ended. The error is the end of the thread.
    fn wait(&self, is_stopped: &UnixStream) -> Result<Vec<usize>, Errno> {
        let sockets = self.clients.iter().enumerate();
        let sockets: Vec<_> = sockets
            .filter_map(|(index, client)| Some((index, client.socket.as_ref()?)))
            .collect();
        let mut descriptors: Vec<_> = std::iter::once(is_stopped)
            .chain(sockets.iter().map(|(_, socket)| *socket))
            .map(|socket| PollFd::new(socket.as_fd(), PollFlags::POLLIN))
            .collect();
        while let Err(error) = poll(&mut descriptors, PollTimeout::NONE) {
            if error != Errno::EINTR {
                return Err(error);
            }
        }
        let is_ready = |descriptor: &PollFd| descriptor.any().unwrap_or(true);
        if is_ready(&descriptors[0]) {
            return Err(Errno::ECANCELED);
        }
        let ready = std::iter::zip(sockets, &descriptors[1..]);
        Ok(ready
            .filter(|(_, descriptor)| is_ready(descriptor))
            .map(|((index, _), _)| index)
            .collect())
    }

    /// Answers everything that a shard has sent.
    fn advance(&mut self, index: usize) -> Result<(), End> {
        self.clients[index].receive()?;
        while let Some(line) = self.clients[index]
            .received
            .take_line()
            .map_err(|_| End::Lost)?
        {
            self.answer(index, &line)?;
        }
        Ok(())
    }

    fn answer(&mut self, index: usize, line: &PmiLine) -> Result<(), End> {
        let client = &mut self.clients[index];
        match line.command() {
            "init" => client.send("cmd=response_to_init pmi_version=1 pmi_subversion=1 rc=0"),
            "get_maxes" => client.send("cmd=maxes kvsname_max=256 keylen_max=64 vallen_max=1024"),
            "get_my_kvsname" => client.send(&format!("cmd=my_kvsname kvsname={SPACE}")),
            "put" => {
                let (Some(key), Some(value)) = (line.get("key"), line.get("value")) else {
                    return Err(End::Lost);
                };
                self.values.insert(key.to_owned(), value.to_owned());
                client.send("cmd=put_result rc=0 msg=success")
            }
            "get" => match line.get("key").and_then(|key| self.values.get(key)) {
                Some(value) => {
                    client.send(&format!("cmd=get_result rc=0 msg=success value={value}"))
                }
                None => client.send("cmd=get_result rc=-1 msg=key_not_found value=unknown"),
            },
            "barrier_in" => {
                client.is_at_barrier = true;
                Ok(())
            }
            "finalize" => client.send("cmd=finalize_ack").and(Err(End::Finalized)),
            _ => Err(End::Lost),
        }
    }

    /// Lets all shards go when every one that has not ended is at the barrier.
    fn open_barrier(&mut self) {
        let mut living = self.clients.iter().filter(|c| c.socket.is_some());
        if !living.all(|client| client.is_at_barrier) {
            return;
        }
        for index in 0..self.clients.len() {
            let client = &mut self.clients[index];
            if std::mem::take(&mut client.is_at_barrier) && client.send("cmd=barrier_out").is_err()
            {
                self.end(index, &End::Lost);
            }
        }
    }

    fn end(&mut self, index: usize, end: &End) {
        let client = &mut self.clients[index];
        client.socket = None;
        client.is_at_barrier = false;
        if matches!(end, End::Lost) {
            let mut lost = self.lost.lock().unwrap_or_else(PoisonError::into_inner);
            lost.insert(index);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::PmiClient;
    use super::*;
    use crate::ShardsError;

    const LONG: Duration = Duration::from_secs(60);

    fn server(clients: usize) -> (PmiServer, Vec<UnixStream>) {
        let pairs = (0..clients).map(|_| UnixStream::pair().unwrap());
        let (ours, theirs) = pairs.unzip();
        (PmiServer::start(ours).unwrap(), theirs)
    }

    /// All that a shard does at the start.
    fn agree(socket: UnixStream, index: usize, count: usize) -> Result<String, ShardsError> {
        let identity = format!("{index}/{count}").parse().unwrap();
        let mut client = PmiClient::connect(socket, LONG, || false)?;
        let value = client.agree(identity, || Ok(format!("value-{index}")))?;
        client.finalize()?;
        Ok(value)
    }

    /// The results of these shards of `count`, each in a thread.
    fn agree_all(sockets: Vec<(usize, UnixStream)>, count: usize) -> Vec<String> {
        let spawn = |(index, socket)| std::thread::spawn(move || agree(socket, index, count));
        let shards: Vec<_> = sockets.into_iter().map(spawn).collect();
        let results = shards.into_iter().map(|shard| shard.join().unwrap());
        results.map(Result::unwrap).collect()
    }

    /// Asks until the server has noticed all that happened before.
    fn wait_for_lost(server: &PmiServer, expected: &[usize]) {
        while server.lost_shards() != expected {
            std::thread::yield_now();
        }
    }

    #[test]
    fn all_shards_get_the_value_of_shard_0() {
        for count in [1, 3, 16] {
            let (server, sockets) = server(count);
            let values = agree_all(sockets.into_iter().enumerate().collect(), count);
            assert_eq!(values, vec!["value-0"; count]);
            assert_eq!(server.lost_shards(), Vec::<usize>::new());
        }
    }

    #[test]
    fn a_dead_shard_does_not_hold_up_the_others() {
        for dead in [0, 2] {
            let (server, sockets) = server(3);
            let mut sockets: Vec<_> = sockets.into_iter().enumerate().collect();
            let (_, socket) = sockets.remove(dead);
            // This shard reaches the barrier and dies there.
            let mut client = PmiClient::connect(socket, LONG, || false).unwrap();
            client.enter_barrier();
            drop(client);
            let values = agree_all(sockets, 3);
            let expected = if dead == 0 { "value-1" } else { "value-0" };
            assert_eq!(values, vec![expected; 2]);
            assert_eq!(server.lost_shards(), [dead]);
        }
    }

    #[test]
    fn a_shard_that_dies_while_others_wait_lets_them_go() {
        let (server, mut sockets) = server(2);
        let dying = sockets.pop().unwrap();
        let waiting = std::thread::spawn({
            let socket = sockets.pop().unwrap();
            move || agree(socket, 0, 2)
        });
        drop(dying);
        assert_eq!(waiting.join().unwrap().unwrap(), "value-0");
        assert_eq!(server.lost_shards(), [1]);
    }

    #[test]
    fn the_barrier_waits_for_the_last_shard() {
        let (_server, mut sockets) = server(2);
        let _late = sockets.pop().unwrap();
        let socket = sockets.pop().unwrap();
        let result = PmiClient::connect(socket, Duration::from_millis(100), || false).and_then(
            |mut client| {
                client.agree("0/2".parse().unwrap(), || {
                    unreachable!("the barrier is open")
                })
            },
        );
        assert!(matches!(result, Err(ShardsError::BarrierTimeout(_))));
    }

    #[test]
    fn a_shard_that_breaks_the_protocol_is_lost() {
        let long = vec![b'x'; 10_000];
        for bytes in [
            &b"cmd=spawn\n"[..],
            b"\n",
            b"\xff\n",
            b"cmd=put key=a\n",
            &long,
        ] {
            let (server, mut sockets) = server(2);
            sockets[0].write_all(bytes).unwrap();
            wait_for_lost(&server, &[0]);
            let rest = vec![(1, sockets.pop().unwrap())];
            assert_eq!(agree_all(rest, 2), ["value-1"]);
        }
    }

    #[test]
    fn a_shard_that_ignores_its_answers_is_lost() {
        let (server, mut sockets) = server(1);
        // Fails once the server has closed its end.
        while sockets[0].write_all(b"cmd=get_maxes\n").is_ok() {}
        wait_for_lost(&server, &[0]);
    }

    #[test]
    fn a_server_that_is_dropped_closes_its_sockets() {
        let (server, sockets) = server(1);
        let client = PmiClient::connect(sockets.into_iter().next().unwrap(), LONG, || false);
        drop(server);
        let result = client.unwrap().finalize();
        assert!(
            matches!(
                result,
                Err(ShardsError::LauncherClosed { .. } | ShardsError::Launcher(_))
            ),
            "{result:?}"
        );
    }
}

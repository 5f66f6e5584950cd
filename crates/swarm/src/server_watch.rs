//! CPU time of a watched server, its memory while connections open, before and after readers turn slow, and with its open
//! files over the run.

use std::time::{Duration, Instant};

use host::process_probe::{ProcessProbe, ProcessUsage};
use measurement::run::{ConnectionMemory, MemoryReading, ServerReading, ServerReadings};

use crate::handle::RunHandle;
use crate::progress::Phase;

/// A server that is watched in the measured phase.
pub(crate) struct ServerWatch<'a> {
    /// `None` when the server is not watched.
    probe: Option<&'a mut ProcessProbe>,
    /// `None` without slow readers.
    memory: Option<ServerMemory>,
    /// Memory and open files over the measured phase.
    readings: ServerReadings,
    /// `None` when the memory per connection is not measured.
    opening: Option<OpeningMemory>,
    /// Usage of the measured phase, once it is over.
    pub(crate) used: Option<ProcessUsage>,
}

impl<'a> ServerWatch<'a> {
    /// `slow_after`: time after T0 at which readers turn slow; `None` without them. `opening`: the run whose connections
    /// the memory is divided by; `None` = it is not measured.
    pub(crate) fn new(
        probe: Option<&'a mut ProcessProbe>,
        slow_after: Option<Duration>,
        opening: Option<RunHandle>,
    ) -> Self {
        Self {
            probe,
            memory: slow_after.map(ServerMemory::new),
            readings: ServerReadings::default(),
            opening: opening.map(OpeningMemory::new),
            used: None,
        }
    }

    /// Begins or ends the measurement with the phase.
    pub(crate) fn enter(&mut self, phase: Phase) {
        match (phase, &mut self.probe) {
            (Phase::Connect, Some(probe)) => {
                if let Some(opening) = &mut self.opening {
                    // Finds the descendants of the server.
                    probe.begin();
                    opening.read(|| probe.rss_bytes());
                }
            }
            (Phase::WarmUp, Some(probe)) => {
                if let Some(opening) = &mut self.opening {
                    opening.read(|| probe.rss_bytes());
                }
            }
            (Phase::Measure, Some(probe)) => probe.begin(),
            (Phase::Drain | Phase::Close, Some(probe)) if self.used.is_none() => {
                self.used = probe.end();
            }
            _ => {}
        }
    }

    /// Returns true when there is a server to watch.
    pub(crate) fn has_server(&self) -> bool {
        self.probe.is_some()
    }

    /// Reads the memory, at this time after T0, if there are slow readers or it is time for a reading.
    pub(crate) fn at(&mut self, since_t0: Duration) {
        let Some(probe) = &mut self.probe else {
            return;
        };
        if let Some(memory) = &mut self.memory {
            memory.sample(since_t0, || probe.rss_bytes());
        }
        self.readings
            .take(since_t0, || Some((probe.rss_bytes()?, probe.open_files())));
    }

    /// Memory and open files over the measured phase.
    pub(crate) fn readings(&self) -> &[ServerReading] {
        self.readings.readings()
    }

    /// Reads the memory while connections open, if it is measured.
    pub(crate) fn at_opening(&mut self) {
        if let (Some(opening), Some(probe)) = (&mut self.opening, &mut self.probe) {
            opening.sample(Instant::now(), || probe.rss_bytes());
        }
    }

    /// Memory per connection; `None` when it was not measured.
    pub(crate) fn connection_memory(&self) -> Option<ConnectionMemory> {
        ConnectionMemory::new(&self.opening.as_ref()?.readings)
    }

    /// Growth of the memory after readers turned slow, in bytes; `None` when it is unknown.
    pub(crate) fn growth(&self) -> Option<i64> {
        self.memory.as_ref()?.growth()
    }
}

/// Time between two readings while connections open, at first.
const OPENING_INTERVAL: Duration = Duration::from_millis(20);

/// Maximum number of these readings. Beyond it, every other one is dropped, and the time between two is doubled.
const MAX_OPENING_READINGS: usize = 8_192;

/// Resident memory of the server's processes while connections open.
#[derive(Debug)]
struct OpeningMemory {
    run: RunHandle,
    /// `None` before the first sample.
    next: Option<Instant>,
    interval: Duration,
    readings: Vec<MemoryReading>,
}

impl OpeningMemory {
    fn new(run: RunHandle) -> Self {
        Self {
            run,
            next: None,
            interval: OPENING_INTERVAL,
            readings: Vec::new(),
        }
    }

    /// Reads the memory at this time, in bytes, unless it was read just before.
    fn sample(&mut self, now: Instant, read: impl FnOnce() -> Option<u64>) {
        if self.next.is_none_or(|next| now >= next) {
            self.next = Some(now + self.interval);
            self.read(read);
        }
    }

    /// Reads the memory. A process that has just ended has none.
    fn read(&mut self, read: impl FnOnce() -> Option<u64>) {
        let connections = self.run.open_connections();
        if let Some(bytes) = read().filter(|bytes| *bytes > 0) {
            self.readings.push(MemoryReading { connections, bytes });
            if self.readings.len() >= MAX_OPENING_READINGS {
                let mut index = 0;
                self.readings.retain(|_| {
                    index += 1;
                    index % 2 == 1
                });
                self.interval *= 2;
            }
        }
    }
}

/// Time between two readings in the measured phase.
const READ_INTERVAL: Duration = Duration::from_millis(200);

/// Resident memory of the server's processes in the measured phase.
#[derive(Debug)]
struct ServerMemory {
    /// Time after T0 at which readers turn slow.
    after: Duration,
    next: Duration,
    /// The last reading before that, or the first of all.
    before: Option<u64>,
    most_after: Option<u64>,
}

impl ServerMemory {
    fn new(after: Duration) -> Self {
        Self {
            after,
            next: Duration::ZERO,
            before: None,
            most_after: None,
        }
    }

    /// Reads the memory at this time after T0, in bytes, unless it was read just before.
    fn sample(&mut self, at: Duration, read: impl FnOnce() -> Option<u64>) {
        if at < self.next {
            return;
        }
        self.next = at + READ_INTERVAL;
        let Some(bytes) = read() else {
            return;
        };
        if at < self.after || self.before.is_none() {
            self.before = Some(bytes);
        } else {
            self.most_after = self.most_after.max(Some(bytes));
        }
    }

    /// The maximum after less the memory before, in bytes; `None` unless both are known.
    fn growth(&self) -> Option<i64> {
        self.most_after?.checked_signed_diff(self.before?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Growth by readings at these milliseconds.
    fn growth(after_ms: u64, readings: &[(u64, u64)]) -> Option<i64> {
        let mut memory = ServerMemory::new(Duration::from_millis(after_ms));
        for (at_ms, bytes) in readings {
            memory.sample(Duration::from_millis(*at_ms), || Some(*bytes));
        }
        memory.growth()
    }

    #[test]
    fn memory_grows_from_the_last_reading_before_to_the_most_after() {
        let readings = [
            (0, 10),
            (500, 30),
            (900, 20),
            (1000, 25),
            (1300, 90),
            (1600, 40),
        ];
        assert_eq!(growth(1000, &readings), Some(70));
        assert_eq!(growth(1000, &readings[..3]), None);
        assert_eq!(growth(1000, &[(0, 50), (1500, 20)]), Some(-30));
    }

    #[test]
    fn memory_while_connections_open_is_read_with_their_number() {
        let run = RunHandle::new();
        let mut opening = OpeningMemory::new(run.clone());
        let begun = Instant::now();
        opening.read(|| Some(1_000));
        for (at_ms, bytes) in [
            (0, 1_500),
            (10, 2_000),
            (20, 3_000),
            (25, 4_000),
            (45, 0),
            (70, 6_000),
        ] {
            (0..10).for_each(|_| run.connection_opened());
            opening.sample(begun + Duration::from_millis(at_ms), || Some(bytes));
        }
        opening.read(|| None);
        let found = opening.readings.iter().map(|r| (r.connections, r.bytes));
        let wanted = [(0, 1_000), (10, 1_500), (30, 3_000), (60, 6_000)];
        assert_eq!(found.collect::<Vec<_>>(), wanted);
        let memory = ConnectionMemory::new(&opening.readings).unwrap();
        assert!((memory.difference_per_connection - 5_000.0 / 60.0).abs() < 1e-9);
    }

    #[test]
    fn an_opening_of_an_hour_has_a_bounded_number_of_readings() {
        let mut opening = OpeningMemory::new(RunHandle::new());
        let begun = Instant::now();
        for reading in 0..180_000 {
            opening.sample(begun + reading * OPENING_INTERVAL, || Some(1_000));
        }
        let kept = opening.readings.len();
        assert!(
            (MAX_OPENING_READINGS / 4..MAX_OPENING_READINGS).contains(&kept),
            "{kept}"
        );
    }

    /// The server is a child of a shell, so it is a descendant of the watched process.
    #[cfg(target_os = "linux")]
    #[test]
    fn the_memory_of_a_servers_children_counts() {
        use std::io::{BufRead, BufReader};
        use std::process::{Command, Stdio};

        let mut shell = Command::new("sh")
            .args(["-c", "sleep 60 & echo $!; wait"])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut child = String::new();
        let mut output = BufReader::new(shell.stdout.take().unwrap());
        output.read_line(&mut child).unwrap();
        let mut alone = ProcessProbe::processes(&[shell.id()]).unwrap();
        let mut probe = ProcessProbe::trees(&[shell.id()]).unwrap();
        let run = RunHandle::new();
        let mut watch = ServerWatch::new(Some(&mut probe), None, Some(run.clone()));
        watch.enter(Phase::Connect);
        run.connection_opened();
        watch.at_opening();
        run.connection_opened();
        watch.enter(Phase::WarmUp);
        let alone = alone.rss_bytes().unwrap();
        Command::new("kill").arg(child.trim()).status().unwrap();
        shell.kill().unwrap();
        shell.wait().unwrap();
        let readings = &watch.opening.as_ref().unwrap().readings;
        let connections: Vec<_> = readings.iter().map(|reading| reading.connections).collect();
        assert_eq!(connections, [0, 1, 2]);
        assert!(
            readings.iter().all(|reading| reading.bytes > alone),
            "{readings:?}, {alone}"
        );
        assert!(watch.connection_memory().is_some());
    }

    #[test]
    fn readers_that_are_slow_from_the_beginning_are_compared_with_it() {
        assert_eq!(growth(0, &[(0, 10), (100, 1000), (300, 40)]), Some(30));
    }
}

//! Clients that read slowly: by their role, or chosen evenly from all receivers.

use std::num::NonZeroU32;
use std::time::Duration;

use scenario::{RoleAssignment, Scenario};

use super::PlanError;

/// Default of the bytes per second that a slow reader reads, 4 KiB.
pub const DEFAULT_SLOW_READ_BYTES_PER_S: u64 = 4 << 10;

/// Receive buffer of a slow reader in bytes, 4 KiB. The kernel's usual buffers hide slow readers from a server for
/// megabytes.
pub const SLOW_READ_BUFFER_BYTES: u64 = 4 << 10;

/// Receivers that turn slow during the run, whatever their role is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SlowReaders {
    /// Number of these clients.
    pub count: SlowCount,
    /// Bytes per second that each of them reads; 0 = it never reads.
    pub bytes_per_s: u64,
    /// Time after T0 from which they are slow.
    pub after: Duration,
}

/// Number of slow readers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum SlowCount {
    /// A number of clients.
    Clients(NonZeroU32),
    /// A share of all receivers, in percent, of at least one client.
    Percent(f64),
}

impl SlowCount {
    /// Number of clients, of this number of receivers.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // A share of a number that fits.
    fn of(self, receivers: u32) -> u32 {
        match self {
            Self::Clients(clients) => clients.get(),
            Self::Percent(percent) => {
                ((f64::from(receivers) * percent / 100.0).round() as u32).max(1)
            }
        }
    }
}

/// The way in which a slow client reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReadPlan {
    /// Bytes per second; 0 = it never reads.
    pub bytes_per_s: u64,
    /// Bytes of the kernel's receive buffer, to be set before the client connects.
    pub buffer_bytes: u64,
    /// Time after T0 from which the client is slow; zero = from T0 on.
    pub after: Duration,
}

/// The slow readers of a run. Answers without allocation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SlowAssignment {
    roles: Box<[RoleReaders]>,
    rooms: u32,
    /// Receivers that `chosen` were chosen from.
    candidates: u32,
    chosen: u32,
    read: ReadPlan,
}

/// The readers of a role.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct RoleReaders {
    /// Number of the first client.
    first: u32,
    clients: u32,
    /// The role's own limit.
    read: Option<ReadPlan>,
    /// Number of the first client among the candidates; `None` when the role has none.
    first_candidate: Option<u32>,
}

impl SlowAssignment {
    /// The slow readers of a scenario's clients; `None` without any.
    ///
    /// # Errors
    /// Nobody receives, or nobody else would.
    pub(super) fn new(
        scenario: &Scenario,
        assigned: &RoleAssignment,
        rooms: NonZeroU32,
        slow: Option<SlowReaders>,
    ) -> Result<Option<Self>, PlanError> {
        let (mut first, mut candidates) = (0, 0);
        let roles = scenario.roles.iter().enumerate().map(|(index, role)| {
            // There are at most `MAX_CLIENTS`.
            let clients = u32::try_from(assigned.clients(index)).unwrap_or(u32::MAX);
            let read = role.read.map(|limit| ReadPlan {
                bytes_per_s: limit.bytes_per_s,
                buffer_bytes: limit.buffer,
                after: Duration::ZERO,
            });
            let is_candidate = role.receives && read.is_none();
            let readers = RoleReaders {
                first,
                clients,
                read,
                first_candidate: is_candidate.then_some(candidates),
            };
            first += clients;
            candidates += if is_candidate { clients } else { 0 };
            readers
        });
        let roles: Box<[_]> = roles.collect();
        let chosen = slow.map_or(0, |slow| slow.count.of(candidates));
        if slow.is_some() && candidates == 0 {
            return Err(PlanError::NobodyToSlow);
        }
        if slow.is_some() && chosen >= candidates {
            return Err(PlanError::AllSlow {
                slow: chosen,
                receivers: candidates,
            });
        }
        if chosen == 0 && roles.iter().all(|role| role.read.is_none()) {
            return Ok(None);
        }
        Ok(Some(Self {
            roles,
            rooms: rooms.get(),
            candidates,
            chosen,
            read: ReadPlan {
                bytes_per_s: slow.map_or(0, |slow| slow.bytes_per_s),
                buffer_bytes: SLOW_READ_BUFFER_BYTES,
                after: slow.map_or(Duration::ZERO, |slow| slow.after),
            },
        }))
    }

    /// Limit of a client's reading; `None` for one that reads at full speed.
    pub fn read_limit_of(&self, client: u32) -> Option<ReadPlan> {
        let mut roles = self.roles.iter();
        let role = roles.find(|role| (role.first..role.first + role.clients).contains(&client))?;
        role.read.or_else(|| {
            let rank = role.first_candidate? + self.rank(role.clients, client - role.first);
            self.is_chosen(rank).then_some(self.read)
        })
    }

    /// Returns true for a client that reads slowly at some time of the run.
    pub fn is_slow(&self, client: u32) -> bool {
        self.read_limit_of(client).is_some()
    }

    /// Returns true for a client that `--slow` has chosen. One whose role reads slowly is not chosen.
    pub fn is_chosen_client(&self, client: u32) -> bool {
        let mut roles = self.roles.iter().filter(|role| role.read.is_some());
        self.is_slow(client)
            && !roles.any(|role| (role.first..role.first + role.clients).contains(&client))
    }

    /// Time after T0 at which slow readers turn slow: that of the chosen ones, if any are.
    pub fn after(&self) -> Duration {
        self.read.after
    }

    /// Bytes per second that each of them reads; `None` when they differ.
    pub fn bytes_per_s(&self) -> Option<u64> {
        let chosen = (self.chosen > 0).then_some(self.read);
        let of_roles = self.roles.iter().filter(|role| role.clients > 0);
        let mut all = of_roles.filter_map(|role| role.read).chain(chosen);
        let first = all.next()?.bytes_per_s;
        all.all(|read| read.bytes_per_s == first).then_some(first)
    }

    /// Number of slow readers.
    pub fn clients(&self) -> u32 {
        let limited = self.roles.iter().filter(|role| role.read.is_some());
        self.chosen + limited.map(|role| role.clients).sum::<u32>()
    }

    /// Place of a member of a role when the members are sorted by room. Equal steps in this order visit all rooms.
    fn rank(&self, clients: u32, member: u32) -> u32 {
        let (room, place) = (member % self.rooms, member / self.rooms);
        let (each, more) = (clients / self.rooms, clients % self.rooms);
        room * each + room.min(more) + place
    }

    /// Returns true for every (candidates / chosen)th place.
    fn is_chosen(&self, rank: u32) -> bool {
        let (chosen, candidates) = (u64::from(self.chosen), u64::from(self.candidates));
        let before = |rank: u64| rank * chosen / candidates;
        before(u64::from(rank) + 1) > before(rank.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use scenario::{ScenarioOptions, ScenarioSource};

    fn scenario(roles: &str) -> Scenario {
        let text = format!("[[message]]\nsend = '${{uid}}'\ndeliver = '${{uid}}'\n{roles}");
        let source = ScenarioSource::File {
            name: "t.toml",
            text: &text,
        };
        let no_files = |_: &str, _: Option<&str>| Err("no files".to_owned());
        Scenario::parse(source, &ScenarioOptions::default(), &no_files).unwrap()
    }

    fn slow(count: SlowCount) -> SlowReaders {
        SlowReaders {
            count,
            bytes_per_s: 1,
            after: Duration::from_secs(2),
        }
    }

    fn assign(
        roles: &str,
        clients: u32,
        rooms: u32,
        slow: Option<SlowReaders>,
    ) -> Result<Option<SlowAssignment>, PlanError> {
        let scenario = scenario(roles);
        let assigned = scenario.assign_roles(clients.into()).unwrap();
        SlowAssignment::new(&scenario, &assigned, NonZeroU32::new(rooms).unwrap(), slow)
    }

    proptest! {
        #[test]
        fn slow_readers_are_spread_over_all_rooms(clients in 3..300_u32, rooms in 1..20_u32, count in 1..200_u32) {
            prop_assume!(count < clients && rooms <= clients);
            let number = SlowCount::Clients(NonZeroU32::new(count).unwrap());
            let found = assign("", clients, rooms, Some(slow(number))).unwrap().unwrap();
            let mut of_room = vec![0; rooms as usize];
            for client in (0..clients).filter(|client| found.is_slow(*client)) {
                of_room[(client % rooms) as usize] += 1;
            }
            prop_assert_eq!(of_room.iter().sum::<u32>(), count);
            prop_assert_eq!(found.clients(), count);
            // Rooms differ by one client, and their shares by one more.
            prop_assert!(of_room.iter().max().unwrap() - of_room.iter().min().unwrap() <= 2);
        }
    }

    #[test]
    fn only_receivers_turn_slow() {
        let roles = "[roles.publisher]\ncount = 3\nreceives = false\n[roles.subscriber]\n";
        let found = assign(roles, 13, 1, Some(slow(SlowCount::Percent(20.0))));
        let found = found.unwrap().unwrap();
        let chosen: Vec<_> = (0..13).filter(|client| found.is_slow(*client)).collect();
        assert_eq!(chosen, [7, 12]);
        assert!(found.is_chosen_client(7) && !found.is_chosen_client(6));
        let read = found.read_limit_of(7).unwrap();
        assert_eq!((read.bytes_per_s, read.buffer_bytes), (1, 4096));
        assert_eq!(read.after, Duration::from_secs(2));
    }

    #[test]
    fn a_role_that_reads_slowly_does_so_from_the_beginning() {
        let roles =
            "[roles.lazy]\ncount = 2\nread = \"1KiB/s\"\nbuffer = \"8KiB\"\n[roles.other]\n";
        let found = assign(roles, 6, 1, None).unwrap().unwrap();
        assert_eq!(found.clients(), 2);
        let read = ReadPlan {
            bytes_per_s: 1024,
            buffer_bytes: 8192,
            after: Duration::ZERO,
        };
        let of = |client| found.read_limit_of(client);
        assert_eq!((of(0), of(1), of(2)), (Some(read), Some(read), None));
        assert_eq!(assign("", 6, 1, None), Ok(None));
    }

    #[test]
    fn somebody_must_read_at_full_speed() {
        let all = slow(SlowCount::Percent(100.0));
        let error = assign("", 4, 1, Some(all)).unwrap_err().to_string();
        assert_eq!(
            error,
            "--slow makes 4 of 4 receivers slow, so no receiver shows what they do to the others: use a smaller --slow, or more clients"
        );
        let deaf = "[roles.a]\nreceives = false\n";
        let error = assign(deaf, 4, 1, Some(all)).unwrap_err().to_string();
        assert_eq!(
            error,
            "--slow needs a role that receives and has no `read` of its own: the scenario has none"
        );
    }
}

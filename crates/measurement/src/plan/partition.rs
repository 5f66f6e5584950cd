//! Clients divided into rooms, processes and threads.

use std::num::NonZeroU32;

use scenario::{RoleAssignment, Scenario};

use super::Share;

/// Distribution of the clients of a run over rooms, and over the processes that share the run.
///
/// A client belongs to the process of its number, k mod N. With deliveries to rooms it belongs to the process of its
/// room, r mod N, so that all receivers of a message are in one process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientPartition {
    roles: Vec<RoleMembers>,
    rooms: NonZeroU32,
    follows_rooms: bool,
}

/// The clients of a role, whose numbers follow each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RoleMembers {
    /// Number of the first client.
    pub(crate) first: u32,
    pub(crate) clients: u32,
    /// The clients send the load.
    pub(crate) sends: bool,
}

impl ClientPartition {
    /// A partition of roles with these numbers of clients, in this order. The flag of a role says that it sends.
    pub fn new(
        roles: impl IntoIterator<Item = (u32, bool)>,
        rooms: NonZeroU32,
        follows_rooms: bool,
    ) -> Self {
        let mut first = 0;
        let roles = roles.into_iter().map(|(clients, sends)| {
            let role = RoleMembers {
                first,
                clients,
                sends,
            };
            first += clients;
            role
        });
        Self {
            roles: roles.collect(),
            rooms,
            follows_rooms,
        }
    }

    /// The partition of a run in which all clients do the same.
    pub(super) fn without_roles(clients: NonZeroU32) -> Self {
        Self::new([(clients.get(), true)], NonZeroU32::MIN, false)
    }

    /// The partition of a scenario's clients.
    pub(super) fn of_scenario(
        scenario: &Scenario,
        assigned: &RoleAssignment,
        rooms: NonZeroU32,
    ) -> Self {
        let roles = scenario.roles.iter().enumerate().map(|(index, role)| {
            // There are at most `MAX_CLIENTS`.
            let clients = u32::try_from(assigned.clients(index)).unwrap_or(u32::MAX);
            (clients, role.sends && !scenario.is_push_only())
        });
        Self::new(roles, rooms, scenario.has_deliveries())
    }

    /// Number of all clients.
    pub fn clients(&self) -> u32 {
        self.roles
            .last()
            .map_or(0, |role| role.first + role.clients)
    }

    /// Room of a client: its number within its role modulo the number of rooms.
    pub fn room_of(&self, client: u32) -> u32 {
        let member = self
            .role_of(client)
            .map_or(client, |role| client - role.first);
        member % self.rooms
    }

    /// Index of the process of a client, of `count` processes.
    pub fn process_of(&self, client: u32, count: NonZeroU32) -> u32 {
        if self.follows_rooms {
            self.room_of(client) % count
        } else {
            client % count
        }
    }

    /// Number of clients of one process.
    pub fn clients_of(&self, share: Share) -> u32 {
        self.roles
            .iter()
            .map(|role| self.members_of(role, role.clients, share))
            .sum()
    }

    /// Largest number of clients of one of `count` processes.
    pub fn most_clients(&self, count: NonZeroU32) -> u32 {
        let shares = (0..count.get()).map(|index| Share { index, count });
        shares
            .map(|share| self.clients_of(share))
            .max()
            .unwrap_or(0)
    }

    /// Number of clients that send the load.
    pub fn senders(&self) -> u32 {
        self.sending().map(|role| role.clients).sum()
    }

    /// Number of clients of one process that send the load.
    pub fn senders_of(&self, share: Share) -> u32 {
        self.first_senders_of(self.senders(), share)
    }

    /// Number of clients of one process among the first `senders` clients that send the load.
    pub fn first_senders_of(&self, senders: u32, share: Share) -> u32 {
        let mut left = senders;
        self.sending()
            .map(|role| {
                let members = role.clients.min(left);
                left -= members;
                self.members_of(role, members, share)
            })
            .sum()
    }

    /// The clients of one of `threads` threads of a process. The clients of a process, in the order of their numbers,
    /// are assigned to its threads in turn.
    pub(super) fn of_thread(self, share: Share, thread: usize, threads: usize) -> ThreadClients {
        let own = self.clients_of(share) as usize;
        ThreadClients {
            left: own.saturating_sub(thread).div_ceil(threads),
            partition: self,
            share,
            next: 0,
            skipped: thread,
            threads,
        }
    }

    fn sending(&self) -> impl Iterator<Item = &RoleMembers> {
        self.roles.iter().filter(|role| role.sends)
    }

    fn role_of(&self, client: u32) -> Option<&RoleMembers> {
        let mut roles = self.roles.iter();
        roles.find(|role| (role.first..role.first + role.clients).contains(&client))
    }

    /// Number of clients of one process among the first `members` of a role.
    fn members_of(&self, role: &RoleMembers, members: u32, share: Share) -> u32 {
        if !self.follows_rooms {
            return share.of(role.first + members) - share.of(role.first);
        }
        // Every room has one of each round of members. The last round may end before the last room.
        members / self.rooms * share.of(self.rooms.get()) + share.of(members % self.rooms)
    }
}

/// The clients of one thread, in the order of their numbers.
#[derive(Debug, Clone)]
pub(super) struct ThreadClients {
    partition: ClientPartition,
    share: Share,
    next: u32,
    /// Clients of the process that other threads have, before the next one of this thread.
    skipped: usize,
    threads: usize,
    left: usize,
}

impl Iterator for ThreadClients {
    type Item = u32;

    fn next(&mut self) -> Option<u32> {
        if self.left == 0 {
            return None;
        }
        let (partition, share) = (&self.partition, self.share);
        let own = |client: &u32| partition.process_of(*client, share.count) == share.index;
        let client = (self.next..partition.clients())
            .filter(own)
            .nth(self.skipped)?;
        self.next = client + 1;
        self.skipped = self.threads - 1;
        self.left -= 1;
        Some(client)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl ExactSizeIterator for ThreadClients {}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn partitions() -> impl Strategy<Value = ClientPartition> {
        let roles = proptest::collection::vec((1..60_u32, any::<bool>()), 1..5);
        (roles, 1..30_u32, any::<bool>()).prop_map(|(roles, rooms, follows_rooms)| {
            ClientPartition::new(roles, NonZeroU32::new(rooms).unwrap(), follows_rooms)
        })
    }

    proptest! {
        #[test]
        fn every_client_is_in_one_thread_of_one_process(
            partition in partitions(), count in 1..9_u32, threads in 1..7_usize,
        ) {
            let count = NonZeroU32::new(count).unwrap();
            let shares = (0..count.get()).map(|index| Share { index, count });
            let mut all = Vec::new();
            for share in shares {
                let mut own = Vec::new();
                for thread in 0..threads {
                    let clients = partition.clone().of_thread(share, thread, threads);
                    let announced = clients.len();
                    let clients: Vec<_> = clients.collect();
                    prop_assert_eq!(clients.len(), announced);
                    prop_assert!(clients.is_sorted());
                    own.extend(clients);
                }
                prop_assert_eq!(own.len(), partition.clients_of(share) as usize);
                prop_assert!(own.iter().all(|c| partition.process_of(*c, count) == share.index));
                all.extend(own);
            }
            all.sort_unstable();
            prop_assert_eq!(all, (0..partition.clients()).collect::<Vec<_>>());
        }

        #[test]
        fn a_room_is_in_one_process(
            roles in proptest::collection::vec((1..60_u32, any::<bool>()), 1..5),
            rooms in 1..30_u32, count in 1..9_u32,
        ) {
            let (rooms, count) = (NonZeroU32::new(rooms).unwrap(), NonZeroU32::new(count).unwrap());
            let partition = ClientPartition::new(roles, rooms, true);
            for client in 0..partition.clients() {
                prop_assert_eq!(partition.process_of(client, count), partition.room_of(client) % count);
            }
        }

        #[test]
        fn first_senders_are_counted_exactly(partition in partitions(), count in 1..9_u32, part in 0.0..=1.0_f64) {
            let count = NonZeroU32::new(count).unwrap();
            let senders: Vec<u32> = (0..partition.clients())
                .filter(|client| partition.role_of(*client).unwrap().sends)
                .collect();
            prop_assert_eq!(senders.len(), partition.senders() as usize);
            #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
            let first = (senders.len() as f64 * part) as usize;
            for share in (0..count.get()).map(|index| Share { index, count }) {
                let own = |client: &&u32| partition.process_of(**client, count) == share.index;
                let counted = |senders: &[u32]| senders.iter().filter(own).count();
                prop_assert_eq!(partition.senders_of(share) as usize, counted(&senders));
                let first_senders = partition.first_senders_of(u32::try_from(first).unwrap(), share);
                prop_assert_eq!(first_senders as usize, counted(&senders[..first]));
            }
        }
    }
}

//! Choice of the local port of each connection.
//!
//! The system searches for a free port whenever a connection is opened. Beyond half of the ports, the search takes
//! longer than the connection itself. A port that is chosen here needs no search. The choice depends on nothing but the
//! plan, so that the shards of a run, which do not know each other, take different ports.

use super::ClientSpread;
use crate::record::message_hash;

/// Number of further ports that a client tries before the system chooses.
const FURTHER_PORTS: u32 = 8;

/// Share of the ports below which the system finds a free one quickly: an eighth.
const QUICK_SHARE: u32 = 8;

/// Mark of the hash that chooses the first port, which is not the number of a message.
const FIRST_PORT: u64 = u64::MAX;

/// Local ports of the clients of a run.
#[derive(Debug, Clone)]
pub struct LocalPorts {
    /// Ports that connections may use.
    ports: Vec<u16>,
    spread: ClientSpread,
    /// For each server, its rank among those with the same address, and the number of these.
    same_address: Vec<(u32, u32)>,
    /// Number of ports that clients own, from each source address to each server address.
    owned: u32,
    /// Place of the first owned port.
    start: u32,
    seed: u64,
}

impl LocalPorts {
    /// The ports of `clients` clients. `servers` has a value for each server, equal for those with the same address and
    /// port. `None` when the clients need so few ports that the system finds free ones quickly.
    pub fn new<T: PartialEq>(
        ports: Vec<u16>,
        clients: u32,
        seed: u64,
        servers: &[T],
        addresses: usize,
    ) -> Option<Self> {
        let spread = ClientSpread::new(servers.len(), addresses);
        let same_address = servers.iter().enumerate().map(|(index, server)| {
            let same = |servers: &[T]| servers.iter().filter(|one| *one == server).count();
            let count = |n| u32::try_from(n).unwrap_or(u32::MAX);
            (count(same(&servers[..index])), count(same(servers)))
        });
        let same_address: Vec<_> = same_address.collect();
        let most_shared = same_address.iter().map(|(_, n)| *n).max()?;
        let owned = spread.largest_share(clients).saturating_mul(most_shared);
        let available = u32::try_from(ports.len()).ok()?;
        if owned <= available / QUICK_SHARE {
            return None;
        }
        let start = message_hash(seed, 0, FIRST_PORT) % u64::from(available.max(1));
        Some(Self {
            ports,
            spread,
            same_address,
            owned,
            start: u32::try_from(start).unwrap_or(0),
            seed,
        })
    }

    /// The port for an attempt of a client, from 0: its own port first, then ports that no client owns. `None` when the
    /// system must choose.
    pub fn port(&self, client: u32, attempt: u32) -> Option<u16> {
        let available = u32::try_from(self.ports.len()).ok()?;
        let (rank, same) = *self.same_address.get(self.spread.server(client))?;
        let place = match attempt {
            0 => self.spread.position(client) * same + rank,
            1..=FURTHER_PORTS => {
                let spare = available.checked_sub(self.owned).filter(|n| *n > 0)?;
                let random = message_hash(self.seed, client, u64::from(attempt));
                self.owned + u32::try_from(random % u64::from(spare)).unwrap_or(0)
            }
            _ => return None,
        };
        let index = (u64::from(self.start) + u64::from(place)) % u64::from(available);
        let index = usize::try_from(index).ok()?;
        self.ports.get(index).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::{BTreeMap, BTreeSet};

    #[test]
    fn few_connections_leave_the_choice_to_the_system() {
        let ports = || (32_768..60_999).collect::<Vec<u16>>();
        let choice = |clients, servers: &[u8], addresses| {
            LocalPorts::new(ports(), clients, 1, servers, addresses).is_some()
        };
        assert!(!choice(3_000, &[1], 0) && choice(4_000, &[1], 0));
        assert!(!choice(4_000, &[1, 2], 0) && choice(4_000, &[1, 1], 0));
        assert!(!choice(4_000, &[1], 2));
        assert!(!choice(4_000, &[], 0));
    }

    #[test]
    fn another_seed_starts_at_another_port() {
        let first = |seed| {
            let ports = (32_768..60_999).collect();
            LocalPorts::new(ports, 9_000, seed, &[1], 0)
                .unwrap()
                .port(0, 0)
        };
        assert_eq!(first(1), first(1));
        assert_ne!(first(1), first(2));
    }

    proptest! {
        /// Each port is of one client among those with the same source address and server address, and no client tries
        /// a port of another.
        #[test]
        fn clients_never_want_the_same_port(
            clients in 1..300_u32,
            servers in prop::collection::vec(0..3_u8, 1..4),
            addresses in 0..4_usize,
            ports in 20..300_u16,
            seed: u64,
        ) {
            let all: Vec<u16> = (1000..1000 + ports).collect();
            let Some(choice) = LocalPorts::new(all.clone(), clients, seed, &servers, addresses) else {
                return Ok(());
            };
            let fits = choice.owned <= u32::from(ports);
            let spread = ClientSpread::new(servers.len(), addresses);
            let mut owned = BTreeMap::<_, BTreeSet<u16>>::new();
            let pair = |client| (servers[spread.server(client)], spread.address(client));
            for client in 0..clients {
                let port = choice.port(client, 0).unwrap();
                prop_assert!(all.contains(&port));
                let is_new = owned.entry(pair(client)).or_default().insert(port);
                prop_assert!(is_new || !fits, "client {} has the port {} of another", client, port);
            }
            for client in (0..clients).filter(|_| fits) {
                for attempt in 1..=FURTHER_PORTS {
                    if let Some(port) = choice.port(client, attempt) {
                        prop_assert!(!owned[&pair(client)].contains(&port));
                    }
                }
                prop_assert_eq!(choice.port(client, FURTHER_PORTS + 1), None);
            }
        }
    }
}

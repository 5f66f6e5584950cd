//! The distribution of the clients over servers and source addresses.

/// Distribution of the clients over servers and source addresses. Client k connects to server k mod T, from address
/// (k / T) mod A. Every pair of a server and an address has its share, and these shares differ by at most one client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClientSpread {
    servers: u32,
    addresses: u32,
}

impl Default for ClientSpread {
    /// One server, and addresses that the system chooses.
    fn default() -> Self {
        Self::new(1, 0)
    }
}

impl ClientSpread {
    /// The distribution over these numbers of servers and addresses. Without addresses, the system chooses one.
    pub fn new(servers: usize, addresses: usize) -> Self {
        let at_least_one = |n| u32::try_from(n).unwrap_or(u32::MAX).max(1);
        Self {
            servers: at_least_one(servers),
            addresses: at_least_one(addresses),
        }
    }

    /// Index of a client's server.
    pub fn server(self, client: u32) -> usize {
        (client % self.servers) as usize
    }

    /// Index of a client's source address.
    pub fn address(self, client: u32) -> usize {
        (client / self.servers % self.addresses) as usize
    }

    /// Number of clients with smaller numbers that have the same server and source address.
    pub fn position(self, client: u32) -> u32 {
        client / self.servers / self.addresses
    }

    /// Maximum number of clients, of this total, with the same server and source address.
    pub fn largest_share(self, clients: u32) -> u32 {
        clients.div_ceil(self.servers).div_ceil(self.addresses)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    proptest! {
        #[test]
        fn servers_addresses_and_pairs_get_even_shares(clients in 1..400_u32, servers in 1..6_usize, addresses in 0..6_usize) {
            let spread = ClientSpread::new(servers, addresses);
            let (mut of_server, mut of_address) = (BTreeMap::new(), BTreeMap::new());
            let mut of_pair = BTreeMap::new();
            for client in 0..clients {
                let (server, address) = (spread.server(client), spread.address(client));
                prop_assert!(server < servers && address < addresses.max(1));
                *of_server.entry(server).or_insert(0_u32) += 1;
                *of_address.entry(address).or_insert(0_u32) += 1;
                let position = of_pair.entry((server, address)).or_insert(0_u32);
                prop_assert_eq!(spread.position(client), *position);
                *position += 1;
            }
            let range = |shares: Vec<u32>| shares.iter().max().unwrap() - shares.iter().min().unwrap();
            prop_assert!(range(of_server.values().copied().collect()) <= 1);
            prop_assert!(range(of_pair.values().copied().collect()) <= 1);
            prop_assert!(range(of_address.values().copied().collect()) <= servers as u32);
            prop_assert_eq!(of_pair.values().max(), Some(&spread.largest_share(clients)));
        }
    }
}

//! Clients assigned to roles.

use std::ops::Range;

use crate::draft::RoleCount;
use crate::error::ScenarioError;
use crate::scenario::Scenario;

/// Clients of each role: a role has a row of numbers, in the order of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoleAssignment {
    ranges: Vec<Range<u64>>,
    /// First number of the role's clients among all that send; `None` for roles that do not send.
    senders: Vec<Option<u64>>,
    /// Role of connections behind those of the clients.
    idle_role: usize,
}

impl RoleAssignment {
    /// Index of the client's role, and its number within the role.
    pub fn of(&self, client: u32) -> Option<(usize, u32)> {
        let client = u64::from(client);
        let (role, range) = self
            .ranges
            .iter()
            .enumerate()
            .find(|(_, range)| range.contains(&client))?;
        u32::try_from(client - range.start)
            .ok()
            .map(|member| (role, member))
    }

    /// Index of the role of an idle connection, and its number within the role. The numbers of idle connections follow
    /// those of the clients, also within the role. The role is the first one that takes the rest of the clients, else
    /// the first one.
    pub fn of_idle(&self, connection: u32) -> Option<(usize, u32)> {
        let clients = self.ranges.last()?.end;
        let behind = u64::from(connection).checked_sub(clients)?;
        let member = self.clients(self.idle_role) + behind;
        u32::try_from(member)
            .ok()
            .map(|member| (self.idle_role, member))
    }

    /// Number of a client among those that send the load; `None` for one that only listens.
    pub fn sender(&self, client: u32) -> Option<u32> {
        let (role, member) = self.of(client)?;
        let first = (*self.senders.get(role)?)?;
        u32::try_from(first + u64::from(member)).ok()
    }

    /// Number of clients that send the load.
    pub fn senders(&self) -> u64 {
        let roles = self.senders.iter().enumerate();
        roles
            .filter(|(_, first)| first.is_some())
            .map(|(role, _)| self.clients(role))
            .sum()
    }

    /// Number of clients of a role.
    pub fn clients(&self, role: usize) -> u64 {
        self.ranges
            .get(role)
            .map_or(0, |range| range.end - range.start)
    }
}

impl Scenario {
    /// Assigns clients to roles.
    ///
    /// # Errors
    /// The roles need more clients than there are, or leave some without a role.
    pub fn assign_roles(&self, clients: u64) -> Result<RoleAssignment, ScenarioError> {
        let counts: Vec<Option<u64>> = self
            .roles
            .iter()
            .map(|role| match role.count {
                RoleCount::Clients(count) => Some(count),
                RoleCount::Percent(percent) => Some(share(percent, clients)),
                RoleCount::Rest => None,
            })
            .collect();
        let needed = counts
            .iter()
            .flatten()
            .fold(0, |sum: u64, count| sum.saturating_add(*count));
        let rests = counts.iter().filter(|count| count.is_none()).count() as u64;
        if needed.saturating_add(rests) > clients {
            return Err(ScenarioError::TooFewClients {
                needed: needed.saturating_add(rests),
                clients,
            });
        }
        let rest = clients - needed;
        if rests == 0 && rest > 0 {
            return Err(ScenarioError::NoRest { needed, clients });
        }
        let (mut ranges, mut senders) = (Vec::new(), Vec::new());
        let (mut start, mut sending, mut rest_before) = (0, 0, 0);
        for (count, role) in counts.into_iter().zip(&self.roles) {
            let count = count.unwrap_or_else(|| {
                // The first ones get one more where the rest cannot be shared evenly.
                let count = rest / rests + u64::from(rest_before < rest % rests);
                rest_before += 1;
                count
            });
            ranges.push(start..start + count);
            start += count;
            let sends = role.sends && !self.messages.is_empty();
            senders.push(sends.then_some(sending));
            sending += if sends { count } else { 0 };
        }
        let mut roles = self.roles.iter();
        let takes_rest = roles.position(|role| matches!(role.count, RoleCount::Rest));
        Ok(RoleAssignment {
            ranges,
            senders,
            idle_role: takes_rest.unwrap_or(0),
        })
    }
}

/// A share in percent, rounded, of at least one client.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // Between 0 and `clients`.
fn share(percent: f64, clients: u64) -> u64 {
    ((percent / 100.0 * clients as f64).round() as u64).max(1)
}

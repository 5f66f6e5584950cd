//! The clients of a load, divided into roles, rooms, processes and threads.

use std::num::NonZeroU32;

use scenario::RoleAssignment;

use super::{ClientPartition, DroppedConnections, LoadDraft, PlanError, Share, SlowAssignment};

impl LoadDraft {
    /// Number of clients that send the load: all, unless the scenario has roles that only listen.
    pub fn senders(&self) -> u32 {
        self.partition().senders()
    }

    /// Clients of each role of the scenario; `None` without one, and when the roles do not fit the clients.
    pub(super) fn assigned_roles(&self) -> Option<RoleAssignment> {
        let scenario = self.scenario.as_ref()?;
        scenario.assign_roles(self.clients.get().into()).ok()
    }

    /// Distribution of the clients over rooms, processes and threads.
    pub fn partition(&self) -> ClientPartition {
        match self.scenario.as_ref().zip(self.assigned_roles()) {
            Some((scenario, roles)) => ClientPartition::of_scenario(scenario, &roles, self.rooms),
            None => ClientPartition::without_roles(self.clients),
        }
    }

    /// Number of clients of this process: all, unless it has a share of the run only.
    pub fn own_clients(&self) -> u32 {
        self.partition().clients_of(self.share)
    }

    /// Number of connections of the whole run: those of the clients, and the idle ones.
    pub fn connections(&self) -> u32 {
        self.clients.get().saturating_add(self.connections.idle)
    }

    /// Returns true for the number of an idle connection. These numbers follow those of the clients.
    pub fn is_idle(&self, connection: u32) -> bool {
        connection >= self.clients.get()
    }

    /// Number of connections of this process: those of its clients, and its idle ones.
    pub fn own_connections(&self) -> u32 {
        self.own_clients() + self.own_idle()
    }

    /// Number of idle connections of this process.
    pub fn own_idle(&self) -> u32 {
        self.idle_in(self.share)
    }

    /// Largest number of connections, those of the clients and idle ones, of one of `count` processes.
    pub fn most_connections(&self, count: NonZeroU32) -> u32 {
        let partition = self.partition();
        let shares = (0..count.get()).map(|index| Share { index, count });
        let each = shares.map(|share| partition.clients_of(share) + self.idle_in(share));
        each.max().unwrap_or(0)
    }

    fn idle_in(&self, share: Share) -> u32 {
        share.of(self.connections()) - share.of(self.clients.get())
    }

    /// The connections that `--drop` chooses; `None` without it.
    pub(super) fn chosen_drop(&self) -> Option<DroppedConnections> {
        let drop = self.connections.drop?;
        Some(drop.choose(self.seed, self.connections()))
    }

    /// Returns true when clients are measured that only receive.
    fn measures_receivers(&self) -> bool {
        let scenario = self.scenario.as_ref();
        scenario.is_some_and(|one| one.has_deliveries() || one.push.is_some())
    }

    /// The largest number of threads of which each has something to measure, in every process.
    pub(super) fn most_threads(&self) -> Result<usize, PlanError> {
        let (partition, count) = (self.partition(), self.share.count);
        let shares = || (0..count.get()).map(|index| Share { index, count });
        let (senders, shards) = (self.senders(), count.get());
        let each = if self.measures_receivers() {
            let clients = self.clients.get();
            if shards > clients {
                return Err(PlanError::TooManyReceiverShares { shards, clients });
            }
            shares().map(|share| partition.clients_of(share)).min()
        } else {
            if shards > senders {
                return Err(PlanError::TooManyShares { shards, senders });
            }
            // Each thread of each process has a client that sends, because their numbers follow each other.
            Some(senders / shards)
        };
        Ok(usize::try_from(each.unwrap_or(1)).unwrap_or(usize::MAX))
    }

    /// The slow readers; `None` without any.
    pub(super) fn assigned_slow_readers(&self) -> Result<Option<SlowAssignment>, PlanError> {
        match self.scenario.as_ref().zip(self.assigned_roles()) {
            Some((scenario, roles)) => SlowAssignment::new(scenario, &roles, self.rooms, self.slow),
            None => Ok(None),
        }
    }
}

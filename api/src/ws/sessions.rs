//! The sessions that are open: to be told when the server stops or rights change, and counted so
//! that nobody takes them all.

use std::collections::HashSet;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use actix::Addr;
use dashmap::DashMap;
use schema::ids::{TenantId, UserId};
use uuid::Uuid;

use super::close::Close;
use super::outbox::Outbox;
use super::session::{RightsChanged, Session};

/// Whose sessions are told and counted together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Group {
    /// An account's.
    User(UserId),
    /// An API key's.
    Key(Uuid),
    /// Those on a practice's public side.
    Visitors(TenantId),
    /// Those without a token from one place: an IPv4 address, or the /64 that one household has.
    Place(IpAddr),
}

impl Group {
    /// Where a visitor comes from.
    #[must_use]
    pub fn place(address: IpAddr) -> Self {
        Self::Place(match address {
            IpAddr::V4(_) => address,
            IpAddr::V6(v6) => IpAddr::V6((v6.to_bits() >> 64 << 64).into()),
        })
    }
}

struct Open {
    outbox: Arc<Outbox>,
    session: Addr<Session>,
}

/// All open sessions of this process.
#[derive(Default)]
pub struct Sessions {
    open: DashMap<u64, Open>,
    groups: DashMap<Group, HashSet<u64>>,
    next: AtomicU64,
    draining: AtomicBool,
}

impl std::fmt::Debug for Sessions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Sessions({})", self.open.len())
    }
}

impl Sessions {
    pub(super) fn add(&self, outbox: Arc<Outbox>, session: Addr<Session>) -> u64 {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let closing = Arc::clone(&outbox);
        self.open.insert(number, Open { outbox, session });
        // Looked at after it is among the others: either it is seen here or there.
        if self.draining.load(Ordering::SeqCst) {
            closing.close(Close::Draining);
        }
        metrics::gauge!("denticloud_ws_sessions").set(self.open.len() as f64);
        number
    }

    pub(super) fn remove(&self, number: u64, groups: &[Group]) {
        for group in groups {
            if let Some(mut members) = self.groups.get_mut(group) {
                members.remove(&number);
            }
            self.groups
                .remove_if(group, |_, members| members.is_empty());
        }
        self.open.remove(&number);
        metrics::gauge!("denticloud_ws_sessions").set(self.open.len() as f64);
    }

    /// Makes a session one of a group's, unless the group has `max` already.
    pub(super) fn join(&self, number: u64, group: Group, max: usize) -> bool {
        let mut members = self.groups.entry(group).or_default();
        let joins = members.contains(&number) || members.len() < max;
        if joins {
            members.insert(number);
        }
        joins
    }

    /// Has the sessions of a group look at their rights again.
    pub fn rights_changed(&self, group: Group) {
        let members: Vec<u64> = self
            .groups
            .get(&group)
            .map(|members| members.iter().copied().collect())
            .unwrap_or_default();
        for number in members {
            if let Some(open) = self.open.get(&number) {
                open.session.do_send(RightsChanged);
            }
        }
    }

    /// Has every session look at its rights again.
    pub fn everybody_looks_again(&self) {
        for open in &self.open {
            open.session.do_send(RightsChanged);
        }
    }

    /// Closes every session with 4201, also those that begin from now on: clients come back at once,
    /// to whoever serves then.
    pub fn drain(&self) {
        self.draining.store(true, Ordering::SeqCst);
        for session in &self.open {
            session.outbox.close(Close::Draining);
        }
    }

    /// How many are open.
    #[must_use]
    pub fn len(&self) -> usize {
        self.open.len()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.open.is_empty()
    }
}

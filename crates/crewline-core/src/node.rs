//! Nodes of one store: what each says of itself to the store, so that the others may rely on it.
//!
//! *Leases*: an act that is to be done once is done by the node that holds its lease, until it gives it up or is not heard of.
//! A lease has a *token*, which grows with each change of owner. Whoever writes under a lease says with which token, and is
//! refused where the token is an old one: a node that was paused, and wakes after another has taken over, does no harm.
//!
//! *Presence*: who follows the own log at which node. It counts for as long as the node is heard of.

use std::time::Duration;

use crewline_api::Timestamp;

use crate::ParticipantNo;
use crate::port::StoreError;

/// The lease of whoever removes what is old.
pub const RETENTION: &str = "retention";
/// The lease of whoever removes what is old from the audit.
pub const AUDIT: &str = "audit";
/// The lease of whoever posts to webhooks.
pub const WEBHOOKS: &str = "webhooks";
/// The lease of whoever wakes devices.
pub const PUSH: &str = "push";

/// For how long a store remembers a node that is not heard of any more.
pub const FORGET_NODE: Duration = Duration::from_mins(1);

/// Under which lease something is written, and with which token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fence {
    /// The lease.
    pub name: &'static str,
    /// Its token when it was taken.
    pub token: u64,
}

/// What a node asks for.
#[derive(Debug, Clone, Copy)]
pub struct LeaseAsk<'a> {
    /// The leases to take, or to keep.
    pub names: &'a [&'static str],
    /// The node: drawn when it starts.
    pub owner: u64,
    /// The time. A store whose nodes share a clock of its own goes by that one.
    pub now: Timestamp,
    /// For how long from now. `None`: nobody else can be at the store; then it is taken from whoever held it, and for good.
    pub life: Option<Duration>,
}

impl LeaseAsk<'_> {
    /// Until when it is held.
    pub fn until(&self) -> Timestamp {
        let forever = Timestamp::from_millis(i64::MAX);
        self.life.map_or(forever, |life| self.now.plus(life))
    }

    /// The rule: the token with which the asker holds a lease from now on, or `None` where another one still does. All stores
    /// do this.
    pub fn token(&self, known: Option<&LeaseRow>) -> Option<u64> {
        let Some(row) = known else { return Some(1) };
        if row.owner == self.owner {
            // Also where its time was over: nobody has taken it since.
            Some(row.token)
        } else if row.until <= self.now || self.life.is_none() {
            Some(row.token + 1)
        } else {
            None
        }
    }
}

/// A lease as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeaseRow {
    /// Its name.
    pub name: String,
    /// Who took it last; 0 where it was given up.
    pub owner: u64,
    /// Grows with each change of owner.
    pub token: u64,
    /// Until when nobody else may take it.
    pub until: Timestamp,
}

/// Who follows the own log at a node.
#[derive(Debug, Clone, Copy)]
pub struct PresentAt<'a> {
    /// The node: drawn when it starts.
    pub node: u64,
    /// The time, as in [`LeaseAsk`].
    pub now: Timestamp,
    /// For how long from now it counts. Nothing: the node leaves, and all that it said is forgotten.
    pub life: Duration,
    /// Whether `came` is everybody, and what was said before does not count.
    pub afresh: bool,
    /// Who came.
    pub came: &'a [ParticipantNo],
    /// Who went.
    pub gone: &'a [ParticipantNo],
}

impl PresentAt<'_> {
    /// Until when it counts.
    pub fn until(&self) -> Timestamp {
        self.now.plus(self.life)
    }

    /// Nodes whose time was over before this are forgotten.
    pub fn forget_before(&self) -> Timestamp {
        self.now.minus(FORGET_NODE)
    }
}

/// What nodes write of themselves. Each is one transaction of its own, durable when it returns; not inside of a batch.
pub trait Nodes {
    /// Takes leases, or keeps them; for each, in the order given, its token where the asker holds it from now on. See
    /// [`LeaseAsk::token`].
    fn take_leases(&mut self, ask: &LeaseAsk<'_>) -> Result<Vec<Option<u64>>, StoreError>;

    /// Gives leases up that are held with these tokens: another may take them at once.
    fn end_leases(&mut self, fences: &[Fence]) -> Result<(), StoreError>;

    /// Until it is said otherwise, [`prune`](crate::Writer::prune) and acts of the [`directory`](crate::Writer::directory)
    /// are written under this lease: each looks in its own transaction whether the token stands, and is
    /// [`StoreErrorKind::Superseded`](crate::StoreErrorKind::Superseded) where it does not.
    fn fence(&mut self, fence: Option<Fence>);

    /// Notes who follows the own log at a node. `false`, and nothing is noted, where the store does not know the node (any
    /// more) and this is not everybody: then say it afresh.
    fn note_present(&mut self, at: &PresentAt<'_>) -> Result<bool, StoreError>;
}

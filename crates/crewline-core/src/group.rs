//! Groups and duty, as the directory keeps them.

use crewline_api::{GroupId, ParticipantId, Timestamp};

/// A group as it is to be: in the place of the one of that id, where there is one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupRow {
    /// Its id; never `on-duty`.
    pub id: GroupId,
    /// The name to show.
    pub name: String,
    /// Who is in it: users, in any order.
    pub members: Vec<ParticipantId>,
}

/// What is known of somebody's duty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DutyRow {
    /// On duty, or not.
    pub on_duty: bool,
    /// Since when.
    pub since: Timestamp,
    /// Who said so, as the log names whoever changes the directory.
    pub by: String,
}

/// Most members that the groups of one page have together, about: a page that would have more ends earlier.
pub const GROUP_PAGE_MEMBERS_MAX: usize = 10_000;

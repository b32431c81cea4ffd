//! What an import took and what it could not: counted whole, and named row by row.

/// Most rows that a report names; it counts all.
pub const NAMED_MAX: usize = 10_000;

/// What a row of the source is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Of `ChatTuple`.
    Chat,
    /// Of `ChatUserTuple`.
    Member,
    /// Of `MessageTuple`.
    Message,
    /// Of `MessageReadPayloadTuple`.
    Payload,
}

impl Kind {
    /// As people and programs read it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Chat => "chat",
            Self::Member => "member",
            Self::Message => "message",
            Self::Payload => "payload",
        }
    }
}

/// How many.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Taken by this run; what would be, without a store.
    pub new: u64,
    /// There already.
    pub known: u64,
    /// Not taken.
    pub left: u64,
}

/// A row of the source, and what is to be said of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// What it is.
    pub kind: Kind,
    /// Its id.
    pub id: i64,
    /// Why it was left, or what was changed.
    pub why: String,
}

/// What an import did.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Report {
    /// Users of the directory.
    pub users: Counts,
    /// Externals.
    pub externals: Counts,
    /// Chats.
    pub chats: Counts,
    /// Messages.
    pub messages: Counts,
    /// Users with a read mark in a chat; new where it read something.
    pub read_marks: Counts,
    /// Payloads that wait until the person reads.
    pub payloads: Counts,
    /// Of the new payloads, those whose message was read before: they have fired into the sender's log.
    pub payloads_fired: u64,
    /// Rows that were not taken.
    pub left: Vec<Named>,
    /// How many rows were not; marks and payloads that were left with their chat or message are not among them.
    pub left_count: u64,
    /// Rows that were taken otherwise than they stood.
    pub changed: Vec<Named>,
    /// How many rows were taken otherwise than they stood.
    pub changed_count: u64,
    /// Ids that look like others: each with the other one.
    pub look_alikes: Vec<(String, String)>,
}

impl Report {
    pub(super) fn leave(&mut self, kind: Kind, id: i64, why: impl Into<String>) {
        match kind {
            Kind::Chat => self.chats.left += 1,
            Kind::Member => self.read_marks.left += 1,
            Kind::Message => self.messages.left += 1,
            Kind::Payload => self.payloads.left += 1,
        }
        self.left_count += 1;
        name(&mut self.left, kind, id, why.into());
    }

    pub(super) fn change(&mut self, kind: Kind, id: i64, what: impl Into<String>) {
        self.changed_count += 1;
        name(&mut self.changed, kind, id, what.into());
    }

    /// Whether everything of the source is in the store.
    pub fn is_whole(&self) -> bool {
        self.left_count == 0
    }
}

fn name(list: &mut Vec<Named>, kind: Kind, id: i64, why: String) {
    if list.len() < NAMED_MAX {
        list.push(Named { kind, id, why });
    }
}

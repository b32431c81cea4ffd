//! Moving in from the original: rows of its tables become commands, and are decided as everything else is.
//!
//! The original is replayed in the order of its times: people, then chats, then messages and read marks as they came.
//! Each is an ordinary command at its own time, decided by [`crate::decide`], so that logs, positions, counts and
//! payloads obey every rule without a second set of them. Each message carries an idempotency key made of its id in the
//! source: running again after a crash, or later, takes what is new and nothing twice.
//!
//! It never reads the source and never opens a store: rows, the store's port, the time and salts are arguments.

mod batches;
mod import;
mod message;
mod people;
mod plan;
mod reading;
mod report;
#[cfg(test)]
mod tests;

use crewline_api::Timestamp;

pub use import::{Import, ImportError, Options, Source, Target};
pub use report::{Counts, Kind, NAMED_MAX, Named, Report};

/// A row of `ChatTuple`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceChat {
    /// Its id.
    pub id: i64,
    /// When its first message was sent; its last activity, where it has none. `None` where neither is a time.
    pub at: Option<Timestamp>,
}

/// A row of `ChatUserTuple`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceMember {
    /// Its id: payloads name it.
    pub id: i64,
    /// The chat.
    pub chat: i64,
    /// Who.
    pub user: String,
    /// Whether it is an external.
    pub external: bool,
    /// Everything of the chat up to this time is read.
    pub last_read: Option<Timestamp>,
}

/// A row of `MessageTuple`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceMessage {
    /// Its id.
    pub id: i64,
    /// The chat.
    pub chat: i64,
    /// Who sent it.
    pub from: String,
    /// The text.
    pub text: String,
    /// The priority.
    pub priority: Option<i64>,
    /// When it was sent. `None` where it is no time.
    pub at: Option<Timestamp>,
    /// Its rows of `MessageReadPayloadTuple`.
    pub payloads: Vec<SourcePayload>,
}

/// A row of `MessageReadPayloadTuple`: it is there for as long as it waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourcePayload {
    /// Its id.
    pub id: i64,
    /// The row of `ChatUserTuple` whose reading it waits for.
    pub member: i64,
    /// How many bytes it has.
    pub size: u64,
    /// The bytes; of one that is too large to be taken they need not be read.
    pub bytes: Vec<u8>,
}

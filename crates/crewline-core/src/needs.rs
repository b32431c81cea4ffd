//! What must be known to decide a batch: asked for in rounds, until nothing is missing.
//!
//! [`to_resolve`] asks for what never changes; it may take three rounds, since who is in a set is known only when the
//! ids are. [`to_read`] asks for what changes, after the chats and participants of [`to_lock`] are locked.

use std::collections::BTreeSet;

use crewline_api::{CursorName, IdempotencyKey, MessageId, ParticipantId, Seq};

use crate::command::{Command, ReceiptCommand};
use crate::state::{MembersKey, State};
use crate::{ChatNo, MessageNo, ParticipantNo};

/// What to load, by the map of [`State`] that it goes into.
///
/// Everything wanted gets an entry: `None` (or an empty row, where the map has no `None`) if it does not exist.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wanted {
    /// → `numbers`
    pub numbers: bool,
    /// → `ids`, and of those that exist `participants`
    pub ids: BTreeSet<ParticipantId>,
    /// → `participants` and `ids`; these exist
    pub participants: BTreeSet<ParticipantNo>,
    /// → `messages`
    pub messages: BTreeSet<MessageNo>,
    /// → `chats`, with their members
    pub chats: BTreeSet<ChatNo>,
    /// → `sets`
    pub sets: BTreeSet<MembersKey>,
    /// → `keys`
    pub keys: BTreeSet<(ParticipantNo, IdempotencyKey)>,
    /// → `heads`
    pub heads: BTreeSet<ParticipantNo>,
    /// → `chat_heads`
    pub chat_heads: BTreeSet<ChatNo>,
    /// → `members`
    pub members: BTreeSet<(ChatNo, ParticipantNo)>,
    /// → `recipients`; these messages and participants exist
    pub recipients: BTreeSet<(MessageNo, ParticipantNo)>,
    /// → `payloads`
    pub payloads: BTreeSet<(MessageNo, ParticipantNo)>,
    /// → `windows`: every message of the chat with a position above this one that the member did not send, in the
    /// order of position
    pub windows: BTreeSet<(ChatNo, ParticipantNo, u64)>,
    /// → `received`: the messages of `message.received` in the log of the participant, after the one seq, up to the other
    pub received: BTreeSet<(ParticipantNo, Seq, Seq)>,
    /// → `cursors`
    pub cursors: BTreeSet<(ParticipantNo, CursorName)>,
}

impl Wanted {
    /// Whether nothing is missing.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

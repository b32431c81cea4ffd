//! Events: whatever a participant is ever told, in the order of that participant's log.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::de::Error as _;
use serde::ser::SerializeStruct as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{ChatId, MessageId, ParticipantId, Payload, Priority, ReminderEvent, Timestamp};

/// The number of an event in a participant's log: 1, 2, 3 … without gaps. 0 stands before the first.
pub type Seq = u64;

macro_rules! kinds {
    ($($(#[doc = $doc:literal])+ $name:ident = $text:literal, $code:literal;)+) => {
        /// The kinds of events. A consumer skips kinds that it does not know.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[non_exhaustive]
        pub enum EventKind { $($(#[doc = $doc])+ #[serde(rename = $text)] $name = $code,)+ }

        impl EventKind {
            /// Every kind.
            pub const ALL: &[EventKind] = &[$(EventKind::$name,)+];

            /// The word on the wire.
            pub fn as_str(self) -> &'static str {
                match self { $(EventKind::$name => $text,)+ }
            }

            /// The number under which stores keep the kind: 1 to 15, never reused.
            pub fn code(self) -> u8 {
                self as u8
            }

            /// The kind of a stored number.
            pub fn from_code(code: u8) -> Option<Self> {
                Self::ALL.iter().copied().find(|kind| kind.code() == code)
            }
        }
    };
}

kinds! {
    /// A message, in the log of everyone in the chat but the sender.
    MessageReceived = "message.received", 1;
    /// The same, in the log of a user who sent it.
    MessageSent = "message.sent", 2;
    /// A device of a recipient has the message; in the sender's log.
    MessageDelivered = "message.delivered", 3;
    /// A recipient has read the message; in the sender's log.
    MessageRead = "message.read", 4;
    /// A recipient has acknowledged the message; in the sender's log.
    MessageAcknowledged = "message.acknowledged", 5;
    /// A user has read messages; in that user's own log, for the other devices.
    SelfRead = "self.read", 6;
    /// A user has acknowledged messages; in that user's own log.
    SelfAcknowledged = "self.acknowledged", 7;
    /// A chat was made without a message; in the log of everyone in it.
    ChatCreated = "chat.created", 8;
    /// A recipient is reminded of a message; in that recipient's log.
    MessageReminded = "message.reminded", 9;
}

impl fmt::Display for EventKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for EventKind {
    type Err = ();
    fn from_str(text: &str) -> Result<Self, ()> {
        Self::ALL
            .iter()
            .copied()
            .find(|kind| kind.as_str() == text)
            .ok_or(())
    }
}

/// A set of kinds of events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct EventKinds(u16);

impl EventKinds {
    /// Every kind, also those that are yet to come.
    pub const ALL: Self = Self(u16::MAX);

    /// Whether `kind` is in it.
    pub fn contains(self, kind: EventKind) -> bool {
        self.0 & (1 << kind.code()) != 0
    }

    /// Whether it leaves nothing out.
    pub fn is_all(self) -> bool {
        self == Self::ALL
    }

    /// As a number for stores.
    pub fn bits(self) -> u16 {
        self.0
    }

    /// From the number of a store.
    pub fn from_bits(bits: u16) -> Self {
        Self(bits)
    }

    /// The kinds in it, for the wire; `None` where it leaves nothing out.
    pub fn to_list(self) -> Option<Vec<EventKind>> {
        (!self.is_all()).then(|| {
            EventKind::ALL
                .iter()
                .copied()
                .filter(|kind| self.contains(*kind))
                .collect()
        })
    }
}

impl FromIterator<EventKind> for EventKinds {
    fn from_iter<I: IntoIterator<Item = EventKind>>(kinds: I) -> Self {
        Self(
            kinds
                .into_iter()
                .fold(0, |bits, kind| bits | (1 << kind.code())),
        )
    }
}

/// An event of a participant's log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Its number in the log.
    pub seq: Seq,
    /// When the server stored it.
    pub timestamp: Timestamp,
    /// What happened.
    pub data: EventData,
}

/// What happened. Bodies are shared: one message to a thousand people is kept once.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum EventData {
    /// `message.received`
    MessageReceived(Arc<MessageEvent>),
    /// `message.sent`
    MessageSent(Arc<MessageEvent>),
    /// `message.delivered`
    MessageDelivered(ReceiptEvent),
    /// `message.read`
    MessageRead(ReceiptEvent),
    /// `message.acknowledged`
    MessageAcknowledged(ReceiptEvent),
    /// `self.read`
    SelfRead(SelfEvent),
    /// `self.acknowledged`
    SelfAcknowledged(SelfEvent),
    /// `chat.created`
    ChatCreated(Arc<ChatEvent>),
    /// `message.reminded`
    MessageReminded(ReminderEvent),
}

impl EventData {
    /// The kind of event that has such data.
    pub fn kind(&self) -> EventKind {
        match self {
            Self::MessageReceived(_) => EventKind::MessageReceived,
            Self::MessageSent(_) => EventKind::MessageSent,
            Self::MessageDelivered(_) => EventKind::MessageDelivered,
            Self::MessageRead(_) => EventKind::MessageRead,
            Self::MessageAcknowledged(_) => EventKind::MessageAcknowledged,
            Self::SelfRead(_) => EventKind::SelfRead,
            Self::SelfAcknowledged(_) => EventKind::SelfAcknowledged,
            Self::ChatCreated(_) => EventKind::ChatCreated,
            Self::MessageReminded(_) => EventKind::MessageReminded,
        }
    }
}

/// Data of `message.received` and `message.sent`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct MessageEvent {
    /// The message.
    pub message_id: MessageId,
    /// Its chat.
    pub chat_id: ChatId,
    /// Its number in the chat: 1, 2, 3 …
    pub position: u64,
    /// Who sent it: as the server knows, not as the sender says.
    pub from_user_id: ParticipantId,
    /// The sender's name when it was sent.
    pub from_user_name: String,
    /// Everyone in the chat, the sender too, sorted by id byte by byte.
    pub all_user_ids: Arc<[ParticipantId]>,
    /// The text.
    pub message: Arc<str>,
    /// Its priority.
    pub priority: Priority,
    /// When the server stored it.
    pub sent_at: Timestamp,
    /// The message it replies to.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub reply_to: Option<MessageId>,
}

/// Data of `message.delivered`, `message.read` and `message.acknowledged`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ReceiptEvent {
    /// The message.
    pub message_id: MessageId,
    /// Its chat.
    pub chat_id: ChatId,
    /// The recipient.
    pub user_id: ParticipantId,
    /// When, by the device's clock where it said so, else by the server's.
    pub at: Timestamp,
    /// What the sender asked to get back with this event.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub payload: Option<Payload>,
    /// Known only because a later state was said.
    #[serde(skip_serializing_if = "is_false", default)]
    pub implied: bool,
    /// It came after the recipient's state had ended.
    #[serde(skip_serializing_if = "is_false", default)]
    pub late: bool,
}

/// Data of `self.read` and `self.acknowledged`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SelfEvent {
    /// The chat.
    pub chat_id: ChatId,
    /// The messages, oldest first.
    pub message_ids: Vec<MessageId>,
    /// How many of the chat are unread now, emergencies included.
    pub unread: u64,
}

/// Data of `chat.created`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ChatEvent {
    /// The chat.
    pub chat_id: ChatId,
    /// Everyone in it, sorted by id byte by byte.
    pub user_ids: Arc<[ParticipantId]>,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde asks for a reference"
)]
fn is_false(value: &bool) -> bool {
    !*value
}

impl Serialize for EventData {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::MessageReceived(data) | Self::MessageSent(data) => data.serialize(serializer),
            Self::MessageDelivered(data)
            | Self::MessageRead(data)
            | Self::MessageAcknowledged(data) => data.serialize(serializer),
            Self::SelfRead(data) | Self::SelfAcknowledged(data) => data.serialize(serializer),
            Self::ChatCreated(data) => data.serialize(serializer),
            Self::MessageReminded(data) => data.serialize(serializer),
        }
    }
}

impl Serialize for Event {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut event = serializer.serialize_struct("Event", 4)?;
        event.serialize_field("seq", &self.seq)?;
        event.serialize_field("type", &self.data.kind())?;
        event.serialize_field("timestamp", &self.timestamp)?;
        event.serialize_field("data", &self.data)?;
        event.end()
    }
}

impl<'de> Deserialize<'de> for Event {
    /// Reads an event of a kind that this version knows; another kind is an error of the form `unknown variant …`.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Wire {
            seq: Seq,
            #[serde(rename = "type")]
            kind: EventKind,
            timestamp: Timestamp,
            data: serde_json::Value,
        }
        fn read<T: serde::de::DeserializeOwned, E: serde::de::Error>(
            data: serde_json::Value,
        ) -> Result<T, E> {
            serde_json::from_value(data).map_err(E::custom)
        }
        let wire = Wire::deserialize(deserializer)?;
        let data = match wire.kind {
            EventKind::MessageReceived => {
                EventData::MessageReceived(read::<_, D::Error>(wire.data)?)
            }
            EventKind::MessageSent => EventData::MessageSent(read::<_, D::Error>(wire.data)?),
            EventKind::MessageDelivered => {
                EventData::MessageDelivered(read::<_, D::Error>(wire.data)?)
            }
            EventKind::MessageRead => EventData::MessageRead(read::<_, D::Error>(wire.data)?),
            EventKind::MessageAcknowledged => {
                EventData::MessageAcknowledged(read::<_, D::Error>(wire.data)?)
            }
            EventKind::SelfRead => EventData::SelfRead(read::<_, D::Error>(wire.data)?),
            EventKind::SelfAcknowledged => {
                EventData::SelfAcknowledged(read::<_, D::Error>(wire.data)?)
            }
            EventKind::ChatCreated => EventData::ChatCreated(read::<_, D::Error>(wire.data)?),
            EventKind::MessageReminded => {
                EventData::MessageReminded(read::<_, D::Error>(wire.data)?)
            }
        };
        if wire.seq == 0 {
            return Err(D::Error::custom("the seq of an event is 1 or more"));
        }
        Ok(Self {
            seq: wire.seq,
            timestamp: wire.timestamp,
            data,
        })
    }
}

/// A page of a participant's log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct EventsPage {
    /// The events, in the order of the log.
    pub events: Vec<Event>,
    /// The seq to pass as `after`: it also passes what `types` left out.
    #[cfg_attr(feature = "openapi", schema(value_type = u64))]
    pub next: Seq,
    /// Names this log; it changes when the store was restored from a backup.
    pub epoch: String,
    /// The last seq of the log when this was read.
    #[cfg_attr(feature = "openapi", schema(value_type = u64))]
    pub head: Seq,
}

//! The contract of Crewline, as Rust types.
//!
//! Whoever sends to Crewline or listens to it needs this crate and nothing else: ids, messages, receipts, events,
//! errors, limits, and the trait [`ChatApi`]. It knows no network, no store and no runtime.
//!
//! Crewline carries messages between control rooms and field crews, and proves what became of each one: stored,
//! delivered to a device, read by a person, acknowledged.
//!
//! ```
//! use crewline_api::{NewMessage, NewMessageUser, Priority};
//!
//! let message = NewMessage::builder("scada:feeder-7", "Feeder 7", "Breaker 1204 has tripped")
//!     .to(NewMessageUser::new("alice").on_read_payload(b"ticket-17/read"))
//!     .to("bob")
//!     .priority(Priority::Emergency)
//!     .build()?;
//! assert_eq!(message.to_users.len(), 2);
//!
//! // What is required cannot be left out, and what is empty is named.
//! let refused = NewMessage::builder("scada:feeder-7", "Feeder 7", "").to("alice").build().unwrap_err();
//! assert_eq!(refused.fields[0].field, "message");
//! # Ok::<(), crewline_api::ApiError>(())
//! ```
#![cfg_attr(
    not(test),
    deny(clippy::expect_used, clippy::panic, clippy::unreachable)
)]

mod admin;
mod audit;
mod chat;
mod chat_api;
mod check;
mod desk;
mod error;
mod event;
mod frame;
mod group;
mod id;
pub mod limits;
mod message;
mod organisation;
mod payload;
mod people;
mod push;
mod reach;
mod receipt;
mod reminder;
#[cfg(feature = "openapi")]
mod schema;
mod search;
mod story;
mod time;
mod webhook;
mod webhook_url;

pub use admin::{
    AddUser, External, Externals, Kept, LogLine, NewPassword, NewToken, PasswordSet, SignOutUser,
    StoreState, SystemState, Token, TokenKind, Tokens, User, UserAdded, UserChanges, Users,
};
pub use audit::{AuditEntry, AuditKind, AuditPage, AuditRole};
pub use chat::{Chat, ChatSummary, ChatsPage, NewChat};
pub use chat_api::{BoxFuture, BoxStream, ChatApi, PayloadFired, PayloadKind, ReceivedMessage};
pub use check::{check_recipient_count, check_to_groups, id_error};
pub use desk::{Desk, Seat};
pub use error::{ApiError, ErrorCode, FieldCode, FieldError, Problem};
pub use event::{
    ChatEvent, Event, EventData, EventKind, EventKinds, EventsPage, MessageEvent, ReceiptEvent,
    SelfEvent, Seq,
};
pub use frame::{
    ClientFrame, Do, Done, Hello, ServerFrame, SocketRemind, SocketReply, SocketSend, Welcome,
    What, close,
};
pub use group::{Duty, Group, GroupsPage, NewDuty, NewGroup, NewMessageGroup, ToGroup};
pub use id::{ChatId, CursorName, GroupId, IdError, IdempotencyKey, MessageId, ParticipantId};
pub use message::{
    MessageView, MessagesPage, NewMessage, NewMessageBuilder, NewMessageUser, NewReply, Priority,
    RecipientView, SentMessage, SentRecipient,
};
pub use organisation::{EmergencyPhone, Organisation, Phrase, Phrases, Sos};
pub use payload::Payload;
pub use people::{
    Cursor, DeviceView, Me, NewCursor, NewSession, ParticipantKind, PeoplePage, Person, Role,
    SessionOpened, SessionView, Watcher, Watchers,
};
pub use push::{NewPushSubscription, Push, PushKeys, PushSubscription, PushTest};
pub use reach::{AskReach, PresencePage, Present, Reach, Reachable, Way};
pub use receipt::{NewReceipts, Outcome, ReceiptResult, ReceiptSaid, ReceiptState, ReceiptsDone};
pub use reminder::{NewReminder, Reminded, ReminderEvent, ReminderView};
pub use search::{SearchHit, SearchPage, SearchPart};
pub use story::{MessageStory, RecipientStory, StoryMark, StoryReceipt};
pub use time::Timestamp;
pub use webhook::{
    NewWebhook, Webhook, WebhookChanges, WebhookFailure, WebhookFailures, WebhookReplay,
    WebhookState, WebhookTested, Webhooks,
};
pub use webhook_url::{UrlError, WebhookUrl};

//! The rules of Crewline, and the port behind which stores stand.
//!
//! A command comes in, [`needs`] says what must be known to decide it, a store loads that into a [`State`], and
//! [`decide`](decide::decide) decides: a pure function that knows no clock, no randomness and no I/O. What it decided
//! is in [`Changes`], which a store writes in one transaction. All rules live here, once, for every store.
//!
//! **Invariant:** nothing in this crate waits, reads a clock, or speaks SQL. Iteration is in a fixed order everywhere.
//!
//! To add a store, implement [`Writer`], [`Reader`] and [`Directory`], and run the conformance suite of
//! `crewline-testkit` on it. [`MemoryStore`] is the specification: what it does is right.
#![cfg_attr(
    not(test),
    deny(clippy::expect_used, clippy::panic, clippy::unreachable)
)]

pub mod address;
mod audit;
mod bus;
pub mod changes;
pub mod check;
mod code;
mod command;
pub mod copy;
mod credential;
pub mod decide;
mod directory;
mod event;
mod group;
pub mod keep;
mod load;
mod memory;
pub mod needs;
mod network;
mod no;
pub mod node;
mod organisation;
pub mod peek;
mod port;
pub mod push;
mod resolve;
pub mod search;
mod set;
mod state;
mod token;
mod user;
mod view;
pub mod webhook;

pub use audit::{
    AuditActor, AuditFound, AuditPlace, AuditQuery, AuditSends, AuditedAct, NewAudit, SentEntry,
    audited, merged, refused_notes,
};
pub use bus::{Bus, HINTS_MAX, Heard, Hints, Origin};
pub use changes::{
    Changes, CursorRow, LogRow, NewChatRow, NewMessageRow, PayloadRow, ReceiptFact, ReminderRow,
};
pub use code::{Code, Reached};
pub use command::{
    Actor, Answer, ChatCommand, Command, ConfirmCommand, CursorCommand, GroupRecipient,
    ReceiptCommand, ReceiptsCommand, Recipient, RemindCommand, ReplyCommand, SendCommand,
};
pub use credential::{
    Credential, CredentialSource, ExternalPattern, PatternError, Scope, Secret, SecretHash,
};
pub use directory::{
    Directory, DirectoryError, ImportReport, ImportRow, NewSessionRow, NewToken, NewUser,
    OpenedSession, PasswordRow, Seen, SignedOut, TokenOwner, TokenRow, UserAdded, UserChange,
    UserRow, WatcherRow, fold,
};
pub use event::{
    EventSource, MessageBodies, MessageWords, PAGE_BYTES_MAX, about_bytes, assemble, history_takes,
};
pub use group::{DutyRow, GROUP_PAGE_MEMBERS_MAX, GroupRow};
pub use keep::{CursorBehind, Cut, Pass, Removed, Retention};
pub use load::{BATCH_BYTES_MAX, BATCH_ROWS_MAX, load_batch};
pub use memory::MemoryStore;
pub use network::{Network, NotANetwork};
pub use no::{ChatNo, DeviceNo, MessageNo, ParticipantNo, PushNo, SessionNo, TokenNo, WebhookNo};
pub use node::{Fence, LeaseAsk, LeaseRow, Nodes, PresentAt};
pub use organisation::{OrganisationPart, OrganisationRow};
pub use port::{
    BatchId, ChatsBefore, Contact, Flush, Indexer, LogPage, MeRows, Opened, Reader, StoreError,
    StoreErrorKind, StoreInfo, Writer,
};
pub use push::{
    NewPushSubscriptionRow, PushKey, PushNote, PushNoted, PushPlaces, PushSecrets, PushState,
    PushSubscriptionRow,
};
pub use state::{
    ChatHead, ChatRow, Fingerprint, GroupMember, KeyRow, LogHead, Lookup, Mark, MemberRow,
    MembersKey, MessageRow, Numbers, ParticipantRow, Payloads, RecipientRow, Reminders, Settings,
    Standing, State, UnknownRecipients, Window, WindowRow,
};
pub use user::{Imported, becomes_user, import_users};
pub use webhook::{NewWebhookRow, WebhookAct, WebhookRow, WebhookSecret};

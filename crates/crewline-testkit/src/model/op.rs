//! Operations of the model: acts of an edge as its callers see them, and what goes wrong on the way.
//!
//! Messages, chats, sign-ins and sessions are named by the tag of the step that made them, so that a list of steps means
//! the same after others were taken out of it. A tag that made nothing stands for something that does not exist.

use std::collections::BTreeMap;

use crewline_api::{EventKind, EventKinds, ReceiptState, Role};

/// Names a step, and whatever it made.
pub type Tag = u32;

/// A tag that no step has: what it names does not exist.
pub const NOTHING: Tag = 9_999;

/// Users that are there from the beginning. Each has the password [`PASSWORD`] and a token.
pub const USERS: [&str; 5] = ["alice", "bob", "a,b", "Ann", "ann"];
/// Externals that are there from the beginning, each with a token.
pub const EXTERNALS: [&str; 3] = ["scada", "oms", "scada:dms 🚑"];
/// Ids that only the token `many` acts as, by its prefix; it covers `scada` and `oms` too. Another prefix of it covers
/// nobody, since who begins so is a user.
pub const DESKS: [&str; 2] = ["desk:1", "desk:2"];
/// Groups that somebody makes, sooner or later.
pub const GROUPS: [&str; 2] = ["crew north", "night"];
/// The password of every user.
pub const PASSWORD: &str = "secret of all";

/// By which credential a step is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum By {
    /// The token of this user or external; `many` and `admin` have one too.
    Token(&'static str),
    /// The session that a step of this tag signed in to.
    Session(Tag),
    /// A secret that nobody has.
    Nobody,
}

/// A recipient of a send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct To {
    /// Who.
    pub id: &'static str,
    /// What comes back when a device has it.
    pub delivered: Option<&'static str>,
    /// What comes back when it was read.
    pub read: Option<&'static str>,
}

/// A group among recipients.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ToGroup {
    /// Which.
    pub id: &'static str,
    /// Only those of it who are on duty.
    pub on_duty_only: bool,
    /// What comes back for each of them when a device has it.
    pub delivered: Option<&'static str>,
    /// What comes back for each of them when it was read.
    pub read: Option<&'static str>,
}

/// One receipt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Said {
    /// A device has it.
    Delivered(Tag),
    /// It was read; perhaps with the time of the device's clock.
    Read(Tag, Option<i64>),
    /// The button was pressed.
    Acknowledged(Tag),
    /// Everything of the chat of the first was read up to the second.
    UpTo(Tag, Tag),
}

/// Kinds of events to be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kinds {
    /// All of them.
    All,
    /// Messages alone.
    Received,
    /// Reads alone.
    Read,
    /// Messages and what the reader did elsewhere.
    ReceivedAndSelf,
}

/// Where reading of a log begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// Nothing is said.
    Start,
    /// Behind this event, if the log goes that far.
    After(u64),
    /// Behind a cursor.
    Cursor(&'static str),
    /// Behind the last event there is.
    End,
    /// Behind what the caller's chats show now: who has lost the place loads, and follows from there.
    AsOf,
    /// Behind what a session acknowledged last: a device that comes back.
    AckedBy(Tag),
}

/// How much of what a session got is acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Much {
    /// All of it.
    All,
    /// The first half of what was not acknowledged.
    Half,
    /// What was acknowledged before, once more.
    Again,
    /// More than was ever sent.
    Beyond,
}

/// An act.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields are those of the calls")]
pub enum Op {
    /// An external sends.
    Send {
        by: By,
        from: &'static str,
        name: &'static str,
        to: Vec<To>,
        groups: Vec<ToGroup>,
        text: &'static str,
        priority: u64,
        key: Option<&'static str>,
    },
    /// A user sends into a chat.
    Reply {
        by: By,
        chat: Tag,
        text: &'static str,
        priority: u64,
        reply_to: Option<Tag>,
        read_up_to: Option<Tag>,
        key: Option<&'static str>,
    },
    /// A chat without a message. `from` is for externals.
    CreateChat {
        by: By,
        from: Option<&'static str>,
        to: Vec<&'static str>,
        groups: Vec<ToGroup>,
    },
    /// Somebody makes a group, or changes it.
    PutGroup {
        by: By,
        group: &'static str,
        users: Vec<&'static str>,
    },
    /// Somebody removes a group.
    RemoveGroup { by: By, group: &'static str },
    /// The groups, page after page.
    Groups { by: By, limit: usize },
    /// It is said whether a user is on duty.
    Duty {
        by: By,
        user: &'static str,
        on_duty: bool,
    },
    /// Receipts. `participant` is for tokens of several ids.
    Receipts {
        by: By,
        participant: Option<&'static str>,
        said: Vec<Said>,
    },
    /// Those who have not come far enough with a message are reminded of it.
    Remind {
        by: By,
        message: Tag,
        until: Option<ReceiptState>,
    },
    /// Moves a named cursor.
    PutCursor {
        by: By,
        whose: &'static str,
        name: &'static str,
        seq: u64,
        kinds: Kinds,
        rewind: bool,
    },
    /// Where a named cursor stands.
    GetCursor {
        by: By,
        whose: &'static str,
        name: &'static str,
    },
    /// A page of a log.
    ReadEvents {
        by: By,
        whose: &'static str,
        place: Place,
        kinds: Kinds,
        limit: usize,
    },
    /// A page of a log, for one who knows the log of another store: the one before the restore.
    ReadOtherEpoch { by: By, whose: &'static str },
    /// A long poll begins: whoever has nothing to get waits for the first event.
    Poll {
        by: By,
        whose: &'static str,
        place: Place,
        kinds: Kinds,
    },
    /// What the long poll has answered. One that still waits is given up.
    Collect { poll: Tag },
    /// A message and what became of it.
    GetMessage {
        by: By,
        message: Tag,
        whose: Option<&'static str>,
    },
    /// A chat, page after page. `whose` eyes are looked with, where not with all that the caller may.
    History {
        by: By,
        chat: Tag,
        whose: Option<&'static str>,
        limit: usize,
    },
    /// The caller's chats, page after page.
    Chats { by: By, limit: usize },
    /// Those one may write to, page after page.
    People {
        by: By,
        q: &'static str,
        limit: usize,
    },
    /// The caller itself.
    Me { by: By },
    /// Opens a session; a device that is told of is one of two.
    SignIn {
        user: &'static str,
        right: bool,
        device: Option<u8>,
    },
    /// Closes the session, or all of that user.
    SignOut { by: By, everywhere: bool },
    /// A device or a system begins to follow a log.
    Connect {
        by: By,
        whose: &'static str,
        place: Place,
        cursor: Option<&'static str>,
        kinds: Kinds,
    },
    /// What came since.
    Listen { session: Tag },
    /// What of it is stored.
    Ack { session: Tag, much: Much },
    /// Receipts that are said in a session.
    SayIn { session: Tag, said: Vec<Said> },
    /// The connection is gone.
    Disconnect { session: Tag },
    /// An administrator lets a user watch a participant.
    Watch {
        by: By,
        user: &'static str,
        whose: &'static str,
    },
    /// An administrator ends that.
    Unwatch {
        by: By,
        user: &'static str,
        whose: &'static str,
    },
    /// Who watches a participant.
    Watchers { by: By, whose: &'static str },
    /// The administrator adds a user.
    AddUser { user: &'static str },
    /// The administrator shuts a user out.
    Disable { user: &'static str },
    /// The administrator lets a user in again.
    Enable { user: &'static str },
    /// The administrator gives a user another role.
    SetRole { user: &'static str, role: Role },
    /// The administrator signs a user out everywhere, and perhaps revokes the user's token.
    SignOutUser { user: &'static str, tokens: bool },
    /// The administrator sets the password anew.
    NewPassword { user: &'static str },
    /// The administrator revokes a token.
    Revoke { token: &'static str },
    /// The administrator makes a token that was revoked anew.
    NewToken { token: &'static str },
    /// Time passes; a clock may be set back.
    Advance { ms: i64 },
    /// The server stops, starts on the same store, and removes what is older than it keeps: texts and events, and the hold
    /// of cursors.
    Keep { ms: u64, cursors_ms: u64 },
    /// A backup is made, beside the server. It takes the place of the one before.
    Backup,
    /// The server stops, the backup is put in the place of the store, by the command or `by_hand`, and the server starts.
    /// Where there is no backup it starts on the same store.
    Restore { by_hand: bool },
    /// The server stops, and starts on the same store.
    Restart,
    /// The server goes without a word, and starts on the same store.
    Crash,
}

/// What goes wrong with the step's one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Nothing.
    None,
    /// The request never arrives, and the client leaves it so.
    RequestLost,
    /// The request never arrives, and the client asks again.
    RequestLostAndRepeated,
    /// It is carried out, but the answer never arrives, and the client leaves it so.
    AnswerLost,
    /// It is carried out, but the answer never arrives, and the client asks again.
    AnswerLostAndRepeated,
    /// The connection breaks while the call is under way; nobody knows how far it came, and the client asks again.
    CutAndRepeated,
}

/// An act and what goes wrong with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Its name.
    pub tag: Tag,
    /// The act.
    pub op: Op,
    /// What goes wrong.
    pub fault: Fault,
}

/// A step, as regressions are written down.
pub fn step(tag: Tag, op: Op, fault: Fault) -> Step {
    Step { tag, op, fault }
}

impl Step {
    /// The step as Rust, to be pasted into a list of regressions.
    pub fn to_rust(&self) -> String {
        // Brackets stand nowhere but around lists: no text of an operation holds one.
        let op = format!("{:?}", self.op).replace('[', "vec![");
        format!("step({}, {op}, Fault::{:?}),", self.tag, self.fault)
    }
}

impl Op {
    /// Whether the server stops and starts.
    pub fn is_start(&self) -> bool {
        matches!(
            self,
            Self::Restart | Self::Crash | Self::Keep { .. } | Self::Restore { .. }
        )
    }

    /// Whether asking again may do no harm: a client repeats only such calls when it does not know what became of them.
    /// A send without a key may be sent twice. A cursor that goes back must not go back once more later. Signing in twice
    /// makes two sessions, and who has signed out is not known any more.
    pub fn may_be_repeated(&self) -> bool {
        match self {
            Self::Send { key, .. } | Self::Reply { key, .. } => key.is_some(),
            Self::PutCursor { rewind, .. } => !rewind,
            Self::CreateChat { .. }
            | Self::Receipts { .. }
            | Self::Remind { .. }
            | Self::GetCursor { .. }
            | Self::ReadEvents { .. }
            | Self::ReadOtherEpoch { .. }
            | Self::GetMessage { .. }
            | Self::History { .. }
            | Self::Chats { .. }
            | Self::People { .. }
            | Self::Me { .. }
            | Self::PutGroup { .. }
            | Self::RemoveGroup { .. }
            | Self::Groups { .. }
            | Self::Duty { .. }
            | Self::Watch { .. }
            | Self::Unwatch { .. }
            | Self::Watchers { .. } => true,
            _ => false,
        }
    }

    /// Whether it is one call over a connection, which may be lost. The others are done by the test itself.
    pub fn is_call(&self) -> bool {
        self.may_be_repeated()
            || matches!(
                self,
                Self::Send { .. }
                    | Self::Reply { .. }
                    | Self::PutCursor { .. }
                    | Self::SignIn { .. }
                    | Self::SignOut { .. }
            )
    }
}

impl Kinds {
    /// The kinds, where not all are asked for.
    pub fn list(self) -> Option<Vec<EventKind>> {
        match self {
            Self::All => None,
            Self::Received => Some(vec![EventKind::MessageReceived]),
            Self::Read => Some(vec![EventKind::MessageRead]),
            Self::ReceivedAndSelf => Some(vec![EventKind::MessageReceived, EventKind::SelfRead]),
        }
    }

    /// The kinds as a set.
    pub fn set(self) -> EventKinds {
        self.list().map_or(EventKinds::ALL, EventKinds::from_iter)
    }
}

/// What steps have made: numbers of messages and chats, the same on every target.
#[derive(Debug, Default, Clone)]
pub struct Made {
    /// Messages by the tag of the step that sent them.
    pub messages: BTreeMap<Tag, u64>,
    /// Chats by the tag of the step that made them or sent into them.
    pub chats: BTreeMap<Tag, u64>,
}

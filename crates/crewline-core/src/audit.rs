//! The audit: what was done to the directory, who signed in, and who read what is another's.
//!
//! It holds what stands nowhere else. Who sent a message, and what became of it, is told by the messages and receipts
//! themselves, which are kept for good: see [`crate::Reader::story`]. So sends cost no row here, and whoever asks for the audit
//! finds them all the same: messages are read beside its rows, and [`merged`] puts both in one order.
//!
//! **Invariant:** rows are only added; they go from the beginning, when they are old.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use crewline_api::{AuditEntry, AuditKind, AuditRole, MessageId, ParticipantId, Role, Timestamp};

use crate::DeviceNo;
use crate::credential::{Credential, CredentialSource, ExternalPattern, Scope};
use crate::directory::{Directory, DirectoryError, UserChange};

/// Who acts, and from where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditActor {
    /// The id of a participant, the token of administration, or the account of the machine.
    pub who: String,
    /// As what.
    pub role: AuditRole,
    /// By which session or token.
    pub credential: Option<CredentialSource>,
    /// The device that the credential stands for.
    pub device: Option<DeviceNo>,
    /// Where it came from.
    pub address: Option<IpAddr>,
}

impl AuditActor {
    /// Who presents a credential.
    pub fn of(credential: &Credential, address: Option<IpAddr>) -> Self {
        let token = || credential.source.to_string();
        let (who, role) = match &credential.scope {
            Scope::User { id, role, .. } => (id.to_string(), (*role).into()),
            Scope::Externals(patterns) => match patterns.as_slice() {
                [ExternalPattern::Exact(id)] => (id.to_string(), AuditRole::External),
                _ => (token(), AuditRole::External),
            },
            Scope::Administration => (token(), AuditRole::Administration),
        };
        Self {
            who,
            role,
            credential: Some(credential.source),
            device: Some(credential.device),
            address,
        }
    }

    /// Somebody with access to the machine; `who` is the account.
    pub fn terminal(who: impl Into<String>) -> Self {
        Self {
            who: who.into(),
            role: AuditRole::Terminal,
            credential: None,
            device: None,
            address: None,
        }
    }

    /// Somebody who is not known (yet): `who` is whom they said to be.
    pub fn nobody(who: impl Into<String>, address: Option<IpAddr>) -> Self {
        Self {
            who: who.into(),
            role: AuditRole::Nobody,
            credential: None,
            device: None,
            address,
        }
    }

    /// The credential as it is kept and shown.
    pub fn credential_text(&self) -> Option<String> {
        self.credential.map(|source| source.to_string())
    }
}

/// A row to be added.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewAudit {
    /// Who, and from where.
    pub by: AuditActor,
    /// What.
    pub what: AuditKind,
    /// About whom or what.
    pub about: Option<String>,
    /// What else is to be said; never a secret, a text or a payload.
    pub detail: Option<String>,
    /// Whether it was refused.
    pub refused: bool,
}

impl NewAudit {
    /// A row.
    pub fn new(by: AuditActor, what: AuditKind) -> Self {
        Self {
            by,
            what,
            about: None,
            detail: None,
            refused: false,
        }
    }

    /// The same, about somebody or something.
    #[must_use]
    pub fn about(mut self, about: impl Into<String>) -> Self {
        self.about = Some(about.into());
        self
    }

    /// The same, with what else is to be said.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// The same, refused.
    #[must_use]
    pub fn refused(mut self) -> Self {
        self.refused = true;
        self
    }
}

/// Which rows of the audit are asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuditQuery {
    /// Those of this one alone, as `who` of the row says it.
    pub who: Option<String>,
    /// Those about this one alone.
    pub about: Option<String>,
    /// Those of these kinds alone; all, where there is none.
    pub what: Vec<AuditKind>,
    /// Not before this.
    pub from: Option<Timestamp>,
    /// Before this.
    pub to: Option<Timestamp>,
    /// Behind this: where the page before ended.
    pub before: Option<AuditPlace>,
}

impl AuditQuery {
    /// Whether rows of the audit are asked for.
    pub fn wants_rows(&self) -> bool {
        self.what.is_empty() || self.what.iter().any(|what| *what != AuditKind::MessageSent)
    }

    /// Whether sends are asked for.
    pub fn wants_sends(&self) -> bool {
        self.what.is_empty() || self.what.contains(&AuditKind::MessageSent)
    }

    /// Where to begin.
    pub fn place(&self) -> AuditPlace {
        self.before.unwrap_or(AuditPlace {
            row: i64::MAX,
            message: i64::MAX,
        })
    }

    /// Whether something of this time is asked for.
    pub fn covers(&self, at: Timestamp) -> bool {
        self.from.is_none_or(|from| at >= from) && self.to.is_none_or(|to| at < to)
    }
}

/// A place between two entries of the audit, going back in time: what comes behind it has lower numbers. As text it is the
/// number of a row and that of a message, with a dot between them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AuditPlace {
    /// Rows of the audit below this number.
    pub row: i64,
    /// Messages below this number.
    pub message: i64,
}

impl fmt::Display for AuditPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.row, self.message)
    }
}

impl FromStr for AuditPlace {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let number = |text: &str| text.parse().ok().filter(|number| *number >= 0);
        let (row, message) = text.split_once('.').ok_or(())?;
        Ok(Self {
            row: number(row).ok_or(())?,
            message: number(message).ok_or(())?,
        })
    }
}

/// A page of the audit.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuditFound {
    /// Newest first.
    pub entries: Vec<AuditEntry>,
    /// Where the next page begins; `None` at the end. A page may hold less than was asked for, and still not be the last.
    pub next: Option<AuditPlace>,
}

/// Sends among the messages that were looked at, newest first, by number.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuditSends {
    /// Those that were asked for.
    pub found: Vec<(i64, AuditEntry)>,
    /// The last message that was looked at and when it was sent, where there may be more behind it.
    pub looked_to: Option<(i64, Timestamp)>,
}

/// Puts rows and sends into one order, newest first. Of both there must be one more than the page holds, where there are as
/// many.
///
/// Each keeps its own order, also where a clock was set back: so a page goes on exactly where the one before ended.
pub fn merged(
    query: &AuditQuery,
    rows: Vec<(i64, AuditEntry)>,
    sends: AuditSends,
    limit: usize,
) -> AuditFound {
    let mut place = query.place();
    let looked_to = sends.looked_to;
    let (mut rows, mut sends) = (
        rows.into_iter().peekable(),
        sends.found.into_iter().peekable(),
    );
    let mut entries = Vec::new();
    while entries.len() < limit {
        let is_row = match (rows.peek(), sends.peek()) {
            (Some((_, row)), Some((_, send))) => row.at >= send.at,
            (Some((_, row)), None) => match looked_to {
                // What was not looked at may be newer than this row.
                Some((_, at)) if row.at < at => break,
                _ => true,
            },
            (None, _) => false,
        };
        let side = if is_row { rows.next() } else { sends.next() };
        let Some((no, entry)) = side else { break };
        entries.push(entry);
        if is_row {
            place.row = no;
        } else {
            place.message = no;
        }
    }
    if let (None, Some((no, _))) = (sends.peek(), looked_to) {
        place.message = no;
    }
    let more = rows.peek().is_some() || sends.peek().is_some() || looked_to.is_some();
    AuditFound {
        entries,
        next: more.then_some(place),
    }
}

/// A send as an entry of the audit.
#[derive(Debug, Clone)]
pub struct SentEntry {
    /// The message.
    pub message: MessageId,
    /// When.
    pub at: Timestamp,
    /// Who.
    pub who: ParticipantId,
    /// The role of a user; `None` for an external.
    pub role: Option<Role>,
    /// The device: an id that a device made, or the session or token that is one.
    pub device: Option<String>,
    /// To how many.
    pub recipients: usize,
}

impl From<SentEntry> for AuditEntry {
    fn from(sent: SentEntry) -> Self {
        // A session or token that is its own device is named by it.
        let credential = sent.device.as_deref().and_then(|device| {
            let kinds = ["session", "token"];
            kinds.into_iter().find_map(|kind| {
                let no: u64 = device.strip_prefix(kind)?.strip_prefix('-')?.parse().ok()?;
                Some(format!("{kind} {no}"))
            })
        });
        Self {
            audit_id: sent.message.to_string(),
            at: sent.at,
            what: AuditKind::MessageSent,
            who: sent.who.to_string(),
            role: sent.role.map_or(AuditRole::External, Into::into),
            credential,
            device_id: sent.device,
            address: None,
            about: Some(sent.message.to_string()),
            detail: Some(format!("to {}", sent.recipients)),
            refused: false,
        }
    }
}

/// An act that is noted: it may change the rows that will be added with it, and leave none where nothing changed.
pub type AuditedAct<'a> =
    &'a mut dyn FnMut(&mut dyn Directory, &mut Vec<NewAudit>) -> Result<(), DirectoryError>;

/// Carries an act on the directory out and notes it, in one transaction; where the act is refused, that is noted.
///
/// # Errors
/// Those of the act, and of the store.
pub fn audited<T>(
    directory: &mut dyn Directory,
    note: NewAudit,
    now: Timestamp,
    act: impl FnOnce(&mut dyn Directory, &mut Vec<NewAudit>) -> Result<T, DirectoryError>,
) -> Result<T, DirectoryError> {
    let (mut act, mut done) = (Some(act), None);
    directory.audited(note, now, &mut |directory, notes| {
        if let Some(act) = act.take() {
            done = Some(act(directory, notes)?);
        }
        Ok(())
    })?;
    done.ok_or_else(|| {
        let detail = "an act that was to be noted was not carried out";
        crate::StoreError::new(crate::StoreErrorKind::Refused, detail).into()
    })
}

impl UserChange {
    /// How it is noted: as what, and with what detail.
    pub fn noted(&self) -> (AuditKind, Option<String>) {
        match self {
            Self::Enable => (AuditKind::UserEnabled, None),
            Self::Disable => (AuditKind::UserDisabled, None),
            Self::Password(_) => (AuditKind::UserPassword, None),
            Self::Role(role) => (AuditKind::UserRole, Some(format!("role {role}"))),
            Self::Name(name) => (AuditKind::UserNamed, Some(format!("name {name:?}"))),
            Self::SignOut { tokens } => {
                let detail = tokens.then(|| "tokens too".to_owned());
                (AuditKind::UserSignedOut, detail)
            }
        }
    }
}

/// What is added when an act was refused.
pub fn refused_notes(notes: Vec<NewAudit>, error: &DirectoryError) -> Vec<NewAudit> {
    let refused = |note: NewAudit| note.detail(error.to_string()).refused();
    match error {
        // Nothing can be written, or nothing was decided.
        DirectoryError::Store(_) => Vec::new(),
        _ => notes.into_iter().map(refused).collect(),
    }
}

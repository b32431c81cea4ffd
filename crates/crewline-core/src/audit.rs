//! The audit: what was done to the directory, who signed in, and who read what is another's.
//!
//! It holds what stands nowhere else. Who sent a message, and what became of it, is told by the messages and receipts
//! themselves, which are kept for good: see [`crate::Reader::story`].
//!
//! **Invariant:** rows are only added; they go from the beginning, when they are old.

use std::net::IpAddr;

use crewline_api::{AuditKind, AuditRole, Timestamp};

use crate::DeviceNo;
use crate::credential::{Credential, CredentialSource, ExternalPattern, Scope};
use crate::directory::{Directory, DirectoryError};

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
        let token = || match credential.source {
            CredentialSource::Session(no) => format!("session {}", no.0),
            CredentialSource::Token(no) => format!("token {}", no.0),
        };
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
        self.credential.map(|source| match source {
            CredentialSource::Session(no) => format!("session {}", no.0),
            CredentialSource::Token(no) => format!("token {}", no.0),
        })
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
    /// With a number below this.
    pub before: Option<i64>,
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

/// What is added when an act was refused.
pub fn refused_notes(notes: Vec<NewAudit>, error: &DirectoryError) -> Vec<NewAudit> {
    let refused = |note: NewAudit| note.detail(error.to_string()).refused();
    match error {
        // Nothing can be written, or nothing was decided.
        DirectoryError::Store(_) => Vec::new(),
        _ => notes.into_iter().map(refused).collect(),
    }
}

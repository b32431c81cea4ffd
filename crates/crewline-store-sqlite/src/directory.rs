//! The directory: each act is one short transaction.

mod audit;
mod group;
mod push;
mod session;
mod token;
mod user;
mod watcher;
mod webhook;

use crewline_api::{GroupId, ParticipantId, Seq, Timestamp, WebhookFailure};
use crewline_core::{
    AuditedAct, Code as _, Directory, DirectoryError, DutyRow, GroupRow, ImportReport, ImportRow,
    NewAudit, NewPushSubscriptionRow, NewSessionRow, NewToken, NewUser, NewWebhookRow,
    OpenedSession, OrganisationPart, ParticipantNo, PushKey, PushNo, PushNote, SecretHash, Seen,
    SessionNo, SignedOut, Standing, TokenNo, TokenOwner, TokenRow, UserAdded, UserChange,
    WebhookAct, WebhookNo, fold, refused_notes,
};
use rusqlite::Connection;

use crate::connection::{Refusal, WriteConnection};
use crate::error::Fault;
use crate::{meta, row};

/// Adds a row to the audit, where that is all.
pub(crate) fn note(sql: &Connection, note: NewAudit, now: Timestamp) -> Result<(), Fault> {
    audit::add(sql, &[note], now)
}

/// A participant by id: the number and what it is.
fn find(sql: &Connection, id: &ParticipantId) -> Result<Option<(ParticipantNo, Standing)>, Fault> {
    let mut statement = sql.prepare_cached("SELECT no, standing FROM participant WHERE id = ?1")?;
    let mut rows = statement.query([id.as_str()])?;
    let Some(row) = rows.next()? else {
        return Ok(None);
    };
    Ok(Some((ParticipantNo(row.get(0)?), row::standing(row, 1)?)))
}

/// A user by id.
fn find_user(sql: &Connection, id: &ParticipantId) -> Result<ParticipantNo, Refusal> {
    match find(sql, id)? {
        Some((no, Standing::User)) => Ok(no),
        _ => Err(Refusal::Directory(DirectoryError::NoUser(id.clone()))),
    }
}

/// A new participant.
fn make(sql: &Connection, id: &ParticipantId, standing: Standing) -> Result<ParticipantNo, Fault> {
    let mut statement = sql.prepare_cached(
        "INSERT INTO participant (id, folded, standing) VALUES (?1, ?2, ?3) RETURNING no",
    )?;
    let (id, code) = (id.as_str(), standing.code());
    Ok(statement.query_row((id, fold(id), code), |row| row.get(0).map(ParticipantNo))?)
}

/// Another id that looks the same to people.
fn looks_like(sql: &Connection, id: &ParticipantId) -> Result<Option<ParticipantId>, Fault> {
    let mut statement = sql.prepare_cached(
        "SELECT id FROM participant WHERE folded = ?1 AND id <> ?2 ORDER BY id LIMIT 1",
    )?;
    let mut rows = statement.query((fold(id.as_str()), id.as_str()))?;
    rows.next()?
        .map(|row| row::participant_id(row, 0))
        .transpose()
}

impl Directory for WriteConnection {
    fn add_user(&mut self, user: &NewUser, now: Timestamp) -> Result<UserAdded, DirectoryError> {
        self.note_participants_changed();
        self.act("adding a user", |sql| {
            meta::bump_directory(sql)?;
            user::add(sql, user, now)
        })
    }

    fn change_user(
        &mut self,
        id: &ParticipantId,
        change: &UserChange,
        _now: Timestamp,
    ) -> Result<(), DirectoryError> {
        self.note_participants_changed();
        self.act("changing a user", |sql| {
            meta::bump_directory(sql)?;
            user::change(sql, id, change)
        })
    }

    fn import_users(
        &mut self,
        rows: &[ImportRow],
        dry_run: bool,
        now: Timestamp,
    ) -> Result<ImportReport, DirectoryError> {
        let doing = "importing users";
        if !dry_run {
            self.note_participants_changed();
            return self.act(doing, |sql| {
                meta::bump_directory(sql)?;
                user::import(sql, rows, now)
            });
        }
        // The same statements run, so that it says exactly what would come of them.
        self.begin(doing)?;
        let report = user::import(self.sql(), rows, now);
        self.rollback();
        report.map_err(|refusal| self.explain(doing, refusal))
    }

    fn create_token(
        &mut self,
        token: &NewToken,
        now: Timestamp,
    ) -> Result<TokenRow, DirectoryError> {
        if matches!(token.owner, TokenOwner::Externals(_)) {
            self.note_participants_changed();
        }
        self.act("making a token", |sql| {
            meta::bump_directory(sql)?;
            token::create(sql, token, now)
        })
    }

    fn revoke_token_by_hash(&mut self, hash: &SecretHash) -> Result<bool, DirectoryError> {
        self.act("revoking a token", |sql| match token::find(sql, hash)? {
            Some(no) => Ok(token::revoke(sql, no)?),
            None => Ok(false),
        })
    }

    fn revoke_token(&mut self, no: TokenNo) -> Result<bool, DirectoryError> {
        self.act("revoking a token", |sql| Ok(token::revoke(sql, no)?))
    }

    fn open_session(
        &mut self,
        session: &NewSessionRow,
        now: Timestamp,
    ) -> Result<OpenedSession, DirectoryError> {
        self.act("opening a session", |sql| {
            Ok(session::open(sql, session, now)?)
        })
    }

    fn close_session(&mut self, session: SessionNo) -> Result<bool, DirectoryError> {
        self.act("closing a session", |sql| Ok(session::close(sql, session)?))
    }

    fn sign_out(&mut self, user: &ParticipantId, what: &SignedOut) -> Result<bool, DirectoryError> {
        self.act("signing a user out", |sql| {
            let user = find_user(sql, user)?;
            Ok(session::sign_out(sql, user, what)?)
        })
    }

    fn watch(
        &mut self,
        user: &ParticipantId,
        participant: &ParticipantId,
        now: Timestamp,
    ) -> Result<bool, DirectoryError> {
        // One that is covered by a prefix is expected from now on.
        self.note_participants_changed();
        self.act("making a watcher", |sql| {
            watcher::watch(sql, user, participant, now)
        })
    }

    fn unwatch(
        &mut self,
        user: &ParticipantId,
        participant: &ParticipantId,
    ) -> Result<bool, DirectoryError> {
        self.act("ending a watcher", |sql| {
            watcher::unwatch(sql, user, participant)
        })
    }

    fn put_groups(&mut self, groups: &[GroupRow], now: Timestamp) -> Result<usize, DirectoryError> {
        self.act("putting groups", |sql| group::put(sql, groups, now))
    }

    fn remove_group(&mut self, group: &GroupId) -> Result<bool, DirectoryError> {
        self.act("removing a group", |sql| group::remove(sql, group))
    }

    fn set_duty(
        &mut self,
        user: &ParticipantId,
        on_duty: bool,
        by: &str,
        now: Timestamp,
    ) -> Result<DutyRow, DirectoryError> {
        self.act("saying who is on duty", |sql| {
            group::set_duty(sql, user, on_duty, by, now)
        })
    }

    fn put_organisation(
        &mut self,
        part: OrganisationPart,
        revision: u64,
        value: &str,
    ) -> Result<u64, DirectoryError> {
        self.act("setting what the organisation keeps", |sql| {
            group::put_organisation(sql, part, revision, value)
        })
    }

    fn add_webhook(
        &mut self,
        webhook: &NewWebhookRow,
        now: Timestamp,
    ) -> Result<WebhookNo, DirectoryError> {
        // Who reads by it is known from now on.
        self.note_participants_changed();
        self.act("adding a webhook", |sql| webhook::add(sql, webhook, now))
    }

    fn act_on_webhook(&mut self, no: WebhookNo, act: &WebhookAct) -> Result<(), DirectoryError> {
        self.act("changing a webhook", |sql| webhook::act(sql, no, act))
    }

    fn remove_webhook(&mut self, no: WebhookNo) -> Result<bool, DirectoryError> {
        // Its cursor may be among the rows that the engine holds.
        self.note_participants_changed();
        self.act("removing a webhook", |sql| Ok(webhook::remove(sql, no)?))
    }

    fn webhook_rewound(&mut self, no: WebhookNo, to: Seq) -> Result<(), DirectoryError> {
        self.act("noting where a webhook went back to", |sql| {
            Ok(webhook::rewound(sql, no, to)?)
        })
    }

    fn note_webhook_failure(
        &mut self,
        no: WebhookNo,
        failure: &WebhookFailure,
    ) -> Result<(), DirectoryError> {
        self.act("noting what a webhook failed at", |sql| {
            Ok(webhook::note(sql, no, failure)?)
        })
    }

    fn forget_webhook_failure(&mut self, no: WebhookNo, seq: Seq) -> Result<(), DirectoryError> {
        self.act("forgetting what a webhook failed at", |sql| {
            Ok(webhook::forget(sql, no, seq)?)
        })
    }

    fn keep_push_key(&mut self, key: &PushKey, rotate: bool) -> Result<PushKey, DirectoryError> {
        self.act("keeping the key of push", |sql| {
            Ok(push::keep_key(sql, key, rotate)?)
        })
    }

    fn put_push_subscription(
        &mut self,
        new: &NewPushSubscriptionRow,
        now: Timestamp,
    ) -> Result<bool, DirectoryError> {
        self.act("putting a push subscription", |sql| {
            push::put(sql, new, now)
        })
    }

    fn remove_push_subscription(&mut self, session: SessionNo) -> Result<bool, DirectoryError> {
        self.act("removing a push subscription", |sql| {
            Ok(push::remove(sql, session)?)
        })
    }

    fn prove_push(&mut self, no: PushNo, now: Timestamp) -> Result<bool, DirectoryError> {
        self.act("noting that a push arrived", |sql| {
            Ok(push::prove(sql, no, now)?)
        })
    }

    fn note_pushes(&mut self, notes: &[PushNote]) -> Result<(), DirectoryError> {
        self.act("noting what became of pushes", |sql| {
            Ok(push::note(sql, notes)?)
        })
    }

    fn audited(
        &mut self,
        note: NewAudit,
        now: Timestamp,
        act: AuditedAct<'_>,
    ) -> Result<(), DirectoryError> {
        let doing = "noting an act in the audit";
        let mut notes = vec![note];
        self.begin_joined(doing)?;
        let done = act(self, &mut notes);
        self.end_joined();
        match done {
            Ok(()) => {
                let added = audit::add(self.sql(), &notes, now);
                added.map_err(|fault| {
                    self.rollback();
                    self.explain(doing, Refusal::Fault(fault))
                })?;
                Ok(self.commit(doing)?)
            }
            Err(error) => {
                self.rollback();
                let refused = refused_notes(notes, &error);
                if !refused.is_empty() {
                    self.act(doing, |sql| Ok(audit::add(sql, &refused, now)?))?;
                }
                Err(error)
            }
        }
    }

    fn forget_audit(&mut self, before: Timestamp, limit: usize) -> Result<u64, DirectoryError> {
        self.act("removing what is old from the audit", |sql| {
            Ok(audit::forget(sql, before, limit)?)
        })
    }

    fn note_seen(&mut self, seen: &[Seen]) -> Result<(), DirectoryError> {
        self.act("noting when devices were seen", |sql| {
            Ok(session::note_seen(sql, seen)?)
        })
    }
}

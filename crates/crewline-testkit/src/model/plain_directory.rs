//! Who is let in, as what, and who watches whom, said plainly: lists of what was given and not taken away again. The
//! numbers of participants, tokens, sessions and devices are those of the store in memory; every right is judged here.

use std::collections::{BTreeMap, BTreeSet};

use crewline_api::{GroupId, ParticipantId, Role, SessionView, Timestamp};
use crewline_core::{
    Credential, DirectoryError, DutyRow, ExternalPattern, MeRows, NewSessionRow, NewToken,
    ParticipantNo, Reader as _, Scope, SecretHash, SessionNo, Standing, TokenOwner, UserChange,
    WatcherRow,
};
use serde_json::{Value, json};

use super::directory::Act;
use super::plain::Plain;

#[derive(Clone)]
struct User {
    role: Role,
    disabled: bool,
}

#[derive(Clone)]
struct Token {
    hash: SecretHash,
    owner: TokenOwner,
    credential: Credential,
}

#[derive(Clone)]
struct Session {
    hash: SecretHash,
    user: ParticipantId,
    credential: Credential,
    shown: (SessionNo, SessionView),
}

/// What was given and not taken away again.
#[derive(Clone, Default)]
pub(super) struct Book {
    users: BTreeMap<ParticipantId, User>,
    tokens: Vec<Token>,
    sessions: Vec<Session>,
    /// Who watches whom, and since when.
    watchers: BTreeMap<(ParticipantId, ParticipantId), Timestamp>,
    /// Who is in each group.
    pub(super) groups: BTreeMap<GroupId, BTreeSet<ParticipantId>>,
    /// Who is on duty or was, since when, and who said so.
    pub(super) duty: BTreeMap<ParticipantId, DutyRow>,
}

impl Book {
    pub(super) fn is_user(&self, id: &ParticipantId) -> bool {
        self.users.contains_key(id)
    }

    /// Whether a user may act at all; others are not judged here.
    pub(super) fn stands(&self, user: &ParticipantId) -> bool {
        self.users.get(user).is_some_and(|user| !user.disabled)
    }

    /// Takes note of a change of a user.
    fn change(&mut self, id: &ParticipantId, change: &UserChange) {
        let Some(user) = self.users.get_mut(id) else {
            return;
        };
        let mut signs_out = true;
        match change {
            UserChange::Enable => {
                user.disabled = false;
                signs_out = false;
            }
            UserChange::Role(role) => {
                user.role = *role;
                signs_out = false;
            }
            UserChange::Name(_) => signs_out = false,
            UserChange::Disable => user.disabled = true,
            UserChange::Password(_) => {}
            UserChange::SignOut { tokens } => {
                let own = TokenOwner::User(id.clone());
                self.tokens.retain(|token| !tokens || token.owner != own);
            }
        }
        self.sessions
            .retain(|session| !signs_out || session.user != *id);
    }

    /// Whether a prefix of a token that was not revoked covers an id.
    fn is_covered(&self, id: &ParticipantId) -> bool {
        self.tokens.iter().any(|token| match &token.owner {
            TokenOwner::Externals(patterns) => patterns.iter().any(|pattern| match pattern {
                ExternalPattern::Prefix(prefix) => id.as_str().starts_with(prefix.as_str()),
                ExternalPattern::Exact(_) => false,
            }),
            TokenOwner::User(_) | TokenOwner::Administration => false,
        })
    }

    pub(super) fn watches(&self, user: &ParticipantId, whose: &ParticipantId) -> bool {
        self.watchers.contains_key(&(user.clone(), whose.clone()))
    }
}

impl Plain {
    pub(super) fn act(&mut self, act: &Act) -> Result<Value, DirectoryError> {
        match act {
            Act::Watch(user, whose) => self.watch(user, whose),
            Act::Unwatch(user, whose) => self.unwatch(user, whose),
            Act::PutGroup(group) => self.put_group(group),
            Act::RemoveGroup(group) => Ok(self.remove_group(group)),
            Act::SetDuty(user, on_duty, by) => self.set_duty(user, *on_duty, by),
            act => {
                let done = self.store_act(act)?;
                self.note(act);
                Ok(done)
            }
        }
    }

    fn store_act(&mut self, act: &Act) -> Result<Value, DirectoryError> {
        act.carry_out(self.writer.directory(), self.now)
    }

    fn note(&mut self, act: &Act) {
        match act {
            Act::AddUser(user) => {
                let new = User {
                    role: user.role,
                    disabled: false,
                };
                self.book.users.insert(user.id.clone(), new);
            }
            Act::Change(user, change) => self.book.change(user, change),
            Act::CreateToken(new) => {
                let token = Token {
                    hash: new.hash,
                    owner: new.owner.clone(),
                    credential: self.stored_token(new),
                };
                self.book.tokens.push(token);
            }
            Act::Revoke(hash) => self.book.tokens.retain(|token| token.hash != *hash),
            Act::OpenSession(session) => self.note_session(session),
            Act::CloseSession(no) => self.book.sessions.retain(|one| one.shown.0 != *no),
            Act::Watch(..)
            | Act::Unwatch(..)
            | Act::PutGroup(_)
            | Act::RemoveGroup(_)
            | Act::SetDuty(..) => {}
        }
    }

    /// What the store made of a secret that is new.
    fn stored(&self, hash: &SecretHash) -> Credential {
        let found = self.directory.credential(hash, self.now);
        let found = found.expect("the store reads");
        found.expect("what was made just now is known")
    }

    /// The same of a token. Who is shut out gets one too, which rests: to look at it, the user is let in for a moment.
    fn stored_token(&mut self, token: &NewToken) -> Credential {
        let rests = match &token.owner {
            TokenOwner::User(user) if !self.book.stands(user) => Some(user.clone()),
            _ => None,
        };
        let user = rests.map(|user| move |change| Act::Change(user.clone(), change));
        if let Some(user) = &user {
            let done = self.store_act(&user(UserChange::Enable));
            done.expect("the user is there");
        }
        let found = self.stored(&token.hash);
        if let Some(user) = &user {
            let done = self.store_act(&user(UserChange::Disable));
            done.expect("the user is there");
        }
        found
    }

    fn note_session(&mut self, session: &NewSessionRow) {
        let credential = self.stored(&session.hash);
        let me = self.directory.me(session.user, self.now);
        let me = me.expect("the store reads").expect("the user is there");
        let newest = me.sessions.into_iter().max_by_key(|(no, _)| *no);
        let now = self.now;
        let sessions = &mut self.book.sessions;
        // What has ended by then does not come back, whatever the clock does.
        sessions.retain(|session| session.shown.1.expires_at > now);
        sessions.push(Session {
            hash: session.hash,
            user: me.user_id,
            credential,
            shown: newest.expect("it was opened"),
        });
    }

    fn watch(
        &mut self,
        user: &ParticipantId,
        whose: &ParticipantId,
    ) -> Result<Value, DirectoryError> {
        if !self.book.users.contains_key(user) {
            return Err(DirectoryError::NoUser(user.clone()));
        }
        if user == whose {
            return Err(DirectoryError::WatchesItself(user.clone()));
        }
        if self.row(whose).is_none() {
            if !self.book.is_covered(whose) {
                return Err(DirectoryError::NoParticipant(whose.clone()));
            }
            self.know(whose, Standing::Expected, None);
        }
        let pair = (user.clone(), whose.clone());
        let new = !self.book.watchers.contains_key(&pair);
        self.book.watchers.entry(pair).or_insert(self.now);
        Ok(json!(new))
    }

    fn unwatch(
        &mut self,
        user: &ParticipantId,
        whose: &ParticipantId,
    ) -> Result<Value, DirectoryError> {
        if !self.book.users.contains_key(user) {
            return Err(DirectoryError::NoUser(user.clone()));
        }
        if self.row(whose).is_none() {
            return Err(DirectoryError::NoParticipant(whose.clone()));
        }
        let pair = (user.clone(), whose.clone());
        Ok(json!(self.book.watchers.remove(&pair).is_some()))
    }

    /// Whose secret it is, if it was given, was not taken away, and has not ended.
    pub(super) fn known(&self, hash: &SecretHash) -> Option<Credential> {
        let book = &self.book;
        let mut sessions = book.sessions.iter();
        let session = sessions
            .find(|session| session.hash == *hash && session.shown.1.expires_at > self.now)
            .map(|session| &session.credential);
        let token = || book.tokens.iter().find(|token| token.hash == *hash);
        let mut credential = session.or_else(|| Some(&token()?.credential))?.clone();
        if let Scope::User { id, role, .. } = &mut credential.scope {
            if !book.stands(id) {
                return None;
            }
            *role = book.users[id].role;
        }
        Some(credential)
    }

    /// A user as it is shown; devices and the name are the store's.
    pub(super) fn shown(&self, user: ParticipantNo) -> Option<MeRows> {
        let me = self
            .directory
            .me(user, self.now)
            .expect("the store reads")?;
        let id = &me.user_id;
        let own = self.book.sessions.iter();
        let own = own.filter(|one| one.user == *id && one.shown.1.expires_at > self.now);
        let watches = self.book.watchers.keys().filter(|(who, _)| who == id);
        Some(MeRows {
            role: self.book.users.get(id)?.role,
            watches: watches.map(|(_, whose)| whose.clone()).collect(),
            sessions: own.map(|session| session.shown.clone()).collect(),
            ..me
        })
    }

    pub(super) fn watchers_of(&self, whose: &ParticipantId) -> Option<Vec<WatcherRow>> {
        self.row(whose)?;
        let pairs = self.book.watchers.iter();
        let pairs = pairs.filter(|((_, watched), _)| watched == whose);
        let rows = pairs.map(|((user, _), since)| WatcherRow {
            id: user.clone(),
            name: self
                .row(user)
                .map_or_else(String::new, |row| row.shown_name().to_owned()),
            since: *since,
        });
        Some(rows.collect())
    }
}

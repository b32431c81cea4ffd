//! The edge of the specification: who may do what, and what is answered, in the words of the contract. It stands on the
//! store in memory, where it is what the others are compared with; and on an engine, to be compared itself.

use std::collections::BTreeMap;
use std::time::Duration;

use crewline_api::{ApiError, CursorName, ErrorCode, EventKinds, FieldCode, ParticipantId};
use crewline_core::{
    Actor, Answer as Done, Command, Credential, ExternalPattern, ParticipantNo, Retention, Scope,
    SecretHash, Standing,
};
use serde_json::{Value, json};

use super::acts::{act, id, secret_of};
use super::answer::{Answer, Names};
use super::core::Core;
use super::op::{By, Made, Op, Place, Step, Tag};
use super::poll::Waiting;
use super::session::Session;
use super::target::Target;

/// The edge on a core.
pub struct Edge<C> {
    pub(super) core: C,
    pub(super) names: Names,
    pub(super) sessions: BTreeMap<Tag, Session>,
    pub(super) polls: BTreeMap<Tag, Waiting>,
    /// What each session acknowledged last, also of those that are gone: what their devices remember.
    pub(super) acked: BTreeMap<Tag, u64>,
}

impl<C: Core> Edge<C> {
    /// The edge on a store that holds nothing but the directory of [`super::acts::begin`].
    pub async fn begin(mut core: C) -> Self {
        super::acts::begin(&mut core).await;
        let epoch = core.reader().epoch().expect("the store reads");
        Self {
            core,
            names: Names::of(epoch),
            sessions: BTreeMap::new(),
            polls: BTreeMap::new(),
            acked: BTreeMap::new(),
        }
    }
}

impl<C: Core> Target for Edge<C> {
    fn name(&self) -> &'static str {
        self.core.name()
    }

    async fn call(&mut self, step: &Step, made: &Made) -> Answer {
        let answer = self.do_step(step, made).await;
        self.answer_polls().await;
        answer
    }
}

impl<C: Core> Edge<C> {
    async fn do_step(&mut self, step: &Step, made: &Made) -> Answer {
        if let Some(answer) = act(&mut self.core, &mut self.names, &step.op).await {
            self.end_sessions();
            return answer;
        }
        if step.op.is_start() {
            self.sessions.clear();
            self.polls.clear();
            start(&mut self.core, &mut self.names, &step.op).await;
            return Answer::new(200, Value::Null);
        }
        let answer = self.carry_out(step, made).await;
        if let Op::SignOut { .. } = step.op {
            self.end_sessions();
        }
        match answer {
            Ok(Answer { status, body }) => Answer::new(status, self.names.normal(body)),
            Err(error) => error.into(),
        }
    }
}

/// Stops the server and starts it, as the step says.
pub async fn start(core: &mut impl Core, names: &mut Names, op: &Op) {
    match *op {
        Op::Keep { ms, cursors_ms } => {
            let retention = Retention {
                messages: Duration::from_millis(ms),
                cursors: Duration::from_millis(cursors_ms),
                // Once, at the start.
                every: Duration::from_hours(24),
            };
            core.keep(retention).await;
        }
        Op::Restore { by_hand } => {
            core.restore(by_hand).await;
            names.note_restore(core.reader().epoch().expect("the store reads"));
        }
        _ => core.restart(*op == Op::Crash).await,
    }
}

pub(super) fn good(body: impl serde::Serialize) -> Answer {
    let body = serde_json::to_value(body).expect("answers are JSON");
    Answer::new(200, body)
}

pub(super) fn not_allowed() -> ApiError {
    ApiError::new(ErrorCode::NotAllowed, "")
}

pub(super) fn unexpected<T>(done: &Done) -> T {
    panic!("a command was answered with the answer of another: {done:?}")
}

impl<C: Core> Edge<C> {
    async fn carry_out(&mut self, step: &Step, made: &Made) -> Result<Answer, ApiError> {
        match &step.op {
            Op::Send { .. } => self.send(&step.op).await,
            Op::Reply { .. } => self.reply(&step.op, made).await,
            Op::CreateChat {
                by,
                from,
                to,
                groups,
            } => self.create_chat(*by, *from, to, groups).await,
            Op::PutGroup { .. } | Op::RemoveGroup { .. } | Op::Groups { .. } | Op::Duty { .. } => {
                self.group_op(&step.op).await
            }
            Op::Receipts {
                by,
                participant,
                said,
            } => {
                let credential = self.credential(*by)?;
                let actor = self.participant(&credential, *participant)?;
                let said = self.said(said, made);
                self.receipts(actor, said).await
            }
            Op::PutCursor { .. } | Op::GetCursor { .. } => self.cursor(&step.op).await,
            Op::ReadEvents {
                by,
                whose,
                place,
                kinds,
                limit,
            } => self.events(*by, whose, *place, kinds.set(), *limit).await,
            Op::ReadOtherEpoch { by, whose } => {
                let credential = self.credential(*by)?;
                self.reads(&credential, whose).await?;
                Err(ApiError::new(ErrorCode::EpochChanged, ""))
            }
            Op::Poll {
                by,
                whose,
                place,
                kinds,
            } => Ok(self.poll(step.tag, *by, whose, *place, kinds.set()).await),
            Op::Collect { poll } => Ok(self.collect(*poll)),
            Op::GetMessage { by, message, whose } => {
                let credential = self.credential(*by)?;
                self.check_eyes(&credential, *whose)?;
                let message = self.names.message(made, *message);
                let view = self.message(&credential, message, *whose);
                Ok(good(view.ok_or_else(ApiError::not_found)?))
            }
            Op::Remind { by, message, until } => {
                let message = self.names.message(made, *message);
                self.remind(*by, message, *until).await
            }
            Op::History {
                by,
                chat,
                whose,
                limit,
            } => {
                let credential = self.credential(*by)?;
                self.check_eyes(&credential, *whose)?;
                self.history(&credential, self.names.chat(made, *chat), *whose, *limit)
            }
            Op::Watch { .. } | Op::Unwatch { .. } | Op::Watchers { .. } => {
                self.watch_op(&step.op).await
            }
            Op::Chats { by, limit } => self.chats(*by, *limit),
            Op::People { by, q, limit } => self.people(*by, q, *limit),
            Op::Me { by } => self.me(*by),
            Op::SignIn {
                user,
                right,
                device,
            } => self.sign_in(step.tag, user, *right, *device).await,
            Op::SignOut { by, everywhere } => self.sign_out(*by, *everywhere).await,
            _ => self.session_op(step, made).await,
        }
    }

    /// Whose secret it is.
    pub(super) fn credential(&self, by: By) -> Result<Credential, ApiError> {
        let secret = match by {
            By::Token(token) => secret_of(token),
            By::Session(tag) => self.names.secrets.get(&tag).cloned().unwrap_or_default(),
            By::Nobody => "nobody's".to_owned(),
        };
        let found = self.core.credential(&SecretHash::of(&secret));
        found.ok_or_else(|| ApiError::new(ErrorCode::Unauthenticated, ""))
    }

    pub(super) fn actor(credential: &Credential, id: &ParticipantId, external: bool) -> Actor {
        Actor {
            id: id.clone(),
            external,
            device: credential.device,
        }
    }

    pub(super) fn user(credential: &Credential) -> Result<(ParticipantNo, Actor), ApiError> {
        match &credential.scope {
            Scope::User { no, id, .. } => Ok((*no, Self::actor(credential, id, false))),
            Scope::Externals(_) | Scope::Administration => Err(not_allowed()),
        }
    }

    /// Whether a token of externals acts as this one. A prefix covers no user.
    pub(super) fn covers(&self, credential: &Credential, who: &ParticipantId) -> bool {
        let Scope::Externals(patterns) = &credential.scope else {
            return false;
        };
        let row = self
            .core
            .reader()
            .participant(who)
            .expect("the store reads");
        let is_user = row.is_some_and(|row| row.standing == Standing::User);
        patterns.iter().any(|pattern| match pattern {
            ExternalPattern::Exact(own) => own == who,
            ExternalPattern::Prefix(_) => pattern.covers(who) && !is_user,
        })
    }

    /// Who says receipts.
    pub(super) fn participant(
        &self,
        credential: &Credential,
        named: Option<&str>,
    ) -> Result<Actor, ApiError> {
        match (&credential.scope, named) {
            (Scope::User { id, .. }, None) => Ok(Self::actor(credential, id, false)),
            (Scope::User { id, .. }, Some(named)) if named == id.as_str() => {
                Ok(Self::actor(credential, id, false))
            }
            (Scope::Externals(patterns), None) => match patterns.as_slice() {
                [ExternalPattern::Exact(id)] => Ok(Self::actor(credential, id, true)),
                _ => Err(ApiError::field("participant", FieldCode::Required, "")),
            },
            (Scope::Externals(_), Some(named)) if self.covers(credential, &id(named)) => {
                Ok(Self::actor(credential, &id(named), true))
            }
            (Scope::Administration, _) | (_, Some(_)) => Err(not_allowed()),
        }
    }

    /// The participant whose log the caller may read, and who acts on it: a watcher reads, and never acts. Of all others
    /// nothing is known.
    pub(super) async fn reads(
        &mut self,
        credential: &Credential,
        whose: &str,
    ) -> Result<(ParticipantNo, Option<Actor>), ApiError> {
        let whose = id(whose);
        match &credential.scope {
            Scope::User { no, id, .. } if *id == whose => {
                Ok((*no, Some(Self::actor(credential, id, false))))
            }
            Scope::User { id, .. } if self.core.watches(id, &whose) => {
                let row = self.core.reader().participant(&whose);
                let row = row.expect("the store reads");
                Ok((row.ok_or_else(ApiError::not_found)?.no, None))
            }
            Scope::Externals(_) if self.covers(credential, &whose) => {
                let actor = Self::actor(credential, &whose, true);
                match self.core.submit(Command::Appear(actor.clone())).await? {
                    Done::Appeared(no) => Ok((no, Some(actor))),
                    other => unexpected(&other),
                }
            }
            _ => Err(ApiError::not_found()),
        }
    }

    /// The participant whose cursors the caller may use.
    async fn owner(
        &mut self,
        credential: &Credential,
        whose: &str,
    ) -> Result<(ParticipantNo, Actor), ApiError> {
        let (no, actor) = self.reads(credential, whose).await?;
        Ok((no, actor.ok_or_else(ApiError::not_found)?))
    }

    async fn cursor(&mut self, op: &Op) -> Result<Answer, ApiError> {
        match op {
            Op::PutCursor {
                by,
                whose,
                name,
                seq,
                kinds,
                rewind,
            } => {
                let credential = self.credential(*by)?;
                let (_, actor) = self.owner(&credential, whose).await?;
                self.put_cursor(actor, name, *seq, kinds.set(), *rewind)
                    .await
            }
            Op::GetCursor { by, whose, name } => {
                let credential = self.credential(*by)?;
                let (no, _) = self.owner(&credential, whose).await?;
                let row = self.kept(no, name).ok_or_else(ApiError::not_found)?;
                Ok(good(crewline_api::Cursor {
                    seq: row.seq,
                    types: row.kinds.to_list(),
                }))
            }
            _ => unreachable!("called for cursors"),
        }
    }

    fn kept(&self, no: ParticipantNo, name: &str) -> Option<crewline_core::CursorRow> {
        let name = CursorName::new(name).expect("the names of the model are good ones");
        self.core.cursor(no, &name)
    }

    /// Where reading begins; `None` is the start.
    pub(super) fn place(&self, no: ParticipantNo, place: Place) -> Option<u64> {
        match place {
            Place::Start | Place::End | Place::AsOf => None,
            Place::After(seq) => Some(seq),
            Place::Cursor(name) => self.kept(no, name).map(|row| row.seq),
            Place::AckedBy(tag) => Some(self.acked.get(&tag).copied().unwrap_or(0)),
        }
    }

    /// Only its owner begins behind a cursor.
    pub(super) fn check_cursor(place: Place, actor: Option<&Actor>) -> Result<(), ApiError> {
        match (place, actor) {
            (Place::Cursor(_), None) => Err(ApiError::not_found()),
            _ => Ok(()),
        }
    }

    async fn events(
        &mut self,
        by: By,
        whose: &str,
        place: Place,
        kinds: EventKinds,
        limit: usize,
    ) -> Result<Answer, ApiError> {
        let credential = self.credential(by)?;
        let (no, actor) = self.reads(&credential, whose).await?;
        Self::check_cursor(place, actor.as_ref())?;
        let page = self
            .core
            .page(no, self.place(no, place), kinds, limit)
            .await?;
        Ok(good(
            json!({"events": page.events, "next": page.next, "epoch": self.names.epoch, "head": page.head}),
        ))
    }
}

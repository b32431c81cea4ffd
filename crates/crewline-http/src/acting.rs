//! As whom a caller may act, and whose log a caller may read.

use crewline_api::{ApiError, ErrorCode, FieldCode, ParticipantId, Role};
use crewline_core::{
    Actor, Answer, Command, CredentialSource, ExternalPattern, ParticipantNo, Scope, Standing,
};

use crate::app::Edge;
use crate::auth::{Caller, participant, watches};
use crate::fault::quoted;
use crate::viewers::Viewers;

/// A participant whose log the caller may read.
#[derive(Debug, Clone)]
pub(crate) struct Owner {
    pub(crate) no: ParticipantNo,
    pub(crate) id: ParticipantId,
    pub(crate) access: Access,
}

/// By what right a log is read.
#[derive(Debug, Clone)]
pub(crate) enum Access {
    /// It is the caller's own; so the caller acts.
    Own(Actor),
    /// The caller watches the participant, and never acts as it.
    Watched,
}

impl Owner {
    fn own(no: ParticipantNo, actor: Actor) -> Self {
        Self {
            no,
            id: actor.id.clone(),
            access: Access::Own(actor),
        }
    }

    /// Who acts, where the caller is the participant itself. For a watcher there is nothing to act on: no cursor, and
    /// nothing to confirm.
    pub(crate) fn actor(&self) -> Result<&Actor, ApiError> {
        self.own_actor().ok_or_else(|| {
            ApiError::new(
                ErrorCode::NotFound,
                "A watcher reads the log of another; its cursors are that participant's own. Keep the number of the last \
                 event yourself, and pass it as `after`.",
            )
        })
    }

    /// Who acts, unless the caller is a watcher.
    pub(crate) fn own_actor(&self) -> Option<&Actor> {
        match &self.access {
            Access::Own(actor) => Some(actor),
            Access::Watched => None,
        }
    }

    /// Who says receipts in a session on this log.
    pub(crate) fn receipts_actor(&self) -> Result<&Actor, ApiError> {
        self.own_actor().ok_or_else(|| {
            not_allowed(
                "This session reads the log of another, and a watcher says no receipts for it. Say your own in a session of \
                 your own, or by POST /api/v1/receipts.",
            )
        })
    }
}

fn not_allowed(detail: impl Into<String>) -> ApiError {
    ApiError::new(ErrorCode::NotAllowed, detail)
}

fn administration() -> ApiError {
    not_allowed(
        "A token of administration keeps the directory; it does not act as a participant. Use a token of that participant.",
    )
}

/// What administration may not see does not exist for it, as for everybody.
fn hidden_from_administration() -> ApiError {
    ApiError::new(
        ErrorCode::NotFound,
        "A token of administration keeps the directory; it sees nobody's log, cursors, chats or messages. Use a token of \
         that participant.",
    )
}

/// A log that is not read any more by this caller.
fn not_watched_any_more() -> ApiError {
    let detail = "You do not watch this participant any more.";
    ApiError::new(ErrorCode::NotFound, detail)
}

fn not_watched(id: &ParticipantId) -> ApiError {
    let id = quoted(id.as_str());
    not_allowed(format!(
        "You are not {id}, and do not watch it. An administrator makes you a watcher: `crewline user watch`."
    ))
}

fn not_covered(id: &ParticipantId) -> ApiError {
    let id = quoted(id.as_str());
    not_allowed(format!(
        "This token does not act as {id}. Use a token that names it, or a prefix of it."
    ))
}

impl Caller {
    fn actor(&self, id: &ParticipantId, external: bool) -> Actor {
        Actor {
            id: id.clone(),
            external,
            device: self.credential().device,
        }
    }

    /// The user who calls; others are refused.
    pub(crate) fn user(&self) -> Result<(ParticipantNo, Actor), ApiError> {
        self.user_or("This token belongs to an external.")
    }

    /// The user who calls; an external is told what to do instead.
    pub(crate) fn user_or(&self, remedy: &str) -> Result<(ParticipantNo, Actor), ApiError> {
        match &self.credential().scope {
            Scope::User { no, id, .. } => Ok((*no, self.actor(id, false))),
            Scope::Externals(_) => Err(not_allowed(format!("This call is for users. {remedy}"))),
            Scope::Administration => Err(administration()),
        }
    }

    /// The one participant that the credential names, whom `me` stands for.
    pub(crate) fn me(&self) -> Option<&ParticipantId> {
        match &self.credential().scope {
            Scope::User { id, .. } => Some(id),
            Scope::Externals(patterns) => match patterns.as_slice() {
                [ExternalPattern::Exact(id)] => Some(id),
                _ => None,
            },
            Scope::Administration => None,
        }
    }

    /// Who acts, as the log names whoever changes the directory: a user, or a token by its number in
    /// `crewline token list`. Never the secret.
    pub(crate) fn actor_name(&self) -> String {
        match (&self.credential().scope, self.credential().source) {
            (Scope::User { id, .. }, _) => id.to_string(),
            (_, CredentialSource::Token(no)) => format!("token {}", no.0),
            (_, CredentialSource::Session(no)) => format!("session {}", no.0),
        }
    }

    /// Whether the credential names several participants, so that one has to be chosen.
    pub(crate) fn names_several(&self) -> bool {
        matches!(self.credential().scope, Scope::Externals(_)) && self.me().is_none()
    }

    /// Refuses callers that are not externals, before they are asked for more.
    pub(crate) fn must_be_external(&self, remedy: &str) -> Result<(), ApiError> {
        match &self.credential().scope {
            Scope::Externals(_) => Ok(()),
            Scope::User { .. } => Err(not_allowed(format!("This call is for externals. {remedy}"))),
            Scope::Administration => Err(administration()),
        }
    }

    /// Refuses callers who do not keep the directory, before anything is looked at.
    pub(crate) fn must_administer(&self) -> Result<(), ApiError> {
        match &self.credential().scope {
            Scope::Administration
            | Scope::User {
                role: Role::Administrator,
                ..
            } => Ok(()),
            Scope::User { .. } | Scope::Externals(_) => Err(not_allowed(
                "This call is for administrators: users of that role, and tokens of administration.",
            )),
        }
    }

    /// Refuses callers who do not run the desk, before anything is looked at.
    pub(crate) fn must_dispatch(&self) -> Result<(), ApiError> {
        match &self.credential().scope {
            Scope::Administration
            | Scope::User {
                role: Role::Dispatcher | Role::Administrator,
                ..
            } => Ok(()),
            Scope::User { .. } | Scope::Externals(_) => Err(not_allowed(
                "This call is for dispatchers and administrators: users of these roles, and tokens of administration.",
            )),
        }
    }

    /// Refuses callers to whom it is not told who is there; `with_externals`, externals may ask.
    pub(crate) fn must_see_presence(&self, with_externals: bool) -> Result<(), ApiError> {
        match &self.credential().scope {
            Scope::Externals(_) if with_externals => Ok(()),
            _ => self.must_dispatch(),
        }
    }

    /// The external of this id, if the token covers it.
    pub(crate) async fn external(
        &self,
        edge: &Edge,
        id: &ParticipantId,
    ) -> Result<Actor, ApiError> {
        if self.covers(edge, id).await? {
            Ok(self.actor(id, true))
        } else {
            Err(not_covered(id))
        }
    }

    /// Whether an id is one that the token acts as. A prefix covers no user.
    async fn covers(&self, edge: &Edge, id: &ParticipantId) -> Result<bool, ApiError> {
        let Scope::Externals(patterns) = &self.credential().scope else {
            return Ok(false);
        };
        if !patterns.iter().any(|pattern| pattern.covers(id)) {
            return Ok(false);
        }
        let exact = patterns
            .iter()
            .any(|pattern| matches!(pattern, ExternalPattern::Exact(own) if own == id));
        if exact {
            return Ok(true);
        }
        let row = participant(edge, id).await?;
        Ok(row.is_none_or(|row| row.standing != Standing::User))
    }

    /// Who acts, where the call has a field `participant` beside what it is about.
    pub(crate) async fn participant(
        &self,
        edge: &Edge,
        named: Option<&ParticipantId>,
    ) -> Result<Actor, ApiError> {
        match (&self.credential().scope, named) {
            (Scope::Administration, _) => Err(administration()),
            (Scope::User { id, .. }, None) => Ok(self.actor(id, false)),
            (Scope::User { id, .. }, Some(named)) if named == id => Ok(self.actor(id, false)),
            (Scope::User { .. }, Some(named)) => Err(not_covered(named)),
            (Scope::Externals(_), Some(named)) => self.external(edge, named).await,
            (Scope::Externals(_), None) => {
                let id = self.me().ok_or_else(|| {
                    let detail = "is needed: this token covers several participants";
                    ApiError::field("participant", FieldCode::Required, detail)
                })?;
                Ok(self.actor(id, true))
            }
        }
    }

    /// The participant of a path, if the caller may read its log. What the caller may not read does not exist.
    pub(crate) async fn owner(&self, edge: &Edge, in_path: &str) -> Result<Owner, ApiError> {
        if matches!(self.credential().scope, Scope::Administration) {
            return Err(hidden_from_administration());
        }
        let id = match in_path {
            "me" => self.me().cloned().ok_or_else(|| {
                ApiError::new(
                    ErrorCode::NotFound,
                    "This token covers several participants: name one in place of `me`.",
                )
            })?,
            id => ParticipantId::new(id).map_err(|_| ApiError::not_found())?,
        };
        if let Scope::User { no, id: own, .. } = &self.credential().scope {
            return if id == *own {
                Ok(Owner::own(*no, self.actor(own, false)))
            } else {
                self.watched(edge, *no, id).await
            };
        }
        if !self.covers(edge, &id).await? {
            return Err(ApiError::not_found());
        }
        self.external_owner(edge, self.actor(&id, true)).await
    }

    /// The number of an external. One of a prefix that acts for the first time is known from now on.
    async fn external_owner(&self, edge: &Edge, actor: Actor) -> Result<Owner, ApiError> {
        let row = participant(edge, &actor.id).await?;
        if let Some(row) = row.filter(|row| row.standing == Standing::External) {
            return Ok(Owner::own(row.no, actor));
        }
        match edge.engine.submit(Command::Appear(actor.clone())).await? {
            Answer::Appeared(no) => Ok(Owner::own(no, actor)),
            _ => Err(crate::problem::internal()),
        }
    }

    /// Another participant, if the user watches it.
    async fn watched(
        &self,
        edge: &Edge,
        user: ParticipantNo,
        id: ParticipantId,
    ) -> Result<Owner, ApiError> {
        match participant(edge, &id).await? {
            Some(row) if watches(edge, user, row.no).await? => {
                self.note_watching(edge, user, (row.no, &id)).await;
                Ok(Owner {
                    no: row.no,
                    id,
                    access: Access::Watched,
                })
            }
            _ => Err(ApiError::not_found()),
        }
    }

    /// Whether the caller is a user who watches a participant.
    pub(crate) async fn watches(&self, edge: &Edge, id: &ParticipantId) -> Result<bool, ApiError> {
        let Scope::User { no, .. } = &self.credential().scope else {
            return Ok(false);
        };
        match participant(edge, id).await? {
            Some(row) => watches(edge, *no, row.no).await,
            None => Ok(false),
        }
    }

    /// Checks that the credential of a caller who was let in still stands.
    pub(crate) async fn check_still_known(&self, edge: &Edge) -> Result<(), ApiError> {
        if self.is_still_known(edge).await? {
            return Ok(());
        }
        let detail = "The token or session was revoked while this call was under way.";
        Err(ApiError::new(ErrorCode::Unauthenticated, detail))
    }

    /// Checks that a caller who was let in may still read a log: that the credential stands, and that who watched still
    /// watches. To be asked whenever the directory changed.
    ///
    /// # Errors
    /// `unauthenticated` or `not_found` where that is over; others where it cannot be found out now.
    pub(crate) async fn check_still_allowed(
        &self,
        edge: &Edge,
        owner: &Owner,
    ) -> Result<(), ApiError> {
        self.check_still_known(edge).await?;
        match (&owner.access, &self.credential().scope) {
            (Access::Own(_), _) => Ok(()),
            (Access::Watched, Scope::User { no, .. }) if watches(edge, *no, owner.no).await? => {
                Ok(())
            }
            (Access::Watched, _) => Err(not_watched_any_more()),
        }
    }

    /// With whose eyes the caller looks at a message or a chat: those of all that it may, or of the one it named.
    pub(crate) async fn viewers(
        &self,
        edge: &Edge,
        named: Option<&ParticipantId>,
    ) -> Result<Viewers, ApiError> {
        match (&self.credential().scope, named) {
            (Scope::Administration, _) => Err(hidden_from_administration()),
            (Scope::User { no, .. }, None) => Ok(Viewers::User(*no)),
            (Scope::User { no, id, .. }, Some(named)) if id == named => Ok(Viewers::One(*no)),
            (Scope::User { no, .. }, Some(named)) => {
                match self.watched(edge, *no, named.clone()).await {
                    Ok(owner) => Ok(Viewers::One(owner.no)),
                    Err(error) if error.code == ErrorCode::NotFound => Err(not_watched(named)),
                    Err(error) => Err(error),
                }
            }
            (Scope::Externals(_), Some(named)) => {
                self.external(edge, named).await?;
                Ok(Viewers::Externals(vec![ExternalPattern::Exact(
                    named.clone(),
                )]))
            }
            (Scope::Externals(patterns), None) => Ok(Viewers::Externals(patterns.clone())),
        }
    }

    /// Whether this credential is that of a session.
    pub(crate) fn session(&self) -> Option<crewline_core::SessionNo> {
        match self.credential().source {
            CredentialSource::Session(session) => Some(session),
            CredentialSource::Token(_) => None,
        }
    }
}

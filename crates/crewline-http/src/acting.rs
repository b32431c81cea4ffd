//! As whom a caller may act, and whose log, chats and messages a caller may see.

use crewline_api::{
    ApiError, ChatId, ErrorCode, FieldCode, MessageId, MessageView, MessagesPage, ParticipantId,
};
use crewline_core::{
    Actor, Answer, ChatRow, Command, CredentialSource, ExternalPattern, ParticipantNo, Reader,
    Scope, Standing, StoreError,
};

use crate::app::Edge;
use crate::auth::{Caller, participant};
use crate::fault::quoted;

/// A participant whose log, cursors, chats and messages the caller may use.
#[derive(Debug, Clone)]
pub(crate) struct Owner {
    pub(crate) no: ParticipantNo,
    pub(crate) actor: Actor,
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

    /// Whether the credential names several participants, so that one has to be chosen.
    pub(crate) fn names_several(&self) -> bool {
        matches!(self.credential().scope, Scope::Externals(_)) && self.me().is_none()
    }

    /// What a body names by an id, or by `me`.
    pub(crate) fn named<'t>(&'t self, id: &'t str) -> &'t str {
        if id == "me" {
            self.me().map_or(id, ParticipantId::as_str)
        } else {
            id
        }
    }

    /// Refuses callers that are not externals, before they are asked for more.
    pub(crate) fn must_be_external(&self, remedy: &str) -> Result<(), ApiError> {
        match &self.credential().scope {
            Scope::Externals(_) => Ok(()),
            Scope::User { .. } => Err(not_allowed(format!("This call is for externals. {remedy}"))),
            Scope::Administration => Err(administration()),
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
            let owner = Owner {
                no: *no,
                actor: self.actor(own, false),
            };
            return if id == *own {
                Ok(owner)
            } else {
                Err(ApiError::not_found())
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
            return Ok(Owner { no: row.no, actor });
        }
        match edge.engine.submit(Command::Appear(actor.clone())).await? {
            Answer::Appeared(no) => Ok(Owner { no, actor }),
            _ => Err(crate::problem::internal()),
        }
    }

    /// With whose eyes the caller looks at a message or a chat.
    pub(crate) async fn viewers(
        &self,
        edge: &Edge,
        named: Option<&ParticipantId>,
    ) -> Result<Viewers, ApiError> {
        match (&self.credential().scope, named) {
            (Scope::Administration, _) => Err(hidden_from_administration()),
            (_, Some(named)) => {
                let actor = self.participant(edge, Some(named)).await?;
                Ok(Viewers::Named(actor.id))
            }
            (Scope::User { no, .. }, None) => Ok(Viewers::User(*no)),
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

/// With whose eyes somebody looks.
#[derive(Debug, Clone)]
pub(crate) enum Viewers {
    /// A user.
    User(ParticipantNo),
    /// The participant that the caller named, among those that the token covers.
    Named(ParticipantId),
    /// Any external that the token covers.
    Externals(Vec<ExternalPattern>),
}

impl Viewers {
    /// Those of a chat with whose eyes the caller may look.
    fn among(
        &self,
        reader: &dyn Reader,
        chat: Option<ChatRow>,
    ) -> Result<Vec<(ParticipantNo, Option<ParticipantId>)>, StoreError> {
        let covers = |id: &ParticipantId| match self {
            Self::User(_) => false,
            Self::Named(named) => named == id,
            Self::Externals(patterns) => patterns.iter().any(|pattern| pattern.covers(id)),
        };
        if let Self::User(no) = self {
            return Ok(vec![(*no, None)]);
        }
        let Some(chat) = chat else {
            return Ok(Vec::new());
        };
        let mut found = Vec::new();
        for (no, id) in chat.members.iter().zip(chat.member_ids.iter()) {
            // A prefix covers no user.
            if covers(id)
                && let Some(row) = reader.participant(id)?
                && row.standing != Standing::User
            {
                found.push((*no, Some(id.clone())));
            }
        }
        Ok(found)
    }

    /// A page of a chat, as the first of them sees it.
    pub(crate) fn history(
        &self,
        reader: &dyn Reader,
        chat: ChatId,
        before: Option<u64>,
        limit: usize,
    ) -> Result<Option<MessagesPage>, StoreError> {
        let members = self.members(|| reader.members_of_chat(chat))?;
        match self.among(reader, members)?.first() {
            Some((viewer, _)) => reader.history(*viewer, chat, before, limit),
            None => Ok(None),
        }
    }

    /// Who is in a chat; a user needs not be looked for.
    fn members(
        &self,
        read: impl Fn() -> Result<Option<ChatRow>, StoreError>,
    ) -> Result<Option<ChatRow>, StoreError> {
        match self {
            Self::User(_) => Ok(None),
            Self::Named(_) | Self::Externals(_) => read(),
        }
    }

    /// A message with all that they see of it together: the sender sees every recipient, each recipient itself.
    pub(crate) fn message(
        &self,
        reader: &dyn Reader,
        id: MessageId,
    ) -> Result<Option<MessageView>, StoreError> {
        let mut whole: Option<MessageView> = None;
        let members = self.members(|| reader.members_of_message(id))?;
        for (viewer, viewer_id) in self.among(reader, members)? {
            let Some(view) = reader.message(viewer, id)? else {
                continue;
            };
            let is_sender = viewer_id.is_none_or(|id| id == view.from_user_id);
            match &mut whole {
                _ if is_sender => return Ok(Some(view)),
                None => whole = Some(view),
                Some(whole) => whole.recipients.extend(view.recipients),
            }
        }
        if let Some(whole) = &mut whole {
            whole.recipients.sort_by(|a, b| a.user_id.cmp(&b.user_id));
            whole.recipients.dedup_by(|a, b| a.user_id == b.user_id);
        }
        Ok(whole)
    }
}

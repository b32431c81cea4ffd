//! With whose eyes somebody looks at messages and chats: a user also with those of the participants it watches, a token
//! with those of all the externals that it covers.

use crewline_api::{ChatId, MessageId, MessageView, MessagesPage, ParticipantId};
use crewline_core::{ChatRow, ExternalPattern, ParticipantNo, Reader, Standing, StoreError};

/// With whose eyes somebody looks.
#[derive(Debug, Clone)]
pub(crate) enum Viewers {
    /// A user, and whom the user watches.
    User(ParticipantNo),
    /// The one that a user named: the user alone, or one who is watched.
    One(ParticipantNo),
    /// Every external that one of these covers.
    Externals(Vec<ExternalPattern>),
}

/// What was found, and through whom of those that a user watches: nobody, where the user sees it by itself.
pub(crate) struct Seen<T> {
    pub(crate) found: T,
    pub(crate) through: Vec<(ParticipantNo, ParticipantId)>,
}

impl Viewers {
    /// Through whom a user sees a chat in which it is not.
    fn through(
        &self,
        viewers: &[ParticipantNo],
        chat: &ChatRow,
    ) -> Vec<(ParticipantNo, ParticipantId)> {
        match self {
            Self::User(no) if !chat.has(*no) => viewers
                .iter()
                .filter_map(|no| Some((*no, chat.member_id(*no)?.clone())))
                .collect(),
            // One who is named was noted when it was known that it is watched.
            Self::User(_) | Self::One(_) | Self::Externals(_) => Vec::new(),
        }
    }

    /// Who of a chat they are. A user comes first: the log that is told of beside a chat is then the own one.
    fn among(&self, reader: &dyn Reader, chat: &ChatRow) -> Result<Vec<ParticipantNo>, StoreError> {
        match self {
            Self::One(no) => Ok(vec![*no]),
            Self::User(no) => {
                let mut viewers = vec![*no];
                viewers.extend(reader.watched_among(*no, &chat.members)?);
                Ok(viewers)
            }
            Self::Externals(patterns) => externals(reader, chat, patterns),
        }
    }

    /// A page of a chat with all that they see of it together.
    pub(crate) fn history(
        &self,
        reader: &dyn Reader,
        chat: ChatId,
        before: Option<u64>,
        limit: usize,
    ) -> Result<Option<Seen<MessagesPage>>, StoreError> {
        let Some(row) = reader.members_of_chat(chat)? else {
            return Ok(None);
        };
        let viewers = self.among(reader, &row)?;
        let found = reader.history(&viewers, chat, before, limit)?;
        let through = self.through(&viewers, &row);
        Ok(found.map(|found| Seen { found, through }))
    }

    /// A message with all that they see of it together.
    pub(crate) fn message(
        &self,
        reader: &dyn Reader,
        id: MessageId,
    ) -> Result<Option<Seen<MessageView>>, StoreError> {
        let Some(row) = reader.members_of_message(id)? else {
            return Ok(None);
        };
        let viewers = self.among(reader, &row)?;
        let found = reader.message(&viewers, id)?;
        let through = self.through(&viewers, &row);
        Ok(found.map(|found| Seen { found, through }))
    }
}

fn externals(
    reader: &dyn Reader,
    chat: &ChatRow,
    patterns: &[ExternalPattern],
) -> Result<Vec<ParticipantNo>, StoreError> {
    let covers = |id: &ParticipantId| patterns.iter().any(|pattern| pattern.covers(id));
    let mut found = Vec::new();
    for (no, id) in chat.members.iter().zip(chat.member_ids.iter()) {
        // A prefix covers no user.
        if covers(id)
            && let Some(row) = reader.participant(id)?
            && row.standing != Standing::User
        {
            found.push(*no);
        }
    }
    Ok(found)
}

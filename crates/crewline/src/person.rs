//! People, as a process that embeds Crewline acts for them.

use crewline_api::{
    ApiError, ChatId, ErrorCode, Event, EventKinds, FieldCode, MessageId, NewReply, ParticipantId,
    ReceiptResult, ReceiptSaid, ReceiptState, Role, SentMessage, Seq,
};
use crewline_core::{
    Actor, Answer, Command, DeviceNo, DirectoryError, NewUser, ParticipantNo, ReceiptsCommand,
    ReplyCommand, Standing,
};
use crewline_engine::Engine;

/// A person on a device. See [`crate::Crewline::person`].
pub struct Person {
    engine: Engine,
    actor: Actor,
    no: ParticipantNo,
}

impl Person {
    pub(crate) async fn open(engine: Engine, id: &str) -> Result<Self, ApiError> {
        let id = ParticipantId::new(id)
            .map_err(|error| ApiError::field("id", FieldCode::Malformed, error.to_string()))?;
        let wanted = id.clone();
        let known = engine
            .read(move |reader| reader.participant(&wanted))
            .await?;
        let no = match known.filter(|row| row.standing != Standing::Expected) {
            Some(row) if row.standing == Standing::User => row.no,
            Some(_) => {
                return Err(ApiError::new(
                    ErrorCode::NotAllowed,
                    format!("{id} is an external, not a person."),
                ));
            }
            None => add(&engine, &id).await?,
        };
        let actor = Actor {
            id,
            external: false,
            device: DeviceNo(0),
        };
        Ok(Self { engine, actor, no })
    }

    /// Replies, having read everything in the chat but emergencies.
    ///
    /// # Errors
    /// Where the text is refused, or the person is not in the chat.
    pub async fn reply(
        &self,
        chat: ChatId,
        reply: impl Into<NewReply>,
    ) -> Result<SentMessage, ApiError> {
        let command = ReplyCommand::new(self.actor.clone(), chat, reply.into(), None)?;
        match self.engine.submit(Command::Reply(command)).await? {
            Answer::Sent { sent, .. } => Ok(sent),
            other => Err(unexpected(&other)),
        }
    }

    /// Says what became of messages on this person's device.
    ///
    /// # Errors
    /// Where there are none or too many.
    pub async fn receipts(
        &self,
        receipts: Vec<ReceiptSaid>,
    ) -> Result<Vec<ReceiptResult>, ApiError> {
        let command = ReceiptsCommand::new(self.actor.clone(), receipts)?;
        match self.engine.submit(Command::Receipts(command)).await? {
            Answer::Receipts(results) => Ok(results),
            other => Err(unexpected(&other)),
        }
    }

    /// The device has a message.
    ///
    /// # Errors
    /// Where the store does not take writes.
    pub async fn delivered(&self, message: MessageId) -> Result<(), ApiError> {
        self.say(message, ReceiptState::Delivered).await
    }

    /// The person has read a message.
    ///
    /// # Errors
    /// Where the store does not take writes.
    pub async fn read(&self, message: MessageId) -> Result<(), ApiError> {
        self.say(message, ReceiptState::Read).await
    }

    /// The person has pressed the button.
    ///
    /// # Errors
    /// Where the store does not take writes.
    pub async fn acknowledge(&self, message: MessageId) -> Result<(), ApiError> {
        self.say(message, ReceiptState::Acknowledged).await
    }

    async fn say(&self, message: MessageId, state: ReceiptState) -> Result<(), ApiError> {
        let said = ReceiptSaid::Message {
            message_id: message.to_string(),
            state,
            at: None,
        };
        self.receipts(vec![said]).await.map(|_| ())
    }

    /// The person's log after `after`, at most 1,000 events; waits until there is one.
    ///
    /// # Errors
    /// Where `after` lies outside of the log.
    pub async fn events(&self, after: Seq) -> Result<Vec<Event>, ApiError> {
        let page = self
            .engine
            .follow(self.no, after, EventKinds::ALL)
            .next(1_000)
            .await?;
        Ok(page
            .events
            .iter()
            .map(|event| event.event().clone())
            .collect())
    }
}

async fn add(engine: &Engine, id: &ParticipantId) -> Result<ParticipantNo, ApiError> {
    let user = NewUser {
        id: id.clone(),
        name: None,
        role: Role::Crew,
        password: None,
    };
    match engine
        .directory(move |directory, now| directory.add_user(&user, now))
        .await?
    {
        Ok(added) => Ok(added.no),
        Err(DirectoryError::Exists { .. }) => {
            // Somebody else added it at the same moment.
            let wanted = id.clone();
            let row = engine
                .read(move |reader| reader.participant(&wanted))
                .await?;
            row.map(|row| row.no).ok_or_else(ApiError::not_found)
        }
        Err(_) => {
            let detail =
                "The store does not take writes; the person was not added. Try again later.";
            Err(ApiError::new(ErrorCode::StorageUnavailable, detail))
        }
    }
}

fn unexpected(answer: &Answer) -> ApiError {
    ApiError::new(
        ErrorCode::Internal,
        format!("a command was answered with {answer:?}"),
    )
}

//! Decisions: every rule of Crewline, as pure functions on a [`State`].
//!
//! A command is decided whole or refused whole: each function checks everything first, and changes the state only
//! when nothing can go wrong any more. Time and salts are arguments.

mod chat;
mod cursor;
mod message;
mod receipt;
mod reminder;

use crewline_api::{ApiError, ErrorCode, EventKind, FieldCode, FieldError, Timestamp};

use crate::changes::{LogDetail, LogRow};
use crate::command::{Actor, Answer, Command, Recipient};
use crate::resolve::refused;
use crate::set::{self, Set};
use crate::state::{LogHead, ParticipantRow, Settings, Standing, State, UnknownRecipients};
use crate::{ChatNo, MessageNo, ParticipantNo};

/// What a decision may use beside the state.
pub struct Context<'a> {
    /// The settings.
    pub settings: Settings,
    /// The server's time.
    pub now: Timestamp,
    /// Gives the salt of the next id: random in a server, counted in a test.
    pub salt: &'a mut dyn FnMut() -> u64,
}

/// Decides a command. What it changes is in `state` and in `state.changes` afterwards; after an error neither has changed.
///
/// # Errors
/// The refusal, as the caller is told. [`ErrorCode::Internal`] says that [`crate::needs`] did not ask for something.
pub fn decide(
    state: &mut State,
    command: &Command,
    context: &mut Context<'_>,
) -> Result<Answer, ApiError> {
    match command {
        Command::Send(send) => message::send(state, send, context),
        Command::Reply(reply) => message::reply(state, reply, context),
        Command::Chat(chat) => chat::create(state, chat, context),
        Command::Receipts(receipts) => receipt::receipts(state, receipts, context),
        Command::Cursor(cursor) => cursor::put(state, cursor, context),
        Command::Confirm(confirm) => cursor::confirm(state, confirm, context),
        Command::Remind(remind) => reminder::remind(state, remind, context),
        Command::Appear(actor) => {
            check_actor(state, actor)?;
            Ok(Answer::Appeared(appear(state, actor, None)?))
        }
    }
}

/// A fault of the house: a row was needed and not asked for.
fn not_loaded(what: &str) -> ApiError {
    ApiError::new(ErrorCode::Internal, format!("{what} was not loaded"))
}

/// An external never acts with a user's id, nor a user with an external's; the shut out do not act.
fn check_actor(state: &State, actor: &Actor) -> Result<(), ApiError> {
    let Some(row) = state.participant(&actor.id) else {
        // An external is known from its first act; a user only from the directory.
        return if actor.external {
            Ok(())
        } else {
            Err(ApiError::not_found())
        };
    };
    let fits = match row.standing {
        Standing::User => !actor.external,
        // Whom nobody knows yet becomes what it first acts as; users come from the directory only.
        Standing::External | Standing::Expected => actor.external,
    };
    if !fits {
        let what = if actor.external {
            "a user; only that person acts as it"
        } else {
            "an external, not a user"
        };
        return Err(ApiError::new(
            ErrorCode::NotAllowed,
            format!("{} is {what}.", actor.id),
        ));
    }
    if row.disabled {
        return Err(ApiError::new(
            ErrorCode::NotAllowed,
            format!("{} is disabled. Ask the administrator.", actor.id),
        ));
    }
    Ok(())
}

/// Makes an acting participant known, if it is not, and keeps the name it goes by.
fn appear(
    state: &mut State,
    actor: &Actor,
    name: Option<&std::sync::Arc<str>>,
) -> Result<ParticipantNo, ApiError> {
    let standing = if actor.external {
        Standing::External
    } else {
        Standing::User
    };
    let row = match state.participant(&actor.id) {
        Some(row) if row.standing == standing && (name.is_none() || row.name.as_ref() == name) => {
            return Ok(row.no);
        }
        Some(row) => {
            let name = name.cloned().or_else(|| row.name.clone());
            ParticipantRow {
                standing,
                name,
                ..row.clone()
            }
        }
        None => ParticipantRow {
            no: next_participant(state)?,
            id: actor.id.clone(),
            standing,
            name: name.cloned(),
            disabled: false,
        },
    };
    Ok(put_participant(state, row))
}

fn next_participant(state: &mut State) -> Result<ParticipantNo, ApiError> {
    let numbers = state
        .numbers
        .as_mut()
        .ok_or_else(|| not_loaded("numbers"))?;
    let no = numbers.participant;
    numbers.participant = no.next();
    // The log of one who is new is empty; no store needs to be asked.
    state.heads.insert(no, LogHead::default());
    Ok(no)
}

fn put_participant(state: &mut State, row: ParticipantRow) -> ParticipantNo {
    let no = row.no;
    state.ids.insert(row.id.clone(), Some(no));
    state.changes.participants.insert(no, row.clone());
    state.participants.insert(no, row);
    no
}

/// Refuses recipients who are disabled, or unknown where those are refused: all of them, by name.
fn check_recipients(
    state: &State,
    recipients: &[Recipient],
    settings: Settings,
) -> Result<(), ApiError> {
    let accept = settings.unknown_recipients == UnknownRecipients::Accept;
    let errors: Vec<FieldError> = recipients
        .iter()
        .filter_map(|recipient| {
            let detail = match state.participant(&recipient.id) {
                Some(row) if row.disabled => format!("{} is disabled", recipient.id),
                Some(row) if row.standing != Standing::Expected || accept => return None,
                None if accept => return None,
                _ => format!("{} is not known", recipient.id),
            };
            Some(FieldError::new(
                &recipient.field,
                FieldCode::UnknownRecipient,
                detail,
            ))
        })
        .collect();
    if errors.is_empty() {
        Ok(())
    } else {
        Err(refused(ErrorCode::UnknownRecipient, errors))
    }
}

/// Makes recipients known who are not (they were accepted); returns their numbers in the order given.
fn expect_recipients(
    state: &mut State,
    recipients: &[Recipient],
) -> Result<Vec<ParticipantNo>, ApiError> {
    recipients
        .iter()
        .map(|recipient| {
            if let Some(no) = state.no(&recipient.id) {
                return Ok(no);
            }
            let no = next_participant(state)?;
            let id = recipient.id.clone();
            let row = ParticipantRow {
                no,
                id,
                standing: Standing::Expected,
                name: None,
                disabled: false,
            };
            Ok(put_participant(state, row))
        })
        .collect()
}

/// That the heads of these logs were loaded: checked before anything changes, so that [`append`] cannot fail.
fn check_heads(
    state: &State,
    participants: impl IntoIterator<Item = ParticipantNo>,
) -> Result<(), ApiError> {
    match participants
        .into_iter()
        .find(|no| !state.heads.contains_key(no))
    {
        None => Ok(()),
        Some(_) => Err(not_loaded("the head of a log")),
    }
}

/// The numbers of those recipients who are known.
fn known<'a>(
    state: &'a State,
    recipients: &'a [Recipient],
) -> impl Iterator<Item = ParticipantNo> + 'a {
    recipients
        .iter()
        .filter_map(|recipient| state.no(&recipient.id))
}

/// The chat of an actor and others, where they have one; with its rows at hand.
fn find_chat(
    state: &mut State,
    actor: &Actor,
    others: &[Recipient],
) -> Result<Option<ChatNo>, ApiError> {
    match set::find(state, &actor.id, others) {
        // Whom an earlier command of this batch made known has no chat in the store: it need not be asked.
        Set::OfNew | Set::NotAsked(_) | Set::Known(None) => Ok(None),
        Set::Known(Some(no)) => {
            if !matches!(state.chats.get(&no), Some(Some(_))) {
                return Err(not_loaded("the chat"));
            }
            set::remember(state, &actor.id, others, no);
            Ok(Some(no))
        }
    }
}

/// What an event tells, beside where it stands.
struct Told {
    kind: EventKind,
    message: Option<MessageNo>,
    who: Option<ParticipantNo>,
    detail: Option<LogDetail>,
}

impl Told {
    fn message(kind: EventKind, message: MessageNo) -> Self {
        Self {
            kind,
            message: Some(message),
            who: None,
            detail: None,
        }
    }

    fn receipt(kind: EventKind, message: MessageNo, who: ParticipantNo) -> Self {
        Self {
            kind,
            message: Some(message),
            who: Some(who),
            detail: None,
        }
    }

    fn detail(kind: EventKind, detail: LogDetail) -> Self {
        Self {
            kind,
            message: None,
            who: None,
            detail: Some(detail),
        }
    }
}

/// Appends an event to a participant's log.
fn append(state: &mut State, participant: ParticipantNo, told: Told) {
    let head: &mut LogHead = state.heads.entry(participant).or_default();
    head.head += 1;
    let Told {
        kind,
        message,
        who,
        detail,
    } = told;
    state.changes.log.push(LogRow {
        participant,
        seq: head.head,
        kind,
        message,
        who,
        detail,
    });
}

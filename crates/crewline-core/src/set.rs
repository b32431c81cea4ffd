//! The set of people that a command names, and whether they have a chat.

use crewline_api::ParticipantId;

use crate::command::Recipient;
use crate::state::{MembersKey, State};
use crate::{ChatNo, ParticipantNo};

/// What is known of the chat of an actor and others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Set {
    /// Someone among them is new to the store: a chat with them cannot be there.
    OfNew,
    /// The store has not been asked for this key.
    NotAsked(MembersKey),
    /// They have this chat, or none.
    Known(Option<ChatNo>),
}

/// Looks for the chat of an actor and others. Most sets are two people, for whom nothing needs to be hashed.
pub(crate) fn find(state: &State, actor: &ParticipantId, others: &[Recipient]) -> Set {
    let Some(actor) = state.no(actor) else {
        return Set::OfNew;
    };
    if let [other] = others {
        let Some(other) = state.no(&other.id) else {
            return Set::OfNew;
        };
        return match state.pairs.get(&pair(actor, other)) {
            Some(chat) => Set::Known(Some(*chat)),
            None => by_key(state, MembersKey::of([actor, other])),
        };
    }
    let others: Option<Vec<ParticipantNo>> =
        others.iter().map(|other| state.no(&other.id)).collect();
    match others {
        None => Set::OfNew,
        Some(others) => by_key(state, MembersKey::of(others.into_iter().chain([actor]))),
    }
}

fn by_key(state: &State, key: MembersKey) -> Set {
    state
        .sets
        .get(&key)
        .map_or(Set::NotAsked(key), |chat| Set::Known(*chat))
}

/// Remembers the chat of two people, so that the next look-up is short.
pub(crate) fn remember(
    state: &mut State,
    actor: &ParticipantId,
    others: &[Recipient],
    chat: ChatNo,
) {
    if let ([other], Some(actor)) = (others, state.no(actor))
        && let Some(other) = state.no(&other.id)
    {
        state.pairs.insert(pair(actor, other), chat);
    }
}

fn pair(one: ParticipantNo, other: ParticipantNo) -> (ParticipantNo, ParticipantNo) {
    (one.min(other), one.max(other))
}

//! Laws: what holds of all that anybody sees, whatever was done. They are said in the words of the contract alone, and
//! know nothing of how it is decided; so they hold the specification too.

use std::collections::BTreeMap;

use serde_json::Value;

use super::play::Seen;

const STATES: [&str; 4] = ["accepted", "delivered", "read", "acknowledged"];

/// Checks every law.
///
/// # Errors
/// The first that is broken.
pub fn check(seen: &[Seen]) -> Result<(), String> {
    for one in seen {
        let told = |broken: String| format!("{}: {broken}", one.who);
        no_gap(one).map_err(told)?;
        positions_grow(one).map_err(told)?;
        states_come_once_and_in_order(one).map_err(told)?;
        unread_is_what_is_not_read(one).map_err(told)?;
        each_message_was_told_once(one).map_err(told)?;
        what_was_told_is_what_is_shown(one).map_err(told)?;
    }
    everybody_sees_the_same(seen)
}

fn text<'v>(value: &'v Value, field: &str) -> &'v str {
    value[field].as_str().unwrap_or_default()
}

fn rank(state: &str) -> usize {
    STATES.iter().position(|name| *name == state).unwrap_or(0)
}

/// Where a log begins: what was before is not kept any more.
fn begin(seen: &Seen) -> u64 {
    let first = seen.events.first();
    first.and_then(|event| event["seq"].as_u64()).unwrap_or(1)
}

/// Whether a log has lost its beginning: then what it does not tell may have been told.
fn is_cut(seen: &Seen) -> bool {
    begin(seen) > 1
}

/// A log is numbered 1, 2, 3 …, from wherever it begins now.
fn no_gap(seen: &Seen) -> Result<(), String> {
    for (at, event) in seen.events.iter().enumerate() {
        if event["seq"].as_u64() != Some(at as u64 + begin(seen)) {
            return Err(format!("the log has a gap before {event}"));
        }
    }
    Ok(())
}

/// A log holds a chat's messages in the order of their positions; a history holds them without a gap.
fn positions_grow(seen: &Seen) -> Result<(), String> {
    let mut last: BTreeMap<&str, u64> = BTreeMap::new();
    for event in messages(seen) {
        let position = event["data"]["position"].as_u64().unwrap_or(0);
        let before = last.insert(text(&event["data"], "chatId"), position);
        if before.is_some_and(|before| before >= position) {
            return Err(format!(
                "an older message of the chat comes after a newer one: {event}"
            ));
        }
    }
    for history in seen.histories.iter().flatten() {
        for (at, message) in history.iter().rev().enumerate() {
            if message["position"].as_u64() != Some(at as u64 + 1) {
                return Err(format!("the chat has a gap before {message}"));
            }
        }
    }
    Ok(())
}

fn messages(seen: &Seen) -> impl Iterator<Item = &Value> {
    seen.events
        .iter()
        .filter(|event| matches!(text(event, "type"), "message.received" | "message.sent"))
}

fn receipts(seen: &Seen) -> impl Iterator<Item = (&Value, usize)> {
    seen.events.iter().filter_map(|event| {
        let state = text(event, "type").strip_prefix("message.")?;
        let rank = rank(state);
        (rank > 0).then_some((event, rank))
    })
}

/// Of each message and recipient: `delivered` before `read` before `acknowledged`, none left out, each once. So a payload
/// fires once too.
fn states_come_once_and_in_order(seen: &Seen) -> Result<(), String> {
    let mut reached: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for (event, rank) in receipts(seen) {
        let data = &event["data"];
        let before = reached
            .entry((text(data, "messageId"), text(data, "userId")))
            .or_default();
        let lost = *before == 0 && is_cut(seen);
        if rank != *before + 1 && !lost {
            return Err(format!("{} was told before {event}", STATES[*before]));
        }
        *before = rank;
        if rank == 3 && (data["implied"] == true || !data["payload"].is_null()) {
            return Err(format!(
                "acknowledging is never implied, and has no payload: {event}"
            ));
        }
    }
    Ok(())
}

/// The state that somebody who is a recipient sees of itself.
fn own_state(message: &Value, who: &str) -> Option<usize> {
    let own = message["recipients"].as_array()?;
    let own = own
        .iter()
        .find(|recipient| text(recipient, "userId") == who)?;
    Some(rank(text(own, "state")))
}

/// The count in a user's list is the number of messages that others sent and the user has not read.
fn unread_is_what_is_not_read(seen: &Seen) -> Result<(), String> {
    if !seen.is_user {
        return Ok(());
    }
    for chat in &seen.chats {
        let history = seen.histories.iter().flatten().find(|history| {
            history
                .first()
                .is_some_and(|message| message["chatId"] == chat["chatId"])
        });
        let unread = history.into_iter().flatten().filter(|message| {
            text(message, "fromUserId") != seen.who
                && own_state(message, seen.who).is_some_and(|state| state < 2)
        });
        let unread = unread.count() as u64;
        if chat["unread"].as_u64() != Some(unread) {
            return Err(format!("{unread} messages are not read in {chat}"));
        }
    }
    Ok(())
}

/// What is in a history was told in the log, once, but to the external that sent it.
fn each_message_was_told_once(seen: &Seen) -> Result<(), String> {
    let Some(histories) = &seen.histories else {
        return Ok(());
    };
    let mut told: BTreeMap<&str, usize> = BTreeMap::new();
    for event in messages(seen) {
        *told.entry(text(&event["data"], "messageId")).or_default() += 1;
    }
    for message in histories.iter().flatten() {
        let own = text(message, "fromUserId") == seen.who;
        let expected = usize::from(!own || seen.is_user);
        let times = told.remove(text(message, "messageId")).unwrap_or(0);
        let lost = times == 0 && is_cut(seen);
        if times != expected && !lost {
            return Err(format!("told {times} times and not {expected}: {message}"));
        }
    }
    match told.into_iter().next() {
        None => Ok(()),
        Some((id, _)) => Err(format!("{id} was told, and is in no history")),
    }
}

/// The states that a sender was told of are those that the message shows, and `self.read` says what was read.
fn what_was_told_is_what_is_shown(seen: &Seen) -> Result<(), String> {
    let Some(histories) = &seen.histories else {
        return Ok(());
    };
    let mut reached: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for (event, rank) in receipts(seen) {
        let data = &event["data"];
        reached.insert((text(data, "messageId"), text(data, "userId")), rank);
    }
    let mut read_here: BTreeMap<&str, usize> = BTreeMap::new();
    for event in seen
        .events
        .iter()
        .filter(|event| text(event, "type") == "self.read")
    {
        for id in event["data"]["messageIds"].as_array().into_iter().flatten() {
            *read_here
                .entry(id.as_str().unwrap_or_default())
                .or_default() += 1;
        }
    }
    for message in histories.iter().flatten() {
        let id = text(message, "messageId");
        if text(message, "fromUserId") == seen.who {
            for recipient in message["recipients"].as_array().into_iter().flatten() {
                let told = reached
                    .get(&(id, text(recipient, "userId")))
                    .copied()
                    .unwrap_or(0);
                let lost = told == 0 && is_cut(seen);
                if rank(text(recipient, "state")) != told && !lost {
                    return Err(format!("{} was told, and {message} is shown", STATES[told]));
                }
            }
        } else if seen.is_user {
            let read = usize::from(own_state(message, seen.who).is_some_and(|state| state >= 2));
            let told = read_here.get(id).copied().unwrap_or(0);
            if told != read && !(told == 0 && is_cut(seen)) {
                return Err(format!("self.read was told {told} times of {message}"));
            }
        }
    }
    Ok(())
}

/// A recipient sees of itself what the sender sees of it.
fn everybody_sees_the_same(seen: &[Seen]) -> Result<(), String> {
    let mut shown: BTreeMap<(String, String), (String, &str)> = BTreeMap::new();
    for one in seen {
        for message in one.histories.iter().flatten().flatten() {
            for recipient in message["recipients"].as_array().into_iter().flatten() {
                let key = (
                    text(message, "messageId").to_owned(),
                    text(recipient, "userId").to_owned(),
                );
                let says = recipient.to_string();
                let before = shown.entry(key).or_insert_with(|| (says.clone(), one.who));
                if before.0 != says {
                    return Err(format!(
                        "{} is shown {}, and {} is shown {says}",
                        before.1, before.0, one.who
                    ));
                }
            }
        }
    }
    Ok(())
}

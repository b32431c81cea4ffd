//! Which chats can be taken, with whom, and when who read up to where: decided before anything is written.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crewline_api::{ChatId, MessageId, ParticipantId, Timestamp, limits};

use super::report::{Kind, Report};
use super::{SourceChat, SourceMember};
use crate::state::{ParticipantRow, Standing};

/// A set of people with a chat in the source; with several, where ids with commas had got mixed up.
#[derive(Debug)]
pub(super) struct Set {
    /// The chat of the source; the first one.
    pub(super) source: i64,
    /// When it begins.
    pub(super) at: Timestamp,
    /// Everyone, and whether it is an external.
    pub(super) members: BTreeMap<ParticipantId, bool>,
    /// The chat here, once it is made.
    pub(super) chat: Option<ChatId>,
    /// The last message that was taken.
    pub(super) last: Option<MessageId>,
    /// How many were, and each [`STEP`]th of them: reading goes in steps.
    pub(super) count: usize,
    pub(super) steps: Vec<MessageId>,
    /// The emergencies among them: each is read by itself.
    pub(super) emergencies: Vec<(MessageId, ParticipantId)>,
}

/// So many messages are read at once: one transaction holds no more of them.
pub(super) const STEP: usize = 1_000;

impl Set {
    /// Notes a message that is in the store.
    pub(super) fn took(&mut self, message: MessageId, emergency_of: Option<ParticipantId>) {
        self.last = Some(message);
        self.count += 1;
        if self.count.is_multiple_of(STEP) {
            self.steps.push(message);
        }
        self.emergencies
            .extend(emergency_of.map(|sender| (message, sender)));
    }
}

/// A read mark of the source.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Mark {
    pub(super) at: Timestamp,
    pub(super) set: usize,
    pub(super) who: ParticipantId,
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Plan {
    pub(super) sets: Vec<Set>,
    /// Chats of the source: their set, or `None` where they were left.
    pub(super) chats: BTreeMap<i64, Option<usize>>,
    /// Rows of `ChatUserTuple` of chats that are taken.
    pub(super) members: BTreeMap<i64, (i64, ParticipantId)>,
    /// Everybody who is in a chat that is taken.
    pub(super) people: BTreeMap<ParticipantId, bool>,
    /// What the store knows of them.
    pub(super) known: BTreeMap<ParticipantId, ParticipantRow>,
    /// Read marks in the order of their times.
    pub(super) marks: VecDeque<Mark>,
    /// Whether there is a store to take it, or this only says what would be done.
    pub(super) has_store: bool,
    /// The same, to be looked up.
    pub(super) read_up_to: BTreeMap<(usize, ParticipantId), Timestamp>,
}

/// Makes the plan.
pub(super) fn plan<E>(
    chats: Vec<SourceChat>,
    members: Vec<SourceMember>,
    find: &mut dyn FnMut(&ParticipantId) -> Result<Option<ParticipantRow>, E>,
    report: &mut Report,
) -> Result<Plan, E> {
    let mut plan = Plan::default();
    let ids: BTreeSet<i64> = chats.iter().map(|chat| chat.id).collect();
    let mut of_chat: BTreeMap<i64, Vec<SourceMember>> = BTreeMap::new();
    for member in members {
        if ids.contains(&member.chat) {
            of_chat.entry(member.chat).or_default().push(member);
        } else {
            let why = format!("its chat {} is not there", member.chat);
            report.leave(Kind::Member, member.id, why);
        }
    }
    let both = both_kinds(&of_chat);
    let mut by_people: BTreeMap<Vec<ParticipantId>, usize> = BTreeMap::new();
    let mut chats = chats;
    chats.sort_by_key(|chat| (chat.at, chat.id));
    for chat in chats {
        let rows = of_chat.remove(&chat.id).unwrap_or_default();
        let fit = match check(&rows, &both) {
            Ok(people) => match standing_fault(&people, &mut plan.known, find)? {
                None => Ok(people),
                Some(fault) => Err(fault),
            },
            Err(fault) => Err(fault),
        };
        match fit {
            Ok(people) => take(&mut plan, &mut by_people, &chat, people, rows, report),
            Err(why) => {
                plan.chats.insert(chat.id, None);
                let marks = rows
                    .iter()
                    .filter(|row| !row.external && row.last_read.is_some());
                report.read_marks.left += marks.count() as u64;
                report.leave(Kind::Chat, chat.id, why);
            }
        }
    }
    let marks = plan.read_up_to.iter().map(|((set, who), at)| Mark {
        at: *at,
        set: *set,
        who: who.clone(),
    });
    let mut marks: Vec<Mark> = marks.collect();
    marks.sort();
    plan.marks = marks.into();
    Ok(plan)
}

/// Ids that stand for a user in one row and for an external in another: here there is one namespace.
fn both_kinds(of_chat: &BTreeMap<i64, Vec<SourceMember>>) -> BTreeSet<String> {
    let rows = || of_chat.values().flatten();
    let users: BTreeSet<&str> = rows()
        .filter(|row| !row.external)
        .map(|row| row.user.as_str())
        .collect();
    rows()
        .filter(|row| row.external && users.contains(row.user.as_str()))
        .map(|row| row.user.clone())
        .collect()
}

/// The people of a chat, or why it cannot be taken.
fn check(
    rows: &[SourceMember],
    both: &BTreeSet<String>,
) -> Result<BTreeMap<ParticipantId, bool>, String> {
    let mut people = BTreeMap::new();
    for row in rows {
        let id = ParticipantId::new(&row.user)
            .map_err(|error| format!("the id of its member {} {error}", row.id))?;
        if both.contains(&row.user) {
            return Err(format!(
                "{id} is a user in one chat and an external in another; an id is one of them here"
            ));
        }
        people.insert(id, row.external);
    }
    let others = people.len().saturating_sub(1);
    if others == 0 {
        return Err(format!("it has {} members", people.len()));
    }
    if others > limits::RECIPIENTS_MAX {
        return Err(format!(
            "it has {} members; at most {} are allowed",
            people.len(),
            limits::RECIPIENTS_MAX + 1
        ));
    }
    Ok(people)
}

/// Why the store cannot take one of these people as what the source says, if it cannot.
fn standing_fault<E>(
    people: &BTreeMap<ParticipantId, bool>,
    known: &mut BTreeMap<ParticipantId, ParticipantRow>,
    find: &mut dyn FnMut(&ParticipantId) -> Result<Option<ParticipantRow>, E>,
) -> Result<Option<String>, E> {
    for (id, external) in people {
        if !known.contains_key(id)
            && let Some(row) = find(id)?
        {
            known.insert(id.clone(), row);
        }
        let Some(row) = known.get(id) else { continue };
        let (here, there) = match (row.standing, external) {
            (Standing::User, true) => ("a user", "an external"),
            (Standing::External, false) => ("an external", "a user"),
            _ if row.disabled => {
                return Ok(Some(format!("{id} is disabled in the store")));
            }
            _ => continue,
        };
        return Ok(Some(format!(
            "{id} is {here} in the store, and {there} in the source"
        )));
    }
    Ok(None)
}

fn take(
    plan: &mut Plan,
    by_people: &mut BTreeMap<Vec<ParticipantId>, usize>,
    chat: &SourceChat,
    people: BTreeMap<ParticipantId, bool>,
    rows: Vec<SourceMember>,
    report: &mut Report,
) {
    let Some(at) = chat.at else {
        plan.chats.insert(chat.id, None);
        report.leave(
            Kind::Chat,
            chat.id,
            "neither its last activity nor its messages have a time",
        );
        return;
    };
    plan.people
        .extend(people.iter().map(|(id, external)| (id.clone(), *external)));
    let names: Vec<ParticipantId> = people.keys().cloned().collect();
    let next = plan.sets.len();
    let set = *by_people.entry(names).or_insert(next);
    if let Some(known) = plan.sets.get(set) {
        let what = format!(
            "is one chat with chat {}: the same people are in both",
            known.source
        );
        report.change(Kind::Chat, chat.id, what);
    } else {
        plan.sets.push(Set {
            source: chat.id,
            at,
            members: people,
            chat: None,
            last: None,
            count: 0,
            steps: Vec::new(),
            emergencies: Vec::new(),
        });
    }
    plan.chats.insert(chat.id, Some(set));
    note_marks(plan, set, set != next, &rows);
    for row in rows {
        if let Ok(id) = ParticipantId::new(&row.user) {
            plan.members.insert(row.id, (row.chat, id));
        }
    }
}

/// Notes how far the people of a chat have read. Where two chats become one, the earlier mark of both holds: what was not
/// read in one of them is not said to be read.
fn note_marks(plan: &mut Plan, set: usize, merged: bool, rows: &[SourceMember]) {
    let mut of_chat: BTreeMap<ParticipantId, Timestamp> = BTreeMap::new();
    // Where a system has sent moved its mark in the original; it has read nothing by that.
    for row in rows.iter().filter(|row| !row.external) {
        if let (Ok(id), Some(at)) = (ParticipantId::new(&row.user), row.last_read) {
            // Twice in one chat, which the original does not forbid: the later one, both are the same person.
            let mark = of_chat.entry(id).or_insert(at);
            *mark = at.max(*mark);
        }
    }
    if !merged {
        let marks = of_chat.into_iter().map(|(who, at)| ((set, who), at));
        plan.read_up_to.extend(marks);
        return;
    }
    plan.read_up_to
        .retain(|(of, who), at| match of_chat.get(who) {
            _ if *of != set => true,
            Some(other) => {
                *at = (*at).min(*other);
                true
            }
            None => false,
        });
}

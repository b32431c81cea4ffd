//! Chats: who is in them, and the list of a participant.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crewline_api::{ChatId, ChatSummary, ChatsPage};
use crewline_core::{ChatNo, ChatRow, ChatsBefore, MessageNo, ParticipantNo};

use super::message;
use crate::error::Fault;
use crate::row::{self, as_integer};
use crate::sql::{Sql, get};

type Result<T> = std::result::Result<T, Fault>;

/// Most members of all chats together that are kept.
const MEMBERS_KEPT: usize = 200_000;

/// Chats that were read before: who is in one never changes. When there are too many they all go, which costs some
/// reads, and is simple.
#[derive(Debug, Default)]
pub(super) struct ChatCache(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    chats: BTreeMap<ChatNo, ChatRow>,
    members: usize,
}

impl ChatCache {
    fn lock(&self) -> MutexGuard<'_, Kept> {
        // What is kept is whole rows: one that panicked has left none in between.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Chats, from memory or from the store; those that do not exist are not among them.
    pub(super) fn all(
        &self,
        sql: &Sql,
        nos: impl IntoIterator<Item = ChatNo>,
    ) -> Result<BTreeMap<ChatNo, ChatRow>> {
        let (mut found, mut missing) = (BTreeMap::new(), Vec::new());
        {
            let kept = self.lock();
            for no in nos {
                match kept.chats.get(&no) {
                    Some(chat) => drop(found.insert(no, chat.clone())),
                    None => missing.push(no.0),
                }
            }
        }
        if missing.is_empty() {
            return Ok(found);
        }
        let read = row::chats(&sql.query(row::CHATS, &[&missing])?)?;
        let mut kept = self.lock();
        for chat in read {
            if kept.members > MEMBERS_KEPT {
                *kept = Kept::default();
            }
            kept.members += chat.members.len();
            kept.chats.insert(chat.no, chat.clone());
            found.insert(chat.no, chat);
        }
        Ok(found)
    }

    /// The chat of an id.
    pub(super) fn of_id(&self, sql: &Sql, id: ChatId) -> Result<Option<ChatRow>> {
        let no = ChatNo(as_integer(id.no()));
        let chat = self.all(sql, [no])?.remove(&no);
        Ok(chat.filter(|chat| chat.salt == id.salt()))
    }

    /// The chat of a row that names one.
    pub(super) fn of_row(&self, sql: &Sql, no: ChatNo) -> Result<ChatRow> {
        self.all(sql, [no])?.remove(&no).ok_or_else(|| missing(no))
    }
}

/// A row names a chat that is not there.
pub(super) fn missing(no: ChatNo) -> Fault {
    Fault::damaged(format!("chat {} is missing", no.0))
}

const PAGE: &str = "SELECT c.no, c.last_position, c.last_activity, c.last_message, m.done
     FROM member m JOIN chat c ON c.no = m.chat
     WHERE m.participant = $1 AND (c.last_activity, c.no) < ($2, $3)
     ORDER BY c.last_activity DESC, c.no DESC LIMIT $4";

/// A participant's chats, newest activity first.
pub(super) fn page(
    sql: &Sql,
    chats: &ChatCache,
    viewer: ParticipantNo,
    before: Option<ChatsBefore>,
    limit: usize,
) -> Result<ChatsPage> {
    let before = before.map_or((i64::MAX, i64::MAX), |before| {
        (before.last_activity.as_millis(), before.chat.0)
    });
    let as_of = row::load_head(sql, viewer)?;
    let most = as_integer(limit as u64 + 1);
    let rows = sql.query(PAGE, &[&viewer.0, &before.0, &before.1, &most])?;
    let shown = rows.get(..limit).unwrap_or(&rows);
    let (mut nos, mut last_messages) = (Vec::new(), Vec::new());
    for row in shown {
        nos.push(ChatNo(get(row, 0)?));
        last_messages.extend(get::<Option<i64>>(row, 3)?.map(MessageNo));
    }
    let found = chats.all(sql, nos.iter().copied())?;
    let mut views = message::views_of(sql, chats, viewer, &last_messages)?;
    let mut page = ChatsPage {
        chats: Vec::with_capacity(shown.len()),
        next: None,
        as_of,
    };
    for (row, no) in shown.iter().zip(nos) {
        let chat = found.get(&no).ok_or_else(|| missing(no))?;
        let (last_position, done) = (row::count(row, 1)?, row::count(row, 4)?);
        let last_message = match get::<Option<i64>>(row, 3)? {
            None => None,
            Some(no) => Some(
                views
                    .remove(&MessageNo(no))
                    .ok_or_else(|| Fault::damaged(format!("message {no} is missing")))?,
            ),
        };
        let last_activity_at = row::time(row, 2)?;
        if rows.len() > limit {
            page.next = Some(format!("{}.{}", last_activity_at.as_millis(), chat.no.0));
        }
        page.chats.push(ChatSummary {
            chat_id: chat.id(),
            user_ids: chat.member_ids.to_vec(),
            last_activity_at,
            last_message,
            unread: last_position.saturating_sub(done),
        });
    }
    Ok(page)
}

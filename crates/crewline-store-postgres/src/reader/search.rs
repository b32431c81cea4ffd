//! Searching in what a user may read, newest message first.
//!
//! **Invariant:** a call looks at no more than [`LOOK_MAX`] messages, however many there are.

use std::collections::{BTreeMap, BTreeSet};

use crewline_api::SearchHit;
use crewline_core::search::{Search, SearchFound, hit};
use crewline_core::{ChatNo, ChatRow, MessageRow, ParticipantNo};
use tokio_postgres::Row;

use super::chat::{ChatCache, missing};
use crate::error::Fault;
use crate::meta;
use crate::row::{self, MESSAGE_WIDTH, as_integer, message_columns};
use crate::search::tsquery;
use crate::sql::{Sql, get};

type Result<T> = std::result::Result<T, Fault>;

/// Most messages that one call looks at.
const LOOK_MAX: usize = 10_000;
/// Most messages behind the index that a call reads one by one.
const BEHIND_MAX: i64 = 2_000;
/// Messages that are read at once.
const READ_AT_ONCE: usize = 200;

const MESSAGES: &str = concat!(
    "SELECT ",
    message_columns!(),
    ", m.sender_name, m.text FROM message m WHERE m.no = ANY($1) ORDER BY m.no DESC"
);
/// What the index holds of some words.
const WORDS: &str = "SELECT message FROM search WHERE words @@ ($1::text)::tsquery AND message < $2
     ORDER BY message DESC LIMIT $3";
/// Every message.
const ALL: &str = "SELECT no FROM message WHERE no < $1 AND no > $2 ORDER BY no DESC LIMIT $3";

/// Looks for messages with the eyes of a user and of those whom it watches.
pub(super) fn find(
    sql: &Sql,
    chats: &ChatCache,
    user: ParticipantNo,
    search: &Search,
    limit: usize,
) -> Result<SearchFound> {
    let mut finder = Finder {
        sql,
        chats,
        viewers: viewers(sql, user)?,
        search,
        limit,
        looked: 0,
        through: BTreeSet::new(),
        found: SearchFound::default(),
    };
    let below = search.below.unwrap_or(i64::MAX);
    let Some(words) = &search.words else {
        let all = sql.query(ALL, &[&below, &0i64, &(LOOK_MAX as i64)])?;
        finder.look(&all)?;
        return Ok(finder.end());
    };
    let indexed_to = meta::indexed_to(sql)?;
    let newest: Option<i64> = sql.value("SELECT coalesce(max(no), 0) FROM message", &[])?;
    let behind = newest.unwrap_or(0) - indexed_to;
    if behind > BEHIND_MAX {
        finder.found.indexed_up_to = row::load_message(sql, crewline_core::MessageNo(indexed_to))?
            .map(|message| message.sent_at)
            .or(Some(crewline_api::Timestamp::from_millis(0)));
    }
    // What came last is found before it is in the index.
    if behind > 0 {
        let last = sql.query(ALL, &[&below, &indexed_to, &BEHIND_MAX])?;
        finder.look(&last)?;
    }
    if !finder.is_full() {
        let below = below.min(indexed_to.saturating_add(1));
        let left = (LOOK_MAX - finder.looked) as i64;
        let found = sql.query(WORDS, &[&tsquery(words), &below, &left])?;
        finder.look(&found)?;
    }
    Ok(finder.end())
}

/// The user, and whom it watches.
fn viewers(sql: &Sql, user: ParticipantNo) -> Result<Vec<ParticipantNo>> {
    let watched = sql.query(
        "SELECT participant FROM watcher WHERE watched_by = $1 ORDER BY participant",
        &[&user.0],
    )?;
    let mut viewers = vec![user];
    for row in &watched {
        viewers.push(ParticipantNo(get(row, 0)?));
    }
    Ok(viewers)
}

struct Finder<'a> {
    sql: &'a Sql,
    chats: &'a ChatCache,
    viewers: Vec<ParticipantNo>,
    search: &'a Search,
    limit: usize,
    looked: usize,
    through: BTreeSet<ParticipantNo>,
    found: SearchFound,
}

impl Finder<'_> {
    fn is_full(&self) -> bool {
        self.found.next.is_some()
    }

    fn look(&mut self, candidates: &[Row]) -> Result<()> {
        for some in candidates.chunks(READ_AT_ONCE) {
            let nos: Vec<i64> = some.iter().map(|row| get(row, 0)).collect::<Result<_>>()?;
            let rows = self.sql.query(MESSAGES, &[&nos])?;
            let messages: Vec<MessageRow> = rows
                .iter()
                .map(|row| row::message(row, 0))
                .collect::<Result<_>>()?;
            let wanted = messages.iter().map(|message| message.chat);
            let chats = self.chats.all(self.sql, wanted)?;
            for (message, columns) in messages.iter().zip(&rows) {
                self.looked += 1;
                if let Some((hit, viewer)) = self.judge(message, columns, &chats)? {
                    if self.found.hits.len() == self.limit {
                        self.found.next = self.last_no();
                        return Ok(());
                    }
                    if Some(viewer) != self.viewers.first().copied() {
                        self.through.insert(viewer);
                    }
                    self.found.hits.push(hit);
                }
                if self.looked >= LOOK_MAX {
                    self.found.next = Some(message.no.0);
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// The number of the last message that was found: the next page begins below it.
    fn last_no(&self) -> Option<i64> {
        let last = self.found.hits.last()?;
        Some(as_integer(last.message_id.no()))
    }

    /// The message as it is shown, and who may see it.
    fn judge(
        &self,
        message: &MessageRow,
        row: &Row,
        chats: &BTreeMap<ChatNo, ChatRow>,
    ) -> Result<Option<(SearchHit, ParticipantNo)>> {
        if !self.search.asks_for(message) {
            return Ok(None);
        }
        let chat = chats
            .get(&message.chat)
            .ok_or_else(|| missing(message.chat))?;
        // The user itself before those whom it watches.
        let Some(viewer) = self.viewers.iter().copied().find(|no| chat.has(*no)) else {
            return Ok(None);
        };
        let text = row::text(row, MESSAGE_WIDTH + 1)?;
        let Some(places) = self.search.places(chat, &text) else {
            return Ok(None);
        };
        let from = chat.member_id(message.sender).cloned().ok_or_else(|| {
            Fault::damaged(format!(
                "the sender of message {} is not in its chat",
                message.no.0
            ))
        })?;
        let from = (from, get(row, MESSAGE_WIDTH)?);
        let hit = hit(message, chat, from, &text, &places);
        Ok(Some((hit, viewer)))
    }

    fn end(mut self) -> SearchFound {
        self.found.through = self.through.into_iter().collect();
        self.found
    }
}

//! Searching in what a user may read, newest message first.
//!
//! **Invariant:** a call looks at no more than [`LOOK_MAX`] messages, however many there are.

use std::collections::{BTreeSet, HashMap};

use crewline_api::SearchHit;
use crewline_core::search::{Search, SearchFound, snippet};
use crewline_core::{ChatNo, MessageRow, ParticipantNo};
use rusqlite::{Connection, Row};

use super::as_integer;
use super::chat::ChatCache;
use crate::error::Fault;
use crate::row::{MESSAGE_WIDTH, message_columns};
use crate::{meta, row};

type Result<T> = std::result::Result<T, Fault>;

/// Most messages that one call looks at.
const LOOK_MAX: usize = 10_000;
/// Most messages behind the index that a call reads one by one.
const BEHIND_MAX: i64 = 2_000;

const MESSAGE: &str = concat!(
    "SELECT ",
    message_columns!(),
    ", m.sender_name, m.text FROM message m WHERE m.no = ?1"
);
/// What the index holds of some words.
pub(super) const WORDS: &str =
    "SELECT rowid FROM search WHERE search MATCH ?1 AND rowid < ?2 ORDER BY rowid DESC LIMIT ?3";
/// Every message.
const ALL: &str = "SELECT no FROM message WHERE no < ?1 AND no > ?2 ORDER BY no DESC LIMIT ?3";

/// Looks for messages with the eyes of a user and of those whom it watches.
pub(super) fn find(
    sql: &Connection,
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
        known: HashMap::new(),
        through: BTreeSet::new(),
        found: SearchFound::default(),
    };
    let below = search.below.unwrap_or(i64::MAX);
    let Some(words) = &search.words else {
        finder.look(&candidates(sql, ALL, (below, 0, LOOK_MAX as i64))?)?;
        return Ok(finder.end());
    };
    let indexed_to = meta::indexed_to(sql)?;
    let behind = newest(sql)? - indexed_to;
    if behind > BEHIND_MAX {
        finder.found.indexed_up_to = row::load_message(sql, crewline_core::MessageNo(indexed_to))?
            .map(|message| message.sent_at)
            .or(Some(crewline_api::Timestamp::from_millis(0)));
    }
    // What came last is found before it is in the index.
    if behind > 0 {
        finder.look(&candidates(sql, ALL, (below, indexed_to, BEHIND_MAX))?)?;
    }
    if !finder.is_full() {
        let below = below.min(indexed_to.saturating_add(1));
        let left = (LOOK_MAX - finder.looked) as i64;
        finder.look(&candidates(sql, WORDS, (words.fts5(), below, left))?)?;
    }
    Ok(finder.end())
}

/// The user, and whom it watches.
fn viewers(sql: &Connection, user: ParticipantNo) -> Result<Vec<ParticipantNo>> {
    let mut statement = sql.prepare_cached("SELECT participant FROM watcher WHERE user = ?1")?;
    let watched = statement.query_map([user.0], |row| row.get(0).map(ParticipantNo))?;
    let mut viewers = vec![user];
    for watched in watched {
        viewers.push(watched?);
    }
    Ok(viewers)
}

fn newest(sql: &Connection) -> Result<i64> {
    let mut statement = sql.prepare_cached("SELECT coalesce(max(no), 0) FROM message")?;
    Ok(statement.query_row([], |row| row.get(0))?)
}

fn candidates(sql: &Connection, query: &str, values: impl rusqlite::Params) -> Result<Vec<i64>> {
    let mut statement = sql.prepare_cached(query)?;
    let rows = statement.query_map(values, |row| row.get(0))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

struct Finder<'a> {
    sql: &'a Connection,
    chats: &'a ChatCache,
    viewers: Vec<ParticipantNo>,
    search: &'a Search,
    limit: usize,
    looked: usize,
    /// Chats that were met, and who of the viewers is in them.
    known: HashMap<ChatNo, Option<ParticipantNo>>,
    through: BTreeSet<ParticipantNo>,
    found: SearchFound,
}

impl Finder<'_> {
    fn is_full(&self) -> bool {
        self.found.next.is_some()
    }

    fn look(&mut self, candidates: &[i64]) -> Result<()> {
        let mut statement = self.sql.prepare_cached(MESSAGE)?;
        for no in candidates {
            let mut rows = statement.query([no])?;
            let Some(columns) = rows.next()? else {
                continue;
            };
            self.looked += 1;
            if let Some((hit, viewer)) = self.judge(columns)? {
                if self.found.hits.len() == self.limit {
                    self.found.next = self.last_no();
                    return Ok(());
                }
                if viewer != self.viewers.first().copied() {
                    self.through.extend(viewer);
                }
                self.found.hits.push(hit);
            }
            if self.looked >= LOOK_MAX {
                self.found.next = Some(*no);
                return Ok(());
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
    fn judge(&mut self, row: &Row<'_>) -> Result<Option<(SearchHit, Option<ParticipantNo>)>> {
        let message = row::message(row)?;
        if !self.is_asked_for(&message) {
            return Ok(None);
        }
        let Some(viewer) = self.viewer(message.chat)? else {
            return Ok(None);
        };
        let chat = self.chats.of_row(self.sql, message.chat)?;
        if self.search.chat.is_some_and(|wanted| wanted != chat.id()) {
            return Ok(None);
        }
        let text = row::text(row, MESSAGE_WIDTH + 1)?;
        let places = match &self.search.words {
            None => Vec::new(),
            Some(words) => match words.places(&text) {
                Some(places) => places,
                None => return Ok(None),
            },
        };
        let from = chat.member_id(message.sender).cloned().ok_or_else(|| {
            Fault::damaged(format!(
                "the sender of message {} is not in its chat",
                message.no.0
            ))
        })?;
        let hit = SearchHit {
            message_id: message.id(),
            chat_id: chat.id(),
            position: message.position,
            from_user_id: from,
            from_user_name: row.get(MESSAGE_WIDTH)?,
            priority: message.priority,
            sent_at: message.sent_at,
            snippet: snippet(&text, &places),
        };
        Ok(Some((hit, Some(viewer))))
    }

    fn is_asked_for(&self, message: &MessageRow) -> bool {
        self.search.from.is_none_or(|from| from == message.sender)
            && self
                .search
                .after
                .is_none_or(|after| message.sent_at >= after)
            && self
                .search
                .before
                .is_none_or(|before| message.sent_at < before)
    }

    /// Who of the viewers is in a chat; the user itself before those whom it watches.
    fn viewer(&mut self, chat: ChatNo) -> Result<Option<ParticipantNo>> {
        if let Some(known) = self.known.get(&chat) {
            return Ok(*known);
        }
        let row = self.chats.of_row(self.sql, chat)?;
        let viewer = self.viewers.iter().copied().find(|no| row.has(*no));
        self.known.insert(chat, viewer);
        Ok(viewer)
    }

    fn end(mut self) -> SearchFound {
        self.found.through = self.through.into_iter().collect();
        self.found
    }
}

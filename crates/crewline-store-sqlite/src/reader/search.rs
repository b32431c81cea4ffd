//! Searching in what a user may read, newest message first.
//!
//! **Invariant:** a call looks at no more than [`LOOK_MAX`] messages, however many there are.
//!
//! A word is found from its newest message on, and what is not asked for is not read. A *beginning* would make FTS5 read
//! every message of every word that begins so before it gives out the first: so the words are asked for here, one by one, and
//! handed to it as whole words. (From a word to the next one it passes the leaves of the index, some thousand messages on each,
//! without reading what they hold.) Where they are too many, the other words alone are looked for, and messages are read from the
//! newest on where there are none: what begins a hundred words is soon found.

use std::collections::{BTreeSet, HashMap};

use crewline_api::SearchHit;
use crewline_core::search::{Search, SearchFound, SearchWords, hit};
use crewline_core::{ChatNo, ParticipantNo};
use rusqlite::{Connection, OptionalExtension as _, Row};

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
/// Most words with one beginning that are looked for in the index.
const ENDS_MAX: usize = 64;

/// The first word from here on. (The index is asked for one at a time: it knows them in their order.)
pub(super) const NEXT_WORD: &str =
    "SELECT term FROM search_word WHERE term >= ?1 ORDER BY term LIMIT 1";
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
        finder.look(ALL, (below, 0, LOOK_MAX as i64))?;
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
        finder.look(ALL, (below, indexed_to, BEHIND_MAX))?;
    }
    if !finder.is_full() {
        let below = below.min(indexed_to.saturating_add(1));
        let left = (LOOK_MAX - finder.looked) as i64;
        match asked(sql, words)? {
            Asked::Nothing => {}
            Asked::Words(question) => finder.look(WORDS, (question, below, left))?,
            Asked::All => finder.look(ALL, (below, 0, left))?,
        }
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

/// What is asked of the index.
enum Asked {
    /// It has no such word.
    Nothing,
    /// These words.
    Words(String),
    /// It would have to say too much: messages are read.
    All,
}

fn asked(sql: &Connection, words: &SearchWords) -> Result<Asked> {
    let mut ends = Vec::new();
    if let Some(beginning) = words.beginning() {
        let mut next = sql.prepare_cached(NEXT_WORD)?;
        let mut from = beginning.to_owned();
        loop {
            let word: Option<String> = next.query_row([&from], |row| row.get(0)).optional()?;
            let Some(word) = word.filter(|word| word.starts_with(beginning)) else {
                break;
            };
            if ends.len() == ENDS_MAX {
                let rest = words.fts5(None);
                return Ok(rest.map_or(Asked::All, Asked::Words));
            }
            // Behind the word, and before everything that begins with it: no letter or digit is as low.
            from = format!("{word}\u{1}");
            ends.push(word);
        }
        if ends.is_empty() {
            return Ok(Asked::Nothing);
        }
    }
    let question = words.fts5(Some(&ends));
    Ok(question.map_or(Asked::Nothing, Asked::Words))
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

    /// Looks at what a query finds, as far as that is needed.
    fn look(&mut self, query: &str, values: impl rusqlite::Params) -> Result<()> {
        let mut candidates = self.sql.prepare_cached(query)?;
        let mut candidates = candidates.query(values)?;
        let mut statement = self.sql.prepare_cached(MESSAGE)?;
        while let Some(candidate) = candidates.next()? {
            let no: i64 = candidate.get(0)?;
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
                self.found.next = Some(no);
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
        if !self.search.asks_for(&message) {
            return Ok(None);
        }
        let Some(viewer) = self.viewer(message.chat)? else {
            return Ok(None);
        };
        let chat = self.chats.of_row(self.sql, message.chat)?;
        let text = row::text(row, MESSAGE_WIDTH + 1)?;
        let Some(places) = self.search.places(&chat, &text) else {
            return Ok(None);
        };
        let from = chat.member_id(message.sender).cloned().ok_or_else(|| {
            Fault::damaged(format!(
                "the sender of message {} is not in its chat",
                message.no.0
            ))
        })?;
        let from = (from, row.get(MESSAGE_WIDTH)?);
        let hit = hit(&message, &chat, from, &text, &places);
        Ok(Some((hit, Some(viewer))))
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

#[cfg(test)]
mod tests {
    //! What a call costs is counted, and not timed: each step of SQLite's machine, those that read a block of the index among
    //! them.

    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    /// A store of so many messages to alice, all in the index: each has "breaker", a number of its own, and one of three words
    /// that begin alike.
    fn store(messages: usize) -> Connection {
        let sql = crate::migration::empty_store().unwrap();
        meta::start(&sql).unwrap();
        let rows = format!(
            "INSERT INTO participant (no, id, folded, standing) VALUES (1, 'alice', 'alice', 1), (2, 'scada', 'scada', 2),
                 (3, 'bob', 'bob', 1);
             INSERT INTO chat (no, salt, created_by, created_at, last_position, last_activity) VALUES (1, 7, 2, 0, 0, 0);
             INSERT INTO member (chat, participant, done, read_position) VALUES (1, 1, 0, 0), (1, 2, 0, 0);
             WITH RECURSIVE number (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number WHERE n < {messages})
             INSERT INTO message (no, salt, chat, position, sender, sender_name, priority, sent_at, has_payloads, text)
             SELECT n, 7, 1, n, 2, 'SCADA', 2, n, 0,
                 'Breaker x' || n || substr(' has tripped is tripping must trip', 1 + n % 3 * 12, 12) FROM number;"
        );
        sql.execute_batch(&rows).unwrap();
        while crate::search::step(&sql, 4_000).unwrap() {}
        // One piece, so that what is counted does not hang on in how many it happens to lie.
        let whole = "INSERT INTO search (search) VALUES ('optimize')";
        sql.execute(whole, []).unwrap();
        sql
    }

    /// What was found, and how many steps it took.
    fn counted<T>(sql: &mut Connection, act: impl FnOnce(&Connection) -> T) -> (T, u64) {
        let steps = Arc::new(AtomicU64::new(0));
        let count = Arc::clone(&steps);
        let step = move || {
            count.fetch_add(1, Ordering::Relaxed);
            false
        };
        sql.progress_handler(1, Some(step)).unwrap();
        let found = act(sql);
        sql.progress_handler(0, None::<fn() -> bool>).unwrap();
        (found, steps.load(Ordering::Relaxed))
    }

    /// How many messages a page holds, and how many steps it took.
    fn page(sql: &mut Connection, who: i64, asked: &str) -> (usize, u64) {
        let search = Search {
            words: SearchWords::read(asked),
            ..Search::default()
        };
        let chats = ChatCache::default();
        counted(sql, |sql| {
            let found = find(sql, &chats, ParticipantNo(who), &search, 5).ok();
            found.unwrap().hits.len()
        })
    }

    #[test]
    fn a_page_costs_the_same_however_many_messages_have_the_word() {
        let (mut small, mut large) = (store(10_000), store(100_000));
        for asked in [
            "breaker ",
            "breaker",
            "tri",
            "x",
            "b",
            "breaker tri",
            "\"has trip",
        ] {
            let (few, many) = (page(&mut small, 1, asked), page(&mut large, 1, asked));
            assert_eq!((few.0, many.0), (5, 5), "{asked}");
            // To come from a word to the next one, its leaves are passed: a step or two for some thousand messages.
            assert!(many.1 < 2 * few.1, "{asked}: {few:?}, {many:?}");
        }
        // What was counted would show it: a question that reads everything, and gives out the first.
        let oldest = "SELECT min(rowid + 0) FROM search WHERE search MATCH ?1";
        let whole = |sql: &mut Connection| {
            counted(sql, |sql| {
                let oldest = sql.query_row(oldest, ["breaker"], |row| row.get::<_, i64>(0));
                oldest.unwrap()
            })
        };
        let (few, many) = (whole(&mut small), whole(&mut large));
        assert_eq!((few.0, many.0), (1, 1));
        assert!(many.1 > 5 * few.1, "{few:?}, {many:?}");
    }

    #[test]
    fn a_beginning_is_asked_for_as_the_words_that_begin_so() {
        let sql = store(200);
        let question = |text: &str| match asked(&sql, &SearchWords::read(text).unwrap()).ok() {
            Some(Asked::Words(question)) => question,
            Some(Asked::Nothing) => "nothing".to_owned(),
            Some(Asked::All) => "all".to_owned(),
            None => panic!("the index reads"),
        };
        // FTS5 reads all that a beginning has before it gives out the first; a word it does not.
        let trip = "(\"trip\" OR \"tripped\" OR \"tripping\")";
        assert_eq!(question("tri"), trip);
        assert_eq!(question("tri "), "\"tri\"");
        assert_eq!(question("breaker tri"), format!("\"breaker\" AND {trip}"));
        assert_eq!(question("\"has tri"), format!("\"has\" AND {trip}"));
        assert_eq!(question("x19"), {
            let more = (190..200).map(|n| format!(" OR \"x{n}\""));
            format!("(\"x19\"{})", more.collect::<String>())
        });
        assert_eq!(question("x"), "all", "there are too many of them");
        assert_eq!(question("breaker x"), "\"breaker\"");
        assert_eq!(question("breaker y"), "nothing");
    }

    #[test]
    fn who_may_see_none_of_it_has_looked_at_so_many_and_no_more() {
        let mut sql = store(30_000);
        for asked in ["breaker ", "breaker", "x"] {
            let (found, steps) = page(&mut sql, 3, asked);
            assert_eq!(found, 0);
            // A look is some 24 steps.
            assert!(steps < 30 * LOOK_MAX as u64, "{asked}: {steps}");
        }
    }
}

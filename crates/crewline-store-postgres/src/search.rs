//! The index of words: filled in steps beside the messages, and asked for by readers.
//!
//! A send writes nothing of it. A step takes the messages behind the place up to which the index came, which stands in the
//! same transaction; a text that retention removes leaves the index with it. PostgreSQL gets the words as the core says them,
//! and its own parser none of them; what it finds is judged by the core's rules.
//!
//! A step has a connection of its own and needs no turn: messages become visible in the order of their numbers, and nobody
//! decides on what it writes. A lock keeps steps apart from each other, and from the removal of texts, so that no word of a
//! text comes in behind it.

use crewline_core::search::{SearchWords, words};
use crewline_core::{Indexer, StoreError, StoreErrorKind};

use crate::connect::{Connector, Purpose, Rest};
use crate::error::Fault;
use crate::meta;
use crate::row::as_integer;
use crate::sql::{Sql, get};
use crate::turn::index;

type Result<T> = std::result::Result<T, Fault>;

/// Bytes of a word that the index takes. Longer ones are found by their beginnings.
const WORD_BYTES_MAX: usize = 500;

/// Messages that are not in the index yet.
const BEHIND: &str = "SELECT no, text FROM message WHERE no > $1 ORDER BY no LIMIT $2";

/// A word as the index has it, and whether that is only its beginning.
fn cut(word: &str) -> (&str, bool) {
    let end = word.floor_char_boundary(WORD_BYTES_MAX);
    (word.get(..end).unwrap_or(word), end < word.len())
}

/// What is looked for, for PostgreSQL: every word, some of them only by their beginning. Words are letters and digits.
pub(crate) fn tsquery(words: &SearchWords) -> String {
    let one = |(word, begins): (&str, bool)| {
        let (word, is_cut) = cut(word);
        let star = if begins || is_cut { ":*" } else { "" };
        format!("'{}'{star}", word.replace('\\', "\\\\").replace('\'', "''"))
    };
    words.words().map(one).collect::<Vec<_>>().join(" & ")
}

const INDEXING: &str = "putting words into the index";
/// What a crash takes away is put in again: nobody waits for the disk.
const HASTY: &str = "SET synchronous_commit = off";
const TAKE_LOCK: &str = concat!("SELECT pg_advisory_xact_lock(", index!(), "), ''");

/// Fills the index, on a connection of its own.
pub(crate) struct PostgresIndexer {
    connector: Connector,
    sql: Option<Sql>,
    rest: Rest,
}

impl PostgresIndexer {
    pub(crate) fn new(connector: Connector) -> Self {
        Self {
            connector,
            sql: None,
            rest: Rest::default(),
        }
    }

    fn sql(&mut self) -> std::result::Result<&Sql, StoreError> {
        if self.sql.as_ref().is_none_or(Sql::is_closed) {
            if let Some(error) = self.rest.why(&self.connector) {
                return Err(error);
            }
            let before = self.connector.made();
            let made = self.connector.connect(Purpose::Write);
            let sql = made.inspect_err(|error| self.rest.begin(before, error))?;
            let told = sql.simple(HASTY);
            told.map_err(|fault| self.connector.place().error(INDEXING, fault))?;
            self.sql = Some(sql);
        }
        let none = || Fault::damaged("no connection");
        let sql = self.sql.as_ref();
        sql.ok_or_else(|| self.connector.place().error(INDEXING, none()))
    }
}

impl Indexer for PostgresIndexer {
    fn index(&mut self, rows: usize) -> std::result::Result<bool, StoreError> {
        let sql = self.sql()?;
        let done = step_alone(sql, rows);
        if done.is_err() {
            sql.rollback();
        }
        let done = done.map_err(|fault| self.connector.place().error(INDEXING, fault));
        done.inspect_err(|error| {
            if error.kind == StoreErrorKind::Unavailable {
                self.sql = None;
            }
        })
    }
}

fn step_alone(sql: &Sql, rows: usize) -> Result<bool> {
    let newest = sql.value::<i64>("SELECT coalesce(max(no), 0) FROM message", &[])?;
    if newest.unwrap_or(0) <= meta::indexed_to(sql)? {
        return Ok(false);
    }
    sql.begin(TAKE_LOCK)?;
    let more = step(sql, rows)?;
    sql.commit()?;
    Ok(more)
}

/// Puts so many messages into the index; returns whether there are more.
pub(crate) fn step(sql: &Sql, rows: usize) -> Result<bool> {
    let at = meta::indexed_to(sql)?;
    let found = sql.query(BEHIND, &[&at, &as_integer(rows as u64)])?;
    let (mut nos, mut texts) = (Vec::new(), Vec::new());
    let mut last = at;
    for row in &found {
        last = get(row, 0)?;
        let text: &str = get(row, 1)?;
        let words: Vec<String> = words(text)
            .into_iter()
            .map(|word| cut(&word.folded).0.to_owned())
            .collect();
        if !words.is_empty() {
            nos.push(last);
            texts.push(words.join(" "));
        }
    }
    if !nos.is_empty() {
        sql.execute(
            "INSERT INTO search (message, words)
             SELECT no, array_to_tsvector(string_to_array(words, ' ')) FROM unnest($1::int8[], $2::text[]) u (no, words)
             ON CONFLICT DO NOTHING",
            &[&nos, &texts],
        )?;
    }
    if last > at {
        meta::index_to(sql, last)?;
    }
    Ok(found.len() == rows)
}

/// Takes messages out of the index, whose texts are removed in this transaction.
pub(crate) fn forget(sql: &Sql, messages: &[i64]) -> Result<()> {
    // A step that has read one of these texts ends before that, and the next one reads none of them.
    sql.query(TAKE_LOCK, &[])?;
    sql.execute("DELETE FROM search WHERE message = ANY($1)", &[&messages])?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_becomes_words_and_nothing_of_it_is_an_operator() {
        let question = |text: &str| tsquery(&SearchWords::read(text).unwrap());
        assert_eq!(
            question("breaker 1204 trip"),
            "'breaker' & '1204' & 'trip':*"
        );
        assert_eq!(question("\"has ! failed\" "), "'has' & 'failed'");
        let long = "x".repeat(600);
        assert_eq!(
            question(&format!("{long} ")),
            format!("'{}':*", "x".repeat(500))
        );
    }
}

//! Which indexes are used: a list must not cost more because the store holds more.

use super::{chat, event, load, message, search};

/// The plan of a query, one line a step.
fn plan(query: &str) -> String {
    let sql = crate::migration::empty_store().unwrap();
    let mut statement = sql.prepare(&format!("EXPLAIN QUERY PLAN {query}")).unwrap();
    let count = statement.parameter_count();
    let rows = statement
        .query_map(rusqlite::params_from_iter((0..count).map(|_| 1)), |row| {
            row.get::<_, String>(3)
        })
        .unwrap();
    rows.map(Result::unwrap).collect::<Vec<_>>().join("\n")
}

#[test]
fn a_page_of_a_log_is_one_range_of_its_key() {
    assert_eq!(
        plan(event::PAGE),
        "SEARCH l USING PRIMARY KEY (participant=? AND seq>?)\n\
         SEARCH m USING INTEGER PRIMARY KEY (rowid=?) LEFT-JOIN\n\
         SEARCH q USING INTEGER PRIMARY KEY (rowid=?) LEFT-JOIN"
    );
}

#[test]
fn history_is_one_range_of_the_chat_and_needs_no_sorting() {
    assert_eq!(
        plan(message::HISTORY),
        "SEARCH m USING INDEX message_by_chat (chat=? AND position<?)\n\
         SEARCH q USING INTEGER PRIMARY KEY (rowid=?) LEFT-JOIN"
    );
}

#[test]
fn a_list_of_chats_begins_with_those_of_the_participant() {
    let plan = plan(chat::PAGE);
    assert!(
        plan.starts_with(
            "SEARCH m USING INDEX member_by_participant (participant=?)\n\
             SEARCH c USING INTEGER PRIMARY KEY (rowid=?)"
        ),
        "{plan}"
    );
}

#[test]
fn what_decisions_are_made_on_is_found_by_keys_and_needs_no_sorting() {
    assert_eq!(
        plan(load::WINDOW),
        "SEARCH m USING INDEX message_by_chat (chat=? AND position>? AND position<?)\n\
         SEARCH r USING PRIMARY KEY (message=? AND participant=?) LEFT-JOIN"
    );
    assert_eq!(
        plan(load::RECEIVED),
        "SEARCH log USING PRIMARY KEY (participant=? AND seq>? AND seq<?)"
    );
}

#[test]
fn words_are_found_newest_first_without_sorting() {
    let plan = plan(search::WORDS);
    assert!(
        plan.starts_with("SCAN search VIRTUAL TABLE INDEX") && !plan.contains("SORT"),
        "{plan}"
    );
}

#[test]
fn what_is_old_is_found_by_keys_and_needs_no_sorting() {
    assert_eq!(
        plan(crate::keep::ROWS),
        "SEARCH l USING PRIMARY KEY (participant=? AND seq>?)\n\
         SEARCH m USING INTEGER PRIMARY KEY (rowid=?) LEFT-JOIN\n\
         SEARCH r USING PRIMARY KEY (message=? AND participant=?) LEFT-JOIN"
    );
    assert_eq!(
        plan(crate::keep::MESSAGES),
        "SEARCH message USING INTEGER PRIMARY KEY (rowid>?)"
    );
}

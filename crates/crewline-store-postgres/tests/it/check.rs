//! The check finds what cannot have come from Crewline.

use crewline_api::{NewReply, ReceiptState};
use crewline_store_postgres::{Options, admin};
use crewline_testkit::postgres::Postgres;

use crate::support::desk;

/// What is done to a store, and a part of what the check says of it.
const DAMAGES: &[(&str, &str)] = &[
    (
        "DELETE FROM log WHERE participant = 1 AND seq = 2",
        "not numbered without a gap",
    ),
    (
        "UPDATE chat SET last_position = last_position + 1",
        "positions are not 1, 2, 3",
    ),
    (
        "UPDATE chat_set SET members_key = sha256('x')",
        "cannot be found by the people in it",
    ),
    ("UPDATE log SET message = 99 WHERE kind = 1", "not there"),
    (
        "UPDATE recipient SET delivered_at = NULL",
        "a state without those before it",
    ),
    (
        "INSERT INTO cursor (participant, name, seq, kinds, put_at) VALUES (1, 'c', 99, 65535, 0)",
        "beyond the log",
    ),
    (
        "UPDATE message SET text = ''",
        "retention has not removed it",
    ),
    ("DELETE FROM participant WHERE no = 2", "not there"),
];

#[test]
fn a_store_that_was_written_by_crewline_is_whole_and_one_that_was_changed_is_not() {
    let Some(server) = Postgres::start() else {
        return;
    };
    for (damage, told) in DAMAGES {
        let options = Options::new(server.database());
        let mut desk = desk(&options);
        let sent = desk.send("scada", &["alice", "bob"], "one").unwrap();
        desk.say("alice", sent.message_id, ReceiptState::Read)
            .unwrap();
        desk.reply("alice", sent.chat_id, NewReply::new("two"), None)
            .unwrap();
        desk.send("scada", &["alice", "bob"], "three").unwrap();
        let whole = admin::check(&options).unwrap();
        assert!(whole.is_ok(), "{whole:?}");
        assert_eq!(whole.messages, 3);
        let changed = format!("SET search_path = crewline; {damage}");
        server.sql(&options.url, &changed);
        let found = admin::check(&options).unwrap();
        assert!(
            found.problems.iter().any(|problem| problem.contains(told)),
            "{damage}: {:?}",
            found.problems
        );
    }
}

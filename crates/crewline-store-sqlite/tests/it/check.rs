//! The check finds what cannot have come from Crewline.

use std::fs;

use crewline_core::Command;
use crewline_store_sqlite::{Options, admin, open};
use crewline_testkit::{Desk, EXTERNALS, Random, USERS, World, draw};

use crate::support::{Folder, talked};

#[test]
fn a_store_that_was_worked_on_is_whole() {
    let folder = Folder::new();
    let options = Options {
        synchronous_full: false,
        ..folder.options()
    };
    let mut desk = Desk::new(open(&options).unwrap());
    for user in USERS {
        desk.add_user(user);
    }
    let (mut random, mut world) = (Random::new(7), World::default());
    for _ in 0..200 {
        let batch: Vec<Command> = (0..6).map(|_| draw(&mut random, &world)).collect();
        for answer in desk.batch(&batch).iter().flatten() {
            world.learn(answer);
        }
    }
    assert!(!desk.log(EXTERNALS[0]).is_empty());
    // Beside the server first, and then alone.
    let beside = admin::check(&folder.store()).unwrap();
    assert_eq!(beside.problems, [""; 0]);
    assert!(beside.messages > 100 && beside.events > 500, "{beside:?}");
    drop(desk);
    assert_eq!(admin::check(&folder.store()).unwrap(), beside);
}

#[test]
fn each_rule_that_is_broken_is_told() {
    let folder = Folder::new();
    drop(talked(&folder.options()));
    let whole = folder.bytes("crewline.db");
    let cases = [
        ("DELETE FROM log WHERE participant = 1 AND seq = 2", "the log of participant 1"),
        ("UPDATE log SET message = NULL WHERE participant = 2 AND seq = 1", "lacks what its kind tells of"),
        ("UPDATE log SET message = 99 WHERE participant = 2 AND seq = 1", "names a row of message that is not there"),
        ("UPDATE log SET kind = 2 WHERE participant = 2 AND seq = 1", "message 1 is in 1 logs as received"),
        (
            "UPDATE log SET (kind, message, who) = (SELECT kind, message, who FROM log WHERE participant = 3 AND seq = 1)
             WHERE participant = 3 AND seq = 2",
            "the same receipt of message 1 more than once",
        ),
        ("UPDATE message SET position = 7 WHERE no = 2", "chat 1 has 2 messages"),
        ("UPDATE chat SET last_position = 3 WHERE no = 1", "chat 1 has 2 messages"),
        ("UPDATE chat SET last_message = 1 WHERE no = 1", "chat 1 says that its last message is 1"),
        ("UPDATE member SET done = 3 WHERE chat = 1 AND participant = 1", "in chat 1 participant 1 has read further"),
        ("UPDATE member SET done = 1 WHERE chat = 1 AND participant = 1", "user 1 has read or sent is wrong"),
        ("DELETE FROM member WHERE chat = 1 AND participant = 3", "cannot be found by the people in it"),
        ("DELETE FROM chat_set WHERE chat = 2", "chat 2 cannot be found"),
        ("UPDATE recipient SET delivered_at = NULL WHERE participant = 2", "without those before it"),
        ("UPDATE recipient SET participant = 3 WHERE participant = 2", "who is no recipient of it"),
        ("UPDATE message SET has_payloads = 0", "has payloads for participant 1, and does not say so"),
        ("UPDATE idempotency SET sender = 1", "which someone else sent"),
        ("UPDATE participant SET confirmed = 100 WHERE no = 3", "messages are confirmed up to 100"),
        ("INSERT INTO watcher VALUES (3, 1, 0)", "participant 3 watches participant 1, and is no user"),
        ("INSERT INTO watcher VALUES (1, 1, 0)", "participant 1 watches participant 1"),
        ("INSERT INTO watcher VALUES (1, 99, 0)", "names a row of participant that is not there"),
        ("UPDATE cursor SET seq = 100", "stands at 100, which is beyond the log"),
    ];
    for (sql, words) in cases {
        fs::write(folder.store(), &whole).unwrap();
        let mut shell = admin::open_shell(&folder.store(), true).unwrap();
        shell.run(sql).unwrap();
        drop(shell);
        let problems = admin::check(&folder.store()).unwrap().problems;
        assert!(
            problems.iter().any(|problem| problem.contains(words)),
            "{sql}: {problems:#?}"
        );
    }
}

#[test]
fn damaged_pages_are_told() {
    let folder = Folder::new();
    drop(talked(&folder.options()));
    let mut bytes = folder.bytes("crewline.db");
    // A page of rows: where the schema itself cannot be read there is nothing to report on.
    let root = "SELECT rootpage FROM sqlite_schema WHERE name = 'message'";
    let page: u32 = rusqlite::Connection::open(folder.store())
        .and_then(|sql| sql.query_row(root, [], |row| row.get(0)))
        .unwrap();
    let begin = (page as usize - 1) * 4_096;
    bytes[begin..begin + 4_096].fill(0xa5);
    fs::write(folder.store(), &bytes).unwrap();
    let report = admin::check(&folder.store()).unwrap();
    assert!(
        report
            .problems
            .iter()
            .any(|problem| problem.starts_with("the file is damaged")),
        "{report:?}"
    );
    assert!(folder.bytes("crewline.db") == bytes);
}

#[test]
fn what_is_no_store_is_not_checked() {
    let folder = Folder::new();
    assert!(
        admin::check(&folder.store())
            .unwrap_err()
            .detail
            .contains("there is no store")
    );
    fs::write(folder.store(), "once upon a time").unwrap();
    assert!(
        admin::check(&folder.store())
            .unwrap_err()
            .detail
            .contains("not a SQLite file")
    );
}

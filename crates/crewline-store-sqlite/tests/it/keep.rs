//! Retention on a file: what it makes of pages, and what the check says of it.

use crewline_api::{EventKinds, ReceiptState, Timestamp};
use crewline_core::{Cut, Removed};
use crewline_store_sqlite::{Options, admin, open};
use crewline_testkit::{Desk, external};

use crate::support::{Folder, talked};

fn prune(desk: &mut Desk) -> Removed {
    let cut = Cut {
        before: desk.now.plus_millis(1),
        release: Timestamp::from_millis(0),
    };
    desk.prune(cut, 500).0
}

#[test]
fn a_store_of_which_much_was_removed_is_whole() {
    let folder = Folder::new();
    let mut desk = talked(&folder.options());
    // The reply was not confirmed by the cursor of scada.
    let removed = prune(&mut desk);
    assert!(removed.events > 3, "{removed:?}");
    assert_eq!((removed.texts, removed.logs_held), (1, 1));
    let report = admin::check(&folder.store()).unwrap();
    assert_eq!(report.problems, [""; 0]);
    let no = desk.no("scada").unwrap();
    let head = desk.reader.log(no, 0, EventKinds::ALL, 1).unwrap().head;
    desk.put_cursor(external("scada"), "main", head, EventKinds::ALL, false)
        .unwrap();
    assert_eq!(prune(&mut desk).texts, 1);
    let report = admin::check(&folder.store()).unwrap();
    assert_eq!(report.problems, [""; 0]);
}

#[test]
fn what_the_check_finds_wrong_with_retention() {
    let folder = Folder::new();
    drop(talked(&folder.options()));
    let find = |statement: &str| {
        let mut shell = admin::open_shell(&folder.store(), true).unwrap();
        shell.run(statement).unwrap();
        admin::check(&folder.store()).unwrap().problems
    };
    let problems = find("DELETE FROM log WHERE participant = 1 AND seq = 1");
    assert!(
        problems[0].contains("begins at 2, and retention has removed nothing"),
        "{problems:?}"
    );
    let problems =
        find("INSERT INTO meta VALUES ('texts_looked_at', 1); UPDATE message SET text = ''");
    assert_eq!(
        problems,
        ["message 2 of chat 1 has no text, and retention has not removed it"]
    );
    let problems = find(
        "UPDATE meta SET value = 2 WHERE key = 'texts_looked_at'; INSERT INTO kept_text VALUES (0, 1)",
    );
    assert_eq!(
        problems,
        ["the text of message 1 is kept for participant 0, and it is not there"]
    );
}

/// Pages of the file that hold something.
fn pages(folder: &Folder) -> i64 {
    let mut shell = admin::open_shell(&folder.store(), false).unwrap();
    let mut ask =
        |pragma: &str| -> i64 { shell.run(pragma).unwrap()[0].rows[0][0].parse().unwrap() };
    ask("PRAGMA page_count") - ask("PRAGMA freelist_count")
}

#[test]
fn pages_of_what_was_removed_are_used_again() {
    let folder = Folder::new();
    let options = Options {
        synchronous_full: false,
        ..folder.options()
    };
    let mut desk = Desk::new(open(&options).unwrap());
    desk.add_user("alice");
    let text = "Breaker 1204 has tripped. ".repeat(40);
    let mut used = Vec::new();
    for _ in 0..4 {
        let before = pages(&folder);
        for _ in 0..400 {
            let sent = desk.send("scada", &["alice"], &text).unwrap();
            desk.say("alice", sent.message_id, ReceiptState::Read)
                .unwrap();
        }
        let grown = pages(&folder) - before;
        assert_eq!(prune(&mut desk).texts, 400);
        used.push((grown, pages(&folder) - before));
    }
    println!("pages that 400 messages took, and that are left: {used:?}");
    // Rows of messages and receipts stay; texts and rows of logs leave no page behind.
    for (grown, left) in used {
        assert!(grown > 120 && left * 8 < grown, "{grown}, {left}");
    }
}

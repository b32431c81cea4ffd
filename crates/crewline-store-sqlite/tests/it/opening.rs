//! What is no store, or not to be had, is refused in words that help; nothing is written to it.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use crewline_core::{StoreError, StoreErrorKind};
use crewline_store_sqlite::{NEWEST_SCHEMA, Options, admin, open, open_beside, sqlite_version};
use crewline_testkit::Desk;

use crate::support::{Folder, talked};

/// Both ways of opening refuse alike; returns the error of the first, which names the file.
fn refused(path: &Path, words: &[&str]) -> StoreError {
    let options = Options::new(path);
    let error = open(&options).err().expect("it is refused");
    assert_eq!(open_beside(&options).err().as_ref(), Some(&error));
    for word in words.iter().chain(&[path.to_str().unwrap()]) {
        assert!(
            error.detail.contains(word),
            "{word:?} is not in: {}",
            error.detail
        );
    }
    error
}

#[test]
fn a_new_store_is_private_and_found_again() {
    let folder = Folder::new();
    let epoch = {
        let desk = talked(&folder.options());
        for name in [
            "crewline.db",
            "crewline.db-wal",
            "crewline.db-shm",
            "crewline.db-lock",
        ] {
            let mode = fs::metadata(folder.path().join(name))
                .unwrap()
                .permissions()
                .mode();
            assert_eq!(mode & 0o777, 0o600, "{name}");
        }
        desk.reader.epoch().unwrap()
    };
    assert_eq!(epoch.len(), 16);
    let desk = folder.desk();
    assert_eq!(desk.reader.epoch().unwrap(), epoch);
    assert_eq!(
        desk.story("bob"),
        [
            "message.received(Breaker 1204 has tripped)",
            "self.read(1, unread 0)",
            "self.acknowledged(1, unread 0)",
            "message.received(On my way)",
            "chat.created",
        ]
    );
}

#[test]
fn a_store_that_was_closed_is_one_file() {
    let folder = Folder::new();
    drop(talked(&folder.options()));
    assert_eq!(folder.names(), ["crewline.db", "crewline.db-lock"]);
}

#[test]
fn the_store_says_what_it_is() {
    let folder = Folder::new();
    let info = folder.desk().reader.info().unwrap();
    assert_eq!(
        info.name,
        format!("SQLite {}, {}", sqlite_version(), folder.store().display())
    );
    assert!(info.bytes > 0);
}

#[test]
fn a_second_server_is_refused_with_the_number_of_the_first() {
    let folder = Folder::new();
    let first = open(&folder.options()).unwrap();
    let error = open(&folder.options()).err().unwrap();
    assert_eq!(error.kind, StoreErrorKind::Unavailable);
    let pid = format!("by the process {}", std::process::id());
    for word in [&pid, "crewline.db-lock", "Stop that server"] {
        assert!(error.detail.contains(word), "{}", error.detail);
    }
    // Commands work beside it.
    open_beside(&folder.options()).unwrap();
    // Readers may live on; the lock is the writer's.
    let reader = first.reader;
    drop(first.writer);
    open(&folder.options()).unwrap();
    reader.epoch().unwrap();
}

#[test]
fn a_link_to_a_store_is_the_same_store() {
    let folder = Folder::new();
    let link = folder.path().join("link.db");
    std::os::unix::fs::symlink(folder.store(), &link).unwrap();
    // Whichever is opened first; at first the link points to nothing.
    for (first, second) in [(&link, &folder.store()), (&folder.store(), &link)] {
        let _first = open(&Options::new(first)).unwrap();
        let error = open(&Options::new(second)).err().unwrap();
        assert!(error.detail.contains("served already"), "{}", error.detail);
    }
}

#[test]
fn a_name_that_means_something_else_to_sqlite_is_only_a_name() {
    let folder = Folder::new();
    for name in [":memory:", "file:x?mode=memory", "a b%20c.db"] {
        drop(talked(&Options::new(folder.path().join(name))));
        assert!(admin::check(&folder.path().join(name)).unwrap().is_ok());
    }
}

#[test]
fn two_who_make_a_store_at_once_make_one() {
    let folder = Folder::new();
    let options = folder.options();
    let epoch = || open_beside(&options).map(|beside| beside.reader().epoch().unwrap());
    let epochs: Vec<_> = std::thread::scope(|scope| {
        let all: Vec<_> = (0..6).map(|_| scope.spawn(epoch)).collect();
        all.into_iter()
            .map(|one| one.join().unwrap().unwrap())
            .collect()
    });
    assert!(epochs.iter().all(|epoch| *epoch == epochs[0]), "{epochs:?}");
}

#[test]
fn a_store_that_was_half_made_is_made_anew() {
    let folder = Folder::new();
    // As a kill would leave it: pages are in the file, and the journal says that it was empty before.
    let half = rusqlite::Connection::open(folder.store()).unwrap();
    half.execute_batch(
        "PRAGMA cache_size = 1; BEGIN; CREATE TABLE half (made BLOB); PRAGMA application_id = 1129469772",
    )
    .unwrap();
    half.execute("INSERT INTO half VALUES (zeroblob(100000))", [])
        .unwrap();
    let (file, journal) = (
        folder.bytes("crewline.db"),
        folder.bytes("crewline.db-journal"),
    );
    assert!(!file.is_empty() && !journal.is_empty());
    let after = Folder::new();
    fs::write(after.store(), file).unwrap();
    fs::write(after.path().join("crewline.db-journal"), journal).unwrap();
    drop(talked(&after.options()));
    assert_eq!(after.names(), ["crewline.db", "crewline.db-lock"]);
    assert!(admin::check(&after.store()).unwrap().is_ok());
}

#[test]
fn an_empty_file_becomes_a_store() {
    let folder = Folder::new();
    fs::write(folder.store(), "").unwrap();
    assert_eq!(folder.desk().log("alice"), []);
}

#[test]
fn a_file_of_a_newer_version_is_refused_and_left_as_it_is() {
    let folder = Folder::new();
    drop(talked(&folder.options()));
    let newer = NEWEST_SCHEMA + 3;
    let mut shell = admin::open_shell(&folder.store(), true).unwrap();
    shell
        .run(&format!("PRAGMA user_version = {newer}"))
        .unwrap();
    // Once it stands in the WAL only, once in the file.
    let words = [
        "made by a newer Crewline",
        &format!("schema {newer}"),
        "Use that version",
        "backup",
    ];
    refused(&folder.store(), &words);
    shell.run("PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
    drop(shell);
    let before = folder.bytes("crewline.db");
    refused(&folder.store(), &words);
    assert!(folder.bytes("crewline.db") == before);
}

#[test]
fn a_file_of_another_program_is_refused_and_left_as_it_is() {
    let folder = Folder::new();
    let other = rusqlite::Connection::open(folder.store()).unwrap();
    other
        .execute_batch("CREATE TABLE cheese (name TEXT); INSERT INTO cheese VALUES ('Emmental')")
        .unwrap();
    drop(other);
    let before = folder.bytes("crewline.db");
    let error = refused(
        &folder.store(),
        &["some other program", "Name another file"],
    );
    assert_eq!(error.kind, StoreErrorKind::Unavailable);
    assert!(folder.bytes("crewline.db") == before);
    assert_eq!(folder.names(), ["crewline.db"]);
}

#[test]
fn a_file_that_is_no_database_is_refused_and_left_as_it_is() {
    let folder = Folder::new();
    for bytes in [b"x".to_vec(), b"once upon a time ".repeat(1_000)] {
        fs::write(folder.store(), &bytes).unwrap();
        let error = refused(&folder.store(), &["not a SQLite file", "backup"]);
        assert_eq!(error.kind, StoreErrorKind::Corrupt);
        assert!(folder.bytes("crewline.db") == bytes);
        assert_eq!(folder.names(), ["crewline.db"]);
    }
}

#[test]
fn a_damaged_file_is_told_as_such() {
    let folder = Folder::new();
    drop(talked(&folder.options()));
    let mut bytes = folder.bytes("crewline.db");
    bytes[200..].fill(0xa5);
    fs::write(folder.store(), &bytes).unwrap();
    let error = open(&folder.options()).err().unwrap();
    assert_eq!(error.kind, StoreErrorKind::Corrupt, "{}", error.detail);
    for word in ["crewline.db is damaged", "crewline db check", "backup"] {
        assert!(error.detail.contains(word), "{}", error.detail);
    }
    assert!(folder.bytes("crewline.db") == bytes);
}

#[test]
fn a_damaged_row_is_told_as_such_and_the_rest_works() {
    let folder = Folder::new();
    drop(talked(&folder.options()));
    let mut shell = admin::open_shell(&folder.store(), true).unwrap();
    shell
        .run("UPDATE message SET priority = 9 WHERE no = 1")
        .unwrap();
    let mut desk = folder.desk();
    let no = desk.no("alice").unwrap();
    let error = desk
        .reader
        .log(no, 0, crewline_api::EventKinds::ALL, 10)
        .unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Corrupt);
    assert!(error.detail.contains("the priority 9"), "{}", error.detail);
    desk.send("scada", &["alice"], "goes on").unwrap();
}

#[test]
fn a_folder_in_the_place_of_the_file_is_refused() {
    let folder = Folder::new();
    refused(folder.path(), &["is a folder", "Name the store's file"]);
}

#[test]
fn a_missing_folder_is_refused_by_name() {
    let folder = Folder::new();
    let path = folder.path().join("no/such/crewline.db");
    refused(&path, &["does not exist", "no/such ", "mkdir -p"]);
    assert_eq!(folder.names(), [""; 0]);
}

#[test]
fn a_store_killed_before_its_wal_was_moved_is_whole() {
    let folder = Folder::new();
    let desk = talked(&folder.options());
    // As a kill would leave them: copies of the files while they are in use.
    let after = Folder::new();
    for name in ["crewline.db", "crewline.db-wal"] {
        fs::write(after.path().join(name), folder.bytes(name)).unwrap();
    }
    let stories = |desk: &Desk| ["alice", "bob", "scada"].map(|who| desk.log(who));
    let before = stories(&desk);
    assert_eq!(stories(&after.desk()), before);
    assert!(admin::check(&after.store()).unwrap().is_ok());
}

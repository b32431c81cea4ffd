//! The administrator's commands beside a server: short transactions that both sides get through.

use std::sync::atomic::{AtomicBool, Ordering};

use crewline_api::{ParticipantId, Role};
use crewline_core::{NewUser, StoreErrorKind, UserChange};
use crewline_store_sqlite::{Options, admin, open, open_beside};
use crewline_testkit::Desk;

use crate::support::{Folder, talked};

fn user(id: &str) -> NewUser {
    NewUser {
        id: id.parse().unwrap(),
        name: None,
        role: Role::Crew,
        password: None,
    }
}

#[test]
fn the_server_notices_what_another_process_changed() {
    let folder = Folder::new();
    let mut desk = talked(&folder.options());
    let mut beside = open_beside(&folder.options()).unwrap();
    let mut same = || {
        let same = desk.writer.begin().unwrap();
        desk.writer.abort();
        same
    };
    same();
    assert!(same(), "nobody has changed anything");
    beside
        .directory()
        .add_user(&user("carol"), desk.now)
        .unwrap();
    assert!(!same());
    assert!(same());
    beside.reader().users().unwrap();
    assert!(same(), "reading changes nothing");
    let before = desk.reader.directory_version().unwrap();
    let alice: ParticipantId = "alice".parse().unwrap();
    beside
        .directory()
        .change_user(&alice, &UserChange::Disable, desk.now)
        .unwrap();
    assert!(desk.reader.directory_version().unwrap() > before);
    let (bob, scada) = ("bob".parse().unwrap(), "scada".parse().unwrap());
    let before = desk.reader.directory_version().unwrap();
    assert!(beside.directory().watch(&bob, &scada, desk.now).unwrap());
    assert!(desk.reader.directory_version().unwrap() > before);
    let watches = |who: &str, whom: &str| {
        let (who, whom) = (desk.no(who).unwrap(), desk.no(whom).unwrap());
        desk.reader.watches(who, whom).unwrap()
    };
    assert!(watches("bob", "scada") && !watches("alice", "scada"));
    assert!(desk.send("scada", &["alice"], "to nobody").is_err());
    desk.send("scada", &["carol"], "to the new one").unwrap();
}

#[test]
fn moving_pages_into_the_file_is_no_change_to_notice() {
    let folder = Folder::new();
    let mut desk = talked(&Options {
        checkpoint_pages: 1,
        ..folder.options()
    });
    desk.writer.begin().unwrap();
    desk.writer.abort();
    while desk.reader.info().unwrap().wal_bytes > 0 {
        std::thread::yield_now();
    }
    assert!(desk.writer.begin().unwrap());
    desk.writer.abort();
}

#[test]
fn a_short_act_gets_its_turn_while_the_server_writes_without_a_pause() {
    let folder = Folder::new();
    let mut desk = talked(&folder.options());
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let load = scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                desk.send("scada", &["alice", "bob"], "again").unwrap();
            }
            desk
        });
        let _ends = crate::support::OnDrop(|| stop.store(true, Ordering::Relaxed));
        for index in 0..20 {
            let mut beside = open_beside(&folder.options()).unwrap();
            let now = crewline_api::Timestamp::from_millis(1);
            beside
                .directory()
                .add_user(&user(&format!("user {index}")), now)
                .unwrap();
        }
        stop.store(true, Ordering::Relaxed);
        let mut desk = load.join().unwrap();
        desk.send("scada", &["user 0", "user 19"], "welcome")
            .unwrap();
    });
    assert!(admin::check(&folder.store()).unwrap().is_ok());
}

#[test]
fn a_lock_that_is_held_too_long_is_a_conflict_and_then_all_is_well() {
    let folder = Folder::new();
    drop(talked(&folder.options()));
    let options = Options {
        busy_timeout_ms: 20,
        ..folder.options()
    };
    let mut desk = Desk::new(open(&options).unwrap());
    let mut shell = admin::open_shell(&folder.store(), true).unwrap();
    shell.run("BEGIN IMMEDIATE").unwrap();
    let error = desk.try_batch(&[]).unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Conflict);
    assert!(error.detail.contains("another process"), "{}", error.detail);
    let error = desk.writer.probe().unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Conflict);
    // Reading goes on.
    assert_eq!(desk.log("bob").len(), 5);
    shell.run("ROLLBACK").unwrap();
    desk.writer.probe().unwrap();
    desk.send("scada", &["bob"], "on again").unwrap();
}

/// Closing any handle on a file lets all locks of the process on it go, also those that SQLite holds.
#[cfg(target_os = "linux")]
#[test]
fn what_is_done_beside_in_one_process_takes_no_lock_away() {
    use std::os::unix::fs::MetadataExt as _;

    let folder = Folder::new();
    let desk = talked(&folder.options());
    let inode = format!(":{} ", std::fs::metadata(folder.store()).unwrap().ino());
    let is_locked = || {
        let locks = std::fs::read_to_string("/proc/locks").unwrap();
        locks.lines().any(|line| line.contains(&inode))
    };
    assert!(is_locked());
    drop(open_beside(&folder.options()).unwrap());
    assert!(is_locked());
    assert!(open(&folder.options()).is_err());
    assert!(is_locked());
    admin::check(&folder.store()).unwrap();
    admin::backup(&folder.store(), &folder.path().join("copy.db")).unwrap();
    drop(admin::open_shell(&folder.store(), true).unwrap());
    assert!(is_locked());
    drop(desk);
    assert!(!is_locked());
}

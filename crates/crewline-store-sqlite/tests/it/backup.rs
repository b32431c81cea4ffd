//! Backups: whole at any moment, and known as such when they are opened.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::sync::atomic::{AtomicBool, Ordering};

use crewline_core::StoreErrorKind;
use crewline_store_sqlite::{Options, admin, open, open_beside};

use crate::support::{Folder, talked};

#[test]
fn a_backup_under_load_is_whole_and_does_not_stop_the_server() {
    let folder = Folder::new();
    let mut desk = talked(&folder.options());
    let stop = AtomicBool::new(false);
    let mut counts = Vec::new();
    std::thread::scope(|scope| {
        let load = scope.spawn(|| {
            let mut sent = 0;
            while !stop.load(Ordering::Relaxed) {
                desk.send("scada", &["alice", "bob"], "again").unwrap();
                sent += 1;
            }
            sent
        });
        // The load ends, whatever becomes of this thread.
        let _ends = crate::support::OnDrop(|| stop.store(true, Ordering::Relaxed));
        for round in 0..5 {
            let to = folder.path().join(format!("backup-{round}.db"));
            admin::backup(&folder.store(), &to).unwrap();
            let report = admin::check(&to).unwrap();
            assert_eq!(report.problems, [""; 0]);
            assert_eq!(report.backup_of_epoch.as_ref(), Some(&report.epoch));
            counts.push(report.messages);
        }
        stop.store(true, Ordering::Relaxed);
        assert!(load.join().unwrap() > 0);
    });
    assert!(counts.is_sorted(), "{counts:?}");
}

#[test]
fn a_backup_that_is_opened_has_an_epoch_of_its_own_from_then_on() {
    let folder = Folder::new();
    let desk = talked(&folder.options());
    let epoch = desk.reader.epoch().unwrap();
    for beside in [false, true] {
        let copy = folder.path().join(format!("copy-{beside}.db"));
        admin::backup(&folder.store(), &copy).unwrap();
        let options = Options::new(&copy);
        let open_it = || {
            if beside {
                open_beside(&options).unwrap().reader().epoch().unwrap()
            } else {
                open(&options).unwrap().reader.epoch().unwrap()
            }
        };
        let renewed = open_it();
        assert_ne!(renewed, epoch);
        assert_eq!(open_it(), renewed);
        let report = admin::check(&copy).unwrap();
        assert!(
            report.is_ok() && report.backup_of_epoch.is_none(),
            "{report:?}"
        );
    }
    // The store itself is not touched.
    assert_eq!(desk.reader.epoch().unwrap(), epoch);
    assert_eq!(admin::check(&folder.store()).unwrap().backup_of_epoch, None);
}

#[test]
fn a_backup_holds_everything_that_was_answered() {
    let folder = Folder::new();
    let desk = talked(&folder.options());
    let copy = Folder::new();
    admin::backup(&folder.store(), &copy.store()).unwrap();
    let restored = copy.desk();
    for who in ["alice", "bob", "scada"] {
        assert_eq!(restored.log(who), desk.log(who));
    }
}

#[test]
fn a_backup_is_private_and_leaves_nothing_beside_it() {
    let folder = Folder::new();
    drop(talked(&folder.options()));
    let copy = Folder::new();
    admin::backup(&folder.store(), &copy.store()).unwrap();
    let mode = fs::metadata(copy.store()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(copy.names(), ["crewline.db"]);
}

#[test]
fn a_backup_never_replaces_a_file() {
    let folder = Folder::new();
    drop(talked(&folder.options()));
    let to = folder.path().join("notes.txt");
    fs::write(&to, "keep me").unwrap();
    let error = admin::backup(&folder.store(), &to).unwrap_err();
    assert!(
        error.detail.contains("notes.txt exists already"),
        "{}",
        error.detail
    );
    assert_eq!(folder.bytes("notes.txt"), b"keep me");
    assert!(admin::backup(&folder.store(), &folder.store()).is_err());
}

#[test]
fn a_backup_of_nothing_or_to_nowhere_is_refused() {
    let folder = Folder::new();
    let to = folder.path().join("copy.db");
    let error = admin::backup(&folder.store(), &to).unwrap_err();
    assert!(
        error.detail.contains("there is no store at"),
        "{}",
        error.detail
    );
    drop(talked(&folder.options()));
    let error = admin::backup(&folder.store(), &folder.path().join("no/copy.db")).unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Unavailable);
    assert!(
        error.detail.contains("/no does not exist"),
        "{}",
        error.detail
    );
    assert_eq!(folder.names(), ["crewline.db", "crewline.db-lock"]);
}

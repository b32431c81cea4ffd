//! Restoring: a whole backup takes the store's place, or nothing happens.

use std::fs;
use std::path::{Path, PathBuf};

use crewline_api::{AuditKind, Timestamp};
use crewline_core::{
    AuditActor, AuditQuery, NewAudit, NewSessionRow, NewToken, SecretHash, StoreErrorKind,
    TokenOwner, UserChange,
};
use crewline_store_sqlite::{Options, admin, open, open_beside};
use crewline_testkit::Desk;
use rusqlite::Connection;

use crate::support::{Folder, talked};

fn options(replace: bool) -> admin::RestoreOptions {
    admin::RestoreOptions {
        replace,
        revoke_sessions: false,
        stamp: "20261125T010203Z".to_owned(),
        note: None,
    }
}

fn restore(
    from: &Path,
    to: &Path,
    options: &admin::RestoreOptions,
) -> Result<admin::Restored, crewline_core::StoreError> {
    admin::restore(from, to, options, Box::new(|_, _| {}))
}

/// A store, and a backup of it that lacks its last message.
fn backed_up(folder: &Folder) -> PathBuf {
    let mut desk = talked(&folder.options());
    let backup = folder.path().join("backup");
    admin::backup(&folder.store(), &backup).unwrap();
    desk.send("scada", &["alice"], "After the backup").unwrap();
    backup
}

fn messages(path: &Path) -> u64 {
    let report = admin::check(path).unwrap();
    assert_eq!(report.problems, [""; 0]);
    report.messages
}

const KEPT: &str = "crewline.db.replaced-20261125T010203Z";

#[test]
fn a_backup_takes_the_place_of_a_store_which_is_kept_beside() {
    let folder = Folder::new();
    let backup = backed_up(&folder);
    let before = admin::check(&folder.store()).unwrap();
    let made = folder.bytes("backup");
    let restored = restore(&backup, &folder.store(), &options(true)).unwrap();
    assert_eq!(
        restored.kept,
        Some(fs::canonicalize(folder.path()).unwrap().join(KEPT))
    );
    assert_eq!(
        (restored.messages, &restored.backup_of_epoch),
        (2, &before.epoch)
    );
    assert_ne!(restored.epoch, before.epoch);
    let now = admin::check(&folder.store()).unwrap();
    assert!(now.is_ok() && now.backup_of_epoch.is_none(), "{now:?}");
    assert_eq!((now.messages, &now.epoch), (2, &restored.epoch));
    let kept = admin::check(&folder.path().join(KEPT)).unwrap();
    assert_eq!((kept.messages, &kept.epoch), (3, &before.epoch));
    assert_eq!(folder.bytes("backup"), made, "the backup is as it was");
    assert_eq!(
        folder.names(),
        ["backup", "crewline.db", "crewline.db-lock", KEPT],
        "nothing else is left"
    );
    // Opening it does not change the epoch again.
    let desk = folder.desk();
    assert_eq!(desk.reader.epoch().unwrap(), restored.epoch);
    // And the way back is the same.
    drop(desk);
    let kept = folder.path().join(KEPT);
    let mut again = options(true);
    again.stamp = "later".to_owned();
    let back = restore(&kept, &folder.store(), &again).unwrap();
    assert_eq!(back.messages, 3);
    assert_ne!(
        back.epoch, before.epoch,
        "numbers may have come again meanwhile"
    );
}

#[test]
fn where_there_is_no_store_a_backup_becomes_one_and_old_logs_are_no_part_of_it() {
    let folder = Folder::new();
    let backup = backed_up(&folder);
    let other = folder.path().join("other.db");
    // What somebody has left who removed only the file.
    fs::write(folder.path().join("other.db-wal"), "frames of another file").unwrap();
    let restored = restore(&backup, &other, &options(false)).unwrap();
    assert_eq!((restored.messages, &restored.kept), (2, &None));
    assert_eq!(restored.set_aside.len(), 1);
    assert_eq!(
        folder.bytes("other.db.replaced-20261125T010203Z-wal"),
        b"frames of another file"
    );
    assert_eq!(messages(&other), 2);
}

#[test]
fn what_must_not_be_replaced_is_not() {
    let folder = Folder::new();
    let backup = backed_up(&folder);
    let store = folder.store();
    let refused = |from: &Path, to: &Path, replace, expected: &str| {
        let before = (folder.names(), fs::read(to).ok());
        let error = restore(from, to, &options(replace)).unwrap_err();
        assert!(error.detail.contains(expected), "{}", error.detail);
        let mut names = folder.names();
        names.retain(|name| before.0.contains(name) || !name.ends_with("-lock"));
        assert_eq!((names, fs::read(to).ok()), before, "{expected}");
    };
    refused(&backup, &store, false, "--replace");
    refused(&store, &store, true, "is the store itself");
    refused(
        &folder.path().join("none"),
        &store,
        true,
        "there is no backup at",
    );
    refused(
        &backup,
        &folder.path().join("none/x.db"),
        true,
        "does not exist",
    );
    fs::write(folder.path().join("letter"), "a letter".repeat(30)).unwrap();
    refused(
        &folder.path().join("letter"),
        &store,
        true,
        "not a SQLite file",
    );
    let foreign = Connection::open(folder.path().join("foreign")).unwrap();
    foreign.execute_batch("CREATE TABLE x (y)").unwrap();
    drop(foreign);
    refused(
        &backup,
        &folder.path().join("foreign"),
        true,
        "some other program",
    );
    let desk = folder.desk();
    refused(&backup, &store, true, "is served already");
    drop(desk);
    let command = open_beside(&folder.options()).unwrap();
    // It has read something, and so has the file open.
    command.reader().users().unwrap();
    let error = restore(&backup, &store, &options(true)).unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Conflict, "{}", error.detail);
    drop(command);
    assert_eq!(messages(&store), 3);
}

#[test]
fn a_store_in_use_is_no_backup() {
    let folder = Folder::new();
    backed_up(&folder);
    let mut desk = folder.desk();
    desk.send("scada", &["alice"], "In the log").unwrap();
    let error = restore(
        &folder.store(),
        &folder.path().join("other.db"),
        &options(false),
    );
    let error = error.unwrap_err();
    assert!(
        error.detail.contains("crewline db backup"),
        "{}",
        error.detail
    );
}

#[test]
fn a_damaged_backup_is_not_put_in_place() {
    let folder = Folder::new();
    let backup = backed_up(&folder);
    // One that can be opened, and holds what cannot be.
    let sql = Connection::open(&backup).unwrap();
    sql.execute_batch("DELETE FROM log WHERE seq = 1").unwrap();
    drop(sql);
    let broken = folder.path().join("broken");
    let mut bytes = fs::read(&backup).unwrap();
    let half = bytes.len() / 2;
    bytes[half..].fill(0x55);
    fs::write(&broken, &bytes).unwrap();
    for backup in [&backup, &broken] {
        let error = restore(backup, &folder.store(), &options(true)).unwrap_err();
        assert_eq!(error.kind, StoreErrorKind::Corrupt);
        assert!(error.detail.contains("is not whole"), "{}", error.detail);
        assert_eq!(messages(&folder.store()), 3);
        assert!(!folder.names().iter().any(|name| name.contains("restoring")));
    }
}

#[test]
fn a_store_that_cannot_be_read_is_replaced_and_kept_byte_for_byte() {
    let folder = Folder::new();
    let backup = backed_up(&folder);
    let garbage = "this is no store any more ".repeat(1_000);
    fs::write(folder.store(), &garbage).unwrap();
    fs::write(folder.path().join("crewline.db-wal"), "and this no log").unwrap();
    let restored = restore(&backup, &folder.store(), &options(true)).unwrap();
    assert_eq!(restored.revived, None);
    assert_eq!(folder.bytes(KEPT), garbage.as_bytes());
    assert_eq!(folder.bytes(&format!("{KEPT}-wal")), b"and this no log");
    assert_eq!(messages(&folder.store()), 2);
}

#[test]
fn what_an_interrupted_restore_has_left_is_set_aside() {
    let folder = Folder::new();
    let backup = backed_up(&folder);
    fs::write(
        folder.path().join("crewline.db.restoring"),
        "perhaps the old store",
    )
    .unwrap();
    let restored = restore(&backup, &folder.store(), &options(true)).unwrap();
    let name = "crewline.db.interrupted-20261125T010203Z";
    assert!(restored.set_aside[0].ends_with(name), "{restored:?}");
    assert_eq!(folder.bytes(name), b"perhaps the old store");
}

#[test]
fn a_backup_of_an_older_version_is_brought_to_this_one() {
    let folder = Folder::new();
    let old = folder.path().join("old");
    let sql = Connection::open(&old).unwrap();
    sql.execute_batch(include_str!("../../migrations/0001_start.sql"))
        .unwrap();
    sql.execute_batch(
        "PRAGMA application_id = 0x4352574C; PRAGMA user_version = 1;
         INSERT INTO meta VALUES ('epoch', 'old'), ('directory_version', 0), ('probe', 0), ('created_at', 0);
         INSERT INTO participant (no, id, folded, standing, created_at) VALUES (1, 'alice', 'alice', 1, 0)",
    )
    .unwrap();
    drop(sql);
    let made = fs::read(&old).unwrap();
    let restored = restore(&old, &folder.store(), &options(false)).unwrap();
    assert_eq!(restored.backup_of_epoch, "old");
    assert_eq!(
        admin::check(&folder.store()).unwrap().schema,
        crewline_store_sqlite::NEWEST_SCHEMA
    );
    assert_eq!(fs::read(&old).unwrap(), made, "the backup is as it was");
    let users = folder.desk().reader.users().unwrap();
    assert_eq!(users[0].id.as_str(), "alice");
}

fn token(desk: &mut Desk, secret: &str) -> i64 {
    let token = NewToken {
        hash: SecretHash::of(secret),
        owner: TokenOwner::Administration,
    };
    let now = desk.now;
    let row = desk.directory(|directory| directory.create_token(&token, now));
    row.unwrap().no.0
}

#[test]
fn what_was_taken_back_since_the_backup_is_named() {
    let folder = Folder::new();
    let mut desk = Desk::new(open(&folder.options()).unwrap());
    desk.add_user("alice");
    desk.add_user("bob");
    let (gone, stays) = (token(&mut desk, "gone"), token(&mut desk, "stays"));
    let session = NewSessionRow {
        hash: SecretHash::of("session"),
        user: desk.no("alice").unwrap(),
        device_id: None,
        device_name: None,
        expires_at: Timestamp::from_millis(i64::MAX / 2),
    };
    let now = desk.now;
    desk.directory(|directory| directory.open_session(&session, now))
        .unwrap();
    let backup = folder.path().join("backup");
    admin::backup(&folder.store(), &backup).unwrap();
    desk.directory(|directory| {
        directory.revoke_token(crewline_core::TokenNo(gone))?;
        directory.change_user(&"bob".parse().unwrap(), &UserChange::Disable, now)?;
        let password = UserChange::Password("$argon2id$new".to_owned());
        directory.change_user(&"alice".parse().unwrap(), &password, now)
    })
    .unwrap();
    drop(desk);
    let restored = restore(&backup, &folder.store(), &options(true)).unwrap();
    assert_eq!((restored.tokens, restored.sessions), (2, 1));
    let revived = restored.revived.unwrap();
    assert!(
        stays != gone && revived.tokens.iter().eq([&gone]),
        "{revived:?}"
    );
    assert!(revived.users.iter().eq(["bob"]), "{revived:?}");
    assert_eq!(revived.passwords, 1);

    let signed_out = admin::RestoreOptions {
        revoke_sessions: true,
        stamp: "later".to_owned(),
        ..options(true)
    };
    let restored = restore(&backup, &folder.store(), &signed_out).unwrap();
    assert_eq!((restored.tokens, restored.sessions), (2, 0));
    let desk = folder.desk();
    let found = desk.reader.credential(&SecretHash::of("session"), desk.now);
    assert_eq!(found.unwrap(), None);
}

#[test]
fn the_new_store_belongs_to_whom_the_old_one_belonged() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = Folder::new();
    let backup = backed_up(&folder);
    fs::set_permissions(folder.store(), fs::Permissions::from_mode(0o640)).unwrap();
    restore(&backup, &folder.store(), &options(true)).unwrap();
    let mode = |name: &str| {
        fs::metadata(folder.path().join(name))
            .unwrap()
            .permissions()
            .mode()
    };
    assert_eq!(mode("crewline.db") & 0o777, 0o640);
    restore(&backup, &folder.path().join("new.db"), &options(false)).unwrap();
    assert_eq!(
        mode("new.db") & 0o777,
        0o600,
        "texts are nobody else's business"
    );
}

#[test]
fn a_link_to_the_store_stays_a_link() {
    let folder = Folder::new();
    let backup = backed_up(&folder);
    let link = folder.path().join("link.db");
    std::os::unix::fs::symlink(folder.store(), &link).unwrap();
    restore(&backup, &link, &options(true)).unwrap();
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    assert_eq!(messages(&folder.store()), 2);
    assert!(Options::new(&link).path.exists());
}

#[test]
fn the_new_store_says_in_its_audit_that_it_was_restored() {
    let folder = Folder::new();
    let backup = backed_up(&folder);
    let by = AuditActor::terminal("uid 0");
    let note = NewAudit::new(by, AuditKind::StoreRestored);
    let noted = admin::RestoreOptions {
        note: Some((note, Timestamp::from_millis(7))),
        revoke_sessions: true,
        ..options(true)
    };
    let restored = restore(&backup, &folder.store(), &noted).unwrap();
    let query = AuditQuery {
        what: vec![AuditKind::StoreRestored],
        ..AuditQuery::default()
    };
    let found = folder.desk().reader.audit(&query, 9).unwrap().entries;
    let [entry] = found.as_slice() else {
        panic!("{found:?}");
    };
    assert_eq!((entry.at.as_millis(), entry.who.as_str()), (7, "uid 0"));
    let said = format!(
        "of epoch {}; every session was closed",
        restored.backup_of_epoch
    );
    assert_eq!(entry.detail.as_deref(), Some(said.as_str()));
}

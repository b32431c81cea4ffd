//! A disk that cannot be written: refused in words that help, and read where only reading is asked for.

use crewline_core::StoreErrorKind;
use crewline_store_sqlite::{Options, admin, open, open_beside};

use crate::mount::with_mount;
use crate::support::{Folder, talked};

#[test]
fn a_store_is_not_served_from_a_read_only_disk() {
    with_mount(
        "read_only::a_store_is_not_served_from_a_read_only_disk",
        "size=8m",
        |mount| {
            let options = Options::new(mount.path().join("crewline.db"));
            drop(talked(&options));
            mount.make_read_only();
            for error in [
                open(&options).err().unwrap(),
                open_beside(&options).err().unwrap(),
            ] {
                assert_eq!(error.kind, StoreErrorKind::Unavailable, "{error}");
                for word in ["crewline.db", "cannot be used", "mounted for writing"] {
                    assert!(error.detail.contains(word), "{}", error.detail);
                }
            }
            let nowhere = Options::new(mount.path().join("new.db"));
            let error = open(&nowhere).err().unwrap();
            assert!(error.detail.contains("new.db"), "{}", error.detail);
        },
    );
}

#[test]
fn a_backup_on_a_read_only_disk_can_be_checked() {
    with_mount(
        "read_only::a_backup_on_a_read_only_disk_can_be_checked",
        "size=8m",
        |mount| {
            let folder = Folder::new();
            drop(talked(&folder.options()));
            let copy = mount.path().join("copy.db");
            admin::backup(&folder.store(), &copy).unwrap();
            mount.make_read_only();
            assert!(admin::check(&copy).unwrap().is_ok());
            let mut shell = admin::open_shell(&copy, false).unwrap();
            assert_eq!(
                shell.run("SELECT count(*) FROM message").unwrap()[0].rows,
                [["2"]]
            );
            let error = admin::backup(&copy, &mount.path().join("again.db")).unwrap_err();
            assert_eq!(error.kind, StoreErrorKind::Unavailable);
            assert!(error.detail.contains("again.db"), "{}", error.detail);
        },
    );
}

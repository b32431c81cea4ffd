//! A disk that runs full takes nothing half, and goes on when there is room again.

use std::fs;

use crewline_core::StoreErrorKind;
use crewline_store_sqlite::{Options, admin, open};
use crewline_testkit::Desk;

use crate::mount::with_mount;
use crate::support::talked;

#[test]
fn nothing_is_half_written_and_writing_works_again_without_opening_anew() {
    let name = "disk_full::nothing_is_half_written_and_writing_works_again_without_opening_anew";
    with_mount(name, "size=3m", |mount| {
        let options = Options {
            checkpoint_pages: 100,
            ..Options::new(mount.path().join("crewline.db"))
        };
        let mut desk = talked(&options);
        let ballast = mount.path().join("ballast");
        fs::write(&ballast, vec![0; 1_500_000]).unwrap();
        let mut sent = 2;
        let error = loop {
            match send(&mut desk) {
                Ok(()) => sent += 1,
                Err(error) => break error,
            }
        };
        assert_eq!(error.kind, StoreErrorKind::Full, "{error}");
        for word in ["no room", "crewline.db", "Free some space"] {
            assert!(error.detail.contains(word), "{}", error.detail);
        }
        // What was there can be read, and what was refused is not there.
        let count = || admin::check(&options.path).unwrap();
        let report = count();
        assert_eq!((report.messages, report.problems), (sent, Vec::new()));
        assert_eq!(desk.log("bob").len() as u64, sent + 3);
        // Nothing but room is needed.
        fs::remove_file(&ballast).unwrap();
        desk.writer.probe().unwrap();
        for _ in 0..20 {
            send(&mut desk).unwrap();
        }
        let report = count();
        assert_eq!((report.messages, report.problems), (sent + 20, Vec::new()));
        drop(desk);
        assert!(admin::check(&options.path).unwrap().is_ok());
    });
}

fn send(desk: &mut Desk) -> Result<(), crewline_core::StoreError> {
    let message = crewline_api::NewMessage::builder("scada", "SCADA", "x".repeat(3_000))
        .to_all(["alice", "bob"])
        .build()
        .unwrap();
    let command = crewline_core::SendCommand::new(message, crewline_core::DeviceNo(1)).unwrap();
    for answer in desk.try_batch(&[crewline_core::Command::Send(command)])? {
        answer.unwrap();
    }
    Ok(())
}

#[test]
fn a_store_is_not_made_on_a_full_disk_and_is_when_there_is_room() {
    let name = "disk_full::a_store_is_not_made_on_a_full_disk_and_is_when_there_is_room";
    with_mount(name, "size=1m", |mount| {
        let ballast = mount.path().join("ballast");
        // As much as fits.
        let _ = fs::write(&ballast, vec![0; 2_000_000]);
        let options = Options::new(mount.path().join("crewline.db"));
        let error = open(&options).err().unwrap();
        assert_eq!(error.kind, StoreErrorKind::Full, "{error}");
        fs::remove_file(&ballast).unwrap();
        talked(&options);
    });
}

#[test]
fn a_backup_to_a_full_disk_leaves_nothing_behind() {
    let name = "disk_full::a_backup_to_a_full_disk_leaves_nothing_behind";
    with_mount(name, "size=64k", |mount| {
        let folder = crate::support::Folder::new();
        drop(talked(&folder.options()));
        let error = admin::backup(&folder.store(), &mount.path().join("copy.db")).unwrap_err();
        assert_eq!(error.kind, StoreErrorKind::Full, "{error}");
        assert!(error.detail.contains("copy.db"), "{}", error.detail);
        assert_eq!(fs::read_dir(mount.path()).unwrap().count(), 0);
    });
}

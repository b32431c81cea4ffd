//! The layer itself: it sees every call, and forgets what was not synced.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::Path;

use crewline_powercut::{Names, Recording, Style, Tape};
use crewline_testkit::Random;

/// What of a file is left after a cut at the end.
fn left(tape: &Tape, style: Style, names: Names, file: &str) -> Option<String> {
    let folder = tempfile::tempdir().unwrap();
    let mut random = Random::new(1);
    tape.image(tape.calls.len(), (style, names), &mut random, folder.path())
        .unwrap();
    fs::read_to_string(folder.path().join(file)).ok()
}

fn sync_folder(folder: &Path) {
    File::open(folder).unwrap().sync_all().unwrap();
}

#[test]
fn what_was_synced_stays_and_what_was_not_may_go() {
    let folder = tempfile::tempdir().unwrap();
    let recording = Recording::begin(folder.path(), None);
    let mut file = File::create(folder.path().join("file")).unwrap();
    sync_folder(folder.path());
    file.write_all(b"synced ").unwrap();
    file.sync_data().unwrap();
    file.write_all(b"not synced").unwrap();
    let tape = recording.end();
    let left = |style| left(&tape, style, Names::Dropped, "file").unwrap();
    assert_eq!(left(Style::Dropped), "synced ");
    assert_eq!(left(Style::Kept), "synced not synced");
}

#[test]
fn a_name_is_there_once_its_folder_was_synced() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("old"), "old").unwrap();
    let recording = Recording::begin(folder.path(), None);
    let mut file = File::create(folder.path().join("part")).unwrap();
    file.write_all(b"new").unwrap();
    file.sync_all().unwrap();
    fs::rename(folder.path().join("part"), folder.path().join("new")).unwrap();
    fs::remove_file(folder.path().join("old")).unwrap();
    let (tape, synced) = before_and_after_a_sync(recording, folder.path());
    let dropped = |file| left(&synced, Style::Dropped, Names::Dropped, file);
    assert_eq!(dropped("new").as_deref(), Some("new"));
    assert_eq!((dropped("part"), dropped("old")), (None, None));
    let dropped = |file| left(&tape, Style::Dropped, Names::Dropped, file);
    assert_eq!((dropped("new"), dropped("part")), (None, None));
    assert_eq!(dropped("old").as_deref(), Some("old"));
}

fn before_and_after_a_sync(recording: Recording, folder: &Path) -> (Tape, Tape) {
    let calls_before = crewline_powercut::position();
    sync_folder(folder);
    let after = recording.end();
    let mut before = after.clone();
    before.calls.truncate(calls_before);
    (before, after)
}

#[test]
fn a_sync_that_is_under_way_promises_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let recording = Recording::begin(folder.path(), None);
    let mut file = File::create(folder.path().join("file")).unwrap();
    sync_folder(folder.path());
    file.write_all(b"bytes").unwrap();
    file.sync_data().unwrap();
    let mut tape = recording.end();
    let kept = |tape: &Tape| left(tape, Style::Dropped, Names::Dropped, "file").unwrap();
    assert_eq!(kept(&tape), "bytes");
    tape.calls.pop();
    assert_eq!(kept(&tape), "");
}

#[test]
fn a_write_is_torn_at_borders_of_sectors() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("file"), vec![b'a'; 40_000]).unwrap();
    let recording = Recording::begin(folder.path(), None);
    let mut file = File::options()
        .write(true)
        .open(folder.path().join("file"))
        .unwrap();
    file.write_all(&vec![b'b'; 40_000]).unwrap();
    let tape = recording.end();
    let torn = left(&tape, Style::Sectors, Names::Kept, "file").unwrap();
    assert!(torn.contains('a') && torn.contains('b'));
    for sector in torn.as_bytes().chunks(512) {
        assert!(sector.iter().all(|byte| *byte == sector[0]));
    }
}

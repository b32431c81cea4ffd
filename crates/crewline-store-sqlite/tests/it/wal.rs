//! The write-ahead log begins anew, however busy the store is.

use std::fs::File;
use std::io::Read as _;
use std::sync::atomic::{AtomicBool, Ordering};

use crewline_api::EventKinds;
use crewline_store_sqlite::{Options, admin};

use crate::support::{Folder, talked};

/// How often the WAL has begun anew: its header counts.
fn restarts(folder: &Folder) -> u32 {
    let mut header = [0; 16];
    let read = File::open(folder.path().join("crewline.db-wal"))
        .and_then(|mut wal| wal.read_exact(&mut header));
    read.map_or(0, |()| {
        u32::from_be_bytes([header[12], header[13], header[14], header[15]])
    })
}

fn small_steps(folder: &Folder) -> Options {
    Options {
        checkpoint_pages: 40,
        synchronous_full: false,
        ..folder.options()
    }
}

#[test]
fn it_begins_anew_under_a_writer_and_readers_that_never_pause() {
    let folder = Folder::new();
    let mut desk = talked(&small_steps(&folder));
    let reader = desk.reader.clone();
    let alice = desk.no("alice").unwrap();
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    reader.log(alice, 0, EventKinds::ALL, 20).unwrap();
                }
            });
        }
        let _ends = crate::support::OnDrop(|| stop.store(true, Ordering::Relaxed));
        let first = restarts(&folder);
        while restarts(&folder) < first + 3 {
            desk.send("scada", &["alice", "bob"], "again").unwrap();
        }
    });
    drop((desk, reader));
    assert!(admin::check(&folder.store()).unwrap().is_ok());
}

#[test]
fn it_waits_for_a_long_reading_and_then_begins_anew() {
    let folder = Folder::new();
    let mut desk = talked(&small_steps(&folder));
    let mut shell = admin::open_shell(&folder.store(), false).unwrap();
    shell.run("BEGIN; SELECT count(*) FROM message").unwrap();
    for _ in 0..400 {
        desk.send("scada", &["alice", "bob"], "again").unwrap();
    }
    // What the reading may need stays where it is, and is told; the writer does not wait.
    let info = desk.reader.info().unwrap();
    assert!(info.wal_bytes > 400 * 2 * 4_096, "{info:?}");
    let held = restarts(&folder);
    assert_eq!(
        shell.run("SELECT count(*) FROM message").unwrap()[0].rows,
        [["2"]]
    );
    shell.run("COMMIT").unwrap();
    while restarts(&folder) == held {
        desk.send("scada", &["alice", "bob"], "again").unwrap();
    }
}

#[test]
fn what_is_left_is_moved_when_nothing_is_written() {
    let folder = Folder::new();
    let desk = talked(&folder.options());
    while desk.reader.info().unwrap().wal_bytes > 0 {
        std::thread::yield_now();
    }
    assert_eq!(desk.log("bob").len(), 5);
}

//! Stores in folders of their own, and what tests do with them.

use std::path::{Path, PathBuf};

use crewline_api::{EventKinds, NewMessage, NewMessageUser, NewReply, ReceiptState};
use crewline_store_sqlite::{Options, open};
use crewline_testkit::{Desk, Fixture, external, person};
use tempfile::TempDir;

/// A folder for one test, removed with it.
pub(crate) struct Folder {
    dir: TempDir,
}

impl Folder {
    pub(crate) fn new() -> Self {
        Self {
            dir: tempfile::Builder::new()
                .prefix("crewline-")
                .tempdir()
                .unwrap(),
        }
    }

    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
    }

    /// The store's file.
    pub(crate) fn store(&self) -> PathBuf {
        self.path().join("crewline.db")
    }

    pub(crate) fn options(&self) -> Options {
        Options::new(self.store())
    }

    /// Opens the store to serve it.
    pub(crate) fn desk(&self) -> Desk {
        Desk::new(open(&self.options()).unwrap())
    }
}

/// Does something at the end of a scope, also when a test fails: threads that run until they are told must be told.
pub(crate) struct OnDrop<F: Fn()>(pub(crate) F);

impl<F: Fn()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

impl Folder {
    /// The bytes of a file in it.
    pub(crate) fn bytes(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.path().join(name)).unwrap()
    }

    /// The names of the files in it, sorted.
    pub(crate) fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.path()).unwrap();
        let mut names: Vec<String> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }
}

/// A desk at a store with two users, who have talked: each kind of row is there.
pub(crate) fn talked(options: &Options) -> Desk {
    let mut desk = Desk::new(open(options).unwrap());
    desk.add_user("alice");
    desk.add_user("bob");
    let message = NewMessage::builder("scada", "SCADA", "Breaker 1204 has tripped")
        .to(NewMessageUser::new("alice")
            .on_delivered_payload("d")
            .on_read_payload("r"))
        .to("bob")
        .idempotency_key("once")
        .build()
        .unwrap();
    let sent = desk.send_message(message).unwrap();
    desk.say("alice", sent.message_id, ReceiptState::Delivered)
        .unwrap();
    desk.say("bob", sent.message_id, ReceiptState::Acknowledged)
        .unwrap();
    desk.reply("alice", sent.chat_id, NewReply::new("On my way"), None)
        .unwrap();
    desk.put_cursor(external("scada"), "main", 3, EventKinds::ALL, false)
        .unwrap();
    desk.chat(person("alice", 1), &["bob"]).unwrap();
    desk
}

/// An empty store for a case of the conformance suite. It need not outlive a power cut.
pub(crate) fn fixture() -> Fixture {
    let folder = Folder::new();
    let options = Options {
        synchronous_full: false,
        ..folder.options()
    };
    Fixture {
        opened: open(&options).unwrap(),
        guard: Box::new(folder),
    }
}

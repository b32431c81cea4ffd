//! The writer of the bare relay: takes what is waiting, writes it in one transaction, and hands over what may be told.

use std::collections::{HashMap, VecDeque};
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex};

use rusqlite::Connection;

use crate::sqlite::{Checkpointer, connect};

/// What is to be written.
pub(crate) enum Work {
    Send {
        from: u64,
        id: u64,
        to: u64,
        text: String,
    },
    /// Everything up to this message is stored.
    Ack { who: u64, message: i64 },
}

/// What was written, and may be told.
pub(crate) enum Told {
    Accepted { to: u64, id: u64, message: i64 },
    Message { to: u64, message: i64, text: String },
    Receipt { to: u64, message: i64 },
}

impl Told {
    pub(crate) fn to_whom(&self) -> u64 {
        match self {
            Self::Accepted { to, .. } | Self::Message { to, .. } | Self::Receipt { to, .. } => *to,
        }
    }
}

#[derive(Default)]
struct Waiting {
    works: Vec<Work>,
    asleep: bool,
}

/// What waits for the thread that writes. There is no bound: the generator has 64 under way.
#[derive(Default)]
pub(crate) struct Writer {
    waiting: Mutex<Waiting>,
    filled: Condvar,
}

impl Writer {
    pub(crate) fn start(
        path: &Path,
        mut tell: impl FnMut(Vec<Told>) + Send + 'static,
    ) -> Arc<Self> {
        let writer = Arc::<Self>::default();
        let mut tables = Tables::make(path);
        let waiting = Arc::clone(&writer);
        std::thread::spawn(move || {
            loop {
                tell(tables.write(waiting.take()));
            }
        });
        writer
    }

    pub(crate) fn push(&self, works: &mut Vec<Work>) {
        if works.is_empty() {
            return;
        }
        let mut waiting = self.waiting.lock().unwrap();
        waiting.works.append(works);
        // Each wake is a call of the kernel.
        let asleep = std::mem::take(&mut waiting.asleep);
        drop(waiting);
        if asleep {
            self.filled.notify_one();
        }
    }

    fn take(&self) -> Vec<Work> {
        let mut waiting = self.waiting.lock().unwrap();
        while waiting.works.is_empty() {
            waiting.asleep = true;
            waiting = self.filled.wait(waiting).unwrap();
        }
        waiting.asleep = false;
        std::mem::take(&mut waiting.works)
    }
}

struct Tables {
    connection: Connection,
    last: i64,
    /// For each receiver, what it was told and did not confirm: the message and its sender.
    unconfirmed: HashMap<u64, VecDeque<(i64, u64)>>,
    _checkpointer: Checkpointer,
}

impl Tables {
    fn make(path: &Path) -> Self {
        let mut connection = connect(path);
        connection
            .execute_batch(
                "CREATE TABLE message (
                    no INTEGER PRIMARY KEY, sender INTEGER NOT NULL, recipient INTEGER NOT NULL, sent_at INTEGER NOT NULL,
                    text TEXT NOT NULL
                 ) STRICT;
                 CREATE TABLE receipt (
                    message INTEGER NOT NULL, recipient INTEGER NOT NULL, at INTEGER NOT NULL,
                    PRIMARY KEY (message, recipient)
                 ) STRICT, WITHOUT ROWID;",
            )
            .unwrap();
        let checkpointer = Checkpointer::start(path, &mut connection);
        Self {
            connection,
            last: 0,
            unconfirmed: HashMap::new(),
            _checkpointer: checkpointer,
        }
    }

    fn write(&mut self, works: Vec<Work>) -> Vec<Told> {
        let prepare = |sql| self.connection.prepare_cached(sql).unwrap();
        let mut message = prepare(
            "INSERT INTO message (no, sender, recipient, sent_at, text) VALUES (?1, ?2, ?3, ?4, ?5)",
        );
        let mut receipt =
            prepare("INSERT INTO receipt (message, recipient, at) VALUES (?1, ?2, ?3)");
        let now = jiff::Timestamp::now().as_millisecond();
        let mut told = Vec::with_capacity(2 * works.len());
        prepare("BEGIN IMMEDIATE").execute(()).unwrap();
        for work in works {
            match work {
                Work::Send { from, id, to, text } => {
                    self.last += 1;
                    let no = self.last;
                    message
                        .execute((no, from as i64, to as i64, now, &text))
                        .unwrap();
                    self.unconfirmed
                        .entry(to)
                        .or_default()
                        .push_back((no, from));
                    told.push(Told::Accepted {
                        to: from,
                        id,
                        message: no,
                    });
                    told.push(Told::Message {
                        to,
                        message: no,
                        text,
                    });
                }
                Work::Ack {
                    who,
                    message: up_to,
                } => {
                    let waiting = self.unconfirmed.entry(who).or_default();
                    while let Some(&(no, sender)) = waiting.front() {
                        if no > up_to {
                            break;
                        }
                        waiting.pop_front();
                        receipt.execute((no, who as i64, now)).unwrap();
                        told.push(Told::Receipt {
                            to: sender,
                            message: no,
                        });
                    }
                }
            }
        }
        prepare("COMMIT").execute(()).unwrap();
        told
    }
}

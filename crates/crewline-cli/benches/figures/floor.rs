//! The floor: a bare loop on the tables of the store.

use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::Connection;

use crate::machine::{Turn, cpu};
use crate::sqlite::{Checkpointer, connect};
use crate::{PEOPLE, TEXT};

/// A store with its tables, as the server makes it, and a chat for each of the people with the sender.
fn make(path: &Path) -> Connection {
    drop(crewline_store_sqlite::open(&crewline_store_sqlite::Options::new(path)).unwrap());
    let connection = connect(path);
    connection.execute_batch("BEGIN").unwrap();
    connection
        .execute(
            "INSERT INTO participant (no, id, folded, standing) VALUES (0, 'scada', 'scada', 2)",
            (),
        )
        .unwrap();
    for no in 1..=PEOPLE as i64 {
        let id = format!("user-{no}");
        connection
            .execute(
                "INSERT INTO participant (no, id, folded, standing) VALUES (?1, ?2, ?2, 1)",
                (no, id),
            )
            .unwrap();
        connection
            .execute(
                "INSERT INTO chat (no, salt, created_by, created_at, last_position, last_activity) VALUES (?1, 1, 0, 0, 0, 0)",
                [no],
            )
            .unwrap();
        for member in [0, no] {
            connection
                .execute("INSERT INTO member (chat, participant, done, read_position) VALUES (?1, ?2, 0, 0)", [no, member])
                .unwrap();
        }
    }
    connection.execute_batch("COMMIT").unwrap();
    connection
}

/// Writes one batch: for each message the message, the event of its recipient, and the head of its chat.
fn batch(connection: &Connection, from: u64, count: usize) {
    let prepare = |sql| connection.prepare_cached(sql).unwrap();
    prepare("BEGIN IMMEDIATE").execute(()).unwrap();
    {
        let mut message = prepare(
            "INSERT INTO message (no, salt, chat, position, sender, sender_name, priority, sent_at, has_payloads, reply_to, text)
             VALUES (?1, ?2, ?3, ?4, 0, 'SCADA', 2, ?5, 0, NULL, ?6)",
        );
        let mut log = prepare(
            "INSERT INTO log (participant, seq, kind, message, who, detail) VALUES (?1, ?2, 1, ?3, NULL, NULL)",
        );
        let mut chat = prepare(
            "UPDATE chat SET last_position = ?2, last_activity = ?3, last_message = ?4 WHERE no = ?1",
        );
        for no in from..from + count as u64 {
            let (person, position) = (
                1 + (no % PEOPLE as u64) as i64,
                1 + (no / PEOPLE as u64) as i64,
            );
            let now = 1_800_000_000_000 + no as i64;
            let salt = (no.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 24) as i64;
            message
                .execute((no as i64 + 1, salt, person, position, now, TEXT))
                .unwrap();
            log.execute((person, position, no as i64 + 1)).unwrap();
            chat.execute((person, position, now, no as i64 + 1))
                .unwrap();
        }
    }
    prepare("COMMIT").execute(()).unwrap();
}

/// Runs the loop for a time, with so many messages a transaction. Pages are moved by another thread, as in the store.
pub(crate) fn run(path: &Path, in_flight: usize, time: Duration) -> Turn {
    let mut connection = make(path);
    let checkpointer = Checkpointer::start(path, &mut connection);
    let (begun, used, mut messages) = (Instant::now(), cpu("self"), 0);
    while begun.elapsed() < time {
        batch(&connection, messages, in_flight);
        messages += in_flight as u64;
    }
    let turn = Turn {
        messages,
        time: begun.elapsed(),
        cpu: cpu("self").saturating_sub(used),
    };
    drop(checkpointer);
    turn
}

/// Bytes of WAL for each message.
pub(crate) fn wal_bytes(path: &Path, in_flight: usize) -> f64 {
    let connection = make(path);
    connection
        .query_row("PRAGMA wal_checkpoint(TRUNCATE)", (), |_| Ok(()))
        .unwrap();
    let batches = (20_000 / in_flight).clamp(10, 500);
    for at in 0..batches {
        batch(&connection, (at * in_flight) as u64, in_flight);
    }
    let wal = std::fs::metadata(path.with_extension("db-wal"))
        .unwrap()
        .len();
    wal as f64 / (batches * in_flight) as f64
}

//! The floor on PostgreSQL: a bare loop on the same tables, with one statement for each table and batch.

use std::time::{Duration, Instant};

use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, NoTls};

use crate::machine::{Turn, cpu};
use crate::{PEOPLE, TEXT};

const MESSAGE: &str = "INSERT INTO message (no, salt, chat, position, sender, sender_name, priority, sent_at, has_payloads, text)
     SELECT no, no, chat, position, 0, 'SCADA', 2, no, false, $4 FROM unnest($1::int8[], $2::int8[], $3::int8[]) u (no, chat, position)";
const LOG: &str = "INSERT INTO log (participant, seq, kind, message)
     SELECT chat, position, 1, no FROM unnest($1::int8[], $2::int8[], $3::int8[]) u (no, chat, position)";
const CHAT: &str = "UPDATE chat c SET last_position = u.position, last_activity = u.no, last_message = u.no
     FROM (SELECT chat, max(position) AS position, max(no) AS no
           FROM unnest($1::int8[], $2::int8[], $3::int8[]) u (no, chat, position) GROUP BY chat) u WHERE c.no = u.chat";

/// The floor: batches of so many messages, each one transaction of three statements that travel together.
pub(super) fn bare_loop(url: &str, in_flight: usize, time: Duration) -> Turn {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
        tokio::spawn(connection);
        // As the store does.
        let once = "SET plan_cache_mode = force_generic_plan";
        client.batch_execute(once).await.unwrap();
        make(&client).await;
        let (message, log, chat) = (
            client.prepare(MESSAGE).await.unwrap(),
            client.prepare(LOG).await.unwrap(),
            client.prepare(CHAT).await.unwrap(),
        );
        let (begun, used, mut messages) = (Instant::now(), cpu("self"), 0u64);
        while begun.elapsed() < time {
            let range = messages..messages + in_flight as u64;
            let nos: Vec<i64> = range.clone().map(|no| no as i64 + 1).collect();
            let chats: Vec<i64> = range
                .clone()
                .map(|no| 1 + (no % PEOPLE as u64) as i64)
                .collect();
            let places: Vec<i64> = range.map(|no| 1 + (no / PEOPLE as u64) as i64).collect();
            client.batch_execute("BEGIN").await.unwrap();
            let new: [&(dyn ToSql + Sync); 4] = [&nos, &chats, &places, &TEXT];
            let done = tokio::join!(
                client.execute(&message, &new),
                client.execute(&log, &new[..3]),
                client.execute(&chat, &new[..3]),
                client.batch_execute("COMMIT"),
            );
            let _ = (done.0.unwrap(), done.1.unwrap(), done.2.unwrap());
            done.3.unwrap();
            messages += in_flight as u64;
        }
        Turn {
            messages,
            time: begun.elapsed(),
            cpu: cpu("self").saturating_sub(used),
        }
    })
}

/// A chat for each of the people with the sender.
async fn make(client: &Client) {
    let rows = format!(
        "SET search_path = crewline;
         INSERT INTO participant (no, id, folded, standing) SELECT no, 'user-' || no, 'user-' || no, 1 FROM generate_series(0, {PEOPLE}) no;
         INSERT INTO chat (no, salt, created_by, created_at, last_position, last_activity)
             SELECT no, 1, 0, 0, 0, 0 FROM generate_series(1, {PEOPLE}) no;
         INSERT INTO member (chat, participant, done, read_position)
             SELECT no, who, 0, 0 FROM generate_series(1, {PEOPLE}) no, LATERAL (VALUES (0), (no)) w (who)"
    );
    client.batch_execute(&rows).await.unwrap();
}

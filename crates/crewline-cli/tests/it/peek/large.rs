//! Many messages: the program is killed in the middle of them, then the source goes away, and nothing is lost or taken twice.

use std::process::Child;
use std::time::Instant;

use serde_json::json;

use super::{check, counts, import, stored};
use crate::postgres::Postgres;
use crate::support::{PATIENCE, World};

/// 50,000 messages in 40 chats of a system and two people each; every tenth is of a person, every hundredth an emergency.
/// One has read all, the other nothing of the last day.
const LARGE: &str = r#"
INSERT INTO pl_chat."ChatTuple" SELECT c, '2026-11-01Z', 'k' || c FROM generate_series(1, 40) c;
INSERT INTO pl_chat."ChatUserTuple" SELECT c * 10 + m, c, (ARRAY['dms', 'reads all ' || c, 'lags ' || c])[m], m = 1,
    (ARRAY['2026-10-01Z', '2026-11-03Z', '2026-11-01 06:00Z'])[m]::timestamptz
    FROM generate_series(1, 40) c, generate_series(1, 3) m;
INSERT INTO pl_chat."MessageTuple" SELECT i, 1 + i % 40, 'Message ' || i, CASE WHEN i % 100 = 0 THEN 1 ELSE 2 END,
    CASE WHEN i % 10 = 3 THEN 'reads all ' || (1 + i % 40) ELSE 'dms' END, '2026-11-01Z'::timestamptz + i * interval '1 second', null
    FROM generate_series(1, 50000) i;
INSERT INTO pl_chat."MessageReadPayloadTuple" SELECT i, i, (1 + i % 40) * 10 + 3, convert_to('ticket ' || i, 'UTF8')
    FROM generate_series(40000, 50000) i WHERE i % 10 <> 3;
"#;

#[test]
fn fifty_thousand_messages_move_in_once_killed_and_left_in_the_middle_or_not() {
    let Some(postgres) = Postgres::start() else {
        return;
    };
    postgres.sql(LARGE);
    let (world, before, url) = (World::new(), postgres.everything(), postgres.url());
    let run = || {
        let mut command = world.command(&["import", "peek", "--from", &url]);
        command.spawn().unwrap()
    };
    let mut killed = run();
    until_stored(&world, 1, &mut killed);
    killed.kill().unwrap();
    killed.wait().unwrap();
    is_a_part(&world, 1);
    // Then the source goes away.
    let mut left_alone = run();
    until_stored(&world, 15_000, &mut left_alone);
    postgres.sql(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'crewline import peek'",
    );
    let ended = left_alone.wait_with_output().unwrap();
    let said = String::from_utf8(ended.stderr).unwrap();
    assert_eq!(ended.status.code(), Some(1), "{said}");
    assert!(said.contains("it goes on from where it stopped"), "{said}");
    is_a_part(&world, 15_000);
    let there = u64::try_from(stored(&world)).unwrap();
    let report = import(&world, &postgres, &["--json"]).ok().json();
    assert_eq!(
        counts(&report, "messages"),
        (50_000 - there, there, 0),
        "{report}"
    );
    let checked = check(&world);
    assert_eq!(
        (&checked["ok"], &checked["messages"]),
        (&true.into(), &50_000.into()),
        "{checked}"
    );
    let events = checked["events"].clone();
    let again = import(&world, &postgres, &["--json"]).ok().json();
    for (of, all) in [
        ("messages", 50_000),
        ("chats", 40),
        ("users", 80),
        ("readMarks", 80),
        ("readPayloads", 9_001),
    ] {
        assert_eq!(counts(&again, of), (0, all, 0), "{of}: {again}");
    }
    assert_eq!(
        check(&world)["events"],
        events,
        "a second run tells nobody anything"
    );
    assert_eq!(
        postgres.everything(),
        before,
        "nothing is written to the source"
    );

    let (dms, lags) = (world.external("dms"), world.user("lags 1"));
    let server = world.serve();
    let list = server.get("/api/v1/me/chats", &lags).1;
    // Of the 1,250 messages of the chat, 540 are of the first six hours.
    assert_eq!(list["chats"][0]["unread"], 710, "{list}");
    let newest = &list["chats"][0]["lastMessage"]["messageId"];
    let read =
        json!({ "receipts": [{ "chatId": list["chats"][0]["chatId"], "readUpTo": newest }] });
    assert_eq!(
        server.call("POST", "/api/v1/receipts", &lags, Some(read)).0,
        200
    );
    let head = server.head(&dms);
    let page = server
        .get(
            &format!("/api/v1/participants/me/events?after={}&limit=1", head - 1),
            &dms,
        )
        .1;
    // The newest one is an emergency, which is read by itself; the one before it fires last.
    assert_eq!(
        page["events"][0]["data"]["payload"], "dGlja2V0IDQ5OTYw",
        "{page}"
    );
    server.stop().ok();
    assert_eq!(check(&world)["ok"], true);
}

/// Waits until so many messages are in the store.
fn until_stored(world: &World, part: i64, child: &mut Child) {
    let start = Instant::now();
    let wait = || {
        assert!(start.elapsed() < 2 * PATIENCE, "nothing is stored");
        std::thread::yield_now();
    };
    while stored(world) == 0 && child.try_wait().unwrap().is_none() {
        wait();
    }
    // Numbers have no gaps; to count them each time would take longer than to store them.
    let sql = rusqlite::Connection::open(world.path("crewline.db")).unwrap();
    let newest = || {
        sql.query_row("SELECT max(no) FROM message", [], |row| {
            row.get::<_, i64>(0)
        })
    };
    while newest().unwrap_or(0) < part && child.try_wait().unwrap().is_none() {
        wait();
    }
}

/// A part is in the store, and the store is whole.
fn is_a_part(world: &World, part: i64) {
    let there = stored(world);
    assert!(
        (part..50_000).contains(&there),
        "it ended in the middle: {there}"
    );
    let checked = check(world);
    let expected = (&true.into(), &there.into());
    assert_eq!(
        (&checked["ok"], &checked["messages"]),
        expected,
        "{checked}"
    );
}

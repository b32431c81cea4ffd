//! Moving in from the original: a real PostgreSQL with its tables, read by the real program.

use serde_json::{Value, json};

use crate::postgres::{Postgres, SECRET};
use crate::support::{Done, World};

/// Three chats: dms and alice; "a,b" and dms; alice, bob and "Zoë \"🚑\"".
const SMALL: &str = r#"
INSERT INTO pl_chat."ChatTuple" VALUES (1, '2026-11-01 10:00Z', 'alice,dms'), (2, '2026-11-01 11:00Z', 'a,b,dms'),
    (3, '2026-11-01 12:00Z', 'alice,bob,Zoë'), (4, '2026-11-01 09:00Z', 'bob,dms');
INSERT INTO pl_chat."ChatUserTuple" VALUES
    (10, 1, 'dms', true, '2026-11-01 09:00Z'), (11, 1, 'alice', false, '2026-11-01 09:30:00Z'),
    (20, 2, 'dms', true, '2026-11-01 10:30Z'), (21, 2, 'a,b', false, '2026-11-01 08:00Z'),
    (30, 3, 'alice', false, '2026-11-01 11:30Z'), (31, 3, 'bob', false, '2026-11-01 12:00Z'), (32, 3, 'Zoë "🚑" O''Neill', false, '2026-10-01Z'),
    (40, 4, 'dms', true, '2026-11-01 09:00Z'), (41, 4, 'bob', false, '2026-11-01 09:00Z');
INSERT INTO pl_chat."MessageTuple" VALUES
    (100, 1, 'Breaker 1204 has tripped', 2, 'dms', '2026-11-01 09:00Z', null),
    (101, 1, 'It closed again', 1, 'dms', '2026-11-01 09:10Z', null),
    (102, 1, 'Look at 1205', 3, 'dms', '2026-11-01 10:00Z', null),
    (103, 1, 'And at 1206', 1, 'dms', '2026-11-01 10:00Z', null),
    (200, 2, 'Only for one', 2, 'dms', '2026-11-01 11:00Z', null),
    (300, 3, 'Who is on shift?', 2, 'alice', '2026-11-01 11:30Z', null),
    (301, 3, 'I am', 2, 'bob', '2026-11-01 12:00Z', null);
INSERT INTO pl_chat."MessageReadPayloadTuple" VALUES
    (1, 100, 11, 'ticket-100'), (2, 102, 11, 'ticket-102'), (3, 200, 21, 'ticket-200');
"#;

fn import(world: &World, postgres: &Postgres, more: &[&str]) -> Done {
    let url = postgres.url();
    let mut args = vec!["import", "peek", "--from", &url];
    args.extend(more);
    let done = world.run(&args);
    assert!(
        !format!("{}{}", done.out, done.err).contains(SECRET),
        "{done:?}"
    );
    done
}

fn counts(report: &Value, of: &str) -> (u64, u64, u64) {
    let number = |name: &str| report[of][name].as_u64().unwrap();
    (number("taken"), number("there"), number("left"))
}

fn check(world: &World) -> Value {
    world.run(&["db", "check", "--json"]).ok().json()
}

#[test]
fn an_original_moves_in_whole_and_goes_on_from_there() {
    let Some(postgres) = Postgres::start() else {
        return;
    };
    postgres.sql(SMALL);
    let (world, before) = (World::new(), postgres.everything());
    let dry = import(&world, &postgres, &["--dry-run", "--json"])
        .ok()
        .json();
    assert_eq!(
        (counts(&dry, "messages"), counts(&dry, "chats")),
        ((7, 0, 0), (4, 0, 0)),
        "{dry}"
    );
    assert!(!world.path("crewline.db").exists());
    let report = import(&world, &postgres, &["--json"]).ok().json();
    for (of, expected) in [
        ("users", (4, 0, 0)),
        ("externals", (1, 0, 0)),
        ("chats", (4, 0, 0)),
        ("messages", (7, 0, 0)),
        ("readPayloads", (3, 0, 0)),
    ] {
        assert_eq!(counts(&report, of), expected, "{of}: {report}");
    }
    assert_eq!(report["readPayloadsFired"], 1, "{report}");
    assert_eq!(
        postgres.everything(),
        before,
        "nothing is written to the source"
    );
    let checked = check(&world);
    assert_eq!(
        (&checked["ok"], &checked["messages"]),
        (&true.into(), &7.into()),
        "{checked}"
    );

    let (dms, alice, zoe) = (
        world.external("dms"),
        world.user("alice"),
        world.user("Zoë \"🚑\" O'Neill"),
    );
    let odd = world.user("a,b");
    let server = world.serve();
    let chats = |token: &str| server.get("/api/v1/me/chats", token).1;
    let unread = |token: &str| -> Vec<(u64, String)> {
        let all = chats(token);
        let chat = |chat: &Value| {
            (
                chat["unread"].as_u64().unwrap(),
                chat["lastActivityAt"].as_str().unwrap().to_owned(),
            )
        };
        all["chats"].as_array().unwrap().iter().map(chat).collect()
    };
    let at = |time: &str| format!("2026-11-01T{time}:00.000Z");
    assert_eq!(unread(&alice), [(1, at("12:00")), (2, at("10:00"))]);
    assert_eq!(unread(&zoe), [(2, at("12:00"))]);
    assert_eq!(unread(&odd), [(1, at("11:00"))]);
    // What alice had read is read since then, the emergency too; what she had not is not.
    let chat = chats(&alice)["chats"][1]["chatId"]
        .as_str()
        .unwrap()
        .to_owned();
    let history = server
        .get(&format!("/api/v1/chats/{chat}/messages"), &dms)
        .1;
    let states: Vec<(&str, &str)> = history["messages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|message| {
            (
                message["message"].as_str().unwrap(),
                message["recipients"][0]["state"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        states,
        [
            ("And at 1206", "accepted"),
            ("Look at 1205", "accepted"),
            ("It closed again", "read"),
            ("Breaker 1204 has tripped", "read")
        ]
    );
    assert_eq!(
        history["messages"][3]["recipients"][0]["readAt"],
        at("09:30")
    );
    assert_eq!(history["messages"][3]["sentAt"], at("09:00"));

    // The payload of what was read before is in the sender's log; the other fires when alice reads, once.
    let fired = || -> Vec<String> {
        let page = server
            .get("/api/v1/participants/me/events?types=message.read", &dms)
            .1;
        let payload = |event: &Value| event["data"]["payload"].as_str().map(str::to_owned);
        page["events"]
            .as_array()
            .unwrap()
            .iter()
            .filter_map(payload)
            .collect()
    };
    assert_eq!(fired(), ["dGlja2V0LTEwMA=="]);
    let newest = &history["messages"][0]["messageId"];
    let read = json!({ "receipts": [{ "chatId": chat, "readUpTo": newest }] });
    for _ in 0..2 {
        assert_eq!(
            server
                .call("POST", "/api/v1/receipts", &alice, Some(read.clone()))
                .0,
            200
        );
    }
    assert_eq!(fired(), ["dGlja2V0LTEwMA==", "dGlja2V0LTEwMg=="]);
    // The system's consumer begins with what comes now, and the chat goes on where it stood.
    let reply = json!({ "message": "On my way" });
    let (status, sent) = server.call(
        "POST",
        &format!("/api/v1/chats/{chat}/messages"),
        &alice,
        Some(reply),
    );
    assert_eq!((status, &sent["position"]), (201, &5.into()), "{sent}");
    let page = server
        .get(
            "/api/v1/participants/me/events?cursor=default.messages&types=message.received",
            &dms,
        )
        .1;
    assert_eq!(page["events"].as_array().unwrap().len(), 1, "{page}");
    server.stop().ok();
    assert_eq!(check(&world)["ok"], true);
}

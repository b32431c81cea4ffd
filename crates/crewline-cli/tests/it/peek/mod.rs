//! Moving in from the original: a real PostgreSQL with its tables, read by the real program.

mod large;

use serde_json::{Value, json};

use crate::authority::Authority;
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
    (number("taken"), number("known"), number("left"))
}

/// What the table for people says of something.
fn row_of<'d>(done: &'d Done, of: &str) -> Vec<&'d str> {
    let row = done.out.lines().find(|line| line.starts_with(of)).unwrap();
    row[of.len()..].split_whitespace().collect()
}

/// How many messages are in the store by now.
fn stored(world: &World) -> i64 {
    let Ok(sql) = rusqlite::Connection::open(world.path("crewline.db")) else {
        return 0;
    };
    let count = sql.query_row("SELECT count(*) FROM message", [], |row| row.get(0));
    count.unwrap_or(0)
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
    for name in ["default.messages", "messages:default"] {
        let path = format!("/api/v1/participants/me/events?cursor={name}&types=message.received");
        let page = server.get(&path, &dms).1;
        assert_eq!(
            page["events"].as_array().unwrap().len(),
            1,
            "{name}: {page}"
        );
    }
    server.stop().ok();
    assert_eq!(check(&world)["ok"], true);
}

#[test]
fn what_cannot_be_taken_is_named_and_the_rest_is_taken() {
    let Some(postgres) = Postgres::start() else {
        return;
    };
    postgres.sql(SMALL);
    // Ids of 2,000 characters fit there and not here; the original holds no two things together.
    postgres.sql(
        r#"INSERT INTO pl_chat."ChatTuple" VALUES (5, '2026-11-01 09:00Z', 'long');
           INSERT INTO pl_chat."ChatUserTuple" VALUES (50, 5, 'dms', true, '2026-11-01Z'), (51, 5, repeat('ü', 2000), false, '2026-11-01Z'),
               (90, 9, 'alice', false, '2026-11-01Z');
           INSERT INTO pl_chat."MessageTuple" VALUES (500, 5, 'To somebody long', 2, 'dms', '2026-11-01Z', null),
               (900, 9, 'To nobody', 2, 'dms', '2026-11-01Z', null), (104, 1, '', 2, 'dms', '2026-11-01Z', null),
               (105, 1, 'When?', 2, 'dms', 'infinity', null), (106, 1, repeat('x', 2000), 7, 'dms', '2026-11-02Z', null);
           INSERT INTO pl_chat."MessageReadPayloadTuple" VALUES (4, 999, 11, 'lost'), (5, 106, 11, decode(repeat('00', 70000), 'hex'))"#,
    );
    let world = World::new();
    let report = import(&world, &postgres, &["--json"]).ok().json();
    let named = |list: &str| -> Vec<String> {
        let row = |row: &Value| {
            format!(
                "{} {}: {}",
                row["kind"].as_str().unwrap(),
                row["id"],
                row["why"].as_str().unwrap()
            )
        };
        report[list].as_array().unwrap().iter().map(row).collect()
    };
    assert_eq!(
        named("left"),
        [
            "member 90: its chat 9 is not there",
            "chat 5: the id of its member 51 has 4000 bytes; at most 255 are allowed",
            "message 104: its text is empty",
            "message 500: its chat 5 was not taken",
            "message 900: its chat 9 is not there",
            "payload 5: it has 70000 bytes; at most 65536 are allowed",
            "message 105: it has no time",
            "payload 4: its message 999 is not there",
        ]
    );
    assert_eq!(
        named("changed"),
        ["message 106: has the priority 2 here; it had 7"]
    );
    assert_eq!(counts(&report, "messages"), (8, 0, 4));
    assert_eq!(check(&world)["ok"], true);
    let said = import(&world, &postgres, &[]).ok();
    assert!(row_of(&said, "messages") == ["0", "8", "4"], "{}", said.out);
    assert!(
        said.out
            .contains("  payload 4: its message 999 is not there\n"),
        "{}",
        said.out
    );
}

#[test]
fn a_source_or_a_store_that_is_wrong_is_told_and_nothing_is_changed() {
    let Some(postgres) = Postgres::start() else {
        return;
    };
    postgres.sql(SMALL);
    let world = World::new();
    let url = postgres.url();
    let failed = |from: &str, more: &[&str]| {
        let mut args = vec!["import", "peek", "--from", from];
        args.extend(more);
        let done = world.run(&args);
        assert!(
            done.code != 0 && !format!("{}{}", done.out, done.err).contains(SECRET),
            "{done:?}"
        );
        done.err
    };
    let wrong = url.replace(SECRET, "pQ7-never-shown-either");
    let said = failed(&wrong, &[]);
    assert!(
        said.contains("password authentication failed") && said.contains("reader:(hidden)@"),
        "{said}"
    );
    let said = failed(&format!("{url}?sslmode=require"), &[]);
    assert!(said.contains("TLS"), "{said}");
    assert!(failed("mysql://db/peek", &[]).contains("no address of PostgreSQL"));
    assert!(failed(&format!("{url}?sslmode=maybe"), &[]).contains("cannot be understood"));
    assert!(failed(&url.replace("/postgres", "/template1"), &[]).contains("pl_chat"));
    assert!(
        !world.path("crewline.db").exists(),
        "no store is made before the source is read"
    );

    // The password may stand in the environment.
    let without = url.replace(&format!(":{SECRET}"), "");
    let args = ["import", "peek", "--from", &without];
    world.run_env(&args, &[("PGPASSWORD", SECRET)]).ok();
    // Nor into a store that is served, or holds something else.
    let server = world.serve();
    let said = failed(&url, &[]);
    assert!(said.contains("is served already"), "{said}");
    server.stop().ok();
    postgres.sql(r#"DELETE FROM pl_chat."MessageTuple"; INSERT INTO pl_chat."MessageTuple" VALUES (999, 1, 'New', 2, 'dms', '2026-11-03Z', null)"#);
    let said = failed(&url, &[]);
    assert!(
        said.contains("none of them is of this source") && said.contains("--add"),
        "{said}"
    );
    assert_eq!(stored(&world), 7);
    import(&world, &postgres, &["--add"]).ok();
    assert_eq!((stored(&world), &check(&world)["ok"]), (8, &true.into()));
}

#[test]
fn by_tls_the_source_has_to_show_who_it_is() {
    let authority = Authority::new();
    let made = authority.make("db", &["127.0.0.1"]);
    let prepare = |data: &std::path::Path| {
        std::fs::write(data.join("server.crt"), &made.certificate).unwrap();
        std::fs::write(data.join("server.key"), &made.key).unwrap();
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        std::fs::set_permissions(data.join("server.key"), mode).unwrap();
        "ssl = on\n".to_owned()
    };
    let Some(postgres) = Postgres::start_with(prepare) else {
        return;
    };
    postgres.sql(SMALL);
    let world = World::new();
    let url = format!("{}?sslmode=require", postgres.url());
    let args = ["import", "peek", "--from", &url];
    let refused = world.run(&args).failed(1);
    assert!(
        refused.err.contains("certificate") && !refused.err.contains(SECRET),
        "{refused:?}"
    );
    world.write("ca.pem", &authority.pem());
    let done = world
        .run(&["import", "peek", "--from", &url, "--ca-file", "ca.pem"])
        .ok();
    assert!(row_of(&done, "messages") == ["7", "0", "0"], "{}", done.out);
}

#[test]
fn the_page_about_moving_in_shows_what_the_program_says() {
    let Some(postgres) = Postgres::start() else {
        return;
    };
    postgres.sql(SMALL);
    postgres.sql(
        r#"INSERT INTO pl_chat."MessageTuple" VALUES (104, 1, ' ', 2, 'dms', '2026-11-01 10:00Z', null);
           INSERT INTO pl_chat."MessageReadPayloadTuple" VALUES (4, 98, 11, 'lost')"#,
    );
    let said = import(&World::new(), &postgres, &[]).ok().out;
    let page = include_str!("../../../../../docs/howto-from-the-original.md");
    let shown = said.lines().map(|line| format!("   {line}\n"));
    assert!(
        page.contains(&shown.collect::<String>()),
        "the page does not show this:\n{said}"
    );
}

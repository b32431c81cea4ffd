//! `crewline migrate`: a store with something of everything is moved, is stopped on its way, and answers as before.

use std::path::Path;

use crewline_api::{EventKinds, Timestamp};
use crewline_core::search::{Search, SearchWords};
use crewline_core::{AuditQuery, Cut, Reader, SecretHash};
use crewline_testkit::postgres::Postgres;
use crewline_testkit::{Desk, EXTERNALS, Random, USERS, draw};
use serde_json::json;

use crate::support::{Done, PASSWORD, Process, World, until};

const FILE: &str = "sqlite://crewline.db";
/// A time at which no session has ended yet.
const NOW: Timestamp = Timestamp::from_millis(0);

/// A store with something of everything, and secrets that are good in it.
struct Filled {
    world: World,
    secrets: Vec<String>,
}

fn options(path: &Path) -> crewline_store_sqlite::Options {
    crewline_store_sqlite::Options::new(path)
}

/// Messages, replies, receipts, cursors, payloads, groups and reminders, and what retention left of them.
fn play(path: &Path) {
    let quick = crewline_store_sqlite::Options {
        synchronous_full: false,
        ..options(path)
    };
    let mut desk = Desk::new(crewline_store_sqlite::open(&quick).unwrap());
    for user in USERS {
        desk.add_user(user);
    }
    let (mut random, mut world) = (Random::new(7), crewline_testkit::World::default());
    for round in 0..60 {
        let ops: Vec<_> = (0..5).map(|_| draw(&mut random, &world)).collect();
        for answer in desk.batch(&ops).iter().flatten() {
            world.learn(answer);
        }
        if round == 30 {
            let before = Timestamp::from_millis(desk.now.as_millis() - 20);
            let release = before;
            desk.prune(Cut { before, release }, 100);
        }
    }
    while desk.writer.index(1_000).unwrap() {}
}

impl Filled {
    fn new() -> Self {
        let world = World::new();
        play(&world.path("crewline.db"));
        let csv = format!("id,name,role,password\ndora,Dora,dispatcher,{PASSWORD}\nemil,,crew,\n");
        world.write("users.csv", &csv);
        world.write("phone.json", r#"{"revision": 0, "number": "112"}"#);
        for args in [
            &["user", "import", "users.csv"] as &[&str],
            &["user", "disable", "emil"],
            &["user", "watch", "dora", "scada"],
            &["user", "duty", "dora", "on"],
            &["group", "add", "north", "dora", "alice", "--name", "Nörd"],
            &["push", "key"],
            &["organisation", "set", "phone", "phone.json"],
            &["webhook", "add", "oms", "https://example.org/hook"],
        ] {
            world.run(args).ok();
        }
        let create = |args: &[&str]| {
            let all = [&["token", "create"], args].concat();
            world.run(&all).ok().line().to_owned()
        };
        let mut secrets = vec![
            create(&["--external", "pump", "--external", "pump:*"]),
            create(&["--user", "dora"]),
            create(&["--admin"]),
        ];
        let revoked = create(&["--external", "gone"]);
        world.run(&["token", "revoke", &revoked]).ok();
        secrets.push(serve_a_little(&world, &secrets));
        Self { world, secrets }
    }

    fn migrate(&self, from: &str, to: &str, more: &[&str]) -> Done {
        let all = [&["migrate", "--from", from, "--to", to], more].concat();
        self.world.run(&all)
    }
}

/// What only a server does: somebody signs in, and a message with payloads and a key is read. Returns the session's secret.
fn serve_a_little(world: &World, secrets: &[String]) -> String {
    let server = world.serve();
    let body = json!({ "userId": "dora", "password": PASSWORD, "deviceName": "Dora's phone" });
    let (status, session) = server.call("POST", "/api/v1/session", "", Some(body));
    assert_eq!(status, 201, "{session}");
    let session = session["token"].as_str().unwrap().to_owned();
    let body = json!({
        "fromExtUserId": "pump", "fromExtUserName": "Pump", "message": "Pressure is low 🚑", "priority": 1,
        "toUsers": [{ "toUserId": "dora", "onDeliveredPayload": "AAEC", "onReadPayload": "/w==" }],
    });
    let (status, sent) = server.call("POST", "/api/v1/messages", &secrets[0], Some(body));
    assert_eq!(status, 201, "{sent}");
    server.receipt(&session, &sent["messageId"], "read");
    server.stop().ok();
    session
}

/// All that readers say of a store, a line for each answer.
fn everything(reader: &dyn Reader, secrets: &[String]) -> Vec<String> {
    let mut all = Vec::new();
    let mut add =
        |what: &str, answer: &dyn std::fmt::Debug| all.push(format!("{what}: {answer:?}"));
    add("epoch", &reader.epoch().unwrap());
    add("directory", &reader.directory_version().unwrap());
    add("users", &reader.users().unwrap());
    add("tokens", &reader.tokens().unwrap());
    add("people", &reader.people("", None, 1_000).unwrap());
    add("groups", &reader.groups(None, 1_000).unwrap());
    add("organisation", &reader.organisation().unwrap());
    add(
        "behind",
        &reader
            .cursors_behind(Timestamp::from_millis(2_000_000_000_000), 1_000)
            .unwrap(),
    );
    add(
        "audit",
        &reader.audit(&AuditQuery::default(), 1_000).unwrap(),
    );
    add(
        "push key",
        &reader.push_key().unwrap().map(|key| key.reveal().to_vec()),
    );
    add("push", &reader.push_subscriptions(NOW).unwrap());
    for hook in reader.webhooks().unwrap() {
        add(
            "webhook",
            &(
                &hook.participant,
                &hook.url,
                hook.secret.reveal(),
                hook.kinds,
            ),
        );
    }
    for secret in secrets {
        let credential = reader.credential(&SecretHash::of(secret), NOW).unwrap();
        assert!(credential.is_some(), "a secret is not good any more");
        add("credential", &credential);
    }
    for who in USERS
        .iter()
        .chain(&EXTERNALS)
        .chain(&["dora", "emil", "pump", "nobody"])
    {
        let id = who.parse().unwrap();
        let Some(row) = reader.participant(&id).unwrap() else {
            continue;
        };
        add("participant", &row);
        let password = reader.password(&id).unwrap();
        add(
            "password",
            &password.map(|row| (row.no, row.hash, row.disabled, row.role)),
        );
        add("me", &reader.me(row.no, NOW).unwrap());
        add("contact", &reader.last_contacts(&[row.no]).unwrap());
        add("watchers", &reader.watchers(&id, None, 1_000).unwrap());
        add(
            "log",
            &reader.log(row.no, 0, EventKinds::ALL, 10_000).unwrap(),
        );
        let cursors = ["a", "b"].map(|name| reader.cursor(row.no, &name.parse().unwrap()).unwrap());
        add(
            "cursors",
            &cursors.map(|row| row.map(|row| (row.seq, row.kinds, row.put_at, row.released))),
        );
        let chats = reader.chats(row.no, None, 1_000).unwrap();
        for chat in &chats.chats {
            let page = reader
                .history(&[row.no], chat.chat_id, None, 1_000)
                .unwrap()
                .unwrap();
            for message in &page.messages {
                add("story", &reader.story(message.message_id).unwrap());
            }
            add("history", &page);
        }
        add("chats", &chats);
        for words in ["text 1", "pres", "\"is low\"", "te"] {
            let words = SearchWords::read(words);
            let found = reader
                .search(
                    row.no,
                    &Search {
                        words,
                        ..Search::default()
                    },
                    1_000,
                )
                .unwrap();
            add("found", &found);
        }
    }
    all
}

fn of_file(path: &Path, secrets: &[String]) -> Vec<String> {
    let store = crewline_store_sqlite::open_beside(&options(path)).unwrap();
    everything(store.reader(), secrets)
}

fn of_database(url: &str, secrets: &[String]) -> Vec<String> {
    let options = crewline_store_postgres::Options::new(url);
    let store = crewline_store_postgres::open_beside(&options, false).unwrap();
    everything(store.reader(), secrets)
}

#[track_caller]
fn same(one: &[String], other: &[String]) {
    assert_eq!(one.len(), other.len());
    for (one, other) in one.iter().zip(other) {
        assert_eq!(one, other);
    }
}

#[test]
fn a_store_answers_the_same_when_it_was_moved_and_when_it_was_moved_back() {
    let Some(postgres) = Postgres::start() else {
        return;
    };
    let filled = Filled::new();
    let (world, url) = (&filled.world, postgres.database());
    let before = of_file(&world.path("crewline.db"), &filled.secrets);
    let moved = filled.migrate(FILE, &url, &[]).ok();
    assert!(
        moved.out.contains("is moved to postgres://127.0.0.1"),
        "{moved:?}"
    );
    assert!(
        !moved.out.contains("pQ7") && !moved.err.contains("pQ7"),
        "{moved:?}"
    );
    same(&before, &of_database(&url, &filled.secrets));
    world.run(&["db", "check", "--store", &url]).ok();
    let again = filled.migrate(FILE, &url, &[]).failed(1);
    assert!(again.err.contains("holds a store already"), "{again:?}");
    let anew = filled.migrate(FILE, &url, &["--anew"]).failed(1);
    assert!(anew.err.contains("stays as it is"), "{anew:?}");
    let back = filled
        .migrate(&url, "sqlite://back.db", &["--json"])
        .ok()
        .json();
    assert_eq!(
        (&back["ok"], &back["wentOn"]),
        (&true.into(), &false.into()),
        "{back}"
    );
    same(&before, &of_file(&world.path("back.db"), &filled.secrets));
    world
        .run(&["db", "check", "--store", "sqlite://back.db"])
        .ok();
    // What people hold is good at a server on the new store.
    let server = world.serve_with(&["--store", &url]);
    for secret in [&filled.secrets[1], &filled.secrets[3]] {
        assert_eq!(server.get("/api/v1/people", secret).0, 200);
    }
    let body = json!({ "userId": "dora", "password": PASSWORD });
    assert_eq!(
        server.call("POST", "/api/v1/session", "", Some(body)).0,
        201
    );
    server.stop().ok();
}

/// Lets whoever writes a row into a table of the target do something before.
fn before_row(postgres: &Postgres, url: &str, table: &str, when: &str, what: &str) {
    postgres.sql(
        url,
        &format!(
            "CREATE OR REPLACE FUNCTION crewline.fault() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {what}; RETURN NEW; END $$;
             CREATE TRIGGER fault BEFORE INSERT ON crewline.{table} FOR EACH ROW WHEN ({when}) EXECUTE FUNCTION crewline.fault()"
        ),
    );
}

fn no_fault(postgres: &Postgres, url: &str) {
    postgres.sql(url, "DROP FUNCTION crewline.fault CASCADE");
}

/// An empty store: a target whose tables are there.
fn empty(postgres: &Postgres) -> String {
    let url = postgres.database();
    let options = crewline_store_postgres::Options::new(&url);
    crewline_store_postgres::open_beside(&options, true).unwrap();
    url
}

const SLEEPERS: &str = "FROM pg_stat_activity WHERE wait_event = 'PgSleep'";

#[test]
fn a_move_that_is_stopped_in_the_middle_goes_on_and_nothing_is_twice() {
    let Some(postgres) = Postgres::start() else {
        return;
    };
    let filled = Filled::new();
    let (world, url) = (&filled.world, empty(&postgres));
    let command = [
        "migrate", "--from", FILE, "--to", &url, "--rows", "7", "--json",
    ];
    for (table, when, stop) in [
        ("participant", "NEW.no = 3", "-KILL"),
        ("message", "NEW.no = 40", "-KILL"),
        ("receipt", "NEW.state = 2", "-INT"),
        ("log", "NEW.participant = 2 AND NEW.seq % 10 = 0", "-KILL"),
        ("log", "NEW.participant = 4", "away"),
        ("audit", "true", "-KILL"),
    ] {
        before_row(&postgres, &url, table, when, "PERFORM pg_sleep(600)");
        let process = Process::start(world.command(&command));
        until("it is in the middle of a table", || {
            postgres.sql(&url, &format!("SELECT count(*) {SLEEPERS}")) == ["1"]
        });
        if stop == "away" {
            postgres.kill();
            let done = process.end().failed(1);
            assert!(done.err.contains("cannot be used now"), "{done:?}");
            postgres.start_again();
        } else {
            process.signal(stop);
            process.end();
            postgres.sql(
                &url,
                &format!("SELECT pg_terminate_backend(pid, 10000) {SLEEPERS}"),
            );
        }
        no_fault(&postgres, &url);
        for args in [
            &["serve", "--listen", "127.0.0.1:0"] as &[&str],
            &["db", "check"],
            &["user", "list"],
        ] {
            let refused = world.run(&[args, &["--store", &url]].concat()).failed(1);
            assert!(refused.err.contains("half-made copy"), "{refused:?}");
        }
    }
    let done = world.run(&command).ok().json();
    assert_eq!(
        (&done["ok"], &done["wentOn"]),
        (&true.into(), &true.into()),
        "{done}"
    );
    let audit = done["tables"].as_array().unwrap().last().unwrap();
    assert_eq!(
        done["copied"]["rows"], audit["to"]["rows"],
        "only what was left is copied: {done}"
    );
    let before = of_file(&world.path("crewline.db"), &filled.secrets);
    same(&before, &of_database(&url, &filled.secrets));
    world.run(&["db", "check", "--store", &url]).ok();
}

#[test]
fn a_row_that_differs_is_found_and_the_copy_is_not_served_until_it_is_made_anew() {
    let Some(postgres) = Postgres::start() else {
        return;
    };
    let filled = Filled::new();
    let (world, url) = (&filled.world, empty(&postgres));
    before_row(
        &postgres,
        &url,
        "message",
        "NEW.no = 40",
        "NEW.sent_at := NEW.sent_at + 1",
    );
    let found = filled.migrate(FILE, &url, &[]).failed(1);
    let differs: Vec<&str> = found
        .out
        .lines()
        .filter(|line| !line.ends_with("the same"))
        .collect();
    assert_eq!(differs.len(), 2, "the heading and one table: {found:?}");
    assert!(differs[1].starts_with("message "), "{found:?}");
    assert!(found.err.contains("--anew"), "{found:?}");
    let refused = world
        .run(&["serve", "--listen", "127.0.0.1:0", "--store", &url])
        .failed(1);
    assert!(refused.err.contains("half-made copy"), "{refused:?}");
    filled.migrate(FILE, &url, &[]).failed(1);
    filled.migrate(FILE, &url, &["--anew"]).ok();
    world.run(&["db", "check", "--store", &url]).ok();
}

#[test]
fn a_source_that_changed_since_and_a_target_that_is_of_another_are_refused() {
    let Some(postgres) = Postgres::start() else {
        return;
    };
    let filled = Filled::new();
    let (world, url) = (&filled.world, empty(&postgres));
    before_row(&postgres, &url, "log", "true", "RAISE EXCEPTION 'not now'");
    let failed = filled.migrate(FILE, &url, &[]).failed(1);
    assert!(failed.err.contains("not now"), "{failed:?}");
    no_fault(&postgres, &url);
    world
        .run(&["user", "add", "frida", "--store", "sqlite://other.db"])
        .ok();
    let other = filled.migrate("sqlite://other.db", &url, &[]).failed(1);
    assert!(other.err.contains("of another store"), "{other:?}");
    world.run(&["user", "add", "frida"]).ok();
    let changed = filled.migrate(FILE, &url, &[]).failed(1);
    assert!(changed.err.contains("changed since"), "{changed:?}");
    filled.migrate(FILE, &url, &["--anew"]).ok();
    let file = filled.migrate(&url, FILE, &[]).failed(1);
    assert!(file.err.contains("holds a store already"), "{file:?}");
}

#[test]
fn what_is_served_what_is_a_backup_and_what_is_nothing_is_not_moved() {
    let Some(postgres) = Postgres::start() else {
        return;
    };
    let world = World::with_users(&["alice"]);
    let url = postgres.database();
    let migrate = |from: &str, to: &str| world.run(&["migrate", "--from", from, "--to", to]);
    let server = world.serve();
    let served = migrate(FILE, &url).failed(1);
    assert!(served.err.contains("is served already"), "{served:?}");
    server.stop().ok();
    world.run(&["db", "backup", "copy.db"]).ok();
    let backup = migrate("sqlite://copy.db", &url).failed(1);
    assert!(backup.err.contains("is a backup"), "{backup:?}");
    let nothing = migrate("sqlite://nothing.db", &url).failed(1);
    assert!(nothing.err.contains("there is no store"), "{nothing:?}");
    assert!(!world.path("nothing.db").exists());
    let nothing = migrate(&url, "sqlite://new.db").failed(1);
    assert!(nothing.err.contains("there is no store"), "{nothing:?}");
    assert!(!world.path("new.db").exists());
    migrate(FILE, FILE).failed(2);
    migrate("crewline.db", &url).failed(2);
    migrate(FILE, &url).ok();
    let server = world.serve_with(&["--store", &url]);
    let served = migrate(&url, "sqlite://new.db").failed(1);
    assert!(served.err.contains("is served"), "{served:?}");
    server.stop().ok();
}

//! Stores that earlier versions have written, kept in `tests/kept` for ever: each becomes a store of this version, and holds what it
//! held. Beside each lies what its own version had answered.
//!
//! `make keep` adds those of this version, when it is released: so the next one is held to them. (`CREWLINE_KEEP_PROGRAM` names
//! another build that writes them, of an older version for instance.)

mod made;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crewline_testkit::postgres::Postgres;
use serde_json::{Value, json};

use crate::support::{PASSWORD, Server, World};

/// Where they lie.
fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/kept")
}

/// A kept store: its name, and what its version had answered.
struct Kept {
    name: String,
    told: Value,
}

/// Those whose names begin so, the oldest first.
fn kept(kind: &str) -> Vec<Kept> {
    let entries = std::fs::read_dir(folder()).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let of_kind = names.filter_map(|name| Some(name.strip_suffix(".json")?.to_owned()));
    let mut names: Vec<String> = of_kind.filter(|name| name.starts_with(kind)).collect();
    names.sort_by_key(|name| name.split('-').nth(1).unwrap().parse::<u32>().unwrap());
    let read = |name: String| {
        let text = std::fs::read_to_string(folder().join(format!("{name}.json"))).unwrap();
        let told = serde_json::from_str(&text).unwrap();
        Kept { name, told }
    };
    names.into_iter().map(read).collect()
}

fn unpacked(file: &str) -> Vec<u8> {
    let path = folder().join(file);
    let size = std::fs::metadata(&path).unwrap().len();
    assert!(
        size < 200 * 1024,
        "{file} has {size} bytes: it stays in the repository for ever"
    );
    let gzip = Command::new("gzip")
        .arg("-dc")
        .arg(path)
        .stderr(Stdio::inherit())
        .output()
        .unwrap();
    assert!(gzip.status.success());
    gzip.stdout
}

#[test]
fn a_store_of_each_version_before_becomes_one_of_this_version_and_holds_what_it_held() {
    let stores = kept("sqlite-");
    assert!(!stores.is_empty());
    for store in stores {
        let world = World::new();
        std::fs::write(
            world.path("crewline.db"),
            unpacked(&format!("{}.db.gz", store.name)),
        )
        .unwrap();
        let newest = u64::try_from(crewline_store_sqlite::NEWEST_SCHEMA).unwrap();
        let had = store.told["schema"].as_u64().unwrap();
        assert!(
            had <= newest,
            "{} is of a version that is not released yet",
            store.name
        );
        let server = world.serve();
        holds(&server, &store, Epoch::Same);
        goes_on(&server, &store);
        let stopped = server.stop().ok();
        assert_eq!(
            stopped.err.contains("the store has a new schema"),
            had < newest,
            "{}: {}",
            store.name,
            stopped.err
        );
        let checked = world.run(&["db", "check", "--json"]).ok().json();
        assert_eq!(
            (&checked["ok"], checked["schema"].as_u64()),
            (&json!(true), Some(newest)),
            "{}: {checked}",
            store.name
        );
    }
}

#[test]
fn a_dump_of_each_version_before_becomes_a_database_of_this_version_and_holds_what_it_held() {
    let Some(postgres) = Postgres::start() else {
        return;
    };
    let stores = kept("postgres-");
    assert!(!stores.is_empty());
    for store in stores {
        let (world, url) = (World::new(), postgres.database());
        postgres.load(
            &url,
            &String::from_utf8(unpacked(&format!("{}.sql.gz", store.name))).unwrap(),
        );
        let server = world.serve_with(&["--store", &url]);
        // A dump in another cluster may be older than what consumers have seen: they are told.
        holds(&server, &store, Epoch::Another);
        goes_on(&server, &store);
        server.stop().ok();
        let checked = world
            .run(&["db", "check", "--json", "--store", &url])
            .ok()
            .json();
        assert_eq!(checked["ok"], json!(true), "{}: {checked}", store.name);
    }
}

#[test]
fn what_make_keep_writes_is_read_by_the_version_that_wrote_it() {
    let Some(postgres) = Postgres::start() else {
        return;
    };
    let program = std::env::var_os("CREWLINE_KEEP_PROGRAM");
    let program = program.map_or_else(
        || PathBuf::from(env!("CARGO_BIN_EXE_crewline")),
        PathBuf::from,
    );
    let into = std::env::var_os("CREWLINE_KEEP").map(PathBuf::from);
    let keep = |name: &str, bytes: &[u8], told: &Value| {
        if let Some(into) = &into {
            std::fs::write(into.join(name), made::packed(bytes)).unwrap();
            let name = name.split('.').next().unwrap();
            let text = serde_json::to_string_pretty(told).unwrap() + "\n";
            std::fs::write(into.join(format!("{name}.json")), text).unwrap();
        }
    };
    let world = World::new();
    let told = made::fill(&world, &program, "sqlite://crewline.db");
    let schema = told["schema"].clone();
    keep(
        &format!("sqlite-{schema}.db.gz"),
        &made::file(&world),
        &told,
    );
    let server = world.serve();
    let name = "just made".to_owned();
    holds(
        &server,
        &Kept {
            name: name.clone(),
            told,
        },
        Epoch::Same,
    );
    server.stop().ok();
    // A version before PostgreSQL has no more to give.
    let url = postgres.database();
    if schema.as_i64().unwrap() < 11 {
        return;
    }
    let told = made::fill(&World::new(), &program, &url);
    keep(
        &format!("postgres-{schema}.sql.gz"),
        postgres.dump(&url).as_bytes(),
        &told,
    );
    let server = world.serve_with(&["--store", &url]);
    holds(&server, &Kept { name, told }, Epoch::Same);
    server.stop().ok();
}

/// Whether the logs are those that consumers knew.
#[derive(Clone, Copy, PartialEq)]
enum Epoch {
    Same,
    Another,
}

/// Every answer that its version had given is given again; more may stand in it.
fn holds(server: &Server, store: &Kept, epoch: Epoch) {
    for told in store.told["answers"].as_array().unwrap() {
        let path = told["path"].as_str().unwrap();
        let (status, mut answer) = server.get(path, token(store, told["who"].as_str().unwrap()));
        assert_eq!(status, 200, "{}: {path}: {answer}", store.name);
        let mut expected = told["answer"].clone();
        if let Some(had) = expected
            .as_object_mut()
            .and_then(|page| page.remove("epoch"))
        {
            let has = answer.as_object_mut().unwrap().remove("epoch").unwrap();
            assert_eq!(
                has == had,
                epoch == Epoch::Same,
                "{}: {path}: {had}, {has}",
                store.name
            );
        }
        if let Some(fault) = missing(&expected, &answer, "") {
            panic!("{}: {path}{fault}\nnow: {answer}", store.name);
        }
    }
    let sign_in = json!({"userId": "alice", "password": PASSWORD});
    let (status, opened) = server.call("POST", "/api/v1/session", "", Some(sign_in));
    assert_eq!(
        (status, &opened["userId"]),
        (201, &json!("alice")),
        "{}: {opened}",
        store.name
    );
}

/// What had not happened yet happens now: a payload that waited comes back once, and what is sent is numbered on.
fn goes_on(server: &Server, store: &Kept) {
    let (scada, bob) = (token(store, "scada"), token(store, "bob"));
    let head = server.head(scada);
    server.receipt(bob, &store.told["unread"], "read");
    let (_, page) = server.get(
        &format!("/api/v1/participants/me/events?after={head}"),
        scada,
    );
    let read = page["events"].as_array().unwrap().last().unwrap();
    assert_eq!(
        (&read["type"], &read["data"]["payload"]),
        (&json!("message.read"), &store.told["payload"]),
        "{}: {page}",
        store.name
    );
    let again = made::message("Breaker 1204 has tripped", "alice");
    let sent = server.call("POST", "/api/v1/messages", scada, Some(again));
    assert_eq!(sent.0, 201, "{}: {}", store.name, sent.1);
    let followed = server.received(token(store, "alice"));
    assert_eq!(
        followed.last().unwrap()["messageId"],
        sent.1["messageId"],
        "{}",
        store.name
    );
    // The log is without gaps across the versions.
    let (_, page) = server.get("/api/v1/participants/me/events?limit=1000", scada);
    let seqs = page["events"]
        .as_array()
        .unwrap()
        .iter()
        .map(|event| event["seq"].as_u64().unwrap());
    assert!(
        seqs.eq(1..=page["head"].as_u64().unwrap()),
        "{}: {page}",
        store.name
    );
}

fn token<'a>(store: &'a Kept, who: &str) -> &'a str {
    store.told["tokens"][who].as_str().unwrap()
}

/// Where something of `had` is not in `has`: objects may have grown, lists have not.
fn missing(had: &Value, has: &Value, place: &str) -> Option<String> {
    match (had, has) {
        (Value::Object(had), Value::Object(has)) => had.iter().find_map(|(key, value)| {
            let place = format!("{place}.{key}");
            match has.get(key) {
                Some(now) => missing(value, now, &place),
                None if value.is_null() => None,
                None => Some(format!("{place} is gone: {value}")),
            }
        }),
        (Value::Array(had), Value::Array(has)) if had.len() == has.len() => {
            let both = had.iter().zip(has).enumerate();
            both.into_iter()
                .find_map(|(at, (had, has))| missing(had, has, &format!("{place}[{at}]")))
        }
        _ if had == has => None,
        _ => Some(format!("{place}: it was {had}")),
    }
}

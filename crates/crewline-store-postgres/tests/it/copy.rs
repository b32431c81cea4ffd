//! Whole stores copied from SQLite into PostgreSQL and back: what every case of the port leaves behind, and the schema.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use crewline_api::{NewMessage, Priority};
use crewline_core::copy::{
    CopySource, CopyTarget, FACTS, Kind, OWN_FACTS, OWN_TABLES, Sum, TABLES, Table,
};
use crewline_core::{Cut, NewSessionRow, SecretHash, StoreError};
use crewline_store_postgres::{Options, copy, open, open_beside};
use crewline_store_sqlite::copy as sqlite;
use crewline_testkit::conformance::run;
use crewline_testkit::postgres::Postgres;
use crewline_testkit::{Desk, Fixture};
use tempfile::TempDir;

use crate::support::desk;

/// Stores in files that stay when a case is over.
struct Files {
    folder: TempDir,
    made: Mutex<Vec<PathBuf>>,
}

impl Files {
    fn new() -> Self {
        Self {
            folder: TempDir::new().unwrap(),
            made: Mutex::default(),
        }
    }

    fn next(&self) -> PathBuf {
        let mut made = self.made.lock().unwrap();
        let path = self.folder.path().join(format!("{}.db", made.len()));
        made.push(path.clone());
        path
    }

    fn fixture(&self) -> Fixture {
        Fixture {
            opened: crewline_store_sqlite::open(&file(&self.next())).unwrap(),
            guard: Box::new(()),
        }
    }
}

fn file(path: &Path) -> crewline_store_sqlite::Options {
    crewline_store_sqlite::Options {
        synchronous_full: false,
        ..crewline_store_sqlite::Options::new(path)
    }
}

/// Copies all of a store, a few rows at a time.
fn fill(from: &mut dyn CopySource, to: &mut dyn CopyTarget) {
    to.begin("a mark").unwrap();
    assert_eq!(to.mark().unwrap().as_deref(), Some("a mark"));
    let mut numbers = Vec::new();
    for table in TABLES {
        loop {
            let after = to.last_key(table).unwrap();
            let page = from.page(table, after.as_deref(), 50).unwrap();
            if page.is_empty() {
                break;
            }
            to.write(table, &page).unwrap();
        }
        if table.remembers {
            numbers.push((table, from.last_number(table).unwrap()));
        }
    }
    to.settle(&from.facts().unwrap(), &numbers).unwrap();
    to.finish().unwrap();
    assert_eq!(to.mark().unwrap(), None);
}

fn sum(store: &mut dyn CopySource, table: &Table) -> (u64, String) {
    let page = store.page(table, None, 1_000_000).unwrap();
    let mut sum = Sum::of(table);
    sum.add(&page);
    if table.remembers {
        sum.add_number(store.last_number(table).unwrap());
    }
    (sum.rows, sum.text_of())
}

/// Whether both hold the same; notes which tables had rows.
fn compare(
    what: &str,
    from: &mut dyn CopySource,
    to: &mut dyn CopySource,
) -> BTreeSet<&'static str> {
    assert_eq!(from.facts().unwrap(), to.facts().unwrap(), "{what}");
    let mut filled = BTreeSet::new();
    for table in TABLES {
        let name = table.name;
        let one = sum(from, table);
        assert_eq!(one, sum(to, table), "{what}: {name}");
        if one.0 > 0 {
            filled.insert(name);
        }
    }
    filled
}

/// Copies a store from SQLite into PostgreSQL, and from there into another file.
fn there_and_back(
    server: &Postgres,
    what: &str,
    path: &Path,
    back: &Path,
) -> BTreeSet<&'static str> {
    let options = Options::new(server.database());
    let mut from = sqlite::source(&file(path)).unwrap();
    let mut to = copy::target(&options).unwrap();
    fill(&mut *from, &mut *to);
    compare(what, &mut *from, &mut *to);
    drop(to);
    let mut middle = copy::source(&options).unwrap();
    let mut end = sqlite::target(&file(back)).unwrap();
    fill(&mut *middle, &mut *end);
    let filled = compare(what, &mut *from, &mut *end);
    drop((from, middle, end));
    let known: BTreeSet<&str> = FACTS.iter().chain(OWN_FACTS).copied().collect();
    for fact in server.sql(&options.url, "SELECT key FROM crewline.meta") {
        assert!(
            known.contains(fact.as_str()),
            "is {fact} copied, or a store's own?"
        );
    }
    open(&options).unwrap();
    crewline_store_sqlite::open(&file(back)).unwrap();
    filled
}

/// Cases that leave rows of every table behind, of every kind that they hold.
const LEAVING: [&str; 15] = [
    "what_was_committed_is_read_back_whole",
    "payloads_come_back_byte_for_byte",
    "a_key_is_unique_for_its_sender",
    "ids_are_compared_byte_by_byte",
    "the_audit_is_asked_for_by_who_about_what_and_when",
    "the_story_of_a_message_names_each_device_and_both_clocks",
    "tokens_belong_to_users_externals_or_administration",
    "the_text_of_an_emergency_stays_until_everybody_has_acknowledged_it",
    "a_cursor_that_is_behind_too_long_is_released_and_holds_again_when_put",
    "parked_events_are_listed_asked_for_again_and_bounded",
    "what_a_device_has_stored_is_told_from_what_its_user_has_seen",
    "the_first_key_of_push_stays_and_a_new_one_removes_every_subscription",
    "who_is_in_a_group_is_read_with_duty_and_the_shut_out_among_them",
    "what_the_organisation_keeps_is_changed_by_who_has_read_it",
    "reminders_are_told_and_kept_with_their_message",
];

/// What they all clear away again: a watcher, and the text of an emergency that is kept since nobody has acknowledged it.
fn watched_and_kept(path: &Path) {
    let mut desk = Desk::new(crewline_store_sqlite::open(&file(path)).unwrap());
    desk.add_user("alice");
    let message = NewMessage::builder("scada", "SCADA", "Fire")
        .to("alice")
        .priority(Priority::Emergency);
    desk.send_message(message.build().unwrap()).unwrap();
    let (alice, scada) = ("alice".parse().unwrap(), "scada".parse().unwrap());
    let now = desk.now;
    desk.directory(|directory| directory.watch(&alice, &scada, now))
        .unwrap();
    let later = now.plus_millis(10_000);
    desk.prune(
        Cut {
            before: later,
            release: later,
        },
        100,
    );
}

#[test]
fn what_the_cases_of_the_port_leave_behind_is_the_same_there_and_back() {
    let Some(server) = Postgres::start() else {
        return;
    };
    let (left, filled) = (Mutex::new(LEAVING.iter()), Mutex::new(BTreeSet::new()));
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    let Some(name) = left.lock().unwrap().next() else {
                        return;
                    };
                    let files = Files::new();
                    run(name, &|| files.fixture());
                    let path = files.made.lock().unwrap()[0].clone();
                    let more = there_and_back(&server, name, &path, &path.with_extension("back"));
                    filled.lock().unwrap().extend(more);
                }
            });
        }
    });
    let files = Files::new();
    let (path, back) = (files.next(), files.next());
    watched_and_kept(&path);
    let mut filled = filled.into_inner().unwrap();
    filled.extend(there_and_back(&server, "kept", &path, &back));
    let all: BTreeSet<&str> = TABLES.iter().map(|table| table.name).collect();
    assert_eq!(filled, all, "no case leaves a row in some tables");
}

#[test]
fn what_is_copied_is_all_that_the_schema_holds() {
    let Some(server) = Postgres::start() else {
        return;
    };
    let options = Options::new(server.database());
    open_beside(&options, true).unwrap();
    let ask = |sql: &str| server.sql(&options.url, sql);
    let found: BTreeSet<String> =
        ask("SELECT table_name FROM information_schema.tables WHERE table_schema = 'crewline'")
            .into_iter()
            .filter(|name| !OWN_TABLES.contains(&name.as_str()))
            .collect();
    let listed: BTreeSet<String> = TABLES.iter().map(|table| table.name.to_owned()).collect();
    assert_eq!(
        found, listed,
        "a table is missing in TABLES of the core, or too much there"
    );
    for table in TABLES {
        let name = table.name;
        let mut found = ask(&format!(
            "SELECT column_name || ' ' || is_nullable || ' ' || CASE WHEN udt_name IN ('int2', 'int4', 'int8') THEN 'number' ELSE udt_name END
             FROM information_schema.columns WHERE table_schema = 'crewline' AND table_name = '{name}'"
        ));
        let mut listed: Vec<String> = table
            .columns
            .iter()
            .map(|column| {
                let kind = match column.kind {
                    Kind::Number => "number",
                    Kind::Truth => "bool",
                    Kind::Text => "text",
                    Kind::Bytes => "bytea",
                };
                let empty = if column.empty { "YES" } else { "NO" };
                let column = if (name, column.name) == ("watcher", "user") {
                    "watched_by"
                } else {
                    column.name
                };
                format!("{column} {empty} {kind}")
            })
            .collect();
        found.sort();
        listed.sort();
        assert_eq!(found, listed, "columns of {name}");
        let key = ask(&format!(
            "SELECT count(*) FROM information_schema.key_column_usage WHERE table_schema = 'crewline' AND constraint_name = '{name}_pkey'"
        ));
        assert_eq!(key, [table.key.to_string()], "the key of {name}");
        let counted = ask(&format!(
            "SELECT to_regclass('crewline.{name}_no_seq') IS NOT NULL"
        ));
        let counted = counted == ["t"];
        let has_more = ["device", "people_group"].contains(&name);
        assert_eq!(
            counted,
            table.remembers || has_more,
            "the numbers of {name}"
        );
    }
}

#[test]
fn numbers_go_on_behind_those_that_were_copied() {
    let Some(server) = Postgres::start() else {
        return;
    };
    let files = Files::new();
    let (path, back) = (files.next(), files.next());
    let mut first = Desk::new(crewline_store_sqlite::open(&file(&path)).unwrap());
    first.add_user("alice");
    let session = |desk: &mut Desk, secret: u8| {
        let new = NewSessionRow {
            hash: SecretHash([secret; 32]),
            user: desk.no("alice").unwrap(),
            device_id: None,
            device_name: None,
            expires_at: desk.now.plus_millis(60_000),
        };
        let now = desk.now;
        desk.directory(|directory| directory.open_session(&new, now))
            .unwrap()
    };
    let one = session(&mut first, 1);
    let two = session(&mut first, 2);
    first
        .directory(|directory| directory.close_session(two.session))
        .unwrap();
    drop(first);
    there_and_back(&server, "sessions", &path, &back);
    let mut back = Desk::new(crewline_store_sqlite::open(&file(&back)).unwrap());
    let three = session(&mut back, 3);
    assert!(
        three.session > two.session,
        "the number of a closed session is not used again"
    );
    assert!(three.device > two.device && two.device > one.device);
    let url = server.url("test0");
    let mut middle = Desk::new(open(&Options::new(url)).unwrap());
    let four = session(&mut middle, 4);
    assert!(four.session > two.session && four.device > two.device);
}

#[test]
fn a_store_that_somebody_serves_is_neither_copied_nor_filled_and_neither_is_served_meanwhile() {
    let Some(server) = Postgres::start() else {
        return;
    };
    let options = Options::new(server.database());
    let served = desk(&options);
    let refused = |made: Result<(), StoreError>| {
        let error = made.unwrap_err();
        assert!(error.detail.contains("is served"), "{error}");
    };
    refused(copy::source(&options).map(drop));
    refused(copy::target(&options).map(drop));
    drop(served);
    let source = copy::source(&options).unwrap();
    refused(copy::target(&options).map(drop));
    // Whoever writes takes the turn first.
    let turn = "SELECT pg_try_advisory_lock(x'637265776c696e65'::int8)";
    assert_eq!(
        server.sql(&options.url, turn),
        ["f"],
        "nobody changes what is copied"
    );
    drop(source);
}

#[test]
fn a_half_made_copy_is_nobodys_store() {
    let Some(server) = Postgres::start() else {
        return;
    };
    let options = Options::new(server.database());
    let mut target = copy::target(&options).unwrap();
    target.begin("a mark").unwrap();
    drop(target);
    let says = |made: Result<(), StoreError>| {
        let error = made.unwrap_err();
        assert!(error.detail.contains("half-made copy"), "{error}");
    };
    says(open(&options).map(drop));
    says(open_beside(&options, false).map(drop));
    says(crewline_store_postgres::admin::check(&options).map(drop));
    says(copy::source(&options).map(drop));
    copy::discard(&options).unwrap();
    open(&options).map(drop).unwrap();
}

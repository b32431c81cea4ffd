//! Several at one store: servers, and the administrator's commands.

use std::time::Duration;

use crewline_api::{EventKinds, Timestamp};
use crewline_core::{Command, Cut, DeviceNo, LeaseAsk, NewUser, Pass, SendCommand, StoreErrorKind};
use crewline_store_postgres::{Options, open, open_beside};
use crewline_testkit::Desk;
use crewline_testkit::postgres::Postgres;

use crate::support::{desk, message, until};

fn user(id: &str) -> NewUser {
    NewUser {
        id: id.parse().unwrap(),
        name: None,
        role: crewline_api::Role::Crew,
        password: None,
    }
}

#[test]
fn the_server_notices_what_was_changed_beside_it_and_trusts_its_memory_otherwise() {
    let Some(server) = Postgres::start() else {
        return;
    };
    let options = Options::new(server.database());
    let mut desk = desk(&options);
    desk.run(message("one")).unwrap();
    let mut beside = open_beside(&options, false).unwrap();
    assert!(desk.writer.begin().unwrap(), "nobody has written since");
    desk.writer.abort();
    assert!(desk.writer.begin().unwrap(), "nor has it itself");
    desk.writer.abort();
    let version = beside.reader().directory_version().unwrap();
    beside
        .directory()
        .add_user(&user("carol"), desk.now)
        .unwrap();
    assert!(
        !desk.writer.begin().unwrap(),
        "somebody has added a participant"
    );
    desk.writer.abort();
    assert!(desk.writer.begin().unwrap());
    desk.writer.abort();
    assert_eq!(desk.reader.directory_version().unwrap(), version + 1);
    desk.send("scada", &["carol"], "two").unwrap();
}

#[test]
fn two_servers_write_in_turns_and_neither_trusts_what_the_other_changed() {
    let Some(server) = Postgres::start() else {
        return;
    };
    let options = Options::new(server.database());
    let mut first = desk(&options);
    let mut second = Desk::new(open(&options).unwrap());
    for round in 0..20 {
        let text = format!("{round}");
        let one = first.send("scada", &["alice"], &text).unwrap();
        let two = second.send("scada", &["alice"], &text).unwrap();
        assert_ne!(one, two);
        first.run(message(&text)).unwrap();
    }
    let alice = first.no("alice").unwrap();
    assert_eq!(second.reader.heads(&[alice]).unwrap(), [60]);
    let page = second.reader.log(alice, 0, EventKinds::ALL, 100).unwrap();
    let seqs: Vec<_> = page.events.iter().map(|event| event.seq).collect();
    assert_eq!(seqs, (1..=60).collect::<Vec<_>>());
}

#[test]
fn who_begins_its_next_batch_with_the_end_of_one_lets_those_who_wait_go_first() {
    let Some(server) = Postgres::start() else {
        return;
    };
    let options = Options::new(server.database());
    let mut first = desk(&options);
    let mut second = Desk::new(open(&options).unwrap());
    // Who holds the turn, and who waits for it: servers share the other locks.
    let turns = |granted: &str| server.sql(&options.url, &locks(granted)) == ["1"];
    for round in 0..10 {
        let send = |desk: &mut Desk, what: &str, more| {
            desk.more = more;
            desk.send("scada", &["alice"], &format!("{round} {what}"))
                .unwrap();
        };
        send(&mut first, "one", true);
        until("its next batch is begun", || turns("granted"));
        std::thread::scope(|scope| {
            let waits = scope.spawn(|| send(&mut second, "beside", false));
            until("another one waits", || turns("NOT granted"));
            send(&mut first, "two", true);
            send(&mut first, "three", false);
            waits.join().unwrap();
        });
    }
    // Announced, and none came: the turn is given back.
    first.more = true;
    first.send("scada", &["alice"], "the last").unwrap();
    first.writer.abort();
    assert!(
        first.writer.begin().unwrap(),
        "nobody has had it in between"
    );
    first.writer.abort();
    second.send("scada", &["bob"], "goes on").unwrap();
    let story = second.story("alice");
    for round in 0..10 {
        let told = &story[round * 4..][..4];
        for (told, what) in told.iter().zip(["one", "two", "beside", "three"]) {
            assert!(told.contains(&format!("{round} {what}")), "{story:#?}");
        }
    }
}

#[test]
fn a_lease_goes_by_the_clock_of_the_database() {
    let Some(server) = Postgres::start() else {
        return;
    };
    let options = Options::new(server.database());
    let mut desk = desk(&options);
    let mut take = |owner, now: Timestamp| {
        let ask = LeaseAsk {
            names: &["retention"],
            owner,
            now,
            life: Some(Duration::from_mins(5)),
        };
        desk.writer.nodes().take_leases(&ask).unwrap()
    };
    let wrong = [
        Timestamp::from_millis(0),
        Timestamp::from_millis(4_000_000_000_000),
    ];
    assert_eq!(take(7, wrong[0]), [Some(1)]);
    assert_eq!(
        take(8, wrong[1]),
        [None],
        "a clock that is ahead takes nothing"
    );
    assert_eq!(take(7, wrong[1]), [Some(1)]);
}

#[test]
fn texts_that_one_server_removed_are_forgotten_by_the_other() {
    let Some(server) = Postgres::start() else {
        return;
    };
    let options = Options::new(server.database());
    let mut first = desk(&options);
    let second = Desk::new(open(&options).unwrap());
    first.send("scada", &["alice"], "a secret").unwrap();
    let alice = first.no("alice").unwrap();
    let read = |desk: &Desk| {
        let kinds = EventKinds::ALL;
        let page = desk.reader.log(alice, 0, kinds, 100).unwrap();
        page.events
            .iter()
            .any(|event| format!("{event:?}").contains("a secret"))
    };
    assert!(read(&second));
    let later = first.now.plus_millis(10_000);
    let cut = Cut {
        before: later,
        release: later,
    };
    let mut pass = Pass::new(cut);
    while !pass.is_done() {
        first.writer.prune(&mut pass, 100).unwrap();
    }
    second.reader.directory_version().unwrap();
    assert!(!read(&second));
}

#[test]
fn a_batch_that_finds_rows_other_than_they_must_be_fails_as_a_whole() {
    let Some(server) = Postgres::start() else {
        return;
    };
    let options = Options::new(server.database());
    let mut desk = desk(&options);
    desk.run(message("one")).unwrap();
    let count = || server.sql(&options.url, "SELECT count(*) FROM crewline.message");
    // Somebody who takes no turn.
    let taken = "INSERT INTO crewline.participant (no, id, folded, standing) SELECT max(no) + 1, 'x', 'x', 1 FROM crewline.participant";
    server.sql(&options.url, taken);
    let stranger = crewline_api::NewMessage::builder("telemetry", "Telemetry", "two")
        .to("alice")
        .build()
        .unwrap();
    let stranger = Command::Send(SendCommand::new(stranger, DeviceNo(1)).unwrap());
    let error = desk.try_batch(std::slice::from_ref(&stranger)).unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Conflict, "{error}");
    assert!(
        error.detail.contains("the number of a participant"),
        "{error}"
    );
    assert_eq!(count(), ["1"]);
    let sent = desk.try_batch(&[stranger]).unwrap();
    assert!(sent[0].is_ok(), "it is repeated with another number");
    assert_eq!(count(), ["2"]);
    desk.run(message("three")).unwrap();
    server.sql(&options.url, "DELETE FROM crewline.chat");
    let error = desk.try_batch(&[message("four")]).unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Corrupt, "{error}");
    assert!(error.detail.contains("a chat is missing"), "{error}");
    assert_eq!(count(), ["3"], "nothing of it was written");
}

/// Holds a lock of the database in a transaction until something is so, does something more there, and ends it.
fn hold(lock: &str, until: &str, then: &str) -> String {
    format!(
        "DO $$ DECLARE tries int := 0; BEGIN
           PERFORM pg_advisory_xact_lock({lock});
           WHILE NOT ({until}) LOOP
             tries := tries + 1;
             IF tries > 2000 THEN RAISE EXCEPTION 'waited in vain'; END IF;
             PERFORM pg_sleep(0.01);
           END LOOP;
           {then}
         END $$"
    )
}

/// How many locks of this kind are granted in the database, or waited for.
fn locks(granted: &str) -> String {
    format!(
        "SELECT count(*) FROM pg_locks JOIN pg_database d ON d.oid = database AND datname = current_database()
         WHERE locktype = 'advisory' AND mode = 'ExclusiveLock' AND {granted}"
    )
}

#[test]
fn the_index_is_filled_while_somebody_else_has_the_turn() {
    let Some(server) = Postgres::start() else {
        return;
    };
    let options = Options::new(server.database());
    let mut desk = desk(&options);
    desk.run(message("pole down")).unwrap();
    let mut indexer = desk.writer.indexer().unwrap();
    let is_filled = "EXISTS (SELECT FROM crewline.search)";
    std::thread::scope(|scope| {
        let turn = "x'637265776c696e65'::int8";
        let holds = scope.spawn(|| server.sql(&options.url, &hold(turn, is_filled, "")));
        until("somebody has the turn", || {
            server.sql(&options.url, &locks("granted")) == ["1"]
        });
        assert!(!indexer.index(100).unwrap(), "there is no more");
        holds.join().unwrap();
    });
}

#[test]
fn no_word_of_a_text_comes_into_the_index_behind_its_removal() {
    let Some(server) = Postgres::start() else {
        return;
    };
    let options = Options::new(server.database());
    let mut desk = desk(&options);
    desk.run(message("a secret")).unwrap();
    let later = desk.now.plus_millis(10_000);
    let cut = Cut {
        before: later,
        release: later,
    };
    // A step of the index that has read the text, and writes its words when the removal waits for it.
    let index = "x'637265776c696e68'::int8";
    let waits = format!("({}) > 0", locks("NOT granted"));
    let writes = "INSERT INTO crewline.search SELECT max(no), array_to_tsvector('{secret}') FROM crewline.message;";
    let step = hold(index, &waits, writes);
    std::thread::scope(|scope| {
        let step = scope.spawn(|| server.sql(&options.url, &step));
        until("a step is at it", || {
            server.sql(&options.url, &locks("granted")) == ["1"]
        });
        let mut pass = Pass::new(cut);
        while !pass.is_done() {
            desk.writer.prune(&mut pass, 100).unwrap();
        }
        step.join().unwrap();
    });
    let left = "SELECT count(*) FROM crewline.search";
    assert_eq!(server.sql(&options.url, left), ["0"]);
}

#[test]
fn a_mistyped_database_gets_no_tables() {
    let Some(server) = Postgres::start() else {
        return;
    };
    let options = Options::new(server.database());
    let Err(error) = open_beside(&options, false) else {
        panic!("a store was made");
    };
    assert!(error.detail.contains("there is no store"), "{error}");
    open_beside(&options, true).unwrap();
    open_beside(&options, false).unwrap();
}

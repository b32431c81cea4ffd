//! Batches: whole or not at all, and in their order.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crewline_api::{ErrorCode, EventKinds};
use crewline_core::StoreErrorKind;

use super::cases::people;
use super::{Make, desk};

pub(super) fn what_was_aborted_left_no_trace(make: Make<'_>) {
    let (mut desk, _guard) = desk(make);
    people(&mut desk);
    desk.send("scada", &["alice"], "one").unwrap();
    let before = (desk.log("alice"), desk.log("scada"));
    desk.writer.begin().unwrap();
    desk.writer.abort();
    assert_eq!(
        desk.send("scada", &["alice", "nobody"], "two")
            .unwrap_err()
            .code,
        ErrorCode::UnknownRecipient
    );
    assert_eq!((desk.log("alice"), desk.log("scada")), before);
    assert_eq!(desk.no("nobody"), None);
    desk.send("scada", &["alice"], "three").unwrap();
    assert_eq!(
        desk.story("alice"),
        ["message.received(one)", "message.received(three)"]
    );
}

pub(super) fn readers_see_whole_batches_while_the_writer_writes(make: Make<'_>) {
    let (mut desk, _guard) = desk(make);
    people(&mut desk);
    let sent = desk.send("scada", &["alice"], "first").unwrap();
    let (reader, alice, stop) = (
        Arc::clone(&desk.reader),
        desk.no("alice").unwrap(),
        Arc::new(AtomicBool::new(false)),
    );
    let threads: Vec<_> = (0..3)
        .map(|_| {
            let (reader, stop) = (Arc::clone(&reader), Arc::clone(&stop));
            std::thread::spawn(move || {
                let (mut after, mut readings) = (0, 0);
                while !stop.load(Ordering::Relaxed) || readings < 3 {
                    let page = reader
                        .log(alice, after, EventKinds::ALL, 50)
                        .expect("the store reads");
                    for event in &page.events {
                        after += 1;
                        assert_eq!(event.seq, after, "a reader saw a gap");
                    }
                    // Every message of alice's one chat is one event of alice's log, in the same transaction.
                    let history = reader
                        .history(&[alice], sent.chat_id, None, 1)
                        .expect("the store reads")
                        .expect("alice is in the chat");
                    assert_eq!(
                        history.messages[0].position, history.as_of,
                        "a reader saw half a batch"
                    );
                    readings += 1;
                }
                readings
            })
        })
        .collect();
    for at in 0..150 {
        desk.send("scada", &["alice"], &format!("{at}")).unwrap();
    }
    stop.store(true, Ordering::Relaxed);
    for thread in threads {
        assert!(thread.join().expect("no reader panicked") >= 3);
    }
    // A second writer of the same number is refused by the store itself.
    let repeated = desk.changes.clone();
    desk.writer.begin().unwrap();
    let error = desk
        .writer
        .commit(&repeated, crewline_core::BatchId(1))
        .unwrap_err();
    assert!(
        matches!(
            error.kind,
            StoreErrorKind::Conflict | StoreErrorKind::Refused
        ),
        "{error:?}"
    );
    assert_eq!(desk.log("alice").len(), 151);
}

pub(super) fn whatever_is_done_instead_of_a_batch_that_was_announced_is_done(make: Make<'_>) {
    let (mut desk, _guard) = desk(make);
    people(&mut desk);
    desk.more = true;
    desk.send("scada", &["alice"], "one").unwrap();
    desk.send("scada", &["alice"], "two").unwrap();
    // A step beside it, and one that is not done after all: nobody else has written, and what is known is still so.
    desk.writer.index(10).unwrap();
    assert!(desk.writer.begin().unwrap(), "after a step of the index");
    desk.writer.abort();
    desk.send("scada", &["alice"], "three").unwrap();
    desk.writer.probe().unwrap();
    assert!(desk.writer.begin().unwrap(), "after a note");
    desk.writer.abort();
    desk.send("scada", &["alice"], "four").unwrap();
    desk.writer.abort();
    desk.send("scada", &["alice"], "five").unwrap();
    desk.add_user("dave");
    assert!(
        !desk.writer.begin().unwrap(),
        "the directory has changed since"
    );
    desk.writer.abort();
    desk.send("scada", &["dave"], "six").unwrap();
    // A batch that the store does not take takes nothing with it, and leaves nothing behind.
    let repeated = desk.changes.clone();
    desk.writer.begin().unwrap();
    let saved = desk.writer.save(&repeated);
    let refused = saved.and_then(|()| {
        desk.writer
            .write(crewline_core::BatchId(99), true)
            .map(drop)
    });
    assert!(matches!(
        refused.unwrap_err().kind,
        StoreErrorKind::Conflict | StoreErrorKind::Refused
    ));
    desk.more = false;
    desk.send("scada", &["alice"], "seven").unwrap();
    let told = ["one", "two", "three", "four", "five", "seven"];
    assert_eq!(
        desk.story("alice"),
        told.map(|text| format!("message.received({text})"))
    );
    assert_eq!(desk.story("dave"), ["message.received(six)"]);
}

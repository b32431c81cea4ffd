//! Retention: what goes, what stays, and that nobody who comes late is turned away.

use crewline_api::{
    EventData, EventKind, EventKinds, NewMessage, NewMessageUser, NewReply, Outcome, Priority,
    ReceiptState, SentMessage, Timestamp,
};
use crewline_core::{Command, Cut, Removed, UserChange};

use super::{Make, desk};
use crate::{Desk, external, person, said, up_to};

fn people(desk: &mut Desk) {
    for user in ["alice", "bob"] {
        desk.add_user(user);
    }
    desk.run(Command::Appear(external("oms"))).unwrap();
}

/// Everything up to now is old, and no cursor is too late.
fn all(desk: &Desk) -> Cut {
    Cut {
        before: desk.now.plus_millis(1),
        release: Timestamp::from_millis(0),
    }
}

fn prune(desk: &mut Desk) -> Removed {
    let cut = all(desk);
    desk.prune(cut, 1_000).0
}

fn text(desk: &Desk, who: &str, sent: &SentMessage) -> String {
    let no = desk.no(who).expect("known");
    let view = desk.reader.message(&[no], sent.message_id);
    view.expect("the store reads").expect("it is there").message
}

/// Seqs and kinds of what a log holds.
fn rows(desk: &Desk, who: &str) -> Vec<(u64, EventKind)> {
    let log = desk.log(who);
    log.iter()
        .map(|event| (event.seq, event.data.kind()))
        .collect()
}

fn emergency(desk: &mut Desk, to: &[&str]) -> SentMessage {
    let message = NewMessage::builder("scada", "SCADA", "Gas leak")
        .to_all(to.iter().copied().map(NewMessageUser::new))
        .priority(Priority::Emergency)
        .build();
    desk.send_message(message.unwrap()).unwrap()
}

pub(super) fn what_is_old_goes_and_the_last_row_of_each_log_stays(make: Make<'_>) {
    let (mut desk, _guard) = desk(make);
    people(&mut desk);
    let old = desk.send("scada", &["alice"], "One").unwrap();
    desk.say("alice", old.message_id, ReceiptState::Read)
        .unwrap();
    let cut = all(&desk);
    let new = desk.send("scada", &["alice"], "Two").unwrap();
    let (removed, _) = desk.prune(cut, 1_000);
    // message.received and self.read of alice; message.delivered of scada, whose message.read is the last row.
    assert_eq!((removed.events, removed.texts), (3, 1));
    assert_eq!(rows(&desk, "alice"), [(3, EventKind::MessageReceived)]);
    assert_eq!(rows(&desk, "scada"), [(2, EventKind::MessageRead)]);
    assert_eq!(
        (
            text(&desk, "alice", &old).as_str(),
            text(&desk, "alice", &new).as_str()
        ),
        ("", "Two")
    );

    // The numbers go on.
    let removed = prune(&mut desk);
    assert_eq!((removed.events, removed.texts), (0, 1));
    desk.say("alice", new.message_id, ReceiptState::Delivered)
        .unwrap();
    assert_eq!(
        rows(&desk, "scada"),
        [
            (2, EventKind::MessageRead),
            (3, EventKind::MessageDelivered)
        ]
    );
    let no = desk.no("scada").unwrap();
    let page = desk.reader.log(no, 0, EventKinds::ALL, 10).unwrap();
    assert_eq!((page.oldest, page.head), (2, 3));
    // A message in the last row is shown without its text.
    let EventData::MessageReceived(data) = &desk.log("alice")[0].data else {
        panic!("{:?}", desk.log("alice"))
    };
    assert_eq!((data.message_id, &*data.message), (new.message_id, ""));
    assert_eq!(prune(&mut desk).texts, 0, "once is enough");
}

pub(super) fn a_cursor_holds_what_it_has_not_passed_and_nobody_elses(make: Make<'_>) {
    let (mut desk, _guard) = desk(make);
    people(&mut desk);
    let mut chats = Vec::new();
    for text in ["One", "Two", "Three"] {
        chats.push(desk.send("scada", &["alice", "oms"], text).unwrap());
    }
    let private = desk.send("scada", &["bob"], "For Bob").unwrap();
    let oms = || external("oms");
    desk.put_cursor(oms(), "fast", 3, EventKinds::ALL, false)
        .unwrap();
    desk.put_cursor(oms(), "slow", 1, EventKinds::ALL, false)
        .unwrap();
    let removed = prune(&mut desk);
    assert_eq!(removed.logs_held, 1);
    assert_eq!(
        rows(&desk, "oms"),
        [
            (2, EventKind::MessageReceived),
            (3, EventKind::MessageReceived)
        ]
    );
    assert_eq!(rows(&desk, "alice"), [(3, EventKind::MessageReceived)]);
    let texts: Vec<String> = chats.iter().map(|sent| text(&desk, "oms", sent)).collect();
    assert_eq!(texts, ["", "Two", "Three"]);
    assert_eq!(text(&desk, "bob", &private), "");
    let EventData::MessageReceived(data) = &desk.log("oms")[0].data else {
        panic!("{:?}", desk.log("oms"))
    };
    assert_eq!(&*data.message, "Two");

    desk.put_cursor(oms(), "slow", 2, EventKinds::ALL, false)
        .unwrap();
    prune(&mut desk);
    let texts: Vec<String> = chats.iter().map(|sent| text(&desk, "oms", sent)).collect();
    assert_eq!(texts, ["", "", "Three"], "the last row was not passed");
    desk.put_cursor(oms(), "slow", 3, EventKinds::ALL, false)
        .unwrap();
    assert_eq!(prune(&mut desk).texts, 1);
    assert_eq!(rows(&desk, "oms"), [(3, EventKind::MessageReceived)]);
}

pub(super) fn a_cursor_that_is_behind_too_long_is_released_and_holds_again_when_put(
    make: Make<'_>,
) {
    let (mut desk, _guard) = desk(make);
    people(&mut desk);
    let oms = || external("oms");
    desk.send("scada", &["alice", "oms"], "One").unwrap();
    desk.put_cursor(oms(), "main", 1, EventKinds::ALL, false)
        .unwrap();
    // It has been put long ago, but missed something only now.
    desk.now = desk.now.plus_millis(1_000);
    let missed = desk.now;
    for text in ["Two", "Three", "Four"] {
        desk.send("scada", &["alice", "oms"], text).unwrap();
    }
    let behind = |desk: &Desk, before| {
        let found = desk.reader.cursors_behind(before, 10).unwrap();
        found
            .0
            .into_iter()
            .map(|row| (row.seq, row.released))
            .collect::<Vec<_>>()
    };
    assert_eq!(behind(&desk, missed.plus_millis(1)), []);
    assert_eq!(behind(&desk, missed.plus_millis(2)), [(1, false)]);
    let cut = Cut {
        before: desk.now.plus_millis(1),
        release: missed.plus_millis(1),
    };
    assert_eq!(desk.prune(cut, 1_000).0.released, []);
    let late = Cut {
        release: missed.plus_millis(2),
        ..cut
    };
    let young = Cut {
        before: missed,
        ..late
    };
    assert_eq!(
        desk.prune(young, 1_000).0.released,
        [],
        "it is in nobody's way"
    );
    let released = desk.prune(late, 1_000).0.released;
    assert_eq!(released.len(), 1);
    assert_eq!(
        (
            released[0].participant.as_str(),
            released[0].name.as_str(),
            released[0].seq
        ),
        ("oms", "main", 1)
    );
    assert_eq!(behind(&desk, desk.now.plus_millis(1)), [(1, true)]);
    // It stands where it stood, so that its consumer learns what became of the rest.
    assert_eq!(rows(&desk, "oms"), [(4, EventKind::MessageReceived)]);
    desk.put_cursor(oms(), "main", 3, EventKinds::ALL, false)
        .unwrap();
    let removed = prune(&mut desk);
    assert_eq!((removed.logs_held, removed.texts), (1, 0));
}

pub(super) fn the_text_of_an_emergency_stays_until_everybody_has_acknowledged_it(make: Make<'_>) {
    let (mut desk, _guard) = desk(make);
    people(&mut desk);
    desk.add_user("dora");
    let disabled = UserChange::Disable;
    let sent = emergency(&mut desk, &["alice", "bob", "dora", "oms"]);
    let now = desk.now;
    desk.directory(|directory| directory.change_user(&"dora".parse().unwrap(), &disabled, now))
        .unwrap();
    let removed = prune(&mut desk);
    assert_eq!((removed.texts, removed.emergencies_kept), (0, 1));
    desk.say("alice", sent.message_id, ReceiptState::Acknowledged)
        .unwrap();
    desk.say("bob", sent.message_id, ReceiptState::Read)
        .unwrap();
    assert_eq!(prune(&mut desk).emergencies_kept, 1);
    assert_eq!(text(&desk, "bob", &sent), "Gas leak");
    desk.say("bob", sent.message_id, ReceiptState::Acknowledged)
        .unwrap();
    let removed = prune(&mut desk);
    assert_eq!((removed.texts, removed.emergencies_kept), (1, 0));
    assert_eq!(text(&desk, "bob", &sent), "");
}

pub(super) fn receipts_payloads_and_keys_outlive_the_text(make: Make<'_>) {
    let (mut desk, _guard) = desk(make);
    people(&mut desk);
    let message = || {
        NewMessage::builder("scada", "SCADA", "Breaker 1204")
            .to(NewMessageUser::new("alice")
                .on_delivered_payload("d")
                .on_read_payload("r"))
            .idempotency_key("once")
            .build()
            .unwrap()
    };
    let sent = desk.send_message(message()).unwrap();
    desk.say("alice", sent.message_id, ReceiptState::Delivered)
        .unwrap();
    desk.send("oms", &["scada"], "So that it is not the last row")
        .unwrap();
    let removed = prune(&mut desk);
    assert_eq!(
        (removed.payloads, text(&desk, "alice", &sent).as_str()),
        (1, "")
    );

    // What was not told yet is told, whenever it comes.
    let results = desk
        .receipts(
            person("alice", 2),
            vec![up_to(sent.chat_id, sent.message_id)],
        )
        .unwrap();
    assert_eq!(results[0].outcome, Outcome::New);
    let log = desk.log("scada");
    let EventData::MessageRead(read) = &log[log.len() - 1].data else {
        panic!("{log:?}")
    };
    assert_eq!(read.payload.as_ref().unwrap().as_bytes(), b"r");
    // A device that was away says what it always said.
    let results = desk
        .receipts(
            person("alice", 3),
            vec![said(sent.message_id, ReceiptState::Delivered)],
        )
        .unwrap();
    assert_eq!(results[0].outcome, Outcome::Known);
    assert_eq!(desk.send_message(message()).unwrap(), sent);
    let mut reply = NewReply::new("What was it?");
    reply.reply_to = Some(sent.message_id);
    desk.reply("alice", sent.chat_id, reply, None).unwrap();
}

pub(super) fn small_steps_remove_the_same_as_large_ones(make: Make<'_>) {
    let (mut small, _guard) = desk(make);
    let (mut large, _other) = desk(make);
    let mut outcomes = Vec::new();
    for (desk, rows) in [(&mut small, 1), (&mut large, 100_000)] {
        people(desk);
        for at in 0..20 {
            let sent = desk
                .send("scada", &["alice", "bob", "oms"], "Text")
                .unwrap();
            let reader = if at % 3 == 0 { "alice" } else { "bob" };
            desk.say(reader, sent.message_id, ReceiptState::Read)
                .unwrap();
        }
        let kept = emergency(desk, &["alice", "bob", "oms"]);
        desk.put_cursor(external("oms"), "slow", 7, EventKinds::ALL, false)
            .unwrap();
        let mut all_removed = vec![{
            let cut = all(desk);
            desk.prune(cut, rows)
        }];
        for user in ["alice", "bob"] {
            desk.say(user, kept.message_id, ReceiptState::Acknowledged)
                .unwrap();
        }
        for seq in [9, 21] {
            desk.put_cursor(external("oms"), "slow", seq, EventKinds::ALL, false)
                .unwrap();
            let cut = all(desk);
            all_removed.push(desk.prune(cut, rows));
        }
        outcomes.push(all_removed);
    }
    let steps: Vec<usize> = outcomes[0].iter().map(|(_, steps)| *steps).collect();
    println!("steps: {steps:?}");
    for ((small, _), (large, _)) in outcomes[0].iter().zip(&outcomes[1]) {
        assert_eq!(small, large);
    }
    assert_eq!(
        outcomes[0][2].0.texts + outcomes[0][1].0.texts + outcomes[0][0].0.texts,
        21
    );
    for who in ["alice", "bob", "oms", "scada"] {
        assert_eq!(small.log(who), large.log(who), "{who}");
    }
}

//! Reminders: each test is a sentence of the rule.

use crewline_api::{ErrorCode, MessageId, NewMessage, NewReply, Priority, ReceiptState};
use crewline_core::Answer;
use crewline_testkit::{Desk, external, person, said};

use super::memory;

fn desk() -> Desk {
    let mut desk = Desk::new(memory().opened);
    for user in ["alice", "bob", "carol", "dora"] {
        desk.add_user(user);
    }
    desk
}

fn later(desk: &mut Desk) {
    desk.now = desk.now.plus_millis(10_000);
}

/// Whom a reminder of `scada` reached, and whether nothing new came of it.
fn remind(desk: &mut Desk, message: MessageId, until: Option<ReceiptState>) -> (Vec<String>, bool) {
    match desk.remind(external("scada"), None, message, until) {
        Ok(Answer::Reminded { reminded, again }) => {
            let ids = reminded.user_ids.iter().map(ToString::to_string);
            (ids.collect(), again)
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn those_who_have_not_come_as_far_as_is_asked_are_reminded_and_nobody_else() {
    let mut desk = desk();
    let sent = desk.send("scada", &["alice", "bob", "carol"], "x").unwrap();
    desk.say("alice", sent.message_id, ReceiptState::Read)
        .unwrap();
    desk.say("bob", sent.message_id, ReceiptState::Delivered)
        .unwrap();
    let silent = remind(&mut desk, sent.message_id, Some(ReceiptState::Delivered));
    assert_eq!(silent, (vec!["carol".to_owned()], false));
    later(&mut desk);
    let (unread, _) = remind(&mut desk, sent.message_id, None);
    assert_eq!(unread, ["bob", "carol"], "read is what is usual");
    later(&mut desk);
    let (all, _) = remind(&mut desk, sent.message_id, Some(ReceiptState::Acknowledged));
    assert_eq!(all, ["alice", "bob", "carol"]);
    assert_eq!(
        desk.story("carol"),
        [
            "message.received(x)",
            "message.reminded(scada, delivered)",
            "message.reminded(scada, read)",
            "message.reminded(scada, acknowledged)"
        ]
    );
    assert_eq!(desk.story("dora"), Vec::<String>::new());
    assert_eq!(
        desk.log("scada").len(),
        3,
        "the sender is told nothing by it"
    );
}

#[test]
fn an_emergency_is_reminded_of_until_it_is_acknowledged() {
    let mut desk = desk();
    let message = NewMessage::builder("scada", "SCADA", "x").to_all(["alice", "bob"]);
    let message = message.priority(Priority::Emergency).build().unwrap();
    let sent = desk.send_message(message).unwrap();
    desk.say("alice", sent.message_id, ReceiptState::Acknowledged)
        .unwrap();
    desk.say("bob", sent.message_id, ReceiptState::Read)
        .unwrap();
    assert_eq!(remind(&mut desk, sent.message_id, None).0, ["bob"]);
}

#[test]
fn a_reminder_is_no_message_and_changes_nothing_that_anybody_has_read() {
    let mut desk = desk();
    let sent = desk.send("scada", &["alice"], "x").unwrap();
    let no = desk.no("alice").unwrap();
    let before = desk.reader.chats(no, None, 9).unwrap();
    remind(&mut desk, sent.message_id, None);
    let after = desk.reader.chats(no, None, 9).unwrap();
    assert_eq!((after.as_of, before.as_of), (2, 1));
    assert_eq!(after.chats, before.chats);
    assert_eq!(desk.send("scada", &["alice"], "y").unwrap().position, 2);
}

#[test]
fn where_nobody_is_left_nothing_happens_and_nobody_has_to_wait() {
    let mut desk = desk();
    let sent = desk.send("scada", &["alice"], "x").unwrap();
    desk.say("alice", sent.message_id, ReceiptState::Read)
        .unwrap();
    for _ in 0..2 {
        assert_eq!(remind(&mut desk, sent.message_id, None), (vec![], true));
    }
    assert!(desk.changes.is_empty());
    let (all, again) = remind(&mut desk, sent.message_id, Some(ReceiptState::Acknowledged));
    assert_eq!((all.len(), again), (1, false));
}

#[test]
fn the_same_within_ten_seconds_is_the_same_reminder_and_another_is_refused() {
    let mut desk = desk();
    let sent = desk.send("scada", &["alice", "bob"], "x").unwrap();
    let first = remind(&mut desk, sent.message_id, None).0;
    desk.say("alice", sent.message_id, ReceiptState::Read)
        .unwrap();
    assert_eq!(remind(&mut desk, sent.message_id, None), (first, true));
    let watched = Some("scada".parse().unwrap());
    let until = Some(ReceiptState::Acknowledged);
    let others = [
        desk.remind(external("scada"), None, sent.message_id, until),
        desk.remind(person("dora", 1), watched, sent.message_id, None),
    ];
    for other in others {
        let error = other.unwrap_err();
        assert_eq!(
            (error.code, error.retry_after_s),
            (ErrorCode::RemindedJustNow, Some(10))
        );
    }
    assert_eq!(desk.story("bob").len(), 2);
    later(&mut desk);
    assert_eq!(
        remind(&mut desk, sent.message_id, None),
        (vec!["bob".to_owned()], false)
    );
}

#[test]
fn a_message_is_reminded_of_a_hundred_times_and_no_more() {
    let mut desk = desk();
    let sent = desk.send("scada", &["alice"], "x").unwrap();
    for _ in 0..100 {
        assert!(!remind(&mut desk, sent.message_id, None).1);
        later(&mut desk);
    }
    let refused = desk.remind(external("scada"), None, sent.message_id, None);
    assert_eq!(refused.unwrap_err().fields[0].field, "messageId");
    assert_eq!(desk.log("alice").len(), 101);
}

#[test]
fn only_the_sender_reminds_or_one_who_acts_for_a_watched_sender() {
    let mut desk = desk();
    let sent = desk.send("scada", &["alice", "bob"], "x").unwrap();
    let reply = desk
        .reply("alice", sent.chat_id, NewReply::new("y"), None)
        .unwrap();
    for (actor, watched, message) in [
        (person("bob", 1), None, sent.message_id),
        (external("scada"), None, reply.message_id),
        (person("dora", 1), Some("oms"), sent.message_id),
        (person("dora", 1), Some("alice"), sent.message_id),
        (external("nobody"), None, sent.message_id),
    ] {
        let watched = watched.map(|id| id.parse().unwrap());
        let refused = desk.remind(actor, watched, message, None).unwrap_err();
        assert_eq!(refused.code, ErrorCode::NotFound);
    }
    let by_dora = desk.remind(
        person("dora", 1),
        Some("alice".parse().unwrap()),
        reply.message_id,
        None,
    );
    assert!(matches!(by_dora, Ok(Answer::Reminded { again: false, .. })));
    // Externals who wrote the chat's first message are recipients of a reply like everybody.
    assert_eq!(
        desk.story("scada").last().unwrap(),
        "message.reminded(dora, read)"
    );
}

#[test]
fn several_reminders_of_one_batch_know_of_each_other() {
    let mut desk = desk();
    let sent = desk.send("scada", &["alice"], "x").unwrap();
    let command = |until| Desk::reminder(external("scada"), None, sent.message_id, until);
    let said = crewline_core::Command::Receipts(
        crewline_core::ReceiptsCommand::new(
            person("alice", 1),
            vec![said(sent.message_id, ReceiptState::Acknowledged)],
        )
        .unwrap(),
    );
    let answers = desk.batch(&[
        command(None),
        command(None),
        said,
        command(Some(ReceiptState::Delivered)),
    ]);
    assert!(matches!(
        answers[0],
        Ok(Answer::Reminded { again: false, .. })
    ));
    assert!(matches!(
        answers[1],
        Ok(Answer::Reminded { again: true, .. })
    ));
    assert!(answers[3].is_err());
    assert_eq!(
        desk.story("alice")[..2],
        ["message.received(x)", "message.reminded(scada, read)"]
    );
}

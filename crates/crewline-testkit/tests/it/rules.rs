//! Rules of the contract that are no law of receipts: each test is a sentence of it.

use crewline_api::{
    ErrorCode, EventData, EventKind, EventKinds, NewMessage, NewReply, Outcome, Priority,
    ReceiptState,
};
use crewline_core::{Answer, UnknownRecipients};
use crewline_testkit::{Desk, external, person, said, up_to};

use super::memory;

fn desk() -> Desk {
    let mut desk = Desk::new(memory().opened);
    for user in ["alice", "bob", "carol"] {
        desk.add_user(user);
    }
    desk
}

#[test]
fn a_chat_is_made_without_a_message_once_and_told_to_everyone_in_it() {
    let mut desk = desk();
    let Ok(Answer::Chat { chat, new: true }) =
        desk.chat(external("scada"), &["bob", "alice", "bob"])
    else {
        panic!()
    };
    let Ok(Answer::Chat {
        chat: same,
        new: false,
    }) = desk.chat(person("alice", 1), &["scada", "bob"])
    else {
        panic!()
    };
    assert_eq!(chat, same);
    for who in ["scada", "alice", "bob"] {
        assert_eq!(desk.story(who), ["chat.created"]);
    }
    assert_eq!(
        desk.send("scada", &["alice", "bob"], "one")
            .unwrap()
            .chat_id,
        chat.chat_id
    );
    assert_eq!(
        desk.chat(person("alice", 1), &["alice"])
            .unwrap_err()
            .fields[0]
            .field,
        "toUserIds"
    );
}

#[test]
fn an_external_in_to_users_receives_in_its_own_log_from_the_first_message_on() {
    let mut desk = desk();
    desk.chat(external("oms"), &["alice"]).unwrap();
    desk.send("scada", &["alice", "oms"], "one").unwrap();
    assert_eq!(desk.story("oms"), ["chat.created", "message.received(one)"]);
}

#[test]
fn a_cursor_of_an_external_that_carries_messages_past_delivers_them_once() {
    let mut desk = desk();
    let sent = desk.send("oms", &["alice"], "zero").unwrap();
    desk.reply("alice", sent.chat_id, NewReply::new("one"), None)
        .unwrap();
    let two = desk
        .reply("alice", sent.chat_id, NewReply::new("two"), None)
        .unwrap();
    let own = desk
        .log("oms")
        .iter()
        .find(|event| event.data.kind() == EventKind::MessageReceived)
        .unwrap()
        .seq;
    let reads = EventKinds::from_iter([EventKind::MessageRead]);
    let head = desk.log("oms").len() as u64;
    let delivered = |desk: &Desk| {
        desk.story("alice")
            .iter()
            .filter(|line| line.starts_with("message.delivered(oms"))
            .count()
    };
    desk.put_cursor(external("oms"), "receipts", head, reads, false)
        .unwrap();
    assert_eq!(
        delivered(&desk),
        0,
        "a cursor on receipts confirms no message"
    );
    desk.put_cursor(external("oms"), "all", own, EventKinds::ALL, false)
        .unwrap();
    assert_eq!(delivered(&desk), 1);
    desk.put_cursor(external("oms"), "all", head, EventKinds::ALL, false)
        .unwrap();
    desk.put_cursor(external("oms"), "other", head, EventKinds::ALL, false)
        .unwrap();
    assert_eq!(delivered(&desk), 2);
    assert_eq!(
        desk.put_cursor(external("oms"), "all", 1, EventKinds::ALL, false)
            .unwrap(),
        head,
        "it does not go back by itself"
    );
    assert_eq!(
        desk.put_cursor(external("oms"), "all", 1, EventKinds::ALL, true)
            .unwrap(),
        1
    );
    desk.put_cursor(external("oms"), "all", head, EventKinds::ALL, false)
        .unwrap();
    assert_eq!(delivered(&desk), 2, "what was delivered is delivered");
    let refused = desk
        .put_cursor(external("oms"), "all", head + 1, EventKinds::ALL, false)
        .unwrap_err();
    assert_eq!(refused.code, ErrorCode::AheadOfLog);
    let seen = desk.say("oms", two.message_id, ReceiptState::Read);
    assert_eq!(
        seen.unwrap_err().code,
        ErrorCode::NotAllowed,
        "an external does not act as a user"
    );
    let outcome = desk
        .receipts(
            external("oms"),
            vec![said(two.message_id, ReceiptState::Read)],
        )
        .unwrap()[0]
        .outcome;
    assert_eq!(outcome, Outcome::New, "read only by a receipt");
}

#[test]
fn a_cursor_of_a_user_delivers_nothing() {
    let mut desk = desk();
    desk.send("scada", &["alice"], "one").unwrap();
    desk.put_cursor(person("alice", 1), "a", 1, EventKinds::ALL, false)
        .unwrap();
    assert_eq!(desk.story("scada"), [""; 0]);
}

#[test]
fn an_acknowledgement_implies_what_is_below_it_and_is_told_to_the_own_devices() {
    let mut desk = desk();
    let message = NewMessage::builder("scada", "s", "one")
        .to("alice")
        .priority(Priority::Emergency)
        .build()
        .unwrap();
    let sent = desk.send_message(message).unwrap();
    desk.say("alice", sent.message_id, ReceiptState::Acknowledged)
        .unwrap();
    assert_eq!(
        desk.story("scada"),
        [
            "message.delivered(alice, implied)",
            "message.read(alice, implied)",
            "message.acknowledged(alice)"
        ]
    );
    assert_eq!(
        desk.story("alice"),
        [
            "message.received(one)",
            "self.read(1, unread 0)",
            "self.acknowledged(1, unread 0)"
        ]
    );
    desk.say("alice", sent.message_id, ReceiptState::Acknowledged)
        .unwrap();
    assert_eq!(desk.story("alice").len(), 3);
}

#[test]
fn one_call_is_one_event_for_each_chat() {
    let mut desk = desk();
    let ids: Vec<_> = (0..3)
        .map(|at| {
            desk.send("scada", &["alice"], &format!("{at}"))
                .unwrap()
                .message_id
        })
        .collect();
    let other = desk.send("oms", &["alice"], "other").unwrap();
    let receipts = vec![
        said(ids[2], ReceiptState::Read),
        said(other.message_id, ReceiptState::Acknowledged),
        said(ids[0], ReceiptState::Read),
        said(ids[0], ReceiptState::Read),
    ];
    let results = desk.receipts(person("alice", 1), receipts).unwrap();
    let outcomes: Vec<_> = results.iter().map(|result| result.outcome).collect();
    assert_eq!(
        outcomes,
        [Outcome::New, Outcome::New, Outcome::New, Outcome::Known]
    );
    assert_eq!(
        desk.story("alice")[4..],
        [
            "self.read(2, unread 1)",
            "self.read(1, unread 0)",
            "self.acknowledged(1, unread 0)"
        ]
    );
    let EventData::SelfRead(data) = &desk.log("alice")[4].data else {
        panic!()
    };
    assert_eq!(data.message_ids, [ids[0], ids[2]], "oldest first");
}

#[test]
fn what_is_not_yours_is_not_found() {
    let mut desk = desk();
    let sent = desk.send("scada", &["alice"], "one").unwrap();
    let outcome = |desk: &mut Desk, who: &str, receipt| {
        desk.receipts(person(who, 1), vec![receipt]).unwrap()[0].outcome
    };
    assert_eq!(
        outcome(&mut desk, "bob", said(sent.message_id, ReceiptState::Read)),
        Outcome::NotFound
    );
    assert_eq!(
        outcome(&mut desk, "bob", up_to(sent.chat_id, sent.message_id)),
        Outcome::NotFound
    );
    let other = desk.send("scada", &["alice", "bob"], "two").unwrap();
    assert_eq!(
        outcome(&mut desk, "alice", up_to(sent.chat_id, other.message_id)),
        Outcome::NotFound,
        "of another chat"
    );
    assert_eq!(
        desk.reply("bob", sent.chat_id, NewReply::new("x"), None)
            .unwrap_err()
            .code,
        ErrorCode::NotFound
    );
    let mut reply = NewReply::new("x");
    reply.reply_to = Some(other.message_id);
    let refused = desk.reply("alice", sent.chat_id, reply, None).unwrap_err();
    assert_eq!(
        (refused.code, refused.fields[0].field.as_str()),
        (ErrorCode::Invalid, "replyTo")
    );
    assert_eq!(desk.story("scada"), [""; 0]);
}

#[test]
fn a_reply_reads_up_to_what_was_on_the_screen() {
    let mut desk = desk();
    let one = desk.send("scada", &["alice"], "one").unwrap();
    desk.send("scada", &["alice"], "two").unwrap();
    let mut reply = NewReply::new("first");
    reply.read_up_to = Some(one.message_id);
    desk.reply("alice", one.chat_id, reply, None).unwrap();
    assert_eq!(
        desk.story("scada"),
        [
            "message.delivered(alice, implied)",
            "message.read(alice)",
            "message.received(first)"
        ]
    );
    desk.reply("alice", one.chat_id, NewReply::new("second"), None)
        .unwrap();
    assert_eq!(
        desk.story("scada")[3..],
        [
            "message.delivered(alice, implied)",
            "message.read(alice)",
            "message.received(second)"
        ]
    );
    assert_eq!(
        desk.story("alice")[2..],
        [
            "self.read(1, unread 1)",
            "message.sent(first)",
            "self.read(1, unread 0)",
            "message.sent(second)"
        ]
    );
}

#[test]
fn a_reply_in_the_same_batch_reads_what_was_stored_before_it() {
    use crewline_core::{Command, DeviceNo, ReplyCommand, SendCommand};
    let mut desk = desk();
    let chat = desk.send("scada", &["alice"], "one").unwrap().chat_id;
    let user = crewline_api::NewMessageUser::new("alice").on_read_payload("r");
    let send = NewMessage::builder("scada", "scada", "two")
        .to(user)
        .build()
        .unwrap();
    let batch = [
        Command::Send(SendCommand::new(send, DeviceNo(1)).unwrap()),
        Command::Reply(
            ReplyCommand::new(person("alice", 1), chat, NewReply::new("both"), None).unwrap(),
        ),
    ];
    assert!(desk.batch(&batch).iter().all(Result::is_ok));
    assert_eq!(
        desk.story("alice"),
        [
            "message.received(one)",
            "message.received(two)",
            "self.read(2, unread 0)",
            "message.sent(both)"
        ]
    );
    let payload = desk
        .log("scada")
        .iter()
        .find_map(|event| match &event.data {
            EventData::MessageRead(data) => data.payload.clone(),
            _ => None,
        });
    assert_eq!(payload.unwrap().as_bytes(), b"r");
}

#[test]
fn an_idempotency_key_of_a_reply_is_the_senders_and_reads_once() {
    let mut desk = desk();
    let chat = desk
        .send("scada", &["alice", "bob"], "one")
        .unwrap()
        .chat_id;
    let first = desk
        .reply("alice", chat, NewReply::new("x"), Some("k"))
        .unwrap();
    desk.send("scada", &["alice", "bob"], "two").unwrap();
    assert_eq!(
        desk.reply("alice", chat, NewReply::new("x"), Some("k"))
            .unwrap(),
        first
    );
    assert_eq!(
        desk.reply("alice", chat, NewReply::new("y"), Some("k"))
            .unwrap_err()
            .code,
        ErrorCode::IdempotencyMismatch
    );
    assert_ne!(
        desk.reply("bob", chat, NewReply::new("x"), Some("k"))
            .unwrap()
            .message_id,
        first.message_id
    );
    assert_eq!(
        desk.story("alice")
            .iter()
            .filter(|line| line.starts_with("self.read"))
            .count(),
        1,
        "a retry reads nothing more"
    );
}

#[test]
fn the_unknown_and_the_disabled_are_refused_together_by_name() {
    let mut desk = desk();
    let now = desk.now;
    desk.directory(|directory| {
        directory.change_user(
            &"bob".parse().unwrap(),
            &crewline_core::UserChange::Disable,
            now,
        )
    })
    .unwrap();
    let refused = desk
        .send("scada", &["nobody", "alice", "bob"], "x")
        .unwrap_err();
    let fields: Vec<_> = refused
        .fields
        .iter()
        .map(|error| (error.field.as_str(), error.detail.as_str()))
        .collect();
    assert_eq!(
        fields,
        [
            ("toUsers[0].toUserId", "nobody is not known"),
            ("toUsers[2].toUserId", "bob is disabled")
        ]
    );
    desk.settings.unknown_recipients = UnknownRecipients::Accept;
    desk.send("scada", &["dora", "alice"], "waits").unwrap();
    desk.add_user("dora");
    assert_eq!(desk.story("dora"), ["message.received(waits)"]);
    desk.settings.unknown_recipients = UnknownRecipients::Refuse;
    desk.send("scada", &["dora"], "known now").unwrap();
}

#[test]
fn nobody_sends_in_the_name_of_a_user() {
    let mut desk = desk();
    assert_eq!(
        desk.send("alice", &["bob"], "x").unwrap_err().code,
        ErrorCode::NotAllowed
    );
    assert_eq!(
        desk.chat(external("alice"), &["bob"]).unwrap_err().code,
        ErrorCode::NotAllowed
    );
    assert!(desk.log("bob").is_empty());
}

#[test]
fn an_external_does_not_reply() {
    use crewline_core::{Command, ReplyCommand};
    let mut desk = desk();
    let chat = desk.send("scada", &["alice"], "x").unwrap().chat_id;
    let reply = ReplyCommand::new(external("scada"), chat, NewReply::new("y"), None).unwrap();
    let refused = desk.run(Command::Reply(reply)).unwrap_err();
    assert_eq!(
        (refused.code, desk.log("alice").len()),
        (ErrorCode::NotAllowed, 1)
    );
}

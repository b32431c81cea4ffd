//! Where the origin fails its users, and Crewline does not: those of the list that are rules. (Those about servers and
//! connections are tested with a server, beside the command line.)

use crewline_api::{NewMessage, NewMessageUser, NewReply, ReceiptState};
use crewline_core::{Command, DeviceNo, SendCommand, UnknownRecipients};
use crewline_testkit::{Desk, person, said, up_to};

use super::memory;

fn desk() -> Desk {
    let mut desk = Desk::new(memory().opened);
    for user in ["alice", "bob", "a", "b", "a,b"] {
        desk.add_user(user);
    }
    desk
}

#[test]
fn better_1_two_first_messages_to_one_new_set_of_people_at_once_are_one_chat_and_both_kept() {
    let mut desk = desk();
    let send = |text: &str| {
        let message = NewMessage::builder("scada", "s", text)
            .to("alice")
            .to("bob")
            .build()
            .unwrap();
        Command::Send(SendCommand::new(message, DeviceNo(1)).unwrap())
    };
    assert!(
        desk.batch(&[send("one"), send("two")])
            .iter()
            .all(Result::is_ok)
    );
    assert_eq!(
        desk.story("alice"),
        ["message.received(one)", "message.received(two)"]
    );
    assert_eq!(
        desk.reader
            .chats(desk.no("alice").unwrap(), None, 10)
            .unwrap()
            .chats
            .len(),
        1
    );
}

#[test]
fn better_2_ids_with_commas_quotes_and_emoji_are_never_mixed_up() {
    let mut desk = desk();
    let one = desk.send("scada", &["a,b"], "to one").unwrap();
    let two = desk.send("scada", &["a", "b"], "to two").unwrap();
    assert_ne!(one.chat_id, two.chat_id);
    assert_eq!(
        (desk.story("a,b"), desk.story("a")),
        (
            vec!["message.received(to one)".to_owned()],
            vec!["message.received(to two)".to_owned()]
        )
    );
}

#[test]
fn better_3_a_chat_of_a_thousand_people_with_long_ids_works() {
    let mut desk = desk();
    desk.settings.unknown_recipients = UnknownRecipients::Accept;
    let ids: Vec<String> = (0..1_000).map(|at| format!("{at:🚑>60}")).collect();
    let to: Vec<&str> = ids.iter().map(String::as_str).collect();
    let sent = desk.send("scada", &to, "all").unwrap();
    assert_eq!(
        (sent.recipients.len(), desk.story(&ids[500])),
        (1_000, vec!["message.received(all)".to_owned()])
    );
}

#[test]
fn better_4_a_refused_send_leaves_no_trace() {
    let mut desk = desk();
    let first = desk.send("scada", &["alice"], "one").unwrap();
    let chats = |desk: &Desk| {
        desk.reader
            .chats(desk.no("alice").unwrap(), None, 10)
            .unwrap()
    };
    let before = chats(&desk);
    assert!(desk.send("scada", &["alice", "nobody"], "two").is_err());
    assert!(desk.send("new external", &["nobody"], "two").is_err());
    let mut reply = NewReply::new("three");
    reply.read_up_to = Some(crewline_api::MessageId::from_parts(999, 1));
    assert!(desk.reply("alice", first.chat_id, reply, None).is_err());
    assert_eq!(
        (chats(&desk), desk.no("new external"), desk.no("nobody")),
        (before, None, None)
    );
    assert!(desk.log("scada").is_empty());
}

#[test]
fn better_5_duplicates_are_one_recipient_and_an_external_among_them_receives() {
    let mut desk = desk();
    desk.send("oms", &["bob"], "so that it is known").unwrap();
    let twice = NewMessage::builder("scada", "s", "x")
        .to(NewMessageUser::new("alice").on_read_payload("r"))
        .to(NewMessageUser::new("alice").on_delivered_payload("d"))
        .to("oms");
    let sent = desk.send_message(twice.build().unwrap()).unwrap();
    assert_eq!(sent.recipients.len(), 2);
    assert_eq!(
        (desk.story("alice"), desk.story("oms")),
        (
            vec!["message.received(x)".to_owned()],
            vec!["message.received(x)".to_owned()]
        )
    );
    desk.say("alice", sent.message_id, ReceiptState::Read)
        .unwrap();
    assert_eq!(
        desk.log("scada").len(),
        2,
        "both payloads were merged and came back"
    );
}

#[test]
fn better_11_the_cost_of_a_send_a_reply_and_a_receipt_does_not_grow_with_the_history() {
    let mut desk = desk();
    let cost = |desk: &mut Desk| {
        let sent = desk.send("scada", &["alice"], "x").unwrap();
        let of_send = (
            desk.wanted,
            desk.changes.log.len() + desk.changes.members.len() + desk.changes.recipients.len(),
        );
        desk.say("alice", sent.message_id, ReceiptState::Delivered)
            .unwrap();
        let of_receipt = (
            desk.wanted,
            desk.changes.log.len() + desk.changes.recipients.len(),
        );
        desk.reply("alice", sent.chat_id, NewReply::new("y"), None)
            .unwrap();
        let of_reply = (
            desk.wanted,
            desk.changes.log.len() + desk.changes.recipients.len(),
        );
        desk.receipts(
            person("alice", 1),
            vec![up_to(sent.chat_id, sent.message_id)],
        )
        .unwrap();
        (
            of_send,
            of_receipt,
            of_reply,
            (desk.wanted, desk.changes.log.len()),
        )
    };
    for _ in 0..10 {
        cost(&mut desk);
    }
    let short = cost(&mut desk);
    for _ in 0..2_000 {
        cost(&mut desk);
    }
    assert_eq!(cost(&mut desk), short);
}

#[test]
fn better_11_reading_a_little_of_a_long_backlog_costs_a_little() {
    let mut desk = desk();
    let sent: Vec<_> = (0..1_000)
        .map(|_| desk.send("scada", &["alice"], "x").unwrap())
        .collect();
    let mut cost = |at: usize| {
        let up_to = up_to(sent[at].chat_id, sent[at].message_id);
        desk.receipts(person("alice", 1), vec![up_to]).unwrap();
        (desk.wanted, desk.changes.log.len())
    };
    cost(0);
    let ten = cost(10);
    assert_eq!(
        (cost(20), ten.1),
        (ten, 21),
        "ten messages delivered and read, and one event for oneself"
    );
    cost(900);
    assert_eq!(
        cost(910),
        ten,
        "with little left behind it, it costs the same"
    );
}

#[test]
fn better_12_the_very_first_message_of_a_chat_is_unread() {
    let mut desk = desk();
    desk.send("scada", &["alice"], "one").unwrap();
    assert_eq!(
        desk.reader
            .chats(desk.no("alice").unwrap(), None, 1)
            .unwrap()
            .chats[0]
            .unread,
        1
    );
}

#[test]
fn better_13_read_marks_never_move_back() {
    let mut desk = desk();
    let one = desk.send("scada", &["alice"], "one").unwrap();
    let two = desk.send("scada", &["alice"], "two").unwrap();
    desk.receipts(person("alice", 1), vec![up_to(two.chat_id, two.message_id)])
        .unwrap();
    desk.receipts(
        person("alice", 2),
        vec![
            up_to(one.chat_id, one.message_id),
            said(two.message_id, ReceiptState::Delivered),
        ],
    )
    .unwrap();
    let alice = desk.no("alice").unwrap();
    assert_eq!(
        desk.reader.chats(alice, None, 1).unwrap().chats[0].unread,
        0
    );
    assert_eq!(
        desk.reader
            .message(&[alice], two.message_id)
            .unwrap()
            .unwrap()
            .recipients[0]
            .state,
        ReceiptState::Read
    );
}

#[test]
fn better_15_a_reply_reads_what_it_replies_to_and_fires_the_read_payload() {
    let mut desk = desk();
    let user = NewMessageUser::new("alice").on_read_payload("ticket");
    let sent = desk
        .send_message(
            NewMessage::builder("scada", "s", "x")
                .to(user)
                .build()
                .unwrap(),
        )
        .unwrap();
    let mut reply = NewReply::new("done");
    reply.reply_to = Some(sent.message_id);
    desk.reply("alice", sent.chat_id, reply, None).unwrap();
    let crewline_api::EventData::MessageRead(data) = &desk.log("scada")[1].data else {
        panic!()
    };
    assert_eq!(data.payload.as_ref().unwrap().as_bytes(), b"ticket");
}

#[test]
fn better_17_a_retry_with_the_same_key_makes_no_second_message() {
    let mut desk = desk();
    let message = || {
        NewMessage::builder("scada", "s", "x")
            .to("alice")
            .idempotency_key("17")
            .build()
            .unwrap()
    };
    let (one, two) = (
        desk.send_message(message()).unwrap(),
        desk.send_message(message()).unwrap(),
    );
    assert_eq!((one, desk.log("alice").len()), (two, 1));
}

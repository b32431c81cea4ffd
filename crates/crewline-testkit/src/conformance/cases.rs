//! Messages, logs, receipts and cursors.

use crewline_api::{
    ErrorCode, EventData, EventKind, EventKinds, NewMessage, NewMessageUser, NewReply, Outcome,
    Priority, ReceiptState, Seq,
};
use crewline_core::{Answer, ChatsBefore, Command, DeviceNo, SendCommand};

use super::{Make, desk};
use crate::{Desk, external, person, said, up_to};

pub(super) fn people(desk: &mut Desk) {
    for user in ["alice", "bob", "carol"] {
        desk.add_user(user);
    }
}

pub(super) fn what_was_committed_is_read_back_whole(make: Make<'_>) {
    let (mut desk, _guard) = desk(make);
    people(&mut desk);
    let message = NewMessage::builder(
        "scada",
        "SCADA Ostwerk",
        "Breaker 1204 has tripped\n<b>🚑</b>",
    )
    .to(NewMessageUser::new("alice").on_read_payload(b"r"))
    .to("bob")
    .priority(Priority::Emergency);
    let sent = desk.send_message(message.build().unwrap()).unwrap();
    let first = desk
        .reply("alice", sent.chat_id, NewReply::new("On my way"), None)
        .unwrap();
    let mut second = NewReply::new("Seen");
    second.reply_to = Some(first.message_id);
    desk.reply("bob", sent.chat_id, second, None).unwrap();

    let log = desk.log("bob");
    let EventData::MessageReceived(data) = &log[0].data else {
        panic!("{:?}", log[0])
    };
    assert_eq!(
        (data.message_id, data.chat_id, data.position),
        (sent.message_id, sent.chat_id, 1)
    );
    assert_eq!(
        (data.from_user_id.as_str(), data.from_user_name.as_str()),
        ("scada", "SCADA Ostwerk")
    );
    assert_eq!(&*data.message, "Breaker 1204 has tripped\n<b>🚑</b>");
    assert_eq!(
        (data.priority, data.sent_at, log[0].timestamp),
        (Priority::Emergency, sent.sent_at, sent.sent_at)
    );
    let all: Vec<&str> = data
        .all_user_ids
        .iter()
        .map(crewline_api::ParticipantId::as_str)
        .collect();
    assert_eq!(all, ["alice", "bob", "scada"]);
    assert_eq!(
        desk.story("bob"),
        [
            "message.received(Breaker 1204 has tripped\n<b>🚑</b>)",
            "message.received(On my way)",
            "self.read(1, unread 1)",
            "message.sent(Seen)"
        ]
    );
    let EventData::MessageSent(data) = &desk.log("bob")[3].data else {
        panic!()
    };
    assert_eq!(data.reply_to, Some(first.message_id));
    assert_eq!(
        desk.story("alice"),
        [
            "message.received(Breaker 1204 has tripped\n<b>🚑</b>)",
            "message.sent(On my way)",
            "message.delivered(bob, implied)",
            "message.read(bob)",
            "message.received(Seen)",
        ]
    );
    assert_eq!(
        desk.story("scada"),
        ["message.received(On my way)", "message.received(Seen)"]
    );
}

pub(super) fn a_log_pages_forward_by_kind_and_has_no_gap(make: Make<'_>) {
    let (mut desk, _guard) = desk(make);
    people(&mut desk);
    for at in 0..25 {
        desk.send("scada", &["alice"], &format!("{at}")).unwrap();
    }
    let no = desk.no("alice").unwrap();
    let (mut after, mut seen) = (0, Vec::new());
    loop {
        let page = desk.reader.log(no, after, EventKinds::ALL, 7).unwrap();
        assert_eq!((page.head, page.oldest), (25, 1));
        assert!(page.events.len() <= 7);
        seen.extend(page.events.iter().map(|event| event.seq));
        after = page.next;
        if after == page.head {
            break;
        }
    }
    assert_eq!(seen, (1..=25).collect::<Vec<Seq>>());
    let beyond = desk.reader.log(no, 99, EventKinds::ALL, 7).unwrap();
    assert_eq!((beyond.events.len(), beyond.next, beyond.head), (0, 99, 25));
    let empty = desk
        .reader
        .log(desk.no("bob").unwrap(), 0, EventKinds::ALL, 7)
        .unwrap();
    assert_eq!((empty.next, empty.head, empty.oldest), (0, 0, 1));
}

pub(super) fn a_log_of_one_kind_passes_what_it_skipped(make: Make<'_>) {
    let (mut desk, _guard) = desk(make);
    people(&mut desk);
    let sent = desk.send("scada", &["alice", "bob"], "one").unwrap();
    desk.say("alice", sent.message_id, ReceiptState::Read)
        .unwrap();
    desk.say("bob", sent.message_id, ReceiptState::Delivered)
        .unwrap();
    let no = desk.no("scada").unwrap();
    let kinds = EventKinds::from_iter([EventKind::MessageRead]);
    let page = desk.reader.log(no, 0, kinds, 100).unwrap();
    assert_eq!(
        page.events
            .iter()
            .map(|event| event.seq)
            .collect::<Vec<_>>(),
        [2]
    );
    assert_eq!((page.next, page.head), (3, 3));
    let full = desk.reader.log(no, 0, kinds, 1).unwrap();
    assert!(full.next >= 2 && full.events.len() == 1);
}

pub(super) fn unread_is_what_was_neither_read_nor_sent(make: Make<'_>) {
    let (mut desk, _guard) = desk(make);
    people(&mut desk);
    let unread = |desk: &Desk, who: &str| {
        desk.reader
            .chats(desk.no(who).unwrap(), None, 10)
            .unwrap()
            .chats
            .first()
            .map(|chat| chat.unread)
    };
    let one = desk.send("scada", &["alice", "bob"], "one").unwrap();
    assert_eq!(
        unread(&desk, "alice"),
        Some(1),
        "the very first message is unread"
    );
    let emergency = NewMessage::builder("scada", "scada", "two")
        .to("alice")
        .to("bob")
        .priority(Priority::Emergency);
    let two = desk.send_message(emergency.build().unwrap()).unwrap();
    desk.send("scada", &["alice", "bob"], "three").unwrap();
    assert_eq!(unread(&desk, "alice"), Some(3));
    desk.reply("alice", one.chat_id, NewReply::new("four"), None)
        .unwrap();
    assert_eq!(
        (unread(&desk, "alice"), unread(&desk, "bob")),
        (Some(1), Some(4)),
        "an emergency is read by itself"
    );
    desk.say("alice", two.message_id, ReceiptState::Acknowledged)
        .unwrap();
    assert_eq!(unread(&desk, "alice"), Some(0));
    desk.receipts(person("bob", 1), vec![up_to(one.chat_id, one.message_id)])
        .unwrap();
    assert_eq!(unread(&desk, "bob"), Some(3));
}

pub(super) fn history_pages_backwards(make: Make<'_>) {
    let (mut desk, _guard) = desk(make);
    people(&mut desk);
    let mut chat = None;
    for at in 1..=12 {
        chat = Some(
            desk.send("scada", &["alice", "bob"], &format!("{at}"))
                .unwrap()
                .chat_id,
        );
    }
    let (chat, alice) = (chat.unwrap(), desk.no("alice").unwrap());
    let first = desk
        .reader
        .history(&[alice], chat, None, 5)
        .unwrap()
        .unwrap();
    let texts = |page: &crewline_api::MessagesPage| {
        page.messages
            .iter()
            .map(|message| message.message.clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(texts(&first), ["12", "11", "10", "9", "8"]);
    assert_eq!((first.next.as_deref(), first.as_of), (Some("8"), 12));
    let last = desk
        .reader
        .history(&[alice], chat, Some(3), 5)
        .unwrap()
        .unwrap();
    assert_eq!(
        (texts(&last), last.next),
        (vec!["2".to_owned(), "1".to_owned()], None)
    );
    assert_eq!(
        first.messages[0].recipients.len(),
        1,
        "a recipient sees itself"
    );
    assert_eq!(
        desk.reader
            .history(&[desk.no("carol").unwrap()], chat, None, 5)
            .unwrap(),
        None
    );
    let other = crewline_api::ChatId::from_parts(chat.no(), chat.salt() ^ 1);
    assert_eq!(desk.reader.history(&[alice], other, None, 5).unwrap(), None);
}

pub(super) fn chats_come_newest_activity_first_and_page(make: Make<'_>) {
    let (mut desk, _guard) = desk(make);
    people(&mut desk);
    desk.chat(person("alice", 1), &["bob"]).unwrap();
    let second = desk.send("scada", &["alice"], "two").unwrap();
    desk.send("scada", &["alice", "bob"], "three").unwrap();
    desk.reply("alice", second.chat_id, NewReply::new("four"), None)
        .unwrap();
    let alice = desk.no("alice").unwrap();
    let page = desk.reader.chats(alice, None, 2).unwrap();
    let names = |page: &crewline_api::ChatsPage| {
        page.chats
            .iter()
            .map(|chat| {
                chat.last_message
                    .as_ref()
                    .map(|message| message.message.clone())
            })
            .collect::<Vec<_>>()
    };
    assert_eq!(
        names(&page),
        [Some("four".to_owned()), Some("three".to_owned())]
    );
    assert_eq!(page.as_of, desk.log("alice").len() as u64);
    let (at, no) = page
        .next
        .as_deref()
        .and_then(|next| next.split_once('.'))
        .expect("there is one more");
    let before = ChatsBefore {
        last_activity: crewline_api::Timestamp::from_millis(at.parse().unwrap()),
        chat: crewline_core::ChatNo(no.parse().unwrap()),
    };
    let rest = desk.reader.chats(alice, Some(before), 2).unwrap();
    assert_eq!((names(&rest), rest.next), (vec![None], None));
}

pub(super) fn a_message_is_seen_by_its_sender_and_its_recipients_only(make: Make<'_>) {
    let (mut desk, _guard) = desk(make);
    people(&mut desk);
    let sent = desk.send("scada", &["alice", "bob"], "one").unwrap();
    desk.say("bob", sent.message_id, ReceiptState::Read)
        .unwrap();
    let seen = |desk: &Desk, who: &str| {
        desk.reader
            .message(&[desk.no(who).unwrap()], sent.message_id)
            .unwrap()
    };
    let all = seen(&desk, "scada").unwrap();
    let states: Vec<_> = all
        .recipients
        .iter()
        .map(|row| (row.user_id.as_str(), row.state))
        .collect();
    assert_eq!(
        states,
        [
            ("alice", ReceiptState::Accepted),
            ("bob", ReceiptState::Read)
        ]
    );
    assert_eq!(
        all.recipients[1].delivered_at, all.recipients[1].read_at,
        "implied states have a time too"
    );
    assert_eq!(seen(&desk, "alice").unwrap().recipients.len(), 1);
    assert_eq!(seen(&desk, "carol"), None);
}

pub(super) fn the_first_fact_of_a_device_counts(make: Make<'_>) {
    let (mut desk, _guard) = desk(make);
    people(&mut desk);
    let sent = desk.send("scada", &["alice"], "one").unwrap();
    let outcome = |desk: &mut Desk, device: i64, state| {
        desk.receipts(person("alice", device), vec![said(sent.message_id, state)])
            .unwrap()[0]
            .outcome
    };
    assert_eq!(outcome(&mut desk, 1, ReceiptState::Delivered), Outcome::New);
    let at = desk.now;
    assert_eq!(
        outcome(&mut desk, 1, ReceiptState::Delivered),
        Outcome::Known
    );
    assert_eq!(
        outcome(&mut desk, 2, ReceiptState::Delivered),
        Outcome::Known
    );
    let seen = desk
        .reader
        .message(&[desk.no("scada").unwrap()], sent.message_id)
        .unwrap()
        .unwrap();
    assert_eq!(seen.recipients[0].delivered_at, Some(at));
    assert_eq!(desk.story("scada"), ["message.delivered(alice)"]);
}

pub(super) fn payloads_come_back_byte_for_byte(make: Make<'_>) {
    let (mut desk, _guard) = desk(make);
    people(&mut desk);
    let bytes: Vec<u8> = (0..65_536u32).map(|at| (at % 251) as u8).collect();
    let user = NewMessageUser::new("alice")
        .on_delivered_payload(&bytes)
        .on_read_payload([0, 255]);
    let sent = desk
        .send_message(
            NewMessage::builder("scada", "s", "t")
                .to(user)
                .to("bob")
                .build()
                .unwrap(),
        )
        .unwrap();
    desk.say("alice", sent.message_id, ReceiptState::Read)
        .unwrap();
    desk.say("bob", sent.message_id, ReceiptState::Read)
        .unwrap();
    let payloads: Vec<_> = desk
        .log("scada")
        .iter()
        .map(|event| match &event.data {
            EventData::MessageDelivered(data) | EventData::MessageRead(data) => {
                data.payload.as_ref().map(|bytes| bytes.as_bytes().to_vec())
            }
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(payloads, [Some(bytes), Some(vec![0, 255]), None, None]);
}

pub(super) fn a_key_is_unique_for_its_sender(make: Make<'_>) {
    let (mut desk, _guard) = desk(make);
    people(&mut desk);
    let message = |from: &str, text: &str| {
        let message = NewMessage::builder(from, "s", text)
            .to("bob")
            .to("alice")
            .idempotency_key("k")
            .build()
            .unwrap();
        Command::Send(SendCommand::new(message, DeviceNo(1)).unwrap())
    };
    let Ok(Answer::Sent { sent, again: false }) = desk.run(message("scada", "one")) else {
        panic!()
    };
    let Ok(Answer::Sent {
        sent: repeated,
        again: true,
    }) = desk.run(message("scada", "one"))
    else {
        panic!()
    };
    assert_eq!(sent, repeated);
    assert_eq!(
        desk.run(message("scada", "two")).unwrap_err().code,
        ErrorCode::IdempotencyMismatch
    );
    let Ok(Answer::Sent {
        sent: other,
        again: false,
    }) = desk.run(message("oms", "one"))
    else {
        panic!()
    };
    assert_ne!(sent.message_id, other.message_id);
    // Both in one batch, the first time.
    let both = desk.batch(&[message("gis", "one"), message("gis", "one")]);
    let [
        Ok(Answer::Sent { sent, again: false }),
        Ok(Answer::Sent {
            sent: repeated,
            again: true,
        }),
    ] = both.as_slice()
    else {
        panic!()
    };
    assert_eq!(sent, repeated);
}

pub(super) fn rows_of_earlier_batches_are_not_loaded_over_newer_ones(make: Make<'_>) {
    let (mut desk, _guard) = desk(make);
    people(&mut desk);
    let one = desk.send("scada", &["alice"], "one").unwrap();
    desk.chat(person("alice", 1), &["scada"]).unwrap();
    desk.put_cursor(external("scada"), "c", 0, EventKinds::ALL, false)
        .unwrap();
    desk.reply("alice", one.chat_id, NewReply::new("two"), None)
        .unwrap();
    desk.directory(|directory| {
        directory.change_user(
            &"bob".parse().unwrap(),
            &crewline_core::UserChange::Disable,
            one.sent_at,
        )
    })
    .unwrap();
    desk.reply("alice", one.chat_id, NewReply::new("three"), None)
        .unwrap();
    assert_eq!(
        desk.put_cursor(external("scada"), "c", 4, EventKinds::ALL, false)
            .unwrap(),
        4
    );
    assert_eq!(
        desk.story("scada"),
        [
            "message.delivered(alice, implied)",
            "message.read(alice)",
            "message.received(two)",
            "message.received(three)"
        ]
    );
    assert_eq!(
        desk.send("scada", &["bob"], "four").unwrap_err().code,
        ErrorCode::UnknownRecipient
    );
}

pub(super) fn ids_are_compared_byte_by_byte(make: Make<'_>) {
    let (mut desk, _guard) = desk(make);
    let ids = [
        "a", "A", "a,b", " a", "a ", "\"a\"", "é", "e\u{301}", "%", "🚑", "a'b", "a\\b",
    ];
    for id in ids {
        desk.add_user(id);
    }
    let chats: Vec<_> = ids
        .iter()
        .map(|id| desk.send("x", &[id], id).unwrap().chat_id)
        .collect();
    let together = desk.send("x", &["a", "b"], "…");
    assert!(together.is_err(), "b is nobody, though a,b is somebody");
    for (id, chat) in ids.iter().zip(&chats) {
        assert_eq!(desk.story(id), [format!("message.received({id})")]);
        assert_eq!(chats.iter().filter(|other| *other == chat).count(), 1);
    }
}

pub(super) fn a_chat_of_a_thousand_long_ids_works(make: Make<'_>) {
    let (mut desk, _guard) = desk(make);
    desk.settings.unknown_recipients = crewline_core::UnknownRecipients::Accept;
    let ids: Vec<String> = (0..1_000).map(|at| format!("{at:0>255}")).collect();
    let to: Vec<&str> = ids.iter().map(String::as_str).collect();
    let first = desk.send("scada", &to, "one").unwrap();
    let again = desk.send("scada", &to, "two").unwrap();
    assert_eq!(
        (first.chat_id, again.position, again.recipients.len()),
        (again.chat_id, 2, 1_000)
    );
    assert_eq!(
        desk.story(&ids[999]),
        ["message.received(one)", "message.received(two)"]
    );
}

pub(super) fn members_are_told_of_a_chat_and_of_a_message(make: Make<'_>) {
    let (mut desk, _guard) = desk(make);
    people(&mut desk);
    let sent = desk.send("scada", &["alice", "bob"], "one").unwrap();
    let of_chat = desk.reader.members_of_chat(sent.chat_id).unwrap().unwrap();
    let ids: Vec<_> = of_chat
        .member_ids
        .iter()
        .map(crewline_api::ParticipantId::as_str)
        .collect();
    assert_eq!(ids, ["alice", "bob", "scada"]);
    assert_eq!(
        desk.reader.members_of_message(sent.message_id).unwrap(),
        Some(of_chat)
    );
    let other = crewline_api::ChatId::from_parts(sent.chat_id.no(), sent.chat_id.salt() ^ 1);
    assert_eq!(desk.reader.members_of_chat(other).unwrap(), None);
    let other = crewline_api::MessageId::from_parts(sent.message_id.no() + 1, 7);
    assert_eq!(desk.reader.members_of_message(other).unwrap(), None);
}

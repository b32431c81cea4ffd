//! Groups as recipients: each test is a sentence of the rule.

use crewline_api::{
    ApiError, ErrorCode, FieldCode, NewMessage, NewMessageBuilder, NewMessageGroup, NewMessageUser,
    SentMessage, ToGroup,
};
use crewline_core::{Answer, ChatCommand, Command, DeviceNo, GroupRow, SendCommand, UserChange};
use crewline_testkit::{Desk, person};

use super::memory;

fn desk() -> Desk {
    let mut desk = Desk::new(memory().opened);
    for user in ["alice", "bob", "carol", "dora"] {
        desk.add_user(user);
    }
    put(&mut desk, "north", &["alice", "bob"]);
    put(&mut desk, "south", &["bob", "carol"]);
    duty(&mut desk, "bob", true);
    desk
}

fn put(desk: &mut Desk, id: &str, members: &[&str]) {
    let row = GroupRow {
        id: id.parse().unwrap(),
        name: id.to_owned(),
        members: members.iter().map(|id| id.parse().unwrap()).collect(),
    };
    let now = desk.now;
    desk.directory(|directory| directory.put_groups(&[row], now))
        .unwrap();
}

fn duty(desk: &mut Desk, who: &str, on_duty: bool) {
    let (id, now) = (who.parse().unwrap(), desk.now);
    desk.directory(|directory| directory.set_duty(&id, on_duty, "test", now))
        .unwrap();
}

fn to(groups: &[&str]) -> NewMessageBuilder {
    let message = NewMessage::builder("scada", "SCADA", "x");
    groups
        .iter()
        .fold(message, |message, group| message.to_group(*group))
}

fn send(desk: &mut Desk, message: NewMessageBuilder) -> Result<SentMessage, ApiError> {
    desk.send_message(message.build()?)
}

fn recipients(sent: &SentMessage) -> Vec<&str> {
    sent.recipients.iter().map(|r| r.user_id.as_str()).collect()
}

fn faults(error: &ApiError) -> Vec<(&str, FieldCode)> {
    error
        .fields
        .iter()
        .map(|f| (f.field.as_str(), f.code))
        .collect()
}

#[test]
fn who_is_in_several_groups_and_named_beside_is_one_recipient() {
    let mut desk = desk();
    let sent = send(
        &mut desk,
        to(&["north", "south", "north"]).to("bob").to("dora"),
    )
    .unwrap();
    assert_eq!(recipients(&sent), ["alice", "bob", "carol", "dora"]);
    assert_eq!(desk.story("bob"), ["message.received(x)"]);
    let by_name = desk
        .send("scada", &["alice", "bob", "carol", "dora"], "y")
        .unwrap();
    assert_eq!(
        by_name.chat_id, sent.chat_id,
        "the same people have the same chat"
    );
}

#[test]
fn a_message_keeps_the_people_who_were_in_the_group_when_it_was_stored() {
    let mut desk = desk();
    let first = send(&mut desk, to(&["north"])).unwrap();
    put(&mut desk, "north", &["dora"]);
    let second = send(&mut desk, to(&["north"])).unwrap();
    assert_eq!(
        (recipients(&first), recipients(&second)),
        (vec!["alice", "bob"], vec!["dora"])
    );
    assert_eq!(desk.story("dora").len(), 1);
}

#[test]
fn the_same_key_gives_the_first_answer_also_when_the_group_has_changed_or_is_gone() {
    let mut desk = desk();
    let keyed = |groups: &[&str]| to(groups).idempotency_key("k");
    let first = send(&mut desk, keyed(&["north", "south"])).unwrap();
    put(&mut desk, "north", &["dora"]);
    let id = "south".parse().unwrap();
    desk.directory(|directory| directory.remove_group(&id))
        .unwrap();
    let again = keyed(&["south", "north", "south"]).build().unwrap();
    let again = desk.run(Command::Send(SendCommand::new(again, DeviceNo(0)).unwrap()));
    assert_eq!(
        again,
        Ok(Answer::Sent {
            sent: first,
            again: true
        })
    );
    for other in [
        keyed(&["north"]),
        keyed(&["north", "south"]).to("dora"),
        to(&[])
            .to("alice")
            .to("bob")
            .to("carol")
            .idempotency_key("k"),
        to(&["south"])
            .to_group(NewMessageGroup::new("north").on_duty_only())
            .idempotency_key("k"),
    ] {
        let error = send(&mut desk, other).unwrap_err();
        assert_eq!(error.code, ErrorCode::IdempotencyMismatch);
    }
}

#[test]
fn those_on_duty_are_a_group_of_their_own_and_a_part_of_each_other() {
    let mut desk = desk();
    duty(&mut desk, "dora", true);
    let sent = send(&mut desk, to(&["on-duty"])).unwrap();
    assert_eq!(recipients(&sent), ["bob", "dora"]);
    let some = to(&[]).to_group(NewMessageGroup::new("north").on_duty_only());
    assert_eq!(recipients(&send(&mut desk, some).unwrap()), ["bob"]);
    duty(&mut desk, "bob", false);
    assert_eq!(
        recipients(&send(&mut desk, to(&["on-duty"])).unwrap()),
        ["dora"]
    );
    let none = to(&[]).to_group(NewMessageGroup::new("north").on_duty_only());
    let error = send(&mut desk, none).unwrap_err();
    assert_eq!(
        (error.code, faults(&error)),
        (ErrorCode::Invalid, vec![("toGroups", FieldCode::Empty)])
    );
}

#[test]
fn who_is_shut_out_is_left_out_of_a_group_and_refused_by_name() {
    let mut desk = desk();
    let (alice, now) = ("alice".parse().unwrap(), desk.now);
    desk.directory(|directory| directory.change_user(&alice, &UserChange::Disable, now))
        .unwrap();
    assert_eq!(
        recipients(&send(&mut desk, to(&["north"])).unwrap()),
        ["bob"]
    );
    let error = send(&mut desk, to(&["north"]).to("alice")).unwrap_err();
    assert_eq!(
        faults(&error),
        [("toUsers[0].toUserId", FieldCode::UnknownRecipient)]
    );
}

#[test]
fn groups_that_do_not_exist_are_refused_together_and_nothing_is_sent() {
    let mut desk = desk();
    let error = send(&mut desk, to(&["west", "north", "east"]).to("alice")).unwrap_err();
    assert_eq!(error.code, ErrorCode::UnknownGroup);
    assert_eq!(
        faults(&error),
        [
            ("toGroups[0].groupId", FieldCode::UnknownGroup),
            ("toGroups[2].groupId", FieldCode::UnknownGroup)
        ]
    );
    assert_eq!(desk.story("alice"), Vec::<String>::new());
}

#[test]
fn payloads_of_groups_are_those_of_each_member_and_must_not_contradict_each_other() {
    let mut desk = desk();
    let with = |group: &str, read: &str| {
        let mut group = NewMessageGroup::new(group);
        group.on_read_payload = Some(read.into());
        group
    };
    let mine = NewMessageUser::new("alice").on_delivered_payload("mine");
    let message = to(&["south"]).to_group(with("north", "read")).to(mine);
    let sent = send(&mut desk, message).unwrap();
    for who in ["alice", "bob", "carol"] {
        desk.say(who, sent.message_id, crewline_api::ReceiptState::Read)
            .unwrap();
    }
    let payloads: Vec<_> = desk
        .log("scada")
        .into_iter()
        .filter_map(|event| match event.data {
            crewline_api::EventData::MessageDelivered(data)
            | crewline_api::EventData::MessageRead(data) => Some(format!(
                "{} {}",
                data.user_id,
                String::from_utf8_lossy(data.payload?.as_bytes())
            )),
            _ => None,
        })
        .collect();
    assert_eq!(payloads, ["alice mine", "alice read", "bob read"]);
    let contradiction = to(&[])
        .to_group(with("north", "a"))
        .to_group(with("south", "b"));
    let error = send(&mut desk, contradiction).unwrap_err();
    assert_eq!(
        faults(&error),
        [("toGroups[1].onReadPayload", FieldCode::Conflict)]
    );
}

#[test]
fn the_limit_of_recipients_holds_for_what_groups_come_to() {
    let mut desk = desk();
    let all: Vec<String> = (0..1_001).map(|no| format!("u{no}")).collect();
    for user in &all {
        desk.add_user(user);
    }
    let of =
        |range: std::ops::Range<usize>| all[range].iter().map(String::as_str).collect::<Vec<_>>();
    put(&mut desk, "one", &of(0..501));
    put(&mut desk, "two", &of(500..1_000));
    assert_eq!(
        send(&mut desk, to(&["one", "two"]))
            .unwrap()
            .recipients
            .len(),
        1_000
    );
    let error = send(&mut desk, to(&["one", "two"]).to("u1000")).unwrap_err();
    assert_eq!(faults(&error), [("toGroups", FieldCode::TooMany)]);
}

#[test]
fn a_chat_is_made_with_groups_and_without_its_maker() {
    let mut desk = desk();
    let group = |id: &str| ToGroup {
        group_id: id.parse().unwrap(),
        on_duty_only: false,
    };
    let command = |others: &[&str], groups: &[&str]| {
        let others = others.iter().map(|id| id.parse().unwrap()).collect();
        let groups = groups.iter().map(|id| group(id)).collect();
        Command::Chat(ChatCommand::new(person("alice", 1), others, groups).unwrap())
    };
    let Ok(Answer::Chat { chat, new: true }) = desk.run(command(&["dora"], &["north"])) else {
        panic!()
    };
    let ids: Vec<_> = chat.user_ids.iter().map(ToString::to_string).collect();
    assert_eq!(ids, ["alice", "bob", "dora"]);
    put(&mut desk, "mine", &["alice"]);
    let alone = desk.run(command(&[], &["mine"])).unwrap_err();
    assert_eq!(faults(&alone), [("toGroups", FieldCode::Empty)]);
}

#[test]
fn a_send_without_groups_asks_the_store_for_nothing_more_than_before() {
    let mut desk = desk();
    desk.send("scada", &["alice", "bob"], "x").unwrap();
    desk.send("scada", &["alice", "bob"], "y").unwrap();
    assert_eq!(desk.wanted, 0);
    send(&mut desk, to(&["north"])).unwrap();
    assert_eq!(desk.wanted, 1, "the group alone: the rest is at hand");
}

#[test]
fn payloads_of_a_group_that_contradict_those_of_many_are_named_once_each() {
    let mut desk = desk();
    let mut message = to(&[]);
    for who in ["alice", "bob"] {
        let own = NewMessageUser::new(who).on_delivered_payload(b"d");
        message = message.to(own.on_read_payload(b"r"));
    }
    for group in ["south", "north"] {
        let mut group = NewMessageGroup::new(group);
        group.on_delivered_payload = Some(b"another".into());
        group.on_read_payload = Some(b"another".into());
        message = message.to_group(group);
    }
    assert_eq!(
        faults(&send(&mut desk, message).unwrap_err()),
        [
            ("toGroups[0].onReadPayload", FieldCode::Conflict),
            ("toGroups[1].onReadPayload", FieldCode::Conflict),
            ("toGroups[0].onDeliveredPayload", FieldCode::Conflict),
            ("toGroups[1].onDeliveredPayload", FieldCode::Conflict),
        ]
    );
}

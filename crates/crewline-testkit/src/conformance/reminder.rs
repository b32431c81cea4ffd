//! Reminders: kept with their message, and told in the logs of those who were reminded.

use crewline_api::{EventData, NewReply, Priority, ReceiptState};

use super::cases::people;
use super::{Make, desk};
use crate::{external, person};

pub(super) fn reminders_are_told_and_kept_with_their_message(make: Make<'_>) {
    let (mut desk, _guard) = desk(make);
    people(&mut desk);
    let sent = desk.send("scada", &["alice", "bob"], "x").unwrap();
    desk.say("bob", sent.message_id, ReceiptState::Delivered)
        .unwrap();
    let until = ReceiptState::Delivered;
    desk.remind(external("scada"), None, sent.message_id, Some(until))
        .unwrap();
    let first = desk.now;
    desk.now = desk.now.plus_millis(10_000);
    // Carol is not in the chat.
    let watched = Some("scada".parse().unwrap());
    desk.remind(person("carol", 1), watched, sent.message_id, None)
        .unwrap();
    let log = desk.log("alice");
    let EventData::MessageReminded(event) = &log[2].data else {
        panic!("{log:?}")
    };
    assert_eq!(
        (event.message_id, event.chat_id),
        (sent.message_id, sent.chat_id)
    );
    assert_eq!(event.by_user_id.as_str(), "carol");
    assert_eq!(
        (event.until, event.priority),
        (ReceiptState::Read, Priority::Fleeting)
    );
    assert_eq!((event.at, log[2].timestamp), (desk.now, desk.now));
    let seen = |who: &str| {
        let viewers = [desk.no(who).unwrap()];
        desk.reader
            .message(&viewers, sent.message_id)
            .unwrap()
            .unwrap()
            .reminders
    };
    let reminders = seen("scada");
    let shown: Vec<_> = reminders
        .iter()
        .map(|row| {
            let ids: Vec<_> = row.user_ids.iter().map(ToString::to_string).collect();
            (row.at, row.by_user_id.to_string(), row.until, ids.join(" "))
        })
        .collect();
    assert_eq!(
        shown,
        [
            (first, "scada".to_owned(), until, "alice".to_owned()),
            (
                desk.now,
                "carol".to_owned(),
                ReceiptState::Read,
                "alice bob".to_owned()
            ),
        ]
    );
    assert_eq!(
        seen("alice"),
        [],
        "a recipient does not see who else was reminded"
    );
    let reply = desk
        .reply("alice", sent.chat_id, NewReply::new("y"), None)
        .unwrap();
    let viewers = [desk.no("alice").unwrap()];
    let own = desk
        .reader
        .message(&viewers, reply.message_id)
        .unwrap()
        .unwrap();
    assert_eq!(own.reminders, []);
}

pub(super) fn the_number_of_a_reminder_is_unique(make: Make<'_>) {
    let (mut desk, _guard) = desk(make);
    people(&mut desk);
    let sent = desk.send("scada", &["alice"], "x").unwrap();
    desk.remind(external("scada"), None, sent.message_id, None)
        .unwrap();
    let mut changes = crewline_core::Changes::default();
    changes.reminders.clone_from(&desk.changes.reminders);
    desk.writer.begin().unwrap();
    let again = desk
        .writer
        .commit(&changes, crewline_core::BatchId(99))
        .unwrap_err();
    assert_eq!(again.kind, crewline_core::StoreErrorKind::Conflict);
}

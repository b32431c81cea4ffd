//! Groups and duty.

use crewline_api::{GroupId, NewMessage, ParticipantId};
use crewline_core::{
    Contact, DirectoryError, GroupRow, OrganisationPart, OrganisationRow, Seen, UserChange,
};

use super::cases::people;
use super::directory::{NOW, id, session};
use super::{Make, desk};
use crate::Desk;

fn group(text: &str) -> GroupId {
    GroupId::new(text).unwrap()
}

fn row(id: &str, name: &str, members: &[&str]) -> GroupRow {
    GroupRow {
        id: group(id),
        name: name.to_owned(),
        members: members
            .iter()
            .map(|member| ParticipantId::new(member).unwrap())
            .collect(),
    }
}

fn put(desk: &mut Desk, groups: &[GroupRow]) -> Result<usize, DirectoryError> {
    desk.directory(|directory| directory.put_groups(groups, NOW))
}

/// `north: North alice bob | south: …`
fn shown(desk: &Desk, after: Option<&str>, limit: usize) -> (String, Option<String>) {
    let page = desk.reader.groups(after, limit).unwrap();
    let groups = page.groups.iter().map(|group| {
        let ids: Vec<_> = group.user_ids.iter().map(ToString::to_string).collect();
        format!("{}: {} {}", group.group_id, group.name, ids.join(" "))
    });
    (groups.collect::<Vec<_>>().join(" | "), page.next)
}

pub(super) fn groups_are_put_listed_in_pages_and_removed(make: Make<'_>) {
    let (mut desk, _guard) = desk(make);
    people(&mut desk);
    let version = desk.reader.directory_version().unwrap();
    let both = [
        row("north", "N", &["bob", "alice", "bob"]),
        row("Süd 🚑", "S", &[]),
    ];
    assert_eq!(put(&mut desk, &both).unwrap(), 2);
    assert_eq!(
        put(&mut desk, &[row("north", "North", &["carol"])]).unwrap(),
        0
    );
    assert_eq!(
        shown(&desk, None, 9),
        ("Süd 🚑: S  | north: North carol".to_owned(), None)
    );
    assert_eq!(
        shown(&desk, None, 1),
        ("Süd 🚑: S ".to_owned(), Some("Süd 🚑".to_owned()))
    );
    assert_eq!(
        shown(&desk, Some("Süd 🚑"), 1),
        ("north: North carol".to_owned(), None)
    );
    let north = group("north");
    assert!(
        desk.directory(|directory| directory.remove_group(&north))
            .unwrap()
    );
    assert!(
        !desk
            .directory(|directory| directory.remove_group(&north))
            .unwrap()
    );
    assert_eq!(shown(&desk, None, 9).0, "Süd 🚑: S ");
    assert_eq!(
        desk.reader.directory_version().unwrap(),
        version,
        "no right was taken from anybody"
    );
}

pub(super) fn groups_are_put_all_or_none(make: Make<'_>) {
    let (mut desk, _guard) = desk(make);
    people(&mut desk);
    desk.send("scada", &["alice"], "x").unwrap();
    let bad = [
        row("north", "N", &["alice"]),
        row("south", "S", &["alice", "nobody", "scada"]),
    ];
    let refused = put(&mut desk, &bad).unwrap_err();
    assert_eq!(
        refused,
        DirectoryError::UnknownMembers(vec![id("nobody"), id("scada")])
    );
    let reserved = [
        row("north", "N", &["alice"]),
        row("on-duty", "O", &["alice"]),
    ];
    assert_eq!(
        put(&mut desk, &reserved).unwrap_err(),
        DirectoryError::ReservedGroup
    );
    assert_eq!(shown(&desk, None, 9).0, "");
    let all: Vec<GroupRow> = (0..1_001)
        .map(|no| row(&format!("g{no}"), "G", &[]))
        .collect();
    assert_eq!(
        put(&mut desk, &all).unwrap_err(),
        DirectoryError::TooManyGroups
    );
    assert_eq!(put(&mut desk, &all[1..]).unwrap(), 1_000);
}

pub(super) fn duty_says_since_when_and_who_said_so(make: Make<'_>) {
    let (mut desk, _guard) = desk(make);
    people(&mut desk);
    let later = NOW.plus_millis(5);
    let mut set = |who: &str, on_duty, by: &str, now| {
        let who = id(who);
        desk.directory(|directory| directory.set_duty(&who, on_duty, by, now))
    };
    let first = set("alice", true, "dora", NOW).unwrap();
    assert_eq!(
        (first.on_duty, first.since, &*first.by),
        (true, NOW, "dora")
    );
    assert_eq!(
        set("alice", true, "bob", later).unwrap(),
        first,
        "what is so stays as it was said"
    );
    let off = set("alice", false, "alice", later).unwrap();
    assert_eq!((off.on_duty, off.since, &*off.by), (false, later, "alice"));
    assert_eq!(
        set("nobody", true, "dora", NOW),
        Err(DirectoryError::NoUser(id("nobody")))
    );
    set("bob", true, "dora", NOW).unwrap();
    desk.send("scada", &["alice"], "x").unwrap();
    let people = desk.reader.people("", None, 9).unwrap().people;
    let shown: Vec<_> = people
        .iter()
        .map(|person| {
            (
                person.user_id.as_str(),
                person.on_duty,
                person.role.is_some(),
            )
        })
        .collect();
    assert_eq!(
        shown,
        [
            ("alice", Some(false), true),
            ("bob", Some(true), true),
            ("carol", Some(false), true),
            ("scada", None, false),
        ]
    );
}

pub(super) fn a_group_is_resolved_as_it_is_when_a_message_is_stored(make: Make<'_>) {
    let (mut desk, _guard) = desk(make);
    people(&mut desk);
    let sent_to = |desk: &mut Desk, group: &str| {
        let message = NewMessage::builder("scada", "SCADA", "x").to_group(group);
        let sent = desk.send_message(message.build().unwrap()).unwrap();
        let ids: Vec<_> = sent
            .recipients
            .iter()
            .map(|r| r.user_id.to_string())
            .collect();
        ids.join(" ")
    };
    put(&mut desk, &[row("north", "N", &["alice", "bob"])]).unwrap();
    assert_eq!(sent_to(&mut desk, "north"), "alice bob");
    put(&mut desk, &[row("north", "N", &["carol"])]).unwrap();
    assert_eq!(sent_to(&mut desk, "north"), "carol");
    let bob = id("bob");
    desk.directory(|directory| directory.set_duty(&bob, true, "dora", NOW))
        .unwrap();
    assert_eq!(sent_to(&mut desk, "on-duty"), "bob");
    assert_eq!(desk.story("carol"), ["message.received(x)"]);
}

pub(super) fn who_is_in_a_group_is_read_with_duty_and_the_shut_out_among_them(make: Make<'_>) {
    let (mut desk, _guard) = desk(make);
    people(&mut desk);
    put(&mut desk, &[row("north", "N", &["alice", "bob"])]).unwrap();
    let (alice, bob) = (id("alice"), id("bob"));
    desk.directory(|directory| directory.set_duty(&bob, true, "dora", NOW))
        .unwrap();
    desk.directory(|directory| directory.change_user(&alice, &UserChange::Disable, NOW))
        .unwrap();
    let members = |text: &str| {
        let members = desk.reader.group_members(&group(text)).unwrap();
        members.map(|members| {
            let shown = members
                .into_iter()
                .map(|(row, on_duty)| (row.id.to_string(), row.disabled, on_duty));
            shown.collect::<Vec<_>>()
        })
    };
    let both = vec![
        ("alice".to_owned(), true, false),
        ("bob".to_owned(), false, true),
    ];
    assert_eq!(members("north"), Some(both.clone()));
    assert_eq!(members("on-duty"), Some(both[1..].to_vec()));
    assert_eq!(members("south"), None);
}

pub(super) fn the_last_contact_is_that_of_any_device(make: Make<'_>) {
    let (mut desk, _guard) = desk(make);
    people(&mut desk);
    let nos = ["alice", "bob"].map(|who| desk.no(who).unwrap());
    assert_eq!(desk.reader.last_contacts(&nos).unwrap(), [None, None]);
    let first = session(&mut desk, "bob", 1, Some("phone"));
    session(&mut desk, "bob", 2, None);
    // Of two in the same moment the one that came last, which has no name.
    let last = |at, name: Option<&str>| {
        let device_name = name.map(str::to_owned);
        Some(Contact { at, device_name })
    };
    assert_eq!(
        desk.reader.last_contacts(&nos).unwrap(),
        [None, last(NOW, None)]
    );
    let later = NOW.plus_millis(9);
    let seen = Seen {
        device: first.device,
        token: None,
        at: later,
    };
    desk.directory(|directory| directory.note_seen(&[seen]))
        .unwrap();
    assert_eq!(
        desk.reader.last_contacts(&nos).unwrap(),
        [None, last(later, Some("phone phone"))]
    );
}

pub(super) fn what_the_organisation_keeps_is_changed_by_who_has_read_it(make: Make<'_>) {
    let (mut desk, _guard) = desk(make);
    let (phone, sos) = (OrganisationPart::Phone, OrganisationPart::Sos);
    assert!(desk.reader.organisation().unwrap().is_empty());
    let mut put = |part, revision, value: &str| {
        desk.directory(|directory| directory.put_organisation(part, revision, value))
    };
    assert_eq!(
        put(phone, 1, "early"),
        Err(DirectoryError::Revision { is: 0 })
    );
    assert_eq!(put(phone, 0, "one"), Ok(1));
    assert_eq!(
        put(phone, 0, "late"),
        Err(DirectoryError::Revision { is: 1 })
    );
    assert_eq!(put(phone, 1, "two 🚑"), Ok(2));
    assert_eq!(put(sos, 0, ""), Ok(1), "each part has revisions of its own");
    let kept = desk.reader.organisation().unwrap();
    let row = |revision, value: &str| OrganisationRow {
        revision,
        value: value.to_owned(),
    };
    let expected = [(phone, row(2, "two 🚑")), (sos, row(1, ""))];
    assert_eq!(kept, expected.into());
}

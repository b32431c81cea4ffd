//! Watchers, looking with the eyes of others, roles, and signing out everywhere.

use crewline_api::{NewReply, ParticipantId, Role};
use crewline_core::{DirectoryError, ExternalPattern, Scope, TokenOwner, UserChange};

use super::cases::people;
use super::directory::{NOW, add, id, secret, session, token};
use super::{Make, desk};
use crate::Desk;

fn watch(desk: &mut Desk, user: &str, participant: &str) -> Result<bool, DirectoryError> {
    let (user, participant) = (id(user), id(participant));
    desk.directory(|directory| directory.watch(&user, &participant, NOW))
}

fn unwatch(desk: &mut Desk, user: &str, participant: &str) -> Result<bool, DirectoryError> {
    let (user, participant) = (id(user), id(participant));
    desk.directory(|directory| directory.unwatch(&user, &participant))
}

fn change(desk: &mut Desk, user: &str, change: &UserChange) {
    desk.directory(|directory| directory.change_user(&id(user), change, NOW))
        .expect("the user is there");
}

/// Whom a user watches, as `me` shows it; the list of users must say the same.
fn watches(desk: &Desk, user: &str) -> Vec<ParticipantId> {
    let no = desk.no(user).unwrap();
    let me = desk.reader.me(no, NOW).unwrap().unwrap();
    let users = desk.reader.users().unwrap();
    let listed = users.iter().find(|row| row.no == no).unwrap();
    assert_eq!(listed.watches, me.watches);
    me.watches
}

pub(super) fn watchers_are_made_listed_and_ended(make: Make<'_>) {
    let (mut desk, _guard) = desk(make);
    for user in ["dora", "carl", "alice"] {
        add(&mut desk, user);
    }
    for external in ["scada", "Desk"] {
        desk.send(external, &["alice"], "hello").unwrap();
    }
    assert!(watch(&mut desk, "dora", "scada").unwrap());
    assert!(!watch(&mut desk, "dora", "scada").unwrap(), "said again");
    assert!(watch(&mut desk, "dora", "Desk").unwrap());
    assert!(watch(&mut desk, "dora", "alice").unwrap());
    assert!(watch(&mut desk, "carl", "scada").unwrap());
    assert_eq!(
        watches(&desk, "dora"),
        [id("Desk"), id("alice"), id("scada")]
    );
    assert_eq!(watches(&desk, "alice"), [], "it is not the other way round");
    let watchers = desk
        .reader
        .watchers(&id("scada"), None, 9)
        .unwrap()
        .unwrap();
    let shown: Vec<_> = watchers
        .iter()
        .map(|row| (row.id.as_str(), row.name.as_str(), row.since))
        .collect();
    assert_eq!(
        shown,
        [("carl", "carl Name", NOW), ("dora", "dora Name", NOW)]
    );
    for (after, limit, ids) in [
        (None, 1, &["carl"][..]),
        (Some("carl"), 1, &["dora"]),
        (Some("car"), 9, &["carl", "dora"]),
        (Some("dora"), 9, &[]),
    ] {
        let page = desk.reader.watchers(&id("scada"), after, limit);
        let page = page.unwrap().unwrap();
        let page: Vec<_> = page.iter().map(|row| row.id.as_str()).collect();
        assert_eq!(page, ids, "{after:?}");
    }
    let watchers = |of: &str| desk.reader.watchers(&id(of), None, 9).unwrap();
    assert_eq!(watchers("carl"), Some(Vec::new()));
    assert_eq!(watchers("nobody"), None);

    let no = |name: &str| desk.no(name).unwrap();
    let (dora, alice, scada, other) = (no("dora"), no("alice"), no("scada"), no("Desk"));
    let among = |user, of: &[_]| desk.reader.watched_among(user, of).unwrap();
    assert_eq!(among(dora, &[scada, dora, other]), [scada, other]);
    assert_eq!(among(alice, &[scada, dora]), []);
    assert!(desk.reader.watches(dora, alice).unwrap());
    assert!(!desk.reader.watches(alice, dora).unwrap());

    assert!(unwatch(&mut desk, "dora", "scada").unwrap());
    assert!(!unwatch(&mut desk, "dora", "scada").unwrap());
    assert!(!desk.reader.watches(dora, scada).unwrap());
    assert_eq!(watches(&desk, "carl"), [id("scada")], "others go on");
    for participant in ["nobody", "DESK"] {
        for refused in [
            watch(&mut desk, "dora", participant),
            unwatch(&mut desk, "dora", participant),
        ] {
            assert!(matches!(refused, Err(DirectoryError::NoParticipant(_))));
        }
    }
    for user in ["nobody", "scada"] {
        for refused in [
            watch(&mut desk, user, "Desk"),
            unwatch(&mut desk, user, "Desk"),
        ] {
            assert!(matches!(refused, Err(DirectoryError::NoUser(_))));
        }
    }
    assert!(matches!(
        watch(&mut desk, "dora", "dora"),
        Err(DirectoryError::WatchesItself(_))
    ));
    // Whoever is shut out and let in again watches as before.
    change(&mut desk, "dora", &UserChange::Disable);
    assert!(watch(&mut desk, "dora", "carl").unwrap());
    change(&mut desk, "dora", &UserChange::Enable);
    assert_eq!(
        watches(&desk, "dora"),
        [id("Desk"), id("alice"), id("carl")]
    );
}

pub(super) fn who_is_covered_by_a_prefix_is_watched_before_it_acts(make: Make<'_>) {
    let (mut desk, _guard) = desk(make);
    add(&mut desk, "dora");
    add(&mut desk, "alice");
    let patterns = ["exact", "oms:%*", "oms:_*"].map(|text| ExternalPattern::parse(text).unwrap());
    let owner = TokenOwner::Externals(patterns.to_vec());
    token(&mut desk, 1, owner).unwrap();
    assert!(watch(&mut desk, "dora", "exact").unwrap());
    assert!(watch(&mut desk, "dora", "oms:%7").unwrap());
    for not_covered in ["oms:7", "oms:", "OMS:%7", "exact7"] {
        let refused = watch(&mut desk, "dora", not_covered);
        assert!(matches!(refused, Err(DirectoryError::NoParticipant(_))));
        assert_eq!(desk.no(not_covered), None, "a refusal leaves no trace");
    }
    let expected = desk.no("oms:%7").unwrap();
    let people = desk.reader.people("", None, 10).unwrap().people;
    assert!(people.iter().all(|person| person.user_id != id("oms:%7")));
    assert!(
        desk.send("exact", &["oms:%7"], "to nobody yet").is_err(),
        "it is not known as a recipient before it has acted"
    );
    desk.send("oms:%7", &["alice"], "hello").unwrap();
    assert_eq!(desk.no("oms:%7"), Some(expected));
    assert!(
        desk.reader
            .watches(desk.no("dora").unwrap(), expected)
            .unwrap()
    );
    desk.send("exact", &["oms:%7"], "now it is").unwrap();
}

pub(super) fn several_who_look_together_see_what_each_of_them_sees(make: Make<'_>) {
    let (mut desk, _guard) = desk(make);
    people(&mut desk);
    let one = desk.send("scada", &["alice", "bob"], "one").unwrap();
    desk.reply("bob", one.chat_id, NewReply::new("two"), None)
        .unwrap();
    desk.send("scada", &["carol"], "elsewhere").unwrap();
    let numbers =
        |names: &[&str]| -> Vec<_> { names.iter().map(|name| desk.no(name).unwrap()).collect() };
    // Of each message, newest first: whose states are shown.
    let seen = |names: &[&str]| -> Option<(Vec<String>, u64)> {
        let viewers = numbers(names);
        let page = desk
            .reader
            .history(&viewers, one.chat_id, None, 10)
            .unwrap()?;
        let mut shown = Vec::new();
        for message in page.messages {
            let ids: Vec<&str> = message
                .recipients
                .iter()
                .map(|row| row.user_id.as_str())
                .collect();
            shown.push(ids.join(" "));
            let alone = desk.reader.message(&viewers, message.message_id).unwrap();
            assert_eq!(alone, Some(message), "a message alone shows the same");
        }
        Some((shown, page.as_of))
    };
    let expect = |texts: [&str; 2], as_of| Some((texts.map(str::to_owned).to_vec(), as_of));
    let head = |name: &str| desk.log(name).len() as u64;
    assert_eq!(seen(&["alice"]), expect(["alice", "alice"], head("alice")));
    assert_eq!(
        seen(&["bob", "alice"]),
        expect(["alice scada", "alice bob"], head("bob"))
    );
    assert_eq!(
        seen(&["alice", "bob"]),
        expect(["alice scada", "alice bob"], head("alice"))
    );
    assert_eq!(
        seen(&["carol", "alice", "alice", "scada"]),
        expect(["alice scada", "alice bob"], head("alice")),
        "the first who is in the chat says how far the log is"
    );
    assert_eq!(seen(&["carol"]), None);
    assert_eq!(seen(&[]), None);
    assert_eq!(
        desk.reader.message(&numbers(&["carol"]), one.message_id),
        Ok(None)
    );
}

pub(super) fn the_version_moves_with_watchers_roles_and_signing_out(make: Make<'_>) {
    let (mut desk, _guard) = desk(make);
    add(&mut desk, "dora");
    add(&mut desk, "alice");
    let mut last = desk.reader.directory_version().unwrap();
    let mut moved = |desk: &Desk| {
        let version = desk.reader.directory_version().unwrap();
        std::mem::replace(&mut last, version) < version
    };
    watch(&mut desk, "dora", "alice").unwrap();
    assert!(moved(&desk));
    watch(&mut desk, "dora", "alice").unwrap();
    assert!(!moved(&desk), "nothing changed");
    unwatch(&mut desk, "dora", "alice").unwrap();
    assert!(moved(&desk));
    unwatch(&mut desk, "dora", "alice").unwrap();
    assert!(!moved(&desk), "nothing changed");
    change(&mut desk, "dora", &UserChange::Role(Role::Dispatcher));
    assert!(moved(&desk));
    change(&mut desk, "dora", &UserChange::SignOut { tokens: false });
    assert!(moved(&desk));
}

fn scope(desk: &Desk, byte: u8) -> Option<Scope> {
    let found = desk.reader.credential(&secret(byte), NOW).unwrap();
    found.map(|found| found.scope)
}

pub(super) fn a_role_is_changed_and_nobody_is_signed_out_by_it(make: Make<'_>) {
    let (mut desk, _guard) = desk(make);
    add(&mut desk, "dora");
    session(&mut desk, "dora", 1, None);
    token(&mut desk, 2, TokenOwner::User(id("dora"))).unwrap();
    change(&mut desk, "dora", &UserChange::Role(Role::Administrator));
    for byte in [1, 2] {
        let is_administrator = |scope: &Scope| {
            matches!(
                scope,
                Scope::User {
                    role: Role::Administrator,
                    ..
                }
            )
        };
        assert!(scope(&desk, byte).as_ref().is_some_and(is_administrator));
    }
    let me = desk.reader.me(desk.no("dora").unwrap(), NOW).unwrap();
    assert_eq!(me.unwrap().role, Role::Administrator);
    assert_eq!(desk.reader.users().unwrap()[0].role, Role::Administrator);
    let role = UserChange::Role(Role::Crew);
    let nobody = desk.directory(|directory| directory.change_user(&id("nobody"), &role, NOW));
    assert!(matches!(nobody, Err(DirectoryError::NoUser(_))));
}

pub(super) fn signing_out_everywhere_ends_sessions_and_where_asked_for_tokens(make: Make<'_>) {
    let (mut desk, _guard) = desk(make);
    add(&mut desk, "dora");
    add(&mut desk, "alice");
    session(&mut desk, "dora", 1, None);
    session(&mut desk, "dora", 2, Some("phone"));
    session(&mut desk, "alice", 3, None);
    token(&mut desk, 4, TokenOwner::User(id("dora"))).unwrap();
    token(&mut desk, 5, TokenOwner::User(id("alice"))).unwrap();
    token(&mut desk, 6, TokenOwner::Administration).unwrap();
    let left = |desk: &Desk| {
        (1..=6)
            .filter(|byte| scope(desk, *byte).is_some())
            .collect()
    };
    let left = |desk: &Desk| -> Vec<u8> { left(desk) };
    change(&mut desk, "dora", &UserChange::SignOut { tokens: false });
    assert_eq!(left(&desk), [3, 4, 5, 6]);
    session(&mut desk, "dora", 1, Some("phone"));
    assert_eq!(left(&desk), [1, 3, 4, 5, 6], "one may sign in again");
    change(&mut desk, "dora", &UserChange::SignOut { tokens: true });
    assert_eq!(left(&desk), [3, 5, 6]);
    assert_eq!(desk.reader.tokens().unwrap().len(), 2);
}

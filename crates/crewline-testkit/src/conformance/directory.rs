//! Users, tokens, sessions, devices.

use crewline_api::{ParticipantId, Role, Timestamp};
use crewline_core::{
    CredentialSource, DirectoryError, ExternalPattern, ImportRow, NewSessionRow, NewToken, NewUser,
    Scope, Secret, SecretHash, Seen, TokenOwner, UserChange,
};

use super::{Make, desk};
use crate::Desk;

pub(super) const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);

pub(super) fn id(text: &str) -> ParticipantId {
    text.parse().expect("a good id")
}

pub(super) fn user(name: &str) -> NewUser {
    NewUser {
        id: id(name),
        name: Some(format!("{name} Name")),
        role: Role::Crew,
        password: Some(format!("hash of {name}")),
    }
}

pub(super) fn secret(byte: u8) -> SecretHash {
    Secret::from_random([byte; 32]).hash()
}

pub(super) fn add(desk: &mut Desk, name: &str) {
    desk.directory(|directory| directory.add_user(&user(name), NOW))
        .expect("the user is new");
}

pub(super) fn session(
    desk: &mut Desk,
    name: &str,
    byte: u8,
    device: Option<&str>,
) -> crewline_core::OpenedSession {
    let row = NewSessionRow {
        user: desk.no(name).expect("the user is there"),
        hash: secret(byte),
        device_id: device.map(str::to_owned),
        device_name: device.map(|device| format!("{device} phone")),
        expires_at: NOW.plus_millis(1_000),
    };
    desk.directory(|directory| directory.open_session(&row, NOW))
        .expect("the session opens")
}

pub(super) fn token(
    desk: &mut Desk,
    byte: u8,
    owner: TokenOwner,
) -> Result<crewline_core::TokenRow, DirectoryError> {
    let token = NewToken {
        hash: secret(byte),
        owner,
    };
    desk.directory(|directory| directory.create_token(&token, NOW))
}

pub(super) fn users_are_added_changed_and_listed(make: Make<'_>) {
    let (mut desk, _guard) = desk(make);
    add(&mut desk, "müller");
    let twin = NewUser {
        name: None,
        password: None,
        role: Role::Administrator,
        ..user("MU\u{308}LLER")
    };
    let added = desk
        .directory(|directory| directory.add_user(&twin, NOW))
        .unwrap();
    assert_eq!(added.looks_like, Some(id("müller")));
    let again = desk
        .directory(|directory| directory.add_user(&user("müller"), NOW))
        .unwrap_err();
    assert!(matches!(
        again,
        DirectoryError::Exists { what: "a user", .. }
    ));
    let users = desk.reader.users().unwrap();
    let shown: Vec<_> = users
        .iter()
        .map(|row| {
            (
                row.id.as_str(),
                row.name.as_str(),
                row.role,
                row.has_password,
                row.disabled,
            )
        })
        .collect();
    assert_eq!(
        shown,
        [
            (
                "MU\u{308}LLER",
                "MU\u{308}LLER",
                Role::Administrator,
                false,
                false
            ),
            ("müller", "müller Name", Role::Crew, true, false)
        ]
    );
    desk.directory(|directory| {
        directory.change_user(&id("müller"), &UserChange::Password("new".to_owned()), NOW)
    })
    .unwrap();
    assert_eq!(
        desk.reader
            .password(&id("müller"))
            .unwrap()
            .unwrap()
            .hash
            .as_deref(),
        Some("new")
    );
    desk.directory(|directory| directory.change_user(&id("müller"), &UserChange::Disable, NOW))
        .unwrap();
    assert!(
        desk.reader
            .password(&id("müller"))
            .unwrap()
            .unwrap()
            .disabled
    );
    desk.directory(|directory| directory.change_user(&id("müller"), &UserChange::Enable, NOW))
        .unwrap();
    assert!(
        !desk
            .reader
            .password(&id("müller"))
            .unwrap()
            .unwrap()
            .disabled
    );
    let nobody =
        desk.directory(|directory| directory.change_user(&id("nobody"), &UserChange::Enable, NOW));
    assert!(matches!(nobody, Err(DirectoryError::NoUser(_))));
    assert!(desk.reader.password(&id("nobody")).unwrap().is_none());
}

pub(super) fn an_import_is_all_or_nothing(make: Make<'_>) {
    let (mut desk, _guard) = desk(make);
    add(&mut desk, "alice");
    token(
        &mut desk,
        1,
        TokenOwner::Externals(vec![ExternalPattern::Exact(id("scada"))]),
    )
    .unwrap();
    let row = |name: &str, line, password: Option<&str>| ImportRow {
        user: NewUser {
            password: password.map(str::to_owned),
            ..user(name)
        },
        line,
    };
    let good = [row("alice", 2, None), row("bob", 3, Some("p"))];
    let report = desk
        .directory(|directory| directory.import_users(&good, true, NOW))
        .unwrap();
    assert_eq!(
        (report.added, report.unchanged),
        (vec![id("bob")], vec![id("alice")])
    );
    assert_eq!(
        desk.reader.users().unwrap().len(),
        1,
        "a dry run changes nothing"
    );
    let bad = [row("bob", 2, None), row("scada", 3, None)];
    let error = desk
        .directory(|directory| directory.import_users(&bad, false, NOW))
        .unwrap_err();
    assert!(
        matches!(error, DirectoryError::Line { line: 3, .. }),
        "{error:?}"
    );
    assert_eq!(desk.reader.users().unwrap().len(), 1, "all or nothing");
    let mut renamed = row("alice", 2, None);
    renamed.user.role = Role::Dispatcher;
    let report = desk
        .directory(|directory| directory.import_users(&[renamed], false, NOW))
        .unwrap();
    assert_eq!(report.changed, [id("alice")]);
    let kept = desk.reader.password(&id("alice")).unwrap().unwrap().hash;
    assert_eq!(
        kept.as_deref(),
        Some("hash of alice"),
        "an empty password leaves the old one"
    );
}

pub(super) fn sessions_open_end_and_are_closed(make: Make<'_>) {
    let (mut desk, _guard) = desk(make);
    add(&mut desk, "alice");
    let one = session(&mut desk, "alice", 1, Some("phone"));
    let two = session(&mut desk, "alice", 2, Some("phone"));
    let three = session(&mut desk, "alice", 3, None);
    assert_eq!(one.device, two.device, "a device keeps its number");
    assert_ne!(one.device, three.device);
    let found = desk.reader.credential(&secret(1), NOW).unwrap().unwrap();
    assert_eq!(
        (found.source, found.device),
        (CredentialSource::Session(one.session), one.device)
    );
    assert!(matches!(
        found.scope,
        Scope::User {
            role: Role::Crew,
            ..
        }
    ));
    assert_eq!(
        desk.reader
            .credential(&secret(1), NOW.plus_millis(1_000))
            .unwrap(),
        None,
        "sessions end"
    );
    let me = desk
        .reader
        .me(desk.no("alice").unwrap(), NOW)
        .unwrap()
        .unwrap();
    assert_eq!(
        (me.name.as_str(), me.devices.len(), me.sessions.len()),
        ("alice Name", 2, 3)
    );
    assert!(me.devices.iter().any(|device| device.device_id == "phone"
        && device.device_name.as_deref() == Some("phone phone")));
    assert!(
        desk.directory(|directory| directory.close_session(two.session))
            .unwrap()
    );
    assert!(
        !desk
            .directory(|directory| directory.close_session(two.session))
            .unwrap()
    );
    assert_eq!(desk.reader.credential(&secret(2), NOW).unwrap(), None);
    desk.directory(|directory| directory.change_user(&id("alice"), &UserChange::Disable, NOW))
        .unwrap();
    desk.directory(|directory| directory.change_user(&id("alice"), &UserChange::Enable, NOW))
        .unwrap();
    assert_eq!(
        desk.reader.credential(&secret(1), NOW).unwrap(),
        None,
        "who was shut out signs in again"
    );
}

pub(super) fn tokens_belong_to_users_externals_or_administration(make: Make<'_>) {
    let (mut desk, _guard) = desk(make);
    add(&mut desk, "alice");
    let patterns = vec![
        ExternalPattern::Exact(id("scada")),
        ExternalPattern::Prefix("oms:".to_owned()),
    ];
    let of_system = token(&mut desk, 1, TokenOwner::Externals(patterns.clone())).unwrap();
    token(&mut desk, 2, TokenOwner::User(id("alice"))).unwrap();
    token(&mut desk, 3, TokenOwner::Administration).unwrap();
    assert!(matches!(
        token(&mut desk, 4, TokenOwner::User(id("nobody"))),
        Err(DirectoryError::NoUser(_))
    ));
    let taken = token(
        &mut desk,
        4,
        TokenOwner::Externals(vec![ExternalPattern::Exact(id("alice"))]),
    );
    assert!(matches!(
        taken,
        Err(DirectoryError::Exists { what: "a user", .. })
    ));
    let scope = |desk: &Desk, byte| {
        desk.reader
            .credential(&secret(byte), NOW)
            .unwrap()
            .map(|found| found.scope)
    };
    assert_eq!(scope(&desk, 1), Some(Scope::Externals(patterns)));
    assert!(matches!(scope(&desk, 2), Some(Scope::User { .. })));
    assert_eq!(scope(&desk, 3), Some(Scope::Administration));
    assert_eq!(scope(&desk, 4), None);
    desk.send(
        "oms:7",
        &["scada", "alice"],
        "an exact external is known from its token on",
    )
    .unwrap();
    desk.directory(|directory| directory.change_user(&id("alice"), &UserChange::Disable, NOW))
        .unwrap();
    assert_eq!(scope(&desk, 2), None, "the tokens of the shut out rest");
    let device = desk
        .reader
        .credential(&secret(1), NOW)
        .unwrap()
        .unwrap()
        .device;
    desk.directory(|directory| {
        directory.note_seen(&[Seen {
            device,
            token: Some(of_system.no),
            at: NOW,
        }])
    })
    .unwrap();
    let tokens = desk.reader.tokens().unwrap();
    assert_eq!(
        (tokens.len(), tokens[0].no, tokens[0].last_used_at),
        (3, of_system.no, Some(NOW))
    );
    assert_eq!(tokens[1].owner, TokenOwner::User(id("alice")));
    assert!(
        desk.directory(|directory| directory.revoke_token(of_system.no))
            .unwrap()
    );
    assert!(
        !desk
            .directory(|directory| directory.revoke_token(of_system.no))
            .unwrap()
    );
    assert!(
        desk.directory(|directory| directory.revoke_token_by_hash(&secret(3)))
            .unwrap()
    );
    assert_eq!((scope(&desk, 1), scope(&desk, 3)), (None, None));
}

pub(super) fn the_writer_is_told_when_the_directory_changed(make: Make<'_>) {
    let (mut desk, _guard) = desk(make);
    assert!(
        !desk.writer.begin().unwrap(),
        "the first batch knows nothing"
    );
    desk.writer.abort();
    assert!(desk.writer.begin().unwrap());
    desk.writer.abort();
    add(&mut desk, "alice");
    assert!(!desk.writer.begin().unwrap());
    desk.writer.abort();
    assert!(desk.writer.begin().unwrap());
    desk.writer.abort();
    desk.writer.probe().unwrap();
}

pub(super) fn people_are_found_by_id_and_name(make: Make<'_>) {
    let (mut desk, _guard) = desk(make);
    for name in ["alice", "bob", "carol", "100%", "a_b"] {
        add(&mut desk, name);
    }
    desk.send("Scada", &["alice"], "hello").unwrap();
    desk.directory(|directory| directory.change_user(&id("bob"), &UserChange::Disable, NOW))
        .unwrap();
    let find = |q: &str, after: Option<&str>, limit| {
        let page = desk.reader.people(q, after, limit).unwrap();
        (
            page.people
                .iter()
                .map(|person| person.user_id.to_string())
                .collect::<Vec<_>>(),
            page.next,
        )
    };
    assert_eq!(
        find("", None, 10).0,
        ["100%", "Scada", "a_b", "alice", "carol"],
        "the shut out are not shown"
    );
    assert_eq!(find("AL", None, 10).0, ["alice"]);
    assert_eq!(find("ol name", None, 10).0, ["carol"]);
    assert_eq!(find("%", None, 10).0, ["100%"]);
    assert_eq!(find("_", None, 10).0, ["a_b"]);
    assert_eq!(
        find("", None, 2),
        (
            vec!["100%".to_owned(), "Scada".to_owned()],
            Some("Scada".to_owned())
        )
    );
    assert_eq!(find("", Some("Scada"), 10).0, ["a_b", "alice", "carol"]);
}

pub(super) fn the_version_moves_with_users_and_tokens_and_when_a_session_is_closed(make: Make<'_>) {
    let (mut desk, _guard) = desk(make);
    let mut last = desk.reader.directory_version().unwrap();
    let mut moved = |desk: &Desk| {
        let version = desk.reader.directory_version().unwrap();
        std::mem::replace(&mut last, version) != version
    };
    add(&mut desk, "alice");
    assert!(moved(&desk));
    let opened = session(&mut desk, "alice", 1, None);
    session(&mut desk, "alice", 3, Some("phone"));
    assert!(
        !moved(&desk),
        "opening a session takes nothing from anybody"
    );
    desk.directory(|directory| {
        directory.note_seen(&[Seen {
            device: opened.device,
            token: None,
            at: NOW,
        }])
    })
    .unwrap();
    assert!(!moved(&desk));
    desk.directory(|directory| directory.close_session(opened.session))
        .unwrap();
    assert!(moved(&desk));
    let row = token(&mut desk, 2, TokenOwner::Administration).unwrap();
    assert!(moved(&desk));
    desk.directory(|directory| directory.revoke_token(row.no))
        .unwrap();
    assert!(moved(&desk));
    assert!(!desk.reader.epoch().unwrap().is_empty());
}

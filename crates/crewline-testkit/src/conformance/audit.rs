//! The audit: rows stand there with their acts or not at all, and go from the beginning.

use crewline_api::{AuditKind, Role, Timestamp};
use crewline_core::{
    AuditActor, AuditPlace, AuditQuery, DirectoryError, NewAudit, SignedOut, UserChange, audited,
};

use super::directory::{NOW, add, id, session, user};
use super::{Make, desk};
use crate::Desk;

fn note(what: AuditKind) -> NewAudit {
    NewAudit::new(AuditActor::terminal("uid 0"), what)
}

/// Does something to a user, and notes it.
pub(super) fn change(
    desk: &mut Desk,
    at: i64,
    name: &str,
    change: &UserChange,
) -> Result<(), DirectoryError> {
    let now = NOW.plus_millis(at);
    let noted = note(AuditKind::UserRole).about(name);
    desk.directory(|directory| {
        audited(directory, noted, now, |directory, _| {
            directory.change_user(&id(name), change, now)
        })
    })
}

fn lines(desk: &Desk, query: &AuditQuery) -> Vec<(String, String, bool)> {
    let entries = desk.reader.audit(query, 100).unwrap().entries;
    let line = |entry: crewline_api::AuditEntry| {
        (
            entry.audit_id,
            entry.about.unwrap_or_default(),
            entry.refused,
        )
    };
    entries.into_iter().map(line).collect()
}

fn line(no: &str, about: &str, refused: bool) -> (String, String, bool) {
    (no.to_owned(), about.to_owned(), refused)
}

pub(super) fn an_act_and_its_row_are_written_together_or_not_at_all(make: Make<'_>) {
    let (mut desk, _guard) = desk(make);
    add(&mut desk, "alice");
    change(&mut desk, 0, "alice", &UserChange::Role(Role::Dispatcher)).unwrap();
    // Two acts of which the second one is refused: neither is done, and that is noted.
    let both = desk.directory(|directory| {
        audited(
            directory,
            note(AuditKind::UserAdded).about("bob"),
            NOW,
            |directory, notes| {
                directory.add_user(&user("bob"), NOW)?;
                notes.push(note(AuditKind::UserAdded).about("alice"));
                directory.add_user(&user("alice"), NOW)
            },
        )
    });
    assert!(matches!(both, Err(DirectoryError::Exists { .. })));
    assert_eq!(desk.no("bob"), None);
    let found = lines(&desk, &AuditQuery::default());
    assert_eq!(
        found,
        [
            line("3", "alice", true),
            line("2", "bob", true),
            line("1", "alice", false)
        ]
    );
    // Where nothing changed, nothing is noted.
    let quiet = desk.directory(|directory| {
        audited(directory, note(AuditKind::UserRole), NOW, |_, notes| {
            notes.clear();
            Ok(7)
        })
    });
    assert_eq!(quiet, Ok(7));
    assert_eq!(lines(&desk, &AuditQuery::default()).len(), 3);
    assert_eq!(desk.reader.users().unwrap()[0].role, Role::Dispatcher);
}

pub(super) fn the_audit_is_asked_for_by_who_about_what_and_when(make: Make<'_>) {
    let (mut desk, _guard) = desk(make);
    for name in ["alice", "bob"] {
        add(&mut desk, name);
    }
    for (at, name) in [(0, "alice"), (10, "bob"), (20, "alice"), (30, "bob")] {
        change(&mut desk, at, name, &UserChange::Role(Role::Crew)).unwrap();
    }
    let numbers = |desk: &Desk, query: AuditQuery| -> Vec<String> {
        lines(desk, &query).into_iter().map(|line| line.0).collect()
    };
    let all = AuditQuery::default;
    let time = |at: i64| Some(NOW.plus_millis(at));
    let before = |row| {
        Some(AuditPlace {
            row,
            message: i64::MAX,
        })
    };
    for (query, expected) in [
        (
            AuditQuery {
                about: Some("bob".into()),
                ..all()
            },
            &["4", "2"][..],
        ),
        (
            AuditQuery {
                who: Some("uid 0".into()),
                before: before(3),
                ..all()
            },
            &["2", "1"],
        ),
        (
            AuditQuery {
                who: Some("uid 1".into()),
                ..all()
            },
            &[],
        ),
        (
            AuditQuery {
                from: time(10),
                to: time(30),
                ..all()
            },
            &["3", "2"],
        ),
        (
            AuditQuery {
                what: vec![AuditKind::UserAdded],
                ..all()
            },
            &[],
        ),
        (
            AuditQuery {
                what: vec![AuditKind::UserAdded, AuditKind::UserRole],
                from: time(30),
                ..all()
            },
            &["4"],
        ),
    ] {
        assert_eq!(numbers(&desk, query.clone()), expected, "{query:?}");
    }
    let forget = |desk: &mut Desk, before: Timestamp, limit| {
        desk.directory(|directory| directory.forget_audit(before, limit))
            .unwrap()
    };
    assert_eq!(forget(&mut desk, NOW.plus_millis(20), 1), 1);
    assert_eq!(numbers(&desk, all()), ["4", "3", "2"]);
    assert_eq!(forget(&mut desk, NOW.plus_millis(20), 9), 1);
    assert_eq!(forget(&mut desk, NOW.plus_millis(99), 9), 2);
    // Numbers are not used again.
    change(&mut desk, 40, "bob", &UserChange::Enable).unwrap();
    assert_eq!(numbers(&desk, all()), ["5"]);
}

pub(super) fn a_session_or_a_device_is_signed_out_by_itself(make: Make<'_>) {
    let (mut desk, _guard) = desk(make);
    for name in ["alice", "bob"] {
        add(&mut desk, name);
    }
    let first = session(&mut desk, "alice", 1, Some("phone"));
    session(&mut desk, "alice", 2, Some("phone"));
    let third = session(&mut desk, "alice", 3, None);
    session(&mut desk, "bob", 4, Some("phone"));
    let out = |desk: &mut Desk, name: &str, what: SignedOut| {
        desk.directory(|directory| directory.sign_out(&id(name), &what))
            .unwrap()
    };
    let open = |desk: &Desk| desk.reader.session_count(NOW).unwrap();
    assert!(
        !out(&mut desk, "bob", SignedOut::Session(first.session)),
        "not his"
    );
    assert!(!out(&mut desk, "alice", SignedOut::Device("none".into())));
    assert_eq!(open(&desk), 4);
    let version = desk.reader.directory_version().unwrap();
    assert!(out(&mut desk, "alice", SignedOut::Device("phone".into())));
    assert_eq!(open(&desk), 2);
    assert!(desk.reader.directory_version().unwrap() > version);
    assert!(
        out(&mut desk, "alice", SignedOut::Device("phone".into())),
        "said again"
    );
    assert!(out(&mut desk, "alice", SignedOut::Session(third.session)));
    assert!(!out(&mut desk, "alice", SignedOut::Session(third.session)));
    assert_eq!(open(&desk), 1);
    let nobody = desk.directory(|directory| {
        directory.sign_out(&id("nobody"), &SignedOut::Device("phone".into()))
    });
    assert!(matches!(nobody, Err(DirectoryError::NoUser(_))));
}

pub(super) fn users_and_externals_are_found_also_those_who_are_shut_out(make: Make<'_>) {
    let (mut desk, _guard) = desk(make);
    for name in ["alice", "Albert", "bob"] {
        add(&mut desk, name);
    }
    desk.send("scada", &["alice"], "hello").unwrap();
    change(&mut desk, 0, "alice", &UserChange::Disable).unwrap();
    change(&mut desk, 0, "bob", &UserChange::Name("Alfred".into())).unwrap();
    let users = |q: &str, after: Option<&str>, limit| -> Vec<String> {
        let rows = desk.reader.users_found(q, after, limit).unwrap();
        rows.into_iter().map(|row| row.id.to_string()).collect()
    };
    assert_eq!(users("AL", None, 9), ["Albert", "alice", "bob"]);
    assert_eq!(users("al", Some("Albert"), 1), ["alice"]);
    assert_eq!(users("scada", None, 9), Vec::<String>::new());
    let externals = desk.reader.externals_found("", None, 9).unwrap();
    assert_eq!(externals.len(), 1);
    assert_eq!(externals[0].id, id("scada"));
}

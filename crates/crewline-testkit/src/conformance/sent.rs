//! Sends in the audit: they stand between its rows, and cost none.

use crewline_api::{
    AuditEntry, AuditKind, MessageId, NewMessage, NewMessageUser, NewReply, Role, SentMessage,
};
use crewline_core::{
    Answer, AuditQuery, Command, Cut, DeviceNo, ExternalPattern, ReplyCommand, SendCommand,
    TokenOwner, UserChange,
};

use super::audit::change;
use super::directory::{NOW, add, id, secret, session, token};
use super::{Make, desk};
use crate::{Desk, Random, person};

/// Sends from an external, by a device.
fn send(desk: &mut Desk, device: DeviceNo, to: &[&str]) -> SentMessage {
    let message = NewMessage::builder("scada", "SCADA", "Breaker 1204 has tripped")
        .to_all(to.iter().copied().map(NewMessageUser::new))
        .build()
        .expect("a good message");
    let command = SendCommand::new(message, device).expect("a good message");
    match desk.run(Command::Send(command)) {
        Ok(Answer::Sent { sent, .. }) => sent,
        other => panic!("{other:?}"),
    }
}

fn entries(desk: &Desk, query: &AuditQuery) -> Vec<AuditEntry> {
    let found = desk.reader.audit(query, 100).unwrap();
    assert_eq!(found.next, None);
    found.entries
}

fn of_sends() -> AuditQuery {
    AuditQuery {
        what: vec![AuditKind::MessageSent],
        ..AuditQuery::default()
    }
}

/// A user replies, by a device.
fn reply(desk: &mut Desk, first: &SentMessage, device: DeviceNo) -> SentMessage {
    let (actor, reply) = (person("alice", device.0), NewReply::new("On my way"));
    let reply = ReplyCommand::new(actor, first.chat_id, reply, None).expect("a good reply");
    match desk.run(Command::Reply(reply)) {
        Ok(Answer::Sent { sent, .. }) => sent,
        other => panic!("{other:?}"),
    }
}

const PHONE: &str = "4b4f6a52-0c5b-4c41-9d2c-7f6a3f0a4f57";

pub(super) fn sends_stand_in_the_audit_without_a_row_of_it(make: Make<'_>) {
    let (mut desk, _guard) = desk(make);
    for name in ["alice", "bob"] {
        add(&mut desk, name);
    }
    let owner = TokenOwner::Externals(vec![ExternalPattern::Exact(id("scada"))]);
    let made = token(&mut desk, 7, owner).unwrap();
    let credential = desk.reader.credential(&secret(7), NOW).unwrap().unwrap();
    let phone = session(&mut desk, "alice", 1, Some(PHONE));
    let browser = session(&mut desk, "alice", 2, None);
    let first = send(&mut desk, credential.device, &["alice", "bob"]);
    let second = reply(&mut desk, &first, phone.device);
    let third = reply(&mut desk, &first, browser.device);
    let change = UserChange::Role(Role::Dispatcher);
    desk.directory(|directory| directory.change_user(&id("alice"), &change, NOW))
        .unwrap();
    let found = entries(&desk, &of_sends());
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let said: Vec<String> = found
        .iter()
        .map(|entry| {
            let (role, about, detail) = (entry.role, text(&entry.about), text(&entry.detail));
            let credential = text(&entry.credential);
            format!("{about} {} {role:?} {credential} {detail}", entry.who)
        })
        .collect();
    let session = format!("session {}", browser.session.0);
    let token = format!("token {}", made.no.0);
    assert_eq!(
        said,
        [
            format!("{} alice Dispatcher {session} to 2", third.message_id),
            format!("{} alice Dispatcher  to 2", second.message_id),
            format!("{} scada External {token} to 2", first.message_id),
        ]
    );
    assert_eq!(found[1].device_id.as_deref(), Some(PHONE));
    assert_eq!((found[2].at, found[2].refused), (first.sent_at, false));
    assert_eq!(found[2].audit_id, first.message_id.to_string());
    // What is removed of a message is its text.
    let cut = Cut {
        before: desk.now.plus_millis(1),
        release: NOW,
    };
    assert_eq!(desk.prune(cut, 100).0.texts, 3);
    assert_eq!(entries(&desk, &of_sends()), found);
}

pub(super) fn sends_are_asked_for_by_who_and_by_message(make: Make<'_>) {
    let (mut desk, _guard) = desk(make);
    for name in ["alice", "bob"] {
        add(&mut desk, name);
    }
    let first = send(&mut desk, DeviceNo(0), &["alice", "bob"]);
    for _ in 0..2 {
        reply(&mut desk, &first, DeviceNo(0));
    }
    let of = |who: Option<&str>, about: Option<&str>| {
        let query = AuditQuery {
            who: who.map(str::to_owned),
            about: about.map(str::to_owned),
            ..of_sends()
        };
        entries(&desk, &query).len()
    };
    let whose = [
        Some("alice"),
        Some("scada"),
        Some("bob"),
        Some("nobody"),
        Some(""),
    ];
    assert_eq!(whose.map(|who| of(who, None)), [2, 1, 0, 0, 0]);
    let own = first.message_id.to_string();
    let other = MessageId::from_parts(first.message_id.no(), 1).to_string();
    let about = [Some(own.as_str()), Some(other.as_str()), Some("alice")];
    assert_eq!(about.map(|about| of(None, about)), [1, 0, 0]);
    assert_eq!(about.map(|about| of(Some("alice"), about)), [0, 0, 0]);
    // Of whom nothing is known by which device, nothing is said of it.
    let found = entries(&desk, &of_sends());
    assert!(
        found
            .iter()
            .all(|entry| entry.device_id.is_none() && entry.credential.is_none())
    );
}

pub(super) fn pages_of_rows_and_sends_are_the_whole_in_one_order(make: Make<'_>) {
    let (mut desk, _guard) = desk(make);
    for name in ["alice", "bob"] {
        add(&mut desk, name);
    }
    let start = desk.now;
    let mut random = Random::new(4_711);
    for _ in 0..60 {
        // A clock may be set back.
        desk.now = desk.now.plus_millis(random.below(5) as i64 - 1);
        if random.below(2) == 0 {
            send(&mut desk, DeviceNo(0), &["alice"]);
        } else {
            let at = desk.now.as_millis() - NOW.as_millis();
            change(&mut desk, at, "bob", &UserChange::Role(Role::Crew)).unwrap();
        }
    }
    let time = |at: i64| Some(start.plus_millis(at));
    for query in [
        AuditQuery::default(),
        of_sends(),
        AuditQuery {
            what: vec![AuditKind::UserRole],
            ..AuditQuery::default()
        },
        AuditQuery {
            from: time(20),
            to: time(70),
            ..AuditQuery::default()
        },
        AuditQuery {
            who: Some("scada".into()),
            ..AuditQuery::default()
        },
    ] {
        let whole = entries(&desk, &query);
        assert!(!whole.is_empty(), "{query:?}");
        for limit in [1, 2, 7, whole.len()] {
            let (mut asked, mut pages) = (query.clone(), Vec::new());
            loop {
                let page = desk.reader.audit(&asked, limit).unwrap();
                assert!(page.entries.len() <= limit);
                pages.extend(page.entries);
                // As it comes back from a caller.
                let next = page.next.map(|place| place.to_string().parse().unwrap());
                let Some(next) = next else { break };
                asked.before = Some(next);
            }
            assert_eq!(pages, whole, "{limit} of {query:?}");
        }
    }
    let whole = entries(&desk, &AuditQuery::default());
    let numbers = |kind: AuditKind| whole.iter().filter(move |entry| entry.what == kind).count();
    assert_eq!(
        numbers(AuditKind::MessageSent) + numbers(AuditKind::UserRole),
        60
    );
    // Each keeps its own order; between them the time decides.
    let rows = whole
        .iter()
        .filter(|entry| entry.what == AuditKind::UserRole);
    let rows: Vec<i64> = rows.map(|entry| entry.audit_id.parse().unwrap()).collect();
    assert!(rows.is_sorted_by(|one, other| one > other), "{rows:?}");
    for pair in whole.windows(2) {
        assert!(
            pair[0].what == pair[1].what || pair[0].at >= pair[1].at.plus_millis(-1),
            "{pair:?}"
        );
    }
}

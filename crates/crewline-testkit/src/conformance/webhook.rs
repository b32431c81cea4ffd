//! Webhooks: added, acted on, removed, and what their receivers did not take.

use crewline_api::limits::WEBHOOK_PARKED_MAX;
use crewline_api::{EventKind, EventKinds, Seq, Timestamp, WebhookFailure, WebhookUrl};
use crewline_core::webhook::cursor_of;
use crewline_core::{
    Cut, DirectoryError, ExternalPattern, NewWebhookRow, TokenOwner, WebhookAct, WebhookNo,
    WebhookRow, WebhookSecret,
};

use super::directory::{NOW, add, id, token};
use super::{Make, desk};
use crate::Desk;

fn new(participant: &str, after: Option<Seq>) -> NewWebhookRow {
    NewWebhookRow {
        participant: id(participant),
        url: WebhookUrl::new("https://example.org/hook?key=1").expect("a good URL"),
        kinds: EventKinds::ALL,
        secret: WebhookSecret::from_random([7; 32]),
        after,
    }
}

fn put(desk: &mut Desk, new: &NewWebhookRow) -> Result<WebhookNo, DirectoryError> {
    desk.directory(|directory| directory.add_webhook(new, NOW))
}

fn act(desk: &mut Desk, no: WebhookNo, act: &WebhookAct) -> Result<(), DirectoryError> {
    desk.directory(|directory| directory.act_on_webhook(no, act))
}

fn note(desk: &mut Desk, no: WebhookNo, failure: &WebhookFailure) {
    desk.directory(|directory| directory.note_webhook_failure(no, failure))
        .expect("it is noted");
}

fn row(desk: &Desk, no: WebhookNo) -> WebhookRow {
    let rows = desk.reader.webhooks().unwrap();
    rows.into_iter().find(|row| row.no == no).unwrap()
}

fn failure(seq: Seq, parked: bool) -> WebhookFailure {
    WebhookFailure {
        seq,
        parked,
        first_at: NOW,
        last_at: NOW.plus_millis(5),
        attempts: 3,
        status: Some(422),
        error: "it answered 422".to_owned(),
        answer: "no é".to_owned(),
        again: false,
    }
}

/// A log with four events, of an external.
fn four(desk: &mut Desk) {
    token(
        desk,
        1,
        TokenOwner::Externals(vec![ExternalPattern::parse("desk").unwrap()]),
    )
    .unwrap();
    add(desk, "alice");
    for text in ["a", "b", "c", "d"] {
        desk.send("scada", &["desk", "alice"], text).unwrap();
    }
}

pub(super) fn webhooks_are_added_changed_and_removed_and_their_cursor_with_them(make: Make<'_>) {
    let (mut desk, _guard) = desk(make);
    four(&mut desk);
    let version = desk.reader.directory_version().unwrap();
    let no = put(&mut desk, &new("desk", None)).unwrap();
    assert!(desk.reader.directory_version().unwrap() > version);
    let made = row(&desk, no);
    assert_eq!(
        (made.id.as_str(), made.external, made.disabled),
        ("desk", true, false)
    );
    assert_eq!(made.url.as_str(), "https://example.org/hook?key=1");
    assert_eq!(made.secret, WebhookSecret::from_random([7; 32]));
    assert_eq!((made.seq, made.head), (4, 4), "it begins behind the newest");
    assert_eq!(
        (made.created_at, made.revision, made.paused),
        (NOW, 0, None)
    );
    let participant = desk.no("desk").unwrap();
    let cursor = desk
        .reader
        .cursor(participant, &cursor_of(no))
        .unwrap()
        .unwrap();
    assert_eq!(cursor.seq, 4);
    assert!(
        !cursor.kinds.contains(EventKind::MessageReceived),
        "it delivers nothing by itself"
    );

    let other = put(&mut desk, &new("alice", Some(1))).unwrap();
    assert_eq!(
        (row(&desk, other).seq, row(&desk, other).external),
        (1, false)
    );
    let kinds = EventKinds::from_iter([EventKind::MessageRead]);
    let change = WebhookAct::Change {
        url: Some(WebhookUrl::new("http://elsewhere.example/").unwrap()),
        kinds: Some(kinds),
    };
    let version = desk.reader.directory_version().unwrap();
    act(&mut desk, no, &change).unwrap();
    assert!(desk.reader.directory_version().unwrap() > version);
    let changed = row(&desk, no);
    assert_eq!(
        (changed.url.as_str(), changed.kinds),
        ("http://elsewhere.example/", kinds)
    );
    assert_eq!((changed.secret, changed.revision), (made.secret, 1));

    let remove = |desk: &mut Desk| desk.directory(|directory| directory.remove_webhook(no));
    assert!(remove(&mut desk).unwrap());
    assert!(!remove(&mut desk).unwrap());
    assert_eq!(
        desk.reader.cursor(participant, &cursor_of(no)).unwrap(),
        None
    );
    assert_eq!(desk.reader.webhooks().unwrap().len(), 1);
    let next = put(&mut desk, &new("desk", None)).unwrap();
    assert!(next > other, "numbers are not used again");
}

pub(super) fn a_webhook_of_nobody_or_beyond_the_log_is_refused(make: Make<'_>) {
    let (mut desk, _guard) = desk(make);
    four(&mut desk);
    let refused = put(&mut desk, &new("nobody", None));
    assert_eq!(refused, Err(DirectoryError::NoParticipant(id("nobody"))));
    let refused = put(&mut desk, &new("desk", Some(5)));
    assert_eq!(refused, Err(DirectoryError::BeyondLog { seq: 5, head: 4 }));
    assert_eq!(desk.reader.webhooks().unwrap(), []);
    token(
        &mut desk,
        2,
        TokenOwner::Externals(vec![ExternalPattern::parse("plc:*").unwrap()]),
    )
    .unwrap();
    let no = put(&mut desk, &new("plc:7", None)).unwrap();
    assert!(
        row(&desk, no).external,
        "a prefix covers it: it acts by its webhook"
    );
    let missing = WebhookNo(no.0 + 1);
    let refused = act(&mut desk, missing, &WebhookAct::Resume);
    assert_eq!(refused, Err(DirectoryError::NoWebhook(missing)));
    note(&mut desk, missing, &failure(1, true));
    assert_eq!(desk.reader.webhook_failures(missing, 0, 9).unwrap(), []);
}

pub(super) fn a_webhook_is_paused_resumed_and_sent_back(make: Make<'_>) {
    let (mut desk, _guard) = desk(make);
    four(&mut desk);
    let no = put(&mut desk, &new("desk", None)).unwrap();
    for reason in ["first", "second"] {
        act(&mut desk, no, &WebhookAct::Pause(reason.to_owned())).unwrap();
    }
    assert_eq!(row(&desk, no).paused.as_deref(), Some("first"));
    assert!(!row(&desk, no).is_active());
    note(&mut desk, no, &failure(4, false));
    assert_eq!(row(&desk, no).failing, Some(failure(4, false)));
    act(&mut desk, no, &WebhookAct::Resume).unwrap();
    assert_eq!(
        (row(&desk, no).paused, row(&desk, no).failing),
        (None, None)
    );

    note(&mut desk, no, &failure(1, true));
    note(&mut desk, no, &failure(2, true));
    note(&mut desk, no, &failure(3, false));
    act(&mut desk, no, &WebhookAct::Replay(2)).unwrap();
    assert_eq!(row(&desk, no).rewind_to, Some(1));
    let left = desk.reader.webhook_failures(no, 0, 9).unwrap();
    assert_eq!(
        left,
        [failure(1, true)],
        "what comes again is no failure any more"
    );
    let refused = act(&mut desk, no, &WebhookAct::Replay(6));
    assert_eq!(refused, Err(DirectoryError::BeyondLog { seq: 5, head: 4 }));
    for (to, left) in [(2, Some(1)), (1, None)] {
        desk.directory(|directory| directory.webhook_rewound(no, to))
            .unwrap();
        assert_eq!(row(&desk, no).rewind_to, left, "{to}");
    }
}

pub(super) fn parked_events_are_listed_asked_for_again_and_bounded(make: Make<'_>) {
    let (mut desk, _guard) = desk(make);
    four(&mut desk);
    let no = put(&mut desk, &new("desk", None)).unwrap();
    let version = desk.reader.directory_version().unwrap();
    note(&mut desk, no, &failure(3, false));
    for seq in 1..=WEBHOOK_PARKED_MAX as Seq + 2 {
        note(&mut desk, no, &failure(seq, true));
    }
    assert_eq!(desk.reader.directory_version().unwrap(), version);
    let shown = row(&desk, no);
    assert_eq!(
        (shown.parked, shown.dropped),
        (WEBHOOK_PARKED_MAX as u64, 2)
    );
    assert_eq!(
        (shown.failing, shown.again),
        (None, false),
        "3 was parked in the end"
    );
    let seqs = |after, limit| -> Vec<Seq> {
        let failures = desk.reader.webhook_failures(no, after, limit).unwrap();
        failures.iter().map(|failure| failure.seq).collect()
    };
    assert_eq!(seqs(0, 2), [3, 4]);
    assert_eq!(seqs(4, 1), [5]);
    let refused = act(&mut desk, no, &WebhookAct::ReplayParked(1));
    assert_eq!(refused, Err(DirectoryError::NotParked(1)));
    act(&mut desk, no, &WebhookAct::ReplayParked(4)).unwrap();
    assert!(row(&desk, no).again);
    let asked = desk.reader.webhook_failures(no, 3, 1).unwrap();
    assert!(asked[0].again);
    desk.directory(|directory| directory.forget_webhook_failure(no, 4))
        .unwrap();
    assert_eq!(desk.reader.webhook_failures(no, 3, 1).unwrap()[0].seq, 5);
}

pub(super) fn a_webhook_holds_its_log_like_every_cursor_until_it_is_removed(make: Make<'_>) {
    let (mut desk, _guard) = desk(make);
    four(&mut desk);
    let no = put(&mut desk, &new("desk", Some(1))).unwrap();
    let cut = Cut {
        before: desk.now.plus_millis(1),
        release: Timestamp::from_millis(0),
    };
    let seqs =
        |desk: &Desk| -> Vec<Seq> { desk.log("desk").iter().map(|event| event.seq).collect() };
    desk.prune(cut, 1_000);
    assert_eq!(seqs(&desk), [2, 3, 4], "what it has not passed stays");
    desk.directory(|directory| directory.remove_webhook(no))
        .unwrap();
    desk.prune(cut, 1_000);
    assert_eq!(seqs(&desk), [4]);
}

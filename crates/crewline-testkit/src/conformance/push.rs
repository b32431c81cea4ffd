//! Push: the key pair, subscriptions that end with their session, and what is known of a message for a device.

use crewline_api::{ReceiptState, WebhookUrl};
use crewline_core::{
    DirectoryError, NewPushSubscriptionRow, PushKey, PushNote, PushNoted, PushPlaces, PushSecrets,
    PushSubscriptionRow, SessionNo, UserChange,
};

use super::directory::{NOW, add, id, session};
use super::{Make, desk};
use crate::{Desk, person, said};

fn new(session: SessionNo, endpoint: &str) -> NewPushSubscriptionRow {
    NewPushSubscriptionRow {
        session,
        endpoint: WebhookUrl::new(endpoint).expect("a good URL"),
        secrets: PushSecrets {
            p256dh: [4; 65],
            auth: [7; 16],
        },
        origin: "https://chat.example.org".to_owned(),
    }
}

fn put(desk: &mut Desk, new: &NewPushSubscriptionRow) -> Result<bool, DirectoryError> {
    desk.directory(|directory| directory.put_push_subscription(new, NOW))
}

fn of(desk: &Desk, session: SessionNo) -> Option<PushSubscriptionRow> {
    desk.reader.push_subscription(session, NOW).unwrap()
}

pub(super) fn the_first_key_of_push_stays_and_a_new_one_removes_every_subscription(make: Make<'_>) {
    let (mut desk, _guard) = desk(make);
    assert_eq!(desk.reader.push_key().unwrap(), None);
    let (one, two) = (PushKey::kept(vec![1]), PushKey::kept(vec![2]));
    let mut keep = |key: &PushKey, rotate| {
        desk.directory(|directory| directory.keep_push_key(key, rotate))
            .unwrap()
    };
    assert_eq!(keep(&one, false), one);
    assert_eq!(keep(&two, false), one, "the first one stays");
    assert_eq!(desk.reader.push_key().unwrap(), Some(one));
    add(&mut desk, "alice");
    let alice = session(&mut desk, "alice", 1, None);
    put(&mut desk, &new(alice.session, "https://push.example/1")).unwrap();
    let version = desk.reader.directory_version().unwrap();
    let kept = desk.directory(|directory| directory.keep_push_key(&two, true));
    assert_eq!(kept.unwrap(), two);
    assert!(desk.reader.directory_version().unwrap() > version);
    assert_eq!(of(&desk, alice.session), None);
}

pub(super) fn a_session_has_one_push_subscription_that_ends_with_it(make: Make<'_>) {
    let (mut desk, _guard) = desk(make);
    add(&mut desk, "alice");
    desk.send("scada", &["alice"], "a").unwrap();
    let phone = session(&mut desk, "alice", 1, Some("phone"));
    let desk_top = session(&mut desk, "alice", 2, None);
    let first = new(phone.session, "https://push.example/1");
    let version = desk.reader.directory_version().unwrap();
    assert!(put(&mut desk, &first).unwrap());
    assert!(!put(&mut desk, &first).unwrap(), "the same again");
    let row = of(&desk, phone.session).unwrap();
    assert_eq!(
        (Some(row.participant), row.device, row.places),
        (desk.no("alice"), phone.device, PushPlaces::at(1)),
        "it begins behind the newest event"
    );
    assert_eq!(
        (
            &row.endpoint,
            &row.secrets,
            row.origin.as_str(),
            row.created_at
        ),
        (
            &first.endpoint,
            &first.secrets,
            "https://chat.example.org",
            NOW
        )
    );
    let places = PushPlaces {
        seq: 3,
        emergencies: 4,
        repeats: 2,
    };
    let note = |desk: &mut Desk, no, what| {
        desk.directory(|directory| directory.note_pushes(&[PushNote { no, what }]))
            .unwrap();
    };
    note(&mut desk, row.no, PushNoted::At(places));
    note(&mut desk, row.no, PushNoted::Error(Some("é".to_owned())));
    let prove = |desk: &mut Desk, no| desk.directory(|directory| directory.prove_push(no, NOW));
    assert!(prove(&mut desk, row.no).unwrap());
    let noted = of(&desk, phone.session).unwrap();
    assert_eq!(
        (noted.places, noted.last_error.as_deref(), noted.proven_at),
        (places, Some("é"), Some(NOW))
    );
    assert!(put(&mut desk, &new(phone.session, "https://push.example/2")).unwrap());
    let other = of(&desk, phone.session).unwrap();
    assert!(other.no > row.no, "numbers are not used again");
    assert_eq!(
        (other.places, other.last_error.as_ref(), other.proven_at),
        (places, None, None),
        "another one goes on where the old one stood, and is not proven"
    );
    note(&mut desk, row.no, PushNoted::Gone);
    assert!(!prove(&mut desk, row.no).unwrap());
    assert_eq!(
        of(&desk, phone.session),
        Some(other.clone()),
        "the old one is nobody"
    );
    put(&mut desk, &new(desk_top.session, "https://push.example/3")).unwrap();
    assert_eq!(desk.reader.push_subscriptions(NOW).unwrap().len(), 2);
    assert_eq!(
        desk.reader.directory_version().unwrap(),
        version,
        "nobody else has to look again"
    );
    let later = NOW.plus_millis(1_000);
    assert_eq!(
        desk.reader.push_subscriptions(later).unwrap(),
        [],
        "sessions end"
    );
    desk.directory(|directory| directory.close_session(phone.session))
        .unwrap();
    assert_eq!(of(&desk, phone.session), None);
    let ended = put(&mut desk, &new(phone.session, "https://push.example/1"));
    assert_eq!(ended, Err(DirectoryError::NoSession));
    let change = |desk: &mut Desk, change| {
        desk.directory(|directory| directory.change_user(&id("alice"), &change, NOW))
            .unwrap();
    };
    change(&mut desk, UserChange::Disable);
    assert_eq!(of(&desk, desk_top.session), None);
    let remove = |desk: &mut Desk| {
        desk.directory(|directory| directory.remove_push_subscription(desk_top.session))
            .unwrap()
    };
    let had = remove(&mut desk);
    assert_eq!((had, remove(&mut desk)), (had, false));
}

pub(super) fn what_a_device_has_stored_is_told_from_what_its_user_has_seen(make: Make<'_>) {
    let (mut desk, _guard) = desk(make);
    add(&mut desk, "alice");
    let phone = session(&mut desk, "alice", 1, Some("phone"));
    put(&mut desk, &new(phone.session, "https://push.example/1")).unwrap();
    let no = of(&desk, phone.session).unwrap().no;
    let message = desk.send("scada", &["alice"], "a").unwrap().message_id;
    let state = |desk: &Desk| {
        let state = desk.reader.push_state(no, message, NOW).unwrap();
        let state = state.expect("the subscription and the message are there");
        (state.stored, state.read, state.acknowledged)
    };
    assert_eq!(state(&desk), (false, false, false));
    let elsewhere = person("alice", phone.device.0 + 1_000);
    let own = person("alice", phone.device.0);
    desk.receipts(
        elsewhere.clone(),
        vec![said(message, ReceiptState::Delivered)],
    )
    .unwrap();
    assert_eq!(state(&desk), (false, false, false), "another device has it");
    desk.receipts(own, vec![said(message, ReceiptState::Delivered)])
        .unwrap();
    assert_eq!(state(&desk), (true, false, false));
    desk.receipts(elsewhere.clone(), vec![said(message, ReceiptState::Read)])
        .unwrap();
    assert_eq!(state(&desk), (true, true, false));
    desk.receipts(elsewhere, vec![said(message, ReceiptState::Acknowledged)])
        .unwrap();
    assert_eq!(state(&desk), (true, true, true));
    let ended = NOW.plus_millis(1_000);
    assert_eq!(desk.reader.push_state(no, message, ended).unwrap(), None);
}

//! What acks of a socket come to: everything up to an event is stored on a device.

use crewline_api::{ErrorCode, ReceiptState, Seq};
use crewline_core::{Answer, Command, ConfirmCommand};
use crewline_testkit::{Desk, external, person};

use super::memory;

fn desk() -> Desk {
    let mut desk = Desk::new(memory().opened);
    for user in ["alice", "bob"] {
        desk.add_user(user);
    }
    desk
}

fn confirm(desk: &mut Desk, device: i64, seq: Seq, said_after: Seq) -> Seq {
    let command = ConfirmCommand {
        actor: person("alice", device),
        seq,
        said_after,
    };
    match desk.run(Command::Confirm(command)) {
        Ok(Answer::Confirmed(seq)) => seq,
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_came_before_a_session_and_was_never_confirmed_is_delivered_by_its_first_ack() {
    let mut desk = desk();
    for text in ["one", "two", "three"] {
        desk.send("scada", &["alice"], text).unwrap();
    }
    // The session began behind 2: an ack of 1 and 2 was lost with the connection before. The third was said by receipt.
    assert_eq!(confirm(&mut desk, 1, 3, 2), 3);
    assert_eq!(
        desk.story("scada"),
        ["message.delivered(alice)", "message.delivered(alice)"]
    );
    // Nothing is told twice, whatever another device says.
    assert_eq!(confirm(&mut desk, 2, 3, 3), 3);
    assert_eq!(desk.story("scada").len(), 2);
}

#[test]
fn an_ack_of_what_receipts_have_said_delivers_nothing_more_and_moves_the_place() {
    let mut desk = desk();
    let first = desk.send("scada", &["alice"], "one").unwrap();
    desk.say("alice", first.message_id, ReceiptState::Delivered)
        .unwrap();
    assert_eq!(confirm(&mut desk, 1, 1, 0), 1);
    assert_eq!(desk.story("scada"), ["message.delivered(alice)"]);
    assert!(desk.changes.facts.is_empty() && !desk.changes.confirmed.is_empty());
    assert_eq!(confirm(&mut desk, 1, 1, 0), 1);
    assert!(desk.changes.is_empty());
}

#[test]
fn a_long_way_is_gone_in_steps() {
    let mut desk = desk();
    for _ in 0..1_001 {
        desk.send("scada", &["alice"], "one").unwrap();
    }
    assert_eq!(confirm(&mut desk, 1, 1_001, 1_001), 1_000);
    assert_eq!(desk.story("scada").len(), 1_000);
    assert_eq!(confirm(&mut desk, 1, 1_001, 1_001), 1_001);
    assert_eq!(desk.story("scada").len(), 1_001);
}

#[test]
fn an_ack_beyond_the_log_is_refused_and_leaves_no_trace() {
    let mut desk = desk();
    desk.send("scada", &["alice"], "one").unwrap();
    for actor in [person("alice", 1), external("oms")] {
        let command = ConfirmCommand {
            actor,
            seq: 2,
            said_after: 0,
        };
        let error = desk.run(Command::Confirm(command)).unwrap_err();
        assert_eq!(error.code, ErrorCode::AheadOfLog);
        assert!(desk.changes.is_empty());
    }
}

//! Laws of receipts: whatever the order and however often the same facts are said, the same state comes out, each
//! event is told once, and in the order of proof.

use crewline_api::{
    EventData, EventKind, MessageId, NewMessage, NewMessageUser, Priority, ReceiptSaid,
    ReceiptState, RecipientView, Timestamp,
};
use crewline_testkit::{Desk, person, said, up_to};
use proptest::prelude::*;

use super::memory;

/// One thing that one device says, of one of the messages.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Fact {
    device: i64,
    message: usize,
    state: ReceiptState,
    up_to: bool,
}

fn facts() -> impl Strategy<Value = Vec<Fact>> {
    let state = prop_oneof![
        Just(ReceiptState::Delivered),
        Just(ReceiptState::Read),
        Just(ReceiptState::Acknowledged)
    ];
    let fact = (1..4i64, 0..4usize, state, prop::bool::weighted(0.3)).prop_map(
        |(device, message, state, up_to)| Fact {
            device,
            message,
            state,
            up_to,
        },
    );
    prop::collection::vec(fact, 1..10)
}

/// Four messages in one chat, the second an emergency, each with payloads for alice.
fn begin() -> (Desk, Vec<MessageId>, crewline_api::ChatId) {
    let mut desk = Desk::new(memory().opened);
    desk.add_user("alice");
    let mut chat = None;
    let messages = (0..4).map(|at| {
        let user = NewMessageUser::new("alice")
            .on_delivered_payload(format!("d{at}"))
            .on_read_payload(format!("r{at}"));
        let priority = if at == 1 {
            Priority::Emergency
        } else {
            Priority::Sticky
        };
        let message = NewMessage::builder("scada", "s", format!("{at}"))
            .to(user)
            .priority(priority)
            .build()
            .unwrap();
        let sent = desk.send_message(message).unwrap();
        chat = Some(sent.chat_id);
        sent.message_id
    });
    let messages = messages.collect();
    (desk, messages, chat.unwrap())
}

fn say(desk: &mut Desk, messages: &[MessageId], chat: crewline_api::ChatId, fact: Fact) {
    let receipt = if fact.up_to {
        up_to(chat, messages[fact.message])
    } else {
        said(messages[fact.message], fact.state)
    };
    desk.receipts(person("alice", fact.device), vec![receipt])
        .unwrap();
}

fn say_all(desk: &mut Desk, messages: &[MessageId], chat: crewline_api::ChatId, facts: &[Fact]) {
    for fact in facts {
        say(desk, messages, chat, *fact);
    }
}

fn state(desk: &Desk, message: MessageId) -> RecipientView {
    let scada = desk.no("scada").unwrap();
    desk.reader
        .message(&[scada], message)
        .unwrap()
        .unwrap()
        .recipients
        .remove(0)
}

fn states(desk: &Desk, messages: &[MessageId]) -> Vec<ReceiptState> {
    messages
        .iter()
        .map(|message| state(desk, *message).state)
        .collect()
}

/// The states that follow from a set of facts, by the words of the contract alone.
fn expected(facts: &[Fact]) -> Vec<ReceiptState> {
    (0..4)
        .map(|message| {
            let of = facts.iter().filter_map(|fact| {
                if fact.up_to {
                    (fact.message >= message && message != 1).then_some(ReceiptState::Read)
                } else {
                    (fact.message == message).then_some(fact.state)
                }
            });
            of.max().unwrap_or_default()
        })
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), ..ProptestConfig::default() })]

    #[test]
    fn any_order_and_any_repetition_of_the_same_facts_gives_the_same_state(
        (facts, shuffled) in facts().prop_flat_map(|facts| {
            let doubled: Vec<Fact> = facts.iter().chain(&facts).copied().collect();
            (Just(facts), Just(doubled).prop_shuffle())
        })
    ) {
        let (mut one, messages, chat) = begin();
        say_all(&mut one, &messages, chat, &facts);
        let (mut other, messages, chat) = begin();
        say_all(&mut other, &messages, chat, &shuffled);
        prop_assert_eq!(states(&one, &messages), states(&other, &messages));
        prop_assert_eq!(states(&one, &messages), expected(&facts));
    }

    #[test]
    fn a_state_never_goes_back_and_its_times_never_change(facts in facts()) {
        let (mut desk, messages, chat) = begin();
        for fact in &facts {
            let before: Vec<_> = messages.iter().map(|message| state(&desk, *message)).collect();
            say(&mut desk, &messages, chat, *fact);
            for (message, before) in messages.iter().zip(before) {
                let after = state(&desk, *message);
                prop_assert!(after.state >= before.state);
                for (before, after) in [(before.delivered_at, after.delivered_at), (before.read_at, after.read_at), (before.acknowledged_at, after.acknowledged_at)] {
                    prop_assert!(before.is_none() || before == after);
                }
            }
        }
    }

    #[test]
    fn each_event_is_told_once_in_the_order_of_proof_with_its_payload(facts in facts()) {
        let (mut desk, messages, chat) = begin();
        say_all(&mut desk, &messages, chat, &facts);
        for (at, message) in messages.iter().enumerate() {
            let told: Vec<(EventKind, Option<Vec<u8>>)> = desk.log("scada").iter().filter_map(|event| {
                let (EventData::MessageDelivered(data) | EventData::MessageRead(data) | EventData::MessageAcknowledged(data)) = &event.data else { return None };
                (data.message_id == *message).then(|| (event.data.kind(), data.payload.as_ref().map(|bytes| bytes.as_bytes().to_vec())))
            }).collect();
            let all = [
                (EventKind::MessageDelivered, Some(format!("d{at}").into_bytes())),
                (EventKind::MessageRead, Some(format!("r{at}").into_bytes())),
                (EventKind::MessageAcknowledged, None),
            ];
            let reached = state(&desk, *message).state as usize;
            prop_assert_eq!(told.as_slice(), &all[..reached]);
        }
    }

    #[test]
    fn unread_is_the_number_of_messages_that_are_not_read(facts in facts()) {
        let (mut desk, messages, chat) = begin();
        for fact in &facts {
            say(&mut desk, &messages, chat, *fact);
            let unread = states(&desk, &messages).iter().filter(|state| **state < ReceiptState::Read).count() as u64;
            let alice = desk.no("alice").unwrap();
            prop_assert_eq!(desk.reader.chats(alice, None, 1).unwrap().chats[0].unread, unread);
        }
    }

    #[test]
    fn a_clock_that_is_wrong_reads_as_well_as_any_other(at in any::<i32>()) {
        let (mut desk, messages, _) = begin();
        let at = Timestamp::from_millis(i64::from(at) * 1_000);
        let receipt = ReceiptSaid::Message { message_id: messages[0].to_string(), state: ReceiptState::Read, at: Some(at) };
        desk.receipts(person("alice", 1), vec![receipt]).unwrap();
        let seen = state(&desk, messages[0]);
        prop_assert_eq!((seen.state, seen.read_at), (ReceiptState::Read, Some(desk.now)));
        let EventData::MessageRead(data) = &desk.log("scada")[1].data else { panic!() };
        prop_assert_eq!((data.at, data.implied), (at, false));
        let EventData::MessageDelivered(data) = &desk.log("scada")[0].data else { panic!() };
        prop_assert_eq!((data.at, data.implied), (desk.now, true));
    }
}

/// More cases at night: `PROPTEST_CASES=4096`.
fn cases() -> u32 {
    std::env::var("PROPTEST_CASES")
        .ok()
        .and_then(|cases| cases.parse().ok())
        .unwrap_or(96)
}

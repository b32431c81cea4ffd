//! Following logs: from the ring, from the store, and over the border of the two.

use crewline_api::{ErrorCode, EventKind, EventKinds, MessageId, NewReply, ReceiptState, Role};
use crewline_core::{Command, NewUser, ReceiptsCommand, ReplyCommand};
use crewline_engine::{EncodedEvent, Engine};
use crewline_testkit::{person, said};

use super::{engine, no, send};

async fn add_user(engine: &Engine, id: &str) {
    let user = NewUser {
        id: id.parse().unwrap(),
        name: None,
        role: Role::Crew,
        password: None,
    };
    let added = engine.directory(move |directory, now| directory.add_user(&user, now));
    added.await.unwrap().unwrap();
}

/// Alice says what became of a message.
async fn say(engine: &Engine, message: MessageId, state: ReceiptState) {
    let receipts = ReceiptsCommand::new(person("alice", 1), vec![said(message, state)]);
    let command = Command::Receipts(receipts.unwrap());
    engine.submit(command).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_follower_gets_what_was_there_and_what_comes_each_once() {
    let engine = engine();
    for at in 0..5 {
        send(&engine, "scada", "alice", &format!("{at}"))
            .await
            .unwrap();
    }
    let mut follower = engine.follow(no(&engine, "alice").await, 0, EventKinds::ALL);
    let mut seen = Vec::new();
    for _ in 0..2 {
        seen.extend(
            follower
                .next(3)
                .await
                .unwrap()
                .events
                .iter()
                .map(EncodedEvent::seq),
        );
    }
    let writer = engine.clone();
    let sending = tokio::spawn(async move {
        // More than the ring holds, so that the follower falls behind it now and then.
        for at in 5..700 {
            send(&writer, "scada", "alice", &format!("{at}"))
                .await
                .unwrap();
        }
    });
    while seen.len() < 700 {
        seen.extend(
            follower
                .next(7)
                .await
                .unwrap()
                .events
                .iter()
                .map(EncodedEvent::seq),
        );
    }
    sending.await.unwrap();
    assert_eq!(seen, (1..=700).collect::<Vec<u64>>());
    assert_eq!(follower.position(), 700);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_is_the_same_from_the_ring_and_from_the_store() {
    let engine = engine();
    let sent = send(&engine, "scada", "alice", "first").await.unwrap();
    let (alice, scada) = (no(&engine, "alice").await, no(&engine, "scada").await);
    // Who follows fills the ring.
    let following = [
        engine.follow(alice, 1, EventKinds::ALL),
        engine.follow(scada, 0, EventKinds::ALL),
    ];
    send(&engine, "scada", "alice", "second 🚑\n\"quoted\"")
        .await
        .unwrap();
    add_user(&engine, "alice").await;
    say(&engine, sent.message_id, ReceiptState::Acknowledged).await;
    for (who, after, count) in [(alice, 1, 3), (scada, 0, 3)] {
        let ring = engine
            .page(who, Some(after), EventKinds::ALL, 100)
            .await
            .unwrap();
        let stored = engine
            .read(move |reader| reader.log(who, after, EventKinds::ALL, 100))
            .await
            .unwrap();
        let (mut told, mut kept) = (Vec::new(), Vec::new());
        for (event, stored) in ring.events.iter().zip(&stored.events) {
            event.write_json(&mut told);
            kept.extend(serde_json::to_vec(stored).unwrap());
        }
        assert_eq!(
            String::from_utf8(told).unwrap(),
            String::from_utf8(kept).unwrap()
        );
        assert_eq!((ring.events.len(), stored.events.len()), (count, count));
    }
    drop(following);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_follower_of_one_kind_waits_for_that_kind_and_passes_the_others() {
    let engine = engine();
    let sent = send(&engine, "scada", "alice", "x").await.unwrap();
    let scada = no(&engine, "scada").await;
    let mut follower = engine.follow(scada, 0, EventKinds::from_iter([EventKind::MessageRead]));
    let waiting = tokio::spawn(async move {
        follower
            .next(10)
            .await
            .map(|page| (page.events.len(), page.next, follower.position()))
    });
    add_user(&engine, "alice").await;
    for state in [ReceiptState::Delivered, ReceiptState::Read] {
        say(&engine, sent.message_id, state).await;
    }
    assert_eq!(waiting.await.unwrap().unwrap(), (1, 2, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_place_outside_of_the_log_is_refused() {
    let engine = engine();
    send(&engine, "scada", "alice", "x").await.unwrap();
    let alice = no(&engine, "alice").await;
    assert_eq!(
        engine
            .page(alice, Some(2), EventKinds::ALL, 1)
            .await
            .unwrap_err()
            .code,
        ErrorCode::AheadOfLog
    );
    assert_eq!(
        engine
            .page(alice, Some(1), EventKinds::ALL, 1)
            .await
            .unwrap()
            .events
            .len(),
        0
    );
    assert_eq!(
        engine
            .page(alice, None, EventKinds::ALL, 1)
            .await
            .unwrap()
            .events
            .len(),
        1
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn better_1_a_hundred_first_messages_to_one_new_set_at_once_are_one_chat() {
    let engine = engine();
    let sends: Vec<_> = (0..100)
        .map(|at| {
            let engine = engine.clone();
            tokio::spawn(async move {
                send(&engine, "scada", "alice", &format!("{at}"))
                    .await
                    .unwrap()
            })
        })
        .collect();
    let mut positions = Vec::new();
    let mut chats = std::collections::BTreeSet::new();
    for send in sends {
        let sent = send.await.unwrap();
        chats.insert(sent.chat_id);
        positions.push(sent.position);
    }
    positions.sort_unstable();
    assert_eq!((chats.len(), positions), (1, (1..=100).collect()));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_put_together_in_memory_is_read_and_not_passed_over() {
    let engine = engine();
    add_user(&engine, "alice").await;
    let alice = no(&engine, "alice").await;
    let mut follower = engine.follow(alice, 0, EventKinds::ALL);
    let sent = send(&engine, "scada", "alice", "Trip").await.unwrap();
    // The writer forgets what it holds when the directory changes: the message that is read next is not at hand.
    add_user(&engine, "bob").await;
    let reply = NewReply::new("On my way");
    let reply = ReplyCommand::new(person("alice", 1), sent.chat_id, reply, None).unwrap();
    engine.submit(Command::Reply(reply)).await.unwrap();
    let mut kinds = Vec::new();
    while follower.position() < 3 {
        let page = follower.next(1).await.unwrap();
        kinds.extend(page.events.iter().map(EncodedEvent::kind));
    }
    let expected = [
        EventKind::MessageReceived,
        EventKind::SelfRead,
        EventKind::MessageSent,
    ];
    assert_eq!(kinds, expected);
}

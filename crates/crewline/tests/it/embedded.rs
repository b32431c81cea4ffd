//! One process, one file.

use crewline::{
    ChatApi, Crewline, Event, EventData, EventKind, EventKinds, NewMessage, NewMessageUser,
    NewReply, PayloadKind, ReceivedMessage, next,
};
use tempfile::TempDir;

fn message(text: &str) -> NewMessage {
    NewMessage::builder("scada", "SCADA", text)
        .to("alice")
        .build()
        .unwrap()
}

async fn open(folder: &TempDir) -> Crewline {
    Crewline::open(folder.path().join("crewline.db"))
        .await
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_sent_is_there_when_the_file_is_opened_again() {
    let folder = TempDir::new().unwrap();
    let crewline = open(&folder).await;
    let sent = crewline.send_message(message("one")).await.unwrap();
    crewline.close().await;
    let crewline = open(&folder).await;
    let again = crewline.send_message(message("two")).await.unwrap();
    assert_eq!((again.chat_id, again.position), (sent.chat_id, 2));
    let events = crewline
        .person("alice")
        .await
        .unwrap()
        .events(0)
        .await
        .unwrap();
    let texts = events.iter().map(|event| match &event.data {
        EventData::MessageReceived(data) => data.message.to_string(),
        other => panic!("{other:?}"),
    });
    let texts: Vec<_> = texts.collect();
    assert_eq!(texts, ["one", "two"]);
    crewline.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_process_is_told_who_has_the_file() {
    let folder = TempDir::new().unwrap();
    let crewline = open(&folder).await;
    let error = Crewline::open(folder.path().join("crewline.db"))
        .await
        .err()
        .unwrap()
        .to_string();
    assert!(
        error.contains("crewline.db") && error.contains(&std::process::id().to_string()),
        "{error}"
    );
    drop(crewline);
    open(&folder).await.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn better_6_a_message_for_an_external_that_nobody_observes_waits() {
    let folder = TempDir::new().unwrap();
    let crewline = open(&folder).await;
    let sent = crewline.send_message(message("one")).await.unwrap();
    let alice = crewline.person("alice").await.unwrap();
    alice.reply(sent.chat_id, "first").await.unwrap();
    alice
        .reply(
            sent.chat_id,
            NewReply::new("second").reply_to(sent.message_id),
        )
        .await
        .unwrap();
    drop(alice);
    crewline.close().await;

    let crewline = open(&folder).await;
    let mut stream = crewline.receive_messages("scada".parse().unwrap());
    for expected in ["first", "second"] {
        assert_eq!(next(&mut stream).await.unwrap().unwrap().message, expected);
    }
    drop(stream);
    crewline.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_consumer_begins_behind_what_was_confirmed_under_its_name() {
    let folder = TempDir::new().unwrap();
    let crewline = open(&folder).await;
    let sent = crewline.send_message(message("one")).await.unwrap();
    let alice = crewline.person("alice").await.unwrap();
    for text in ["first", "second", "third"] {
        alice.reply(sent.chat_id, text).await.unwrap();
    }
    let texts = |events: Vec<Event>| -> Vec<String> {
        let messages = events.iter().filter_map(ReceivedMessage::from_event);
        messages.map(|received| received.message).collect()
    };
    let consumer = |crewline: &Crewline, name: &str| {
        let kinds = EventKinds::from_iter([EventKind::MessageReceived]);
        crewline.consumer("scada".parse().unwrap(), name.parse().unwrap(), kinds)
    };
    let mut desk = consumer(&crewline, "desk");
    let page = desk.next(2).await.unwrap();
    desk.confirm(page[0].seq).await.unwrap();
    assert_eq!(texts(page), ["first", "second"]);
    drop((desk, alice));
    crewline.close().await;

    let crewline = open(&folder).await;
    let kinds = EventKinds::from_iter([EventKind::MessageReceived]);
    let waiting = async |crewline: &Crewline| {
        let found = crewline.waiting("desk".parse().unwrap(), kinds).await;
        found
            .unwrap()
            .into_iter()
            .map(String::from)
            .collect::<Vec<_>>()
    };
    assert_eq!(waiting(&crewline).await, ["scada"]);
    let mut desk = consumer(&crewline, "desk");
    let page = desk.next(10).await.unwrap();
    desk.confirm(page[1].seq).await.unwrap();
    assert_eq!(texts(page), ["second", "third"]);
    assert!(waiting(&crewline).await.is_empty());
    let page = consumer(&crewline, "another").next(10).await.unwrap();
    assert_eq!(texts(page), ["first", "second", "third"]);
    crewline.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn better_7_an_observer_that_fails_gets_the_event_again_and_harms_no_other() {
    let folder = TempDir::new().unwrap();
    let crewline = open(&folder).await;
    let sent = crewline.send_message(message("one")).await.unwrap();
    let other = NewMessage::builder("oms", "OMS", "two")
        .to("alice")
        .build()
        .unwrap();
    let other = crewline.send_message(other).await.unwrap();
    let alice = crewline.person("alice").await.unwrap();
    let mut healthy = crewline.receive_messages("oms".parse().unwrap());
    let taken = {
        // It takes an event, and is gone before it has asked for the next one.
        let mut failing = crewline.receive_messages("scada".parse().unwrap());
        alice.reply(sent.chat_id, "to scada").await.unwrap();
        alice.reply(other.chat_id, "to oms").await.unwrap();
        next(&mut failing).await.unwrap().unwrap()
    };
    assert_eq!(next(&mut healthy).await.unwrap().unwrap().message, "to oms");
    let mut again = crewline.receive_messages("scada".parse().unwrap());
    assert_eq!(
        next(&mut again).await.unwrap().unwrap(),
        taken,
        "the same event, with the same seq"
    );
    drop((healthy, again, alice));
    crewline.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn payloads_come_back_once_each_and_what_was_taken_does_not_come_again() {
    let folder = TempDir::new().unwrap();
    let crewline = open(&folder).await;
    let user = NewMessageUser::new("alice")
        .on_delivered_payload(b"d")
        .on_read_payload([0, 255]);
    let sent = crewline
        .send_message(
            NewMessage::builder("scada", "s", "x")
                .to(user)
                .build()
                .unwrap(),
        )
        .await
        .unwrap();
    let alice = crewline.person("alice").await.unwrap();
    alice.read(sent.message_id).await.unwrap();
    alice.acknowledge(sent.message_id).await.unwrap();
    let mut stream = crewline.receive_payloads("scada".parse().unwrap());
    let first = next(&mut stream).await.unwrap().unwrap();
    assert_eq!(
        (first.kind, first.payload.as_bytes()),
        (PayloadKind::Delivered, &b"d"[..])
    );
    let second = next(&mut stream).await.unwrap().unwrap();
    assert_eq!(
        (second.kind, second.payload.as_bytes()),
        (PayloadKind::Read, &[0, 255][..])
    );
    // Asking for a third confirms the two; it never comes.
    let third = next(&mut stream);
    tokio::select! {
        biased;
        item = third => panic!("{item:?}"),
        () = confirmed(&crewline) => {}
    }
    drop((stream, alice));
    crewline.close().await;

    let crewline = open(&folder).await;
    let more = NewMessageUser::new("alice").on_delivered_payload(b"next");
    let sent = crewline
        .send_message(
            NewMessage::builder("scada", "s", "y")
                .to(more)
                .build()
                .unwrap(),
        )
        .await
        .unwrap();
    crewline
        .person("alice")
        .await
        .unwrap()
        .delivered(sent.message_id)
        .await
        .unwrap();
    let mut stream = crewline.receive_payloads("scada".parse().unwrap());
    assert_eq!(
        next(&mut stream).await.unwrap().unwrap().payload.as_bytes(),
        b"next"
    );
    drop(stream);
    crewline.close().await;
}

/// Returns when everything that was asked of the engine before is durable: a command of our own came through after it.
async fn confirmed(crewline: &Crewline) {
    for _ in 0..3 {
        crewline
            .create_chat("scada".parse().unwrap(), vec!["alice".parse().unwrap()])
            .await
            .unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn many_at_once_are_all_stored_in_one_chat_without_a_gap() {
    let folder = TempDir::new().unwrap();
    let crewline = open(&folder).await;
    let sends = (0..200).map(|at| {
        let crewline = crewline.clone();
        tokio::spawn(async move {
            crewline
                .send_message(message(&format!("{at}")))
                .await
                .unwrap()
                .position
        })
    });
    let mut positions = Vec::new();
    for send in sends.collect::<Vec<_>>() {
        positions.push(send.await.unwrap());
    }
    positions.sort_unstable();
    assert_eq!(positions, (1..=200).collect::<Vec<u64>>());
    crewline.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_follower_sees_every_event_in_order_while_others_send() {
    let folder = TempDir::new().unwrap();
    let crewline = open(&folder).await;
    let alice = crewline.person("alice").await.unwrap();
    let sender = {
        let crewline = crewline.clone();
        tokio::spawn(async move {
            for at in 0..400 {
                crewline
                    .send_message(message(&format!("{at}")))
                    .await
                    .unwrap();
            }
        })
    };
    let mut seen = 0;
    while seen < 400 {
        for event in alice.events(seen).await.unwrap() {
            seen += 1;
            assert_eq!(event.seq, seen);
        }
    }
    sender.await.unwrap();
    drop(alice);
    crewline.close().await;
}

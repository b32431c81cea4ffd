//! The client's library against the real server, killed and started again.

use std::collections::BTreeMap;
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::Duration;

use crewline_client::api::{
    AskReach, ChatApi, EmergencyPhone, ErrorCode, EventData, EventKind, GroupId, NewGroup,
    NewMessage, NewMessageGroup, NewMessageUser, NewReminder, PayloadKind, ReceiptSaid,
    ReceiptState, Sos, ToGroup, Way,
};
use crewline_client::{Client, Session};
use futures_util::StreamExt as _;
use tokio::runtime::Runtime;
use tokio::task::JoinHandle;

use crate::proxy::{Fault, Proxy};
use crate::support::{PATIENCE, Server, World};

#[path = "../../../crewline-client/examples/receipts.rs"]
#[expect(dead_code, reason = "its own main is not called here")]
mod receipts;

pub(crate) fn client(url: &str, token: &str) -> Client {
    let client = Client::builder(url, token).patience(Duration::from_mins(5));
    client.build().unwrap()
}

fn message(to: &str, text: &str) -> NewMessage {
    let message = NewMessage::builder("scada", "SCADA", text).to(to);
    message.build().unwrap()
}

#[test]
fn the_example_follows_its_message_until_it_was_read() {
    let world = World::with_users(&["alice"]);
    let (sender, alice, server) = (world.external("scada"), world.user("alice"), world.serve());
    let runtime = Runtime::new().unwrap();
    let (line, lines) = sync_channel(16);
    let url = server.url.clone();
    let example = runtime.spawn(async move {
        let tell = |text| line.send(text).unwrap();
        let followed = receipts::follow(&url, &sender, tell).await;
        followed.map_err(|error| error.to_string())
    });
    let next = || lines.recv_timeout(PATIENCE).unwrap();
    let accepted = next();
    let id = accepted.split_whitespace().next().unwrap();
    server.receipt(&alice, &id.into(), "read");
    assert_eq!(next(), "delivered to alice");
    assert!(next().starts_with("read by alice at 20"));
    runtime.block_on(example).unwrap().unwrap();
}

#[test]
fn the_trait_of_the_origin_works_over_the_wire() {
    let world = World::with_users(&["alice"]);
    let (sender, alice, server) = (world.external("scada"), world.user("alice"), world.serve());
    let (scada, person) = (client(&server.url, &sender), client(&server.url, &alice));
    let id = || "scada".parse().unwrap();
    Runtime::new().unwrap().block_on(async {
        let to = NewMessageUser::new("alice")
            .on_delivered_payload(b"d")
            .on_read_payload(b"r");
        let message = NewMessage::builder("scada", "SCADA", "Trip")
            .to(to)
            .build()
            .unwrap();
        let sent = scada.send_message(message).await.unwrap();
        let chat = ChatApi::create_chat(&scada, id(), vec!["alice".parse().unwrap()]).await;
        assert_eq!(chat.unwrap().chat_id, sent.chat_id);

        // A phone: what it has stored it confirms, what is read it says, and it answers.
        let mut phone = person.session().connect().await.unwrap();
        let events = phone.next().await.unwrap();
        phone.ack(events[0].seq()).unwrap();
        let read = ReceiptSaid::Message {
            message_id: sent.message_id.to_string(),
            state: ReceiptState::Read,
            at: None,
        };
        phone.handle().receipts(vec![read]).await.unwrap();
        for text in ["On my way", "There"] {
            phone
                .handle()
                .reply(sent.chat_id, text, None)
                .await
                .unwrap();
        }

        let mut payloads = scada.receive_payloads(id());
        for (kind, bytes) in [(PayloadKind::Delivered, b"d"), (PayloadKind::Read, b"r")] {
            let fired = payloads.next().await.unwrap().unwrap();
            assert_eq!(
                (fired.kind, fired.payload.as_bytes()),
                (kind, bytes.as_slice())
            );
        }
        let mut replies = scada.receive_messages(id());
        let first = replies.next().await.unwrap().unwrap();
        assert_eq!(
            (first.from_user_id.as_str(), first.message.as_str()),
            ("alice", "On my way")
        );
        assert_eq!(replies.next().await.unwrap().unwrap().message, "There");
        drop(replies);
    });
}

#[test]
fn a_desk_keeps_groups_and_duty_asks_for_reach_sends_to_a_group_and_reminds() {
    let world = World::with_users(&["alice", "bob"]);
    let (sender, alice) = (world.external("scada"), world.user("alice"));
    let admin = world.run(&["token", "create", "--admin"]).ok();
    let server = world.serve();
    let (scada, alice) = (client(&server.url, &sender), client(&server.url, &alice));
    let admin = client(&server.url, admin.line());
    let (crew, bob) = (GroupId::new("crew north").unwrap(), "bob".parse().unwrap());
    Runtime::new().unwrap().block_on(async {
        let group = NewGroup {
            name: "Crew north".to_owned(),
            user_ids: vec!["bob".parse().unwrap(), "alice".parse().unwrap()],
        };
        admin.put_group(&crew, &group).await.unwrap();
        let page = scada.groups(None).await.unwrap();
        assert_eq!(page.groups[0].user_ids.len(), 2);
        assert_eq!(scada.groups(Some("crew north")).await.unwrap().groups, []);
        let refused = alice.put_group(&crew, &group).await.unwrap_err();
        assert_eq!(refused.code, ErrorCode::NotAllowed);

        // Whoever comes on shift says so; of others the desk does.
        assert!(alice.set_duty(None, true).await.unwrap().on_duty);
        assert!(admin.set_duty(Some(&bob), true).await.unwrap().on_duty);
        assert!(!admin.set_duty(Some(&bob), false).await.unwrap().on_duty);

        let on_duty = NewMessageGroup::new("crew north").on_duty_only();
        let ask = AskReach {
            to_users: Vec::new(),
            to_groups: vec![on_duty.clone()],
        };
        let reach = scada.reach(&ask).await.unwrap();
        assert_eq!((reach.recipients, reach.reachable), (1, 0));
        let version = admin.presence(None).await.unwrap().version;
        let mut phone = alice.session().connect().await.unwrap();
        let there = admin.presence_after(version, Duration::from_secs(15));
        let there = there.await.unwrap();
        assert!(
            there.version > version && there.people[0].by == Some(Way::App),
            "{there:?}"
        );
        assert_eq!(scada.reach(&ask).await.unwrap().reachable, 1);

        let message = NewMessage::builder("scada", "SCADA", "Trip").to_group(on_duty);
        let sent = scada.send(message.build().unwrap()).await.unwrap().message;
        assert_eq!(sent.recipients[0].user_id.as_str(), "alice");
        let reminded = scada.remind(sent.message_id, NewReminder::default());
        assert_eq!(reminded.await.unwrap().user_ids.len(), 1);
        let mut kinds = Vec::new();
        while kinds.len() < 2 {
            let events = phone.next().await.unwrap();
            kinds.extend(
                events
                    .iter()
                    .map(|event| event.parse().unwrap().unwrap().data.kind()),
            );
        }
        assert_eq!(
            kinds,
            [EventKind::MessageReceived, EventKind::MessageReminded]
        );

        let phone = EmergencyPhone {
            revision: 0,
            number: Some("112".to_owned()),
        };
        assert_eq!(admin.put_phone(&phone).await.unwrap().revision, 1);
        let late = admin
            .put_phone(&EmergencyPhone {
                number: None,
                ..phone
            })
            .await;
        assert_eq!(late.unwrap_err().code, ErrorCode::RevisionConflict);
        let kept = alice.organisation().await.unwrap();
        assert_eq!(kept.phone.number.as_deref(), Some("112"));
        let sos = Sos {
            to_groups: vec![ToGroup {
                group_id: crew.clone(),
                on_duty_only: false,
            }],
            ..kept.sos
        };
        assert_eq!(admin.put_sos(&sos).await.unwrap().revision, 1);
        assert_eq!(admin.put_phrases(&kept.phrases).await.unwrap().revision, 1);
        admin.remove_group(&crew).await.unwrap();
        assert_eq!(scada.groups(None).await.unwrap().groups, []);
    });
}

#[test]
fn a_session_on_a_log_that_is_watched_no_more_ends_and_the_own_one_goes_on() {
    let world = World::with_users(&["alice", "dora"]);
    let (scada, dora, server) = (world.external("scada"), world.user("dora"), world.serve());
    world.run(&["user", "watch", "dora", "scada"]).ok();
    let (sender, watcher) = (client(&server.url, &scada), client(&server.url, &dora));
    Runtime::new().unwrap().block_on(async {
        let participant = "scada".parse().unwrap();
        let watching = watcher.session().participant(participant);
        let mut watching = watching.connect().await.unwrap();
        let mut own = watcher.session().connect().await.unwrap();
        world.run(&["user", "unwatch", "dora", "scada"]).ok();
        let error = watching.next().await.unwrap_err();
        assert_eq!(error.code, ErrorCode::NotFound, "{error}");
        assert!(error.detail.contains("(4101)"), "{error}");
        sender.send(message("dora", "Yours")).await.unwrap();
        assert_eq!(own.next().await.unwrap().len(), 1);
    });
}

#[test]
fn a_stream_that_is_asked_again_elsewhere_begins_behind_what_was_confirmed() {
    let world = World::with_users(&["alice"]);
    let (sender, alice, server) = (world.external("scada"), world.user("alice"), world.serve());
    let runtime = Runtime::new().unwrap();
    let replies = |count: usize| {
        let scada = client(&server.url, &sender);
        runtime.block_on(async move {
            let mut replies = scada.receive_messages("scada".parse().unwrap());
            let mut texts = Vec::new();
            while texts.len() < count {
                texts.push(replies.next().await.unwrap().unwrap().message);
            }
            texts
        })
    };
    let scada = client(&server.url, &sender);
    let chat = runtime
        .block_on(scada.send(message("alice", "Hello")))
        .unwrap()
        .message
        .chat_id;
    let person = client(&server.url, &alice);
    let reply = |text: &str| runtime.block_on(person.reply(chat, text, None)).unwrap();
    reply("One");
    reply("Two");
    assert_eq!(replies(2), ["One", "Two"]);
    // Asking for a third confirms both, also where it does not come.
    let asked = runtime.block_on(async {
        let mut again = scada.receive_messages("scada".parse().unwrap());
        for _ in 0..2 {
            again.next().await.unwrap().unwrap();
        }
        tokio::time::timeout(Duration::from_millis(200), again.next())
            .await
            .is_err()
    });
    assert!(asked, "there is no third");
    crate::support::until("the cursor was moved", || {
        server
            .get(
                "/api/v1/participants/me/cursors/messages%3Adefault",
                &sender,
            )
            .0
            == 200
    });
    reply("Three");
    assert_eq!(replies(1), ["Three"]);
}

/// Listens, tells each event and confirms it, until it fails.
fn listen(runtime: &Runtime, mut session: Session) -> (Receiver<EventData>, JoinHandle<ErrorCode>) {
    let (event, events) = sync_channel(100_000);
    let listening = runtime.spawn(async move {
        loop {
            let page = match session.next().await {
                Ok(page) => page,
                Err(error) => return error.code,
            };
            for raw in page {
                event.send(raw.parse().unwrap().unwrap().data).unwrap();
                session.ack(raw.seq()).unwrap();
            }
        }
    });
    (events, listening)
}

/// Kills the server, and starts it again on another port.
pub(crate) fn kill(world: &World, proxy: &Proxy, server: Server) -> Server {
    proxy.cut();
    server.process.signal("-KILL");
    drop(server);
    let server = world.serve();
    proxy.mend(&server.url);
    server
}

#[test]
fn a_server_that_is_killed_under_a_stream_of_sends_loses_none_and_doubles_none() {
    const SENDERS: usize = 8;
    const EACH: usize = 40;
    let world = World::with_users(&["alice"]);
    let (sender, alice, mut server) = (world.external("scada"), world.user("alice"), world.serve());
    let proxy = Proxy::new(&server.url, vec![Fault::RequestLost]);
    let runtime = Runtime::new().unwrap();
    let (scada, person) = (client(&proxy.url, &sender), client(&proxy.url, &alice));
    let (received, _listening) = {
        let _inside = runtime.enter();
        listen(&runtime, person.session().start())
    };
    let (told, _telling, handle) = {
        let _inside = runtime.enter();
        let session = scada.session().after(0).start();
        let handle = session.handle();
        let (told, telling) = listen(&runtime, session);
        (told, telling, handle)
    };
    let (done, dones) = sync_channel(SENDERS * EACH);
    for sender in 0..SENDERS {
        let (handle, scada, done) = (handle.clone(), scada.clone(), done.clone());
        runtime.spawn(async move {
            for number in 0..EACH {
                let text = format!("{sender}/{number}");
                // By the session and by HTTP in turn.
                let sent = if number % 2 == 0 {
                    handle.send(message("alice", &text)).await.unwrap()
                } else {
                    scada.send(message("alice", &text)).await.unwrap().message
                };
                done.send((text, sent.message_id)).unwrap();
            }
        });
    }
    let mut accepted = BTreeMap::new();
    for count in 1..=SENDERS * EACH {
        let (text, id) = dones.recv_timeout(PATIENCE).unwrap();
        assert_eq!(accepted.insert(id, text), None);
        if count % 80 == 40 {
            server = kill(&world, &proxy, server);
        }
    }
    // Each has come once, and each was told to be delivered once.
    let mut texts = BTreeMap::new();
    while texts.len() < accepted.len() {
        if let EventData::MessageReceived(data) = received.recv_timeout(PATIENCE).unwrap() {
            assert_eq!(
                texts.insert(data.message_id, data.message.to_string()),
                None
            );
        }
    }
    assert_eq!(texts, accepted);
    let mut delivered = BTreeMap::new();
    while delivered.len() < accepted.len() {
        if let EventData::MessageDelivered(data) = told.recv_timeout(PATIENCE).unwrap() {
            assert_eq!(delivered.insert(data.message_id, data.user_id), None);
        }
    }
    // And there is no other in the log.
    assert_eq!(server.head(&alice), accepted.len() as u64);
    server.stop().ok();
    drop(runtime);
    world.run(&["db", "check"]).ok();
}

#[test]
fn a_revoked_token_ends_the_session_and_its_commands() {
    let world = World::with_users(&["alice"]);
    let (sender, server) = (world.external("scada"), world.serve());
    let runtime = Runtime::new().unwrap();
    let session = runtime.block_on(client(&server.url, &sender).session().connect());
    let session = session.unwrap();
    let handle = session.handle();
    let (_events, listening) = listen(&runtime, session);
    world.run(&["token", "revoke", &sender]).ok();
    assert_eq!(
        runtime.block_on(listening).unwrap(),
        ErrorCode::Unauthenticated
    );
    let error = runtime
        .block_on(handle.send(message("alice", "Late")))
        .unwrap_err();
    assert_eq!(error.code, ErrorCode::Unauthenticated);
}

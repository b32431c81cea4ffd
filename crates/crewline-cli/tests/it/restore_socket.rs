//! A restore, and a device and a system that followed the store before by the socket: the client's library, the real
//! server, and the recipe of `docs/operations-backup.md`.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;

use crewline_client::api::{
    ErrorCode, EventData, MessageId, NewMessage, Outcome, ReceiptSaid, ReceiptState, Seq,
};
use crewline_client::{Client, Session};
use serde_json::Value;
use tokio::runtime::Runtime;

use crate::client::client;
use crate::proxy::Proxy;
use crate::support::{Server, World};

/// What a phone has stored: messages, and its place with the epoch that the place is of.
#[derive(Debug, Default)]
struct Phone {
    messages: BTreeMap<String, String>,
    /// The seqs that came by sockets since the last snapshot.
    seqs: Vec<Seq>,
    after: Seq,
    epoch: String,
}

impl Phone {
    /// Takes events up to this one, stores them, then confirms them.
    async fn follow(&mut self, session: &mut Session, up_to: Seq) {
        self.epoch = session.welcome().unwrap().epoch;
        while self.after < up_to {
            for raw in session.next().await.unwrap() {
                if let EventData::MessageReceived(data) = raw.parse().unwrap().unwrap().data {
                    let (id, text) = (data.message_id.to_string(), data.message.to_string());
                    assert_eq!(self.messages.insert(id, text), None, "nothing comes twice");
                }
                self.seqs.push(raw.seq());
                self.after = raw.seq();
            }
            session.ack(self.after).unwrap();
        }
    }

    /// The recipe: the list of chats says where to follow from, and their histories what there is before that.
    fn load(server: &Server, token: &str) -> Self {
        let mut phone = Self {
            epoch: text(&get(server, "/api/v1/participants/me/events?limit=1", token)["epoch"]),
            ..Self::default()
        };
        let chats = get(server, "/api/v1/me/chats", token);
        phone.after = chats["asOf"].as_u64().unwrap();
        for chat in chats["chats"].as_array().unwrap() {
            phone
                .messages
                .extend(history(server, token, &chat["chatId"]));
        }
        phone
    }
}

/// A call that is waited for in the middle of what waits for others.
fn get(server: &Server, path: &str, token: &str) -> Value {
    tokio::task::block_in_place(|| server.get(path, token)).1
}

fn head(server: &Server, token: &str) -> Seq {
    tokio::task::block_in_place(|| server.head(token))
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

fn history(server: &Server, token: &str, chat: &Value) -> BTreeMap<String, String> {
    let path = format!("/api/v1/chats/{}/messages", text(chat));
    let page = get(server, &path, token);
    let messages = page["messages"].as_array().unwrap().iter();
    messages
        .map(|message| (text(&message["messageId"]), text(&message["message"])))
        .collect()
}

/// A message of the system; its text is its key.
fn keyed(text: &str) -> NewMessage {
    let message = NewMessage::builder("scada", "SCADA", text).to("alice");
    message.idempotency_key(text).build().unwrap()
}

async fn send(client: &Client, text: &str) -> MessageId {
    client.send(keyed(text)).await.unwrap().message.message_id
}

fn said(id: MessageId, state: ReceiptState) -> ReceiptSaid {
    ReceiptSaid::Message {
        message_id: id.to_string(),
        state,
        at: None,
    }
}

fn is_told_of_the_epoch<T: Debug>(outcome: Result<T, crewline_client::Error>) {
    let error = outcome.expect_err("the log is another one");
    assert_eq!(error.code, ErrorCode::EpochChanged, "{error}");
    assert!(error.detail.contains("restored"), "{error}");
}

/// Puts the backup in the place of the store, while nobody can reach it.
fn restore(world: &World, proxy: &Proxy, server: Server) -> Server {
    proxy.cut();
    server.stop().ok();
    world.run(&["db", "restore", "backup.db", "--replace"]).ok();
    world.serve()
}

#[test]
fn a_device_that_comes_back_by_the_socket_with_the_old_epoch_is_told_and_recovers() {
    let world = World::with_users(&["alice"]);
    let (sender, alice, server) = (world.external("scada"), world.user("alice"), world.serve());
    let proxy = Proxy::new(&server.url, Vec::new());
    let (scada, person) = (client(&server.url, &sender), client(&proxy.url, &alice));
    Runtime::new().unwrap().block_on(async {
        let mut phone = Phone::default();
        let mut session = person.session().connect().await.unwrap();
        send(&scada, "One").await;
        let two = send(&scada, "Two").await;
        phone.follow(&mut session, 2).await;
        world.run(&["db", "backup", "backup.db"]).ok();
        // What the backup does not know: three messages, and that the second one was read.
        let mut lost = Vec::new();
        for text in ["Lost 1", "Lost 2", "Lost 3"] {
            lost.push(send(&scada, text).await);
        }
        let read = said(two, ReceiptState::Read);
        let done = session.handle().receipts(vec![read.clone()]).await.unwrap();
        assert_eq!(done.results[0].outcome, Outcome::New);
        phone.follow(&mut session, 6).await;

        let server = restore(&world, &proxy, server);
        let scada = client(&server.url, &sender);
        // Their seqs are those of other messages that the phone has stored.
        send(&scada, "Three").await;
        send(&scada, "Four").await;
        proxy.mend(&server.url);
        // The open session comes back by itself and is told; so is one that begins with what the phone has stored, and a
        // command of the session that ended does nothing.
        is_told_of_the_epoch(session.next().await);
        is_told_of_the_epoch(session.handle().receipts(vec![read.clone()]).await);
        for after in [2, 6] {
            let stale = person.session().after(after).epoch(&phone.epoch);
            is_told_of_the_epoch(stale.connect().await);
        }

        let old_epoch = phone.epoch.clone();
        let mut phone = Phone::load(&server, &alice);
        assert_ne!(phone.epoch, old_epoch);
        let begin = person.session().after(phone.after).epoch(&phone.epoch);
        let mut session = begin.connect().await.unwrap();
        // Receipts that the phone still holds are said again.
        let again = vec![read, said(lost[0], ReceiptState::Delivered)];
        let done = session.handle().receipts(again).await.unwrap();
        let outcomes: Vec<Outcome> = done.results.iter().map(|one| one.outcome).collect();
        assert_eq!(outcomes, [Outcome::New, Outcome::NotFound]);
        send(&scada, "Five").await;
        send(&scada, "Six").await;
        let end = head(&server, &alice);
        phone.follow(&mut session, end).await;
        let expected: Vec<Seq> = (phone.seqs[0]..=end).collect();
        assert_eq!(
            (phone.seqs[0], &phone.seqs),
            (5, &expected),
            "each once, behind asOf"
        );
        let texts: BTreeSet<&str> = phone.messages.values().map(String::as_str).collect();
        assert_eq!(
            texts,
            BTreeSet::from(["One", "Two", "Three", "Four", "Five", "Six"])
        );
        assert_eq!(phone.messages.len(), 6);
        let chat = get(&server, "/api/v1/me/chats", &alice)["chats"][0]["chatId"].clone();
        assert_eq!(phone.messages, history(&server, &alice, &chat));
    });
}

/// What a system's log tells it: of each message, which states.
async fn told(session: &mut Session, enough: usize) -> BTreeMap<String, Vec<&'static str>> {
    let mut states: BTreeMap<String, Vec<&'static str>> = BTreeMap::new();
    let mut count = 0;
    while count < enough {
        for raw in session.next().await.unwrap() {
            let (id, state) = match raw.parse().unwrap().unwrap().data {
                EventData::MessageDelivered(data) => (data.message_id, "delivered"),
                EventData::MessageRead(data) => (data.message_id, "read"),
                other => panic!("{other:?}"),
            };
            states.entry(id.to_string()).or_default().push(state);
            count += 1;
            session.ack(raw.seq()).unwrap();
        }
    }
    assert_eq!(count, enough);
    states
}

#[test]
fn a_system_sends_again_by_its_keys_what_a_restore_has_lost_and_is_told_each_state_once() {
    let world = World::with_users(&["alice"]);
    let (sender, alice, server) = (world.external("scada"), world.user("alice"), world.serve());
    let proxy = Proxy::new(&server.url, Vec::new());
    let (scada, person) = (client(&proxy.url, &sender), client(&proxy.url, &alice));
    Runtime::new().unwrap().block_on(async {
        let mut listening = scada.session().after(0).connect().await.unwrap();
        let mut phone = person.session().connect().await.unwrap();
        let mut ids = vec![("One", send(&scada, "One").await)];
        Phone::default().follow(&mut phone, 1).await;
        assert_eq!(told(&mut listening, 1).await.len(), 1);
        world.run(&["db", "backup", "backup.db"]).ok();
        ids.push(("Two", send(&scada, "Two").await));
        let mut stored = Phone {
            after: 1,
            ..Phone::default()
        };
        stored.follow(&mut phone, 2).await;
        assert_eq!(told(&mut listening, 1).await.len(), 1);

        let server = restore(&world, &proxy, server);
        proxy.mend(&server.url);
        is_told_of_the_epoch(listening.next().await);
        is_told_of_the_epoch(phone.next().await);
        // The recipe of a system: what is there keeps its id, what is not there is sent again with its key.
        for (text, id) in &mut ids {
            match scada.message(*id, None).await {
                Ok(message) => assert_eq!((*text, message.message.as_str()), ("One", "One")),
                Err(error) => {
                    assert_eq!((*text, error.code), ("Two", ErrorCode::NotFound));
                    let again = send(&scada, text).await;
                    assert_ne!(again, *id, "an id is never given out twice");
                    *id = again;
                }
            }
            assert_eq!(send(&scada, text).await, *id, "a key is one message");
        }
        let mut stored = Phone::load(&server, &alice);
        let mut phone = person
            .session()
            .after(stored.after)
            .connect()
            .await
            .unwrap();
        send(&scada, "Three").await;
        stored.follow(&mut phone, 3).await;
        phone
            .handle()
            .receipts(vec![said(ids[1].1, ReceiptState::Read)])
            .await
            .unwrap();
        // From the start of its log: each state of each message once, those of the snapshot too.
        let mut listening = scada.session().connect().await.unwrap();
        let states = told(&mut listening, 4).await;
        assert_eq!(states.len(), 3, "{states:?}");
        assert_eq!(states[&ids[0].1.to_string()], ["delivered"]);
        assert_eq!(states[&ids[1].1.to_string()], ["delivered", "read"]);
        assert_eq!(head(&server, &sender), 4, "and there is no other");
        assert_eq!(stored.messages.len(), 3);
    });
}

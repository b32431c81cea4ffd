//! Many at once by the client's library: people and systems who act in sessions and by calls, on connections that are lost
//! on the way, at a server that is killed in the middle of it. What came of it cannot be foretold; the laws of the model
//! hold, and what each session gave out is its log, whole and in order.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use crewline_client::Client;
use crewline_client::Handle;
use crewline_client::api::{
    ChatId, IdempotencyKey, MessageId, NewMessage, NewReceipts, NewReply, Priority, ReceiptSaid,
    ReceiptState, SentMessage,
};
use crewline_testkit::Random;
use crewline_testkit::model::{Seen, laws};
use serde_json::Value;
use tokio::runtime::Runtime;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::client::{client, kill};
use crate::proxy::{Fault, Proxy};
use crate::support::{PATIENCE, Server, World};

const PEOPLE: [&str; 3] = ["alice", "bob", "cyd"];
const SYSTEM: &str = "scada";
/// Acts of each caller. Everybody is there twice: once in a session, once by calls of HTTP.
const ACTS: usize = 40;
/// The server is killed whenever so many more are done.
const KILLED_AFTER: u64 = 90;

/// A message, its chat, and who is in it.
#[derive(Clone)]
struct Known {
    message: MessageId,
    from: &'static str,
    chat: ChatId,
    members: BTreeSet<String>,
}

/// What callers have in common.
#[derive(Clone)]
struct Field {
    known: Arc<Mutex<Vec<Known>>>,
    /// Texts, and the message that each became.
    sent: Arc<Mutex<BTreeMap<String, MessageId>>>,
    done: watch::Sender<u64>,
}

impl Field {
    fn learn(&self, who: &'static str, text: String, sent: &SentMessage) {
        let others = sent.recipients.iter();
        let mut members: BTreeSet<String> =
            others.map(|one| one.user_id.as_str().to_owned()).collect();
        members.insert(who.to_owned());
        self.known.lock().unwrap().push(Known {
            message: sent.message_id,
            from: who,
            chat: sent.chat_id,
            members,
        });
        let before = self.sent.lock().unwrap().insert(text, sent.message_id);
        assert_eq!(before, None, "each text is sent once");
    }

    fn any(&self, who: &str, random: &mut Random) -> Option<Known> {
        let known = self.known.lock().unwrap();
        let own: Vec<&Known> = known
            .iter()
            .filter(|one| one.members.contains(who))
            .collect();
        (!own.is_empty()).then(|| own[random.below(own.len())].clone())
    }
}

/// By what somebody acts.
enum By {
    Session(Handle),
    Calls(Client),
}

impl By {
    async fn send(&self, message: NewMessage) -> SentMessage {
        match self {
            Self::Session(handle) => handle.send(message).await.unwrap(),
            Self::Calls(client) => client.send(message).await.unwrap().message,
        }
    }

    async fn reply(&self, chat: ChatId, reply: NewReply, key: IdempotencyKey) -> SentMessage {
        match self {
            Self::Session(handle) => handle.reply(chat, reply, Some(key)).await.unwrap(),
            Self::Calls(client) => client.reply(chat, reply, Some(key)).await.unwrap().message,
        }
    }

    async fn receipt(&self, said: ReceiptSaid) {
        let results = match self {
            Self::Session(handle) => handle.receipts(vec![said]).await,
            Self::Calls(client) => {
                let receipts = NewReceipts {
                    participant: None,
                    receipts: vec![said],
                };
                client.receipts(receipts).await
            }
        };
        assert_eq!(results.unwrap().results.len(), 1);
    }
}

async fn act(field: Field, by: By, who: &'static str, name: &'static str, seed: u64) {
    let mut random = Random::new(seed);
    for at in 0..ACTS {
        let text = format!("{who} {name} {at}");
        match (random.below(5), field.any(who, &mut random)) {
            (0 | 1, _) if who == SYSTEM => {
                let to = (0..=random.below(3)).map(|_| random.pick(&PEOPLE));
                let to: BTreeSet<&str> = to.collect();
                let mut message = NewMessage::builder(who, "SCADA", &text)
                    .priority(random.pick(&[Priority::Emergency, Priority::Fleeting]))
                    .idempotency_key(&text);
                for id in to {
                    message = message.to(id);
                }
                let sent = by.send(message.build().unwrap()).await;
                field.learn(who, text, &sent);
            }
            (0, Some(known)) if who != SYSTEM => {
                let key = text.parse().unwrap();
                let sent = by.reply(known.chat, NewReply::new(&text), key).await;
                field.learn(who, text, &sent);
            }
            (_, Some(known)) => by.receipt(said(&known, &mut random)).await,
            (_, None) => tokio::task::yield_now().await,
        }
        field.done.send_modify(|done| *done += 1);
    }
}

fn said(known: &Known, random: &mut Random) -> ReceiptSaid {
    let message_id = known.message.to_string();
    let state = match random.below(4) {
        0 => {
            return ReceiptSaid::UpTo {
                chat_id: known.chat.to_string(),
                read_up_to: message_id,
                at: None,
            };
        }
        1 => ReceiptState::Acknowledged,
        2 => ReceiptState::Read,
        _ => ReceiptState::Delivered,
    };
    ReceiptSaid::Message {
        message_id,
        state,
        at: None,
    }
}

/// Takes and confirms what comes, until the log was followed up to the goal.
async fn follow(
    mut session: crewline_client::Session,
    mut goal: watch::Receiver<Option<u64>>,
) -> Vec<Value> {
    let (mut events, mut told): (Vec<Value>, u64) = (Vec::new(), 0);
    loop {
        if goal.borrow_and_update().is_some_and(|goal| told >= goal) {
            session.close().await;
            return events;
        }
        tokio::select! {
            page = session.next() => {
                let page = page.unwrap();
                told = page.last().map_or(told, crewline_client::RawEvent::seq);
                events.extend(page.iter().map(|raw| serde_json::from_str(raw.json()).unwrap()));
                session.ack(told).unwrap();
            }
            Ok(()) = goal.changed() => {}
        }
    }
}

/// Waits until whatever was acknowledged last has come in: every session has stored all its messages, so that nothing is
/// less than delivered, and nothing moves any more.
fn settle(server: &Server, field: &Field, tokens: &BTreeMap<&'static str, String>) {
    let until = Instant::now() + PATIENCE;
    for known in field.known.lock().unwrap().iter() {
        let path = format!("/api/v1/messages/{}", known.message);
        loop {
            let (status, view) = server.get(&path, &tokens[known.from]);
            assert_eq!(status, 200, "{view}");
            let mut recipients = view["recipients"].as_array().unwrap().iter();
            if recipients.all(|one| one["state"] != "accepted") {
                break;
            }
            assert!(Instant::now() < until, "{view}");
        }
    }
}

/// All that one of them sees.
fn seen(server: &Server, who: &'static str, token: &str, chats: &BTreeSet<String>) -> Seen {
    let get = |path: &str, field: &str| -> Vec<Value> {
        let (status, body) = server.get(path, token);
        assert!(matches!(status, 200 | 403 | 404), "{body}");
        body[field].as_array().cloned().unwrap_or_default()
    };
    let history = |chat: &String| {
        let path = format!("/api/v1/chats/{chat}/messages?limit=1000");
        get(&path, "messages")
    };
    Seen {
        who,
        is_user: who != SYSTEM,
        events: get("/api/v1/participants/me/events?limit=1000", "events"),
        chats: get("/api/v1/me/chats?limit=1000", "chats"),
        histories: Some(chats.iter().map(history).collect()),
    }
}

/// Somebody's session, and what it gives out up to the goal.
struct Following {
    who: &'static str,
    events: JoinHandle<Vec<Value>>,
    goal: watch::Sender<Option<u64>>,
}

/// Everybody at work, and what each session follows.
struct Works {
    acting: Vec<JoinHandle<()>>,
    following: Vec<Following>,
}

fn begin(
    field: &Field,
    proxy: &Proxy,
    tokens: &BTreeMap<&'static str, String>,
    first: u64,
) -> Works {
    let (mut acting, mut following) = (Vec::new(), Vec::new());
    for (at, (who, token)) in tokens.iter().enumerate() {
        let client = client(&proxy.url, token);
        let session = client.session().start();
        let by = By::Session(session.handle());
        let seed = 100 * first + 10 * at as u64;
        acting.push(tokio::spawn(act(
            field.clone(),
            by,
            who,
            "in a session",
            seed,
        )));
        let by = By::Calls(client);
        acting.push(tokio::spawn(act(
            field.clone(),
            by,
            who,
            "by calls",
            seed + 1,
        )));
        let (goal, goals) = watch::channel(None);
        let events = tokio::spawn(follow(session, goals));
        following.push(Following { who, events, goal });
    }
    Works { acting, following }
}

#[test]
fn whoever_works_at_once_by_the_library_loses_and_doubles_nothing_when_the_server_is_killed() {
    let first = std::env::var("CREWLINE_MODEL_FIRST").ok();
    let first = first.and_then(|first| first.parse().ok()).unwrap_or(1);
    println!("together by the library: seed {first}");
    let world = World::with_users(&PEOPLE);
    let mut tokens: BTreeMap<&'static str, String> =
        PEOPLE.iter().map(|who| (*who, world.user(who))).collect();
    tokens.insert(SYSTEM, world.external(SYSTEM));
    let mut server = world.serve();
    let faults = [Fault::RequestLost, Fault::ResponseLost].repeat(4);
    let proxy = Proxy::new(&server.url, faults);
    let runtime = Runtime::new().unwrap();
    let (done, mut counted) = watch::channel(0);
    let field = Field {
        known: Arc::default(),
        sent: Arc::default(),
        done,
    };
    let works = {
        let _inside = runtime.enter();
        begin(&field, &proxy, &tokens, first)
    };
    let all = (works.acting.len() * ACTS) as u64;
    let mut until = |count: u64| {
        let reached = runtime.block_on(async {
            timeout(PATIENCE, counted.wait_for(|done| *done >= count))
                .await
                .map(drop)
        });
        reached.expect("they go on");
    };
    for count in (1..)
        .map(|round| round * KILLED_AFTER)
        .take_while(|count| *count < all)
    {
        until(count);
        server = kill(&world, &proxy, server);
    }
    until(all);
    for acted in works.acting {
        runtime.block_on(acted).unwrap();
    }
    let chats = field
        .known
        .lock()
        .unwrap()
        .iter()
        .map(|one| one.chat.to_string())
        .collect();
    // What was acked last may still come in: the sessions are followed to their end first, and then looked at.
    let mut given = BTreeMap::new();
    for Following { who, events, goal } in works.following {
        goal.send_replace(Some(server.head(&tokens[who])));
        let events = runtime.block_on(async { timeout(PATIENCE, events).await });
        given.insert(who, events.expect("what is told comes").unwrap());
    }
    settle(&server, &field, &tokens);
    let everybody: Vec<Seen> = tokens
        .iter()
        .map(|(who, token)| seen(&server, who, token, &chats))
        .collect();
    assert_eq!(laws::check(&everybody), Ok(()));
    let mut texts = BTreeMap::new();
    for one in &everybody {
        let given = &given[one.who];
        assert_eq!(
            given[..],
            one.events[..given.len()],
            "what {} was given",
            one.who
        );
        for message in one.histories.iter().flatten().flatten() {
            let text = message["message"].as_str().unwrap().to_owned();
            let id: MessageId = message["messageId"].as_str().unwrap().parse().unwrap();
            assert_eq!(
                *texts.entry(text).or_insert(id),
                id,
                "one key became two messages"
            );
        }
    }
    assert_eq!(texts, *field.sent.lock().unwrap());
    server.stop().ok();
    drop(runtime);
    world.run(&["db", "check"]).ok();
}

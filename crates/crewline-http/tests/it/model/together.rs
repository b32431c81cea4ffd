//! Many at once: people and systems who write, cut their own connections and ask again, others who follow, and a server
//! that goes in the middle of it and comes back on the same store. What came of it cannot be foretold; the laws hold.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use crewline_testkit::Random;
use crewline_testkit::model::{Core as _, Made, Seen, laws, see};
use hyper::Method;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::device::work;
use super::drawn::{Doing, doing};
use super::http::{Http, Server};
use super::stream::Stream;
use super::wire::{Wire, encoded};
use super::{house::House, seeds, settings};
use crate::call::Reply;
use crate::rig::PATIENCE;

pub(super) const PEOPLE: [&str; 3] = ["alice", "bob", "Ann"];
pub(super) const SYSTEMS: [&str; 2] = ["scada", "oms"];
/// Acts of each of them. Each of them is there twice: once by calls of HTTP, once on a socket.
pub(super) const ACTS: usize = 60;
/// After so many acts of all the server goes, again and again.
const GONE_AFTER: u64 = 140;

/// A message, its chat, and who is in it.
type Known = (String, String, Vec<String>);

/// What they have in common.
#[derive(Clone)]
pub(super) struct Field {
    pub(super) address: watch::Receiver<SocketAddr>,
    pub(super) done: watch::Sender<u64>,
    /// Messages that were sent.
    known: Arc<Mutex<Vec<Known>>>,
    /// Idempotency keys by their text, and the message that each became.
    sent: Arc<Mutex<BTreeMap<String, String>>>,
}

impl Field {
    /// Asks until it is answered. Sometimes it hangs up while the server works on it, and asks again.
    async fn ask(&mut self, wire: &Wire, random: &mut Random) -> Reply {
        loop {
            let address = *self.address.borrow_and_update();
            if random.one_in(6) {
                wire.cut(address).await;
            }
            match wire.call(address).try_send().await {
                Some(reply) if reply.status != 503 => return reply,
                // It has gone, or is about to: it comes back at another address.
                _ => self.back_from(address).await,
            }
        }
    }

    /// Waits until the server is at another address than this one.
    pub(super) async fn back_from(&mut self, address: SocketAddr) {
        let back = self.address.wait_for(|now| *now != address);
        timeout(PATIENCE, back)
            .await
            .expect("the server comes back")
            .unwrap();
    }

    pub(super) fn any(&self, random: &mut Random, who: &str) -> Option<Known> {
        let known = self.known.lock().unwrap();
        let own: Vec<_> = known
            .iter()
            .filter(|(_, _, all)| all.iter().any(|one| one == who))
            .collect();
        (!own.is_empty()).then(|| own[random.below(own.len())].clone())
    }

    /// Takes note of a message that was answered.
    pub(super) fn learn(&self, body: &Value, who: &str, text: &str) {
        let id = body["messageId"].as_str().unwrap().to_owned();
        let mut all = vec![who.to_owned()];
        let others = body["recipients"].as_array().unwrap().iter();
        all.extend(others.map(|one| one["userId"].as_str().unwrap().to_owned()));
        let before = self
            .sent
            .lock()
            .unwrap()
            .insert(text.to_owned(), id.clone());
        assert!(
            before.is_none_or(|before| before == id),
            "{text} was sent twice"
        );
        let chat = body["chatId"].as_str().unwrap().to_owned();
        self.known.lock().unwrap().push((id, chat, all));
    }
}

/// Somebody who writes by calls of HTTP.
async fn act(mut field: Field, who: &'static str, device: usize, seed: u64) {
    let mut random = Random::new(seed);
    let secret = crewline_testkit::model::secret_of(who);
    let post = |path: &str| Wire::new(Method::POST, path, secret.clone());
    for at in 0..ACTS {
        let text = format!("{who} {device} {at}");
        let wire = match doing(&field, who, &text, &mut random) {
            None => {
                tokio::task::yield_now().await;
                field.done.send_modify(|done| *done += 1);
                continue;
            }
            Some(Doing::Send(body)) => post("/api/v1/messages").json(body).key(text.clone()),
            Some(Doing::Reply { chat, body }) => {
                let path = format!("/api/v1/chats/{chat}/messages");
                post(&path).json(body).key(text.clone())
            }
            Some(Doing::Receipt(receipt)) => {
                post("/api/v1/receipts").json(json!({"receipts": [receipt]}))
            }
        };
        let reply = field.ask(&wire, &mut random).await;
        assert!(matches!(reply.status, 200 | 201), "{}", reply.text());
        let body = reply.value();
        if body["messageId"].is_string() {
            field.learn(&body, who, &text);
        }
        field.done.send_modify(|done| *done += 1);
    }
}

/// Somebody who follows: what came, in the order in which it came, until the log has been followed up to the goal.
async fn follow(
    mut address: watch::Receiver<SocketAddr>,
    who: &'static str,
    mut goal: watch::Receiver<Option<BTreeMap<&'static str, u64>>>,
) -> (&'static str, Vec<Value>) {
    let path = format!("/api/v1/participants/{}/events", encoded(who));
    let (mut events, mut told) = (Vec::new(), 0);
    loop {
        let at = *address.borrow_and_update();
        let wire = Wire::new(
            Method::GET,
            format!("{path}?after={told}"),
            crewline_testkit::model::secret_of(who),
        );
        if let Some(response) = wire.stream().call(at).try_open().await
            && let Ok(mut stream) = Stream::of(response).await
        {
            let mut reads = true;
            while reads {
                tokio::select! {
                    more = stream.read() => reads = more,
                    Ok(()) = goal.changed() => {}
                }
                events.extend(stream.take());
                told = told.max(stream.told());
                if goal.borrow().as_ref().is_some_and(|goal| told >= goal[who]) {
                    return (who, events);
                }
            }
        }
        let back = address.wait_for(|now| *now != at);
        timeout(PATIENCE, back)
            .await
            .expect("the server comes back")
            .unwrap();
    }
}

/// Lets the server go and come back for as long as they act.
async fn interrupt(
    http: &mut Http,
    address: &watch::Sender<SocketAddr>,
    mut done: watch::Receiver<u64>,
    all: u64,
) {
    let mut next = GONE_AFTER;
    while next < all {
        let reached = done.wait_for(|done| *done >= next);
        timeout(PATIENCE, reached)
            .await
            .expect("they go on")
            .unwrap();
        // Now without a word, now as its owner would stop it.
        let crash = (next / GONE_AFTER).is_multiple_of(2);
        http.end_server(crash).await;
        http.house.restart(false).await;
        http.server = Server::start(&http.house).await;
        address.send_replace(http.server.address);
        next += GONE_AFTER;
    }
    timeout(PATIENCE, done.wait_for(|done| *done >= all))
        .await
        .expect("they end")
        .unwrap();
}

/// The head of each log.
fn heads(seen: &[Seen]) -> BTreeMap<&'static str, u64> {
    seen.iter()
        .map(|one| (one.who, one.events.len() as u64))
        .collect()
}

/// All chats and messages that are known, as the look asks for them.
fn made(known: &[Known]) -> Made {
    let mut made = Made::default();
    for (at, (message, chat, _)) in known.iter().enumerate() {
        let no = message.parse::<crewline_api::MessageId>().unwrap().no();
        made.messages.insert(at as u32, no);
        let no = chat.parse::<crewline_api::ChatId>().unwrap().no();
        made.chats.insert(at as u32, no);
    }
    made
}

/// Every text that was answered stands in one message, of that id; and no other text is there.
fn each_was_sent_once(seen: &[Seen], sent: &BTreeMap<String, String>) {
    let mut found: BTreeMap<String, String> = BTreeMap::new();
    for one in seen {
        for message in one.histories.iter().flatten().flatten() {
            let text = message["message"].as_str().unwrap().to_owned();
            let id = message["messageId"].as_str().unwrap().to_owned();
            let before = found.entry(text).or_insert_with(|| id.clone());
            assert_eq!(*before, id, "one key became two messages");
        }
    }
    let label = |id: &String| format!("m{}", id.parse::<crewline_api::MessageId>().unwrap().no());
    let sent: BTreeMap<String, String> = sent
        .iter()
        .map(|(text, id)| (text.clone(), label(id)))
        .collect();
    assert_eq!(found, sent);
}

async fn together(seed: u64) {
    let mut http = Http::begin(House::new(settings(seed))).await;
    let (address, addresses) = watch::channel(http.server.address);
    let (done, counted) = watch::channel(0);
    let field = Field {
        address: addresses.clone(),
        done,
        known: Arc::default(),
        sent: Arc::default(),
    };
    let (goal, goals) = watch::channel(None);
    let (mut acting, mut following) = (JoinSet::new(), JoinSet::new());
    let everybody = PEOPLE.iter().chain(&SYSTEMS);
    for (at, who) in everybody.copied().enumerate() {
        let seed = seed * 100 + at as u64 * 2;
        acting.spawn(act(field.clone(), who, 0, seed));
        following.spawn(work(field.clone(), who, 1, seed + 1, goals.clone()));
        following.spawn(follow(addresses.clone(), who, goals.clone()));
    }
    let all = (2 * acting.len() * ACTS) as u64;
    interrupt(&mut http, &address, counted, all).await;
    while let Some(acted) = acting.join_next().await {
        acted.unwrap();
    }
    let made = made(&field.known.lock().unwrap());
    // The first look takes note of the ids, so that the second can ask for each.
    see(&mut http, &made).await;
    let seen = see(&mut http, &made).await;
    assert_eq!(laws::check(&seen), Ok(()), "seed {seed}");
    each_was_sent_once(&seen, &field.sent.lock().unwrap());
    goal.send_replace(Some(heads(&seen)));
    while let Some(followed) = timeout(PATIENCE, following.join_next()).await.unwrap() {
        let (who, events) = followed.unwrap();
        let events = http.names.normal(Value::Array(events));
        let whole = seen.iter().find(|one| one.who == who).unwrap();
        assert_eq!(
            events,
            Value::Array(whole.events.clone()),
            "seed {seed}: what {who} followed"
        );
    }
    http.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_works_at_once_with_a_server_that_comes_and_goes_loses_and_doubles_nothing() {
    println!("together: seeds {:?}", seeds());
    let count = seeds().end - seeds().start;
    for seed in seeds().take(count.div_ceil(4) as usize) {
        together(seed).await;
    }
}

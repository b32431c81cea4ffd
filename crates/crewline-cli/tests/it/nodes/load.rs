//! Clients at work: they send, say what was read, and go to another node where one does not answer.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use crewline_testkit::Random;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{Interval, MissedTickBehavior, interval};

use super::cluster::{Addresses, NODES, http};
use super::ledger::{Answered, Ledger};
use super::listener::{self, Listener};

/// Who is written to, and follows the own log.
pub(crate) const USERS: [&str; 3] = ["ann", "ben", "cid"];
/// Who is written to, and has a webhook.
pub(crate) const DESK: &str = "desk";
/// Under which name all of them send.
pub(crate) const SENDER_NAME: &str = "SCADA";
/// How many send.
pub(crate) const SENDERS: usize = 6;
/// How often each of them sends: load enough to be in the middle of something at any time, and not so much that the machine is
/// busy with nothing else.
const PACE: Duration = Duration::from_millis(40);
/// After so many acts a client goes to another node, as it would by a load balancer.
const STAY: usize = 20;
/// Messages of which a user has still to say that they were read.
const UNREAD_MAX: usize = 64;

/// The name of a sender.
pub(crate) fn sender(no: usize) -> String {
    format!("scada:{no}")
}

/// The credentials.
#[derive(Clone)]
pub(crate) struct Tokens {
    pub(crate) scada: String,
    pub(crate) desk: String,
    pub(crate) users: Vec<String>,
}

impl Tokens {
    /// The token that may read the log of somebody.
    pub(crate) fn of(&self, who: &str) -> &str {
        match USERS.iter().position(|user| *user == who) {
            Some(at) => &self.users[at],
            None if who == DESK => &self.desk,
            None => &self.scada,
        }
    }
}

/// What every client has.
#[derive(Clone)]
pub(crate) struct Client {
    pub(crate) addresses: Addresses,
    pub(crate) tokens: Tokens,
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) stop: Arc<AtomicBool>,
    /// Counts whoever is to go to the next node.
    pub(crate) node: Arc<AtomicUsize>,
    http: reqwest::Client,
}

impl Client {
    /// With another first node, and its own way round.
    fn at(&self, node: usize) -> Self {
        let node = Arc::new(AtomicUsize::new(node));
        Self {
            node,
            ..self.clone()
        }
    }

    /// Where it is.
    pub(crate) fn address(&self) -> String {
        self.addresses.of(self.node.load(Ordering::Relaxed) % NODES)
    }

    /// Goes to the next node.
    pub(crate) fn move_on(&self) {
        self.node.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    pub(crate) fn get(&self, path: &str, token: &str) -> reqwest::RequestBuilder {
        let url = format!("{}{path}", self.address());
        self.http.get(url).bearer_auth(token)
    }

    /// Posts, at one node after the other, until it is answered; the status and the body.
    async fn post(
        &self,
        path: &str,
        token: &str,
        key: &str,
        body: &Value,
        pace: &mut Interval,
    ) -> (u16, Value) {
        loop {
            let request = self.http.post(format!("{}{path}", self.address()));
            let request = request.bearer_auth(token).header("Idempotency-Key", key);
            if let Some((status, answer)) = answer(request.json(body)).await {
                if matches!(status, 200 | 201) {
                    return (status, answer);
                }
                // One that is stopping, or is without its database, says so; any other refusal is a fault.
                assert_eq!(status, 503, "{body}: {answer}");
            }
            self.ledger.note(|memory| memory.again += 1);
            self.move_on();
            pace.tick().await;
        }
    }
}

/// The status and the body; `None` where no whole answer came.
pub(crate) async fn answer(request: reqwest::RequestBuilder) -> Option<(u16, Value)> {
    let response = request.send().await.ok()?;
    let status = response.status().as_u16();
    let bytes = response.bytes().await.ok()?;
    Some((status, serde_json::from_slice(&bytes).ok()?))
}

fn pace() -> Interval {
    let mut pace = interval(PACE);
    pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
    pace
}

/// All clients.
pub(crate) struct Load {
    runtime: tokio::runtime::Runtime,
    pub(crate) ledger: Arc<Ledger>,
    stop: Arc<AtomicBool>,
    /// Who sends, or says what was read.
    actors: Vec<JoinHandle<()>>,
    listeners: Vec<JoinHandle<()>>,
}

impl Load {
    /// Begins.
    pub(crate) fn start(addresses: &Addresses, tokens: &Tokens, random: &mut Random) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        let mut load = Self {
            ledger: Arc::default(),
            stop: Arc::default(),
            actors: Vec::new(),
            listeners: Vec::new(),
            runtime,
        };
        let client = Client {
            addresses: addresses.clone(),
            tokens: tokens.clone(),
            ledger: Arc::clone(&load.ledger),
            stop: Arc::clone(&load.stop),
            node: Arc::default(),
            http: http(),
        };
        let _inside = load.runtime.enter();
        for (at, user) in USERS.into_iter().enumerate() {
            let (unread, read) = mpsc::channel(UNREAD_MAX);
            let reading = read_messages(client.at(at), user, read);
            load.actors.push(tokio::spawn(reading));
            for (no, unread) in [Some(unread), None].into_iter().enumerate() {
                let listener = Listener::new(user, no, unread, random.bits());
                let listening = listener::stream(client.at(at + no), listener);
                load.listeners.push(tokio::spawn(listening));
            }
        }
        for no in 0..SENDERS {
            let sending = send(client.at(no), no, Random::new(random.bits()));
            load.actors.push(tokio::spawn(sending));
            let listener = Listener::new(&sender(no), 0, None, random.bits());
            let listening = listener::poll(client.at(no + 1), listener);
            load.listeners.push(tokio::spawn(listening));
        }
        load
    }

    /// Whether anybody has found a fault: then it is told.
    pub(crate) fn look(&mut self) {
        let all = self.actors.iter_mut().chain(&mut self.listeners);
        for ended in all.filter(|task| task.is_finished()) {
            self.runtime.block_on(ended).unwrap();
        }
    }

    /// Nobody sends or says anything more; what was begun is done again until it is answered. Listeners go on.
    pub(crate) fn stop_sending(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        for actor in self.actors.drain(..) {
            self.runtime.block_on(actor).unwrap();
        }
    }
}

async fn send(client: Client, no: usize, mut random: Random) {
    let mut pace = pace();
    let from = sender(no);
    for count in 1.. {
        pace.tick().await;
        if client.is_stopped() {
            return;
        }
        if count % STAY == 0 {
            client.move_on();
        }
        let mut to: Vec<&'static str> = USERS.into_iter().filter(|_| random.one_in(2)).collect();
        if to.is_empty() || random.one_in(2) {
            to.push(DESK);
        }
        let text = format!("{no}.{count}");
        let users: Vec<Value> = to.iter().map(|who| json!({ "toUserId": who })).collect();
        let body = json!({
            "fromExtUserId": from, "fromExtUserName": SENDER_NAME, "toUsers": users, "message": text,
        });
        let token = &client.tokens.scada;
        let path = "/api/v1/messages";
        let (status, sent) = client.post(path, token, &text, &body, &mut pace).await;
        let message = sent["messageId"].as_str().unwrap().to_owned();
        client.ledger.note(|memory| {
            memory.stored += usize::from(status == 200);
            memory.answered.push(Answered { text, message, to });
        });
    }
}

/// Says of some of the messages that they were read.
async fn read_messages(client: Client, user: &'static str, mut unread: mpsc::Receiver<String>) {
    let mut pace = pace();
    loop {
        pace.tick().await;
        if client.is_stopped() {
            return;
        }
        let Ok(message) = unread.try_recv() else {
            continue;
        };
        let body = json!({ "receipts": [{ "messageId": message, "state": "read" }] });
        let token = client.tokens.of(user);
        let path = "/api/v1/receipts";
        let (_, said) = client.post(path, token, "", &body, &mut pace).await;
        let outcome = said["results"][0]["outcome"].as_str();
        assert!(matches!(outcome, Some("new" | "known")), "{said}");
        client
            .ledger
            .note(|memory| memory.read.insert((message, user)));
    }
}

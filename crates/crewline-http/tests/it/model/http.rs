//! A server over HTTP, on real connections. Whoever follows a log does so by server-sent events, and says what it has
//! stored by receipts and cursors.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use crewline_api::EventKind;
use crewline_http::{App, Settings};
use crewline_testkit::model::{
    Answer, Core, Made, Much, Names, Op, PROTOCOL, Place, REVOKED, Step, Tag, Target, USERS,
    ack_puts, ack_seq, act, begin, receipt, start,
};
use hyper::Method;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::house::House;
use super::poll::Polls;
use super::stream::Stream;
use super::wire::{Wire, behind, encoded, next_page, place, refusal, request, secret, types};
use crate::call::{Kept, Reply};

/// A server that listens.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    served: JoinHandle<std::io::Result<()>>,
}

impl Server {
    pub(crate) async fn start(house: &House) -> Self {
        let settings = Settings {
            // Everybody signs in from one address here.
            wrong_passwords_per_minute: 1_000_000,
            ..Settings::default()
        };
        let app = App::new(house.engine().clone(), settings, Arc::new(String::new));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let served = tokio::spawn(crewline_http::serve(listener, app, async {
            let _ = stopped.await;
        }));
        Self {
            address,
            stop: Some(stop),
            served,
        }
    }

    /// Stops as its owner would, or goes without a word: every connection breaks.
    pub(crate) async fn end(&mut self, crash: bool) {
        if crash {
            self.served.abort();
            let _ = (&mut self.served).await;
        } else {
            drop(self.stop.take());
            (&mut self.served).await.unwrap().unwrap();
        }
    }
}

/// Someone who follows a log.
pub(crate) struct Follower {
    stream: Stream,
    /// The log's path.
    log: String,
    secret: String,
    whose: &'static str,
    external: bool,
    /// Whether the log is that of another: then nothing is said for it.
    watching: bool,
    /// Whom the receipts are of, where the token covers several.
    participant: Option<&'static str>,
    kinds: crewline_testkit::model::Kinds,
    cursor: Option<&'static str>,
    acked: u64,
    /// What was acknowledged last, where anything was.
    said: Option<u64>,
    open: Vec<(u64, Option<String>)>,
    ended: bool,
}

impl Follower {
    /// Says receipts, where there are any.
    fn deliver(&self, receipts: &[Value]) -> Option<Wire> {
        if receipts.is_empty() {
            return None;
        }
        let mut body = json!({"receipts": receipts});
        if let Some(participant) = self.participant {
            body["participant"] = json!(participant);
        }
        let wire = Wire::new(Method::POST, "/api/v1/receipts", self.secret.clone());
        Some(wire.json(body))
    }

    /// Puts the cursor, where there is one.
    fn put(&self, seq: u64) -> Option<Wire> {
        let mut body = json!({"seq": seq});
        if let Some(types) = self.kinds.list() {
            body["types"] = json!(types);
        }
        let path = format!("{}/cursors/{}", self.log, self.cursor?);
        Some(Wire::new(Method::PUT, path, self.secret.clone()).json(body))
    }
}

/// How long what may not go on may stay open: less than a heartbeat, which would end it, too.
pub(crate) const END_MAX: Duration = Duration::from_secs(9);

/// Whether a call may end what is open.
pub(crate) fn ends_something(op: &Op) -> bool {
    matches!(
        op,
        Op::SignOut { .. } | Op::Watch { .. } | Op::Unwatch { .. }
    )
}

/// See the module.
pub(crate) struct Http {
    pub(crate) house: House,
    pub(crate) server: Server,
    pub(crate) names: Names,
    kept: Option<Kept>,
    followers: BTreeMap<Tag, Follower>,
    pub(crate) polls: Polls,
    acked: BTreeMap<Tag, u64>,
}

impl Http {
    pub(crate) async fn begin(mut house: House) -> Self {
        begin(&mut house).await;
        let names = Names::of(house.reader().epoch().unwrap());
        Self {
            server: Server::start(&house).await,
            house,
            names,
            kept: None,
            followers: BTreeMap::new(),
            polls: Polls::default(),
            acked: BTreeMap::new(),
        }
    }

    pub(crate) async fn stop(mut self) {
        self.followers.clear();
        self.end_server(false).await;
        self.house.engine().stop().await;
    }
}

impl Target for Http {
    fn name(&self) -> &'static str {
        "HTTP"
    }

    async fn call(&mut self, step: &Step, made: &Made) -> Answer {
        if let Some(answer) = act(&mut self.house, &mut self.names, &step.op).await {
            let by_time = matches!(step.op, Op::Advance { .. });
            self.settle(by_time).await;
            return answer;
        }
        match &step.op {
            op if op.is_start() => {
                self.followers.clear();
                let crash = step.op == Op::Crash;
                self.end_server(crash).await;
                start(&mut self.house, &mut self.names, op).await;
                self.server = Server::start(&self.house).await;
                Answer::new(200, Value::Null)
            }
            Op::Poll { .. } => self.poll(step).await,
            Op::Collect { poll } => self.collect(*poll).await,
            Op::Connect { .. } => self.connect(step).await,
            Op::Listen { session } => self.listen(*session).await,
            Op::Ack { session, much } => self.ack(*session, *much).await,
            Op::SayIn { session, said } => {
                let said = said.iter().map(|said| receipt(said, &self.names, made));
                let said = said.map(|said| json!(said)).collect();
                self.say_in(*session, said).await
            }
            Op::Disconnect { session } => {
                self.followers.remove(session);
                Answer::not_done()
            }
            op => {
                let wire = request(step, &self.names, made).expect("the rest are calls");
                let answer = self.pages(step, wire, next_page(op)).await;
                if ends_something(op) {
                    self.settle(false).await;
                }
                answer
            }
        }
    }

    async fn lose_request(&mut self, step: &Step, made: &Made) {
        if let Some(wire) = request(step, &self.names, made) {
            wire.lose(self.server.address, step.tag).await;
        }
    }

    async fn cut(&mut self, step: &Step, made: &Made) {
        if let Some(wire) = request(step, &self.names, made) {
            wire.cut(self.server.address).await;
        }
    }
}

impl Http {
    /// Makes a call on the connection that is kept.
    pub(crate) async fn ask(&mut self, wire: &Wire) -> Reply {
        wire.call(self.server.address).send_on(&mut self.kept).await
    }

    /// Ends the server.
    pub(crate) async fn end_server(&mut self, crash: bool) {
        self.kept = None;
        self.polls.clear();
        self.server.end(crash).await;
    }

    /// Makes a call; of a list, walks all pages.
    pub(crate) async fn pages(
        &mut self,
        step: &Step,
        wire: Wire,
        parameter: Option<&str>,
    ) -> Answer {
        let (mut all, mut page) = (Vec::new(), wire.clone());
        loop {
            let reply = self.ask(&page).await;
            if let Some(refused) = refusal(&reply) {
                return refused;
            }
            let body = if reply.body.is_empty() {
                Value::Null
            } else {
                reply.value()
            };
            if let (Op::SignIn { user, .. }, Some(token)) = (&step.op, body["token"].as_str()) {
                self.names.secrets.insert(step.tag, token.to_owned());
                self.names.signed_in.insert(step.tag, user);
            }
            let next = body["next"].as_str().map(str::to_owned);
            let body = self.names.normal(body);
            let Some(parameter) = parameter else {
                return Answer::new(reply.status, body);
            };
            all.push(body);
            match next {
                Some(next) => page = wire.page(parameter, &next),
                None => return Answer::new(reply.status, Value::Array(all)),
            }
        }
    }

    async fn connect(&mut self, step: &Step) -> Answer {
        let Op::Connect {
            by,
            whose,
            place: from,
            cursor,
            kinds,
        } = &step.op
        else {
            unreachable!("called for connects")
        };
        let from = match (from, cursor) {
            (Place::Start, Some(cursor)) => Place::Cursor(cursor),
            _ => *from,
        };
        let secret = secret(&self.names, *by);
        let log = format!("/api/v1/participants/{}", encoded(whose));
        let as_of = match from {
            Place::AsOf => match self.as_of(&secret).await {
                Ok(as_of) => Some(as_of),
                Err(refused) => return refused,
            },
            _ => None,
        };
        let from = as_of.map_or(from, Place::After);
        let from = place(from, |tag| self.acked.get(&tag).copied().unwrap_or(0));
        let watching = self.names.user_of(*by).is_some_and(|user| user != *whose);
        // A stream that begins elsewhere does not ask for the cursor that a watcher must not have.
        if let Some(cursor) = cursor.filter(|_| watching) {
            let path = format!("{log}/cursors/{cursor}");
            let wire = Wire::new(Method::GET, path, secret.clone());
            if let Some(refused) = refusal(&self.ask(&wire).await) {
                return refused;
            }
        }
        let path = format!(
            "{log}/events?{}{}",
            from.trim_start_matches('&'),
            types(*kinds)
        );
        let wire = Wire::new(Method::GET, path, secret.clone()).stream();
        let response = wire.call(self.server.address).open().await;
        let stream = match Stream::of(response).await {
            Ok(stream) => stream,
            Err(reply) => return refusal(&reply).expect("what is no stream is a refusal"),
        };
        // Where it began: behind the cursor, where it has one and nothing else was said.
        let acked = match from.strip_prefix("&after=") {
            Some(seq) => seq.parse().unwrap(),
            None if from.is_empty() => 0,
            None => self.kept(&log, &secret, cursor.unwrap_or_default()).await,
        };
        let follower = Follower {
            stream,
            log,
            secret,
            whose,
            external: !USERS.contains(whose),
            watching: self.names.user_of(*by).is_some_and(|user| user != *whose),
            participant: (*by == crewline_testkit::model::By::Token("many")).then_some(*whose),
            kinds: *kinds,
            cursor: *cursor,
            acked,
            said: None,
            open: Vec::new(),
            ended: false,
        };
        self.followers.insert(step.tag, follower);
        self.acked.insert(step.tag, acked);
        Answer::new(200, Value::Null)
    }

    /// What the caller's chats show.
    pub(crate) async fn as_of(&mut self, secret: &str) -> Result<u64, Answer> {
        let wire = Wire::new(Method::GET, "/api/v1/me/chats?limit=1", secret.to_owned());
        let reply = self.ask(&wire).await;
        match refusal(&reply) {
            Some(refused) => Err(refused),
            None => Ok(reply.value()["asOf"].as_u64().unwrap()),
        }
    }

    async fn kept(&self, log: &str, secret: &str, cursor: &str) -> u64 {
        let wire = Wire::new(
            Method::GET,
            format!("{log}/cursors/{cursor}"),
            secret.to_owned(),
        );
        let reply = wire.call(self.server.address).send().await;
        reply.value()["seq"].as_u64().unwrap_or(0)
    }

    async fn listen(&mut self, tag: Tag) -> Answer {
        let Some(follower) = self.followers.get_mut(&tag) else {
            return Answer::not_done();
        };
        if follower.ended {
            self.followers.remove(&tag);
            return Answer::new(REVOKED, Value::Null);
        }
        // The stream must come to tell what the log holds.
        let after = follower.stream.told().max(follower.acked);
        let kinds = types(follower.kinds);
        let path = format!("{}/events?limit=1000{}{kinds}", follower.log, behind(after));
        let wire = Wire::new(Method::GET, path, follower.secret.clone());
        let page = wire.call(self.server.address).send().await.value();
        let last = page["events"].as_array().and_then(|events| events.last());
        if let Some(last) = last.and_then(|event| event["seq"].as_u64()) {
            follower.stream.read_to(last).await;
        }
        let events = follower.stream.take();
        for event in &events {
            let received = (event["type"] == "message.received")
                .then(|| event["data"]["messageId"].as_str().unwrap().to_owned());
            follower
                .open
                .push((event["seq"].as_u64().unwrap(), received));
        }
        Answer::new(200, self.names.normal(Value::Array(events)))
    }

    async fn ack(&mut self, tag: Tag, much: Much) -> Answer {
        let Some(follower) = self
            .followers
            .get_mut(&tag)
            .filter(|follower| !follower.ended)
        else {
            return Answer::not_done();
        };
        if much == Much::Beyond {
            self.followers.remove(&tag);
            return Answer::new(PROTOCOL, Value::Null);
        }
        let open: Vec<u64> = follower.open.iter().map(|(seq, _)| *seq).collect();
        let seq = ack_seq(much, follower.acked, &open);
        let stored = follower.open.iter().filter(|(at, _)| *at <= seq);
        let receipts: Vec<Value> = stored
            .filter_map(|(_, message)| message.as_ref())
            .map(|message| json!({"messageId": message, "state": "delivered"}))
            .collect();
        follower.open.retain(|(at, _)| *at > seq);
        let is_new = follower.said.is_none_or(|said| seq > said);
        (follower.acked, follower.said) = (seq, Some(seq));
        let puts = ack_puts(is_new, follower.external, follower.kinds.set());
        self.acked.insert(tag, seq);
        let delivers = follower.kinds.set().contains(EventKind::MessageReceived);
        let put = follower.put(seq);
        let mut calls = Vec::new();
        // What an ack of the socket comes to: a system's cursor goes first, a user's last; between them what the stream
        // told, and what came before it.
        if follower.watching {
            return Answer::new(200, Value::Null);
        }
        if delivers {
            calls.extend(put.clone().filter(|_| follower.external));
            calls.extend(follower.deliver(&receipts));
            let before = self.received_up_to(tag, seq).await;
            calls.extend(self.followers[&tag].deliver(&before));
        }
        calls.extend(put.filter(|_| puts));
        for call in calls {
            if let Some(refused) = refusal(&self.ask(&call).await) {
                return refused;
            }
        }
        Answer::new(200, Value::Null)
    }

    /// Receipts for everything that was received up to an event.
    async fn received_up_to(&self, tag: Tag, seq: u64) -> Vec<Value> {
        let follower = &self.followers[&tag];
        let path = format!("{}/events?limit=1000&types=message.received", follower.log);
        let wire = Wire::new(Method::GET, path, follower.secret.clone());
        let page = wire.call(self.server.address).send().await.value();
        let events = page["events"].as_array().into_iter().flatten();
        events
            .filter(|event| event["seq"].as_u64() <= Some(seq))
            .map(|event| json!({"messageId": event["data"]["messageId"], "state": "delivered"}))
            .collect()
    }

    /// Receipts of whom the session follows.
    async fn say_in(&mut self, tag: Tag, said: Vec<Value>) -> Answer {
        let Some(follower) = self.followers.get(&tag).filter(|one| !one.ended) else {
            return Answer::not_done();
        };
        let mut body = json!({"receipts": said});
        if follower.watching || follower.participant.is_some() {
            body["participant"] = json!(follower.whose);
        }
        let wire = Wire::new(Method::POST, "/api/v1/receipts", follower.secret.clone());
        let reply = self.ask(&wire.json(body)).await;
        match refusal(&reply) {
            Some(refused) => refused,
            None => Answer::new(reply.status, self.names.normal(reply.value())),
        }
    }

    /// Waits for the end of those who may not go on: whose credential has ended, or who watch no more. They must be told.
    pub(crate) async fn settle(&mut self, by_time: bool) {
        if by_time && self.some_poll_is_unknown().await {
            self.house.nudge().await;
        }
        self.take_answers().await;
        for follower in self
            .followers
            .values_mut()
            .filter(|follower| !follower.ended)
        {
            let path = format!("{}/events?limit=1", follower.log);
            let wire = Wire::new(Method::GET, path, follower.secret.clone());
            let status = wire.call(self.server.address).send().await.status;
            if matches!(status, 401 | 404) {
                if by_time {
                    self.house.nudge().await;
                }
                let ends = timeout(END_MAX, follower.stream.read_to_end());
                ends.await.expect("it ends long before a heartbeat");
                follower.ended = true;
            }
        }
    }
}

//! A server with a small directory in it, and what tests ask of it.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use crewline_api::{EventKinds, ParticipantId, Role, Timestamp};
use crewline_core::{
    ExternalPattern, MemoryStore, NewToken, NewUser, Secret, TokenOwner, UserChange,
};
use crewline_engine::{Clock, Engine, Options};
use crewline_http::{App, Settings};
use hyper::Method;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::call::{Call, Reply};

/// 2026-11-23T04:00:00Z, when every test begins.
const START_MS: i64 = 1_795_406_400_000;
/// Longest that a test waits for what must come.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// A clock that stands until a test moves it, and counts instead of throwing dice.
pub(crate) struct TestClock {
    now: AtomicI64,
    count: AtomicU64,
}

impl TestClock {
    pub(crate) fn advance_s(&self, seconds: i64) {
        self.now.fetch_add(seconds * 1000, Ordering::Relaxed);
    }
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.now.load(Ordering::Relaxed))
    }

    fn random(&self) -> u64 {
        let count = self.count.fetch_add(1, Ordering::Relaxed);
        count.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(17)
    }
}

/// A running server.
///
/// Users: `alice` (password `secret of alice`), `bob`, `carol` (an administrator). Externals: `scada`, `desk`, and
/// whatever begins with `oms:`.
pub(crate) struct Rig {
    pub(crate) engine: Engine,
    pub(crate) address: SocketAddr,
    pub(crate) clock: Arc<TestClock>,
    stop: Option<oneshot::Sender<()>>,
    served: Option<JoinHandle<std::io::Result<()>>>,
}

impl Rig {
    pub(crate) async fn start() -> Self {
        Self::with(Settings::default()).await
    }

    pub(crate) async fn with(settings: Settings) -> Self {
        let clock = Arc::new(TestClock {
            now: AtomicI64::new(START_MS),
            count: AtomicU64::new(1),
        });
        let store = MemoryStore::new("epoch-1");
        let engine = Engine::start(store.open(), Options::default(), clock.clone()).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let app = App::new(
            engine.clone(),
            settings,
            Arc::new(|| "crewline_up 1\n".to_owned()),
        );
        let (stop, stopped) = oneshot::channel::<()>();
        let served = tokio::spawn(crewline_http::serve(listener, app, async {
            let _ = stopped.await;
        }));
        let rig = Self {
            engine,
            address,
            clock,
            stop: Some(stop),
            served: Some(served),
        };
        rig.fill_directory().await;
        rig
    }

    async fn fill_directory(&self) {
        for (user, name, role) in [
            ("alice", "Alice", Role::Crew),
            ("bob", "Bob", Role::Crew),
            ("carol", "Carol", Role::Administrator),
        ] {
            let password = (user == "alice")
                .then(|| crewline_http::password::hash("secret of alice").unwrap());
            self.add_user(user, name, role, password).await;
        }
        self.token("alice-token", TokenOwner::User(id("alice")))
            .await;
        self.token("bob-token", TokenOwner::User(id("bob"))).await;
        self.token("carol-token", TokenOwner::User(id("carol")))
            .await;
        self.token("admin-token", TokenOwner::Administration).await;
        self.external_token("scada-token", &["scada"]).await;
        self.external_token("desk-token", &["desk"]).await;
        self.external_token("oms-token", &["oms:*"]).await;
        self.external_token("many-token", &["scada", "desk", "oms:*", "ali*"])
            .await;
    }

    pub(crate) async fn add_user(
        &self,
        user: &str,
        name: &str,
        role: Role,
        password: Option<String>,
    ) {
        let user = NewUser {
            id: id(user),
            name: Some(name.to_owned()),
            role,
            password,
        };
        let added = self
            .engine
            .directory(move |directory, now| directory.add_user(&user, now))
            .await;
        added.unwrap().unwrap();
    }

    pub(crate) async fn token(&self, secret: &str, owner: TokenOwner) {
        let token = NewToken {
            hash: crewline_core::SecretHash::of(secret),
            owner,
        };
        let made = self
            .engine
            .directory(move |directory, now| directory.create_token(&token, now))
            .await;
        made.unwrap().unwrap();
    }

    async fn external_token(&self, secret: &str, patterns: &[&str]) {
        let patterns = patterns
            .iter()
            .map(|pattern| ExternalPattern::parse(pattern).unwrap())
            .collect();
        self.token(secret, TokenOwner::Externals(patterns)).await;
    }

    pub(crate) async fn revoke(&self, secret: &str) {
        let hash = crewline_core::SecretHash::of(secret);
        let revoked = self
            .engine
            .directory(move |directory, _| directory.revoke_token_by_hash(&hash))
            .await;
        assert!(revoked.unwrap().unwrap());
    }

    /// Changes a user.
    pub(crate) async fn change(&self, user: &str, change: UserChange) {
        let user = id(user);
        let changed = self
            .engine
            .directory(move |directory, now| directory.change_user(&user, &change, now))
            .await;
        changed.unwrap().unwrap();
    }

    /// A secret that nobody has.
    pub(crate) fn unknown_secret() -> String {
        Secret::from_random([7; 32]).reveal().to_owned()
    }

    pub(crate) fn call(&self, method: Method, path: &str) -> Call {
        Call::new(self.address, method, path)
    }

    pub(crate) fn get(&self, token: &str, path: &str) -> Call {
        self.call(Method::GET, path).token(token)
    }

    pub(crate) fn post(&self, token: &str, path: &str, body: &Value) -> Call {
        self.call(Method::POST, path).token(token).json(body)
    }

    pub(crate) fn put(&self, token: &str, path: &str, body: &Value) -> Call {
        self.call(Method::PUT, path).token(token).json(body)
    }

    /// A message of `scada` to these people; the answer.
    pub(crate) async fn send(&self, to: &[&str], text: &str) -> Value {
        let reply = self
            .post("scada-token", "/api/v1/messages", &message(to, text))
            .send()
            .await;
        assert_eq!(reply.status, 201, "{}", reply.text());
        reply.value()
    }

    /// The events of a log, by a GET.
    pub(crate) async fn events(&self, token: &str, query: &str) -> Value {
        let reply = self
            .get(token, &format!("/api/v1/participants/me/events{query}"))
            .send()
            .await;
        assert_eq!(reply.status, 200, "{}", reply.text());
        reply.value()
    }

    /// All that the store holds and a refused call must not change.
    pub(crate) async fn everything(&self) -> String {
        let reading = self.engine.read(|reader| {
            let people = reader.people("", None, 1000)?;
            let mut text = format!(
                "{people:?} {:?} {:?}",
                reader.users()?,
                reader.tokens()?.len()
            );
            for person in people.people {
                let Some(row) = reader.participant(&person.user_id)? else {
                    continue;
                };
                let log = reader.log(row.no, 0, EventKinds::ALL, 1000)?;
                let chats = reader.chats(row.no, None, 1000)?;
                let cursor = reader.cursor(row.no, &crewline_api::CursorName::new("c").unwrap())?;
                let me = reader.me(row.no, Timestamp::from_millis(0))?;
                let sessions = me.map(|me| me.sessions.len());
                write!(text, "\n{log:?} {chats:?} {cursor:?} {sessions:?}").unwrap();
            }
            Ok(text)
        });
        reading.await.unwrap()
    }

    /// Stops the server as its owner would; returns when it has stopped.
    pub(crate) async fn stop(mut self) {
        drop(self.stop.take());
        if let Some(served) = self.served.take() {
            tokio::time::timeout(PATIENCE, served)
                .await
                .unwrap()
                .unwrap()
                .unwrap();
        }
        self.engine.stop().await;
    }

    /// Tells the server to stop, and does not wait.
    pub(crate) fn tell_to_stop(&mut self) {
        drop(self.stop.take());
    }
}

pub(crate) fn id(text: &str) -> ParticipantId {
    ParticipantId::new(text).unwrap()
}

/// A message of `scada`, as a body.
pub(crate) fn message(to: &[&str], text: &str) -> Value {
    let users: Vec<Value> = to.iter().map(|user| json!({"toUserId": user})).collect();
    json!({"fromExtUserId": "scada", "fromExtUserName": "SCADA", "toUsers": users, "message": text})
}

/// A refusal in two lines or more: its status and code, then its fields.
pub(crate) fn refusal(reply: &Reply) -> String {
    assert_eq!(
        reply.header("content-type"),
        Some("application/problem+json"),
        "{}",
        reply.text()
    );
    let problem = reply.value();
    assert_eq!(problem["status"], reply.status);
    assert_eq!(problem["requestId"].as_str(), reply.header("x-request-id"));
    let code = problem["code"].as_str().unwrap();
    assert_eq!(problem["type"], format!("urn:crewline:error:{code}"));
    let mut text = format!(
        "{} {code}: {}",
        reply.status,
        problem["detail"].as_str().unwrap()
    );
    for fault in problem["errors"].as_array().into_iter().flatten() {
        let part = |name: &str| fault[name].as_str().unwrap().to_owned();
        write!(
            text,
            "\n    {} [{}] {}",
            part("field"),
            part("code"),
            part("detail")
        )
        .unwrap();
    }
    text
}

/// Makes each call; what they were answered, as one text. Asserts that nothing changed.
pub(crate) async fn refusals(rig: &Rig, cases: Vec<(&str, Call)>) -> String {
    let mut text = String::new();
    let before = rig.everything().await;
    for (name, call) in cases {
        let refused = refusal(&call.send().await);
        writeln!(text, "{name}\n  {refused}").unwrap();
        assert_eq!(rig.everything().await, before, "{name}");
    }
    text
}

/// Makes a call for each body; what they were answered, as one text. Asserts that nothing changed.
pub(crate) async fn refusals_of(
    rig: &Rig,
    cases: Vec<(&str, Value)>,
    call: impl Fn(&Value) -> Call,
) -> String {
    let cases = cases.into_iter().map(|(name, body)| (name, call(&body)));
    refusals(rig, cases.collect()).await
}

//! A server over the socket: commands, events and acks in connections that stay. What the socket does not speak of goes
//! over HTTP.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crewline_api::close;
use crewline_testkit::model::{
    Answer, By, Kinds, Made, Much, Op, Place, REVOKED, Step, Tag, Target, USERS, ack_puts, ack_seq,
    act, receipt, start,
};
use hyper::Method;
use serde_json::{Value, json};
use tokio::time::timeout;

use super::house::House;
use super::http::{END_MAX, Http, Server, ends_something};
use super::line::Line;
use super::wire::{Wire, behind, chat_body, encoded, reply_body, secret, send_body, types};

/// How long an ack, which has no answer, is waited for until it shows. Then the comparison says what is missing.
const ACK_MAX: Duration = Duration::from_secs(3);

/// Someone who follows a log.
struct Follower {
    line: Line,
    whose: &'static str,
    /// The log's path.
    log: String,
    secret: String,
    kinds: Kinds,
    cursor: Option<&'static str>,
    /// Whether the log is that of another: then nothing is said for it.
    watching: bool,
    acked: u64,
    /// What was acknowledged last, where anything was.
    said: Option<u64>,
    open: Vec<u64>,
    ended: bool,
    /// Messages of which it is known that they are delivered.
    delivered: BTreeSet<String>,
}

/// See the module.
pub(crate) struct Socket {
    http: Http,
    /// Connections for commands, by secret.
    lines: BTreeMap<String, Line>,
    followers: BTreeMap<Tag, Follower>,
    acked: BTreeMap<Tag, u64>,
}

impl Socket {
    pub(crate) async fn begin(house: House) -> Self {
        Self {
            http: Http::begin(house).await,
            lines: BTreeMap::new(),
            followers: BTreeMap::new(),
            acked: BTreeMap::new(),
        }
    }

    pub(crate) async fn stop(mut self) {
        self.end_server(false).await;
        self.http.house.engine().stop().await;
    }

    /// The command of a step and its body, where the socket has it.
    fn command(&self, step: &Step, made: &Made) -> Option<(By, &'static str, Value)> {
        let names = &self.http.names;
        let with_key = |mut body: Value, key: Option<&str>| {
            if let Some(key) = key {
                body["idempotencyKey"] = json!(key);
            }
            body
        };
        let (by, name, body) = match &step.op {
            Op::Send { by, key, .. } => (*by, "send", with_key(send_body(&step.op), *key)),
            Op::Reply { by, chat, key, .. } => {
                let mut body = reply_body(&step.op, names, made);
                body["chatId"] = json!(names.chat(made, *chat).to_string());
                (*by, "reply", with_key(body, *key))
            }
            Op::CreateChat {
                by,
                from,
                to,
                groups,
            } => (*by, "createChat", chat_body(*from, to, groups)),
            Op::Remind { by, message, until } => {
                let mut body = json!({"messageId": names.message(made, *message).to_string()});
                if let Some(until) = until {
                    body["until"] = json!(until);
                }
                (*by, "remind", body)
            }
            Op::Receipts {
                by,
                participant: None,
                said,
            } => {
                let said: Vec<_> = said.iter().map(|said| receipt(said, names, made)).collect();
                (*by, "receipts", json!(said))
            }
            _ => return None,
        };
        // These name nobody in particular, whom a session could be of.
        let several = [By::Token("many"), By::Token("admin")].contains(&by);
        (!several).then_some((by, name, body))
    }

    /// A connection for commands that was not used before.
    async fn fresh(&self, by: By) -> Result<Line, Answer> {
        let secret = secret(&self.http.names, by);
        // Few events, since nobody listens to them here.
        let hello = json!({"types": ["chat.created"]});
        let opened = Line::open(self.http.server.address, &secret, &hello).await;
        Ok(opened?.0)
    }

    async fn do_command(&mut self, step: &Step, by: By, name: &str, body: Value) -> Answer {
        let secret = secret(&self.http.names, by);
        // Now in a connection that has events in it too, now in one of its own.
        let mut followers = self.followers.values_mut();
        if step.tag.is_multiple_of(2)
            && let Some(follower) = followers.find(|f| {
                let speaks = !f.watching || name != "receipts";
                f.secret == secret && !f.ended && speaks
            })
        {
            return follower
                .line
                .command(name, body, &mut self.http.names)
                .await;
        }
        if !self.lines.contains_key(&secret) {
            match self.fresh(by).await {
                Ok(line) => self.lines.insert(secret.clone(), line),
                Err(refused) => return refused,
            };
        }
        let line = self.lines.get_mut(&secret).expect("it is open");
        line.command(name, body, &mut self.http.names).await
    }

    async fn connect(&mut self, step: &Step) -> Answer {
        let Op::Connect {
            by,
            whose,
            place,
            cursor,
            kinds,
        } = &step.op
        else {
            unreachable!("called for connects")
        };
        let secret = secret(&self.http.names, *by);
        let log = format!("/api/v1/participants/{}", encoded(whose));
        let mut hello = json!({});
        // Who is named by the token alone need not be named.
        if *by != By::Token(whose) {
            hello["participant"] = json!(whose);
        }
        let after = match place {
            Place::Start | Place::Cursor(_) | Place::End => None,
            Place::AsOf => match self.http.as_of(&secret).await {
                Ok(as_of) => Some(as_of),
                Err(refused) => return refused,
            },
            Place::After(seq) => Some(*seq),
            Place::AckedBy(tag) => Some(self.acked.get(tag).copied().unwrap_or(0)),
        };
        if let Some(after) = after {
            hello["after"] = json!(after);
        }
        if let Some(cursor) = cursor {
            hello["cursor"] = json!(cursor);
        }
        if let Some(types) = kinds.list() {
            hello["types"] = json!(types);
        }
        if step.tag.is_multiple_of(3) {
            hello["epoch"] = json!(self.http.names.epoch);
        }
        let kept = match (after, cursor) {
            (None, Some(cursor)) => self.kept(&log, &secret, cursor).await,
            _ => None,
        };
        let opened = Line::open(self.http.server.address, &secret, &hello).await;
        let (line, welcome) = match opened {
            Ok(opened) => opened,
            Err(refused) => return refused,
        };
        assert_eq!(welcome["epoch"], self.http.names.epoch);
        let kept = kept.and_then(|cursor| cursor["seq"].as_u64());
        let acked = after.or(kept).unwrap_or(0);
        let follower = Follower {
            line,
            whose,
            log,
            secret,
            kinds: *kinds,
            cursor: *cursor,
            watching: self
                .http
                .names
                .user_of(*by)
                .is_some_and(|user| user != *whose),
            acked,
            said: None,
            open: Vec::new(),
            ended: false,
            delivered: BTreeSet::new(),
        };
        self.followers.insert(step.tag, follower);
        self.acked.insert(step.tag, acked);
        Answer::new(200, json!({"head": welcome["head"]}))
    }

    /// Somebody who followed the log before a restore comes back.
    async fn other_epoch(&mut self, by: By, whose: &str) -> Answer {
        let secret = secret(&self.http.names, by);
        let hello = json!({"participant": whose, "epoch": self.http.names.other_epoch()});
        match Line::open(self.http.server.address, &secret, &hello).await {
            Ok((_, welcome)) => Answer::new(200, welcome),
            Err(refused) => refused,
        }
    }

    async fn get(&mut self, path: String, secret: &str) -> Value {
        let wire = Wire::new(Method::GET, path, secret.to_owned());
        let reply = self.http.ask(&wire).await;
        if reply.status == 200 {
            reply.value()
        } else {
            Value::Null
        }
    }

    /// A named cursor, where it was put.
    async fn kept(&mut self, log: &str, secret: &str, cursor: &str) -> Option<Value> {
        let cursor = self.get(format!("{log}/cursors/{cursor}"), secret).await;
        cursor.is_object().then_some(cursor)
    }

    async fn listen(&mut self, tag: Tag) -> Answer {
        let Some(mut follower) = self.followers.remove(&tag) else {
            return Answer::not_done();
        };
        if follower.ended {
            return Answer::new(REVOKED, Value::Null);
        }
        // The session must come to tell what the log holds.
        let after = follower.line.told().max(follower.acked);
        let kinds = types(follower.kinds);
        let path = format!("{}/events?limit=1000{}{kinds}", follower.log, behind(after));
        let page = self.get(path, &follower.secret).await;
        let last = page["events"].as_array().and_then(|events| events.last());
        if let Some(last) = last.and_then(|event| event["seq"].as_u64()) {
            follower.line.read_to(last).await;
        }
        let events = follower.line.take();
        let seqs = events.iter().filter_map(|event| event["seq"].as_u64());
        follower.open.extend(seqs);
        self.followers.insert(tag, follower);
        Answer::new(200, self.http.names.normal(Value::Array(events)))
    }

    async fn ack(&mut self, tag: Tag, much: Much) -> Answer {
        let alive = self
            .followers
            .get(&tag)
            .is_some_and(|follower| !follower.ended);
        if !alive {
            return Answer::not_done();
        }
        let mut follower = self.followers.remove(&tag).expect("it is there");
        let seq = ack_seq(much, follower.acked, &follower.open);
        if much == Much::Beyond {
            follower.line.say(&json!({"ack": seq})).await;
            return Answer::new(follower.line.read_to_end().await, Value::Null);
        }
        let is_new = follower.said.is_none_or(|said| seq > said);
        let external = !USERS.contains(&follower.whose);
        let cursor = if ack_puts(is_new, external, follower.kinds.set()) {
            self.cursor_after(&follower, seq).await
        } else {
            None
        };
        follower.line.say(&json!({"ack": seq})).await;
        follower.open.retain(|at| *at > seq);
        (follower.acked, follower.said) = (seq, Some(seq));
        self.acked.insert(tag, seq);
        // What a watcher has read shows nowhere.
        if !follower.watching {
            let _ = timeout(ACK_MAX, self.shows(&mut follower, seq, cursor)).await;
        }
        self.followers.insert(tag, follower);
        Answer::new(200, Value::Null)
    }

    /// Where the cursor of a session stands after an ack.
    async fn cursor_after(&mut self, follower: &Follower, seq: u64) -> Option<Value> {
        let kept = self
            .kept(&follower.log, &follower.secret, follower.cursor?)
            .await;
        let further = kept.filter(|kept| kept["seq"].as_u64() > Some(seq));
        let mut moved = json!({"seq": seq});
        if let Some(types) = follower.kinds.list() {
            moved["types"] = json!(types);
        }
        Some(further.unwrap_or(moved))
    }

    /// Waits until an ack shows: in the states of what was received, and in the cursor.
    async fn shows(&mut self, follower: &mut Follower, seq: u64, cursor: Option<Value>) {
        if let (Some(name), Some(cursor)) = (follower.cursor, cursor) {
            while self
                .kept(&follower.log, &follower.secret, name)
                .await
                .as_ref()
                != Some(&cursor)
            {}
        }
        if !follower
            .kinds
            .set()
            .contains(crewline_api::EventKind::MessageReceived)
        {
            return;
        }
        let path = format!("{}/events?limit=1000&types=message.received", follower.log);
        let page = self.get(path, &follower.secret).await;
        for event in page["events"].as_array().into_iter().flatten() {
            let message = event["data"]["messageId"].as_str().unwrap().to_owned();
            if event["seq"].as_u64() > Some(seq) || !follower.delivered.insert(message.clone()) {
                continue;
            }
            let whose = encoded(follower.whose);
            let path = format!("/api/v1/messages/{message}?participant={whose}");
            loop {
                let view = self.get(path.clone(), &follower.secret).await;
                let recipients = view["recipients"].as_array().into_iter().flatten();
                let mut own = recipients.filter(|one| one["userId"] == follower.whose);
                if own.next().is_none_or(|own| own["state"] != "accepted") {
                    break;
                }
            }
        }
    }

    /// Receipts that are said in a session.
    async fn say_in(&mut self, tag: Tag, said: Value) -> Answer {
        let follower = self.followers.get_mut(&tag).filter(|one| !one.ended);
        match follower {
            None => Answer::not_done(),
            Some(follower) => {
                let names = &mut self.http.names;
                follower.line.command("receipts", said, names).await
            }
        }
    }

    /// Waits for the end of those who may not go on: whose credential has ended, or who watch no more. They must be told by
    /// the code.
    async fn settle(&mut self, by_time: bool) {
        let people = "/api/v1/people?limit=1";
        let mut open: Vec<(String, &str, &mut Line, Option<&mut bool>)> = Vec::new();
        for follower in self
            .followers
            .values_mut()
            .filter(|follower| !follower.ended)
        {
            open.push((
                format!("{}/events?limit=1", follower.log),
                &follower.secret,
                &mut follower.line,
                Some(&mut follower.ended),
            ));
        }
        for (secret, line) in &mut self.lines {
            open.push((people.to_owned(), secret, line, None));
        }
        let mut gone = Vec::new();
        for (path, secret, line, ended) in open {
            let wire = Wire::new(Method::GET, path, secret.to_owned());
            let status = wire.call(self.http.server.address).send().await.status;
            if !matches!(status, 401 | 404) {
                continue;
            }
            if by_time {
                self.http.house.nudge().await;
            }
            let code = timeout(END_MAX, line.read_to_end()).await;
            // Who still signs in, and may not read this log any more, watches it no more.
            let expected = if status == 401 {
                close::REVOKED
            } else {
                close::UNWATCHED
            };
            assert_eq!(code.expect("it ends long before a heartbeat"), expected);
            match ended {
                Some(ended) => *ended = true,
                None => gone.push(secret.to_owned()),
            }
        }
        for secret in gone {
            self.lines.remove(&secret);
        }
    }

    /// Ends the server. One that is stopped says so to everybody, by the code.
    async fn end_server(&mut self, crash: bool) {
        let followers = std::mem::take(&mut self.followers).into_values();
        let followers = followers.filter(|follower| !follower.ended);
        let lines = followers.map(|follower| follower.line);
        let lines: Vec<Line> = lines
            .chain(std::mem::take(&mut self.lines).into_values())
            .collect();
        if crash {
            self.http.end_server(true).await;
            return;
        }
        let told = async {
            for mut line in lines {
                assert_eq!(line.read_to_end().await, close::STOPPING);
            }
        };
        tokio::join!(self.http.end_server(false), told);
    }
}

impl Target for Socket {
    fn name(&self) -> &'static str {
        "the socket"
    }

    async fn call(&mut self, step: &Step, made: &Made) -> Answer {
        if let Some(answer) = act(&mut self.http.house, &mut self.http.names, &step.op).await {
            let by_time = matches!(step.op, Op::Advance { .. });
            self.http.settle(by_time).await;
            self.settle(by_time).await;
            return answer;
        }
        match &step.op {
            op if op.is_start() => {
                let crash = step.op == Op::Crash;
                self.end_server(crash).await;
                start(&mut self.http.house, &mut self.http.names, op).await;
                self.http.server = Server::start(&self.http.house).await;
                Answer::new(200, Value::Null)
            }
            Op::ReadOtherEpoch { by, whose } if step.tag.is_multiple_of(2) => {
                self.other_epoch(*by, whose).await
            }
            Op::Connect { .. } => self.connect(step).await,
            Op::Listen { session } => self.listen(*session).await,
            Op::Ack { session, much } => self.ack(*session, *much).await,
            Op::SayIn { session, said } => {
                let names = &self.http.names;
                let said: Vec<_> = said.iter().map(|said| receipt(said, names, made)).collect();
                self.say_in(*session, json!(said)).await
            }
            Op::Disconnect { session } => {
                self.followers.remove(session);
                Answer::not_done()
            }
            op => {
                if let Some((by, name, body)) = self.command(step, made) {
                    return self.do_command(step, by, name, body).await;
                }
                let answer = self.http.call(step, made).await;
                if ends_something(op) {
                    self.settle(false).await;
                }
                answer
            }
        }
    }

    async fn lose_request(&mut self, step: &Step, made: &Made) {
        match self.command(step, made) {
            None => self.http.lose_request(step, made).await,
            Some((by, name, body)) => {
                if let Ok(line) = self.fresh(by).await {
                    line.cut(name, &body, false).await;
                }
            }
        }
    }

    async fn cut(&mut self, step: &Step, made: &Made) {
        match self.command(step, made) {
            None => self.http.cut(step, made).await,
            Some((by, name, body)) => {
                if let Ok(line) = self.fresh(by).await {
                    line.cut(name, &body, true).await;
                }
            }
        }
    }
}

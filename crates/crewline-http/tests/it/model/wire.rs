//! Calls of the model as requests of HTTP, and what goes wrong with them on the way.

use std::net::SocketAddr;

use crewline_testkit::model::{
    Answer, By, Kinds, Made, Names, Op, PASSWORD, Place, Step, To, ToGroup, device_id, receipt,
    secret_of,
};
use hyper::Method;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::call::{Call, Reply};

/// A request.
#[derive(Clone)]
pub(crate) struct Wire {
    method: Method,
    path: String,
    secret: Option<String>,
    key: Option<String>,
    stream: bool,
    body: Option<Value>,
}

/// The secret of a credential.
pub(crate) fn secret(names: &Names, by: By) -> String {
    match by {
        By::Token(token) => secret_of(token),
        By::Session(tag) => names
            .secrets
            .get(&tag)
            .cloned()
            .unwrap_or_else(|| "none".to_owned()),
        By::Nobody => "nobody's".to_owned(),
    }
}

pub(crate) fn encoded(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

/// Query parameters that say which kinds are asked for.
pub(crate) fn types(kinds: Kinds) -> String {
    let list = kinds.list().unwrap_or_default();
    let names: Vec<&str> = list.iter().map(|kind| kind.as_str()).collect();
    if names.is_empty() {
        String::new()
    } else {
        format!("&types={}", names.join(","))
    }
}

/// Behind an event; at the start where there is none yet, wherever the log begins.
pub(crate) fn behind(after: u64) -> String {
    match after {
        0 => String::new(),
        after => format!("&after={after}"),
    }
}

/// The query parameter that says where reading begins.
pub(crate) fn place(place: Place, acked: impl Fn(u32) -> u64) -> String {
    match place {
        // Who begins at the end, or behind what is shown, has asked where that is.
        Place::Start | Place::End | Place::AsOf => String::new(),
        Place::After(seq) => format!("&after={seq}"),
        Place::Cursor(name) => format!("&cursor={name}"),
        Place::AckedBy(tag) => format!("&after={}", acked(tag)),
    }
}

impl Wire {
    pub(crate) fn new(method: Method, path: impl Into<String>, secret: String) -> Self {
        Self {
            method,
            path: path.into(),
            secret: Some(secret),
            key: None,
            stream: false,
            body: None,
        }
    }

    pub(crate) fn json(mut self, body: Value) -> Self {
        self.body = Some(body);
        self
    }

    /// Asks for a stream of events.
    pub(crate) fn stream(mut self) -> Self {
        self.stream = true;
        self
    }

    pub(crate) fn call(&self, address: SocketAddr) -> Call {
        let mut call = Call::new(address, self.method.clone(), &self.path);
        if let Some(secret) = &self.secret {
            call = call.token(secret);
        }
        if let Some(key) = &self.key {
            call = call.header("idempotency-key", key);
        }
        if self.stream {
            call = call.header("accept", "text/event-stream");
        }
        match &self.body {
            Some(body) => call.json(body),
            None => call,
        }
    }

    /// The bytes of the request.
    fn bytes(&self, address: SocketAddr) -> Vec<u8> {
        let head = |name: &str, value: Option<String>| {
            value.map_or(String::new(), |value| format!("{name}: {value}\r\n"))
        };
        let body = self.body.as_ref().map(Value::to_string).unwrap_or_default();
        let text = [
            format!(
                "{} {} HTTP/1.1\r\nhost: {address}\r\n",
                self.method, self.path
            ),
            head(
                "authorization",
                self.secret
                    .as_ref()
                    .map(|secret| format!("Bearer {secret}")),
            ),
            head("idempotency-key", self.key.clone()),
            head("content-length", Some(body.len().to_string())),
            "\r\n".to_owned(),
            body,
        ]
        .concat();
        text.into_bytes()
    }

    /// Loses the request on its way, after more or less of it.
    pub(crate) async fn lose(&self, address: SocketAddr, which: u32) {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let bytes = self.bytes(address);
        let sent = match which % 4 {
            0 => 0,
            1 => bytes.len() / 3,
            2 => bytes.len() / 2,
            _ => bytes.len() - 1,
        };
        stream.write_all(&bytes[..sent]).await.unwrap();
        gone(stream).await;
    }

    /// With an idempotency key.
    pub(crate) fn key(mut self, key: String) -> Self {
        self.key = Some(key);
        self
    }

    /// Sends the request whole, and breaks the connection at once: the server may have begun, or be done, or neither.
    pub(crate) async fn cut(&self, address: SocketAddr) {
        // A server that has gone meanwhile cuts it as well.
        let Ok(mut stream) = TcpStream::connect(address).await else {
            return;
        };
        if stream.write_all(&self.bytes(address)).await.is_ok() {
            gone(stream).await;
        }
    }
}

/// Says nothing more, and waits until the server has let go of the connection: what it had begun is done or dropped, and
/// nothing of it comes later than what the client does next.
pub(crate) async fn gone(mut stream: TcpStream) {
    let _ = stream.shutdown().await;
    let mut rest = Vec::new();
    let read = stream.read_to_end(&mut rest);
    let _ = tokio::time::timeout(crate::rig::PATIENCE, read)
        .await
        .expect("the server lets go");
}

/// A body without the fields that are `null`: the contract takes those as left out, but a `null` teaches less.
fn without_nulls(mut body: Value) -> Value {
    if let Value::Object(fields) = &mut body {
        fields.retain(|_, value| !value.is_null());
    }
    body
}

/// The body of a send.
pub(crate) fn send_body(op: &Op) -> Value {
    let Op::Send {
        from,
        name,
        to,
        groups,
        text,
        priority,
        ..
    } = op
    else {
        unreachable!("called for sends")
    };
    let payload =
        |text: Option<&str>| text.map(|text| crewline_api::Payload::from(text).to_base64());
    let to: Vec<Value> = to
        .iter()
        .map(|To { id, delivered, read }| {
            without_nulls(json!({"toUserId": id, "onDeliveredPayload": payload(*delivered), "onReadPayload": payload(*read)}))
        })
        .collect();
    let mut body = json!({"fromExtUserId": from, "fromExtUserName": name, "message": text, "priority": priority});
    // Left out is as good as empty, but for who is to be named by one of both.
    if groups.is_empty() || !to.is_empty() {
        body["toUsers"] = json!(to);
    }
    if !groups.is_empty() {
        let groups = groups.iter().map(|to| {
            let mut group = group_body(to);
            group["onDeliveredPayload"] = json!(payload(to.delivered));
            group["onReadPayload"] = json!(payload(to.read));
            without_nulls(group)
        });
        body["toGroups"] = groups.collect();
    }
    body
}

/// A group among those who are named.
fn group_body(to: &ToGroup) -> Value {
    json!({"groupId": to.id, "onDutyOnly": to.on_duty_only})
}

/// The body of a reply.
pub(crate) fn reply_body(op: &Op, names: &Names, made: &Made) -> Value {
    let Op::Reply {
        text,
        priority,
        reply_to,
        read_up_to,
        ..
    } = op
    else {
        unreachable!("called for replies")
    };
    let id = |tag: Option<u32>| tag.map(|tag| names.message(made, tag).to_string());
    without_nulls(
        json!({"message": text, "priority": priority, "replyTo": id(*reply_to), "readUpTo": id(*read_up_to)}),
    )
}

/// The body of a chat.
pub(crate) fn chat_body(from: Option<&str>, to: &[&str], groups: &[ToGroup]) -> Value {
    let mut body = without_nulls(json!({"fromExtUserId": from, "toUserIds": to}));
    if !groups.is_empty() {
        body["toGroups"] = groups.iter().map(group_body).collect();
    }
    body
}

/// The query parameter that names with whose eyes is looked.
fn named(separator: char, whose: Option<&str>) -> String {
    let whose = whose.map(|whose| format!("{separator}participant={}", encoded(whose)));
    whose.unwrap_or_default()
}

/// The path of one who watches.
fn watcher(whose: &str, user: &str) -> String {
    let (whose, user) = (encoded(whose), encoded(user));
    format!("/api/v1/participants/{whose}/watchers/{user}")
}

/// The path of a group.
fn a_group(group: &str) -> String {
    format!("/api/v1/groups/{}", encoded(group))
}

/// The request of a step; of lists, that of the first page. `None` where the step is no single call.
pub(crate) fn request(step: &Step, names: &Names, made: &Made) -> Option<Wire> {
    let wire = |method, path: String, by: By| Wire::new(method, path, secret(names, by));
    let get = |path: String, by: By| wire(Method::GET, path, by);
    let log = |whose: &str| format!("/api/v1/participants/{}", encoded(whose));
    Some(match &step.op {
        Op::Send { by, key, .. } => {
            let mut wire = wire(Method::POST, "/api/v1/messages".to_owned(), *by);
            wire.key = key.map(str::to_owned);
            wire.json(send_body(&step.op))
        }
        Op::Reply { by, chat, key, .. } => {
            let path = format!("/api/v1/chats/{}/messages", names.chat(made, *chat));
            let mut wire = wire(Method::POST, path, *by);
            wire.key = key.map(str::to_owned);
            wire.json(reply_body(&step.op, names, made))
        }
        Op::CreateChat {
            by,
            from,
            to,
            groups,
        } => wire(Method::POST, "/api/v1/chats".to_owned(), *by).json(chat_body(*from, to, groups)),
        Op::PutGroup { by, group, users } => wire(Method::PUT, a_group(group), *by)
            .json(json!({"name": format!("Group {group}"), "userIds": users})),
        Op::RemoveGroup { by, group } => wire(Method::DELETE, a_group(group), *by),
        Op::Groups { by, limit } => get(format!("/api/v1/groups?limit={limit}"), *by),
        Op::Duty { by, user, on_duty } => {
            let own = names.user_of(*by) == Some(*user) && step.tag.is_multiple_of(2);
            let user = if own { "me" } else { user };
            let path = format!("/api/v1/people/{}/duty", encoded(user));
            wire(Method::PUT, path, *by).json(json!({"onDuty": on_duty}))
        }
        Op::Receipts {
            by,
            participant,
            said,
        } => {
            let said: Vec<_> = said.iter().map(|said| receipt(said, names, made)).collect();
            wire(Method::POST, "/api/v1/receipts".to_owned(), *by).json(without_nulls(
                json!({"participant": participant, "receipts": said}),
            ))
        }
        Op::Remind { by, message, until } => {
            let message = names.message(made, *message);
            let path = format!("/api/v1/messages/{message}/reminders");
            wire(Method::POST, path, *by).json(without_nulls(json!({"until": until})))
        }
        Op::PutCursor {
            by,
            whose,
            name,
            seq,
            kinds,
            rewind,
        } => wire(Method::PUT, format!("{}/cursors/{name}", log(whose)), *by).json(without_nulls(
            json!({"seq": seq, "types": kinds.list(), "rewind": rewind}),
        )),
        Op::GetCursor { by, whose, name } => get(format!("{}/cursors/{name}", log(whose)), *by),
        Op::ReadEvents {
            by,
            whose,
            place: from,
            kinds,
            limit,
        } => {
            let query = format!("limit={limit}{}{}", place(*from, |_| 0), types(*kinds));
            get(format!("{}/events?{query}", log(whose)), *by)
        }
        Op::ReadOtherEpoch { by, whose } => {
            let epoch = encoded(&names.other_epoch());
            get(format!("{}/events?epoch={epoch}", log(whose)), *by)
        }
        Op::GetMessage { by, message, whose } => {
            let query = named('?', *whose);
            let message = names.message(made, *message);
            get(format!("/api/v1/messages/{message}{query}"), *by)
        }
        Op::History {
            by,
            chat,
            whose,
            limit,
        } => {
            let (chat, query) = (names.chat(made, *chat), named('&', *whose));
            get(
                format!("/api/v1/chats/{chat}/messages?limit={limit}{query}"),
                *by,
            )
        }
        Op::Watch { by, user, whose } => wire(Method::PUT, watcher(whose, user), *by),
        Op::Unwatch { by, user, whose } => wire(Method::DELETE, watcher(whose, user), *by),
        Op::Watchers { by, whose } => get(format!("{}/watchers", log(whose)), *by),
        Op::Chats { by, limit } => get(format!("/api/v1/me/chats?limit={limit}"), *by),
        Op::People { by, q, limit } => get(
            format!("/api/v1/people?limit={limit}&q={}", encoded(q)),
            *by,
        ),
        Op::Me { by } => get("/api/v1/me".to_owned(), *by),
        Op::SignOut { by, everywhere } => {
            // Left out, it is this session alone.
            let query = ["", "?everywhere=true"][usize::from(*everywhere)];
            wire(Method::DELETE, format!("/api/v1/session{query}"), *by)
        }
        Op::SignIn {
            user,
            right,
            device,
        } => {
            let password = if *right { PASSWORD } else { "a wrong one" };
            let body =
                json!({"userId": user, "password": password, "deviceId": device.map(device_id)});
            Wire {
                secret: None,
                ..wire(Method::POST, "/api/v1/session".to_owned(), By::Nobody)
            }
            .json(without_nulls(body))
        }
        _ => return None,
    })
}

/// By which parameter the next page of a list is asked for.
pub(crate) fn next_page(op: &Op) -> Option<&'static str> {
    match op {
        Op::History { .. } | Op::Chats { .. } => Some("before"),
        Op::People { .. } | Op::Groups { .. } => Some("after"),
        _ => None,
    }
}

impl Wire {
    /// The same for another page.
    pub(crate) fn page(&self, parameter: &str, next: &str) -> Self {
        Self {
            path: format!("{}&{parameter}={}", self.path, encoded(next)),
            ..self.clone()
        }
    }
}

/// What was answered, where it was a refusal.
pub(crate) fn refusal(reply: &Reply) -> Option<Answer> {
    if reply.status < 300 {
        return None;
    }
    let problem = reply.value();
    let errors = serde_json::from_value::<Vec<crewline_api::FieldError>>(problem["errors"].clone());
    let code = problem["code"].as_str().unwrap_or_default();
    Some(Answer::refused(
        reply.status,
        code,
        &errors.unwrap_or_default(),
    ))
}

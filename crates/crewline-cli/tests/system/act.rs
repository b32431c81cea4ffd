//! Acts of clients, over HTTP.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};

pub(crate) const USERS: [&str; 6] = ["alice", "bob", "carol", "dave", "Ülrich 🚑", "a,b"];
pub(crate) const EXTERNALS: [&str; 3] = ["scada:1", "scada:2", "scada:3"];

/// Everyone who has a log.
pub(crate) fn everyone() -> Vec<String> {
    USERS
        .iter()
        .chain(&EXTERNALS)
        .map(|who| (*who).to_owned())
        .collect()
}

/// What a client asks for. Said again, it is the same.
#[derive(Debug, Clone)]
pub(crate) enum Act {
    /// An external sends, with payloads made of the key.
    Send {
        from: &'static str,
        to: Vec<&'static str>,
        key: String,
    },
    /// A user replies.
    Reply {
        from: &'static str,
        chat: String,
        key: String,
    },
    /// A user says receipts of messages.
    Receipts {
        from: &'static str,
        receipts: Vec<(String, &'static str)>,
    },
}

/// The payload for a recipient.
pub(crate) fn payload(state: &str, key: &str, to: &str) -> Vec<u8> {
    let mut bytes = format!("{state} of {key} for {to} ").into_bytes();
    bytes.extend([0, 1, 254, 255]);
    bytes
}

pub(crate) fn base64(bytes: &[u8]) -> String {
    crewline_api::Payload::from(bytes).to_base64()
}

/// An answer with a status of 200 or 201.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Value,
}

impl Answer {
    pub(crate) fn message_id(&self) -> Option<String> {
        self.body["messageId"].as_str().map(str::to_owned)
    }

    /// Whether what was said again had been stored the first time.
    pub(crate) fn was_stored_before(&self) -> bool {
        match self.body["results"].as_array() {
            Some(results) => results.iter().all(|result| result["outcome"] == "known"),
            None => self.status == 200,
        }
    }
}

pub(crate) struct Client {
    http: reqwest::Client,
    address: String,
    tokens: Arc<BTreeMap<String, String>>,
}

impl Client {
    pub(crate) fn new(
        http: reqwest::Client,
        address: String,
        tokens: Arc<BTreeMap<String, String>>,
    ) -> Self {
        Self {
            http,
            address,
            tokens,
        }
    }

    fn token(&self, who: &str) -> &str {
        self.tokens
            .get(who)
            .unwrap_or_else(|| &self.tokens["scada"])
    }

    /// Performs an act. `None` where no whole answer came: nobody knows what became of it.
    pub(crate) async fn perform(&self, act: &Act) -> Option<Answer> {
        let (who, path, key, body) = match act {
            Act::Send { from, to, key } => {
                let users: Vec<Value> = to
                    .iter()
                    .map(|to| {
                        json!({
                            "toUserId": to,
                            "onDeliveredPayload": base64(&payload("delivered", key, to)),
                            "onReadPayload": base64(&payload("read", key, to)),
                        })
                    })
                    .collect();
                let body = json!({"fromExtUserId": from, "fromExtUserName": "SCADA", "toUsers": users, "message": key, "priority": 3});
                (*from, "/api/v1/messages".to_owned(), Some(key), body)
            }
            Act::Reply { from, chat, key } => (
                *from,
                format!("/api/v1/chats/{chat}/messages"),
                Some(key),
                json!({"message": key}),
            ),
            Act::Receipts { from, receipts } => {
                let receipts: Vec<Value> = receipts
                    .iter()
                    .map(|(message, state)| json!({"messageId": message, "state": state}))
                    .collect();
                (
                    *from,
                    "/api/v1/receipts".to_owned(),
                    None,
                    json!({"receipts": receipts}),
                )
            }
        };
        let mut request = self
            .http
            .post(format!("{}{path}", self.address))
            .bearer_auth(self.token(who))
            .json(&body);
        if let Some(key) = key {
            request = request.header("Idempotency-Key", key.replace(|c: char| !c.is_ascii(), "_"));
        }
        let response = request.send().await.ok()?;
        let status = response.status().as_u16();
        let body: Value = serde_json::from_slice(&response.bytes().await.ok()?).ok()?;
        // A server that was killed does not refuse; a refusal here is a fault of the test or of the server.
        assert!(
            matches!(status, 200 | 201),
            "{act:?} was answered {status}: {body}"
        );
        Some(Answer { status, body })
    }

    /// Gets something as somebody; returns the status and the body.
    pub(crate) async fn get(&self, who: &str, path: &str) -> (u16, Value) {
        let response = self
            .http
            .get(format!("{}{path}", self.address))
            .bearer_auth(self.token(who))
            .send()
            .await
            .unwrap();
        (
            response.status().as_u16(),
            serde_json::from_slice(&response.bytes().await.unwrap()).unwrap(),
        )
    }

    /// Gets something that needs no credentials, as text.
    pub(crate) async fn text(&self, path: &str) -> String {
        let response = self
            .http
            .get(format!("{}{path}", self.address))
            .send()
            .await;
        response.unwrap().text().await.unwrap()
    }

    /// Where a participant's log ends.
    pub(crate) async fn head(&self, who: &str, participant: &str) -> u64 {
        let path = format!("/api/v1/participants/{participant}/events?limit=1");
        let (status, page) = self.get(who, &path).await;
        assert_eq!(status, 200, "{page}");
        page["head"].as_u64().unwrap()
    }

    /// Posts something as somebody; returns the status and the body.
    pub(crate) async fn post(&self, who: &str, path: &str, body: &Value) -> (u16, Value) {
        let request = self
            .http
            .post(format!("{}{path}", self.address))
            .bearer_auth(self.token(who))
            .json(body);
        let response = request.send().await.unwrap();
        (
            response.status().as_u16(),
            serde_json::from_slice(&response.bytes().await.unwrap()).unwrap(),
        )
    }

    /// Posts something with an idempotency key; returns the status and the body.
    pub(crate) async fn post_with_key(
        &self,
        who: &str,
        path: &str,
        key: &str,
        body: &Value,
    ) -> (u16, Value) {
        let request = self
            .http
            .post(format!("{}{path}", self.address))
            .bearer_auth(self.token(who))
            .json(body);
        let response = request.header("Idempotency-Key", key).send().await.unwrap();
        (
            response.status().as_u16(),
            serde_json::from_slice(&response.bytes().await.unwrap()).unwrap(),
        )
    }

    /// Opens a stream of events as somebody.
    pub(crate) async fn stream(&self, who: &str, path: &str) -> reqwest::Response {
        let request = self
            .http
            .get(format!("{}{path}", self.address))
            .bearer_auth(self.token(who));
        let response = request
            .header("Accept", "text/event-stream")
            .send()
            .await
            .unwrap();
        assert_eq!(response.status(), 200);
        response
    }

    /// The whole log of a participant.
    pub(crate) async fn log(&self, who: &str) -> Vec<Value> {
        let id = percent_encoding::utf8_percent_encode(who, percent_encoding::NON_ALPHANUMERIC)
            .to_string();
        let (mut events, mut after) = (Vec::new(), 0);
        loop {
            let url = format!(
                "{}/api/v1/participants/{id}/events?after={after}&limit=1000",
                self.address
            );
            let response = self
                .http
                .get(url)
                .bearer_auth(self.token(who))
                .send()
                .await
                .unwrap();
            assert_eq!(response.status(), 200);
            let mut page: Value = serde_json::from_slice(&response.bytes().await.unwrap()).unwrap();
            events.append(page["events"].as_array_mut().unwrap());
            after = page["next"].as_u64().unwrap();
            if after == page["head"].as_u64().unwrap() {
                return events;
            }
        }
    }
}

//! A client of one server, with one token: the calls over HTTP.

use std::sync::Arc;
use std::time::Duration;

use crewline_api::{
    Chat, ChatId, Cursor, CursorName, EventKind, IdempotencyKey, MessageId, MessageView, NewChat,
    NewCursor, NewMessage, NewReceipts, NewReminder, NewReply, ParticipantId, ReceiptsDone,
    Reminded, SentMessage, Seq,
};
use percent_encoding::percent_decode_str;
use reqwest::header::HeaderMap;
use reqwest::{Method, StatusCode};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::http::{Http, query_value, segment};
use crate::key::random_key;
use crate::retry::keep_trying;
use crate::{ClientBuilder, Error, SessionBuilder};

/// Names the participant that `me` stood for.
const PARTICIPANT: &str = "crewline-participant";
const KEY: &str = "Idempotency-Key";

/// A client of one server, with one token. Clones are handles on the same one.
///
/// Every call is tried again while it may succeed later and the patience lasts ([`ClientBuilder::patience`]), and all
/// tries mean the same: a message without an idempotency key gets one by chance before the first. So a message is sent
/// once, however often its answer was lost.
///
/// # Cancellation
/// A call whose future is dropped may have been carried out or not. Receipts and chats may be said again at will; a
/// message too, if it has a key of its own.
#[derive(Debug, Clone)]
pub struct Client {
    http: Arc<Http>,
    patience: Duration,
}

/// Where a participant's log stands.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Head {
    /// The last seq of the log.
    pub head: Seq,
    /// Names the log; it changes when the store was restored from a backup.
    pub epoch: String,
    /// Whose log it is, where the server says so.
    pub participant: Option<ParticipantId>,
}

/// A message that was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Sent {
    /// What the server answered.
    pub message: SentMessage,
    /// Whether the server knew the message by its key: this or an earlier call has sent it before.
    pub again: bool,
}

impl Client {
    /// Starts a client of the server at `url`, such as `https://crewline.example`.
    pub fn builder(url: &str, token: &str) -> ClientBuilder {
        ClientBuilder::new(url, token)
    }

    pub(crate) fn new(http: Arc<Http>, patience: Duration) -> Self {
        Self { http, patience }
    }

    /// The same client with another patience. Connections are shared.
    pub fn with_patience(&self, patience: Duration) -> Self {
        Self {
            http: Arc::clone(&self.http),
            patience,
        }
    }

    /// Where the server is.
    pub fn url(&self) -> &str {
        self.http.base()
    }

    /// How long calls keep trying.
    pub fn patience(&self) -> Duration {
        self.patience
    }

    pub(crate) fn http(&self) -> &Arc<Http> {
        &self.http
    }

    /// Starts a session: one connection for events and commands, made again when it is lost.
    pub fn session(&self) -> SessionBuilder {
        SessionBuilder::new(self)
    }

    /// Sends a message of an external.
    ///
    /// # Errors
    /// What the server has against it; or that it could not be reached.
    pub async fn send(&self, message: NewMessage) -> Result<Sent, Error> {
        message.check()?;
        let key = match &message.idempotency_key {
            Some(key) => key.clone(),
            None => random_key()?,
        };
        self.post_message("/api/v1/messages", &message, &key).await
    }

    /// Sends a message of a user into a chat. Without a key, it gets one by chance.
    ///
    /// # Errors
    /// As [`Client::send`].
    pub async fn reply(
        &self,
        chat: ChatId,
        reply: impl Into<NewReply>,
        key: Option<IdempotencyKey>,
    ) -> Result<Sent, Error> {
        let reply = reply.into();
        reply.check()?;
        let key = match key {
            Some(key) => key,
            None => random_key()?,
        };
        let path = format!("/api/v1/chats/{}/messages", segment(&chat.to_string()));
        self.post_message(&path, &reply, &key).await
    }

    async fn post_message<T: Serialize>(
        &self,
        path: &str,
        body: &T,
        key: &IdempotencyKey,
    ) -> Result<Sent, Error> {
        keep_trying(self.patience, || async {
            let request = self.http.request(Method::POST, path);
            let request = request.header(KEY, key.as_str()).json(body);
            let response = self.http.call(request).await?;
            let again = response.status() == StatusCode::OK;
            let message = self.http.read(response).await?;
            Ok(Sent { message, again })
        })
        .await
    }

    /// Makes the chat of a set of people, or finds it.
    ///
    /// # Errors
    /// As [`Client::send`].
    pub async fn create_chat(&self, chat: NewChat) -> Result<Chat, Error> {
        self.post("/api/v1/chats", &chat).await
    }

    /// Reminds those who have not come far enough with a message. A retry is the same reminder.
    ///
    /// # Errors
    /// As [`Client::send`]; [`crewline_api::ErrorCode::RemindedJustNow`] where another one was given a moment ago, and the
    /// patience of this client does not last as long.
    pub async fn remind(
        &self,
        message: MessageId,
        reminder: NewReminder,
    ) -> Result<Reminded, Error> {
        reminder.check()?;
        let path = format!(
            "/api/v1/messages/{}/reminders",
            segment(&message.to_string())
        );
        self.post(&path, &reminder).await
    }

    /// Says receipts.
    ///
    /// # Errors
    /// As [`Client::send`].
    pub async fn receipts(&self, receipts: NewReceipts) -> Result<ReceiptsDone, Error> {
        self.post("/api/v1/receipts", &receipts).await
    }

    pub(crate) async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
    ) -> Result<T, Error> {
        self.say(Method::POST, path, body).await
    }

    pub(crate) async fn put<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
    ) -> Result<T, Error> {
        self.say(Method::PUT, path, body).await
    }

    async fn say<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: &impl Serialize,
    ) -> Result<T, Error> {
        keep_trying(self.patience, || async {
            let request = self.http.request(method.clone(), path).json(body);
            self.http.fetch(request).await
        })
        .await
    }

    pub(crate) async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Error> {
        keep_trying(self.patience, || async {
            self.http.fetch(self.http.request(Method::GET, path)).await
        })
        .await
    }

    /// What became of a message, as a participant of the token may see it; `None` where the token names one.
    ///
    /// # Errors
    /// [`crewline_api::ErrorCode::NotFound`] where there is none, or it may not be seen.
    pub async fn message(
        &self,
        id: MessageId,
        participant: Option<&ParticipantId>,
    ) -> Result<MessageView, Error> {
        let mut path = format!("/api/v1/messages/{}", segment(&id.to_string()));
        if let Some(participant) = participant {
            path.push_str("?participant=");
            path.push_str(&query_value(participant.as_str()));
        }
        self.get(&path).await
    }

    /// Moves a named cursor forward, and says where it stands: everything up to `seq` is confirmed when this returns.
    ///
    /// # Errors
    /// [`crewline_api::ErrorCode::AheadOfLog`] beyond the log; and as [`Client::send`].
    pub async fn confirm(
        &self,
        participant: &ParticipantId,
        cursor: &CursorName,
        seq: Seq,
        kinds: Option<&[EventKind]>,
    ) -> Result<Cursor, Error> {
        let path = format!(
            "/api/v1/participants/{}/cursors/{}",
            segment(participant.as_str()),
            segment(cursor.as_str())
        );
        let body = NewCursor {
            seq,
            types: kinds.map(<[EventKind]>::to_vec),
            rewind: false,
        };
        self.put(&path, &body).await
    }

    /// Where a participant's log stands now; `None` where the token names one.
    ///
    /// # Errors
    /// [`crewline_api::ErrorCode::NotFound`] where it may not be read, or the token does not name exactly one.
    pub async fn head(&self, participant: Option<&ParticipantId>) -> Result<Head, Error> {
        #[derive(Deserialize)]
        struct Page {
            head: Seq,
            epoch: String,
        }
        let whose = participant.map_or("me", ParticipantId::as_str);
        let path = format!("/api/v1/participants/{}/events?limit=1", segment(whose));
        keep_trying(self.patience, || async {
            let response = self
                .http
                .call(self.http.request(Method::GET, &path))
                .await?;
            let named = named(response.headers());
            let page: Page = self.http.read(response).await?;
            Ok(Head {
                head: page.head,
                epoch: page.epoch,
                participant: named,
            })
        })
        .await
    }

    /// Behind what the oldest event comes that a participant's log still holds: where one begins who was told
    /// [`LogTruncated`](crewline_api::ErrorCode::LogTruncated) and wants all that is left.
    ///
    /// # Errors
    /// As [`Client::head`].
    pub async fn before_oldest(&self, participant: &ParticipantId) -> Result<Seq, Error> {
        #[derive(Deserialize)]
        struct Page {
            events: Vec<Numbered>,
            head: Seq,
        }
        #[derive(Deserialize)]
        struct Numbered {
            seq: Seq,
        }
        let whose = segment(participant.as_str());
        let path = format!("/api/v1/participants/{whose}/events?limit=1");
        let page: Page = self.get(&path).await?;
        let oldest = page.events.first().map(|event| event.seq);
        Ok(oldest.map_or(page.head, |seq| seq.saturating_sub(1)))
    }
}

/// Whom the server names as the participant of the call.
fn named(headers: &HeaderMap) -> Option<ParticipantId> {
    let text = headers.get(PARTICIPANT)?.to_str().ok()?;
    let text = percent_decode_str(text).decode_utf8().ok()?;
    ParticipantId::new(text).ok()
}

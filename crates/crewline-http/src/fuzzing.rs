//! What reads the words of strangers, as pure functions: for the fuzzing in `fuzz/`, and for the tests that replay what it
//! found. No part of what this crate offers.
//!
//! Each gives what was understood, written again in the form in which it came: read once more it must mean the same.

pub mod administration;
pub mod head;

use std::net::{IpAddr, SocketAddr};

use axum::extract::ConnectInfo;
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, Request};
use bytes::Bytes;
use crewline_api::{
    ApiError, ChatId, ClientFrame, Do, EventKind, EventKinds, Hello, NewChat, NewCursor,
    ParticipantId, ReceiptSaid, SocketRemind, SocketReply, SocketSend, What as Wish,
};
use crewline_core::{
    Actor, ChatCommand, Credential, CredentialSource, DeviceNo, ExternalPattern, ReceiptsCommand,
    ReplyCommand, Scope, SecretHash, SendCommand, TokenNo,
};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;

use crate::auth::{self, Caller};
use crate::body::JsonBody;
use crate::event::Asked;
use crate::json::Json;
use crate::message::{Key, KeyHeader, read_message, read_reply};
use crate::reminder::read_reminder;
use crate::socket::{Said, What, read_frame, read_hello};
use crate::{Settings, chat, cursor, problem, proxy, receipt, session};

/// The calls that have a body.
pub const CALLS: [&str; 7] = [
    "message", "reply", "chat", "receipts", "session", "cursor", "reminder",
];

const DEVICE: DeviceNo = DeviceNo(1);

/// A body, read as that of a call.
///
/// # Errors
/// What the call would be answered.
pub fn body(call: &str, bytes: &[u8]) -> Result<String, ApiError> {
    let body = JsonBody::from(Bytes::copy_from_slice(bytes));
    let (caller, actor) = (caller(), actor());
    match call {
        "message" => {
            let message = read_message(&caller, body.json()?, no_key())?;
            write(&SendCommand::new(message.clone(), DEVICE).map(|_| message)?)
        }
        "reply" => {
            let (_, reply, _) = read_reply(body.json()?, no_key())?;
            let command = ReplyCommand::new(actor, chat_id(), reply.clone(), None);
            write(&command.map(|_| reply)?)
        }
        "chat" => write(&read_chat(&caller, body.json()?)?),
        "receipts" => {
            let said = receipt::read_receipts(&caller, &body)?;
            let command = ReceiptsCommand::new(actor, said.receipts.clone());
            write(&command.map(|_| said)?)
        }
        "reminder" => write(&read_reminder(body.json()?, false)?.1),
        "session" => write(&session::read_session(&body)?),
        _ => {
            let put = cursor::read_put(&actor, "name", &body)?;
            write(&NewCursor {
                seq: put.seq,
                types: put.kinds.to_list(),
                rewind: put.rewind,
            })
        }
    }
}

/// What a frame of the socket was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Frame {
    /// None: the session ends, with this for a reason.
    Fault(&'static str),
    /// A hello or a command that is refused.
    Refused(ApiError),
    /// This was understood.
    Read(String),
}

/// A frame of the socket.
pub fn frame(text: &str) -> Frame {
    let read = match read_frame(text) {
        Err(reason) => return Frame::Fault(reason),
        Ok(Said::Ack(seq)) => Ok(ClientFrame::Ack(seq)),
        Ok(Said::Hello(hello)) => hello_again(hello).map(ClientFrame::Hello),
        Ok(Said::Do { id, what }) => wish(what).map(|what| ClientFrame::Do(Do { id, what })),
    };
    match read.and_then(|frame| write(&frame)) {
        Ok(text) => Frame::Read(text),
        Err(error) => Frame::Refused(error),
    }
}

fn hello_again(json: Json<'_>) -> Result<Hello, ApiError> {
    let read = read_hello(json)?;
    let named = read
        .participant
        .map(|id| ParticipantId::new(caller().named(&id)));
    Ok(Hello {
        after: read.after,
        epoch: read.epoch,
        cursor: read.cursor,
        participant: named.transpose().map_err(|_| problem::internal())?,
        types: read.kinds.and_then(EventKinds::to_list),
    })
}

fn wish(what: What<'_>) -> Result<Wish, ApiError> {
    match what {
        What::Unclear(error) => Err(error),
        What::Send(body) => {
            let message = read_message(&caller(), body, Key::Inside)?;
            SendCommand::new(message.clone(), DEVICE)?;
            Ok(Wish::Send(SocketSend::from(message)))
        }
        What::Reply(body) => {
            let (chat, reply, idempotency_key) = read_reply(body, Key::Inside)?;
            let chat_id = chat.parse().map_err(|_| ApiError::not_found())?;
            ReplyCommand::new(actor(), chat_id, reply.clone(), idempotency_key.clone())?;
            Ok(Wish::Reply(SocketReply {
                chat_id,
                reply,
                idempotency_key,
            }))
        }
        What::CreateChat(body) => Ok(Wish::CreateChat(read_chat(&caller(), body)?)),
        What::Remind(body) => {
            let (message, reminder) = read_reminder(body, true)?;
            let message_id = message.parse().map_err(|_| ApiError::not_found())?;
            Ok(Wish::Remind(SocketRemind {
                message_id,
                reminder,
            }))
        }
        What::Receipts(list) => {
            let said: Vec<ReceiptSaid> = receipt::read_bare(list)?;
            ReceiptsCommand::new(actor(), said.clone())?;
            Ok(Wish::Receipts(said))
        }
    }
}

fn read_chat(caller: &Caller, body: Json<'_>) -> Result<NewChat, ApiError> {
    let (from_ext_user_id, to_user_ids, to_groups) = chat::read_chat(caller, body, false)?;
    ChatCommand::new(actor(), to_user_ids.clone(), to_groups.clone())?;
    Ok(NewChat {
        from_ext_user_id,
        to_user_ids,
        to_groups,
    })
}

/// The query and the headers of a call for events. None: HTTP itself refuses them.
///
/// # Errors
/// What the call would be answered.
pub fn events_query(query: &str, headers: &[(&[u8], &[u8])]) -> Option<Result<String, ApiError>> {
    let asked = Asked::read(&parts(query, headers)?);
    Some(asked.map(|asked| {
        let mut said = vec![
            format!("limit={}", asked.limit),
            format!("wait={}", asked.wait.as_secs()),
        ];
        said.extend(asked.after.map(|seq| format!("after={seq}")));
        let encode = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
        said.extend(
            asked
                .cursor
                .map(|name| format!("cursor={}", encode(name.as_str()))),
        );
        said.extend(asked.epoch.map(|epoch| format!("epoch={}", encode(&epoch))));
        said.extend(asked.kinds.to_list().map(|kinds| {
            let kinds: Vec<_> = kinds.into_iter().map(EventKind::as_str).collect();
            format!("types={}", kinds.join(","))
        }));
        said.join("&")
    }))
}

/// Where a call for events says that it stands, by its header, and whether it wants a stream.
pub fn stream_headers(headers: &[(&[u8], &[u8])]) -> Option<Result<(bool, Option<u64>), ApiError>> {
    let asked = Asked::read(&parts("", headers)?);
    Some(asked.map(|asked| (asked.stream, asked.last_event_id)))
}

/// Whether the headers of a request carry a secret, and whether as a cookie; and the hash of it.
pub fn credentials(headers: &[(&[u8], &[u8])]) -> Option<Result<([u8; 32], bool), ApiError>> {
    let presented = auth::presented(&parts("", headers)?, &Settings::default());
    Some(presented.map(|(SecretHash(hash), by_cookie)| (hash, by_cookie)))
}

/// An idempotency key in a header, as the body of a reply that carries it.
pub fn key_header(headers: &[(&[u8], &[u8])]) -> Option<Result<Option<String>, ApiError>> {
    let key = Key::Header(KeyHeader::of(&parts("", headers)?.headers));
    let body = serde_json::from_str(r#"{"message": "Hello"}"#).ok()?;
    let read = read_reply(body, key);
    Some(read.map(|(_, _, key)| key.map(|key| key.as_str().to_owned())))
}

/// Who called and whether by https, for a connection from `peer`, where `trusted` is the setting.
pub fn proxied(
    peer: IpAddr,
    trusted: &str,
    headers: &[(&[u8], &[u8])],
) -> Option<(Option<IpAddr>, bool)> {
    let mut parts = parts("", headers)?;
    parts
        .extensions
        .insert(ConnectInfo(SocketAddr::new(peer, 1)));
    let trusted = trusted.split(',').filter_map(|text| text.parse().ok());
    let settings = Settings {
        trusted_proxies: trusted.collect(),
        ..Settings::default()
    };
    Some((
        proxy::client(&parts, &settings),
        proxy::is_https(&parts, &settings),
    ))
}

/// A request with these; none where HTTP itself refuses it.
fn parts(query: &str, headers: &[(&[u8], &[u8])]) -> Option<Parts> {
    let mut parts = Request::get(format!("/?{query}"))
        .body(())
        .ok()?
        .into_parts()
        .0;
    for (name, value) in headers {
        let name = HeaderName::from_bytes(name).ok()?;
        parts
            .headers
            .append(name, HeaderValue::from_bytes(value).ok()?);
    }
    Some(parts)
}

fn write(value: &impl Serialize) -> Result<String, ApiError> {
    serde_json::to_string(value).map_err(|_| problem::internal())
}

fn no_key() -> Key {
    Key::Header(KeyHeader::of(&axum::http::HeaderMap::new()))
}

fn actor() -> Actor {
    Actor {
        id: external(),
        external: true,
        device: DEVICE,
    }
}

/// One who may act as the external that is called `scada`.
fn caller() -> Caller {
    let credential = Credential {
        source: CredentialSource::Token(TokenNo(1)),
        scope: Scope::Externals(vec![ExternalPattern::Exact(external())]),
        device: DEVICE,
        expires_at: None,
    };
    Caller::of(credential, SecretHash([0; 32]))
}

#[expect(clippy::expect_used, reason = "it is a constant")]
fn external() -> ParticipantId {
    ParticipantId::new("scada").expect("this is an id")
}

fn chat_id() -> ChatId {
    ChatId::from_parts(1, 1)
}

//! Frames of the socket: commands and events in one connection. Each is one JSON text frame of a WebSocket.
//!
//! A client writes [`ClientFrame`]s and reads [`ServerFrame`]s. The server reads field by field, so that it can name
//! every fault; these types are what it accepts and what it says.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::{
    ChatId, CursorName, EventKind, IdempotencyKey, MessageId, NewChat, NewMessage, NewReminder,
    NewReply, ParticipantId, Problem, ReceiptSaid, Seq,
};

/// What a client says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum ClientFrame {
    /// The first frame: whose log, and from where.
    Hello(Hello),
    /// Everything up to this event is stored on this device. There is no answer.
    #[cfg_attr(feature = "openapi", schema(value_type = u64))]
    Ack(Seq),
    /// A command. It is answered by a `done` with the same id.
    Do(Do),
}

/// Where a session begins.
///
/// `after` says where to begin, `cursor` what acks move. Without `after` it begins behind the cursor, without both at
/// the start.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Hello {
    /// Begin behind this event.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<u64>))]
    pub after: Option<Seq>,
    /// The epoch of the log as the client knows it: another one is refused.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub epoch: Option<String>,
    /// A cursor that acks move.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub cursor: Option<CursorName>,
    /// Whose log, where a token names several, or where a user watches another participant.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub participant: Option<ParticipantId>,
    /// Kinds of events; all, if left out.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub types: Option<Vec<EventKind>>,
}

/// A command with the id by which its answer is told apart. Many may be under way; ids are the client's own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Do {
    /// The client's number for it.
    pub id: u64,
    /// What is to be done.
    #[serde(flatten)]
    pub what: What,
}

/// A command of the socket: the body of a call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum What {
    /// As `POST /api/v1/messages`.
    Send(SocketSend),
    /// As `POST /api/v1/chats/{chatId}/messages`.
    Reply(SocketReply),
    /// As `POST /api/v1/receipts`, for the participant of the hello.
    Receipts(Vec<ReceiptSaid>),
    /// As `POST /api/v1/chats`.
    CreateChat(NewChat),
    /// As `POST /api/v1/messages/{messageId}/reminders`.
    Remind(SocketRemind),
}

/// A message, with the idempotency key inside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SocketSend {
    /// The message.
    #[serde(flatten)]
    pub message: NewMessage,
    /// Makes a retry the same message.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>, max_length = 255))]
    pub idempotency_key: Option<IdempotencyKey>,
}

impl From<NewMessage> for SocketSend {
    fn from(message: NewMessage) -> Self {
        let idempotency_key = message.idempotency_key.clone();
        Self {
            message,
            idempotency_key,
        }
    }
}

/// A reply, with the chat and the idempotency key inside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SocketReply {
    /// The chat.
    pub chat_id: ChatId,
    /// The reply.
    #[serde(flatten)]
    pub reply: NewReply,
    /// Makes a retry the same message.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>, max_length = 255))]
    pub idempotency_key: Option<IdempotencyKey>,
}

/// A reminder, with the message inside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SocketRemind {
    /// The message.
    pub message_id: MessageId,
    /// The reminder.
    #[serde(flatten)]
    pub reminder: NewReminder,
}

/// What the server says.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum ServerFrame {
    /// The answer to a hello that was taken.
    Welcome(Welcome),
    /// Events, as many at once as there are. Each is an [`crate::Event`]; one of a kind that a client does not know is
    /// skipped, which is why they stand here as they were sent.
    #[cfg_attr(feature = "openapi", schema(value_type = Vec<crate::Event>))]
    Events(Vec<Box<RawValue>>),
    /// The answer to a command.
    Done(Done),
    /// The answer to a hello that was refused; the session is closed with [`close::HELLO_REFUSED`].
    Error(Problem),
}

/// The answer to a hello.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Welcome {
    /// Names the log; it changes when the store was restored from a backup.
    pub epoch: String,
    /// The last seq of the log.
    #[cfg_attr(feature = "openapi", schema(value_type = u64))]
    pub head: Seq,
    /// Seconds between two pings of the server. Who has heard nothing for three times as long has lost the connection.
    pub heartbeat_s: u64,
}

/// The answer to a command: `ok` with the answer of the call, or `error` with its problem document.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Done {
    /// The client's number for the command.
    pub id: u64,
    /// The answer: of `send` and `reply` a [`crate::SentMessage`], of `receipts` a [`crate::ReceiptsDone`], of
    /// `createChat` a [`crate::Chat`], of `remind` a [`crate::Reminded`].
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<Object>))]
    pub ok: Option<Box<RawValue>>,
    /// Why it was refused or failed.
    #[serde(default)]
    pub error: Option<Problem>,
}

/// Close codes. Up to 4099: come back, after the delay where the reason has one ([`close::delay_ms`]). From 4100 on:
/// do not.
pub mod close {
    /// The server stops.
    pub const STOPPING: u16 = 4000;
    /// The client does not read what it is sent.
    pub const TOO_SLOW: u16 = 4001;
    /// Nothing was heard from the client for three heartbeats.
    pub const SILENT: u16 = 4002;
    /// The server could not go on with this session: its store cannot be read now.
    pub const TROUBLE: u16 = 4003;
    /// Signed out, revoked or disabled.
    pub const REVOKED: u16 = 4100;
    /// The caller does not watch this participant any more. Its credentials are as good as before.
    pub const UNWATCHED: u16 = 4101;
    /// What the client said is no frame of this protocol: not JSON, binary, no hello, an ack of what was not sent.
    pub const PROTOCOL: u16 = 4110;
    /// The hello was refused; the frame `error` before it says why.
    pub const HELLO_REFUSED: u16 = 4120;
    /// A frame of more than 2 MiB (RFC 6455).
    pub const TOO_LARGE: u16 = 1009;

    /// Whether a client should come back after this code. Codes of other ranges (a proxy's, a lost connection) are
    /// no word of this server: come back.
    pub fn comes_back(code: u16) -> bool {
        !(4100..=4199).contains(&code) && code != TOO_LARGE
    }

    /// The reason of a close that asks to come back later: `comeBackMs=750; The server stops.`
    pub fn reason_with_delay(delay_ms: u64, text: &str) -> String {
        format!("comeBackMs={delay_ms}; {text}")
    }

    /// The delay in a reason, in milliseconds, where it has one.
    pub fn delay_ms(reason: &str) -> Option<u64> {
        let rest = reason.strip_prefix("comeBackMs=")?;
        let digits = rest.split(';').next()?;
        digits.parse().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_written_as_the_contract_says() {
        let json = |frame: &ClientFrame| serde_json::to_string(frame).unwrap();
        let hello = Hello {
            after: Some(7),
            types: Some(vec![EventKind::MessageRead]),
            ..Hello::default()
        };
        assert_eq!(
            json(&ClientFrame::Hello(hello)),
            r#"{"hello":{"after":7,"types":["message.read"]}}"#
        );
        assert_eq!(json(&ClientFrame::Ack(9)), r#"{"ack":9}"#);
        let message = NewMessage::builder("scada", "SCADA", "Trip")
            .to("alice")
            .idempotency_key("k")
            .build()
            .unwrap();
        let send = ClientFrame::Do(Do {
            id: 3,
            what: What::Send(message.into()),
        });
        assert_eq!(
            json(&send),
            r#"{"do":{"id":3,"send":{"fromExtUserId":"scada","fromExtUserName":"SCADA","toUsers":[{"toUserId":"alice"}],"message":"Trip","priority":2,"idempotencyKey":"k"}}}"#
        );
        let receipts = ClientFrame::Do(Do {
            id: 4,
            what: What::Receipts(vec![]),
        });
        assert_eq!(json(&receipts), r#"{"do":{"id":4,"receipts":[]}}"#);
    }

    #[test]
    fn frames_of_the_server_are_read() {
        let read = |text: &str| serde_json::from_str::<ServerFrame>(text).unwrap();
        let ServerFrame::Welcome(welcome) =
            read(r#"{"welcome":{"epoch":"e","head":3,"heartbeatS":15}}"#)
        else {
            panic!("a welcome")
        };
        assert_eq!((welcome.head, welcome.heartbeat_s), (3, 15));
        let ServerFrame::Events(events) =
            read(r#"{"events":[{"seq":1,"type":"of.tomorrow","data":{}}]}"#)
        else {
            panic!("events")
        };
        assert_eq!(events.len(), 1);
        let ServerFrame::Done(done) = read(r#"{"done":{"id":1,"ok":{"results":[]}}}"#) else {
            panic!("an answer")
        };
        assert!(done.ok.is_some() && done.error.is_none());
    }

    #[test]
    fn a_delay_is_read_from_the_reason_that_has_one() {
        assert_eq!(
            close::delay_ms(&close::reason_with_delay(750, "The server stops.")),
            Some(750)
        );
        assert_eq!(close::delay_ms("The server stops."), None);
        assert!(close::comes_back(close::STOPPING) && close::comes_back(1006));
        assert!(!close::comes_back(close::REVOKED) && !close::comes_back(close::TOO_LARGE));
    }
}

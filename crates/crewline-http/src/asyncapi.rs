//! The socket described in AsyncAPI 3.0, made from the types of its frames.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crewline_api::{
    Chat, ChatId, CursorName, FieldError, Hello, MessageId, NewChat, NewMessageUser, ParticipantId,
    Payload, Priority, Problem, ReceiptSaid, ReceiptState, ReceiptsDone, Reminded, SentMessage,
    SentRecipient, SocketRemind, SocketReply, SocketSend, Timestamp, Welcome, close,
};
use serde_json::{Map, Value, json};
use utoipa::ToSchema;
use utoipa::openapi::{RefOr, Schema};

/// A frame: its name, what it says, the schema of its value, and an example of it.
struct Frame {
    name: &'static str,
    summary: &'static str,
    value: Value,
    example: Value,
}

fn reference(schema: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{schema}") })
}

/// What clients say.
fn of_clients() -> [Frame; 3] {
    let command = |name: &str, value: Value| {
        json!({
            "type": "object", "additionalProperties": false, "required": ["id", name],
            "properties": {"id": {"type": "integer", "minimum": 0, "description": "The client's own number for the command"}, name: value},
        })
    };
    let receipts = json!({"type": "array", "minItems": 1, "maxItems": 1000, "items": reference("ReceiptSaid")});
    [
        Frame {
            name: "hello",
            summary: "First: whose log, and from where",
            value: reference("Hello"),
            example: json!({"after": 118, "epoch": "k3v9r1x8b6t2m4q7", "types": ["message.received"]}),
        },
        Frame {
            name: "ack",
            summary: "Everything up to this event is stored on this device; there is no answer",
            value: json!({"type": "integer", "minimum": 0}),
            example: json!(120),
        },
        Frame {
            name: "do",
            summary: "A command; it is answered by a done with the same id, and many may be under way",
            value: json!({"oneOf": [
                command("send", reference("SocketSend")), command("reply", reference("SocketReply")),
                command("receipts", receipts), command("createChat", reference("NewChat")),
                command("remind", reference("SocketRemind")),
            ]}),
            example: json!({"id": 1, "send": {
                "fromExtUserId": "scada:feeder-7", "fromExtUserName": "Feeder 7", "toUsers": [{"toUserId": "alice"}],
                "message": "Breaker 1204 has tripped", "priority": 1, "idempotencyKey": "outage-4711/1",
            }}),
        },
    ]
}

/// What the server says.
fn of_the_server() -> [Frame; 4] {
    let answers = ["SentMessage", "ReceiptsDone", "Chat", "Reminded"].map(reference);
    let done = |name: &str, value: Value| {
        json!({
            "type": "object", "additionalProperties": false, "required": ["id", name],
            "properties": {"id": {"type": "integer", "minimum": 0}, name: value},
        })
    };
    [
        Frame {
            name: "welcome",
            summary: "The answer to a hello that was taken",
            value: reference("Welcome"),
            example: json!({"epoch": "k3v9r1x8b6t2m4q7", "head": 120, "heartbeatS": 15}),
        },
        Frame {
            name: "events",
            summary: "Events, as many at once as there are; skip kinds that you do not know",
            value: json!({"type": "array", "minItems": 1, "items": reference("Event")}),
            example: json!([{"seq": 119, "type": "message.received", "timestamp": "2026-11-23T03:47:29.120Z", "data": {
                "messageId": "m2k7f3q9xab", "chatId": "c1h8d2m4rwz", "position": 4, "fromUserId": "scada:feeder-7",
                "fromUserName": "Feeder 7", "allUserIds": ["alice", "scada:feeder-7"], "message": "Breaker 1204 has tripped",
                "priority": 1, "sentAt": "2026-11-23T03:47:29.120Z",
            }}]),
        },
        Frame {
            name: "done",
            summary: "The answer to a command: ok with the answer of the call, or error with its problem document",
            value: json!({"oneOf": [done("ok", json!({"anyOf": answers})), done("error", reference("Problem"))]}),
            example: json!({"id": 1, "ok": {
                "messageId": "m2k7f3q9xab", "chatId": "c1h8d2m4rwz", "position": 4, "sentAt": "2026-11-23T03:47:29.120Z",
                "recipients": [{"userId": "alice", "state": "accepted"}],
            }}),
        },
        Frame {
            name: "error",
            summary: "The answer to a hello that was refused; the session is closed with 4120",
            value: reference("Problem"),
            example: json!({
                "type": "urn:crewline:error:ahead_of_log", "title": "Beyond the end of the log", "status": 409,
                "code": "ahead_of_log", "detail": "The log ends at 120; 200 lies beyond.", "requestId": "5f0c2a9b1d3e4f60",
            }),
        },
    ]
}

/// What a session may be closed with.
const CLOSES: [(u16, &str); 9] = [
    (
        close::STOPPING,
        "The server stops. Come back, after the delay in the reason.",
    ),
    (
        close::TOO_SLOW,
        "Nothing of what waits was taken for ten seconds. Come back; nothing was lost.",
    ),
    (
        close::SILENT,
        "Nothing was heard for three heartbeats. Come back.",
    ),
    (
        close::TROUBLE,
        "The store cannot be read now, or retention went past this reader. Come back, after the delay in the reason.",
    ),
    (
        close::REVOKED,
        "Signed out, revoked or disabled. Do not come back with the same credentials.",
    ),
    (
        close::UNWATCHED,
        "The caller does not watch this participant any more, and may not read its log; the credentials are good. Do not come back to this log before an administrator has made the caller a watcher again.",
    ),
    (
        close::PROTOCOL,
        "What was said is no frame of this protocol: not JSON, binary, no hello within ten seconds, an ack beyond what was sent. Do not come back before that is mended.",
    ),
    (
        close::HELLO_REFUSED,
        "The hello was refused; the frame error before it says why. Do not come back with the same hello.",
    ),
    (close::TOO_LARGE, "A frame of more than 2 MiB (RFC 6455)."),
];

fn about() -> String {
    let mut text = "A WebSocket with JSON text frames; each frame is an object with one field, which names it.\n\n\
        Credentials come with the handshake: `Authorization: Bearer TOKEN`, or the cookie of a session with a matching `Origin`. \
        The client says hello first, within ten seconds. Heartbeats are WebSocket pings, both ways: answer the server's, and send \
        your own where you need them. A frame has at most 2 MiB.\n\n\
        `ack` makes delivered each message received up to that event, and moves the cursor that the hello named. After a lost \
        connection, say the last ack again: it may have been lost too.\n\n\
        Close codes 4000 to 4099: come back, after the delay where the reason begins with `comeBackMs=NUMBER;`. 4100 to 4199: do not.\n"
        .to_owned();
    for (code, meaning) in CLOSES {
        // Writing into a String cannot fail.
        let _ = write!(text, "\n- **{code}** {meaning}");
    }
    text
}

fn message(frame: &Frame) -> Value {
    let properties = Map::from_iter([(frame.name.to_owned(), frame.value.clone())]);
    let example = Map::from_iter([(frame.name.to_owned(), frame.example.clone())]);
    json!({
        "name": frame.name, "title": frame.name, "summary": frame.summary, "contentType": "application/json",
        "payload": {"type": "object", "additionalProperties": false, "required": [frame.name], "properties": properties},
        "examples": [{"payload": example}],
    })
}

fn add<T: ToSchema>(schemas: &mut Vec<(String, RefOr<Schema>)>) {
    schemas.push((T::name().into_owned(), T::schema()));
    T::schemas(schemas);
}

fn schemas() -> Map<String, Value> {
    let mut found = Vec::new();
    add::<Hello>(&mut found);
    add::<SocketSend>(&mut found);
    add::<SocketReply>(&mut found);
    add::<NewChat>(&mut found);
    add::<SocketRemind>(&mut found);
    add::<NewMessageUser>(&mut found);
    add::<ReceiptSaid>(&mut found);
    add::<ReceiptState>(&mut found);
    add::<Welcome>(&mut found);
    add::<crewline_api::Event>(&mut found);
    add::<SentMessage>(&mut found);
    add::<SentRecipient>(&mut found);
    add::<ReceiptsDone>(&mut found);
    add::<Chat>(&mut found);
    add::<Reminded>(&mut found);
    add::<Problem>(&mut found);
    add::<FieldError>(&mut found);
    add::<crewline_api::EventKind>(&mut found);
    add::<ParticipantId>(&mut found);
    add::<CursorName>(&mut found);
    add::<MessageId>(&mut found);
    add::<ChatId>(&mut found);
    add::<Payload>(&mut found);
    add::<Priority>(&mut found);
    add::<Timestamp>(&mut found);
    // In a fixed order, each once.
    let sorted: BTreeMap<String, Value> = found
        .into_iter()
        // A schema is made of texts, lists and maps with texts for keys.
        .map(|(name, schema)| (name, serde_json::to_value(schema).unwrap_or_default()))
        .collect();
    sorted.into_iter().collect()
}

/// The description of the socket, as `/api/asyncapi.json` shows it.
pub fn asyncapi() -> Value {
    let (said, told) = (of_clients(), of_the_server());
    let in_channel = |frames: &[Frame]| -> Map<String, Value> {
        let frames = frames.iter();
        frames
            .map(|frame| {
                let message = json!({"$ref": format!("#/components/messages/{}", frame.name)});
                (frame.name.to_owned(), message)
            })
            .collect()
    };
    let of_channel = |frames: &[Frame]| -> Vec<Value> {
        let frames = frames.iter();
        frames
            .map(|frame| json!({"$ref": format!("#/channels/socket/messages/{}", frame.name)}))
            .collect()
    };
    let mut messages = in_channel(&said);
    messages.extend(in_channel(&told));
    let components: Map<String, Value> = said
        .iter()
        .chain(&told)
        .map(|frame| (frame.name.to_owned(), message(frame)))
        .collect();
    json!({
        "asyncapi": "3.0.0",
        "info": {
            "title": "Crewline: the socket", "version": env!("CARGO_PKG_VERSION"), "description": about(),
            "license": {"name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0"},
        },
        "defaultContentType": "application/json",
        "channels": {"socket": {
            "address": "/api/v1/socket", "title": "The socket", "messages": messages,
            "bindings": {"ws": {"method": "GET", "bindingVersion": "0.1.0"}},
        }},
        "operations": {
            "hear": {"action": "receive", "channel": {"$ref": "#/channels/socket"}, "summary": "What clients say", "messages": of_channel(&said)},
            "tell": {"action": "send", "channel": {"$ref": "#/channels/socket"}, "summary": "What the server says", "messages": of_channel(&told)},
        },
        "components": {
            "messages": components, "schemas": schemas(),
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::socket::{Said, read_frame, read_hello};

    #[test]
    fn what_is_shown_as_said_is_what_the_server_reads() {
        for frame in of_clients() {
            let text = json!({ frame.name: frame.example }).to_string();
            match read_frame(&text).unwrap() {
                Said::Hello(hello) => assert!(read_hello(hello).is_ok(), "{text}"),
                Said::Ack(seq) => assert_eq!(seq, 120),
                Said::Do { id, .. } => assert_eq!(id, 1),
            }
        }
    }

    #[test]
    fn what_is_shown_as_told_is_what_clients_read() {
        for frame in of_the_server() {
            let text = json!({ frame.name: frame.example }).to_string();
            serde_json::from_str::<crewline_api::ServerFrame>(&text).expect(&text);
        }
    }
}

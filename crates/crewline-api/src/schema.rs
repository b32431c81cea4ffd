//! How types that are one value on the wire stand in OpenAPI.

use utoipa::openapi::schema::{KnownFormat, ObjectBuilder, OneOfBuilder, SchemaFormat, Type};
use utoipa::openapi::{Ref, RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use crate::{
    AuditKind, ChatEvent, ChatId, CursorName, Event, EventKind, GroupId, MessageEvent, MessageId,
    ParticipantId, Payload, Priority, ReceiptEvent, ReminderEvent, SelfEvent, Timestamp,
    WebhookUrl,
};

fn text(description: &str, example: &str) -> ObjectBuilder {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .description(Some(description))
        .examples([example])
}

macro_rules! value_schemas {
    ($($name:ident => $schema:expr;)+) => {$(
        impl PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                $schema.into()
            }
        }
        impl ToSchema for $name {}
    )+};
}

value_schemas! {
    ParticipantId => text("A user or an external. Compared byte by byte; no control characters; not `me`, `.` or `..`.", "alice")
        .min_length(Some(1)).max_length(Some(255));
    GroupId => text("A group of people, by the rules of participants' ids; `on-duty` is everyone on duty.", "crew-north")
        .min_length(Some(1)).max_length(Some(255));
    CursorName => text("The name of a cursor that the server keeps.", "outage-desk").min_length(Some(1)).max_length(Some(255));
    MessageId => text("Opaque.", "m2k7f3q9xab");
    ChatId => text("Opaque.", "c1h8d2m4rwz");
    Payload => text("Bytes as base64 (RFC 4648 section 4, padded): at most 65,536 of them.", "dGlja2V0LTE3")
        .content_encoding("base64");
    Timestamp => text("RFC 3339 in UTC, to the millisecond.", "2026-11-23T03:47:29.120Z")
        .format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)));
    WebhookUrl => text("http or https, without a user, a password or a fragment.", "https://outage.example.org/crewline")
        .max_length(Some(2048));
    EventKind => ObjectBuilder::new().schema_type(Type::String)
        .description(Some("A kind of event. A consumer skips kinds that it does not know."))
        .enum_values(Some(EventKind::ALL.iter().map(|kind| kind.as_str())));
    AuditKind => ObjectBuilder::new().schema_type(Type::String)
        .description(Some("What was done."))
        .enum_values(Some(AuditKind::ALL.iter().map(|kind| kind.as_str())));
    Priority => ObjectBuilder::new().schema_type(Type::Integer)
        .description(Some("1 emergency, 2 normal with an alert that passes, 3 normal with an alert that stays"))
        .minimum(Some(1)).maximum(Some(3)).default(Some(2.into()));
}

/// The data of each kind of event, by the name of its schema.
fn data_of(kind: EventKind) -> &'static str {
    match kind {
        EventKind::MessageReceived | EventKind::MessageSent => "MessageEvent",
        EventKind::MessageDelivered | EventKind::MessageRead | EventKind::MessageAcknowledged => {
            "ReceiptEvent"
        }
        EventKind::SelfRead | EventKind::SelfAcknowledged => "SelfEvent",
        EventKind::ChatCreated => "ChatEvent",
        EventKind::MessageReminded => "ReminderEvent",
    }
}

impl PartialSchema for Event {
    /// One form for each kind, told apart by `type`.
    fn schema() -> RefOr<Schema> {
        let forms = EventKind::ALL.iter().map(|kind| {
            let seq = ObjectBuilder::new()
                .schema_type(Type::Integer)
                .description(Some("Its number in the log"))
                .minimum(Some(1));
            let word = ObjectBuilder::new()
                .schema_type(Type::String)
                .enum_values(Some([kind.as_str()]));
            ObjectBuilder::new()
                .title(Some(kind.as_str()))
                .property("seq", seq)
                .required("seq")
                .property("type", word)
                .required("type")
                .property("timestamp", Timestamp::schema())
                .required("timestamp")
                .property("data", Ref::from_schema_name(data_of(*kind)))
                .required("data")
                .build()
        });
        forms
            .fold(OneOfBuilder::new(), OneOfBuilder::item)
            .description(Some(
                "An event. Skip kinds that you do not know; more may come.",
            ))
            .into()
    }
}

impl ToSchema for Event {
    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        schemas.extend([
            ("MessageEvent".to_owned(), MessageEvent::schema()),
            ("ReceiptEvent".to_owned(), ReceiptEvent::schema()),
            ("SelfEvent".to_owned(), SelfEvent::schema()),
            ("ChatEvent".to_owned(), ChatEvent::schema()),
            ("ReminderEvent".to_owned(), ReminderEvent::schema()),
        ]);
        MessageEvent::schemas(schemas);
        ReceiptEvent::schemas(schemas);
        SelfEvent::schemas(schemas);
        ChatEvent::schemas(schemas);
        ReminderEvent::schemas(schemas);
    }
}

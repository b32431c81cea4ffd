//! How types that are one value on the wire stand in OpenAPI.

use utoipa::openapi::schema::{KnownFormat, ObjectBuilder, SchemaFormat, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use crate::{ChatId, CursorName, MessageId, ParticipantId, Payload, Priority, Timestamp};

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
    CursorName => text("The name of a cursor that the server keeps.", "outage-desk").min_length(Some(1)).max_length(Some(255));
    MessageId => text("Opaque.", "m2k7f3q9xab");
    ChatId => text("Opaque.", "c1h8d2m4rwz");
    Payload => text("Bytes as base64 (RFC 4648 section 4, padded): at most 65,536 of them.", "dGlja2V0LTE3")
        .content_encoding("base64");
    Timestamp => text("RFC 3339 in UTC, to the millisecond.", "2026-11-23T03:47:29.120Z")
        .format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)));
    Priority => ObjectBuilder::new().schema_type(Type::Integer)
        .description(Some("1 emergency, 2 normal with an alert that passes, 3 normal with an alert that stays"))
        .minimum(Some(1)).maximum(Some(3)).default(Some(2.into()));
}

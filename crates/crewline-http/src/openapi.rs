//! The API described in OpenAPI 3.1, made from the code: from the handlers, and from the types of `crewline-api`.

use std::collections::BTreeSet;

use crewline_api::{ChatId, CursorName, FieldError, MessageId, ParticipantId, Problem};
use serde_json::Value;
use utoipa::OpenApi as _;
use utoipa::openapi::schema::{AdditionalProperties, Object, OneOfBuilder, SchemaType, Type};
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{OpenApi, RefOr, Schema};

use crate::{cookie, who};

const ABOUT: &str = "Carries messages between control rooms and field crews, and proves what became of each one: stored, \
delivered to a device, read by a person, acknowledged.

Systems act by a token (`Authorization: Bearer …`), people by a session. A page of the same origin uses the session's \
cookie, and then every write needs a matching `Origin`.

JSON in UTF-8; times are RFC 3339 in UTC; payloads are base64. `null` for an optional field is as if left out; a field \
or a query parameter that a call does not know is refused by name. What the `Content-Type` of a body says \
is not looked at. Every error is `application/problem+json`, and its `code` stays. Every answer \
has an `X-Request-Id`: the caller's own, where the request had one of at most 64 visible characters of ASCII.

Whatever a participant is ever told is an event in their log: follow it, keep the number of the last event you have \
stored, and go on from there.";

#[derive(utoipa::OpenApi)]
#[openapi(
    info(title = "Crewline", description = ABOUT, license(name = "Apache-2.0", identifier = "Apache-2.0")),
    components(schemas(Problem, FieldError, CursorName, ParticipantId, ChatId, MessageId)),
    security(("token" = []), ("session" = [])),
    tags(
        (name = "messages", description = "Send, and see what became of it"),
        (name = "chats", description = "Sets of people, and what they wrote"),
        (name = "events", description = "Logs of events, and cursors on them"),
        (name = "groups", description = "Groups of people, and who is on duty"),
        (name = "organisation", description = "What the organisation keeps: stock phrases, whom an SOS goes to, the number to call"),
        (name = "desk", description = "Who sits at the desk; for dispatchers and administrators"),
        (name = "watchers", description = "Users who may read another participant's log; for administrators"),
        (name = "webhooks", description = "URLs to which the events of a log are posted; for administrators, and for externals of their own"),
        (name = "push", description = "Waking devices whose app is closed; for users with a session"),
        (name = "administration", description = "Users, externals, tokens, the audit, and how the server is; for administrators"),
        (name = "receipts", description = "Delivered, read, acknowledged"),
        (name = "session", description = "Sign in and out"),
        (name = "me", description = "The caller"),
        (name = "people", description = "Those one may write to"),
        (name = "operations", description = "For those who keep the server running; without credentials"),
    )
)]
struct Description;

/// The description of every call, as `/api/openapi.json` shows it.
pub fn openapi() -> OpenApi {
    let mut description = crate::router::calls().into_openapi();
    who::mark(&mut description);
    let requests = requests(&description);
    let schemas = description
        .components
        .iter_mut()
        .flat_map(|all| all.schemas.iter_mut());
    for (_, schema) in schemas.filter(|(name, _)| requests.contains(name.as_str())) {
        as_read(schema);
    }
    description
}

/// The schemas of bodies of requests, and of parts of them.
fn requests(description: &OpenApi) -> BTreeSet<String> {
    let whole = serde_json::to_value(description).unwrap_or_default();
    let mut names = BTreeSet::new();
    let calls = whole["paths"].as_object().into_iter().flatten();
    for (_, call) in calls.flat_map(|(_, path)| path.as_object().into_iter().flatten()) {
        name_parts(&call["requestBody"], &whole, &mut names);
    }
    names
}

/// Adds what is referred to, and what that refers to.
fn name_parts(part: &Value, whole: &Value, names: &mut BTreeSet<String>) {
    const BEFORE: &str = "#/components/schemas/";
    match part {
        Value::Object(fields) => {
            for (field, value) in fields {
                let name = value.as_str().and_then(|text| text.strip_prefix(BEFORE));
                match name.filter(|_| field == "$ref") {
                    Some(name) if names.insert(name.to_owned()) => {
                        name_parts(&whole["components"]["schemas"][name], whole, names);
                    }
                    _ => name_parts(value, whole, names),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| name_parts(item, whole, names)),
        _ => {}
    }
}

/// As bodies are read: a field that they do not name is refused, and `null` for one that may be left out is as if left out.
fn as_read(schema: &mut RefOr<Schema>) {
    match schema {
        RefOr::T(Schema::Object(object)) => {
            if object.properties.is_empty() {
                return;
            }
            object.additional_properties = Some(Box::new(AdditionalProperties::FreeForm(false)));
            for (name, field) in &mut object.properties {
                if !object.required.contains(name) {
                    may_be_null(field);
                }
            }
        }
        RefOr::T(Schema::OneOf(forms)) => forms.items.iter_mut().for_each(as_read),
        _ => {}
    }
}

fn may_be_null(field: &mut RefOr<Schema>) {
    let kind = match field {
        RefOr::Ref(_) => {
            let null = Object::with_type(Type::Null);
            let forms = OneOfBuilder::new().item(null).item(field.clone());
            *field = forms.into();
            return;
        }
        RefOr::T(Schema::Object(object)) => &mut object.schema_type,
        RefOr::T(Schema::Array(list)) => &mut list.schema_type,
        RefOr::T(_) => return,
    };
    if let SchemaType::Type(only) = kind {
        *kind = SchemaType::Array(vec![only.clone(), Type::Null]);
    }
}

/// What is not said by a handler: the whole, and the ways to present credentials.
pub(crate) fn frame() -> OpenApi {
    let mut frame = Description::openapi();
    let components = frame.components.get_or_insert_default();
    let bearer = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .description(Some(
            "A token (`crewline token create`), or the token that signing in answers with",
        ))
        .build();
    components.add_security_scheme("token", SecurityScheme::Http(bearer));
    let about_cookie = "Set by signing in; by https it is called `__Host-crewline_session`. Every write then needs an \
                        `Origin` of this server.";
    let cookie = ApiKeyValue::with_description(cookie::NAME, about_cookie);
    components.add_security_scheme("session", SecurityScheme::ApiKey(ApiKey::Cookie(cookie)));
    frame
}

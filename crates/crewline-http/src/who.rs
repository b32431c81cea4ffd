//! Who may call what: written into the description of every call as `x-crewline-who`.
//!
//! A test walks the description and makes each call as everybody who may not; a call that stands not here fails it.

use utoipa::openapi::OpenApi;
use utoipa::openapi::extensions::Extensions;
use utoipa::openapi::path::{Operation, PathItem};

/// The name in the description.
const MARK: &str = "x-crewline-who";

/// Without credentials.
const EVERYBODY: &str = "everybody";
/// Whoever has credentials.
const ANYBODY_KNOWN: &str = "everybody with credentials";
/// Users, by a session or by a token of their own.
const USERS: &str = "users";
/// Externals.
const EXTERNALS: &str = "externals";
/// Users and externals: each sees what is theirs, and of others' nothing.
const PARTICIPANTS: &str = "participants";
/// Users of that role, and tokens of administration.
const ADMINISTRATORS: &str = "administrators";
/// Users of that role or of a higher one, and tokens of administration.
const DISPATCHERS: &str = "dispatchers, administrators";
/// Users of these roles: they sit somewhere.
const DESKS: &str = "users who run the desk";
/// The same as dispatchers, and externals.
const REACHERS: &str = "dispatchers, administrators, externals";
/// The same as dispatchers, and each user of itself.
const SELF_OR_DISPATCHERS: &str = "users of themselves, dispatchers, administrators";
/// Users with a session; a token has no device to wake.
const SESSIONS: &str = "users with a session";
/// Administrators, and externals of their own.
const KEEPERS: &str = "administrators, externals";
/// Users and externals of what they sent or watch, and administrators.
const WITNESSES: &str = "participants, administrators";

/// Every call of this path, by its methods.
const WHO: &[(&str, &str, &str)] = &[
    ("post", "/api/v1/messages", EXTERNALS),
    ("post", "/api/v1/chats/{chatId}/messages", USERS),
    ("get", "/api/v1/chats/{chatId}/messages", PARTICIPANTS),
    ("get", "/api/v1/messages/{messageId}", PARTICIPANTS),
    ("get", "/api/v1/messages/{messageId}/story", WITNESSES),
    (
        "post",
        "/api/v1/messages/{messageId}/reminders",
        PARTICIPANTS,
    ),
    ("post", "/api/v1/chats", PARTICIPANTS),
    ("get", "/api/v1/participants/{id}/events", PARTICIPANTS),
    ("get", "/api/v1/socket", PARTICIPANTS),
    (
        "get",
        "/api/v1/participants/{id}/cursors/{name}",
        PARTICIPANTS,
    ),
    (
        "put",
        "/api/v1/participants/{id}/cursors/{name}",
        PARTICIPANTS,
    ),
    ("get", "/api/v1/participants/{id}/watchers", ADMINISTRATORS),
    (
        "put",
        "/api/v1/participants/{id}/watchers/{userId}",
        ADMINISTRATORS,
    ),
    (
        "delete",
        "/api/v1/participants/{id}/watchers/{userId}",
        ADMINISTRATORS,
    ),
    ("get", "/api/v1/webhooks", KEEPERS),
    ("post", "/api/v1/webhooks", KEEPERS),
    ("get", "/api/v1/webhooks/{webhookId}", KEEPERS),
    ("put", "/api/v1/webhooks/{webhookId}", KEEPERS),
    ("delete", "/api/v1/webhooks/{webhookId}", KEEPERS),
    ("post", "/api/v1/webhooks/{webhookId}/pause", KEEPERS),
    ("post", "/api/v1/webhooks/{webhookId}/resume", KEEPERS),
    ("post", "/api/v1/webhooks/{webhookId}/test", KEEPERS),
    ("get", "/api/v1/webhooks/{webhookId}/failures", KEEPERS),
    ("post", "/api/v1/webhooks/{webhookId}/replay", KEEPERS),
    ("get", "/api/v1/admin/users", ADMINISTRATORS),
    ("post", "/api/v1/admin/users", ADMINISTRATORS),
    ("get", "/api/v1/admin/users/{userId}", ADMINISTRATORS),
    ("patch", "/api/v1/admin/users/{userId}", ADMINISTRATORS),
    (
        "put",
        "/api/v1/admin/users/{userId}/password",
        ADMINISTRATORS,
    ),
    (
        "post",
        "/api/v1/admin/users/{userId}/sign-out",
        ADMINISTRATORS,
    ),
    (
        "delete",
        "/api/v1/admin/users/{userId}/sessions/{sessionId}",
        ADMINISTRATORS,
    ),
    (
        "delete",
        "/api/v1/admin/users/{userId}/devices/{deviceId}",
        ADMINISTRATORS,
    ),
    ("get", "/api/v1/admin/externals", ADMINISTRATORS),
    ("get", "/api/v1/admin/tokens", ADMINISTRATORS),
    ("post", "/api/v1/admin/tokens", ADMINISTRATORS),
    ("delete", "/api/v1/admin/tokens/{tokenId}", ADMINISTRATORS),
    ("get", "/api/v1/admin/state", ADMINISTRATORS),
    ("get", "/api/v1/admin/retention", ADMINISTRATORS),
    ("get", "/api/v1/admin/audit", ADMINISTRATORS),
    ("get", "/api/v1/search", USERS),
    ("get", "/api/v1/desk", DISPATCHERS),
    ("put", "/api/v1/desk", DESKS),
    ("delete", "/api/v1/desk", DESKS),
    ("get", "/api/v1/groups", ANYBODY_KNOWN),
    ("put", "/api/v1/groups/{groupId}", DISPATCHERS),
    ("delete", "/api/v1/groups/{groupId}", DISPATCHERS),
    ("put", "/api/v1/people/{userId}/duty", SELF_OR_DISPATCHERS),
    ("get", "/api/v1/people/presence", DISPATCHERS),
    ("post", "/api/v1/reach", REACHERS),
    ("get", "/api/v1/organisation", ANYBODY_KNOWN),
    ("put", "/api/v1/organisation/phrases", ADMINISTRATORS),
    ("put", "/api/v1/organisation/sos", ADMINISTRATORS),
    ("put", "/api/v1/organisation/phone", ADMINISTRATORS),
    ("get", "/api/v1/push", SESSIONS),
    ("put", "/api/v1/push/subscription", SESSIONS),
    ("delete", "/api/v1/push/subscription", SESSIONS),
    ("post", "/api/v1/push/test", SESSIONS),
    ("post", "/api/v1/push/proof", SESSIONS),
    ("post", "/api/v1/receipts", PARTICIPANTS),
    ("post", "/api/v1/session", EVERYBODY),
    ("delete", "/api/v1/session", USERS),
    ("get", "/api/v1/me", USERS),
    ("get", "/api/v1/me/chats", USERS),
    ("get", "/api/v1/people", PARTICIPANTS),
    ("get", "/healthz", EVERYBODY),
    ("get", "/readyz", EVERYBODY),
    ("get", "/metrics", EVERYBODY),
    ("get", "/api/openapi.json", EVERYBODY),
    ("get", "/api/asyncapi.json", EVERYBODY),
    ("get", "/api/docs", EVERYBODY),
];

/// Writes the mark of every call into the description.
pub(crate) fn mark(description: &mut OpenApi) {
    for (path, item) in &mut description.paths.paths {
        for (method, operation) in operations(item) {
            let own = WHO.iter().find(|own| own.0 == method && own.1 == path);
            if let Some((.., who)) = own {
                let mark = Extensions::from_iter([(MARK, *who)]);
                operation.extensions = Some(mark);
            }
        }
    }
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = (&'static str, &mut Operation)> {
    let all = [
        ("get", &mut item.get),
        ("put", &mut item.put),
        ("post", &mut item.post),
        ("delete", &mut item.delete),
        ("patch", &mut item.patch),
    ];
    all.into_iter()
        .filter_map(|(method, operation)| Some((method, operation.as_mut()?)))
}

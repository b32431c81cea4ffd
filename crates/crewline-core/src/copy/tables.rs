//! What a store holds, table by table: the one place that names what is copied.
//!
//! Both stores keep a test that compares this list with their real schema: a migration that adds a column adds it here, too.

use super::table::{Column, Kind, Table};

const fn number(name: &'static str) -> Column {
    Column::new(name, Kind::Number)
}

const fn truth(name: &'static str) -> Column {
    Column::new(name, Kind::Truth)
}

const fn text(name: &'static str) -> Column {
    Column::new(name, Kind::Text)
}

const fn bytes(name: &'static str) -> Column {
    Column::new(name, Kind::Bytes)
}

/// Facts of `meta` that are copied.
pub const FACTS: &[&str] = &[
    "created_at",
    "directory_version",
    "epoch",
    "texts_looked_at",
];

/// Facts of `meta` that are a store's own: each counts or marks what was done there.
pub const OWN_FACTS: &[&str] = &[
    "backup_of_epoch",
    "copy_of",
    "probe",
    "search_indexed_to",
    "texts_removed",
    "timeline",
];

/// Tables that are a store's own: who serves it now, its schema, and what is made anew of the messages.
pub const OWN_TABLES: &[&str] = &[
    "lease",
    "meta",
    "node",
    "node_present",
    "schema_version",
    "search",
    "search_word",
    "writer",
];

/// The tables that are copied, in this order.
pub const TABLES: &[Table] = &[
    PARTICIPANT,
    Table::new(
        "watcher",
        2,
        &[number("user"), number("participant"), number("since")],
    ),
    CHAT,
    Table::new("chat_set", 1, &[bytes("members_key"), number("chat")]),
    Table::new(
        "member",
        2,
        &[
            number("chat"),
            number("participant"),
            number("done"),
            number("read_position"),
        ],
    ),
    MESSAGE,
    Table::new(
        "idempotency",
        2,
        &[
            number("sender"),
            text("key"),
            number("message"),
            bytes("fingerprint"),
        ],
    ),
    Table::new(
        "payload",
        3,
        &[
            number("message"),
            number("recipient"),
            number("state"),
            bytes("bytes"),
        ],
    )
    .wide(200),
    RECEIPT,
    RECIPIENT,
    Table::new("kept_text", 2, &[number("holder"), number("message")]),
    REMINDER,
    LOG,
    CURSOR,
    DEVICE,
    SESSION,
    TOKEN,
    Table::new(
        "token_external",
        2,
        &[
            number("token"),
            number("place"),
            text("text"),
            truth("is_prefix"),
        ],
    ),
    WEBHOOK,
    WEBHOOK_FAILURE,
    Table::new("push_key", 1, &[number("no"), bytes("pkcs8")]),
    PUSH_SUBSCRIPTION,
    Table::new(
        "people_group",
        1,
        &[number("no"), text("id"), text("name"), number("changed_at")],
    ),
    Table::new(
        "people_group_member",
        2,
        &[number("people_group"), number("participant")],
    ),
    Table::new(
        "duty",
        1,
        &[
            number("participant"),
            truth("on_duty"),
            number("since"),
            text("by"),
        ],
    ),
    Table::new(
        "organisation",
        1,
        &[text("part"), number("revision"), text("value")],
    )
    .wide(10),
    AUDIT,
];

const PARTICIPANT: Table = Table::new(
    "participant",
    1,
    &[
        number("no"),
        text("id"),
        text("folded"),
        number("standing"),
        text("name").or_none(),
        number("role"),
        truth("disabled"),
        text("password").or_none(),
        number("created_at").or_none(),
        number("confirmed"),
    ],
);

const CHAT: Table = Table::new(
    "chat",
    1,
    &[
        number("no"),
        number("salt"),
        number("created_by"),
        number("created_at"),
        number("last_position"),
        number("last_activity"),
        number("last_message").or_none(),
    ],
);

const MESSAGE: Table = Table::new(
    "message",
    1,
    &[
        number("no"),
        number("salt"),
        number("chat"),
        number("position"),
        number("sender"),
        text("sender_name"),
        number("priority"),
        number("sent_at"),
        truth("has_payloads"),
        number("reply_to").or_none(),
        text("text"),
        number("device").or_none(),
    ],
)
.wide(1_000);

const RECEIPT: Table = Table::new(
    "receipt",
    4,
    &[
        number("message"),
        number("recipient"),
        number("device"),
        number("state"),
        number("at"),
        number("said_at").or_none(),
    ],
);

const RECIPIENT: Table = Table::new(
    "recipient",
    2,
    &[
        number("message"),
        number("participant"),
        number("delivered_at").or_none(),
        number("delivered_said").or_none(),
        number("read_at").or_none(),
        number("read_said").or_none(),
        number("acknowledged_at").or_none(),
        number("acknowledged_said").or_none(),
        number("implied"),
    ],
);

const REMINDER: Table = Table::new(
    "reminder",
    2,
    &[
        number("message"),
        number("number"),
        number("at"),
        number("by"),
        number("until"),
        bytes("who"),
    ],
);

const LOG: Table = Table::new(
    "log",
    2,
    &[
        number("participant"),
        number("seq"),
        number("kind"),
        number("message").or_none(),
        number("who").or_none(),
        bytes("detail").or_none(),
    ],
);

const CURSOR: Table = Table::new(
    "cursor",
    2,
    &[
        number("participant"),
        text("name"),
        number("seq"),
        number("kinds"),
        number("put_at"),
        truth("released"),
    ],
);

const DEVICE: Table = Table::new(
    "device",
    1,
    &[
        number("no"),
        number("participant").or_none(),
        text("device_id"),
        text("name").or_none(),
        number("first_seen_at"),
        number("last_seen_at"),
    ],
);

const SESSION: Table = Table::new(
    "session",
    1,
    &[
        number("no"),
        bytes("hash"),
        number("participant"),
        number("device"),
        number("created_at"),
        number("expires_at"),
    ],
)
.remembering();

const TOKEN: Table = Table::new(
    "token",
    1,
    &[
        number("no"),
        bytes("hash"),
        number("kind"),
        number("participant").or_none(),
        number("device"),
        number("created_at"),
        number("last_used_at").or_none(),
    ],
)
.remembering();

const WEBHOOK: Table = Table::new(
    "webhook",
    1,
    &[
        number("no"),
        number("participant"),
        number("device"),
        text("url"),
        number("kinds"),
        text("secret"),
        text("paused").or_none(),
        number("created_at"),
        number("revision"),
        number("rewind_to").or_none(),
        number("dropped"),
    ],
)
.remembering();

const WEBHOOK_FAILURE: Table = Table::new(
    "webhook_failure",
    2,
    &[
        number("webhook"),
        number("seq"),
        truth("parked"),
        number("first_at"),
        number("last_at"),
        number("attempts"),
        number("status").or_none(),
        text("error"),
        text("answer"),
        truth("again"),
    ],
);

const PUSH_SUBSCRIPTION: Table = Table::new(
    "push_subscription",
    1,
    &[
        number("no"),
        number("session"),
        text("endpoint"),
        bytes("p256dh"),
        bytes("auth"),
        text("origin"),
        number("created_at"),
        number("proven_at").or_none(),
        text("last_error").or_none(),
        number("seq"),
        number("emergencies"),
        number("repeats"),
    ],
)
.remembering();

const AUDIT: Table = Table::new(
    "audit",
    1,
    &[
        number("no"),
        number("at"),
        text("what"),
        text("who"),
        text("role"),
        text("credential").or_none(),
        number("device").or_none(),
        text("address").or_none(),
        text("about").or_none(),
        text("detail").or_none(),
        truth("refused"),
    ],
)
.remembering();

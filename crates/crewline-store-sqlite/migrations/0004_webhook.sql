CREATE TABLE webhook (
    -- A URL to which the events of a log are posted. Where it stands is the cursor `webhook.N`.
    -- Numbers are not used again: people name webhooks by them, and cursors are named after them.
    no INTEGER PRIMARY KEY AUTOINCREMENT,
    participant INTEGER NOT NULL REFERENCES participant (no),
    -- Says that a message was delivered.
    device INTEGER NOT NULL REFERENCES device (no),
    url TEXT NOT NULL,
    -- A set of kinds as bits, as in `cursor`.
    kinds INTEGER NOT NULL,
    -- It signs, and so is kept as it is: `whsec_` and base64.
    secret TEXT NOT NULL,
    -- Why nothing is posted; NULL: it is at work.
    paused TEXT,
    created_at INTEGER NOT NULL,
    -- Grows with every act on it.
    revision INTEGER NOT NULL DEFAULT 0,
    -- To where the server is to put its cursor back, before it posts anything else.
    rewind_to INTEGER,
    -- Parked events that are not listed any more.
    dropped INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE TABLE webhook_failure (
    -- An event that was not taken: it is tried again, or was parked so that those behind it could go on.
    webhook INTEGER NOT NULL REFERENCES webhook (no),
    seq INTEGER NOT NULL,
    parked INTEGER NOT NULL,
    first_at INTEGER NOT NULL,
    last_at INTEGER NOT NULL,
    attempts INTEGER NOT NULL,
    -- The last answer: NULL where none came.
    status INTEGER,
    error TEXT NOT NULL,
    -- The first bytes of it.
    answer TEXT NOT NULL,
    -- 1: somebody asked that a parked one be tried once more.
    again INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (webhook, seq)
) STRICT, WITHOUT ROWID;

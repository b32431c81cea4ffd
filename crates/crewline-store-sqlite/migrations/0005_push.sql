CREATE TABLE push_key (
    -- By what this server says who it is to push services (VAPID): a key pair of P-256 as PKCS#8. There is one.
    no INTEGER PRIMARY KEY CHECK (no = 1),
    pkcs8 BLOB NOT NULL
) STRICT;

CREATE TABLE push_subscription (
    -- Where a browser lets itself be woken. It ends with its session; a row whose session is gone counts as gone.
    -- Numbers are not used again: another endpoint is another subscription.
    no INTEGER PRIMARY KEY AUTOINCREMENT,
    session INTEGER NOT NULL UNIQUE,
    endpoint TEXT NOT NULL,
    -- The browser's public key (65 bytes), and what it shares with the server alone (16).
    p256dh BLOB NOT NULL,
    auth BLOB NOT NULL,
    -- Of the app that made it: where a notification leads.
    origin TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    -- When a test push was last seen to arrive.
    proven_at INTEGER,
    -- Why the last push did not go out; NULL: it did.
    last_error TEXT,
    -- In the log of the session's user. Of messages up to `seq` that are no emergencies, and of emergencies up to
    -- `emergencies`, it is settled whether they wake; emergencies behind `repeats` may have to be pushed again.
    seq INTEGER NOT NULL,
    emergencies INTEGER NOT NULL,
    repeats INTEGER NOT NULL
) STRICT;

-- The schema that the migrations make together. A test writes and compares it; do not edit.

CREATE TRIGGER audit_goes_from_the_beginning BEFORE DELETE ON audit
WHEN OLD.no > (SELECT min(no) FROM audit)
BEGIN
    SELECT raise(ABORT, 'rows of the audit go from the beginning alone');
END;

CREATE TRIGGER audit_is_not_changed BEFORE UPDATE ON audit
BEGIN
    SELECT raise(ABORT, 'a row of the audit is never changed');
END;

CREATE TABLE audit (
    -- Who did what, when and from where: sign-ins, administration, and what watchers read. Sends and receipts are told by
    -- `message` and `receipt`. Rows are only added; those from before `audit.keep` go, from the beginning.
    -- Numbers are not used again.
    no INTEGER PRIMARY KEY AUTOINCREMENT,
    at INTEGER NOT NULL,
    -- A kind of act, by its word.
    what TEXT NOT NULL,
    -- An id of a participant, `token N` of administration, or an account of the machine.
    who TEXT NOT NULL,
    -- crew, dispatcher, administrator, external, administration, terminal or nobody.
    role TEXT NOT NULL,
    -- `session N` or `token N`.
    credential TEXT,
    device INTEGER REFERENCES device (no),
    -- Where it came from.
    address TEXT,
    -- About whom or what.
    about TEXT,
    -- What else is to be said; never a secret, a text or a payload.
    detail TEXT,
    -- 1: nothing was changed.
    refused INTEGER NOT NULL
) STRICT;

CREATE INDEX audit_by_about ON audit (about, no) WHERE about IS NOT NULL;

CREATE INDEX audit_by_who ON audit (who, no);

CREATE TABLE chat (
    -- Narrow on purpose: every send rewrites a row of this table.
    no INTEGER PRIMARY KEY,
    salt INTEGER NOT NULL,
    created_by INTEGER NOT NULL REFERENCES participant (no),
    created_at INTEGER NOT NULL,
    -- How many messages it has: the position of the last one.
    last_position INTEGER NOT NULL,
    -- When it was made or its last message was stored.
    last_activity INTEGER NOT NULL,
    last_message INTEGER REFERENCES message (no)
) STRICT;

CREATE TABLE chat_set (
    -- There is one chat for each set of people: SHA-256 over their numbers.
    members_key BLOB PRIMARY KEY,
    chat INTEGER NOT NULL REFERENCES chat (no)
) STRICT, WITHOUT ROWID;

CREATE TABLE cursor (
    -- Where a consumer without a memory of its own stands in a log.
    participant INTEGER NOT NULL REFERENCES participant (no),
    name TEXT NOT NULL,
    seq INTEGER NOT NULL,
    -- A set of kinds as bits (bit 1 is kind 1); 65535: all.
    kinds INTEGER NOT NULL,
    put_at INTEGER NOT NULL, released INTEGER
    /* 1: it was behind for so long that its log waits for it no more. The next PUT makes it 0. */
    NOT NULL DEFAULT 0,
    PRIMARY KEY (participant, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE device (
    -- What receipts come from. Never deleted: receipts name it.
    no INTEGER PRIMARY KEY,
    -- NULL: it stands for a token of externals or of administration.
    participant INTEGER REFERENCES participant (no),
    -- A UUID that the device made; `session-N` or `token-N` where a session or token is the device.
    device_id TEXT NOT NULL,
    -- What the person calls it.
    name TEXT,
    first_seen_at INTEGER NOT NULL,
    last_seen_at INTEGER NOT NULL,
    UNIQUE (participant, device_id)
) STRICT;

CREATE TABLE duty (
    -- Whether a user is on duty. No row: nobody has ever said anything, and the user is not.
    participant INTEGER PRIMARY KEY REFERENCES participant (no),
    on_duty INTEGER NOT NULL,
    since INTEGER NOT NULL,
    -- Who said so: a user's id, a token by its number, or an account of the machine.
    by TEXT NOT NULL
) STRICT;

CREATE INDEX duty_on ON duty (participant) WHERE on_duty = 1;

CREATE TABLE idempotency (
    -- What a sender's idempotency keys were used for. A row lives as long as its message.
    sender INTEGER NOT NULL REFERENCES participant (no),
    key TEXT NOT NULL,
    message INTEGER NOT NULL REFERENCES message (no),
    -- SHA-256 over what the send meant.
    fingerprint BLOB NOT NULL,
    PRIMARY KEY (sender, key)
) STRICT, WITHOUT ROWID;

CREATE TABLE kept_text (
    -- Messages that retention has looked at, and whose text stays for now. Retention looks at messages in the order of
    -- numbers; how far it came stands in `meta` under texts_looked_at. A text that was removed is an empty one.
    -- Why it stays. 0: an emergency that somebody has not acknowledged; else the participant whose cursor has not passed it.
    holder INTEGER NOT NULL,
    message INTEGER NOT NULL REFERENCES message (no),
    PRIMARY KEY (holder, message)
) STRICT, WITHOUT ROWID;

CREATE TABLE lease (
    -- An act that is to be done once is done by the node that holds its lease.
    name TEXT PRIMARY KEY,
    -- The node that took it last; 0 where it was given up.
    owner INTEGER NOT NULL,
    -- Grows with each change of owner: who writes with an old one is refused.
    token INTEGER NOT NULL,
    -- Until when nobody else may take it.
    until INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE log (
    -- Everything a participant was ever told, 1, 2, 3 ... without a gap. Narrow: texts and payloads are joined when read.
    participant INTEGER NOT NULL REFERENCES participant (no),
    seq INTEGER NOT NULL,
    -- 1 message.received, 2 message.sent, 3 message.delivered, 4 message.read, 5 message.acknowledged,
    -- 6 self.read, 7 self.acknowledged, 8 chat.created.
    kind INTEGER NOT NULL,
    -- Of kinds 1 to 5.
    message INTEGER REFERENCES message (no),
    -- Of kinds 3 to 5: the recipient.
    who INTEGER REFERENCES participant (no),
    -- Of kinds 6 to 8, as LEB128: time, chat, unread, how many messages, the first, the distances to the next ones.
    detail BLOB,
    PRIMARY KEY (participant, seq)
) STRICT, WITHOUT ROWID;

CREATE TABLE member (
    chat INTEGER NOT NULL REFERENCES chat (no),
    participant INTEGER NOT NULL REFERENCES participant (no),
    -- How many messages of the chat this member has read, or sent as a user. Unread are: last_position less this.
    done INTEGER NOT NULL,
    -- Everything up to this position has been read, but emergencies, which are read by themselves.
    read_position INTEGER NOT NULL,
    PRIMARY KEY (chat, participant)
) STRICT, WITHOUT ROWID;

CREATE INDEX member_by_participant ON member (participant, chat);

CREATE TABLE message (
    no INTEGER PRIMARY KEY,
    salt INTEGER NOT NULL,
    chat INTEGER NOT NULL REFERENCES chat (no),
    -- Its number in the chat: 1, 2, 3 ... without a gap.
    position INTEGER NOT NULL,
    sender INTEGER NOT NULL REFERENCES participant (no),
    -- The sender's name when it was sent.
    sender_name TEXT NOT NULL,
    -- 1 emergency, 2 fleeting, 3 sticky.
    priority INTEGER NOT NULL,
    sent_at INTEGER NOT NULL,
    -- 1: there are rows in `payload`.
    has_payloads INTEGER NOT NULL,
    reply_to INTEGER REFERENCES message (no),
    text TEXT NOT NULL
, device INTEGER
/* By which device it was sent: a row of `device`; 0: by the server's own process. NULL: sent before this was kept. */) STRICT;

CREATE UNIQUE INDEX message_by_chat ON message (chat, position);

CREATE TABLE meta (
    -- Facts about the store as a whole:
    -- epoch: names all logs of this store; another one after a restore.
    -- created_at: when the store was made.
    -- directory_version: grows with each change of users, tokens or watchers, and when sessions are closed.
    -- probe: written to find out whether writing works.
    -- backup_of_epoch: only in a backup; opening it as a store gives it an epoch of its own and removes this.
    key TEXT PRIMARY KEY,
    value ANY NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE node (
    -- A server at this store; drawn when it starts.
    no INTEGER PRIMARY KEY,
    -- Until when what it said counts.
    until INTEGER NOT NULL
) STRICT;

CREATE TABLE node_present (
    -- Who follows the own log at a node.
    node INTEGER NOT NULL REFERENCES node (no),
    participant INTEGER NOT NULL REFERENCES participant (no),
    PRIMARY KEY (node, participant)
) STRICT, WITHOUT ROWID;

CREATE TABLE organisation (
    -- What the organisation keeps for everybody: `phrases`, `sos`, `phone`. No row: it never changed.
    part TEXT PRIMARY KEY,
    -- Grows with each change: who has read an older one changes nothing.
    revision INTEGER NOT NULL,
    -- JSON.
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE participant (
    no INTEGER PRIMARY KEY,
    -- Compared byte by byte, never trimmed or normalised.
    id TEXT NOT NULL UNIQUE,
    -- The id as people see it (NFC, lower case): to warn of ids that look the same.
    folded TEXT NOT NULL,
    -- 0 expected (named as a recipient, not seen yet), 1 user, 2 external.
    standing INTEGER NOT NULL,
    -- The name to show; NULL: the id. An external's is the one it last sent with.
    name TEXT,
    -- Of users: 0 crew, 1 dispatcher, 2 administrator.
    role INTEGER NOT NULL DEFAULT 0,
    -- 1: shut out.
    disabled INTEGER NOT NULL DEFAULT 0,
    -- Of users: an argon2id hash (a PHC string); NULL: nobody can sign in.
    password TEXT,
    -- Of users: when they were added.
    created_at INTEGER,
    -- The messages in the log up to this seq were confirmed by a device or a cursor, and so are delivered.
    confirmed INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE INDEX participant_by_folded ON participant (folded);

CREATE TABLE payload (
    -- What a sender gets back with an event of a recipient.
    message INTEGER NOT NULL REFERENCES message (no),
    recipient INTEGER NOT NULL REFERENCES participant (no),
    -- 1 delivered, 2 read.
    state INTEGER NOT NULL,
    bytes BLOB NOT NULL,
    PRIMARY KEY (message, recipient, state)
) STRICT, WITHOUT ROWID;

CREATE TABLE people_group (
    -- Users under a name. Messages hold who was in it when they were sent, and nothing of the group.
    no INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    changed_at INTEGER NOT NULL
) STRICT;

CREATE TABLE people_group_member (
    people_group INTEGER NOT NULL REFERENCES people_group (no),
    -- A user.
    participant INTEGER NOT NULL REFERENCES participant (no),
    PRIMARY KEY (people_group, participant)
) STRICT, WITHOUT ROWID;

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

CREATE TABLE receipt (
    -- Facts: what a device said of a message. Only added to; the first of its kind counts.
    message INTEGER NOT NULL REFERENCES message (no),
    recipient INTEGER NOT NULL REFERENCES participant (no),
    -- A row of `device`; 0: the server itself.
    device INTEGER NOT NULL,
    -- 1 delivered, 2 read, 3 acknowledged.
    state INTEGER NOT NULL,
    -- The server's time, and the device's where it said one.
    at INTEGER NOT NULL,
    said_at INTEGER,
    PRIMARY KEY (message, recipient, device, state)
) STRICT, WITHOUT ROWID;

CREATE TABLE recipient (
    -- What became of a message with a recipient: the sum of its receipts. No row: nothing is known yet.
    message INTEGER NOT NULL REFERENCES message (no),
    participant INTEGER NOT NULL REFERENCES participant (no),
    -- When each state was reached by the server's clock, and by the device's where it said so.
    delivered_at INTEGER,
    delivered_said INTEGER,
    read_at INTEGER,
    read_said INTEGER,
    acknowledged_at INTEGER,
    acknowledged_said INTEGER,
    -- Bits: 1 delivered, 2 read are known only because a later state was said.
    implied INTEGER NOT NULL,
    PRIMARY KEY (message, participant)
) STRICT, WITHOUT ROWID;

CREATE TABLE reminder (
    -- Who was reminded of a message. The logs of those who were hold a row of kind 9 (message.reminded) for it: `message` as
    -- here, `who` is who reminded, `detail` as of kind 8 with the number of `until` behind it.
    message INTEGER NOT NULL REFERENCES message (no),
    -- 1, 2, 3 ... of each message.
    number INTEGER NOT NULL,
    at INTEGER NOT NULL,
    by INTEGER NOT NULL REFERENCES participant (no),
    -- How far everybody should have come: 1 delivered, 2 read, 3 acknowledged.
    until INTEGER NOT NULL,
    -- Who was reminded: numbers of participants as LEB128.
    who BLOB NOT NULL,
    PRIMARY KEY (message, number)
) STRICT, WITHOUT ROWID;

CREATE VIRTUAL TABLE search USING fts5 (
    words, content = '', contentless_delete = 1, tokenize = 'ascii'
);

CREATE TABLE 'search_config'(k PRIMARY KEY, v) WITHOUT ROWID;

CREATE TABLE 'search_data'(id INTEGER PRIMARY KEY, block BLOB);

CREATE TABLE 'search_docsize'(id INTEGER PRIMARY KEY, sz BLOB, origin INTEGER);

CREATE TABLE 'search_idx'(segid, term, pgno, PRIMARY KEY(segid, term)) WITHOUT ROWID;

CREATE VIRTUAL TABLE search_word USING fts5vocab (search, instance);

CREATE TABLE session (
    -- Numbers are not used again: whoever still holds the number of a closed session holds nothing.
    no INTEGER PRIMARY KEY AUTOINCREMENT,
    -- SHA-256 of the secret.
    hash BLOB NOT NULL UNIQUE,
    participant INTEGER NOT NULL REFERENCES participant (no),
    device INTEGER NOT NULL REFERENCES device (no),
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT;

CREATE INDEX session_by_end ON session (expires_at);

CREATE INDEX session_by_participant ON session (participant);

CREATE TABLE token (
    -- Numbers are not used again: people name tokens by them.
    no INTEGER PRIMARY KEY AUTOINCREMENT,
    -- SHA-256 of the secret.
    hash BLOB NOT NULL UNIQUE,
    -- 0 administration, 1 user, 2 externals.
    kind INTEGER NOT NULL,
    -- Of a user's token.
    participant INTEGER REFERENCES participant (no),
    device INTEGER NOT NULL REFERENCES device (no),
    created_at INTEGER NOT NULL,
    last_used_at INTEGER
) STRICT;

CREATE TABLE token_external (
    -- Which externals a token may act as.
    token INTEGER NOT NULL REFERENCES token (no),
    -- The order in which they were given.
    place INTEGER NOT NULL,
    text TEXT NOT NULL,
    -- 1: every id that begins with the text; 0: the id.
    is_prefix INTEGER NOT NULL,
    PRIMARY KEY (token, place)
) STRICT, WITHOUT ROWID;

CREATE TABLE watcher (
    -- Users who may read a participant's log, messages and chats as the participant itself may; they send nothing in its name.
    user INTEGER NOT NULL REFERENCES participant (no),
    -- Whose log it is.
    participant INTEGER NOT NULL REFERENCES participant (no),
    since INTEGER NOT NULL,
    PRIMARY KEY (user, participant)
) STRICT, WITHOUT ROWID;

CREATE INDEX watcher_by_participant ON watcher (participant, user);

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

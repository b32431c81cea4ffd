-- Times are milliseconds since 1970 in UTC. Everything is numbered from 1; ids that callers know are a number and a salt.
-- Texts are compared byte by byte. Columns that name a row of another table say so in a comment; `crewline db check` verifies
-- them, the database does not: a check for each row of a log would cost more than the row.
CREATE SCHEMA IF NOT EXISTS crewline;

CREATE TABLE schema_version (version int4 NOT NULL);
INSERT INTO schema_version VALUES (0);

CREATE TABLE meta (
    key text COLLATE "C" PRIMARY KEY,
    value text NOT NULL
) WITH (fillfactor = 50);
COMMENT ON TABLE meta IS 'Facts about the store as a whole: epoch names all logs of it; directory_version grows with each change of users, tokens or watchers, and when sessions are closed; probe is written to find out whether writing works.';

-- Who changes what batches are decided on takes a number; a writer that finds the next one knows that nobody else did.
CREATE SEQUENCE turn;

CREATE TABLE writer (
    no bigserial PRIMARY KEY,
    transaction bytea NOT NULL,
    at timestamptz NOT NULL DEFAULT now()
) WITH (fillfactor = 50);
COMMENT ON TABLE writer IS 'What each server wrote last: so one that lost its connection in a commit learns what became of it.';

CREATE TABLE participant (
    no int8 PRIMARY KEY,
    id text COLLATE "C" NOT NULL UNIQUE,
    folded text COLLATE "C" NOT NULL,
    standing int2 NOT NULL,
    name text COLLATE "C",
    role int2 NOT NULL DEFAULT 0,
    disabled bool NOT NULL DEFAULT false,
    password text,
    created_at int8,
    confirmed int8 NOT NULL DEFAULT 0
) WITH (fillfactor = 80);
COMMENT ON COLUMN participant.folded IS 'The id as people see it (NFC, lower case): to warn of ids that look the same.';
COMMENT ON COLUMN participant.standing IS '0 expected (named as a recipient, not seen yet), 1 user, 2 external.';
COMMENT ON COLUMN participant.name IS 'The name to show; NULL: the id. An external''s is the one it last sent with.';
COMMENT ON COLUMN participant.role IS 'Of users: 0 crew, 1 dispatcher, 2 administrator.';
COMMENT ON COLUMN participant.disabled IS 'Shut out.';
COMMENT ON COLUMN participant.password IS 'Of users: an argon2id hash (a PHC string); NULL: nobody can sign in.';
COMMENT ON COLUMN participant.confirmed IS 'The messages in the log up to this seq were confirmed by a device or a cursor, and so are delivered.';

CREATE INDEX participant_by_folded ON participant (folded);

CREATE TABLE chat (
    no int8 PRIMARY KEY,
    salt int8 NOT NULL,
    created_by int8 NOT NULL,
    created_at int8 NOT NULL,
    last_position int8 NOT NULL,
    last_activity int8 NOT NULL,
    last_message int8
) WITH (fillfactor = 70);
COMMENT ON TABLE chat IS 'Narrow, and without another index, on purpose: every send rewrites a row of it in its page. created_by: participant; last_message: message.';
COMMENT ON COLUMN chat.last_position IS 'How many messages it has: the position of the last one.';

CREATE TABLE chat_set (
    members_key bytea PRIMARY KEY,
    chat int8 NOT NULL
);
COMMENT ON TABLE chat_set IS 'There is one chat for each set of people: SHA-256 over their numbers.';

CREATE TABLE member (
    chat int8 NOT NULL,
    participant int8 NOT NULL,
    done int8 NOT NULL,
    read_position int8 NOT NULL,
    PRIMARY KEY (chat, participant)
) WITH (fillfactor = 80);
COMMENT ON COLUMN member.done IS 'How many messages of the chat this member has read, or sent as a user. Unread are: last_position less this.';
COMMENT ON COLUMN member.read_position IS 'Everything up to this position has been read, but emergencies, which are read by themselves.';

CREATE INDEX member_by_participant ON member (participant, chat);

CREATE TABLE message (
    no int8 PRIMARY KEY,
    salt int8 NOT NULL,
    chat int8 NOT NULL,
    position int8 NOT NULL,
    sender int8 NOT NULL,
    sender_name text COLLATE "C" NOT NULL,
    priority int2 NOT NULL,
    sent_at int8 NOT NULL,
    has_payloads bool NOT NULL,
    reply_to int8,
    text text COLLATE "C" NOT NULL
);
COMMENT ON TABLE message IS 'sender: participant; reply_to: message. priority: 1 emergency, 2 fleeting, 3 sticky.';

CREATE UNIQUE INDEX message_by_chat ON message (chat, position);

CREATE TABLE idempotency (
    sender int8 NOT NULL,
    key text COLLATE "C" NOT NULL,
    message int8 NOT NULL,
    fingerprint bytea NOT NULL,
    PRIMARY KEY (sender, key)
);
COMMENT ON TABLE idempotency IS 'What a sender''s idempotency keys were used for. A row lives as long as its message. fingerprint: SHA-256 over what the send meant.';

CREATE TABLE payload (
    message int8 NOT NULL,
    recipient int8 NOT NULL,
    state int2 NOT NULL,
    bytes bytea NOT NULL,
    PRIMARY KEY (message, recipient, state)
);
COMMENT ON TABLE payload IS 'What a sender gets back with an event of a recipient. state: 1 delivered, 2 read.';

CREATE TABLE receipt (
    message int8 NOT NULL,
    recipient int8 NOT NULL,
    device int8 NOT NULL,
    state int2 NOT NULL,
    at int8 NOT NULL,
    said_at int8,
    PRIMARY KEY (message, recipient, device, state)
);
COMMENT ON TABLE receipt IS 'Facts: what a device (0: the server itself) said of a message. Only added to; the first of its kind counts. state: 1 delivered, 2 read, 3 acknowledged.';

CREATE TABLE recipient (
    message int8 NOT NULL,
    participant int8 NOT NULL,
    delivered_at int8,
    delivered_said int8,
    read_at int8,
    read_said int8,
    acknowledged_at int8,
    acknowledged_said int8,
    implied int4 NOT NULL,
    PRIMARY KEY (message, participant)
) WITH (fillfactor = 80);
COMMENT ON TABLE recipient IS 'What became of a message with a recipient: the sum of its receipts. No row: nothing is known yet.';
COMMENT ON COLUMN recipient.implied IS 'Bits: 1 delivered, 2 read are known only because a later state was said.';

CREATE TABLE log (
    participant int8 NOT NULL,
    seq int8 NOT NULL,
    kind int2 NOT NULL,
    message int8,
    who int8,
    detail bytea,
    PRIMARY KEY (participant, seq)
);
COMMENT ON TABLE log IS 'Everything a participant was ever told, 1, 2, 3 ... without a gap. Narrow: texts and payloads are joined when read.';
COMMENT ON COLUMN log.kind IS '1 message.received, 2 message.sent, 3 message.delivered, 4 message.read, 5 message.acknowledged, 6 self.read, 7 self.acknowledged, 8 chat.created.';
COMMENT ON COLUMN log.message IS 'Of kinds 1 to 5.';
COMMENT ON COLUMN log.who IS 'Of kinds 3 to 5: the recipient.';
COMMENT ON COLUMN log.detail IS 'Of kinds 6 to 8, as LEB128: time, chat, unread, how many messages, the first, the distances to the next ones.';

CREATE TABLE cursor (
    participant int8 NOT NULL,
    name text COLLATE "C" NOT NULL,
    seq int8 NOT NULL,
    kinds int4 NOT NULL,
    put_at int8 NOT NULL,
    PRIMARY KEY (participant, name)
) WITH (fillfactor = 50);
COMMENT ON TABLE cursor IS 'Where a consumer without a memory of its own stands in a log. kinds: a set as bits (bit 1 is kind 1); 65535: all.';

CREATE TABLE device (
    no bigserial PRIMARY KEY,
    participant int8,
    device_id text COLLATE "C" NOT NULL,
    name text COLLATE "C",
    first_seen_at int8 NOT NULL,
    last_seen_at int8 NOT NULL,
    UNIQUE (participant, device_id)
) WITH (fillfactor = 80);
COMMENT ON TABLE device IS 'What receipts come from. Never deleted: receipts name it. participant NULL: it stands for a token of externals or of administration. device_id: a UUID that the device made; session-N or token-N where a session or token is the device.';

CREATE TABLE session (
    no bigserial PRIMARY KEY,
    hash bytea NOT NULL UNIQUE,
    participant int8 NOT NULL,
    device int8 NOT NULL,
    created_at int8 NOT NULL,
    expires_at int8 NOT NULL
);
COMMENT ON TABLE session IS 'hash: SHA-256 of the secret. Numbers are not used again: whoever still holds the number of a closed session holds nothing.';

CREATE INDEX session_by_participant ON session (participant);
CREATE INDEX session_by_end ON session (expires_at);

CREATE TABLE token (
    no bigserial PRIMARY KEY,
    hash bytea NOT NULL UNIQUE,
    kind int2 NOT NULL,
    participant int8,
    device int8 NOT NULL,
    created_at int8 NOT NULL,
    last_used_at int8
);
COMMENT ON TABLE token IS 'hash: SHA-256 of the secret. kind: 0 administration, 1 user (participant), 2 externals. Numbers are not used again: people name tokens by them.';

CREATE TABLE token_external (
    token int8 NOT NULL,
    place int8 NOT NULL,
    text text COLLATE "C" NOT NULL,
    is_prefix bool NOT NULL,
    PRIMARY KEY (token, place)
);
COMMENT ON TABLE token_external IS 'Which externals a token may act as: the id, or every id that begins with the text; in the order in which they were given.';

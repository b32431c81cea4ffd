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

CREATE TABLE duty (
    -- Whether a user is on duty. No row: nobody has ever said anything, and the user is not.
    participant INTEGER PRIMARY KEY REFERENCES participant (no),
    on_duty INTEGER NOT NULL,
    since INTEGER NOT NULL,
    -- Who said so: a user's id, a token by its number, or an account of the machine.
    by TEXT NOT NULL
) STRICT;

CREATE INDEX duty_on ON duty (participant) WHERE on_duty = 1;

CREATE TABLE organisation (
    -- What the organisation keeps for everybody: `phrases`, `sos`, `phone`. No row: it never changed.
    part TEXT PRIMARY KEY,
    -- Grows with each change: who has read an older one changes nothing.
    revision INTEGER NOT NULL,
    -- JSON.
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

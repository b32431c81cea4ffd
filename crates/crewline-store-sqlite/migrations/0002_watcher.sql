CREATE TABLE watcher (
    -- Users who may read a participant's log, messages and chats as the participant itself may; they send nothing in its name.
    user INTEGER NOT NULL REFERENCES participant (no),
    -- Whose log it is.
    participant INTEGER NOT NULL REFERENCES participant (no),
    since INTEGER NOT NULL,
    PRIMARY KEY (user, participant)
) STRICT, WITHOUT ROWID;

CREATE INDEX watcher_by_participant ON watcher (participant, user);

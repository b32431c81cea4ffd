CREATE TABLE watcher (
    watched_by int8 NOT NULL,
    participant int8 NOT NULL,
    since int8 NOT NULL,
    PRIMARY KEY (watched_by, participant)
);
COMMENT ON TABLE watcher IS 'Users who may read a participant''s log, messages and chats as the participant itself may; they send nothing in its name.';

CREATE INDEX watcher_by_participant ON watcher (participant, watched_by);

CREATE TABLE reminder (
    message int8 NOT NULL,
    number int4 NOT NULL,
    at int8 NOT NULL,
    by int8 NOT NULL,
    until int2 NOT NULL,
    who bytea NOT NULL,
    PRIMARY KEY (message, number)
);
COMMENT ON TABLE reminder IS 'Who was reminded of a message: 1, 2, 3 ... of each message. The logs of those who were hold a row of kind 9 (message.reminded) for it: message as here, who is who reminded, detail as of kind 8 with the number of until behind it. until: how far everybody should have come (1 delivered, 2 read, 3 acknowledged); who: numbers of participants as LEB128.';

CREATE TABLE people_group (
    no bigserial PRIMARY KEY,
    id text COLLATE "C" NOT NULL UNIQUE,
    name text COLLATE "C" NOT NULL,
    changed_at int8 NOT NULL
);
COMMENT ON TABLE people_group IS 'Users under a name. Messages hold who was in it when they were sent, and nothing of the group.';

CREATE TABLE people_group_member (
    people_group int8 NOT NULL,
    participant int8 NOT NULL,
    PRIMARY KEY (people_group, participant)
);

CREATE TABLE duty (
    participant int8 PRIMARY KEY,
    on_duty bool NOT NULL,
    since int8 NOT NULL,
    by text NOT NULL
);
COMMENT ON TABLE duty IS 'Whether a user is on duty, and who said so. No row: nobody has ever said anything, and the user is not.';

CREATE INDEX duty_on ON duty (participant) WHERE on_duty;

CREATE TABLE organisation (
    part text COLLATE "C" PRIMARY KEY,
    revision int8 NOT NULL,
    value text NOT NULL
);
COMMENT ON TABLE organisation IS 'What the organisation keeps for everybody, as JSON. No row: it never changed. revision grows with each change: who has read an older one changes nothing.';

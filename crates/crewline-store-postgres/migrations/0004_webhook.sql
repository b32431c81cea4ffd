CREATE TABLE webhook (
    no bigserial PRIMARY KEY,
    participant int8 NOT NULL,
    device int8 NOT NULL,
    url text NOT NULL,
    kinds int4 NOT NULL,
    secret text NOT NULL,
    paused text,
    created_at int8 NOT NULL,
    revision int8 NOT NULL DEFAULT 0,
    rewind_to int8,
    dropped int8 NOT NULL DEFAULT 0
);
COMMENT ON TABLE webhook IS 'A URL to which the events of a log are posted. Where it stands is the cursor webhook.N. Numbers are not used again: people name webhooks by them, and cursors are named after them.';
COMMENT ON COLUMN webhook.device IS 'Says that a message was delivered.';
COMMENT ON COLUMN webhook.secret IS 'It signs, and so is kept as it is: whsec_ and base64.';
COMMENT ON COLUMN webhook.paused IS 'Why nothing is posted; NULL: it is at work.';
COMMENT ON COLUMN webhook.revision IS 'Grows with every act on it.';
COMMENT ON COLUMN webhook.rewind_to IS 'To where the server is to put its cursor back, before it posts anything else.';
COMMENT ON COLUMN webhook.dropped IS 'Parked events that are not listed any more.';

CREATE TABLE webhook_failure (
    webhook int8 NOT NULL,
    seq int8 NOT NULL,
    parked bool NOT NULL,
    first_at int8 NOT NULL,
    last_at int8 NOT NULL,
    attempts int8 NOT NULL,
    status int4,
    error text NOT NULL,
    answer text NOT NULL,
    again bool NOT NULL DEFAULT false,
    PRIMARY KEY (webhook, seq)
);
COMMENT ON TABLE webhook_failure IS 'An event that was not taken: it is tried again, or was parked so that those behind it could go on. status: the last answer, NULL where none came; answer: the first bytes of it; again: somebody asked that a parked one be tried once more.';

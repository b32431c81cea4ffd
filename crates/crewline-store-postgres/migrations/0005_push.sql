CREATE TABLE push_key (
    no int4 PRIMARY KEY CHECK (no = 1),
    pkcs8 bytea NOT NULL
);
COMMENT ON TABLE push_key IS 'By what this server says who it is to push services (VAPID): a key pair of P-256 as PKCS#8. There is one.';

CREATE TABLE push_subscription (
    no bigserial PRIMARY KEY,
    session int8 NOT NULL UNIQUE,
    endpoint text NOT NULL,
    p256dh bytea NOT NULL,
    auth bytea NOT NULL,
    origin text NOT NULL,
    created_at int8 NOT NULL,
    proven_at int8,
    last_error text,
    seq int8 NOT NULL,
    emergencies int8 NOT NULL,
    repeats int8 NOT NULL
) WITH (fillfactor = 70);
COMMENT ON TABLE push_subscription IS 'Where a browser lets itself be woken. It ends with its session; a row whose session is gone counts as gone. Numbers are not used again: another endpoint is another subscription.';
COMMENT ON COLUMN push_subscription.seq IS 'In the log of the session''s user. Of messages up to seq that are no emergencies, and of emergencies up to emergencies, it is settled whether they wake; emergencies behind repeats may have to be pushed again.';

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

CREATE INDEX audit_by_who ON audit (who, no);
CREATE INDEX audit_by_about ON audit (about, no) WHERE about IS NOT NULL;

CREATE TRIGGER audit_is_not_changed BEFORE UPDATE ON audit
BEGIN
    SELECT raise(ABORT, 'a row of the audit is never changed');
END;

CREATE TRIGGER audit_goes_from_the_beginning BEFORE DELETE ON audit
WHEN OLD.no > (SELECT min(no) FROM audit)
BEGIN
    SELECT raise(ABORT, 'rows of the audit go from the beginning alone');
END;

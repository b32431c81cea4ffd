CREATE TABLE audit (
    no bigserial PRIMARY KEY,
    at int8 NOT NULL,
    what text COLLATE "C" NOT NULL,
    who text COLLATE "C" NOT NULL,
    role text COLLATE "C" NOT NULL,
    credential text,
    device int8,
    address text,
    about text COLLATE "C",
    detail text,
    refused bool NOT NULL
);
COMMENT ON TABLE audit IS 'Who did what, when and from where: sign-ins, administration, and what watchers read. Sends and receipts are told by message and receipt. Rows are only added; those from before audit.keep go, from the beginning.';

CREATE INDEX audit_by_who ON audit (who, no);
CREATE INDEX audit_by_about ON audit (about, no) WHERE about IS NOT NULL;

-- Against mistakes, not against who owns the tables.
CREATE FUNCTION audit_is_not_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a row of the audit is never changed';
END $$;
CREATE TRIGGER audit_is_not_changed BEFORE UPDATE OR TRUNCATE ON audit
    FOR EACH STATEMENT EXECUTE FUNCTION audit_is_not_changed();

CREATE FUNCTION audit_goes_from_the_beginning() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (SELECT max(no) FROM gone) > (SELECT min(no) FROM crewline.audit) THEN
        RAISE EXCEPTION 'rows of the audit go from the beginning alone';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER audit_goes_from_the_beginning AFTER DELETE ON audit
    REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION audit_goes_from_the_beginning();

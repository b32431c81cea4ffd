ALTER TABLE cursor ADD COLUMN released INTEGER
    /* 1: it was behind for so long that its log waits for it no more. The next PUT makes it 0. */
    NOT NULL DEFAULT 0;

CREATE TABLE kept_text (
    -- Messages that retention has looked at, and whose text stays for now. Retention looks at messages in the order of
    -- numbers; how far it came stands in `meta` under texts_looked_at. A text that was removed is an empty one.
    -- Why it stays. 0: an emergency that somebody has not acknowledged; else the participant whose cursor has not passed it.
    holder INTEGER NOT NULL,
    message INTEGER NOT NULL REFERENCES message (no),
    PRIMARY KEY (holder, message)
) STRICT, WITHOUT ROWID;

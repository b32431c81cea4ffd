ALTER TABLE cursor ADD COLUMN released bool NOT NULL DEFAULT false;
COMMENT ON COLUMN cursor.released IS 'It was behind for so long that its log waits for it no more. The next PUT takes that back.';

CREATE TABLE kept_text (
    holder int8 NOT NULL,
    message int8 NOT NULL,
    PRIMARY KEY (holder, message)
);
COMMENT ON TABLE kept_text IS 'Messages that retention has looked at, and whose text stays for now. Retention looks at messages in the order of numbers; how far it came stands in meta under texts_looked_at. A text that was removed is an empty one. holder: why it stays; 0: an emergency that somebody has not acknowledged; else the participant whose cursor has not passed it.';

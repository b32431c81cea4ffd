CREATE TABLE search (
    message int8 PRIMARY KEY,
    words tsvector NOT NULL
);
COMMENT ON TABLE search IS 'The words of messages by number, as the core says what a word is: letters and digits, without case and marks. PostgreSQL''s own parser sees none of them. Up to which message it came stands in meta under search_indexed_to; sends write nothing of it.';

CREATE INDEX search_by_words ON search USING gin (words);

-- The words of messages by number, as the core says what a word is: letters and digits, without case and marks, a space
-- between them. Up to which message it came stands in `meta` under search_indexed_to; sends write nothing of it.
CREATE VIRTUAL TABLE search USING fts5 (
    words, content = '', contentless_delete = 1, tokenize = 'ascii'
);

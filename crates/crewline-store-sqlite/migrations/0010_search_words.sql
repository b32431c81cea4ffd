-- The words of the index, in their order. It holds nothing by itself.
CREATE VIRTUAL TABLE search_word USING fts5vocab (search, instance);
